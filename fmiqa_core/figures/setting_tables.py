"""The table and the sentences of notebook 04 on which setting to take. Numbers come from `stats.setting_choice`."""

import pandas as pd

from .. import DEFAULT_DISTANCE
from ..data.layouts import title
from ..data.methods import backbone_label, distance_label
from ..stats import setting_choice
from .cells import interval

STATISTICS = {"": "pooled SRCC", "byref_": "SRCC within references, mean"}  # prefix -> words


def chosen(found: pd.DataFrame) -> pd.DataFrame:
    """`setting_choice.own` as text: a row for each backbone, question and dataset that it was tested on."""
    return pd.DataFrame(
        {
            "backbone": found["backbone"].map(backbone_label),
            "question": found["question"],
            "tested on": found["dataset"].map(title),
            "n": found["n"],
            "references (within)": [
                f"{all_} ({inside})" for all_, inside in zip(found["refs"], found["byref_refs"], strict=True)
            ],
            "chosen elsewhere": found["setting"],
            "against": found["against"],
            "SRCC": _cells(found, "srcc", "srcc_low", "srcc_high"),
            "difference, verdict": _tested(found, ""),
            "SRCC within": _cells(found, "srcc_byref", "srcc_byref_low", "srcc_byref_high"),
            "difference within, verdict": _tested(found, "byref_"),
        }
    )


def released(found: pd.DataFrame) -> pd.DataFrame:
    """`setting_choice.released` as text."""
    return pd.DataFrame(
        {
            "backbone": found["backbone"].map(backbone_label),
            "dataset": found["dataset"].map(title),
            "n": found["n"],
            "references": found["refs"],
            "pooled SRCC": _tested(found, ""),
            "SRCC within references": _tested(found, "byref_"),
        }
    )


def in_words(found: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    """How often each choice was better, worse or undecided: of the released scores, then of our own on other images."""
    what = f"{distance_label(DEFAULT_DISTANCE)} minus {distance_label(setting_choice.OTHER)}, all layers"
    lines = [f"Verdicts after Holm's correction over the tests of each table ({_tests(theirs)} released, {_tests(found)} own):"]
    for prefix, words in STATISTICS.items():
        lines.append(f"released scores, {what}, {words}: {_counted(theirs, prefix)}")
    for question, part in found.groupby("question", sort=False):
        against = part["against"].iloc[0]
        for prefix, words in STATISTICS.items():
            lines.append(f"own scores, {question} chosen elsewhere against {against}, {words}: {_counted(part, prefix)}")
    return lines


def _counted(table: pd.DataFrame, prefix: str) -> str:
    """`better 6, worse 0, undecided 6 of 12 (-0.035 to +0.445)`."""
    found, gap = setting_choice.verdicts(table, prefix).value_counts(), table[f"{prefix}difference"]
    words = ", ".join(f"{word} {found.get(word, 0)}" for word in ("better", "worse", "undecided"))
    return f"{words} of {len(table)} ({gap.min():+.3f} to {gap.max():+.3f})"


def _tests(table: pd.DataFrame) -> int:
    return int(table[[f"{prefix}p_holm" for prefix in STATISTICS]].notna().sum().sum())


def _cells(table: pd.DataFrame, *columns: str, sign: bool = False) -> list[str]:
    return [interval(*row, sign=sign) for row in zip(*(table[column] for column in columns), strict=True)]


def _tested(table: pd.DataFrame, prefix: str) -> list[str]:
    gaps = _cells(table, *(f"{prefix}{name}" for name in ("difference", "low", "high")), sign=True)
    return [f"{gap}, {word}" for gap, word in zip(gaps, setting_choice.verdicts(table, prefix), strict=True)]
