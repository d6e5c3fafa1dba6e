"""How far something is that takes a while: a bar on a terminal; in a log, a line every some seconds."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator

from tqdm import tqdm

from . import streams

EVERY = 5.0  # seconds


@contextlib.contextmanager
def ticking(line: Callable[[int], str], every: float | None = None) -> Iterator[None]:
    """Within it, what `line` says after so many seconds goes to stderr every `every` seconds (default: EVERY)."""
    stop, start = threading.Event(), time.monotonic()

    def tick() -> None:
        while not stop.wait(every or EVERY) and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                print(line(round(time.monotonic() - start)), file=sys.stderr, flush=True)

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class _Count:
    """What `tqdm` does, unseen."""

    def __init__(self, n: int):
        self.n = n

    def update(self, count: int) -> None:
        self.n += count

    def reset(self) -> None:
        self.n = 0


@contextlib.contextmanager
def steps(name: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Of work in `unit`s that is told (how many are done, of how many); nothing of what ends within EVERY seconds."""
    if streams.terminal(sys.stderr):
        with tqdm(desc=name, unit=f" {unit}", delay=EVERY, leave=False) as bar:

            def tell(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield tell
        return
    told = {"done": 0, "total": 0}

    def line(_seconds: int) -> str:
        return f"{name}: {told['done']:,} of {told['total']:,} {unit}" if told["total"] else f"{name}: preparing ..."

    with ticking(line):
        yield lambda done, total: told.update(done=done, total=total)


@contextlib.contextmanager
def transfer(name: str, total: int | None, done: int, every: float) -> Iterator[tqdm | _Count]:
    """Of a file called `name`: `total` bytes, None if not known, `done` of them here already. `update` is told of more."""
    if streams.terminal(sys.stderr):
        with tqdm(desc=name, total=total, initial=done, unit="B", unit_scale=True, leave=False) as bar:
            yield bar
        return
    count = _Count(done)
    of_all = f" of {total / 1e6:,.0f}" if total else ""
    with ticking(lambda _seconds: f"{name}: {count.n / 1e6:,.0f}{of_all} MB", every):
        yield count
