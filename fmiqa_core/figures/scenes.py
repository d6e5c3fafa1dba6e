"""Figures of notebook 05 on what was asked, within a scene or across scenes: each a function of one table."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from .method_rows import PEOPLE, apart, ceiling, ceilings, datasets, families, statistics
from .style import COLUMN, FAMILY_MARKERS, PAGE, colours, first_of_row, legend_height, panels, share_legend
from .words import fit


def pooled_by_reference(numbers: pd.DataFrame, width: float = 1.35 * COLUMN) -> Figure:
    """Dumbbells: SRCC pooled (filled) and within references (hollow), a panel per dataset, the best within references on top.

    The panels stand one above the other at any width, since each has an order of its own.

    `numbers`: as of `scene_tables.ranked`; on the right stand both ranks. Rows of people become lines.
    """
    numbers, people = apart(numbers)
    shades, most = colours(numbers["method"]), numbers["dataset"].value_counts().max()
    count = numbers["dataset"].nunique()
    handles = statistics() + families(numbers) + ceilings(people)
    top = 0.5 + legend_height((handle.get_label() for handle in handles), width)
    figure, axes = plt.subplots(count, 1, figsize=(width, (max(0.13 * most, 0.6) + 0.7) * count + top), squeeze=False)
    for axis, (dataset, title) in zip(axes.flat, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].sort_values("srcc_byref", ascending=False, kind="stable")
        for y, (_, row) in enumerate(mine.iterrows()):
            look = {"marker": FAMILY_MARKERS.get(row["family"], "X"), "color": shades[row["method"]], "ms": 4}
            axis.plot([row["srcc"], row["srcc_byref"]], [y, y], color=shades[row["method"]], lw=0.9)
            axis.plot(row["srcc"], y, **look)
            axis.plot(row["srcc_byref"], y, mfc="white", **look)
        for statistic in ("srcc", "srcc_byref"):
            ceiling(axis, people[people["dataset"] == dataset], statistic)
        axis.set_yticks(range(len(mine)), fit(mine["label"], 26), fontsize=6.5)
        axis.set(xlabel="SRCC", ylim=(len(mine) - 0.5, -0.5))
        axis.set_title(title)
        axis.grid(axis="x", lw=0.3, alpha=0.6)
        ranks = [
            " | ".join("–" if np.isnan(r) else f"{r:.0f}" for r in pair) for pair in mine[["rank", "byref_rank"]].to_numpy()
        ]
        for y, words in enumerate(["rank: pooled | within", *ranks], start=-1):
            axis.text(1.02, y, words, fontsize=6, va="center", transform=axis.get_yaxis_transform())
    share_legend(figure, handles)
    return figure


def between(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """A mark per method: share of its ranks between references, and what it loses from within references to pooled.

    `numbers`: as of `scene_tables.shares`. Line: the share s takes the factor sqrt(1 - s) off the median metric.
    """
    methods = numbers[numbers["family"] != PEOPLE]
    figure, axes = panels(numbers["dataset"].nunique(), width, 2.2, 0.3)
    shades = colours(methods["method"])
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine, people = methods[methods["dataset"] == dataset], numbers[numbers["dataset"] == dataset]
        for _, row in mine.iterrows():
            look = {"marker": FAMILY_MARKERS.get(row["family"], "X"), "ms": 4, "mew": 0.5, "mec": "white"}
            axis.plot(100 * row["between_ranks"], row["loss"], color=shades[row["method"]], **look)
        for share in 100 * people.loc[people["family"] == PEOPLE, "between_ranks"]:
            axis.axvline(share, color="black", lw=1, ls=":", zorder=0)
        share = np.linspace(0, max(0.02, mine["between_ranks"].max()), 100)
        axis.plot(100 * share, mine["srcc_byref"].median() * (1 - np.sqrt(1 - share)), color="#888888", lw=0.8, zorder=0)
        axis.axhline(0, color="#bbbbbb", lw=0.6, zorder=0)
        axis.set(title=f"{title}\nr = {correlation(mine):.2f}, {len(mine)} metrics", xlabel="% of the ranks between references")
        axis.set_ylabel("SRCC within minus pooled" if first_of_row(axis) else "")
    lines = [
        plt.Line2D([], [], color="black", lw=1, ls=":", label="people"),
        plt.Line2D([], [], color="#888888", lw=0.8, label="what the share alone takes off"),
    ]
    share_legend(figure, [*families(methods), *lines])
    return figure


def correlation(mine: pd.DataFrame) -> float:
    """Pearson's r over methods of one dataset: their share between references with what they lose; NaN of fewer than 3."""
    known = mine.dropna(subset=["between_ranks", "loss"])
    return float(known["between_ranks"].corr(known["loss"])) if len(known) > 2 else np.nan
