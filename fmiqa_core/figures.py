"""House style, and saving a figure with its numbers and provenance."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from . import __version__, paths

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
    "dinov1": "#0072B2",
    "dinov2": "#D55E00",
    "clip_vitb32": "#E69F00",
    "clip_rn50": "#56B4E9",
    "imagenet_vit": "#CC79A7",
    "openclip_convnext_base": "#009E73",
    "openclip_convnext_laion_tecoa4": "#009E73",
    "openclip_vitb32_laion_tecoa4": "#E69F00",
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
PACKAGES = ("torch", "timm", "numpy", "scipy", "pandas", "matplotlib", "scikit-image", "pillow")
PAPER = "A. Ghildyal, N. Barman, S. Zadtootaghaj, Foundation Models Boost Low-Level Perceptual Similarity Metrics, ICASSP 2025"


def style() -> None:
    """Set the house style for all figures that follow."""
    matplotlib.rcParams.update(
        {
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


def save(figure: Figure, name: str, numbers: pd.DataFrame, caption: str, inputs=(), parameters=None, cite=()) -> list[Path]:
    """Write `figures/NAME.{pdf,svg,png}`, the plotted `numbers` as .csv, and where they come from as .json.

    `inputs` are files, stored by name and sha256. Byte-identical when repeated on the same inputs with the same
    packages. Returns the files.
    """
    folder = paths.make_folder(paths.figures())
    _freeze(figure)
    files = []
    for ending in ("pdf", "svg", "png"):
        # matplotlib would stamp the time into PDF and SVG
        stamp = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[ending]
        with paths.atomic(folder / f"{name}.{ending}") as temporary:
            figure.savefig(temporary, metadata=stamp)
        files.append(folder / f"{name}.{ending}")
    return [*files, *_save_data(name, numbers, caption, inputs, parameters, cite)]


def _freeze(figure: Figure) -> None:
    """Lay the figure out once and round: the solver's last digit varies from run to run, and SVG names hold it."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        left, bottom, width, height = axis.get_position(original=True).bounds
        axis.set_position([round(value, 6) for value in (left, bottom, width, height)])


def save_table(
    table: pd.DataFrame, name: str, caption: str, inputs=(), parameters=None, cite=(), numbers=None, marks=None
) -> list[Path]:
    """Write `figures/NAME.{csv,md,tex}` (booktabs) and the provenance as .json. Cells are written as they stand in `table`.

    `numbers` go to the .csv instead of `table`. `marks`, of the shape of `table`, holds "best" (bold), "second"
    (underlined), "same" (dagger: not significantly different from the best) or "", several joined by "+".
    """
    folder = paths.make_folder(paths.figures())
    marked = table if marks is None else _marked(table, marks, "**{}**", "<u>{}</u>", "{} †")
    latex = table.astype(str).map(_escape)
    latex = latex if marks is None else _marked(latex, marks, r"\textbf{{{}}}", r"\underline{{{}}}", r"{}$^\dagger$")
    latex.columns = [_escape(str(column)) for column in table.columns]
    tex = latex.to_latex(index=False, escape=False, caption=_escape(caption), label=f"tab:{name}")
    texts = {"md": _markdown(marked), "tex": tex}
    for ending, text in texts.items():
        with paths.atomic(folder / f"{name}.{ending}") as temporary:
            temporary.write_text(text + "\n" * (not text.endswith("\n")))
    return [
        *(folder / f"{name}.{e}" for e in texts),
        *_save_data(name, table if numbers is None else numbers, caption, inputs, parameters, cite),
    ]


def _marked(table: pd.DataFrame, marks: pd.DataFrame, best: str, second: str, same: str) -> pd.DataFrame:
    out = table.astype(object).copy()
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            mark = str(marks.iat[i, j]).split("+")
            for kind, form in (("best", best), ("second", second), ("same", same)):
                if kind in mark:
                    out.iat[i, j] = form.format(out.iat[i, j])
    return out


def _escape(text: str) -> str:
    special = {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "~": r"\textasciitilde{}"}
    special |= {"^": r"\textasciicircum{}", "\\": r"\textbackslash{}"} | {c: "\\" + c for c in "&%$#_{}"}
    return "".join(special.get(c, c) for c in text)


def _save_data(name, numbers, caption, inputs, parameters, cite) -> list[Path]:
    folder = paths.figures()
    provenance = {
        "name": name,
        "caption": caption,
        "fmiqa": __version__,
        "parameters": parameters or {},
        "inputs": {paths.relative(Path(f)): hashlib.sha256(Path(f).read_bytes()).hexdigest() for f in inputs},
        "packages": {package: version(package) for package in PACKAGES},
        "cite": [PAPER, *cite],
    }
    with paths.atomic(folder / f"{name}.csv") as temporary:
        numbers.to_csv(temporary, index=False)
    with paths.atomic(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n")
    return [folder / f"{name}.csv", folder / f"{name}.json"]


def _markdown(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)
