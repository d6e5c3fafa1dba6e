"""Figures of notebook 06: each a function of one table, as `tables` makes them; saving is `figures.save`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..data import methods, released_names
from ..data.words import axis as axis_of
from . import words
from .method_rows import datasets, labels, rows
from .style import COLOURS, NARROW, PAGE, SHAPES, SPARE, drawn, looks, panels, share_legend


def changes(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Change of SRCC under each perturbation, with paired intervals.

    `numbers`: as of `tables.changes`.
    """
    named = labels(numbers)
    there = set(numbers["perturbation"])
    kinds = [kind for kind in methods.PERTURBATIONS if kind in there]
    kinds += [kind for kind in dict.fromkeys(numbers["perturbation"]) if kind not in kinds]
    shades = {kind: look.colour for kind, look in looks(kinds).items()}
    step = min(0.24, 0.72 / len(kinds))
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.2 * len(named) + 0.7, 0.3, sharey=True)
    ends = numbers[["low", "change", "high"]]
    least, most = min(-0.85, 1.1 * ends.min().min()), max(0.13, 1.1 * ends.max().max())
    marks = (-0.6, -0.3, -0.1, -0.05, 0, 0.05, 0.1) if most < 0.3 else (-0.6, -0.1, 0, 0.1, 0.6)
    crowded = max(map(len, named.values())) > 28  # long names leave the panels little width
    marks = [mark for mark in marks if mark < most and not (crowded and mark == -0.3)]
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        for number, kind in enumerate(kinds):
            mine = numbers[(numbers["dataset"] == dataset) & (numbers["perturbation"] == kind)]
            mine = mine.set_index("method").reindex(list(named))
            y = np.arange(len(named)) + step * (number - (len(kinds) - 1) / 2)
            axis.hlines(y, mine["low"], mine["high"], color=shades[kind], lw=1)
            look = {"color": shades[kind], "ms": 3, "label": methods.PERTURBATIONS.get(kind, kind)}
            axis.plot(mine["change"], y, SHAPES[number % len(SHAPES)], **look)
        axis.axvline(0, color="black", lw=0.6)
        axis.set_xscale("symlog", linthresh=0.1, linscale=1)
        axis.set_xlim(least, most)
        axis.set_xticks(marks, [f"{t:g}".replace("0.", ".") for t in marks], fontsize=6)
        axis.minorticks_off()
        axis.set(title=title, xlabel="change of SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, named.values())
    share_legend(figure, drawn(axes))
    return figure


def rotation(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Left: what of rotation's gain stands between and within types. Right: what rotation adds to each image.

    `numbers`: as of `tables.rotation`: rows of methods on one dataset (TID2013), of images on another (LIVE).
    """
    (_, first), (other, second) = ((part["dataset"].iloc[0], part) for part in _halves(numbers))
    figure, (left, right) = panels(2, width, 0.12 * len(first) + 1.3, **({"width_ratios": (1.3, 1)} if width >= NARROW else {}))
    y = np.arange(len(first))
    kinds = {
        "rotated": ("all", "o", "#000000"),
        "rotated_between_types": ("between types only", "s", COLOURS["l2"]),
        "rotated_within_types": ("within types only", "^", COLOURS["cos"]),
    }
    for column, (name, marker, shade) in kinds.items():
        left.plot(first[column] - first["clean"], y, marker, color=shade, ms=4, label=name)
    left.plot(
        first["rotated_byref"] - first["clean_byref"], y, "D", mfc="white", mec="#555555", ms=4, label="within references"
    )
    left.axvline(0, color="black", lw=0.6)
    left.set_yticks(y, words.fit(first["label"]))
    left.invert_yaxis()
    (_, title), (_, other_title) = datasets(first)[0], datasets(second)[0]
    left.set(title=f"{title}: gain in SRCC by rotation", xlabel="SRCC rotated minus clean")
    known = {"fastfading": ("D", "#CC79A7"), "gblur": ("o", "#0072B2"), "jpeg": ("s", "#D55E00"), "wn": ("^", "#009E73")}
    for number, (kind, group) in enumerate(second.groupby("distortion")):
        share = (group["rotated_cos"] - group["clean_cos"]) / group["floor_cos"]
        shape, shade = known.get(kind, (SHAPES[number % len(SHAPES)], SPARE[number % len(SPARE)]))
        right.plot(group["mos"], share, shape, color=shade, ms=3, label=released_names.LIVE_TYPES.get(kind, kind))
    right.axhline(1, color="black", lw=0.6)
    right.set(title=f"{other_title}: what rotation adds ({len(second)} images)", xlabel=axis_of(words.human(other)))
    right.set_ylabel("added distance / floor")
    place = {"loc": "upper center", "ncols": 2, "columnspacing": 1}
    left.legend(bbox_to_anchor=(0.4 if width >= NARROW else 0.2, -0.17), **place)
    right.legend(bbox_to_anchor=(0.45, -0.17), **place)
    return figure


def _halves(numbers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of methods, and the rows of images."""
    of_images = numbers["method"].isna()
    return numbers[~of_images], numbers[of_images]
