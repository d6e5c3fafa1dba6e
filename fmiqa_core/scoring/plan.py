"""What a run of the grid would do, and what of it is done: a row for each cell. Nothing is scored.

state    done     every reference is computed, with the settings asked for
         stale    a table is there, of other settings, weights or images
         todo     images and weights are here
         missing  images or weights are not; `get` is the command that gets them
windows  to go through the network; the baselines have none, they see whole images
seconds  for what is to go, from a short timing on this machine (`timing`)
bytes    of the downloads that it waits for, a thing that several rows wait for in each of them
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from PIL import Image

from .. import windows
from ..backbones import networks, weights
from ..data import datasets, sources
from ..data.dataset import Dataset
from ..data.layouts import LAYOUTS
from ..errors import InputError
from ..files.wheels import WheelFile
from . import perturbations, run, timing, units
from .grid import Cell
from .settings import Settings


@dataclass(frozen=True)
class Needed:
    """A dataset, or the weights of a backbone: what is here, and what a command would get."""

    here: bool
    data: Dataset | None = None
    of: int = 0  # images of the whole
    downloads: dict[str, int] = field(default_factory=dict)  # what `fmiqa download` is told -> bytes


def of(wanted: Iterable[Cell], partial: bool = False, **how) -> dict:
    """rows, a dict for each cell; seconds and bytes of all, each download once.

    `partial`: an incomplete dataset is taken as it is, and what is missing is neither downloaded nor counted. `how` are
    `Settings`. InputError for an unknown name.
    """
    wanted = list(wanted)
    data = {name: dataset(name, partial) for name in dict.fromkeys(cell.dataset for cell in wanted)}
    networks_ = {cell.backbone: backbone(cell.settings(**how)) for cell in wanted}
    pace = functools.cache(timing.seconds)
    rows = [_row(cell, cell.settings(**how), data[cell.dataset], networks_[cell.backbone], pace) for cell in wanted]
    downloads = {name: size for one in (*data.values(), *networks_.values()) for name, size in one.downloads.items()}
    counted = [row for row in rows if not (partial and row["state"] == "missing")]
    total = 0 if partial else sum(downloads.values())
    return {"rows": rows, "seconds": round(sum(row["seconds"] for row in counted), 3), "bytes": total}


def whole(wanted: Iterable[Cell]) -> tuple[int, int, int]:
    """Windows, bytes of archives and bytes of weights of `wanted`, of published datasets, where nothing is done and here."""
    wanted = list(wanted)
    crops = 0
    for cell in wanted:
        layout = LAYOUTS[cell.dataset]
        crops += (layout.images + layout.references) * _crops(cell.settings(), *layout.pixels)
    archives = sum(sum(_archive(name).values()) for name in {cell.dataset for cell in wanted})
    records = {cell.backbone: cell.settings().record for cell in wanted}
    return crops, archives, sum(sum(_tensors(record).values()) for record in records.values() if record)


def _archive(name: str) -> dict[str, int]:
    item = sources.ITEMS[name]
    return {item.name: item.sources[0].bytes or int(item.sources[0].gigabytes * 1e9)}


def _tensors(record) -> dict[str, int]:
    return {record.name: sum(one.numel() * one.element_size() for one in networks.outline(record).state_dict().values())}


def dataset(name: str, partial: bool = False) -> Needed:
    """What is here of a dataset; whole enough to be scored or not. InputError for an unknown name or a damaged one."""
    if name not in LAYOUTS:
        found = datasets.load(name, partial=partial)  # the demo, or an own table: nothing can be fetched
        return Needed(True, found, found.total)
    if datasets.find(name) is None:
        return Needed(False, None, LAYOUTS[name].images, _archive(name))
    found = datasets.load(name, partial=True)
    enough = not found.absent or partial
    return Needed(enough, found, found.total, {} if enough else _archive(name))


def backbone(settings: Settings) -> Needed:
    """Whether the weights of a run are here. InputError for an unknown name."""
    record = settings.record
    if record is None or settings.weights_file or weights.find(record):
        return Needed(True)
    if isinstance(record.weights, WheelFile):
        return Needed(False, downloads={record.name: 0 if record.weights.find() else int(record.weights.megabytes * 1e6)})
    return Needed(False, downloads=_tensors(record))


def _row(cell: Cell, settings: Settings, data: Needed, network: Needed, pace) -> dict:
    here = data.here and network.here
    name = cell.dataset if data.data is None else data.data.name
    settings = run.usual_settings(name, settings) if here else settings.checked()
    images, crops = _to_go(cell, settings, data, here)
    known = (run.folder_of(name, settings) / "scores.parquet").is_file()
    state = "missing" if not here else "done" if not images else "stale" if known else "todo"
    downloads = data.downloads | network.downloads
    return {
        "dataset": cell.dataset,
        "backbone": cell.backbone,
        "perturbation": cell.perturbation,
        "images": 0 if data.data is None else len(data.data.table),
        "of": data.of,
        "windows": crops,
        "state": state,
        "seconds": round(_seconds(settings, images, crops, _pixels(data, cell.dataset), pace), 3),
        "bytes": sum(downloads.values()),
        "get": f"fmiqa download {' '.join(downloads)}{' --yes' * bool(data.downloads)}" if downloads else "",
    }


def _seconds(settings: Settings, images: int, crops: int, pixels: tuple[int, int], pace) -> float:
    if not images:
        return 0.0
    settings = replace(settings, perturbation="none")
    return crops * pace(settings) if settings.record else images * pace(settings, pixels)


def _to_go(cell: Cell, settings: Settings, data: Needed, here: bool) -> tuple[int, int]:
    """Distorted images of references that are not computed, and their windows with those of the references."""
    if data.data is None or not data.here:  # the whole, of which nothing is read
        layout = LAYOUTS[cell.dataset]
        return layout.images, (layout.images + layout.references) * _crops(settings, *layout.pixels)
    images = crops = 0
    settings_of = settings.determining(run.identity(settings)[1]) if here else {}
    for ref, group in data.data.table.groupby("ref", sort=False):
        if here and _is_done(data.data, ref, group["dis"], settings, settings_of):
            continue
        images += len(group)
        with Image.open(data.data.folder / ref) as header:
            crops += (len(group) + 1) * _crops(settings, header.height, header.width)
    return images, crops


def _is_done(data: Dataset, ref: str, dis, settings: Settings, determining: dict) -> bool:
    folder = run.folder_of(data.name, settings) / "units"
    try:
        return units.read(units.make(data.folder.absolute(), ref, dis, settings, determining, folder)) is not None
    except InputError:  # an image that cannot be read: the run will say so
        return False


def _crops(settings: Settings, height: int, width: int) -> int:
    """Windows of an image after the perturbation; none without a network, or where it is too small."""
    if settings.record is None:
        return 0
    size = Image.new("L", (width, height))
    width, height = perturbations.get(settings.perturbation)(size, size)[0].size
    try:
        return len(windows.positions(height, width))
    except InputError:
        return 0


def _pixels(data: Needed, name: str) -> tuple[int, int]:
    """Height and width of the dataset's images, of the first reference where they differ."""
    if data.data is None:
        return LAYOUTS[name].pixels
    with Image.open(data.data.folder / data.data.table["ref"].iloc[0]) as header:
        return header.height, header.width
