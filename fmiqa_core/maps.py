"""Where in the image a distance sees the difference.

The unit is that of the score: a map says what the distance is at each pixel, and its mean is what the image has of it. Of
one window the mean of `patch_maps` is the layer's part of the score, but for l2 and cos of a ViT, which count the class
token, too; it has no place. Larger images are covered by more windows than the score takes (`windows.positions`, dense), so
that each fades out over at least half of its neighbour, and none shows: their score is not quite the mean of their map.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from . import distances
from .distances import DISTANCES, one_minus_cosine
from .errors import InputError
from .pair import Pair, fold
from .protocol import PAPER, Protocol
from .windows import SIZE, along, positions


def available(switches: Protocol = PAPER) -> tuple[str, ...]:
    """Distances that have a map in this protocol, with any backbone that can have them."""
    return () if switches.class_token else ("l2", "cos", *["skld", "jsd", "wsd"] * switches.spatial)


def check(distance: str, switches: Protocol = PAPER) -> None:
    """InputError, with the remedy, for a distance that is not `available`."""
    if distance in available(switches):
        return
    if distance not in ("l2", "cos"):
        remedy = ", or protocol corrected" if distance in ("skld", "jsd", "wsd") else ""
        raise InputError(f"{distance} has no map: it mixes positions. Use l2 or cos{remedy}.")
    raise InputError("The class token has no place in the image, so there is no map: leave class_token out.")


def window_maps(pair: Pair, distance: str) -> Tensor:
    """(W, L, 224, 224): `patch_maps`, bilinear between patch centres."""
    return torch.cat([_enlarge(one) for one in patch_maps(pair, distance)], dim=1)


def patch_maps(pair: Pair, distance: str) -> list[Tensor]:
    """(W, L, h, v), in a list, one for all layers of a shape: the part of each patch in a layer's distance.

    ViT: patch tokens only, the class token has no place. skld, jsd, wsd (`spatial`): what each patch adds to its
    columns, averaged over channels and scaled so that the mean over the patches is the layer's part of the score. Of
    wsd it is the mass that moves past a patch in raster order, so it smears along the rows; so does cos of a CNN in `paper`.
    """
    if distance in distances.VIT_ONLY:
        return _distribution_maps(pair, distance)
    if not pair.ref.is_vit and distance == "l2":
        return [(x - y).square().mean(1, keepdim=True) for x, y in zip(pair.ref.layers, pair.dis.layers, strict=True)]
    if distance == "l2":
        return [_patches(pair.squares[0] / pair.ref.layers.shape[-1], pair.ref.patches)]
    sides = (pair.ref.units, pair.dis.units, pair.ref.squares, pair.dis.squares)
    of_position = _on_rows if not pair.ref.is_vit and not pair.switches.channel_cosine else one_minus_cosine
    parts = [of_position(*stack) for stack in zip(*sides, strict=True)]
    return [_patches(part, pair.ref.patches) if part.ndim == 3 else part for part in parts]


def _on_rows(x_unit: Tensor, y_unit: Tensor, x_squares: Tensor, y_squares: Tensor) -> Tensor:
    """As `one_minus_cosine` of rows, (W, 1, C, h, v) and (W, 1, C, h), but what each place adds to its row: (W, 1, h, v).

    1 - cosine is half the squared difference of the unit vectors, a sum over places. What a row of zeros counts lies evenly.
    """
    added = (x_unit - y_unit).square() / 2
    even = (one_minus_cosine(x_unit, y_unit, x_squares, y_squares) - added.sum(-1)).clamp_min(0)
    return (added * added.shape[-1] + even[..., None]).mean(2)


def joined(several: Iterable[list[Tensor]]) -> list[Tensor]:
    """`patch_maps` of some windows after those of others."""
    return [torch.cat(maps) for maps in zip(*several, strict=True)]


def _patches(tokens: Tensor, count: int) -> Tensor:
    """(W, L, T) values of tokens -> (W, L, g, g) of the patches, which are the last `count`."""
    grid = math.isqrt(count)
    return tokens[..., -count:].unflatten(2, (grid, grid))


def _distribution_maps(pair: Pair, distance: str) -> list[Tensor]:
    """(W, L, h, v) of skld, jsd or wsd in spatial windows: a list, one for all layers of a shape."""
    parts = DISTANCES[distance](pair)[1]  # (W, L)
    out, done = [], 0
    for number, grid in enumerate(pair.ref.grids):
        layers = grid.shape[1]
        terms = _terms(pair, distance, number)  # (W, R, N)
        local = fold(terms, grid.shape)
        mean = local.mean((2, 3))
        scale = torch.where(mean > 0, parts[:, done : done + layers] / mean, torch.zeros_like(mean))
        out.append(local * scale[..., None, None])
        done += layers
    return out


def _terms(pair: Pair, distance: str, number: int) -> Tensor:
    """(W, R, N): what each sample of each column of matrix `number` adds to the column's distance."""
    ref, dis = pair.ref, pair.dis
    if distance == "wsd":
        p, q = (masses[number] for masses in distances.wsd_masses(pair))
        terms = (p - q).cumsum(1).abs()
        terms[:, -1] = 0
    else:
        p, q, lp, lq = (m[number] for m in (ref.column_softmax, dis.column_softmax, ref.column_logs, dis.column_logs))
        terms = (distances.skld_terms if distance == "skld" else distances.jsd_terms)(p, q, lp, lq).clamp_min(0) / 2
    if distance == "jsd" or pair.switches.no_l2_term:
        return terms
    return terms + distances.l2_weight(terms.sum(1, keepdim=True)) * (ref.columns[number] - dis.columns[number]).square()


