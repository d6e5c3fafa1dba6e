"""Bootstrap over references for many methods at once: a resample is a weight per image, and nothing is sorted twice.

`correlation.bootstrap` copies the rows of each resample and ranks them anew. Here each method is sorted once; in a
resample with integer weights the midrank of a run of ties is (weight before it) + (its weight + 1) / 2, a cumulative
sum. Pearson's sums are sums over references, so all resamples are one matrix product. The same seed draws the same
resamples as `correlation.resamples`, and the results are equal to it to rounding.
"""

import numpy as np
import pandas as pd

from .correlation import RESAMPLES


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
