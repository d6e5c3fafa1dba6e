"""The loops of `bootstrap`, compiled by numba when first called (nothing is cached on the disk).

Resamples and methods run in parallel; each writes its own cells, so the result does not depend on the threads.
"""

import numpy as np
from numba import njit, prange


@njit(parallel=True)
def srcc(order, last, y_order, y_last, member, weights):
    """See `bootstrap.srcc`: order, last (K, n), y_order, y_last, member (n,), weights (B, R) -> (B, K)."""
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
    """See `bootstrap.by_reference`: x (K, n), y (n,), both sorted by reference, starts (R + 1,) -> (K, R, 3)."""
    methods, refs = len(x), len(starts) - 1
    out = np.empty((methods, refs, 3))
    for m in prange(methods):
        for r in range(refs):
            a, b = x[m, starts[r] : starts[r + 1]], y[starts[r] : starts[r + 1]]
            out[m, r, 0] = _pearson(_midranks(a), _midranks(b))
            out[m, r, 1] = _pearson(a, b)
            agree, a_pairs, b_pairs = 0, 0, 0  # every pair is looked at: about 100 images a reference
            for i in range(len(a)):
                for j in range(i):
                    p, q = np.sign(a[i] - a[j]), np.sign(b[i] - b[j])
                    agree += p * q
                    a_pairs += p * p
                    b_pairs += q * q
            out[m, r, 2] = agree / np.sqrt(a_pairs * b_pairs) if a_pairs * b_pairs > 0 else np.nan
    return out


@njit
def _midranks(values):
    order = np.argsort(values)
    ranks = np.empty(len(values))
    first = 0
    for i in range(len(values)):
        if i + 1 == len(values) or values[order[i + 1]] != values[order[i]]:
            for k in range(first, i + 1):
                ranks[order[k]] = (first + i) / 2 + 1
            first = i + 1
    return ranks


@njit
def _pearson(a, b):
    x, y = a - a.mean(), b - b.mean()
    scale = (x * x).sum() * (y * y).sum()
    return (x * y).sum() / np.sqrt(scale) if scale > 0 else np.nan
