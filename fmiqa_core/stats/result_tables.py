"""The result tables of one dataset, whosever scores they are: correlations, by type, pairs, changes, density, curves.

Points are full precision; intervals, p values and curves are rounded to 6 decimals.
"""

import numpy as np
import pandas as pd
from scipy.stats import kurtosis, rankdata

from ..data import methods as known
from ..data import released_names
from ..data.scores import METHODS, Scores
from . import bootstrap, correlation, fits, significance
from .resamples import FEWEST, mean, point, rated

SHOWN = ("dinov1_l2", "clip_vitb32_jsd", "lpips_vgg", "fsim")  # in density and curves
BINS = 40


def points(scores: Scores, compiled: bool = True) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """SRCC, raw PLCC, KRCC and their means by reference of each method, and the values by reference (K, R)."""
    values, quality = scores.values, scores.quality
    inside = bootstrap.by_reference(values, quality, scores.refs, compiled)
    out = scores.methods[METHODS].assign(method=[_clean(name) for name in scores.methods["method"]])
    out["label"] = [known.describe(m.partition("[")[0]).label + _bracket(m) for m in out["method"]]
    out.insert(0, "dataset", scores.dataset)
    out = out.assign(n=len(quality), refs=len(set(scores.refs)))
    out["distinct"] = [len(np.unique(row)) for row in values]  # half precision leaves few
    for name in ("srcc", "plcc", "krcc"):
        out[name] = point(name, values, quality, scores.refs)
    for name, values in inside.items():
        out[f"{name}_byref"] = mean(values)
    return out, inside


def compute(scores: Scores, resamples: int = bootstrap.RESAMPLES, seed: int = 0) -> dict[str, pd.DataFrame]:
    """All of `committed.FILES` for one dataset, whosever scores they are. InputError below 3 rated images."""
    scores = rated(scores)
    values, quality, refs = scores.values, scores.quality, scores.refs
    weights = bootstrap.draw(len(set(refs)), resamples, seed)
    compiled = bootstrap.many(values, weights)
    out, inside = points(scores, compiled)
    samples = {
        "srcc": bootstrap.srcc(values, quality, refs, weights, compiled),
        "plcc": bootstrap.plcc(values, quality, refs, weights),
    }
    samples |= {f"{name}_byref": bootstrap.mean(found, weights) for name, found in inside.items()}
    for name, found in samples.items():
        out[f"{name}_low"], out[f"{name}_high"] = (end.round(6) for end in bootstrap.ends(found, len(set(refs))))
    fitted = {k: [fits.logistic(row, quality, k) for row in values] for k in (4, 5)}
    for k, found in fitted.items():
        out[f"plcc_fit{k}"] = [round(fit.plcc, 6) for fit in found]
        out[f"fit{k}_converged"] = [fit.converged for fit in found]
        out[f"fit{k}_rmse"] = [round(fit.rmse, 6) for fit in found]
    out["fit4_kurtosis"] = [round(kurtosis(fit.curve - quality, fisher=False), 3) for fit in fitted[4]]
    rotated = {"none", "rot"} <= {*out["perturbation"]} and scores.images["distortion"].nunique() > 1
    return {
        "correlations": out,
        "by_type": by_type(scores, resamples, seed, compiled),
        "pairs": pairs(out, samples["srcc"]),
        "changes": changes(out, samples["srcc"]),
        "rotation": rotation(scores) if rotated and scores.dataset == "tid2013" else pd.DataFrame(),
        **shown(scores, fitted[4]),
    }


def _clean(name: str) -> str:
    """A method's name without its perturbation, which has a column of its own."""
    base, bracket, words = name.rstrip("]").partition("[")
    kept = [word for word in words.split(",") if bracket and word not in known.PERTURBATIONS]
    return f"{base}[{','.join(kept)}]" if kept and base not in kept else base


def _bracket(name: str) -> str:
    """What stands in brackets in `name`, for a label."""
    words = name.rstrip("]").partition("[")[2]
    return f" ({words.replace(',', ', ')})" if words else ""


def by_type(scores: Scores, resamples: int, seed: int, compiled: bool) -> pd.DataFrame:
    """SRCC of each method within each distortion type that has 3 images or more, with intervals over references."""
    out, kinds = [], scores.images["distortion"].astype(str).to_numpy()
    methods = [_clean(name) for name in scores.methods["method"]]
    short = pd.DataFrame({"dataset": scores.dataset, "method": methods, "perturbation": scores.methods["perturbation"]})
    order = [*released_names.TYPES.get(scores.dataset, {}), *sorted(set(kinds))]
    for code in [code for code in dict.fromkeys(order) if (kinds == code).sum() >= FEWEST]:
        part = scores.where(kinds == code)
        weights = bootstrap.draw(len(set(part.refs)), resamples, seed)
        found = bootstrap.srcc(part.values, part.quality, part.refs, weights, compiled)
        low, high = bootstrap.ends(found, len(set(part.refs)))
        values = [round(float(correlation.srcc(row, part.quality)), 6) for row in part.values]
        out.append(short.assign(distortion=code, n=len(part.images), srcc=values, low=low.round(4), high=high.round(4)))
    columns = [*short, "distortion", "n", "srcc", "low", "high"]
    return pd.concat(out, ignore_index=True) if out else pd.DataFrame(columns=columns)


