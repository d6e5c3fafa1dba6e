"""What the paper's abstract and text claim, claim by claim, as families of comparisons; `verdicts` judges them.

The claims are told in our words: intermediate features are more effective than final ones; without training, distances of them
can outperform traditional and learned metrics; DINOv1 is the strongest backbone; 1 % shifts, scalings and rotations do little.
Each is asked of SRCC over all images and of SRCC within references, on clean images and on perturbed ones.
"""

from dataclasses import dataclass

import pandas as pd

from ..data import methods as known
from . import intervals, verdicts
from .comparisons import COLUMNS
from .intervals import MARGIN
from .results import Results, committed
from .verdicts import ASKED, STATISTICS, corrected, counts, verdict

MOVED = [kind for kind in known.PERTURBATIONS if kind != "none"]
FOUR = ("dinov1_l2", "dinov1_cos", "clip_vitb32_l2", "clip_vitb32_cos")  # of which the paper shows perturbed images


@dataclass(frozen=True)
class Claim:
    """What is claimed, and whom "at least one, the median one, all" count."""

    key: str
    words: str
    units: str
    rivals: tuple[str, ...] = ()  # families


CLAIMS = (
    Claim("final", "Intermediate features agree better than final ones (cosine)", "backbones"),
    Claim("others", "Foundation metrics beat traditional and learned ones", "foundation metrics", ("traditional", "learned")),
    Claim("learned", "... the learned ones alone: untrained beats trained", "foundation metrics", ("learned",)),
    Claim("deep", "... beside the claim: other untrained ones (Deep*)", "foundation metrics", ("deep statistics",)),
    Claim("backbones", "DINOv1 is the strongest backbone (cosine)", "other backbones"),
    Claim("robust", "SRCC falls by less than {margin:g} under 1 % shift, scaling, rotation", "foundation metrics"),
)
BY_KEY = {claim.key: claim for claim in CLAIMS}


def of_family(found: Results, family: str = "foundation") -> list[str]:
    """The backbones of these results: the paper's in its order first, as they are spelled there."""
    table = found.read("correlations")
    there = list(dict.fromkeys(table.loc[table["family"] == family, "backbone"]))
    papers = [name for pair in known.RELEASED.items() for name in pair]
    known_ones = [name for name in (*papers, *known.BACKBONES) if name in there]
    return list(dict.fromkeys([*known_ones, *there]))


def metrics(found: Results) -> list[str]:
    """The foundation metrics: distances of intermediate features that every dataset of these results has, by best SRCC."""
    table = found.read("correlations")
    mine = table[(table["family"] == "foundation") & (table["features"] != "embedding") & (table["perturbation"] == "none")]
    by_method = mine.groupby("method")["srcc"].agg(["count", "mean"])
    every = by_method[by_method["count"] == len(found.titles)]
    return every.sort_values("mean", ascending=False, kind="stable").index.tolist()


def who(found: Results) -> str:
    """A sentence: how many foundation metrics count, and which do not because a dataset lacks them."""
    some, table = metrics(found), found.read("correlations")
    mine = table[(table["family"] == "foundation") & (table["features"] != "embedding") & (table["perturbation"] == "none")]
    rest = mine[~mine["method"].isin(some)].drop_duplicates("method")["label"].tolist()
    left_out = f"; left out, because a dataset lacks them: {', '.join(rest)}" if rest else ""
    return f"Foundation metrics: {len(some)} distances of intermediate features{left_out}."


def comparisons(found: Results, key: str, images: str = "none", margin: float = MARGIN) -> pd.DataFrame:
    """The comparisons of the claim `key` on these images (a perturbation), one family: COLUMNS, question, unit, p_holm of both.

    Positive differences speak for the claim. Of "robust" a difference is the fall of SRCC less than `margin`, and `images`
    "none" means all perturbations.
    """
    if key == "robust":
        return _robust(found, metrics(found), MOVED if images == "none" else [images], margin)
    table, claim = found.read("comparisons"), BY_KEY[key]
    question = "others" if claim.rivals else key
    mine = table[(table["question"] == question) & (table["perturbation"] == images)]
    if claim.rivals:
        family = {name: known.describe(name.partition("[")[0]).family for name in mine["other"]}
        mine = mine[mine["other"].map(family).isin(claim.rivals) & mine["method"].isin(metrics(found))]
        return corrected(mine.assign(unit=mine["method"], question=mine["dataset"] + " " + mine["other"]))
    order = {found.method(f"{backbone}_cos"): i for i, backbone in enumerate(of_family(found))}  # the paper's
    unit = "method" if key == "final" else "other"
    mine = mine.sort_values(unit, key=lambda names: names.map(order), kind="stable")
    return corrected(mine.assign(unit=mine[unit], question=mine["dataset"])).reset_index(drop=True)


