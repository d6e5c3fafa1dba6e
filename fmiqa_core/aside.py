"""Settings of a process that its user has made, set aside while a number is computed, by any number of threads."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple


class Setting(NamedTuple):
    """A setting of the process, and the value that numbers are computed with."""

    read: Callable[[], object]
    write: Callable[[object], None]
    wanted: object


def attribute(owner: object, name: str, wanted: object) -> Setting:
    """The setting that is an attribute of `owner`."""
    return Setting(lambda: getattr(owner, name), lambda value: setattr(owner, name, value), wanted)


class Aside:
    """Settings that the first thread to enter sets aside, and the last to leave puts back, in their order.

    Each thread for itself would put back what another one had set.
    """

    def __init__(self, settings: Iterable[Setting]):
        self.settings = list(settings)
        self._theirs: list[object] = []  # a value for each
        self._inside, self._lock = 0, threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._theirs = [setting.read() for setting in self.settings]
                self._write(setting.wanted for setting in self.settings)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._write(self._theirs)

    def _write(self, values: Iterable[object]) -> None:
        for setting, value in zip(self.settings, values, strict=True):
            if setting.read() != value:
                setting.write(value)

    def _after_fork(self) -> None:
        """The other threads of the parent are not here, to leave."""
        self._lock = threading.Lock()
        if self._inside:
            self._inside = 0
            self._write(self._theirs)
