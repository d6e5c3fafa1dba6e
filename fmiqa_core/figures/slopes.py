"""The slope chart of notebook 05: over all images against within references; saving is `figures.save`."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

from . import words
from .method_rows import datasets
from .style import COLUMN, FAMILY_MARKERS, colours


def pooled_by_reference(numbers: pd.DataFrame, width: float | None = None) -> Figure:
    """Slope chart: SRCC over all images and mean SRCC within references.

    `numbers`: as of `tables.points`, of one dataset. `width` None: by the length of the names. A value that is not known
    stands below as a dash.
    """
    ((_, title),) = datasets(numbers)
    width = width or COLUMN * (1.35 if numbers["label"].str.len().max() <= 28 else 1.75)
    most = 28 if width < 1.7 * COLUMN else words.WIDE_ROW
    shades, height = colours(numbers["method"]), max(4.1, 0.12 * len(numbers) + 0.8)
    figure, axis = plt.subplots(figsize=(width, height))
    both = numbers[["srcc", "srcc_byref"]].to_numpy(float)
    known_ones = both[~np.isnan(both)]
    extent = np.ptp(known_ones) if known_ones.size else 0
    gap = max(0.0135, 0.1 * extent / (height - 0.6))  # letters are 0.1 inches high
    names = dict(zip(numbers.index, words.fit(numbers["label"], most), strict=True))
    for side, column, align in ((0, "srcc", "right"), (1, "srcc_byref", "left")):
        ranked = numbers.sort_values(column, na_position="first")
        values = ranked[column].to_numpy(float)
        unknown = np.isnan(values).sum()
        least = values[unknown] if unknown < len(values) else 0
        heights = _spread(np.append(least - gap * np.arange(unknown, 0, -1), values[unknown:]), gap)
        for (at, row), y in zip(ranked.iterrows(), heights, strict=True):
            number = "–" if np.isnan(row[column]) else f"{row[column]:.3f}"
            name = f"{names[at]} {number}" if align == "right" else f"{number} {names[at]}"
            shade = shades[row["method"]]
            axis.text(side + (0.12 if side else -0.12), y, name, ha=align, va="center", fontsize=6.5, color=shade)
            axis.plot([side, side + (0.1 if side else -0.1)], [row[column], y], color=shade, lw=0.4)
    for _, row in numbers.iterrows():
        marker = FAMILY_MARKERS.get(row["family"], "X")
        axis.plot([0, 1], [row["srcc"], row["srcc_byref"]], marker=marker, color=shades[row["method"]], lw=1)
    axis.set(xlim=(-1.5, 2.5), title=f"{title}: SRCC")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks([])
    axis.tick_params(length=0)
    axis.set_xticks([0, 1], ["all images", "mean within\nreferences"])
    return figure


def _spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Heights near sorted `values`, at least `gap` apart, for labels."""
    heights = values.astype(float).copy()
    for _ in range(max(300, 10 * len(heights))):
        close = np.diff(heights) < gap
        if not close.any():
            break
        push = np.where(close, (gap - np.diff(heights)) / 2 + 1e-6, 0)
        heights[:-1] -= push
        heights[1:] += push
    steps = gap * np.arange(len(heights))
    crowded = np.diff(heights).min(initial=gap) < 0.9 * gap  # too many for that: the nearest heights that there are
    return isotonic_regression(values - steps).x + steps if crowded else heights
