"""Four claims of the paper's abstract and README, each against the evidence of the released scores.

A verdict follows a rule that is written down beside it, so that it is not a matter of taste: all comparisons of the
claim point its way beyond noise = supported; none does = not supported; else supported in part.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm

from ..data import methods as known
from .results import Results, committed
from .significance import LEVEL, holm

VERDICTS = ("supported", "supported in part", "not supported")
GAP = ["dataset", "a", "b", "difference", "low", "high", "p"]
UNTESTED = "not tested: none of its comparisons is in these scores"


def verdict(table: pd.DataFrame) -> str:
    """Of comparisons with `difference` (positive = as claimed) and `p_holm`."""
    if table.empty:
        return UNTESTED
    for_it = ((table["difference"] > 0) & (table["p_holm"] < LEVEL)).sum()
    return VERDICTS[0] if for_it == len(table) else VERDICTS[2] if for_it == 0 else VERDICTS[1]


def compare(found: Results, a: str, b: str) -> pd.DataFrame:
    """SRCC of method `a` minus that of `b` on each dataset, names in either spelling: dataset, a, b, difference, low, high, p.

    Without the datasets that have not got both.
    """
    table, (one, two) = found.read("pairs"), (found.method(name) or name for name in (a, b))
    out = []
    for dataset in found.titles:
        mine = table[table["dataset"] == dataset]
        pair, sign = mine[(mine["method"] == one) & (mine["other"] == two)], 1
        if pair.empty:
            pair, sign = mine[(mine["method"] == two) & (mine["other"] == one)], -1
        if pair.empty:
            continue  # one of the two has no complete file there
        row = pair.iloc[0]
        low, high = sorted((sign * row["low"], sign * row["high"]))
        gap = {"difference": sign * row["difference"], "low": low, "high": high, "p": row["p"]}
        out.append({"dataset": dataset, "a": one, "b": two, **gap})
    return pd.DataFrame(out, columns=GAP)


def of_family(found: Results, family: str = "foundation") -> list[str]:
    """The backbones of these results: the paper's in its order first, as they are spelled there."""
    table = found.read("correlations")
    there = list(dict.fromkeys(table.loc[table["family"] == family, "backbone"]))
    papers = [name for pair in known.RELEASED.items() for name in pair]
    known_ones = [name for name in (*papers, *known.BACKBONES) if name in there]
    return list(dict.fromkeys([*known_ones, *there]))


def intermediate_beats_final(found: Results) -> pd.DataFrame:
    """Cosine of intermediate features minus cosine of the final ones, same backbone: every backbone that has both."""
    return _corrected([compare(found, f"{b}_cos", f"embed_{b}_cos") for b in of_family(found)])


def beats_others(found: Results, method: str = "dinov1_l2") -> pd.DataFrame:
    """`method` minus each traditional and each learned metric."""
    others = [m for m, (family, *_) in known.OTHERS.items() if family in ("traditional", "learned")]
    return _corrected([compare(found, method, other) for other in others])


def dinov1_strongest(found: Results, distance: str = "cos") -> pd.DataFrame:
    """DINOv1 minus every other backbone, intermediate features, the one distance that all backbones have."""
    others = [b for b in of_family(found) if known.RELEASED.get(b, b) != "dino_vitb16"]
    return _corrected([compare(found, f"dinov1_{distance}", f"{other}_{distance}") for other in others])


def robust(
    found: Results,
    methods: tuple[str, ...] = ("dinov1_l2", "dinov1_cos", "clip_vitb32_l2", "clip_vitb32_cos"),
    margin: float = 0.01,
) -> pd.DataFrame:
    """Change of SRCC under 1 % shift, scaling and rotation. A comparison goes as claimed if SRCC rises or falls by less
    than `margin`: difference = change + margin, p of the normal with the width of the bootstrap's interval.
    """
    table = found.read("changes")
    table = table[table["method"].isin([found.method(name) for name in methods])].reset_index(drop=True)
    spread = (table["high"] - table["low"]).astype(float) / (2 * 1.96)
    p = 2 * norm.sf(np.abs(table["change"].astype(float) + margin) / spread)
    out = table.assign(a=table["method"], b=table["perturbation"], difference=table["change"] + margin, p=p)
    out = out.assign(low=table["low"] + margin, high=table["high"] + margin)
    return out[["dataset", "a", "b", "difference", "low", "high", "p"]].assign(p_holm=holm(p))


