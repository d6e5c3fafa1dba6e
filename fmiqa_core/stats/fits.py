"""Pearson's correlation after a logistic with 4 or 5 parameters, with the residuals and whether the fit converged.

Fixed start values, standardised sides, analytic derivatives. A fit that did not
converge is said to be so, never replaced.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import leastsq

from .correlation import plcc


@dataclass(frozen=True)
class Fit:
    """A fitted logistic: `quality` ~ f(`score`)."""

    plcc: float  # NaN where the fit did not converge
    converged: bool
    curve: np.ndarray  # f at the scores (n,), on the scale of quality; NaN where it did not converge
    rmse: float  # root of the mean squared residual, on the scale of quality


def logistic(score: np.ndarray, quality: np.ndarray, parameters: int = 4) -> Fit:
    """Least squares of a logistic on (n,) `score` and `quality`, both higher = better.

    4 parameters (VQEG):                  p1 + (p0 - p1) s,     s = 1 / (1 + exp(-(x - p2) / p3))
    5 parameters (Sheikh et al. 2006):    p0 (s - 1/2) + p3 x + p4,   s = 1 / (1 + exp(-p1 (x - p2)))
    Starts: the range of quality, the mean and a quarter of the deviation of score; slope 0 and offset 0.
    """
    score, quality = np.asarray(score, float), np.asarray(quality, float)
    if len(score) < parameters + 2 or np.ptp(score) == 0 or np.ptp(quality) == 0:
        return Fit(np.nan, False, np.full(len(score), np.nan), np.nan)
    x, y = (score - score.mean()) / score.std(), (quality - quality.mean()) / quality.std()
    model, start = (_four, [y.max(), y.min(), 0.0, 0.25]) if parameters == 4 else (_five, [np.ptp(y), 4.0, 0.0, 0.0, 0.0])
    with np.errstate(all="ignore"):
        found, _, _, _, status = leastsq(
            lambda p: model(x, p)[0] - y,
            start,
            Dfun=lambda p: model(x, p)[1],
            col_deriv=True,
            full_output=True,
            ftol=1e-6,
            xtol=1e-8,
            maxfev=1000,
        )
        curve = model(x, found)[0]
        value = float(plcc(curve, y))
    if status not in (1, 2, 3, 4) or not np.isfinite(value):
        return Fit(np.nan, False, np.full(len(score), np.nan), np.nan)
    rmse = float(np.sqrt(np.mean((curve - y) ** 2)) * quality.std())
    return Fit(value, True, curve * quality.std() + quality.mean(), rmse)


def plcc_fitted(pred: np.ndarray, quality: np.ndarray) -> float:
    """Pearson's correlation after the 4-parameter logistic of VQEG and Sheikh et al. (2006); NaN where the fit fails.

    quality ~ bottom + (top - bottom) / (1 + exp(-(pred - centre) / width)), least squares from fixed start values:
    top and bottom = range of `quality`, centre = mean, width = a quarter of the deviation of `pred`. Where the
    relation is convex all along, top tends far above the scale (an exponential); the correlation still converges.
    """
    return logistic(pred, quality).plcc


def _four(x, p):
    z = np.clip((x - p[2]) / p[3], -500, 500)
    s = 1 / (1 + np.exp(-z))
    slope = (p[0] - p[1]) * s * (1 - s) / p[3]
    return p[1] + (p[0] - p[1]) * s, np.array([s, 1 - s, -slope, -slope * z])


def _five(x, p):
    s = 1 / (1 + np.exp(-np.clip(p[1] * (x - p[2]), -500, 500)))
    slope = p[0] * s * (1 - s)
    value = p[0] * (s - 0.5) + p[3] * x + p[4]
    return value, np.array([s - 0.5, slope * (x - p[2]), -slope * p[1], x, np.ones_like(x)])
