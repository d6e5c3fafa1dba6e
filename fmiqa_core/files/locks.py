"""One at a time: processes of one machine, whose lock ends with them, even by kill -9; threads of one process."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import InputError


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


class Threads:
    """One thread at a time inside the block. A forked child has a lock of its own: whoever held this one is not there."""

    def __init__(self):
        self._lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._anew)

    def _anew(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_) -> None:
        self._lock.release()
