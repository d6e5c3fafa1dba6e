"""The house style of all figures: widths, colours, markers, names of methods, and how panels stand side by side."""

import matplotlib
import matplotlib.pyplot as plt

from ..data import methods

COLUMN, PAGE = 88 / 25.4, 180 / 25.4  # widths in inches of one and two columns
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
LABELS = {
    "l2": "L2",
    "cos": "cosine",
    "skld": "SKLD",
    "jsd": "JSD",
    "wsd": "WSD",
    "swd": "SWD",
    "embed_cos": "final features",
    "dinov2_vits14": "DINOv2 ViT-S/14",
    "efficientnet_lite0": "EfficientNet-Lite0",
}
OTHER = "#7F7F7F"
NARROW = 130 / 25.4  # below this width in inches, panels stand one above the other


def colour(method: str) -> str:
    """Foundation models by backbone, all others by family; grey for what is not in the table."""
    found = methods.describe(method)
    return COLOURS.get(found.backbone if found.family == "foundation" else found.family, OTHER)


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


def share_legend(figure, handles, side: str = "lower") -> None:
    """One legend for all panels, outside them, in as many columns as fit the width of `figure`."""
    longest = max(len(handle.get_label()) for handle in handles)
    columns = max(1, min(len(handles), int(figure.get_figwidth() / (0.062 * longest + 0.42))))
    figure.legend(handles=handles, loc=f"outside {side} center", ncols=columns)
