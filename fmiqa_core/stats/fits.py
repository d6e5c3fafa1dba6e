"""Pearson's correlation after a logistic with 4 or 5 parameters, with the residuals and whether the fit converged.

Standardised sides, analytic derivatives, several fixed starts: rising and falling, steep and flat. From one start alone one in
six 5-parameter fits of the released scores stops above the best residual though it reports that it converged. The best fit
counts. One that did not converge is said to be so, never replaced.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import leastsq

from .correlation import plcc

WORSE = 1e-3  # of PLCC, below the straight line's
LEAST = 1e-100  # the slope of the parameter that stays 0: never the steepest, so that it stays the last column
FEW = 1000  # images on which the starts are compared, where there are more
STARTS = {  # of standardised score and quality; the first two of 4 and the first of 5 are shares of the range of quality
    4: [(1, -1, 0.0, 0.25), *((1, -1, c, width) for c in (-1.0, 0.0, 1.0) for width in (0.05, 0.25, 1.0, -0.25, -1.0))],
    5: [
        *((1, steepness, 0.0, 0.0, 0.0) for steepness in (4.0, 20.0, 1.0)),
        *((1, steepness, centre, 0.0, 0.0) for centre, steepness in ((1.5, 3.0), (-1.5, 3.0), (1.0, 20.0), (-1.0, 20.0))),
        (-1, 4.0, 0.0, 1.0, 0.0),
        (0.2, -4.0, 0.0, 1.0, 0.0),
    ],
}


@dataclass(frozen=True)
class Fit:
    """A fitted logistic: `quality` ~ f(`score`)."""

    plcc: float  # NaN where the fit did not converge
    converged: bool
    curve: np.ndarray  # f at the scores (n,), on the scale of quality; NaN where it did not converge
    rmse: float  # root of the mean squared residual, on the scale of quality
    parameters: np.ndarray  # of standardised sides, (4,) or (5,)
    rising: bool = False  # f rises over all of the scores; where not, it falls or turns


def logistic(
    score: np.ndarray, quality: np.ndarray, parameters: int = 4, near: Fit | None = None, begin: np.ndarray | None = None
) -> Fit:
    """Least squares of a logistic on (n,) `score` and `quality`, both higher = better: the best from STARTS.

    `near`: the fit with 4 parameters, from which one with 5 begins too; so it is never worse. `begin` (parameters,), on
    standardised sides: the only start, if it leads anywhere, as of a resample that is like the whole.

    4 parameters (VQEG):                  p1 + (p0 - p1) s,     s = 1 / (1 + exp(-(x - p2) / p3))
    5 parameters (Sheikh et al. 2006):    p0 (s - 1/2) + p3 x + p4,   s = 1 / (1 + exp(-p1 (x - p2)))
    Of more than FEW images an evenly spaced part chooses among the starts; the two best then fit all of them.
    """
    score, quality = np.asarray(score, float), np.asarray(quality, float)
    none = Fit(np.nan, False, np.full(len(score), np.nan), np.nan, np.full(parameters, np.nan))
    if len(score) < parameters + 2 or np.ptp(score) == 0 or np.ptp(quality) == 0:
        return none
    x, y = (score - score.mean()) / score.std(), (quality - quality.mean()) / quality.std()
    model, ends = (_four, (y.max(), y.min())) if parameters == 4 else (_five, (np.ptp(y),))
    usual, *_ = starts = [
        [*(_end(share, ends) for share in start[: len(ends)]), *start[len(ends) :]] for start in STARTS[parameters]
    ]
    also = [] if near is None or not near.converged or parameters == 4 else [_as_five(near.parameters)]
    if begin is not None and np.isfinite(begin).all():
        starts = [begin]
    elif len(x) > FEW:
        some = np.argsort(x, kind="stable")[:: -(-len(x) // FEW)]
        tried = [_fitted(model, x[some], y[some], start) for start in starts]
        starts = [starts[0], *_best(filter(None, tried))]
    found = [fit for fit in (_fitted(model, x, y, start) for start in (*starts, *also)) if fit]
    found = found or [fit for fit in [_fitted(model, x, y, usual)] if fit]
    if not found:
        return none
    square, p = min(found, key=lambda fit: fit[0])
    curve = model(x, p)[0]
    value = float(plcc(curve, y))
    if not np.isfinite(value):
        return none
    rising = bool((np.diff(curve[np.argsort(x, kind="stable")]) >= -1e-9).all())
    rmse = float(np.sqrt(square / len(y)) * quality.std())
    return Fit(value, True, curve * quality.std() + quality.mean(), rmse, p, rising)


def _as_five(p: np.ndarray) -> np.ndarray:
    """The curve of 4 parameters, written with 5."""
    return np.array([p[0] - p[1], 1 / p[3], p[2], 0, (p[0] + p[1]) / 2])


def _best(found, most: int = 2) -> list[np.ndarray]:
    """Parameters of the best of `found` (square, parameters), each once."""
    out = []
    for square, p in sorted(found, key=lambda fit: fit[0]):
        if not out or square > out[-1][0] * (1 + 1e-6):
            out.append((square, p))
    return [p for _, p in out[:most]]


def _end(share: float, ends: tuple[float, ...]) -> float:
    """`share` of the range of quality: of the upper or lower end where there are both."""
    return ends[0] * share if len(ends) == 1 else ends[0] if share > 0 else ends[1]


def _fitted(model, x: np.ndarray, y: np.ndarray, start) -> tuple[float, np.ndarray] | None:
    """Sum of squared residuals and parameters of the fit from `start`; None where it does not converge.

    One parameter more, with a residual of its own, stays 0: SciPy 1.17's QR decomposition reads one number behind the last
    column where columns are nearly dependent, and whatever lay there decided which column came first, so that the last digits
    of a fit changed from run to run. It does so of no column that is independent of the others.
    """
    count, n = len(start), len(x)

    def residuals(p):
        return np.append(model(x, p)[0] - y, 0)

    def slopes(p):
        out = np.zeros((count + 1, n + 1))
        out[:count, :n], out[count, n] = model(x, p)[1], LEAST
        return out

    with np.errstate(all="ignore"):
        found, _, info, _, status = leastsq(
            residuals, [*start, 0], Dfun=slopes, col_deriv=True, full_output=True, ftol=1e-6, xtol=1e-8, maxfev=1000
        )
        square = float(np.square(info["fvec"]).sum())
    return (square, found[:count]) if status in (1, 2, 3, 4) and np.isfinite(square) else None


def plcc_fitted(pred: np.ndarray, quality: np.ndarray, begin: np.ndarray | None = None) -> float:
    """Pearson's correlation after the 4-parameter logistic of VQEG and Sheikh et al. (2006); NaN where the fit fails.

    quality ~ bottom + (top - bottom) / (1 + exp(-(pred - centre) / width)), least squares from several starts. Where the
    relation is convex all along, top tends far above the scale (an exponential); the correlation still converges.
    From `begin` alone, if given; where that `falls_short`, from all starts, too.
    """
    value = logistic(pred, quality, begin=begin).plcc
    if begin is None or not falls_short(value, plcc(pred, quality)):
        return value
    return float(np.fmax(value, logistic(pred, quality).plcc))


def falls_short(fitted: np.ndarray, straight: np.ndarray) -> np.ndarray:
    """Whether a fitted PLCC is none (NaN), or less than the straight line's, to which a wide logistic comes near."""
    return np.logical_not(fitted > np.abs(straight) - WORSE)


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
