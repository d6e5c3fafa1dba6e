"""What people themselves agree on: how near to their scores anything could come. Two ways to know, which mean two things.

panel: how well the scores of another group of observers, TID2008's, agree with TID2013's on the 1700 images that both judged
       (`data.panels`). A second panel is no perfect metric: it has noise of its own.
twins: how well a perfect metric would agree, from images that stand in a dataset under several names, each judged as if it
       were another (`data.twins`). Scores of one image differ by noise alone, of variance s² = Σ (x - mean of its names)² /
       Σ (names - 1). Of all scores, of variance v, the share 1 - s²/v is of the images (reliability); what a perfect metric
       reaches is the square root of that, Pearson's (plcc), and for ranks of normal scores 6/π arcsin(plcc / 2) (srcc).
       It is taken for granted that noise is as large everywhere as it is on the twins, does not depend on the image, and is
       as independent between two names as between two images. Within references (`_byref`): v of each reference, mean.

Intervals are over references, as everywhere (`intervals`); of twins over the references that have any.
"""

import numpy as np
import pandas as pd

from ..data import committed, human_scores, layouts, panels, twins
from ..data.published import LAYOUTS
from ..data.scores import METHODS, Scores
from . import agreement, bootstrap, intervals

PEOPLE = {"panel": "people, second panel", "twins": "people, images twice"}  # kind -> label in figures
MEANING = {
    "panel": "How far the scores of another group of observers agree with these.",
    "twins": "What a perfect metric would reach, by the noise between scores of one image under several names.",
}
STATISTICS = ("srcc", "srcc_byref", "plcc", "krcc")
CONTRADICTING = {("03_06", "05_13")}  # codes of PIPAL: one image by its pixels, two by their mean scores (1537 and 1354)
COLUMNS = ["dataset", "kind", "statistic", "value", "low", "high", "n", "refs"]


def of(dataset: str, count: int = bootstrap.RESAMPLES, seed: int = 0) -> pd.DataFrame:
    """COLUMNS: a row for each kind and statistic that is known of `dataset`; n images and references that it comes from.

    statistic: srcc, srcc_byref, plcc, krcc; of twins noise_sd, reliability, plcc, plcc_byref, srcc, srcc_byref.
    """
    parts = [_panel(dataset, count, seed)] if dataset in (panels.FIRST, panels.SECOND) else []
    groups = _twins(dataset)
    if len(groups):
        parts.append(_of_twins(dataset, groups, count, seed))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def known(dataset: str) -> pd.DataFrame:
    """`of` the complete dataset, as it is committed; no rows where nothing is known, or the file is not with the program."""
    if not committed.path("ceilings").is_file():
        return pd.DataFrame(columns=COLUMNS)
    table = committed.read("ceilings")
    return table[table["dataset"] == dataset].reset_index(drop=True)


def people(dataset: str) -> Scores:
    """One method, the other panel's scores of the images that TID2013 and TID2008 share, as `dataset`, one of the two."""
    table, layout = human_scores.read(dataset), LAYOUTS[dataset]
    parts = [layouts.parse(layout, dis) for dis in table["dis"]]
    images = table[["dis", "ref"]].assign(
        distortion=[kind for kind, _ in parts], level=[n for _, n in parts], mos=table["score"], quality=table["score"]
    )
    values = panels.other(dataset, images)
    return Scores(dataset, person(), images, values[None], layout.scale).where(np.isfinite(values))


def person() -> pd.DataFrame:
    """The other panel as a row of `Scores.methods`."""
    mine = {"method": "people_panel", "label": PEOPLE["panel"], "family": "people", "source": "people"}
    return pd.DataFrame([dict.fromkeys(METHODS, "none") | mine])


def rows(table: pd.DataFrame) -> pd.DataFrame:
    """`table`, of one dataset, as rows that a figure of methods takes: method, label, family, n, refs, srcc, srcc_byref, ..."""
    out = []
    for kind, mine in table.groupby("kind", sort=False):
        row = {"dataset": mine["dataset"].iloc[0], "method": f"people_{kind}", "label": PEOPLE[kind], "family": "people"}
        row |= {"source": "people", "n": int(mine["n"].max()), "refs": int(mine["refs"].max())}
        for one in mine[mine["statistic"].isin(["srcc", "srcc_byref"])].itertuples():
            row |= {one.statistic: one.value, f"{one.statistic}_low": one.low, f"{one.statistic}_high": one.high}
        out.append(row)
    columns = [f"{name}{end}" for name in ("srcc", "srcc_byref") for end in ("", "_low", "_high")]
    return pd.DataFrame(out, columns=["dataset", "method", "label", "family", "source", "n", "refs", *columns])


