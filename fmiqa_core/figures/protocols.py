"""Figures of the protocol and of the layers, each a function of one table; saving is `figures.save`."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..stats import switch_effects as effects
from .style import COLOURS, COLUMN, LABELS, MARKERS

TOKENS = {"paper": "all tokens", "paper+patch_tokens": "patch tokens", "paper+class_token": "class token"}
TOKEN_STYLES = {"paper": ("-", "o"), "paper+patch_tokens": ("--", "s"), "paper+class_token": (":", "^")}


def switch_effects(table: pd.DataFrame, statistic: str, x_label: str, width: float = COLUMN) -> Figure:
    """Change of a statistic by switch with its 95 % interval: a panel per backbone, a row per switch, a mark per distance.

    `table`: as of `sensitivity.changes`, with `backbone`. Choices that are no quirk stand below the line; hollow
    marks are changes against `corrected`.
    """
    backbones = list(dict.fromkeys(table["backbone"]))
    orders = [effects.order(table[table["backbone"] == backbone]) for backbone in backbones]
    shares = [len(order) + 1 for order in orders]
    figure, axes = plt.subplots(
        len(backbones), 1, figsize=(width, 0.31 * sum(shares) + 0.5), height_ratios=shares, squeeze=False, sharex=True
    )
    for axis, backbone, order in zip(axes[:, 0], backbones, orders, strict=True):
        here = table[table["backbone"] == backbone]
        for at, switch in enumerate(order):
            part = here[here["switch"] == switch]
            offsets = (np.arange(len(part)) - (len(part) - 1) / 2) * 0.13
            for offset, (_, row) in zip(offsets, part.iterrows(), strict=True):
                change, colour = row[f"{statistic}_change"], COLOURS[row["distance"]]
                ends = [[max(change - row[f"{statistic}_low"], 0)], [max(row[f"{statistic}_high"] - change, 0)]]
                marker = MARKERS[row["distance"]]
                inside = "white" if row["base"] == "corrected" else colour
                axis.errorbar(change, at + offset, xerr=ends, color=colour, mfc=inside, marker=marker, ms=2.8, lw=0.8, ls="")
        quirks = sum(effects.quirk(switch) for switch in order)
        if quirks < len(order):
            axis.axhline(quirks - 0.5, color="0.6", lw=0.5, ls="--")
        axis.axvline(0, color="0.3", lw=0.6)
        axis.set_yticks(range(len(order)), [effects.LABELS[switch] for switch in order])
        axis.set(title=LABELS.get(backbone, backbone), ylim=(len(order) - 0.5, -0.5))
        axis.tick_params(axis="y", length=0)
    axes[-1, 0].set_xlabel(x_label)
    names = [name for name in MARKERS if name in set(table["distance"])]
    marks = [plt.Line2D([], [], color=COLOURS[n], marker=MARKERS[n], ls="", label=LABELS[n]) for n in names]
    figure.legend(handles=marks, loc="outside lower center", ncols=3)
    return figure


def effects_by_type(table: pd.DataFrame, statistic: str = "srcc", width: float = COLUMN) -> Figure:
    """Heat map of the change by distortion type: a row per switch and distance, * where the interval excludes 0."""
    backbones = list(dict.fromkeys(table["backbone"]))
    wide = [_wide(table[table["backbone"] == backbone], statistic) for backbone in backbones]
    figure, axes = plt.subplots(
        len(backbones),
        1,
        figsize=(width, 0.145 * sum(len(values) for values, _ in wide) + 1.2),
        height_ratios=[len(values) for values, _ in wide],
        squeeze=False,
    )
    top = max(np.nanmax(np.abs(values.to_numpy())) for values, _ in wide)
    for axis, backbone, (values, clear) in zip(axes[:, 0], backbones, wide, strict=True):
        image = axis.imshow(values, cmap="PuOr", norm=TwoSlopeNorm(0, -top, top), aspect="auto")
        for (i, j), value in np.ndenumerate(values.to_numpy()):
            text = f"{value:+.3f}".replace("0.", ".") + ("*" if clear.iat[i, j] else "")
            axis.text(j, i, text, ha="center", va="center", fontsize=5.5, color="black" if abs(value) < 0.6 * top else "white")
        axis.set_xticks(range(values.shape[1]), values.columns, fontsize=6)
        axis.set_yticks(range(len(values)), values.index.str.replace("final features", "final"), fontsize=5.5)
        axis.set_title(LABELS.get(backbone, backbone))
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    bar = {"location": "bottom", "aspect": 40, "fraction": 0.02, "pad": 0.03}
    figure.colorbar(image, ax=axes[:, 0], label=f"change of {statistic.upper()}", **bar).locator = MaxNLocator(5)
    return figure


def _wide(table: pd.DataFrame, statistic: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = table.assign(clear=(table[f"{statistic}_low"] > 0) | (table[f"{statistic}_high"] < 0))
    bases = table["base"].map(lambda base: "corrected, " if base == "corrected" else "")
    names = [f"{b}{effects.LABELS[s]}, {LABELS[d]}" for b, s, d in zip(bases, table["switch"], table["distance"], strict=True)]
    table = table.assign(row=names, at=table["switch"].map(list(effects.LABELS).index))
    rows = table.sort_values("at", kind="stable")["row"].drop_duplicates()
    cells = table.pivot(index="row", columns="group", values=[f"{statistic}_change", "clear"]).loc[rows]
    return cells[f"{statistic}_change"].astype(float), cells["clear"].astype(bool)


def layer_heat(table: pd.DataFrame, width: float = COLUMN) -> Figure:
    """SRCC of every layer, sum and final features (rows) by distance (columns), with its 95 % interval in the cell.

    `table`: columns backbone, column (heading), features, srcc, low, high; one panel per backbone.
    """
    backbones = list(dict.fromkeys(table["backbone"]))
    parts = [table[table["backbone"] == backbone] for backbone in backbones]
    rows = [list(dict.fromkeys(part["features"])) for part in parts]
    figure, axes = plt.subplots(
        len(backbones), 1, figsize=(width, 0.24 * sum(map(len, rows)) + 1.1), height_ratios=list(map(len, rows)), squeeze=False
    )
    for axis, backbone, part, names in zip(axes[:, 0], backbones, parts, rows, strict=True):
        columns = list(dict.fromkeys(part["column"]))
        cells = part.pivot(index="features", columns="column").loc[names]
        values, low, high = (cells[name][columns].to_numpy() for name in ("srcc", "low", "high"))
        axis.imshow(values, cmap="cividis", vmin=np.nanmin(values), vmax=np.nanmax(values), aspect="auto")
        middle = (np.nanmin(values) + np.nanmax(values)) / 2
        for (i, j), value in np.ndenumerate(values):
            shade = "white" if value < middle else "black"
            axis.text(j, i + 0.08, f"{value:.3f}"[-4:], ha="center", va="bottom", fontsize=6, color=shade)
            span = f"{low[i, j]:.2f} – {high[i, j]:.2f}".replace("0.", ".")
            axis.text(j, i + 0.08, span, ha="center", va="top", fontsize=5.5, color=shade)
        axis.set_xticks(range(len(columns)), columns, fontsize=5.5)
        axis.set_yticks(range(len(names)), [name.removeprefix("layer ").removesuffix(" of layers") for name in names])
        axis.set(title=LABELS.get(backbone, backbone), ylabel="layer")
        axis.tick_params(length=0)
        axis.tick_params(axis="y", labelsize=6)
        axis.spines[:].set_visible(False)
    return figure


def token_layers(table: pd.DataFrame, y_label: str, width: float = COLUMN) -> Figure:
    """SRCC by layer of all tokens, patch tokens and the class token, with intervals: a panel per distance.

    `table`: columns distance, protocol, features, srcc, low, high.
    """
    distances = list(dict.fromkeys(table["distance"]))
    figure, axes = plt.subplots(len(distances), 1, figsize=(width, 1.5 * len(distances) + 0.3), squeeze=False, sharex=True)
    for axis, distance in zip(axes[:, 0], distances, strict=True):
        for shift, (protocol, (dashes, marker)) in enumerate(TOKEN_STYLES.items()):
            part = table[(table["distance"] == distance) & (table["protocol"] == protocol)]
            part = part[part["features"].str.startswith("layer") | (part["features"] == "final")]
            at = np.arange(len(part)) + 0.12 * (shift - 1)
            ends = [(part["srcc"] - part["low"]).clip(lower=0), (part["high"] - part["srcc"]).clip(lower=0)]
            shade = COLOURS[distance] if protocol == "paper" else ("0.35", "0.6")[shift - 1]
            axis.errorbar(
                at,
                part["srcc"],
                yerr=ends,
                color=shade,
                ls=dashes,
                marker=marker,
                lw=0.9,
                elinewidth=0.6,
                label=TOKENS[protocol],
            )
        count = len(part) - 1
        ticks = range(0, count, 1 if count < 8 else 2)
        axis.set_xticks([*ticks, count], [*map(str, ticks), "final"])
        axis.set(title=LABELS[distance], ylabel=y_label)
    axes[-1, 0].set_xlabel("layer")
    axes[0, 0].legend(loc="best")
    return figure


def cumulative(table: pd.DataFrame, y_label: str, width: float = COLUMN) -> Figure:
    """SRCC of the sum of the layers up to each one, with its interval, and of the single layers (thin).

    `table`: columns backbone, distance, layer, srcc, low, high, single.
    """
    backbones = list(dict.fromkeys(table["backbone"]))
    figure, axes = plt.subplots(len(backbones), 1, figsize=(width, 1.6 * len(backbones) + 0.3), squeeze=False)
    for axis, backbone in zip(axes[:, 0], backbones, strict=True):
        for distance, part in table[table["backbone"] == backbone].groupby("distance", sort=False):
            colour = COLOURS[distance]
            axis.fill_between(part["layer"], part["low"], part["high"], color=colour, alpha=0.18, lw=0)
            axis.plot(
                part["layer"], part["srcc"], color=colour, marker=MARKERS[distance], label=f"{LABELS[distance]}, sum to here"
            )
            axis.plot(part["layer"], part["single"], color=colour, lw=0.7, ls=":", label=f"{LABELS[distance]}, this one")
        axis.set(
            title=LABELS.get(backbone, backbone),
            ylabel=y_label,
            xticks=sorted(set(table[table["backbone"] == backbone]["layer"])),
        )
    axes[-1, 0].set_xlabel("layer")
    axes[0, 0].legend(loc="best")
    return figure


def l2_share(table: pd.DataFrame, width: float = COLUMN) -> Figure:
    """Share of the L2 term in SKLD and WSD over the distance's own size, in `paper` and on true windows.

    `table`: as of `anatomy.table`; one mark per image, a column per distance.
    """
    figure, axes = plt.subplots(1, 2, figsize=(width, 1.9), sharey=True)
    for axis, distance in zip(axes, ("skld", "wsd"), strict=True):
        for kind, label, face in (("share", "paper", COLOURS[distance]), ("true", "true windows", "none")):
            look = {"marker": MARKERS[distance], "ms": 2.4, "mew": 0.6, "ls": "", "color": COLOURS[distance], "mfc": face}
            axis.plot(table["score_l2"], table[f"{kind}_{distance}"], label=label, **look)
        axis.set(title=LABELS[distance], xscale="log", ylim=(0, 1), xlabel="L2 of the image")
        axis.legend(loc="best", handletextpad=0.1)
    axes[0].set_ylabel("share of the L2 term")
    return figure


def recovered(images: dict[str, np.ndarray], width: float = COLUMN) -> Figure:
    """Images (h, v, 3) in [0, 1] with their names, four in a row."""
    rows = -(-len(images) // 4)
    figure, axes = plt.subplots(rows, 4, figsize=(width, width / 4 * rows * 1.25), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, image) in zip(axes.flat, images.items(), strict=False):
        axis.imshow(image)
        axis.set_title(name, fontsize=6.5)
    return figure
