"""The evidence for the claims, of notebook 09: each comparison with its names; each drawing a function of one table."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from . import words
from .method_rows import datasets, labels
from .style import COLOURS, HEIGHT, NARROW, PAGE, every, first_of_row, share_legend

LEVEL = 0.05  # of p_holm
OUTCOMES = {  # name, marker, its colour, the cell's: told apart in grey, too
    1: ("as claimed", "+", "white", "#0072B2"),
    0: ("undecided", ".", "#888888", "#EDEDED"),
    -1: ("against", "_", "black", "#E69F00"),
}
SHADES = {"all images": COLOURS["l2"], "within references": COLOURS["cos"]}
MARKS = {"all images": "o", "within references": "s"}
LINEAR, SHADE = 0.02, "#F0F0F0"  # of a difference of SRCC: beyond, the scale is logarithmic


def verdict_map(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """A cell for each comparison, as claimed, undecided or against: a panel per dataset and statistic.

    `numbers`: as of `claim_details.grid`: dataset, statistic, method, label, other, against, difference, p_holm; rows and
    columns in the order of the table.
    """
    methods, others = labels(numbers), dict(zip(numbers["other"], numbers["against"], strict=True))
    kinds, sets = list(dict.fromkeys(numbers["statistic"])), datasets(numbers)
    names, rivals = words.fit(methods.values(), 26 if width >= NARROW else 22), words.fit(others.values(), 20)
    room = width - 0.05 * max(map(len, names)) - 0.2  # inches, for all cells of a row
    panels = [(kind, one) for kind in kinds for one in sets]
    shape = (len(kinds), len(sets))
    if room / len(panels) / len(others) > 0.2:  # few columns
        shape = (1, len(panels))
    elif width < NARROW:
        panels, shape = [(kind, one) for one in sets for kind in kinds], (len(sets), len(kinds))
    cell = room / shape[1] / len(others)
    below = 0.07 * max(map(len, rivals)) + 0.35
    tall = min(0.135 * len(methods), (HEIGHT - below) / shape[0] - 0.35)
    size = (width, (tall + 0.35) * shape[0] + below)
    figure, axes = plt.subplots(*shape, figsize=size, squeeze=False, sharex=True, sharey=True)
    side = np.where(numbers["p_holm"] < LEVEL, np.sign(numbers["difference"]), 0)
    wide = numbers.assign(side=side).pivot(index=["statistic", "dataset", "method"], columns="other", values="side")
    for axis, (kind, (dataset, title)) in zip(axes.flat, panels, strict=True):
        index = pd.MultiIndex.from_tuples([(kind, dataset, method) for method in methods])
        _cells(axis, wide.reindex(index=index, columns=list(others)).to_numpy(float), min(5, 40 * cell))
        axis.set_title(words.wrapped(f"{title}\n{kind}", cell * len(others)), fontsize=6.5)
        if axis.get_subplotspec().is_last_row():
            step = every(cell)
            axis.set_xticks(range(0, len(rivals), step), rivals[::step], rotation=90, fontsize=6)
        if first_of_row(axis):
            step = every(tall / len(names))
            axis.set_yticks(range(0, len(names), step), names[::step], fontsize=6)
    looks = [
        plt.Line2D([], [], ls="", marker="s", ms=7, mfc=cell, mec=cell, label=name) for name, _, _, cell in OUTCOMES.values()
    ]
    share_legend(figure, looks)
    return figure


def _cells(axis, values: np.ndarray, size: float) -> None:
    """Cells of +1, 0, -1 with their marks; those without a comparison stay white."""
    shades = ListedColormap([OUTCOMES[side][-1] for side in (-1, 0, 1)])
    axis.imshow(np.ma.masked_invalid(values), cmap=shades, vmin=-1, vmax=1, aspect="auto")
    for side, (_, mark, shade, _) in OUTCOMES.items():
        y, x = np.nonzero(values == side)
        axis.plot(x, y, mark, color=shade, ms=size if mark != "." else 2, mew=0.9)
    axis.set_xticks(np.arange(0.5, values.shape[1] - 1), minor=True)
    axis.set_yticks(np.arange(0.5, len(values) - 1), minor=True)
    axis.grid(which="minor", color="white", lw=0.6)
    axis.tick_params(which="both", length=0)
    axis.spines[:].set_visible(False)


def backbone_claims(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Differences of SRCC with their intervals, over all images and within references: a row per backbone, a panel per claim
    and dataset. Filled = decided (Holm). The scale is linear up to LINEAR on both sides, then logarithmic.

    `numbers`: as of `claim_details.backbones`: claim, dataset, method, label, statistic, difference, low, high, p_holm.
    """
    heads, sets = list(dict.fromkeys(numbers["claim"])), datasets(numbers)
    across = [(head, one) for head in heads for one in sets] if width >= NARROW else [(h, one) for one in sets for h in heads]
    shape = (len(heads), len(sets)) if width >= NARROW else (len(across), 1)
    most = max(mine["method"].nunique() for _, mine in numbers.groupby("claim"))
    tall = min(0.19 * most + (0.75 if width >= NARROW else 0.9), (HEIGHT - 0.6) / shape[0])
    figure, axes = plt.subplots(*shape, figsize=(width, tall * shape[0] + 0.3), squeeze=False, sharex=True, sharey="row")
    for axis, (head, (dataset, title)) in zip(axes.flat, across, strict=True):
        rows = labels(numbers[numbers["claim"] == head])
        for (kind, shade), shift in zip(SHADES.items(), (-0.17, 0.17), strict=True):
            mine = numbers[(numbers["claim"] == head) & (numbers["dataset"] == dataset) & (numbers["statistic"] == kind)]
            for _, row in mine.iterrows():
                y = list(rows).index(row["method"]) + shift
                axis.plot([row["low"], row["high"]], [y, y], color=shade, lw=1)
                axis.plot(
                    row["difference"], y, MARKS[kind], color=shade, mfc=shade if row["p_holm"] < LEVEL else "white", ms=3.2
                )
        axis.axvspan(-LINEAR, LINEAR, color=SHADE, lw=0, zorder=0)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_title(f"{title}\n{head}" if width < NARROW else title)
        axis.set_xlabel(f"SRCC, {head}" if width >= NARROW else "difference of SRCC")
        axis.set_xscale("symlog", linthresh=LINEAR)
        axis.set_xticks([-0.1, -LINEAR, 0, LINEAR, 0.1, 0.4], ["−.1", "−.02", "0", ".02", ".1", ".4"])
        axis.set_xticks([], minor=True)
        axis.grid(axis="x", lw=0.3, alpha=0.6)
        if first_of_row(axis):
            names = words.fit(rows.values(), 26)
            axis.set_yticks(range(len(names)), names)
            axis.set_ylim(len(names) - 0.5, -0.5)
        axis.tick_params(left=first_of_row(axis), labelbottom=True)
    handles = [plt.Line2D([], [], marker=MARKS[kind], color=shade, ms=3.2, label=kind) for kind, shade in SHADES.items()]
    for name, face in (("decided (Holm)", "#444444"), ("undecided", "white")):
        handles.append(plt.Line2D([], [], ls="", marker="o", color="#444444", mfc=face, ms=3.2, label=name))
    share_legend(figure, [*handles, Patch(color=SHADE, label="linear scale; beyond: logarithmic")])
    return figure
