"""The tables of notebook 04, as text. Numbers come from `stats.layer_choice`."""

import pandas as pd

from ..data.methods import backbone_label, distance_label
from ..stats import layer_choice
from .cells import interval, value


def heat(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Protocol -> `layer_choice.layers` with backbone and distance, as the table of `protocols.layer_heat`."""
    found = [
        part.assign(column=part["distance"].map(lambda d, protocol=protocol: f"{distance_label(d)}\n{protocol}"))
        for protocol, part in parts.items()
    ]
    return pd.concat(found, ignore_index=True)


def best_layers(table: pd.DataFrame) -> pd.DataFrame:
    """Best layer, sum of layers and final features of each backbone and distance.

    `table`: as of `layer_choice.layers`, with backbone and distance.
    """
    rows = []
    for (backbone, distance), group in table.groupby(["backbone", "distance"], sort=False):
        for row in (top(group), part(group, "sum of layers"), part(group, "final")):
            features, is_final = row["features"], row["features"] == "final"
            rows.append(
                {
                    "backbone": backbone_label(backbone),
                    "distance": distance_label(distance),
                    "features": f"best, {features}" if features.startswith("layer") else features,
                    "SRCC": interval(row["srcc"], row["low"], row["high"]),
                    "minus final": "" if is_final else _minus_final(row),
                    "n": row["n"],
                    "references": row["refs"],
                }
            )
    return pd.DataFrame(rows)


def in_words(table: pd.DataFrame) -> list[str]:
    """A line for each backbone and distance of `best_layers`."""
    lines = []
    for (backbone, distance), group in table.groupby(["backbone", "distance"], sort=False):
        best, final = top(group), part(group, "final")
        lines.append(
            f"{backbone} {distance}: best {best['features']} {value(best['srcc'])}, final {value(final['srcc'])}, "
            f"difference {_minus_final(best)}"
        )
    return lines


def choice(chosen: pd.DataFrame) -> pd.DataFrame:
    """Means over references of `layer_choice.leave_one_out`, with backbone and distance; at least one row."""
    rows = []
    for (backbone, distance), group in chosen.groupby(["backbone", "distance"], sort=False):
        mean = group[["chosen", "sum", "final", "best"]].mean()
        gaps = {other: layer_choice.mean_gap(group, other) for other in ("final", "sum")}
        rows.append(
            {
                "backbone": backbone_label(backbone),
                "distance": distance_label(distance),
                "layers chosen": ", ".join(map(str, group["layer"])),
                "chosen": value(mean["chosen"]),
                "sum of layers": value(mean["sum"]),
                "final": value(mean["final"]),
                "best there": value(mean["best"]),
                **{f"chosen - {other}": interval(gap.value, gap.low, gap.high) for other, gap in gaps.items()},
            }
        )
    return pd.DataFrame(rows)


def by_type(typed: pd.DataFrame) -> pd.DataFrame:
    """A row for each backbone, distance and distortion of `layer_choice.by_type`; a dash where there are too few images."""
    rows = []
    for (backbone, distance, kind), group in typed.groupby(["backbone", "distance", "distortion"], sort=False):
        best, total, final = top(group), part(group, "sum of layers"), part(group, "final")
        number = f"{best['features'].removeprefix('layer ')}: " if pd.notna(best["srcc"]) else ""
        rows.append(
            {
                "backbone": backbone_label(backbone),
                "distance": distance_label(distance),
                "distortion": kind,
                "n": best["n"],
                "best layer": number + value(best["srcc"]),
                "sum": value(total["srcc"]),
                "final": value(final["srcc"]),
                "sum - final": _minus_final(total),
            }
        )
    return pd.DataFrame(rows)


def top(group: pd.DataFrame) -> pd.Series:
    """The layer with the highest SRCC; the first where none has one."""
    layers = group[group["features"].str.startswith("layer")]
    return layers.loc[layers["srcc"].fillna(-2).idxmax()]


def part(group: pd.DataFrame, features: str) -> pd.Series:
    return group[group["features"] == features].iloc[0]


def _minus_final(row: pd.Series) -> str:
    return interval(row["minus_final"], row["minus_final_low"], row["minus_final_high"], sign=True)
