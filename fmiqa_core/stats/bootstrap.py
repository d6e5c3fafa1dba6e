"""The one engine of resampling: whole references are drawn with replacement, for many methods at once.

Images of one reference are not independent; treating them so makes intervals too narrow. A resample is a weight per
reference, and the same seed draws the same resamples for whatever is computed, so that differences are paired.

Few images are copied and ranked anew in each distinct resample (`resampled`). For many, nothing is sorted twice
(`srcc`): each method is sorted once, and in a resample with integer weights the midrank of a run of ties is
(weight before it) + (its weight + 1) / 2, a cumulative sum. Pearson's sums are sums over references, so all resamples are
one matrix product. The results are equal to rounding.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from . import correlation

RESAMPLES = 2000
FIT_RESAMPLES = 200  # for the fitted PLCC, whose every resample is a nonlinear fit
MANY = 10_000_000  # resamples x methods x images from which on the compiled loops are quicker than they take to compile


@dataclass(frozen=True)
class Interval:
    """A statistic with its 95 % percentile interval, over n images of `clusters` references."""

    value: float
    low: float
    high: float
    n: int
    clusters: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def resampled(
    statistic: Callable, pred: np.ndarray, quality: np.ndarray, clusters: np.ndarray, count: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """`statistic(pred, quality)` on each of `count` clustered resamples: (count,) or (count, K).

    Equal
    resamples are computed once: of 5 references there are only 126.
    """
    members = [np.flatnonzero(clusters == cluster) for cluster in pd.unique(clusters)]
    rng = np.random.default_rng(seed)
    drawn = np.sort([rng.integers(len(members), size=len(members)) for _ in range(count)], axis=1)
    distinct, which = np.unique(drawn, axis=0, return_inverse=True)
    rows = (np.concatenate([members[i] for i in some]) for some in distinct)
    return np.array([statistic(pred[some], quality[some]) for some in rows])[which.ravel()]


def krcc(pred: np.ndarray, quality: np.ndarray, clusters: np.ndarray, count: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """What `resampled(correlation.krcc, ...)` gives, (count,), in a hundredth of the time up to some thousand images.

    A resample is a weight per image, and tau-b a ratio of quadratic forms in the weights: with S the signs of all
    pairwise differences, w'(S_x S_y)w / sqrt(w'|S_x|w w'|S_y|w). Memory: n x n.
    """
    member = codes(clusters)
    weights = draw(member.max() + 1, count, seed)[:, member]
    x, y = (np.sign(v[:, None] - v[None, :]) for v in (pred, quality))
    both, only_x, only_y = (((weights @ signs) * weights).sum(axis=1) for signs in (x * y, abs(x), abs(y)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return both / np.sqrt(only_x * only_y)


def percentile(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % percentile interval along the first axis; failed resamples (NaN) are left out."""
    low, high = np.nanpercentile(samples, [2.5, 97.5], axis=0)
    return low, high


def interval(statistic: Callable, pred, quality, clusters, count: int = RESAMPLES, seed: int = 0) -> Interval:
    """`statistic` on all rows with its clustered interval; [NaN, NaN] with fewer than 2 clusters.

    >>> pred, quality, refs = [1, 2, 3, 2, 3, 5], [1, 2, 3, 1, 3, 2], ["a", "a", "a", "b", "b", "b"]
    >>> print(interval(correlation.srcc, pred, quality, refs))
    0.677 [0.500, 1.000]
    """
    pred, quality, clusters = np.asarray(pred, float), np.asarray(quality, float), np.asarray(clusters)
    groups = len(pd.unique(clusters))
    low = high = np.nan
    if groups > 1:
        if statistic is correlation.krcc and len(pred) <= 4000:
            samples = krcc(pred, quality, clusters, count, seed)
        else:
            samples = resampled(statistic, pred, quality, clusters, count, seed)
        if np.isfinite(samples).any():
            low, high = percentile(samples)
    return Interval(float(statistic(pred, quality)), float(low), float(high), len(pred), groups)


