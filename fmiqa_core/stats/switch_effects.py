"""What each switch of the protocol is worth: change of SRCC and PLCC, paired, with intervals clustered by reference."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from .. import protocol as protocols
from ..data import methods
from ..data import scores as containers
from . import agreement, bootstrap, contrasts, resamples
from .resamples import FEWEST

FUNCTIONS = {"srcc": "", "srcc_byref": "byref_", "plcc": "plcc_"}  # statistic -> its prefix in `contrasts`
LEVELS = ("srcc", "srcc_byref", "plcc", "plcc_fitted", "krcc")
TOGETHER = "all together"  # `corrected` against `paper`
LABELS = {  # switch -> as a row of a figure
    "normalise": "normalise",
    "even_windows": "even windows",
    "spatial": "spatial windows",
    "sample_softmax": "softmax over samples",
    "spatial, sample_softmax": "spatial + softmax",
    "whole_tokens": "whole tokens",
    "channel_cosine": "channel cosine",
    "class_embedding": "class embedding",
    TOGETHER: TOGETHER,
    "no_l2_term": "no L2 term",
    "patch_tokens": "patch tokens only",
    "class_token": "class token only",
}


def step(name: str, known: Iterable[str]) -> tuple[str, str] | None:
    """(what the protocol `name` switches on, the protocol that it is compared with): `paper`, or the part before the last +.

    A distance that `paper` cannot have (skld of a CNN) is compared with `paper+spatial`. None for the bases.
    """
    base, *added = name.split("+")
    if not added:
        return (TOGETHER, "paper") if base == "corrected" and "paper" in known else None
    if base == "corrected" or "paper" in known:
        return ", ".join(added), base
    return (", ".join(added[1:]), f"paper+{added[0]}") if len(added) > 1 else None


def changes(tables: dict[str, pd.DataFrame], by: str | None = None, count: int = bootstrap.RESAMPLES) -> pd.DataFrame:
    """Every protocol of `tables` (protocol -> scores, the same rows) against the one that it changes, by distance.

    Columns: group ("all", or a distortion), distance, switch, base, protocol, n, refs, and of srcc (pooled), srcc_byref (mean
    within references) and plcc (raw): `_before`, `_after`, `_change`, `_low`, `_high`, `_p` of the paired difference
    (`contrasts.contrast`), and `_p_holm`, Holm's over all rows of a group; NaN of a group with fewer than FEWEST images.
    """
    scores = containers.join([containers.of_protocol(table, name) for name, table in tables.items()])
    rows = scores.methods
    at = {(row["protocol"], row["distance"], row["features"]): row["method"] for _, row in rows.iterrows()}
    found = []
    for _, row in rows.iterrows():
        known = {protocol for protocol, *what in at if what == [row["distance"], row["features"]]}
        change = step(row["protocol"], known)
        if change is None or change[1] not in known:
            continue
        distance = methods.of_column(row["features"], row["distance"])
        about = {"distance": distance, "switch": change[0], "base": change[1], "protocol": row["protocol"]}
        found.append((about, row["method"], at[change[1], row["distance"], row["features"]]))
    pairs = [(after, before) for _, after, before in found]
    groups = resamples.groups(scores, by, count)[by is not None :]
    gaps = contrasts.of_groups(groups, pairs, FUNCTIONS)
    values = agreement.of_groups(groups, statistics=FUNCTIONS).set_index(["group", "method"])
    out = []
    for group, part in gaps.groupby("group", sort=True):
        for (about, after, before), (_, gap) in zip(found, part.iterrows(), strict=True):
            row = {"group": group, **about, "n": gap["n"], "refs": gap["refs"]}
            for name, start in FUNCTIONS.items():
                row |= {f"{name}_before": values.loc[(group, before), name], f"{name}_after": values.loc[(group, after), name]}
                row |= {f"{name}_change": gap[f"{start}difference"]}
                row |= {f"{name}_{key}": gap[f"{start}{key}"] for key in ("low", "high", "p", "p_holm")}
            out.append(row)
    out = pd.DataFrame(out)
    numbers = [column for column in out if column.startswith(tuple(f"{name}_" for name in FUNCTIONS))]
    out.loc[out["n"] < FEWEST, numbers] = np.nan
    return out


def each(statistic: Callable, tables: dict[str, dict[str, pd.DataFrame]], *options) -> pd.DataFrame:
    """`changes` or `levels` for each backbone of `tables` (backbone -> protocol -> scores), with the column backbone."""
    found = [statistic(some, *options).assign(backbone=name) for name, some in tables.items()]
    return pd.concat(found, ignore_index=True)


def levels(tables: dict[str, pd.DataFrame], names: Iterable[str] = ("paper", "corrected")) -> pd.DataFrame:
    """`agreement` of each distance in the protocols `names`; `distance` as in a column of scores.

    Columns: group, distance, n, refs, LEVELS with `_low` and `_high`, protocol. `plcc_fitted`: after the 4-parameter logistic.
    """
    found = []
    for name in names:
        scores = containers.of_protocol(tables[name], name)
        some = ("srcc", "srcc_byref", "plcc", "plcc_fit4", "krcc")
        part = agreement.agreement(scores, fits_count=bootstrap.FIT_RESAMPLES, statistics=some)
        part["distance"] = [*map(methods.of_column, part["features"], part["distance"])]
        part.columns = [column.replace("plcc_fit4", "plcc_fitted") for column in part]
        numbers = [f"{statistic}{end}" for statistic in LEVELS for end in ("", "_low", "_high")]
        found.append(part[["group", "distance", "n", "refs", *numbers]].assign(protocol=name))
    return pd.concat(found, ignore_index=True)


def order(found: pd.DataFrame) -> list[str]:
    """The switches of `changes` in the order of LABELS."""
    return [name for name in LABELS if name in set(found["switch"])]


def quirk(switch: str) -> bool:
    """Whether `switch` undoes what the code did not mean (in `corrected`), or is a choice."""
    return all(one in protocols.QUIRKS for one in switch.split(", ")) or switch == TOGETHER
