"""How far something is that takes a while: a bar on a terminal; in a log, a line every some seconds.

Within `to`, it goes to a function instead: a notebook's live line.
"""

import contextlib
import io
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from tqdm import tqdm

from . import streams

EVERY = 5.0  # seconds
OFTEN = 0.5  # seconds between lines that replace each other
_show: Callable[[str], None] | None = None  # takes each line in place of stderr


@contextlib.contextmanager
def to(show: Callable[[str], None]) -> Iterator[None]:
    """Within it, each line goes to `show`, in place of the one before."""
    global _show
    before, _show = _show, show
    try:
        yield
    finally:
        _show = before


class _Line(tqdm):
    """A bar whose text goes to `show`."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        text = str(self) if msg is None else msg
        if text and _show is not None:
            _show(text)


def bar(hidden: bool = False, **options) -> tqdm:
    """A `tqdm` of `options`, on a terminal or in a live line; it shows nothing elsewhere, or where it is `hidden`."""
    if _show is None:
        return tqdm(disable=hidden or streams.bar_off(), **options)
    return _Line(disable=hidden, **(options | {"file": io.StringIO(), "leave": False, "mininterval": OFTEN}))


@contextlib.contextmanager
def ticking(line: Callable[[int], str], every: float | None = None) -> Iterator[None]:
    """Within it, what `line` says after so many seconds goes to stderr every `every` seconds (default: EVERY); "" does not."""
    stop, start = threading.Event(), time.monotonic()

    def tick() -> None:
        while not stop.wait(OFTEN if _show else every or EVERY):
            text, show = line(round(time.monotonic() - start)), _show
            if not text:
                continue
            if show is not None:
                show(text)
            elif sys.stderr is not None:
                with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
                    print(text, file=sys.stderr, flush=True)

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
        with tqdm(desc=name, unit=f" {unit}", delay=EVERY, leave=False) as shown:

            def tell(done: int, total: int) -> None:
                shown.total = total
                shown.update(done - shown.n)

            yield tell
        return
    told = {"done": 0, "total": 0}
    said = ""

    def line(_seconds: int) -> str:
        nonlocal said
        text = f"{name}: {told['done']:,} of {told['total']:,} {unit}" if told["total"] else f"{name}: preparing ..."
        before, said = said, text
        return text if text != before else ""  # once is enough in a log

    with ticking(line):
        yield lambda done, total: told.update(done=done, total=total)


def each(things: Iterable, name: str, unit: str) -> Iterator:
    """`things`, one after another, told as `steps`."""
    things = list(things)
    with steps(name, unit) as tell:
        for done, thing in enumerate(things):
            tell(done, len(things))
            yield thing


@contextlib.contextmanager
def transfer(name: str, total: int | None, done: int, every: float) -> Iterator[tqdm | _Count]:
    """Of a file called `name`: `total` bytes, None if not known, `done` of them here already. `update` is told of more."""
    if streams.terminal(sys.stderr):
        with tqdm(desc=name, total=total, initial=done, unit="B", unit_scale=True, leave=False) as shown:
            yield shown
        return
    count = _Count(done)
    of_all = f" of {total / 1e6:,.0f}" if total else ""
    with ticking(lambda _seconds: f"{name}: {count.n / 1e6:,.0f}{of_all} MB", every):
        yield count
