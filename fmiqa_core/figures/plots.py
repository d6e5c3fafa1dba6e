"""Every figure as one function of a table (or of images): it draws and returns the matplotlib figure.

Saving, with numbers and provenance, is `figures.save`. Widths are those of one or two columns.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..data import methods
from .colour_bars import highest, three_ticks
from .style import COLUMN, NARROW, PAGE, SHAPES, drawn, legend_height, looks, share_legend
from .words import fit, wrapped

TYPES = 8  # distortion types that markers can tell apart
MANY = 1000  # points from which a panel is pixels in .svg and .pdf, which would have many megabytes


def image_grid(images: Sequence[Sequence], row_labels: Sequence[str], column_labels: Sequence[str]) -> Figure:
    """Rows of images (PIL, or arrays (h, v, 3)) with labels; None leaves a place empty. Pixels are not smoothed."""
    rows, columns = len(images), len(column_labels)
    figure, axes = plt.subplots(rows, columns, figsize=(PAGE, PAGE / columns * rows * 1.04 + 0.15), squeeze=False)
    for i, row in enumerate(images):
        for j, image in enumerate(row):
            axis = axes[i, j]
            if image is not None:
                axis.imshow(np.asarray(image), interpolation="none")
            bare(axis)
            if i == 0:
                axis.set_title(column_labels[j])
        axes[i, 0].set_ylabel(row_labels[i])
    return figure


def layer_maps(maps: np.ndarray, row_labels: Sequence[str], column_labels: Sequence[str], unit: str) -> Figure:
    """Distance maps (rows, L, H, V): one colour scale per column, so that severity shows down a column.

    The scale goes with the square root of the distance, so that mild distortions show at all.
    """
    rows, columns = maps.shape[:2]
    figure, axes = plt.subplots(rows, columns, figsize=(PAGE, PAGE / columns * rows * 1.04 + 0.55), squeeze=False)
    for j in range(columns):
        top = highest(maps[:, j])
        for i in range(rows):
            shown = axes[i, j].imshow(maps[i, j], cmap="magma", norm=PowerNorm(0.5, vmin=0, vmax=top))
            bare(axes[i, j])
        axes[0, j].set_title(column_labels[j])
        bar = figure.colorbar(shown, ax=axes[:, j], location="bottom", shrink=0.85, aspect=12, pad=0.02)
        three_ticks(bar, top, top / 4)
        bar.minorticks_off()
    for i, label in enumerate(row_labels):
        axes[i, 0].set_ylabel(label)
    figure.supxlabel(unit, fontsize=8)
    return figure


def layer_profile(table: pd.DataFrame, width: float = COLUMN) -> Figure:
    """Heat map of a table (distortions x layers, or with a column distortion): each row divided by its maximum."""
    table = table.set_index("distortion") if "distortion" in table else table
    figure, axis = plt.subplots(figsize=(width, 0.32 * len(table) + 0.9))
    shares = table.div(table.max(axis=1), axis=0).set_axis(fit(table.index), axis=0)
    step = "auto" if shares.shape[1] <= 12 else 2 if width >= NARROW else 4
    look = {"cmap": "magma", "vmin": 0, "vmax": 1, "xticklabels": step, "yticklabels": True}
    sns.heatmap(shares, ax=axis, cbar_kws={"label": "share of the row's maximum"}, **look)
    axis.set(xlabel="layer", ylabel="")
    axis.tick_params(axis="y", rotation=0)
    axis.tick_params(axis="x", rotation=0)
    return figure


def severity(table: pd.DataFrame, width: float = PAGE) -> Figure:
    """Mean score by level, relative to the severest level: one panel per distortion, one line per distance.

    `table`: columns distortion, level, distance, relative.
    """
    panels, levels = list(dict.fromkeys(table["distortion"])), sorted(table["level"].dropna().unique())
    look = looks(table["distance"])
    columns = min(len(panels), 6) if width >= NARROW else 2
    lines = -(-len(panels) // columns)
    top = legend_height(map(methods.distance_label, look), width)
    figure, axes = plt.subplots(lines, columns, figsize=(width, 1.5 * lines + 0.4 + top), sharey=True, squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, panel in zip(axes.flat[: len(panels)], panels, strict=True):
        groups = table[table["distortion"] == panel].groupby("distance", sort=False)
        for (distance, part), size in zip(groups, np.linspace(1, 0.3, len(groups)), strict=True):
            one = look[distance]
            kind = {"color": one.colour, "marker": one.marker, "ls": one.line, "label": methods.distance_label(distance)}
            axis.plot(part["level"], part["relative"], lw=3 * size, ms=6.5 * size, **kind)  # later ones lie within earlier
        axis.set(title=wrapped(panel, 0.8 * width / columns), xticks=levels)
    axes[0, 0].set_ylim(min(0, 1.05 * table["relative"].min()), max(1.05, 1.05 * table["relative"].max()))
    for axis in axes[:, 0]:
        axis.set_ylabel(f"score / score at level {levels[-1]:g}")
    figure.supxlabel(f"level ({levels[0]:g} mild, {levels[-1]:g} severe)", fontsize=8)
    share_legend(figure, drawn(axes.flat), "upper")
    return figure


def agreement(matrix: pd.DataFrame, width: float = COLUMN) -> Figure:
    """Heat map of the rank correlation between distances.

    `matrix`: column distance and one column per distance, called as in the column.
    """
    matrix = matrix.set_index("distance")
    matrix = matrix[list(matrix.index)]
    names = fit(map(methods.label, matrix.index), 20)
    named = matrix.set_axis(names, axis=0).set_axis(names, axis=1)
    many = len(names) > 8
    cell = (width - 0.062 * max(map(len, names)) - 0.9) / len(names)  # inches
    numbers = matrix.map(lambda value: f"{value:.2f}".replace("0.", "."))
    figure, axis = plt.subplots(figsize=(width, max(min(width, 1.4 * COLUMN) * 0.8, 0.26 * len(names) + 1)))
    least = np.nan_to_num(matrix.min().min(), nan=0)
    sns.heatmap(
        named,
        ax=axis,
        cmap="viridis",
        vmin=np.floor(least * 20) / 20,
        vmax=1,
        annot=(numbers.to_numpy() if many else True) if cell > 0.2 or not many else False,
        fmt="" if many else ".3f",
        annot_kws={"size": 5.5 if many else 6},
        cbar_kws={"label": "SRCC"},
        xticklabels=True,
        yticklabels=True,
    )
    axis.tick_params(axis="x", rotation=90 if many else 45)
    axis.tick_params(axis="y", rotation=0)
    return figure


def against_quality(table: pd.DataFrame, x_label: str, width: float = PAGE) -> Figure:
    """Score over human score (or level): a panel per distance and backbone, a marker and a grey level per distortion.

    `table`: columns backbone, distance, x, score, distortion. More types than markers can tell apart look alike; the
    legend says how many there are. Where the panels of a backbone do not fit one line, they take several.
    """
    table = table.assign(distortion=table["distortion"].astype(object).fillna("no type").astype(str))
    backbones, distances = (list(dict.fromkeys(table[c])) for c in ("backbone", "distance"))
    kinds = list(dict.fromkeys(table["distortion"]))
    columns = min(len(distances), max(3, int(width / 1.4)))
    lines = -(-len(distances) // columns)
    shape = (len(backbones) * lines, columns)
    top = legend_height(kinds[:TYPES], width)
    figure, axes = plt.subplots(*shape, figsize=(width, 1.75 * shape[0] + 0.4 + top), squeeze=False, sharex=True)
    for i, backbone in enumerate(backbones):
        for j, distance in enumerate(distances):
            axis = axes[i * lines + j // columns, j % columns]
            part = table[(table["backbone"] == backbone) & (table["distance"] == distance)]
            _by_type(axis, part, kinds)
            low, high = axis.get_ylim()
            axis.set_ylim(min(0, low) if (part["score"] < 0).any() else 0, max(high, 1.03 * part["score"].max()))
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=np.ptp(table["x"].dropna()) > 2))
            if i == 0 or lines > 1:
                axis.set_title(wrapped(methods.distance_label(distance), 0.8 * width / columns))
            if j % columns == 0:
                axis.set_ylabel(f"{wrapped(methods.backbone_label(backbone), 1.6)}\nscore")
        for axis in axes[i * lines : (i + 1) * lines].flat[len(distances) :]:
            axis.axis("off")
    figure.supxlabel(x_label, fontsize=8)
    share_legend(figure, drawn(axes.flat), "upper")
    return figure


def _by_type(axis, part: pd.DataFrame, kinds: list[str]) -> None:
    pixels = len(part) > MANY
    if len(kinds) > TYPES:
        look = {
            "rasterized": pixels,
            "color": "0.2",
            "mfc": "none",
            "ms": 2,
            "mew": 0.4,
            "alpha": 0.5,
            "label": f"{len(kinds)} distortion types",
        }
        axis.plot(part["x"], part["score"], "o", ls="", **look)
        return
    for kind, marker, shade in zip(kinds, SHAPES[: len(kinds)], np.linspace(0.1, 0.7, len(kinds)), strict=True):
        some = part[part["distortion"] == kind]
        look = {"color": str(shade), "mfc": "none", "ms": 3, "mew": 0.7, "ls": "", "rasterized": pixels}
        axis.plot(some["x"], some["score"], marker, label=kind, **look)


def bare(axis) -> None:
    """Without ticks and frame, as a picture stands."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
