"""Lists of rows for `--rows`: a file with one distorted image a line, a CSV with a column dis, or `live_5refs`."""

import csv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from .datasets import Dataset

LIVE_5REFS = Path(__file__).with_name("live_5refs.csv")


def read(rows: str) -> list[str] | None:
    """The names in the list that `rows` names, or None where it names none."""
    file = LIVE_5REFS if rows == "live_5refs" else Path(rows)
    if not file.is_file():
        if any(rows.lower().endswith(ending) for ending in (".csv", ".txt")):
            raise InputError(f"--rows: no such file {rows}.")
        return None
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise InputError(f"--rows: {rows} is not a text file.") from None
    head = [word.strip() for word in lines[0].split(",")] if lines else []
    if "dis" in head:
        names = [row[head.index("dis")].strip() for row in csv.reader(lines[1:]) if len(row) == len(head)]
        if len(names) < len(lines) - 1:
            raise InputError(f"--rows: {rows} is damaged: not every line has the {len(head)} columns {', '.join(head)}.")
    else:
        names = [line.strip() for line in lines]
    if not names:
        raise InputError(f"--rows: {rows} lists no image.")
    return names


def chosen(dataset: "Dataset", names: list[str]) -> "pd.Series":
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
