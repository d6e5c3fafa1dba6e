"""Where the images of a dataset lie: in its original layout or a mirror's, and under which case of names.

A layout is a folder that holds a folder of references and folders of distorted images, whatever it is called and
wherever under a root it lies. Images are recognised by their file names, which are keys in every dataset but LIVE
(jp2k/img2.bmp and jpeg/img2.bmp).
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..errors import InputError

DEPTH = 5  # folders below a root that are searched
IMAGES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


@dataclass(frozen=True)
class Layout:
    """What a dataset's folder looks like, and what its file names and scores mean."""

    title: str
    refs: str  # name of the folder of references, in lower case
    distorted: tuple[str, ...]  # names of the folders of distorted images, in lower case; * for anything
    name: str  # regular expression of a distorted image's file name, with groups type and level where it has them
    example: str
    scale: str  # what the scores are
    cite: str
    images: int  # distorted ones of the complete dataset
    references: int
    pixels: tuple[int, int]  # height and width: of every image, of LIVE the most frequent
    lower_is_better: bool = False
    scores: str = ""  # the dataset's own table of scores, a pattern relative to its folder
    by_folder: bool = False  # a file name is a key only together with its folder

    def key(self, path: str) -> str:
        """What identifies the image at `path`, relative to the dataset's folder."""
        return (path if self.by_folder else path.rpartition("/")[2]).lower()


LAYOUTS = {
    "live": Layout(
        "LIVE",
        "refimgs",
        ("jp2k", "jpeg", "wn", "gblur", "fastfading"),
        r"img\d+\.bmp",
        "gblur/img1.bmp",
        "realigned DMOS, higher = worse",
        "H.R. Sheikh, Z. Wang, L. Cormack, A.C. Bovik, LIVE Image Quality Assessment Database Release 2, "
        "http://live.ece.utexas.edu/research/quality",
        779,
        29,
        (512, 768),
        lower_is_better=True,
        by_folder=True,
    ),
    "tid2013": Layout(
        "TID2013",
        "reference_images",
        ("distorted_images",),
        r"i\d\d_(?P<type>\d\d)_(?P<level>\d)\.bmp",
        "distorted_images/i01_01_1.bmp",
        "MOS 0-9, higher = better",
        "N. Ponomarenko et al., Image database TID2013: Peculiarities, results and perspectives, Signal Processing: "
        "Image Communication 30 (2015) 57-77, doi:10.1016/j.image.2014.10.009",
        3000,
        25,
        (384, 512),
        scores="mos_with_names.txt",
    ),
    "pipal": Layout(
        "PIPAL",
        "train_ref",
        ("train_dis*", "distortion_*", "dist_imgs"),
        r"a\d{4}_(?P<type>\d\d)_\d\d\.bmp",
        "Train_Dis/A0001_00_00.bmp",
        "Elo score of the training set, higher = better",
        "J. Gu et al., PIPAL: a Large-Scale Image Quality Assessment Dataset for Perceptual Image Restoration, ECCV "
        "2020, doi:10.1007/978-3-030-58621-8_37",
        23200,
        200,
        (288, 288),
        scores="Train_Label/*.txt",
    ),
    "kadid10k": Layout(
        "KADID-10k",
        "images",
        ("images",),
        r"i\d\d_(?P<type>\d\d)_(?P<level>\d\d)\.png",
        "images/I01_01_01.png",
        "MOS 1-5 (in a table called dmos.csv), higher = better",
        "H. Lin, V. Hosu, D. Saupe, KADID-10k: A Large-scale Artificially Distorted IQA Database, QoMEX 2019, "
        "doi:10.1109/QoMEX.2019.8743252",
        10125,
        81,
        (384, 512),
        scores="dmos.csv",
    ),
    "csiq": Layout(
        "CSIQ",
        "src_imgs",
        ("dst_imgs",),
        r"\w+\.(?P<type>[a-z0-9]+)\.(?P<level>\d)\.png",
        "dst_imgs/AWGN/1600.AWGN.1.png",
        "DMOS 0-1, higher = worse",
        "E.C. Larson, D.M. Chandler, Most apparent distortion: full-reference image quality assessment and the role "
        "of strategy, Journal of Electronic Imaging 19(1) 011006 (2010), doi:10.1117/1.3267105",
        866,
        30,
        (512, 512),
        lower_is_better=True,
    ),
}


