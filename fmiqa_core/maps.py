"""Where in the image a distance sees the difference."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from . import paths
from .distances import Pair, one_minus_cosine
from .errors import InputError
from .windows import SIZE, positions


def check(distance: str, kind: str) -> None:
    """InputError for a distance that has no place in the image in protocol `paper`."""
    if distance not in ("l2", "cos"):
        raise InputError(f"{distance} has no map: it mixes positions. Use l2 or cos.")
    if distance == "cos" and kind == "cnn":
        raise InputError("cos of a CNN compares whole rows in protocol paper and has no map: use l2.")


def window_maps(pair: Pair, distance: str) -> Tensor:
    """(W, L, 224, 224): the part of each patch in a layer's distance, bilinear between patch centres.

    ViT: patch tokens only, the class token has no place. CNN, l2 only: mean over channels.
    """
    if isinstance(pair.ref.layers, Tensor):
        if distance == "cos":
            parts = one_minus_cosine(pair.ref.units[0], pair.dis.units[0], pair.ref.squares[0], pair.dis.squares[0])
        else:
            parts = pair.squares[0] / pair.ref.layers.shape[-1]
        parts = parts[..., 1:]  # (W, L, T - 1)
        grid = int(parts.shape[-1] ** 0.5)
        return _enlarge(parts.unflatten(2, (grid, grid)))
    maps = [(x - y).square().mean(1, keepdim=True) for x, y in zip(pair.ref.layers, pair.dis.layers, strict=True)]
    return torch.cat([_enlarge(one) for one in maps], dim=1)


def assemble(maps: Tensor, height: int, width: int) -> Tensor:
    """(W, L, 224, 224) window maps -> (L, H, V): weighted mean where windows overlap, less weight near their edges."""
    ramp = torch.minimum(torch.arange(1, SIZE + 1), torch.arange(SIZE, 0, -1)).to(maps)
    tent = ramp[:, None] * ramp[None, :]
    total = maps.new_zeros(maps.shape[1], height, width)
    weight = maps.new_zeros(height, width)
    for one, (top, left) in zip(maps, positions(height, width), strict=True):
        total[:, top : top + SIZE, left : left + SIZE] += tent * one
        weight[top : top + SIZE, left : left + SIZE] += tent
    return total / weight


def _enlarge(maps: Tensor) -> Tensor:
    return interpolate(maps, size=(SIZE, SIZE), mode="bilinear", align_corners=False)


def save_png(local: Tensor, file: str | Path) -> None:
    """Write a (H, V) map as a PNG of the image's size, from black (0) to white (its maximum)."""
    scaled = local / local.max().clamp_min(torch.finfo(local.dtype).tiny)
    paths.make_folder(Path(file).absolute().parent)
    with paths.atomic(Path(file)) as temporary:
        Image.fromarray((scaled.clamp(0, 1) * 255).round().byte().cpu().numpy()).save(temporary)


def pca_colours(tokens: Tensor) -> Tensor:
    """(n, T, C) tokens of one layer -> (n, g, g, 3) in [0, 1]: three principal components of all n images' patches.

    The components are shared, so that equal colours mean equal features across the images. Each is stretched
    between its 1st and 99th percentile; its sign is the one that makes the largest loading positive.
    """
    patches = tokens[:, 1:].cpu().double()
    flat = patches.flatten(0, 1) - patches.mean((0, 1))
    axes = torch.linalg.svd(flat, full_matrices=False).Vh[:3]  # (3, C)
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    values = flat @ (axes * largest.sign()).T
    low, high = (values.quantile(q, dim=0) for q in (0.01, 0.99))
    grid = int(patches.shape[1] ** 0.5)
    return ((values - low) / (high - low)).clamp(0, 1).reshape(len(tokens), grid, grid, 3)
