"""Four claims of the paper's abstract and README, each against the evidence of the released scores.

A verdict follows a rule that is written down beside it, so that it is not a matter of taste: all comparisons of the
claim point its way beyond noise = supported; none does = not supported; else supported in part.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from ..data import methods as known
from ..data import released_names
from .results import read
from .significance import LEVEL, holm

DATASETS = tuple(released_names.DATASETS)
VERDICTS = ("supported", "supported in part", "not supported")


def verdict(table: pd.DataFrame) -> str:
    """Of comparisons with `difference` (positive = as claimed) and `p_holm`."""
    for_it = ((table["difference"] > 0) & (table["p_holm"] < LEVEL)).sum()
    return VERDICTS[0] if for_it == len(table) else VERDICTS[2] if for_it == 0 else VERDICTS[1]


def compare(a: str, b: str) -> pd.DataFrame:
    """SRCC of method `a` minus that of `b` on each dataset: dataset, a, b, difference, low, high, p."""
    table = read("pairs")
    out = []
    for dataset in DATASETS:
        mine = table[table["dataset"] == dataset]
        found = mine[(mine["method"] == a) & (mine["other"] == b)]
        sign = 1
        if found.empty:
            found, sign = mine[(mine["method"] == b) & (mine["other"] == a)], -1
        if found.empty:
            continue  # one of the two has no complete file there
        row = found.iloc[0]
        ends = sorted((sign * row["low"], sign * row["high"]))
        out.append(
            {
                "dataset": dataset,
                "a": a,
                "b": b,
                "difference": sign * row["difference"],
                "low": ends[0],
                "high": ends[1],
                "p": row["p"],
            }
        )
    return pd.DataFrame(out)


def intermediate_beats_final() -> pd.DataFrame:
    """Cosine of intermediate features minus cosine of the final ones, same backbone: 7 backbones, 3 datasets."""
    backbones = [b for b in known.RELEASED if b != "imagenet_vit"]  # it has no final variant
    return _corrected([compare(f"{b}_cos", f"embed_{b}_cos") for b in backbones])


def beats_others(method: str = "dinov1_l2") -> pd.DataFrame:
    """`method` minus each traditional and each learned metric of the release."""
    others = [m for m, (family, *_) in known.OTHERS.items() if family in ("traditional", "learned")]
    return _corrected([compare(method, other) for other in others])


def dinov1_strongest(distance: str = "cos") -> pd.DataFrame:
    """DINOv1 minus every other backbone, intermediate features, the one distance that all backbones have."""
    others = [b for b in known.RELEASED if b != "dinov1"]
    return _corrected([compare(f"dinov1_{distance}", f"{other}_{distance}") for other in others])


def robust(
    methods: tuple[str, ...] = ("dinov1_l2", "dinov1_cos", "clip_vitb32_l2", "clip_vitb32_cos"), margin=0.01
) -> pd.DataFrame:
    """Change of SRCC under 1 % shift, scaling and rotation. A comparison goes as claimed if SRCC rises or falls by less
    than `margin`: difference = change + margin, p of the normal with the width of the bootstrap's interval.
    """
    table = read("changes")
    table = table[table["method"].isin(methods)].reset_index(drop=True)
    spread = (table["high"] - table["low"]) / (2 * 1.96)
    p = 2 * norm.sf(np.abs(table["change"] + margin) / spread)
    out = table.assign(a=table["method"], b=table["perturbation"], difference=table["change"] + margin, p=p)
    out = out.assign(low=table["low"] + margin, high=table["high"] + margin)
    return out[["dataset", "a", "b", "difference", "low", "high", "p"]].assign(p_holm=holm(p))


def against() -> pd.DataFrame:
    """What speaks against the claims, as numbers from the result files: what, dataset, difference, low, high."""
    pairs = [
        ("FSIM minus DINOv1 L2", compare("fsim", "dinov1_l2"), "tid2013"),
        ("FSIM minus CLIP ViT-B/32 L2", compare("fsim", "clip_vitb32_l2"), "tid2013"),
        ("DINOv1 L2 minus ST-LPIPS-Alex", compare("dinov1_l2", "stlpips_alex"), "pipal"),
        ("CLIP ViT-B/32 L2 minus FSIM", compare("clip_vitb32_l2", "fsim"), "live"),
    ]
    rows = [{"what": what, **t[t["dataset"] == d].iloc[0]} for what, t, d in pairs]
    changes = read("changes")
    for what, method in (("DINOv1 L2", "dinov1_l2"), ("CLIP ViT-B/32 L2", "clip_vitb32_l2"), ("ST-LPIPS-Alex", "stlpips_alex")):
        for dataset in DATASETS:
            row = changes[(changes["method"] == method) & (changes["perturbation"] == "tra") & (changes["dataset"] == dataset)]
            row = row.iloc[0]
            rows.append(
                {"what": f"{what}: change under 1 % shift", "difference": row["change"], **row[["dataset", "low", "high", "p"]]}
            )
    return pd.DataFrame(rows)[["what", "dataset", "difference", "low", "high", "p"]]


def by_reference_ranking(dataset: str = "pipal", top: int = 8) -> pd.DataFrame:
    """The best methods by mean SRCC within references, with the pooled SRCC and both ranks."""
    table = read("correlations")
    table = table[(table["dataset"] == dataset) & (table["perturbation"] == "none")].copy()
    for column in ("srcc", "srcc_byref"):
        table[f"rank_{column}"] = table[column].rank(ascending=False).astype(int)
    columns = ["label", "srcc_byref", "srcc_byref_low", "srcc_byref_high", "rank_srcc_byref", "srcc", "rank_srcc"]
    return table.sort_values("srcc_byref", ascending=False)[columns].head(top).reset_index(drop=True)


def claims(margin: float = 0.01) -> dict[str, pd.DataFrame]:
    """Each claim with its comparisons; the same claims without the rows that are noise-limited, to see what hangs on them."""
    final, dino = intermediate_beats_final(), dinov1_strongest()
    noisy = "convnext"  # their authors' networks ran in training mode
    return {
        "Intermediate features beat final ones (cosine, 7 backbones)": final,
        "... without the ConvNeXt rows": _corrected([final[~final["a"].str.contains(noisy)]]),
        "DINOv1 L2, zero-shot, beats traditional and learned metrics": beats_others("dinov1_l2"),
        "CLIP ViT-B/32 L2, zero-shot, beats traditional and learned metrics": beats_others("clip_vitb32_l2"),
        "DINOv1 is the strongest backbone (cosine, intermediate)": dino,
        "... without the ConvNeXt rows ": _corrected([dino[~dino["b"].str.contains(noisy)]]),
        f"Robust to 1 % shift, scaling and rotation (SRCC falls by less than {margin:g})": robust(margin=margin),
    }


def summary(margin: float = 0.01) -> pd.DataFrame:
    """One line per claim: how many comparisons, as claimed, undecided and against beyond noise (Holm), verdict."""
    rows = []
    for claim, table in claims(margin).items():
        sure = table["p_holm"] < LEVEL
        rows.append(
            {
                "claim": claim,
                "comparisons": len(table),
                "as claimed": int((sure & (table["difference"] > 0)).sum()),
                "undecided": int((~sure).sum()),
                "against": int((sure & (table["difference"] < 0)).sum()),
                "verdict": verdict(table),
            }
        )
    return pd.DataFrame(rows)


def _corrected(tables: list[pd.DataFrame]) -> pd.DataFrame:
    table = pd.concat(tables, ignore_index=True)
    return table.drop(columns="p_holm", errors="ignore").assign(p_holm=holm(table["p"]))
