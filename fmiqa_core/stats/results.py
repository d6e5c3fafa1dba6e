"""The result tables of a set of scores: correlations, types, pairs, changes. What the authors released and own runs alike.

Of the released scores they are committed in `data/released` (`data.committed`). Points are full precision; intervals, p
values and curves are rounded to 6 decimals. Same archive, same bytes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kurtosis, rankdata

from ..data import methods as known
from ..data import released, released_names
from ..data import scores as containers
from ..data.committed import FILES, path, read
from ..data.layouts import LAYOUTS
from ..data.scores import METHODS, Scores
from ..errors import InputError
from ..files import paths
from . import bootstrap, correlation, fits, significance
from .agreement import FEWEST, mean, point, rated

MAIN = (  # the comparison: foundation models by the two distances that all of them could have, then the others
    "dinov1_l2",
    "dinov1_cos",
    "clip_vitb32_l2",
    "clip_vitb32_cos",
    "imagenet_vit_cos",
    "dinov2_cos",
    "clip_rn50_cos",
    "openclip_convnext_base_cos",
    "deep_wsd_vgg",
    "lpips",
    "lpips_vgg",
    "stlpips_alex",
    "stlpips_vgg",
    "dists",
    "fsim",
    "msssim",
    "psnr",
)
SHOWN = ("dinov1_l2", "clip_vitb32_jsd", "lpips_vgg", "fsim")  # in density and curves
BINS = 40


@dataclass(frozen=True)
class Results:
    """The result tables of some datasets, and what a reader must know of them."""

    source: str  # released, own or both
    tables: dict[str, pd.DataFrame]  # of committed.FILES
    titles: dict[str, str]  # dataset -> its title, in the order of tables and figures
    files: dict[str, tuple[Path, ...]]  # table -> what it is computed from
    cite: tuple[str, ...]
    report: str
    notes: tuple[str, ...] = ()

    def read(self, name: str) -> pd.DataFrame:
        return self.tables[name]

    @property
    def about(self) -> str:
        """What a caption of own scores adds: how many images of what, with the reservation that belongs to them."""
        return "".join(f" {note}" for note in self.notes)

    def inputs(self, *names: str) -> list[Path]:
        """The files that the tables `names` come from."""
        return list(dict.fromkeys(file for name in names for file in self.files[name]))

    def name(self, figure: str) -> str:
        """What a figure or table of these is called: of the released scores as it is, else with whose they are."""
        return figure if self.source == "released" else f"{figure}_{self.source}"

    def method(self, name: str) -> str | None:
        """What the method `name`, in either spelling, is called in these tables; None where they have not got it."""
        there = {known.canonical(m): m for m in self.tables["correlations"]["method"] if "[" not in m}
        return there.get(known.canonical(name))

    @property
    def main(self) -> list[str]:
        """The methods of the headline tables: own ones by the distances that all can have, then MAIN of the released ones."""
        table = self.tables["correlations"]
        if self.source == "released":
            return [name for name in map(self.method, MAIN) if name]
        own = table[(table["source"] == "own") & (table["features"] != "embedding")]
        own = own[own["distance"].isin(["l2", "cos"]) | (own["family"] != "foundation")]
        theirs = {known.canonical(m.partition("[")[0]): m for m in table.loc[table["source"] == "released", "method"]}
        return [*dict.fromkeys(own["method"]), *(theirs[m] for m in map(known.canonical, MAIN) if m in theirs)]


def committed() -> Results:
    """Of the released scores, from `data/released`."""
    return Results(
        source="released",
        tables={name: read(name) for name in FILES},
        titles={name: LAYOUTS[name].title for name in released_names.DATASETS},
        files={name: (path(name),) for name in FILES},
        cite=(released.CITE,),
        report=released.report(),
    )


def of(several: Sequence[Scores], source: str, files: Sequence[Path] = ()) -> Results:
    """Of scores, one of each dataset; `files` are what they were read from."""
    parts = [compute(scores) for scores in several]
    return Results(
        source=source,
        tables={name: pd.concat([part[name] for part in parts], ignore_index=True) for name in FILES},
        titles={scores.dataset: scores.title for scores in several},
        files=dict.fromkeys(FILES, tuple(files)),
        cite=tuple(dict.fromkeys(text for scores in several for text in scores.cite)),
        report="\n".join(dict.fromkeys(line for scores in several for line in scores.reports)),
        notes=tuple(_note(scores) for scores in several),
    )


def _note(scores: Scores) -> str:
    """`LIVE: 97 images, 5 references; realigned DMOS, higher = worse. partial live: ...`"""
    reservation = f" {scores.note[:1].upper()}{scores.note[1:]}." if scores.note else ""
    return f"{scores.title}: {scores.rated().coverage}; {scores.scale or 'human score not said'}.{reservation}"


def write(table: pd.DataFrame, resamples: int = bootstrap.RESAMPLES, seed: int = 0) -> list[Path]:
    """Compute all FILES from the table of `released.load` and write them."""
    folder = paths.make_folder(paths.data() / "released")
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in FILES}
    for dataset in released_names.DATASETS:
        scores = containers.of_release(dataset, None, table)
        for name, part in compute(scores, resamples, seed).items():
            parts[name].append(_as_released(part))
    for name, tables in parts.items():
        with paths.atomic(folder / f"{name}.csv") as temporary:
            pd.concat(tables, ignore_index=True).to_csv(temporary, index=False, lineterminator="\n")
    return [folder / f"{name}.csv" for name in FILES]


def _as_released(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with the release's spelling of methods and backbones, as its files are called."""
    out = table.copy()
    for column in {"method", "other"} & {*table.columns}:
        out[column] = [known.released_spelling(name) for name in table[column]]
    if "backbone" in table:
        spelling = {ours: theirs for theirs, ours in known.RELEASED.items()}
        out["backbone"] = [spelling.get(name, name) for name in table["backbone"]]
    return out.drop(columns=["source", "protocol"], errors="ignore")


