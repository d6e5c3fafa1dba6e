"""Tables of notebook 06, of `stats.results.Results`: what is left after a perturbation, what changes, and what it hangs on.

Both statistics everywhere: SRCC pooled over all images, and its mean within references.
"""

import pandas as pd

from ..data import methods as known
from ..data.layouts import title
from ..files import csv_files
from ..stats import gains, significance
from ..stats.results import Results
from .tables import PERTURBATIONS, points
from .type_tables import type_name

STATISTICS = {"": "pooled", "byref_": "within references"}
ENDS = ("low", "high")


def absolute(found: Results, methods=None) -> pd.DataFrame:
    """Numbers of `heatmaps.absolute`: SRCC on clean and on perturbed images, pooled and within references, with intervals."""
    rows = [points(found, methods or found.main, kind) for kind in known.PERTURBATIONS]
    columns = [f"{name}{end}" for name in ("srcc", "srcc_byref") for end in ("", "_low", "_high")]
    return pd.concat(rows, ignore_index=True)[["dataset", "method", "label", "perturbation", "n", "refs", *columns]]


def changes(found: Results, methods=None) -> pd.DataFrame:
    """Numbers of `robustness.changes`: `changes.csv` of `methods` (None: the main ones), in their order, with labels."""
    methods = list(methods or found.main)
    table = found.read("changes")
    table = table[table["method"].isin(methods)].merge(points(found)[["dataset", "method", "label"]], on=["dataset", "method"])
    return table.sort_values("method", key=lambda c: c.map(methods.index), kind="stable").reset_index(drop=True)


