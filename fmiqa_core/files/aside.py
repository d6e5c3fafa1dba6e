"""Settings of a process that its user has made, set aside while a number is computed, by any number of threads."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from . import locks


class Setting(NamedTuple):
    """A setting of the process, and the value that numbers are computed with."""

    read: Callable[[], object]
    write: Callable[[object], None]
    wanted: object

    def is_wanted(self, value: object) -> bool:
        return value == self.wanted


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
        self._inside, self._lock = 0, locks.Threads()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._theirs = [setting.read() for setting in self.settings]
                for setting in self.settings:
                    if not setting.is_wanted(setting.read()):
                        setting.write(setting.wanted)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._put_back()

    def _put_back(self) -> None:
        """What the user has set meanwhile stays."""
        ours = [setting.is_wanted(setting.read()) for setting in self.settings]
        for setting, value, still in zip(self.settings, self._theirs, ours, strict=True):
            if still and setting.read() != value:
                setting.write(value)

    def _after_fork(self) -> None:
        """The other threads of the parent are not here, to leave."""
        if self._inside:
            self._inside = 0
            self._put_back()
