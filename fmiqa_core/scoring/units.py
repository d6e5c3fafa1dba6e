"""The unit of work: one reference with all its distorted images, in one file of its own.

A unit's file name holds a key of everything that determines its numbers, so a rerun skips what is complete, redoes
what is damaged, and ends with the same bytes after a kill -9 anywhere. A `Unit` can be pickled and computed in any
process that has the package, the images and the weights at the same paths.
"""

import hashlib
import json
import math
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .. import compare, images, windows
from ..backbones.exact import exact
from ..errors import InputError
from ..features import FeatureExtractor, extractor
from ..files import hashes, paths
from . import baselines, memory, one_thread, perturbations
from .settings import Settings

AHEAD = 2  # batches of images decoded in the background


@dataclass(frozen=True)
class Unit:
    """What `run` computes, and where it writes it."""

    folder: Path  # of the dataset
    ref: str
    dis: tuple[str, ...]
    settings: Settings  # checked
    key: str
    file: Path
    content: str  # hash of the reference's file


def make(folder: Path, ref: str, dis: Sequence[str], settings: Settings, determining: dict, out: Path) -> Unit:
    """The unit, with the key of what determines its numbers (`Settings.determining`) and of the content of its images.

    InputError where one cannot be read.
    """
    content = {}
    for name in [ref, *dis]:
        try:
            content[name] = hashes.remembered(folder / name)
        except OSError as error:
            raise InputError(f"Cannot read image file {folder / name}: {error.strerror}.") from error
    key = hashlib.sha256(json.dumps([determining, content], sort_keys=True).encode()).hexdigest()
    stem = Path(ref).stem.encode(errors="replace")[:150].decode(errors="ignore")  # a name has 255 bytes at most
    return Unit(folder, ref, tuple(dis), settings, key, out / f"{stem}-{key[:20]}.json", content[ref])


def run(unit: Unit) -> None:
    """Compute the unit and write its file. On a device without enough memory the batch is halved, and said so."""
    memory.keep()
    settings, network = unit.settings, None
    if settings.record is not None:
        network = extractor(settings.backbone, settings.device, settings.precision, settings.weights_file)
    batch_size = settings.batch_size
    while True:
        try:
            with exact():
                rows = _Scoring(unit, network, batch_size).rows()
            break
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not isinstance(error, (torch.OutOfMemoryError, MemoryError)) and "allocate memory" not in str(error):
                raise
            if batch_size == 1:
                where = "this machine" if network is None else network.device
                raise InputError(f"{unit.ref}: not enough memory even for one window on {where}.") from error
            batch_size //= 2
            print(f"fmiqa: out of memory, {unit.ref} goes on with {batch_size} windows a batch.", file=sys.stderr)
        torch.cuda.empty_cache()  # outside the except block, which holds the frames that hold the tensors
    how = {"device": "cpu" if network is None else network.device.type, "batch_size": batch_size}
    how["halved"] = batch_size != settings.batch_size
    content = json.dumps({"key": unit.key, **how, "rows": rows})
    with paths.atomic(unit.file) as temporary:
        temporary.write_text(hashlib.sha256(content.encode()).hexdigest() + "\n" + content, encoding="utf-8")


def read(unit: Unit) -> dict | None:
    """`rows`, and with which `device` and `batch_size` (`halved` or not); None where the file is missing or not this unit's."""
    try:
        digest, content = unit.file.read_text(encoding="utf-8").split("\n", 1)
    except (FileNotFoundError, ValueError):  # ValueError: no second line, or not UTF-8
        return None
    if hashlib.sha256(content.encode()).hexdigest() != digest:
        return None
    found = json.loads(content)
    return found if found["key"] == unit.key else None


