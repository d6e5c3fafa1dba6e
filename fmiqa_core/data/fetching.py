"""Get a dataset: terms accepted, file found or fetched, verified, unpacked into `data/NAME`."""

import json
import sys
import urllib.parse
from pathlib import Path

from ..errors import InputError
from ..files import archives, fetch, hashes, paths, streams
from .sources import Item, Source


def dataset(item: Item, yes: bool = False) -> Path:
    """The dataset, verified and unpacked into `data/NAME`; from a file placed by hand, else from the first source that works.

    Raises InputError where the terms are not accepted, no source gives the file, or the archive is not sound.
    """
    accept(item, yes)
    target = paths.data() / item.name
    if target.is_dir() and any(target.iterdir()):
        raise InputError(
            f"{paths.shown(target)} is there already, but {item.title} is not complete in it: move it away, then run "
            f"`fmiqa download {item.name}` again."
        )
    archive = _by_hand(item) or _fetch(item)
    print(f"Unpacking {archive.name} into {paths.shown(target)} ...", file=sys.stderr)
    archives.unpack(archive, target)
    print(f"{paths.shown(archive)} is not needed any more: keep or delete it.", file=sys.stderr)
    return target


def accept(item: Item, yes: bool = False) -> None:
    """Show terms and citation, and have them accepted: once, by `yes` or by an answer on the terminal."""
    if accepted(item):
        return
    text = f"{item.title}. Terms: {item.terms} Cite: {item.cite}"
    if not yes and not streams.terminal(sys.stdin):
        raise InputError(f"{text} Accept this with `fmiqa download {item.name} --yes`.")
    print(text, file=sys.stderr)
    if not yes:
        print("Accept? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise InputError(f"{item.name}: the terms were not accepted, nothing was downloaded.")
    record = paths.make_folder(paths.data() / "downloads") / "accepted.json"
    with paths.atomic(record) as temporary:
        temporary.write_text(
            json.dumps(_answers() | {item.name: item.terms}, indent=1, sort_keys=True) + "\n", encoding="utf-8"
        )


def accepted(item: Item) -> bool:
    """Whether the terms, as they are now, were accepted before."""
    return _answers().get(item.name) == item.terms


def _answers() -> dict[str, str]:
    record = paths.data() / "downloads" / "accepted.json"
    try:
        return dict(json.loads(record.read_text(encoding="utf-8"))) if record.is_file() else {}
    except (ValueError, TypeError) as error:
        raise InputError(f"{paths.shown(record)} is damaged ({error}): delete it.") from error


def _by_hand(item: Item) -> Path | None:
    """A file of one of the sources that lies in `downloads/` of a data root, verified."""
    for root in paths.data_roots():
        for source in item.sources:
            file = root / "downloads" / source.file
            if file.is_file():
                hashes.check(source.file, file, source.sha256, source.pinned)
                return file
    return None


def _fetch(item: Item) -> Path:
    folder = paths.make_folder(paths.data() / "downloads")
    failures = []
    for source in item.sources:

        def verify(file: Path, source: Source = source) -> None:
            if source.sha256 is None:
                archives.check(file)  # before its hash is recorded and held to
            hashes.check(source.file, file, source.sha256, source.pinned)

        host = urllib.parse.urlsplit(source.url).netloc
        print(f"Downloading {source.file} ({source.gigabytes} GB, sha256 {source.status}) from {host} ...", file=sys.stderr)
        try:
            return fetch.fetch(source.url, folder / source.file, verify, source.bytes, reserve=int(source.gigabytes * 1e9))
        except fetch.FetchError as error:
            failures.append(str(error).rstrip("."))
    names = " or ".join(source.file for source in item.sources)
    raise InputError(
        f"{item.name} could not be downloaded ({'; '.join(failures)}). Get {names} on another machine and place it in "
        f"{paths.shown(folder)}, or get the dataset from {item.by_hand} and unpack it below data/."
    )
