"""The loops of `weighted`, compiled by numba when first called (nothing is cached on the disk).

Resamples and methods run in parallel; each writes its own cells, so the result does not depend on the threads.
"""

import numpy as np
from numba import njit, prange

from .fit_kernels import plcc_fitted as plcc_fitted


@njit(parallel=True)
def srcc(order, last, y_order, y_last, member, weights):
    """See `weighted.srcc`: order, last (K, n), y_order, y_last, member (n,), weights (B, R) -> (B, K)."""
    count, methods, n = len(weights), len(order), len(member)
    out = np.empty((count, methods))
    for b in prange(count):
        side = np.empty((n, 2))  # per image: weight, weight x centred midrank of quality; together in a cache line
        total = 0.0
        for j in range(n):
            side[j, 0] = weights[b, member[j]]
            total += side[j, 0]
        centre = (total + 1) / 2
        before = run = syy = 0.0
        first = 0
        for i in range(n):
            run += side[y_order[i], 0]
            if y_last[i]:
                rank = before + (run + 1) / 2 - centre
                for k in range(first, i + 1):
                    side[y_order[k], 1] = side[y_order[k], 0] * rank
                syy += rank * rank * run
                before += run
                run = 0.0
                first = i + 1
        for m in range(methods):
            before = run = both = sxx = sxy = 0.0
            for i in range(n):
                j = order[m, i]
                run += side[j, 0]
                both += side[j, 1]
                if last[m, i]:
                    rank = before + (run + 1) / 2 - centre
                    sxx += rank * rank * run
                    sxy += rank * both
                    before += run
                    run = both = 0.0
            out[b, m] = sxy / np.sqrt(sxx * syy) if sxx * syy > 0 else np.nan
    return out


@njit(parallel=True)
def by_reference(x, y, starts):
    """See `weighted.by_reference`: x (K, n), y (n,), both sorted by reference, starts (R + 1,) -> (K, R, 3)."""
    methods, refs = len(x), len(starts) - 1
    out = np.empty((methods, refs, 3))
    for m in prange(methods):
        for r in range(refs):
            a, b = x[m, starts[r] : starts[r + 1]], y[starts[r] : starts[r + 1]]
            a_ranks, b_ranks = np.zeros(len(a)), np.zeros(len(a))  # less their mean
            agree, a_pairs, b_pairs = 0, 0, 0  # every pair is looked at: about 100 images a reference
            for i in range(len(a)):
                for j in range(i):
                    p, q = (a[i] > a[j]) - (a[i] < a[j]), (b[i] > b[j]) - (b[i] < b[j])
                    agree += p * q
                    a_pairs += p * p
                    b_pairs += q * q
                    a_ranks[i] += p / 2
                    a_ranks[j] -= p / 2
                    b_ranks[i] += q / 2
                    b_ranks[j] -= q / 2
            out[m, r, 0] = _pearson(a_ranks, b_ranks)
            out[m, r, 1] = _pearson(a, b)
            out[m, r, 2] = agree / np.sqrt(a_pairs * b_pairs) if a_pairs * b_pairs > 0 else np.nan
    return out


@njit
def _pearson(a, b):
    a_mean = b_mean = xx = yy = xy = 0.0
    for i in range(len(a)):
        a_mean += a[i] / len(a)
        b_mean += b[i] / len(b)
    for i in range(len(a)):
        x, y = a[i] - a_mean, b[i] - b_mean
        xx += x * x
        yy += y * y
        xy += x * y
    return xy / np.sqrt(xx * yy) if xx * yy > 0 else np.nan


@njit(parallel=True)
def concordance(a, b, starts):
    """Sum of sign(a_i - a_j) sign(b_i - b_j) over the images i of one reference and j of another: (R, R).

    a, b (n,) int32, sorted by reference, starts (R + 1,). An image and itself count nothing.
    """
    refs = len(starts) - 1
    out = np.empty((refs, refs))
    for half in prange((refs + 1) // 2):  # a short row of the triangle with a long one, so that all take as long
        for side in range(2):
            r = refs - 1 - np.int64(half) if side else np.int64(half)
            for s in range(r + 1):
                total = 0
                for i in range(starts[r], starts[r + 1]):
                    p, q, row = a[i], b[i], np.int32(0)
                    for j in range(starts[s], starts[s + 1]):
                        row += np.int32((p > a[j]) - (p < a[j])) * np.int32((q > b[j]) - (q < b[j]))
                    total += row
                out[r, s] = out[s, r] = total
    return out
