"""The small result files of the released scores in `data/released`: what tables and figures are made from by default.

`stats.results.write` computes them (`fmiqa released`). Numbers have 6 significant digits. Same archive, same bytes,
but for the interval ends of plcc_fit4 on another processor (data/released/README.md).
"""

from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..files import paths

FILES = {
    "correlations": "every method, dataset and perturbation: SRCC, PLCC raw and fitted, KRCC, means by reference",
    "by_type": "SRCC within each distortion type",
    "pairs": "every pair of methods on clean images: difference of SRCC, Holm, F-test",
    "changes": "what 1 % shift, scaling and rotation change in SRCC",
    "gains": "the same with each distortion type left out: on which one a change hangs",
    "perturbed_final": "intermediate minus final features after each of them, and what it changes in that difference",
    "comparisons": "what the paper's claims rest on: pairs of methods on clean images, and on images perturbed alike",
    "shares": "how much of what people and methods say stands between references",
    "leaders": "who is first how often when references are drawn anew",
    "complements": "what two metrics say beyond each other, and their untrained average",
    "density": "how many images lie where in the plane of score and human score",
    "curves": "the fitted logistic curves",
    "ceilings": "what people agree on: a second panel (TID2008's), and images that stand there twice",
    "panel_by_type": "TID2013: people with people and metrics with people within each type, on the images of both panels",
    "type_gaps": "foundation metrics minus each other one within each distortion type, paired, Holm",
    "without_twins": "SRCC with and without the images that stand there under several names",
}
WAY = "run `fmiqa released` (it needs the archive)"
PER_IMAGE = "per_image"  # beside them, from images: own baselines and the released ones (`studies.released_baselines`)


def read(name: str) -> pd.DataFrame:
    """The committed file `data/released/NAME.csv`; InputError where it is missing or has lost its columns."""
    file = path(name)
    way = "run `fmiqa_core.studies.released_baselines.write` (it needs images)" if name == PER_IMAGE else WAY
    try:
        table = pd.read_csv(file, dtype={"distortion": str, "without": str})
    except FileNotFoundError:
        raise InputError(f"No {file}: {way}, or take the file from the checkout.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is damaged ({error}): take it from the checkout again, or {way}.") from error
    if not {"dataset", "kind" if name == "ceilings" else "method"} <= set(table.columns) or table.empty:
        raise InputError(f"{file} is damaged (columns or rows are missing): {way}.")
    return table


def path(name: str) -> Path:
    return paths.data() / "released" / f"{name}.csv"
