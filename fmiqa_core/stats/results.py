"""The result tables of a set of scores: correlations, types, pairs, changes. What the authors released and own runs alike.

Of the released scores they are committed in `data/released` (`data.committed`). They are written
with 6 significant digits. Same archive, same bytes, but for what data/released/README.md says of plcc_fit4.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ..data import methods as known
from ..data import released, released_names, twins, words
from ..data import scores as containers
from ..data.committed import FILES, PER_IMAGE, path, read
from ..data.layouts import LAYOUTS
from ..data.scores import Scores
from ..errors import InputError
from ..files import csv_files, paths
from . import bootstrap, correlation, per_image, result_tables

MAIN = (  # the comparison: foundation models by the two distances that all of them could have, then the others
    "dinov1_l2",
    "dinov1_cos",
    "clip_vitb32_l2",
    "clip_vitb32_cos",
    "imagenet_vit_cos",
    "dinov2_cos",
    "clip_rn50_cos",
    "openclip_convnext_base_cos",
    "deep_wsd_vgg",
    "lpips",
    "lpips_vgg",
    "stlpips_alex",
    "stlpips_vgg",
    "dists",
    "fsim",
    "msssim",
    "psnr",
)


@dataclass(frozen=True)
class Results:
    """The result tables of some datasets, and what a reader must know of them."""

    source: str  # released, own or both
    tables: dict[str, pd.DataFrame]  # of committed.FILES, and PER_IMAGE: own against released scores, image by image
    titles: dict[str, str]  # dataset -> its title, in the order of tables and figures
    files: dict[str, tuple[Path, ...]]  # table -> what it is computed from
    cite: tuple[str, ...]
    report: str
    notes: tuple[str, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)  # of the notebook, that make them again

    def read(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    @property
    def about(self) -> str:
        """What a caption adds: of own scores how many images of what; the reservations that belong to the data."""
        return "".join(f" {note}" for note in self.notes)

    def about_one(self, dataset: str) -> str:
        """The same for a figure or table of one dataset."""
        return "".join(f" {note}" for note in self.notes if note.startswith(f"{self.titles[dataset]}: "))

    def inputs(self, *names: str) -> list[Path]:
        """The files that the tables `names` come from."""
        return list(dict.fromkeys(file for name in names for file in self.files[name]))

    def name(self, figure: str) -> str:
        """What a figure or table of these is called: of the released scores as it is, else with whose and of what they are."""
        if self.source == "released":
            return figure
        datasets, backbones = (words.listed(self.parameters.get(key, "")) for key in ("datasets", "backbones"))
        of = "".join(f"_{words.file_name(name)}" for name in datasets if name != "live_5refs")
        return f"{figure}_{self.source}{of}{words.told(backbones, self.parameters.get('precision', 'fp32'))}"

    def method(self, name: str) -> str | None:
        """What the method `name`, in either spelling, is called in these tables; None where they have not got it."""
        there = {known.canonical(m): m for m in self.tables["correlations"]["method"] if "[" not in m}
        return there.get(known.canonical(name))

    @property
    def main(self) -> list[str]:
        """The methods of the headline tables: own ones by the distances that all can have, then MAIN of the released ones."""
        table = self.tables["correlations"]
        if self.source == "released":
            return [name for name in map(self.method, MAIN) if name]
        own = table[(table["source"] == "own") & (table["features"] != "embedding")]
        own = own[own["distance"].isin(["l2", "cos"]) | (own["family"] != "foundation")]
        theirs = {known.canonical(m.partition("[")[0]): m for m in table.loc[table["source"] == "released", "method"]}
        return [*dict.fromkeys(own["method"]), *(theirs[m] for m in map(known.canonical, MAIN) if m in theirs)]


def committed() -> Results:
    """Of the released scores, from `data/released`."""
    return Results(
        source="released",
        tables={name: read(name) for name in FILES} | {PER_IMAGE: per_image.of_table(read(PER_IMAGE))},
        titles={name: LAYOUTS[name].title for name in released_names.DATASETS},
        files={name: (path(name),) for name in (*FILES, PER_IMAGE)},
        cite=(released.CITE,),
        report=released.report(),
        notes=tuple(
            f"{LAYOUTS[name].title}: {note}." for name in released_names.DATASETS if (note := twins.note(name, example=False))
        ),
    )


def of(several: Sequence[Scores], source: str, files: Sequence[Path] = ()) -> Results:
    """Of scores, one of each dataset; `files` are what they were read from."""
    parts = [result_tables.compute(scores) for scores in several]
    return Results(
        source=source,
        tables={name: pd.concat([part[name] for part in parts], ignore_index=True) for name in FILES}
        | {PER_IMAGE: pd.concat(map(per_image.of_scores, several), ignore_index=True)},
        titles={scores.dataset: scores.title for scores in several},
        files=dict.fromkeys((*FILES, PER_IMAGE), tuple(files)),
        cite=tuple(dict.fromkeys(text for scores in several for text in scores.cite)),
        report="\n".join(dict.fromkeys(line for scores in several for line in scores.reports)),
        notes=tuple(_note(scores) for scores in several),
    )


def _note(scores: Scores) -> str:
    """`LIVE: 97 images, 5 references; realigned DMOS, higher = worse. partial live: ...`"""
    twice = twins.note(scores.dataset, scores.images["dis"], example=False)
    notes = filter(None, [scores.note, twice])
    reservation = "".join(f" {note[:1].upper()}{note[1:]}." for note in notes)
    return f"{scores.title}: {scores.rated().coverage}; {scores.scale or 'human score not said'}.{reservation}"


def write(table: pd.DataFrame, resamples: int = bootstrap.RESAMPLES, seed: int = 0) -> list[Path]:
    """Compute all FILES from the table of `released.load` and write them."""
    folder = paths.make_folder(paths.data() / "released")
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in FILES}
    for dataset in released_names.DATASETS:
        scores = containers.of_release(dataset, None, table)
        for name, part in result_tables.compute(scores, resamples, seed).items():
            parts[name].append(_as_released(part))
    for name, tables in parts.items():
        with paths.atomic(folder / f"{name}.csv") as temporary:
            csv_files.write(pd.concat(tables, ignore_index=True), temporary)
    return [folder / f"{name}.csv" for name in FILES]


def _as_released(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the release's spelling of methods and backbones, as its files are called."""
    out = table.copy()
    for column in {"method", "other", "a", "b"} & {*table.columns}:
        out[column] = [known.released_spelling(name) for name in table[column]]
    if "backbone" in table:
        spelling = {ours: theirs for theirs, ours in known.RELEASED.items()}
        out["backbone"] = [spelling.get(name, name) for name in table["backbone"]]
    return out.drop(columns=["source", "protocol"], errors="ignore")


