"""Which layer to take, judged honestly: sums of layers, and a layer chosen on some references and tested on another."""

import numpy as np
import pandas as pd

from ..errors import InputError
from . import correlation


def names(scores: pd.DataFrame, distance: str) -> list[str]:
    """The layer columns of `distance`; InputError where it has none."""
    found = [c for c in scores.columns if c.startswith(f"layer_{distance}_")]
    if not found:
        raise InputError(f"{distance} has no layer parts in these scores: use l2 or cos, or protocol corrected.")
    return found


def cumulative(scores: pd.DataFrame, distance: str, count: int = correlation.RESAMPLES) -> pd.DataFrame:
    """SRCC of the sum of layers 0 to k, for each k: layer, srcc, low, high, and `single`, that of layer k alone."""
    layers = scores[names(scores, distance)].to_numpy(float)
    quality, refs = scores["quality"].to_numpy(float), scores["ref"].to_numpy()
    sums = -layers.cumsum(axis=1)
    low, high = correlation.percentile(correlation.bootstrap(correlation.srcc, sums, quality, refs, count))
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


def mean_gap(found: pd.DataFrame, other: str = "final", count: int = correlation.RESAMPLES) -> correlation.Interval:
    """Mean over references of `chosen` minus `other` of `leave_one_out`, with its interval over references."""
    gap = (found["chosen"] - found[other]).to_numpy(float)
    samples = correlation.bootstrap(lambda some, _: some.mean(), gap, gap, np.arange(len(gap)), count)
    low, high = correlation.percentile(samples)
    return correlation.Interval(float(gap.mean()), float(low), float(high), int(found["n"].sum()), len(gap))


def by_type(scores: pd.DataFrame, distance: str) -> pd.DataFrame:
    """`correlation.layers` within each distortion, and over all; column `distortion`."""
    groups = [("all", scores), *scores.groupby("distortion", sort=True)]
    return pd.concat([correlation.layers(part, distance).assign(distortion=kind) for kind, part in groups], ignore_index=True)
