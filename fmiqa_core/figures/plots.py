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

from .style import COLOURS, COLUMN, LABELS, MARKERS, NARROW, PAGE, share_legend


def image_grid(images: Sequence[Sequence], row_labels: Sequence[str], column_labels: Sequence[str]) -> Figure:
    """Rows of images (PIL, or arrays (h, v, 3)) with labels; None leaves a place empty. Pixels are not smoothed."""
    rows, columns = len(images), len(column_labels)
    figure, axes = plt.subplots(rows, columns, figsize=(PAGE, PAGE / columns * rows * 1.04 + 0.15), squeeze=False)
    for i, row in enumerate(images):
        for j, image in enumerate(row):
            axis = axes[i, j]
            if image is not None:
                axis.imshow(np.asarray(image), interpolation="none")
            _bare(axis)
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
        top = maps[:, j].max()
        for i in range(rows):
            shown = axes[i, j].imshow(maps[i, j], cmap="magma", norm=PowerNorm(0.5, vmin=0, vmax=top))
            _bare(axes[i, j])
        axes[0, j].set_title(column_labels[j])
        bar = figure.colorbar(shown, ax=axes[:, j], location="bottom", shrink=0.85, aspect=12, pad=0.02)
        bar.set_ticks([0, top / 4, top], labels=["0", f"{top / 4:.2g}", f"{top:.2g}"])
        bar.minorticks_off()
    for i, label in enumerate(row_labels):
        axes[i, 0].set_ylabel(label)
    figure.supxlabel(unit, fontsize=8)
    return figure


def layer_profile(table: pd.DataFrame, width: float = COLUMN) -> Figure:
    """Heat map of a table (distortions x layers, or with a column distortion): each row divided by its maximum."""
    table = table.set_index("distortion") if "distortion" in table else table
    figure, axis = plt.subplots(figsize=(width, 0.32 * len(table) + 0.9))
    shares = table.div(table.max(axis=1), axis=0)
    sns.heatmap(shares, ax=axis, cmap="magma", vmin=0, vmax=1, cbar_kws={"label": "share of the row's maximum"})
    axis.set(xlabel="layer", ylabel="")
    axis.tick_params(axis="y", rotation=0)
    axis.tick_params(axis="x", rotation=0)
    return figure


def severity(table: pd.DataFrame, width: float = PAGE) -> Figure:
    """Mean score by level, relative to level 5: one panel per distortion, one line per distance.

    `table`: columns distortion, level, distance, relative.
    """
    panels = list(dict.fromkeys(table["distortion"]))
    columns = len(panels) if width >= NARROW else 2
    lines = -(-len(panels) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(width, 1.5 * lines + 0.4), sharey=True, squeeze=False)
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, panel in zip(axes.flat, panels, strict=False):
        groups = table[table["distortion"] == panel].groupby("distance", sort=False)
        for (distance, part), size in zip(groups, np.linspace(1, 0.3, len(groups)), strict=True):
            look = {"color": COLOURS[distance], "marker": MARKERS[distance], "label": LABELS[distance]}
            axis.plot(part["level"], part["relative"], lw=3 * size, ms=6.5 * size, **look)  # later ones lie within earlier
        axis.set(title=panel, xticks=range(1, 6), ylim=(0, 1.05))
    for axis in axes[:, 0]:
        axis.set_ylabel("score / score at level 5")
    figure.supxlabel("level (1 mild, 5 severe)", fontsize=8)
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0], "upper")
    return figure


def agreement(matrix: pd.DataFrame, width: float = COLUMN) -> Figure:
    """Heat map of the rank correlation between distances.

    `matrix`: column distance and one column per distance, names as in style.LABELS.
    """
    matrix = matrix.set_index("distance")
    matrix = matrix[list(matrix.index)]
    named = matrix.rename(index=LABELS, columns=LABELS).rename_axis(None)
    figure, axis = plt.subplots(figsize=(width, min(width, 1.4 * COLUMN) * 0.8))
    low = np.floor(matrix.to_numpy().min() * 20) / 20
    sns.heatmap(
        named,
        ax=axis,
        cmap="viridis",
        vmin=low,
        vmax=1,
        annot=True,
        fmt=".3f",
        annot_kws={"size": 6},
        cbar_kws={"label": "SRCC"},
    )
    axis.tick_params(axis="x", rotation=45)
    axis.tick_params(axis="y", rotation=0)
    return figure


