"""The tables of notebook 08: what each switch of the protocol changes, as text. Numbers come from `stats.switch_effects`."""

import pandas as pd

from ..data.methods import backbone_label, distance_label
from ..stats import significance, switch_effects
from .cells import change, interval, value
from .own_scores import correlations

STATISTICS = {"srcc": "SRCC", "srcc_byref": "SRCC within references", "plcc": "PLCC"}  # of `switch_effects.FUNCTIONS`


def changes(found: pd.DataFrame) -> pd.DataFrame:
    """A row for each comparison of `switch_effects.changes` with backbone; `p (Holm)` is over those of a backbone."""
    rows = []
    for _, row in found.iterrows():
        shown = {
            "backbone": backbone_label(row["backbone"]),
            "distance": distance_label(row["distance"]),
            "switch": f"{row['base']} + {switch_effects.LABELS[row['switch']]}",
            "SRCC": change(row["srcc_before"], row["srcc_after"]),
        }
        for statistic, name in STATISTICS.items():
            shown[f"change of {name}"] = _change(row, statistic)
            shown |= {f"p, {name}": value(row[f"{statistic}_p"]), f"p (Holm), {name}": value(row[f"{statistic}_p_holm"])}
        rows.append(shown)
    return pd.DataFrame(rows)


def short(found: pd.DataFrame, human: str) -> pd.DataFrame:
    """The same of one backbone, without PLCC and p."""
    return pd.DataFrame(
        {
            "distance": found["distance"].map(distance_label),
            "switch": found["switch"].map(switch_effects.LABELS),
            f"SRCC with {human}": [change(*ends) for ends in zip(found["srcc_before"], found["srcc_after"], strict=True)],
            "change": [_change(row, "srcc") for _, row in found.iterrows()],
        }
    )


def levels(found: pd.DataFrame) -> pd.DataFrame:
    """A row for each backbone, protocol and distance of `switch_effects.levels` with backbone."""
    return correlations(found, ("backbone", "protocol", "distance", "n", "refs"))


def survivors(found: pd.DataFrame) -> list[str]:
    """Lines for each backbone and statistic: how many changes Holm's correction over all of them leaves, and which."""
    lines = []
    for backbone, part in found.groupby("backbone", sort=False):
        for statistic, name in STATISTICS.items():
            alone, left = (part[part[f"{statistic}_{p}"] < significance.LEVEL] for p in ("p", "p_holm"))
            tested = int(part[f"{statistic}_p"].notna().sum())
            lines.append(
                f"{backbone}, {name}: {tested} of {len(part)} changes tested, {len(alone)} with p < {significance.LEVEL} "
                f"taken alone, {len(left)} after Holm's correction over all; the others are undecided"
            )
            for _, row in left.iterrows():
                lines.append(f"  {row['base']} + {row['switch']}, {row['distance']}: {_change(row, statistic)}")
    return lines


def _change(row: pd.Series, statistic: str) -> str:
    return interval(*(row[f"{statistic}_{key}"] for key in ("change", "low", "high")), sign=True)
