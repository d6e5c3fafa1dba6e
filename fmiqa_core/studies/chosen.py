"""Whose scores the notebooks 05 to 09 show: the released ones, own ones, or both on the images that both have."""

from dataclasses import replace
from pathlib import Path

from ..data import datasets as images
from ..data import scores as containers
from ..data import words
from ..data.scores import Scores
from ..errors import InputError, unknown
from ..scoring import stored
from ..stats import results
from ..stats.results import Results

SCORES = ("released", "own", "both")
PERTURBATIONS = ("none", "tra", "sca", "rot")


def found(
    scores: str = "released",
    datasets: str = "",
    backbones: str = "",
    partial: bool = True,
    device: str = "auto",
    precision: str = "fp32",
    perturbations: tuple[str, ...] = ("none",),
) -> Results:
    """The result tables of `scores` (one of SCORES).

    released: from the committed files; the other arguments do not count. own: every one of `datasets` scored with every one
    of `backbones` (comma-separated) in each of `perturbations`; what is stored is taken. both: own scores and the
    authors', on the images that both have. Raises InputError for a dataset without released scores, and where the
    archive is not here (both), or images are missing (unless `partial`).
    """
    if scores not in SCORES:
        raise unknown("choice of scores", scores, SCORES)
    if scores == "released":
        return results.committed()
    several, files = [], []
    for name in _names(datasets, "dataset"):
        mine, used = own(name, _names(backbones, "backbone"), partial, device, precision, perturbations)
        several.append(
            containers.join([mine, containers.of_release(mine.dataset, perturbations)]) if scores == "both" else mine
        )
        files += used
    return results.of(several, scores, files)


def own(
    dataset: str, backbones: list[str], partial: bool, device: str, precision: str, perturbations: tuple[str, ...] = ("none",)
) -> tuple[Scores, list[Path]]:
    """Own scores of a dataset by several backbones, clean and perturbed, and the files that hold them."""
    data = images.load(dataset, partial=partial)
    parts, files = [], []
    for backbone in backbones:
        for kind in perturbations:
            table, file = stored(data, backbone, perturbation=kind, device=device, precision=precision)
            parts.append(containers.of_table(table))
            files.append(file)
    return containers.join(parts), files


def each(found: Results) -> dict[str, Results]:
    """The results apart, by whose they are: of both the own and the released ones, on the same images."""
    if found.source != "both":
        return {found.source: found}
    return {source: _only(found, source) for source in ("own", "released")}


def _only(found: Results, source: str) -> Results:
    """The rows of one source, under their plain names."""
    table = found.read("correlations")
    names = set(table.loc[table["source"] == source, "method"])
    tables = {}
    for name, part in found.tables.items():
        kept = part
        for column in {"method", "other"} & {*part.columns}:
            kept = kept[kept[column].isin(names)]
        kept = kept.assign(
            **{column: [m.partition("[")[0] for m in kept[column]] for column in {"method", "other"} & {*kept.columns}}
        )
        tables[name] = kept.reset_index(drop=True)
    return replace(found, source=source, tables=tables)


def _names(text: str, what: str) -> list[str]:
    names = words.listed(text)
    if not names:
        raise InputError(f"No {what} is named: set the parameter {what}s.")
    return names
