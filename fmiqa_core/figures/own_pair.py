"""The figure of a pair of images: how different they are, where, and in which layers."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..data import methods
from .colour_bars import highest, three_ticks
from .plots import bare
from .style import PAGE, looks


def own_pair(ref, dis, local: np.ndarray, per_layer: np.ndarray, distance: str, layers=None) -> Figure:
    """Reference, distorted image, where they differ (H, V), and the distance by layer (L,); `layers`: which, None: from 0.

    The three pictures have one size, whatever their shape; the bars take the width that they leave.
    """
    gap, bar, ticks, least = 0.08, 0.6, 0.5, 1.42  # inches: between pictures, of colour bar, tick labels, bars
    head, foot = 0.24, 0.42
    across, down = np.asarray(ref).shape[1::-1]  # px
    wide = min(1.55 * across / down, (PAGE - 4 * gap - bar - ticks - least) / 3)
    tall = wide * down / across
    high = max(tall, 1.0)  # of the bars, beside a panorama
    size = np.array([PAGE, high + head + foot])
    figure = plt.figure(figsize=size)
    figure.set_layout_engine("none")  # so, and not from the start: to save it would bring the style's engine back

    def axes(left: float, width: float, height: float):
        return figure.add_axes([left / size[0], (foot + high - height) / size[1], width / size[0], height / size[1]])

    name, top = methods.distance_label(distance), highest(local) or 1.0
    pictures = [axes(gap + (wide + gap) * i, wide, tall) for i in range(3)]
    for axis, image, title in zip(pictures, (ref, dis, local), ("reference", "distorted", f"{name} per pixel"), strict=True):
        shown = axis.imshow(np.asarray(image), cmap="magma", vmin=0, vmax=top, aspect="auto")
        axis.set_title(title)
        bare(axis)
    left = 3 * (wide + gap) + bar + ticks
    axis = axes(left, PAGE - left - gap, high)
    axis.bar(layers or range(len(per_layer)), per_layer, color=looks([distance])[distance].colour)
    axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axis.yaxis.set_major_formatter("{x:.3g}")  # no power of ten above the axis, where the title stands
    axis.set(title=f"{name} distance by layer", xlabel="layer")
    beside = figure.colorbar(shown, cax=axes(3 * (wide + gap) + 0.06, 0.08, tall))
    three_ticks(beside, top, top / 2)
    return figure
