"""What notebook 06 says in numbers: sentences about `stats.results.Results`, each with its statistic and its test."""

import numpy as np
import pandas as pd

from ..data.layouts import title
from ..stats import claims, intervals, perturbed, significance, verdicts
from ..stats.results import Results
from .robustness_tables import STATISTICS
from .tables import PERTURBATIONS, points

NONE = "These scores are of clean images only: nothing has changed."


def of_family(found: Results, family: str = "foundation") -> pd.DataFrame:
    """`changes.csv` of the methods of one family, in the order of datasets and perturbations."""
    table = found.read("changes")
    if table.empty:
        return table
    of = points(found)[["dataset", "method", "label", "family"]]
    return table.merge(of[of["family"] == family], on=["dataset", "method"])


def moved(found: Results) -> list[str]:
    """How many foundation metrics rise and fall beyond noise, by dataset and perturbation."""
    lines = []
    for head, group in _parts(of_family(found)):
        sides = []
        for prefix, name in STATISTICS.items():
            sure = group[f"{prefix}p_holm"] < significance.LEVEL
            up, down = (int((sure & (sign * group[f"{prefix}change"] > 0)).sum()) for sign in (1, -1))
            sides.append(f"{name} {up} rise, {down} fall, {len(group) - up - down} undecided")
        lines.append(f"{head}, {len(group)} foundation metrics: {'; '.join(sides)}")
    return lines or [NONE]


def shifted(found: Results, methods=("dinov1_l2", "clip_vitb32_l2")) -> list[str]:
    """What a shift does to `methods`, and to the median foundation metric, pooled and within references."""
    table = of_family(found).query("perturbation == 'tra'") if len(found.read("changes")) else pd.DataFrame()
    if table.empty:
        return [NONE]
    named = [found.method(name) for name in methods]
    named = [name for name in named if name in set(table["method"])] or [*dict.fromkeys(table["method"])][:2]
    lines = []
    for dataset, group in table.groupby("dataset", sort=False):
        for row in group[group["method"].isin(named)].to_dict("records"):
            sides = [f"{name} {_interval(row, prefix)}" for prefix, name in STATISTICS.items()]
            lines.append(f"{title(dataset)}, 1 % shift, {row['label']}: {'; '.join(sides)}")
        medians = [f"{name} {group[f'{prefix}change'].median():+.3f}" for prefix, name in STATISTICS.items()]
        lines.append(f"{title(dataset)}, 1 % shift, median of {len(group)} foundation metrics: {'; '.join(medians)}")
    return lines


def robust(found: Results, margin: float = intervals.MARGIN) -> list[str]:
    """How many foundation metrics are shown to fall by less than `margin`, and by more, by dataset and perturbation.

    The comparisons and the family are those of the claim in notebook 09.
    """
    table = claims.comparisons(found, "robust", margin=margin)
    if table.empty:
        return [NONE]
    lines = []
    for prefix in STATISTICS:
        table[f"{prefix}outcome"] = verdicts.outcomes(table, prefix)
    for head, group in [*_parts(table), ("All", table)]:
        sides = []
        for prefix, name in STATISTICS.items():
            less, undecided, more = ((group[f"{prefix}outcome"] == side).sum() for side in (1, 0, -1))
            sides.append(f"{name} {less} fall by less than {margin:g}, {more} by more, {undecided} undecided")
        lines.append(f"{head}, {len(group)} comparisons: {'; '.join(sides)}")
    return lines


def intermediate_final(found: Results) -> list[str]:
    """Whether intermediate features lose less than final ones, and are still ahead after the perturbation."""
    table = found.read("perturbed_final")
    if table.empty:
        return ["No backbone has both features, clean and perturbed, in these scores."]
    lines = []
    for name, p, words in (
        ("change", "change_p", ("lose less than final ones", "lose more")),
        ("difference", "p", ("are ahead of final ones after the perturbation", "are behind")),
    ):
        for prefix, statistic in STATISTICS.items():
            found_ = perturbed.verdicts(table[prefix + name], table[prefix + p], table["perturbation"] if p == "p" else None)
            counts = {word: int((found_ == word).sum()) for word in perturbed.VERDICTS}
            lines.append(
                f"{statistic}: of {len(table)} comparisons intermediate features {words[0]} in {counts['for']}, "
                f"{words[1]} in {counts['against']}, undecided {counts['undecided']}"
            )
    return lines


def rising(numbers: pd.DataFrame) -> list[str]:
    """Of `robustness_tables.rising`: what of the rises hangs on one type, within references."""
    lines = []
    for row in numbers.itertuples():
        text = f"{title(row.dataset)}, {PERTURBATIONS.get(row.perturbation, row.perturbation)}, within references: "
        text += f"{row.rise} of {row.methods} foundation metrics rise beyond noise, {row.fall} fall"
        if row.rise:
            text += f"; {row.hang_on_it:.0f} of {row.rise} hang most on {row.type_name}; median rise {row.change:+.3f}, "
            text += f"{row.without:+.3f} without the type that it hangs on (share {row.share_min:.0%} to {row.share_max:.0%}); "
            text += f"people place {row.type_name} at {row.people:.2f} among a scene's images, these metrics at "
            text += f"{row.placed_clean:.2f} clean and {row.placed:.2f} moved"
        lines.append(text)
    return lines or [NONE]


def blocks(summary: pd.DataFrame) -> list[str]:
    """Of `studies.local_blocks.summary`: the shares of the floor, local and global, at equal clean distance."""
    return [
        f"clean distance {row['from']:g} to {row['to']:g}: {row['n']:.0f} local images of {row['refs']:.0f} references "
        f"keep {row['local']:.2f} of the floor, LIVE's own {row['global_']:.2f}; difference {row['difference']:+.2f} "
        f"[{row['low']:+.2f}, {row['high']:+.2f}], p = {row['p']:.2g}"
        for row in summary.to_dict("records")
    ]


def _parts(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """`table` by dataset and perturbation, with what each part is called."""
    if table.empty:
        return []
    groups = table.groupby(["dataset", "perturbation"], sort=False)
    return [(f"{title(dataset)}, {PERTURBATIONS.get(kind, kind)}", group) for (dataset, kind), group in groups]


def _interval(row: dict, prefix: str) -> str:
    change, low, high = (row[f"{prefix}{name}"] for name in ("change", "low", "high"))
    ends = f" [{low:+.3f}, {high:+.3f}]" if np.isfinite([low, high]).all() else ""
    return f"{change:+.3f}{ends}"