def assemble(maps: list[Tensor], height: int, width: int, even: bool = False) -> Tensor:
    """`patch_maps` of an image's windows (dense) -> (L, H, V): weighted mean of them, each fading out to its borders."""
    layers = [layer for stack in maps for layer in stack.unbind(1)]
    out = maps[0].new_empty(len(layers), height, width)
    for target, layer in zip(out, layers, strict=True):
        _assemble([layer], target, even)
    return out


def assemble_sum(maps: list[Tensor], height: int, width: int, even: bool = False) -> Tensor:
    """`patch_maps` of an image's windows -> (H, V): `summed` of what `assemble` gives, in the memory of one map."""
    out = maps[0].new_empty(height, width)
    means = [torch.stack([_assemble([layer], out, even).mean() for layer in stack.unbind(1)]) for stack in maps]
    total = torch.cat(means).mean()
    weights = [torch.where(mean > 0, total / mean.clamp_min(torch.finfo(mean.dtype).tiny), mean) for mean in means]
    pairs = zip(maps, weights, strict=True)
    return _assemble([(stack * weight[:, None, None]).sum(1) for stack, weight in pairs], out, even)


def _assemble(maps: list[Tensor], out: Tensor, even: bool) -> Tensor:
    """The sum of the window maps, each (W, h, v), enlarged and assembled in `out` (H, V), which is returned."""
    ramp = torch.minimum(torch.arange(1, SIZE + 1), torch.arange(SIZE, 0, -1)).to(out)
    tent = ramp[:, None] * ramp[None, :]
    out.zero_()
    for i, (top, left) in enumerate(positions(*out.shape, even, dense=True)):
        enlarged = [_enlarge(each[None, i : i + 1])[0, 0] for each in maps]
        out[top : top + SIZE, left : left + SIZE] += tent * sum(enlarged[1:], start=enlarged[0])
    down, across = (_weights(length, ramp, even) for length in out.shape)
    for rows, weight in zip(out.split(SIZE), down.split(SIZE), strict=True):  # not at once: weights as large as the map
        rows /= weight[:, None] * across
    return out


def _weights(length: int, ramp: Tensor, even: bool) -> Tensor:
    """What the windows weigh together at each pixel of an axis."""
    weight = ramp.new_zeros(length)
    for start in along(length, even, dense=True):
        weight[start : start + SIZE] += ramp
    return weight


def summed(maps: Tensor) -> Tensor:
    """(..., L, H, V) layer maps -> (..., H, V): their sum after each was brought to the mean of them all.

    The mean over the image stays that of the plain sum. In the plain sum one layer of large features drowns the rest:
    DINOv2's last holds most of l2 and says least about where, so that the AUC of `localisation` falls from .98 to .92.
    """
    mean = maps.mean((-2, -1), keepdim=True)
    shares = torch.where(mean > 0, maps / mean.clamp_min(torch.finfo(maps.dtype).tiny), torch.zeros_like(maps))
    return (shares.mean(-3, keepdim=True) * mean.sum(-3, keepdim=True)).squeeze(-3)


def _enlarge(maps: Tensor) -> Tensor:
    return interpolate(maps, size=(SIZE, SIZE), mode="bilinear", align_corners=False)
