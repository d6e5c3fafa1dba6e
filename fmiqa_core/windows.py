"""Sliding windows, 224 x 224 crops: the authors', at a nominal stride of 200 pixels (run.py), or evenly spaced."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 224
STRIDE = 200


def starts(length: int) -> list[int]:
    """Start positions along an axis of `length` pixels: 0, 200, 400, ... below length - 224, then length - 224.

    >>> starts(224), starts(512), starts(425)
    ([0], [0, 200, 288], [0, 200, 201])

    As in the authors' code the last window may nearly repeat the one before it (425: offset 1) and still
    carries full weight. They do not check for axes shorter than a window; here that is an InputError.
    """
    if length < SIZE:
        raise _too_short(length, SIZE)
    last = length - SIZE
    return [*range(0, last, STRIDE), last]


def even_starts(length: int, size: int = SIZE) -> list[int]:
    """As few starts as cover the axis with windows of `size`, evenly spaced to the pixel.

    >>> even_starts(224), even_starts(512), even_starts(425)
    ([0], [0, 144, 288], [0, 201])

    From three windows on, the step is at least half of one: none nearly repeats another. An axis a little above
    one window still needs two, which then weigh the same. Raises InputError below one window.
    """
    if length < size:
        raise _too_short(length, size)
    count = math.ceil(length / size)
    return [0] if count == 1 else [round(i * (length - size) / (count - 1)) for i in range(count)]


def positions(height: int, width: int, even: bool = False, dense: bool = False) -> list[tuple[int, int]]:
    """(top, left) of every window, row by row: at the authors' starts, or evenly spaced.

    `dense`: those first, then what a map needs beside them (`along`).

    >>> positions(288, 288), len(positions(512, 768)), len(positions(512, 768, dense=True))
    ([(0, 0), (0, 64), (64, 0), (64, 64)], 12, 28)
    """
    every = itertools.product(along(height, even, dense), along(width, even, dense))
    tops, lefts = set(along(height, even)), set(along(width, even))
    return sorted(every, key=lambda place: place[0] not in tops or place[1] not in lefts)  # stable: else row by row


def along(length: int, even: bool = False, dense: bool = False) -> list[int]:
    """Starts along an axis: the authors', or evenly spaced. `dense`: with some between, none over half a window apart."""
    found = even_starts(length) if even else starts(length)
    counts = [(a, b, math.ceil(2 * (b - a) / SIZE) if dense else 1) for a, b in itertools.pairwise(found)]
    return [*(a + (b - a) * i // n for a, b, n in counts for i in range(n)), found[-1]]


def batches(images: "Tensor", size: int, even: bool = False, dense: bool = False) -> "Iterator[Tensor]":
    """(B, 3, H, V) images -> (W, 3, 224, 224), at most `size` windows at a time, of one image after the other.

    They are cut when they are asked for, so that memory does not grow with the images.
    """
    import torch

    places = positions(*images.shape[-2:], even, dense)
    for start in range(0, len(images) * len(places), size):
        numbers = range(start, min(start + size, len(images) * len(places)))
        yield torch.stack([one(images[i // len(places)], places[i % len(places)]) for i in numbers])


def at(images: "Tensor", places: Sequence[tuple[int, int]]) -> "Tensor":
    """(..., 3, H, V) images -> (..., W, 3, 224, 224): the windows whose top left corners are `places`."""
    import torch

    return torch.stack([one(images, place) for place in places], dim=-4)


def one(images: "Tensor", place: tuple[int, int]) -> "Tensor":
    """(..., 3, H, V) images -> (..., 3, 224, 224): the window whose top left corner is `place`, a view."""
    top, left = place
    return images[..., top : top + SIZE, left : left + SIZE]


def _too_short(length: int, size: int) -> InputError:
    return InputError(f"An image side of {length} px is below the window of {size} px: enlarge or pad both images first.")
