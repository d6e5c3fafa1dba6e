"""The unit of work: one reference with all its distorted images, in one file of its own.

A unit's file name holds a key of everything that determines its numbers, so a rerun skips what is complete, redoes
what is damaged, and ends with the same bytes after a kill -9 anywhere. A `Unit` can be pickled and computed in any
process that has the package, the images and the weights at the same paths.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import hashes, paths
from .settings import Settings


@dataclass(frozen=True)
class Unit:
    """What `run` computes, and where it writes it."""

    folder: Path  # of the dataset
    ref: str
    dis: tuple[str, ...]
    settings: Settings  # checked
    key: str
    file: Path
    content: str  # hash of the reference's file


def make(folder: Path, ref: str, dis: Sequence[str], settings: Settings, determining: dict, out: Path) -> Unit:
    """The unit, with the key of what determines its numbers (`Settings.determining`) and of the content of its images.

    InputError where one cannot be read.
    """
    content = {}
    for name in [ref, *dis]:
        try:
            content[name] = hashes.remembered(folder / name)
        except OSError as error:
            raise InputError(f"Cannot read image file {folder / name}: {error.strerror}.") from error
    key = hashlib.sha256(json.dumps([determining, content], sort_keys=True).encode()).hexdigest()
    stem = Path(ref).stem.encode(errors="replace")[:150].decode(errors="ignore")  # a name has 255 bytes at most
    return Unit(folder, ref, tuple(dis), settings, key, out / f"{stem}-{key[:20]}.json", content[ref])


def write(unit: Unit, rows: list[dict], device: str, batch_size: int, halved: bool) -> None:
    """The unit's file: `rows`, and with which type of device and in batches of how many windows they were computed."""
    content = json.dumps({"key": unit.key, "device": device, "batch_size": batch_size, "halved": halved, "rows": rows})
    with paths.atomic(unit.file) as temporary:
        temporary.write_text(hashlib.sha256(content.encode()).hexdigest() + "\n" + content, encoding="utf-8")


def read(unit: Unit) -> dict | None:
    """`rows`, and with which `device` and `batch_size` (`halved` or not); None where the file is missing or not this unit's."""
    try:
        digest, content = unit.file.read_text(encoding="utf-8").split("\n", 1)
    except (FileNotFoundError, ValueError):  # ValueError: no second line, or not UTF-8
        return None
    if hashlib.sha256(content.encode()).hexdigest() != digest:
        return None
    found = json.loads(content)
    return found if found["key"] == unit.key else None
