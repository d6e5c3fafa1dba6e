"""Figures of notebook 05 on backbones, layers and distances: each a function of one table; saving is `figures.save`."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..data import methods as known
from . import words
from .method_rows import datasets, rows, statistics
from .style import PAGE, SHAPES, first_of_row, legend_height, looks, panels, share_legend, spread


def intermediate_final(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC of intermediate minus final features with intervals, cosine, every backbone: pooled (filled), within (hollow).

    `numbers`: as of `benchmark.backbones`; a backbone without final features keeps its row, empty.
    """
    names, look = dict(zip(numbers["backbone"], numbers["label"], strict=True)), looks(numbers["backbone"])
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.24 * len(names) + 0.6, 0.45, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("backbone")
        for y, name in enumerate(names):
            for prefix, shift in (("", -0.17), ("byref_", 0.17)) if name in mine.index else ():
                row, shade = mine.loc[name], look[name].colour
                ends = spread(row, *(f"{prefix}{column}" for column in ("difference", "low", "high")))
                sure = row[f"{prefix}p_holm"] < 0.05
                fmt = {"fmt": "o" if sure else "D", "ms": 4 if sure else 3, "mfc": shade if shift < 0 else "white"}
                axis.errorbar(row[f"{prefix}difference"], y + shift, xerr=ends, color=shade, lw=1.2, **fmt)
        axis.axvline(0, color="black", lw=0.6, zorder=0)
        axis.set(title=title, xlabel="SRCC, intermediate minus final")
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, names.values())
    undecided = plt.Line2D([], [], ls="", marker="D", color="#666666", ms=3, label="undecided (Holm)")
    share_legend(figure, [*statistics(), undecided])
    return figure


def distances(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC of the six distances with intervals, pooled (filled) and within references (hollow), a mark per backbone.

    `numbers`: as the third table of `benchmark.distances`.
    """
    numbers = numbers.assign(kind=np.where(numbers["features"] == "embedding", "final", numbers["distance"]))
    order = [*known.DISTANCES, *(kind for kind in dict.fromkeys(numbers["kind"]) if kind not in known.DISTANCES)]
    kinds = [kind for kind in order if kind in set(numbers["kind"]) - {"final"}]
    kinds += ["final"] if "final" in set(numbers["kind"]) else []
    backbones = list(dict.fromkeys(numbers["backbone"]))
    names = dict(zip(backbones, words.fit(map(known.backbone_label, backbones)), strict=True))
    shades = {name: look.colour for name, look in looks(backbones).items()}
    step = min(0.18, 0.4 / len(backbones))
    top = 0.45 + legend_height([*names.values(), "", ""], width)
    figure, axes = panels(numbers["dataset"].nunique(), width, 2.1, top)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        for i, backbone in enumerate(backbones):
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["backbone"] == backbone)].set_index("kind").reindex(kinds)
            look = {"fmt": SHAPES[i % len(SHAPES)], "color": shades[backbone], "ms": 4, "lw": 1.2}
            for k, name in enumerate(("srcc", "srcc_byref")):
                x = np.arange(len(kinds)) + step * (2 * i + k - len(backbones) + 0.5)
                error, face = spread(mine, name, f"{name}_low", f"{name}_high"), "white" if k else shades[backbone]
                axis.errorbar(x, mine[name], error, label="" if k else names[backbone], mfc=face, **look)
        axis.set_xticks(range(len(kinds)), [known.distance_label(k) for k in kinds], rotation=45)
        axis.set(title=title, ylabel="SRCC" if first_of_row(axis) else "")
        axis.grid(axis="y", lw=0.3, alpha=0.6)
    share_legend(figure, axes[0].get_legend_handles_labels()[0] + statistics())
    return figure
