"""Unpack an archive that is not trusted: nothing outside the folder, no links, and all of it or nothing.

Every member must be a plain file or folder with a relative name without `..`. Links are refused even where they
stay inside: no dataset needs them, and filters for them have been circumvented before (CVE-2025-4517).
"""

import io
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError, first_line
from . import locks, paths, progress

LIMIT = 20  # times the size of the archive; image archives stay below 2
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    OSError,  # gzip and bz2, without an errno
    NotImplementedError,  # a compression that zipfile does not know
)


class _Refused(Exception):  # noqa: N818
    """The archive is whole, but has what no dataset needs."""


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the tar (any compression) or zip `archive` into the new folder `folder`, which appears when it is complete.

    Raises InputError naming the archive and what is wrong in it, or that `folder` is not empty.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{paths.shown(folder)} is there already and not empty: move it away to unpack {archive.name}.")
    paths.make_folder(folder.parent)
    staging = folder.with_name(f".{folder.name}.partial")

    def write(name: str, source: BinaryIO) -> None:
        target = staging / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)

    try:
        with locks.alone(folder.with_name(f".{folder.name}.lock"), f"{archive.name} is being unpacked by another process."):
            shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
            try:
                _each(archive, write)
                if folder.exists():
                    folder.rmdir()
                os.replace(staging, folder)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except FileExistsError as error:
        raise InputError(f"{paths.shown(archive)} holds {Path(error.filename).name} twice: it is not unpacked.") from error
    except OSError as error:
        raise InputError(
            f"{archive.name} cannot be unpacked into {paths.shown(folder)} ({error.strerror or error}): make room there and "
            "run the command again."
        ) from error
    return folder


def check(archive: Path) -> None:
    """Read `archive` to its end; InputError where it is damaged, cut, or has a member that `unpack` refuses."""

    def skim(_: str, source: BinaryIO) -> None:
        while source.read(1 << 20):
            pass

    _each(Path(archive), skim)


def _each(archive: Path, do: Callable[[str, BinaryIO], None]) -> None:
    """`do(name, open content)` for every file of the archive, once its name and size are found to be harmless."""
    left, files = LIMIT * archive.stat().st_size + (1 << 20), 0
    members = _zip if zipfile.is_zipfile(archive) else _tar
    try:
        with progress.bar(desc=archive.name, unit="B", unit_scale=True, leave=False) as bar:
            for name, size, source in members(archive):
                left -= size
                if left < 0:
                    raise _Refused(f"it grows to more than {LIMIT} times its size")
                if source:
                    do(name, source)
                    files += 1
                bar.update(size)
    except _Refused as error:
        raise InputError(f"{paths.shown(archive)} is not unpacked: {error}.") from error
    except _DAMAGE as error:
        if getattr(error, "errno", None):  # the disk's, not the archive's
            raise
        with open(archive, "rb") as file:
            rar = file.read(4) == b"Rar!"
        if rar:
            how = f"`unrar x {archive.name}` or `7z x {archive.name}`"
            raise InputError(f"{paths.shown(archive)} is a RAR archive: unpack it below data/ with {how}.") from error
        why = first_line(error).rstrip(":")
        raise InputError(f"{paths.shown(archive)} is damaged, cut or no archive ({why}): get it anew.") from error
    if not files:
        raise InputError(f"{paths.shown(archive)} holds no files: get it anew.")


def _tar(archive: Path) -> Iterator[tuple[str, int, BinaryIO | None]]:
    with tarfile.open(archive) as opened:
        for member in opened:
            _check_name(member.name)
            if not (member.isfile() or member.isdir()):
                raise _Refused(f"{member.name} is a link or a device")
            yield member.name, member.size, opened.extractfile(member)
        if isinstance(opened.fileobj, io.BufferedReader):  # tarfile takes a broken header for the end: see that it is
            opened.fileobj.seek(opened.offset)
            if opened.fileobj.read(512) != bytes(512):
                raise tarfile.ReadError("it ends early")
        while opened.fileobj.read(1 << 20):  # a compressed one compares its checksum at its end
            pass


def _zip(archive: Path) -> Iterator[tuple[str, int, BinaryIO | None]]:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            _check_name(member.filename)
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _Refused(f"{member.filename} is a link")
            if member.flag_bits & 1:
                raise _Refused("it has a password; unpack it yourself below data/")
            if member.is_dir():
                yield member.filename, 0, None
            else:
                with opened.open(member) as source:  # its checksum is compared at its end
                    yield member.filename, member.file_size, source


def _check_name(name: str) -> None:
    """Absolute, with a drive letter, with `..`, or made to confuse."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0] or "\0" in name or not name:
        raise _Refused(f"{name!r} points outside")
