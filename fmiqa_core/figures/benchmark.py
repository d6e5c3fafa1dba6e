"""Tables of notebook 05 from `stats.results.Results`: the comparison with its marks, groups, backbones, distances.

Marks and groups rest on `pairs` and its one family: Holm over all pairs of a dataset and statistic. The backbones are a
question of their own, and a family.
"""

import pandas as pd

from ..data import methods as known
from ..stats import significance
from ..stats.claims import of_family
from ..stats.contrasts import PREFIX
from ..stats.intervals import MARGIN
from ..stats.results import Results
from .tables import label, points

NAMES = {"srcc": "SRCC pooled", "srcc_byref": "SRCC within", "plcc": "PLCC raw", "plcc_fit4": "PLCC", "krcc": "KRCC"}
MARKS = (
    "Bold: best, underlined: second of its dataset and column. †: undecided against the best (paired, over references, Holm "
    f"over all pairs of the dataset, 5 %). ‡: undecided, and equivalent to the best within {MARGIN:g} (two one-sided tests, "
    "Holm over the undecided ones)"
)


def comparison(found: Results, methods=None, statistics=("srcc", "srcc_byref", "plcc_fit4", "krcc")):
    """The table of `methods` (None: the main ones): cells with intervals, marks of each cell, and the numbers.

    A row for each dataset and method. Marks: best and second of each column, and of SRCC, pooled and within references,
    undecided or equivalent (`against_best`).
    """
    numbers = points(found, found.main if methods is None else methods)
    cells, marks = [], []
    for dataset, title in found.titles.items():
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        cell = pd.DataFrame({"Dataset": title, "Metric": mine["label"]})
        mark = pd.DataFrame("", index=mine.index, columns=["Dataset", "Metric"])
        for name in statistics:
            rank = mine[name].round(3).rank(ascending=False, method="min")
            column = rank.map({1: "best", rank[rank > 1].min(): "second"}).fillna("")
            if name in PREFIX:
                said = against_best(found, dataset, list(mine.index), name)
                column = pd.Series(
                    [f"{column[m]}+{said[m]}".strip("+") if m in said else column[m] for m in mine.index], mine.index
                )
            cell[NAMES[name]], mark[NAMES[name]] = [text(row, name) for _, row in mine.iterrows()], column
        cells.append(cell)
        marks.append(mark)
    return pd.concat(cells, ignore_index=True), pd.concat(marks, ignore_index=True), numbers


def text(row: pd.Series, name: str) -> str:
    """`0.965 [0.958, 0.971]` of the statistic `name`; – where it is not known."""
    if pd.isna(row[name]):
        return "–"
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    return f"{row[name]:.3f}" + (f" [{low:.3f}, {high:.3f}]" if pd.notna(low) and pd.notna(high) else "")


def against_best(found: Results, dataset: str, methods: list[str], statistic: str = "srcc") -> dict[str, str]:
    """Those of `methods` that are undecided against the best of them -> "undecided", or "equivalent" where that is shown.

    Equivalent: the difference lies within the margin of `pairs`, by two one-sided tests, Holm over the undecided ones.
    """
    values = _values(found, dataset, methods, statistic)
    if values.empty:
        return {}
    mine = compared(found, dataset, values.index[0], list(values.index[1:]), statistic)
    mine = mine[~(mine["p_holm"] < significance.LEVEL)]  # without a test (NaN) nothing sets them apart
    near = significance.holm(mine["p_equivalent"]) < significance.LEVEL
    return {m: "equivalent" if same else "undecided" for m, same in zip(mine["other"], near, strict=True)}


def compared(found: Results, dataset: str, method: str, others: list[str], statistic: str = "srcc") -> pd.DataFrame:
    """`method` minus each of `others`, as `pairs` has it.

    Columns: other, difference, low, high, p, p_holm, p_equivalent, refs_needed, refs_needed_for_margin.
    """
    table, prefix = found.read("pairs"), PREFIX[statistic]
    table = table[table["dataset"] == dataset]
    wanted = ["difference", "low", "high", "p", "p_holm", "p_equivalent", "refs_needed", "refs_needed_for_margin"]
    table = table[["method", "other", *(f"{prefix}{name}" for name in wanted)]].set_axis(["method", "other", *wanted], axis=1)
    turned = table.rename(columns={"method": "other", "other": "method"})
    turned = turned.assign(difference=-table["difference"], low=-table["high"], high=-table["low"])
    mine = pd.concat([table, turned]).query("method == @method").set_index("other")
    return mine.loc[[m for m in others if m in mine.index], wanted].rename_axis("other").reset_index()


def groups(found: Results, methods: list[str]) -> pd.DataFrame:
    """Groups of `methods` from best to worst, each a leader and all that are undecided against it, of every dataset.

    Columns: dataset (its title), statistic, group, metrics. The next leader is the best of the rest.
    """
    rows = []
    for dataset, title in found.titles.items():
        for name in PREFIX:
            left, number = list(_values(found, dataset, methods, name).index), 0
            while left:
                said, number = against_best(found, dataset, left, name), number + 1
                mine = [m for m in left if m == left[0] or m in said]
                rows.append((title, NAMES[name], number, ", ".join(label(found, m) for m in mine)))
                left = [m for m in left if m not in mine]
    return pd.DataFrame(rows, columns=["dataset", "statistic", "group", "metrics"])


