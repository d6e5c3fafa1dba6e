"""Where two images differ, as a picture: the map in colour, alone or over the distorted image, and a bar that says its unit."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from ..data import methods
from .colour_bars import three_ticks
from .style import COLUMN

PIXELS = 1600  # of the longer side at most: the text beside it is read at the width of a column
TALLEST = 1.3 * COLUMN  # inches, of the image
BELOW = 0.62  # inches, of the bar and its words
FADED = 0.5  # grey of the overlay's black: a shade of the map must show on it


def unit(local: np.ndarray, distance: str, layers: Sequence[int], score: float) -> str:
    """What the number at a pixel is, and what it is to the score.

    >>> unit(np.array([[1.0, 3.0]]), "l2", [3, 4], 2.25)
    'L2 distance at each pixel, sum of 2 layers\\nmean 2, score 2.25 (0 = the same)'
    """
    which = f"sum of {len(layers)} layers" if len(layers) > 1 else f"layer {layers[0]}"
    name = methods.distance_label(distance)
    return f"{name} distance at each pixel, {which}\nmean {local.mean():.3g}, score {score:.3g} (0 = the same)"


def difference(local: np.ndarray, label: str, under: Image.Image | None = None) -> Figure:
    """The map (H, V) with a bar from 0 to its maximum, called `label`; or as a tint of the image `under` it, in grey.

    Brighter is more different; of the overlay darker, as it is printed on the image. Both can be read without colour.
    """
    step = -(-max(local.shape) // PIXELS)
    local = np.asarray(Image.fromarray(np.ascontiguousarray(local, np.float32)).reduce(step))
    scale = Normalize(0, float(local.max()) or 1.0)
    colours = colormaps["magma" if under is None else "OrRd"]
    height, width = local.shape
    wide = min(COLUMN - 0.1, TALLEST * width / height)
    tall = wide * height / width
    figure = Figure(figsize=(COLUMN, tall + BELOW + 0.05), dpi=300, layout="none")
    whole = tall + BELOW + 0.05
    axis = figure.add_axes([(1 - wide / COLUMN) / 2, BELOW / whole, wide / COLUMN, tall / whole])
    if under is None:
        axis.imshow(local, cmap=colours, norm=scale, aspect="auto")
    else:
        grey = np.asarray(under.convert("L").reduce(step), np.float32)[..., None] / 255
        tint = colours(scale(local))[..., :3]
        axis.imshow(tint * (FADED + (1 - FADED) * grey), aspect="auto")
    axis.set_axis_off()
    bar = figure.add_axes([0.1, (BELOW - 0.14) / whole, 0.8, 0.08 / whole])
    scaled = figure.colorbar(ScalarMappable(scale, colours), cax=bar, orientation="horizontal", label=label)
    three_ticks(scaled, scale.vmax, scale.vmax / 2, digits=3)
    bar.minorticks_off()
    bar.tick_params(labelsize=7, length=2, pad=1)
    bar.xaxis.label.set_size(7)
    bar.xaxis.labelpad = 2
    return figure
