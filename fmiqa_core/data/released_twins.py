"""Which images of the datasets are one image under several names, as the authors' released scores tell.

Two images of one reference are the same where every deterministic method of the release gives them the same score, bit
for bit, clean and perturbed. Not deterministic there: SWD (random directions), and the networks that were left in
training mode (ConvNeXt, EfficientNet).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ..files import paths
from . import scores as containers
from . import twins
from .released_names import DATASETS

RANDOM_BACKBONES = ("openclip_convnext_base_w", "tecoa4_convnext_base_w", "efficientnet")
RANDOM_DISTANCES = ("swd",)


def find(scores: containers.Scores) -> pd.DataFrame:
    """The rows of twins.csv of one dataset, from all of its released scores."""
    names, images = scores.methods, scores.images
    fixed = ~names["backbone"].isin(RANDOM_BACKBONES) & ~names["distance"].isin(RANDOM_DISTANCES)
    values = np.ascontiguousarray(scores.values[fixed.to_numpy()].T)  # (images, methods)
    groups: dict[tuple, list[int]] = {}
    for i, (ref, row) in enumerate(zip(scores.refs, values, strict=True)):
        groups.setdefault((ref, row.tobytes()), []).append(i)
    dis, mos = images["dis"].astype(str), images["mos"]
    rows = [
        (scores.dataset, ref, dis[first], mos[first], dis[other], mos[other])
        for (ref, _), (first, *others) in groups.items()
        for other in others
    ]
    return pd.DataFrame(rows, columns=["dataset", "ref", "dis", "mos", "twin", "twin_mos"])


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """twins.csv anew, from the table of `released.load`."""
    parts = [find(containers.of_release(dataset, None, scores)) for dataset in DATASETS]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def write(scores: pd.DataFrame) -> Path:
    """Write the package's twins.csv from the table of `released.load`."""
    with paths.atomic(twins.FILE) as temporary:
        table(scores).to_csv(temporary, index=False, lineterminator="\n")
    twins.read.cache_clear()
    return twins.FILE


def lines(found: pd.DataFrame) -> str:
    """What `fmiqa released` prints: images under several names by dataset, in PIPAL by pair of codes too."""
    out = []
    for dataset, mine in found.groupby("dataset", sort=False):
        rows, groups = len(mine) + mine["dis"].nunique(), mine["dis"].nunique()
        out.append(f"{dataset}: {rows} rows are {groups} images under several names, one image by all deterministic scores")
        codes = [mine[column].str.extract(r"_(\d\d_\d\d)\.", expand=False) for column in ("dis", "twin")]
        for (a, b), pair in mine.groupby(codes, sort=False):
            means = f"{pair['mos'].mean():.0f} and {pair['twin_mos'].mean():.0f}"
            out.append(f"{dataset}: code {a} = {b} for {len(pair)} references, mean human scores {means}")
    same = found.reset_index(drop=True).equals(twins.read())
    out.append(f"{'as' if same else 'NOT as'} in {twins.FILE.relative_to(twins.FILE.parents[2]).as_posix()}")
    return "\n".join(out)
