"""Tables of the released scores, from `data/released`: which methods stand in them, and how cells are marked."""

import pandas as pd

from ..data import methods as known
from ..data import released, released_names
from ..stats import significance
from ..stats.results import SHOWN, read

DATASETS = {"live": "LIVE", "tid2013": "TID2013", "pipal": "PIPAL"}
PERTURBATIONS = {"tra": "1 % shift", "sca": "1 % scaling", "rot": "1° rotation"}
MAIN = (  # the comparison: foundation models by the two distances that all of them could have, then the others
    "dinov1_l2",
    "dinov1_cos",
    "clip_vitb32_l2",
    "clip_vitb32_cos",
    "imagenet_vit_cos",
    "dinov2_cos",
    "clip_rn50_cos",
    "openclip_convnext_base_cos",
    "deep_wsd_vgg",
    "lpips",
    "lpips_vgg",
    "stlpips_alex",
    "stlpips_vgg",
    "dists",
    "fsim",
    "msssim",
    "psnr",
)
NOISY = "trained-mode network (drop path active): scores are noise-limited"
HALF = "half-precision distances: few distinct scores"
NOTES = {
    **dict.fromkeys(("openclip_convnext_base", "openclip_convnext_laion_tecoa4"), NOISY),
    "clip_vitb32_jsd": HALF,
    "clip_vitb32_skld": HALF,
}


def points(perturbation: str = "none", methods=None) -> pd.DataFrame:
    """Rows of correlations.csv, of `methods` in that order (None: all), datasets in the order of DATASETS."""
    table = read("correlations")
    table = table[table["perturbation"] == perturbation]
    methods = list(dict.fromkeys(table["method"])) if methods is None else list(methods)
    table = table[table["method"].isin(methods)].copy()
    table["note"] = [NOTES.get(m, NOTES.get(b, "")) for m, b in zip(table["method"], table["backbone"], strict=True)]
    order = {m: i for i, m in enumerate(methods)}
    place = {d: i for i, d in enumerate(DATASETS)}
    return table.sort_values(["method", "dataset"], key=lambda c: c.map(order if c.name == "method" else place)).reset_index(
        drop=True
    )


def comparison(methods=MAIN, statistics=("srcc", "plcc_fit4", "krcc")) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The table of `methods`: cells to print, marks of each cell, and the numbers with intervals.

    Best bold, second underlined in each column; † beside an SRCC that does not differ from the best (paired
    bootstrap over references, Holm over the comparisons with the best, 5 %).
    """
    numbers = points(methods=methods)
    labels = dict(zip(numbers["method"], numbers["label"], strict=True))
    cells = pd.DataFrame({"Method": list(labels.values())})
    marks = pd.DataFrame({"Method": [""] * len(labels)})
    names = {"srcc": "SRCC", "plcc": "PLCC raw", "plcc_fit4": "PLCC", "krcc": "KRCC", "srcc_byref": "SRCC by ref."}
    for dataset, title in DATASETS.items():
        mine = numbers[numbers["dataset"] == dataset].set_index("method").reindex(list(labels))
        for name in statistics:
            values = mine[name]
            rank = values.round(3).rank(ascending=False, method="min")
            second = rank[rank > 1].min()
            column = pd.Series("", index=values.index)
            column[rank == 1] = "best"
            column[rank == second] = "second"
            if name == "srcc":
                for method in same_as_best(dataset, [m for m in labels if pd.notna(values[m])]):
                    column[method] = f"{column[method]}+same".lstrip("+")
            cells[f"{title} {names[name]}"] = ["–" if pd.isna(v) else f"{v:.3f}" for v in values]
            marks[f"{title} {names[name]}"] = column.to_numpy()
    return cells, marks, numbers


def same_as_best(dataset: str, methods: list[str]) -> list[str]:
    """Those of `methods` whose SRCC does not differ from the best one's beyond noise; without the best itself."""
    group = groups(dataset, methods)[0]
    return group[1:]


def groups(dataset: str, methods: list[str]) -> list[list[str]]:
    """Significance groups of `methods` by SRCC on clean images of `dataset`; see `significance.groups`."""
    table = read("pairs")
    table = table[table["dataset"] == dataset].rename(columns={"method": "a", "other": "b"})
    return significance.groups(list(methods), table)


def distances() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """As `comparison`, for the six distances of the two backbones that have them all, and their final features."""
    kinds = [f"{b}_{d}" for b in ("dinov1", "clip_vitb32") for d in known.DISTANCES]
    return comparison([*kinds[:6], "embed_dinov1_cos", *kinds[6:], "embed_clip_vitb32_cos"], ("srcc", "plcc", "plcc_fit4"))


def backbones() -> pd.DataFrame:
    """Cosine of intermediate and of final features of every backbone: SRCC, their difference, its interval and p_holm."""
    from ..stats.claims import intermediate_beats_final

    table = points(methods=[f"{p}{b}_cos" for b in known.RELEASED for p in ("", "embed_")])
    wide = table.pivot(index=["backbone", "dataset"], columns="features", values="srcc").reset_index()
    gaps = intermediate_beats_final().assign(backbone=lambda t: t["a"].str.removesuffix("_cos"))
    wide = wide.merge(
        gaps[["backbone", "dataset", "difference", "low", "high", "p_holm"]], how="left", on=["backbone", "dataset"]
    )
    wide.insert(1, "label", wide["backbone"].map(known.backbone_label))
    order = list(known.RELEASED)
    return wide.sort_values(
        ["backbone", "dataset"], key=lambda c: c.map(order.index if c.name == "backbone" else list(DATASETS).index)
    )


