"""Figures of notebook 06: each a function of one table, as `robustness_tables` makes them; saving is `figures.save`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data import methods
from . import words
from .method_rows import datasets, labels, rows
from .style import COLOURS, NARROW, PAGE, SHAPES, drawn, looks, panels, share_legend

EDGE = -0.2  # larger falls are drawn as arrows at this edge
POOLED, WITHIN = ("change", "low", "high"), ("byref_change", "byref_low", "byref_high")
FAR = f"a fall by more than {-EDGE:g}: see the table"
REACH = {"global": ("o", "#999999", "white"), "local": ("D", "#D55E00", "#D55E00")}
REACHES = {"global": "LIVE's own distortions (global)", "local": "blocks pasted into references (local)"}


def changes(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Change of SRCC under each perturbation, pooled (filled) and within references (hollow), with intervals.

    Linear; a fall beyond EDGE is an arrow at the edge. `numbers`: as of `robustness_tables.changes`.
    """
    named = labels(numbers)
    there = dict.fromkeys(numbers["perturbation"])
    kinds = [*(kind for kind in methods.PERTURBATIONS if kind in there), *(k for k in there if k not in methods.PERTURBATIONS)]
    shades = {kind: look.colour for kind, look in looks(kinds).items()}
    step = 0.84 / (2 * len(kinds))
    figure, axes = panels(numbers["dataset"].nunique(), width, (0.1 * len(kinds) + 0.06) * len(named) + 0.7, 0.5, sharey=True)
    ends = numbers[[*POOLED, *WITHIN]]
    least, most = max(EDGE, min(-0.05, 1.1 * ends.min().min())), max(0.05, 1.1 * ends.max().max())
    margin = 0.04 * (most - least)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        for band in range(0, len(named), 2):
            axis.axhspan(band - 0.5, band + 0.5, color="#F2F2F2", zorder=0)
        for number, kind in enumerate(kinds):
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["perturbation"] == kind)]
            mine = mine.set_index("method").reindex(list(named))
            for side, (value, low, high) in enumerate((POOLED, WITHIN)):
                y = np.arange(len(named)) + step * (2 * number + side - (2 * len(kinds) - 1) / 2)
                face = "white" if side else shades[kind]
                look = {"color": shades[kind], "mfc": face, "ms": 2.8, "mew": 0.7}
                far = (mine[value] < EDGE).to_numpy()
                axis.hlines(y[~far], mine[low][~far].clip(lower=least), mine[high][~far], color=shades[kind], lw=0.8)
                axis.plot(mine[value][~far], y[~far], SHAPES[number % len(SHAPES)], **look)
                axis.plot(np.full(far.sum(), least), y[far], "<", **look)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_xlim(least - margin, most)
        axis.set(title=title, xlabel="change of SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, named.values())
    share_legend(figure, _legend(kinds, shades, (ends[["change", "byref_change"]] < EDGE).any(axis=None)))
    return figure


def _legend(kinds, shades, far: bool) -> list[Line2D]:
    """What colours and shapes, hollow and filled, and the arrow mean."""
    look = {"ls": "", "ms": 3.5}
    found = [
        Line2D([], [], marker=SHAPES[i % len(SHAPES)], color=shades[kind], label=methods.PERTURBATIONS.get(kind, kind), **look)
        for i, kind in enumerate(kinds)
    ]
    sides = {"pooled": "#666666", "within references": "white"}
    found += [Line2D([], [], marker="o", color="#666666", mfc=face, label=name, **look) for name, face in sides.items()]
    return found + [Line2D([], [], marker="<", color="#666666", label=FAR, **look)] * bool(far)


def rotation(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """What rotation changes within references, with and without one type; and what it adds to images, local and global.

    `numbers`: as of `robustness_tables.rotation`: rows of methods for each dataset, then rows of images, with `reach`.
    """
    of_images = numbers["method"].isna()
    first, second = numbers[~of_images], numbers[of_images]
    named = labels(first)
    ends = first[["byref_low", "byref_high", "byref_change", "without"]]
    reach = 0.05 * (ends.max().max() - ends.min().min())
    figure, axes = panels(first["dataset"].nunique() + 1, width, 0.16 * len(named) + 0.9, 0.4)
    for axis, (dataset, title) in zip(axes, datasets(first), strict=False):
        mine = first[first["dataset"] == dataset].set_index("method").reindex(list(named))
        y = np.arange(len(named))
        axis.hlines(y, mine["byref_low"], mine["byref_high"], color="#999999", lw=1)
        axis.plot(mine["byref_change"], y, "o", color="black", ms=3.5, label="all types")
        axis.plot(mine["without"], y, "o", color=COLOURS["l2"], mfc="white", ms=3.5, label="without one type")
        axis.axvline(0, color="black", lw=0.6)
        left_out = next(iter(mine["type"].dropna()), "")
        axis.set(title=f"{title}, without: {left_out}", xlabel="gain within references")
        axis.set(xlim=(ends.min().min() - reach, ends.max().max() + reach), ylim=(len(named) - 0.5, -0.5))
        axis.grid(axis="x", lw=0.3, alpha=0.6)
        beside = axis is axes[0] or width < NARROW
        axis.set_yticks(y, words.fit(named.values(), 26) if beside else [""] * len(named))
    last = axes[-1]
    for name, group in second.groupby("reach", sort=False):
        shape, edge, face = REACH.get(name, ("s", "black", "white"))
        last.plot(group["clean"], group["share"], shape, color=edge, mfc=face, ms=3, mew=0.7, label=REACHES.get(name, name))
    last.axhline(1, color="black", lw=0.6)
    last.set_xscale("log")
    last.set_xticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    last.minorticks_off()
    (_, title), *_ = datasets(second)
    last.set(title=f"{title} scenes: {len(second)} images", xlabel="clean distance (cosine)", ylabel="share of the floor added")
    share_legend(figure, drawn(axes))
    return figure
