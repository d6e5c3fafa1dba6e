"""Score a whole dataset: one file per reference (`units`), written once, then one table.

Units run in order, or on any `concurrent.futures.Executor` that the caller passes: processes of this machine
(`processes.workers`), or a cluster through `dask.distributed.Client(...).get_executor()`. There is no scheduler here.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace as changed
from pathlib import Path

import pandas as pd

from .. import report as reporting
from ..backbones import weights
from ..data import score_tables
from ..data.dataset import Dataset
from ..data.score_tables import read as read
from ..distances import VIT_ONLY
from ..errors import InputError
from ..files import hashes, locks, paths, progress
from . import available, executors, stream, units
from .settings import ARITHMETIC as ARITHMETIC
from .settings import Settings


def score_dataset(
    dataset: Dataset,
    out: Path,
    backbone: str | Settings = "dinov2_vits14",
    distances: Sequence[str] | None = None,
    protocol_name: str = "paper",
    *,
    executor: Executor | None = None,
    wait: bool = False,
    replace: bool = False,
    tick: Callable[[units.Unit], None] | None = None,
    **more,
) -> pd.DataFrame:
    """Score all rows of `dataset` into `out/scores.parquet` and return the table.

    Columns: dataset, ref, dis, distortion, mos, n_windows, score_<distance>, layer_<distance>_<i>, level, quality. `more`
    are the other `Settings` (perturbation, device, precision, batch_size, weights_file, baseline_names, variants); ready
    `Settings` may stand in the place of `backbone`, alone. What determines the numbers, and the reservation that belongs to
    them, is in the file's metadata (`read`). With `variants` columns are called PROTOCOL/score_<distance>; see `split`. With
    `executor`, units run there; its processes need the package, and the images, weights and `out` at the same paths. The
    bytes are the same wherever the arithmetic is: on CPUs, DINOv2 gives the same bits on any number of threads,
    EfficientNet-Lite0 moves in the last bits. Processes have to be spawned, not forked. `tick` is called with each unit that
    was computed, and there is no bar then.

    Raises InputError for wrong settings, for an `out` that another run is writing to (unless `wait`) or that holds the
    scores of another run (`score_tables.check_same_run`; unless `replace`), and, after all other references are done,
    naming each reference that failed and why.
    """
    asked = _asked(backbone, {"distances": distances, "protocol_name": protocol_name, **more})
    settings = asked.checked()
    if executor is not None:
        executors.check(executor)
    out = Path(out).absolute()  # workers may stand elsewhere
    folder = paths.make_folder(out / "units")
    source, sha256 = identity(settings)
    determining = settings.determining(sha256)
    busy = "" if wait else f"Another run is writing to {out}: wait for it, or choose another --out."
    with locks.alone(out / ".lock", busy):
        for leftover in folder.glob(".*.partial*"):  # of a killed run
            leftover.unlink()
        work, failed = _units(dataset, folder, settings, determining)
        info = determining | {"dataset": dataset.name, "references": {unit.ref: unit.content[:16] for unit in work}}
        if not replace:
            score_tables.check_same_run(out / "scores.parquet", dataset.table, info)
        todo = [unit for unit in work if units.read(unit) is None]
        available.need(settings.baseline_names if todo else ())
        failed |= _run(todo, executor, f"{dataset.name} {settings.backbone}", len(work), tick)
        _refuse(failed, dataset)
        found = {unit.ref: units.read(unit) for unit in work}
        info |= _how(found)
        info |= _about(dataset, settings, source, sha256, info["device"])
        table = _assemble(dataset.table, [row for one in found.values() for row in one["rows"]])
        score_tables.write(out / "scores.parquet", table, info)
        table = score_tables.read(out / "scores.parquet")  # what is returned is what is stored, types included
    table.attrs = {**info, "computed_units": len(todo), "units": len(work), "left_out": _left_out(asked, settings)}
    return table


def _asked(backbone: str | Settings, others: dict) -> Settings:
    if not isinstance(backbone, Settings):
        return Settings(backbone, **others)
    if any(value != getattr(Settings, name, None) for name, value in others.items()):
        raise InputError("Settings stand alone: change them with dataclasses.replace, not by keywords beside them.")
    return backbone


def identity(settings: Settings) -> tuple[str, str]:
    """Source and sha256 of the weights; empty where there is no network."""
    return ("", "") if settings.record is None else weights.identity(settings.record, settings.weights_file)


def _how(found: dict[str, dict]) -> dict:
    """What the units were computed with, which may be several runs' devices and batch sizes."""
    sizes = sorted({one["batch_size"] for one in found.values()})
    return {
        "device": ", ".join(sorted({one["device"] for one in found.values()})),
        "batch_size": sizes[0] if len(sizes) == 1 else sizes,
        "halved": {ref: one["batch_size"] for ref, one in found.items() if one["halved"]},
    }


