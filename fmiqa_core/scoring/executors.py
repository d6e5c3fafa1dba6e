"""Where units of work run: here, one after the other, or on a `concurrent.futures.Executor` of the caller's."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor, as_completed

from ..backbones.forks import SPAWN
from ..errors import InputError, first_line


def check(executor: Executor) -> None:
    """InputError for a process pool that forks: its processes would hang, or compute with one thread and other last bits."""
    context = getattr(executor, "_mp_context", None)
    if isinstance(executor, ProcessPoolExecutor) and context is not None and context.get_start_method() == "fork":
        raise InputError(f"This process pool forks, and a forked process cannot use torch's threads: {SPAWN}.")


def started(work: Callable, units: Iterable, executor: Executor | None) -> Iterator[tuple[object, Callable]]:
    """Each unit and the call that ends when work(unit) has, in the order in which they get done."""
    if executor is None:
        yield from ((unit, lambda unit=unit: work(unit)) for unit in units)
        return
    try:
        running = {executor.submit(work, unit): unit for unit in units}
    except (BrokenExecutor, RuntimeError, OSError) as error:  # ended, or shut down
        raise InputError(f"The executor takes no work ({why(error)}).") from error
    yield from ((running[future], future.result) for future in as_completed(running))


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
