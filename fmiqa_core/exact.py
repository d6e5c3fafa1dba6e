"""Global settings of torch that would move a number, set aside while one is computed.

autocast, the default type, TF32 and its kin (on CPUs, too: `torch.set_float32_matmul_precision`), cudnn's choice of
algorithms: a user's program sets them for its own ends. What is reported as fp32 is computed in fp32 all the same.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch


class _Setting(NamedTuple):
    read: Callable[[], object]
    write: Callable[[object], None]
    wanted: object


def _fp32_precision(backend: str, operation: str) -> _Setting:
    """What fp32 products may be rounded to. Where nothing is set ("none") they are not."""
    of_all = torch.backends.cudnn if backend == "cuda" else torch.backends.mkldnn
    module = torch.backends.cuda.matmul if (backend, operation) == ("cuda", "matmul") else getattr(of_all, operation)

    def read() -> str:
        found = module.fp32_precision
        if found in ("none", "ieee"):
            return "ieee"
        return "none" if found == of_all.fp32_precision else found  # as the backend as a whole: so again afterwards

    def write(value: str) -> None:
        module.fp32_precision = value

    return _Setting(read, write, "ieee")


def _attribute(module: object, name: str, wanted: object) -> _Setting:
    return _Setting(lambda: getattr(module, name), lambda value: setattr(module, name, value), wanted)


def _older(setting: _Setting) -> _Setting:
    """Left alone where it cannot be read: the user has set its parts, the newer way."""

    def read() -> object:
        try:
            return setting.read()
        except RuntimeError:
            return setting.wanted

    return setting._replace(read=read)


def _settings() -> list[_Setting]:
    """The older ways first: they write the newer ones, too, which are then put back one by one."""
    cudnn = torch.backends.cudnn
    found = [
        _Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32),
        _attribute(cudnn, "benchmark", False),
        _attribute(cudnn, "deterministic", True),
        _older(_Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest")),
        _older(_attribute(torch.backends.cuda.matmul, "allow_tf32", False)),
        _older(_attribute(cudnn, "allow_tf32", False)),
    ]
    if hasattr(torch.backends, "fp32_precision"):  # torch 2.9
        places = [("cuda", "matmul"), ("cuda", "conv"), ("cuda", "rnn"), ("mkldnn", "matmul"), ("mkldnn", "conv")]
        found += [_fp32_precision(*place) for place in places]
    return found


_SETTINGS = _settings()
_LOCK = threading.Lock()
_inside = 0  # threads that compute now; the first sets aside, the last puts back
_theirs: list[object] = []  # a value for each of _SETTINGS


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Within it, or within a function that it decorates, the user's settings do not move a number.

    They are those of the process, and are put back when the last thread leaves; autocast and the default device
    are this thread's. Cost: some microseconds.
    """
    with contextlib.ExitStack() as stack:
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        _set_aside()
        stack.callback(_put_back)
        yield


def _set_aside() -> None:
    global _inside, _theirs
    with _LOCK:
        if not _inside:
            _theirs = [setting.read() for setting in _SETTINGS]
            _write(setting.wanted for setting in _SETTINGS)
        _inside += 1


def _put_back() -> None:
    global _inside
    with _LOCK:
        _inside -= 1
        if not _inside:
            _write(_theirs)


def _write(values: Iterable[object]) -> None:
    for setting, value in zip(_SETTINGS, values, strict=True):
        if setting.read() != value:
            setting.write(value)


def _after_fork() -> None:
    """The other threads of the parent are not here, to leave."""
    global _LOCK, _inside
    _LOCK = threading.Lock()
    if _inside:
        _inside = 0
        _write(_theirs)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
