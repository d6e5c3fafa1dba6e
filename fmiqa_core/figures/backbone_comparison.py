"""Figures of notebook 05 on backbones, layers and distances: each a function of one table; saving is `figures.save`."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..data import methods as known
from . import words
from .method_rows import datasets, rows
from .style import PAGE, SHAPES, first_of_row, legend_height, looks, panels, share_legend, spread


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
