"""Colour profiles: from whatever an image's numbers mean to sRGB, decided by the profile's content, never by its name."""

import functools
import io
import re

from PIL import Image, ImageCms

from ..errors import InputError

SAME = 2  # levels of 255: the sRGB profiles in use move a pixel by 1 at most, gamma 2.2 with sRGB's primaries by 7


def profile_of(image: Image.Image, content: bytes) -> bytes | None:
    """The ICC profile of `image`, opened from the file `content`; Pillow passes over that of a JPEG 2000 file."""
    if found := image.info.get("icc_profile"):
        return found
    if content.startswith(b"\0\0\0\x0cjP  ") and (box := re.search(rb"colr\x02..(?=(.{4}).{32}acsp)", content, re.DOTALL)):
        return content[box.end() : box.end() + int.from_bytes(box[1])]
    return None


def to_srgb(image: Image.Image, profile: bytes, name: str) -> Image.Image:
    """RGB or grey with an ICC profile -> sRGB; the pixels stay exactly as they are where the profile is one of sRGB.

    A grey image may have a grey profile or one of RGB. Raises InputError for a profile that is damaged or of another
    colour space.
    """
    try:
        grey = image.mode in ("1", "L", "LA") and _opened(profile).profile.xcolor_space.strip() == "GRAY"
        image = image.convert("L" if grey else "RGB")
        return image.convert("RGB") if _is_srgb(profile, image.mode) else _converted(image, profile)
    except (ImageCms.PyCMSError, OSError) as error:
        raise InputError(f"{name} has a colour profile that cannot be applied: convert it to sRGB first.") from error


@functools.lru_cache(maxsize=16)
def _is_srgb(profile: bytes, mode: str) -> bool:
    """Whether the profile leaves all greys, and colours throughout the cube, as they are (within `SAME`).

    Relative colorimetric with black point compensation: so the ICC's sRGB v4 profile, whose perceptual table is made
    for printing, is one of sRGB as well.
    """
    import numpy as np

    levels = np.arange(256, dtype=np.uint8)
    few = levels[::17]
    cube = np.stack(np.meshgrid(few, few, few), -1).reshape(-1, 3)
    probe = Image.fromarray(np.concatenate([levels[:, None].repeat(3, 1), cube])[None]).convert(mode)
    seen = _converted(probe, profile, ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION)
    moved = np.asarray(seen).astype(int) - np.asarray(probe.convert("RGB"))
    return bool(np.abs(moved).max() <= SAME)


def _converted(image: Image.Image, profile: bytes, intent=ImageCms.Intent.PERCEPTUAL, flags=ImageCms.Flags.NONE) -> Image.Image:
    if image.mode == "L":
        flags |= ImageCms.Flags.NOOPTIMIZE  # else Little CMS puts a coarse table in the place of the curve: 10 levels off
    return ImageCms.profileToProfile(image, _opened(profile), ImageCms.createProfile("sRGB"), intent, "RGB", flags=flags)


def _opened(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))