def _panel(dataset: str, count: int, seed: int) -> pd.DataFrame:
    table = agreement.agreement(people(dataset), count=count, seed=seed, statistics=STATISTICS).iloc[0]
    values = [(name, *(table[f"{name}{end}"] for end in ("", "_low", "_high"))) for name in STATISTICS]
    out = pd.DataFrame(values, columns=["statistic", "value", "low", "high"])
    return out.assign(dataset=dataset, kind="panel", n=table["n"], refs=table["refs"])[COLUMNS]


def _twins(dataset: str) -> pd.DataFrame:
    """A row for each name of an image that has several: ref, image (its first name), score. Contradictions are left out."""
    table = twins.read()
    table = table[table["dataset"] == dataset]
    codes = [table[column].str.extract(r"_(\d\d_\d\d)\.", expand=False) for column in ("dis", "twin")]
    table = table[np.array([pair not in CONTRADICTING for pair in zip(*codes, strict=True)], bool)]
    first = table.drop_duplicates("dis")
    both = pd.concat([first.assign(score=first["mos"]), table.assign(score=table["twin_mos"])])
    return both.rename(columns={"dis": "image"})[["ref", "image", "score"]].reset_index(drop=True)


def _of_twins(dataset: str, groups: pd.DataFrame, count: int, seed: int) -> pd.DataFrame:
    public = human_scores.read(dataset)
    refs = pd.Index(public["ref"].map(_stem).unique())
    middle = groups.groupby("image")["score"].transform("mean")
    names = groups.groupby("image")["score"].transform("size")
    each = groups.assign(square=(groups["score"] - middle) ** 2, free=1 - 1 / names)
    each = each.groupby(each["ref"].map(_stem))[["square", "free"]].sum().reindex(refs, fill_value=0.0).to_numpy()
    scores = [part.to_numpy() for _, part in public["score"].groupby(public["ref"].map(_stem), sort=False)]
    sums = np.array([(len(one), one.sum(), (one**2).sum(), one.var(ddof=1)) for one in scores])
    where = np.column_stack([each, sums])  # of each reference: squares, degrees of freedom, n, sum, sum of squares, variance
    drawn = bootstrap.draw(len(refs), count, seed)
    values = np.array([list(_perfect(where, weights).values()) for weights in drawn])
    point = _perfect(where, np.ones(len(refs)))
    value, draws = np.array(list(point.values())), intervals.Draws(values, int((each[:, 1] > 0).sum()))
    level, plain = intervals.of_level(value, draws), intervals.of_difference(value, draws)
    is_sd = np.array([name == "noise_sd" for name in point])
    low, high = (np.where(is_sd, plain[end], level[side]) for side, end in enumerate(("low", "high")))
    out = pd.DataFrame({"statistic": list(point), "value": value, "low": low, "high": high})
    return out.assign(dataset=dataset, kind="twins", n=len(groups), refs=draws.clusters)[COLUMNS]


def _perfect(where: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """The statistics of twins, from the sums of each reference (R, 6) that stands there `weights` (R,) times."""
    squares, free, n, total, power = weights @ where[:, :5]
    with np.errstate(invalid="ignore", divide="ignore"):
        noise = squares / free
        pooled = 1 - noise / ((power - total**2 / n) / (n - 1))
        inside = np.sqrt(np.clip(1 - noise / where[:, 5], 0, 1))
        plcc = float(np.sqrt(np.clip(pooled, 0, 1)))
        byref = [float(np.average(of(inside), weights=weights)) for of in (np.asarray, _ranked)]
    found = {"noise_sd": float(np.sqrt(noise)), "reliability": float(pooled), "plcc": plcc, "plcc_byref": byref[0]}
    return found | {"srcc": float(_ranked(plcc)), "srcc_byref": byref[1]}


def _ranked(plcc):
    """Spearman's correlation of normal variables whose Pearson's is `plcc`."""
    return 6 / np.pi * np.arcsin(np.asarray(plcc) / 2)


def _stem(ref: str) -> str:
    return ref.rpartition("/")[2].rpartition(".")[0].lower() if "." in ref else ref.lower()
