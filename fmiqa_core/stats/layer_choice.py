"""Which layer to take, judged honestly: sums of layers, and a layer chosen on some references and tested on another."""

import numpy as np
import pandas as pd

from ..data import scores as containers
from ..errors import InputError
from . import bootstrap, correlation
from .agreement import agreement
from .contrasts import contrast


def names(scores: pd.DataFrame, distance: str) -> list[str]:
    """The layer columns of `distance`; InputError where it has none."""
    found = [c for c in scores.columns if c.startswith(f"layer_{distance}_")]
    if not found:
        raise InputError(f"{distance} has no layer parts in these scores: use l2 or cos, or protocol corrected.")
    return found


def layers(scores: pd.DataFrame, distance: str, count: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """SRCC of every layer of `distance`, of their sum and of the final features: `agreement`, and `contrast` to the final ones.

    Columns: features ("layer 0", ..., "sum of layers", "final"), srcc, low, high, and the difference to
    the final features (`minus_final`, `minus_final_low`, `minus_final_high`); n and refs.
    """
    columns = [*names(scores, distance), f"score_{distance}", "score_embed_cos"]
    table = containers.of_table(_with(scores, columns), layers=True)
    order = [*(f"layer {i}" for i in range(len(columns) - 2)), "sum of layers", "final"]
    methods = table.methods["method"].tolist()
    found = agreement(table, count=count, statistics=("srcc",))
    apart = contrast(table, [(name, methods[-1]) for name in methods], count=count, statistics=("srcc",))
    return pd.DataFrame(
        {
            "features": order,
            "srcc": found["srcc"],
            "low": found["srcc_low"],
            "high": found["srcc_high"],
            "minus_final": apart["difference"],
            "minus_final_low": apart["low"],
            "minus_final_high": apart["high"],
            "n": found["n"],
            "refs": found["refs"],
        }
    )


def _with(scores: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Only these columns of scores, in this order."""
    kept = [c for c in scores if not c.startswith(("score_", "layer_"))]
    out = scores[[*kept, *columns]]
    out.attrs = scores.attrs
    return out


def cumulative(scores: pd.DataFrame, distance: str, count: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """SRCC of the sum of layers 0 to k, for each k: layer, srcc, low, high, and `single`, that of layer k alone."""
    layers = scores[names(scores, distance)].to_numpy(float)
    quality, refs = scores["quality"].to_numpy(float), scores["ref"].to_numpy()
    sums = -layers.cumsum(axis=1)
    low, high = bootstrap.percentile(bootstrap.resampled(correlation.srcc, sums, quality, refs, count))
    srcc, single = correlation.srcc(sums, quality), correlation.srcc(-layers, quality)
    return pd.DataFrame({"layer": range(layers.shape[1]), "srcc": srcc, "low": low, "high": high, "single": single})


def leave_one_out(scores: pd.DataFrame, distance: str) -> pd.DataFrame:
    """For each reference: the layer with the best SRCC on the others, and its SRCC on the one, beside sum and final.

    Columns: ref, n, layer, srcc_others, chosen, sum, final (SRCC within the reference), best (the layer that would
    have been best there: no choice can know it).
    """
    columns = names(scores, distance)
    rows = []
    for ref, part in scores.groupby("ref", sort=True):
        others = scores[scores["ref"] != ref]
        known = correlation.srcc(-others[columns].to_numpy(float), others["quality"].to_numpy(float))
        layer = int(np.argmax(known))
        tested = [*columns, f"score_{distance}", "score_embed_cos"]
        found = correlation.srcc(-part[tested].to_numpy(float), part["quality"].to_numpy(float))
        row = {"ref": ref, "n": len(part), "layer": layer, "srcc_others": known[layer], "chosen": found[layer]}
        rows.append(row | {"sum": found[-2], "final": found[-1], "best": found[:-2].max()})
    return pd.DataFrame(rows)


def mean_gap(found: pd.DataFrame, other: str = "final", count: int = bootstrap.RESAMPLES) -> bootstrap.Interval:
    """Mean over references of `chosen` minus `other` of `leave_one_out`, with its interval over references."""
    gap = (found["chosen"] - found[other]).to_numpy(float)
    samples = bootstrap.resampled(lambda some, _: some.mean(), gap, gap, np.arange(len(gap)), count)
    low, high = bootstrap.percentile(samples)
    return bootstrap.Interval(float(gap.mean()), float(low), float(high), int(found["n"].sum()), len(gap))


def by_type(scores: pd.DataFrame, distance: str) -> pd.DataFrame:
    """`layers` within each distortion, and over all; column `distortion`."""
    groups = [("all", scores), *scores.groupby("distortion", sort=True)]
    return pd.concat([layers(part, distance).assign(distortion=kind) for kind, part in groups], ignore_index=True)
