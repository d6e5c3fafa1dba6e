"""The scatter of notebook 05: images in the plane of two scores; saving is `figures.save`."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import words
from .method_rows import datasets, labels
from .style import PAGE, colours


def scatter(numbers: pd.DataFrame, width: float = PAGE, human: dict[str, str] | None = None) -> Figure:
    """Where the images lie in the plane of stored score and human score, with the fitted logistic.

    `numbers`: as of `benchmark.scatter`. `human`: dataset -> what its human score is called. Where the methods do
    not fit one line, they take several.
    """
    methods, shades, shown = labels(numbers), colours(numbers["method"]), datasets(numbers)
    lines = -(-len(methods) // max(2, int(width / 1.1)))
    columns = -(-len(methods) // lines)
    shape = (len(shown) * lines, columns)
    figure, axes = plt.subplots(*shape, figsize=(width, 1.5 * shape[0] + 0.4), squeeze=False)
    for i, (dataset, title) in enumerate(shown):
        for j, method in enumerate(methods):
            axis = axes[i * lines + j // columns, j % columns]
            here = numbers[(numbers["dataset"] == dataset) & (numbers["method"] == method)]
            cells, line = here[here["part"] == "cell"], here[here["part"] == "curve"]
            share = np.log1p(cells["images"]) / np.log1p(cells["images"].max())
            look = {"cmap": "Greys", "vmin": -0.5, "vmax": 1.8, "marker": "s", "linewidths": 0, "rasterized": len(cells) > 100}
            axis.scatter(cells["x"], cells["y"], s=1.5, c=share, **look)
            axis.plot(line["x"], line["y"], color=shades[method], lw=1.6)
            axis.tick_params(labelsize=6)
            if i == 0 or lines > 1:
                axis.set_title(words.wrapped(methods[method], 0.95 * width / columns))
            if j % columns == 0:
                axis.set_ylabel(f"{words.wrapped(title, 1.2)}\n{(human or {}).get(dataset) or words.human(dataset)}")
            if i == len(shown) - 1 and j + columns >= len(methods):
                axis.set_xlabel("stored score")
        for axis in axes[i * lines : (i + 1) * lines].flat[len(methods) :]:
            axis.axis("off")
    return figure
