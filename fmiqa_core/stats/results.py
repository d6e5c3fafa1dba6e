"""The small result files in `data/released`, computed from the released scores: what tables and figures are made from.

Points are full precision; intervals, p values and curves are rounded to 6 decimals. Same archive, same bytes.
"""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, kurtosis, rankdata

from ..data import methods as known
from ..data import released, released_names
from ..errors import InputError
from ..files import paths
from . import bootstrap, correlation, fits, significance

NAME = ["dataset", "method", "label", "family", "backbone", "features", "distance", "perturbation"]
FILES = {
    "correlations": "every method, dataset and perturbation: SRCC, PLCC raw and fitted, KRCC, means by reference",
    "by_type": "SRCC within each distortion type",
    "pairs": "every pair of methods on clean images: difference of SRCC, Holm, F-test",
    "changes": "what 1 % shift, scaling and rotation change in SRCC",
    "rotation": "TID2013: what of rotation's change stands between types, within types, within references",
    "density": "how many images lie where in the plane of score and human score",
    "curves": "the fitted logistic curves",
}
SHOWN = ("dinov1_l2", "clip_vitb32_jsd", "lpips_vgg", "fsim")  # in density and curves
BINS = 40


def read(name: str) -> pd.DataFrame:
    """The committed file `data/released/NAME.csv`; InputError where it is missing or has lost its columns."""
    file = path(name)
    try:
        table = pd.read_csv(file, dtype={"distortion": str})
    except FileNotFoundError:
        raise InputError(
            f"No {file}: run `fmiqa released` (it needs the archive), or take the file from the checkout."
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is damaged ({error}): take it from the checkout again, or run `fmiqa released`.") from error
    if not {"dataset", "method"} <= set(table.columns) or table.empty:
        raise InputError(f"{file} is damaged (columns or rows are missing): run `fmiqa released`.")
    return table


def path(name: str) -> Path:
    return paths.data() / "released" / f"{name}.csv"


def write(table: pd.DataFrame, resamples: int = bootstrap.RESAMPLES, seed: int = 0) -> list[Path]:
    """Compute all FILES from the table of `released.load` and write them."""
    folder = paths.make_folder(paths.data() / "released")
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in FILES}
    for dataset in released_names.DATASETS:
        for name, part in compute(matrix(table, dataset), resamples, seed).items():
            parts[name].append(part)
    for name, tables in parts.items():
        with paths.atomic(folder / f"{name}.csv") as temporary:
            pd.concat(tables, ignore_index=True).to_csv(temporary, index=False, lineterminator="\n")
    return [folder / f"{name}.csv" for name in FILES]


def matrix(table: pd.DataFrame, dataset: str) -> dict:
    """One dataset: names (K rows), images (n rows), scores (K, n), quality (n,), refs (n,), distortion (n,).

    Raises InputError for a dataset that the table does not have.
    """
    rows = np.flatnonzero(table["dataset"] == dataset)
    if not len(rows):
        raise InputError(f"No rows of {dataset} among the released scores.")
    mine = table.iloc[rows[0] : rows[-1] + 1]  # a dataset's rows stand together: no copy of millions of rows
    n = released_names.DATASETS[dataset]
    names = mine[[c for c in NAME if c != "label"]].iloc[::n].astype(str).reset_index(drop=True)
    names.insert(2, "label", [known.describe(m).label for m in names["method"]])
    images = mine[["dis", "ref", "distortion", "level", "mos", "quality"]].iloc[:n].reset_index(drop=True)
    return {
        "names": names,
        "images": images,
        "scores": mine["score"].to_numpy().reshape(-1, n).copy(),
        "quality": images["quality"].to_numpy(),
        "refs": images["ref"].astype(str).to_numpy(),
        "distortion": images["distortion"].astype(str).to_numpy(),
    }


