"""Tables of distortion types, of `stats.results.Results`: within each type, each metric, and people beside them."""

import pandas as pd

from ..data import methods as known
from ..data import released_names
from ..files import csv_files
from ..stats import significance
from ..stats.contrasts import PREFIX
from ..stats.results import Results
from . import cells
from .heatmaps import within_says
from .tables import label


def types(found: Results, dataset: str, methods=None, statistic: str = "srcc") -> tuple[pd.DataFrame, pd.Series]:
    """The statistic of `methods` (rows, by label) within each distortion type (columns, by code), and n of each type."""
    methods = methods or found.main
    table = found.read("by_type").query("dataset == @dataset and perturbation == 'none'")
    table = table[table["method"].isin(methods)]
    codes = list(dict.fromkeys(table["distortion"]))
    wide = table.pivot(index="method", columns="distortion", values=statistic)[codes]
    wide = wide.loc[[m for m in methods if m in wide.index]]
    wide.index = [label(found, m) for m in wide.index]
    return wide, table.groupby("distortion")["n"].first()[wide.columns]


def type_cells(found: Results, dataset: str, statistic: str = "srcc") -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cells, marks and numbers of the table of `types`: best and second of each type are marked."""
    wide = types(found, dataset, statistic=statistic)[0].rename_axis("method").reset_index()
    shown = wide.copy()
    for column in shown.columns[1:]:
        shown[column] = ["–" if pd.isna(v) else f"{v:.3f}" for v in wide[column]]
    if dataset == "live" or dataset not in released_names.TYPES:  # TID2013 has too many, PIPAL's codes say no more
        shown = shown.rename(columns={code: type_name(dataset, code) for code in shown.columns[1:]})
    marks = pd.DataFrame("", index=shown.index, columns=shown.columns)
    for column, code in zip(shown.columns[1:], wide.columns[1:], strict=True):
        rank = wide[code].round(3).rank(ascending=False, method="min")
        marks.loc[rank == 1, column] = "best"
        marks.loc[rank == rank[rank > 1].min(), column] = "second"
    return shown, marks, wide


def type_name(dataset: str, code: str) -> str:
    """What the distortion `code` of `dataset` is in words: itself where no list says more."""
    return released_names.TYPES.get(dataset, {}).get(code, code)


def within(found: Results, dataset: str) -> bool:
    """Whether SRCC within references and types says more than that a type's levels are told apart."""
    return within_says(found.read("by_type").query("dataset == @dataset"))


def type_rows(found: Results, dataset: str, methods=None) -> pd.DataFrame:
    """Numbers of `heatmaps.type_map`, a row per method and distortion type: SRCC pooled and within references, n, refs."""
    table = found.read("by_type").query("dataset == @dataset and perturbation == 'none'")
    methods = methods or found.main
    table = table[table["method"].isin(methods)]
    place = {code: i for i, code in enumerate(dict.fromkeys(table["distortion"]))}
    rows = table.assign(
        label=[label(found, m) for m in table["method"]], type=[type_name(dataset, code) for code in table["distortion"]]
    ).sort_values(["method", "distortion"], key=lambda c: c.map(list(methods).index if c.name == "method" else place))
    values = [f"{name}{end}" for name in PREFIX for end in ("", "_low", "_high")]
    return rows[["dataset", "method", "label", "distortion", "type", "n", "refs", *values]].reset_index(drop=True)