class _Scoring:
    """A unit on its way: the reference's windows once, then those of several distorted images per forward pass.

    Distorted images are decoded, and their baselines computed, in the background; they are dropped after their batch, so
    memory does not grow with their number.
    """

    def __init__(self, unit: Unit, network: FeatureExtractor | None, batch_size: int):
        self.unit, self.network, self.batch_size = unit, network, batch_size
        self.protocols = unit.settings.protocols
        self.perturb = perturbations.get(unit.settings.perturbation)
        self.source = images.read(unit.folder / unit.ref)
        self.ref = _tensor(self.perturb(self.source, self.source)[0])
        self.values = [defaultdict(lambda: ([], [])) for _ in unit.dis]  # (prefix, distance) -> of windows, of their layers
        self.whole = [{} for _ in unit.dis]  # of the baselines, which see no windows

    def rows(self) -> list[dict]:
        places = [] if self.network is None else self._places()
        with torch.inference_mode(), self._background() as pool:
            for _ in () if places else self._batches(pool, self._decode_and_measure, 1):
                pass  # without a network there is nothing more to do
            for start in range(0, len(places), self.batch_size):
                chunk = places[start : start + self.batch_size]
                (ref,) = self._sides([self.ref], chunk)
                work = self._decode if start else self._decode_and_measure
                for batch in self._batches(pool, work, max(1, self.batch_size // len(chunk))):
                    self._compare(ref, batch, chunk)
        return [_row(self.unit, *each, len(places)) for each in zip(self.unit.dis, self.values, self.whole, strict=True)]

    def _places(self) -> list[tuple[int, int]]:
        even = next(iter(self.protocols.values())).even_windows  # they take the same input
        try:
            return windows.positions(*self.ref.shape[-2:], even)
        except InputError as error:
            names = self.unit.folder / self.unit.ref
            raise InputError(f"{names} and its distorted images, after any perturbation: {error}") from None

    def _background(self) -> AbstractContextManager[ThreadPoolExecutor]:
        return nullcontext(one_thread.pool()) if self.unit.settings.baseline_names else ThreadPoolExecutor(1)

    def _decode_and_measure(self, i: int) -> Tensor:
        image = self._decode(i)
        self.whole[i] = self._baselines(image)
        return image

    def _decode(self, i: int) -> Tensor:  # (3, H, V) uint8
        name = self.unit.dis[i]
        image = images.read(self.unit.folder / name)
        if image.size != self.source.size:
            sizes = f"{_size(image)}, its reference {self.unit.ref} is {_size(self.source)}"
            raise InputError(f"{self.unit.folder / name} is {sizes}.")
        return _tensor(self.perturb(self.source, image)[1])

    def _batches(self, pool: ThreadPoolExecutor, work: Callable, step: int) -> Iterator[dict[int, Tensor]]:
        """Number -> distorted image, `step` at a time, as `work` gives it."""
        count, busy = len(self.unit.dis), one_thread.MOST if self.unit.settings.baseline_names else 0
        decoded = _ahead(pool, work, range(count), max(AHEAD * step, busy))
        for first in range(0, count, step):
            yield dict(zip(range(first, min(first + step, count)), decoded, strict=False))

    def _sides(self, some: list[Tensor], chunk: list[tuple[int, int]]) -> Iterator[compare.Sides]:
        """Of the windows at `chunk` of each of `some` images, one forward pass for all."""
        if some:
            crops = torch.cat([windows.at(image, chunk) for image in some])
            yield from compare.sides_of(crops, self.network, [*self.protocols.values()], len(crops), len(chunk))

    def _compare(self, ref: compare.Sides, batch: dict[int, Tensor], chunk: list[tuple[int, int]]) -> None:
        new = {i: image for i, image in batch.items() if not torch.equal(image, self.ref)}  # an identical one is exactly at 0
        found = self._sides([*new.values()], chunk)
        for i in batch:
            self._collect(i, ref, next(found) if i in new else ref)

    def _collect(self, i: int, ref: compare.Sides, dis: compare.Sides) -> None:
        settings = self.unit.settings
        for name, switches in self.protocols.items():
            both = ref[switches], dis[switches]
            for distance, (value, parts) in compare.compare(*both, settings.by_protocol[name], switches).items():
                values, layers = self.values[i][settings.prefix(name), distance]
                values.extend(value.tolist())
                layers.extend([] if parts is None else parts.tolist())

    def _baselines(self, dis: Tensor) -> dict[str, float]:
        """score_<baseline> of the reference and a (3, H, V) uint8 image, as distances."""
        names = self.unit.settings.baseline_names
        pair = [image[None].float() / 255 for image in (self.ref, dis)] if names else []
        return {f"score_{name}": baselines.distance_of(name, baselines.score(name, *pair)) for name in names}


def _ahead(pool: ThreadPoolExecutor, work: Callable, items: Sequence, depth: int) -> Iterator:
    """work(item) in order, up to `depth` of them computed ahead of the caller."""
    running = deque()
    try:
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > depth:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        for one in running:  # of a run that failed
            one.cancel()


def _row(unit: Unit, dis: str, found: dict, whole: dict, n_windows: int) -> dict:
    """Unweighted mean over the windows, and what was computed on the whole image."""
    row = {"ref": unit.ref, "dis": dis, "n_windows": n_windows, **whole}
    for (start, name), (values, parts) in found.items():
        row[f"{start}score_{name}"] = math.fsum(values) / n_windows
        for i, layer in enumerate(zip(*parts, strict=True)):
            row[f"{start}layer_{name}_{i}"] = math.fsum(layer) / n_windows
    bad = [column for column, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    if bad:
        raise InputError(f"{dis} gave a value that is not finite in {bad[0]}: try precision fp32.")
    return row


def _size(image: Image.Image) -> str:
    return f"{image.width} x {image.height} px"


def _tensor(image: Image.Image) -> Tensor:
    """(3, H, V) uint8."""
    return torch.from_numpy(np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1)))
