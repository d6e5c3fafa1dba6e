"""Figures and tables made anew, against the committed ones: the same to the byte, the same within tolerance, or others.

Another processor adds in another order. The last digits of a network's features differ, and with them a score in its
last digit, a pixel by a shade, the bytes of a compressed file. Such a figure is the committed one, made once more: the
committed files stay, with their provenance, which is true of them; those of this run lie in `figures/executed/`.
"""

import io
import json
import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..files import git, paths

RELATIVE, OF_COLUMN = 1e-3, 1e-6  # of a number itself, or of the largest in its column
SHADES = 8  # of 255, of the pixel that differs most
NUMBER = re.compile(r"(-?\d+\.\d+(?:e[+-]?\d+)?)")
TOLERANCE = (
    f"each number within {RELATIVE:g} of itself or {OF_COLUMN:g} of its column's largest, printed ones by one in the last "
    f"digit, each pixel within {SHADES} of 255 shades"
)


def settle(written: Iterable[Path]) -> tuple[dict[Path, Path], str]:
    """Put committed files back in place of those of `written` that agree with them; the others stay as they were written.

    Returns where each file that made room lies now, and one line that says what differs; "" where nothing is committed.
    """
    executed = paths.figures() / "executed"
    written = {file for file in written if file.parent == paths.figures()}
    differing = git.changed(paths.figures()) if written else None
    if differing is None:
        return {}, ""
    for file in written:
        (executed / file.name).unlink(missing_ok=True)  # of an earlier run
    figures: dict[str, list[Path]] = {}
    for file in sorted(differing):
        if file in written or not file.exists():
            figures.setdefault(file.stem, []).append(file)
    same = [name for name, files in figures.items() if all(_as_committed(file) for file in files)]
    moved = {file: executed / file.name for name in same for file in figures[name]}
    for file, aside in moved.items():
        content = git.committed(file)
        paths.make_folder(executed)
        file.replace(aside)
        with paths.atomic(file) as temporary:
            temporary.write_bytes(content)
    return moved, _line(same, [name for name in figures if name not in same])


def _line(same: list[str], others: list[str]) -> str:
    if not same and not others:
        return "Every figure and table is as committed, to the byte."
    parts = []
    if same:
        what = "agrees with the committed one, which stays" if len(same) == 1 else "agree with the committed ones, which stay"
        parts.append(f"not to the byte but within tolerance, {', '.join(same)} {what} ({TOLERANCE}; see figures/executed)")
    if others:
        what = "differs from the committed one" if len(others) == 1 else "differ from the committed ones"
        parts.append(f"{', '.join(others)} {what} beyond {'it' if same else 'tolerance'} (see `git diff --stat`)")
    return f"Figures and tables are as committed but for these: {'; '.join(parts)}."


def _as_committed(file: Path) -> bool:
    return file.is_file() and agree(file.suffix, git.committed(file), file.read_bytes())


def agree(ending: str, one: bytes, other: bytes) -> bool:
    """Whether two contents of a file say the same within tolerance. Drawings (.pdf, .svg) are judged by their .png."""
    if ending == ".csv":
        return _tables(one, other)
    if ending == ".png":
        return _pictures(one, other)
    if ending == ".json":
        return _texts(*(json.dumps(_meant(json.loads(content))) for content in (one, other)))
    return ending in (".pdf", ".svg") or _texts(one.decode(), other.decode())


def _tables(one: bytes, other: bytes) -> bool:
    a, b = (pd.read_csv(io.BytesIO(content)) for content in (one, other))
    if list(a.columns) != list(b.columns) or len(a) != len(b) or list(a.dtypes) != list(b.dtypes):
        return False
    floats = a.select_dtypes("floating").columns
    if not a.drop(columns=floats).equals(b.drop(columns=floats)):
        return False
    least = OF_COLUMN * np.nan_to_num(a[floats].abs().max().to_numpy())
    return bool(np.isclose(b[floats].to_numpy(), a[floats].to_numpy(), rtol=RELATIVE, atol=least, equal_nan=True).all())


def _pictures(one: bytes, other: bytes) -> bool:
    a, b = (np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"), dtype=int) for content in (one, other))
    return a.shape == b.shape and bool((np.abs(a - b) <= SHADES).all())


def _meant(provenance: dict) -> dict:
    """Without the versions, and the hashes of what was computed on the way: the numbers themselves are compared."""
    return provenance | {"packages": list(provenance["packages"]), "inputs": list(provenance["inputs"])}


def _texts(one: str, other: str) -> bool:
    """Equal but for numbers with decimals, which may differ by one in the last of them."""
    a, b = NUMBER.split(one), NUMBER.split(other)  # text and number in turn
    return a[::2] == b[::2] and len(a) == len(b) and all(map(_printed, a[1::2], b[1::2]))


def _printed(one: str, other: str) -> bool:
    a, b = Decimal(one), Decimal(other)
    unit = a.as_tuple().exponent
    return unit == b.as_tuple().exponent and abs(a - b) <= Decimal(1).scaleb(unit)


if __name__ == "__main__":  # of `make test`, whose notebooks draw anew
    print(settle(paths.figures().iterdir())[1])
