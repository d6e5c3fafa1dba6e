"""The workers of a running Dask cluster as an executor, and a word on standard error when there are none."""

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor

from ..errors import InputError, first_line

PAUSE = 2.0  # seconds between two looks at the scheduler
TALKATIVE = ("distributed", "distributed.client", "tornado.application")  # they log tracebacks
FIRST, LONGEST = 30.0, 600.0  # seconds until it is said again that nobody works


@contextlib.contextmanager
def executor(address: str) -> Iterator[Executor]:
    """The executor of the scheduler at `address`. InputError where none answers, or the package is missing."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError("--dask needs the package distributed: pip install 'fmiqa[cluster]'.") from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise InputError(f"No Dask scheduler answers at {address}: {first_line(error)}") from error
    for name in TALKATIVE:  # a scheduler that goes: each unit that is not done says so in a sentence
        logging.getLogger(name).setLevel(logging.CRITICAL)
    ended = threading.Event()
    watch = threading.Thread(target=_watch, args=(client, address, ended), daemon=True)
    watch.start()
    try:
        yield client.get_executor()
    finally:
        ended.set()
        watch.join(2 * PAUSE)
        client.close(timeout=5)


def _watch(client, address: str, ended: threading.Event) -> None:
    """Say so while there is no worker, and for how long; a cluster's queue may take its time."""
    since, pause = None, FIRST  # without a worker; until it is said again
    while True:
        with contextlib.suppress(Exception):  # a scheduler that is gone: its futures tell
            if client.nthreads():
                if since is not None:
                    _say(f"a worker has come to {address}.")
                since, pause = None, FIRST
            elif since is None:
                since = said = time.monotonic()
                _say(f"no worker at {address}: waiting until there is one (`dask worker {address}`).")
            elif time.monotonic() - said >= pause:
                said, pause = time.monotonic(), min(2 * pause, LONGEST)
                _say(f"no worker at {address} for {said - since:.0f} s, still waiting.")
        if ended.wait(PAUSE):
            return


def _say(text: str) -> None:
    print(f"fmiqa: {text}", file=sys.stderr, flush=True)
