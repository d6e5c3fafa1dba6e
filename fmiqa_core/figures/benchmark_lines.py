"""What notebook 05 says in sentences, each from a result table: statistic named, test passed, else "undecided"."""

import pandas as pd

from ..stats.contrasts import PREFIX
from ..stats.intervals import MARGIN
from ..stats.results import Results
from ..stats.shares import PEOPLE
from ..stats.significance import LEVEL
from .benchmark import against_best, compared, text
from .scene_tables import shares
from .scenes import correlation
from .tables import label, points

WORDS = {"srcc": "SRCC pooled", "srcc_byref": "SRCC within references"}


def best(found: Results, methods: list[str]) -> list[str]:
    """The best of `methods` on each dataset by each statistic, and who is equivalent to it, or undecided against it."""
    out, numbers = [], points(found, methods)
    for dataset, title in found.titles.items():
        for name, words in WORDS.items():
            mine = numbers[numbers["dataset"] == dataset].dropna(subset=[name])
            if mine.empty:
                continue
            first = mine.loc[mine[name].idxmax()]
            said = against_best(found, dataset, list(mine["method"]), name)
            lists = [", ".join(label(found, m) for m in said if said[m] == word) for word in ("equivalent", "undecided")]
            out.append(f"{title}, {words}: best {first['label']} {text(first, name)}; of the {len(mine) - 1} others")
            out.append(f"    equivalent to it within {MARGIN:g}: {lists[0] or 'none'}; undecided: {lists[1] or 'none'}")
    return out


def decided(found: Results) -> list[str]:
    """How many pairs of all methods are decided, by these tests and by the F-test; and how many turn."""
    out, table = [], found.read("pairs")
    for dataset, title in found.titles.items():
        mine = table[table["dataset"] == dataset]
        sure = {name: mine[f"{prefix}p_holm"] < LEVEL for name, prefix in PREFIX.items()}
        turned = sure["srcc"] & sure["srcc_byref"] & (mine["difference"] * mine["byref_difference"] < 0)
        custom = mine["f_test_p_holm"] < LEVEL
        out.append(
            f"{title}: {len(mine)} pairs; decided by SRCC pooled {sure['srcc'].sum()}, by SRCC within references "
            f"{sure['srcc_byref'].sum()}, by both and in opposite directions {turned.sum()}; by the F-test {custom.sum()}"
        )
    return out


def needed(found: Results) -> list[str]:
    """How many references a difference of the margin would need, in the median over pairs."""
    out, table = [], found.read("pairs")
    for dataset, title in found.titles.items():
        mine = table[table["dataset"] == dataset]
        if mine["refs_needed_for_margin"].notna().any():
            counts = [f"{mine[f'{prefix}refs_needed_for_margin'].median():.0f}" for prefix in PREFIX.values()]
            out.append(
                f"{title} has {mine['refs'].iloc[0]} references; a difference of {mine['margin'].iloc[0]:g} would need (power "
                f"80 %, median over pairs) {counts[0]} by SRCC pooled, {counts[1]} by SRCC within references"
            )
    return out


def asked(found: Results) -> list[str]:
    """Share of people's scores between references, and how the metrics' own shares go with what pooling costs."""
    out, table = [], shares(found)
    for dataset, title in found.titles.items():
        mine = table[table["dataset"] == dataset]
        people, methods = mine[mine["method"] == PEOPLE].iloc[0], mine[mine["method"] != PEOPLE]
        out.append(
            f"{title}: between references lie {people['between']:.2%} of the variance of people's scores, and of the metrics' "
            f"ranks {methods['between_ranks'].min():.1%} to {methods['between_ranks'].max():.1%}; over the {len(methods)} "
            f"metrics that share goes with SRCC within minus pooled: r = {correlation(methods):.2f}"
        )
    return out


def placed(found: Results, method: str, others: list[str], dataset: str) -> list[str]:
    """The rank of `method` among all on `dataset` pooled and within references, and its differences to `others`, tested.

    Names in either spelling; those that are not there are left out, and nothing is said of a method that is not.
    """
    name, there = found.method(method), [m for m in map(found.method, others) if m]
    ranks = found.read("leaders").query("dataset == @dataset and method == @name")
    if ranks.empty:
        return []
    row, count = ranks.iloc[0], (found.read("leaders")["dataset"] == dataset).sum()
    one, title = label(found, name), found.titles[dataset]
    places = f"rank {row['rank']:.0f} of {count} by SRCC pooled, {row['byref_rank']:.0f} by SRCC within references"
    out = [f"{title}: {one} has {places}"]
    for statistic, words in WORDS.items():
        for gap in compared(found, dataset, name, there, statistic).itertuples():
            said = "decided" if gap.p_holm < LEVEL else "undecided"
            interval = f"{gap.difference:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
            out.append(
                f"    {words}, minus {label(found, gap.other)}: {interval}, p = {gap.p:.1g}, {said} (Holm over all pairs)"
            )
    return out


def fits(table: pd.DataFrame) -> list[str]:
    """Of `correlations`: whether the logistic fits converged and rise, and what the fifth parameter gains."""
    gain = table["plcc_fit5"] - table["plcc_fit4"]
    out = [f"{len(table)} files; fits below the raw PLCC: {(table['plcc_fit4'] < table['plcc'] - 1e-6).sum()}"]
    for k in (4, 5):
        done, rising = table[f"fit{k}_converged"].astype(bool), table[f"fit{k}_rising"].astype(bool)
        out.append(f"{k} parameters: {done.sum()} converged, {(~rising).sum()} of the curves do not rise all the way")
    if gain.notna().any():
        row = table.loc[gain.idxmax()]
        rising = "rises all the way" if row["fit5_rising"] else "does not rise all the way"
        out.append(
            f"largest gain of the fifth parameter: {gain.max():.3f} (median {gain.median():.4f}), {row['label']} on "
            f"{row['dataset']}, perturbation {row['perturbation']}; its curve {rising}"
        )
    return out
