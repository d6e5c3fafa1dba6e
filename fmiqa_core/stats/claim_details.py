"""What stands behind the verdicts on the claims: metric by metric, what is undecided, what speaks against, and the map."""

import numpy as np
import pandas as pd

from ..data import layouts
from ..data import methods as known
from . import claims, verdicts
from .claims import CLAIMS
from .intervals import MARGIN
from .results import Results
from .verdicts import STATISTICS, corrected, counts, outcomes

SHORT = {"": "all images", "byref_": "within references"}  # of a statistic, SRCC, as the head of a column or panel


def label(method: str) -> str:
    """Its label, or the word for the same method on clean images."""
    return known.describe(method.partition("[")[0]).label


def by_metric(found: Results) -> pd.DataFrame:
    """Each foundation metric against the traditional and learned ones: counts as claimed / undecided / against.

    Twice for each statistic: asked alone, as by somebody who had chosen this metric before (Holm over its own comparisons),
    and asked of all, as by somebody who looks for one (Holm over those of all of them).
    """
    table, rows = claims.comparisons(found, "others"), []
    for method in claims.metrics(found):
        mine = table[table["method"] == method]
        if mine.empty:
            continue
        row = {"metric": label(method), "method": method, "comparisons": int(mine["p"].notna().sum())}
        for prefix, short in SHORT.items():
            for how, some in (("asked alone", corrected(mine)), ("of all", mine)):
                tested = some[some[f"{prefix}p"].notna()]
                row[f"{short}, {how}"] = "/".join(map(str, counts(outcomes(tested, prefix))))
        rows.append(row)
    return pd.DataFrame(rows)


def undecided(found: Results, margin: float = MARGIN) -> pd.DataFrame:
    """Of each claim and statistic: how many comparisons are undecided, what they show, and how many references they would take.

    Equivalent: two one-sided tests show that the difference lies within `margin` of 0, each test at 5 %, and all with Holm's
    correction over the claim. References needed: to see the difference that was found; the median over the undecided ones. Of
    "robust" 0 is a fall by the margin, so that nothing is called equivalent.
    """
    rows = []
    for claim in CLAIMS:
        table = claims.comparisons(found, claim.key, margin=margin)
        for prefix, statistic in STATISTICS.items():
            there = table[f"{prefix}p"].notna() & (outcomes(table, prefix) == 0)
            power, refs = verdicts.power(table, prefix, margin)[there], table.loc[there, "refs"]
            row = {"claim": claim.words.format(margin=margin), "statistic": statistic, "undecided": int(there.sum())}
            for name, column in (("equivalent, each", "p_equivalent"), ("equivalent, all", "p_equivalent_holm")):
                row[name] = "–" if claim.key == "robust" else str(int((power[column] < verdicts.LEVEL).sum()))
            row["references there are"] = "–".join(str(int(n)) for n in sorted({*refs.agg(["min", "max"]).dropna()})) or "–"
            row["references needed"] = "–" if power["refs_needed"].isna().all() else f"{power['refs_needed'].median():.0f}"
            rows.append(row)
    return pd.DataFrame(rows)


def needed(found: Results, margin: float = MARGIN) -> list[str]:
    """Lines: how many references it takes to see a difference of `margin` (the median pair), and that of CLIP L2 and FSIM."""
    lines, table = [], found.read("pairs")
    for dataset, title in found.titles.items():
        mine = table[table["dataset"] == dataset]
        lines += _needs(
            f"{title}, a difference of {margin:g} between two methods, the median pair", mine, margin, "_for_margin"
        )
    table = claims.comparisons(found, "others")
    for _, mine in table[(table["method"] == found.method("clip_vitb32_l2")) & (table["other"] == "fsim")].groupby(
        "question", sort=False
    ):
        title = layouts.title(mine["dataset"].iloc[0])
        lines += _needs(f"{title}, CLIP ViT-B/32 L2 minus FSIM as it was found", mine, margin, "")
    return lines


def _needs(what: str, table: pd.DataFrame, margin: float, end: str) -> list[str]:
    power = [verdicts.power(table, prefix, margin)[f"refs_needed{end}"].median() for prefix in STATISTICS]
    texts = [f"{name}: {n:.0f}" for name, n in zip(STATISTICS.values(), power, strict=True) if np.isfinite(n)]
    return [f"{what}: references needed {', '.join(texts)}; there are {table['refs'].iloc[0]}."] if texts else []


def against(found: Results, margin: float = MARGIN) -> pd.DataFrame:
    """What speaks against the claims on clean images: the questions in which more comparisons go against than as claimed.

    By one of the statistics at least. Of claims on backbones every comparison is a question. Columns: claim, dataset, against
    (a rival, a perturbation), and of each statistic the counts as claimed / undecided / against and the best difference for the
    claim with its interval, and whose it is: the best of several, so it flatters.
    """
    rows = []
    for claim in (one for one in CLAIMS if one.key != "learned"):  # those are among the others
        table = claims.comparisons(found, claim.key, margin=margin)
        for _, mine in table.groupby("question" if "metrics" in claim.units else ["question", "unit"], sort=False):
            found_ = {prefix: counts(outcomes(mine, prefix)) for prefix in STATISTICS}
            if not any(behind > ahead for ahead, _, behind in found_.values()):
                continue
            first = mine.iloc[0]
            rival = known.PERTURBATIONS[first["perturbation"]] if claim.key == "robust" else label(first["other"])
            row = {"claim": claim.words.format(margin=margin), "dataset": layouts.title(first["dataset"]), "against": rival}
            for prefix, short in SHORT.items():
                row[f"{short}: counts"] = "/".join(map(str, found_[prefix]))
                row[f"{short}: the best"] = _best(mine, prefix, margin if claim.key == "robust" else 0)
            rows.append(row)
    columns = ["claim", "dataset", "against", *(f"{s}: {what}" for s in SHORT.values() for what in ("counts", "the best"))]
    return pd.DataFrame(rows, columns=columns)


