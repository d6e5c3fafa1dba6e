"""Units through the network: windows of several images, and on a GPU of several references, in one batch.

A unit is what is stored, not what is batched, and its last bits do not depend on what is computed beside it. On a CPU
a batch holds whole images of one reference. Elsewhere batches are filled up, the last one with copies, so that all have
one shape: then the same kernels compute every window, whatever stands beside it.
"""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from .. import windows
from ..backbones import devices
from ..backbones.exact import exact
from ..errors import InputError
from ..features import FeatureExtractor, extractor
from . import feeder, memory, one_thread, units
from .batch import Against, Comparison, Window
from .settings import Settings
from .work import Fetched, Work

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


class _Stream:
    def __init__(self, settings: Settings, network: FeatureExtractor | None, writer: ThreadPoolExecutor):
        self.writer = writer
        self.device = torch.device("cpu") if network is None else network.device
        self.asked = settings.batch_size or (devices.BATCH if network is None else network.batch_size)
        self.batch = self.asked
        self.comparison = None if network is None else Comparison(settings, network)
        self.waiting: list[Window] = []
        self.against: Against | None = None
        self.reference: feeder.Reference | None = None
        self.ended: deque[tuple[units.Unit, Future]] = deque()

    def through(self, some: Sequence[units.Unit]) -> Iterator[tuple[units.Unit, Exception | None]]:
        switches = None if self.comparison is None else self.comparison.switches
        current = None
        for fed in feeder.feed(some, one_thread.pool(), switches, self.asked, self.device.type == "cuda"):
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
            if self.comparison is None:
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
            self.against = Against(fed.part)
            self._put([Window(work, None, place, pixels, self.against) for place, pixels in enumerate(own)], apart=True)
        self._put([Window(work, fed.number, place, pixels, self.against) for place, pixels in enumerate(its)])

    def _pixels(self, image: Tensor, part: list[tuple[int, int]]) -> list[Tensor]:
        """The windows of `image` (`feeder.pixels_of`), on the device, to which it travels as it is."""
        there = feeder.planes(image.to(self.device, non_blocking=image.is_pinned()))
        return [windows.one(there, place) for place in part]

    def _put(self, some: list[Window], apart: bool = False) -> None:
        """Into a batch, which is computed when it is full. `apart`: on a CPU alone."""
        for window in some:
            window.work.open += 1
        if self.comparison.filled:
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

    def _compute(self, part: list[Window]) -> None:
        try:
            with torch.inference_mode(), exact():
                self.comparison.compute(part, self.batch)
            return
        except Exception as error:
            if not devices.is_memory(error) or self.batch == 1:
                self._fail(part, error)
                return
        self.batch //= 2
        torch.cuda.empty_cache()  # outside the except block, which holds the frames that hold the tensors
        text = f"fmiqa: out of memory, {part[0].work.unit.ref} goes on with {self.batch} windows a batch."
        print(text, file=sys.stderr)
        while part:  # not in steps of a range: the batch may be halved again on the way
            some, part = part[: self.batch], part[self.batch :]
            self._compute([window for window in some if window.work.error is None])

    def _fail(self, part: list[Window], error: Exception) -> None:
        """Whatever it was, the other units are computed."""
        for work in dict.fromkeys(window.work for window in part):
            work.error = self._why(error, work, "even for one window")

    def _why(self, error: Exception, work: Work, what: str) -> Exception:
        if not devices.is_memory(error):
            return error
        found = InputError(f"{work.unit.ref}: not enough memory {what} on {self.device}.")
        found.__cause__ = error
        return found

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


def _write(work: Work, fetched: Fetched, device: str, batch: int, halved: bool) -> None:
    units.write(work.unit, work.rows(fetched.wait()), device, batch, halved)
