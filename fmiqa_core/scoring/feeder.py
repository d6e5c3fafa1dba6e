"""Images read, decoded and measured in threads ahead of the network: in order, and within a stated amount of memory."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import pyarrow
import torch
from PIL import Image
from torch import Tensor

from .. import images, windows
from ..errors import InputError
from ..protocol import Protocol
from . import baselines, perturbations
from .units import Unit
from .work import Work

AHEAD = 2**28  # bytes of decoded images that wait for the network; one image at least
MOST = 64  # of them


@dataclass(frozen=True)
class Reference:
    """A unit's reference, decoded."""

    source: Image.Image
    pixels: Tensor  # as `pixels_of` gives them, after the perturbation
    places: list[tuple[int, int]]  # of its windows


@dataclass(frozen=True)
class Distorted:
    pixels: Tensor  # as `pixels_of` gives them, after the perturbation
    same: bool  # as the reference's
    baselines: dict[str, float]  # score_<baseline> -> distance


@dataclass
class Fed:
    """One image: of the reference its first turn, and each distorted image once for each part of the windows."""

    work: Work
    number: int | None  # of the distorted image; None: the reference
    part: list[tuple[int, int]]  # the windows that are compared now; the same object for all images of a turn
    future: Future = field(repr=False)  # of a Reference, or of a Distorted
    size: int  # bytes, decoded


def feed(units: Sequence[Unit], pool: ThreadPoolExecutor, switches: Protocol | None, part: int, pin: bool) -> Iterator[Fed]:
    """The images of all units in order; `pool` is at work on those that come next, up to AHEAD bytes of them.

    Of a reference with more than `part` windows the distorted images come once for each part of them, decoded anew, so
    that only the features of so many of its windows need to be kept. `switches`: of the windows; None: there is no network.
    `pin`: into memory from which a GPU copies without waiting.
    """
    coming, queue, waiting = _plan(units, pool, switches, part, pin), deque(), 0
    try:
        while True:
            while len(queue) < MOST and (waiting < AHEAD or not queue):
                following = next(coming, None)
                if following is None:  # the end, or a reference that is not decoded yet
                    break
                queue.append(following)
                waiting += following.size
            if not queue:
                return
            first = queue.popleft()
            waiting -= first.size
            yield first
            wait([first.future])
    finally:
        for one in queue:  # of a run that failed
            one.future.cancel()


def _plan(
    units: Sequence[Unit], pool: ThreadPoolExecutor, switches: Protocol | None, part: int, pin: bool
) -> Iterator[Fed | None]:
    """What `feed` gives, handed to `pool` when it is asked for; None where the next depends on what is not decoded yet."""
    size = 0  # of the last reference, as which the next is counted until it is known
    for unit in units:
        work, reference = Work(unit), pool.submit(read_reference, unit, switches, pin)
        yield Fed(work, None, [], reference, size)
        while not reference.done():
            yield None
        if reference.exception() is not None:
            continue
        found = reference.result()
        size = found.pixels.numel()
        for start in range(0, max(1, len(found.places)), part):
            places = found.places[start : start + part]
            for number in range(len(unit.dis)):
                if work.error is not None:
                    break
                image = pool.submit(read_distorted, unit, number, found, start == 0, pin)
                yield Fed(work, number, places, image, size)


def read_reference(unit: Unit, switches: Protocol | None, pin: bool) -> Reference:
    """InputError where it cannot be read, or is smaller than a window."""
    source = images.read(unit.folder / unit.ref)
    pixels = pixels_of(perturbations.get(unit.settings.perturbation)(source, source)[0], pin)
    if switches is None:
        return Reference(source, pixels, [])
    try:
        return Reference(source, pixels, windows.positions(*pixels.shape[:2], switches.even_windows))
    except InputError as error:
        names = unit.folder / unit.ref
        raise InputError(f"{names} and its distorted images, after any perturbation: {error}") from None


def read_distorted(unit: Unit, number: int, reference: Reference, measured: bool, pin: bool) -> Distorted:
    """InputError where it cannot be read, or is of another size than its reference. `measured`: with its baselines."""
    name = unit.dis[number]
    image = images.read(unit.folder / name)
    if image.size != reference.source.size:
        sizes = f"{_size(image)}, its reference {unit.ref} is {_size(reference.source)}"
        raise InputError(f"{unit.folder / name} is {sizes}.")
    pixels = pixels_of(perturbations.get(unit.settings.perturbation)(reference.source, image)[1], pin)
    found = _baselines(unit, reference.pixels, pixels) if measured and unit.settings.baseline_names else {}
    return Distorted(pixels, _same(pixels, reference.pixels), found)


def pixels_of(image: Image.Image, pin: bool = False) -> Tensor:
    """PIL RGB -> (H, V, 3 or 4) uint8, of which the fourth means nothing: in Pillow's own memory, where that is in one piece.

    To copy it Pillow holds Python's lock, under which the other threads would wait. `pin`: a copy from which a GPU copies
    without waiting.
    """
    try:
        found = torch.from_dlpack(pyarrow.array(image).flatten()).view(image.height, image.width, 4)
    except (AttributeError, TypeError, ValueError, pyarrow.ArrowException):  # an older Pillow, or a large image
        found = images.to_pixels(image).permute(1, 2, 0)
    return found.pin_memory() if pin else found


def planes(pixels: Tensor) -> Tensor:
    """(3, H, V), a view of what `pixels_of` gives: turning it is left to who computes with it."""
    return pixels.permute(2, 0, 1)[:3]


def _same(one: Tensor, other: Tensor) -> bool:
    """Of most pairs the first rows tell."""
    one, other = planes(one), planes(other)
    return torch.equal(one[:, :8], other[:, :8]) and torch.equal(one, other)


def _baselines(unit: Unit, ref: Tensor, dis: Tensor) -> dict[str, float]:
    pair = [images.scaled(planes(pixels))[None] for pixels in (ref, dis)]
    names = unit.settings.baseline_names
    return {f"score_{name}": baselines.distance_of(name, baselines.score(name, *pair)) for name in names}


def _size(image: Image.Image) -> str:
    return f"{image.width} x {image.height} px"
