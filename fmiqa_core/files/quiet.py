"""What libraries log, left out."""

import contextlib
import logging
from collections.abc import Iterator

from . import locks

_QUIET = locks.Threads()


@contextlib.contextmanager
def quiet(level: int) -> Iterator[None]:
    """No log messages up to `level` from the libraries, whose errors are told in our own words."""
    with _QUIET:  # the setting is the process's: two threads would put back each other's
        before = logging.root.manager.disable
        logging.disable(level)
        try:
            yield
        finally:
            logging.disable(before)
