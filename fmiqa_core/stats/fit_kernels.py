"""The fit of the 4-parameter logistic in every resample, compiled by numba when first called; see `weighted.plcc_fitted`.

MINPACK's lmder (More 1977; what `fits` calls) with its start, its region of trust and its rules of when to stop. Weighted
sums stand in place of copied rows, and the 4 x 4 normal equations in place of a QR decomposition of all rows.
"""

import numpy as np
from numba import njit, prange

from .fit_sums import drawn, normal_equations, plcc, standardise

STEPS = 1000  # evaluations of the curve, before a fit is said not to converge
F_TOLERANCE, X_TOLERANCE = 1e-6, 1e-8


@njit(parallel=True)
def plcc_fitted(x, y, starts, weights, begin):
    """x, y (n,), sorted by reference, starts (R + 1,), weights (B, R) -> (B,); NaN where a fit fails.

    Each is fitted from `begin` (4,), on standardised sides; from the usual start where that is no number.
    """
    out = np.empty(len(weights))
    for b in prange(len(weights)):
        out[b] = _fit(x, y, starts, weights[b], begin)
    return out


@njit(error_model="numpy")
def _fit(x, y, starts, weights, begin):
    x, y, w = drawn(x, y, starts, weights)
    x_spread, y_spread = standardise(x, w), standardise(y, w)
    if w.sum() < 6 or not (x_spread > 0 and y_spread > 0):
        return np.nan
    p = begin.copy() if np.isfinite(begin).all() else np.array([y.max(), y.min(), 0.0, 0.25])
    square, normal, slope = normal_equations(x, y, w, p)
    scale = np.zeros(4)
    _widen(scale, normal)
    scale[scale == 0] = 1
    size = _norm(scale, p)
    radius, damping, first = 100 * size, 0.0, True
    for _ in range(STEPS):
        step, damping = _step(normal, slope, scale, radius, damping)
        length = _norm(scale, step)
        if first:
            radius = min(radius, length)
        new = p + step
        new_square, new_normal, new_slope = normal_equations(x, y, w, new)
        actual = 1 - new_square / square if new_square < 100 * square else -1.0
        linear, damped = _form(normal, step) / square, damping * length**2 / square
        predicted, direction = linear + 2 * damped, -(linear + damped)
        ratio = actual / predicted if predicted != 0 else 0.0
        if ratio <= 0.25:
            share = 0.5 if actual >= 0 else 0.5 * direction / (direction + 0.5 * actual)
            if new_square >= 100 * square or share < 0.1:
                share = 0.1
            radius, damping = share * min(radius, 10 * length), damping / share
        elif damping == 0 or ratio >= 0.75:
            radius, damping = 2 * length, damping / 2
        if ratio >= 1e-4:
            p, square, normal, slope = new, new_square, new_normal, new_slope
            size, first = _norm(scale, p), False
            _widen(scale, normal)
        if (abs(actual) <= F_TOLERANCE and predicted <= F_TOLERANCE and ratio <= 2) or radius <= X_TOLERANCE * size:
            return plcc(x, y, w, p)
    return np.nan


@njit(error_model="numpy")
def _step(normal, slope, scale, radius, damping):
    """The step that goes down most within the region of trust, to a tenth of its radius, and its damping: lmpar."""
    step = _solve(normal, slope, scale, 0.0)
    length = _norm(scale, step)
    over = length - radius
    known = np.isfinite(length)
    if known and over <= 0.1 * radius:
        return step, 0.0
    steepest = 0.0
    for i in range(4):
        steepest += (slope[i] / scale[i]) ** 2
    steepest = np.sqrt(steepest)
    least, most = over / (radius * _turn(normal, step, scale, length, 0.0)) if known else 0.0, steepest / radius
    damping = min(max(damping, least), most)
    if damping == 0:
        damping = steepest / length if known else 0.001 * most
    for _ in range(10):
        step = _solve(normal, slope, scale, damping)
        length, before = _norm(scale, step), over
        over = length - radius
        if abs(over) <= 0.1 * radius or (least == 0 and over <= before and before < 0):
            break
        change = over / (radius * _turn(normal, step, scale, length, damping))
        if over > 0:
            least = max(least, damping)
        else:
            most = min(most, damping)
        damping = max(least, damping + change)
    return step, damping


@njit(error_model="numpy")
def _turn(normal, step, scale, length, damping):
    """How fast the scaled length of the step falls with the damping, over that length."""
    q, out = np.empty(4), 0.0
    for i in range(4):
        q[i] = scale[i] ** 2 * step[i] / length
    found = _solve(normal, q, scale, damping)
    for i in range(4):
        out -= q[i] * found[i]
    return out


@njit
def _norm(scale, values):
    out = 0.0
    for i in range(4):
        out += (scale[i] * values[i]) ** 2
    return np.sqrt(out)


@njit
def _widen(scale, normal):
    for i in range(4):
        scale[i] = max(scale[i], np.sqrt(normal[i, i]))


@njit
def _form(normal, step):
    out = 0.0
    for i in range(4):
        for j in range(4):
            out += step[i] * normal[i, j] * step[j]
    return out


@njit(error_model="numpy")
def _solve(normal, slope, scale, damping):
    """(A + damping scale^2) step = -slope, by elimination with pivots."""
    a, b = normal.copy(), -slope
    for i in range(4):
        a[i, i] += damping * scale[i] ** 2
    for i in range(4):
        best = i
        for k in range(i + 1, 4):
            if abs(a[k, i]) > abs(a[best, i]):
                best = k
        for j in range(4):
            a[i, j], a[best, j] = a[best, j], a[i, j]
        b[i], b[best] = b[best], b[i]
        for k in range(i + 1, 4):
            share = a[k, i] / a[i, i]
            for j in range(i, 4):
                a[k, j] -= share * a[i, j]
            b[k] -= share * b[i]
    for i in range(3, -1, -1):
        for j in range(i + 1, 4):
            b[i] -= a[i, j] * b[j]
        b[i] /= a[i, i]
    return b
