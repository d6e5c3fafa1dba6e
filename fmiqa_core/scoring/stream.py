"""Units through the network: windows of several images, and on a GPU of several references, in one batch.

A unit is what is stored, not what is batched, and its last bits do not depend on what is computed beside it. On a CPU
a batch holds whole images of one reference. Elsewhere batches are filled up, the last one with copies, so that all have
one shape: then the same kernels compute every window, whatever stands beside it.
"""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import compare, windows
from ..backbones import devices
from ..backbones.exact import exact
from ..errors import InputError
from ..features import FeatureExtractor, Features, extractor
from . import feeder, memory, one_thread, units
from .settings import Settings
from .work import Column, Work

BEHIND = 4  # units whose rows are written while the next are computed


def run(unit: units.Unit) -> None:
    """Compute the unit and write its file."""
    for _, error in compute([unit]):
        if error is not None:
            raise error


def compute(some: Sequence[units.Unit]) -> Iterator[tuple[units.Unit, Exception | None]]:
    """Compute the units, which are of one run, and write their files: each when it is written, or why it cannot be.

    On a device without enough memory the batch is halved, and said so.
    """
    if not some:
        return
    memory.keep()
    settings, network = some[0].settings, None
    if settings.record is not None:
        network = extractor(settings.backbone, settings.device, settings.precision, settings.weights_file)
    with ThreadPoolExecutor(1) as writer:
        stream = _Stream(settings, network, writer)
        yield from stream.through(some)


class _Against:
    """The windows of a reference that are compared now."""

    def __init__(self, part: list[tuple[int, int]]):
        self.part = part
        self.some: list[Features] = []  # of its windows, as they come
        self.sides: compare.Sides = {}  # of all of them, where they are compared one by one

    def features(self) -> Features:
        self.some = [Features.together(self.some)]
        return self.some[0]


@dataclass(eq=False)
class _Window:
    """What goes through the network, and what it is compared with."""

    work: Work
    number: int | None  # of the distorted image; None: the reference's own
    place: int  # among the windows of `against`
    pixels: Tensor | None  # (3, 224, 224) uint8; None: the same as the reference's, and at its distance from itself
    against: _Against


