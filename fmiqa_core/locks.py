"""One process at a time, across processes of one machine; the lock ends with its process, even by kill -9."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import InputError


@contextlib.contextmanager
def alone(file: Path, busy: str = "") -> Iterator[None]:
    """Hold the lock on `file` inside the block. Waits for it, or, with a message `busy`, raises InputError at once."""
    lock = FileLock(file, timeout=0 if busy else -1)
    try:
        lock.acquire()
    except Timeout:
        raise InputError(busy) from None
    try:
        yield
    finally:
        lock.release()
