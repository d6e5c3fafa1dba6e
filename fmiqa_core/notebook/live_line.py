"""A live line of progress under a cell that takes a while. Nothing of it is stored, and headless there is none."""

import contextlib
import os
from collections.abc import Iterator

from ..files import progress


def is_session() -> bool:
    """Whether a Jupyter server runs this kernel for a notebook: papermill and nbval start theirs without a session."""
    return "JPY_SESSION_NAME" in os.environ


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Within it, progress is one line under the cell, which goes when the work is done.

    It stands first in its cell: Jupyter clears all that a cell has shown, or nothing. Where nobody watches, progress is silent.
    """
    if not is_session():
        with progress.to(lambda text: None):
            yield
        return
    from IPython.display import clear_output, display

    handles = []

    def show(text: str) -> None:
        bundle = {"text/plain": text}
        if handles:
            handles[0].update(bundle, raw=True)
        else:
            handles.append(display(bundle, raw=True, display_id=True))

    try:
        with progress.to(show):
            yield
    finally:
        if handles:
            clear_output()
