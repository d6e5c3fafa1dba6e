"""Names of methods that several runs share, told apart by what the runs differ in."""

import pandas as pd

from . import methods as known


def plain(name: str) -> str:
    """A method's name without its perturbation, which has a column of its own."""
    base, bracket, words = name.rstrip("]").partition("[")
    kept = [word for word in words.split(",") if bracket and word not in known.PERTURBATIONS]
    return f"{base}[{','.join(kept)}]" if kept and base not in kept else base


def unique(methods: pd.DataFrame) -> pd.DataFrame:
    """`methods` where those of one name are told apart by what they differ in: source, protocol, perturbation, run.

    `dinov2_vits14_l2[corrected]`, `clip_vitb32_l2[released]`: the own run of protocol paper on clean images keeps the name.
    """
    plain, out = methods["method"].str.partition("[")[0], methods.copy()
    for name in plain[plain.duplicated()].unique():
        mine = methods[plain == name]
        told = _told(mine)
        if len({tuple(words) for words in told.values()}) < len(mine) and "run" in mine:
            told = {i: [*words, str(mine.loc[i, "run"])] for i, words in told.items()}
        label = known.describe(name).label
        for i, words in told.items():
            out.loc[i, "method"] = f"{name}[{','.join(words)}]" if words else name
            spoken = ", ".join(known.PERTURBATIONS.get(word, word) for word in words)
            out.loc[i, "label"] = f"{label} ({spoken})" if words else label
    return out


def _told(mine: pd.DataFrame) -> dict[int, list[str]]:
    """Row -> its words in what these methods differ in; none for an own one of protocol paper on clean images."""
    usual = {"source": ("own",), "protocol": ("", "paper"), "perturbation": ("none",)}
    usual = {key: values for key, values in usual.items() if mine[key].nunique() > 1}
    return {i: [row[key] for key, values in usual.items() if row[key] not in values] for i, row in mine.iterrows()}
