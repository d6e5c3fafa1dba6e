"""How much of what people and methods say stands between references: an order that pooled SRCC counts, whoever gave it.

Where people's scores hold next to nothing between references, what a method says between them is noise to its pooled SRCC:
of a share s of the variance of its ranks, about a factor sqrt(1 - s) of its SRCC within references is left.
"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from . import bootstrap, resamples

PEOPLE = "people"  # in the column of methods


def between(values: np.ndarray, clusters: np.ndarray) -> float:
    """Share of the variance of `values` (n,) that the means of the clusters have; NaN where nothing varies.

    >>> between([1, 3, 5, 7], ["a", "a", "b", "b"])
    0.8
    """
    values, member = np.asarray(values, float), bootstrap.codes(clusters)
    middle = (np.bincount(member, values) / np.bincount(member))[member]
    total = np.square(values - values.mean()).sum()
    return float(np.square(middle - values.mean()).sum() / total) if total > 0 else np.nan


def shares(group: resamples.Group, names: list[str | None]) -> pd.DataFrame:
    """A row for people, then one for each method of `group` that has a name in `names` (K,).

    Columns: dataset, method, n, refs, between (of the scores), between_ranks (of their ranks over all images).
    """
    scores = group.scores
    rows = [(PEOPLE, scores.quality), *((name, row) for name, row in zip(names, scores.values, strict=True) if name)]
    out = pd.DataFrame({"dataset": scores.dataset, "method": [name for name, _ in rows]})
    out = out.assign(n=len(scores.images), refs=scores.images["ref"].nunique())
    out["between"] = [between(values, scores.refs) for _, values in rows]
    out["between_ranks"] = [between(rankdata(values), scores.refs) for _, values in rows]
    return out
