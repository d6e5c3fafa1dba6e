"""From comparisons to a verdict, by a rule that is written down, so that it is not a matter of taste.

A comparison goes as claimed or against where its test rejects at 5 % after Holm's correction over its family; else it is
undecided. A question is put to several units (the foundation metrics, the backbones) and is answered three times: does at least
one of them, the median one, do all of them go as claimed? Of those answers over all questions a verdict is read.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from . import intervals
from .significance import LEVEL, holm

STATISTICS = {"": "SRCC over all images", "byref_": "SRCC within references, mean"}  # prefix of columns -> its name
ASKED = ("at least one", "the median one", "all")
UNTESTED = "not tested"
RULE = (
    "holds in all: every question goes as claimed; holds in most: more than half do, and none, or some, against; fails in all, "
    "in most: the same against; undecided in all, in most; mixed: the rest"
)


@dataclass(frozen=True)
class Stored:
    """What `intervals` needs to know of draws, from an interval that was stored."""

    error: np.ndarray
    counted: np.ndarray
    resampled: bool = True

    @classmethod
    def of(cls, low, high, refs) -> "Stored":
        """Of 95 % intervals of differences; a reference within which a method has no SRCC counts here too."""
        low, high, refs = (np.asarray(values, float) for values in (low, high, refs))
        with np.errstate(invalid="ignore"):
            return cls((high - low) / 2 / stats.t.ppf((1 + intervals.CONFIDENCE) / 2, refs - 1), refs)


def corrected(table: pd.DataFrame) -> pd.DataFrame:
    """`table` as one family: with p_holm of both statistics."""
    return table.assign(**{f"{prefix}p_holm": holm(table[f"{prefix}p"]) for prefix in STATISTICS})


def outcomes(table: pd.DataFrame, prefix: str = "") -> np.ndarray:
    """+1 as claimed (`difference` > 0 and sure), -1 against, 0 undecided, of each comparison."""
    sure = table[f"{prefix}p_holm"].to_numpy(float) < LEVEL
    return np.where(sure, np.sign(table[f"{prefix}difference"].to_numpy(float)), 0).astype(int)


def answers(table: pd.DataFrame, asked: str, prefix: str = "") -> pd.Series:
    """question -> +1, 0 or -1: whether one, the median or all of its units go as claimed; -1 where they surely cannot.

    Needed are 1, more than half, or all of the units; it is against where too few are left that are not against.
    """
    found = pd.Series(outcomes(table, prefix)).groupby(table["question"].to_numpy(), sort=False)
    units = found.size()
    needed = {"at least one": units * 0 + 1, "the median one": units // 2 + 1, "all": units}[asked]
    ahead, behind = (found.agg(lambda values, side=side: (values == side).sum()) for side in (1, -1))
    return (ahead >= needed).astype(int) - (behind > units - needed).astype(int)


def counts(found) -> tuple[int, int, int]:
    """How many of +1, 0, -1."""
    values = np.asarray(found)
    return tuple(int((values == side).sum()) for side in (1, 0, -1))


def verdict(ahead: int, undecided: int, behind: int) -> str:
    """
    >>> [verdict(*n) for n in ((3, 0, 0), (2, 1, 0), (2, 0, 1), (1, 1, 1), (0, 3, 0), (0, 1, 2), (0, 0, 0))]
    ['holds in all', 'holds in most, none against', 'holds in most, some against', 'mixed', 'undecided in all', \
'fails in most', 'not tested']
    """
    n = ahead + undecided + behind
    if not n:
        return UNTESTED
    for count, word in ((ahead, "holds"), (behind, "fails"), (undecided, "undecided")):
        if count == n:
            return f"{word} in all"
        if 2 * count > n:
            return f"{word} in most" + ((", some against" if behind else ", none against") if word == "holds" else "")
    return "mixed"


def power(table: pd.DataFrame, prefix: str = "", margin: float = intervals.MARGIN) -> pd.DataFrame:
    """Of each comparison p_equivalent, the same with Holm over the family, refs_needed and refs_needed_for_margin."""
    ends = (table[f"{prefix}{end}"].astype(float) for end in ("low", "high"))
    draws, gap = Stored.of(*ends, table["refs"]), table[f"{prefix}difference"].astype(float)
    found = pd.DataFrame(intervals.sameness(gap, draws, margin), index=table.index)
    return found.assign(p_equivalent_holm=holm(found["p_equivalent"]))
