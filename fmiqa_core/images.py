"""Images in, tensors out: sRGB, (3, H, V), 8-bit or float32 in [0, 1], and a clear refusal of everything else."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from .errors import InputError
from .files import colour, decoding

if TYPE_CHECKING:
    from torch import Tensor

STRIP = 512  # rows
TURNED = {  # orientation tag -> what a viewer does to show the image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read(source: str | os.PathLike | bytes, name: str | None = None) -> Image.Image:
    """Decode an image file (or its bytes, called `name` in messages) to 8-bit RGB; see `to_rgb`.

    The file is read once and from its beginning to its end, so it may be a stream. Raises InputError for a missing,
    unreadable or damaged file, and for one that is no image, which it names.
    """
    name = name or ("The image" if isinstance(source, bytes) else str(source))
    try:
        content = source if isinstance(source, bytes) else Path(source).read_bytes()
    except FileNotFoundError:
        raise InputError(f"No such image file: {name}.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InputError(f"Cannot read image file {name}: {getattr(error, 'strerror', None) or error}.") from error
    with decoding.refusing(name, content):
        rgb = _to_rgb(Image.open(io.BytesIO(content)), content, name)
    rgb.filename = name  # as PIL calls it: for reports
    return rgb


def to_rgb(image: Image.Image, name: str | None = None) -> Image.Image:
    """8-bit RGB as a viewer shows it: orientation tag and colour profile applied, grey and palette expanded.

    Raises InputError for more than 8 bits per channel (of a PIL image that was loaded from memory this can no longer be
    told in every format), CMYK and the like, animations and pages, alpha that is not opaque everywhere (the colour
    behind it is unknown), and for an image that is closed or truncated.
    """
    name = name or getattr(image, "filename", "") or "The image"
    with decoding.refusing(name):
        content = decoding.file_of(image)
        if image.format == "TIFF" and image.tile and image.fp and image.tell() == 0 and content:
            image = Image.open(io.BytesIO(content))  # Pillow maps a TIFF file into memory, and scrambles one that is turned
        return _to_rgb(image, content, name)


def _to_rgb(image: Image.Image, content: bytes, name: str) -> Image.Image:
    """`to_rgb` of an image that was opened from the file `content`; without metadata, which would be applied again."""
    decoding.check(image, content, name)
    profile = colour.profile_of(image, content)
    image.load()
    turned = TURNED.get(_orientation(image, name))  # not ImageOps.exif_transpose: it rewrites all tags, or fails to
    if turned is not None:
        image = image.transpose(turned)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema()[0] < 255:
            raise InputError(f"{name} has transparent pixels: flatten it onto a background first.")
        image = rgba if image.mode in ("P", "PA") else image
    rgb = colour.to_srgb(image, profile, name) if profile else image.convert("RGB")
    rgb.info = {}
    return rgb


def _orientation(image: Image.Image, name: str) -> int:
    try:
        return image.getexif().get(0x0112, 1)
    except Exception as error:  # as the decoders, the parser raises anything
        raise InputError(f"{name} has damaged EXIF data, so which way up it is shown is unknown: remove them first.") from error


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


def as_batch(image) -> "tuple[Tensor, bool]":
    """Anything that `Metric` takes -> ((B, 3, H, V), whether it was a batch).

    What is 8-bit stays so, for `scaled`: a large image is four times as much in float32, in [0, 1], as the rest is.
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
        tensor = tensor.float()
        _check_range(tensor.detach())
    return (tensor if batched else tensor[None]), batched


def _check_range(tensor: "Tensor") -> None:
    import torch

    if not torch.isfinite(tensor).all():
        raise InputError("The image has NaN or infinite values.")
    low, high = tensor.min().item(), tensor.max().item()
    if low < 0 or high > 1:
        raise InputError(f"Values must lie in [0, 1], these span [{low:.4g}, {high:.4g}]: divide 0-255 data by 255, or clip.")
