"""Whose pixels a figure shows: the demo's may be spread, a published dataset's may not, own ones by their owner."""

import re
from pathlib import PurePosixPath

from ..data.layouts import LAYOUTS

NOTEBOOKS = ("00", "01", "10")  # show images
FIGURES = ("fig00_", "fig01_maps", "fig01_pca", "fig10_own_pair")  # of these notebooks: hold pixels


def withheld(name: str, provenance: dict) -> str:
    """Why the picture of the figure `name` stays out of the site; "" where it may be shown.

    >>> withheld("fig01_maps_live", {}), withheld("fig04_heat_live", {}), withheld("fig10_own_pair_mine", {})
    ('The picture holds pixels of LIVE, which are not ours to spread: it stays in figures/.', '', '')
    """
    if not name.startswith(FIGURES):
        return ""
    title = next((layout.title for key, layout in LAYOUTS.items() if _is_of(key, name, provenance)), "")
    return f"The picture holds pixels of {title}, which are not ours to spread: it stays in figures/." if title else ""


def own(name: str) -> str:
    """What to see to before a figure of own images is passed on; "" for any other.

    >>> own("fig10_own_pair_mine"), own("fig01_maps_demo")
    ('Shows images from outside the project: see that you may spread them.', '')
    """
    shows = name.startswith(FIGURES) and not name.endswith("_demo")
    return "Shows images from outside the project: see that you may spread them." if shows else ""


def _is_of(dataset: str, name: str, provenance: dict) -> bool:
    """By what the figure is called, by what it was made of, or by the names of its images: a pair may be called anything."""
    said = [*name.split("_"), str(provenance.get("parameters", {}).get("dataset", ""))]
    files = [PurePosixPath(file).name for file in provenance.get("inputs", {})]
    return dataset in said or any(re.fullmatch(LAYOUTS[dataset].name, file, re.IGNORECASE) for file in files)
