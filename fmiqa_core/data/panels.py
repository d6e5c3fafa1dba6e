"""A second panel of observers: TID2008's scores of images that are TID2013's too.

TID2008's images are TID2013's of the types 1 to 17, of the same 25 references: its level k is TID2013's level k + 1. Of 16
pictures it is proven by their pixels, over all 1700 the two panels agree (SRCC .97; with the levels taken as equal .82). The
observers are others, the pictures and the authors of the two sets are not.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from . import human_scores, layouts
from .published import LAYOUTS

FIRST, SECOND = "tid2013", "tid2008"
SHIFT = 1  # TID2013 has a weaker level below TID2008's weakest


def name_in_first(dis: str) -> str:
    """What the image `dis` of TID2008 is called in TID2013.

    >>> name_in_first("distorted_images/I03_11_4.bmp")
    'distorted_images/i03_11_5.bmp'
    """
    folder, slash, name = dis.rpartition("/")
    start, level, ending = re.fullmatch(r"(i\d\d_\d\d_)(\d)(\.bmp)", name.lower()).groups()
    return f"{folder}{slash}{start}{int(level) + SHIFT}{ending}"


def other(dataset: str, images: pd.DataFrame) -> np.ndarray:
    """What the observers of the other set said of `images` (n, columns ref, distortion and level) of `dataset`: (n,).

    NaN where they did not see an image, and of every dataset but these two.
    """
    if dataset not in (FIRST, SECOND):
        return np.full(len(images), np.nan)
    table, lower = human_scores.read(SECOND if dataset == FIRST else FIRST), SHIFT * (dataset == FIRST)
    parts = [layouts.parse(LAYOUTS[SECOND], dis) for dis in table["dis"]]  # both are named alike
    raised = SHIFT - lower  # levels of a key are TID2008's
    mos = {key(ref, kind, n - raised): s for ref, (kind, n), s in zip(table["ref"], parts, table["score"], strict=True)}
    rows = zip(images["ref"].astype(str), images["distortion"].astype(str), images["level"], strict=True)
    return np.array([np.nan if pd.isna(n) else mos.get(key(ref, kind, int(n) - lower), np.nan) for ref, kind, n in rows], float)


def rejudged(images: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Which rows of TID2013's `images` (columns as of `Scores.images`) are TID2008's too: (n,), and these with its scores.

    `dis` stays what the image is called where it was scored; `level` is TID2008's.
    """
    found = other(FIRST, images)
    there = np.isfinite(found)
    part = images[there].assign(mos=found[there], quality=found[there], level=images.loc[there, "level"] - SHIFT)
    return there, part.reset_index(drop=True)


def key(ref: str, distortion: str, level: int) -> str:
    """What identifies an image of TID2008, whichever of its two names it has.

    >>> key("reference_images/I03.BMP", "11", 4)
    'i03_11_4'
    """
    return f"{ref.rpartition('/')[2].partition('.')[0]}_{distortion}_{level}".lower()


def of_first(folder: Path) -> bool:
    """Whether the images in `folder`, found for TID2008, lie there under TID2013's names."""
    return not layouts.is_own(LAYOUTS[SECOND], folder)
