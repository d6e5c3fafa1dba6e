"""Which differences between methods are more than noise: paired, over references, signs kept."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

LEVEL = 0.05


def difference(a: np.ndarray, b: np.ndarray, value: float) -> dict[str, float]:
    """A difference a - b of two statistics with its interval, from their values (B,) in the SAME resamples.

    `value` is the difference on all images. low and high: 95 % percentile interval. p: two-sided, of the normal
    with the resamples' standard deviation; percentiles of 2000 resamples cannot give a p below 0.001, which Holm's
    correction over many pairs would always refuse.
    """
    gap = (a - b)[np.isfinite(a - b)]
    spread = float(np.std(gap, ddof=1)) if len(gap) > 1 else 0.0
    if spread == 0 and value != 0:  # a single reference, or nothing defined: no interval and no test
        return {"difference": float(value), "low": np.nan, "high": np.nan, "p": np.nan}
    low, high = np.percentile(gap, [2.5, 97.5])
    p = 2 * stats.norm.sf(abs(value) / spread) if spread > 0 else 1.0
    return {"difference": float(value), "low": float(low), "high": float(high), "p": float(p)}


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjusted p values, in the order given; NaN stays NaN and is not counted.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, float)
    out = np.full(len(p), np.nan)
    there = np.flatnonzero(np.isfinite(p))
    order = there[np.argsort(p[there], kind="stable")]
    adjusted = np.maximum.accumulate(p[order] * (len(order) - np.arange(len(order))))
    out[order] = np.minimum(adjusted, 1)
    return out


def f_test(rmse_a: float, rmse_b: float, n: int) -> float:
    """Two-sided p of equal residual variances after the logistic (Sheikh, Sabir, Bovik 2006), n images each.

    The field's custom. It takes residuals for Gaussian and independent; residuals of images of one reference are
    not, and those of two methods on the same images are not either.
    """
    if not (np.isfinite(rmse_a) and np.isfinite(rmse_b)):
        return np.nan
    ratio = (rmse_a / rmse_b) ** 2
    return float(min(1.0, 2 * min(stats.f.sf(ratio, n - 1, n - 1), stats.f.cdf(ratio, n - 1, n - 1))))


def pairs(names: Sequence[str], values: np.ndarray, samples: np.ndarray) -> pd.DataFrame:
    """Every pair of `names`: a, b, difference (a - b), low, high, p, p_holm over all pairs; better first.

    values (K,) on all images, samples (B, K) in the same resamples.
    """
    ranked = np.argsort(-values, kind="stable")
    rows = []
    for i, a in enumerate(ranked):
        for b in ranked[i + 1 :]:
            rows.append({"a": names[a], "b": names[b], **difference(samples[:, a], samples[:, b], values[a] - values[b])})
    table = pd.DataFrame(rows, columns=["a", "b", "difference", "low", "high", "p"])
    return table.assign(p_holm=holm(table["p"]))


def groups(names: Sequence[str], table: pd.DataFrame) -> list[list[str]]:
    """`names` in groups from best to worst: the leader of what is left, and all that do not differ from it."""
    inside = table[table["a"].isin(names) & table["b"].isin(names)]
    wins = inside["a"].value_counts()
    left = sorted(names, key=lambda name: -wins.get(name, 0))  # `pairs` has the better method first
    out = []
    while left:
        mine = inside[(inside["a"] == left[0]) & inside["b"].isin(left)]
        same = {left[0], *mine.loc[~(holm(mine["p"]) < LEVEL), "b"]}  # without a test (NaN) nothing sets them apart
        out.append([name for name in left if name in same])
        left = [name for name in left if name not in same]
    return out
