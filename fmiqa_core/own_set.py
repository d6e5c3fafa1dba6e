"""A user's own set of images: a CSV with columns ref and dis and, if there are any, mos or dmos, distortion, level.

Paths are relative to the CSV's folder or to --root. `mos`: higher = better; `dmos`: higher = worse. Empty cells of
these two are scores that are missing. Other columns are passed over.
"""

import csv
import os
from pathlib import Path

import pandas as pd

from .datasets import COLUMNS, Dataset
from .errors import InputError


def read(file: Path, root: str | os.PathLike | None = None) -> Dataset:
    """The table as a dataset named like the file. Raises InputError naming the column and line at fault."""
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
        _refuse(file, table[column].map(lambda name: Path(name).is_absolute()), f"{column} is not relative to --root")
    _refuse(file, table.duplicated(["ref", "dis"]), "the pair stands there before")
    score = next((column for column in ("mos", "dmos") if column in table), None)
    mos = _numbers(file, table, score) if score else pd.Series(float("nan"), index=table.index)
    level = _numbers(file, table, "level") if "level" in table else pd.Series(float("nan"), index=table.index)
    _refuse(file, level.notna() & (level % 1 != 0), "level is not a whole number")
    kinds = table["distortion"].replace("", "not given") if "distortion" in table else "not given"
    out = table[["ref", "dis"]].assign(
        dataset=file.name, distortion=kinds, level=level.astype("Int64"), mos=mos, quality=-mos if score == "dmos" else mos
    )
    scale = {"mos": "mos, higher = better", "dmos": "dmos, higher = worse", None: "no human scores"}[score]
    folder = Path(root) if root else file.absolute().parent
    note = "" if score else f"{file.name} has no column mos or dmos: nothing to correlate with"
    return Dataset(file.name, out[COLUMNS].reset_index(drop=True), folder, len(out), scale, note, "")


def _text(file: Path) -> pd.DataFrame:
    """All cells as they stand there, stripped; the index is the line number."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except FileNotFoundError:
        raise InputError(f"No such table: {file}.") from None
    except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8
        raise InputError(f"{file} cannot be read as a CSV: {error}.") from error
    if not rows:
        raise InputError(f"{file} is empty.")
    (_, head), *rows = rows
    for line, row in rows:
        if len(row) != len(head):
            raise InputError(f"{file}: line {line} has {len(row)} cells, the heading {len(head)}.")
    return pd.DataFrame([row for _, row in rows], [line for line, _ in rows], [name.lower() for name in head], dtype=str)


def _numbers(file: Path, table: pd.DataFrame, column: str) -> pd.Series:
    """Empty or nan -> NaN; anything else must be a finite number."""
    text = table[column].where(table[column].str.lower() != "nan", "")
    values = pd.to_numeric(text.where(text != "", None), errors="coerce").astype(float)
    bad = (text != "") & ~values.between(float("-inf"), float("inf"), inclusive="neither")
    _refuse(file, bad, f"{column} is not a number")
    return values


def _refuse(file: Path, bad: pd.Series, why: str) -> None:
    if bad.any():
        raise InputError(f"{file}: {why} in {bad.sum()} rows (first: line {bad.index[bad][0]}).")