def samples(name: str, values: np.ndarray, quality: np.ndarray, clusters: np.ndarray, count: int = RESAMPLES, seed: int = 0):
    """The statistic `name` (srcc, srcc_byref, plcc) of each row of `values` (K, n) in each resample: (B, K)."""
    groups = len(pd.unique(clusters))
    weights = draw(groups, count, seed)
    if name == "srcc_byref":
        return mean(within(values, quality, clusters), weights)
    if len(np.unique(weights, axis=0)) * values.size < MANY:
        return resampled(getattr(correlation, name), values.T, quality, clusters, count, seed)
    return {"srcc": srcc, "plcc": plcc}[name](values, quality, clusters, weights)


def within(values: np.ndarray, quality: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """SRCC within each reference, in order of first appearance, of each row of `values` (K, n): (K, R)."""
    if values.size * 2 > MANY:
        return by_reference(values, quality, clusters)["srcc"]
    member = codes(clusters)
    parts = [np.flatnonzero(member == i) for i in range(member.max() + 1)]
    return np.stack([correlation.srcc(values[:, rows].T, quality[rows]) for rows in parts], axis=1)


def ends(values: np.ndarray, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """`percentile` of (B, K) where there are at least two references; NaN for a single one, which has no interval."""
    if clusters > 1 and np.isfinite(values).any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a method that is constant: NaN
            return percentile(values)
    return tuple(np.full(values.shape[1:], np.nan) for _ in range(2))


def draw(clusters: int, count: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """How often each of `clusters` references is in each of `count` resamples: (count, clusters) float64."""
    rng = np.random.default_rng(seed)
    return np.array([np.bincount(rng.integers(clusters, size=clusters), minlength=clusters) for _ in range(count)], float)


def codes(clusters: np.ndarray) -> np.ndarray:
    """Number of each image's reference (n,), in order of first appearance."""
    return pd.factorize(np.asarray(clusters))[0].astype(np.int32)


def srcc(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each row of `scores` (K, n) with `quality` (n,) in each resample: (B, K).

    `weights` (B, R) from `draw`. NaN where a resample leaves one side constant. Cost: B x K x n, about 2 ns each.
    """
    order, last = _sorted(np.atleast_2d(scores))
    y_order, y_last = _sorted(np.asarray(quality)[None])
    return kernels().srcc(order, last, y_order[0], y_last[0], codes(clusters), weights)


def plcc(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's correlation, raw, of each row of `scores` (K, n) with `quality` (n,) in each resample: (B, K)."""
    x = np.atleast_2d(np.asarray(scores, float))
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    y = (quality - np.mean(quality)) / np.std(quality)
    member = codes(clusters)

    def total(values):  # (K, n) -> weighted sums (B, K)
        return weights @ np.array([np.bincount(member, row, weights.shape[1]) for row in values]).T

    n, sx, sxx, sxy = total(np.ones_like(y)[None]), total(x), total(x**2), total(x * y)
    sy, syy = total(y[None]), total(y[None] ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over references of `values` (K, R) in each resample: (B, K); undefined references (NaN) are left out."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ np.where(there, values, 0).T) / (weights @ there.T.astype(float))


def by_reference(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray) -> dict[str, np.ndarray]:
    """SRCC, PLCC and KRCC (tau-b) within each reference, of each row of `scores` (K, n): name -> (K, R)."""
    member = codes(clusters)
    rows = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[rows], np.arange(member.max() + 2))
    x = np.ascontiguousarray(np.atleast_2d(scores)[:, rows], dtype=float)
    out = kernels().by_reference(x, np.ascontiguousarray(np.asarray(quality, float)[rows]), starts)
    return dict(zip(("srcc", "plcc", "krcc"), np.moveaxis(out, 2, 0), strict=True))


def kernels():
    """The compiled loops. numba takes a second to import and a few to compile, so only who needs them pays."""
    from . import bootstrap_kernels

    return bootstrap_kernels


def _sorted(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row order of each method (K, n) and where a run of equal values ends (K, n)."""
    order = np.argsort(scores, axis=1, kind="stable").astype(np.int32)
    values = np.take_along_axis(scores, order, 1)
    return order, np.concatenate([values[:, 1:] != values[:, :-1], np.ones((len(scores), 1), bool)], axis=1)
