"""Scores: one container, whatever their origin. Methods x images, with what people said of the images.

The authors' released scores (`of_release`) and anybody's own runs (`of_table`: a scores.parquet, the committed tables of
`data/live_5refs`) become the same thing here, and go through the same statistics, tables and figures. A layer, a protocol
and a perturbation is just another method. `join` puts several on the images that all of them have.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import InputError, unknown
from . import methods as known
from . import panels
from .layouts import LAYOUTS, title
from .told_apart import unique

METHODS = ["method", "label", "family", "source", "backbone", "features", "distance", "protocol", "perturbation"]
IMAGES = ["dis", "ref", "distortion", "level", "mos", "quality"]
TOLERANCE = 1e-3  # of a human score, relative to the range: the public tables and the release round to 4 decimals


@dataclass(frozen=True)
class Scores:
    """What K methods say of n images, beside what people say."""

    dataset: str
    methods: pd.DataFrame  # K rows, columns METHODS (and run, the folder of a file); `method` is unique
    images: pd.DataFrame  # n rows, columns IMAGES; quality is oriented so that higher = better, NaN where nobody rated
    values: np.ndarray  # (K, n) float64, oriented so that larger = better
    scale: str = ""  # what `mos` is
    note: str = ""  # reservation, printed wherever its numbers are
    cite: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()  # one reporting string for each run

    def __post_init__(self):
        if self.values.shape != (len(self.methods), len(self.images)):
            raise ValueError(f"{self.values.shape} values of {len(self.methods)} methods and {len(self.images)} images")
        doubled = self.methods["method"][self.methods["method"].duplicated()]
        if len(doubled):
            raise InputError(f"Two methods are called {doubled.iloc[0]}: name each run once, in a folder of its own name.")

    @property
    def title(self) -> str:
        """The dataset's name in a sentence: its published title, or its own name without folder and ending."""
        return title(self.dataset)

    @property
    def refs(self) -> np.ndarray:
        """The reference of each image (n,)."""
        return self.images["ref"].astype(str).to_numpy()

    @property
    def quality(self) -> np.ndarray:
        return self.images["quality"].to_numpy(float)

    @property
    def coverage(self) -> str:
        refs = self.images["ref"].nunique()
        return f"{len(self.images)} image{'s' * (len(self.images) != 1)}, {refs} reference{'s' * (refs != 1)}"

    def rated(self) -> "Scores":
        """Without the images that nobody rated: the one place where a missing human score is left out."""
        return self.where(is_rated(self.images))

    def where(self, rows: np.ndarray) -> "Scores":
        """Only the images where `rows` (n,) is true."""
        return replace(self, images=self.images[rows].reset_index(drop=True), values=self.values[:, rows])

    def only(self, names: Iterable[str]) -> "Scores":
        """Only these methods, in this order, in either spelling (`methods`).

        A name without brackets stands for all of its kind: own and released, of every protocol. Raises InputError with the
        nearest for an unknown one.
        """
        methods = self.methods["method"].tolist()
        found = []
        for name in names:
            mine = known.canonical(name.partition("[")[0])
            some = [i for i, m in enumerate(methods) if name == m or ("[" not in name and m.partition("[")[0] == mine)]
            if not some:
                raise unknown("method", name, methods)
            found += some
        found = list(dict.fromkeys(found))
        return replace(self, methods=self.methods.iloc[found].reset_index(drop=True), values=self.values[found])


def is_rated(images: pd.DataFrame) -> np.ndarray:
    """Which rows of `images` people rated (n,): the one test of it."""
    return np.isfinite(images["quality"].to_numpy(float))


def of_table(table: pd.DataFrame, layers: bool = False) -> Scores:
    """A table of a run, as `score_tables.read` gives it: every `score_*` column, with `layers` every `layer_*` too.

    Columns may begin with PROTOCOL/, where a run has several protocols.
    """
    info = table.attrs
    rows, values = [], []
    for column in table.columns:
        protocol, _, name = column.rpartition("/")
        if not name.startswith(("score_", "layer_") if layers else ("score_",)):
            continue
        distance, layer = name.partition("_")[2], None
        if name.startswith("layer_"):
            distance, _, number = distance.rpartition("_")
            layer = int(number)
        measured = distance in known.OTHERS
        found = known.describe(known.name_of(info.get("backbone", "none"), distance, layer))
        rows.append(
            {
                "method": found.name,
                "label": found.label,
                "family": found.family,
                "source": "own",
                "backbone": found.backbone,
                "features": found.features,
                "distance": found.distance,
                "protocol": "" if measured else protocol or info.get("protocol", "paper"),
                "perturbation": info.get("perturbation", "none"),
            }
        )
        values.append(-table[column].to_numpy(float))
    return Scores(
        dataset=str(info.get("dataset") or table["dataset"].iloc[0]),
        methods=unique(pd.DataFrame(rows, columns=METHODS)),
        images=table.reindex(columns=IMAGES).reset_index(drop=True),
        values=np.array(values).reshape(len(rows), len(table)),
        scale=info.get("scale", ""),
        note=info.get("note", ""),
        cite=tuple(filter(None, [info.get("cite", "")])),
        reports=tuple(filter(None, [info.get("report", "")])),
    )


def of_protocol(table: pd.DataFrame, protocol: str) -> Scores:
    """`of_table`, of a table whose attributes may not say that it was computed in `protocol`."""
    named = table.copy(deep=False)
    named.attrs = {**table.attrs, "protocol": protocol}
    return of_table(named)


