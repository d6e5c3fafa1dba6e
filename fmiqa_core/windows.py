"""The authors' sliding windows: 224 x 224 crops at a nominal stride of 200 pixels (method of run.py)."""

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
        raise InputError(f"An image side of {length} px is below the window of {SIZE} px: enlarge or pad both images first.")
    last = length - SIZE
    return [*range(0, last, STRIDE), last]


def positions(height: int, width: int) -> list[tuple[int, int]]:
    """(top, left) of every window, row by row."""
    return [(top, left) for top in starts(height) for left in starts(width)]


def cut(images: "Tensor") -> "Tensor":
    """(B, 3, H, V) images -> (B, W, 3, 224, 224) windows, in the order of `positions`."""
    import torch

    crops = [images[..., t : t + SIZE, s : s + SIZE] for t, s in positions(*images.shape[-2:])]
    return torch.stack(crops, dim=1)
