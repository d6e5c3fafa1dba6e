"""Distances between the features of two windows; protocol `paper` is exactly what the authors' code computes.

Ideas and formulae: abhijay9/ZS-IQA, distances.py (commit 1d8c1ce), written anew; quirks are kept, named, and
undone one by one by `protocol`. All functions take a `Pair` of W windows and return (value (W,), parts (W, L) or
None); parts add up to the value. `skld`, `jsd` and `wsd` already hold the final (ln(1 + s))^(1/4).

Everything is fp32 (fp64 where features are) and differentiable, with a finite gradient at identity.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .pair import EPS, Pair, Side, blocks, columns, square_sums, unit

__all__ = ["DISTANCES", "EPS", "NOT_OF_A_CNN", "VIT_ONLY", "Pair", "Result", "Side", "columns", "sum_of"]
Result = tuple[Tensor, Tensor | None]


def l2(pair: Pair) -> Result:
    """Sum over layers of the mean squared difference (no root).

    Symmetric, 0 at identity; not invariant to scale. Source: distances.py, method "l2". Cost: one pass.
    """
    sizes = [stack[0, 0].numel() for stack in pair.ref.stacks]
    return sum_of([s.flatten(2).sum(2) / size for s, size in zip(pair.squares, sizes, strict=True)])


def cos(pair: Pair) -> Result:
    """Sum over layers of the mean of 1 - cosine along the channels in a ViT (class token included).

    In a CNN it runs along the image WIDTH, as in the authors' code, or along the channels (`channel_cosine`). An
    all-zero row counts 1, as in fp32 torch. Written as |x/|x| - y/|y||^2 / 2, which is the same number without the
    cancellation of 1 - cosine: exactly 0 at identity. Symmetric, invariant to a positive scale per position. Cost:
    two passes.
    """
    sides = (pair.ref.units, pair.dis.units, pair.ref.squares, pair.dis.squares)
    return sum_of([one_minus_cosine(*stack).flatten(2).mean(2) for stack in zip(*sides, strict=True)])


def skld(pair: Pair) -> Result:
    """Symmetric Kullback-Leibler divergence of the columns of `Side.columns` plus a damped squared L2 term.

    d = 1/2 sum p ln(p/q) + 1/2 sum q ln(q/p) with p, q softmax over the rows; see `_squash` for the rest. In
    `paper` ViT only, one number for all layers. Symmetric. Cost: one softmax and logarithm per side.
    """
    return _reduce(_add_l2(column_distances(pair, "skld"), pair), pair)


def jsd(pair: Pair) -> Result:
    """Jensen-Shannon divergence (natural logarithm, no root) of the columns; no L2 term, unlike skld and wsd.

    Softmax as in `skld`. In `paper` ViT only, one number for all layers. Symmetric. Cost: one more logarithm.
    """
    return _reduce(column_distances(pair, "jsd"), pair)


def wsd(pair: Pair) -> Result:
    """Wasserstein-1 distance of the columns plus a damped squared L2 term.

    With R atoms at 0..R-1 and quantiles clamped to R-1 (as in POT's wasserstein_1d), W1 is exactly the sum over
    k < R-1 of |cumsum(p - q)_k|. In `paper` the softmax runs ALONG the N columns, so the 64 masses of a column sum to
    different totals in ref and dis and are not renormalised; `sample_softmax` puts that right. In `paper` ViT only,
    one number for all layers. Symmetric.
    """
    return _reduce(_add_l2(column_distances(pair, "wsd"), pair), pair)


def swd(pair: Pair, seed: int = 0) -> Result:
    """Sliced Wasserstein distance over the LAYER axis: T*C samples of dimension L, L random unit directions.

    Squared differences of the sorted projections, mean over directions, sum over samples. The authors draw new
    directions for every window from the global generator; here they are the same for all windows, from `seed`,
    so that the distance is deterministic. ViT only, no layer parts. Cost: 2 L sorts of T*C numbers.
    """
    layers = pair.ref.layers.shape[1]
    directions = torch.randn(layers, layers, generator=torch.Generator().manual_seed(seed), dtype=torch.float32, device="cpu")
    directions = (directions / directions.norm(dim=0)).to(pair.ref.layers)  # (L, directions)
    ref, dis = (
        torch.einsum("wln,ld->wdn", side.layers.flatten(2), directions).sort(dim=2).values for side in (pair.ref, pair.dis)
    )
    return (ref - dis).square().mean(1).sum(1), None


def embed_cos(pair: Pair) -> Result:
    """1 - cosine of the final features: the mean over all normalised tokens (ViT), or of the pooled vector (CNN).

    With `class_embedding` the class token alone.
    """
    x, y = pair.ref.final, pair.dis.final
    x_squares, y_squares = square_sums(x), square_sums(y)
    value = one_minus_cosine(unit(x, x_squares), unit(y, y_squares), x_squares, y_squares)
    return (value.mean(1) if value.ndim == 2 else value), None


def sum_of(parts: list[Tensor]) -> Result:
    """Layer parts, each (W, l), one for each of `Side.stacks` -> the score (W,), and its layers (W, L)."""
    layers = torch.cat(parts, dim=1)  # (W, L)
    return layers.sum(1), layers


DISTANCES: dict[str, Callable[[Pair], Result]] = {
    "l2": l2,
    "cos": cos,
    "skld": skld,
    "jsd": jsd,
    "wsd": wsd,
    "swd": swd,
    "embed_cos": embed_cos,
}
VIT_ONLY = ("skld", "jsd", "wsd", "swd")  # in `paper`
NOT_OF_A_CNN = ("swd",)  # in any protocol: its layers differ in shape


def column_distances(pair: Pair, name: str) -> Tensor:
    """(W, N): the divergence (skld, jsd) or W1 (wsd) of every column, before the L2 term and the mean."""
    if name == "wsd":
        return torch.cat([w1(*block) for block in blocks(*wsd_masses(pair))], dim=1)
    ref, dis, terms = pair.ref, pair.dis, {"skld": skld_terms, "jsd": jsd_terms}[name]
    sides = blocks(ref.column_softmax, dis.column_softmax, ref.column_logs, dis.column_logs)
    return torch.cat([terms(*block).sum(1) / 2 for block in sides], dim=1)


def skld_terms(p: Tensor, q: Tensor, lp: Tensor, lq: Tensor) -> Tensor:
    """(W, R, n) probabilities and their logarithms -> twice each sample's share of the divergence; never negative."""
    return (p - q) * (lp - lq)


def jsd_terms(p: Tensor, q: Tensor, lp: Tensor, lq: Tensor) -> Tensor:
    """As `skld_terms`; never negative but for rounding, by the log sum inequality."""
    lm = ((p + q) / 2).log()
    return p * (lp - lm) + q * (lq - lm)


def wsd_masses(pair: Pair) -> tuple[list[Tensor], list[Tensor]]:
    """The masses (W, R, N) that `wsd` transports, of reference and distorted side."""
    if pair.switches.sample_softmax:
        return pair.ref.column_softmax, pair.dis.column_softmax
    return pair.ref.row_softmax, pair.dis.row_softmax


def one_minus_cosine(x_unit: Tensor, y_unit: Tensor, x_squares: Tensor, y_squares: Tensor) -> Tensor:
    """(..., K) vectors scaled by `unit` and the squared norms (...) that they had -> (...).

    The last two terms are 0 but for norms below EPS: there the scaled vector is shorter than 1.
    """
    shorter = (1 - (x_squares / EPS**2).clamp(max=1)) + (1 - (y_squares / EPS**2).clamp(max=1))
    return (square_sums(x_unit, y_unit) + shorter) / 2


def l2_weight(value: Tensor) -> Tensor:
    """w(d) = exp(1 / (2 (d + 10))) / (d + 10)^2, the weight of the squared L2 term beside a column's distance d."""
    return (1 / (2 * (value + 10))).exp() / (value + 10).square()


def squash(mean: Tensor) -> Tensor:
    """(ln(1 + mean))^(1/4), as log(1 + s) in fp32.

    The root has an infinite slope at 0; where the logarithm is 0 the gradient is 0 instead.
    """
    log = (1 + mean).log()
    zero = log == 0
    return torch.where(zero, torch.zeros_like(log), torch.where(zero, torch.ones_like(log), log) ** 0.25)


def w1(p: Tensor, q: Tensor) -> Tensor:
    """(W, R, n) masses of atoms at 0..R-1 -> (W, n): the sum over k < R-1 of |cumsum(p - q)_k|, see `wsd`.

    >>> p, q = torch.eye(4)[0], torch.eye(4)[3]  # all mass at 0, all at 3
    >>> w1(p[None, :, None], q[None, :, None])
    tensor([[3.]])
    """
    cumulated = p[:, 0] - q[:, 0]
    total = cumulated.abs()
    for k in range(1, p.shape[1] - 1):  # row by row: several times faster than cumsum along a strided axis
        cumulated = cumulated + (p[:, k] - q[:, k])
        total = total + cumulated.abs()
    return total


def _add_l2(value: Tensor, pair: Pair) -> Tensor:
    """d -> d + w(d) |P - Q|^2 per column (W, N)."""
    return value if pair.switches.no_l2_term else value + l2_weight(value) * pair.column_squares


def _reduce(value: Tensor, pair: Pair) -> Result:
    """Columns (W, N) -> their squashed mean (W,); with `spatial` one for each layer, and the score their sum."""
    if not pair.switches.spatial:
        return squash(value.mean(1)), None
    return sum_of([squash(part.mean(1, keepdim=True)) for part in value.split(pair.ref.parts, dim=1)])
