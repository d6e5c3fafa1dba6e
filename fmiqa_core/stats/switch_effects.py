"""What each switch of the protocol is worth: change of SRCC and PLCC, paired, with intervals clustered by reference."""

from collections.abc import Iterable

import pandas as pd

from .. import protocol as protocols
from . import correlation
from .significance import difference

FUNCTIONS = {"srcc": correlation.srcc, "plcc": correlation.plcc}
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


def changes(tables: dict[str, pd.DataFrame], by: str | None = None, count: int = correlation.RESAMPLES) -> pd.DataFrame:
    """Every protocol of `tables` (protocol -> scores, the same rows) against the one that it changes, by distance.

    Columns: group ("all", or a distortion), distance, switch, base, protocol, n, refs, and of srcc and plcc (raw):
    `_before`, `_after`, `_change`, `_low`, `_high`, `_p` of the paired difference.
    """
    frame = _joined(tables)
    rows = []
    for group, part in [("all", frame)] if by is None else frame.groupby(by, sort=True):
        columns = [c for c in frame.columns if "/score_" in c]
        values = -part[columns].to_numpy(float)
        point, samples = {}, {}
        for name, function in FUNCTIONS.items():
            point[name] = dict(zip(columns, function(values, part["quality"].to_numpy(float)), strict=True))
            resampled = correlation.bootstrap(function, values, part["quality"].to_numpy(float), part["ref"].to_numpy(), count)
            samples[name] = dict(zip(columns, resampled.T, strict=True))
        for column in columns:
            protocol, distance = column.split("/score_")
            known = {c.split("/")[0] for c in columns if c.endswith(f"/score_{distance}")}
            found = step(protocol, known)
            if found is None or (found[1] not in known):
                continue
            before = f"{found[1]}/score_{distance}"
            row = {"group": group, "distance": distance, "switch": found[0], "base": found[1], "protocol": protocol}
            row |= {"n": len(part), "refs": part["ref"].nunique()}
            for name in FUNCTIONS:
                gap = point[name][column] - point[name][before]
                apart = difference(samples[name][column], samples[name][before], gap)
                row |= {f"{name}_before": point[name][before], f"{name}_after": point[name][column]}
                row |= {f"{name}_change": gap} | {f"{name}_{key}": apart[key] for key in ("low", "high", "p")}
            rows.append(row)
    return pd.DataFrame(rows)


def levels(tables: dict[str, pd.DataFrame], names: Iterable[str] = ("paper", "corrected")) -> pd.DataFrame:
    """SRCC and PLCC, raw and fitted, of each distance in the protocols `names`, with intervals: as `correlation.table`."""
    parts = [correlation.table(tables[name]).assign(protocol=name) for name in names]
    return pd.concat(parts, ignore_index=True)


def order(found: pd.DataFrame) -> list[str]:
    """The switches of `changes` in the order of LABELS."""
    return [name for name in LABELS if name in set(found["switch"])]


def quirk(switch: str) -> bool:
    """Whether `switch` undoes what the code did not mean (in `corrected`), or is a choice."""
    return all(one in protocols.QUIRKS for one in switch.split(", ")) or switch == TOGETHER


def _joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per image: ref, dis, distortion, quality and PROTOCOL/score_DISTANCE."""
    keys = ["ref", "dis", "distortion", "quality"]
    out = next(iter(tables.values()))[keys]
    for name, table in tables.items():
        scores = table[["ref", "dis", *(c for c in table if c.startswith("score_"))]]
        scores = scores.rename(columns=lambda c, name=name: f"{name}/{c}" if c.startswith("score_") else c)
        out = out.merge(scores, on=["ref", "dis"], how="left", validate="one_to_one")
    return out
