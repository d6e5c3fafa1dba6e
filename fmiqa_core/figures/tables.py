"""Tables of `stats.results.Results`, released or own: which methods stand in them, and how cells are marked."""

import pandas as pd

from ..data import methods as known
from ..data import released_names
from ..stats import significance
from ..stats.results import Results

PERTURBATIONS = {kind: text for kind, text in known.PERTURBATIONS.items() if kind != "none"}
NOISY = "trained-mode network (drop path active): scores are noise-limited"
HALF = "half-precision distances: few distinct scores"
NOTES = {
    **dict.fromkeys(("openclip_convnext_base_w", "tecoa4_convnext_base_w"), NOISY),
    "clip_vitb32_jsd": HALF,
    "clip_vitb32_skld": HALF,
}


def points(found: Results, methods=None, perturbation: str = "none") -> pd.DataFrame:
    """Rows of correlations, of `methods` in that order (None: all), datasets in the order of the titles."""
    table = found.read("correlations")
    table = table[table["perturbation"] == perturbation]
    methods = list(dict.fromkeys(table["method"])) if methods is None else list(methods)
    table = table[table["method"].isin(methods)].copy()
    theirs = table["source"] == "released" if "source" in table else pd.Series(True, table.index)
    names = zip(table["method"], table["backbone"], theirs, strict=True)
    table["note"] = [
        NOTES.get(known.canonical(m.partition("[")[0]), NOTES.get(known.RELEASED.get(b, b), "")) * t for m, b, t in names
    ]
    order = {m: i for i, m in enumerate(methods)}
    place = {d: i for i, d in enumerate(found.titles)}
    return table.sort_values(["method", "dataset"], key=lambda c: c.map(order if c.name == "method" else place)).reset_index(
        drop=True
    )


def robustness(found: Results, methods=None) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cells, marks and numbers: SRCC clean, and the change under each perturbation; * where it is beyond noise (Holm)."""
    changes = found.read("changes")
    methods = [m for m in (methods or found.main) if m in set(changes["method"])]
    changes = changes[changes["method"].isin(methods)]
    all_clean = points(found, methods)
    numbers = changes.merge(all_clean[["dataset", "method", "label"]], on=["dataset", "method"])
    cells = pd.DataFrame({"Method": [numbers.loc[numbers["method"] == m, "label"].iloc[0] for m in methods]})
    marks = pd.DataFrame({"Method": [""] * len(methods)})
    for dataset, title in found.titles.items() if methods else ():
        clean = all_clean.query("dataset == @dataset").set_index("method")["srcc"].reindex(methods)
        cells[f"{title} clean"], marks[f"{title} clean"] = ["–" if pd.isna(v) else f"{v:.3f}" for v in clean], ""
        for kind, text in PERTURBATIONS.items():
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["perturbation"] == kind)].set_index("method")
            mine = mine.reindex(methods)
            sure = mine["p_holm"] < significance.LEVEL
            cells[f"{title} {text}"] = [
                "–" if pd.isna(c) else f"{c:+.3f}{'*' * s}" for c, s in zip(mine["change"], sure, strict=True)
            ]
            rank = mine["srcc"].rank(ascending=False, method="min")  # best by what is left, not by the least change
            marks[f"{title} {text}"] = ["best" if r == 1 else "second" if r == 2 else "" for r in rank]
    return cells, marks, numbers


def types(found: Results, dataset: str, methods=None, perturbation: str = "none") -> tuple[pd.DataFrame, pd.Series]:
    """SRCC of `methods` (rows, by label) within each distortion type (columns, by code), and n of each type."""
    methods = methods or found.main
    table = found.read("by_type")
    table = table[(table["dataset"] == dataset) & (table["perturbation"] == perturbation) & table["method"].isin(methods)]
    codes = list(dict.fromkeys(table["distortion"]))
    wide = table.pivot(index="method", columns="distortion", values="srcc")[codes]
    wide = wide.loc[[m for m in methods if m in wide.index]]
    wide.index = [_labels(found)[m] for m in wide.index]
    return wide, table.groupby("distortion")["n"].first()[wide.columns]


def type_cells(found: Results, dataset: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cells, marks and numbers of the table of `types`: best and second of each type are marked."""
    wide = types(found, dataset)[0].rename_axis("method").reset_index()
    cells = wide.copy()
    for column in cells.columns[1:]:
        cells[column] = ["–" if pd.isna(v) else f"{v:.3f}" for v in wide[column]]
    if dataset == "live" or dataset not in released_names.TYPES:  # TID2013 has too many, PIPAL's codes say no more
        cells = cells.rename(columns={code: type_name(dataset, code) for code in cells.columns[1:]})
    marks = pd.DataFrame("", index=cells.index, columns=cells.columns)
    for column, code in zip(cells.columns[1:], wide.columns[1:], strict=True):
        rank = wide[code].round(3).rank(ascending=False, method="min")
        marks.loc[rank == 1, column] = "best"
        marks.loc[rank == rank[rank > 1].min(), column] = "second"
    return cells, marks, wide


