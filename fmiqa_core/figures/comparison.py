"""Comparisons of methods, of notebook 05: each a function of one table; saving is `figures.save`."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import words
from .method_rows import apart, ceiling, ceilings, datasets, families, labels, rows, size, sources
from .style import FAMILY_MARKERS, NARROW, PAGE, colours, legend_height, panels, share_legend, spread


def main_comparison(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC with 95 % intervals, a panel per dataset, each panel on its own axis.

    `numbers`: as of `tables.points`.
    """
    methods, shades, hollow = labels(numbers), colours(numbers["method"]), sources(numbers)
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
        axis.set(title=f"{title}\n{size(mine)}", xlabel="SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, methods.values())
    share_legend(figure, families(numbers) + hollow)
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