def title(dataset: str) -> str:
    """What `dataset` is called in a sentence: its published title, or of an own table the file's name without its ending.

    >>> title("kadid10k"), title("mine.csv")
    ('KADID-10k', 'mine')
    """
    return LAYOUTS[dataset].title if dataset in LAYOUTS else Path(dataset).stem


def find(layout: Layout, roots: list[Path], depth: int = DEPTH) -> Path | None:
    """The first folder below `roots`, links followed, that holds references and distorted images of this layout."""
    for root in roots:
        for folder, names, _ in os.walk(root, followlinks=True):
            if layout.refs in map(str.lower, names) and "2008" not in Path(folder).name and _has_images(Path(folder), layout):
                return Path(folder)  # TID2008 has TID2013's file names
            deep = len(Path(folder).relative_to(root).parts) >= depth  # also ends a circle of links
            names[:] = [] if deep else sorted(name for name in names if not name.startswith("."))  # .x.partial: not finished
    return None


def index(layout: Layout, folder: Path) -> dict[str, str]:
    """Key -> path on disk, relative to `folder`, of every reference and distorted image that is there."""
    found: dict[str, str] = {}
    for path in _images(folder, layout, (layout.refs, *layout.distorted)):
        found.setdefault(layout.key(path), path)
    return found


def parse(layout: Layout, dis: str) -> tuple[str | None, int | None]:
    """Type and level as the file name of a distorted image has them, None for what it does not tell.

    >>> parse(LAYOUTS["tid2013"], "distorted_images/i03_11_5.bmp")
    ('11', 5)
    """
    match = re.fullmatch(layout.name, dis.rpartition("/")[2], re.IGNORECASE)
    if not match:
        raise InputError(f"{dis} is not named like an image of {layout.title} ({layout.example}).")
    parts = match.groupdict()
    return parts.get("type"), int(parts["level"]) if "level" in parts else None


def own_scores(layout: Layout, folder: Path) -> Iterator[tuple[Path, str, float]]:
    """File, key and score of every line of the dataset's own tables below `folder`; InputError for a damaged line.

    The tables differ (`3.86 i01_01_5.bmp`, `A0013_03_09.bmp,1524.5`, `I01_01_04.png,I01.png,1.67,0.5`): the first
    word that is an image's name and the first that is a number count.
    """
    pattern = re.sub("[a-zA-Z]", lambda letter: f"[{letter[0].lower()}{letter[0].upper()}]", layout.scores)
    for file in sorted(folder.glob(pattern) if pattern else ()):
        lines = file.read_text(errors="replace", encoding="utf-8").splitlines()
        rows = 0
        for number, line in enumerate(lines, 1):
            words = re.split(r"[\s,;]+", line.strip())
            names = [word for word in words if re.fullmatch(layout.name, word, re.IGNORECASE)]
            values = [word for word in words if re.fullmatch(r"-?\d+(\.\d*)?([eE]-?\d+)?", word)]
            if names and values:
                rows += 1
                yield file, layout.key(names[0]), float(values[0])
            elif line.strip() and (names or number > 1):  # a first line without a name may be a heading
                raise InputError(f"{file} is damaged: line {number} is not an image of {layout.title} and its score.")
        if not rows:
            raise InputError(f"{file} is damaged: it has no score of an image of {layout.title}.")


def _has_images(folder: Path, layout: Layout) -> bool:
    named = (re.fullmatch(layout.name, path.rpartition("/")[2], re.IGNORECASE) for path in _images(folder, layout))
    return any(named)


def _images(folder: Path, layout: Layout, patterns: tuple[str, ...] | None = None) -> Iterator[str]:
    """Image files in the side folders of `folder` that match `patterns` (the distorted ones), one level deeper too."""
    for side in sorted(path for path in folder.iterdir() if path.is_dir()):
        if not any(fnmatchcase(side.name.lower(), pattern) for pattern in patterns or layout.distorted):
            continue
        for inner, names, files in os.walk(side, followlinks=True):
            names[:] = sorted(names) if inner == str(side) else []
            for file in sorted(files):
                if file.lower().endswith(IMAGES) and not file.startswith("."):  # ._x.bmp: what macOS adds
                    yield (Path(inner) / file).relative_to(folder).as_posix()
