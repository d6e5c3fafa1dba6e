"""Differences between methods, paired: on the same images, in the same resamples of the references."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ..data.scores import Scores
from ..errors import InputError
from . import bootstrap, intervals, resamples, significance

COLUMNS = ("difference", "low", "high", "p", "p_holm")
PREFIX = {"srcc": "", "srcc_byref": "byref_"}  # of these columns, by statistic; of another its name


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
    return of_groups(resamples.groups(scores, by, count, seed), pairs, statistics)


def of_groups(
    groups: Iterable[resamples.Group],
    pairs: Iterable[tuple[str, str]] | None = None,
    statistics: tuple[str, ...] = ("srcc", "srcc_byref"),
) -> pd.DataFrame:
    """`contrast` of `resamples.groups`."""
    pairs = None if pairs is None else [tuple(pair) for pair in pairs]
    return pd.concat([_rows(group, pairs, statistics) for group in groups], ignore_index=True)


def _rows(group: resamples.Group, pairs, statistics) -> pd.DataFrame:
    scores = group.scores
    names = scores.methods["method"].tolist()
    at = {name: i for i, name in enumerate(names)}
    if pairs is None:
        ranked = [names[i] for i in np.argsort(-group.point("srcc"), kind="stable")]
        pairs = [(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :]]
    for name in {name for pair in pairs for name in pair} - set(at):
        raise InputError(f"No method {name} among these scores.")
    out = pd.DataFrame(pairs, columns=["a", "b"])
    out.insert(0, "dataset", scores.dataset)
    out.insert(1, "group", group.name)
    out = out.assign(n=len(scores.images), refs=scores.images["ref"].nunique())
    one, two = ([at[pair[side]] for pair in pairs] for side in (0, 1))
    for name in statistics:
        prefix = PREFIX.get(name, f"{name}_")
        part = pd.DataFrame(group.difference(name, one, two)).astype(float)
        part["p_holm"] = significance.holm(part["p"])
        out = pd.concat([out, part.add_prefix(prefix)], axis=1)
    return out


def sameness(group: resamples.Group, pairs: pd.DataFrame, margin: float = intervals.MARGIN) -> pd.DataFrame:
    """What the undecided differences among `pairs` (columns a, b) would take, in their order.

    Columns: a, b, margin, and of SRCC pooled, then with `byref_`: p_equivalent (that the difference lies within `margin`),
    refs_needed (to tell the difference that there is from none, at 5 % with a power of 80 %), refs_needed_for_margin.
    """
    at = {name: i for i, name in enumerate(group.scores.methods["method"])}
    one, two = ([at[name] for name in pairs[side]] for side in ("a", "b"))
    out = pairs[["a", "b"]].assign(margin=margin)
    for name, prefix in PREFIX.items():
        gap = group.point(name)[one] - group.point(name)[two]
        found = intervals.sameness(gap, group.draws(name).minus(one, two), margin)
        out = out.assign(**{f"{prefix}{key}": values for key, values in found.items()})
    return out
