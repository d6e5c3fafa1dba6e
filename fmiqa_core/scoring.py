"""Score a whole dataset: one file per reference, written once, then one table.

The unit of work is a reference with all its distorted images: its windows go through the network once, and one
forward pass feeds all distances. A unit's file name holds a key of everything that determines its numbers, so
a rerun skips what is complete, redoes what is damaged, and ends with the same bytes after a kill -9 anywhere.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from . import images, paths, perturbations, protocol
from .backbones import get
from .datasets import Dataset
from .errors import InputError

ARITHMETIC = 1  # raise when a change moves numbers: old units are then computed anew


def score_dataset(
    dataset: Dataset,
    out: Path,
    backbone: str = "dinov2_vits14",
    distances: Sequence[str] | None = None,
    protocol_name: str = "paper",
    perturbation: str = "none",
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int = protocol.BATCH,
) -> pd.DataFrame:
    """Score all rows of `dataset` into `out/scores.parquet` and return the table.

    Columns: dataset, ref, dis, distortion, mos, n_windows, score_<distance>, layer_<distance>_<i>, level, quality.
    `distances` None: all that the backbone can have, but swd. What determines the numbers, and the reservation
    that belongs to them, is in the file's metadata (`read`). Raises InputError naming the image at fault.
    """
    from .features import check_place, extractor  # torch is imported where it is needed

    protocol.check_protocol(protocol_name, get(backbone))
    names = protocol.check_distances(
        protocol.default_distances(get(backbone), protocol_name) if distances is None else distances,
        get(backbone),
        protocol_name,
    )
    perturb = perturbations.get(perturbation)
    if batch_size < 1:
        raise InputError(f"The batch size must be at least 1, not {batch_size}.")
    units_folder = paths.make_folder(Path(out) / "units")
    record, place = get(backbone), check_place(device, precision)
    settings = {
        "arithmetic": ARITHMETIC,
        "backbone": backbone,
        "weights": record.weights.sha256,
        "distances": names,
        "protocol": protocol_name,
        "perturbation": perturbation,
        "precision": precision,
        "device": place.type,
        "batch_size": batch_size,
    }
    rows, computed = [], 0
    units = dataset.table.groupby("ref", sort=False)
    for ref, group in tqdm(units, desc=f"{dataset.name} {backbone}", unit="ref", disable=None):
        pairs = [(ref, dis) for dis in group["dis"]]
        key = _key(settings, dataset.folder, ref, group["dis"])
        file = units_folder / f"{Path(ref).stem}-{key[:20]}.json"
        unit = _read_unit(file, key)
        if unit is None:
            network = extractor(backbone, device, precision)
            unit = _score_unit(dataset.folder, pairs, network, names, perturb, batch_size, protocol_name)
            _write_unit(file, key, unit)
            computed += 1
        rows += unit
    info = {
        **settings,
        "report": protocol.report(record, names, protocol_name, precision, place),
        "dataset": dataset.name,
        "coverage": dataset.coverage,
        "scale": dataset.scale,
        "note": dataset.note,
        "cite": dataset.cite,
    }
    table = _assemble(dataset.table, rows)
    _write_table(Path(out) / "scores.parquet", table, info)
    table = read(Path(out) / "scores.parquet")  # what is returned is what is stored, types included
    left_out = [n for n in protocol.distances.VIT_ONLY if distances is None and n != "swd" and n not in names]
    table.attrs = {**info, "computed_units": computed, "units": len(units), "left_out": left_out}
    return table


def stored(dataset: Dataset, backbone: str, **options) -> tuple[pd.DataFrame, Path]:
    """`score_dataset` into its usual place, `data/scores/DATASET/BACKBONE`: the table and its file.

    What is there is taken, what is not is computed; `options` go to `score_dataset`.
    """
    out = paths.data() / "scores" / dataset.name / backbone
    return score_dataset(dataset, out, backbone, **options), out / "scores.parquet"


def read(file: str | Path) -> pd.DataFrame:
    """A scores.parquet as a table; what its numbers depend on is in `.attrs`."""
    try:
        table = pq.read_table(file)
        info = json.loads(table.schema.metadata[b"fmiqa"])
    except FileNotFoundError:
        raise InputError(f"No such file: {file}. Write it with `fmiqa score-dataset NAME --out DIR`.") from None
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file} is not a scores.parquet of fmiqa, or is damaged.") from error
    frame = table.to_pandas()
    frame.attrs = info
    return frame


def _score_unit(folder, pairs, network, names, perturb, batch_size, protocol_name) -> list[dict]:
    """Rows of one reference: its windows once, then those of several distorted images per forward pass."""
    import torch

    from . import windows

    switches = protocol.get(protocol_name)

    source = images.read(folder / pairs[0][0])
    dis = []
    for _, name in pairs:
        image = images.read(folder / name)
        if image.size != source.size:
            raise InputError(f"{folder / name} is {image.size}, its reference {pairs[0][0]} is {source.size} px.")
        ref, image = perturb(source, image)
        dis.append(torch.from_numpy(_array(image)))  # (3, H, V) uint8
    ref = torch.from_numpy(_array(ref))
    try:
        places = windows.positions(*ref.shape[-2:], switches.even_windows)
    except InputError as error:
        raise InputError(f"{folder / pairs[0][0]} and its distorted images, after any perturbation: {error}") from None

    def crops(image, chunk):
        cut = torch.stack([image[:, t : t + windows.SIZE, s : s + windows.SIZE] for t, s in chunk]).float() / 255
        return protocol.inputs(cut, network.backbone, switches) if switches.normalise else cut

    collected = [{name: ([], []) for name in names} for _ in dis]
    with torch.inference_mode():
        for start in range(0, len(places), batch_size):
            chunk = places[start : start + batch_size]
            ref_sides = protocol.sides(network(crops(ref, chunk)), switches)
            step = max(1, batch_size // len(chunk))
            for first in range(0, len(dis), step):
                some = range(first, min(first + step, len(dis)))
                new = [i for i in some if not torch.equal(dis[i], ref)]  # an identical image is exactly at 0
                features = network(torch.cat([crops(dis[i], chunk) for i in new])) if new else None
                for i in some:
                    at = len(chunk) * new.index(i) if i in new else 0
                    dis_sides = protocol.sides(features[at : at + len(chunk)], switches) if i in new else ref_sides
                    for name, (value, parts) in protocol.compare(ref_sides, dis_sides, names).items():
                        collected[i][name][0].extend(value.tolist())
                        collected[i][name][1].extend([] if parts is None else parts.tolist())
    return [_row(pair, found, len(places)) for pair, found in zip(pairs, collected, strict=True)]


def _row(pair: tuple[str, str], found: dict, n_windows: int) -> dict:
    """Unweighted mean over the windows."""
    row = {"ref": pair[0], "dis": pair[1], "n_windows": n_windows}
    for name, (values, parts) in found.items():
        row[f"score_{name}"] = math.fsum(values) / n_windows
        for i, layer in enumerate(zip(*parts, strict=True)):
            row[f"layer_{name}_{i}"] = math.fsum(layer) / n_windows
    bad = [column for column, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    if bad:
        raise InputError(f"{pair[1]} gave a value that is not finite in {bad[0]}: try precision fp32.")
    return row


def _array(image):
    import numpy as np

    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))


def _key(settings: dict, folder: Path, ref: str, dis: Sequence[str]) -> str:
    """sha256 over the settings and the content of all images of the unit."""
    content = {}
    for name in [ref, *dis]:
        try:
            with open(folder / name, "rb") as file:
                content[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"Cannot read image file {folder / name}: {error.strerror}.") from error
    return hashlib.sha256(json.dumps([settings, content], sort_keys=True).encode()).hexdigest()


def _write_unit(file: Path, key: str, rows: list[dict]) -> None:
    content = json.dumps({"key": key, "rows": rows})
    with paths.atomic(file) as temporary:
        temporary.write_text(hashlib.sha256(content.encode()).hexdigest() + "\n" + content)


def _read_unit(file: Path, key: str) -> list[dict] | None:
    """The unit's rows, or None where the file is missing, damaged or another unit's."""
    try:
        digest, content = file.read_text().split("\n", 1)
    except (FileNotFoundError, ValueError):  # ValueError: no second line, or not UTF-8
        return None
    if hashlib.sha256(content.encode()).hexdigest() != digest:
        return None
    unit = json.loads(content)
    return unit["rows"] if unit["key"] == key else None


def _assemble(table: pd.DataFrame, rows: list[dict]) -> pd.DataFrame:
    scores = pd.DataFrame(rows)
    merged = table.merge(scores, on=["ref", "dis"], how="left", validate="one_to_one")
    values = [c for c in scores.columns if c.startswith("score_")] + [c for c in scores.columns if c.startswith("layer_")]
    return merged[["dataset", "ref", "dis", "distortion", "mos", "n_windows", *values, "level", "quality"]]


def _write_table(file: Path, table: pd.DataFrame, info: dict) -> None:
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata({b"fmiqa": json.dumps(info, sort_keys=True).encode()})
    with paths.atomic(file) as temporary:
        pq.write_table(arrow, temporary)
