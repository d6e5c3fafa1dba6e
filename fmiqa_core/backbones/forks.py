"""A forked process has one of its parent's threads and none of its GPU context: it hangs or fails where it needs more."""

import os

import torch

from ..errors import InputError

SPAWN = "start it with `spawn`: ProcessPoolExecutor(mp_context=multiprocessing.get_context('spawn'))"

_forked = False


def check(device: torch.device) -> None:
    """To be called before computing: a forked process computes with one thread, as the workers of torch's DataLoader do.

    With more it would wait for ever for those that its parent may have had. InputError where the GPU cannot be used.
    """
    if device.type == "cuda" and torch.cuda._is_in_bad_fork():
        raise InputError(f"This process was forked from one that had used the GPU, and cannot use it itself: {SPAWN}.")
    if _forked and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


def _after_fork() -> None:
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