def points(data: dict) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """SRCC, raw PLCC, KRCC and their means by reference of each method, and the values by reference (K, R)."""
    scores, quality = data["scores"], data["quality"]
    inside = bootstrap.by_reference(scores, quality, data["refs"])
    out = data["names"].assign(n=len(quality), refs=len(set(data["refs"])))
    out["distinct"] = [len(np.unique(row)) for row in scores]  # half precision leaves few
    out["srcc"] = [correlation.srcc(row, quality) for row in scores]
    out["plcc"] = [correlation.plcc(row, quality) for row in scores]
    out["krcc"] = [kendalltau(row, quality).statistic for row in scores]
    for name, values in inside.items():
        out[f"{name}_byref"] = np.nanmean(values, axis=1)
    return out, inside


def compute(data: dict, resamples: int = bootstrap.RESAMPLES, seed: int = 0) -> dict[str, pd.DataFrame]:
    """All FILES of one dataset, from `matrix`."""
    scores, quality, refs, names = data["scores"], data["quality"], data["refs"], data["names"]
    dataset = names["dataset"].iloc[0]
    weights = bootstrap.draw(len(set(refs)), resamples, seed)
    out, inside = points(data)
    samples = {"srcc": bootstrap.srcc(scores, quality, refs, weights), "plcc": bootstrap.plcc(scores, quality, refs, weights)}
    samples |= {f"{name}_byref": bootstrap.mean(values, weights) for name, values in inside.items()}
    for name, values in samples.items():
        out[f"{name}_low"], out[f"{name}_high"] = (end.round(6) for end in bootstrap.percentile(values))
    fitted = {k: [fits.logistic(row, quality, k) for row in scores] for k in (4, 5)}
    for k, found in fitted.items():
        out[f"plcc_fit{k}"] = [round(fit.plcc, 6) for fit in found]
        out[f"fit{k}_converged"] = [fit.converged for fit in found]
        out[f"fit{k}_rmse"] = [round(fit.rmse, 6) for fit in found]
    out["fit4_kurtosis"] = [round(kurtosis(fit.curve - quality, fisher=False), 3) for fit in fitted[4]]
    return {
        "correlations": out,
        "by_type": by_type(data, resamples, seed),
        "pairs": pairs(out, samples["srcc"]),
        "changes": changes(out, samples["srcc"]),
        "rotation": rotation(data) if dataset == "tid2013" else pd.DataFrame(),
        **shown(data, fitted[4]),
    }


def by_type(data: dict, resamples: int, seed: int) -> pd.DataFrame:
    """SRCC of each method within each distortion type, with intervals over references."""
    dataset, out = data["names"]["dataset"].iloc[0], []
    short = data["names"][["dataset", "method", "perturbation"]]
    for code in released_names.TYPES[dataset]:
        rows = data["distortion"] == code
        scores, quality, refs = data["scores"][:, rows], data["quality"][rows], data["refs"][rows]
        weights = bootstrap.draw(len(set(refs)), resamples, seed)
        low, high = bootstrap.percentile(bootstrap.srcc(scores, quality, refs, weights))
        values = [round(float(correlation.srcc(row, quality)), 6) for row in scores]
        out.append(short.assign(distortion=code, n=rows.sum(), srcc=values, low=low.round(4), high=high.round(4)))
    return pd.concat(out, ignore_index=True)


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
        out.append(pd.DataFrame(rows).assign(p_holm=significance.holm([row["p"] for row in rows])))
    out = pd.concat(out, ignore_index=True).rename(columns={"difference": "change"})
    out.insert(0, "dataset", table["dataset"].iloc[0])
    return out.round(6)


