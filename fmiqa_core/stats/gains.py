"""What a shift, a scaling and a rotation change in SRCC, with all distortion types and with each one left out.

Whether a change hangs on one type: its share is what of the change goes when it is left out. And where that type stands among
the images of its reference, by people and by the method, clean and perturbed.
"""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from . import bootstrap, correlation, intervals, resamples

ALL = "nothing"  # is left out
PLACES = ["people", "placed_clean", "placed"]
COLUMNS = ["dataset", "method", "perturbation", "without", "n", "refs", "change"]
COLUMNS += ["byref_change", "byref_low", "byref_high", "byref_p", *PLACES]


def gains(group: resamples.Group, table: pd.DataFrame) -> pd.DataFrame:
    """A row for each method, perturbation and type left out (`without`, first ALL): SRCC perturbed minus clean.

    `table` has a row for each method of `group`: method, perturbation. Columns: COLUMNS; `change` pooled, `byref_` within
    references (mean), with its interval over references and the paired t test. people, placed_clean, placed: where the images
    of the type stand among those of their reference on average, 0 worst, 1 best. Without rows where no method is both clean
    and perturbed, or where there is one type.
    """
    at = {key: i for i, key in enumerate(zip(table["method"], table["perturbation"], strict=True))}
    moved = [(*key, i, at[key[0], "none"]) for key, i in at.items() if key[1] != "none" and (key[0], "none") in at]
    kinds = group.scores.images["distortion"].astype(str).to_numpy()
    if not moved or len(set(kinds)) < 2:
        return pd.DataFrame(columns=COLUMNS)
    names, perturbations, after, before = (list(column) for column in zip(*moved, strict=True))
    places = _places(np.vstack([group.scores.quality, group.scores.values]), group.scores.refs)
    out = []
    for without in (ALL, *dict.fromkeys(kinds)):
        scores = group.scores if without == ALL else group.scores.where(kinds != without)
        n = len(scores.images)
        if n < resamples.FEWEST:
            continue
        pooled = correlation.srcc(scores.values.T, scores.quality)
        inside = bootstrap.within(scores.values, scores.quality, scores.refs, group.compiled)
        level, refs = resamples.mean(inside), inside.shape[1]
        draws = intervals.Draws(inside.T, refs, resampled=False).minus(after, before)
        if refs == n:  # no two images of one scene
            draws = intervals.Draws(np.full_like(draws.values, np.nan), refs, resampled=False)
        found = intervals.of_difference(level[after] - level[before], draws)
        part = {"dataset": scores.dataset, "method": names, "perturbation": perturbations, "without": without, "n": n}
        part |= {"refs": refs, "change": pooled[after] - pooled[before], "byref_change": found["difference"]}
        part |= {f"byref_{name}": found[name] for name in ("low", "high", "p")}
        people, *placed = places[:, kinds == without].mean(axis=1) if without != ALL else np.full(len(places), np.nan)
        placed = np.array(placed)
        out.append(pd.DataFrame(part | {"people": people, "placed_clean": placed[before], "placed": placed[after]}))
    order = {key: i for i, key in enumerate(zip(names, perturbations, strict=True))}
    out = pd.concat(out, ignore_index=True)
    place = [order[key] for key in zip(out["method"], out["perturbation"], strict=True)]
    return out.iloc[np.argsort(place, kind="stable")][COLUMNS].reset_index(drop=True)


def _places(values: np.ndarray, refs: np.ndarray) -> np.ndarray:
    """The rank of each image among those of its reference, from 0 to 1: (K, n)."""
    out = np.empty(values.shape)
    for ref in dict.fromkeys(refs):
        mine = refs == ref
        out[:, mine] = (rankdata(values[:, mine], axis=1) - 0.5) / mine.sum()
    return out


def hangs_on(table: pd.DataFrame, value: str = "byref_change") -> pd.DataFrame:
    """A row for each dataset, method and perturbation of `gains`: on which type the change `value` hangs most.

    Columns: dataset, method, perturbation, change (all types), type (without which the most of it goes), without (the change
    without it), share (what goes, of the change; above 1 where the sign turns), where that type stands (people, placed_clean,
    placed), and low, high, p of `byref_change`.
    """
    keys = ["dataset", "method", "perturbation"]
    whole = table[table["without"] == ALL].set_index(keys)
    rest = table[table["without"] != ALL].copy()
    change = whole[value].reindex(pd.MultiIndex.from_frame(rest[keys])).to_numpy()
    rest = rest.assign(change=change, share=(change - rest[value]) / change).rename(columns={"without": "type"})
    rest["without"] = rest[value]
    most = rest[rest["share"].notna()].sort_values("share", ascending=False, kind="stable").drop_duplicates(keys)
    ends = {name: whole[f"byref_{name}"] for name in ("low", "high", "p")} if value == "byref_change" else {}
    out = most.set_index(keys)[["change", "type", "without", "share", *PLACES]].assign(**ends)
    return out.reindex(whole.index.intersection(out.index)).reset_index()