def robust(found: Results, methods=FOUR, margin: float = MARGIN) -> pd.DataFrame:
    """`comparisons` of "robust" for these methods as a family of their own, in either spelling."""
    return _robust(found, [name for name in map(found.method, methods) if name], MOVED, margin)


def _robust(found: Results, methods: list[str], kinds: list[str], margin: float) -> pd.DataFrame:
    """One-sided claim, two-sided test: change of SRCC + `margin` against 0."""
    table = found.read("changes")
    out = table[table["method"].isin(methods) & table["perturbation"].isin(kinds)].reset_index(drop=True)
    for prefix in STATISTICS:
        draws = verdicts.Stored.of(*(out[f"{prefix}{end}"].astype(float) for end in ("low", "high")), out["refs"])
        found_ = intervals.of_difference(out[f"{prefix}change"].astype(float) + margin, draws)
        out = out.assign(**{f"{prefix}{name}": values for name, values in found_.items()})
    out = out.assign(question=out["dataset"] + " " + out["perturbation"], other=out["method"], unit=out["method"])
    return corrected(out[[*COLUMNS, "unit"]])


def summary(found: Results, margin: float = MARGIN, images: str = "none", without: str = "") -> pd.DataFrame:
    """A row for each claim and statistic: how many comparisons go as claimed, are undecided, against, and three verdicts.

    A verdict stands with how many of the questions go as claimed / are undecided / against. `without`: leave the comparisons
    out whose methods have this in their name.
    """
    rows = []
    for claim in CLAIMS:
        table = comparisons(found, claim.key, images, margin)
        if without:
            table = corrected(table[~(table["method"] + table["other"]).str.contains(without)])
        for prefix, statistic in STATISTICS.items():
            tested = table[table[f"{prefix}p"].notna()]
            ahead, undecided, behind = counts(verdicts.outcomes(tested, prefix))
            row = {"claim": claim.words.format(margin=margin), "statistic": statistic, "comparisons": len(tested)}
            row |= {"as claimed": ahead, "undecided": undecided, "against": behind}
            for asked in ASKED:
                found_ = counts(verdicts.answers(tested, asked, prefix)) if len(tested) else (0, 0, 0)
                row[asked] = f"{verdict(*found_)} ({'/'.join(map(str, found_))})" if len(tested) else verdicts.UNTESTED
            rows.append(row)
    return pd.DataFrame(rows)


def perturbed(found: Results, margin: float = MARGIN) -> pd.DataFrame:
    """`summary` on the images of each perturbation, with a column for it; a claim that is about clean images is asked again."""
    kinds = [kind for kind in MOVED if (found.read("comparisons")["perturbation"] == kind).any()]
    parts = [summary(found, margin, kind).assign(images=known.PERTURBATIONS[kind]) for kind in kinds]
    table = pd.concat(parts, ignore_index=True) if parts else summary(found, margin).iloc[:0].assign(images="")
    order = {claim.words.format(margin=margin): i for i, claim in enumerate(CLAIMS)}
    table = table.sort_values(["claim", "statistic"], key=lambda c: c.map(order) if c.name == "claim" else c, kind="stable")
    return table[["claim", "statistic", "images", *table.columns[2:-1]]].reset_index(drop=True)


def beside(several: dict[str, Results], margin: float = MARGIN) -> pd.DataFrame:
    """`summary` of the released scores and, where `several` (source -> results) has own ones, of those, told by `scores`.

    Without released results in `several` the committed ones stand beside the own, of all images.
    """
    theirs = summary(several.get("released") or committed(), margin)
    if "own" not in several:
        return theirs
    parts = {"released": theirs, "recomputed": summary(several["own"], margin)}
    table = pd.concat([part.assign(scores=name) for name, part in parts.items()])
    table = table.sort_index(kind="stable").reset_index(drop=True)  # the same claims in the same order
    return table[["claim", "statistic", "scores", *table.columns[2:-1]]]


def sentence(row: pd.Series) -> str:
    """A row of `summary` in words, with its statistic."""
    if not row["comparisons"]:
        return f"{row['claim']}. {row['statistic']}: {verdicts.UNTESTED} with these scores."
    of = f"of {row['comparisons']} comparisons {row['as claimed']} as claimed, {row['undecided']} undecided, "
    asked = "; ".join(f"{name}: {row[name]}" for name in ASKED)
    return f"{row['claim']}. {row['statistic']}: {of}{row['against']} against. {asked}."
