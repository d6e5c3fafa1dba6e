"""The big run: datasets x backbones x perturbations, and the baselines once for each dataset and perturbation.

All of it is stored where the notebooks look (`stored`), so that it can be made by one command, by many, or by a cluster.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from .. import compare
from ..data.dataset import Dataset
from ..errors import InputError
from ..files import progress
from .run import stored
from .settings import BASELINES, Settings

SWD = ("dino_vitb16", "clip_vitb32")  # the authors released swd of these; it takes as long as all else together


@dataclass(frozen=True)
class Cell:
    """One table of scores."""

    dataset: str
    backbone: str  # or "baselines"
    perturbation: str = "none"

    def __str__(self) -> str:
        return " ".join([self.dataset, self.backbone, *[self.perturbation] * (self.perturbation != "none")])

    def settings(self, **how) -> Settings:
        """What is asked of it: all distances that its backbone can have, swd where the authors ran it. `how`: the rest.

        InputError for an unknown backbone.
        """
        asked = Settings(self.backbone, perturbation=self.perturbation, **how)
        if self.backbone == BASELINES:  # no network
            return replace(asked, precision=Settings.precision)
        if self.backbone not in SWD:
            return asked
        return replace(asked, distances=(*compare.default_distances(asked.record, asked.protocol_name), "swd"))


def cells(datasets: Iterable[str], backbones: Iterable[str], perturbations: Iterable[str], baselines: bool) -> list[Cell]:
    """All combinations, dataset by dataset, the baselines last."""
    columns, kinds = [*backbones, *[BASELINES] * baselines], [*perturbations]
    return [Cell(name, column, kind) for name in datasets for column in columns for kind in kinds]


def score(datasets: Mapping[str, Dataset], wanted: Sequence[Cell], executor: Executor | None = None, **how) -> None:
    """Compute what is not stored yet of the cells `wanted`; `how` are `Settings`.

    Raises InputError that names those that failed, after all others are done.
    """
    failed = attempt(datasets, wanted, executor, **how)
    if failed:
        raise InputError(f"{len(failed)} of {len(wanted)} tables failed: " + " ".join(f"[{c}] {e}" for c, e in failed.items()))


def attempt(
    datasets: Mapping[str, Dataset], wanted: Sequence[Cell], executor: Executor | None = None, **how
) -> dict[Cell, InputError]:
    """The same; returns the cells that failed, and why.

    One bar for all, in images. A cell that fails keeps no other from being computed, and what it has finished is kept.
    """
    failed = {}
    with progress.bar(total=sum(len(datasets[cell.dataset].table) for cell in wanted), unit="image") as bar:
        done = 0
        for cell in wanted:
            bar.set_description(str(cell))
            try:
                settings = cell.settings(**how)
                stored(datasets[cell.dataset], settings, executor=executor, tick=lambda unit: bar.update(len(unit.dis)))
            except InputError as error:
                failed[cell] = error
                print(f"fmiqa: {cell}: {error}", file=sys.stderr)
            done += len(datasets[cell.dataset].table)
            bar.update(done - bar.n)  # with what was there
    return failed
