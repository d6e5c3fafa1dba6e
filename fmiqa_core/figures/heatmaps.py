"""Heat maps of the released scores, monotone in grey, with the value in each cell; each a function of one table."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from .comparison import datasets, labels
from .style import COLUMN, PAGE, panels
from .tables import PERTURBATIONS

MANY = 10  # more columns than this have their names upright


def absolute(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """SRCC on clean and on perturbed images: a column per perturbation, the value in each cell.

    `numbers`: as of `released_tables.absolute`.
    """
    methods = labels(numbers)
    kinds = {"none": "clean"} | {k: t.removeprefix("1 % ").removeprefix("1° ") for k, t in PERTURBATIONS.items()}
    kinds = {kind: text for kind, text in kinds.items() if kind in set(numbers["perturbation"])}
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.17 * len(methods) + 0.7, 0.2, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        wide = numbers[numbers["dataset"] == dataset].pivot(index="method", columns="perturbation", values="srcc")
        heat(axis, wide.reindex(index=list(methods), columns=list(kinds)).to_numpy(), size=6)
        axis.set_xticks(range(len(kinds)), kinds.values())
        axis.set_title(title)
    axes[0].set_yticks(range(len(methods)), methods.values())
    return figure


def type_map(numbers: pd.DataFrame, width: float | None = None) -> Figure:
    """Heat map: SRCC of each method within each distortion type, the value in each cell and n under each type.

    `numbers`: as of `released_tables.type_rows`, of one dataset. `width` None: by the number of types.
    """
    methods = labels(numbers)
    ((_, title),) = datasets(numbers)
    types = numbers.drop_duplicates("distortion").set_index("distortion")
    wide = numbers.pivot(index="method", columns="distortion", values="srcc").loc[list(methods), list(types.index)]
    many = len(types) > MANY
    width = width or (PAGE if many else COLUMN * 1.25)
    upright = many or width < 1.2 * COLUMN
    figure, axis = plt.subplots(figsize=(width, 0.17 * len(wide) + (1.7 if many else 1.2)))
    image = heat(axis, wide.to_numpy(), size=5.6 if many else 6)
    ticks = [f"{code} {t.type} ({t.n})" if many else f"{t.type}\nn = {t.n}" for code, t in types.iterrows()]
    axis.set_xticks(range(len(ticks)), ticks, rotation=90 if upright else 45, fontsize=6)
    axis.set_yticks(range(len(wide)), methods.values())
    axis.set_title(f"{title}: SRCC within each distortion type (n images in brackets)" if many else title)
    bar = figure.colorbar(image, ax=axis, fraction=0.02, pad=0.01, aspect=40, ticks=[0, 0.4, 0.6, 0.8, 0.9, 1])
    bar.ax.tick_params(labelsize=6)
    return figure


def heat(axis, values: np.ndarray, size: float):
    """Cells with their values, monotone in grey; squared, so that differences between high values show."""
    image = axis.imshow(values, norm=PowerNorm(2, 0, 1, clip=True), cmap="cividis", aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.2f}".replace("0.", ".", 1)
        shade = "#FFB000" if value < 0 else "white" if value < 0.72 else "black"
        axis.text(j, i, text, ha="center", va="center", fontsize=size, color=shade)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    return image
