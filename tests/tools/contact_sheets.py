"""Contact sheets of all figures, to look at: as they are, in grey, and as two colour-blind readers see them.

`python tests/contact_sheets.py FOLDER [WIDTH_MM]` writes FOLDER/{normal,grey,deuteranopia,protanopia}.png; figures are
drawn WIDTH_MM wide (default 88), or as narrow as they may be.

Matrices: G.M. Machado, M.M. Oliveira, L.A.F. Fernandes, A Physiologically-based Model for Simulation of Color Vision
Deficiency, IEEE TVCG 15(6), 2009, severity 1.0, doi:10.1109/TVCG.2009.113; they apply to linear RGB. Grey is the relative
luminance of ITU-R BT.709.
"""

import io
import sys
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from fmiqa_core import figures
from fmiqa_core.figures import catalogue
from fmiqa_core.files import paths

VISION = {
    "normal": np.eye(3),
    "grey": np.tile([0.2126, 0.7152, 0.0722], (3, 1)),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
}
SHEET, GAP = 1640, 8  # px


def seen(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """sRGB uint8 (h, v, 3) as seen through `matrix` (3, 3), which applies to linear RGB; uint8 (h, v, 3)."""
    values = image / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ matrix.T, 0, 1)
    values = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(values * 255).astype(np.uint8)


def names() -> list[str]:
    """All figures in `figures/` that the catalogue draws."""
    stems = (file.stem for file in sorted(paths.figures().glob("fig*.csv")))
    return [stem for stem in stems if not stem.startswith(tuple(catalogue.OF_IMAGES))]


def picture(name: str, millimetres: float) -> np.ndarray:
    """The figure as uint8 (h, v, 3)."""
    least = catalogue.DRAWINGS[catalogue.key(name)].narrowest
    figure = catalogue.draw(name, catalogue.read(catalogue.file(name), name), max(millimetres, least) / 25.4)
    figures.freeze(figure)
    file = io.BytesIO()
    figure.savefig(file, dpi=110)
    plt.close(figure)
    return np.asarray(Image.open(file).convert("RGB"))


def sheet(pictures: list[np.ndarray]) -> np.ndarray:
    """Pictures beside and below each other on light grey."""
    x = y = height = 0
    places = []
    for one in pictures:
        if x + one.shape[1] > SHEET:
            x, y, height = 0, y + height + GAP, 0
        places.append((y, x))
        x, height = x + one.shape[1] + GAP, max(height, one.shape[0])
    out = np.full((y + height, SHEET, 3), 221, np.uint8)
    for (top, left), one in zip(places, pictures, strict=True):
        out[top : top + one.shape[0], left : left + one.shape[1]] = one
    return out


def main(folder: str, millimetres: str = "88") -> None:
    matplotlib.use("Agg")
    figures.style()
    plain = sheet(sorted((picture(name, float(millimetres)) for name in names()), key=len))
    for kind, matrix in VISION.items():
        with paths.atomic(paths.make_folder(Path(folder)) / f"{kind}.png") as temporary:
            Image.fromarray(seen(plain, matrix)).save(temporary)


if __name__ == "__main__":
    main(*sys.argv[1:])
