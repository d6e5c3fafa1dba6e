"""The one engine of resampling: whole references are drawn with replacement, for many methods at once.

Images of one reference are not independent; treating them so makes intervals too narrow. A resample is a weight per
reference, and the same seed draws the same resamples for whatever is computed, so that differences are paired.

The statistics of `correlation` are computed from the weights, for many methods at once (`samples`, `weighted`); any other
on copies of the images (`resampled`). The results are equal to rounding.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from . import correlation, fits, intervals
from .weighted import by_reference, codes, krcc, mean, plcc, plcc_fitted, srcc, within

__all__ = ["by_reference", "codes", "krcc", "mean", "plcc", "plcc_fitted", "srcc", "within"]  # of `weighted`

RESAMPLES = 2000
FIT_RESAMPLES = 200  # for the fitted PLCC, whose every resample is a nonlinear fit
MANY = 30_000_000  # resamples x methods x images from which on the compiled loops are quicker than they take to compile


def resampled(
    statistic: Callable, pred: np.ndarray, quality: np.ndarray, clusters: np.ndarray, count: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """`statistic(pred, quality)` on each of `count` clustered resamples: (count,) or (count, K).

    Equal resamples are computed once: of 5 references there are only 126.
    """
    members = [np.flatnonzero(clusters == cluster) for cluster in pd.unique(clusters)]
    rng = np.random.default_rng(seed)
    drawn = np.sort([rng.integers(len(members), size=len(members)) for _ in range(count)], axis=1)
    distinct, which = np.unique(drawn, axis=0, return_inverse=True)
    rows = (np.concatenate([members[i] for i in some]) for some in distinct)
    return np.array([statistic(pred[some], quality[some]) for some in rows])[which.ravel()]


def interval(statistic: Callable, pred, quality, clusters, count: int = RESAMPLES, seed: int = 0) -> intervals.Interval:
    """`statistic`, a correlation, on all rows with its interval over references; [NaN, NaN] with fewer than 2.

    >>> pred, quality, refs = [1, 2, 3, 2, 3, 5], [1, 2, 3, 1, 3, 2], ["a", "a", "a", "b", "b", "b"]
    >>> interval(correlation.srcc, pred, quality, refs).clusters
    2
    """
    pred, quality, clusters = np.asarray(pred, float), np.asarray(quality, float), np.asarray(clusters)
    groups = len(pd.unique(clusters))
    value, low, high = np.atleast_1d(np.asarray(statistic(pred, quality), float)), np.nan, np.nan
    if groups > 1:
        name = next((name for name in ("srcc", "plcc", "krcc") if statistic is getattr(correlation, name)), None)
        if name is None:
            found = resampled(statistic, pred, quality, clusters, count, seed)[:, None]
        else:
            found = samples(name, pred[None], quality, clusters, count, seed)
        low, high = intervals.of_level(value, intervals.Draws(found, groups))
    return intervals.Interval(*(float(np.squeeze(one)) for one in (value, low, high)), len(pred), groups)


def samples(
    name: str,
    values: np.ndarray,
    quality: np.ndarray,
    clusters: np.ndarray,
    count: int = RESAMPLES,
    seed: int = 0,
    compiled: bool | None = None,
    tick: Callable | None = None,
    near: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """The statistic `name` (srcc, srcc_byref, plcc, plcc_fit4, krcc) of each row of `values` (K, n) in each resample: (B, K).

    `compiled`: by the loops for many images (None: where they are MANY). `tick`, if any, is called K times.
    `near`: parameters of each row's logistic on all images, if they are at hand.
    """
    weights = draw(len(pd.unique(clusters)), count, seed)
    compiled = many(values, weights) if compiled is None else compiled
    watched = name in ("krcc", "plcc_fit4")  # they take their time for each method
    if name == "srcc":
        found = srcc(values, quality, clusters, weights, compiled)
    elif name == "srcc_byref":
        found = mean(within(values, quality, clusters, compiled), weights)
    elif name == "plcc":
        found = plcc(values, quality, clusters, weights)
    elif name == "krcc":
        found = krcc(values, quality, clusters, weights, compiled, tick)
    elif compiled:
        found = plcc_fitted(values, quality, clusters, weights, tick, near)
    else:
        columns, watched = [], False
        for m, row in enumerate(values):
            begin = fits.logistic(row, quality).parameters if near is None else near[m]
            fitted = functools.partial(fits.plcc_fitted, begin=begin)
            columns.append(resampled(fitted, row, quality, clusters, count, seed))
        found = np.stack(columns, axis=1)
    for _ in () if watched or tick is None else values:
        tick()
    return found


def many(values: np.ndarray, weights: np.ndarray) -> bool:
    """Whether (K, n) `values` in resamples of `weights` (B, R) are so many that compiled loops pay."""
    return len(np.unique(weights, axis=0)) * values.size >= MANY


@functools.lru_cache(maxsize=8)
def draw(clusters: int, count: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each of `clusters` references is in each of `count` resamples: (count, clusters) float64, read-only."""
    rng = np.random.default_rng(seed)
    out = np.empty((count, clusters))
    for row in out:
        row[:] = np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
    out.flags.writeable = False  # whoever asks for the same gets the same
    return out
