"""The figure and the table of notebook 09 that set own scores beside the released ones, image by image."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ..data import causes, methods
from ..data.layouts import title
from . import cells
from .method_rows import datasets, rows
from .style import PAGE, SHAPES, drawn, looks, panels, share_legend

FLOOR = 1e-9  # where equal scores are drawn: a logarithmic axis has no 0
HEADS = {"dataset": "Dataset", "label": "Method", "perturbation": "Images", "n": "n", "unit": "Unit", "median": "Median"}
HEADS |= {"largest": "Largest", "srcc": "SRCC of both", "images": "Differ most", "cause": "Cause"}


def differences(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """How far own and released scores of an image lie apart: the median filled, the largest hollow, a panel per dataset.

    `numbers`: as of `stats.per_image`, a row per dataset, method and perturbation.
    """
    named = {label: f"{label} ({unit})" for label, unit in zip(numbers["label"], numbers["unit"], strict=True)}
    there = set(numbers["perturbation"])
    kinds = [kind for kind in methods.PERTURBATIONS if kind in there]
    kinds += [kind for kind in dict.fromkeys(numbers["perturbation"]) if kind not in kinds]
    shades = {kind: look.colour for kind, look in looks(kinds).items()}
    step = min(0.24, 0.72 / len(kinds))
    height = max(1.3, min(0.2, 2.6 / len(named) + 0.07) * len(named) + 0.7)
    figure, axes = panels(numbers["dataset"].nunique(), width, height, 0.3, sharex=True, sharey=True)
    ends = numbers[["median", "largest"]].clip(lower=FLOOR)
    for axis, (dataset, name) in zip(axes, datasets(numbers), strict=True):
        for number, kind in enumerate(kinds):
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["perturbation"] == kind)]
            mine = ends.loc[mine.index].set_axis(mine["label"]).reindex(list(named))
            y = np.arange(len(named)) + step * (number - (len(kinds) - 1) / 2)
            look = {"color": shades[kind], "ms": 3, "ls": ""}
            shape = SHAPES[number % len(SHAPES)]
            axis.hlines(y, mine["median"], mine["largest"], color=shades[kind], lw=0.8)
            axis.plot(mine["median"], y, shape, label=methods.PERTURBATIONS.get(kind, kind), **look)
            axis.plot(mine["largest"], y, shape, mfc="white", **look)
        axis.axvline(causes.ROUNDING, color="black", lw=0.6, ls=":")
        axis.set_xscale("log")
        axis.set_xlim(ends.min().min() / 3, max(ends.max().max(), causes.ROUNDING) * 3)
        axis.xaxis.set_major_locator(LogLocator(numticks=5))
        axis.xaxis.set_minor_locator(NullLocator())
        axis.tick_params(labelbottom=True)
        axis.set(title=name, xlabel="difference, own and released")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, named.values())
    marks = [("median", "#666666"), ("largest", "white")]
    grey = [plt.Line2D([], [], ls="", marker="o", color="#666666", mfc=face, ms=3, label=name) for name, face in marks]
    share_legend(figure, drawn(axes) + grey)
    return figure


def main(numbers: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The rows of the methods `names`, in either spelling and of whatever source: what fits a figure."""
    wanted = {methods.canonical(name.partition("[")[0]) for name in names}
    return numbers[numbers["method"].isin(wanted)].reset_index(drop=True)


def table(numbers: pd.DataFrame) -> pd.DataFrame:
    """The cells of the table of `numbers`: words for names, few digits."""
    out = numbers.assign(
        dataset=[title(name) for name in numbers["dataset"]],
        perturbation=[methods.PERTURBATIONS.get(kind, kind) for kind in numbers["perturbation"]],
        srcc=[cells.value(value, 6) for value in numbers["srcc"]],
        **{column: [f"{value:.1e}" for value in numbers[column]] for column in ("median", "largest")},
    )
    return out[list(HEADS)].rename(columns=HEADS)
