"""Which differences between methods are more than noise: paired, over references, signs kept."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEVEL = 0.05


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
