"""Images in, tensors out: (3, H, V) float32 in [0, 1], sRGB, and a clear refusal of everything else."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def read(source: str | os.PathLike | bytes, name: str | None = None) -> Image.Image:
    """Decode an image file (or its bytes, called `name` in messages) to 8-bit RGB; see `to_rgb`.

    Raises InputError for a missing, unreadable or truncated file.
    """
    name = name or str(source)
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
    except FileNotFoundError:
        raise InputError(f"No such image file: {name}.") from None
    except OSError as error:
        raise InputError(f"Cannot read image file {name}: {error.strerror}.") from error
    try:
        image = Image.open(io.BytesIO(content))
        deep = any(
            ";16" in str(tile) or "65535" in str(tile[-1]) for tile in image.tile
        )  # Pillow would quietly drop half of the bits
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{name} cannot be decoded as an image (damaged or truncated?): {_short(error)}") from error
    if deep:
        raise InputError(f"{name} has 16 bits per channel: convert it to 8-bit sRGB first.")
    return to_rgb(image, name)


def to_rgb(image: Image.Image, name: str = "image") -> Image.Image:
    """8-bit RGB as a viewer shows it: orientation tag and colour profile applied, grey and palette expanded.

    Raises InputError for 16-bit and float pixels, CMYK and the like, and for alpha that is not opaque
    everywhere (the colour behind it is unknown).
    """
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"):
        raise InputError(f"{name} has pixel format {image.mode}: convert it to 8-bit sRGB first.")
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        alpha = image.convert("RGBA").getchannel("A")
        if alpha.getextrema()[0] < 255:
            raise InputError(f"{name} has transparent pixels: flatten it onto a background first.")
    profile = image.info.get("icc_profile")
    rgb = image.convert("RGB")
    if profile and image.mode.startswith(("RGB", "P")):  # a grey profile describes no colour
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                rgb = ImageCms.profileToProfile(rgb, source, ImageCms.createProfile("sRGB"))
        except (ImageCms.PyCMSError, OSError) as error:
            raise InputError(f"{name} has a colour profile that cannot be applied: convert it to sRGB first.") from error
    return rgb


def to_tensor(image: Image.Image) -> "Tensor":
    """PIL RGB -> (3, H, V) float32 in [0, 1]."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous().float() / 255


def as_batch(image) -> "tuple[Tensor, bool]":
    """Anything that `Metric` takes -> ((B, 3, H, V) float32 in [0, 1], whether it was a batch).

    Paths, PIL images, uint8 or float arrays (H, V, 3) or (B, H, V, 3), float or uint8 tensors (3, H, V) or
    (B, 3, H, V). Raises InputError (a ValueError) for NaN, values outside [0, 1] or wrong channels.
    """
    import numpy as np
    import torch

    if isinstance(image, (str, os.PathLike)):
        return to_tensor(read(image))[None], False
    if isinstance(image, Image.Image):
        return to_tensor(to_rgb(image))[None], False
    if isinstance(image, np.ndarray):
        if image.ndim not in (3, 4) or image.shape[-1] != 3:
            raise InputError(f"An array must be (height, width, 3) or (batch, height, width, 3), not {image.shape}.")
        kind = image.dtype
        if kind != np.uint8 and not np.issubdtype(kind, np.floating):
            raise InputError(f"An array must be uint8 or float, not {kind}: divide by its white level to get [0, 1].")
        tensor = torch.from_numpy(image.copy() if kind == np.uint8 else image.astype(np.float32)).movedim(-1, -3).contiguous()
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
    tensor = tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()
    _check_range(tensor.detach())
    return (tensor if batched else tensor[None]), batched


def _check_range(tensor: "Tensor") -> None:
    import torch

    if not torch.isfinite(tensor).all():
        raise InputError("The image has NaN or infinite values.")
    low, high = tensor.min().item(), tensor.max().item()
    if low < 0 or high > 1:
        raise InputError(f"Values must lie in [0, 1], these span [{low:.4g}, {high:.4g}]: divide 0-255 data by 255, or clip.")


def _short(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") + "." if str(error) else type(error).__name__ + "."
