"""Scores as a whole and by group, with their statistics on all images and in the same resamples: each computed once.

`agreement` and `contrasts` ask for the same samples, in which differences are paired.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..data.scores import Scores
from ..errors import InputError
from . import bootstrap, correlation, fits, intervals
from .intervals import Draws

BYREF = "_byref"  # of a statistic: its mean over references, of values within each
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
            if name.endswith(BYREF):
                self.kept["point", name] = mean(self.inside(name.removesuffix(BYREF)))
            elif name == "plcc_fit4":
                self.kept["point", name] = np.array([fit.plcc for fit in self.fits])
            else:
                self.kept["point", name] = point(name, self.scores.values, self.scores.quality)
        return self.kept["point", name]

    @property
    def fits(self) -> list[fits.Fit]:
        """The 4-parameter logistic of each method."""
        if "fits" not in self.kept:
            self.kept["fits"] = [fits.logistic(row, self.scores.quality) for row in self.scores.values]
        return self.kept["fits"]

    def inside(self, name: str = "srcc") -> np.ndarray:
        """SRCC, PLCC or KRCC of each method within each reference, in order of first appearance: (K, R).

        NaN of a reference with fewer than FEWEST images.
        """
        if ("inside", name) not in self.kept:
            how = (self.scores.values, self.scores.quality, self.scores.refs, self.compiled)
            alone = name == "srcc" and not self.compiled  # the compiled loops give all three at once
            found = {"srcc": bootstrap.within(*how)} if alone else bootstrap.by_reference(*how)
            few = np.bincount(bootstrap.codes(self.scores.refs)) < FEWEST  # of two images it would be 1 or -1
            self.kept.update({("inside", key): np.where(few, np.nan, values) for key, values in found.items()})
        return self.kept["inside", name]

    def draws(self, name: str, count: int | None = None, tick: Callable | None = None) -> Draws:
        """What the statistic `name` is in each resample, or within each reference: all NaN where there is no interval.

        `tick`, if any, is called K times.
        """
        count = self.count if count is None else count
        ticked = False
        if (name, count) not in self.kept:
            self.kept[name, count], ticked = self._drawn(name, count, tick)
        for _ in () if ticked or tick is None else self.scores.values:
            tick()
        return self.kept[name, count]

    def _drawn(self, name: str, count: int, tick: Callable | None) -> tuple[Draws, bool]:
        """`draws`, and whether `tick` was called."""
        values = self.scores.values
        if not count or not self._has_interval(name):
            return Draws(np.full((1, len(values)), np.nan), self.drawn, not name.endswith(BYREF)), False
        if name.endswith(BYREF):
            return Draws(self.inside(name.removesuffix(BYREF)).T, self.drawn, resampled=False), False
        near = [fit.parameters for fit in self.fits] if name == "plcc_fit4" else None
        how = (values, self.scores.quality, self.clusters, count, self.seed, self.compiled, tick, near)
        return Draws(bootstrap.samples(name, *how), self.drawn), True

    def interval(self, name: str, count: int | None = None, tick: Callable | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Low and high (K,), NaN where there is no interval."""
        return intervals.of_level(self.point(name), self.draws(name, count, tick))

    def difference(self, name: str, a, b, count: int | None = None) -> dict[str, np.ndarray]:
        """difference, low, high and p (M,) of methods `a` minus `b` (M,), paired."""
        value = self.point(name)
        return intervals.of_difference(value[a] - value[b], self.draws(name, count).minus(a, b))

    @property
    def drawn(self) -> int:
        """How many clusters there are to draw from."""
        return len(pd.unique(self.clusters))

    def _has_interval(self, name: str) -> bool:
        methods, n = self.scores.values.shape
        alone = self.drawn < 2 or (name.endswith(BYREF) and self.drawn == n)  # each image is a cluster of its own
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


def point(name: str, values: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """The pooled statistic `name` of each row of `values` (K, n): (K,)."""
    return np.array([getattr(correlation, name)(row, quality) for row in values], float)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over references (K, R) -> (K,); references where it is not defined are left out."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(there, values, 0).sum(1) / there.sum(1)