def of_file(file: str | Path, layers: bool = False) -> Scores:
    """A scores.parquet, or the folder that holds one. InputError where there is none or it is damaged."""
    from .score_tables import read

    file = Path(file)
    file = file / "scores.parquet" if file.is_dir() else file
    scores = of_table(read(file), layers)
    return replace(scores, methods=scores.methods.assign(run=file.absolute().parent.name))


def of_release(dataset: str, perturbations: Iterable[str] | None = ("none",), table: pd.DataFrame | None = None) -> Scores:
    """The authors' released scores of `dataset`; `perturbations` None: all. `table`: of `released.load`, if it is at hand.

    Raises InputError where the archive is not here, or has no scores of this dataset.
    """
    from . import released, released_names

    if dataset == panels.SECOND:
        return rejudged(of_release(panels.FIRST, perturbations, table))
    if dataset not in released_names.DATASETS:
        raise InputError(
            f"The authors released no scores of {dataset}, only of {', '.join(released_names.DATASETS)}: take own runs alone."
        )
    table = released.load() if table is None else table
    rows = np.flatnonzero(table["dataset"] == dataset)
    if not len(rows):
        raise InputError(f"No rows of {dataset} among the released scores.")
    mine = table.iloc[rows[0] : rows[-1] + 1]  # a dataset's rows stand together: no copy of millions of rows
    n = released_names.DATASETS[dataset]
    names = mine[["method", "family", "backbone", "features", "distance", "perturbation"]].iloc[::n].astype(str)
    names = names.reset_index(drop=True)
    wanted = np.ones(len(names), bool) if perturbations is None else names["perturbation"].isin([*perturbations]).to_numpy()
    found = [known.describe(name) for name in names["method"]]
    names = names.assign(
        method=[one.name for one in found],
        label=[one.label for one in found],
        backbone=[one.backbone for one in found],
        source="released",
        protocol="",
    )[METHODS]
    layout = LAYOUTS[dataset]
    return Scores(
        dataset=dataset,
        methods=unique(names[wanted].reset_index(drop=True)),
        images=mine[IMAGES].iloc[:n].astype({"dis": str, "ref": str, "distortion": str}).reset_index(drop=True),
        values=mine["score"].to_numpy().reshape(-1, n)[wanted],  # a copy: the table can be let go
        scale=layout.scale,
        cite=(released.CITE, layout.cite),
        reports=(released.report([dataset]),),
    )


def rejudged(scores: Scores) -> Scores:
    """Scores of TID2013's images, released or own, beside what TID2008's observers said of them: those that both have."""
    layout = LAYOUTS[panels.SECOND]
    there, images = panels.rejudged(scores.images)
    cite = tuple(dict.fromkeys((*scores.cite, layout.cite)))
    return replace(scores.where(there), dataset=panels.SECOND, images=images, scale=layout.scale, cite=cite)


def join(several: Sequence[Scores]) -> Scores:
    """All methods of `several`, on the images that all of them have, in the first one's order and with its words.

    Raises InputError where they are of different datasets, share no image, or give one image two human scores.
    """
    first, *others = several
    keys = [_keys(one) for one in several]
    for one in others:
        if one.dataset != first.dataset:
            raise InputError(f"Scores of {first.dataset} and of {one.dataset} cannot be compared: name runs of one dataset.")
    shared = set(keys[0]).intersection(*keys[1:])
    if not shared:
        raise InputError(f"The tables of {first.dataset} have no image in common.")
    order = [key for key in keys[0] if key in shared]
    at = [pd.Series(range(len(some)), some).loc[order].to_numpy() for some in keys]
    images = first.images.iloc[at[0]].reset_index(drop=True)
    quality = images["quality"].to_numpy(float)
    for one, rows in zip(others, at[1:], strict=True):
        theirs = one.quality[rows]
        both = np.isfinite(quality) & np.isfinite(theirs)
        apart = np.abs(quality - theirs)[both]
        if (np.isfinite(quality) != np.isfinite(theirs)).any() or (len(apart) and apart.max() > TOLERANCE * _range(quality)):
            raise InputError(f"The tables of {first.dataset} give some images different human scores: score them anew.")
    methods = pd.concat([one.methods for one in several], ignore_index=True)
    return replace(
        first,
        methods=unique(methods),
        images=images,
        values=np.concatenate([one.values[:, rows] for one, rows in zip(several, at, strict=True)]),
        note="; ".join(dict.fromkeys(one.note for one in several if one.note)),
        cite=tuple(dict.fromkeys(text for one in several for text in one.cite)),
        reports=tuple(dict.fromkeys(text for one in several for text in one.reports)),
    )


def _range(quality: np.ndarray) -> float:
    return float(np.nanmax(quality) - np.nanmin(quality)) or 1.0


def _keys(scores: Scores) -> list[str]:
    """What identifies each image: of a published dataset its name there, else the pair."""
    layout = LAYOUTS.get(scores.dataset)
    if scores.dataset == panels.SECOND:  # under its own names or TID2013's
        return [panels.key(*row) for row in scores.images[["ref", "distortion", "level"]].itertuples(index=False)]
    if layout:
        return [layout.key(dis) for dis in scores.images["dis"]]
    return [f"{ref}\n{dis}" for ref, dis in zip(scores.images["ref"], scores.images["dis"], strict=True)]
