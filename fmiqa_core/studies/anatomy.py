"""What SKLD, JSD and WSD are made of: how much of them is their L2 term, and how much is L2 in another scale."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from .. import protocol
from ..compare import Sides, sides_of
from ..data.dataset import Dataset
from ..data.layouts import LAYOUTS
from ..data.scores import is_rated
from ..distances import DISTANCES, column_distances, l2_weight, squash, w1
from ..files import paths, progress
from ..pair import Pair
from ..stats import bootstrap, correlation, intervals, resamples
from . import live_5refs

WITH_L2 = ("skld", "wsd")
TRUE = "paper+spatial+sample_softmax"  # true windows, softmax over their samples
PROTOCOLS = {"share": protocol.PAPER, "true": protocol.get(TRUE)}
COLUMNS = {  # of the table
    "score_l2": "L2",
    "l2_squashed": "L2, window by window (ln(1 + s))^(1/4)",
    "score_skld": "SKLD",
    "score_jsd": "JSD",
    "score_wsd": "WSD",
}


def path(backbone: str) -> Path:
    return paths.data() / "live_5refs" / f"{backbone}_anatomy.csv"


def dissect(ref: Sides, dis: Sides) -> dict[str, np.ndarray]:
    """`compare.sides_of` in PROTOCOLS of one window, twice -> (1,) each: share_DISTANCE (of the L2 term in the mean over
    columns, in `paper`), true_DISTANCE (the same on true windows), l2_squashed, and the scores of `paper`."""
    out = {}
    for kind, found in PROTOCOLS.items():
        pair = Pair(*ref[found], *dis[found], found)
        for distance in WITH_L2:
            columns = column_distances(pair, distance)
            term = l2_weight(columns) * pair.column_squares
            out[f"{kind}_{distance}"] = term.mean(1) / (columns + term).mean(1)
        if found == protocol.PAPER:
            out["l2_squashed"] = squash(DISTANCES["l2"](pair)[0])
            out |= {f"score_{distance}": DISTANCES[distance](pair)[0] for distance in ("l2", "skld", "jsd", "wsd")}
    return {name: value.cpu().double().numpy() for name, value in out.items()}


def table(data: Dataset, backbone: str, device: str = "auto", precision: str = "fp32") -> pd.DataFrame:
    """`dissect` of every row of `data`, mean over its windows: ref, dis, distortion, mos, quality and what it returns.

    A ViT's: a CNN has no SKLD and WSD in `paper`. `.attrs`: scale, note and cite of `data`.
    """
    import torch

    from .. import images
    from ..features import extractor

    network = extractor(backbone, device, precision)

    def windows_of(name):  # one after the other: what a distorted window derives is dropped before the next
        image = images.to_tensor(images.read(data.folder / name))
        return sides_of(image[None], network, [*PROTOCOLS.values()], each=1)

    rows = []
    bar = progress.bar(desc=f"{data.name} taken apart", unit="image", total=len(data.table))
    with torch.inference_mode(), bar:
        for ref, group in data.table.groupby("ref", sort=False):
            source = list(windows_of(ref))
            for row in group.itertuples():
                bar.update()
                parts = [dissect(*both) for both in zip(source, windows_of(row.dis), strict=True)]
                mean = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
                start = {name: getattr(row, name) for name in ("ref", "dis", "distortion", "mos", "quality")}
                rows.append(start | mean)
    found = pd.DataFrame(rows)
    found.attrs = {"scale": data.scale, "note": data.note, "cite": data.cite}
    return found


def write(backbone: str = "dinov2_vits14", root: str | None = None) -> Path:
    """The table of the 97 LIVE rows into data/live_5refs, fp32 on the CPU; 5 minutes on one core."""
    found = table(live_5refs.rows(root), backbone, "cpu").drop(columns="quality")
    live_5refs.store(found, path(backbone))
    return path(backbone)


def read(backbone: str = "dinov2_vits14") -> pd.DataFrame:
    """What `write` wrote, with `quality` = -DMOS; `.attrs` as of `table`, without a note."""
    found = pd.read_csv(path(backbone))
    found = found.assign(quality=-found["mos"])
    found.attrs = {"scale": LAYOUTS["live"].scale, "cite": LAYOUTS["live"].cite}
    return found


def agreement(found: pd.DataFrame) -> pd.DataFrame:
    """SRCC of each of COLUMNS with `quality` and its interval, pooled and within references, and with L2 and squashed L2.

    Columns: column, label, srcc, low, high, srcc_byref, byref_low, byref_high, with_score_l2, with_l2_squashed.
    """
    found = found[is_rated(found)]
    quality, refs = found["quality"].to_numpy(float), found["ref"].to_numpy()
    inside = bootstrap.within(-found[[*COLUMNS]].to_numpy(float).T, quality, refs, many=False)  # (columns, references)
    mean, draws = resamples.mean(inside), intervals.Draws(inside.T, inside.shape[1], resampled=False)
    rows = []
    for (column, label), *ends in zip(COLUMNS.items(), mean, *intervals.of_level(mean, draws), strict=True):
        one = bootstrap.interval(correlation.srcc, -found[column], quality, refs)
        row = {"column": column, "label": label, "srcc": one.value, "low": one.low, "high": one.high}
        row |= dict(zip(("srcc_byref", "byref_low", "byref_high"), ends, strict=True))
        for other in ("score_l2", "l2_squashed"):
            row[f"with_{other}"] = float(correlation.srcc(found[column], found[other]))
        rows.append(row)
    return pd.DataFrame(rows)


def closed_form_error(pair: Pair, count: int = 200, seed: int = 0) -> float:
    """Largest relative difference of W1's closed form to scipy's wasserstein_distance, both in float64.

    Over `count` columns of a pair, with the softmax over the rows: scipy wants masses that sum to 1.
    """
    p, q = (side.columns[0][:1].cpu().double().softmax(1) for side in (pair.ref, pair.dis))
    chosen = np.random.default_rng(seed).choice(p.shape[2], min(count, p.shape[2]), replace=False)
    p, q = p[..., chosen], q[..., chosen]
    atoms = np.arange(p.shape[1])
    expected = [wasserstein_distance(atoms, atoms, a, b) for a, b in zip(p[0].T.numpy(), q[0].T.numpy(), strict=True)]
    return float(max(abs(w1(p, q)[0].numpy() - expected) / expected))


def swd_noise(pair: Pair, seeds: int = 6) -> np.ndarray:
    """swd of a pair of one window with the directions of each seed: (seeds,)."""
    return np.array([DISTANCES["swd"](pair, seed=seed)[0].item() for seed in range(seeds)])


def monotone(scores: pd.DataFrame) -> pd.DataFrame:
    """Share of the (reference, distortion) sequences whose score rises at every level, by distance and layer.

    Columns: distance, features ("score", "layer 0", ...), rising, sequences. `scores` as from `score_dataset` of a
    dataset with levels.
    """
    ordered = scores.sort_values("level", kind="stable").groupby(["ref", "distortion"])
    rows = []
    for column in (c for c in scores.columns if c.startswith(("score_", "layer_"))):
        kind, rest = column.split("_", 1)
        distance, layer = (rest, "score") if kind == "score" else (rest.rsplit("_", 1)[0], f"layer {rest.rsplit('_', 1)[1]}")
        rising = ordered[column].apply(lambda values: values.is_monotonic_increasing and values.is_unique)
        rows.append({"distance": distance, "features": layer, "rising": int(rising.sum()), "sequences": len(rising)})
    return pd.DataFrame(rows)
