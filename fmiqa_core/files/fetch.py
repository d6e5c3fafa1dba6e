"""One file over HTTP: resumed, in parallel ranges where the host allows, retried, verified before it gets its name.

What has arrived lies beside the target as `.NAME.part`, with a `.NAME.part.json` that says which chunks are complete
and of which version of the file (its ETag or date). A killed download goes on from there; where the host has another
version by now, or answers no ranges, it starts over.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import InputError
from . import locks, paths, progress, web
from .web import FetchError

CHUNK = 32 << 20  # bytes per range request
WORKERS = 4
BLOCK = 1 << 18


class _StartOver(Exception):  # noqa: N818
    """What the host answers does not continue what is here."""


def fetch(
    url: str,
    target: Path,
    verify: Callable[[Path], object],
    size: int | None = None,
    reserve: int = 0,
    pause: Callable[[float], object] = time.sleep,
    headers: dict[str, str] | None = None,
    every: float = 30,
) -> Path:
    """Download `url` to `target`; `verify(file)` raises InputError for wrong content, before the file gets its name.

    `size` in bytes where it is known; `reserve`: bytes that must be free afterwards; `headers` go with each request; in a
    log, a line says every `every` seconds how far it is. Raises FetchError where this host does not give the file, InputError
    for a full disk, or a download of the same file by another process.
    """
    target = Path(target)
    paths.make_folder(target.parent)
    source = web.Source(url, headers or {}, pause)
    part = target.with_name(f".{target.name}.part")
    state = part.with_name(f"{part.name}.json")
    try:
        with locks.alone(part.with_name(f"{part.name}.lock"), f"{target.name} is being downloaded by another process."):
            for ranges in (True, True, False):
                try:
                    _transfer(source, part, state, size, reserve, ranges, every)
                    break
                except _StartOver:
                    _discard(part, state)
            try:
                if size is not None and part.stat().st_size != size:
                    raise InputError(f"{part.stat().st_size:,} bytes arrived, not {size:,}")
                verify(part)
            except InputError as error:
                _discard(part, state)  # nothing to go on from
                raise FetchError(f"{web.host(url)} sent a wrong file: {error}") from error
            with open(part, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(part, target)
            state.unlink(missing_ok=True)
    except OSError as error:  # the network's are handled below
        raise InputError(
            f"{target.name} cannot be written to {paths.shown(target.parent)} ({error.strerror}): make room and run the "
            "command again, it goes on where it stopped."
        ) from error
    return target


def _transfer(source: web.Source, part: Path, state: Path, size: int | None, reserve: int, ranges: bool, every: float) -> None:
    """Everything that is missing in `part`."""
    with source.get({"Range": "bytes=0-0"} if ranges else {}) as answer:
        span = web.content_range(answer)
        total = span[1] if span else answer.length  # None where the host does not say
        if None not in (total, size) and total != size:
            raise FetchError(f"{web.host(source.url)} has {total:,} bytes under this name, not {size:,}: another file")
        version = web.version(answer)
        note = {"url": source.url, "version": version, "total": total, "chunk": CHUNK}
        done = _done(part, state, note) if span else []
        there = sum(min(CHUNK, total - i * CHUNK) for i in done)
        paths.need_room(part.parent, (total or size or 0) - there + reserve)
        with progress.transfer(part.name.removeprefix(".").removesuffix(".part"), total, there, every) as bar:
            if span:
                answer.close()
                _in_ranges(source, part, state, note, done, bar)
            else:
                _in_one_go(answer, source, part, state, total, bar)


def _in_ranges(source: web.Source, part: Path, state: Path, note: dict, done: list[int], bar) -> None:
    """The chunks that are not `done`, over WORKERS connections; each is recorded when it is on the disk."""
    with open(part, "ab") as file:
        file.truncate(note["total"])
    stop, turn = threading.Event(), threading.Lock()

    def advance(count: int) -> None:
        with turn:
            bar.update(count)

    def get(i: int) -> None:
        if not _chunk(source, part, (i * CHUNK, min((i + 1) * CHUNK, note["total"])), note, advance, stop):
            return
        with turn:
            done.append(i)
            with paths.atomic(state) as temporary:
                temporary.write_text(json.dumps(note | {"done": sorted(done)}), encoding="utf-8")

    with ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(get, i) for i in range(-(-note["total"] // CHUNK)) if i not in done]
        try:
            for future in futures:
                future.result()
        except BaseException:  # an interrupt too: the other threads must end
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _chunk(source: web.Source, part: Path, span: tuple[int, int], note: dict, advance: Callable, stop) -> bool:
    """Bytes span[0] to span[1] (exclusive) into their place; a cut answer is taken up where it ended. False: stopped."""
    at, end = span
    failures = 0
    with open(part, "rb+", buffering=0) as file:
        file.seek(at)
        while at < end and not stop.is_set():
            before = at
            headers = {"Range": f"bytes={at}-{end - 1}"} | ({"If-Range": note["version"]} if note["version"] else {})
            with source.get(headers) as answer:
                if web.content_range(answer) != (at, note["total"]):
                    raise _StartOver
                while at < end and not stop.is_set() and (block := web.read(answer, min(BLOCK, end - at))):
                    _write(file, block)
                    at += len(block)
                    advance(len(block))
            if at < end:
                failures = 0 if at > before else failures + 1
                if failures >= web.TRIES:
                    raise FetchError(f"{web.host(source.url)} sends no more bytes")
                source.pause(2.0**failures)
        os.fsync(file.fileno())
    return at == end


def _in_one_go(answer, source: web.Source, part: Path, state: Path, total: int | None, bar) -> None:
    """The whole file from a host that answers no ranges: after a cut, from the beginning."""
    _discard(state)
    for attempt in range(1, web.TRIES + 1):
        count, whole = 0, False
        bar.reset()
        with open(part, "wb", buffering=0) as file:
            while (block := web.read(answer, BLOCK)) is not None:
                if not block:
                    whole = total is None or count == total
                    break
                _write(file, block)
                count += len(block)
                bar.update(len(block))
        if whole:
            return
        if attempt < web.TRIES:
            source.pause(2.0**attempt)
            answer = source.get({})
    cuts = f"cut the connection {web.TRIES} times, at last after {count:,} bytes, and cannot resume"
    raise FetchError(f"{web.host(source.url)} {cuts}")


def _write(file, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]


def _done(part: Path, state: Path, note: dict) -> list[int]:
    """Numbers of the chunks that are complete, [] unless they belong to this version of the file."""
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
        same = note["version"] and all(found[key] == value for key, value in note.items())
        return [int(i) for i in found["done"]] if same and part.stat().st_size == note["total"] else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _discard(*files: Path) -> None:
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
