"""What `fit_kernels` sums over the images of a resample: all of its time."""

import numpy as np
from numba import njit

LOG2E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693145751953125, 1.42860682030941723212e-6
POWERS = 2.0 ** np.arange(-730, 731)
ROWS, COLUMNS = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3), (0, 1, 2, 3, 1, 2, 3, 2, 3, 3)  # of the upper triangle


@njit
def drawn(x, y, starts, weights):
    """The images that the resample has, once each, with their weights."""
    n = 0
    for r in range(len(weights)):
        n += starts[r + 1] - starts[r] if weights[r] > 0 else 0
    out = np.empty((3, n))
    n = 0
    for r in range(len(weights)):
        for i in range(starts[r] if weights[r] > 0 else starts[r + 1], starts[r + 1]):
            out[0, n], out[1, n], out[2, n] = x[i], y[i], weights[r]
            n += 1
    return out[0], out[1], out[2]


@njit(error_model="numpy")
def standardise(values, w):
    """Put `values` in deviations about their mean, in place; returns their deviation."""
    n = total = square = 0.0
    for i in range(len(w)):
        n += w[i]
        total += w[i] * values[i]
    for i in range(len(w)):
        values[i] -= total / n
        square += w[i] * values[i] ** 2
    spread = np.sqrt(square / n)
    for i in range(len(w)):
        values[i] /= spread
    return spread


@njit(error_model="numpy", fastmath={"contract", "arcp", "reassoc", "nsz"})
def normal_equations(x, y, w, p):
    """At `p`: weighted sum of squared residuals, J'J (4, 4) and J'r (4,)."""
    span, width = p[0] - p[1], 1 / p[3]
    square, a, g = np.inf, np.zeros((4, 4)), np.zeros(4)
    if not (np.isfinite(span) and np.isfinite(width) and np.isfinite(p[2])):
        return square, a, g
    square = a00 = a01 = a02 = a03 = a11 = a12 = a13 = a22 = a23 = a33 = g0 = g1 = g2 = g3 = 0.0
    for i in range(len(x)):
        z = (x[i] - p[2]) * width
        z = -500.0 if not z > -500.0 else 500.0 if z > 500.0 else z  # what is no number has no place in the table
        whole = np.floor(0.5 - z * LOG2E)  # exp(-z) by hand: so the processor does several images at once
        d = -z - whole * LN2_HIGH - whole * LN2_LOW
        h = 1 / 479001600 * d + 1 / 39916800
        h = (((h * d + 1 / 3628800) * d + 1 / 362880) * d + 1 / 40320) * d + 1 / 5040
        h = ((((h * d + 1 / 720) * d + 1 / 120) * d + 1 / 24) * d + 1 / 6) * d + 0.5
        s = 1 / (1 + ((h * d + 1) * d + 1) * POWERS[np.int32(whole) + 730])
        t = 1 - s
        u = -span * s * t * width
        v = u * z
        e = p[1] + span * s - y[i]
        ws, wt, wu, wv = w[i] * s, w[i] * t, w[i] * u, w[i] * v
        square += w[i] * e * e
        a00 += ws * s
        a01 += ws * t
        a02 += ws * u
        a03 += ws * v
        a11 += wt * t
        a12 += wt * u
        a13 += wt * v
        a22 += wu * u
        a23 += wu * v
        a33 += wv * v
        g0 += ws * e
        g1 += wt * e
        g2 += wu * e
        g3 += wv * e
    for k, one in enumerate((a00, a01, a02, a03, a11, a12, a13, a22, a23, a33)):
        a[ROWS[k], COLUMNS[k]] = a[COLUMNS[k], ROWS[k]] = one
    for k, one in enumerate((g0, g1, g2, g3)):
        g[k] = one
    return square, a, g


@njit(error_model="numpy")
def plcc(x, y, w, p):
    """The correlation of the curve with y."""
    n = sf = sy = sff = syy = sfy = 0.0
    for i in range(len(x)):
        z = min(max((x[i] - p[2]) / p[3], -500.0), 500.0)
        f = p[1] + (p[0] - p[1]) / (1 + np.exp(-z))
        n += w[i]
        sf += w[i] * f
        sy += w[i] * y[i]
        sff += w[i] * f * f
        syy += w[i] * y[i] * y[i]
        sfy += w[i] * f * y[i]
    scale = (n * sff - sf * sf) * (n * syy - sy * sy)
    return (n * sfy - sf * sy) / np.sqrt(scale) if scale > 0 else np.nan
