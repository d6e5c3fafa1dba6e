"""Learned positions of the patches on the grid of a window of 224 px.

A table (1, P + g*g, C), or (P + g*g, C) in open_clip, holds P rows for tokens before the patches and a square grid. P is
0 for a network without such tokens or with no rows for them (timm's `no_embed_class`, DINOv2 with registers).
"""

import math
from typing import TYPE_CHECKING

from .records import Backbone

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("pos_embed", "positional_embedding")  # how they end


def resized(found: "dict[str, Tensor]", backbone: Backbone, wanted: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """`found` with its tables on the grids of `wanted`, a network's state dict.

    Where a table has a row for the class token and the network has none, the row is added to the class token, which the
    network would do itself. What is no square grid is left as it is.
    """
    found = dict(found)
    for name in wanted:
        if not name.endswith(NAMES) or name not in found or found[name].shape == wanted[name].shape:
            continue
        table, rows = found[name], wanted[name].shape[-2]
        grid = math.isqrt(backbone.patches or rows)
        before = rows - grid**2
        token = name.removesuffix("pos_embed") + "cls_token"
        if before == 0 and token in found and _is_square(table.shape[-2] - 1) and found[token].ndim == table.ndim:
            found[token], table = found[token] + table[..., :1, :], table[..., 1:, :]
        if _is_square(table.shape[-2] - before):
            found[name] = regrid(table, before, grid, backbone.antialias)
    return found


def regrid(table: "Tensor", before: int, grid: int, antialias: bool) -> "Tensor":
    """(..., before + g*g, C) -> (..., before + grid*grid, C), bicubically.

    `antialias` is a matter of the family (`Backbone.antialias`): it moves DINOv2's final tokens by up to 1.
    """
    import torch
    from torch.nn.functional import interpolate

    first, plane = table[..., :before, :].float(), table[..., before:, :].float()
    side, channels = math.isqrt(plane.shape[-2]), table.shape[-1]
    plane = plane.reshape(1, side, side, channels).permute(0, 3, 1, 2)  # (1, C, g, g)
    plane = interpolate(plane, size=(grid, grid), mode="bicubic", align_corners=False, antialias=antialias)
    rows = plane.flatten(2).transpose(1, 2).reshape(*table.shape[:-2], grid**2, channels)
    return torch.cat([first, rows], dim=-2)


def side(table: "Tensor") -> int:
    """Patches along one side of the grid of a table; what stands before it has fewer rows than one more row and column."""
    return math.isqrt(table.shape[-2])


def _is_square(rows: int) -> bool:
    return rows > 0 and math.isqrt(rows) ** 2 == rows
