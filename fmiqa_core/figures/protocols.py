"""Figures of the protocol and of the layers, each a function of one table; saving is `figures.save`."""

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
    HEIGHT,
    MARKERS,
    PAGE,
    drawn,
    every,
    layer_ticks,
    legend,
    legend_columns,
    legend_height,
    looks,
    spread,
)
from .words import fit, wrapped

TOKENS = {"paper": "all tokens", "paper+patch_tokens": "patch tokens", "paper+class_token": "class token"}
TOKEN_STYLES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))  # the last for whatever else there is


def switch_effects(table: pd.DataFrame, statistic: str, x_label: str, width: float = COLUMN) -> Figure:
    """Change of a statistic by switch with its 95 % interval: a panel per backbone, a row per switch, a mark per distance.

    `table`: as of `sensitivity.changes`, with `backbone`. Choices that are no quirk stand below the line; hollow
    marks are changes against `corrected`.
    """
    backbones = list(dict.fromkeys(table["backbone"]))
    orders = [_order(table[table["backbone"] == backbone]) for backbone in backbones]
    look = looks(table["distance"])
    step = min(0.13, 0.9 / table.groupby(["backbone", "switch"]).size().max())
    shares = [len(order) + 1 for order in orders]
    named = [methods.distance_label(name) for name in look]
    across = 3 if max(map(len, named)) <= 14 else legend_columns(named, width)  # columns of the legend
    top = 0.15 * max(0, -(-len(named) // across) - 2)
    figure, axes = plt.subplots(
        len(backbones), 1, figsize=(width, 0.31 * sum(shares) + 0.5 + top), height_ratios=shares, squeeze=False, sharex=True
    )
    for axis, backbone, order in zip(axes[:, 0], backbones, orders, strict=True):
        here = table[table["backbone"] == backbone]
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
        axis.set_yticks(range(len(order)), fit((effects.LABELS.get(switch, switch) for switch in order), 22))
        axis.set(title=wrapped(methods.backbone_label(backbone), 0.6 * width), ylim=(len(order) - 0.5, -0.5))
        axis.tick_params(axis="y", length=0)
    axes[-1, 0].set_xlabel(x_label)
    names = sorted(look, key=lambda name: list(MARKERS).index(name) if name in MARKERS else len(MARKERS))
    look = {name: (one.colour, one.marker, methods.distance_label(name)) for name, one in look.items()}
    marks = [plt.Line2D([], [], color=look[n][0], marker=look[n][1], ls="", label=look[n][2]) for n in names]
    figure.legend(handles=marks, loc="outside lower center", ncols=across)
    return figure


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


def layer_heat(table: pd.DataFrame, width: float | None = None) -> Figure:
    """SRCC of every layer, sum and final features (rows) by distance (columns), with its 95 % interval in the cell.

    `table`: columns backbone, column (heading), features, srcc, low, high; one panel per backbone. `width` None: by the
    number of columns. Cells that are too narrow hold no interval, or no number.
    """
    backbones = list(dict.fromkeys(table["backbone"]))
    parts = [table[table["backbone"] == backbone] for backbone in backbones]
    rows = [list(dict.fromkeys(part["features"])) for part in parts]
    most = max(part["column"].nunique() for part in parts)
    width = width or (COLUMN if most <= 7 else PAGE)
    cell = (width - 0.35) / most  # inches
    heads = dict.fromkeys(table["column"])
    upright = max(len(line) for head in heads for line in head.split("\n")) * 0.048 > cell
    shown = dict(zip(heads, fit((head.replace("\n", ", ") for head in heads), 24) if upright else heads, strict=True))
    more = 0.045 * max(map(len, shown.values())) if upright else 0
    row = min(0.24, max(0.2, (HEIGHT - 1.1 - more) / max(map(len, rows))))  # inches: a deep network alone fits a page
    figure, axes = plt.subplots(
        len(backbones),
        1,
        figsize=(width, row * sum(map(len, rows)) + 1.1 + more * len(backbones)),
        height_ratios=list(map(len, rows)),
        squeeze=False,
    )
    for axis, backbone, part, names in zip(axes[:, 0], backbones, parts, rows, strict=True):
        columns = list(dict.fromkeys(part["column"]))
        cells = part.pivot(index="features", columns="column").loc[names]
        values, low, high = (cells[name][columns].to_numpy(float) for name in ("srcc", "low", "high"))
        known = values[~np.isnan(values)]
        least, most = (known.min(), known.max()) if known.size else (0, 1)
        axis.imshow(values, cmap="cividis", vmin=least, vmax=most, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            shade = "white" if value < (least + most) / 2 else "black"
            number = "–" if np.isnan(value) else "" if cell < 0.24 else f"{value:.3f}".replace("0.", ".", 1)
            spans = cell >= 0.42 and not np.isnan([low[i, j], high[i, j]]).any()
            axis.text(j, i + 0.08 * spans, number, ha="center", va="bottom" if spans else "center", fontsize=6, color=shade)
            if spans:
                span = f"{low[i, j]:.2f} – {high[i, j]:.2f}".replace("0.", ".")
                axis.text(j, i + 0.08, span, ha="center", va="top", fontsize=5.5, color=shade)
        axis.set_xticks(range(len(columns)), [shown[head] for head in columns], fontsize=5.5, rotation=90 if upright else 0)
        axis.set_yticks(range(len(names)), [name.removeprefix("layer ").removesuffix(" of layers") for name in names])
        axis.set(title=wrapped(methods.backbone_label(backbone), 0.8 * width), ylabel="layer")
        axis.tick_params(length=0)
        axis.tick_params(axis="y", labelsize=6)
        axis.spines[:].set_visible(False)
    return figure


def token_layers(table: pd.DataFrame, y_label: str, width: float = COLUMN) -> Figure:
    """SRCC by layer of all tokens, patch tokens and the class token, with intervals: a panel per distance.

    `table`: columns distance, protocol, features, srcc, low, high. The sum of the layers is not shown.
    """
    distances, look = list(dict.fromkeys(table["distance"])), looks(table["distance"])
    found = dict.fromkeys(table["protocol"])
    protocols = [*(one for one in TOKENS if one in found), *(one for one in found if one not in TOKENS)]
    table = table[table["features"].str.startswith("layer") | (table["features"] == "final")]
    count = 1 + table["features"].str.removeprefix("layer ").replace("final", "-1").astype(int).max()
    figure, axes = plt.subplots(len(distances), 1, figsize=(width, 1.5 * len(distances) + 0.3), squeeze=False, sharex=True)
    for axis, distance in zip(axes[:, 0], distances, strict=True):
        for number, protocol in enumerate(protocols):
            part = table[(table["distance"] == distance) & (table["protocol"] == protocol)]
            at = part["features"].str.removeprefix("layer ").replace("final", str(count)).astype(int)
            dashes, marker = TOKEN_STYLES[min(number, len(TOKEN_STYLES) - 1)]
            shade = look[distance].colour if protocol == "paper" else ("0.35", "0.6", "0.75")[min(max(number, 1), 3) - 1]
            axis.errorbar(
                at + 0.12 * (number - 1),
                part["srcc"],
                yerr=spread(part, "srcc", "low", "high"),
                color=shade,
                ls=dashes,
                marker=marker,
                lw=0.9,
                elinewidth=0.6,
                label=TOKENS.get(protocol, protocol),
            )
        layer_ticks(axis, count, [(count, "final")] if (table["features"] == "final").any() else [])
        axis.set(title=methods.distance_label(distance), ylabel=y_label)
    axes[-1, 0].set_xlabel("layer")
    axes[0, 0].legend(handles=drawn(axes.flat), loc="best")
    return figure


def cumulative(table: pd.DataFrame, y_label: str, width: float = COLUMN) -> Figure:
    """SRCC of the sum of the layers up to each one, with its interval, and of the single layers (thin).

    `table`: columns backbone, distance, layer, srcc, low, high, single.
    """
    backbones, look = list(dict.fromkeys(table["backbone"])), looks(table["distance"])
    aside = len(look) > 3 or len(backbones) > 2  # more than a legend within the first panel has room for, or speaks for
    entries = [f"{methods.distance_label(distance)}, {what}" for distance in look for what in ("sum to here", "this one")]
    top = 0.3 + legend_height(entries, width) if aside else 0
    figure, axes = plt.subplots(len(backbones), 1, figsize=(width, 1.6 * len(backbones) + 0.3 + top), squeeze=False)
    for axis, backbone in zip(axes[:, 0], backbones, strict=True):
        here = table[table["backbone"] == backbone]
        for distance, part in here.groupby("distance", sort=False):
            one, name = look[distance], methods.distance_label(distance)
            axis.fill_between(part["layer"], part["low"], part["high"], color=one.colour, alpha=0.18, lw=0)
            axis.plot(part["layer"], part["srcc"], color=one.colour, marker=one.marker, label=f"{name}, sum to here")
            axis.plot(part["layer"], part["single"], color=one.colour, lw=0.7, ls=":", label=f"{name}, this one")
        layers = sorted(set(here["layer"]))
        axis.set(
            title=wrapped(methods.backbone_label(backbone), 0.85 * width),
            ylabel=y_label,
            xticks=layers if len(layers) <= 16 else layers[:: -(-len(layers) // 12)],
        )
    axes[-1, 0].set_xlabel("layer")
    legend(figure, list(axes.flat), aside)
    return figure


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
