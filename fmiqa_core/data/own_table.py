"""A user's own set of images: a CSV with columns ref and dis and, if there are any, mos or dmos, distortion, level.

Paths are relative to the CSV's folder or to --root. `mos`: higher = better; `dmos`: higher = worse. Empty cells of
these two are scores that are missing. Where all are, the levels take their place, and every output says so. Other columns are
passed over.
"""

import os
import re
from pathlib import Path, PureWindowsPath

import pandas as pd

from ..errors import InputError
from ..files import csv_files
from . import spelling
from .datasets import COLUMNS, Dataset

OWN = ("ref", "dis", "mos", "dmos", "distortion", "level")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def read(file: Path, root: str | os.PathLike | None = None) -> Dataset:
    """The table as a dataset named like the file. Raises InputError naming the column and line at fault.

    References with the same content are one reference, by the name that stands first; the note says so.
    """
    table = _text(file)
    for column in ("ref", "dis"):
        if column not in table:
            raise InputError(f"{file} has no column {column}: it needs ref and dis, and may have mos or dmos, distortion.")
    if {"mos", "dmos"} <= {*table.columns}:
        raise InputError(f"{file} has both mos (higher = better) and dmos (higher = worse): keep one.")
    if table.empty:
        raise InputError(f"{file} has no rows.")
    for column in ("ref", "dis"):
        _refuse(file, table[column] == "", f"{column} is empty")
        _refuse(file, table[column].map(_is_absolute), f"{column} is not relative to --root")
        _refuse(file, table[column].map(CONTROL.search).notna(), f"{column} has a line break or another control character")
    _refuse(file, table.duplicated(["ref", "dis"]), "the pair stands there before")
    folder = Path(root) if root else file.absolute().parent
    one_name = spelling.one_name_each(folder, table["ref"])
    table["ref"] = table["ref"].map(one_name)
    place = table["dis"].map(lambda name: spelling.place(folder, name))
    _refuse(file, table.assign(place=place).duplicated(["ref", "place"]), "the pair stands there before, under another name")
    score = next((column for column in ("mos", "dmos") if column in table), None)
    mos = _numbers(file, table, score) if score else pd.Series(float("nan"), index=table.index)
    level = _numbers(file, table, "level") if "level" in table else pd.Series(float("nan"), index=table.index)
    _refuse(file, level.notna() & ((level % 1 != 0) | (level.abs() > 2**31)), "level is not a whole number of usual size")
    kinds = table["distortion"].replace("", "not given") if "distortion" in table else "not given"
    scale = {"mos": "mos, higher = better", "dmos": "dmos, higher = worse", None: "no human scores"}[score]
    unscored, quality = "" if score else f"{file.name} has no column mos or dmos: nothing to correlate with", mos
    if score == "dmos":
        quality = -mos
    if mos.isna().all() and level.notna().any():
        scale, quality = "severity level, no human scores", -level
        unscored = f"{file.name} has no human scores: its levels stand for them"
    out = table[["ref", "dis"]].assign(
        dataset=file.name, distortion=kinds, level=level.astype("Int64"), mos=mos, quality=quality
    )
    note = "; ".join(filter(None, [unscored, spelling.told(one_name)]))
    return Dataset(file.name, out[COLUMNS].reset_index(drop=True), folder, len(out), scale, note, "")


def _text(file: Path) -> pd.DataFrame:
    """All cells of the columns in OWN as they stand there, stripped; the index is the line number."""
    head, rows = csv_files.read(file, needs=("ref", "dis"))
    head = [name.lower() for name in head]
    csv_files.refuse_doubled(file, head, OWN)
    kept = {name: at for at, name in enumerate(head) if name in OWN}
    lines = [line for line, _ in rows]
    return pd.DataFrame({name: pd.Series([row[at] for _, row in rows], lines, str) for name, at in kept.items()}, lines)


def _is_absolute(name: str) -> bool:
    return Path(name).is_absolute() or PureWindowsPath(name).is_absolute()


def _numbers(file: Path, table: pd.DataFrame, column: str) -> pd.Series:
    """Empty or nan -> NaN; anything else must be a finite number."""
    text = table[column].where(table[column].str.lower() != "nan", "")
    values = text.map(lambda cell: float(cell) if NUMBER.fullmatch(cell) else float("nan")).astype(float)
    bad = (text != "") & ~values.between(float("-inf"), float("inf"), inclusive="neither")
    first = text[bad].iloc[0] if bad.any() else ""
    hint = "write it as 1234.5" if any(map(str.isdigit, first)) else "leave it empty where there is none"
    _refuse(file, bad, f"{column} is not a number", f": {first[:40]!r}, {hint}")
    return values


def _refuse(file: Path, bad: pd.Series, why: str, more: str = "") -> None:
    if bad.any():
        raise InputError(f"{file}: {why} in {bad.sum()} rows (first: line {bad.index[bad][0]}){more}.")