def gaps(found: Results, rival: str) -> pd.DataFrame:
    """Type by type: foundation metrics named beforehand minus `rival`, paired, pooled and within references.

    The rows of type_gaps against `rival`, with type (in words), label and verdict and byref_verdict: ahead, behind, undecided.
    """
    table = found.read("type_gaps")
    table = table[table["other"] == rival].copy()
    words = [type_name(d, code) for d, code in zip(table["dataset"], table["distortion"], strict=True)]
    coded = table["dataset"].str.startswith("tid")  # the codes are in use there
    table["type"] = [f"{code} {w}" if c else w for c, code, w in zip(coded, table["distortion"], words, strict=True)]
    table["label"] = [label(found, m) for m in table["method"]]
    for start in PREFIX.values():
        sure = table[f"{start}p_holm"] < significance.LEVEL
        side = (table[f"{start}difference"] > 0).map({True: "ahead", False: "behind"})
        table[f"{start}verdict"] = side.where(sure, "undecided")
    return table.reset_index(drop=True)


def gap_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Of `gaps` the rows that are decided pooled or within references, in cells; * where it is (Holm, 5 %)."""
    sure = (table["verdict"] != "undecided") | (table["byref_verdict"] != "undecided")
    rows = table[sure].sort_values(["dataset", "difference"], kind="stable")
    out = rows[["dataset", "type", "label", "n"]].rename(columns={"label": "method"})
    for start, name in (("", "pooled"), ("byref_", "within references")):
        numbers = zip(*(rows[f"{start}{end}"] for end in ("difference", "low", "high", "verdict")), strict=True)
        out[name] = [cells.interval(v, low, high, sign=True) + "*" * (word != "undecided") for v, low, high, word in numbers]
    return out.reset_index(drop=True)


def people(found: Results) -> pd.DataFrame:
    """Numbers of `people.by_type`: type by type people with people, the best metric and the best foundation metric.

    Best is picked by the other panel's scores, and judged by the dataset's own: not by the noise that picked it.
    Columns: dataset, distortion, type, who, method, label, n, refs, SRCC pooled and within references with intervals, and
    gap (people minus the method, pooled) with gap_low, gap_high and gap_p_holm over the types.
    """
    table = found.read("panel_by_type")
    rows = []
    for (dataset, code), mine in table[table["distortion"] != "all"].groupby(["dataset", "distortion"], sort=False):
        metrics = mine[mine["method"] != "people_panel"]
        foundation = metrics["method"].map(lambda m: known.describe(m.partition("[")[0]).family == "foundation")
        people_ = mine[mine["method"] == "people_panel"]
        parts = {"people": people_, "metric": _best(metrics), "foundation metric": _best(metrics[foundation])}
        for who, part in parts.items():
            named = type_name(dataset, code)
            rows.append(part.assign(type=named, who=who, label=[_who(found, m) for m in part["method"]]))
    values = [f"{name}{end}" for name in PREFIX for end in ("", "_low", "_high")]
    columns = ["dataset", "distortion", "type", "who", "method", "label", "n", "refs", *values]
    columns += ["gap", "gap_low", "gap_high", "gap_p_holm"]
    if not rows:
        return pd.DataFrame(columns=columns)
    out = pd.concat(rows, ignore_index=True)
    out["gap_p_holm"] = out.groupby(["dataset", "who"])["gap_p"].transform(significance.holm)
    return csv_files.stored(out[columns])


def people_cells(table: pd.DataFrame) -> pd.DataFrame:
    """Of `people` a row for each type: pooled SRCC with its interval of each; * where it is not people's (Holm, 5 %)."""
    out = []
    for (code, kind), mine in table.groupby(["distortion", "type"], sort=False):
        row = {"type": f"{code} {kind}", "n": mine["n"].iloc[0]}
        for one in mine.itertuples():
            if one.who != "people":
                row[f"best {one.who}"] = one.label
            sure = one.who != "people" and one.gap_p_holm < significance.LEVEL
            row[f"{one.who} SRCC"] = cells.interval(one.srcc, one.srcc_low, one.srcc_high) + "*" * sure
        out.append(row)
    return pd.DataFrame(out)


def _best(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[[table["other_srcc"].idxmax()]] if table["other_srcc"].notna().any() else table.head(0)


def _who(found: Results, method: str) -> str:
    return "people" if method == "people_panel" else label(found, method)
