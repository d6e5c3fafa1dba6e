"""The tables of notebook 04, as text. Numbers come from `stats.layer_choice`."""

import numpy as np
import pandas as pd

from ..data.methods import backbone_label, distance_label
from ..stats import layer_choice, significance
from .cells import interval, value


def heat(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Protocol -> `layer_choice.layers` with backbone and distance, as the table of `protocols.layer_heat`."""
    found = [
        part.assign(column=part["distance"].map(lambda d, protocol=protocol: f"{distance_label(d)}\n{protocol}"))
        for protocol, part in parts.items()
    ]
    return pd.concat(found, ignore_index=True)


def best_layers(table: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Best layer, sum of layers, final features and the layer chosen on other references, of each backbone and distance.

    `table`: as of `layer_choice.layers`, `chosen`: as of `layer_choice.leave_one_out`, with backbone and distance. What was
    picked on the images that it is judged on has no difference to the final features: that would be no test.
    """
    rows = []
    for (backbone, distance), group in table.groupby(["backbone", "distance"], sort=False):
        best, final = top(group), part(group, "final")
        about = {"backbone": backbone_label(backbone), "distance": distance_label(distance)}
        size = {"n": final["n"], "references": final["refs"]}
        for row in (best, part(group, "sum of layers"), final):
            picked, tested = row["features"].startswith("layer"), row["features"] == "sum of layers"
            shown = {
                "features": f"best here, {row['features']}" if picked else row["features"],
                "SRCC": interval(row["srcc"], row["low"], row["high"]),
                "SRCC within references": interval(row["srcc_byref"], row["byref_low"], row["byref_high"]),
                "minus final": _minus_final(row) if tested else "",
                "minus final, within": _minus_final(row, "byref_") if tested else "",
            }
            rows.append(about | shown | size)
        mine = of(chosen, backbone, distance)
        if len(mine):
            shown = {"features": "chosen elsewhere", "SRCC": "", "SRCC within references": value(mine["chosen"].mean())}
            rows.append(about | shown | {"minus final": "", "minus final, within": _gap(mine)} | size)
    return pd.DataFrame(rows)


def in_words(table: pd.DataFrame, chosen: pd.DataFrame) -> list[str]:
    """Lines for each backbone and distance of `best_layers`: what was not picked here, against the final features.

    Verdicts follow Holm's correction over all that is tested.
    """
    found = []
    for (backbone, distance), group in table.groupby(["backbone", "distance"], sort=False):
        total, mine = part(group, "sum of layers"), of(chosen, backbone, distance)
        for words, start in (("sum of layers, pooled SRCC", ""), ("sum of layers, SRCC within references", "byref_")):
            about = f"{backbone} {distance}, {words}"
            found.append((about, _minus_final(total, start), total[f"{start}minus_final_p"]))
        if len(mine):
            about = f"{backbone} {distance}, layer chosen elsewhere, SRCC within references"
            found.append((about, _gap(mine), layer_choice.mean_gap(mine)["p"]))
    adjusted = significance.holm([p for *_, p in found])
    tests = int(np.isfinite(adjusted).sum())
    lines = [f"Minus final features; verdicts after Holm's correction over {tests} tests:"]
    for (about, gap, p), holm in zip(found, adjusted, strict=True):
        verdict = "no test" if np.isnan(holm) else "a difference" if holm < significance.LEVEL else "undecided"
        lines.append(f"{about}: {gap}, p {value(p)}, {verdict}")
    return lines


def choice(chosen: pd.DataFrame) -> pd.DataFrame:
    """Means over references of `layer_choice.leave_one_out`, with backbone and distance; at least one row."""
    rows = []
    for (backbone, distance), group in chosen.groupby(["backbone", "distance"], sort=False):
        mean = group[["chosen", "sum", "final", "best"]].mean()
        rows.append(
            {
                "backbone": backbone_label(backbone),
                "distance": distance_label(distance),
                "layers chosen": ", ".join(map(str, group["layer"])),
                "chosen": value(mean["chosen"]),
                "sum of layers": value(mean["sum"]),
                "final": value(mean["final"]),
                "best there": value(mean["best"]),
                **{f"chosen - {other}": _gap(group, other) for other in ("final", "sum")},
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
                "sum - final, within": _minus_final(total, "byref_"),
            }
        )
    return pd.DataFrame(rows)


def top(group: pd.DataFrame) -> pd.Series:
    """The layer with the highest SRCC; the first where none has one."""
    layers = group[group["features"].str.startswith("layer")]
    return layers.loc[layers["srcc"].fillna(-2).idxmax()]


def part(group: pd.DataFrame, features: str) -> pd.Series:
    return group[group["features"] == features].iloc[0]


def of(chosen: pd.DataFrame, backbone: str, distance: str) -> pd.DataFrame:
    """The rows of one backbone and distance."""
    return chosen[(chosen["backbone"] == backbone) & (chosen["distance"] == distance)]


def _minus_final(row: pd.Series, start: str = "") -> str:
    return interval(*(row[f"{start}minus_final{end}"] for end in ("", "_low", "_high")), sign=True)


def _gap(chosen: pd.DataFrame, other: str = "final") -> str:
    gap = layer_choice.mean_gap(chosen, other)
    return interval(gap["difference"], gap["low"], gap["high"], sign=True)
