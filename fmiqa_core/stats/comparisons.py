"""The comparisons that the paper's claims rest on: pairs of methods on the same images, clean or perturbed alike.

A row for each pair of a `question`: "final" (a backbone's intermediate features against its final ones, cosine), "backbones"
(DINOv1's intermediate features against every other backbone's, cosine), "others" (each distance of intermediate features
against each metric that is no foundation model's). `stats.claims` makes families of them and reads verdicts from them.
"""

from itertools import product

import pandas as pd

from ..data import methods as known
from . import contrasts, resamples

STRONGEST = "dino_vitb16"  # the backbone that the paper singles out
KEYS = ["dataset", "question", "perturbation", "method", "other", "n", "refs"]
NUMBERS = ["difference", "low", "high", "p"]
COLUMNS = [*KEYS, *NUMBERS, *(f"byref_{name}" for name in NUMBERS)]


def of_group(group: resamples.Group, table: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS of all comparisons that these scores have: SRCC of `method` minus that of `other`, pooled and within references.

    `table`: as of `result_tables.correlations`, a row for each method of `group`, in its order. Compared is what has the same
    perturbation, source and protocol. No p is corrected here: which comparisons are one family depends on what is asked.
    """
    rows = table.assign(name=group.scores.methods["method"].to_numpy())
    out = [pd.DataFrame(columns=COLUMNS)]
    for kind in known.PERTURBATIONS:
        for _, mine in rows[rows["perturbation"] == kind].groupby("source", sort=False):
            pairs = _pairs(mine)
            if pairs.empty:
                continue
            part = contrasts.of_groups([group], zip(pairs["name"], pairs["name_other"], strict=True))
            part = part.assign(perturbation=kind, **{c: pairs[c].to_numpy() for c in ("question", "method", "other")})
            out.append(part[COLUMNS])
    return pd.concat(out[1:] or out, ignore_index=True)


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """question, method, other, name and name_other of every pair among `rows`."""
    ours, cosine = rows["family"] == "foundation", rows["distance"] == "cos"
    inner = ours & (rows["features"] != "embedding")
    by_question = {
        "final": _matched(rows[inner & cosine], rows[ours & ~inner & cosine], same_backbone=True),
        "backbones": _matched(
            rows[inner & cosine & (rows["backbone"] == STRONGEST)], rows[inner & cosine], same_backbone=False
        ),
        "others": [*product(rows.index[inner], rows.index[~ours])],
    }
    found = [(question, *pair) for question, pairs in by_question.items() for pair in pairs]
    out = pd.DataFrame(found, columns=["question", "one", "two"])
    for side, one, two in (("one", "method", "name"), ("two", "other", "name_other")):
        out[[one, two]] = rows.loc[out[side], ["method", "name"]].to_numpy()
    return out


def _matched(some: pd.DataFrame, others: pd.DataFrame, same_backbone: bool) -> list[tuple]:
    """Indices of the pairs of one protocol whose backbones are the same, or are not."""
    return [
        (i, j)
        for (i, a), (j, b) in product(some.iterrows(), others.iterrows())
        if a["protocol"] == b["protocol"] and (a["backbone"] == b["backbone"]) == same_backbone
    ]