def robustness(methods=MAIN) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Cells, marks and numbers: SRCC clean, and the change under each perturbation; * where it is beyond noise (Holm)."""
    changes = read("changes")
    changes = changes[changes["method"].isin(methods)]
    numbers = changes.merge(points(methods=methods)[["dataset", "method", "label"]], on=["dataset", "method"])
    cells = pd.DataFrame({"Method": [numbers.loc[numbers["method"] == m, "label"].iloc[0] for m in methods]})
    marks = pd.DataFrame({"Method": [""] * len(methods)})
    for dataset, title in DATASETS.items():
        clean = points(methods=methods).query("dataset == @dataset").set_index("method")["srcc"].reindex(methods)
        cells[f"{title} clean"], marks[f"{title} clean"] = [f"{v:.3f}" for v in clean], ""
        for kind, text in PERTURBATIONS.items():
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["perturbation"] == kind)].set_index("method")
            mine = mine.reindex(methods)
            sure = mine["p_holm"] < significance.LEVEL
            cells[f"{title} {text}"] = [f"{c:+.3f}{'*' * s}" for c, s in zip(mine["change"], sure, strict=True)]
            rank = mine["srcc"].rank(ascending=False, method="min")  # best by what is left, not by the least change
            marks[f"{title} {text}"] = ["best" if r == 1 else "second" if r == 2 else "" for r in rank]
    return cells, marks, numbers


def types(dataset: str, methods=MAIN, perturbation: str = "none") -> tuple[pd.DataFrame, pd.Series]:
    """SRCC of `methods` (rows, by label) within each distortion type (columns, by code), and n of each type."""
    table = read("by_type")
    table = table[(table["dataset"] == dataset) & (table["perturbation"] == perturbation) & table["method"].isin(methods)]
    wide = table.pivot(index="method", columns="distortion", values="srcc")[list(released_names.TYPES[dataset])]
    wide = wide.loc[[m for m in methods if m in wide.index]]
    wide.index = [known.describe(m).label for m in wide.index]
    return wide, table.groupby("distortion")["n"].first()[wide.columns]


def report(table: pd.DataFrame | None = None) -> str:
    """The reporting string of figures and tables: whose scores they are, of how many images.

    `table`: one with column dataset, to name only its datasets (None: all).
    """
    names = [d for d in DATASETS if table is None or d in set(table["dataset"])]
    return released.report(names)


def absolute(methods=MAIN) -> pd.DataFrame:
    """Numbers of `heatmaps.absolute`: SRCC on clean and on perturbed images, with intervals."""
    rows = [points(kind, methods) for kind in ("none", *PERTURBATIONS)]
    columns = ["dataset", "method", "label", "perturbation", "srcc", "srcc_low", "srcc_high"]
    return pd.concat(rows, ignore_index=True)[columns]


def type_rows(dataset: str, methods=MAIN) -> pd.DataFrame:
    """Numbers of `heatmaps.type_map`, a row per method and distortion type: SRCC, and n images of the type."""
    table = read("by_type").query("dataset == @dataset and perturbation == 'none'")
    names = released_names.TYPES[dataset]
    rows = [
        table[(table["method"] == m) & (table["distortion"] == code)].assign(label=known.describe(m).label, type=names[code])
        for m in methods
        for code in names
    ]
    columns = ["dataset", "method", "label", "distortion", "type", "n", "srcc"]
    return pd.concat(rows, ignore_index=True)[columns]


def scatter() -> pd.DataFrame:
    """Numbers of `released_figures.scatter`: cells of the plane with their number of images, and the fitted curves."""
    tables = {part: read(file) for part, file in (("cell", "density"), ("curve", "curves"))}
    both = pd.concat([table.assign(part=part) for part, table in tables.items()], ignore_index=True)
    both = both[both["method"].isin(SHOWN)].sort_values("method", key=lambda c: c.map(SHOWN.index), kind="stable")
    both["label"] = [known.describe(method).label for method in both["method"]]
    return both[["dataset", "method", "label", "part", "x", "y", "images"]].reset_index(drop=True)


def changes(methods=MAIN) -> pd.DataFrame:
    """Numbers of `robustness_figures.changes`: `robustness`, in the order of `methods`."""
    _, _, numbers = robustness(methods)
    return numbers.sort_values("method", key=lambda c: c.map(list(methods).index), kind="stable").reset_index(drop=True)


def rotation(parts: pd.DataFrame, live: pd.DataFrame, methods) -> pd.DataFrame:
    """Numbers of `robustness_figures.rotation`: rows of TID2013 by method, then rows of LIVE by image, told by `dataset`.

    `parts`: rotation.csv of the released scores; `live`: as of `rotation.read`.
    """
    parts = parts.set_index("method").loc[list(methods)].reset_index()
    parts.insert(1, "label", [known.describe(method).label for method in methods])
    columns = ["ref", "dis", "distortion", "mos", "clean_cos", "rotated_cos", "floor_cos"]
    return pd.concat([parts, live[columns].assign(dataset="live")], ignore_index=True)