def points(scores: Scores) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """SRCC, raw PLCC, KRCC and their means by reference of each method, and the values by reference (K, R)."""
    values, quality = scores.values, scores.quality
    inside = bootstrap.by_reference(values, quality, scores.refs)
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
    out, inside = points(scores)
    samples = {"srcc": bootstrap.srcc(values, quality, refs, weights), "plcc": bootstrap.plcc(values, quality, refs, weights)}
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
        "by_type": by_type(scores, resamples, seed),
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


def by_type(scores: Scores, resamples: int, seed: int) -> pd.DataFrame:
    """SRCC of each method within each distortion type that has 3 images or more, with intervals over references."""
    out, kinds = [], scores.images["distortion"].astype(str).to_numpy()
    methods = [_clean(name) for name in scores.methods["method"]]
    short = pd.DataFrame({"dataset": scores.dataset, "method": methods, "perturbation": scores.methods["perturbation"]})
    order = [*released_names.TYPES.get(scores.dataset, {}), *sorted(set(kinds))]
    for code in [code for code in dict.fromkeys(order) if (kinds == code).sum() >= FEWEST]:
        part = scores.where(kinds == code)
        weights = bootstrap.draw(len(set(part.refs)), resamples, seed)
        found = bootstrap.srcc(part.values, part.quality, part.refs, weights)
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
        inside = bootstrap.by_reference(np.array([clean, rot]), quality, refs)["srcc"].mean(axis=1)
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
    stored, worst = read("correlations"), 0.0
    for dataset in released_names.DATASETS:
        scores = containers.of_release(dataset, None, table)
        ours = [correlation.srcc(row, scores.quality) for row in scores.values]
        theirs = stored.loc[stored["dataset"] == dataset, "srcc"].to_numpy()
        worst = max(worst, np.abs(np.array(ours) - theirs).max() if len(ours) == len(theirs) else np.inf)
    if worst > 1e-9:
        raise InputError(f"data/released is not what the archive gives (SRCC differs by {worst:.1g}): run `fmiqa released`.")
    return f"Archive found and verified: the SRCC of its {len(stored)} complete files equal the committed ones."


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
