"""Figures of the layers straight from a run: `fmiqa figure fig04_layerwise --data DIR/scores.parquet`."""

from pathlib import Path

import pandas as pd

from ..data import score_tables, words
from ..data.scores import is_rated
from ..errors import InputError
from ..stats import layer_choice
from ..stats.intervals import RULE
from ..stats.resamples import FEWEST
from .words import fit

STATISTICS = {"fig04_layerwise": layer_choice.layers, "fig04_cumulative": layer_choice.cumulative}
LONGEST = 20  # characters of a dataset's name on an axis


def is_run(source: Path) -> bool:
    """Whether `source` is a scores.parquet or a folder, and no .csv table."""
    return Path(source).is_dir() or Path(source).suffix.lower() == ".parquet"


def load(source: Path) -> pd.DataFrame:
    """The scores of a run. InputError where they have no layers or too few human scores, or are of several protocols."""
    source = Path(source)
    scores = score_tables.read(source / "scores.parquet" if source.is_dir() else source)
    rated = int(is_rated(scores).sum())
    if scores.attrs.get("variants"):
        raise InputError(f"{source} holds several protocols: score one of them into a folder of its own.")
    if rated < FEWEST:
        raise InputError(
            f"{source} has human scores of {words.count(rated, 'image')}, {FEWEST} are needed: add a column mos or dmos to the "
            "table that was scored, and run `fmiqa score-dataset` again."
        )
    if not distances(scores) or "score_embed_cos" not in scores:
        raise InputError(
            f"{source} has not all that the figure shows, single layers beside the final features: score with "
            "`--distances l2,cos,embed_cos`."
        )
    return scores


def distances(scores: pd.DataFrame) -> list[str]:
    """Those that have layer parts."""
    return [name for name in scores.attrs["distances"] if f"layer_{name}_0" in scores]


def table(name: str, scores: pd.DataFrame) -> pd.DataFrame:
    """What the figure `name` of the catalogue draws of `scores`; InputError for one that is not drawn of a run."""
    if name not in STATISTICS:
        raise InputError(
            f"{name} is not drawn from a scores.parquet, only {' and '.join(STATISTICS)} are: give a table like "
            f"figures/{name}*.csv with --data."
        )
    return layer_choice.each(STATISTICS[name], {scores.attrs["backbone"]: scores}, distances(scores))


def human(scores: pd.DataFrame) -> str:
    """What stands on the human side, and below it of which images: `DMOS (mine)`."""
    (dataset,) = fit([words.title(scores.attrs["dataset"])], LONGEST)
    return f"{words.human(scores.attrs['scale']) or 'human scores'}\n({dataset})"


def about(scores: pd.DataFrame) -> str:
    """What belongs under the figure: of what it is, its intervals, the reservation, the reporting string, what to cite."""
    info, rated = scores.attrs, scores[is_rated(scores)]
    images, refs = words.count(len(rated), "image"), words.count(rated["ref"].nunique(), "reference")
    what = f"{images} of {words.title(info['dataset'])}, {refs}; human side: {info['scale']}; {RULE}."
    cite = f"Cite: {info['cite']}" if info.get("cite") else ""
    return "\n".join(filter(None, [what, info.get("note"), info.get("report"), cite]))
