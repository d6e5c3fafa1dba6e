"""Who is first how often, when references are drawn anew: pooled and within references.

A share of resamples, no test: that one method leads in nine of ten does not set it apart from the second.
"""

import numpy as np
import pandas as pd

from . import bootstrap, resamples
from .contrasts import PREFIX


def leaders(group: resamples.Group, names: list[str | None]) -> pd.DataFrame:
    """A row for each method of `group` that has a name in `names` (K,).

    Columns: dataset, method, n, refs, rank and first (share of resamples in which its SRCC is the highest of all named; a
    tie is shared), then byref_rank and byref_first of SRCC within references, mean. NaN with fewer than two references.
    """
    scores, kept = group.scores, np.array([bool(name) for name in names])
    out = pd.DataFrame({"dataset": scores.dataset, "method": [name for name in names if name]})
    out = out.assign(n=len(scores.images), refs=group.drawn)
    inside = group.inside("srcc")
    weights = bootstrap.draw(group.drawn, group.count, group.seed)
    drawn = {
        "": group.draws("srcc").values,
        "byref_": bootstrap.mean(inside, weights) if group.count else np.empty((0, len(kept))),
    }
    for name, prefix in PREFIX.items():
        out[f"{prefix}rank"] = pd.Series(group.point(name)[kept]).rank(ascending=False, method="min").to_numpy()
        out[f"{prefix}first"] = first(drawn[prefix][:, kept]) if group.drawn > 1 else np.nan
    return out


def first(values: np.ndarray) -> np.ndarray:
    """Share of the rows of `values` (B, K) in which each column is the highest: (K,). Rows without any are left out."""
    values = values[np.isfinite(values).any(1)]
    best = values == np.nanmax(values, axis=1, keepdims=True, initial=-np.inf)
    return (best / best.sum(1, keepdims=True)).sum(0) / len(values) if len(values) else np.full(values.shape[1], np.nan)
