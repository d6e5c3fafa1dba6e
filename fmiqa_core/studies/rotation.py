"""Why does a rotation by 1 degree raise some metrics on TID2013? What real LIVE images can say about it.

Three numbers for each image: its distance, its distance after the rotation, and the floor: the distance of the
reference to its own rotated copy. If rotation only added the floor, order within a reference could not change.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from ..data import datasets
from ..errors import InputError
from ..files import paths
from ..stats import bootstrap, correlation
from . import live_5refs

DISTANCES = ("l2", "cos", "embed_cos")


def path() -> Path:
    return paths.data() / "live_5refs" / "rotation.csv"


def read() -> pd.DataFrame:
    """The committed scores: ref, dis, distortion, mos (DMOS), and clean_, rotated_, floor_ of each of DISTANCES."""
    if not path().is_file():
        raise InputError(f"No {path()}: take it from the checkout again, or make it with fmiqa_core.studies.rotation.write.")
    return pd.read_csv(path())


def write(out: Path, root: str | None = None) -> Path:
    """Score the LIVE images that are here clean, rotated, and each reference against its rotated self; about 5 minutes.

    `out` keeps the unit files of the scoring. Backbone dinov2_vits14, protocol paper, fp32.
    """
    from ..scoring.run import score_dataset

    live = datasets.load("live", root, partial=True)
    refs = live.table.drop_duplicates("ref")
    floors = replace(live, table=refs.assign(dis=refs["ref"]).reset_index(drop=True))
    out = Path(out)
    table = live.table[["ref", "dis", "distortion", "mos"]].copy()
    for name, dataset, perturbation, key in (
        ("clean", live, "none", "dis"),
        ("rotated", live, "rot", "dis"),
        ("floor", floors, "rot", "ref"),
    ):
        scores = score_dataset(dataset, out / name, distances=DISTANCES, perturbation=perturbation).set_index(key)
        for distance in DISTANCES:
            table[f"{name}_{distance}"] = table[key].map(scores[f"score_{distance}"])
    live_5refs.store(table, path())
    return path()


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """SRCC with interval of each distance: clean, rotated, clean + floor, rotated - floor; pooled and mean by reference.

    `share`: median of (rotated - clean) / floor, 1 where rotation simply adds its floor; `share_srcc`: its rank
    correlation with DMOS (negative: the more distorted, the less rotation adds).
    """
    rows = []
    for distance in DISTANCES:
        clean, rotated, floor = (table[f"{name}_{distance}"] for name in ("clean", "rotated", "floor"))
        share = (rotated - clean) / floor
        variants = {"clean": clean, "rotated": rotated, "clean + floor": clean + floor, "rotated - floor": rotated - floor}
        for name, score in variants.items():
            found = bootstrap.interval(correlation.srcc, -score, -table["mos"], table["ref"], 1000)
            inside = [correlation.srcc(-score[g.index], -g["mos"]) for _, g in table.groupby("ref")]
            rows.append(
                {
                    "distance": distance,
                    "scores": name,
                    "n": found.n,
                    "refs": found.clusters,
                    "srcc": found.value,
                    "low": found.low,
                    "high": found.high,
                    "srcc_byref": sum(inside) / len(inside),
                    "share": share.median(),
                    "share_srcc": float(correlation.srcc(share, table["mos"])),
                }
            )
    return pd.DataFrame(rows)
