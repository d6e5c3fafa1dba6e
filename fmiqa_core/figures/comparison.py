"""Figures of notebooks 05 and 09: each a function of one table, as `released_tables` makes them; saving is `figures.save`."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..data import layouts
from ..data import methods as known
from .style import COLOURS, COLUMN, NARROW, OTHER, PAGE, colour, first_of_row, panels, share_legend

FAMILY_MARKERS = {"foundation": "o", "deep statistics": "D", "learned": "^", "traditional": "s"}


def label(method: str) -> str:
    return known.describe(method).label


def labels(numbers: pd.DataFrame) -> dict[str, str]:
    """Method -> its label, in the order of the table."""
    return dict(zip(numbers["method"], numbers["label"], strict=True))


def datasets(numbers: pd.DataFrame) -> list[tuple[str, str]]:
    """Name and title of each dataset, in the order of the table."""
    return [(name, layouts.title(name)) for name in dict.fromkeys(numbers["dataset"])]


def rows(axes, names) -> None:
    """Names of the rows beside panels that share their y axis, the first row on top."""
    names = list(names)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)


def main_comparison(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC with 95 % intervals, a panel per dataset, each panel on its own axis.

    `numbers`: as of `released_tables.points`.
    """
    methods = labels(numbers)
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.17 * len(methods) + 0.7, 0.3, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        for y, method in enumerate(methods):
            if method not in mine.index:
                continue
            row = mine.loc[method]
            axis.plot([row["srcc_low"], row["srcc_high"]], [y, y], color=colour(method), lw=1.4)
            axis.plot(row["srcc"], y, FAMILY_MARKERS[row["family"]], color=colour(method), ms=4)
        axis.set(title=f"{title}\n{mine['n'].iloc[0]} images, {mine['refs'].iloc[0]} references", xlabel="SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, methods.values())
    marks = {family: marker for family, marker in FAMILY_MARKERS.items() if family in set(numbers["family"])}
    share_legend(figure, [plt.Line2D([], [], ls="", marker=m, color="#666666", ms=4, label=f) for f, m in marks.items()])
    return figure


def intermediate_final(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Dumbbells: final to intermediate features, cosine, every backbone; ImageNet ViT has no final variant.

    `numbers`: as of `released_tables.backbones`.
    """
    names = dict(zip(numbers["backbone"], numbers["label"], strict=True))
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.19 * len(names) + 0.6, 0.35, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("backbone")
        for y, name in enumerate(names):
            row = mine.loc[name]
            shade = COLOURS.get(name, OTHER)
            sure = pd.notna(row["p_holm"]) and row["p_holm"] < 0.05
            axis.plot([row["embedding"], row["intermediate"]], [y, y], color=shade, lw=2 if sure else 0.8)
            axis.plot(row["embedding"], y, "o", mfc="white", mec=shade, ms=5)
            axis.plot(row["intermediate"], y, "o", color=shade, ms=5)
        axis.set(title=title, xlabel="SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, names.values())
    handles = [
        plt.Line2D([], [], ls="", marker="o", mfc="white", mec="#444444", label="final features"),
        plt.Line2D([], [], ls="", marker="o", color="#444444", label="intermediate features"),
        plt.Line2D([], [], color="#444444", lw=2, label="beyond noise (Holm)"),
        plt.Line2D([], [], color="#444444", lw=0.8, label="not"),
    ]
    share_legend(figure, handles)
    return figure


def distances(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC of the six distances with intervals, a mark per backbone, a panel per dataset.

    `numbers`: as the third table of `released_tables.distances`.
    """
    numbers = numbers.assign(kind=np.where(numbers["features"] == "embedding", "final", numbers["distance"]))
    kinds = [kind for kind in (*known.DISTANCES, "final") if kind in set(numbers["kind"])]
    backbones = list(dict.fromkeys(numbers["backbone"]))
    figure, axes = panels(numbers["dataset"].nunique(), width, 2.1, 0.3)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        for i, backbone in enumerate(backbones):
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["backbone"] == backbone)].set_index("kind").reindex(kinds)
            x = np.arange(len(kinds)) + 0.24 * (i - (len(backbones) - 1) / 2)
            error = [mine["srcc"] - mine["srcc_low"], mine["srcc_high"] - mine["srcc"]]
            name, shade = known.backbone_label(backbone), COLOURS.get(known.RELEASED.get(backbone, backbone), OTHER)
            axis.errorbar(x, mine["srcc"], np.maximum(error, 0), fmt="os^DvP"[i % 6], color=shade, ms=4, lw=1.2, label=name)
        axis.set_xticks(range(len(kinds)), [known.DISTANCES.get(k, k) for k in kinds], rotation=45)
        axis.set(title=title, ylabel="SRCC" if first_of_row(axis) else "")
        axis.grid(axis="y", lw=0.3, alpha=0.6)
    share_legend(figure, axes[0].get_legend_handles_labels()[0])
    return figure