def label(found: Results, method: str) -> str:
    """What `method` is called in figures of these results."""
    return _labels(found)[method]


def type_name(dataset: str, code: str) -> str:
    """What the distortion `code` of `dataset` is in words: itself where no list says more."""
    return released_names.TYPES.get(dataset, {}).get(code, code)


def absolute(found: Results, methods=None) -> pd.DataFrame:
    """Numbers of `heatmaps.absolute`: SRCC on clean and on perturbed images, with intervals."""
    rows = [points(found, methods or found.main, kind) for kind in known.PERTURBATIONS]
    columns = ["dataset", "method", "label", "perturbation", "srcc", "srcc_low", "srcc_high"]
    return pd.concat(rows, ignore_index=True)[columns]


def type_rows(found: Results, dataset: str, methods=None) -> pd.DataFrame:
    """Numbers of `heatmaps.type_map`, a row per method and distortion type: SRCC, and n images of the type."""
    table = found.read("by_type").query("dataset == @dataset and perturbation == 'none'")
    methods, labels = methods or found.main, _labels(found)
    table = table[table["method"].isin(methods)]
    place = {code: i for i, code in enumerate(dict.fromkeys(table["distortion"]))}
    rows = table.assign(
        label=table["method"].map(labels), type=[type_name(dataset, code) for code in table["distortion"]]
    ).sort_values(["method", "distortion"], key=lambda c: c.map(list(methods).index if c.name == "method" else place))
    return rows[["dataset", "method", "label", "distortion", "type", "n", "srcc"]].reset_index(drop=True)


def changes(found: Results, methods=None) -> pd.DataFrame:
    """Numbers of `robustness.changes`: `robustness`, in the order of `methods`."""
    methods = methods or found.main
    _, _, numbers = robustness(found, methods)
    return numbers.sort_values("method", key=lambda c: c.map(list(methods).index), kind="stable").reset_index(drop=True)


def rotation(parts: pd.DataFrame, live: pd.DataFrame, methods) -> pd.DataFrame:
    """Numbers of `robustness.rotation`: rows of TID2013 by method, then rows of LIVE by image, told by `dataset`.

    `parts`: rotation.csv of the released scores; `live`: as of `studies.rotation.read`.
    """
    parts = parts.set_index("method").loc[list(methods)].reset_index()
    parts.insert(1, "label", [known.describe(method).label for method in methods])
    columns = ["ref", "dis", "distortion", "mos", "clean_cos", "rotated_cos", "floor_cos"]
    return pd.concat([parts, live[columns].assign(dataset="live")], ignore_index=True)


def gaps(found: Results, rival: str, of=("dinov1_l2", "clip_vitb32_l2")) -> pd.DataFrame:
    """Type by type: the methods `of` (of own scores: each backbone by L2) against `rival`.

    Columns: dataset, type, method, srcc, that of the rival, difference, and whether the two intervals lie apart.
    """
    table = found.read("by_type").query("perturbation == 'none'")
    wide = table.pivot(index=["dataset", "distortion"], columns="method", values=["srcc", "low", "high"])
    own = (
        []
        if found.source == "released"
        else [m for m in found.main if m.partition("[")[0].endswith("_l2") and m in wide["srcc"]]
    )
    rows = []
    for (dataset, code), row in wide.iterrows():
        for method in own or of:
            apart = row["low", rival] > row["high", method] or row["low", method] > row["high", rival]
            words = type_name(dataset, code)
            rows.append(
                {
                    "dataset": dataset,
                    "type": f"{code} {words}" if dataset == "tid2013" else words,
                    "method": method,
                    "srcc": row["srcc", method],
                    rival: row["srcc", rival],
                    "difference": row["srcc", method] - row["srcc", rival],
                    "intervals apart": apart,
                }
            )
    return pd.DataFrame(rows)


def _labels(found: Results) -> dict[str, str]:
    table = found.read("correlations")
    return dict(zip(table["method"], table["label"], strict=True))
