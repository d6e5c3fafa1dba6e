"""Whole datasets: a Dataset in, a table of scores out."""

__all__ = ["ARITHMETIC", "Settings", "read", "score_dataset", "split", "stored", "usual_folder", "workers"]


def __getattr__(name):  # `run` imports torch, which who asks for a baseline's name does not need
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "workers":
        from .processes import workers

        return workers
    from . import run

    return getattr(run, name)
