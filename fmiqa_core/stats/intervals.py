"""From what a statistic does when references are drawn anew to its 95 % interval, its test, and what more it would take.

One rule for all numbers of references G: Student's t with G - 1 degrees of freedom on the standard deviation of the resamples
times sqrt(G / (G - 1)). Percentile intervals of five references cover 65 to 85 % where they say 95 %; how often these cover is
simulated from real scores in `tests/test_intervals.py`. Correlations, which end at 1, have their interval on Fisher's z;
differences have it as they are. A mean over references needs no resampling: it has a standard error, and the paired t test.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
MARGIN = 0.01  # of SRCC: differences within it are called equivalent where the test shows it
POWER = 0.8
LEAST = 5  # references that are ever said to be enough
RULE = "95 % intervals: t over references"  # for captions


@dataclass(frozen=True)
class Draws:
    """Values (B, K) of K statistics in B resamples of the references, or, if not `resampled`, in each of B references."""

    values: np.ndarray
    clusters: int  # references that are drawn from
    resampled: bool = True

    def minus(self, a, b) -> "Draws":
        """Columns `a` less columns `b`, paired."""
        return Draws(self.values[:, a] - self.values[:, b], self.clusters, self.resampled)

    @property
    def counted(self) -> np.ndarray:
        """How many references each statistic (K,) is defined of."""
        if self.resampled:
            return np.full(self.values.shape[1], self.clusters)
        return np.isfinite(self.values).sum(0)

    @property
    def error(self) -> np.ndarray:
        """Standard error (K,); NaN with fewer than two references. Resamples in which nothing is defined are left out."""
        there = np.isfinite(self.values)
        n = there.sum(0)
        n = np.where(n > 1, n, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(there, self.values, 0).sum(0) / n
            spread = np.sqrt(np.where(there, (self.values - mean) ** 2, 0).sum(0) / (n - 1))
            if self.resampled:
                return spread * np.sqrt(self.clusters / (self.clusters - 1)) if self.clusters > 1 else np.full(len(n), np.nan)
            return spread / np.sqrt(n)


@dataclass(frozen=True)
class Interval:
    """A statistic with its 95 % interval, over n images of `clusters` references."""

    value: float
    low: float
    high: float
    n: int
    clusters: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def of_level(value: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Low and high (K,) of correlations `value` (K,), on Fisher's z; NaN where there is no error, as of a single reference."""
    value = np.asarray(value, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        half = _quantile(draws) * draws.error / (1 - value**2)
        low, high = np.tanh(np.arctanh(value) - half), np.tanh(np.arctanh(value) + half)
    # all images in order in all resamples: the value itself; a mean of equal values says not how they vary: NaN
    fixed = np.where((draws.error == 0) & (np.abs(value) >= 1) & draws.resampled, value, np.nan)
    return np.where(draws.error > 0, low, fixed), np.where(draws.error > 0, high, fixed)


def of_difference(value: np.ndarray, draws: Draws) -> dict[str, np.ndarray]:
    """difference, low, high and the two-sided p, each (K,), of differences `value`, from `draws.minus`.

    NaN where there is no error; of two methods that never differ p is 1.
    """
    value, error = np.asarray(value, float), _known(value, draws)
    half = _quantile(draws) * error
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * stats.t.sf(np.abs(value) / error, draws.counted - 1)
    p = np.where((error == 0) & (value == 0), 1.0, p)
    half = np.where((error > 0) | draws.resampled, half, np.nan)  # of means over references: see `of_level`
    return {"difference": value, "low": value - half, "high": value + half, "p": p}


def equivalence(value: np.ndarray, draws: Draws, margin: float = MARGIN) -> np.ndarray:
    """p (K,) of the two one-sided tests (Schuirmann 1987) that a difference lies within `margin` on either side of 0."""
    value, error = np.asarray(value, float), _known(value, draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = np.maximum(*(stats.t.sf((margin + side * value) / error, draws.counted - 1) for side in (1, -1)))
    return np.where(error > 0, p, np.nan)


def references_needed(difference: np.ndarray, draws: Draws, power: float = POWER) -> np.ndarray:
    """How many references (K,) a two-sided t test at 5 %, by itself, would need to see `difference` with this `power`.

    From the spread between references as `draws` have it (Guenther 1981: the normal's number and half a square of its
    quantile), LEAST or more. NaN where it is not known or the difference is 0.
    """
    difference, error = np.asarray(difference, float), draws.error
    level = stats.norm.ppf((1 + CONFIDENCE) / 2)
    reach = level + stats.norm.ppf(power)
    with np.errstate(invalid="ignore", divide="ignore"):
        needed = np.ceil((reach * error / difference) ** 2 * draws.counted + level**2 / 2)
    return np.where(np.isfinite(needed) & (error > 0), np.maximum(needed, LEAST), np.nan)


def sameness(difference: np.ndarray, draws: Draws, margin: float = MARGIN) -> dict[str, np.ndarray]:
    """p_equivalent, refs_needed (to see `difference`) and refs_needed_for_margin, each (K,)."""
    return {
        "p_equivalent": equivalence(difference, draws, margin),
        "refs_needed": references_needed(difference, draws),
        "refs_needed_for_margin": references_needed(np.full(np.shape(difference), margin), draws),
    }


def _known(value: np.ndarray, draws: Draws) -> np.ndarray:
    """The errors; NaN where nothing varies though the methods differ, as of a single reference."""
    error = draws.error
    return np.where((error == 0) & (np.asarray(value) != 0), np.nan, error)


def _quantile(draws: Draws) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return stats.t.ppf((1 + CONFIDENCE) / 2, draws.counted - 1.0)