def _values(found: Results, dataset: str, methods: list[str], statistic: str) -> pd.Series:
    """The statistic of those of `methods` that have it, by method, best first."""
    there = points(found, methods).query("dataset == @dataset").set_index("method")[statistic].dropna()
    return there.sort_values(ascending=False, kind="stable")


def distances(found: Results, of=("dinov1", "clip_vitb32")) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """As `comparison`, for all distances of some backbones, and their final features.

    Of the released scores the two backbones `of`, which have them all; of others every backbone of one's own.
    """
    table = found.read("correlations")
    own = [] if found.source == "released" else dict.fromkeys(table[table["source"] == "own"]["backbone"])
    names = [f"{b}_{d}" for b in (own or of) for d in (*known.DISTANCES, "final")]
    names = [f"embed_{name.removesuffix('_final')}_cos" if name.endswith("_final") else name for name in names]
    theirs = set() if found.source == "released" else set(table.loc[table["source"] != "own", "method"])
    names = [name for name in map(found.method, names) if name and name not in theirs]  # released SWD is none of one's own
    return comparison(found, names, ("srcc", "srcc_byref", "plcc", "plcc_fit4"))


def backbones(found: Results) -> pd.DataFrame:
    """Cosine of intermediate and of final features of every backbone, pooled and within references.

    Columns: backbone, label, dataset, n, refs; intermediate, final, difference, low, high, p_holm of SRCC pooled, then with
    `byref_` within references. Holm over the backbones and datasets of a statistic. NaN where a backbone has no final features.
    """
    numbers, rows = points(found), []
    order = of_family(found)
    for name in order:
        one, two = found.method(f"{name}_cos"), found.method(f"embed_{name}_cos")
        for dataset in found.titles:
            mine = numbers[numbers["dataset"] == dataset].drop_duplicates("method").set_index("method")
            if one not in mine.index and two not in mine.index:
                continue
            sizes = mine.loc[[m for m in (one, two) if m in mine.index], ["n", "refs"]].iloc[0]
            row = {"backbone": name, "label": known.backbone_label(name), "dataset": dataset, **sizes}
            for statistic, prefix in PREFIX.items():
                gap = compared(found, dataset, one, [two], statistic)
                row |= {f"{prefix}{k}": mine[statistic].get(m) for k, m in (("intermediate", one), ("final", two))}
                row |= {f"{prefix}{k}": gap[k].get(0) for k in ("difference", "low", "high", "p")}
            rows.append(row)
    out = pd.DataFrame(rows)
    for prefix in PREFIX.values():
        columns = [f"{prefix}{k}" for k in ("intermediate", "final", "difference", "low", "high", "p")]
        out[columns] = out.reindex(columns=columns).astype(float)
        out[f"{prefix}p_holm"] = significance.holm(out[f"{prefix}p"])
    return out.drop(columns=["p", "byref_p"])


def scatter(found: Results) -> pd.DataFrame:
    """Numbers of `scatter.scatter`: cells of the plane with their number of images, and the fitted curves."""
    both = [found.read(file).assign(part=part) for part, file in (("cell", "density"), ("curve", "curves"))]
    both = pd.concat(both, ignore_index=True)
    order = list(dict.fromkeys(both["method"]))
    both = both.sort_values("method", key=lambda c: c.map(order.index), kind="stable")
    both["label"] = [label(found, method) for method in both["method"]]
    return both[["dataset", "method", "label", "part", "x", "y", "images"]].reset_index(drop=True)


def backbone_cells(found: Results, numbers: pd.DataFrame) -> pd.DataFrame:
    """The table of `backbones`, to print: for each statistic both SRCC, the difference with its interval, and p."""
    cells = pd.DataFrame({"Dataset": numbers["dataset"].map(found.titles), "Backbone": numbers["label"]})
    for prefix, name in (("", "pooled"), ("byref_", "within")):
        for kind in ("intermediate", "final"):
            cells[f"{kind}, {name}"] = ["–" if pd.isna(v) else f"{v:.3f}" for v in numbers[f"{prefix}{kind}"]]
        gaps = numbers[[f"{prefix}{column}" for column in ("difference", "low", "high")]].to_numpy(float)
        cells[f"difference, {name}"] = [
            "–" if pd.isna(gap).any() else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*gap) for gap in gaps
        ]
        p = numbers[f"{prefix}p_holm"]
        cells[f"p, {name}"] = ["–" if pd.isna(v) else "<0.001" if v < 0.001 else f"{v:.3f}" for v in p]
    return cells.sort_values("Dataset", key=lambda c: c.map(list(found.titles.values()).index), kind="stable")
