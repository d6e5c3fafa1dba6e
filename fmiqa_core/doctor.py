"""What is on this machine, what is missing, and how to get it."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from . import __version__, datasets, paths, released, weights
from .backbones import BACKBONES, OFFLINE

PACKAGES = ("torch", "timm", "open_clip_torch", "scipy", "papermill")


def lines() -> list[str]:
    """The report of `fmiqa doctor`; no absolute paths, so that it can stand in a notebook."""
    return [*_machine(), *_weights(), *_datasets()]


def folders() -> list[str]:
    """Where this machine's data is looked for."""
    extra = ", ".join(str(root) for root in paths.data_roots()[1:]) or "not set"
    return [f"home      {paths.home()}", f"FMIQA_DATA {extra}"]


def _machine() -> list[str]:
    try:
        from .features import check_place

        place = check_place().type
    except ImportError as error:
        place = f"unknown ({error})"
    return [
        f"fmiqa {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "packages  " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        f"device    {place} (auto), {os.cpu_count()} cores",
    ]


def _weights() -> list[str]:
    out = []
    for record in BACKBONES.values():
        found = weights.find(record)
        get = f"missing: fmiqa download {record.name}"
        if record.name in OFFLINE:
            get += f" ({record.weights.megabytes} MB)"
        state = f"here, {paths.relative(found)}" if found else get
        out.append(f"weights   {record.name}: {state}; {record.weights.shipped}, {record.licence}. {record.note}".rstrip())
    return out


def _datasets() -> list[str]:
    out = ["dataset   demo: always, made from scikit-image's photographs (no human scores)"]
    folder, table = datasets.find_live(), datasets.LIVE_TABLE.find()
    if folder is None:
        state = "missing: get release 2 from live.ece.utexas.edu, unpack it into data/live or name its folder in FMIQA_DATA"
    elif table is None:
        state = f"images in {folder.name}, table of scores missing: fmiqa download live"
    else:
        state = f"{datasets.load('live', partial=True).coverage} in {folder.name}"
    out.append(f"dataset   live: {state}")
    archive = released.find()
    state = f"here, {archive.name}" if archive else "missing: fmiqa download released (its results are in data/released)"
    return [*out, f"dataset   released scores: {state}"]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "MISSING (run make, or pip install -r requirements.txt)"
