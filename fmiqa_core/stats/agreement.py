"""Agreement of methods with people: the one table of numbers behind every other table and figure.

Pooled over all images, and within references (the mean over them), each with its 95 % interval where it has one.
"""

import numpy as np
import pandas as pd

from ..data.scores import METHODS, Scores
from ..errors import InputError
from . import bootstrap, correlation, fits

STATISTICS = ("srcc", "srcc_byref", "plcc", "plcc_fit4", "krcc")
BY = ("distortion", "ref", "layer")
KRCC_LIMIT = 3e8  # methods x images x images up to which Kendall's tau gets an interval
FEWEST = 3  # images that a correlation needs


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
    some = rated(scores)
    groups = [("all", some, some.refs)]
    if by is not None:
        if by not in ("distortion", "ref"):
            raise InputError(f"Agreement by {by!r} is not known: use distortion or ref.")
        kinds = some.images[by].astype(str)
        parts = ((kind, some.where((kinds == kind).to_numpy())) for kind in sorted(kinds.unique()))
        groups += [(kind, part, part.images["dis"].to_numpy() if by == "ref" else part.refs) for kind, part in parts]
    return pd.concat(
        [_rows(part, group, who, statistics, (count, fits_count, seed)) for group, part, who in groups], ignore_index=True
    )


def rated(scores: Scores) -> Scores:
    """The images that somebody rated; InputError where they are too few to correlate."""
    found = scores.rated()
    if len(found.images) < FEWEST:
        raise InputError(
            f"{len(found.images)} rows with a human score or severity, of the {len(scores.images)} of {scores.title}: "
            f"correlation needs at least {FEWEST}."
        )
    return found


def _rows(scores: Scores, group: str, clusters: np.ndarray, statistics, draws: tuple[int, int, int]) -> pd.DataFrame:
    out = scores.methods[METHODS].copy()
    out.insert(0, "dataset", scores.dataset)
    out.insert(1, "group", group)
    out = out.assign(n=len(scores.images), refs=scores.images["ref"].nunique())
    for name in statistics:
        out[name] = point(name, scores.values, scores.quality, scores.refs)
        out[f"{name}_low"], out[f"{name}_high"] = _interval(name, scores.values, scores.quality, clusters, draws)
    return out


def point(name: str, values: np.ndarray, quality: np.ndarray, refs: np.ndarray) -> np.ndarray:
    """The statistic `name` of each row of `values` (K, n): (K,)."""
    if name == "srcc_byref":
        return mean(bootstrap.within(values, quality, refs))
    function = fits.plcc_fitted if name == "plcc_fit4" else getattr(correlation, name)
    return np.array([function(row, quality) for row in values], float)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over references (K, R) -> (K,); references where it is not defined are left out."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there, values, 0).sum(1) / there.sum(1)


def _interval(name: str, values: np.ndarray, quality: np.ndarray, clusters: np.ndarray, draws: tuple[int, int, int]):
    """Low and high (K,), NaN where there is no interval."""
    count, fits_count, seed = draws
    how_many, n = len(pd.unique(clusters)), len(quality)
    nothing_inside = name == "srcc_byref" and how_many == n  # each image is a cluster of its own
    too_many = name == "krcc" and len(values) * n**2 > KRCC_LIMIT
    if nothing_inside or too_many or (name == "plcc_fit4" and not fits_count):
        return tuple(np.full(len(values), np.nan) for _ in range(2))
    if name == "plcc_fit4":
        some = [bootstrap.resampled(fits.plcc_fitted, row, quality, clusters, fits_count, seed) for row in values]
        found = np.stack(some, axis=1)
    elif name == "krcc":
        found = np.stack([bootstrap.krcc(row, quality, clusters, count, seed) for row in values], axis=1)
    else:
        found = bootstrap.samples(name, values, quality, clusters, count, seed)
    return bootstrap.ends(found, how_many)
