"""Our own scores of 97 LIVE images (5 of 29 references) in every protocol variant: names, DMOS, scores; no pixels.

One file per backbone and protocol, `data/live_5refs/BACKBONE_PROTOCOL.csv`, with the columns of a scores.parquet. The
notebooks on human scores draw from them by default, so that they need neither LIVE nor a GPU.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from . import datasets, images, paths, protocol, row_lists, switches, windows
from .backbones import get
from .errors import InputError, unknown

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
NOTE = (
    "97 of LIVE's 779 distorted images, 5 of 29 references, no jp2k: five references are few, and the intervals, "
    "wide as they are, tend to be too narrow"
)


def path(backbone: str, name: str) -> Path:
    return paths.data() / "live_5refs" / f"{backbone}_{name}.csv"


def _reports() -> Path:
    return paths.data() / "live_5refs" / "reports.json"


def read(backbone: str, name: str = "paper") -> pd.DataFrame:
    """The committed scores of one backbone and protocol, as `scoring.read` gives them: with `quality` = -DMOS.

    `.attrs`: report, note, cite. Raises InputError where they are not committed.
    """
    if backbone not in BACKBONES:
        raise unknown("backbone of data/live_5refs", backbone, BACKBONES)
    known = VARIANTS[get(backbone).kind]
    if name not in known:
        raise unknown("protocol of data/live_5refs", name, known)
    file = path(backbone, name)
    if not file.is_file():
        raise InputError(f"No {file}: take it from the checkout again, or make it with fmiqa_core.live_5refs.write.")
    table = pd.read_csv(file)
    table.insert(0, "dataset", "live")
    reports = json.loads(_reports().read_text())
    data = f"LIVE, {len(table)} images of {table['ref'].nunique()} references"
    table.attrs = {"report": f"{reports[file.stem]} | {data}", "note": NOTE, "cite": datasets.CITE["live"]}
    return table.assign(level=pd.array([None] * len(table), dtype="Int64"), quality=-table["mos"])


def tables(
    dataset: str, backbone: str, names: Iterable[str] | None = None, partial: bool = True, device: str = "auto"
) -> dict[str, pd.DataFrame]:
    """Protocol -> scores: the committed ones for "live_5refs", else those of `dataset` ("live", "demo"), computed here.

    `names`: protocols, all VARIANTS by default; of a dict, the values are the distances to compute. `paper` is stored
    like notebook 03's scores; the others are computed anew each time, one forward pass for all that take the same input.
    """
    from . import scoring
    from .features import extractor

    known = VARIANTS[get(backbone).kind]
    known = {**known, **names} if isinstance(names, dict) else known
    names = list(known) if names is None else [name for name in names if name in known]
    if dataset == "live_5refs":
        return {name: read(backbone, name) for name in names}
    data = datasets.load(dataset, partial=partial)
    found = {"paper": scoring.stored(data, backbone, device=device)[0]} if "paper" in names else {}
    network = extractor(backbone, device)
    todo = [name for name in names if name != "paper"]
    for options in dict.fromkeys(_input(name) for name in todo):
        some = score(data, network, {name: known[name] for name in todo if _input(name) == options})
        quality = data.table[["ref", "dis", "quality"]]
        for name, table in some.items():
            found[name] = table.merge(quality, on=["ref", "dis"], validate="one_to_one")
            source, about = (network.weights, network.sha256), f"{data.name}, {data.coverage}"
            line = protocol.report(network.backbone, known[name], name, "fp32", network.device, source, about)
            found[name].attrs = {"report": line, "note": data.note, "cite": data.cite}
    return {name: found[name] for name in names}


def report(found: dict[str, pd.DataFrame]) -> str:
    """The reporting string of `tables`, which must hold `paper`: one line for all protocols."""
    return found["paper"].attrs["report"].replace("protocol paper", f"protocol {', '.join(found)}")


def rows(root: str | None = None) -> datasets.Dataset:
    """LIVE, cut down to the 97 rows; InputError where it or some of them are not here."""
    live = datasets.select(datasets.load("live", root, partial=True), "live_5refs")
    wanted = len(row_lists.read("live_5refs"))
    if len(live.table) < wanted:
        raise InputError(f"{wanted - len(live.table)} of the {wanted} LIVE images are not in {live.folder}: complete it.")
    return live


def write(backbone: str, root: str | None = None, data: datasets.Dataset | None = None) -> list[Path]:
    """Score the 97 rows (or `data`) anew in all VARIANTS, fp32 on the CPU; 20 minutes on one core for dinov2_vits14.

    One forward pass feeds every variant that takes the same input, so 4 passes do for 13 variants.
    """
    from .features import extractor

    data = rows(root) if data is None else data
    network = extractor(backbone, "cpu")
    names = VARIANTS[network.backbone.kind]
    files = []
    for options in dict.fromkeys(_input(name) for name in names):
        some = {name: distances for name, distances in names.items() if _input(name) == options}
        for name, table in score(data, network, some).items():
            paths.make_folder(path(backbone, name).parent)
            with paths.atomic(path(backbone, name)) as temporary:
                table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.9g")
            source = (network.weights, network.sha256)
            report = protocol.report(network.backbone, names[name], name, "fp32", network.device, source)
            _add_report(path(backbone, name).stem, report)
            files.append(path(backbone, name))
    return files


def score(data: datasets.Dataset, network, names: dict[str, tuple[str, ...]]) -> dict[str, pd.DataFrame]:
    """Tables of the protocols `names` -> distances, which take the same input, from one forward pass of each window."""
    import torch

    (options,) = {_input(name) for name in names}
    found = {name: [] for name in names}

    def features(name):
        cut = windows.cut(images.to_tensor(images.read(data.folder / name))[None], options[1])[0]
        return network(protocol.inputs(cut, network.backbone, switches.get(next(iter(names)))))

    with torch.inference_mode():
        groups = data.table.groupby("ref", sort=False)
        for ref, group in tqdm(groups, desc=" ".join(names), unit="ref", disable=None):
            ref_features = features(ref)
            for row in group.itertuples():
                dis_features = features(row.dis)
                for name, distances in names.items():
                    sides = (protocol.sides(side, switches.get(name)) for side in (ref_features, dis_features))
                    found[name].append((row, len(ref_features), protocol.compare(*sides, distances)))
    return {name: pd.DataFrame([_row(*one) for one in results]) for name, results in found.items()}


def _row(row, n_windows: int, values: dict) -> dict:
    out = {"ref": row.ref, "dis": row.dis, "distortion": row.distortion, "mos": row.mos, "n_windows": n_windows}
    out |= {f"score_{distance}": value.double().mean().item() for distance, (value, _) in values.items()}
    for distance, (_, parts) in values.items():
        if parts is not None:
            out |= {f"layer_{distance}_{i}": part for i, part in enumerate(parts.double().mean(0).tolist())}
    return out


def _input(name: str) -> tuple[bool, bool]:
    """Variants with equal ones can share a forward pass."""
    found = switches.get(name)
    return found.normalise, found.even_windows


def _add_report(stem: str, report: str) -> None:
    file = _reports()
    reports = json.loads(file.read_text()) if file.is_file() else {}
    with paths.atomic(file) as temporary:
        temporary.write_text(json.dumps({**reports, stem: report}, indent=1, sort_keys=True) + "\n")
