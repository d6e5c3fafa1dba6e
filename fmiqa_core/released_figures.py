"""Figures of notebooks 05 to 09, each drawn from the tables of `released_tables` and returned with its numbers."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from . import released_names, released_tables
from .figures import COLOURS, COLUMN, PAGE
from .released_results import SHOWN, read
from .released_tables import DATASETS, MAIN, PERTURBATIONS

Drawn = tuple[Figure, pd.DataFrame]
FAMILY_MARKERS = {"foundation": "o", "deep statistics": "D", "learned": "^", "traditional": "s"}


def colour(method: str) -> str:
    """Foundation models by backbone, all others by family."""
    family, backbone, *_ = released_names.describe(method)
    return COLOURS[backbone if family == "foundation" else family]


def label(method: str) -> str:
    return released_names.describe(method)[-1]


def main_comparison(methods=MAIN) -> Drawn:
    """SRCC with 95 % intervals, a panel per dataset, each panel on its own axis."""
    numbers = released_tables.points(methods=methods)
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 0.17 * len(methods) + 1.0), sharey=True)
    for axis, (dataset, title) in zip(axes, DATASETS.items(), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        for y, method in enumerate(methods):
            if method not in mine.index:
                continue
            row = mine.loc[method]
            axis.plot([row["srcc_low"], row["srcc_high"]], [y, y], color=colour(method), lw=1.4)
            axis.plot(row["srcc"], y, FAMILY_MARKERS[row["family"]], color=colour(method), ms=4)
        axis.set(title=f"{title}\n{mine['n'].iloc[0]} images, {mine['refs'].iloc[0]} references", xlabel="SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    axes[0].set_yticks(range(len(methods)), [label(m) for m in methods])
    axes[0].invert_yaxis()
    marks = [plt.Line2D([], [], ls="", marker=m, color="#666666", ms=4, label=f) for f, m in FAMILY_MARKERS.items()]
    figure.legend(handles=marks, loc="outside lower center", ncols=4)
    return figure, numbers


def intermediate_final() -> Drawn:
    """Dumbbells: final to intermediate features, cosine, every backbone; ImageNet ViT has no final variant."""
    numbers = released_tables.backbones()
    names = list(released_names.BACKBONES)
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.5), sharey=True)
    for axis, (dataset, title) in zip(axes, DATASETS.items(), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("backbone")
        for y, name in enumerate(names):
            row = mine.loc[name]
            sure = pd.notna(row["p_holm"]) and row["p_holm"] < 0.05
            axis.plot([row["embedding"], row["intermediate"]], [y, y], color=COLOURS[name], lw=2 if sure else 0.8)
            axis.plot(row["embedding"], y, "o", mfc="white", mec=COLOURS[name], ms=5)
            axis.plot(row["intermediate"], y, "o", color=COLOURS[name], ms=5)
        axis.set(title=title, xlabel="SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    axes[0].set_yticks(range(len(names)), list(released_names.BACKBONES.values()))
    axes[0].invert_yaxis()
    handles = [
        plt.Line2D([], [], ls="", marker="o", mfc="white", mec="#444444", label="final features"),
        plt.Line2D([], [], ls="", marker="o", color="#444444", label="intermediate features"),
        plt.Line2D([], [], color="#444444", lw=2, label="beyond noise (Holm)"),
        plt.Line2D([], [], color="#444444", lw=0.8, label="not"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure, numbers


def distances() -> Drawn:
    """SRCC of the six distances with intervals, two backbones, three datasets, the same axis length in each."""
    _, _, numbers = released_tables.distances()
    kinds = [*released_names.DISTANCES, "final"]
    numbers = numbers.assign(kind=np.where(numbers["features"] == "embedding", "final", numbers["distance"]))
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 2.4))
    for axis, (dataset, title) in zip(axes, DATASETS.items(), strict=True):
        for shift, backbone in ((-0.12, "dinov1"), (0.12, "clip_vitb32")):
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["backbone"] == backbone)].set_index("kind").loc[kinds]
            x = np.arange(len(kinds)) + shift
            error = [mine["srcc"] - mine["srcc_low"], mine["srcc_high"] - mine["srcc"]]
            marker = "o" if backbone == "dinov1" else "s"
            name = released_names.BACKBONES[backbone]
            axis.errorbar(x, mine["srcc"], np.maximum(error, 0), fmt=marker, color=COLOURS[backbone], ms=4, lw=1.2, label=name)
        axis.set_xticks(range(len(kinds)), [released_names.DISTANCES.get(k, k) for k in kinds], rotation=45)
        axis.set(title=title, ylabel="SRCC" if axis is axes[0] else "")
        axis.grid(axis="y", lw=0.3, alpha=0.6)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure, numbers


def pooled_by_reference(dataset: str = "pipal", methods=MAIN) -> Drawn:
    """Slope chart: SRCC over all images and mean SRCC within references."""
    numbers = released_tables.points(methods=methods).query("dataset == @dataset")
    figure, axis = plt.subplots(figsize=(COLUMN * 1.35, 4.1))
    for side, column, align in ((0, "srcc", "right"), (1, "srcc_byref", "left")):
        ranked = numbers.sort_values(column)
        heights = _spread(ranked[column].to_numpy(), 0.0135)
        for (_, row), y in zip(ranked.iterrows(), heights, strict=True):
            name = f"{row['label']} {row[column]:.3f}" if align == "right" else f"{row[column]:.3f} {row['label']}"
            axis.text(
                side + (0.12 if side else -0.12), y, name, ha=align, va="center", fontsize=6.5, color=colour(row["method"])
            )
            axis.plot([side, side + (0.1 if side else -0.1)], [row[column], y], color=colour(row["method"]), lw=0.4)
    for _, row in numbers.iterrows():
        marker = FAMILY_MARKERS[row["family"]]
        axis.plot([0, 1], [row["srcc"], row["srcc_byref"]], marker=marker, color=colour(row["method"]), lw=1)
    axis.set(xlim=(-1.5, 2.5), title=f"{DATASETS[dataset]}: SRCC")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks([])
    axis.tick_params(length=0)
    axis.set_xticks([0, 1], ["all images", "mean within\nreferences"])
    return figure, numbers


def raw_fitted(methods=MAIN) -> Drawn:
    """Dumbbells: PLCC raw and after the 4-parameter logistic."""
    numbers = released_tables.points(methods=methods)
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 0.16 * len(methods) + 1.0), sharey=True)
    for axis, (dataset, title) in zip(axes, DATASETS.items(), strict=True):
        mine = numbers[numbers["dataset"] == dataset].set_index("method")
        for y, method in enumerate(methods):
            if method in mine.index:
                row = mine.loc[method]
                axis.plot([row["plcc"], row["plcc_fit4"]], [y, y], color=colour(method), lw=1)
                axis.plot(row["plcc"], y, "o", mfc="white", mec=colour(method), ms=4)
                axis.plot(row["plcc_fit4"], y, "o", color=colour(method), ms=4)
        axis.set(title=title, xlabel="PLCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    axes[0].set_yticks(range(len(methods)), [label(m) for m in methods])
    axes[0].invert_yaxis()
    handles = [
        plt.Line2D([], [], ls="", marker="o", mfc="white", mec="#444444", label="raw"),
        plt.Line2D([], [], ls="", marker="o", color="#444444", label="after the logistic"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure, numbers


def scatter() -> Drawn:
    """Where the images lie in the plane of stored score and human score, with the fitted logistic."""
    density, curves = read("density"), read("curves")
    figure, axes = plt.subplots(3, len(SHOWN), figsize=(PAGE, 4.9))
    for i, (dataset, title) in enumerate(DATASETS.items()):
        for j, method in enumerate(SHOWN):
            axis = axes[i, j]
            cells = density[(density["dataset"] == dataset) & (density["method"] == method)]
            line = curves[(curves["dataset"] == dataset) & (curves["method"] == method)]
            share = np.log1p(cells["images"]) / np.log1p(cells["images"].max())
            axis.scatter(cells["x"], cells["y"], s=1.5, c=share, cmap="Greys", vmin=-0.5, vmax=1.8, marker="s", linewidths=0)
            axis.plot(line["x"], line["y"], color=colour(method), lw=1.6)
            axis.tick_params(labelsize=6)
            if i == 0:
                axis.set_title(label(method))
            if j == 0:
                axis.set_ylabel(f"{title}\n{'DMOS' if dataset == 'live' else 'MOS'}")
            if i == 2:
                axis.set_xlabel("stored score")
    return figure, density


def changes(methods=MAIN) -> Drawn:
    """Change of SRCC under each perturbation, with paired intervals."""
    _, _, numbers = released_tables.robustness(methods)
    figure, axes = plt.subplots(1, 3, figsize=(PAGE, 0.2 * len(methods) + 1.0), sharey=True)
    for axis, (dataset, title) in zip(axes, DATASETS.items(), strict=True):
        for shift, kind in ((-0.24, "tra"), (0, "sca"), (0.24, "rot")):
            mine = (
                numbers[(numbers["dataset"] == dataset) & (numbers["perturbation"] == kind)]
                .set_index("method")
                .reindex(methods)
            )
            y = np.arange(len(methods)) + shift
            axis.hlines(y, mine["low"], mine["high"], color=COLOURS[kind], lw=1)
            axis.plot(
                mine["change"],
                y,
                {"tra": "o", "sca": "s", "rot": "^"}[kind],
                color=COLOURS[kind],
                ms=3,
                label=PERTURBATIONS[kind],
            )
        axis.axvline(0, color="black", lw=0.6)
        axis.set_xscale("symlog", linthresh=0.1, linscale=1)
        axis.set_xlim(-0.85, 0.13)
        axis.set_xticks([-0.6, -0.3, -0.1, -0.05, 0, 0.05, 0.1], ["-.6", "-.3", "-.1", "-.05", "0", ".05", ".1"], fontsize=6)
        axis.minorticks_off()
        axis.set(title=title, xlabel="change of SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    axes[0].set_yticks(range(len(methods)), [label(m) for m in methods])
    axes[0].invert_yaxis()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure, numbers


def rotation(parts: pd.DataFrame, live: pd.DataFrame, methods) -> Drawn:
    """Left: what of rotation's gain on TID2013 stands between and within types. Right: what rotation adds on LIVE."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.9), width_ratios=(1.3, 1))
    mine = parts.set_index("method").loc[list(methods)]
    y = np.arange(len(mine))
    kinds = {
        "rotated": ("all", "o", "#000000"),
        "rotated_between_types": ("between types only", "s", COLOURS["l2"]),
        "rotated_within_types": ("within types only", "^", COLOURS["cos"]),
    }
    for column, (name, marker, shade) in kinds.items():
        left.plot(mine[column] - mine["clean"], y, marker, color=shade, ms=4, label=name)
    left.plot(mine["rotated_byref"] - mine["clean_byref"], y, "D", mfc="white", mec="#555555", ms=4, label="within references")
    left.axvline(0, color="black", lw=0.6)
    left.set_yticks(y, [label(m) for m in mine.index])
    left.invert_yaxis()
    left.set(title="TID2013: gain in SRCC by rotation", xlabel="SRCC rotated minus clean")
    left.legend(loc="upper center", bbox_to_anchor=(0.4, -0.17), ncols=2)
    shapes = {"fastfading": "D", "gblur": "o", "jpeg": "s", "wn": "^"}
    shades = {"fastfading": "#CC79A7", "gblur": "#0072B2", "jpeg": "#D55E00", "wn": "#009E73"}
    for kind, group in live.groupby("distortion"):
        share = (group["rotated_cos"] - group["clean_cos"]) / group["floor_cos"]
        right.plot(group["mos"], share, shapes[kind], color=shades[kind], ms=3, label=released_names.LIVE_TYPES[kind])
    right.axhline(1, color="black", lw=0.6)
    right.set(title=f"LIVE: what rotation adds ({len(live)} images)", xlabel="DMOS (higher = worse)")
    right.set_ylabel("added distance / floor")
    right.legend(loc="upper center", bbox_to_anchor=(0.45, -0.17), ncols=2)
    return figure, parts


