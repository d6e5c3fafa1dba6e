"""The house style of all figures: widths, colours, markers, and how panels stand side by side. No name is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

from ..data import methods

COLUMN, PAGE = 88 / 25.4, 180 / 25.4  # widths in inches of one and two columns
HEIGHT = 247 / 25.4  # of a page, at most
# Okabe and Ito's colours, safe for colour-blind readers; a method keeps its own everywhere.
COLOURS = {
    "l2": "#0072B2",
    "cos": "#D55E00",
    "skld": "#009E73",
    "jsd": "#56B4E9",
    "wsd": "#E69F00",
    "swd": "#CC79A7",
    "embed_cos": "#000000",
    "dinov2_vits14": "#D55E00",
    "efficientnet_lite0": "#0072B2",
    # of the released scores: foundation models by backbone, the others by family
    "dino_vitb16": "#0072B2",
    "dinov2_vitb14": "#D55E00",
    "clip_vitb32": "#E69F00",
    "clip_rn50": "#56B4E9",
    "imagenet_vitb16": "#CC79A7",
    "openclip_convnext_base_w": "#009E73",
    "tecoa4_convnext_base_w": "#005C41",  # trained to withstand attacks: the darker shade of their plain ones
    "tecoa4_vitb32": "#8A5A00",
    "deep statistics": "#7F7F7F",
    "learned": "#4D4D4D",
    "traditional": "#000000",
    "none": "#000000",
    "tra": "#0072B2",
    "sca": "#E69F00",
    "rot": "#D55E00",
}
MARKERS = {"l2": "o", "cos": "s", "skld": "^", "jsd": "v", "wsd": "D", "swd": "P", "embed_cos": "X"}
# What is not in the table, or shares its colour with another in the same figure, takes the next of these.
SPARE = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#332288", "#882255"),
    *("#999933", "#8A5A00", "#005C41", "#AA4499", "#661100", "#F0E442"),
)
SHAPES = "os^DvPX*<>p"  # 11 shapes and 14 colours: no pair comes twice in 154 names
DASHES = ("-", "--", ":", "-.")
FAMILY_MARKERS = {"foundation": "o", "deep statistics": "D", "learned": "^", "traditional": "s"}
NARROW = 130 / 25.4  # below this width in inches, panels stand one above the other


@dataclass(frozen=True)
class Look:
    """How one backbone or distance is drawn in a figure."""

    colour: str
    marker: str
    line: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Name -> its look, for the backbones or the distances of one figure: no two are alike, and a known one has its own."""
    keys = {name: methods.RELEASED.get(name, name) for name in names}
    shades, marks = _each_its_own(keys.values(), COLOURS, SPARE), _each_its_own(keys.values(), MARKERS, SHAPES)
    rounds: dict[str, int] = {}  # colour -> how often it is taken
    found = {}
    for key, shade in shades.items():
        rounds[shade] = rounds.get(shade, -1) + 1
        found[key] = Look(shade, marks[key], DASHES[rounds[shade] % len(DASHES)])
    return {name: found[key] for name, key in keys.items()}


def colours(names: Iterable[str]) -> dict[str, str]:
    """Method -> its colour in a figure: foundation models by backbone, all others by family."""
    found = {name: methods.describe(name.partition("[")[0]) for name in names}  # whosever scores they are
    keys = {name: one.backbone if one.family == "foundation" else one.family for name, one in found.items()}
    shades = _each_its_own(keys.values(), COLOURS, SPARE)
    return {name: shades[key] for name, key in keys.items()}


def _each_its_own(keys: Iterable[str], table: dict[str, str], spare: Sequence[str]) -> dict[str, str]:
    """Key -> its value in `table`, or the next of `spare` where it has none there or another key has it already.

    Where two have the same, the paper's backbone keeps it, so that its colour is the same in every figure.
    """
    keys = list(dict.fromkeys(keys))
    found: dict[str, str] = {}
    for key in sorted(keys, key=lambda key: methods.RELEASED.get(key, key) not in methods.PAPER):
        if key in table and table[key] not in found.values():
            found[key] = table[key]
    free = [value for value in spare if value not in found.values()] or list(spare)
    rest = [key for key in keys if key not in found]
    return found | {key: free[i % len(free)] for i, key in enumerate(rest)}


