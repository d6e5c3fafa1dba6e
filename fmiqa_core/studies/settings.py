"""Our own scores of images of three datasets that share no photograph: where a distance and layers are chosen and tested.

LIVE's are in `data/live_5refs`; those of TID2013 and KADID-10k, one file for each dataset and backbone with the columns of a
scores.parquet, in `data/settings`: names, human scores, distances; no pixels. `stats.setting_choice` judges them.
"""

import json
from pathlib import Path

import pandas as pd

from .. import report as reporting
from ..backbones import get
from ..data import datasets
from ..data.layouts import LAYOUTS
from ..errors import InputError
from ..files import paths
from . import live_5refs

DATASETS = ("tid2013", "kadid10k")
DISTANCES = live_5refs.SUMS  # what every backbone has in protocol paper
OF_LIVE = {"tid2013": ("I08", "I19")}  # references that show photographs of live_5refs (buildings, lighthouse): left out


def path(dataset: str, backbone: str) -> Path:
    return paths.data() / "settings" / f"{dataset}_{backbone}.csv"


def _reports() -> Path:
    return paths.data() / "settings" / "reports.json"


def read(dataset: str, backbone: str) -> pd.DataFrame:
    """The committed scores of one of DATASETS, as `scoring.read` gives them. `.attrs` as of `live_5refs.read`.

    InputError where they are not there.
    """
    file, layout = path(dataset, backbone), LAYOUTS[dataset]
    if not file.is_file():
        raise InputError(f"No {file}: take it from the checkout again, or make it with fmiqa_core.studies.settings.write.")
    table = pd.read_csv(file, dtype={"distortion": str})
    size = f"{len(table)} of {layout.images} distorted images, {table['ref'].nunique()} of {layout.references} references"
    report = json.loads(_reports().read_text(encoding="utf-8"))[file.stem]
    report, note = reporting.extended(report, f"{layout.title}, {size}"), f"{size} of {layout.title}"
    return live_5refs.as_scores(table, dataset, backbone, "paper", report, note)


def tables(backbone: str) -> dict[str, pd.DataFrame]:
    """Dataset -> scores in protocol paper, of live and DATASETS."""
    return {"live": live_5refs.read(backbone)} | {name: read(name, backbone) for name in DATASETS}


def files(backbone: str) -> list[Path]:
    """What `tables` reads."""
    return [live_5refs.path(backbone, "paper"), *(path(name, backbone) for name in DATASETS)]


def write(backbone: str, root: str | None = None) -> list[Path]:
    """Score what is here of DATASETS, but for photographs of live_5refs; fp32 on the CPU, a minute on two cores."""
    from .. import scoring
    from ..backbones import weights

    record, made, reports = get(backbone), [], {}
    for name in DATASETS:
        data = datasets.load(name, root, partial=True)
        table = scoring.score_dataset(
            data, paths.data() / "scores" / name / f"{backbone}-settings", backbone, DISTANCES, device="cpu"
        )
        stems = table["ref"].map(lambda ref: Path(ref).stem.upper())
        layers = [c for c in table if c.startswith("layer_")]
        kept = ["ref", "dis", "distortion", "mos", "n_windows", *(f"score_{d}" for d in DISTANCES), *layers]
        live_5refs.store(table.loc[~stems.isin(OF_LIVE.get(name, ())), kept], path(name, backbone))
        made.append(path(name, backbone))
        how = reporting.line(record, DISTANCES, "paper", "fp32", "cpu", weights.identity(record))
        reports[path(name, backbone).stem] = how
    known = json.loads(_reports().read_text(encoding="utf-8")) if _reports().is_file() else {}
    with paths.atomic(_reports()) as temporary:
        temporary.write_text(json.dumps({**known, **reports}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return made
