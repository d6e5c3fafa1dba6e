"""Which layer to take, judged honestly: sums of layers, and a layer chosen on some references and tested on another."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from ..data import scores as containers
from ..errors import InputError
from . import agreement, bootstrap, contrasts, correlation, intervals, resamples
from .intervals import Draws
from .resamples import FEWEST

NO_CHOICE = "a layer cannot be chosen on some references and tested on another, which takes two with three images each"
IN_PAPER = ("l2", "cos")  # they have layer parts in protocol `paper`
MINUS_FINAL = ["minus_final", "minus_final_low", "minus_final_high", "minus_final_p"]
POOLED = ["srcc", "low", "high", *MINUS_FINAL]
WITHIN = ["srcc_byref", "byref_low", "byref_high", *(f"byref_{name}" for name in MINUS_FINAL)]


def names(scores: pd.DataFrame, distance: str) -> list[str]:
    """The layer columns of `distance`; InputError where it has none."""
    found = [c for c in scores.columns if c.startswith(f"layer_{distance}_")]
    if not found:
        raise InputError(f"{distance} has no layer parts in these scores: use l2 or cos, or protocol corrected.")
    return found


def check(distances: Iterable[str]) -> None:
    """InputError for a distance that has no layer parts in protocol `paper`."""
    for distance in distances:
        if distance not in IN_PAPER:
            raise InputError(f"{distance} has no layer parts in protocol paper: use {' or '.join(IN_PAPER)}.")


def each(statistic: Callable, tables: dict[str, pd.DataFrame], distances: Iterable[str]) -> pd.DataFrame:
    """`statistic(scores, distance)`, one of the functions below, for each backbone of `tables` and each distance."""
    found = [statistic(table, d).assign(backbone=name, distance=d) for name, table in tables.items() for d in distances]
    return pd.concat(found, ignore_index=True)


def layers(scores: pd.DataFrame, distance: str, count: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """SRCC of every layer of `distance`, of their sum and of the final features: `agreement`, and `contrast` to the final ones.

    Columns: features ("layer 0", ..., "sum of layers", "final"); POOLED, over all images, and WITHIN references, the mean
    over them: SRCC with its interval, and the difference to the final features with its own and its p; n and refs.
    """
    columns = [*names(scores, distance), f"score_{distance}", "score_embed_cos"]
    table = containers.of_table(_with(scores, columns), layers=True)
    order = [*(f"layer {i}" for i in range(len(columns) - 2)), "sum of layers", "final"]
    methods = table.methods["method"].tolist()
    groups = resamples.groups(table, count=count)
    found = agreement.of_groups(groups, statistics=("srcc", "srcc_byref"))
    apart = contrasts.of_groups(groups, [(name, methods[-1]) for name in methods])
    out = pd.DataFrame({"features": order})
    for columns, statistic, prefix in ((POOLED, "srcc", ""), (WITHIN, "srcc_byref", "byref_")):
        out[columns[:3]] = found[[statistic, f"{statistic}_low", f"{statistic}_high"]]
        out[columns[3:]] = apart[[f"{prefix}{name}" for name in ("difference", "low", "high", "p")]]
    return out.assign(n=found["n"], refs=found["refs"])


def tokens(
    tables: dict[str, dict[str, pd.DataFrame]], protocols: Iterable[str], distances: Iterable[str]
) -> dict[str, pd.DataFrame]:
    """Backbone -> `layers` of each of `protocols` and `distances`, of the backbones that have all of the protocols.

    `tables`: backbone -> protocol -> scores.
    """
    out = {}
    for backbone, some in tables.items():
        if set(protocols) <= set(some):
            parts = [each(layers, {backbone: some[name]}, distances).assign(protocol=name) for name in protocols]
            out[backbone] = pd.concat(parts, ignore_index=True)
    return out


def _with(scores: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Only these columns of scores, in this order."""
    kept = [c for c in scores if not c.startswith(("score_", "layer_"))]
    out = scores[[*kept, *columns]]
    out.attrs = scores.attrs
    return out


