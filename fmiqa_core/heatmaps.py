"""Heat maps of the released scores, monotone in grey, with the value in each cell."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import PowerNorm

from . import released_names, released_tables
from .figures import COLUMN, PAGE
from .released_figures import Drawn, label
from .released_tables import DATASETS, MAIN, PERTURBATIONS


def absolute(methods=MAIN) -> Drawn:
    """SRCC on clean and on perturbed images: a column per perturbation, the value in each cell."""
    rows = [released_tables.points(kind, methods) for kind in ("none", *PERTURBATIONS)]
    numbers = pd.concat(rows, ignore_index=True)[
        ["dataset", "method", "label", "perturbation", "srcc", "srcc_low", "srcc_high"]
    ]
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 0.17 * len(methods) + 0.9), sharey=True)
    for axis, (dataset, title) in zip(axes, DATASETS.items(), strict=True):
        wide = numbers[numbers["dataset"] == dataset].pivot(index="method", columns="perturbation", values="srcc")
        heat(axis, wide.loc[list(methods), ["none", *PERTURBATIONS]].to_numpy(), size=6)
        axis.set_xticks(range(4), ["clean", *(t.removeprefix("1 % ").removeprefix("1° ") for t in PERTURBATIONS.values())])
        axis.set_title(title)
    axes[0].set_yticks(range(len(methods)), [label(m) for m in methods])
    return figure, numbers


def type_map(dataset: str, methods=MAIN) -> Drawn:
    """Heat map: SRCC of each method within each distortion type, the value in each cell and n under each type."""
    wide, n = released_tables.types(dataset, methods)
    names = released_names.TYPES[dataset]
    many = len(wide.columns) > 10
    figure, axis = plt.subplots(figsize=(PAGE if many else COLUMN * 1.25, 0.17 * len(wide) + (1.7 if many else 1.2)))
    image = heat(axis, wide.to_numpy(), size=5.6 if many else 6)
    ticks = [f"{names[c]}\nn = {n[c]}" if not many else f"{c} {names[c]} ({n[c]})" for c in wide.columns]
    axis.set_xticks(range(len(ticks)), ticks, rotation=90 if many else 45, fontsize=6)
    axis.set_yticks(range(len(wide)), wide.index)
    axis.set_title(
        f"{DATASETS[dataset]}: SRCC within each distortion type (n images in brackets)" if many else DATASETS[dataset]
    )
    bar = figure.colorbar(image, ax=axis, fraction=0.02, pad=0.01, ticks=[0, 0.4, 0.6, 0.8, 0.9, 1])
    bar.ax.tick_params(labelsize=6)
    return figure, wide.rename_axis("method").reset_index()


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
