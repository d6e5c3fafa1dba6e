"""A batch of windows through the network, and what is compared of them with their references."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .. import compare
from ..features import FeatureExtractor, Features
from .settings import Settings
from .work import Column, Work


class Against:
    """The windows of a reference that are compared now."""

    def __init__(self, part: list[tuple[int, int]]):
        self.part = part
        self.some: list[Features] = []  # of its windows, as they come
        self.sides: compare.Sides = {}  # of all of them, where they are compared one by one

    def features(self) -> Features:
        self.some = [Features.together(self.some)]
        return self.some[0]


@dataclass(eq=False)
class Window:
    """What goes through the network, and what it is compared with."""

    work: Work
    number: int | None  # of the distorted image; None: the reference's own
    place: int  # among the windows of `against`
    pixels: Tensor | None  # (3, 224, 224) uint8; None: the same as the reference's, and at its distance from itself
    against: Against


class Comparison:
    """What a network and the settings of a run make of windows. `filled`: batches are of one shape, and compared at once."""

    def __init__(self, settings: Settings, network: FeatureExtractor):
        self.settings, self.network, self.protocols = settings, network, settings.protocols
        self.switches = next(iter(self.protocols.values()))  # of the input, which the protocols share
        self.filled = not compare.one_by_one(network.device)
        self.final = "embed_cos" in settings.distances
        self.layers = () if settings.distances == ("embed_cos",) else None

    def compute(self, part: list[Window], batch: int) -> None:
        """Up to `batch` windows; what is known of them goes to their `Work`. Whatever is raised, nothing of it has."""
        before = {window.against: window.against.some for window in part}
        try:
            self._compute(part, batch)
        except Exception:
            for against, some in before.items():
                against.some = some
            raise

    def _compute(self, part: list[Window], batch: int) -> None:
        new = [window for window in part if window.pixels is not None]
        features = self._features([window.pixels for window in new], batch) if new else None
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

    def _features(self, pixels: list[Tensor], batch: int) -> Features:
        count = len(pixels)
        if self.filled:
            pixels = pixels + [pixels[0]] * (batch - count)
        found = compare.features_of(torch.stack(pixels), self.network, self.switches, self.layers, self.final)
        return found[:count] if len(found) > count else found

    def _sides(self, some: list[Window], features: Features | None, row: dict) -> tuple[compare.Sides, compare.Sides]:
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

    def _gathered(self, some: list[Window], features: Features | None, row: dict) -> tuple[Features, Features]:
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
        pin = self.network.device.type == "cuda"
        return (index.pin_memory() if pin else index).to(self.network.device, non_blocking=pin)

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
