"""Result tables that set metrics beside what people agree on, and against each other within types, for `result_tables`."""

import numpy as np
import pandas as pd

from ..data import methods as known
from ..data import panels, twins
from ..data.published import LAYOUTS
from ..data.scores import Scores
from ..data.told_apart import plain
from . import agreement, ceilings, contrasts, resamples, significance

OURS = ("dino_vitb16_l2", "clip_vitb32_l2")  # named beforehand; of own scores every backbone by L2
RIVALS = ("fsim", "msssim", "psnr", "lpips", "lpips_vgg", "stlpips_alex", "stlpips_vgg", "dists", "deep_wsd_vgg")
BOTH = ("srcc", "srcc_byref")


def tables(whole: resamples.Group, typed: list[resamples.Group]) -> dict[str, pd.DataFrame]:
    """ceilings, panel_by_type, type_gaps and without_twins of one dataset, without rows where there is nothing to say."""
    theirs, dataset = (whole.scores.methods["source"] == "released").all(), whole.scores.dataset
    these = (panels.FIRST, panels.SECOND) if dataset == panels.FIRST else (dataset,)
    found = [ceilings.of(one, whole.count, whole.seed) for one in these] if theirs else [ceilings.known(dataset)]
    return {
        "ceilings": pd.concat([one for one in found if len(one)] or found[:1], ignore_index=True),
        "panel_by_type": panel_by_type(whole),
        "type_gaps": type_gaps(typed),
        "without_twins": without_twins(whole),
    }


def panel_by_type(whole: resamples.Group) -> pd.DataFrame:
    """People with people, and metrics with people, within each type, on the images that TID2013's and TID2008's panels share.

    Columns: dataset, method, distortion ("all" for all types), n, refs, and srcc and srcc_byref with intervals, with the
    dataset's own panel; other_srcc and other_srcc_byref, with the other: what is picked by the one can be judged by the other;
    gap with gap_low, gap_high, gap_p: pooled SRCC of the other panel minus that of the method, paired.
    """
    scores = _clean(whole.scores)
    second = panels.other(scores.dataset, scores.images)
    there = np.isfinite(second)
    columns = ["dataset", "method", "distortion", "n", "refs", *_with_ends(BOTH), *(f"other_{name}" for name in BOTH)]
    columns += ["gap", "gap_low", "gap_high", "gap_p"]
    if there.sum() < resamples.FEWEST:
        return pd.DataFrame(columns=columns)
    person = ceilings.person()
    shared = scores.where(there)
    shared = Scores(
        scores.dataset,
        pd.concat([person, shared.methods], ignore_index=True),
        shared.images,
        np.vstack([second[there], shared.values]),
    )
    groups = resamples.groups(shared, "distortion", whole.count, whole.seed)
    groups = [group for group in groups if len(group.scores.images) >= resamples.FEWEST]
    out = agreement.of_groups(groups, statistics=BOTH).rename(columns={"group": "distortion"})
    others, gaps = [], []
    for group in groups:
        gap = group.difference("srcc", [0] * len(shared.methods), [*range(len(shared.methods))])
        gaps.append(pd.DataFrame(gap).set_axis(columns[-4:], axis=1))
        judged = group.scores.images.assign(quality=group.scores.values[0])
        mirrored = Scores(shared.dataset, shared.methods, judged, group.scores.values.copy())
        mirrored.values[0] = group.scores.quality
        mirror = resamples.Group(group.name, mirrored, group.clusters, 0, 0, group.compiled)
        others.append(np.column_stack([mirror.point(name) for name in BOTH]))
    out[columns[-6:-4]] = np.vstack(others)
    return pd.concat([out, pd.concat(gaps, ignore_index=True)], axis=1)[columns]


def type_gaps(typed: list[resamples.Group]) -> pd.DataFrame:
    """Foundation metrics minus each of RIVALS within each type, paired; Holm over the types and metrics against one rival.

    Columns: dataset, method, other, distortion, n, refs, and those of `contrasts`, pooled and with `byref_`.
    """
    parts = []
    for group in typed:
        if len(group.scores.images) < resamples.FEWEST:
            continue
        ours, rivals = _sides(group.scores.methods)
        pairs = [(a, b) for b in rivals for a in ours]
        if pairs:
            parts.append(contrasts.of_groups([group], pairs).rename(columns={"group": "distortion"}))
    if not parts:
        prefixed = [f"{start}{name}" for start in ("", "byref_") for name in contrasts.COLUMNS]
        return pd.DataFrame(columns=["dataset", "method", "other", "distortion", "n", "refs", *prefixed])
    out = pd.concat(parts, ignore_index=True)
    for start in ("", "byref_"):
        out[f"{start}p_holm"] = out.groupby("b")[f"{start}p"].transform(lambda p: significance.holm(p))
    for side in ("a", "b"):
        out[side] = out[side].map(plain)
    out.insert(1, "method", out.pop("a"))
    out.insert(2, "other", out.pop("b"))
    return out


def without_twins(whole: resamples.Group) -> pd.DataFrame:
    """SRCC of each method on clean images, with and without the images that stand in the dataset under several names."""
    scores, table = _clean(whole.scores), twins.read()
    table = table[table["dataset"] == scores.dataset]
    columns = ["dataset", "method", "n", "n_without", *BOTH, *(f"{name}_without" for name in BOTH)]
    if table.empty:
        return pd.DataFrame(columns=columns)
    key = LAYOUTS[scores.dataset].key
    several = {key(name) for name in (*table["dis"], *table["twin"])}
    once = np.array([key(dis) not in several for dis in scores.images["dis"]])
    if once.sum() < resamples.FEWEST:
        return pd.DataFrame(columns=columns)
    out = pd.DataFrame({"dataset": scores.dataset, "method": scores.methods["method"], "n": len(once), "n_without": once.sum()})
    for end, part in (("", scores), ("_without", scores.where(once))):
        group = resamples.Group("all", part, part.refs, 0, 0, whole.compiled)
        out = out.assign(**{f"{name}{end}": group.point(name) for name in BOTH})
    return out[columns]


def _clean(scores: Scores) -> Scores:
    """The methods on clean images, under their plain names."""
    rows = (scores.methods["perturbation"] == "none").to_numpy()
    methods = scores.methods[rows].reset_index(drop=True)
    methods = methods.assign(method=methods["method"].map(plain))
    return Scores(scores.dataset, methods, scores.images, scores.values[rows])


def _sides(methods: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The foundation metrics and the rivals among clean `methods`, as they are called there."""
    clean = methods[methods["perturbation"] == "none"]
    names = clean["method"].map(plain).map(known.canonical)
    own = (clean["source"] == "own") & (clean["family"] == "foundation") & (clean["distance"] == "l2")
    own &= clean["features"] == "intermediate"
    ours = own if own.any() else names.isin(OURS)
    rivals = [name for rival in RIVALS for name in clean.loc[names == rival, "method"]]
    return clean.loc[ours, "method"].tolist(), rivals


def _with_ends(names) -> list[str]:
    return [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
