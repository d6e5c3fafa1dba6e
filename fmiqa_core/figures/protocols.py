"""Figures of the protocol, each a function of one table; saving is `figures.save`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..data import methods
from ..stats import switch_effects as effects
from .style import (
    COLUMN,
    MARKERS,
    PAGE,
    every,
    legend_columns,
    looks,
    spread,
)
from .words import fit, titled, wrapped


def switch_effects(table: pd.DataFrame, statistic: str, x_label: str, width: float | None = None) -> Figure:
    """Change of a statistic by switch with its 95 % interval: panels per backbone, a row per switch, a mark per distance.

    `table`: as of `switch_effects.changes`, with `backbone`; beside the changes of a pooled statistic stand those within
    references (`srcc_byref`), where it has them. Choices that are no quirk stand below the line; hollow marks are changes
    against `corrected`. `width` None: by the number of panels.
    """
    backbones = list(dict.fromkeys(table["backbone"]))
    kinds = {statistic: "pooled", f"{statistic}_byref": "within references"}
    kinds = {name: text for name, text in kinds.items() if f"{name}_change" in table}
    width = width or (COLUMN if len(kinds) == 1 else PAGE)
    orders = [_order(table[table["backbone"] == backbone]) for backbone in backbones]
    look = looks(table["distance"])
    step = min(0.13, 0.9 / table.groupby(["backbone", "switch"]).size().max())
    shares = [len(order) + 1 for order in orders]
    named = [methods.distance_label(name) for name in look]
    across = len(named) if width > COLUMN else 3
    across = across if max(map(len, named)) <= 14 else legend_columns(named, width)  # columns of the legend
    top = 0.15 * max(0, -(-len(named) // across) - 2)
    size, grid = (width, 0.31 * sum(shares) + 0.5 + top), {"squeeze": False, "sharex": True, "sharey": "row"}
    figure, axes = plt.subplots(len(backbones), len(kinds), figsize=size, height_ratios=shares, **grid)
    for line, backbone, order in zip(axes, backbones, orders, strict=True):
        for axis, (name, text) in zip(line, kinds.items(), strict=True):
            _changes(axis, table[table["backbone"] == backbone], order, name, look, step)
            title = methods.backbone_label(backbone)
            inches = 0.85 * (width - 1.2) / len(kinds)
            axis.set_title(titled(title, text, inches) if len(kinds) > 1 else wrapped(title, inches))
        line[0].set_yticks(range(len(order)), fit((effects.LABELS.get(switch, switch) for switch in order), 22))
        line[0].set_ylim(len(order) - 0.5, -0.5)
    for axis in axes[-1]:
        axis.set_xlabel(wrapped(x_label, (width - 1.2) / len(kinds)))
    names = sorted(look, key=lambda name: list(MARKERS).index(name) if name in MARKERS else len(MARKERS))
    look = {name: (one.colour, one.marker, methods.distance_label(name)) for name, one in look.items()}
    marks = [plt.Line2D([], [], color=look[n][0], marker=look[n][1], ls="", label=look[n][2]) for n in names]
    figure.legend(handles=marks, loc="outside lower center", ncols=across)
    return figure


def _changes(axis, here: pd.DataFrame, order: list[str], statistic: str, look: dict, step: float) -> None:
    """The changes of `statistic` of one backbone, a row for each switch of `order`."""
    for at, switch in enumerate(order):
        part = here[here["switch"] == switch]
        offsets = (np.arange(len(part)) - (len(part) - 1) / 2) * step
        for offset, (_, row) in zip(offsets, part.iterrows(), strict=True):
            one, change = look[row["distance"]], row[f"{statistic}_change"]
            ends = spread(row, *(f"{statistic}_{what}" for what in ("change", "low", "high")))
            inside = "white" if row["base"] == "corrected" else one.colour
            kind = {"color": one.colour, "mfc": inside, "marker": one.marker, "ms": 2.8, "lw": 0.8, "ls": ""}
            axis.errorbar(change, at + offset, xerr=ends, **kind)
    quirks = sum(effects.quirk(switch) for switch in order)
    if quirks < len(order):
        axis.axhline(quirks - 0.5, color="0.6", lw=0.5, ls="--")
    axis.axvline(0, color="0.3", lw=0.6)
    axis.tick_params(axis="y", length=0)


def _order(table: pd.DataFrame) -> list[str]:
    """The switches of `table`: known ones in their order, quirks first, then whatever else it has."""
    known = effects.order(table)
    return [*known, *(switch for switch in dict.fromkeys(table["switch"]) if switch not in known)]


def effects_by_type(table: pd.DataFrame, statistic: str = "srcc", width: float | None = None) -> Figure:
    """Heat map of the change by distortion type: a row per switch and distance, * where the interval excludes 0.

    `width` None: by the number of types. Cells that are too narrow for their numbers have the star alone.
    """
    backbones, types = list(dict.fromkeys(table["backbone"])), table["group"].nunique()
    width = width or (COLUMN if types <= 7 else PAGE)
    wide = [_wide(table[table["backbone"] == backbone], statistic) for backbone in backbones]
    narrow = (width - 1.4) / types < 0.24
    names = fit(dict.fromkeys(name for values, _ in wide for name in values.columns), 20)
    below = 0.05 * max(map(len, names)) if narrow else 0  # names of types stand upright
    figure, axes = plt.subplots(
        len(backbones),
        1,
        figsize=(width, 0.145 * sum(len(values) for values, _ in wide) + 1.2 + below * len(backbones)),
        height_ratios=[len(values) for values, _ in wide],
        squeeze=False,
    )
    top = max(np.nanmax(np.abs(values.to_numpy()), initial=1e-3) for values, _ in wide)
    for axis, backbone, (values, clear) in zip(axes[:, 0], backbones, wide, strict=True):
        image = axis.imshow(values, cmap="PuOr", norm=TwoSlopeNorm(0, -top, top), aspect="auto")
        for (i, j), value in np.ndenumerate(values.to_numpy()):
            number = "–" if np.isnan(value) else "" if narrow else f"{value:+.3f}".replace("0.", ".")
            text = number + ("*" if clear.iat[i, j] else "")
            axis.text(j, i, text, ha="center", va="center", fontsize=5.5, color="white" if abs(value) >= 0.6 * top else "black")
        step = every((width - 1.5) / types) if narrow else 1
        axis.set_xticks(
            range(0, values.shape[1], step), fit(values.columns, 20)[::step], fontsize=6, rotation=90 if narrow else 0
        )
        axis.set_yticks(range(len(values)), fit(values.index.str.replace("final features", "final"), 40), fontsize=5.5)
        axis.set_title(wrapped(methods.backbone_label(backbone), 0.6 * width))
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    bar = {"location": "bottom", "aspect": 40, "fraction": 0.02, "pad": 0.03}
    figure.colorbar(image, ax=axes[:, 0], label=f"change of {statistic.upper()}", **bar).locator = MaxNLocator(5)
    return figure


def _wide(table: pd.DataFrame, statistic: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = table.assign(clear=(table[f"{statistic}_low"] > 0) | (table[f"{statistic}_high"] < 0))
    bases = table["base"].map(lambda base: "corrected, " if base == "corrected" else "")
    names = [
        f"{base}{effects.LABELS.get(switch, switch)}, {methods.distance_label(distance)}"
        for base, switch, distance in zip(bases, table["switch"], table["distance"], strict=True)
    ]
    table = table.assign(row=names, at=table["switch"].map(_order(table).index))
    rows = table.sort_values("at", kind="stable")["row"].drop_duplicates()
    cells = table.pivot(index="row", columns="group", values=[f"{statistic}_change", "clear"]).loc[rows]
    return cells[f"{statistic}_change"].astype(float), cells["clear"].eq(True)


def l2_share(table: pd.DataFrame, width: float = COLUMN) -> Figure:
    """Share of the L2 term in SKLD and WSD over the distance's own size, in `paper` and on true windows.

    `table`: as of `anatomy.table`; one mark per image, a column per distance.
    """
    figure, axes = plt.subplots(1, 2, figsize=(width, 1.9), sharey=True)
    for axis, (distance, one) in zip(axes, looks(("skld", "wsd")).items(), strict=True):
        for kind, label, face in (("share", "paper", one.colour), ("true", "true windows", "none")):
            look = {"marker": one.marker, "ms": 2.4, "mew": 0.6, "ls": "", "color": one.colour, "mfc": face}
            axis.plot(table["score_l2"], table[f"{kind}_{distance}"], label=label, **look)
        axis.set(title=methods.distance_label(distance), xscale="log", ylim=(0, 1), xlabel="L2 of the image")
        axis.legend(loc="best", handletextpad=0.1)
    axes[0].set_ylabel("share of the L2 term")
    return figure


def recovered(images: dict[str, np.ndarray], width: float = COLUMN) -> Figure:
    """Images (h, v, 3) in [0, 1] with their names, four in a row."""
    rows = -(-len(images) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(width, width / 4 * rows * 1.25), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, image) in zip(axes.flat[: len(images)], images.items(), strict=True):
        axis.imshow(image)
        axis.set_title(wrapped(name, width / 4, 6.5), fontsize=6.5)
    return figure
