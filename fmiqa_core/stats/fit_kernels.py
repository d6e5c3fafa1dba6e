"""The fit of the 4-parameter logistic in every resample, compiled by numba when first called; see `weighted.plcc_fitted`.

MINPACK's lmder (More 1977; what `fits` calls) with its start, its region of trust and its rules of when to stop. Weighted
sums stand in place of copied rows, and the 4 x 4 normal equations in place of a QR decomposition of all rows.
"""

import numpy as np
from numba import njit, prange

STEPS = 1000  # evaluations of the curve, before a fit is said not to converge
F_TOLERANCE, X_TOLERANCE = 1e-6, 1e-8
LOG2E, LN2_HIGH, LN2_LOW = 1.4426950408889634, 0.693145751953125, 1.42860682030941723212e-6
POWERS = 2.0 ** np.arange(-730, 731)
ROWS, COLUMNS = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3), (0, 1, 2, 3, 1, 2, 3, 2, 3, 3)  # of the upper triangle


@njit(parallel=True)
def plcc_fitted(x, y, starts, weights):
    """x, y (n,), sorted by reference, starts (R + 1,), weights (B, R) -> (B,); NaN where a fit fails."""
    out = np.empty(len(weights))
    for b in prange(len(weights)):
        out[b] = _fit(x, y, starts, weights[b])
    return out


@njit(error_model="numpy")
def _fit(x, y, starts, weights):
    sides = _sides(x, y, starts, weights)
    if sides[6] < 6 or sides[1] == 0 or sides[3] == 0:
        return np.nan
    p = np.array([sides[5], sides[4], 0.0, 0.25])
    square, normal, slope = _normal(x, y, starts, weights, sides, p)
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
        new_square, new_normal, new_slope = _normal(x, y, starts, weights, sides, new)
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
            return _plcc(x, y, starts, weights, sides, p)
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


@njit(error_model="numpy")
def _sides(x, y, starts, weights):
    """Of the resample: mean and deviation of x, of y, least and most of y in deviations, images."""
    n = mx = my = vx = vy = 0.0
    least, most = np.inf, -np.inf
    for r in range(len(weights)):
        if weights[r] > 0:
            part, other = x[starts[r] : starts[r + 1]], y[starts[r] : starts[r + 1]]
            n += weights[r] * len(part)
            mx += weights[r] * part.sum()
            my += weights[r] * other.sum()
            least, most = min(least, other.min()), max(most, other.max())
    mx, my = mx / n, my / n
    for r in range(len(weights)):
        for i in range(starts[r], starts[r + 1]):
            vx += weights[r] * (x[i] - mx) ** 2
            vy += weights[r] * (y[i] - my) ** 2
    sx, sy = np.sqrt(vx / n), np.sqrt(vy / n)
    return np.array([mx, sx, my, sy, (least - my) / sy, (most - my) / sy, n])


@njit(error_model="numpy", fastmath={"contract", "arcp", "reassoc", "nsz"})
def _normal(x, y, starts, weights, sides, p):
    """At `p`: weighted sum of squared residuals, J'J (4, 4) and J'r (4,)."""
    square, a, g = 0.0, np.zeros((4, 4)), np.zeros(4)
    mx, kx, my, ky = sides[0], 1 / sides[1], sides[2], 1 / sides[3]
    span, width = p[0] - p[1], 1 / p[3]
    if not (np.isfinite(span) and np.isfinite(width) and np.isfinite(p[2])):
        return np.inf, a, g
    for r in range(len(weights)):
        w = weights[r]
        if w == 0:
            continue
        a00 = a01 = a02 = a03 = a11 = a12 = a13 = a22 = a23 = a33 = g0 = g1 = g2 = g3 = ee = 0.0
        for i in range(starts[r], starts[r + 1]):
            z = ((x[i] - mx) * kx - p[2]) * width
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
            e = p[1] + span * s - (y[i] - my) * ky
            ee += e * e
            a00 += s * s
            a01 += s * t
            a02 += s * u
            a03 += s * v
            a11 += t * t
            a12 += t * u
            a13 += t * v
            a22 += u * u
            a23 += u * v
            a33 += v * v
            g0 += s * e
            g1 += t * e
            g2 += u * e
            g3 += v * e
        square += w * ee
        for k, one in enumerate((a00, a01, a02, a03, a11, a12, a13, a22, a23, a33)):
            a[ROWS[k], COLUMNS[k]] += w * one
        for k, one in enumerate((g0, g1, g2, g3)):
            g[k] += w * one
    for i in range(4):
        for j in range(i):
            a[i, j] = a[j, i]
    return square, a, g


@njit(error_model="numpy")
def _plcc(x, y, starts, weights, sides, p):
    """The correlation of the curve with y."""
    n = sf = sy = sff = syy = sfy = 0.0
    for r in range(len(weights)):
        w = weights[r]
        for i in range(starts[r] if w > 0 else starts[r + 1], starts[r + 1]):
            z = min(max(((x[i] - sides[0]) / sides[1] - p[2]) / p[3], -500.0), 500.0)
            f, q = p[1] + (p[0] - p[1]) / (1 + np.exp(-z)), (y[i] - sides[2]) / sides[3]
            n += w
            sf += w * f
            sy += w * q
            sff += w * f * f
            syy += w * q * q
            sfy += w * f * q
    scale = (n * sff - sf * sf) * (n * syy - sy * sy)
    return (n * sfy - sf * sy) / np.sqrt(scale) if scale > 0 else np.nan
