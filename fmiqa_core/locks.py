"""One process at a time, across processes of one machine; the lock ends with its process, even by kill -9."""

import contextlib
from pathlib import Path

from .errors import InputError

try:
    import fcntl
except ImportError:  # Windows: no such lock, the block runs all the same
    fcntl = None


@contextlib.contextmanager
def alone(file: Path, busy: str = ""):
    """Hold the lock on `file` inside the block. Waits for it, or, with a message `busy`, raises InputError at once."""
    with open(file, "a") as handle:
        if fcntl:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
            except BlockingIOError:
                raise InputError(busy) from None
        yield
