"""Worker processes on this machine, as an executor: one device each, or a share of the cores, and none that stays behind."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing.connection import Connection

from ..errors import InputError

CUDA = "CUDA_VISIBLE_DEVICES"
MOST = 1000  # workers, which share a queue of fixed size


@contextlib.contextmanager
def workers(count: int, device: str = "auto") -> Iterator[Executor]:
    """An executor of `count` spawned processes for `score_dataset` with the same `device`; they start as there is work.

    "auto" and "cuda" mean another CUDA device in each process, in turn, where there are several; a named one stays. Each
    process computes with its share of the cores. One worker is a process, too: if it is killed for want of memory, there is
    somebody left to say so. Workers import this package, not the caller's script, which needs no guard and may be a notebook;
    so they know no function of it. They end when the block of code does: at once if by an exception, a killed caller included.
    Raises InputError for a count below 1, or above MOST.
    """
    if count < 1:
        raise InputError(f"The number of workers must be at least 1, not {count}.")
    if count > MOST:
        raise InputError(f"The number of workers must be {MOST} at most, not {count}.")
    context = multiprocessing.get_context("spawn")
    with contextlib.closing(_Pipe(context)) as pipe:
        pool = _Pool(count, context, _begin, (pipe.reader, context.Value("i"), _devices(device), share(count)))
        try:
            yield pool
        except BaseException:
            pool.end()
            raise
        pool.shutdown()


def own_device(number: int, devices: Sequence[str]) -> str | None:
    """What worker `number`, from 0, sees of `devices`: one, in turn. None where there is no choice."""
    return devices[number % len(devices)] if len(devices) > 1 else None


def share(count: int) -> int:
    """Threads for each of `count` processes: of the cores that this process may use, which may be fewer than there are."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // count)


def _devices(device: str) -> list[str]:
    """The CUDA devices to choose from, by the names that `CUDA_VISIBLE_DEVICES` knows them by."""
    if device not in ("auto", "cuda"):
        return []
    import torch

    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ[CUDA].split(",")] if CUDA in os.environ else map(str, range(count))
    return list(named)[:count]


class _Pipe:
    """Nothing is sent: its end is the news. The writing end is in this process alone, whose death closes it."""

    def __init__(self, context):
        self.reader, self._writer = context.Pipe(duplex=False)

    def close(self) -> None:
        self._writer.close()
        self.reader.close()


def _begin(pipe: Connection, counter, devices: Sequence[str], threads: int) -> None:
    """What a worker does first."""
    threading.Thread(target=_leave_with, args=(pipe,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the caller decides
    with counter.get_lock():
        number, counter.value = counter.value, counter.value + 1
    if (own := own_device(number, devices)) is not None:
        os.environ[CUDA] = own  # before torch looks; torch.cuda.set_device would hold in one thread alone
    import torch

    torch.set_num_threads(min(threads, torch.get_num_threads()))  # fewer where the user's OMP_NUM_THREADS says so


def _leave_with(pipe: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        pipe.recv_bytes()
    os._exit(1)  # in the midst of a unit: its file is written whole, or not at all


class _Pool(ProcessPoolExecutor):
    def submit(self, *args, **options):
        with _uninterrupted(), _without_main():
            return super().submit(*args, **options)  # starts a process while there are fewer than asked for

    def end(self) -> None:
        """Now, whatever they do."""
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes that are spawned here do not import the caller's script, which might start them again, or be no file."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the block of code is done, and processes that are started in it never hear one."""
    before, heard = signal.getsignal(signal.SIGINT), []
    here = threading.current_thread() is threading.main_thread() and before is not None  # else Python does not handle it here
    if here:
        signal.signal(signal.SIGINT, lambda *_: heard.append(True))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # what came is heard here
        if here:
            signal.signal(signal.SIGINT, before)
    if heard:
        signal.raise_signal(signal.SIGINT)
