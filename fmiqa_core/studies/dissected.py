"""The anatomy of distances of one dataset, with the words that belong to it: what notebook 02 shows of `anatomy`."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ..data import datasets, words
from ..data.methods import distance_label
from ..data.scores import is_rated
from ..figures.cells import interval, value
from ..files import csv_files
from ..stats.resamples import FEWEST
from . import anatomy, runs

REFERENCES = 5  # that are taken apart, the first ones: the share of a term needs no whole dataset


@dataclass(frozen=True)
class Dissected:
    dataset: str  # "live_5refs", or the name of a `Dataset`
    table: pd.DataFrame  # as of `anatomy.table`
    files: tuple[Path, ...] = ()  # that it was read from

    @property
    def name(self) -> str:
        """Of the dataset, in the name of a file."""
        return words.file_name(self.dataset)

    @property
    def human(self) -> str:
        return words.human(self.table.attrs["scale"])

    @property
    def images(self) -> str:
        about = f"{words.count(len(self.table), 'image')} of {words.title(self.dataset)}"
        return f"{about}, {words.count(self.table['ref'].nunique(), 'reference')}"

    @property
    def rated(self) -> bool:
        """Whether enough images have a human score (or a level) for a correlation."""
        return is_rated(self.table).sum() >= FEWEST

    def common(self, report: str, backbone: str) -> dict:
        """What `figures.save` is told; `report`: of the scores of the demo set by the same backbone in `paper`."""
        ours = report.replace("protocol paper", f"protocol paper, {anatomy.TRUE}").split(" | demo,")[0]
        about = {"dataset": self.name, "human": self.human, "backbone": backbone, "rows": list(self.table["dis"])}
        return {
            "report": f"{ours} | {self.images}",
            "inputs": self.files,
            "parameters": about,
            "cite": runs.cite(self.table),
        }


def find(
    wanted: str,
    backbone: str,
    instead: datasets.Dataset,
    partial: bool = True,
    device: str = "auto",
    precision: str = "fp32",
) -> Dissected:
    """The committed table for "live_5refs", if there is one of `backbone`; else the first REFERENCES of a dataset, taken apart.

    That is `wanted`, or, where `wanted` is "live_5refs", `instead`.
    """
    file = anatomy.path(backbone)
    if wanted == runs.COMMITTED and file.is_file():
        return Dissected(wanted, anatomy.read(backbone), (file,))
    data = instead if wanted == runs.COMMITTED else datasets.load(wanted, partial=partial)
    refs = list(dict.fromkeys(data.table["ref"]))[:REFERENCES]
    few = replace(data, table=data.table[data.table["ref"].isin(refs)].reset_index(drop=True))
    return Dissected(data.name, anatomy.table(few, backbone, device, precision))


def agreement(found: pd.DataFrame, human: str) -> pd.DataFrame:
    """`anatomy.agreement` as text."""
    return pd.DataFrame(
        {
            "distance": found["label"],
            f"SRCC with {human}": [interval(r.srcc, r.low, r.high) for r in found.itertuples()],
            "within references": [interval(r.srcc_byref, r.byref_low, r.byref_high) for r in found.itertuples()],
            "with L2": found["with_score_l2"].map(lambda number: value(number, 4)),
            "with transformed L2": found["with_l2_squashed"].map(lambda number: value(number, 4)),
        }
    )


def shares(found: pd.DataFrame) -> list[str]:
    """Lines: the L2 term in each distance that has one, in `paper` and on true windows."""
    lines = []
    for kind, text in (("share", "paper"), ("true", "true windows, softmax over samples")):
        for name in anatomy.WITH_L2:
            some = found[f"{kind}_{name}"]
            middle, low, high = (f"{number:.0%}" for number in (some.median(), some.min(), some.max()))
            lines.append(f"{distance_label(name)}, {text}: L2 term {middle} (median), {low} to {high}")
    return lines


def severity(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean score by distortion, distance and level, `relative` to the highest level: the table of `plots.severity`."""
    names = [c for c in scores if c.startswith("score_")]
    curves = scores.melt(["distortion", "level"], names, "distance", "score")
    curves["distance"] = curves["distance"].str.removeprefix("score_")
    curves = curves.groupby(["distortion", "distance", "level"], sort=False)["score"].mean().reset_index()
    top = curves[curves["level"] == curves["level"].max()].set_index(["distortion", "distance"])["score"]
    curves["relative"] = curves["score"] / curves.set_index(["distortion", "distance"]).index.map(top)
    return csv_files.stored(curves)
