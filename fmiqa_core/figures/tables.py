"""Tables of `stats.results.Results`, released or own: which methods stand in them, and how cells are marked."""

import pandas as pd

from ..data import methods as known
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


def comparison(
    found: Results, methods=None, statistics=("srcc", "plcc_fit4", "krcc")
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The table of `methods` (None: the main ones): cells to print, marks of each cell, and the numbers with intervals.

    Best bold, second underlined in each column; † beside an SRCC that does not differ from the best (paired
    bootstrap over references, Holm over the comparisons with the best, 5 %).
    """
    numbers = points(found, found.main if methods is None else methods)
    labels = dict(zip(numbers["method"], numbers["label"], strict=True))
    cells = pd.DataFrame({"Method": list(labels.values())})
    marks = pd.DataFrame({"Method": [""] * len(labels)})
    names = {"srcc": "SRCC", "plcc": "PLCC raw", "plcc_fit4": "PLCC", "krcc": "KRCC", "srcc_byref": "SRCC by ref."}
    for dataset, title in found.titles.items():
        mine = numbers[numbers["dataset"] == dataset].set_index("method").reindex(list(labels))
        for name in statistics:
            values = mine[name]
            rank = values.round(3).rank(ascending=False, method="min")
            second = rank[rank > 1].min()
            column = pd.Series("", index=values.index)
            column[rank == 1] = "best"
            column[rank == second] = "second"
            if name == "srcc":
                for method in same_as_best(found, dataset, [m for m in labels if pd.notna(values[m])]):
                    column[method] = f"{column[method]}+same".lstrip("+")
            cells[f"{title} {names[name]}"] = ["–" if pd.isna(v) else f"{v:.3f}" for v in values]
            marks[f"{title} {names[name]}"] = column.to_numpy()
    return cells, marks, numbers


def same_as_best(found: Results, dataset: str, methods: list[str]) -> list[str]:
    """Those of `methods` whose SRCC does not differ from the best one's beyond noise; without the best itself."""
    return groups(found, dataset, methods)[0][1:]


def groups(found: Results, dataset: str, methods: list[str]) -> list[list[str]]:
    """Significance groups of `methods` by SRCC on clean images of `dataset`; see `significance.groups`."""
    table = found.read("pairs")
    table = table[table["dataset"] == dataset].rename(columns={"method": "a", "other": "b"})
    there = set(found.read("correlations").query("dataset == @dataset and perturbation == 'none'")["method"])
    return significance.groups([m for m in methods if m in there], table)


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
    return comparison(found, names, ("srcc", "plcc", "plcc_fit4"))


def backbones(found: Results) -> pd.DataFrame:
    """Cosine of intermediate and of final features of every backbone: SRCC, their difference, its interval and p_holm."""
    from ..stats.claims import intermediate_beats_final, of_family

    order = of_family(found)
    names = [found.method(f"{start}{b}_cos") for b in order for start in ("", "embed_")]
    table = points(found, [name for name in names if name])
    wide = table.pivot(index=["backbone", "dataset"], columns="features", values="srcc").reset_index()
    wide = wide.reindex(columns=list(dict.fromkeys([*wide.columns, "intermediate", "embedding"])))
    gaps = intermediate_beats_final(found)
    gaps = gaps.assign(backbone=[name.removesuffix("_cos") for name in gaps["a"]])
    wide = wide.merge(
        gaps[["backbone", "dataset", "difference", "low", "high", "p_holm"]], how="left", on=["backbone", "dataset"]
    )
    wide.insert(1, "label", wide["backbone"].map(known.backbone_label))
    return wide.sort_values(
        ["backbone", "dataset"], key=lambda c: c.map(order.index if c.name == "backbone" else list(found.titles).index)
    )




def label(found: Results, method: str) -> str:
    """What `method` is called in figures of these results."""
    return _labels(found)[method]




def scatter(found: Results) -> pd.DataFrame:
    """Numbers of `scatter.scatter`: cells of the plane with their number of images, and the fitted curves."""
    both = [found.read(file).assign(part=part) for part, file in (("cell", "density"), ("curve", "curves"))]
    both = pd.concat(both, ignore_index=True)
    order = list(dict.fromkeys(both["method"]))
    both = both.sort_values("method", key=lambda c: c.map(order.index), kind="stable")
    both["label"] = both["method"].map(_labels(found))
    return both[["dataset", "method", "label", "part", "x", "y", "images"]].reset_index(drop=True)




def _labels(found: Results) -> dict[str, str]:
    table = found.read("correlations")
    return dict(zip(table["method"], table["label"], strict=True))
