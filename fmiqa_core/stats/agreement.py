"""Agreement of methods with people: the one table of numbers behind every other table and figure.

Pooled over all images, and within references (the mean over them), each with its 95 % interval where it has one.
"""

from collections.abc import Callable, Iterable

import pandas as pd

from ..data.scores import METHODS, Scores
from . import bootstrap, resamples

STATISTICS = ("srcc", "srcc_byref", "plcc", "plcc_fit4", "krcc")
BY = ("distortion", "ref", "layer")


def agreement(
    scores: Scores,
    by: str | None = None,
    count: int = bootstrap.RESAMPLES,
    fits_count: int = 0,
    seed: int = 0,
    statistics: tuple[str, ...] = STATISTICS,
) -> pd.DataFrame:
    """A row for each method (and group: `all` first, then each value of `by`, "distortion" or "ref").

    Columns: dataset, group, those of `Scores.methods`, n, refs, and each of `statistics` with `_low` and `_high`.
    Intervals resample references; within by="ref" images. Of `plcc_fit4` they come from `fits_count` resamples (0: none),
    of `krcc` where the number of images allows. Raises InputError where there is nothing to correlate.
    """
    return of_groups(resamples.groups(scores, by, count, seed), fits_count, statistics)


def of_groups(
    groups: Iterable[resamples.Group],
    fits_count: int = 0,
    statistics: tuple[str, ...] = STATISTICS,
    tick: Callable | None = None,
) -> pd.DataFrame:
    """`agreement` of `resamples.groups`. `tick`, if any, is called for each method, statistic and group."""
    return pd.concat([_rows(group, fits_count, statistics, tick) for group in groups], ignore_index=True)


def _rows(group: resamples.Group, fits_count: int, statistics, tick: Callable | None) -> pd.DataFrame:
    scores = group.scores
    out = scores.methods[METHODS].copy()
    out.insert(0, "dataset", scores.dataset)
    out.insert(1, "group", group.name)
    out = out.assign(n=len(scores.images), refs=scores.images["ref"].nunique())
    for name in statistics:
        out[name] = group.point(name)
        out[f"{name}_low"], out[f"{name}_high"] = group.interval(name, fits_count if name == "plcc_fit4" else None, tick)
    return out
