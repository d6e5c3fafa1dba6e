"""Whose scores the notebooks 05 to 09 show: the released ones, own ones, or both on the images that both have."""

from dataclasses import replace

from ..data import methods, released_names, words
from ..data import scores as containers
from ..data.dataset import Dataset
from ..errors import unknown
from ..scoring import stored
from ..scoring.settings import BASELINES
from ..stats import results
from ..stats.results import Results
from . import live_5refs, runs

SCORES = ("released", "own", "both")
PERTURBATIONS = tuple(methods.PERTURBATIONS)


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
    of `backbones` (comma-separated) in each of `perturbations`, and by the baselines that can be computed here; what is stored
    is taken; `live_5refs` are the committed scores of 97 LIVE images. both: own scores and the authors', on the images that
    both have; own ones alone of a dataset that the authors released none of. Too few rated images: left out, with a line that
    says so. Raises InputError where that leaves none, where the archive is not here (both) or images are missing (unless
    `partial`), and for both where no dataset has released scores: before the first is scored.
    """
    if scores not in SCORES:
        raise unknown("choice of scores", scores, SCORES)
    if scores == "released":
        return results.committed()
    data, who = runs.named(datasets, backbones, partial)
    theirs = {}
    if scores == "both":
        names = {name: "live" if one is None else one.name for name, one in data.items()}
        known = {name: some for name, some in names.items() if some in released_names.DATASETS} or names  # none: refused
        theirs = {name: containers.of_release(some, perturbations) for name, some in known.items()}
        for name in [name for name in data if name not in known]:
            print(f"The authors released no scores of {words.title(name)}: own ones alone.")
    several, files = [], []
    for name, one in data.items():
        parts, used = _own(one, who, perturbations, device, precision)
        several.append(containers.join([*parts, *([theirs[name]] if name in theirs else [])]))
        files += used
    how = {"scores": scores, "datasets": datasets, "backbones": backbones, "precision": precision}
    return replace(results.of(several, scores, files), parameters=how)


def _own(data: Dataset | None, backbones: list[str], perturbations, device: str, precision: str) -> tuple[list, list]:
    """Scores of `data` by each backbone in each perturbation, and their files; of None the committed ones, which are clean."""
    if data is None:
        tables = {live_5refs.path(name, "paper"): live_5refs.read(name) for name in backbones}
    else:
        place = {name: {"device": device, "precision": precision} for name in backbones} | {BASELINES: {}}
        found = (stored(data, name, perturbation=kind, **how) for name, how in place.items() for kind in perturbations)
        tables = {file: table for table, file in found}
    return [containers.of_table(table) for table in tables.values()], list(tables)


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
            kept = kept.assign(**{column: [m.partition("[")[0] for m in kept[column]]})
        tables[name] = kept.reset_index(drop=True)
    return replace(found, source=source, tables=tables)
