"""Saving a figure or a table with its numbers, provenance and reporting string."""

import json
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from .. import __version__
from ..files import csv_files, hashes, paths
from ..report import joined
from .style import COLOURS, COLUMN, MARKERS, PAGE, style
from .words import LABELS

__all__ = ["COLOURS", "COLUMN", "LABELS", "MARKERS", "PAGE", "freeze", "save", "save_table", "style"]

FORMATS = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}  # and their stamps of time, left out
MARKDOWN = {"best": "**{}**", "second": "<u>{}</u>", "undecided": "{} †", "equivalent": "{} ‡"}
LATEX = {
    "best": r"\textbf{{{}}}",
    "second": r"\underline{{{}}}",
    "undecided": r"{}$^\dagger$",
    "equivalent": r"{}$^\ddagger$",
}
PACKAGES = ("torch", "timm", "numpy", "scipy", "pandas", "matplotlib", "scikit-image", "pillow")
PAPER = "A. Ghildyal, N. Barman, S. Zadtootaghaj, Foundation Models Boost Low-Level Perceptual Similarity Metrics, ICASSP 2025"


def save(
    figure: Figure, name: str, numbers: pd.DataFrame, caption: str, inputs=(), parameters=None, cite=(), report: str = ""
) -> list[Path]:
    """Write `figures/NAME.{pdf,svg,png}`, the plotted `numbers` as .csv, and where they come from as .json.

    `inputs` are files, stored by name and sha256; `report` is the reporting string, one line per setting that the
    numbers were computed with. Byte-identical when repeated on the same inputs with the same packages. In a notebook,
    the figure is shown with a line under it. Returns the files.
    """
    folder = paths.make_folder(paths.figures())
    freeze(figure)
    files = [write(figure, folder / f"{name}.{ending}") for ending in FORMATS]
    files += _save_data(name, numbers, caption, inputs, parameters, cite, report)
    _show(figure, name, caption)
    return files


def write(figure: Figure, file: Path) -> Path:
    """Write `figure` to `file` in the format of its ending, one of FORMATS; the same bytes each time."""
    with paths.atomic(file) as temporary:
        figure.savefig(temporary, metadata=FORMATS[file.suffix[1:]])
    return file


def _show(figure: Figure, name: str, caption: str) -> None:
    """In a notebook: the figure, if the cell that made it has not shown it yet; then its name and caption, in one line."""
    if "inline" in plt.get_backend() and plt.fignum_exists(figure.number):
        from IPython.display import display

        display(figure)
        plt.close(figure)
    print(f"{name}: {' '.join(caption.split())}")


def _full(report: str) -> str:
    return report or joined()


def freeze(figure: Figure) -> None:
    """Lay the figure out for good, and round: the solver's last digits vary from run to run, and SVG names hold them.

    Each pass starts from the one before. After five the places no longer move, whether the figure was shown before or not.
    """
    for _ in range(5):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axis in figure.axes:
        left, bottom, width, height = axis.get_position(original=True).bounds
        axis.set_position([round(value, 4) for value in (left, bottom, width, height)])


def save_table(
    table: pd.DataFrame,
    name: str,
    caption: str,
    inputs=(),
    parameters=None,
    cite=(),
    numbers=None,
    marks=None,
    report: str = "",
) -> list[Path]:
    """Write `figures/NAME.{csv,md,tex}` (booktabs) and the provenance as .json. Cells are written as they stand in `table`.

    `numbers` go to the .csv instead of `table`. `marks`, of the shape of `table`, holds "best" (bold), "second"
    (underlined), "undecided" (dagger) or "equivalent" (double dagger), both against the best, or "", several joined by "+".
    """
    folder = paths.make_folder(paths.figures())
    shown = table if marks is None else marked(table, marks, MARKDOWN)
    latex = table.astype(str).map(_escape)
    latex = latex if marks is None else marked(latex, marks, LATEX)
    latex.columns = [_escape(str(column)) for column in table.columns]
    tex = latex.to_latex(index=False, escape=False, caption=_escape(caption), label=f"tab:{name}")
    texts = {"md": _markdown(shown), "tex": tex}
    for ending, text in texts.items():
        with paths.atomic(folder / f"{name}.{ending}") as temporary:
            temporary.write_text(text + "\n" * (not text.endswith("\n")), encoding="utf-8")
    return [
        *(folder / f"{name}.{e}" for e in texts),
        *_save_data(name, table if numbers is None else numbers, caption, inputs, parameters, cite, report),
    ]


def marked(table: pd.DataFrame, marks: pd.DataFrame, forms: dict[str, str]) -> pd.DataFrame:
    """The cells of `table` in the `forms` (MARKDOWN or LATEX) that their marks say."""
    out = table.astype(object).copy()
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            mark = str(marks.iat[i, j]).split("+")
            for kind, form in forms.items():
                if kind in mark:
                    out.iat[i, j] = form.format(out.iat[i, j])
    return out


def _escape(text: str) -> str:
    special = {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "~": r"\textasciitilde{}"}
    special |= {"^": r"\textasciicircum{}", "\\": r"\textbackslash{}"} | {c: "\\" + c for c in "&%$#_{}"}
    return "".join(special.get(c, c) for c in text)


def _save_data(name, numbers, caption, inputs, parameters, cite, report) -> list[Path]:
    folder = paths.figures()
    provenance = {
        "name": name,
        "caption": caption,
        "report": _full(report),
        "fmiqa": __version__,
        "parameters": parameters or {},
        "inputs": {paths.relative(Path(f)): hashes.of(Path(f)) for f in inputs},
        "packages": {package: version(package) for package in PACKAGES},
        "cite": [PAPER, *cite],
    }
    with paths.atomic(folder / f"{name}.csv") as temporary:
        csv_files.write(numbers, temporary)
    with paths.atomic(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [folder / f"{name}.csv", folder / f"{name}.json"]


def _markdown(table: pd.DataFrame) -> str:
    rows = [table.columns, ["---"] * len(table.columns), *table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)
