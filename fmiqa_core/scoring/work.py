"""A unit on its way: what its windows have given, and the rows that come of it."""

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import InputError
from .units import Unit


class Column(NamedTuple):
    """Of the numbers of a window: a distance's value, or the part of one of its layers."""

    start: str  # of the column's name in a row: the protocol, where there are several (`Settings.prefix`)
    distance: str
    layer: int | None

    @property
    def name(self) -> str:
        kind = "score" if self.layer is None else "layer"
        return f"{self.start}{kind}_{self.distance}" + ("" if self.layer is None else f"_{self.layer}")


@dataclass(eq=False)
class Work:
    """A unit, its numbers on the device that computed them, and what was computed on whole images."""

    unit: Unit
    error: Exception | None = None  # why it cannot be computed: nothing more of it is read
    columns: list[Column] = field(default_factory=list)
    numbers: list[Tensor] = field(default_factory=list)  # (W, K) each, of some windows
    images: list[int] = field(default_factory=list)  # of each window in `numbers` the distorted image
    whole: dict[int, dict[str, float]] = field(default_factory=dict)  # distorted image -> its baselines
    each: int = 0  # windows of an image
    open: int = 0  # windows that wait for the network
    read: bool = False  # all of its images have been

    def add(self, columns: list[Column], numbers: Tensor, images: list[int]) -> None:
        self.columns = columns
        self.numbers.append(numbers)
        self.images += images

    def fetched(self) -> "Fetched":
        """Start to bring all numbers to the host, without waiting for them."""
        return Fetched(torch.cat(self.numbers)) if self.numbers else Fetched(torch.empty(0, 0))

    def rows(self, numbers: Tensor) -> list[dict]:
        """A row for each distorted image: the unweighted mean over its windows, and its baselines.

        InputError where a value is not finite.
        """
        windows = defaultdict(list)
        for image, values in zip(self.images, numbers.tolist(), strict=True):
            windows[image].append(values)
        if any(len(windows[number]) != self.each for number in range(len(self.unit.dis))):
            raise InputError(f"{self.unit.ref}: windows are missing or counted twice, please report this.")
        return [self._row(number, windows[number]) for number in range(len(self.unit.dis))]

    def _row(self, number: int, windows: list[list[float]]) -> dict:
        dis = self.unit.dis[number]
        row = {"ref": self.unit.ref, "dis": dis, "n_windows": len(windows), **self.whole.get(number, {})}
        for column, values in zip(self.columns, zip(*windows, strict=True), strict=True):
            row[column.name] = math.fsum(values) / len(windows)
        bad = [column for column, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
        if bad:
            raise InputError(f"{dis} gave a value that is not finite in {bad[0]}: try precision fp32.")
        return row


class Fetched:
    """Numbers on their way from a device."""

    def __init__(self, numbers: Tensor):
        self.numbers = numbers.to("cpu", non_blocking=numbers.is_cuda)  # else nothing would say when they are there
        self.arrived = torch.cuda.Event(blocking=True) if numbers.is_cuda else None
        if self.arrived is not None:
            self.arrived.record(torch.cuda.current_stream(numbers.device))  # the default is of the current device

    def wait(self) -> Tensor:
        if self.arrived is not None:
            self.arrived.synchronize()
        return self.numbers