def evidence(tables: dict[str, pd.DataFrame]) -> Drawn:
    """All comparisons behind the claims: difference of SRCC with interval, a panel per claim."""
    figure, axes = plt.subplots(1, len(tables), figsize=(PAGE, 5.0))
    for axis, (claim, table) in zip(axes, tables.items(), strict=True):
        table = table.sort_values("difference").reset_index(drop=True)
        for y, row in table.iterrows():
            sure = row["p_holm"] < 0.05
            shade = "#7F7F7F" if not sure else COLOURS["l2"] if row["difference"] > 0 else COLOURS["cos"]
            axis.plot([row["low"], row["high"]], [y, y], color=shade, lw=1)
            axis.plot(row["difference"], y, "o" if sure else "x", color=shade, ms=2.6)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_title(claim)
        axis.set_yticks([])
        axis.set_xlabel("difference of SRCC")
    handles = [
        plt.Line2D([], [], ls="", marker="o", color=COLOURS["l2"], label="as claimed"),
        plt.Line2D([], [], ls="", marker="x", color="#7F7F7F", label="undecided"),
        plt.Line2D([], [], ls="", marker="o", color=COLOURS["cos"], label="against"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure, pd.concat([table.assign(claim=claim.replace("\n", " ")) for claim, table in tables.items()])


def _spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Heights near sorted `values`, at least `gap` apart, for labels."""
    heights = values.astype(float).copy()
    for _ in range(300):
        close = np.diff(heights) < gap
        if not close.any():
            break
        push = np.where(close, (gap - np.diff(heights)) / 2 + 1e-6, 0)
        heights[:-1] -= push
        heights[1:] += push
    return heights
