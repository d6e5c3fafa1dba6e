"""Intermediate against final features after a shift, a scaling, a rotation: still ahead, and which of the two loses less."""

import numpy as np
import pandas as pd

from . import intervals, resamples
from .contrasts import PREFIX
from .significance import LEVEL, holm

ENDS = ("low", "high", "p")
KEYS = ["dataset", "method", "other", "perturbation", "n", "refs"]
COLUMNS = [
    *KEYS,
    *(
        f"{prefix}{name}"
        for prefix in PREFIX.values()
        for name in ("clean", "difference", *ENDS, "change", *(f"change_{end}" for end in ENDS))
    ),
]
VERDICTS = ("for", "undecided", "against")


def intermediate_final(group: resamples.Group, table: pd.DataFrame) -> pd.DataFrame:
    """A row for each backbone with cosine of both and perturbation: SRCC of intermediate minus SRCC of final features.

    `table` has a row for each method of `group`, as of `result_tables.correlations`. Columns: COLUMNS: `clean` is the
    difference on clean images, `difference` after the perturbation, `change` their difference, paired; pooled, and with
    `byref_` within references. p is of one comparison: `verdicts` corrects over all that a question is asked of.
    """
    cosine = table[(table["distance"] == "cos") & (table["family"] == "foundation")]
    whose = zip(*(cosine[name] for name in ("backbone", "source", "protocol", "features", "perturbation")), strict=True)
    at = dict(zip(whose, cosine.index, strict=True))
    rows = []
    for *mine, features, kind in at:
        four = [at.get((*mine, side, when)) for when in (kind, "none") for side in ("intermediate", "embedding")]
        if features == "intermediate" and kind != "none" and None not in four:
            rows.append((*table.loc[four[:2], "method"], kind, *four))
    if not rows:
        return pd.DataFrame(columns=COLUMNS)
    methods, others, kinds, one, two, one_clean, two_clean = (list(column) for column in zip(*rows, strict=True))
    scores = group.scores
    out = pd.DataFrame({"dataset": scores.dataset, "method": methods, "other": others, "perturbation": kinds})
    out = out.assign(n=len(scores.images), refs=scores.images["ref"].nunique())
    for name, prefix in PREFIX.items():
        level, draws = group.point(name), group.draws(name)
        after, clean = (level[a] - level[b] for a, b in ((one, two), (one_clean, two_clean)))
        drawn, drawn_clean = draws.minus(one, two), draws.minus(one_clean, two_clean)
        moved = intervals.Draws(drawn.values - drawn_clean.values, draws.clusters, draws.resampled)
        part = intervals.of_difference(after, drawn)
        change = {f"change_{key}": value for key, value in intervals.of_difference(after - clean, moved).items()}
        change["change"] = change.pop("change_difference")
        out = out.assign(**{f"{prefix}{key}": value for key, value in ({"clean": clean} | part | change).items()})
    return out[COLUMNS]


def verdicts(value: pd.Series, p: pd.Series, families: pd.Series | None = None) -> pd.Series:
    """for, undecided or against of each difference `value`, by Holm's correction over all of them; NaN is undecided.

    `families`: what tells several families apart, each corrected by itself.
    """
    corrected = pd.Series(holm(p), p.index) if families is None else p.groupby(families).transform(holm)
    sure = corrected.to_numpy() < LEVEL
    found = np.where(sure & (value > 0), VERDICTS[0], np.where(sure & (value < 0), VERDICTS[2], VERDICTS[1]))
    return pd.Series(found, value.index)
