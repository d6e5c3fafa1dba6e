"""Figures of notebook 06: each a function of one table, as `released_tables` makes them; saving is `figures.save`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..data import released_names
from .comparison import datasets, labels, rows
from .style import COLOURS, NARROW, PAGE, panels, share_legend
from .tables import PERTURBATIONS


def changes(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Change of SRCC under each perturbation, with paired intervals.

    `numbers`: as of `released_tables.changes`.
    """
    methods = labels(numbers)
    figure, axes = panels(numbers["dataset"].nunique(), width, 0.2 * len(methods) + 0.7, 0.3, sharey=True)
    for axis, (dataset, title) in zip(axes, datasets(numbers), strict=True):
        for shift, kind in ((-0.24, "tra"), (0, "sca"), (0.24, "rot")):
            mine = (
                numbers[(numbers["dataset"] == dataset) & (numbers["perturbation"] == kind)]
                .set_index("method")
                .reindex(list(methods))
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
        axis.set_xlim(min(-0.85, 1.1 * numbers["low"].min()), max(0.13, 1.1 * numbers["high"].max()))
        axis.set_xticks([-0.6, -0.3, -0.1, -0.05, 0, 0.05, 0.1], ["-.6", "-.3", "-.1", "-.05", "0", ".05", ".1"], fontsize=6)
        axis.minorticks_off()
        axis.set(title=title, xlabel="change of SRCC")
        axis.grid(axis="x", lw=0.3, alpha=0.6)
    rows(axes, methods.values())
    share_legend(figure, axes[0].get_legend_handles_labels()[0])
    return figure


def rotation(numbers: pd.DataFrame, width: float = PAGE) -> Figure:
    """Left: what of rotation's gain on TID2013 stands between and within types. Right: what rotation adds on LIVE.

    `numbers`: as of `released_tables.rotation`.
    """
    mine, live = (numbers[numbers["dataset"] == name] for name in ("tid2013", "live"))
    figure, (left, right) = panels(2, width, 0.12 * len(mine) + 1.3, **({"width_ratios": (1.3, 1)} if width >= NARROW else {}))
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
    left.set_yticks(y, mine["label"])
    left.invert_yaxis()
    left.set(title="TID2013: gain in SRCC by rotation", xlabel="SRCC rotated minus clean")
    shapes = {"fastfading": "D", "gblur": "o", "jpeg": "s", "wn": "^"}
    shades = {"fastfading": "#CC79A7", "gblur": "#0072B2", "jpeg": "#D55E00", "wn": "#009E73"}
    for kind, group in live.groupby("distortion"):
        share = (group["rotated_cos"] - group["clean_cos"]) / group["floor_cos"]
        right.plot(group["mos"], share, shapes[kind], color=shades[kind], ms=3, label=released_names.LIVE_TYPES[kind])
    right.axhline(1, color="black", lw=0.6)
    right.set(title=f"LIVE: what rotation adds ({len(live)} images)", xlabel="DMOS (higher = worse)")
    right.set_ylabel("added distance / floor")
    place = {"loc": "upper center", "ncols": 2, "columnspacing": 1}
    left.legend(bbox_to_anchor=(0.4 if width >= NARROW else 0.2, -0.17), **place)
    right.legend(bbox_to_anchor=(0.45, -0.17), **place)
    return figure
