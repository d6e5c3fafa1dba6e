"""Scores as a whole and by group, with their statistics on all images and in the same resamples: each computed once.

`agreement` and `contrasts` ask for the same samples, in which differences are paired.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..data.scores import Scores
from ..errors import InputError
from . import bootstrap, correlation, fits

FEWEST = 3  # images that a correlation needs
PAIRS = 1e11  # methods x images x images, and
PLACES = 3e8  # methods x references x references up to which Kendall's tau gets an interval: some minutes


@dataclass(frozen=True)
class Group:
    """Some images of scores, and what is drawn of them with replacement."""

    name: str  # "all", or a distortion or reference
    scores: Scores
    clusters: np.ndarray  # (n,): references; of one reference its images
    count: int  # resamples
    seed: int
    compiled: bool  # as the whole that it is part of
    kept: dict = field(default_factory=dict)

    def point(self, name: str) -> np.ndarray:
        """The statistic `name` of each method on all images: (K,)."""
        if ("point", name) not in self.kept:
            values, quality = self.scores.values, self.scores.quality
            self.kept["point", name] = point(name, values, quality, self.scores.refs, self.compiled)
        return self.kept["point", name]

    def samples(self, name: str, count: int | None = None, tick: Callable | None = None) -> np.ndarray:
        """The same in each resample (B, K), all NaN where there is no interval. `tick`, if any, is called K times."""
        count = self.count if count is None else count
        if (name, count) not in self.kept:
            values, quality = self.scores.values, self.scores.quality
            if count and self._has_interval(name):
                how = (values, quality, self.clusters, count, self.seed, self.compiled, tick)
                self.kept[name, count] = bootstrap.samples(name, *how)
                return self.kept[name, count]
            self.kept[name, count] = np.full((1, len(values)), np.nan)
        for _ in () if tick is None else range(len(self.scores.values)):
            tick()
        return self.kept[name, count]

    def interval(self, name: str, count: int | None = None, tick: Callable | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Low and high (K,), NaN where there is no interval."""
        return bootstrap.ends(self.samples(name, count, tick), self.drawn)

    @property
    def drawn(self) -> int:
        """How many clusters there are to draw from."""
        return len(pd.unique(self.clusters))

    def _has_interval(self, name: str) -> bool:
        methods, n = self.scores.values.shape
        alone = self.drawn < 2 or (name == "srcc_byref" and self.drawn == n)  # each image is a cluster of its own
        return not alone and (name != "krcc" or (methods * n**2 <= PAIRS and methods * self.drawn**2 <= PLACES))


def groups(scores: Scores, by: str | None = None, count: int = bootstrap.RESAMPLES, seed: int = 0) -> list[Group]:
    """The rated images of `scores`, then those of each value of `by`, "distortion" or "ref"; InputError where they are few."""
    if by not in (None, "distortion", "ref"):
        raise InputError(f"Agreement by {by!r} is not known: use distortion or ref.")
    some = rated(scores)
    compiled = bootstrap.many(some.values, bootstrap.draw(len(pd.unique(some.refs)), count, seed))
    out = [Group("all", some, some.refs, count, seed, compiled)]
    kinds = np.empty(0) if by is None else some.images[by].astype(str).to_numpy()
    for kind in sorted(set(kinds)):
        part = some.where(kinds == kind)
        clusters = part.images["dis"].to_numpy() if by == "ref" else part.refs
        out.append(Group(kind, part, clusters, count, seed, compiled))
    return out


def rated(scores: Scores) -> Scores:
    """The images that somebody rated; InputError where they are too few to correlate."""
    found = scores.rated()
    if len(found.images) < FEWEST:
        raise InputError(
            f"{len(found.images)} rows with a human score or severity, of the {len(scores.images)} of {scores.title}: "
            f"correlation needs at least {FEWEST}."
        )
    return found


def point(name: str, values: np.ndarray, quality: np.ndarray, refs: np.ndarray, compiled: bool = False) -> np.ndarray:
    """The statistic `name` of each row of `values` (K, n): (K,)."""
    if name == "srcc_byref":
        return mean(bootstrap.within(values, quality, refs, compiled))
    function = fits.plcc_fitted if name == "plcc_fit4" else getattr(correlation, name)
    return np.array([function(row, quality) for row in values], float)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over references (K, R) -> (K,); references where it is not defined are left out."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there, values, 0).sum(1) / there.sum(1)