def pooled_by_reference(numbers: pd.DataFrame, width: float = COLUMN * 1.35) -> Figure:
    """Slope chart: SRCC over all images and mean SRCC within references.

    `numbers`: as of `released_tables.points`, of one dataset.
    """
    ((_, title),) = datasets(numbers)
    figure, axis = plt.subplots(figsize=(width, 4.1))
    for side, column, align in ((0, "srcc", "right"), (1, "srcc_byref", "left")):
        ranked = numbers.sort_values(column)
        heights = _spread(ranked[column].to_numpy(), 0.0135)
        for (_, row), y in zip(ranked.iterrows(), heights, strict=True):
            name = f"{row['label']} {row[column]:.3f}" if align == "right" else f"{row[column]:.3f} {row['label']}"
            axis.text(
                side + (0.12 if side else -0.12), y, name, ha=align, va="center", fontsize=6.5, color=colour(row["method"])
            )
            axis.plot([side, side + (0.1 if side else -0.1)], [row[column], y], color=colour(row["method"]), lw=0.4)
    for _, row in numbers.iterrows():
        marker = FAMILY_MARKERS[row["family"]]
        axis.plot([0, 1], [row["srcc"], row["srcc_byref"]], marker=marker, color=colour(row["method"]), lw=1)
    axis.set(xlim=(-1.5, 2.5), title=f"{title}: SRCC")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks([])
    axis.tick_params(length=0)
    axis.set_xticks([0, 1], ["all images", "mean within\nreferences"])
    return figure


def raw_fitted(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Dumbbells: PLCC raw and after the 4-parameter logistic.

    `numbers`: as of `released_tables.points`.
    """
    methods = labels(numbers)
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.16 * len(methods) + 0.7, 0.3, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        for y, method in enumerate(methods):
            if method in mine.index:
                row = mine.loc[method]
                axis.plot([row["plcc"], row["plcc_fit4"]], [y, y], color=colour(method), lw=1)
                axis.plot(row["plcc"], y, "o", mfc="white", mec=colour(method), ms=4)
                axis.plot(row["plcc_fit4"], y, "o", color=colour(method), ms=4)
        axis.set(title=title, xlabel="PLCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, methods.values())
    handles = [
        plt.Line2D([], [], ls="", marker="o", mfc="white", mec="#444444", label="raw"),
        plt.Line2D([], [], ls="", marker="o", color="#444444", label="after the logistic"),
    ]
    share_legend(figure, handles)
    return figure


def scatter(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Where the images lie in the plane of stored score and human score, with the fitted logistic.

    `numbers`: as of `released_tables.scatter`.
    """
    methods, shown = labels(numbers), datasets(numbers)
    figure, axes = plt.subplots(len(shown), len(methods), figsize=(width, 1.5 * len(shown) + 0.4), squeeze=False)
    for i, (dataset, title) in enumerate(shown):
        for j, method in enumerate(methods):
            axis = axes[i, j]
            here = numbers[(numbers["dataset"] == dataset) & (numbers["method"] == method)]
            cells, line = here[here["part"] == "cell"], here[here["part"] == "curve"]
            share = np.log1p(cells["images"]) / np.log1p(cells["images"].max())
            axis.scatter(cells["x"], cells["y"], s=1.5, c=share, cmap="Greys", vmin=-0.5, vmax=1.8, marker="s", linewidths=0)
            axis.plot(line["x"], line["y"], color=colour(method), lw=1.6)
            axis.tick_params(labelsize=6)
            if i == 0:
                axis.set_title(methods[method])
            if j == 0:
                axis.set_ylabel(f"{title}\n{'DMOS' if dataset == 'live' else 'MOS'}")
            if i == len(shown) - 1:
                axis.set_xlabel("stored score")
    return figure


def evidence(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """All comparisons behind the claims: difference of SRCC with interval, a panel per claim.

    `numbers`: columns claim, difference, low, high, p_holm; a row per comparison.
    """
    names = list(dict.fromkeys(numbers["claim"]))
    figure, axes = panels(len(names), width, 4.7 if width >= NARROW else 1.5, 0.3)
    for axis, claim in zip(axes, names, strict=True):
        table = numbers[numbers["claim"] == claim].sort_values("difference", kind="stable").reset_index(drop=True)
        for y, row in table.iterrows():
            sure = row["p_holm"] < 0.05
            shade = "#7F7F7F" if not sure else COLOURS["l2"] if row["difference"] > 0 else COLOURS["cos"]
            axis.plot([row["low"], row["high"]], [y, y], color=shade, lw=1)
            axis.plot(row["difference"], y, "x" if not sure else "o" if row["difference"] > 0 else "v", color=shade, ms=2.6)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_title(textwrap.fill(claim, 21) if width >= NARROW else claim)
        axis.set_yticks([])
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.set_xlabel("difference of SRCC")
    handles = [
        plt.Line2D([], [], ls="", marker="o", color=COLOURS["l2"], label="as claimed"),
        plt.Line2D([], [], ls="", marker="x", color="#7F7F7F", label="undecided"),
        plt.Line2D([], [], ls="", marker="v", color=COLOURS["cos"], label="against"),
    ]
    share_legend(figure, handles)
    return figure


def _spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Heights near sorted `values`, at least `gap` apart, for labels."""
    heights = values.astype(float).copy()
    for _ in range(300):
        close = np.diff(heights) < gap
        if not close.any():
            break
        push = np.where(close, (gap - np.diff(heights)) / 2 + 1e-6, 0)
        heights[:-1] -= push
        heights[1:] += push
    return heights


def comparison(table, width=PAGE):
    return plt.figure()