def check() -> str:
    """One sentence: the archive is here and gives the committed SRCC, or the committed files stand alone.

    An archive that cannot be read is said so. Raises InputError where its numbers are not the committed ones.
    """
    if released.find() is None:
        return "Archive not here: tables and figures are made from the committed files in data/released."
    try:
        table = released.load()
    except InputError as error:  # damaged, or the table that names the images cannot be had
        return f"Archive found, but it cannot be checked here: {error} All that follows is made from the committed files."
    stored, worst = read("correlations"), 0.0
    for dataset in released_names.DATASETS:
        scores = containers.of_release(dataset, None, table)
        ours = [correlation.srcc(row, scores.quality) for row in scores.values]
        theirs = stored.loc[stored["dataset"] == dataset, "srcc"].to_numpy()
        worst = max(worst, np.abs(np.array(ours) - theirs).max() if len(ours) == len(theirs) else np.inf)
    if worst > 1e-6:  # they are written with 6 digits
        raise InputError(f"data/released is not what the archive gives (SRCC differs by {worst:.1g}): run `fmiqa released`.")
    return f"Archive found and verified: the SRCC of its {len(stored)} complete files equal the committed ones."


def digest_lines(table: pd.DataFrame) -> str:
    """What `fmiqa released` prints: how many files of which dataset, and what was left out by name."""
    out = io.StringIO()
    for dataset, n in released_names.DATASETS.items():
        out.write(f"{dataset}: {(table['dataset'] == dataset).sum() // n} complete files of {n} images\n")
    out.write(f"left out: empty {', '.join(released_names.EMPTY)}; partial {', '.join(released_names.PARTIAL)}\n")
    for copy, name in released_names.COPIES.items():
        out.write(f"{name}: taken from {copy!r}, the complete run\n")
    unknown = table.attrs.get("unknown") or []
    out.write(f"unknown names, left out: {', '.join(unknown)}\n" if unknown else "unknown names: none\n")
    return out.getvalue().rstrip()
