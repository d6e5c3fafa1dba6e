"""scores.parquet: the table of a run and, in its metadata, what its numbers depend on."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from ..files import paths

SAME = ("dataset", "backbone", "weights", "protocol", "perturbation", "precision")  # in every table of one run


def read(file: str | Path) -> pd.DataFrame:
    """A scores.parquet as a table; what its numbers depend on is in `.attrs`."""
    try:
        table = pq.read_table(file, partitioning=None)  # DIR may be called dataset=live
        info = json.loads(table.schema.metadata[b"fmiqa"])
        if not ({"ref", "dis"} <= {*table.column_names} and isinstance(info["distances"], list)):
            raise ValueError
    except FileNotFoundError:
        raise InputError(f"No such file: {file}. Write it with `fmiqa score-dataset NAME --out DIR`.") from None
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file} is not a scores.parquet of fmiqa, or is damaged.") from error
    frame = table.to_pandas()
    frame.attrs = info
    return frame


def check_same_run(file: Path, pairs: pd.DataFrame, info: dict) -> None:
    """InputError where `file` holds scores that a table of `pairs` (ref, dis) with `info` would not hold again."""
    if not file.exists():
        return
    remedy = "choose another --out, or give --replace (in Python replace=True)"
    try:
        found = read(file)
    except InputError as error:
        raise InputError(f"{error} To write there, {remedy}.") from error
    theirs, ours = found.attrs.get("references", {}), info["references"]
    changed = [ref for ref in ours if theirs.get(ref, ours[ref]) != ours[ref]]
    differs = [f"{key} {found.attrs.get(key)}, not {info[key]}" for key in SAME if found.attrs.get(key) != info[key]]
    lost = [f"score_{name}" for name in _columns(found.attrs) if name not in _columns(info)]
    rows = len(set(zip(found["ref"], found["dis"], strict=True)) - set(zip(pairs["ref"], pairs["dis"], strict=True)))
    differs += [f"{', '.join(lost)}, which this run has not"] * bool(lost)
    differs += [f"{rows} image pairs that this run has not"] * bool(rows)
    differs += [f"another image as {ref}" for ref in changed[:1]]
    if differs:
        raise InputError(f"{file} holds the scores of another run ({'; '.join(differs)}): {remedy}.")


def _columns(info: dict) -> list[str]:
    """Names of distances and baselines, with their protocol where there are several."""
    variants = info.get("variants")
    names = list(info["distances"]) if variants is None else [f"{p}/{d}" for p, some in variants.items() for d in some]
    return [*names, *info.get("baselines", ())]


def write(file: Path, table: pd.DataFrame, info: dict) -> None:
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({b"fmiqa": json.dumps(info, sort_keys=True).encode()})
    with paths.atomic(file) as temporary:
        pq.write_table(arrow, temporary)
