"""Figures of the layers, each a function of one table: SRCC pooled over all images, and within references if it is there.

The two stand side by side where there is room, else below one another.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..data import methods
from .style import COLUMN, HEIGHT, NARROW, PAGE, drawn, layer_ticks, legend, legend_height, looks, spread
from .words import fit, titled, wrapped

FINAL = "embed_cos"
TOKENS = {"paper": "all tokens", "paper+patch_tokens": "patch tokens", "paper+class_token": "class token"}
TOKEN_STYLES = (("-", "o"), ("--", "s"), (":", "^"), ("-.", "D"))  # the last for whatever else there is
POOLED, WITHIN = "pooled", "within references"
COLUMNS = {POOLED: ("srcc", "low", "high", "single"), WITHIN: ("srcc_byref", "byref_low", "byref_high", "byref_single")}


def layerwise(table: pd.DataFrame, y_label: str, width: float = PAGE) -> Figure:
    """SRCC of every layer with its 95 % interval, the sum of the layers and the final features beside them.

    `table`: columns backbone, distance, features ("layer i", "sum of layers", "final"), and COLUMNS but single.
    The final features have one mark for each value that they have: as a rule all distances share it.
    """
    backbones, look = list(dict.fromkeys(table["backbone"])), looks([*dict.fromkeys(table["distance"]), FINAL])
    aside = len(look) > 4 or len(backbones) > 2  # more than a legend within the first panel has room for, or speaks for
    entries = [f"{methods.label(distance)}, one layer" for distance in look if distance != FINAL]
    top = 0.3 + legend_height(entries, width) if aside else 0
    figure, panels = _panels(table, backbones, width, 1.75, top)
    room = width / panels[0][-1].get_subplotspec().get_gridspec().ncols - 0.7  # inches within a panel
    for backbone, kind, axis in panels:
        here = table[table["backbone"] == backbone]
        srcc, low, high, _ = COLUMNS[kind]
        count = 0
        for distance, part in here.groupby("distance", sort=False):
            layers = part[part["features"].str.startswith("layer")]
            at, one = layers["features"].str.removeprefix("layer ").astype(int), look[distance]
            count = max(count, at.max() + 1) if len(at) else count
            axis.fill_between(at, layers[low], layers[high], color=one.colour, alpha=0.18, lw=0)
            text = f"{methods.label(distance)}, one layer"
            axis.plot(at, layers[srcc], color=one.colour, marker=one.marker, ls=one.line, label=text)
        # of many layers each has little room, but `sum` and `final` beside them need their own
        step = max(0.9 * max(1, count / 12), 0.3 * count / max(room - 0.6, 0.6))
        place, last = count - 0.5 + step, []
        for features, text in (("sum of layers", "sum"), ("final", "final")):
            marks = here[here["features"] == features]
            marks = marks.drop_duplicates([srcc, low, high]) if features == "final" else marks
            if len(marks):
                last.append((place + step * (len(marks) - 1) / 2, text))
            for _, row in marks.iterrows():
                one = look[FINAL if features == "final" else row["distance"]]
                bar = {"yerr": spread(row, srcc, low, high), "capsize": 2, "lw": 1}
                axis.errorbar(place, row[srcc], color=one.colour, marker=one.marker, **bar)
                if features == "final":
                    axis.axhline(row[srcc], color=one.colour, lw=0.7, ls=":")
                place += step
        layer_ticks(axis, count, last)
        axis.set_title(_title(methods.label(backbone), kind, table, width))
    _label([axis for *_, axis in panels], y_label)
    legend(figure, [axis for *_, axis in panels], aside)
    return figure


def layer_heat(table: pd.DataFrame, width: float | None = None) -> Figure:
    """SRCC of every layer, sum and final features (rows) by distance (columns), with its 95 % interval in the cell.

    `table`: columns backbone, column (heading), features, and COLUMNS but single; one colour scale for all. `width` None:
    by the number of columns. Cells that are too narrow hold no interval, or no number.
    """
    backbones = list(dict.fromkeys(table["backbone"]))
    rows = {name: list(dict.fromkeys(part["features"])) for name, part in table.groupby("backbone", sort=False)}
    most, kinds = table.groupby("backbone")["column"].nunique().max(), _kinds(table)
    width = width or (COLUMN if most <= 7 and len(kinds) == 1 else PAGE)
    across = len(kinds) if width >= NARROW else 1
    cell = (width / across - 0.35) / most  # inches
    heads = dict.fromkeys(table["column"])
    upright = max(len(line) for head in heads for line in head.split("\n")) * 0.048 > cell
    shown = dict(zip(heads, fit((head.replace("\n", ", ") for head in heads), 24) if upright else heads, strict=True))
    more = 0.045 * max(map(len, shown.values())) if upright else 0
    row = min(0.24, max(0.19, (HEIGHT - 1.6 - more) / max(map(len, rows.values()))))  # a deep network alone fits a page
    heights = [len(rows[name]) for name in backbones for _ in range(len(kinds) // across)]
    height = row * sum(heights) + 1.3 + more * len(heights) + 0.25 * (len(heights) - 1)
    figure, axes = plt.subplots(len(heights), across, figsize=(width, height), height_ratios=heights, squeeze=False)
    known = table[[COLUMNS[kind][0] for kind in kinds]].to_numpy(float)
    known = known[~np.isnan(known)]
    least, top = (known.min(), known.max()) if known.size else (0, 1)
    for axis, (backbone, kind) in zip(axes.flat, ((name, kind) for name in backbones for kind in kinds), strict=True):
        part = table[table["backbone"] == backbone]
        columns = list(dict.fromkeys(part["column"]))
        cells = part.pivot(index="features", columns="column").loc[rows[backbone]]
        values, low, high = (cells[name][columns].to_numpy(float) for name in COLUMNS[kind][:3])
        image = axis.imshow(values, cmap="cividis", vmin=least, vmax=top, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            shade = "white" if value < (least + top) / 2 else "black"
            number = "–" if np.isnan(value) else "" if cell < 0.24 else f"{value:.3f}".replace("0.", ".", 1)
            spans = cell >= 0.42 and not np.isnan([low[i, j], high[i, j]]).any()
            axis.text(j, i + 0.08 * spans, number, ha="center", va="bottom" if spans else "center", fontsize=6, color=shade)
            if spans:
                span = f"{low[i, j]:.2f} – {high[i, j]:.2f}".replace("0.", ".")
                axis.text(j, i + 0.08, span, ha="center", va="top", fontsize=5.5, color=shade)
        axis.set_xticks(range(len(columns)), [shown[head] for head in columns], fontsize=5.5, rotation=90 if upright else 0)
        names = [name.removeprefix("layer ").removesuffix(" of layers") for name in rows[backbone]]
        axis.set_yticks(range(len(names)), names, fontsize=6)
        axis.set_title(_title(methods.backbone_label(backbone), kind, table, width))
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel("layer")
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, label="SRCC", location="bottom", aspect=40, fraction=0.02, pad=0.02)
    bar.locator = MaxNLocator(5)
    return figure


def token_layers(table: pd.DataFrame, y_label: str, width: float = PAGE) -> Figure:
    """SRCC by layer of all tokens, patch tokens and the class token, with intervals: a row of panels per distance.

    `table`: columns distance, protocol, features, and COLUMNS but single. The sum of the layers is not shown.
    """
    distances, look = list(dict.fromkeys(table["distance"])), looks(table["distance"])
    found = dict.fromkeys(table["protocol"])
    protocols = [*(one for one in TOKENS if one in found), *(one for one in found if one not in TOKENS)]
    table = table[table["features"].str.startswith("layer") | (table["features"] == "final")]
    count = 1 + table["features"].str.removeprefix("layer ").replace("final", "-1").astype(int).max()
    figure, panels = _panels(table, distances, width, 1.5, 0)
    for distance, kind, axis in panels:
        srcc, low, high, _ = COLUMNS[kind]
        for number, protocol in enumerate(protocols):
            part = table[(table["distance"] == distance) & (table["protocol"] == protocol)]
            at = part["features"].str.removeprefix("layer ").replace("final", str(count)).astype(int)
            dashes, marker = TOKEN_STYLES[min(number, len(TOKEN_STYLES) - 1)]
            shade = look[distance].colour if protocol == "paper" else ("0.35", "0.6", "0.75")[min(max(number, 1), 3) - 1]
            kind_of = {"color": shade, "ls": dashes, "marker": marker, "lw": 0.9, "elinewidth": 0.6}
            ends = spread(part, srcc, low, high)
            axis.errorbar(at + 0.16 * (number - 1), part[srcc], yerr=ends, label=TOKENS.get(protocol, protocol), **kind_of)
        layer_ticks(axis, count, [(count, "final")] if (table["features"] == "final").any() else [])
        axis.set_title(_title(methods.distance_label(distance), kind, table, width))
    axes = [axis for *_, axis in panels]
    _label(axes, y_label)
    axes[0].legend(handles=drawn(axes), loc="best")
    return figure


def cumulative(table: pd.DataFrame, y_label: str, width: float = PAGE) -> Figure:
    """SRCC of the sum of the layers up to each one, with its interval, and of the single layers (thin).

    `table`: columns backbone, distance, layer, and COLUMNS.
    """
    backbones, look = list(dict.fromkeys(table["backbone"])), looks(table["distance"])
    aside = len(look) > 3 or len(backbones) > 2  # more than a legend within the first panel has room for, or speaks for
    entries = [f"{methods.distance_label(distance)}, {what}" for distance in look for what in ("sum to here", "this one")]
    figure, panels = _panels(table, backbones, width, 1.6, 0.3 + legend_height(entries, width) if aside else 0)
    for backbone, kind, axis in panels:
        srcc, low, high, single = COLUMNS[kind]
        here = table[table["backbone"] == backbone]
        for distance, part in here.groupby("distance", sort=False):
            one, name = look[distance], methods.distance_label(distance)
            axis.fill_between(part["layer"], part[low], part[high], color=one.colour, alpha=0.18, lw=0)
            axis.plot(part["layer"], part[srcc], color=one.colour, marker=one.marker, label=f"{name}, sum to here")
            axis.plot(part["layer"], part[single], color=one.colour, lw=0.7, ls=":", label=f"{name}, this one")
        layers = sorted(set(here["layer"]))
        axis.set_xticks(layers if len(layers) <= 16 else layers[:: -(-len(layers) // 12)])
        axis.set_title(_title(methods.backbone_label(backbone), kind, table, width))
    _label([axis for *_, axis in panels], y_label)
    legend(figure, [axis for *_, axis in panels], aside)
    return figure


def _kinds(table: pd.DataFrame) -> list[str]:
    return [kind for kind, columns in COLUMNS.items() if columns[0] in table]


def _panels(table: pd.DataFrame, rows: list[str], width: float, height: float, top: float) -> tuple[Figure, list[tuple]]:
    """The figure, and for each of `rows` and each statistic that `table` has (row, statistic, axis)."""
    kinds = _kinds(table)
    across = len(kinds) if width >= NARROW else 1
    down = len(rows) * len(kinds) // across
    figure, axes = plt.subplots(down, across, figsize=(width, height * down + 0.3 + top), squeeze=False, sharey="row")
    return figure, [(*what, axis) for what, axis in zip(((r, k) for r in rows for k in kinds), axes.flat, strict=True)]


def _title(text: str, kind: str, table: pd.DataFrame, width: float) -> str:
    """`text` with the statistic, where there are several."""
    kinds = _kinds(table)
    inches = 0.85 * width / (len(kinds) if width >= NARROW else 1)
    return titled(text, kind, inches) if len(kinds) > 1 else wrapped(text, inches)


def _label(axes: list, y_label: str) -> None:
    for axis in axes:
        place = axis.get_subplotspec()
        axis.set(xlabel="layer" if place.is_last_row() else "", ylabel=y_label if place.is_first_col() else "")
