"""Threads in which torch computes with one thread, so that a sum over an image has the same bits on every machine.

torch splits a sum among the threads that it has: its last bits depend on how many they are. Several such threads compute
several images at once, beside the network.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from ..files import locks

MOST = 8  # threads; PSNR, MS-SSIM and FSIM of an image of 768 x 512 px need about 100 MB
FEW = 4
_LOCK = locks.Threads()
_HERE = threading.local()  # `one` in the threads of the pool, which must not wait for each other
_pool: ThreadPoolExecutor | None = None


def pool() -> ThreadPoolExecutor:
    """The threads, as many as torch has where they are first asked for, and not more than MOST.

    Beside a GPU at least FEW: a worker of a cluster may have been told to compute with one, and has images to decode.
    """
    global _pool
    with _LOCK:
        if _pool is None:
            _pool = _started(min(MOST, max(torch.get_num_threads(), FEW if torch.cuda.is_available() else 1)))
    return _pool


def run(function: Callable, *args):
    """function(*args), computed in one of the threads, or in this one if torch has no more here."""
    if hasattr(_HERE, "one") or torch.get_num_threads() == 1:
        return function(*args)
    return pool().submit(function, *args).result()


def _started(count: int) -> ThreadPoolExecutor:
    """All of them at once: setting the number in a thread also sets what later threads begin with, which is put back here."""
    all_here, own = threading.Barrier(count + 1), torch.get_num_threads()
    started = ThreadPoolExecutor(count, "fmiqa-one-thread", _be_one)
    for _ in range(count):
        started.submit(all_here.wait)
    all_here.wait()
    torch.set_num_threads(own)
    return started


def _be_one() -> None:
    torch.get_num_threads()  # a thread begins with torch's number when it first asks, also after it was given another
    torch.set_num_threads(1)
    _HERE.one = True


def _after_fork() -> None:
    global _pool
    _pool = None  # its threads are the parent's


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)
