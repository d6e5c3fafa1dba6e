"""What the distances derive from features, once per window (`Side`) and once per pair of windows (`Pair`).

A reference's side serves all its distorted images, and all protocols with the same `Protocol.of_a_side`. Which quirks of
the authors' code are undone is in the side's `switches`; both sides of a pair have the same.
"""

import math
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

from .errors import InputError
from .features import Features, widened
from .protocol import PAPER, Protocol
from .windows import even_starts

ROWS = 64  # of the authors' "8 x 8 windows"
GRID = 8  # patches per side of a true spatial window
EPS = 1e-8  # smallest norm in a cosine, as in torch.cosine_similarity


class Side:
    """One image's W windows, with what the distances derive from them alone."""

    def __init__(self, features: Features, switches: Protocol = PAPER):
        self.features, self.switches = features, switches
        self.is_vit = bool(features.taps) and features.taps[0].ndim == 3
        if self.is_vit:
            self.patches = features.patches or math.isqrt(features.taps[0].shape[1]) ** 2

    def __len__(self) -> int:
        return len(self.features)

    @property
    def depth(self) -> int:
        """How many layers it has."""
        return len(self.features.taps)

    def only(self, layers: slice) -> "Side":
        """With these of its layers."""
        return Side(self.features.only(layers), self.switches)

    @cached_property
    def layers(self) -> Tensor | tuple[Tensor, ...]:
        """`widened`: (W, L, T, C) of the tokens that are compared, for a ViT; L maps (W, C, h, v) for a CNN."""
        layers, switches = self.features.layers, self.switches
        return _tokens(self.features, layers, switches.patch_tokens, switches.class_token) if self.is_vit else layers

    @cached_property
    def final(self) -> Tensor:
        """`widened` tokens (W, T, C), or one vector (W, C)."""
        final, switches = widened(self.features.final), self.switches
        if final.ndim != 3:
            return final
        only_class = switches.class_token or switches.class_embedding
        return _tokens(self.features, final, switches.patch_tokens and not switches.class_embedding, only_class)

    @cached_property
    def stacks(self) -> list[Tensor]:
        """Layers of one shape together: (W, L, T, C) for a ViT, L x (W, 1, C, h, v) or (W, 1, h, v, C) for a CNN."""
        if self.is_vit:
            return [self.layers]
        return [(layer.movedim(1, -1) if self.switches.channel_cosine else layer).unsqueeze(1) for layer in self.layers]

    @cached_property
    def squares(self) -> list[Tensor]:
        """Squared norms of `stacks` along the last axis."""
        return [square_sums(stack) for stack in self.stacks]

    @cached_property
    def units(self) -> list[Tensor]:
        """`stacks` with the vectors along the last axis scaled by `unit`."""
        return [unit(*both) for both in zip(self.stacks, self.squares, strict=True)]

    @cached_property
    def grids(self) -> list[Tensor]:
        """Patches in their places, layers of one shape together: (W, L, h, v, C) for a ViT, L x (W, 1, h, v, C) for a CNN."""
        if self.is_vit:
            side = math.isqrt(self.patches)
            return [self.layers[:, :, -self.patches :].unflatten(2, (side, side))]
        return [layer.movedim(1, -1).unsqueeze(1) for layer in self.layers]

    @cached_property
    def columns(self) -> list[Tensor]:
        """Matrices (W, R, N) whose columns skld, jsd and wsd compare: one, or for a CNN one per layer."""
        if self.switches.spatial:
            return [spatial_columns(grid) for grid in self.grids]
        return [columns(self.layers, self.switches.whole_tokens)]

    @property
    def parts(self) -> list[int]:
        """Columns per layer; one number where all layers are mixed."""
        if not self.switches.spatial:
            return [self.columns[0].shape[2]]
        layers = [grid.shape[1] for grid in self.grids]
        return [m.shape[2] // n for m, n in zip(self.columns, layers, strict=True) for _ in range(n)]

    @cached_property
    def column_softmax(self) -> list[Tensor]:
        """Of `columns`, over the rows, plus 1e-10 (the authors' floor at 1e-10 can then never bite)."""
        return [matrix.softmax(dim=1) + 1e-10 for matrix in self.columns]

    @cached_property
    def column_logs(self) -> list[Tensor]:
        return [matrix.log() for matrix in self.column_softmax]

    @cached_property
    def row_softmax(self) -> list[Tensor]:
        """Of `columns`, along the columns of a layer, or of all layers where they are mixed."""
        if not self.switches.spatial:
            return [self.columns[0].softmax(dim=2)]
        layers = [grid.shape[1] for grid in self.grids]
        return [m.unflatten(2, (n, -1)).softmax(dim=3).flatten(2) for m, n in zip(self.columns, layers, strict=True)]


class Pair:
    """Reference and distorted `Side`, with what the distances derive from both."""

    def __init__(self, ref: Side | Features, dis: Side | Features, switches: Protocol | None = None):
        """`switches`: those of the sides where not given."""
        self.ref = ref if isinstance(ref, Side) else Side(ref)
        self.dis = dis if isinstance(dis, Side) else Side(dis)
        self.switches = switches or self.ref.switches

    @cached_property
    def squares(self) -> list[Tensor]:
        """Squared differences of the `stacks`, summed along the last axis."""
        return [square_sums(*both) for both in zip(self.ref.stacks, self.dis.stacks, strict=True)]

    @cached_property
    def column_squares(self) -> Tensor:
        """(W, N): squared differences summed over the rows of all `columns`."""
        return torch.cat([(b - a).square().sum(1) for a, b in blocks(self.ref.columns, self.dis.columns)], dim=1)


def columns(layers: Tensor, whole_tokens: bool = False) -> Tensor:
    """(W, L, T, C) -> the authors' matrix (W, 64, N).

    T and C are first brought to the nearest multiple of 8 (half to even): zero rows are appended or tokens
    cropped at the END of the token axis, at the START of the channel axis; not so with `whole_tokens`. The block is
    then read in memory order as 64 rows, so a column is no spatial window: it mixes layers and tokens.
    """
    tokens, channels = layers.shape[-2:]
    if not whole_tokens:
        layers = pad(layers, (8 * round(channels / 8) - channels, 0, 0, 8 * round(tokens / 8) - tokens))
    elif layers[0].numel() % ROWS:
        raise InputError(f"whole_tokens: {layers[0].numel()} features do not fill {ROWS} rows; this backbone needs spatial.")
    return layers.reshape(len(layers), ROWS, -1)


def spatial_columns(grid: Tensor) -> Tensor:
    """(W, L, h, v, C) -> (W, R, N): true windows of 8 x 8 patches, of each layer and channel; R = 64.

    Windows are as few as cover the grid, evenly spaced: 4 on 16 x 16 (patch 14), 4 overlapping ones on 14 x 14
    (patch 16). A grid below 8 x 8 is one window: R = 49 on 7 x 7 (patch 32). Rows are in raster order; columns run
    over layers, then windows, then channels, N = L x windows x C. 8 x 8 is the size that the authors name, and keeps
    what it sees comparable between backbones, which the whole grid (49 to 12544 samples) would not.
    """
    cuts = [grid[:, :, rows, cols].flatten(2, 3) for rows, cols in _grid_windows(grid.shape)]  # (W, L, R, C) each
    return torch.stack(cuts, dim=2).permute(0, 3, 1, 2, 4).flatten(2)


def fold(terms: Tensor, shape: torch.Size) -> Tensor:
    """What the samples of `spatial_columns` hold, (W, R, N), back in its place: the mean over channels, (W, L, h, v).

    `shape` is the grid's, (W, L, h, v, C). Where windows overlap their mean.
    """
    places = _grid_windows(shape)
    parts = terms.unflatten(2, (shape[1], len(places), shape[4])).mean(4)  # (W, R, L, windows)
    total, count = terms.new_zeros(shape[:4]), terms.new_zeros(shape[2:4])
    for number, (rows, cols) in enumerate(places):
        inside = total[:, :, rows, cols]
        inside += parts[..., number].movedim(1, 2).reshape(inside.shape)
        count[rows, cols] += 1
    return total / count


def _grid_windows(shape: torch.Size) -> list[tuple[slice, slice]]:
    """Rows and columns of each window on a grid (W, L, h, v, C)."""
    tall, wide = (min(GRID, side) for side in shape[2:4])
    tops, lefts = even_starts(shape[2], tall), even_starts(shape[3], wide)
    return [(slice(t, t + tall), slice(s, s + wide)) for t in tops for s in lefts]


def blocks(*sides: list[Tensor]):
    """Column blocks, the same of every side, that fit a CPU's cache; whole matrices elsewhere.

    A side is a list of matrices (W, R, N).
    """
    for matrices in zip(*sides, strict=True):
        width = matrices[0].shape[-1]
        step = 2048 if matrices[0].device.type == "cpu" else width
        for start in range(0, width, step):
            yield tuple(matrix[..., start : start + step] for matrix in matrices)


def square_sums(x: Tensor, y: Tensor | None = None) -> Tensor:
    return (x if y is None else x - y).square().sum(-1)


def unit(x: Tensor, squares: Tensor) -> Tensor:
    return x / squares.clamp_min(EPS**2).sqrt().unsqueeze(-1)


def _tokens(features: Features, tokens: Tensor, patches: bool, only_class: bool) -> Tensor:
    """All of the tokens (..., T, C) of `features`, only the patches, or only the class token (..., 1, C).

    Without a class token the mean over the patches stands in for it; registers take no part.
    """
    count = features.patches or math.isqrt(tokens.shape[-2]) ** 2
    if only_class and features.class_token and count < tokens.shape[-2]:
        return tokens[..., :1, :]
    if only_class:
        return tokens[..., -count:, :].mean(-2, keepdim=True)
    return tokens[..., -count:, :] if patches else tokens
