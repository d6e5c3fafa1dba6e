"""What notebook 03 shows of a run: its points, and its correlations as text."""

from collections.abc import Sequence

import pandas as pd

from ..data import words
from ..data.methods import backbone_label, distance_label
from .cells import interval

SHOWN = ("l2", "cos", "embed_cos")  # that every backbone has
STATISTICS = {
    "srcc": "SRCC",
    "srcc_byref": "SRCC within references",
    "plcc": "PLCC raw",
    "plcc_fitted": "PLCC fitted",
    "krcc": "KRCC",
}


def points(tables: dict[str, pd.DataFrame], distances: Sequence[str] = SHOWN) -> pd.DataFrame:
    """Backbone -> scores as the table of `plots.against_quality`: a row for each rated image, backbone and distance."""
    human = words.column(next(iter(tables.values())))
    found = [
        table[["distortion"]].assign(backbone=name, distance=d, x=table[human].astype(float), score=table[f"score_{d}"])
        for name, table in tables.items()
        for d in distances
    ]
    return pd.concat(found).dropna(subset="x")


def correlations(found: pd.DataFrame, about: Sequence[str] = ("backbone", "distance", "n", "refs")) -> pd.DataFrame:
    """A row for each one of `switch_effects.levels` with backbone: the columns `about`, and STATISTICS with their intervals."""
    shown = found[[*about]].copy()
    shown["backbone"], shown["distance"] = shown["backbone"].map(backbone_label), shown["distance"].map(distance_label)
    for name, heading in STATISTICS.items():
        ends = found[[name, f"{name}_low", f"{name}_high"]].itertuples(index=False)
        shown[heading] = [interval(*one) for one in ends]
    return shown
