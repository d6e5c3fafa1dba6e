"""Heat maps of the released scores, monotone in grey, with the value in each cell; each a function of one table."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from ..data.methods import PERTURBATIONS
from . import words
from .method_rows import datasets, labels, rows
from .style import COLUMN, NARROW, PAGE, every, panels

PER_REFERENCE = 10  # images of a type that a reference has at least, for SRCC within it to be drawn
WORDS = {"srcc": "pooled", "srcc_byref": "within references, mean"}
MANY = 10  # more columns than this have their names upright


def absolute(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC on clean and on perturbed images, pooled on the left and within references on the right of each panel.

    `numbers`: as of `robustness_tables.absolute`.
    """
    methods = labels(numbers)
    there = dict.fromkeys(numbers["perturbation"])
    order = [*(kind for kind in PERTURBATIONS if kind in there), *(kind for kind in there if kind not in PERTURBATIONS)]
    kinds = {kind: PERTURBATIONS.get(kind, kind).removeprefix("1 % ").removeprefix("1° ") for kind in order}
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.17 * len(methods) + 1.1, 0.2, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        wide = numbers[numbers["dataset"] == dataset].pivot(index="method", columns="perturbation")
        sides = [wide[name].reindex(index=list(methods), columns=order).to_numpy() for name in ("srcc", "srcc_byref")]
        heat(axis, np.hstack(sides), size=5.5)
        axis.axvline(len(kinds) - 0.5, color="white", lw=3)
        axis.set_xticks(range(2 * len(kinds)), [*kinds.values()] * 2, rotation=90)
        for side, name in enumerate(("pooled", "within refs.")):
            axis.text(len(kinds) * (side + 0.5) - 0.5, -0.7, name, ha="center", va="bottom", fontsize=6.5)
        axis.set_title(title, pad=14)
    rows(axes, methods.values())
    return figure


def type_map(numbers: pd.DataFrame, width: float | None = None) -> Figure:
    """Heat map: SRCC of each method within each distortion type, the value in each cell and n under each type.

    `numbers`: as of `type_tables.type_rows`, of one dataset; where `within_says`, the mean within references (srcc_byref)
    stands beside the pooled. `width` None: by the number of types and the length of names.
    """
    methods = labels(numbers)
    ((_, title),) = datasets(numbers)
    types = numbers.drop_duplicates("distortion").set_index("distortion")
    statistics = ["srcc", "srcc_byref"] if within_says(numbers) else ["srcc"]
    many = len(types) > MANY
    long = max(map(len, methods.values())) > 28
    width = width or (PAGE if many or len(statistics) > 1 else COLUMN * (1.6 if long else 1.25))
    names = words.fit(methods.values(), 26 if width < 1.5 * COLUMN else words.WIDE_ROW)
    kinds = words.fit(types["type"].astype(str), 24)
    beside = 1 if many or width < NARROW else len(statistics)
    upright = many or beside > 1 or width < 1.2 * COLUMN
    cell = (width - 0.062 * max(map(len, names)) - 0.5) / len(types) / beside  # inches
    below = 0.3 if many and max(map(len, kinds)) > 21 else 0
    lines = every(cell) if many else 1  # narrow: the types stand in several lines, so that all names can be read
    across = -(-len(types) // lines)
    cell *= len(types) / across
    height = 0.17 * len(methods) + (1.7 if many else 1.2) + below
    down = lines * len(statistics) // beside
    figure, axes = plt.subplots(down, beside, figsize=(width, height * down), squeeze=False)
    two = not many and cell > 0.22  # lines under a cell
    ticks = [
        f"{kind}\nn = {t.n}" if two else f"{kind} ({t.n})" if code == t.type or not many else f"{code} {kind} ({t.n})"
        for kind, (code, t) in zip(kinds, types.iterrows(), strict=True)
    ]
    blocks = [(name, slice(line * across, (line + 1) * across)) for name in statistics for line in range(lines)]
    for axis, (statistic, here) in zip(axes.flat, blocks, strict=True):
        wide = numbers.pivot(index="method", columns="distortion", values=statistic).loc[list(methods), list(types.index)]
        image = heat(axis, wide.iloc[:, here].to_numpy(), size=None if cell < 0.135 else 5.6 if many else 6)
        axis.set_xticks(range(len(ticks[here])), ticks[here], rotation=90 if upright else 45, fontsize=6)
        axis.set_yticks(range(len(wide)), names if axis in axes[:, 0] else [])
        if lines > 1:
            axis.set_xlim(-0.5, across - 0.5)  # cells of one size in all lines
        if here.start == 0:
            head = f"{title}: SRCC within each distortion type (n images in brackets)" if many else title
            head = f"{head}, {WORDS[statistic]}" if len(statistics) > 1 else head
            axis.set_title(words.wrapped(head, cell * across))
    place = {"ax": axes[0, 0] if axes.size == 1 else list(axes.flat)}
    bar = figure.colorbar(image, **place, fraction=0.02, pad=0.01, aspect=40, ticks=[0, 0.4, 0.6, 0.8, 0.9, 1])
    bar.ax.tick_params(labelsize=6)
    bar.set_label("SRCC (colour by its square)", fontsize=6)
    return figure


def within_says(numbers: pd.DataFrame) -> bool:
    """Whether each reference has PER_REFERENCE images of each type: fewer are the levels of one distortion, little to order."""
    return {"refs", "srcc_byref"} <= {*numbers} and len(numbers) > 0 and (numbers["n"] >= PER_REFERENCE * numbers["refs"]).all()


def heat(axis, values: np.ndarray, size: float | None):
    """Cells with their values in letters of `size` points (None: without), monotone in grey.

    Squared, so that differences between high values show.
    """
    image = axis.imshow(values, norm=PowerNorm(2, 0, 1, clip=True), cmap="cividis", aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else "" if size is None else f"{value:.2f}".replace("0.", ".", 1)
        shade = "#FFB000" if value < 0 else "white" if value < 0.72 else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=size or 6, color=shade)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    return image
