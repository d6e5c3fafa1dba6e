"""The authors' robustness transforms: 1 % shift (tra), 1 % scale (sca), 1 degree rotation (rot).

Each takes the reference and the distorted PIL image and returns both. Checked against the authors' released
PSNR values after each transform.
"""

import math
from collections.abc import Callable

from PIL import Image

from ..errors import unknown

Pair = tuple[Image.Image, Image.Image]


def tra(ref: Image.Image, dis: Image.Image) -> Pair:
    """Horizontal shift by ceil(1 % of the width): the pair overlaps in all but that many columns, both lose them.

    >>> image = Image.new("RGB", (512, 384))
    >>> [side.size for side in tra(image, image)]
    [(506, 384), (506, 384)]
    """
    width, height = ref.size
    offset = math.ceil(0.01 * width)
    return ref.crop((0, 0, width - offset, height)), dis.crop((offset, 0, width, height))


def sca(ref: Image.Image, dis: Image.Image) -> Pair:
    """Enlarge the distorted image by at least 1 % (an even number of pixels), crop its centre to the old size.

    An odd side is cropped one pixel larger and resized back, as the authors do. The reference is untouched.

    >>> image = Image.new("RGB", (288, 288))
    >>> [side.size for side in sca(image, image)]
    [(288, 288), (288, 288)]
    """
    size = dis.size
    larger = [side + 2 * math.ceil(math.ceil(0.01 * side) / 2) for side in size]
    crop = [2 * math.ceil(side / 2) for side in size]
    left, top = ((a - b) // 2 for a, b in zip(larger, crop, strict=True))
    scaled = dis.resize(larger, Image.Resampling.BILINEAR).crop((left, top, left + crop[0], top + crop[1]))
    return ref, scaled if scaled.size == size else scaled.resize(size, Image.Resampling.BILINEAR)


def rot(ref: Image.Image, dis: Image.Image) -> Pair:
    """Rotate the distorted image by 1 degree clockwise: nearest neighbour, same size, black corners."""
    return ref, dis.rotate(-1)


PERTURBATIONS: dict[str, Callable[[Image.Image, Image.Image], Pair]] = {
    "none": lambda ref, dis: (ref, dis),
    "tra": tra,
    "sca": sca,
    "rot": rot,
}


def get(name: str) -> Callable[[Image.Image, Image.Image], Pair]:
    """The transform called `name`; InputError with the nearest name otherwise."""
    if name not in PERTURBATIONS:
        raise unknown("perturbation", name, PERTURBATIONS)
    return PERTURBATIONS[name]
