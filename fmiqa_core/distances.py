"""Distances between the features of two windows, exactly as the authors' code computes them (protocol `paper`).

Ideas and formulae: abhijay9/ZS-IQA, distances.py (commit 1d8c1ce), written anew; quirks are kept and named.
All functions take a `Pair` of W windows and return (value (W,), parts (W, L) or None): l2, cos and swd of a
window are its score; `skld`, `jsd` and `wsd` already hold the final (ln(1 + s))^(1/4).

Everything is fp32. What several distances need is computed once per window (`Side`, `Pair`), and a
reference's side serves all its distorted images. All are differentiable, with a finite gradient at identity.
"""

from collections.abc import Callable, Iterator
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from .features import Features

Result = tuple[Tensor, Tensor | None]
ROWS = 64  # of the authors' "8 x 8 windows"
EPS = 1e-8  # smallest norm in a cosine, as in torch.cosine_similarity


class Side:
    """One image's W windows, with what the distances derive from them alone."""

    def __init__(self, features: Features):
        self.layers, self.final = features.layers, features.final

    @cached_property
    def stacks(self) -> list[Tensor]:
        """Layers of one shape together: (W, L, T, C) for a ViT, L x (W, 1, C, h, v) for a CNN."""
        return [self.layers] if isinstance(self.layers, Tensor) else [layer.unsqueeze(1) for layer in self.layers]

    @cached_property
    def squares(self) -> list[Tensor]:
        """Squared norms of `stacks` along the last axis."""
        return [_square_sums(stack) for stack in self.stacks]

    @cached_property
    def units(self) -> list[Tensor]:
        """`stacks` with the vectors along the last axis scaled by `_unit`."""
        return [_unit(*both) for both in zip(self.stacks, self.squares, strict=True)]

    @cached_property
    def columns(self) -> Tensor:
        return columns(self.layers)

    @cached_property
    def column_softmax(self) -> Tensor:
        """(W, 64, N), over the 64 rows, plus 1e-10 (the authors' floor at 1e-10 can then never bite)."""
        return self.columns.softmax(dim=1) + 1e-10

    @cached_property
    def column_logs(self) -> Tensor:
        return self.column_softmax.log()

    @cached_property
    def row_softmax(self) -> Tensor:
        """(W, 64, N), over the N columns."""
        return self.columns.softmax(dim=2)


class Pair:
    """Reference and distorted `Side`, with what the distances derive from both."""

    def __init__(self, ref: Side | Features, dis: Side | Features):
        self.ref = ref if isinstance(ref, Side) else Side(ref)
        self.dis = dis if isinstance(dis, Side) else Side(dis)

    @cached_property
    def squares(self) -> list[Tensor]:
        """Squared differences of the `stacks`, summed along the last axis."""
        return [_square_sums(*both) for both in zip(self.ref.stacks, self.dis.stacks, strict=True)]

    @cached_property
    def column_squares(self) -> Tensor:
        """(W, N): squared differences summed over the 64 rows."""
        return torch.cat([(b - a).square().sum(1) for a, b in _blocks(self.ref.columns, self.dis.columns)], dim=1)


def columns(layers: Tensor) -> Tensor:
    """(W, L, T, C) -> the authors' matrix (W, 64, N).

    T and C are first brought to the nearest multiple of 8 (half to even): zero rows are appended or tokens
    cropped at the END of the token axis, at the START of the channel axis. The block is then read in memory
    order as 64 rows, so a column is no spatial window: it mixes layers and tokens.
    """
    tokens, channels = layers.shape[-2:]
    layers = pad(layers, (8 * round(channels / 8) - channels, 0, 0, 8 * round(tokens / 8) - tokens))
    return layers.reshape(len(layers), ROWS, -1)


def l2(pair: Pair) -> Result:
    """Sum over layers of the mean squared difference (no root).

    Symmetric, 0 at identity; not invariant to scale. Source: distances.py, method "l2". Cost: one pass.
    """
    sizes = [stack[0, 0].numel() for stack in pair.ref.stacks]
    return _sum_of([s.flatten(2).sum(2) / size for s, size in zip(pair.squares, sizes, strict=True)])


def cos(pair: Pair) -> Result:
    """Sum over layers of the mean of 1 - cosine along the last axis: channels in a ViT (class token included).

    In a CNN the last axis is the image WIDTH, as in the authors' code. An all-zero row counts 1, as in fp32
    torch. Written as |x/|x| - y/|y||^2 / 2, which is the same number without the cancellation of 1 - cosine:
    exactly 0 at identity. Symmetric, invariant to a positive scale per position. Cost: two passes.
    """
    sides = (pair.ref.units, pair.dis.units, pair.ref.squares, pair.dis.squares)
    return _sum_of([one_minus_cosine(*stack).flatten(2).mean(2) for stack in zip(*sides, strict=True)])


def skld(pair: Pair) -> Result:
    """Symmetric Kullback-Leibler divergence of the columns of `columns` plus a damped squared L2 term.

    d = 1/2 sum p ln(p/q) + 1/2 sum q ln(q/p) with p, q softmax over the 64 rows; see `_squash` for the rest.
    ViT only, one number for all layers. Symmetric. Cost: one softmax and logarithm per side.
    """
    ref, dis = pair.ref, pair.dis
    sides = _blocks(ref.column_softmax, dis.column_softmax, ref.column_logs, dis.column_logs)
    divergence = [((p - q) * (lp - lq)).sum(1) / 2 for p, q, lp, lq in sides]
    return _squash(_add_l2(torch.cat(divergence, dim=1), pair)), None


