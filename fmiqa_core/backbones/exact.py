"""Global settings of torch that would move a number, set aside while one is computed.

autocast, TF32 and its kin (on CPUs, too: `torch.set_float32_matmul_precision`), the choice of algorithms, the default type: a
user's program sets them for its own ends. What is reported as fp32 is computed in fp32 all the same.
"""

import contextlib
from collections.abc import Iterator

import torch

from ..files import locks
from ..files.aside import Aside, Setting, attribute


class _Rounding(Setting):
    """What fp32 products may be rounded to, as set and as it is; where nothing is set ("none") they are not."""

    def is_wanted(self, value: tuple[str, str]) -> bool:
        return value[1] in ("none", "ieee")


def _fp32_precision(backend: str, operation: str) -> Setting:
    of_all = torch.backends.cudnn if backend == "cuda" else torch.backends.mkldnn
    module = torch.backends.cuda.matmul if (backend, operation) == ("cuda", "matmul") else getattr(of_all, operation)

    def read() -> tuple[str, str]:
        found = module.fp32_precision
        return "none" if found == of_all.fp32_precision else found, found  # as the backend as a whole: so again afterwards

    def write(value: tuple[str, str]) -> None:
        module.fp32_precision = value[0]

    return _Rounding(read, write, ("ieee", "ieee"))


def _older(setting: Setting) -> Setting:
    """Left alone where it cannot be read: the user has set its parts, the newer way."""

    def read() -> object:
        try:
            return setting.read()
        except RuntimeError:
            return setting.wanted

    return setting._replace(read=read)


def _settings() -> list[Setting]:
    """The older ways first: they write the newer ones, too, which are then put back one by one."""
    cudnn, attention = torch.backends.cudnn, torch.backends.cuda
    found = [
        attribute(cudnn, "benchmark", False),
        attribute(cudnn, "deterministic", True),
        _older(Setting(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest")),
        _older(attribute(torch.backends.cuda.matmul, "allow_tf32", False)),
        _older(attribute(cudnn, "allow_tf32", False)),
        Setting(attention.flash_sdp_enabled, attention.enable_flash_sdp, True),
        Setting(attention.mem_efficient_sdp_enabled, attention.enable_mem_efficient_sdp, True),
        Setting(attention.math_sdp_enabled, attention.enable_math_sdp, True),
    ]
    if hasattr(torch.backends.mkldnn, "enabled"):
        found.append(attribute(torch.backends.mkldnn, "enabled", True))
    if hasattr(torch.backends, "fp32_precision"):  # torch 2.9
        places = [("cuda", "matmul"), ("cuda", "conv"), ("cuda", "rnn"), ("mkldnn", "matmul"), ("mkldnn", "conv")]
        found += [_fp32_precision(*place) for place in places]
    return found


_ASIDE = Aside(_settings())
as_fp32 = Aside([Setting(torch.get_default_dtype, torch.set_default_dtype, torch.float32)])  # while weights are made


_CUDA = locks.Threads()  # TF32 is a setting of the process: one thread at a time hands work to the GPU


@contextlib.contextmanager
def exact(device: torch.device | None = None, tf32: bool = False) -> Iterator[None]:
    """Within it, or within a function that it decorates, the user's settings do not move a number.

    autocast and the default device are this thread's; the other settings are the process's, and other threads see them set
    aside meanwhile. Not so a backward pass, which runs when the user calls it. Cost: some microseconds. `tf32`: matrix
    products and convolutions on `device`, a CUDA one, are rounded to TF32, and those of no other thread.
    """
    with contextlib.ExitStack() as stack:
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if device is not None and device.type == "cuda":
            stack.enter_context(_CUDA)
        stack.enter_context(_ASIDE())
        if tf32:
            stack.enter_context(_tf32())
        yield


@contextlib.contextmanager
def _tf32() -> Iterator[None]:
    """Inside `_ASIDE`, which has both off. The older way: torch refuses to read older settings where only newer are written."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    try:
        products.allow_tf32 = convolutions.allow_tf32 = True
        yield
    finally:
        products.allow_tf32 = convolutions.allow_tf32 = False
