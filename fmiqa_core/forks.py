"""A process that was forked after its parent had computed hangs at its first matrix product: said, not waited for."""

import os

import torch

from .errors import InputError

SPAWN = "start it with `spawn`: ProcessPoolExecutor(mp_context=multiprocessing.get_context('spawn'))"

_used = False  # this process has computed
_forked_after = False  # its parent had, before this one came to be


def used() -> None:
    """To be called after a computation."""
    global _used
    _used = True


def check(device: torch.device) -> None:
    """InputError where computing on `device` would hang, or fail, for want of the parent's threads or GPU context.

    One thread alone needs none of them (`torch.set_num_threads(1)`, as in the workers of torch's DataLoader).
    """
    if (_forked_after and torch.get_num_threads() > 1) or (device.type == "cuda" and torch.cuda._is_in_bad_fork()):
        raise InputError(f"This process was forked from one that had computed, and cannot compute itself: {SPAWN}.")


def _after_fork() -> None:
    global _used, _forked_after
    _used, _forked_after = False, _used or _forked_after


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
