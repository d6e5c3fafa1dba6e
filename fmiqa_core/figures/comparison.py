"""Figures of notebooks 05 and 09: each a function of one table, as `tables` makes them; saving is `figures.save`."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.optimize import isotonic_regression

from ..data import layouts
from ..data import methods as known
from . import words
from .style import (
    COLOURS,
    COLUMN,
    FAMILY_MARKERS,
    NARROW,
    PAGE,
    SHAPES,
    colours,
    first_of_row,
    legend_height,
    looks,
    panels,
    share_legend,
    spread,
)

UNSURE = "#7F7F7F"


def labels(numbers: pd.DataFrame) -> dict[str, str]:
    """Method -> its label, in the order of the table."""
    return dict(zip(numbers["method"], numbers["label"], strict=True))


def datasets(numbers: pd.DataFrame) -> list[tuple[str, str]]:
    """Name and title of each dataset, in the order of the table."""
    return [(name, layouts.title(name)) for name in dict.fromkeys(numbers["dataset"])]


def rows(axes, names) -> None:
    """Names of the rows beside panels that share their y axis, the first row on top."""
    names = words.fit(names, words.ROW if axes[0].figure.get_figwidth() >= NARROW else 26)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)


def main_comparison(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC with 95 % intervals, a panel per dataset, each panel on its own axis.

    `numbers`: as of `tables.points`.
    """
    methods, shades, hollow = labels(numbers), colours(numbers["method"]), _sources(numbers)
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.17 * len(methods) + 0.7, 0.3, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        for y, method in enumerate(methods):
            if method not in mine.index:
                continue
            row = mine.loc[method]
            axis.plot([row["srcc_low"], row["srcc_high"]], [y, y], color=shades[method], lw=1.4)
            face = "white" if hollow and row["source"] == "own" else shades[method]
            axis.plot(row["srcc"], y, FAMILY_MARKERS.get(row["family"], "X"), color=shades[method], mfc=face, ms=4)
        axis.set(title=f"{title}\n{_size(mine)}", xlabel="SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, methods.values())
    share_legend(figure, _families(numbers) + hollow)
    return figure


def _sources(numbers: pd.DataFrame) -> list:
    """What tells own from released scores in the legend, where both stand in the figure."""
    if "source" not in numbers or numbers["source"].nunique() < 2:
        return []
    kinds = (("own", "white"), ("released", "#666666"))
    return [plt.Line2D([], [], ls="", marker="o", color="#666666", mfc=face, ms=4, label=name) for name, face in kinds]


def _size(numbers: pd.DataFrame) -> str:
    """How many images and references the rows of one dataset have."""
    images, refs = (sorted({int(number) for number in numbers[column]}) for column in ("n", "refs"))
    counts = [str(one[0]) if len(one) == 1 else f"{one[0]}–{one[-1]}" for one in (images, refs)]
    return f"{counts[0]} images, {counts[1]} reference{'' if refs[-1] == 1 else 's'}"


def _families(numbers: pd.DataFrame) -> list:
    there = dict.fromkeys(numbers["family"])
    names = [*(name for name in FAMILY_MARKERS if name in there), *(name for name in there if name not in FAMILY_MARKERS)]
    marks = [(name, FAMILY_MARKERS.get(name, "X")) for name in names]
    return [plt.Line2D([], [], ls="", marker=m, color="#666666", ms=4, label=f) for f, m in marks]


def comparison(table: pd.DataFrame, width: float = PAGE) -> Figure:
    """Agreement of all methods on one dataset: SRCC over all images and within references, best on top.

    `table`: as of `agreement`, one row per method: method, label, family, source, n, refs, srcc, srcc_byref, each with
    `_low` and `_high`, which may be NaN. Own runs are hollow where released scores stand beside them.
    """
    table = table.sort_values("srcc", ascending=False, na_position="last", kind="stable").reset_index(drop=True)
    shades, own = colours(table["method"]), table["source"] == "own"
    both, handles = bool(_sources(table)), _families(table) + _sources(table)
    top = legend_height((handle.get_label() for handle in handles), width)
    height = 0.17 * len(table) + 0.75
    figure, axes = panels(2, width, height, 0.3 + top, sharey=True)
    for axis, statistic, title in zip(axes, ("srcc", "srcc_byref"), ("all images", "mean within references"), strict=True):
        for y, row in table.iterrows():
            shade = shades[row["method"]]
            ends = spread(row, statistic, f"{statistic}_low", f"{statistic}_high")
            face, marker = "white" if both and own[y] else shade, FAMILY_MARKERS.get(row["family"], "X")
            axis.errorbar(row[statistic], y, xerr=ends, fmt=marker, color=shade, mfc=face, ms=4, lw=1.4)
        axis.set(title=f"{title}\n{_size(table)}", xlabel="SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    ends = [end for axis in axes for end in axis.get_xlim()]
    for axis in axes:  # the same scale, so that the two can be compared
        axis.set_xlim(min(ends), max(ends))
    names = words.fit(table["label"])
    for axis in axes if width < NARROW else axes[:1]:
        axis.set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    share_legend(figure, handles)
    return figure


def intermediate_final(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Dumbbells: final to intermediate features, cosine, every backbone; ImageNet ViT has no final variant.

    `numbers`: as of `tables.backbones`.
    """
    names, look = dict(zip(numbers["backbone"], numbers["label"], strict=True)), looks(numbers["backbone"])
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.19 * len(names) + 0.6, 0.35, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("backbone")
        for y, name in enumerate(names):
            if name not in mine.index:
                continue
            row, shade = mine.loc[name], look[name].colour
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

    `numbers`: as the third table of `tables.distances`.
    """
    numbers = numbers.assign(kind=np.where(numbers["features"] == "embedding", "final", numbers["distance"]))
    order = [*known.DISTANCES, *(kind for kind in dict.fromkeys(numbers["kind"]) if kind not in known.DISTANCES)]
    kinds = [kind for kind in order if kind in set(numbers["kind"]) - {"final"}]
    kinds += ["final"] if "final" in set(numbers["kind"]) else []
    backbones = list(dict.fromkeys(numbers["backbone"]))
    names = dict(zip(backbones, words.fit(map(known.backbone_label, backbones)), strict=True))
    shades = {name: look.colour for name, look in looks(backbones).items()}
    step = min(0.24, 0.8 / len(backbones))
    top = 0.3 + legend_height(names.values(), width)
    figure, axes = panels(numbers["dataset"].nunique(), width, 2.1, top)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        for i, backbone in enumerate(backbones):
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["backbone"] == backbone)].set_index("kind").reindex(kinds)
            x = np.arange(len(kinds)) + step * (i - (len(backbones) - 1) / 2)
            error = spread(mine, "srcc", "srcc_low", "srcc_high")
            look = {"fmt": SHAPES[i % len(SHAPES)], "color": shades[backbone], "ms": 4, "lw": 1.2}
            axis.errorbar(x, mine["srcc"], error, label=names[backbone], **look)
        axis.set_xticks(range(len(kinds)), [known.distance_label(k) for k in kinds], rotation=45)
        axis.set(title=title, ylabel="SRCC" if first_of_row(axis) else "")
        axis.grid(axis="y", lw=0.3, alpha=0.6)
    share_legend(figure, axes[0].get_legend_handles_labels()[0])
    return figure


def pooled_by_reference(numbers: pd.DataFrame, width: float = COLUMN * 1.35) -> Figure:
    """Slope chart: SRCC over all images and mean SRCC within references.

    `numbers`: as of `tables.points`, of one dataset. A value that is not known stands below as a dash.
    """
    ((_, title),) = datasets(numbers)
    shades, height = colours(numbers["method"]), max(4.1, 0.12 * len(numbers) + 0.8)
    figure, axis = plt.subplots(figsize=(width, height))
    both = numbers[["srcc", "srcc_byref"]].to_numpy(float)
    known_ones = both[~np.isnan(both)]
    extent = np.ptp(known_ones) if known_ones.size else 0
    gap = max(0.0135, 0.1 * extent / (height - 0.6))  # letters are 0.1 inches high
    names = dict(zip(numbers.index, words.fit(numbers["label"], 28), strict=True))
    for side, column, align in ((0, "srcc", "right"), (1, "srcc_byref", "left")):
        ranked = numbers.sort_values(column, na_position="first")
        values = ranked[column].to_numpy(float)
        unknown = np.isnan(values).sum()
        least = values[unknown] if unknown < len(values) else 0
        heights = _spread(np.append(least - gap * np.arange(unknown, 0, -1), values[unknown:]), gap)
        for (at, row), y in zip(ranked.iterrows(), heights, strict=True):
            number = "–" if np.isnan(row[column]) else f"{row[column]:.3f}"
            name = f"{names[at]} {number}" if align == "right" else f"{number} {names[at]}"
            shade = shades[row["method"]]
            axis.text(side + (0.12 if side else -0.12), y, name, ha=align, va="center", fontsize=6.5, color=shade)
            axis.plot([side, side + (0.1 if side else -0.1)], [row[column], y], color=shade, lw=0.4)
    for _, row in numbers.iterrows():
        marker = FAMILY_MARKERS.get(row["family"], "X")
        axis.plot([0, 1], [row["srcc"], row["srcc_byref"]], marker=marker, color=shades[row["method"]], lw=1)
    axis.set(xlim=(-1.5, 2.5), title=f"{title}: SRCC")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks([])
    axis.tick_params(length=0)
    axis.set_xticks([0, 1], ["all images", "mean within\nreferences"])
    return figure


def raw_fitted(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Dumbbells: PLCC raw and after the 4-parameter logistic.

    `numbers`: as of `tables.points`.
    """
    methods, shades = labels(numbers), colours(numbers["method"])
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.16 * len(methods) + 0.7, 0.3, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        for y, method in enumerate(methods):
            if method in mine.index:
                row = mine.loc[method]
                axis.plot([row["plcc"], row["plcc_fit4"]], [y, y], color=shades[method], lw=1)
                axis.plot(row["plcc"], y, "o", mfc="white", mec=shades[method], ms=4)
                axis.plot(row["plcc_fit4"], y, "o", color=shades[method], ms=4)
        axis.set(title=title, xlabel="PLCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, methods.values())
    handles = [
        plt.Line2D([], [], ls="", marker="o", mfc="white", mec="#444444", label="raw"),
        plt.Line2D([], [], ls="", marker="o", color="#444444", label="after the logistic"),
    ]
    share_legend(figure, handles)
    return figure


def scatter(numbers: pd.DataFrame, width: float = PAGE, human: dict[str, str] | None = None) -> Figure:
    """Where the images lie in the plane of stored score and human score, with the fitted logistic.

    `numbers`: as of `tables.scatter`. `human`: dataset -> what its human score is called. Where the methods do
    not fit one line, they take several.
    """
    methods, shades, shown = labels(numbers), colours(numbers["method"]), datasets(numbers)
    columns = min(len(methods), max(2, int(width / 1.1)))
    lines = -(-len(methods) // columns)
    shape = (len(shown) * lines, columns)
    figure, axes = plt.subplots(*shape, figsize=(width, 1.5 * shape[0] + 0.4), squeeze=False)
    for i, (dataset, title) in enumerate(shown):
        for j, method in enumerate(methods):
            axis = axes[i * lines + j // columns, j % columns]
            here = numbers[(numbers["dataset"] == dataset) & (numbers["method"] == method)]
            cells, line = here[here["part"] == "cell"], here[here["part"] == "curve"]
            share = np.log1p(cells["images"]) / np.log1p(cells["images"].max())
            look = {"cmap": "Greys", "vmin": -0.5, "vmax": 1.8, "marker": "s", "linewidths": 0, "rasterized": len(cells) > 100}
            axis.scatter(cells["x"], cells["y"], s=1.5, c=share, **look)
            axis.plot(line["x"], line["y"], color=shades[method], lw=1.6)
            axis.tick_params(labelsize=6)
            if i == 0 or lines > 1:
                axis.set_title(words.wrapped(methods[method], 0.95 * width / columns))
            if j % columns == 0:
                axis.set_ylabel(f"{words.wrapped(title, 1.2)}\n{(human or {}).get(dataset) or words.human(dataset)}")
            if i == len(shown) - 1 and j + columns >= len(methods):
                axis.set_xlabel("stored score")
        for axis in axes[i * lines : (i + 1) * lines].flat[len(methods) :]:
            axis.axis("off")
    return figure


def evidence(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """All comparisons behind the claims: difference of SRCC with interval, a panel per claim.

    `numbers`: columns claim, difference, low, high, p_holm; a row per comparison.
    """
    names = list(dict.fromkeys(numbers["claim"]))
    most = numbers["claim"].value_counts().max()
    height = max(4.7, 0.06 * most + 0.9) if width >= NARROW else max(1.5, 0.04 * most + 0.5)
    figure, axes = panels(len(names), width, height, 0.3)
    for axis, claim in zip(axes, names, strict=True):
        table = numbers[numbers["claim"] == claim].sort_values("difference", kind="stable").reset_index(drop=True)
        for y, row in table.iterrows():
            sure = row["p_holm"] < 0.05
            shade = UNSURE if not sure else COLOURS["l2"] if row["difference"] > 0 else COLOURS["cos"]
            axis.plot([row["low"], row["high"]], [y, y], color=shade, lw=1)
            axis.plot(row["difference"], y, "x" if not sure else "o" if row["difference"] > 0 else "v", color=shade, ms=2.6)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_title(textwrap.fill(claim, 21 if len(names) >= 4 else 40) if width >= NARROW else claim)
        axis.set_yticks([])
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.set_xlabel("difference of SRCC")
    handles = [
        plt.Line2D([], [], ls="", marker="o", color=COLOURS["l2"], label="as claimed"),
        plt.Line2D([], [], ls="", marker="x", color=UNSURE, label="undecided"),
        plt.Line2D([], [], ls="", marker="v", color=COLOURS["cos"], label="against"),
    ]
    share_legend(figure, handles)
    return figure


def _spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Heights near sorted `values`, at least `gap` apart, for labels."""
    heights = values.astype(float).copy()
    for _ in range(max(300, 10 * len(heights))):
        close = np.diff(heights) < gap
        if not close.any():
            break
        push = np.where(close, (gap - np.diff(heights)) / 2 + 1e-6, 0)
        heights[:-1] -= push
        heights[1:] += push
    steps = gap * np.arange(len(heights))
    crowded = np.diff(heights).min(initial=gap) < 0.9 * gap  # too many for that: the nearest heights that there are
    return isotonic_regression(values - steps).x + steps if crowded else heights