def rotation(data: dict) -> pd.DataFrame:
    """SRCC clean, rotated, and of two mixtures: type means of the one, deviations from them of the other (of ranks).

    least_without: the smallest gain when any one type is left out, and which.
    """
    quality, kinds, refs, names = data["quality"], data["distortion"], data["refs"], data["names"]
    at = {key: i for i, key in enumerate(zip(names["method"], names["perturbation"], strict=True))}
    codes = pd.factorize(kinds)[0]

    def parts(ranks):
        middle = (np.bincount(codes, ranks) / np.bincount(codes))[codes]
        return middle, ranks - middle

    rows = []
    for method in names.loc[names["perturbation"] == "rot", "method"]:
        if (method, "none") not in at:
            continue
        clean, rot = (data["scores"][at[method, kind]] for kind in ("none", "rot"))
        (c_mean, c_dev), (r_mean, r_dev) = parts(rankdata(clean)), parts(rankdata(rot))
        inside = bootstrap.by_reference(np.array([clean, rot]), quality, refs)["srcc"].mean(axis=1)
        gains = {
            code: float(correlation.srcc(rot[kinds != code], quality[kinds != code]))
            - float(correlation.srcc(clean[kinds != code], quality[kinds != code]))
            for code in released_names.TID2013_TYPES
        }
        least = min(gains, key=gains.get)
        rows.append(
            {
                "dataset": names["dataset"].iloc[0],
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


def shown(data: dict, fitted: list[fits.Fit]) -> dict[str, pd.DataFrame]:
    """Counts in BINS x BINS cells of (score as stored, mos), and the fitted curve, of the methods in SHOWN."""
    names, images = data["names"], data["images"]
    density, curves = [], []
    mos = images["mos"].to_numpy()
    for method in SHOWN:
        i = names.index[(names["method"] == method) & (names["perturbation"] == "none")][0]
        pred = -data["scores"][i]
        counts, x, y = np.histogram2d(pred, mos, BINS)
        at = np.argwhere(counts > 0)
        mine = {"dataset": names["dataset"][i], "method": method}
        cells = {"x": ((x[1:] + x[:-1]) / 2)[at[:, 0]], "y": ((y[1:] + y[:-1]) / 2)[at[:, 1]]}
        density.append(pd.DataFrame({**mine, **cells, "images": counts[counts > 0].astype(int)}).round(6))
        order = np.argsort(pred)
        steps = order[np.searchsorted(pred[order], np.linspace(pred.min(), pred.max(), 60))]
        side = np.sign(np.corrcoef(mos, data["quality"])[0, 1])  # LIVE's DMOS runs the other way
        curves.append(pd.DataFrame({**mine, "x": pred[steps], "y": side * fitted[i].curve[steps]}).round(6))
    return {"density": pd.concat(density), "curves": pd.concat(curves)}


def check() -> str:
    """One sentence: the archive is here and gives the committed SRCC, or the committed files stand alone.

    An archive that cannot be read is said so. Raises InputError where its numbers are not the committed ones.
    """
    if released.find() is None:
        return "Archive not here: tables and figures are made from the committed files in data/released."
    try:
        table = released.load()
    except InputError as error:  # damaged, or the table that names the images cannot be had
        return f"Archive found, but it cannot be checked here: {error} All that follows is made from the committed files."
    committed, worst = read("correlations"), 0.0
    for dataset in released_names.DATASETS:
        data = matrix(table, dataset)
        ours = [correlation.srcc(row, data["quality"]) for row in data["scores"]]
        theirs = committed.loc[committed["dataset"] == dataset, "srcc"].to_numpy()
        worst = max(worst, np.abs(np.array(ours) - theirs).max() if len(ours) == len(theirs) else np.inf)
    if worst > 1e-9:
        raise InputError(f"data/released is not what the archive gives (SRCC differs by {worst:.1g}): run `fmiqa released`.")
    return f"Archive found and verified: the SRCC of its {len(committed)} complete files equal the committed ones."


def digest_lines(table: pd.DataFrame) -> str:
    """What `fmiqa released` prints: how many files of which dataset, and what was left out by name."""
    out = io.StringIO()
    for dataset, n in released_names.DATASETS.items():
        out.write(f"{dataset}: {(table['dataset'] == dataset).sum() // n} complete files of {n} images\n")
    out.write(f"left out: empty {', '.join(released_names.EMPTY)}; partial {', '.join(released_names.PARTIAL)}\n")
    for copy, name in released_names.COPIES.items():
        out.write(f"{name}: taken from {copy!r}, the complete run\n")
    unknown = table.attrs.get("unknown") or []
    out.write(f"unknown names, left out: {', '.join(unknown)}\n" if unknown else "unknown names: none\n")
    return out.getvalue().rstrip()
