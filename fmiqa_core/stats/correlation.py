"""Agreement of scores with human judgement, with intervals from a bootstrap that resamples REFERENCES.

Images of one reference are not independent; treating them so makes intervals too narrow. Signs are kept:
`pred` and `quality` are oriented so that positive = agreement.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, rankdata

from ..errors import InputError

RESAMPLES = 2000
FIT_RESAMPLES = 200  # for the fitted PLCC, whose every resample is a nonlinear fit
STATISTICS = ("srcc", "plcc", "plcc_fitted", "krcc")


@dataclass(frozen=True)
class Interval:
    """A statistic with its 95 % percentile interval, over n images of `clusters` references."""

    value: float
    low: float
    high: float
    n: int
    clusters: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def srcc(pred: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each column of `pred` (n,) or (n, K) with `quality` (n,): () or (K,).

    >>> float(srcc([1, 2, 4, 8], [10, 20, 40, 30]).round(3))
    0.8
    """
    return plcc(rankdata(pred, axis=0), rankdata(quality))


def plcc(pred: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Pearson's correlation, raw, of each column of `pred` with `quality`; NaN where one is constant.

    >>> float(plcc([1, 2, 3], [2, 4, 6]).round(3))
    1.0
    """
    x = np.asarray(pred, float) - np.mean(pred, axis=0)
    y = np.asarray(quality, float) - np.mean(quality)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (y @ x) / np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum())


def krcc(pred: np.ndarray, quality: np.ndarray) -> float:
    """Kendall's tau-b.

    >>> round(float(krcc([1, 2, 3, 4], [1, 2, 4, 3])), 3)
    0.667
    """
    return kendalltau(pred, quality).statistic


def plcc_fitted(pred: np.ndarray, quality: np.ndarray) -> float:
    """Pearson's correlation after the 4-parameter logistic of VQEG and Sheikh et al. (2006); NaN where the fit fails.

    quality ~ bottom + (top - bottom) / (1 + exp(-(pred - centre) / width)), least squares from fixed start values:
    top and bottom = range of `quality`, centre = mean, width = a quarter of the deviation of `pred`. Where the
    relation is convex all along, top tends far above the scale (an exponential); the correlation still converges.
    """
    from .fits import logistic

    return logistic(pred, quality).plcc


def resamples(clusters: np.ndarray, count: int = RESAMPLES, seed: int = 0) -> list[np.ndarray]:
    """`count` bootstrap samples as row numbers: whole clusters (references) drawn with replacement."""
    members = [np.flatnonzero(clusters == cluster) for cluster in pd.unique(clusters)]
    rng = np.random.default_rng(seed)
    return [np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]) for _ in range(count)]


def bootstrap(
    statistic: Callable, pred: np.ndarray, quality: np.ndarray, clusters: np.ndarray, count: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """`statistic(pred, quality)` on each of `count` clustered resamples: (count,) or (count, K).

    The same seed gives the same resamples, so that differences of columns are paired. Those of `resamples`, but equal
    ones are computed once: of 5 references there are only 126.
    """
    members = [np.flatnonzero(clusters == cluster) for cluster in pd.unique(clusters)]
    rng = np.random.default_rng(seed)
    drawn = np.sort([rng.integers(len(members), size=len(members)) for _ in range(count)], axis=1)
    distinct, which = np.unique(drawn, axis=0, return_inverse=True)
    rows = (np.concatenate([members[i] for i in some]) for some in distinct)
    return np.array([statistic(pred[some], quality[some]) for some in rows])[which.ravel()]


def bootstrap_krcc(
    pred: np.ndarray, quality: np.ndarray, clusters: np.ndarray, count: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """What `bootstrap(krcc, ...)` gives, (count,), in a hundredth of the time up to some thousand images.

    A resample is a weight per image, and tau-b a ratio of quadratic forms in the weights: with S the signs of all
    pairwise differences, w'(S_x S_y)w / sqrt(w'|S_x|w w'|S_y|w). Memory: n x n.
    """
    weights = np.array([np.bincount(rows, minlength=len(pred)) for rows in resamples(clusters, count, seed)], dtype=float)
    x, y = (np.sign(v[:, None] - v[None, :]) for v in (pred, quality))
    both, only_x, only_y = (((weights @ signs) * weights).sum(axis=1) for signs in (x * y, abs(x), abs(y)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return both / np.sqrt(only_x * only_y)


def percentile(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % percentile interval along the first axis; failed resamples (NaN) are left out."""
    low, high = np.nanpercentile(samples, [2.5, 97.5], axis=0)
    return low, high


def interval(statistic: Callable, pred, quality, clusters, count: int = RESAMPLES, seed: int = 0) -> Interval:
    """`statistic` on all rows with its clustered interval; [NaN, NaN] with fewer than 2 clusters.

    >>> pred, quality, refs = [1, 2, 3, 2, 3, 5], [1, 2, 3, 1, 3, 2], ["a", "a", "a", "b", "b", "b"]
    >>> print(interval(srcc, pred, quality, refs))
    0.677 [0.500, 1.000]
    """
    pred, quality, clusters = np.asarray(pred, float), np.asarray(quality, float), np.asarray(clusters)
    groups = len(pd.unique(clusters))
    low = high = np.nan
    if groups > 1:
        if statistic is krcc and len(pred) <= 4000:
            samples = bootstrap_krcc(pred, quality, clusters, count, seed)
        else:
            samples = bootstrap(statistic, pred, quality, clusters, count, seed)
        if np.isfinite(samples).any():
            low, high = percentile(samples)
    return Interval(float(statistic(pred, quality)), float(low), float(high), len(pred), groups)


def table(scores: pd.DataFrame, by: str | None = None, count: int = RESAMPLES) -> pd.DataFrame:
    """Every `score_*` column of a scores table against its `quality`, one row per (group and) distance.

    Columns: group, distance, n, refs, and value, _low and _high for each of STATISTICS. Clusters are references;
    within `by="ref"` they are the images. Raises InputError where there is nothing to correlate.
    """
    scores = scores.dropna(subset=["quality"])
    if by not in (None, "distortion", "ref"):
        raise InputError(f"--by takes distortion or ref, not {by!r}.")
    if len(scores) < 3:
        raise InputError(f"{len(scores)} rows with a human score or severity: correlation needs at least 3.")
    functions = {"srcc": srcc, "plcc": plcc, "plcc_fitted": plcc_fitted, "krcc": krcc}
    groups = [("all", scores)] if by is None else scores.groupby(by, sort=True)
    rows = []
    for group, part in groups:
        clusters = part["dis"] if by == "ref" else part["ref"]
        for column in (c for c in scores.columns if c.startswith("score_")):
            row = {"group": group, "distance": column.removeprefix("score_"), "n": len(part), "refs": part["ref"].nunique()}
            for name in STATISTICS:
                some = min(count, FIT_RESAMPLES) if name == "plcc_fitted" else count
                found = interval(functions[name], -part[column], part["quality"], clusters, some)
                row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
            rows.append(row)
    return pd.DataFrame(rows)


def layers(scores: pd.DataFrame, distance: str, count: int = RESAMPLES) -> pd.DataFrame:
    """SRCC of every layer of `distance`, of their sum and of the final features, with paired clustered intervals.

    Columns: features ("layer 0", ..., "sum of layers", "final"), srcc, low, high, and the difference to
    the final features (`minus_final`, `minus_final_low`, `minus_final_high`); n and refs as in `table`.
    """
    columns = [c for c in scores.columns if c.startswith(f"layer_{distance}_")]
    if not columns:
        raise InputError(f"{distance} has no layer parts in these scores: use l2 or cos.")
    scores = scores.dropna(subset=["quality"])
    names = [f"layer {i}" for i in range(len(columns))] + ["sum of layers", "final"]
    values = -scores[[*columns, f"score_{distance}", "score_embed_cos"]].to_numpy(float)
    quality, clusters = scores["quality"].to_numpy(float), scores["ref"].to_numpy()
    point = srcc(values, quality)
    samples = bootstrap(srcc, values, quality, clusters, count)
    low, high = percentile(samples)
    apart_low, apart_high = percentile(samples - samples[:, -1:])
    if scores["ref"].nunique() < 2:  # every resample is the same: no interval
        low, high, apart_low, apart_high = (np.full(len(names), np.nan) for _ in range(4))
    return pd.DataFrame(
        {
            "features": names,
            "srcc": point,
            "low": low,
            "high": high,
            "minus_final": point - point[-1],
            "minus_final_low": apart_low,
            "minus_final_high": apart_high,
            "n": len(scores),
            "refs": scores["ref"].nunique(),
        }
    )