def against(found: Results) -> pd.DataFrame:
    """What speaks against the claims, as numbers from the result files: what, dataset, difference, low, high."""
    pairs = [
        ("FSIM minus DINOv1 L2", compare(found, "fsim", "dinov1_l2"), "tid2013"),
        ("FSIM minus CLIP ViT-B/32 L2", compare(found, "fsim", "clip_vitb32_l2"), "tid2013"),
        ("DINOv1 L2 minus ST-LPIPS-Alex", compare(found, "dinov1_l2", "stlpips_alex"), "pipal"),
        ("CLIP ViT-B/32 L2 minus FSIM", compare(found, "clip_vitb32_l2", "fsim"), "live"),
    ]
    rows = [{"what": what, **t[t["dataset"] == d].iloc[0]} for what, t, d in pairs if (t["dataset"] == d).any()]
    changes = found.read("changes")
    for what, method in (("DINOv1 L2", "dinov1_l2"), ("CLIP ViT-B/32 L2", "clip_vitb32_l2"), ("ST-LPIPS-Alex", "stlpips_alex")):
        for dataset in found.titles:
            row = changes[
                (changes["method"] == found.method(method))
                & (changes["perturbation"] == "tra")
                & (changes["dataset"] == dataset)
            ]
            if row.empty:
                continue
            row = row.iloc[0]
            rows.append(
                {"what": f"{what}: change under 1 % shift", "difference": row["change"], **row[["dataset", "low", "high", "p"]]}
            )
    return pd.DataFrame(rows, columns=["what", "dataset", "difference", "low", "high", "p"])


def by_reference_ranking(found: Results, dataset: str = "pipal", top: int = 8) -> pd.DataFrame:
    """The best methods by mean SRCC within references, with the pooled SRCC and both ranks."""
    table = found.read("correlations")
    table = table[(table["dataset"] == dataset) & (table["perturbation"] == "none")].copy()
    for column in ("srcc", "srcc_byref"):
        table[f"rank_{column}"] = table[column].rank(ascending=False).astype(int)
    columns = ["label", "srcc_byref", "srcc_byref_low", "srcc_byref_high", "rank_srcc_byref", "srcc", "rank_srcc"]
    return table.sort_values("srcc_byref", ascending=False)[columns].head(top).reset_index(drop=True)


def claims(found: Results, margin: float = 0.01) -> dict[str, pd.DataFrame]:
    """Each claim with its comparisons; the same claims without the rows that are noise-limited, to see what hangs on them."""
    final, dino = intermediate_beats_final(found), dinov1_strongest(found)
    noisy = "convnext"  # their authors' networks ran in training mode
    return {
        f"Intermediate features beat final ones (cosine, {final['a'].nunique()} backbones)": final,
        "... without the ConvNeXt rows": _corrected([final[~final["a"].str.contains(noisy)]]),
        "DINOv1 L2, zero-shot, beats traditional and learned metrics": beats_others(found, "dinov1_l2"),
        "CLIP ViT-B/32 L2, zero-shot, beats traditional and learned metrics": beats_others(found, "clip_vitb32_l2"),
        "DINOv1 is the strongest backbone (cosine, intermediate)": dino,
        "... without the ConvNeXt rows ": _corrected([dino[~dino["b"].str.contains(noisy)]]),
        f"Robust to 1 % shift, scaling and rotation (SRCC falls by less than {margin:g})": robust(found, margin=margin),
    }


def summary(found: Results, margin: float = 0.01) -> pd.DataFrame:
    """One line per claim: how many comparisons, as claimed, undecided and against beyond noise (Holm), verdict."""
    rows = []
    for claim, table in claims(found, margin).items():
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


def beside(several: dict[str, Results], margin: float = 0.01) -> pd.DataFrame:
    """`summary` of the released scores and, where `several` (source -> results) has own ones, a column `recomputed`.

    That is the verdict by the same rule from the own scores, with their counts. Without released results in `several` the
    committed ones stand beside the own, of all images.
    """
    table = summary(several.get("released") or committed(), margin)
    if "own" not in several:
        return table
    own = summary(several["own"], margin)  # the same claims in the same order
    counts = zip(own["verdict"], own["as claimed"], own["comparisons"], own["undecided"], own["against"], strict=True)
    words = [f"{v} ({a} of {n} as claimed, {u} undecided, {x} against)" if n else v for v, a, n, u, x in counts]
    return table.assign(recomputed=words)


def evidence(found: Results, margin: float = 0.01) -> pd.DataFrame:
    """All comparisons of the claims, told apart by `claim`."""
    panels = {
        "intermediate minus final": intermediate_beats_final(found),
        "DINOv1 L2 minus traditional, learned": beats_others(found, "dinov1_l2"),
        "CLIP L2 minus traditional, learned": beats_others(found, "clip_vitb32_l2"),
        "DINOv1 minus other backbones": dinov1_strongest(found),
        "change under perturbation + margin": robust(found, margin=margin),
    }
    some = [table.assign(claim=claim) for claim, table in panels.items() if len(table)]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=[*GAP, "p_holm", "claim"])


def _corrected(tables: list[pd.DataFrame]) -> pd.DataFrame:
    tables = [table for table in tables if len(table)] or tables[:1]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=GAP)
    return table.drop(columns="p_holm", errors="ignore").assign(p_holm=holm(table["p"]))
