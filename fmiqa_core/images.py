"""Images in, tensors out: sRGB, (3, H, V), 8-bit or float32 in [0, 1], and a clear refusal of everything else."""

import os
from typing import TYPE_CHECKING

from PIL import Image

from .errors import InputError
from .files.rgb import read as read
from .files.rgb import to_rgb as to_rgb

if TYPE_CHECKING:
    from torch import Tensor

STRIP = 512  # rows


def to_tensor(image: Image.Image) -> "Tensor":
    """PIL RGB -> (3, H, V) float32 in [0, 1]."""
    return scaled(to_pixels(image))


def to_pixels(image: Image.Image) -> "Tensor":
    """PIL RGB -> (3, H, V) uint8, a view of rows of pixels."""
    import numpy as np
    import torch

    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, STRIP):  # Pillow makes a copy in parts, and joins them to another
        pixels[top : top + STRIP] = image.crop((0, top, image.width, min(top + STRIP, image.height)))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def scaled(pixels: "Tensor") -> "Tensor":
    """Images, 8-bit or in [0, 1], where they are -> float32 in [0, 1], contiguous; the same bits on every device."""
    import torch

    if pixels.dtype != torch.uint8:
        return pixels.contiguous()
    white = torch.full((), 255.0, device=pixels.device)  # CUDA multiplies by a number's reciprocal, another last bit
    return pixels.to(torch.float32, memory_format=torch.contiguous_format) / white


def as_batch(image, double: bool = False) -> "tuple[Tensor, bool]":
    """Anything that `Metric` takes -> ((B, 3, H, V), whether it was a batch).

    What is 8-bit stays so, for `scaled`: a large image is four times as much in float32, in [0, 1], as the rest is; and
    where `double`, for a network in fp64, a float64 tensor.
    Paths, PIL images, uint8 or float arrays (H, V, 3) or (B, H, V, 3), float or uint8 tensors (3, H, V) or
    (B, 3, H, V). Raises InputError (a ValueError) for NaN, values outside [0, 1] or wrong channels.
    """
    import numpy as np
    import torch

    if isinstance(image, (str, os.PathLike)):
        return to_pixels(read(image))[None], False
    if isinstance(image, Image.Image):
        return to_pixels(to_rgb(image))[None], False
    if isinstance(image, np.ndarray):
        if image.ndim not in (3, 4) or image.shape[-1] != 3:
            raise InputError(f"An array must be (height, width, 3) or (batch, height, width, 3), not {image.shape}.")
        kind = image.dtype
        if kind != np.uint8 and not np.issubdtype(kind, np.floating):
            raise InputError(f"An array must be uint8 or float, not {kind}: divide by its white level to get [0, 1].")
        kept = np.require(image, requirements="CWE") if kind == np.uint8 else image.astype(np.float32)
        tensor = torch.from_numpy(kept).movedim(-1, -3)
    elif isinstance(image, torch.Tensor):
        if image.ndim not in (3, 4) or image.shape[-3] != 3:
            raise InputError(f"A tensor must be (3, height, width) or (batch, 3, height, width), not {tuple(image.shape)}.")
        if image.dtype != torch.uint8 and not image.is_floating_point():
            raise InputError(f"A tensor must be float in [0, 1] or uint8, not {image.dtype}.")
        tensor = image
    else:
        raise InputError(f"An image must be a path, a PIL image, an array or a tensor, not {type(image).__name__}.")
    batched = tensor.ndim == 4
    if tensor.numel() == 0:
        raise InputError("The image or batch is empty.")
    if tensor.dtype != torch.uint8:
        single = tensor.float()
        _check_range(single.detach())
        tensor = tensor if double and tensor.dtype == torch.float64 else single
    return (tensor if batched else tensor[None]), batched


def _check_range(tensor: "Tensor") -> None:
    import torch

    if not torch.isfinite(tensor).all():
        raise InputError("The image has NaN or infinite values.")
    low, high = tensor.min().item(), tensor.max().item()
    if low < 0 or high > 1:
        raise InputError(f"Values must lie in [0, 1], these span [{low:.4g}, {high:.4g}]: divide 0-255 data by 255, or clip.")
