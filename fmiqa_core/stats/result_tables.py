"""The result tables of one dataset, whosever scores they are: correlations, by type, pairs, changes, density, curves."""

import numpy as np
import pandas as pd
from scipy.stats import kurtosis

from ..data import methods as known
from ..data import released_names
from ..data.scores import Scores
from ..data.told_apart import plain
from . import (
    agreement,
    bootstrap,
    comparisons,
    complementarity,
    contrasts,
    fits,
    gains,
    leaders,
    people_tables,
    perturbed,
    resamples,
    shares,
    significance,
)
from .resamples import FEWEST

SHOWN = ("dinov1_l2", "clip_vitb32_jsd", "lpips_vgg", "fsim")  # in density and curves
BINS = 40
POINTS = ("srcc", "srcc_byref", "plcc", "plcc_byref", "krcc", "krcc_byref")


def points(scores: Scores, compiled: bool = True) -> pd.DataFrame:
    """SRCC, raw PLCC, KRCC and their means by reference of each method."""
    group = resamples.Group("all", scores, scores.refs, 0, 0, compiled)
    return agreement.of_groups([group], statistics=POINTS).drop(columns="group").pipe(_named)


def compute(scores: Scores, count: int = bootstrap.RESAMPLES, seed: int = 0) -> dict[str, pd.DataFrame]:
    """All of `committed.FILES` for one dataset, whosever scores they are. InputError below 3 rated images."""
    whole, *typed = resamples.groups(scores, "distortion", count, seed)
    scores = whole.scores
    table = correlations(whole)
    clean = [name if kind == "none" else None for name, kind in zip(table["method"], table["perturbation"], strict=True)]
    return {
        "correlations": table,
        "by_type": by_type(typed),
        "pairs": pairs(whole, table),
        "changes": changes(whole, table),
        "gains": gains.gains(whole, table),
        "perturbed_final": perturbed.intermediate_final(whole, table),
        "comparisons": comparisons.of_group(whole, table),
        "shares": shares.shares(whole, clean),
        "leaders": leaders.leaders(whole, clean),
        "complements": complementarity.complements(whole, clean, complementarity.pair(table)),
        **shown(scores, whole.fits),
        **people_tables.tables(whole, typed),
    }