def robustness(found: Results, methods=None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cells, marks and numbers: SRCC clean and its change under each perturbation, a row pooled and a row within references.

    * where the change is beyond noise (Holm over the methods of a perturbation); best and second of what is left are marked.
    """
    numbers = changes(found, methods)
    labels = dict(zip(numbers["method"], numbers["label"], strict=True))
    rows = [(method, prefix) for method in labels for prefix in STATISTICS]
    cells = pd.DataFrame({"Method": [labels[m] for m, _ in rows], "SRCC": [STATISTICS[prefix] for _, prefix in rows]})
    marks = pd.DataFrame("", index=cells.index, columns=cells.columns)
    for dataset, name in found.titles.items() if len(numbers) else ():
        mine = numbers[numbers["dataset"] == dataset]
        clean = mine.drop_duplicates("method").set_index("method").reindex(labels)
        cells[f"{name} clean"] = [_value(clean.loc[m, f"{prefix}clean"]) for m, prefix in rows]
        marks[f"{name} clean"] = ""
        for kind, text in PERTURBATIONS.items():
            part = mine[mine["perturbation"] == kind].set_index("method").reindex(labels)
            column = f"{name} {text}"
            cells[column] = [_change(part.loc[m, f"{prefix}change"], part.loc[m, f"{prefix}p_holm"]) for m, prefix in rows]
            left = {"": part["srcc"], "byref_": part["srcc_byref"]}
            rank = {prefix: values.rank(ascending=False, method="min") for prefix, values in left.items()}
            marks[column] = [{1: "best", 2: "second"}.get(rank[prefix][m], "") for m, prefix in rows]
    return cells, marks, numbers


def intermediate_final(found: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells and numbers: intermediate minus final after each perturbation and, in brackets, what it changes in that.

    A row for each backbone and statistic; * beyond noise, by Holm over all comparisons of a statistic (of the difference
    itself: of a perturbation, too).
    """
    numbers = found.read("perturbed_final").copy()
    for prefix in STATISTICS:
        for name in ("", "change_"):
            p = numbers[f"{prefix}{name}p"]
            families = numbers["perturbation"] if name == "" else numbers["n"] * 0  # as 09 asks it, and as asked here alone
            numbers[f"{prefix}{name}p_holm"] = p.groupby(families).transform(significance.holm)
    at = numbers.set_index(["method", "dataset", "perturbation"])
    rows = [(method, prefix) for method in dict.fromkeys(numbers["method"]) for prefix in STATISTICS]
    labels = points(found).drop_duplicates("method").set_index("method")["label"]
    names = [labels[method].replace(" cosine", "") for method, _ in rows]
    cells = pd.DataFrame({"Backbone": names, "SRCC": [STATISTICS[prefix] for _, prefix in rows]})
    for dataset, name in found.titles.items():
        for kind, text in PERTURBATIONS.items():
            column = []
            for method, prefix in rows:
                row = at.loc[(method, dataset, kind)] if (method, dataset, kind) in at.index else None
                ends = (("difference", "p_holm"), ("change", "change_p_holm"))
                parts = [] if row is None else [_change(row[f"{prefix}{a}"], row[f"{prefix}{b}"]) for a, b in ends]
                column.append("{} ({})".format(*parts) if parts else "–")
            cells[f"{name} {text}"] = column
    return cells, numbers


def hang(found: Results, family: str = "foundation") -> pd.DataFrame:
    """A row for each method of `family`, dataset and perturbation: change within references, and the type it hangs on most.

    Columns: those of `gains.hangs_on`, label, p_holm (as in `changes.csv`), type_name.
    """
    table = found.read("gains")
    of = points(found)[["dataset", "method", "label", "family"]]
    table = gains.hangs_on(table).merge(of, on=["dataset", "method"]) if len(table) else pd.DataFrame()
    if table.empty:
        return table
    holm = found.read("changes")[["dataset", "method", "perturbation", "byref_p_holm"]].rename(
        columns={"byref_p_holm": "p_holm"}
    )
    table = table[table["family"] == family].merge(holm, on=["dataset", "method", "perturbation"], how="left")
    return table.assign(type_name=[type_name(d, code) for d, code in zip(table["dataset"], table["type"], strict=True)])


def rising(hanging: pd.DataFrame) -> pd.DataFrame:
    """Of `hang`, a row for each dataset and perturbation: how many rise and fall beyond noise, and on what the rise hangs."""
    rows = []
    for (dataset, kind), group in hanging.groupby(["dataset", "perturbation"], sort=False) if len(hanging) else ():
        sure = group["p_holm"] < significance.LEVEL
        up = group[sure & (group["change"] > 0)]
        row = {"dataset": dataset, "perturbation": kind, "methods": len(group), "rise": len(up)}
        row |= {"fall": int((sure & (group["change"] < 0)).sum())}
        if len(up):
            most = up["type"].mode().iloc[0]
            row |= {"type": most, "type_name": type_name(dataset, most), "hang_on_it": int((up["type"] == most).sum())}
            row |= {"change": up["change"].median(), "without": up["without"].median()}
            row |= {f"share_{name}": getattr(up["share"], name)() for name in ("min", "median", "max")}
            row |= up.loc[up["type"] == most, gains.PLACES].median().to_dict()
        rows.append(row)
    return pd.DataFrame(rows)


def rising_cells(numbers: pd.DataFrame) -> pd.DataFrame:
    """`rising` to print."""
    out = pd.DataFrame({"Dataset": [title(name) for name in numbers["dataset"]]})
    out["Perturbation"] = [PERTURBATIONS.get(kind, kind) for kind in numbers["perturbation"]]
    out["Rise"] = [f"{row.rise} of {row.methods}" for row in numbers.itertuples()]
    out["Fall"] = [f"{row.fall} of {row.methods}" for row in numbers.itertuples()]
    there = numbers["rise"] > 0
    if not there.any():
        return out
    some = list(zip(there, numbers.itertuples(), strict=True))
    out["Hangs most on"] = [f"{row.type_name} ({row.hang_on_it:.0f} of {row.rise})" if yes else "–" for yes, row in some]
    out["Median rise"] = [f"{row.change:+.3f}" if yes else "–" for yes, row in some]
    out["... without that type"] = [f"{row.without:+.3f}" if yes else "–" for yes, row in some]
    ends = [(row.share_min, row.share_median, row.share_max) for row in numbers.itertuples()]
    out["Share of that type"] = [
        "{1:.0%} ({0:.0%} to {2:.0%})".format(*e) if yes else "–" for yes, e in zip(there, ends, strict=True)
    ]
    out["It stands at: people"] = [f"{row.people:.2f}" if yes else "–" for yes, row in some]
    out["... metrics, clean → moved"] = [f"{row.placed_clean:.2f} → {row.placed:.2f}" if yes else "–" for yes, row in some]
    return out


def rotation(found: Results, blocks: pd.DataFrame, methods, types: dict[str, str]) -> pd.DataFrame:
    """Numbers of `robustness.rotation`: rows of methods on each dataset of `types`, then rows of LIVE images.

    `types`: dataset -> the type that is left out beside nothing; `blocks`: as of `studies.local_blocks.shares`.
    """
    table = found.read("gains").query("perturbation == 'rot'")
    rows = []
    for dataset, code in types.items():
        mine = table[(table["dataset"] == dataset) & table["method"].isin(methods)]
        rest = mine[mine["without"] == code].set_index("method")["byref_change"]
        part = mine[mine["without"] == gains.ALL].drop(columns=["without", "change", "byref_p", *gains.PLACES])
        part = part.assign(without=part["method"].map(rest), type=type_name(dataset, code))
        rows.append(part.sort_values("method", key=lambda c: c.map(list(methods).index)))
    table = pd.concat(rows, ignore_index=True)
    table.insert(2, "label", [known.describe(method).label for method in table["method"]])
    return csv_files.stored(pd.concat([table, blocks.assign(dataset="live")], ignore_index=True))


def _value(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def _change(value: float, p: float) -> str:
    return "–" if pd.isna(value) else f"{value:+.3f}{'*' * bool(p < significance.LEVEL)}"
