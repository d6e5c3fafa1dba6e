"""The baselines computed here, of the images at hand, beside the authors' released values: clean and perturbed.

Names and values, no pixels: `data/released/per_image.csv`, which notebook 09 compares image by image.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..data import committed, datasets, released_names
from ..data import methods as known
from ..data import scores as containers
from ..data.dataset import Dataset
from ..data.scores import Scores
from ..errors import InputError
from ..files import paths
from ..scoring import stored
from ..scoring.settings import BASELINES
from ..stats import per_image

NAMES = {  # baseline -> the states in which it is compared
    **dict.fromkeys(("psnr", "msssim", "fsim", "stlpips_alex"), tuple(known.PERTURBATIONS)),
    "stlpips_vgg": ("none",),
}


def write() -> Path:
    """Compute all images of LIVE, TID2013 and PIPAL that are here, in the states of NAMES, and write the file.

    About .4 s an image and state on one core for PSNR, MS-SSIM and FSIM, 5 s for ST-LPIPS-Alex, 20 s for ST-LPIPS-VGG; what
    is stored is taken. InputError where the release is not here, or none of the datasets.
    """
    here = [datasets.load(name, partial=True) for name in released_names.DATASETS if datasets.find(name)]
    if not here:
        raise InputError(f"None of {', '.join(released_names.DATASETS)} is here: name a folder that has one with FMIQA_DATA.")
    return store(beside(data, [_own(data, kind) for kind in known.PERTURBATIONS]) for data in here)


def _own(data: Dataset, kind: str) -> pd.DataFrame:
    names = [name for name, kinds in NAMES.items() if kind in kinds]
    return stored(data, BASELINES, perturbation=kind, baseline_names=names)[0]


def store(several: Iterable[Scores]) -> Path:
    """Own and released values of each of `several` (of `beside`) into the committed file."""
    file = committed.path(committed.PER_IMAGE)
    paths.make_folder(file.parent)
    with paths.atomic(file) as temporary:
        rows = pd.concat([per_image.rows(scores) for scores in several], ignore_index=True)
        rows.to_csv(temporary, index=False, lineterminator="\n")
    return file


def beside(data: Dataset, tables: Iterable[pd.DataFrame]) -> Scores:
    """Own baselines, a table for each perturbation as of a run without a network, joined with the released ones of `data`."""
    return containers.join([*map(containers.of_table, tables), containers.of_release(data.name, None).only(NAMES)])
