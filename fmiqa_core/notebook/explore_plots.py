"""What the interactive view draws at each step, and the contact sheets that stand in for it.

Places are fixed and nothing is laid out anew, so that a step takes a tenth of a second.
"""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..figures.colour_bars import three_ticks
from ..figures.saving import LABELS, PAGE
from ..figures.style import looks

ALL = -1  # in place of a layer: all of them, the last of the maps
FAINT = "#BBBBBB"  # bars of the layers that are not chosen


def panel(images: Sequence, seen, layer: int, distance: str, title: str, curve: pd.DataFrame | None = None) -> Figure:
    """Reference, distorted image and distance map above; below the distance by layer and, where there is one, the curve.

    `seen` as from `explore.looker`; `layer`: a number or ALL. `curve`: columns x and value, in order of x, and `here` (bool);
    its attrs have the labels x and y.
    """
    figure = Figure(figsize=(PAGE, 4.3), layout="none")
    figure.text(0.5, 0.975, title, ha="center", va="top", fontsize=9)
    for number, (image, name) in enumerate(zip(images, ("reference", "distorted"), strict=True)):
        _image(figure.add_axes([0.01 + 0.307 * number, 0.4, 0.295, 0.49]), image, name)
    axis = figure.add_axes([0.624, 0.4, 0.295, 0.49])
    shown = _map(axis, seen.maps[layer])
    axis.set_title(f"{LABELS[distance]}, {'all layers' if layer == ALL else f'layer {layer}'}")
    bar = figure.colorbar(shown, cax=figure.add_axes([0.924, 0.43, 0.01, 0.43]))
    three_ticks(bar, shown.norm.vmax, shown.norm.vmax / 2)
    bar.ax.tick_params(labelsize=6, length=2, pad=1)
    look = looks([distance])[distance]
    wide = 0.4 if curve is not None else 0.86
    axis = figure.add_axes([0.09, 0.1, wide, 0.24])
    _bars(axis, seen.per_layer, layer, look.colour)
    axis.set(xlabel="layer", ylabel=f"{LABELS[distance]} distance")
    if curve is not None:
        axis = figure.add_axes([0.59, 0.1, 0.36, 0.24])
        axis.plot(curve["x"], curve["value"], color=look.colour, marker=look.marker)
        here = curve[curve["here"]]
        axis.plot(here["x"], here["value"], "o", ms=9, mfc="none", mec="black")
        axis.set(xlabel=curve.attrs["x"], ylabel=curve.attrs["y"], ylim=(0, None))
    return figure


def sheet_of_distortions(reference, columns: Mapping[str, tuple], distance: str, title: str) -> Figure:
    """A column for each distortion: its image, where it differs, and in which layers. `columns`: name -> (image, seen)."""
    count = len(columns) + 1
    cell = PAGE * 0.95 / count  # inches
    high = cell * reference.height / reference.width
    heights = [0.25, 0.35, high, 0.06, high, 0.1, 0.75, 0.4]  # title, names, images, gap, maps, gap, bars, their labels
    figure = Figure(figsize=(PAGE, sum(heights)), layout="none")

    def axis(column: int, row: int, inset: float = 0.0):
        left, bottom = PAGE * 0.05 + cell * column + inset, sum(heights[row + 1 :])
        box = np.array([left, bottom, cell * 0.99 - 2 * inset, heights[row]])
        return figure.add_axes(box / (PAGE, sum(heights), PAGE, sum(heights)))

    figure.text(0.5, 0.985, title, ha="center", va="top", fontsize=9)
    _image(axis(0, 2), reference, "reference")
    top = max(seen.per_layer.max() for _, seen in columns.values())
    for number, (name, (image, seen)) in enumerate(columns.items(), start=1):
        _image(axis(number, 2), image, name)
        _map(axis(number, 4), seen.maps[ALL])
        bars = axis(number, 6, 0.07)
        _bars(bars, seen.per_layer, ALL, looks([distance])[distance].colour)
        bars.set(ylim=(0, top), xlabel="layer")
        if number > 1:
            bars.set_yticklabels([])
    for row, words in ((4, f"{LABELS[distance]} map,\nall layers;\neach to its\nown maximum"), (6, "distance\nby layer")):
        middle = (sum(heights[row + 1 :]) + heights[row] / 2) / sum(heights)
        figure.text(0.05 + cell / PAGE / 2 - 0.02, middle, words, ha="center", va="center", fontsize=8)
    return figure


def sheet_of_layers(images: Sequence, seen: Mapping, layers: Sequence[int], title: str) -> Figure:
    """A row for each distance: its maps. `images`: reference and distorted; `seen`: distance -> as from `explore.looker`."""
    count, rows = len(layers) + 2, max(len(seen), 2)
    figure = Figure(figsize=(PAGE, 1.25 * PAGE / count * rows + 0.3), layout="none")
    head = 0.3 / figure.get_figheight()
    figure.text(0.5, 1 - head * 0.1, title, ha="center", va="top", fontsize=9)
    wide, tall = 0.98 / count, (1 - head) / rows

    def axis(row, column):
        return figure.add_axes([0.01 + column * 0.98 / count, 1 - head - (row + 1) * tall, wide * 0.96, tall * 0.76])

    for row, (image, name) in enumerate(zip(images, ("reference", "distorted"), strict=True)):
        _image(axis(row, 0), image, name)
    for row, (distance, one) in enumerate(seen.items()):
        for column, layer in enumerate([ALL, *layers], start=1):
            place = axis(row, column)
            _map(place, one.maps[layer])
            place.set_title(f"{LABELS[distance]}, all" if layer == ALL else f"layer {layer}")
    return figure


def png(figure: Figure, dpi: int = 110, level: int = 9) -> bytes:
    """The figure as PNG, compressed at `level` 0 (quick) to 9 (small); the same bytes for the same figure."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, pil_kwargs={"compress_level": level})
    return file.getvalue()


def _image(axis, image, title: str) -> None:
    axis.set(title=title, xticks=[], yticks=[])  # not even invisible ticks: they take a third of the time
    axis.set_axis_off()
    axis.imshow(np.asarray(image), interpolation="antialiased")


def _map(axis, values: np.ndarray):
    axis.set(xticks=[], yticks=[])
    shown = axis.imshow(
        values, cmap="magma", vmin=0, vmax=max(values.max(), np.finfo(np.float32).tiny), interpolation="bilinear"
    )
    axis.set_axis_off()
    return shown


def _bars(axis, per_layer: np.ndarray, layer: int, colour: str) -> None:
    colours = [colour if layer in (ALL, number) else FAINT for number in range(len(per_layer))]
    axis.bar(range(len(per_layer)), per_layer, color=colours)
