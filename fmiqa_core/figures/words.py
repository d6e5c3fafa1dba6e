"""Words in figures: names, what stands on the human side, and texts made to fit their place."""

import math
import re
import textwrap
from collections.abc import Iterable

from ..data import methods, words
from ..data.layouts import LAYOUTS

ROW = 32  # characters that the name of a row may have
WIDE_ROW = 38  # where there is a page for it: `OpenCLIP ConvNeXt-B cosine (released)`
HUMAN = "human scores"  # where nobody says what they are


class _Labels(dict):
    """Name -> label: holds the known ones, and has an answer for all others."""

    def __missing__(self, name: str) -> str:
        return methods.label(name)


LABELS = _Labels(methods.DISTANCES | {"embed_cos": methods.distance_label("embed_cos")} | methods.BACKBONES)


def human(dataset: str) -> str:
    """What stands on the human side of `dataset`, in a word; of a part of one (`live_5refs`) as of the whole.

    >>> human("live_5refs"), human("kadid10k"), human("demo"), human("mine")
    ('DMOS', 'MOS', 'severity', 'human scores')
    """
    for name, layout in LAYOUTS.items():
        if dataset == name or dataset.startswith(f"{name}_"):
            return words.human(layout.scale) or HUMAN
    return "severity" if dataset == "demo" or dataset.startswith("demo_") else HUMAN


def fit(labels: Iterable[str], most: int = ROW) -> list[str]:
    """`labels` in at most `most` characters: the middle gives way; longer where two would become one.

    >>> fit(["timm:vit_base_patch14_reg4_dinov2.lvd142m cosine", "PSNR"], 24)
    ['timm:vit_base_…2m cosine', 'PSNR']
    """
    labels = [str(label) for label in labels]
    for size in range(most, max(map(len, labels), default=0)):
        short = [_short(label, size) for label in labels]
        if len(set(short)) == len(set(labels)):
            return short
    return labels


def _short(text: str, most: int) -> str:
    tail = 2 * (most - 1) // 5
    return text if len(text) <= most else f"{text[: most - 1 - tail]}…{text[-tail:]}"


def wrapped(text: str, inches: float, size: float = 8) -> str:
    """`text` in lines of at most `inches`, at letters of `size` points; words of a name part after _ - . / : too."""
    most = max(6, math.floor(inches * 72 / (0.57 * size)))
    if len(text) <= most or "\n" in text:
        return text
    pieces = re.sub(r"(?<=[_\-./:])(?=\w)", "\0", text)
    lines = [""]
    for piece in re.split(r"(?<= )|\0", pieces):
        if lines[-1] and len(lines[-1] + piece.rstrip()) > most:
            lines.append("")
        lines[-1] += piece
    return "\n".join(part for line in lines for part in textwrap.wrap(line.strip(), most))


def titled(text: str, what: str, inches: float) -> str:
    """A title with what the panel shows of it: on one line, or on several where that is too long.

    >>> titled("DINOv2 ViT-S/14", "pooled", 3), titled("DINOv2 ViT-S/14", "pooled", 1.3)
    ('DINOv2 ViT-S/14, pooled', 'DINOv2 ViT-S/14\\npooled')
    """
    line = f"{text}, {what}"
    return line if wrapped(line, inches) == line else f"{wrapped(text, inches)}\n{wrapped(what, inches)}"
