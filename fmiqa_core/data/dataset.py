"""A dataset: a table of image pairs with human scores, and the folder that the images lie in.

Canonical columns: dataset, ref, dis (both relative to the folder, as found on disk), distortion, level, mos (the
dataset's own value) and quality (oriented so that higher = better).
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from . import twins

COLUMNS = ["dataset", "ref", "dis", "distortion", "level", "mos", "quality"]


@dataclass(frozen=True)
class Dataset:
    """The rows whose images are here, and what a reader of numbers from them must know."""

    name: str
    table: pd.DataFrame
    folder: Path
    total: int  # rows of the complete dataset
    scale: str  # what `mos` is
    note: str  # reservation, printed wherever its numbers are
    cite: str
    absent: frozenset[str] = frozenset()  # `dis` of rows that are left out because their images are not here

    @property
    def coverage(self) -> str:
        refs = self.table["ref"].nunique()
        return f"{len(self.table)} of {self.total} rows, {refs} reference{'s' * (refs != 1)}"

    @property
    def twins(self) -> str:
        """Which of its rows are one image under several names, "" where none is known; see twins.py."""
        return twins.note(self.name, self.table["dis"])

    @property
    def reservations(self) -> str:
        """`note` and `twins`, a space before and a full stop after each."""
        return "".join(f" {text}." for text in (self.note, self.twins) if text)
