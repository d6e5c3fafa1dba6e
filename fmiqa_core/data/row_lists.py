"""Lists of rows for `--rows`: a file with one distorted image a line, a CSV with a column dis, or `live_5refs`."""

import os
from collections import Counter
from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..files import csv_files
from .dataset import Dataset

LIVE_5REFS = Path(__file__).with_name("live_5refs.csv")


def read(rows: str) -> list[str] | None:
    """The names in the list that `rows` names, or None where it names none."""
    file = LIVE_5REFS if rows == "live_5refs" else Path(rows)
    if not os.path.isfile(file):  # unlike Path.is_file, at peace with a list of words that is too long for a path
        if any(rows.lower().endswith(ending) for ending in (".csv", ".txt")):
            raise InputError(f"--rows: no such file {rows}.")
        return None
    content = csv_files.text(file, "a list of rows")
    head = csv_files.heading(content).split(csv_files.separator(content))
    if "dis" in [cell.strip(' "').lower() for cell in head]:
        names = _column(file)
    else:
        names = [line.strip() for line in csv_files.END.split(content) if line.strip()]
    if not names:
        raise InputError(f"--rows: {rows} lists no image.")
    return names


def _column(file: Path) -> list[str]:
    """The column dis of a CSV."""
    try:
        head, lines = csv_files.read(file, needs=("dis",))
    except InputError as error:
        raise InputError(f"--rows: {error}") from error
    head = [name.lower() for name in head]
    csv_files.refuse_doubled(file, head, ("dis",))
    return [row[head.index("dis")] for _, row in lines]


def chosen(dataset: Dataset, names: list[str]) -> pd.Series:
    """A mask of the dataset's rows whose `dis`, or its file name where that is unique, is in `names`; case is ignored.

    Raises InputError for names that the dataset does not have; those whose images are absent are passed over.
    """
    dis = dataset.table["dis"].str.lower()
    everything = {*dis, *(name.lower() for name in dataset.absent)}
    times = Counter(name.rpartition("/")[2] for name in everything)
    full_of = {short: full for full in everything if times[short := full.rpartition("/")[2]] == 1}
    lower = [name.lower() for name in names]
    wanted = {name if name in everything else full_of.get(name.rpartition("/")[2], name) for name in lower}
    strangers = sorted(wanted - everything)
    if strangers:
        raise InputError(
            f"--rows: {len(strangers)} of {len(names)} listed images are not in {dataset.name} (first: {strangers[0]}); "
            f"its images are named like {dataset.table['dis'].iloc[0]}."
        )
    mask = dis.isin(wanted)
    if not mask.any():
        raise InputError(f"--rows: none of the {len(names)} listed images of {dataset.name} is here.")
    return mask
