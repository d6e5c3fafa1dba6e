"""sha256 of downloaded files: checked against a known value, or recorded at first sight and held to from then on.

The known value of a file is `pinned` (confirmed by a download here), `expected` (read on a public page, not yet
confirmed) or unknown (None). What was seen first is kept in data/downloads/hashes.json (the idea of ssh's
known_hosts: trust on first use, refuse a change).
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import InputError
from . import locks, paths


def check(name: str, file: Path, expected: str | None = None, pinned: bool = False) -> str:
    """The sha256 of `file`, which is known as `name`; records it unless it is `pinned`.

    Raises InputError where it is not the `expected` one, or not the one recorded for `name` before.
    """
    digest = of(file)
    if expected is not None and digest != expected:
        status = "" if pinned else " that a public page gives for it"
        raise InputError(
            f"{name}: {paths.shown(file)} has sha256 {digest}, not the {expected}{status}: "
            "it is damaged or another version. Get it anew."
        )
    if not pinned:
        _hold(name, file, digest)
    return digest


def of(file: Path) -> str:
    """sha256 of a file, in hexadecimal."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_SEEN: dict[tuple, str] = {}  # state of a file -> its sha256


def remembered(file: Path) -> str:
    """`of`, computed once in this process for as long as the file stays as it is (by its number, size and times)."""
    found = os.stat(file)
    state = (os.fspath(file), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if state not in _SEEN:
        _SEEN[state] = of(file)
    return _SEEN[state]


def ahead(files: Iterable[Path]) -> None:
    """`remembered` of many files in several threads; of one that cannot be read it says why when it is asked for."""

    def one(file: Path) -> None:
        with contextlib.suppress(OSError):
            remembered(file)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(one, files):
            pass


def recorded() -> dict[str, str]:
    """name -> sha256 as first seen, by this home. Raises InputError where the record is damaged."""
    file = _record()
    try:
        seen = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise InputError(f"{paths.shown(file)} is damaged ({error}): correct it, or delete it to start anew.") from error
    if not isinstance(seen, dict):
        raise InputError(f"{paths.shown(file)} is not a table of name and sha256: delete it to start anew.")
    return seen


def _record() -> Path:
    return paths.data() / "downloads" / "hashes.json"


def _hold(name: str, file: Path, digest: str) -> None:
    before = recorded().get(name)
    if before is None:
        paths.make_folder(_record().parent)
        with locks.alone(_record().with_name(".hashes.lock")):
            seen = recorded()
            before = seen.setdefault(name, digest)
            with paths.atomic(_record()) as temporary:
                temporary.write_text(json.dumps(seen, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if before != digest:
        raise InputError(
            f"{name}: {paths.shown(file)} has sha256 {digest}, but {before} was recorded when it was first seen: the "
            f"file or its source has changed. Get the earlier one, or remove {name} from {paths.shown(_record())} to accept it."
        )