def _best(mine: pd.DataFrame, prefix: str, shift: float) -> str:
    """The largest difference less `shift`, with its interval and whose it is."""
    row = mine.loc[mine[f"{prefix}difference"].idxmax()]
    values = (f"{row[f'{prefix}{end}'] - shift:+.3f}" for end in ("difference", "low", "high"))
    return "{} [{}, {}] {}".format(*values, label(row["method"]))


def speaks(table: pd.DataFrame) -> list[str]:
    """Sentences from `against`: of each claim and statistic, in which questions more comparisons go against than as claimed."""
    lines = []
    for claim, mine in table.groupby("claim", sort=False):
        for prefix, short in SHORT.items():
            told = [
                f"{row['against']}, {row['dataset']} ({text})"
                for text, (_, row) in zip(mine[f"{short}: counts"], mine.iterrows(), strict=True)
                if int(text.split("/")[2]) > int(text.split("/")[0])
            ]
            lines += [f"{claim}. {STATISTICS[prefix]}: {'; '.join(told)}."] if told else []
    return lines


def grid(found: Results, key: str = "others", margin: float = MARGIN) -> pd.DataFrame:
    """The map of a claim, long: dataset, statistic, method, label, other, against, difference, low, high, p_holm.

    Rows (methods) and columns (others) are sorted by how often they are as claimed.
    """
    table = claims.comparisons(found, key, margin=margin)
    table = table.assign(other=table["perturbation"]) if key == "robust" else table
    table = table.assign(side=sum(outcomes(table, prefix) for prefix in STATISTICS))
    for column, ascending in (("other", True), ("method", False)):
        rank = table.groupby(column, sort=False)["side"].sum().rank(method="first", ascending=ascending)
        table = table.sort_values(column, key=lambda names, rank=rank: names.map(rank), kind="stable")
    out = _long(table, ["dataset", "method", "other"])
    out.insert(3, "label", out["method"].map(label))
    out.insert(5, "against", [known.PERTURBATIONS.get(name) or label(name) for name in out["other"]])
    return out


def _long(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """`keys`, statistic, and of it difference, low, high, p_holm; without what was not tested."""
    parts = []
    for prefix, short in SHORT.items():
        numbers = {name: table[f"{prefix}{name}"].astype(float) for name in ("difference", "low", "high", "p_holm")}
        parts.append(table[keys].assign(statistic=short, **numbers))
    return pd.concat(parts).dropna(subset="p_holm").reset_index(drop=True)


def backbones(found: Results) -> pd.DataFrame:
    """The claims on backbones, comparison by comparison, long: as `grid`, with claim, and method the backbone's cosine."""
    parts = []
    for key, column, head in (
        ("final", "method", "intermediate minus final"),
        ("backbones", "other", "DINOv1 minus the other"),
    ):
        table = claims.comparisons(found, key).assign(claim=head)
        parts.append(_long(table.assign(method=table[column]), ["claim", "dataset", "method"]))
    out = pd.concat(parts, ignore_index=True)
    out.insert(3, "label", [known.backbone_label(known.describe(m.partition("[")[0]).backbone) for m in out["method"]])
    return out


def by_reference_ranking(found: Results, dataset: str = "pipal", top: int = 8) -> pd.DataFrame:
    """The best methods by mean SRCC within references, with the SRCC over all images and both ranks; clean images."""
    table = found.read("correlations")
    table = table[(table["dataset"] == dataset) & (table["perturbation"] == "none")].copy()
    for column in ("srcc", "srcc_byref"):
        table[f"rank_{column}"] = table[column].rank(ascending=False, method="min").astype("Int64")
    columns = ["label", "srcc_byref", "srcc_byref_low", "srcc_byref_high", "rank_srcc_byref"]
    columns += ["srcc", "srcc_low", "srcc_high", "rank_srcc"]
    return table.sort_values("srcc_byref", ascending=False)[columns].head(top).reset_index(drop=True)


def sensitive(found: Results, without: str = "convnext", margin: float = MARGIN) -> list[str]:
    """Lines: which verdicts become others when the methods with `without` in their name are left out; or that none does."""
    whole, less = claims.summary(found, margin), claims.summary(found, margin, without=without)
    lines = []
    for (_, row), (_, other) in zip(whole.iterrows(), less.iterrows(), strict=True):
        moved = [
            f"{asked}: {row[asked]} -> {other[asked]}" for asked in verdicts.ASKED if _words(row[asked]) != _words(other[asked])
        ]
        if moved:
            lines.append(f"{row['claim']}. {row['statistic']}: {'; '.join(moved)}.")
    return lines or ["No verdict changes."]


def _words(text: str) -> str:
    return text.partition(" (")[0]
