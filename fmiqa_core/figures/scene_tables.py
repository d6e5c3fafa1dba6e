"""Tables of notebook 05 on what was asked: within a scene or across scenes, by whom, and who leads; from `Results`."""

import numpy as np
import pandas as pd

from ..stats.contrasts import PREFIX
from ..stats.results import Results
from ..stats.shares import PEOPLE
from .tables import label, points

CEILINGS = {"panel": "people, second panel", "twins": "people, images twice"}


def with_people(found: Results, numbers: pd.DataFrame) -> pd.DataFrame:
    """`numbers` as of `tables.points`, and where it is known a row for what people agree on among themselves.

    Such rows have the family "people", the method `people_panel` or `people_twins`, and of SRCC pooled and within
    references value, low and high.
    """
    table, rows = found.tables.get("ceilings"), {}
    for _, one in table.iterrows() if table is not None else ():
        if one["dataset"] not in found.titles or one["statistic"] not in PREFIX:
            continue
        named = {"method": f"people_{one['kind']}", "label": CEILINGS.get(one["kind"], one["kind"]), "family": PEOPLE}
        row = rows.setdefault((one["dataset"], one["kind"]), {"dataset": one["dataset"], **named})
        ends = {f"{one['statistic']}{end}": one[column] for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))}
        row |= {"n": one["n"], "refs": one["refs"], **ends}
    return pd.concat([numbers, pd.DataFrame(list(rows.values()))], ignore_index=True) if rows else numbers


def ranked(found: Results) -> pd.DataFrame:
    """The main methods, with `rank` (pooled) and `byref_rank` (within references) among all of a dataset; people too."""
    ranks = found.read("leaders")[["dataset", "method", "rank", "byref_rank"]]
    return with_people(found, points(found, found.main).merge(ranks, how="left", on=["dataset", "method"]))


def shares(found: Results) -> pd.DataFrame:
    """All methods on clean images, and people: how much of their scores stands between references, and what pooling costs.

    Columns: dataset, method, label, family, n, refs, srcc, srcc_byref, loss (SRCC within references minus pooled), between and
    between_ranks (shares of the variance of scores and ranks).
    """
    numbers = points(found)[["dataset", "method", "label", "family", "srcc", "srcc_byref"]]
    out = found.read("shares").merge(numbers, how="left", on=["dataset", "method"])
    people = out["method"] == PEOPLE
    out.loc[people, ["label", "family"]] = PEOPLE
    out = out.assign(loss=out["srcc_byref"] - out["srcc"])
    columns = ["dataset", "method", "label", "family", "n", "refs", "srcc", "srcc_byref", "loss", "between", "between_ranks"]
    return out[columns]


def leaders(found: Results, least: float = 0.01):
    """Cells and numbers: the methods that are first in at least this share of the resamples, pooled or within references."""
    numbers = found.read("leaders")
    numbers = numbers[(numbers["first"] >= least) | (numbers["byref_first"] >= least)].copy()
    place = {d: i for i, d in enumerate(found.titles)}
    numbers.insert(2, "label", [label(found, m) for m in numbers["method"]])
    numbers = numbers.sort_values(["first", "byref_first"], ascending=False, kind="stable")
    numbers = numbers.sort_values("dataset", key=lambda c: c.map(place), kind="stable").reset_index(drop=True)
    cells = pd.DataFrame({"Dataset": numbers["dataset"].map(found.titles), "Metric": numbers["label"]})
    for prefix, name in (("", "pooled"), ("byref_", "within")):
        cells[f"rank {name}"] = [f"{rank:.0f}" for rank in numbers[f"{prefix}rank"]]
        cells[f"first {name}"] = [f"{share:.0%}" for share in numbers[f"{prefix}first"]]
    return cells, numbers


def complements(found: Results):
    """Cells and numbers of what two metrics say beyond each other; empty where the two are not there."""
    numbers = found.read("complements")
    said = {
        "given": "{0}, given {1}: partial SRCC",
        "average": "average of {0} and {1}: SRCC",
        "gain": "average minus {0} alone",
        "best single": "best single metric ({0}): SRCC",
        "best pair": "best average of two ({0}, {1}): SRCC",
        "best single, picked": "best single metric of one half of the references ({0}), on the other half: SRCC",
        "best pair, picked": "best average of two of that half ({0}, {1}), on the other half: SRCC",
        "gain, picked": "the one minus the other there",
    }
    names = [[label(found, m) if isinstance(m, str) and m else "" for m in numbers[side]] for side in ("method", "other")]
    lines = [said[what].format(a, b) for what, a, b in zip(numbers["what"], *names, strict=True)]
    table = pd.DataFrame({"dataset": numbers["dataset"], "line": lines, "column": numbers["statistic"]})
    table["cell"] = [_cell(row) for _, row in numbers.iterrows()]
    rows = list(dict.fromkeys(zip(table["dataset"], table["line"], strict=True)))
    cell = {(row.dataset, row.line, row.column): row.cell for row in table.itertuples()}
    cells = pd.DataFrame({"Dataset": [found.titles[d] for d, _ in rows], "what": [line for _, line in rows]})
    for statistic, name in (("srcc", "pooled"), ("srcc_byref", "within")):
        cells[name] = [cell.get((*row, statistic), "–") for row in rows]
    return cells, numbers


def _cell(row: pd.Series) -> str:
    if np.isnan(row["value"]):
        return "–"
    change = row["what"].startswith("gain")
    p = row["p_holm"] if np.isfinite(row["p_holm"]) else row["p"]
    value, low, high = (f"{row[k]:{'+' * change}.3f}" for k in ("value", "low", "high"))
    sure = "" if not change or not np.isfinite(p) else " (undecided)" if not p < 0.05 else ""
    return f"{value} [{low}, {high}]{sure}"
