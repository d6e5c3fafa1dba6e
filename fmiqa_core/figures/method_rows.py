"""What figures of many methods share: their names beside the rows, and what their legends say."""

import pandas as pd
from matplotlib import pyplot as plt

from ..data import layouts
from . import words
from .style import FAMILY_MARKERS, NARROW

PEOPLE = "people"  # the family of rows that say what people agree on among themselves
CEILING = "#4D4D4D"
PEOPLE_LINES = {"people_panel": "--", "people_twins": "-."}


def labels(numbers: pd.DataFrame) -> dict[str, str]:
    """Method -> its label, in the order of the table."""
    return dict(zip(numbers["method"], numbers["label"], strict=True))


def datasets(numbers: pd.DataFrame) -> list[tuple[str, str]]:
    """Name and title of each dataset, in the order of the table."""
    return [(name, layouts.title(name)) for name in dict.fromkeys(numbers["dataset"])]


def apart(numbers: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of methods, and those of people (`ceilings`)."""
    people = numbers["family"] == PEOPLE
    return numbers[~people].reset_index(drop=True), numbers[people].reset_index(drop=True)


def ceiling(axis, people: pd.DataFrame, statistic: str) -> None:
    """A vertical line with a light band in `axis` for each row of `people`: `statistic` with `_low` and `_high`, unless NaN."""
    for _, row in people.iterrows():
        if pd.notna(row[statistic]):
            axis.axvline(row[statistic], color=CEILING, lw=1, ls=PEOPLE_LINES.get(row["method"], ":"), zorder=0)
        if pd.notna(row[f"{statistic}_low"]):
            axis.axvspan(row[f"{statistic}_low"], row[f"{statistic}_high"], color=CEILING, alpha=0.12, lw=0, zorder=0)


def ceilings(people: pd.DataFrame) -> list:
    """What the legend says of the rows of `people`."""
    kinds = dict(zip(people["method"], people["label"], strict=True))
    look = {"color": CEILING, "lw": 1}
    return [plt.Line2D([], [], ls=PEOPLE_LINES.get(kind, ":"), label=text, **look) for kind, text in kinds.items()]


def rows(axes, names) -> None:
    """Names of the rows beside panels that share their y axis, the first row on top."""
    names = words.fit(names, words.WIDE_ROW if axes[0].figure.get_figwidth() >= NARROW else 26)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.5)


def sources(numbers: pd.DataFrame) -> list:
    """What tells own from released scores in the legend, where both stand in the figure."""
    if "source" not in numbers or numbers["source"].nunique() < 2:
        return []
    return _faces({"own": "white", "released": "#666666"})


def statistics() -> list:
    """What tells SRCC pooled from SRCC within references in the legend."""
    return _faces({"pooled": "#666666", "within references (mean)": "white"})


def _faces(kinds: dict[str, str]) -> list:
    """A grey mark for each name, filled with its colour."""
    return [plt.Line2D([], [], ls="", marker="o", color="#666666", mfc=face, ms=4, label=name) for name, face in kinds.items()]


def size(numbers: pd.DataFrame) -> str:
    """How many images and references the rows of one dataset have."""
    images, refs = (sorted({int(number) for number in numbers[column]}) for column in ("n", "refs"))
    counts = [str(one[0]) if len(one) == 1 else f"{one[0]}–{one[-1]}" for one in (images, refs)]
    return f"{counts[0]} images, {counts[1]} reference{'' if refs[-1] == 1 else 's'}"


def families(numbers: pd.DataFrame) -> list:
    there = dict.fromkeys(numbers["family"])
    names = [*(name for name in FAMILY_MARKERS if name in there), *(name for name in there if name not in FAMILY_MARKERS)]
    marks = [(name, FAMILY_MARKERS.get(name, "X")) for name in names]
    return [plt.Line2D([], [], ls="", marker=m, color="#666666", ms=4, label=f) for f, m in marks]
