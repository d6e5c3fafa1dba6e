"""Units of work on a `concurrent.futures.Executor` of the caller's."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor, wait

from ..backbones.forks import SPAWN
from ..errors import InputError, first_line

PAUSE = 5.0  # seconds between two looks at whether the executor is still there


def check(executor: Executor) -> None:
    """InputError for a process pool that forks: its processes would hang, or compute with one thread and other last bits."""
    context = getattr(executor, "_mp_context", None)
    if isinstance(executor, ProcessPoolExecutor) and context is not None and context.get_start_method() == "fork":
        raise InputError(f"This process pool forks, and a forked process cannot use torch's threads: {SPAWN}.")


def compute(work: Callable, units: Iterable, executor: Executor) -> Iterator[tuple[object, Exception | None]]:
    """work(unit) of each, there: the unit when it is done, or why it failed, in the order in which they end."""
    for unit, result in _started(work, units, executor):
        try:
            result()
        except Exception as error:  # whatever it was, the other units are computed
            yield unit, error
        else:
            yield unit, None


def _started(work: Callable, units: Iterable, executor: Executor) -> Iterator[tuple[object, Callable]]:
    """Each unit and the call that ends when work(unit) has."""
    try:
        running = {executor.submit(work, unit): unit for unit in units}
    except (BrokenExecutor, RuntimeError, OSError) as error:  # ended, or shut down
        raise InputError(f"The executor takes no work ({why(error)}).") from error
    while running:
        lost = _lost(executor)  # before the look, so that what was done by then is seen
        done, _ = wait(running, 0 if lost else PAUSE, FIRST_COMPLETED)
        yield from ((running.pop(future), future.result) for future in done)
        if lost:
            yield from ((unit, _end) for unit in running.values())
            return


def _lost(executor: Executor) -> bool:
    """Whether a Dask client has given up its scheduler: some of its futures would then never end (distributed 2026.8)."""
    return getattr(getattr(executor, "_client", None), "status", "") == "closed"


def _end() -> None:
    raise CancelledError


def why(error: Exception) -> str:
    """What went wrong with a unit, in a sentence."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, CancelledError):
        return "it was cancelled: is the scheduler still there?"
    if isinstance(error, BrokenExecutor):
        return "its worker process ended abruptly: out of memory?"
    kind, said = type(error).__name__, first_line(error)
    return kind if said == kind else f"{kind}: {said}"
