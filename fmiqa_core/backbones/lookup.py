"""The record of a name: of this package, or of any other model of timm and open_clip."""

from ..errors import InputError, unknown
from .records import BACKBONES, Backbone


def get(name: str) -> Backbone:
    """The record called `name`, or one made for `timm:<id>` or `open_clip:<arch>/<tag>`.

    Raises InputError with the nearest name for an unknown one.

    >>> record = get("clip_vitb32")
    >>> record.kind, record.layers, record.patch, record.licence
    ('vit', 12, 32, 'MIT')
    """
    if name in BACKBONES:
        return BACKBONES[name]
    library, _, model = str(name).partition(":")
    if library in ("timm", "open_clip") and model:
        from .library_records import describe  # imports torch

        return describe(library, model)
    if library in ("timm", "open_clip"):
        raise InputError(f"{name!r} names no model: write timm:<id> or open_clip:<arch>/<tag>.")
    raise unknown("backbone", name, [*BACKBONES, "timm:<id>", "open_clip:<arch>/<tag>"])