def style() -> None:
    """Set the house style for all figures that follow: of the user's own settings nothing stays but the backend."""
    plt.draw_if_interactive()  # loads the backend: a notebook's brings settings of its own, c.InlineBackend.rc
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(
        {
            "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters on every machine
            "font.size": 8,
            "axes.titlesize": 8,
            "axes.labelsize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "lines.linewidth": 1.2,
            "lines.markersize": 3.5,
            "figure.dpi": 110,
            "savefig.dpi": 220,
            "figure.constrained_layout.use": True,
            "svg.hashsalt": "fmiqa",  # same input, same bytes
            "svg.fonttype": "none",
            "pdf.fonttype": 42,
        }
    )


def panels(count: int, width: float, height: float, top: float = 0.0, **options):
    """Figure and list of `count` axes, each `height` inches high: in a row, or in a column where `width` is narrow.

    `top`: inches for what the panels share (a legend). In a column each panel has its own labels on the x axis.
    """
    rows, columns = (1, count) if width >= NARROW else (count, 1)
    figure, axes = plt.subplots(rows, columns, figsize=(width, height * rows + top), squeeze=False, **options)
    return figure, list(axes.flat)


def first_of_row(axis) -> bool:
    """Whether `axis` is the one of its row that holds the label of the y axis."""
    return axis.get_subplotspec().is_first_col()


def legend_columns(labels: Iterable[str], width: float) -> int:
    """As many columns as fit `width` inches."""
    labels = list(labels)
    return max(1, min(len(labels), int(width / (0.062 * max(map(len, labels)) + 0.42))))


def legend_height(labels: Iterable[str], width: float) -> float:
    """Inches that the shared legend needs beyond the two rows that every figure has room for."""
    labels = list(labels)
    return 0.15 * max(0, -(-len(labels) // legend_columns(labels, width)) - 2)


def share_legend(figure, handles, side: str = "lower") -> None:
    """One legend for all panels, outside them, in as many columns as fit the width of `figure`."""
    columns = legend_columns([handle.get_label() for handle in handles], figure.get_figwidth())
    figure.legend(handles=handles, loc=f"outside {side} center", ncols=columns)


def legend(figure, axes, aside: bool) -> None:
    """One legend of all that `axes` show: beside the panels (`aside`), or within the first of them."""
    if aside:
        share_legend(figure, drawn(axes))
    else:
        axes[0].legend(handles=drawn(axes), loc="best")


def drawn(axes) -> list:
    """Handles for a legend of all `axes`, each label once."""
    found: dict = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values())


def layer_ticks(axis, count: int, last: Iterable[tuple[float, str]] = ()) -> None:
    """Ticks for layers 0 to `count` - 1, every so many that they can be told apart, and for what stands beside them."""
    step = 1 if count < 8 else 2 if count <= 16 else 4
    ticks = [*((at, str(at)) for at in range(0, count, step)), *last]
    axis.set_xticks([at for at, _ in ticks], [text for _, text in ticks])


def spread(rows, value: str, low: str, high: str) -> np.ndarray:
    """Lengths (2, rows) below and above `value` for error bars, of a row or a table.

    0 where an end lies on the wrong side (the interval need not hold the point), NaN where there is no interval.
    """
    ends = (rows[value] - rows[low], rows[high] - rows[value])
    return np.maximum([np.atleast_1d(np.asarray(end, float)) for end in ends], 0)


def every(cell: float) -> int:
    """Of upright names `cell` inches apart, in letters of 6 points, which can be read: every 1st, 2nd, ..."""
    return max(1, int(np.ceil(0.09 / max(cell, 0.01))))
