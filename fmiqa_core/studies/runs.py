"""Own scores of a dataset by several backbones in several protocols, and the words that belong to them.

What the cells of notebooks 02, 03, 04 and 08 share. Everything that they say of the data comes from here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..backbones import get, weights
from ..data import datasets, words
from ..data.scores import is_rated
from ..errors import InputError
from ..stats.intervals import RULE
from ..stats.resamples import FEWEST
from . import live_5refs

COMMITTED = "live_5refs"


@dataclass(frozen=True)
class Run:
    """`tables`: backbone -> protocol (`paper` among them) -> scores."""

    dataset: str  # "live_5refs", or the name of a `Dataset`
    tables: dict[str, dict[str, pd.DataFrame]]
    files: tuple[Path, ...] = ()  # that the scores were read from

    @property
    def first(self) -> pd.DataFrame:
        return next(iter(self.of("paper").values()))

    def of(self, protocol: str) -> dict[str, pd.DataFrame]:
        """Backbone -> scores in `protocol`, of those that have it."""
        return {name: found[protocol] for name, found in self.tables.items() if protocol in found}

    @property
    def rated(self) -> int:
        """Images that people rated, or that have a level."""
        return int(is_rated(self.first).sum())

    @property
    def name(self) -> str:
        """In the name of a file: of the dataset, with what else sets this run apart."""
        return words.file_name(self.dataset) + words.told(self.tables, self.first.attrs.get("precision", "fp32"))

    @property
    def human(self) -> str:
        """What stands on the human side: DMOS, MOS, Elo, severity."""
        return words.human(self.first.attrs["scale"])

    @property
    def images(self) -> str:
        return images(self.first, self.dataset)

    @property
    def note(self) -> str:
        return note(self.first)

    @property
    def about(self) -> str:
        """For a caption: what the intervals are of, and the reservation."""
        return f"{self.images}; {RULE}. {self.note}".strip()

    @property
    def paired(self) -> str:
        """The same of differences."""
        return f"{self.images}; {RULE}, paired. {self.note}".strip()

    @property
    def source(self) -> str:
        """For a caption: how much of which dataset, what its scores are, and the reservation; of scores computed here."""
        info = self.first.attrs
        return f"{info['dataset']}, {info['coverage']}; {info['scale']}. {self.note}".strip()

    @property
    def common(self) -> dict:
        """What `figures.save` and `save_table` are told of every figure and table of this run."""
        protocols = {name: list(found) for name, found in self.tables.items()}
        return {
            "report": "\n".join(live_5refs.report(found) for found in self.tables.values()),
            "inputs": self.files,
            "parameters": {
                "dataset": words.file_name(self.dataset),
                "human": self.human,
                "protocols": protocols,
                **rows(self.first),
            },
            "cite": cite(self.first),
        }


def loaded(names: str, partial: bool = True, fewest: int = FEWEST) -> list[datasets.Dataset]:
    """The datasets of a comma-separated list, each with enough images that people rated; one with fewer is named and left out.

    Raises InputError, before anything is scored, for one that is not here, and where none has enough.
    """
    return list(_loaded(_some(names, "dataset"), partial, fewest).values())


def _loaded(names: list[str], partial: bool, fewest: int = FEWEST, alone: bool = True) -> dict[str, datasets.Dataset]:
    """Name -> dataset; `alone`: there are no other scores, so that one of them has to be usable."""
    found = {name: datasets.load(name, partial=partial) for name in names}
    few = {name: too_few(data.table, data.name) for name, data in found.items() if int(is_rated(data.table).sum()) < fewest}
    if alone and few and len(few) == len(found):
        raise InputError(f"{' '.join(few.values())} Without one, `fmiqa score-dataset` scores them.")
    for text in few.values():
        print(f"Left out: {text}")
    return {name: data for name, data in found.items() if name not in few}


def too_few(table: pd.DataFrame, dataset: str) -> str:
    """The sentence that stands in the place of what cannot be computed from `table`."""
    rated, every = int(is_rated(table).sum()), words.count(len(table), "image")
    return f"{rated} of {every} of {words.title(dataset)} have a human score: a correlation needs at least {FEWEST} images."


def backbones(names: str, at_hand: bool = True) -> list[str]:
    """The backbones of a comma-separated list; InputError for an unknown one, and unless not `at_hand` without weights."""
    found = _some(names, "backbone")
    for record in map(get, found):
        if at_hand:
            weights.identity(record)
    return found


def named(names: str, backbone_names: str, partial: bool = True) -> tuple[dict[str, datasets.Dataset | None], list[str]]:
    """The datasets of a list, None for the committed "live_5refs", and the backbones of another: as `loaded`, `backbones`."""
    wanted = _some(names, "dataset")
    others = [name for name in wanted if name != COMMITTED]
    who = backbones(backbone_names, at_hand=bool(others))
    data = _loaded(others, partial, alone=others == wanted)
    return {name: data.get(name) for name in wanted if name in data or name == COMMITTED}, who


def load(
    names: str,
    backbone_names: str,
    protocols: Iterable[str] | None = None,
    partial: bool = True,
    device: str = "auto",
    precision: str = "fp32",
    every: str = "",
) -> list[Run]:
    """For each dataset, or the committed "live_5refs": its scores in `protocols` (None: all), computed where they are missing.

    `every` names the datasets that protocols beyond `paper` are computed of; "" is all of them.

    InputError where something is not here or too few images are rated: before the first one is scored.
    """
    wanted, who = named(names, backbone_names, partial)
    runs, several = [], _some(every or names, "dataset")
    for name, one in wanted.items():
        some = protocols if name in several or one is None else ["paper"]
        tables = {b: live_5refs.tables(one or name, b, some, device=device, precision=precision) for b in who}
        files = [] if one else [live_5refs.path(b, protocol) for b in who for protocol in tables[b]]
        runs.append(Run(one.name if one else name, tables, tuple(files)))
    return runs


def score(data: datasets.Dataset, names: Iterable[str], **options) -> Run:
    """`data` scored in `paper` by the backbones `names`, stored where every notebook looks; `options` of `scoring.stored`."""
    from .. import scoring

    found = {name: scoring.stored(data, name, **options) for name in names}
    return Run(data.name, {name: {"paper": table} for name, (table, _) in found.items()}, tuple(f for _, f in found.values()))


def images(table: pd.DataFrame, dataset: str) -> str:
    """How many rated images of what, and of how many references: for captions.

    >>> images(pd.DataFrame({"ref": ["a", "a"], "quality": [1.0, 2.0]}), "tid2013")
    '2 images of TID2013, 1 reference'
    """
    rated = table[is_rated(table)]
    return f"{words.count(len(rated), 'image')} of {words.title(dataset)}, {words.count(rated['ref'].nunique(), 'reference')}"


def note(table: pd.DataFrame) -> str:
    """The reservation of a table of scores, and how many of its images nobody rated."""
    missing = int((~is_rated(table)).sum())
    what = "level" if words.human(table.attrs["scale"]) == words.SEVERITY else "human score"
    left_out = f"{words.count(missing, 'image')} without a {what} left out" if missing else ""
    return "; ".join(filter(None, [table.attrs.get("note", ""), left_out]))


def rows(table: pd.DataFrame) -> dict[str, list[str]]:
    """Which images a table of scores has, for provenance; nothing where they are all of the dataset."""
    number, _, total = (*table.attrs.get("coverage", "").split(), "", "", "")[:3]
    return {} if number and number == total else {"rows": list(table["dis"])}


def cite(table: pd.DataFrame) -> list[str]:
    """What to cite for a table of scores: nothing for an own set."""
    return [text for text in [table.attrs.get("cite", "")] if text]


def _some(names: str, kind: str) -> list[str]:
    found = words.listed(names)
    if not found:
        raise InputError(f"No {kind} named: give one, or several with commas between.")
    return found
