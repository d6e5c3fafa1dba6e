"""Figures that a page cannot hold, on several: each a figure of its own, with its own numbers."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..files import csv_files, paths
from .saving import save
from .style import HEIGHT


def save_pages(draw: Callable[[pd.DataFrame], Figure], name: str, numbers: pd.DataFrame, caption: str, by="backbone", **common):
    """`save` what `draw` makes of `numbers`: as NAME, and where one page is too low also as NAME_page2, NAME_page3, ...

    A page has all rows of some values of the column `by`, in their order. Pages that an earlier run left over are removed.
    `common` are the other arguments of `save`.
    """
    parts = pages(draw, csv_files.stored(numbers), by)
    for number, part in enumerate(parts, start=1):
        about = f"{caption} (page {number} of {len(parts)})" if len(parts) > 1 else caption
        save(draw(part), name if number == 1 else f"{name}_page{number}", part, about, **common)
    number = len(parts) + 1
    while left := list(paths.figures().glob(f"{name}_page{number}.*")):
        for file in left:
            file.unlink()
        number += 1


def pages(draw: Callable[[pd.DataFrame], Figure], numbers: pd.DataFrame, by: str) -> list[pd.DataFrame]:
    """`numbers` in as few parts as there have to be for each to be drawn on a page; a single value of `by` stays whole."""
    values = list(dict.fromkeys(numbers[by]))
    whole = _height(draw, numbers)
    if whole <= HEIGHT:
        return [numbers]
    heights = [_height(draw, numbers[numbers[by] == value]) for value in values]
    for count in range(int(np.ceil(whole / HEIGHT)), len(values)):
        parts = [numbers[numbers[by].isin(some)] for some in _split(values, heights, count)]
        if all(_height(draw, part) <= HEIGHT for part in parts):
            return parts
    return [numbers[numbers[by] == value] for value in values]


def _split(values: list[str], heights: list[float], count: int) -> list[list[str]]:
    """`values` in `count` runs of about the same height, none of them empty."""
    middle = np.cumsum(heights) - np.array(heights) / 2
    number = np.minimum((middle / sum(heights) * count).astype(int), count - 1)
    return [part for part in ([v for v, n in zip(values, number, strict=True) if n == i] for i in range(count)) if part]


def _height(draw: Callable[[pd.DataFrame], Figure], numbers: pd.DataFrame) -> float:
    figure = draw(numbers)
    plt.close(figure)
    return figure.get_figheight()
