"""Image files, opened: everything that would be scored other than it is seen is refused here, in one sentence.

Pillow's decoders raise whatever they stumble over (struct.error, KeyError, SyntaxError, ...), so `refusing` turns any
exception into an InputError: the one place where that happens.
"""

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from ..errors import InputError
from . import bit_depth, file_kinds
from .aside import Aside, attribute

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")
FIRST_COUNTS = ("MPO", "PSD")  # a camera's main image before its previews and gain maps; the layers together
DRAWINGS = ("EPS", "WMF")
WHOLE = Aside([attribute(ImageFile, "LOAD_TRUNCATED_IMAGES", False)])  # who has set it wants half of an image elsewhere

# Pillow has two limits against decompression bombs. The second is refused below; the first would print a line about
# attacks for every large photograph. Appended: whoever has made warnings errors gets an error, in a sentence as well.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)


@contextlib.contextmanager
def refusing(name: str, content: bytes | None = None) -> Iterator[None]:
    """Any exception inside becomes an InputError that says what is wrong with the image `name`, a file `content`."""
    try:
        with WHOLE():
            yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(_reason(error, name, content)) from error


def check(image: Image.Image, content: bytes, name: str) -> None:
    """Refuse what has more than 8 bits per channel, several pages, or no picture of a viewer's; `content`: its file."""
    if image.format in DRAWINGS:
        raise InputError(f"{name} is a drawing ({image.format}), without pixels: save it as an 8-bit PNG first.")
    tags = getattr(image, "tag_v2", {})  # of a TIFF file
    if tags.get(254, 0) & 1 or 50706 in tags:
        raise InputError(f"{name} is a RAW photograph, or begins with a thumbnail: save it as an 8-bit PNG first.")
    deepest = max(bit_depth.of_file(content), *tags.get(258, (8,)), image.info.get("bit_depth", 8))
    if deepest <= 8 and image.mode.startswith("I"):
        deepest = 16
    if deepest > 8 and image.mode != "F":
        raise InputError(f"{name} has {deepest} bits per channel: convert it to 8-bit sRGB first.")
    if image.mode not in MODES:
        raise InputError(f"{name} has pixel format {image.mode}: convert it to 8-bit sRGB first.")
    if (pages := _pages(image)) > 1:
        raise InputError(f"{name} is an animation or has several pages ({pages}): save the one to be scored as a PNG first.")


def _pages(image: Image.Image) -> int:
    """How many pictures there are; smaller copies and masks within a TIFF file are none."""
    if image.format in FIRST_COUNTS:
        return 1
    try:
        if not getattr(image, "is_animated", False):
            return 1
    except ValueError:
        if image.tile:
            raise
        return 1  # closed after it was loaded: this one picture is all there is
    if image.format != "TIFF":
        return image.n_frames
    kinds, place = [], image.tell()
    for page in range(image.n_frames):
        image.seek(page)
        kinds.append(image.tag_v2.get(254, 0))
    image.seek(place)
    return sum(not kind & 0b101 for kind in kinds)


def file_of(image: Image.Image) -> bytes:
    """The file that a PIL image was opened from, or nothing, where it cannot be had any more.

    A loaded image lets go of its file: it is found again by its name, or, for formats with several frames, in memory.
    """
    if not isinstance(image, ImageFile.ImageFile):
        return b""
    for file in (image.fp, getattr(image, "_fp", None)):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # none, or closed
            place = file.tell()
            file.seek(0)
            content = file.read()
            file.seek(place)
            return content
    return Path(image.filename).read_bytes() if image.filename and Path(image.filename).is_file() else b""


def _reason(error: Exception, name: str, content: bytes | None) -> str:
    if content == b"":
        return f"{name} cannot be decoded as an image: it is empty (0 bytes)."
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return (
            f"{name} is larger than Pillow opens, a guard against decompression bombs: {_short(error)} "
            "Cut it into pieces, or raise PIL.Image.MAX_IMAGE_PIXELS in Python."
        )
    if isinstance(error, MemoryError):
        return f"{name} needs more memory than there is: cut it into pieces."
    if content and (found := file_kinds.describe(content)):
        what, remedy = found
        return f"{name} cannot be decoded as an image: it is {what}; {remedy}."
    if content and (bits := bit_depth.of_file(content)) > 8:
        return f"{name} has {bits} bits per channel: convert it to 8-bit sRGB first."
    if content is None and (isinstance(error, AssertionError) or "closed" in str(error)):  # Pillow asserts that there is a file
        return f"{name} was closed before its pixels were loaded: open it anew, or score it before it is closed."
    if isinstance(error, UnidentifiedImageError):
        return f"{name} cannot be decoded as an image (damaged or truncated?): its header is of no format that Pillow reads."
    return f"{name} cannot be decoded as an image (damaged or truncated?): {_short(error)}"


def _short(error: Exception) -> str:
    """The first line of what the decoder says, without addresses in memory or bytes of the file."""
    line = re.sub(r"<[^<>]* at 0x[0-9a-fA-F]+>", "the file", str(error)).strip().partition("\n")[0].rstrip(".")
    return f"{''.join(c for c in line if c.isprintable()) or type(error).__name__}."
