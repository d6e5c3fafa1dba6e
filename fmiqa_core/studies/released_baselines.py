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
from ..images import read, to_tensor
from ..scoring import baselines, perturbations
from ..stats import per_image

NAMES = ("psnr", "msssim", "fsim", "stlpips_alex", "stlpips_vgg")


def write(names: Iterable[str] = NAMES) -> Path:
    """Compute all images of LIVE, TID2013 and PIPAL that are here, in every state that was released, and write the file.

    About .4 s an image and state on one core for PSNR, MS-SSIM and FSIM, 6 s for ST-LPIPS-Alex, 20 s for ST-LPIPS-VGG.
    InputError where the release is not here, or none of the datasets.
    """
    here = [datasets.load(name, partial=True) for name in released_names.DATASETS if datasets.find(name)]
    if not here:
        raise InputError(f"None of {', '.join(released_names.DATASETS)} is here: name a folder that has one with FMIQA_DATA.")
    return store(beside(data, [table(data, names, kind) for kind in known.PERTURBATIONS], names) for data in here)


def store(several: Iterable[Scores]) -> Path:
    """Own and released values of each of `several` (of `beside`) into the committed file."""
    file = committed.path(committed.PER_IMAGE)
    paths.make_folder(file.parent)
    with paths.atomic(file) as temporary:
        rows = pd.concat([per_image.rows(scores) for scores in several], ignore_index=True)
        rows.to_csv(temporary, index=False, lineterminator="\n")
    return file


def beside(data: Dataset, tables: Iterable[pd.DataFrame], names: Iterable[str]) -> Scores:
    """Own baselines, a table for each perturbation as of a run without a network, joined with the released ones of `data`."""
    theirs = containers.of_release(data.name, None).only(names)
    return containers.join([*map(containers.of_table, tables), theirs])


def table(data: Dataset, names: Iterable[str], perturbation: str = "none") -> pd.DataFrame:
    """`data` with a column score_<baseline> for each of `names`, as `scoring.score_dataset` writes them."""
    out, perturb = data.table.copy(), perturbations.get(perturbation)
    values = {name: [] for name in names}
    for ref, dis in zip(out["ref"], out["dis"], strict=True):
        pair = [to_tensor(image)[None] for image in perturb(read(data.folder / ref), read(data.folder / dis))]
        for name, found in values.items():
            found.append(baselines.distance_of(name, baselines.score(name, *pair)))
    out = out.assign(**{f"score_{name}": found for name, found in values.items()})
    out.attrs = {"dataset": data.name, "backbone": "baselines", "perturbation": perturbation, "scale": data.scale}
    return out
