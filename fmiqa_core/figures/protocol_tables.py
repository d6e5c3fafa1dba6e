"""The tables of notebook 08: what each switch of the protocol changes, as text. Numbers come from `stats.switch_effects`."""

import pandas as pd

from ..data.methods import backbone_label, distance_label
from ..stats import switch_effects
from ..stats.significance import holm
from .cells import change, interval, value
from .own_scores import correlations


def changes(found: pd.DataFrame) -> pd.DataFrame:
    """A row for each comparison of `switch_effects.changes` with backbone; p corrected within a backbone."""
    rows = []
    for backbone, part in found.groupby("backbone", sort=False):
        for (_, row), p in zip(part.iterrows(), holm(part["srcc_p"]), strict=True):
            rows.append(
                {
                    "backbone": backbone_label(backbone),
                    "distance": distance_label(row["distance"]),
                    "switch": f"{row['base']} + {switch_effects.LABELS[row['switch']]}",
                    "SRCC": change(row["srcc_before"], row["srcc_after"]),
                    "change": _change(row, "srcc"),
                    "p (Holm)": value(p),
                    "PLCC": change(row["plcc_before"], row["plcc_after"]),
                    "change of PLCC": _change(row, "plcc"),
                }
            )
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
    return correlations(found, ("backbone", "protocol", "distance", "n", "refs"), ("SRCC", "PLCC raw", "PLCC fitted", "KRCC"))


def clear(found: pd.DataFrame) -> list[str]:
    """Lines: how many changes of SRCC clear their interval for each backbone, and which."""
    lines = []
    for backbone, part in found.groupby("backbone", sort=False):
        some = part[(part["srcc_low"] > 0) | (part["srcc_high"] < 0)]
        lines.append(f"{backbone}: {len(part)} comparisons, {len(some)} of SRCC clear their interval")
        lines += [f"  {row.base} + {row.switch}, {row.distance}: {row.srcc_change:+.3f}" for row in some.itertuples()]
    return lines


def _change(row: pd.Series, statistic: str) -> str:
    return interval(*(row[f"{statistic}_{key}"] for key in ("change", "low", "high")), sign=True)
