"""Statistics of many methods in many resamples at once, where a resample is a weight per reference.

Nothing is copied or sorted twice: each method is sorted once, and in a resample with integer weights the midrank of a run of
ties is (weight before it) + (its weight + 1) / 2, a cumulative sum. Pearson's sums and Kendall's counts of pairs are sums
over references, so all resamples are one matrix product. Each has a form in NumPy for few images and a compiled one for
many (`many`); they are equal to rounding, and to copying the images of each resample and computing anew.
"""

from itertools import pairwise

import numpy as np
import pandas as pd

from . import correlation, fits

CHUNK = 1_000_000  # cells of resamples x images that NumPy works on at once: they stay in the cache


def codes(clusters: np.ndarray) -> np.ndarray:
    """Number of each image's reference (n,), in order of first appearance."""
    return pd.factorize(np.asarray(clusters))[0].astype(np.int32)


def srcc(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray, weights: np.ndarray, many: bool = True) -> np.ndarray:
    """Spearman's correlation of each row of `scores` (K, n) with `quality` (n,) in each resample: (B, K).

    `weights` (B, R) from `bootstrap.draw`. NaN where a resample leaves one side constant. Cost: B x K x n, about 2 ns each,
    30 without `many`.
    """
    order, last = _sorted(np.atleast_2d(np.asarray(scores, float)))
    y_order, y_last = _sorted(np.asarray(quality, float)[None])
    member = codes(clusters)
    if many:
        return kernels().srcc(order, last, y_order[0], y_last[0], member, np.asarray(weights, float))
    distinct, which = np.unique(weights, axis=0, return_inverse=True)  # of 5 references there are only 126
    step = max(1, CHUNK // len(member))
    parts = [_srcc(order, last, y_order[0], y_last[0], distinct[i : i + step, member]) for i in range(0, len(distinct), step)]
    return np.concatenate(parts)[which.ravel()]


def _srcc(order, last, y_order, y_last, weights: np.ndarray) -> np.ndarray:
    """Of sorted rows, with a weight per image (B, n)."""
    centre = (weights.sum(1, keepdims=True) + 1) / 2

    def ranks(some, ends):  # of runs of ties: centred midrank (B, T), weight (B, T)
        before = weights[:, some].cumsum(1)[:, ends]
        run = np.diff(before, axis=1, prepend=0)
        return before - run + (run + 1) / 2 - centre, run

    rank, run = ranks(y_order, y_last)
    syy = (rank**2 * run).sum(1)
    both = np.empty_like(weights)
    both[:, y_order] = rank[:, np.r_[0, y_last[:-1].cumsum()]]
    both *= weights
    out = np.empty((len(weights), len(order)))
    for m, (some, ends) in enumerate(zip(order, last, strict=True)):
        rank, run = ranks(some, ends)
        sxx = (rank**2 * run).sum(1)
        sxy = (rank * np.add.reduceat(both[:, some], np.r_[0, np.flatnonzero(ends)[:-1] + 1], axis=1)).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[:, m] = np.where(sxx * syy > 0, sxy / np.sqrt(sxx * syy), np.nan)
    return out


def plcc(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pearson's correlation, raw, of each row of `scores` (K, n) with `quality` (n,) in each resample: (B, K)."""
    x, y = np.atleast_2d(np.asarray(scores, float)), np.asarray(quality, float)
    with np.errstate(invalid="ignore", divide="ignore"):  # a constant one: NaN
        x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
        y = (y - y.mean()) / y.std()
    member = codes(clusters)

    def total(values):  # (K, n) -> weighted sums (B, K)
        return weights @ np.array([np.bincount(member, row, weights.shape[1]) for row in values]).T

    n, sx, sxx, sxy = total(np.ones_like(y)[None]), total(x), total(x**2), total(x * y)
    sy, syy = total(y[None]), total(y[None] ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (n * sxy - sx * sy) / np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))


def krcc(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray, weights: np.ndarray, many: bool = True, tick=None):
    """Kendall's tau-b of each row of `scores` (K, n) with `quality` (n,) in each resample: (B, K).

    tau-b is a ratio of counts of pairs: with S the signs of all differences, w'(S_x S_y)w / sqrt(w'|S_x|w w'|S_y|w). Summed
    over the images of two references, the counts are the same in all resamples but for the two weights. `tick`, if any, is
    called after each method. Cost: K x n x n / 2, about 0.5 ns each, and K x B x R x R.
    """
    member = codes(clusters)
    rows, scores = np.argsort(member, kind="stable"), np.atleast_2d(scores)
    starts = np.searchsorted(member[rows], np.arange(member.max() + 2))
    count = kernels().concordance if many else _concordance
    y = _dense(np.asarray(quality)[rows])

    def total(a, b):
        if a is b and a.max() == len(a) - 1:  # no ties: every pair but that of an image with itself
            return weights @ np.diff(starts) * (weights @ np.diff(starts)) - weights**2 @ np.diff(starts)
        return ((weights @ count(a, b, starts)) * weights).sum(axis=1)

    only_y, out = total(y, y), np.empty((len(weights), len(scores)))
    for m, row in enumerate(scores):
        x = _dense(row[rows])
        with np.errstate(invalid="ignore", divide="ignore"):
            out[:, m] = total(x, y) / np.sqrt(total(x, x) * only_y)
        if tick is not None:
            tick()
    return out


def _dense(values: np.ndarray) -> np.ndarray:
    """Number of each value among the different ones."""
    return np.unique(values, return_inverse=True)[1].ravel().astype(np.int32)


def _concordance(a: np.ndarray, b: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """See `bootstrap_kernels.concordance`."""
    out = np.empty((len(starts) - 1,) * 2)
    for r, (start, stop) in enumerate(pairwise(starts)):
        signs = (np.sign(side[start:stop, None] - side).astype(np.int8) for side in (a, b))
        out[r] = np.add.reduceat(np.multiply(*signs).sum(axis=0, dtype=np.int64), starts[:-1])
    return out


def plcc_fitted(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray, weights: np.ndarray, tick=None, near=None):
    """Pearson's correlation after the 4-parameter logistic, of each row of `scores` (K, n) in each resample: (B, K).

    Each fit begins at that of all images (`near`: their parameters, if at hand). What `fits.plcc_fitted` gives on copied rows,
    which are fitted where the weighted normal equations are too near to singular, so that the fit `falls_short`. NaN where a
    fit fails. `tick` as of `krcc`.
    """
    member, quality = codes(clusters), np.asarray(quality, float)
    rows, out = np.argsort(member, kind="stable"), []
    starts = np.searchsorted(member[rows], np.arange(member.max() + 2))
    straight = plcc(scores, quality, clusters, weights)
    for m, row in enumerate(np.atleast_2d(np.asarray(scores, float))):
        begin = fits.logistic(row, quality).parameters if near is None else near[m]
        found = kernels().plcc_fitted(row[rows], quality[rows], starts, np.asarray(weights, float), begin)
        for b in np.flatnonzero(fits.falls_short(found, straight[:, m])):
            copies = np.repeat(np.arange(len(member)), weights[b, member].astype(int))
            found[b] = fits.plcc_fitted(row[copies], quality[copies], begin)
        out.append(found)
        if tick is not None:
            tick()
    return np.stack(out, axis=1)


def mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over references of `values` (K, R) in each resample: (B, K); undefined references (NaN) are left out."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ np.where(there, values, 0).T) / (weights @ there.T.astype(float))


def within(values: np.ndarray, quality: np.ndarray, clusters: np.ndarray, many: bool) -> np.ndarray:
    """SRCC within each reference, in order of first appearance, of each row of `values` (K, n): (K, R)."""
    if many:
        return by_reference(values, quality, clusters)["srcc"]
    return np.stack([correlation.srcc(x.T, y) for x, y in _parts(values, quality, clusters)], axis=1)


def by_reference(scores: np.ndarray, quality: np.ndarray, clusters: np.ndarray, many: bool = True) -> dict[str, np.ndarray]:
    """SRCC, PLCC and KRCC (tau-b) within each reference, of each row of `scores` (K, n): name -> (K, R)."""
    if not many:
        parts = [
            (correlation.srcc(x.T, y), correlation.plcc(x.T, y), [correlation.krcc(row, y) for row in x])
            for x, y in _parts(scores, quality, clusters)
        ]
        return dict(zip(("srcc", "plcc", "krcc"), np.array(parts, float).transpose(1, 2, 0), strict=True))
    member = codes(clusters)
    rows = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[rows], np.arange(member.max() + 2))
    x = np.ascontiguousarray(np.atleast_2d(scores)[:, rows], dtype=float)
    out = kernels().by_reference(x, np.ascontiguousarray(np.asarray(quality, float)[rows]), starts)
    return dict(zip(("srcc", "plcc", "krcc"), np.moveaxis(out, 2, 0), strict=True))


def _parts(values: np.ndarray, quality: np.ndarray, clusters: np.ndarray):
    """Values (K, m) and quality (m,) of each reference."""
    member = codes(clusters)
    for i in range(member.max() + 1):
        rows = np.flatnonzero(member == i)
        yield values[:, rows], quality[rows]


def kernels():
    """The compiled loops. numba takes a second to import and a few to compile, so only who needs them pays."""
    from . import bootstrap_kernels

    return bootstrap_kernels


def _sorted(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row order of each method (K, n) and where a run of equal values ends (K, n)."""
    order = np.argsort(scores, axis=1, kind="stable").astype(np.int32)
    values = np.take_along_axis(scores, order, 1)
    return order, np.concatenate([values[:, 1:] != values[:, :-1], np.ones((len(scores), 1), bool)], axis=1)
