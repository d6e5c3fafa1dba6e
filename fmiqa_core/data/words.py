"""What a sentence, an axis and a file name call a dataset and its human side; all of it is taken from the data."""

import re
import zlib
from collections.abc import Iterable
from pathlib import PurePath

import pandas as pd

from . import layouts, methods

USUAL = ("dinov2_vits14", "efficientnet_lite0")  # the backbones of the notebooks, where nobody names others
SEVERITY = "severity"
TAKEN = ("demo", "live_5refs", *layouts.LAYOUTS)


def listed(text: str) -> list[str]:
    """The names in a comma-separated parameter, each once.

    >>> listed("live, tid2013,live")
    ['live', 'tid2013']
    """
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def human(scale: str) -> str:
    """One word for the human side, from a dataset's `scale`; "" where there is none.

    >>> [human(text) for text in ("realigned DMOS, higher = worse", "mos, higher = better", "severity level 1-5, no MOS")]
    ['DMOS', 'MOS', 'severity']
    """
    found = re.search(r"\b(DMOS|MOS|Elo|severity)\b", scale, re.IGNORECASE)
    return (found[0].upper() if found[0].lower() in ("mos", "dmos") else found[0]) if found else ""


def axis(word: str) -> str:
    """The label of an axis that shows what `human` gave.

    >>> axis("DMOS"), axis("Elo"), axis("severity")
    ('DMOS (higher = worse)', 'Elo (higher = better)', 'severity level (not a human score)')
    """
    if word == SEVERITY:
        return "severity level (not a human score)"
    known = {"dmos": "worse", "mos": "better", "elo": "better"}
    return f"{word} (higher = {known[word.lower()]})" if word.lower() in known else word


def column(table: pd.DataFrame) -> str:
    """The column that holds the human side: `mos`, or `level` where nobody rated any image."""
    return "mos" if table["mos"].notna().any() else "level"


def title(name: str) -> str:
    """A dataset in a sentence: its published title, or its own name without folder and ending.

    >>> title("tid2013"), title("live_5refs"), title("/data/mine.csv")
    ('TID2013', 'LIVE', 'mine')
    """
    return layouts.title("live" if name == "live_5refs" else name)


def file_name(name: str) -> str:
    """A dataset or a backbone in the name of a file: without folder and ending, safe everywhere.

    An own table that is called like a published dataset keeps its ending, so that neither replaces the other's figures.

    >>> file_name("/data/my set.csv"), file_name("live"), file_name("live.csv"), file_name("timm:vit_tiny.augreg")
    ('my_set', 'live', 'live_csv', 'timm_vit_tiny_augreg')
    """
    stem = PurePath(name).stem if _is_file(name) else name
    return re.sub(r"[^\w-]+", "_", f"{stem}_csv" if _is_file(name) and stem.lower() in TAKEN else stem)


def told(backbones: Iterable[str], precision: str = "fp32") -> str:
    """What the name of a file adds for these backbones and this precision, so that no run replaces another's figures.

    Nothing for the backbones that the notebooks have by themselves, or one of them, in fp32.

    >>> told(["dinov2_vits14"]), told(["clip_rn50"], "bf16"), told(methods.PAPER), told(["a", "b", "c"])
    ('', '_clip_rn50_bf16', '_paper', '_3_backbones_c82e0dd0')
    """
    names = list(dict.fromkeys(backbones))
    if set(names) == set(methods.PAPER):
        out = "_paper"
    elif len(names) > 2:
        out = f"_{len(names)}_backbones_{zlib.crc32(' '.join(sorted(names)).encode()):08x}"
    else:
        out = "" if set(names) <= set(USUAL) else f"_{'_'.join(map(file_name, names))}"
    return out + f"_{precision}" * (precision != "fp32")


def _is_file(name: str) -> bool:
    return name.lower().endswith(".csv")


def count(number: int, noun: str) -> str:
    """
    >>> count(1, "image"), count(2, "image")
    ('1 image', '2 images')
    """
    return f"{number} {noun}{'s' * (number != 1)}"