def pairs(table: pd.DataFrame, samples: np.ndarray) -> pd.DataFrame:
    """Every pair of methods on clean images: a - b, better first, with Holm over all pairs of the dataset."""
    clean = np.flatnonzero(table["perturbation"] == "none")
    mine = table.iloc[clean].set_index("method")
    out = significance.pairs(mine.index.tolist(), mine["srcc"].to_numpy(), samples[:, clean])
    n, rmse = int(mine["n"].iloc[0]), mine["fit4_rmse"]
    out["f_test_p"] = [significance.f_test(rmse[a], rmse[b], n) for a, b in zip(out["a"], out["b"], strict=True)]
    out["f_test_p_holm"] = significance.holm(out["f_test_p"])
    out.insert(0, "method", out["a"])  # every result file has a method: here the better one
    out.insert(0, "dataset", table["dataset"].iloc[0])
    return out.drop(columns="a").rename(columns={"b": "other"}).round(6)


def changes(table: pd.DataFrame, samples: np.ndarray) -> pd.DataFrame:
    """SRCC under each perturbation minus SRCC on clean images, paired, with Holm over the methods."""
    at = {key: i for i, key in enumerate(zip(table["method"], table["perturbation"], strict=True))}
    out = []
    for kind in ("tra", "sca", "rot"):
        rows = []
        for method in table.loc[table["perturbation"] == kind, "method"]:
            if (method, "none") not in at:
                continue
            i, j = at[method, kind], at[method, "none"]
            a, b = table["srcc"].iloc[i], table["srcc"].iloc[j]
            gap = significance.difference(samples[:, i], samples[:, j], a - b)
            rows.append({"method": method, "perturbation": kind, "clean": b, "srcc": a, **gap})
        columns = ["method", "perturbation", "clean", "srcc", "difference", "low", "high", "p"]
        out.append(pd.DataFrame(rows, columns=columns).assign(p_holm=significance.holm([row["p"] for row in rows])))
    out = pd.concat(out, ignore_index=True).rename(columns={"difference": "change"})
    out.insert(0, "dataset", table["dataset"].iloc[0])
    return out.round(6)


def rotation(scores: Scores) -> pd.DataFrame:
    """SRCC clean, rotated, and of two mixtures: type means of the one, deviations from them of the other (of ranks).

    least_without: the smallest gain when any one type is left out, and which.
    """
    quality, refs, kinds = scores.quality, scores.refs, scores.images["distortion"].astype(str).to_numpy()
    names = scores.methods.assign(method=[_clean(name) for name in scores.methods["method"]])
    at = {key: i for i, key in enumerate(zip(names["method"], names["perturbation"], strict=True))}
    codes = pd.factorize(kinds)[0]

    def parts(ranks):
        middle = (np.bincount(codes, ranks) / np.bincount(codes))[codes]
        return middle, ranks - middle

    rows = []
    for method in names.loc[names["perturbation"] == "rot", "method"]:
        if (method, "none") not in at:
            continue
        clean, rot = (scores.values[at[method, kind]] for kind in ("none", "rot"))
        (c_mean, c_dev), (r_mean, r_dev) = parts(rankdata(clean)), parts(rankdata(rot))
        inside = bootstrap.within(np.array([clean, rot]), quality, refs, many=True).mean(axis=1)
        gains = {
            code: float(correlation.srcc(rot[kinds != code], quality[kinds != code]))
            - float(correlation.srcc(clean[kinds != code], quality[kinds != code]))
            for code in dict.fromkeys([*released_names.TYPES.get(scores.dataset, {}), *kinds])
        }
        least = min(gains, key=gains.get)
        rows.append(
            {
                "dataset": scores.dataset,
                "method": method,
                "clean": correlation.srcc(clean, quality),
                "rotated": correlation.srcc(rot, quality),
                "rotated_between_types": correlation.srcc(r_mean + c_dev, quality),
                "rotated_within_types": correlation.srcc(c_mean + r_dev, quality),
                "clean_byref": inside[0],
                "rotated_byref": inside[1],
                "least_gain_without_a_type": gains[least],
                "that_type": least,
            }
        )
    return pd.DataFrame(rows).round(6)


def shown(scores: Scores, fitted: list[fits.Fit]) -> dict[str, pd.DataFrame]:
    """Counts in BINS x BINS cells of (distance, mos), and the fitted curve, of the methods in SHOWN, or the first four."""
    names = [_clean(name) for name in scores.methods["method"]]
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
        density.append(pd.DataFrame({**mine, **cells, "images": counts[counts > 0].astype(int)}).round(6))
        order = np.argsort(pred)
        steps = order[np.searchsorted(pred[order], np.linspace(pred.min(), pred.max(), 60))]
        side = np.sign(np.corrcoef(mos, scores.quality)[0, 1])  # LIVE's DMOS runs the other way
        curves.append(pd.DataFrame({**mine, "x": pred[steps], "y": side * fitted[i].curve[steps]}).round(6))
    return {"density": pd.concat(density), "curves": pd.concat(curves)}
