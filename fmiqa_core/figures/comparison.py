"""Comparisons of methods, of notebook 05: each a function of one table; saving is `figures.save`."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from . import words
from .method_rows import apart, ceiling, ceilings, datasets, families, labels, rows, size, sources, statistics
from .style import FAMILY_MARKERS, NARROW, PAGE, colours, legend_height, panels, share_legend, spread

STEP = 0.18  # of a row: pooled above, within references below


def main_comparison(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC pooled (filled) and within references (hollow) with 95 % intervals, a panel per dataset, each on its own axis.

    `numbers`: as of `tables.points`; rows of people (`method_rows.apart`) become lines.
    """
    numbers, people = apart(numbers)
    methods, shades = labels(numbers), colours(numbers["method"])
    handles = statistics() + families(numbers) + ceilings(people)
    top = 0.45 + legend_height((handle.get_label() for handle in handles), width)
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.13 * len(methods) + 0.7, top, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        for y, method in enumerate(methods):
            for statistic, shift in (("srcc", -STEP), ("srcc_byref", STEP)) if method in mine.index else ():
                row, shade = mine.loc[method], shades[method]
                ends = spread(row, statistic, f"{statistic}_low", f"{statistic}_high")
                look = {"fmt": FAMILY_MARKERS.get(row["family"], "X"), "color": shade, "ms": 3.4, "lw": 1.1, "mew": 0.9}
                axis.errorbar(row[statistic], y + shift, xerr=ends, mfc=shade if shift < 0 else "white", **look)
        for statistic in ("srcc", "srcc_byref"):
            ceiling(axis, people[people["dataset"] == dataset], statistic)
        axis.set_title(f"{title}\n{size(mine)}", fontsize=7)
        axis.set_xlabel("SRCC")
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, methods.values())
    share_legend(figure, handles)
    return figure


def comparison(table: pd.DataFrame, width: float = PAGE) -> Figure:
    """Agreement of all methods on one dataset: SRCC over all images and within references, best on top.

    `table`: as of `agreement`, one row per method: method, label, family, source, n, refs, srcc, srcc_byref, each with
    `_low` and `_high`, which may be NaN. Own runs are hollow where released scores stand beside them; rows of people
    (`method_rows.apart`) become lines.
    """
    table, people = apart(table)
    table = table.sort_values("srcc", ascending=False, na_position="last", kind="stable").reset_index(drop=True)
    shades, own = colours(table["method"]), table["source"] == "own"
    both, handles = bool(sources(table)), families(table) + sources(table) + ceilings(people)
    top = legend_height((handle.get_label() for handle in handles), width)
    height = 0.17 * len(table) + 0.75
    figure, axes = panels(2, width, height, 0.3 + top, sharey=True)
    for axis, statistic, title in zip(axes, ("srcc", "srcc_byref"), ("pooled", "within references, mean"), strict=True):
        for y, row in table.iterrows():
            shade = shades[row["method"]]
            ends = spread(row, statistic, f"{statistic}_low", f"{statistic}_high")
            face, marker = "white" if both and own[y] else shade, FAMILY_MARKERS.get(row["family"], "X")
            axis.errorbar(row[statistic], y, xerr=ends, fmt=marker, color=shade, mfc=face, ms=4, lw=1.4)
        ceiling(axis, people, statistic)
        axis.set(title=f"{title}\n{size(table)}", xlabel="SRCC")
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
