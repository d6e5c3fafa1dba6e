"""People beside metrics, type by type: where metrics fail, and where people disagree."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import words
from .method_rows import CEILING, datasets
from .style import COLUMN, panels, share_legend, spread

WHO = {  # who -> colour, marker, face
    "people": (CEILING, "D", CEILING),
    "metric": ("#D55E00", "s", "white"),
    "foundation metric": ("#0072B2", "o", "#0072B2"),
}


def by_type(numbers: pd.DataFrame, width: float = 1.4 * COLUMN) -> Figure:
    """SRCC within each type, with 95 % intervals: people with people, the best metric, the best foundation metric.

    `numbers`: as of `type_tables.people`. Types by how well people agree, the least on top.
    """
    slim, named = width < 1.2 * COLUMN, list(dict.fromkeys(numbers["dataset"]))
    order = numbers[numbers["who"] == "people"].groupby("distortion")["srcc"].mean().sort_values().index
    kinds = numbers.drop_duplicates("distortion").set_index("distortion").loc[order]
    figure, axes = panels(len(named), width, 0.24 * len(order) + 0.6, 0.3, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        for shift, (who, (shade, marker, face)) in zip((-0.25, 0, 0.25), WHO.items(), strict=True):
            rows = numbers[(numbers["dataset"] == dataset) & (numbers["who"] == who)]
            places = [order.get_loc(code) + shift for code in rows["distortion"]]
            ends = spread(rows, "srcc", "srcc_low", "srcc_high")
            axis.errorbar(rows["srcc"], places, xerr=ends, fmt=marker, color=shade, mfc=face, ms=3.4, lw=1.1, mew=0.9)
        axis.set(title=title, xlabel="SRCC, pooled" if slim else "SRCC within the type, pooled")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    names = [kind if kind == code else f"{code} {kind}" for code, kind in kinds["type"].items()]
    axes[0].set_yticks(range(len(order)), words.fit(names, 22 if slim else words.WIDE_ROW))
    axes[0].set_ylim(len(order) - 0.5, -0.5)
    labels = {"people": "people, second panel", "metric": "best metric", "foundation metric": "best foundation metric"}
    handles = [
        plt.Line2D([], [], marker=marker, color=shade, mfc=face, ms=3.4, lw=1.1, label=labels[who])
        for who, (shade, marker, face) in WHO.items()
    ]
    share_legend(figure, handles)
    return figure