def cumulative(scores: pd.DataFrame, distance: str, count: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """SRCC of the sum of layers 0 to k, for each k: layer, srcc, low, high, and `single`, that of layer k alone.

    Then the same within references: srcc_byref, byref_low, byref_high, byref_single.
    """
    scores = scores[containers.is_rated(scores)]
    layers = scores[names(scores, distance)].to_numpy(float)
    quality, refs = scores["quality"].to_numpy(float), scores["ref"].to_numpy()
    sums = -layers.cumsum(axis=1)
    srcc, single = correlation.srcc(sums, quality), correlation.srcc(-layers, quality)
    draws = Draws(bootstrap.samples("srcc", sums.T, quality, refs, count), len(set(refs)))
    low, high = intervals.of_level(srcc, draws)
    many = bootstrap.many(sums, bootstrap.draw(len(set(refs)), count))
    few = np.bincount(bootstrap.codes(refs)) < FEWEST  # as everywhere: such a reference has no SRCC
    found = (bootstrap.within(values.T, quality, refs, many) for values in (sums, -layers))
    inside, alone = (np.where(few, np.nan, values) for values in found)  # (L, references)
    mean = resamples.mean(inside)
    byref_low, byref_high = intervals.of_level(mean, Draws(inside.T, inside.shape[1], resampled=False))
    return pd.DataFrame(
        {
            "layer": range(layers.shape[1]),
            "srcc": srcc,
            "low": low,
            "high": high,
            "single": single,
            "srcc_byref": mean,
            "byref_low": byref_low,
            "byref_high": byref_high,
            "byref_single": resamples.mean(alone),
        }
    )


def leave_one_out(scores: pd.DataFrame, distance: str) -> pd.DataFrame:
    """For each reference: the layer with the best SRCC on the others, and its SRCC on the one, beside sum and final.

    Columns: ref, n, layer, srcc_others, chosen, sum, final (SRCC within the reference), best (the layer that would
    have been best there: no choice can know it). A row for each reference with FEWEST rated images, and as many on the
    others; none where there is no such reference.
    """
    columns = names(scores, distance)
    tested = [*columns, f"score_{distance}", "score_embed_cos"]
    scores = scores[containers.is_rated(scores)]
    rows, refs = [], pd.unique(scores["ref"])
    for ref, known in sorted(zip(refs, _without_each(scores, columns), strict=True)):
        part = scores[scores["ref"] == ref]
        if min(len(part), len(scores) - len(part)) < FEWEST or np.isnan(known).all():
            continue
        layer = int(np.nanargmax(known))
        found = correlation.srcc(-part[tested].to_numpy(float), part["quality"].to_numpy(float))
        row = {"ref": ref, "n": len(part), "layer": layer, "srcc_others": known[layer], "chosen": found[layer]}
        rows.append(row | {"sum": found[-2], "final": found[-1], "best": pd.Series(found[:-2]).max()})
    return pd.DataFrame(rows, columns=["ref", "n", "layer", "srcc_others", "chosen", "sum", "final", "best"])


def _without_each(scores: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """SRCC of each of `columns` on all references but one, in order of first appearance: (references, columns)."""
    values, refs = -scores[columns].to_numpy(float).T, scores["ref"].to_numpy()
    weights = 1 - np.eye(len(pd.unique(refs)))
    return bootstrap.srcc(values, scores["quality"].to_numpy(float), refs, weights, bootstrap.many(values, weights))


def mean_gap(found: pd.DataFrame, other: str = "final") -> dict[str, float]:
    """difference, low, high, p: mean over references of `chosen` minus `other` of `leave_one_out` (paired t over references).

    References where one of the two is not defined (all images rated alike) are left out; NaN where none is left.
    """
    gap = (found["chosen"] - found[other]).dropna().to_numpy(float)
    if not len(gap):
        return dict.fromkeys(("difference", "low", "high", "p"), np.nan)
    ends = intervals.of_difference(np.array([gap.mean()]), Draws(gap[:, None], len(gap), resampled=False))
    return {name: float(value[0]) for name, value in ends.items()}


def by_type(scores: pd.DataFrame, distance: str) -> pd.DataFrame:
    """`layers` within each distortion, and over all; column `distortion`.

    A distortion with fewer than FEWEST rated images has its rows, with NaN for what cannot be computed.
    """
    whole = layers(scores, distance)
    found = [whole.assign(distortion="all")]
    for kind, part in scores[containers.is_rated(scores)].groupby("distortion", sort=True):
        if len(part) >= FEWEST:
            rows = layers(part, distance)
        else:
            rows = whole.assign(n=len(part), refs=part["ref"].nunique(), **dict.fromkeys(POOLED + WITHIN, np.nan))
        found.append(rows.assign(distortion=kind))
    return pd.concat(found, ignore_index=True)
