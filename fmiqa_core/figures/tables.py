"""Tables of `stats.results.Results`, released or own: which methods stand in them, and how cells are marked."""

import pandas as pd

from ..data import methods as known
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


def label(found: Results, method: str) -> str:
    """What `method` is called in figures of these results."""
    return _labels(found)[method]


def _labels(found: Results) -> dict[str, str]:
    table = found.read("correlations")
    return dict(zip(table["method"], table["label"], strict=True))