def _about(dataset: Dataset, settings: Settings, source: str, sha256: str, device: str) -> dict:
    """What a reader of the scores must know. `source` and `sha256` are of the weights."""
    record = settings.record
    perturbed = "" if settings.perturbation == "none" else f", perturbation {settings.perturbation}"
    data = f"{dataset.name}, {dataset.coverage}{perturbed}"

    def report(names, protocol_name):
        return reporting.line(record, names, protocol_name, settings.precision, device, (source, sha256), data)

    whole = reporting.joined(", ".join(settings.baseline_names), "whole images, native size", f"fp32 on {device}", data)
    info = {
        "report": whole if record is None else report(settings.distances, settings.protocol_name),
        "dataset": dataset.name,
        "coverage": dataset.coverage,
        "scale": dataset.scale,
        "note": dataset.note,
        "cite": dataset.cite,
    }
    if settings.variants is not None:
        info["reports"] = {name: report(found, name) for name, found in settings.variants.items()}
    return info


def _left_out(asked: Settings, settings: Settings) -> list[str]:
    """Distances that the backbone cannot have, where all were asked for."""
    every = () if asked.distances is not None or settings.record is None else VIT_ONLY
    return [name for name in every if name != "swd" and name not in settings.distances]


def _refuse(failed: dict[str, Exception], dataset: Dataset) -> None:
    if not failed:
        return
    each = " ".join(f"[{ref}] {executors.why(error)}" for ref, error in failed.items())
    unforeseen = next((error for error in failed.values() if not isinstance(error, InputError)), None)
    raise InputError(
        f"{len(failed)} of {dataset.table['ref'].nunique()} references failed, the others are done and kept: {each}"
    ) from unforeseen


def _units(
    dataset: Dataset, folder: Path, settings: Settings, determining: dict
) -> tuple[list[units.Unit], dict[str, Exception]]:
    """The units, and why a reference cannot be one."""
    work, failed = [], {}
    hashes.ahead(dataset.folder.absolute() / name for column in ("ref", "dis") for name in dataset.table[column].unique())
    for ref, group in dataset.table.groupby("ref", sort=False):
        try:
            work.append(units.make(dataset.folder.absolute(), ref, group["dis"], settings, determining, folder))
        except InputError as error:
            failed[ref] = error
    return work, failed


def _run(todo: list[units.Unit], executor: Executor | None, title: str, total: int, tick) -> dict[str, Exception]:
    """Compute all units; reference -> why, of those that failed."""
    failed = {}
    with progress.bar(hidden=tick is not None, desc=title, unit="ref", total=total, initial=total - len(todo)) as bar:
        for unit, error in stream.compute(todo) if executor is None else executors.compute(stream.run, todo, executor):
            if error is not None:
                failed[unit.ref] = error
            bar.update()
            if tick is not None:
                tick(unit)
    return failed


def stored(
    dataset: Dataset,
    backbone: str | Settings,
    protocol_name: str = "paper",
    *,
    executor: Executor | None = None,
    tick: Callable[[units.Unit], None] | None = None,
    **options,
) -> tuple[pd.DataFrame, Path]:
    """`score_dataset` into its usual place, `data/scores/DATASET/BACKBONE`: the table and its file.

    What is there is taken, also where it has more distances or baselines than asked for, or is of another device or batch
    size; what is not is computed. Arguments are those of `score_dataset`. Another protocol than `paper`, another perturbation
    than none and another precision than fp32 have a folder beside it.
    """
    settings = usual_settings(dataset.name, _asked(backbone, {"protocol_name": protocol_name, **options}))
    out = folder_of(dataset.name, settings)
    table = score_dataset(dataset, out, settings, executor=executor, tick=tick, wait=True, replace=True)
    return table, out / "scores.parquet"


def usual_settings(dataset: str, asked: Settings) -> Settings:
    """`asked`, complete; with the distances and baselines of the scores in the usual place, where these have those and more."""
    settings = asked.checked()
    try:
        there = score_tables.read(folder_of(dataset, settings) / "scores.parquet").attrs
    except InputError:  # nothing there, or damaged: computed anew
        return settings
    names = {"distances": tuple(there["distances"]), "baselines": tuple(there.get("baselines", ()))}
    wider = changed(settings, distances=names["distances"], baseline_names=names["baselines"])
    _, sha256 = identity(settings)
    same = all(there.get(key) == value for key, value in settings.determining(sha256).items() if key not in names)
    more = {*settings.distances} <= {*wider.distances} and {*settings.baseline_names} <= {*wider.baseline_names}
    return wider if same and more and there.get("variants") is None and settings.variants is None else settings


def usual_folder(
    dataset: str, backbone: str, protocol_name: str = "paper", perturbation: str = "none", precision: str = "fp32"
) -> Path:
    """Where scores lie that nobody named a folder for."""
    usual = ((protocol_name, "paper"), (perturbation, "none"), (precision, "fp32"))
    return paths.data() / "scores" / dataset / "-".join([backbone, *(value for value, known in usual if value != known)])


def folder_of(dataset: str, settings: Settings) -> Path:
    """`usual_folder`, of a run with `settings`."""
    return usual_folder(dataset, settings.backbone, settings.protocol_name, settings.perturbation, settings.precision)


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
