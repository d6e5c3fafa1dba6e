"""Our own scores of 97 LIVE images (5 of 29 references) in every protocol variant: names, DMOS, scores; no pixels.

One file per backbone and protocol, `data/live_5refs/BACKBONE_PROTOCOL.csv`, with the columns of a scores.parquet. The
notebooks on human scores draw from them by default, so that they need neither LIVE nor a GPU.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from .. import protocol
from .. import report as reporting
from ..backbones import get
from ..data import datasets, row_lists
from ..data.dataset import Dataset
from ..data.layouts import LAYOUTS
from ..errors import InputError, unknown
from ..files import csv_files, paths

SUMS = ("l2", "cos", "embed_cos")  # defined for every backbone in every protocol
COLUMNS = ("skld", "jsd", "wsd")  # distances between the columns of a matrix of features
VARIANTS = {  # kind of backbone -> protocol -> the distances that differ in it, or whose layers are wanted
    "vit": {
        "paper": SUMS + COLUMNS,
        "paper+normalise": SUMS + COLUMNS,
        "paper+even_windows": SUMS + COLUMNS,
        "paper+spatial": COLUMNS,
        "paper+sample_softmax": ("wsd",),
        "paper+spatial+sample_softmax": ("wsd",),
        "paper+whole_tokens": COLUMNS,
        "paper+class_embedding": ("embed_cos",),
        "paper+no_l2_term": ("skld", "wsd"),
        "paper+patch_tokens": SUMS,
        "paper+class_token": SUMS,
        "corrected": SUMS + COLUMNS,
        "corrected+no_l2_term": ("skld", "wsd"),
    },
    "cnn": {
        "paper": SUMS,
        "paper+normalise": SUMS,
        "paper+even_windows": SUMS,
        "paper+channel_cosine": ("cos",),
        "paper+spatial": COLUMNS,
        "paper+spatial+sample_softmax": ("wsd",),
        "corrected": SUMS + COLUMNS,
        "corrected+no_l2_term": ("skld", "wsd"),
    },
}
BACKBONES = ("dinov2_vits14", "efficientnet_lite0")
NOTE = "97 of LIVE's 779 distorted images, 5 of 29 references, no jp2k: five references are few, so the intervals are wide"


def path(backbone: str, name: str) -> Path:
    return paths.data() / "live_5refs" / f"{backbone}_{name}.csv"


def _reports() -> Path:
    return paths.data() / "live_5refs" / "reports.json"


def read(backbone: str, name: str = "paper") -> pd.DataFrame:
    """The committed scores of one backbone and protocol, as `scoring.read` gives them: with `quality` = -DMOS.

    `.attrs`: report, note, cite, scale. Raises InputError where they are not committed.
    """
    if backbone not in BACKBONES:
        get(backbone)  # a name that nobody knows has an error of its own
        raise InputError(
            f"There are committed scores of {' and '.join(BACKBONES)} only, not of {backbone}: name a dataset to score with it "
            "(`-p datasets live`, for instance)."
        )
    known = VARIANTS[get(backbone).kind]
    if name not in known:
        raise unknown("protocol of data/live_5refs", name, known)
    file = path(backbone, name)
    if not file.is_file():
        raise InputError(f"No {file}: take it from the checkout again, or make it with fmiqa_core.studies.live_5refs.write.")
    table = pd.read_csv(file)
    reports = json.loads(_reports().read_text(encoding="utf-8"))
    data = f"LIVE, {len(table)} images of {table['ref'].nunique()} references"
    return as_scores(table, "live", backbone, name, reporting.extended(reports[file.stem], data), NOTE)


def as_scores(table: pd.DataFrame, dataset: str, backbone: str, protocol: str, report: str, note: str) -> pd.DataFrame:
    """The table of a committed file, with what `scoring.read` gives beside its columns: dataset, level, quality, `.attrs`."""
    layout = LAYOUTS[dataset]
    table.insert(0, "dataset", dataset)
    table.attrs = {"report": report, "note": note, "cite": layout.cite, "scale": layout.scale, "dataset": dataset}
    table.attrs |= {"backbone": backbone, "protocol": protocol, "perturbation": "none"}
    sign = -1 if layout.lower_is_better else 1
    return table.assign(level=pd.array([None] * len(table), dtype="Int64"), quality=sign * table["mos"])


def tables(
    dataset: str | datasets.Dataset,
    backbone: str,
    names: Iterable[str] | None = None,
    partial: bool = True,
    device: str = "auto",
    precision: str = "fp32",
) -> dict[str, pd.DataFrame]:
    """Protocol -> scores: the committed ones for "live_5refs", else those of `dataset` (`datasets.load`), computed here.

    `names`: protocols, all VARIANTS by default; of a dict, the values are the distances to compute. `paper` is stored
    like notebook 03's scores, the others beside it: one forward pass for all that take the same input.
    """
    known = VARIANTS[get(backbone).kind]
    known = {name: found for name, found in names.items() if name in known} if isinstance(names, dict) else known
    names = list(known) if names is None else [name for name in names if name in known]
    if isinstance(dataset, str) and dataset == "live_5refs":
        return {name: read(backbone, name) for name in names}
    data = datasets.load(dataset, partial=partial) if isinstance(dataset, str) else dataset
    others = {name: distances for name, distances in known.items() if name != "paper"}
    inputs = {protocol.get(name).input for name in names if name in others}
    wanted = {name: distances for name, distances in others.items() if protocol.get(name).input in inputs}
    if "paper" in names:
        wanted["paper"] = known["paper"]
    found = score(data, backbone, wanted, device, precision)
    return {name: found[name] for name in names}


def report(found: dict[str, pd.DataFrame]) -> str:
    """The reporting string of `tables`, which must hold `paper`: one line for all protocols."""
    return reporting.of_protocols(found["paper"].attrs["report"], found)


def rows(root: str | None = None) -> Dataset:
    """LIVE, cut down to the 97 rows; InputError where it or some of them are not here."""
    live = datasets.select(datasets.load("live", root, partial=True), "live_5refs")
    wanted = len(row_lists.read("live_5refs"))
    if len(live.table) < wanted:
        raise InputError(f"{wanted - len(live.table)} of the {wanted} LIVE images are not in {live.folder}: complete it.")
    return live


def write(backbone: str, root: str | None = None, data: Dataset | None = None) -> list[Path]:
    """Score the 97 rows (or `data`) in all VARIANTS, fp32 on the CPU; 12 minutes on two cores for both backbones."""
    from ..backbones import weights

    data = rows(root) if data is None else data
    record, files = get(backbone), []
    for name, table in score(data, backbone, VARIANTS[record.kind], "cpu").items():
        distances = VARIANTS[record.kind][name]  # `paper` is stored with its own order
        layers = [c for d in distances for c in table if c.startswith(f"layer_{d}_")]
        kept = ["ref", "dis", "distortion", "mos", "n_windows", *(f"score_{d}" for d in distances), *layers]
        store(table[kept], path(backbone, name))
        report = reporting.line(record, distances, name, "fp32", "cpu", weights.identity(record))
        _add_report(path(backbone, name).stem, report)
        files.append(path(backbone, name))
    return files


def store(table: pd.DataFrame, file: Path) -> None:
    """Write what was measured with as many digits as are meaningful, and the human scores as they were given."""
    table = csv_files.stored(table).assign(mos=table["mos"])
    paths.make_folder(file.parent)
    with paths.atomic(file) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")


def score(
    data: Dataset, backbone: str, names: dict[str, tuple[str, ...]], device: str, precision: str = "fp32"
) -> dict[str, pd.DataFrame]:
    """Protocol -> table, stored in `data/scores`: `paper` as notebook 03 has it, else one run for each input."""
    from .. import scoring

    place = {"device": device, "precision": precision}
    found = {"paper": scoring.stored(data, backbone, **place)[0]} if "paper" in names else {}
    others = [name for name in names if name != "paper"]
    for options in dict.fromkeys(protocol.get(name).input for name in others):
        some = {name: names[name] for name in others if protocol.get(name).input == options}
        on = "".join(f"+{word}" for word, is_on in zip(("normalise", "even_windows"), options, strict=True) if is_on)
        out = paths.data() / "scores" / data.name / f"{backbone}-variants{on}"
        table = scoring.score_dataset(data, out, backbone, wait=True, variants=some, replace=True, **place)
        found |= scoring.split(table)
    return {name: found[name] for name in names}


def _add_report(stem: str, report: str) -> None:
    file = _reports()
    reports = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    with paths.atomic(file) as temporary:
        temporary.write_text(json.dumps({**reports, stem: report}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
