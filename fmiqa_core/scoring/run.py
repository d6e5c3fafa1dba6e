"""Score a whole dataset: one file per reference (`units`), written once, then one table.

Units run in order, or on any `concurrent.futures.Executor` that the caller passes: a process pool, or a cluster through
`dask.distributed.Client(...).get_executor()`. There is no scheduler here.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from .. import protocol
from ..backbones import weights
from ..backbones.records import get
from ..data import score_tables
from ..data.datasets import Dataset
from ..data.score_tables import read as read
from ..errors import InputError
from ..files import locks, paths, streams
from . import baselines, executors, perturbations, units

# Raise when a change moves numbers, or when some may be wrong: old units are then computed anew.
ARITHMETIC = {"fp32": 2, "bf16": 3, "fp16": 2}  # before: threads that shared a network gave wrong scores


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
    weights_file: Path | None = None,
    baseline_names: Sequence[str] = (),
    executor: Executor | None = None,
    wait: bool = False,
    variants: dict[str, Sequence[str]] | None = None,
    replace: bool = False,
) -> pd.DataFrame:
    """Score all rows of `dataset` into `out/scores.parquet` and return the table.

    Columns: dataset, ref, dis, distortion, mos, n_windows, score_<distance>, layer_<distance>_<i>, level, quality.
    `distances` None: all that the backbone can have, but swd. `baseline_names` adds score_<baseline> (`baselines`), as
    distances. What determines the numbers, and the reservation that belongs to them, is in the file's metadata (`read`).
    `variants`, protocol -> distances, takes the place of `protocol_name` and `distances`: several protocols with the
    same input (`Protocol.input`) from one forward pass, in columns PROTOCOL/score_<distance>; see `split`. With
    `executor`, units run there; its processes need the package, and the images, weights and `out` at the same paths. The
    bytes are the same wherever the arithmetic is: on CPUs, DINOv2 gives the same bits on any number of threads,
    EfficientNet-Lite0 moves in the last bits. Processes have to be spawned, not forked.

    Raises InputError for wrong settings, for an `out` that another run is writing to (unless `wait`) or that holds the
    scores of another run (`score_tables.check_same_run`; unless `replace`), and, after all other references are done,
    naming each reference that failed and why.
    """
    from ..features import check_place  # torch is imported where it is needed

    record = get(backbone)
    if variants is None:
        protocol.check_protocol(protocol_name)
        default = protocol.default_distances(record, protocol_name)
        names = protocol.check_distances(default if distances is None else distances, record, protocol_name)
    else:
        protocol_name = ", ".join(variants)
        variants = {name: protocol.check_distances(found, record, name) for name, found in variants.items()}
        names = tuple(dict.fromkeys(name for found in variants.values() for name in found))
        if not variants:
            raise InputError("No protocol asked for.")
        if len({protocol.get(name).input for name in variants}) != 1:
            raise InputError(f"The protocols {protocol_name} take different inputs: score them apart.")
    perturbations.get(perturbation)
    if batch_size < 1:
        raise InputError(f"The batch size must be at least 1, not {batch_size}.")
    place = check_place(device, precision)
    if executor is not None:
        executors.check(executor)
    out = Path(out).absolute()  # workers may stand elsewhere
    folder = paths.make_folder(out / "units")
    weights_file = None if weights_file is None else Path(weights_file).absolute()
    source, sha256 = weights.identity(record, weights_file)
    settings = {
        "arithmetic": ARITHMETIC[precision],
        "backbone": backbone,
        "weights": sha256,
        "distances": names,
        "protocol": protocol_name,
        "perturbation": perturbation,
        "precision": precision,
        "device": place.type,
        "batch_size": batch_size,
    }
    if variants is not None:
        settings["variants"] = variants
    if baseline_names:
        settings["baselines"] = tuple(dict.fromkeys(baselines.get(name).name for name in baseline_names))
    about = f"{dataset.name}, {dataset.coverage}" + f", perturbation {perturbation}" * (perturbation != "none")

    def report(names, protocol_name):
        return protocol.report(record, names, protocol_name, precision, place, (source, sha256), about)

    info = {
        **settings,
        "report": report(names, protocol_name),
        "dataset": dataset.name,
        "coverage": dataset.coverage,
        "scale": dataset.scale,
        "note": dataset.note,
        "cite": dataset.cite,
    }
    if variants is not None:
        info["reports"] = {name: report(found, name) for name, found in variants.items()}
    busy = "" if wait else f"Another run is writing to {out}: wait for it, or choose another --out."
    with locks.alone(out / ".lock", busy):
        for leftover in folder.glob(".*.partial*"):  # of a killed run
            leftover.unlink()
        work, failed = _units(dataset, folder, settings, weights_file, device)
        info["references"] = {unit.ref: unit.content[:16] for unit in work}
        if not replace:
            score_tables.check_same_run(out / "scores.parquet", dataset.table, info)
        todo = [unit for unit in work if units.read(unit) is None]
        failed |= _run(todo, executor, f"{dataset.name} {backbone}", len(work))
        if failed:
            each = " ".join(f"[{ref}] {executors.why(error)}" for ref, error in failed.items())
            unforeseen = next((error for error in failed.values() if not isinstance(error, InputError)), None)
            raise InputError(
                f"{len(failed)} of {dataset.table['ref'].nunique()} references failed, the others are done and kept: {each}"
            ) from unforeseen
        found = [units.read(unit) for unit in work]
        info["halved"] = {u.ref: f["batch_size"] for u, f in zip(work, found, strict=True) if f["batch_size"] != batch_size}
        table = _assemble(dataset.table, [row for unit in found for row in unit["rows"]])
        score_tables.write(out / "scores.parquet", table, info)
        table = score_tables.read(out / "scores.parquet")  # what is returned is what is stored, types included
    left_out = [n for n in protocol.distances.VIT_ONLY if distances is None and n != "swd" and n not in names]
    table.attrs = {**info, "computed_units": len(todo), "units": len(work), "left_out": left_out}
    return table


def _units(dataset, folder, settings, weights_file, device) -> tuple[list[units.Unit], dict[str, Exception]]:
    """The units, and why a reference cannot be one."""
    work, failed = [], {}
    for ref, group in dataset.table.groupby("ref", sort=False):
        try:
            work.append(units.make(dataset.folder.absolute(), ref, group["dis"], settings, weights_file, device, folder))
        except InputError as error:
            failed[ref] = error
    return work, failed


def _run(todo: list[units.Unit], executor: Executor | None, title: str, total: int) -> dict[str, Exception]:
    """Compute all units; reference -> why, of those that failed."""
    failed = {}
    with tqdm(desc=title, unit="ref", total=total, initial=total - len(todo), disable=streams.bar_off()) as bar:
        for unit, wait in executors.started(units.run, todo, executor):
            try:
                wait()
            except Exception as error:  # whatever it was, the other references are computed
                failed[unit.ref] = error
            bar.update()
    return failed


def stored(dataset: Dataset, backbone: str, protocol_name: str = "paper", **options) -> tuple[pd.DataFrame, Path]:
    """`score_dataset` into its usual place, `data/scores/DATASET/BACKBONE`: the table and its file.

    What is there is taken, what is not is computed; `options` go to `score_dataset`. Another protocol than `paper` has
    a folder beside it, `BACKBONE-PROTOCOL`.
    """
    folder = backbone if protocol_name == "paper" else f"{backbone}-{protocol_name}"
    out = paths.data() / "scores" / dataset.name / folder
    table = score_dataset(dataset, out, backbone, protocol_name=protocol_name, wait=True, replace=True, **options)
    return table, out / "scores.parquet"


def split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A table of `variants` -> protocol -> its table, as if it had been scored alone."""
    tables = {}
    for name, names in table.attrs["variants"].items():
        start = f"{name}/"
        other = [c for c in table if "/" in c and not c.startswith(start)]
        tables[name] = table.drop(columns=other).rename(columns=lambda c, start=start: c.removeprefix(start))
        tables[name].attrs = {**table.attrs, "protocol": name, "distances": names, "report": table.attrs["reports"][name]}
    return tables


def _assemble(table: pd.DataFrame, rows: list[dict]) -> pd.DataFrame:
    scores = pd.DataFrame(rows)
    merged = table.merge(scores, on=["ref", "dis"], how="left", validate="one_to_one")
    values = [c for kind in ("score_", "layer_") for c in scores if c.rpartition("/")[2].startswith(kind)]
    return merged[["dataset", "ref", "dis", "distortion", "mos", "n_windows", *values, "level", "quality"]]
