"""Where the images of a dataset lie: in its original layout or a mirror's, and under which case of names.

A layout is a folder that holds a folder of references and folders of distorted images, whatever it is called and
wherever under a root it lies. Images are recognised by their file names, which are keys in every dataset but LIVE
(jp2k/img2.bmp and jpeg/img2.bmp).
"""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from ..errors import InputError
from .published import LAYOUTS, Layout, title

__all__ = ["LAYOUTS", "Layout", "title"]  # of `published`

DEPTH = 5  # folders below a root that are searched
IMAGES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


def find(layout: Layout, roots: list[Path], depth: int = DEPTH) -> Path | None:
    """The first folder below `roots`, links followed, that holds references and distorted images of this layout."""
    for root in roots:
        for folder, names, _ in os.walk(root, followlinks=True):
            if layout.refs in map(str.lower, names) and is_own(layout, Path(folder)) and _has_images(Path(folder), layout):
                return Path(folder)
            deep = len(Path(folder).relative_to(root).parts) >= depth  # also ends a circle of links
            names[:] = [] if deep else sorted(name for name in names if not name.startswith("."))  # .x.partial: not finished
    return None


def is_own(layout: Layout, folder: Path) -> bool:
    """Whether `folder` can be this dataset's by its name: TID2008 has TID2013's file names, nothing else tells them apart."""
    told = {other.called for other in LAYOUTS.values() if other.called and other.called in folder.name}
    return told == ({layout.called} if layout.called else set())


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
