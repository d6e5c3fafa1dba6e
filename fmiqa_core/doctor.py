"""What is on this machine, what is missing, and how to get it."""

import os
import platform
from importlib.metadata import version

from . import __version__, datasets, paths, weights
from .backbones import BACKBONES
from .errors import InputError

PACKAGES = ("torch", "timm", "open_clip_torch", "scipy", "papermill")


def lines() -> list[str]:
    """The report of `fmiqa doctor`."""
    return [*_machine(), *_weights(), *_datasets()]


def _machine() -> list[str]:
    from .features import check_place

    place = check_place()
    roots = ", ".join(str(root) for root in paths.data_roots()[1:]) or "not set"
    return [
        f"fmiqa {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        "packages  " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        f"device    {place.type} (auto), {os.cpu_count()} cores",
        f"home      {paths.home()}",
        f"FMIQA_DATA {roots}",
    ]


def _weights() -> list[str]:
    out = []
    for record in BACKBONES.values():
        found = weights.find(record)
        state = f"here, {found}" if found else f"missing: fmiqa download {record.name} ({record.weights.megabytes} MB)"
        out.append(f"weights   {record.name}: {state}; {record.weights.shipped}, {record.licence}. {record.note}")
    return out


def _datasets() -> list[str]:
    out = ["dataset   demo: always, made from scikit-image's photographs (no human scores)"]
    try:
        live = datasets.load("live", partial=True)
        out.append(f"dataset   live: {live.coverage}, {live.folder}")
    except InputError as error:
        out.append(f"dataset   live: missing: {error}")
    return out
