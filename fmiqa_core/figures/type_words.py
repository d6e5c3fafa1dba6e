"""Sentences on distortion types and on what people agree on, of `stats.results.Results`: each number from a table."""

from collections.abc import Iterator

import pandas as pd

from ..stats import significance
from ..stats.results import Results
from .tables import label

NAMES = {"srcc": "pooled", "srcc_byref": "within references, mean"}
HIGH = 0.95


def sizes(found: Results) -> Iterator[str]:
    """How many images of a type a reference has, and how high SRCC within references is in the cells of the main methods."""
    table = found.read("by_type").query("perturbation == 'none'")
    for dataset, mine in table[table["method"].isin(found.main)].groupby("dataset", sort=False):
        each, values = mine["n"] / mine["refs"], mine["srcc_byref"]
        yield (
            f"{found.titles[dataset]}: {each.min():.0f} to {each.max():.0f} images of a type in each reference; SRCC within "
            f"references, mean: {values.median():.2f} in the median cell, {HIGH} or more in {(values >= HIGH).mean():.0%}"
        )


def gaps(found: Results, table: pd.DataFrame, rival: str) -> Iterator[str]:
    """Of `type_tables.gaps` in how many types each metric is ahead of `rival`, behind it, or undecided."""
    for (dataset, name), mine in table.groupby(["dataset", "label"], sort=False):
        for column, statistic in (("verdict", "pooled"), ("byref_verdict", "within references, mean")):
            counts = ", ".join(f"{word} {(mine[column] == word).sum()}" for word in ("ahead", "behind", "undecided"))
            yield f"{found.titles[dataset]}, {name} against {label(found, rival)}, {statistic}: {counts} of {len(mine)} types"


def people(found: Results, table: pd.DataFrame) -> Iterator[str]:
    """Of `type_tables.people` where people agree least, and where they are ahead of the best metrics."""
    for dataset, mine in table.groupby("dataset", sort=False):
        parts = {who: part.set_index("type") for who, part in mine.groupby("who")}
        least = parts["people"]["srcc"].nsmallest(3)
        worst = ", ".join(f"{kind} ({v:.2f})" for kind, v in least.items())
        yield f"{found.titles[dataset]}: people agree least, by SRCC, which also falls where images differ little, on {worst}"
        for who in ("metric", "foundation metric"):
            part = parts.get(who, mine.head(0))
            sure = part[(part["gap_p_holm"] < significance.LEVEL) & (part["gap"] > 0)].sort_values("gap", ascending=False)
            rows = sure[["gap", "gap_low", "gap_high"]].itertuples()
            named = ", ".join(f"{kind} {gap:+.2f} [{low:+.2f}, {high:+.2f}]" for kind, gap, low, high in rows)
            behind = int(((part["gap_p_holm"] < significance.LEVEL) & (part["gap"] < 0)).sum())
            yield (
                f"people ahead of the best {who}, pooled, in {len(sure)} of {len(part)} types{': ' * bool(named)}{named}; "
                f"behind it in {behind}; undecided in {len(part) - len(sure) - behind}"
            )


def twins(found: Results) -> Iterator[str]:
    """What a perfect metric would reach by images that stand in a dataset twice, and what leaving them out changes."""
    ceilings = found.read("ceilings").query("kind == 'twins'").set_index(["dataset", "statistic"])
    without = found.read("without_twins")
    for dataset, mine in without[without["method"].isin(found.main)].groupby("dataset", sort=False):
        noise, *reached = (ceilings.loc[(dataset, name)] for name in ("noise_sd", "plcc", "srcc", "srcc_byref"))
        values = [f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" for row in reached]
        yield (
            f"{found.titles[dataset]}, complete: noise of sd {noise['value']:.1f} [{noise['low']:.1f}, {noise['high']:.1f}] "
            f"({noise['n']} names); a perfect metric reaches PLCC {values[0]}, SRCC {values[1]} pooled and "
            f"{values[2]} within references"
        )
        n, left = mine["n"].iloc[0], mine["n_without"].iloc[0]
        for name, words in NAMES.items():
            change = mine[f"{name}_without"] - mine[name]
            at = change.abs().idxmax()
            first = [label(found, mine.loc[mine[column].idxmax(), "method"]) for column in (name, f"{name}_without")]
            yield (
                f"  without {n - left} of {n} images, SRCC {words}: largest change of {len(mine)} methods {change[at]:+.3f} "
                f"({label(found, mine.loc[at, 'method'])}); first with them {first[0]}, without {first[1]}"
            )