def against_quality(table: pd.DataFrame, x_label: str, width: float = PAGE) -> Figure:
    """Score over human score (or level): one column per distance, one row per backbone, a grey level per distortion.

    `table`: columns backbone, distance, x, score, distortion.
    """
    backbones, distances = (list(dict.fromkeys(table[c])) for c in ("backbone", "distance"))
    kinds = list(dict.fromkeys(table["distortion"]))
    figure, axes = plt.subplots(
        len(backbones), len(distances), figsize=(width, 1.75 * len(backbones) + 0.4), squeeze=False, sharex=True
    )
    for i, backbone in enumerate(backbones):
        for j, distance in enumerate(distances):
            axis = axes[i, j]
            part = table[(table["backbone"] == backbone) & (table["distance"] == distance)]
            for kind, marker, shade in zip(kinds, "os^Dv", np.linspace(0.1, 0.7, len(kinds)), strict=False):
                some = part[part["distortion"] == kind]
                axis.plot(some["x"], some["score"], marker, color=str(shade), mfc="none", ms=3, mew=0.7, ls="", label=kind)
            axis.set_ylim(bottom=0)
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            if i == 0:
                axis.set_title(LABELS.get(distance, distance))
        axes[i, 0].set_ylabel(f"{LABELS.get(backbone, backbone)}\nscore")
    figure.supxlabel(x_label, fontsize=8)
    share_legend(figure, axes[0, 0].get_legend_handles_labels()[0], "upper")
    return figure


def layerwise(table: pd.DataFrame, y_label: str, width: float = COLUMN, labels: dict[str, str] | None = None) -> Figure:
    """SRCC of every layer with its 95 % interval, the sum of the layers and the final features beside them.

    `table`: columns backbone, distance, features ("layer i", "sum of layers", "final"), srcc, low, high.
    One panel per backbone. `labels` replaces the names of methods, for other languages.
    """
    names = {**LABELS, **(labels or {})}
    backbones = list(dict.fromkeys(table["backbone"]))
    figure, axes = plt.subplots(len(backbones), 1, figsize=(width, 1.75 * len(backbones) + 0.3), squeeze=False)
    for axis, backbone in zip(axes[:, 0], backbones, strict=True):
        here = table[table["backbone"] == backbone]
        final = here[here["features"] == "final"].iloc[0]
        for distance, part in here.groupby("distance", sort=False):
            layers = part[part["features"].str.startswith("layer")]
            at = np.arange(len(layers))
            axis.fill_between(at, layers["low"], layers["high"], color=COLOURS[distance], alpha=0.18, lw=0)
            axis.plot(
                at, layers["srcc"], color=COLOURS[distance], marker=MARKERS[distance], label=f"{names[distance]}, one layer"
            )
        count = here["features"].str.startswith("layer").sum() // here["distance"].nunique()
        places = [count + 0.4 + 0.9 * i for i in range(here["distance"].nunique() + 1)]
        sums = here[here["features"] == "sum of layers"]
        for place, (_, row) in zip(places, sums.iterrows(), strict=False):
            _bar(axis, place, row, COLOURS[row["distance"]], MARKERS[row["distance"]])
        _bar(axis, places[-1], final, COLOURS["embed_cos"], MARKERS["embed_cos"])
        axis.axhline(final["srcc"], color=COLOURS["embed_cos"], lw=0.7, ls=":")
        ticks = [*range(0, count, 1 if count < 8 else 2), (places[0] + places[-2]) / 2, places[-1]]
        axis.set_xticks(ticks, [*map(str, ticks[:-2]), "sum", "final"])
        axis.set(title=names.get(backbone, backbone), ylabel=y_label)
    axes[-1, 0].set_xlabel("layer")
    axes[0, 0].legend(loc="best")
    return figure


def own_pair(ref, dis, local: np.ndarray, per_layer: np.ndarray, distance: str) -> Figure:
    """Reference, distorted image, where they differ (H, V), and the distance by layer (L,)."""
    figure, axes = plt.subplots(1, 4, figsize=(PAGE, 1.7), width_ratios=[1, 1, 1.2, 1.1])
    for axis, image, title in zip(axes, (ref, dis), ("reference", "distorted"), strict=False):
        axis.imshow(np.asarray(image))
        axis.set_title(title)
        _bare(axis)
    shown = axes[2].imshow(local, cmap="magma", vmin=0)
    axes[2].set_title(f"{LABELS[distance]} map")
    _bare(axes[2])
    figure.colorbar(shown, ax=axes[2], shrink=0.9, pad=0.04)
    axes[3].bar(range(len(per_layer)), per_layer, color=COLOURS[distance])
    axes[3].set(title="by layer", xlabel="layer", ylabel=f"{LABELS[distance]} distance")
    return figure


def _bar(axis, place: float, row: pd.Series, colour: str, marker: str) -> None:
    spread = [[max(row["srcc"] - row["low"], 0)], [max(row["high"] - row["srcc"], 0)]]
    axis.errorbar(place, row["srcc"], yerr=spread, color=colour, marker=marker, capsize=2, lw=1)


def _bare(axis) -> None:
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
