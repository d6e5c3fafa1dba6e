"""An image file as a viewer shows it: upright, in sRGB, 8-bit RGB."""

import io
import os
from pathlib import Path

from PIL import Image, ImageFile

from ..errors import InputError
from . import colour, decoding

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
        rgb = _of(Image.open(io.BytesIO(content)), content, name)
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
        return _of(image, content, name)


def _of(image: Image.Image, content: bytes, name: str) -> Image.Image:
    """8-bit RGB of an image that was opened from the file `content`; without metadata, which would be applied again."""
    decoding.check(image, content, name)
    profile = colour.profile_of(image, content)
    image.decodermaxblock = max(len(content), ImageFile.MAXBLOCK)  # in one piece, during which other threads can work
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