def jsd(pair: Pair) -> Result:
    """Jensen-Shannon divergence (natural logarithm, no root) of the columns; no L2 term, unlike skld and wsd.

    Softmax as in `skld`. ViT only, one number for all layers. Symmetric. Cost: one more logarithm.
    """
    ref, dis = pair.ref, pair.dis
    divergence = []
    for p, q, lp, lq in _blocks(ref.column_softmax, dis.column_softmax, ref.column_logs, dis.column_logs):
        lm = ((p + q) / 2).log()
        divergence.append((p * (lp - lm) + q * (lq - lm)).sum(1) / 2)
    return _squash(torch.cat(divergence, dim=1)), None


def wsd(pair: Pair) -> Result:
    """Wasserstein-1 distance of the columns plus a damped squared L2 term.

    The softmax runs ALONG the N columns, so the 64 masses of a column sum to different totals in ref and dis and
    are not renormalised. With atoms at 0..63 and quantiles clamped to 63 (as in POT's wasserstein_1d), W1 is
    exactly sum over k < 63 of |cumsum(p - q)_k|. ViT only, one number for all layers. Symmetric.
    """
    distance = []
    for p, q in _blocks(pair.ref.row_softmax, pair.dis.row_softmax):
        cumulated = p[:, 0] - q[:, 0]
        total = cumulated.abs()
        for k in range(1, ROWS - 1):  # row by row: several times faster than cumsum along a strided axis
            cumulated = cumulated + (p[:, k] - q[:, k])
            total = total + cumulated.abs()
        distance.append(total)
    return _squash(_add_l2(torch.cat(distance, dim=1), pair)), None


def swd(pair: Pair, seed: int = 0) -> Result:
    """Sliced Wasserstein distance over the LAYER axis: T*C samples of dimension L, L random unit directions.

    Squared differences of the sorted projections, mean over directions, sum over samples. The authors draw new
    directions for every window from the global generator; here they are the same for all windows, from `seed`,
    so that the distance is deterministic. ViT only, no layer parts. Cost: 2 L sorts of T*C numbers.
    """
    layers = pair.ref.layers.shape[1]
    directions = torch.randn(layers, layers, generator=torch.Generator().manual_seed(seed))
    directions = (directions / directions.norm(dim=0)).to(pair.ref.layers.device)  # (L, directions)
    ref, dis = (
        torch.einsum("wln,ld->wdn", side.layers.flatten(2), directions).sort(dim=2).values for side in (pair.ref, pair.dis)
    )
    return (ref - dis).square().mean(1).sum(1), None


def embed_cos(pair: Pair) -> Result:
    """1 - cosine of the final features: the mean over all normalised tokens (ViT), or of the pooled vector (CNN)."""
    x, y = pair.ref.final, pair.dis.final
    x_squares, y_squares = _square_sums(x), _square_sums(y)
    value = one_minus_cosine(_unit(x, x_squares), _unit(y, y_squares), x_squares, y_squares)
    return (value.mean(1) if value.ndim == 2 else value), None


DISTANCES: dict[str, Callable[[Pair], Result]] = {
    "l2": l2,
    "cos": cos,
    "skld": skld,
    "jsd": jsd,
    "wsd": wsd,
    "swd": swd,
    "embed_cos": embed_cos,
}
VIT_ONLY = ("skld", "jsd", "wsd", "swd")


def _square_sums(x: Tensor, y: Tensor | None = None) -> Tensor:
    return (x if y is None else x - y).square().sum(-1)


def _unit(x: Tensor, squares: Tensor) -> Tensor:
    return x / squares.clamp_min(EPS**2).sqrt().unsqueeze(-1)


def one_minus_cosine(x_unit: Tensor, y_unit: Tensor, x_squares: Tensor, y_squares: Tensor) -> Tensor:
    """(..., K) vectors scaled by `_unit` and the squared norms (...) that they had -> (...).

    The last two terms are 0 but for norms below EPS: there the scaled vector is shorter than 1.
    """
    shorter = (1 - (x_squares / EPS**2).clamp(max=1)) + (1 - (y_squares / EPS**2).clamp(max=1))
    return (_square_sums(x_unit, y_unit) + shorter) / 2


def _sum_of(parts: list[Tensor]) -> Result:
    layers = torch.cat(parts, dim=1)  # (W, L)
    return layers.sum(1), layers


def _blocks(*matrices: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Column blocks of (W, 64, N) matrices that fit a CPU's cache; one block elsewhere."""
    width = matrices[0].shape[-1]
    step = 2048 if matrices[0].device.type == "cpu" else width
    for start in range(0, width, step):
        yield tuple(matrix[..., start : start + step] for matrix in matrices)


def _add_l2(value: Tensor, pair: Pair) -> Tensor:
    """d -> d + w(d) |P - Q|^2 per column, w(d) = exp(1 / (2 (d + 10))) / (d + 10)^2."""
    weight = (1 / (2 * (value + 10))).exp() / (value + 10).square()
    return value + weight * pair.column_squares


def _squash(value: Tensor) -> Tensor:
    """(W, N) -> (W,): (ln(1 + mean))^(1/4), as log(1 + s) in fp32.

    The root has an infinite slope at 0; where the logarithm is 0 the gradient is 0 instead.
    """
    log = (1 + value.mean(1)).log()
    zero = log == 0
    return torch.where(zero, torch.zeros_like(log), torch.where(zero, torch.ones_like(log), log) ** 0.25)
