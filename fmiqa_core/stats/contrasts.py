"""Differences between methods, paired: on the same images, in the same resamples of the references."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..data.scores import Scores
from ..errors import InputError
from . import bootstrap, significance
from .agreement import point, rated

COLUMNS = ("difference", "low", "high", "p", "p_holm")


def contrast(
    scores: Scores,
    pairs: Iterable[tuple[str, str]] | None = None,
    by: str | None = None,
    count: int = bootstrap.RESAMPLES,
    seed: int = 0,
    statistics: tuple[str, ...] = ("srcc", "srcc_byref"),
) -> pd.DataFrame:
    """A row for each pair of methods (and group, as in `agreement`): SRCC of a minus SRCC of b, positive = a agrees better.

    `pairs` None: all, the one with the higher SRCC first. Columns: dataset, group, a, b, n, refs, and COLUMNS pooled, then
    with the prefix `byref_` the same within references; of another statistic with its name as prefix. `p_holm` is over the
    pairs of a group. Raises InputError for an unknown method.
    """
    some = rated(scores)
    groups = [("all", some)]
    if by is not None:
        kinds = some.images[by].astype(str)
        groups += [(kind, some.where((kinds == kind).to_numpy())) for kind in sorted(kinds.unique())]
    pairs = None if pairs is None else [tuple(pair) for pair in pairs]
    return pd.concat([_rows(part, group, pairs, count, seed, statistics) for group, part in groups], ignore_index=True)


def _rows(scores: Scores, group: str, pairs, count: int, seed: int, statistics) -> pd.DataFrame:
    values, quality, refs = scores.values, scores.quality, scores.refs
    names = scores.methods["method"].tolist()
    at = {name: i for i, name in enumerate(names)}
    pooled = point("srcc", values, quality, refs)
    if pairs is None:
        ranked = [names[i] for i in np.argsort(-pooled, kind="stable")]
        pairs = [(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :]]
    for name in {name for pair in pairs for name in pair} - set(at):
        raise InputError(f"No method {name} among these scores.")
    out = pd.DataFrame(pairs, columns=["a", "b"])
    out.insert(0, "dataset", scores.dataset)
    out.insert(1, "group", group)
    out = out.assign(n=len(quality), refs=len(pd.unique(refs)))
    for name in statistics:
        prefix = {"srcc": "", "srcc_byref": "byref_"}.get(name, f"{name}_")
        value = point(name, values, quality, refs)
        found = bootstrap.samples(name, values, quality, refs, count, seed)
        alone = len(pd.unique(refs)) < 2  # a single reference: no interval, no test
        rows = [_difference(found, value, at[a], at[b], alone) for a, b in pairs]
        part = pd.DataFrame(rows, columns=list(COLUMNS[:-1])).astype(float)
        part["p_holm"] = significance.holm(part["p"])
        out = pd.concat([out, part.add_prefix(prefix)], axis=1)
    return out


def _difference(found: np.ndarray, value: np.ndarray, a: int, b: int, alone: bool) -> dict[str, float]:
    gap = value[a] - value[b]
    if alone or not np.isfinite(found[:, a] - found[:, b]).any():
        return {"difference": gap, "low": np.nan, "high": np.nan, "p": np.nan}
    return significance.difference(found[:, a], found[:, b], gap)