def correlations(group: resamples.Group) -> pd.DataFrame:
    """Agreement of each method, pooled and within references, with intervals, and the logistic fits."""
    scores, fitted = group.scores, group.fits
    out = agreement.of_groups([group], bootstrap.FIT_RESAMPLES, statistics=(*POINTS, "plcc_fit4")).drop(columns="group")
    out = _named(out)
    out.insert(list(out).index("refs") + 1, "distinct", [len(np.unique(row)) for row in scores.values])  # half precision: few
    fives = [fits.logistic(row, scores.quality, 5, four) for row, four in zip(scores.values, fitted, strict=True)]
    out["plcc_fit5"] = [fit.plcc for fit in fives]
    for k, found in ((4, fitted), (5, fives)):
        out[f"fit{k}_converged"] = [fit.converged for fit in found]
        out[f"fit{k}_rising"] = [fit.rising for fit in found]
        out[f"fit{k}_rmse"] = [fit.rmse for fit in found]
    out["fit4_kurtosis"] = [kurtosis(fit.curve - scores.quality, fisher=False) for fit in fitted]
    return out


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Methods without their perturbation, which has a column of its own."""
    names = [plain(name) for name in table["method"]]
    labels = [known.describe(m.partition("[")[0]).label + _bracket(m) for m in names]
    return table.assign(method=names, label=labels)


def _bracket(name: str) -> str:
    """What stands in brackets in `name`, for a label."""
    words = name.rstrip("]").partition("[")[2]
    return f" ({words.replace(',', ', ')})" if words else ""


def by_type(typed: list[resamples.Group]) -> pd.DataFrame:
    """SRCC of each method within each distortion type that has 3 images or more, pooled and within references."""
    typed = [group for group in typed if len(group.scores.images) >= FEWEST]
    columns = ["dataset", "method", "perturbation", "distortion", "n", "refs"]
    columns += [f"{name}{end}" for name in ("srcc", "srcc_byref") for end in ("", "_low", "_high")]
    if not typed:
        return pd.DataFrame(columns=columns)
    order = [*released_names.TYPES.get(typed[0].scores.dataset, {})]
    typed = sorted(typed, key=lambda group: order.index(group.name) if group.name in order else len(order))
    out = agreement.of_groups(typed, statistics=("srcc", "srcc_byref")).rename(columns={"group": "distortion"})
    return _named(out)[columns]


def pairs(group: resamples.Group, table: pd.DataFrame) -> pd.DataFrame:
    """Every pair of methods on clean images: a - b, better first, pooled and within references.

    One family: Holm's correction over all pairs of the dataset. With what equivalence and power are (`contrasts.sameness`).
    """
    mine = table[table["perturbation"] == "none"].set_index("method")
    named = dict(zip(mine.index, group.scores.methods["method"][(table["perturbation"] == "none").to_numpy()], strict=True))
    ranked = mine["srcc"].sort_values(ascending=False, kind="stable").index
    names = [(a, b) for i, a in enumerate(ranked) for b in ranked[i + 1 :]]
    found = contrasts.of_groups([group], [(named[a], named[b]) for a, b in names])
    out = pd.concat([found.drop(columns="group"), contrasts.sameness(group, found).drop(columns=["a", "b"])], axis=1)
    out["a"], out["b"] = ([pair[side] for pair in names] for side in (0, 1))
    n, rmse = len(group.scores.images), mine["fit4_rmse"]
    out["f_test_p"] = [significance.f_test(rmse[a], rmse[b], n) for a, b in names]
    out["f_test_p_holm"] = significance.holm(out["f_test_p"])
    return out.rename(columns={"a": "method", "b": "other"})  # every result file has a method: here the better one


def changes(group: resamples.Group, table: pd.DataFrame) -> pd.DataFrame:
    """SRCC under each perturbation minus SRCC on clean images, paired, with Holm over the methods of a perturbation."""
    at = {key: i for i, key in enumerate(zip(table["method"], table["perturbation"], strict=True))}
    names = group.scores.methods["method"].tolist()
    out = []
    for kind in ("tra", "sca", "rot"):
        moved = [(method, at[method, kind], at[method, "none"]) for method, k in at if k == kind and (method, "none") in at]
        if not moved:
            continue
        part = contrasts.of_groups([group], [(names[i], names[j]) for _, i, j in moved])
        part = part.drop(columns=["group", "a", "b"])
        part.columns = [column.replace("difference", "change") for column in part]
        methods, after, before = (list(column) for column in zip(*moved, strict=True))
        part.insert(1, "method", methods)
        part.insert(2, "perturbation", kind)
        for name, prefix in contrasts.PREFIX.items():
            values = table[name].to_numpy()
            part.insert(list(part).index(f"{prefix}change"), f"{prefix}clean", values[before])
            part.insert(list(part).index(f"{prefix}change"), name, values[after])
        out.append(part)
    empty = ["dataset", "method", "perturbation", "n", "refs", "clean", "srcc", "change", "low", "high", "p", "p_holm"]
    empty += ["byref_clean", "srcc_byref", *(f"byref_{name}" for name in empty[7:])]
    return pd.concat(out, ignore_index=True) if out else pd.DataFrame(columns=empty)


def shown(scores: Scores, fitted: list[fits.Fit]) -> dict[str, pd.DataFrame]:
    """Counts in BINS x BINS cells of (distance, mos), and the fitted curve, of the methods in SHOWN, or the first four."""
    names = [plain(name) for name in scores.methods["method"]]
    clean = {name: i for i, name in reversed(list(enumerate(names))) if scores.methods["perturbation"].iloc[i] == "none"}
    wanted = [name for name in map(known.canonical, SHOWN) if name in clean] or list(clean)[::-1][: len(SHOWN)]
    density, curves, mos = [], [], scores.images["mos"].fillna(scores.images["quality"]).to_numpy(float)
    for method in wanted:
        i = clean[method]
        pred = -scores.values[i]
        counts, x, y = np.histogram2d(pred, mos, BINS)
        at = np.argwhere(counts > 0)
        mine = {"dataset": scores.dataset, "method": method}
        cells = {"x": ((x[1:] + x[:-1]) / 2)[at[:, 0]], "y": ((y[1:] + y[:-1]) / 2)[at[:, 1]]}
        density.append(pd.DataFrame({**mine, **cells, "images": counts[counts > 0].astype(int)}))
        order = np.argsort(pred)
        steps = order[np.searchsorted(pred[order], np.linspace(pred.min(), pred.max(), 60))]
        side = np.sign(np.corrcoef(mos, scores.quality)[0, 1])  # LIVE's DMOS runs the other way
        curves.append(pd.DataFrame({**mine, "x": pred[steps], "y": side * fitted[i].curve[steps]}))
    return {"density": pd.concat(density), "curves": pd.concat(curves)}