class _Stream:
    def __init__(self, settings: Settings, network: FeatureExtractor | None, writer: ThreadPoolExecutor):
        self.settings, self.network, self.writer = settings, network, writer
        self.protocols = settings.protocols if network is not None else {}
        self.device = torch.device("cpu") if network is None else network.device
        self.asked = settings.batch_size or (devices.BATCH if network is None else network.batch_size)
        self.batch = self.asked
        self.filled = not compare.one_by_one(self.device)
        self.final = "embed_cos" in settings.distances
        self.layers = () if settings.distances == ("embed_cos",) else None
        self.waiting: list[_Window] = []
        self.against: _Against | None = None
        self.reference: feeder.Reference | None = None
        self.ended: deque[tuple[units.Unit, Future]] = deque()

    def through(self, some: Sequence[units.Unit]) -> Iterator[tuple[units.Unit, Exception | None]]:
        first = next(iter(self.protocols.values()), None)  # they take the same input
        current = None
        for fed in feeder.feed(some, one_thread.pool(), first, self.asked, self.device.type == "cuda"):
            if fed.work is not current:
                self._end(current)
                current = fed.work
            self._take(fed)
            yield from self._done(BEHIND)
        self._flush()
        self._end(current)
        yield from self._done(0)

    def _take(self, fed: feeder.Fed) -> None:
        work = fed.work
        if work.error is not None:  # of several the first is told
            return
        try:
            found = fed.future.result()
            if fed.number is None:
                self.reference, work.each = found, len(found.places)
                return
            if found.baselines:
                work.whole[fed.number] = found.baselines
            if self.network is None:
                return
            own = its = [None] * len(fed.part)
            first = self.against is None or self.against.part is not fed.part
            if first:
                own = self._pixels(self.reference.pixels, fed.part)
            if not found.same:
                its = self._pixels(found.pixels, fed.part)
        except Exception as error:  # whatever it was, the other units are computed
            work.error = self._why(error, work, "for its images")
            return
        if first:
            self.against = _Against(fed.part)
            self._put([_Window(work, None, place, pixels, self.against) for place, pixels in enumerate(own)], apart=True)
        self._put([_Window(work, fed.number, place, pixels, self.against) for place, pixels in enumerate(its)])

    def _pixels(self, image: Tensor, part: list[tuple[int, int]]) -> list[Tensor]:
        """The windows of `image` (`feeder.pixels_of`), on the device, to which it travels as it is."""
        there = feeder.planes(image.to(self.device, non_blocking=image.is_pinned()))
        return [there[:, top : top + windows.SIZE, left : left + windows.SIZE] for top, left in part]

    def _put(self, some: list[_Window], apart: bool = False) -> None:
        """Into a batch, which is computed when it is full. `apart`: on a CPU alone."""
        for window in some:
            window.work.open += 1
        if self.filled:
            self.waiting += some
            while len(self.waiting) >= self.batch:
                self._flush(self.batch)
            return
        if apart or len(self.waiting) + len(some) > self.batch:
            self._flush()
        self.waiting += some
        if apart:
            self._flush()

    def _flush(self, count: int | None = None) -> None:
        """Compute the first `count` of the windows that wait; all of them where none is given."""
        some, self.waiting = self.waiting[:count], self.waiting[len(self.waiting) if count is None else count :]
        while some:
            part, some = some[: self.batch], some[self.batch :]
            self._compute([window for window in part if window.work.error is None])
            for window in part:
                window.work.open -= 1
            for work in dict.fromkeys(window.work for window in part):
                self._finish(work)

    def _compute(self, part: list[_Window]) -> None:
        try:
            with torch.inference_mode(), exact():
                self._forward(part)
            return
        except Exception as error:
            if not _is_memory(error) or self.batch == 1:
                self._fail(part, error)
                return
        self.batch //= 2
        torch.cuda.empty_cache()  # outside the except block, which holds the frames that hold the tensors
        text = f"fmiqa: out of memory, {part[0].work.unit.ref} goes on with {self.batch} windows a batch."
        print(text, file=sys.stderr)
        while part:  # not in steps of a range: the batch may be halved again on the way
            some, part = part[: self.batch], part[self.batch :]
            self._compute([window for window in some if window.work.error is None])

    def _fail(self, part: list[_Window], error: Exception) -> None:
        """Whatever it was, the other units are computed."""
        for work in dict.fromkeys(window.work for window in part):
            work.error = self._why(error, work, "even for one window")

    def _why(self, error: Exception, work: Work, what: str) -> Exception:
        if not _is_memory(error):
            return error
        found = InputError(f"{work.unit.ref}: not enough memory {what} on {self.device}.")
        found.__cause__ = error
        return found

    def _forward(self, part: list[_Window]) -> None:
        before = {window.against: window.against.some for window in part}
        try:
            self._through_network(part)
        except Exception:
            for against, some in before.items():
                against.some = some
            raise

    def _through_network(self, part: list[_Window]) -> None:
        new = [window for window in part if window.pixels is not None]
        features = self._features([window.pixels for window in new]) if new else None
        row = {window: i for i, window in enumerate(new)}
        for against in dict.fromkeys(window.against for window in new if window.number is None):
            own = [row[window] for window in new if window.number is None and window.against is against]
            against.some = [*against.some, features[own[0] : own[-1] + 1].clone()]
        compared = [window for window in part if window.number is not None]
        if not compared:
            return
        columns, numbers = self._numbers(*self._sides(compared, features, row))
        for work in dict.fromkeys(window.work for window in compared):
            its = [i for i, window in enumerate(compared) if window.work is work]
            work.add(columns, numbers[its[0] : its[-1] + 1], [compared[i].number for i in its])

    def _features(self, pixels: list[Tensor]) -> Features:
        count = len(pixels)
        if self.filled:
            pixels = pixels + [pixels[0]] * (self.batch - count)
        switches = next(iter(self.protocols.values()))
        found = compare.features_of(torch.stack(pixels), self.network, switches, self.layers, self.final)
        return found[:count] if len(found) > count else found

    def _sides(self, some: list[_Window], features: Features | None, row: dict) -> tuple[compare.Sides, compare.Sides]:
        """Reference's and distorted sides of the windows `some`: one by one, or all at once on a GPU."""
        protocols = [*self.protocols.values()]
        if self.filled:
            return tuple(compare.sides_in(side, protocols) for side in self._gathered(some, features, row))
        against = some[0].against
        against.sides = against.sides or compare.sides_in(against.features(), protocols)
        new = [row[window] for window in some if window.pixels is not None]
        fresh = compare.sides_in(features[new[0] : new[-1] + 1], protocols) if new else {}
        ref, dis = {}, {}
        for protocol in protocols:
            own, coming = against.sides[protocol], iter(fresh.get(protocol, ()))
            ref[protocol] = [own[window.place] for window in some]
            dis[protocol] = [own[window.place] if window.pixels is None else next(coming) for window in some]
        return ref, dis

    def _gathered(self, some: list[_Window], features: Features | None, row: dict) -> tuple[Features, Features]:
        """Of each of the windows `some` the reference's and its own features, in two batches."""
        each, start, starts = [], 0, {}
        for against in dict.fromkeys(window.against for window in some):
            each.append(against.features())
            starts[against] = start
            start += len(each[-1])
        known = Features.together(each)
        places = [starts[window.against] + window.place for window in some]
        ref = known[self._index(places)]
        rows = [row.get(window) for window in some]  # None: the same as the reference
        if rows == [*range(rows[0] or 0, (rows[0] or 0) + len(rows))]:
            return ref, features[rows[0] : rows[-1] + 1]
        if None not in rows:
            return ref, features[self._index(rows)]
        both = known if features is None else Features.together([known, features])
        index = [place if at is None else len(known) + at for at, place in zip(rows, places, strict=True)]
        return ref, both[self._index(index)]

    def _index(self, numbers: list[int]) -> Tensor:
        index = torch.tensor(numbers)
        return index.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else index.to(self.device)

    def _numbers(self, ref: compare.Sides, dis: compare.Sides) -> tuple[list[Column], Tensor]:
        """What is known of each of W windows, side by side: (W, K)."""
        columns, found = [], []
        for name, switches in self.protocols.items():
            start, names = self.settings.prefix(name), self.settings.by_protocol[name]
            for distance, (value, parts) in compare.compare(ref[switches], dis[switches], names, switches).items():
                columns.append(Column(start, distance, None))
                found.append(value[:, None])
                if parts is not None:
                    columns += [Column(start, distance, layer) for layer in range(parts.shape[1])]
                    found.append(parts)
        return columns, torch.cat(found, 1)

    def _end(self, work: Work | None) -> None:
        """All images of the unit have come."""
        if work is not None:
            work.read = True
            self._finish(work)

    def _finish(self, work: Work) -> None:
        if not work.read or work.open:
            return
        try:
            if work.error is not None:
                raise work.error
            how = (self.device.type, self.batch, self.batch != self.asked)
            ended = self.writer.submit(_write, work, work.fetched(), *how)
        except Exception as error:  # whatever it was, the other units are computed
            ended = Future()
            ended.set_exception(self._why(error, work, "for its numbers"))
        self.ended.append((work.unit, ended))

    def _done(self, behind: int) -> Iterator[tuple[units.Unit, Exception | None]]:
        while self.ended and (len(self.ended) > behind or self.ended[0][1].done()):
            unit, future = self.ended.popleft()
            yield unit, future.exception()


def _write(work: Work, fetched, device: str, batch: int, halved: bool) -> None:
    units.write(work.unit, work.rows(fetched.wait()), device, batch, halved)


def _is_memory(error: Exception) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    signs = ("allocate memory", "out of memory", "ALLOC_FAILED")  # of a CPU, of Apple's, of what lies below torch
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
