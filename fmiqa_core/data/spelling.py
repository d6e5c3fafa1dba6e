"""Files that can be named in more than one way: `a.png`, `./a.png`, a link, a copy; and names that only look like a file's."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from ..files import hashes


def one_name_each(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Name -> the first of `names` whose file has the same content; a file that cannot be read keeps its name."""
    first: dict[str, str] = {}
    out: dict[str, str] = {}
    for name in dict.fromkeys(names):
        try:
            out[name] = first.setdefault(hashes.of(folder / name), name)
        except OSError:  # missing or not to be read: said where the images are looked for
            out[name] = name
    return out


def told(one_name: dict[str, str]) -> str:
    """What `one_name_each` found, in words; "" where every name is a file of its own.

    >>> told({"a.png": "a.png", "./a.png": "a.png", "b.png": "b.png"})
    'a.png and ./a.png are the same image and count as one reference'
    """
    groups: dict[str, list[str]] = {}
    for name, first in one_name.items():
        groups.setdefault(first, []).append(name)
    parts = [
        f"{', '.join(names[:-1])} and {names[-1]} are the same image and count as one reference"
        for names in groups.values()
        if len(names) > 1
    ]
    more = [f"so do {len(parts) - 3} more groups of names"] if len(parts) > 3 else []
    return "; ".join([*parts[:3], *more])


def place(folder: Path, name: str) -> tuple:
    """The same for two spellings of one path, on disks that ignore case and Unicode forms too; not for a link or a copy."""
    path = Path(os.path.realpath((folder / name).parent), Path(name).name)
    try:
        found = path.stat()
    except OSError:
        return (str(path),)
    return _fold(str(path)), found.st_dev, found.st_ino


def meant(folder: Path, name: str) -> str:
    """Which file on disk the missing `name` may mean, and how they differ; "" where there is none like it."""
    found, with_slashes = folder, name.replace("\\", "/")
    for part in with_slashes.split("/"):
        try:
            entries = [part] if part in ("", ".", "..") else sorted(os.listdir(found))
        except OSError:
            return ""
        like = part if part in entries else next((entry for entry in entries if _fold(entry) == _fold(part)), None)
        if like is None:
            return ""
        found = found / like
    if not found.is_file():
        return ""
    there = os.path.relpath(found, folder).replace(os.sep, "/")
    if there == os.path.normpath(with_slashes):
        return f"the file there is {there}, with / between folder and file"
    if unicodedata.normalize("NFC", there) == unicodedata.normalize("NFC", os.path.normpath(with_slashes)):
        return (
            f"the file there is {there!a}, the table has {name!a}: two Unicode forms (NFC, NFD) of one name, so "
            "rename the file, or take the names from the disk"
        )
    return f"the file there is {there}"


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
