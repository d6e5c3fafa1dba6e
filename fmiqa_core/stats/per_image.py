"""Image by image: own scores against the authors' released ones of the same method, dataset and perturbation."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ..data import causes
from ..data import methods as known
from ..data.scores import Scores
from . import correlation
from .resamples import FEWEST

NAMED = 3  # images that differ most, by name
COLUMNS = [
    *("dataset", "method", "label", "family", "protocol", "perturbation", "n", "unit", "median", "largest", "srcc", "images"),
    "cause",
]


def of_scores(scores: Scores) -> pd.DataFrame:
    """A row, of COLUMNS, for each own method that has a released twin, on the images that both have. Single layers have none.

    n images; median and largest difference in `unit` (dB; of 1, for similarities that are 1 at best; relative to the larger
    of the two); srcc between the two; images: those that differ most; cause: where it is known.
    """
    return pd.DataFrame([_row(scores.dataset, *pair) for pair in _pairs(scores)], columns=COLUMNS)


def of_table(table: pd.DataFrame) -> pd.DataFrame:
    """As `of_scores`, from a row per image: dataset, method, perturbation, dis, own, released (as the method defines them)."""
    rows = []
    for (dataset, method, kind), mine in table.groupby(["dataset", "method", "perturbation"], sort=False):
        both = mine["own"].to_numpy(float), mine["released"].to_numpy(float)
        rows.append(_row(dataset, method, "", kind, mine["dis"].to_numpy(str), *both))
    return pd.DataFrame(rows, columns=COLUMNS)


def rows(scores: Scores) -> pd.DataFrame:
    """What `of_table` takes, of `scores`: a row per image, method and perturbation."""
    parts = [
        pd.DataFrame({"method": name, "perturbation": kind, "dis": dis, "own": own, "released": released})
        for name, _, kind, dis, own, released in _pairs(scores)
    ]
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "dataset", scores.dataset)
    return table


def differences(method: str, own: np.ndarray, released: np.ndarray) -> np.ndarray:
    """How far two values of `method` lie apart on each image (n,), in its unit (`methods.unit`); 0 where they are equal."""
    apart = np.abs(own - released)
    if known.unit(method) != "relative":
        return apart
    larger = np.maximum(np.abs(own), np.abs(released))
    return np.divide(apart, larger, out=np.zeros_like(apart), where=larger > 0)


def _pairs(scores: Scores) -> Iterator[tuple]:
    """method, protocol, perturbation, dis, own, released of each own method with a released one, as it defines its values."""
    methods = scores.methods.assign(name=[known.canonical(m.partition("[")[0]) for m in scores.methods["method"]])
    theirs = methods[methods["source"] == "released"]
    at = {key: i for i, key in zip(theirs.index, zip(theirs["name"], theirs["perturbation"], strict=True), strict=True)}
    dis = scores.images["dis"].to_numpy(str)
    for i, row in methods[methods["source"] == "own"].iterrows():
        twin = at.get((row["name"], row["perturbation"]))
        if twin is not None:
            both = (known.as_defined(row["name"], scores.values[j]) for j in (i, twin))
            yield row["name"], row["protocol"], row["perturbation"], dis, *both


def _row(dataset: str, method: str, protocol: str, perturbation: str, dis, own, released) -> dict:
    apart = differences(method, own, released)
    largest, found = float(apart.max()), known.describe(method)
    return {
        "dataset": dataset,
        "method": found.name,
        "label": found.label if protocol in ("", "paper") else f"{found.label} ({protocol})",
        "family": found.family,
        "protocol": protocol,
        "perturbation": perturbation,
        "n": len(apart),
        "unit": known.unit(method),
        "median": float(np.median(apart)),
        "largest": largest,
        "srcc": float(correlation.srcc(own, released)) if len(apart) >= FEWEST else np.nan,
        "images": ", ".join(dis[np.argsort(-apart, kind="stable")[:NAMED]]),
        "cause": causes.of(method, protocol, largest),
    }
