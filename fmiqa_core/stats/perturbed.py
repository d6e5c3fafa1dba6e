"""Intermediate against final features after a shift, a scaling, a rotation: still ahead, and which of the two loses less.

And which changes of a single method are shown to be small: robustness is a claim, with a margin and a test of its own.
"""

import numpy as np
import pandas as pd
from scipy import stats

from . import intervals, resamples
from .significance import LEVEL, holm

STATISTICS = (("srcc", ""), ("srcc_byref", "byref_"))
ENDS = ("low", "high", "p")
KEYS = ["dataset", "method", "other", "perturbation", "n", "refs"]
COLUMNS = [
    *KEYS,
    *(
        f"{prefix}{name}"
        for _, prefix in STATISTICS
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
    for name, prefix in STATISTICS:
        level, draws = group.point(name), group.draws(name)
        after, clean = (level[a] - level[b] for a, b in ((one, two), (one_clean, two_clean)))
        drawn, drawn_clean = draws.minus(one, two), draws.minus(one_clean, two_clean)
        moved = intervals.Draws(drawn.values - drawn_clean.values, draws.clusters, draws.resampled)
        part = intervals.of_difference(after, drawn)
        change = {f"change_{key}": value for key, value in intervals.of_difference(after - clean, moved).items()}
        change["change"] = change.pop("change_difference")
        out = out.assign(**{f"{prefix}{key}": value for key, value in ({"clean": clean} | part | change).items()})
    return out[COLUMNS]


def verdicts(value: pd.Series, p: pd.Series) -> pd.Series:
    """for, undecided or against of each difference `value`, by Holm's correction over all of them; NaN is undecided."""
    sure = holm(p) < LEVEL
    found = np.where(sure & (value > 0), VERDICTS[0], np.where(sure & (value < 0), VERDICTS[2], VERDICTS[1]))
    return pd.Series(found, value.index)


def robust(changes: pd.DataFrame, prefix: str = "", margin: float = intervals.MARGIN) -> pd.Series:
    """Of each row of `changes.csv`: is SRCC shown to fall by less than `margin` (for), by more (against), or undecided?

    The one-sided hypothesis is a fall by `margin`, tested by t over references on either side of it, Holm over the rows.
    `prefix`: "" pooled, "byref_" within references.
    """
    change, low, high = (changes[f"{prefix}{name}"].astype(float) for name in ("change", "low", "high"))
    freedom = changes["refs"].astype(float) - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        error = (high - low) / 2 / stats.t.ppf((1 + intervals.CONFIDENCE) / 2, freedom)
        p = 2 * stats.t.sf(np.abs(change + margin) / error, freedom)
    return verdicts(change + margin, pd.Series(p, changes.index))
