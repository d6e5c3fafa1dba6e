"""How often the printed 95 % intervals hold what they should: references drawn from real scores, the whole set as the truth."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd

from fmiqa_core.data import scores as containers
from fmiqa_core.stats import resamples

METHODS = (
    "dinov1_l2",
    "clip_vitb32_l2",
    "clip_vitb32_cos",
    "embed_dinov1_cos",
    "fsim",
    "psnr",
    "lpips",
    "stlpips_alex",
    "dists",
    "deep_wsd_vgg",
)
LEVELS = ("srcc", "srcc_byref", "plcc", "krcc", "plcc_fit4")
DIFFERENCES = ("srcc", "srcc_byref")


def drawn(scores: containers.Scores, count: int, rng: np.random.Generator) -> containers.Scores:
    """`count` references with their images; with replacement, as references of their own, where they are most of them all."""
    members = {ref: np.flatnonzero(scores.refs == ref) for ref in dict.fromkeys(scores.refs)}
    names = list(members)
    chosen = rng.choice(len(names), count, replace=2 * count > len(names))
    rows = np.concatenate([members[names[i]] for i in chosen])
    refs = np.repeat([f"{i}" for i in range(count)], [len(members[names[i]]) for i in chosen])
    images = scores.images.iloc[rows].assign(ref=refs).reset_index(drop=True)
    return replace(scores, images=images, values=scores.values[:, rows])


def simulate(dataset: str, count: int, worlds: int, levels=LEVELS, differences=DIFFERENCES, seed: int = 0) -> pd.DataFrame:
    """A row for each kind of interval: dataset, refs, kind, of (how many intervals), mean and least coverage over METHODS.

    Differences are of all pairs of METHODS.
    """
    scores = containers.of_release(dataset).only(METHODS)
    a, b = (list(side) for side in zip(*combinations(range(len(METHODS)), 2), strict=True))
    truth = resamples.groups(scores, count=2)[0]
    rng, inside = np.random.default_rng(seed), {}
    for world in range(worlds):
        group = resamples.groups(drawn(scores, count, rng), count=300, seed=world)[0]
        for name in levels:
            low, high = group.interval(name, 100 if name == "plcc_fit4" else None)
            inside.setdefault(name, []).append((low <= truth.point(name)) & (truth.point(name) <= high))
        for name in differences:
            gap = group.difference(name, a, b)
            real = truth.point(name)[a] - truth.point(name)[b]
            inside.setdefault(f"difference of {name}", []).append((gap["low"] <= real) & (real <= gap["high"]))
    rows = [
        {"dataset": dataset, "refs": count, "kind": kind, "of": len(found[0]), "worlds": worlds}
        | {"mean": np.mean(found), "least": np.mean(found, axis=0).min()}
        for kind, found in inside.items()
    ]
    return pd.DataFrame(rows)
