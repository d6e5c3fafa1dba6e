"""The interactive view of notebooks 01 and 10: choose an image pair, a distance and a layer, and see the map at once.

Where nobody can move a widget (papermill, nbval, nbconvert, GitHub, no ipywidgets) a contact sheet is shown instead. A
live view carries the sheet too, for whoever reads the saved notebook elsewhere.
"""

import base64
import contextlib
import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure

from .. import compare, images, maps, windows
from ..data.dataset import Dataset
from ..distances import DISTANCES, Pair
from ..errors import InputError, unknown
from ..features import extractor
from ..figures.saving import LABELS
from . import explore_plots, live_line

ALL = explore_plots.ALL  # in place of a layer
STEP = 4  # every fourth pixel of a map is kept: it is interpolated from patches of 14 and more
KEPT = 128  # pairs whose numbers are kept: 0.4 MB each in the demo set, 2.5 MB in LIVE


@dataclass(frozen=True)
class Seen:
    """What the layers see of a pair by one distance."""

    score: float
    per_layer: np.ndarray  # (L,), adding up to the score
    maps: np.ndarray  # (L + 1, h, v): of each layer, and last of all (`maps.summed`); every STEP-th pixel


def looker(backbone: str, protocol: str = "paper", device: str = "auto") -> Callable[[Path, Path], dict[str, Seen]]:
    """look(ref, dis) -> `Seen` by each distance that has maps. One forward pass an image; what was seen is kept."""
    network = extractor(backbone, device)
    found = compare.protocol_for(network.backbone, protocol)
    names = maps.available(found)
    if not names:
        raise InputError(f"No distance has a map in protocol {protocol}: leave class_token out.")

    @lru_cache(maxsize=2)  # the reference stays while its distorted images change
    def sides(file: Path):
        image = images.to_tensor(images.read(file))
        return image.shape[1:], [
            side for part in compare.sides_of(image[None], network, [found], dense=True) for side in part[found]
        ]

    @lru_cache(maxsize=KEPT)
    def look(ref: Path, dis: Path) -> dict[str, Seen]:
        with torch.inference_mode():
            (size, left), (other, right) = sides(ref), sides(dis)
            if size != other:
                raise InputError("The images differ in size: crop or register them first.")
            pairs = [Pair(*both, found) for both in zip(left, right, strict=True)]
            return {name: _seen(pairs, name, *size, found.even_windows) for name in names}

    return look


def _seen(pairs: list[Pair], name: str, height: int, width: int, even: bool) -> Seen:
    values, parts = zip(*(DISTANCES[name](pair) for pair in pairs), strict=True)
    layers = maps.assemble(maps.joined(maps.patch_maps(pair, name) for pair in pairs), height, width, even)
    every = torch.cat([layers, maps.summed(layers)[None]])[:, ::STEP, ::STEP]
    counted = len(windows.positions(height, width, even))
    score, per_layer = torch.cat(values)[:counted].double().mean().item(), torch.cat(parts)[:counted].double().mean(0)
    return Seen(score, per_layer.cpu().numpy(), every.cpu().numpy())


def dataset(
    data: Dataset,
    scores: pd.DataFrame,
    backbone: str,
    reference: str = "",
    distortion: str = "",
    distance: str = "cos",
    device: str = "auto",
    live: bool | None = None,
) -> None:
    """Show the view of a dataset: image, distortion, severity, layer, distance. Empty names: the first.

    `scores`: of the dataset, as from `scoring.stored`, for the curve over severity. `live`: with widgets; None: where
    somebody can move them (`is_live`). Raises InputError for a name that is not there.
    """
    table = data.table.assign(image=data.table["ref"].map(lambda name: Path(name).stem))
    table = table.sort_values("quality", ascending=False, kind="stable")  # mild before severe
    stems, kinds = (list(dict.fromkeys(data.table.assign(image=table["image"])[c])) for c in ("image", "distortion"))
    reference, distortion = _known("reference", reference, stems), _known("distortion", distortion, kinds)
    look = looker(backbone, "paper", device)
    scores = scores.set_index("dis")

    def rows(image: str, kind: str) -> pd.DataFrame:
        return table[(table["image"] == image) & (table["distortion"] == kind)]

    def files(row):
        return data.folder / row.ref, data.folder / row.dis

    def draw(image: str, distortion: str, severity: int, layer: int, distance: str) -> Figure:
        found = rows(image, distortion)
        row = found.iloc[min(severity, len(found)) - 1]
        seen = look(*files(row))[distance]
        curve = _curve(found, scores, row["dis"], layer, distance)
        value = f"{LABELS[distance]} {seen.score:.4f}" + (
            "" if layer == ALL else f", layer {layer}: {seen.per_layer[layer]:.4f}"
        )
        title = f"{image}, {distortion}, {_severity(row)}: {value}" + (f"  ({data.note})" if data.note else "")
        return explore_plots.panel([images.read(file) for file in files(row)], seen, layer, distance, title, curve)

    middle = {kind: found.iloc[len(found) // 2] for kind in kinds if len(found := rows(reference, kind))}
    columns = {
        f"{kind}\n{_severity(row)}": (images.read(files(row)[1]), look(*files(row))[distance]) for kind, row in middle.items()
    }
    title = f"{reference}: the middle image of every distortion, {backbone}. {data.note}"
    first = images.read(data.folder / rows(reference, distortion)["ref"].iloc[0])
    sheet = explore_plots.sheet_of_distortions(first, columns, distance, title)
    count = int(table.groupby(["image", "distortion"]).size().max())
    choices = {"image": (stems, reference), "distortion": (kinds, distortion), "severity": (count, (count + 1) // 2)}
    some = next(iter(middle.values()))
    _show(sheet, draw, choices | _of_features(look(*files(some)), distance), title, live)


def pair(
    ref, dis, backbone: str, distance: str = "cos", protocol: str = "paper", device: str = "auto", live: bool | None = None
) -> None:
    """Show the view of two image files: layer, distance. `live` as in `dataset`; raises InputError as `Metric` does."""
    files = Path(ref), Path(dis)
    pictures = [images.read(file) for file in files]
    seen = looker(backbone, protocol, device)(*files)
    _known("distance with a map", distance, list(seen))

    def draw(layer: int, distance: str) -> Figure:
        one = seen[distance]
        value = f"{LABELS[distance]} {one.score:.4f}" + ("" if layer == ALL else f", layer {layer}: {one.per_layer[layer]:.4f}")
        return explore_plots.panel(pictures, one, layer, distance, f"{files[1].name}: {value}")

    count = len(seen[distance].per_layer)
    layers = sorted({*np.linspace(0, count - 1, min(count, 5)).round().astype(int).tolist()})
    title = f"{files[1].name}: maps by distance and layer, each to its own maximum"
    sheet = explore_plots.sheet_of_layers(pictures, seen, layers, title)
    _show(sheet, draw, _of_features(seen, distance), title, live)


def is_live() -> bool:
    """Whether somebody can move a widget: ipywidgets is here, and this kernel is a session of a Jupyter server."""
    return find_spec("ipywidgets") is not None and live_line.is_session()


@contextlib.contextmanager
def _young_garbage():
    """A figure is a heap of cycles. Collected before it grows old, it never asks for a full collection: .3 s with torch."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        if running:
            gc.enable()


def _known(kind: str, name: str, known: list[str]) -> str:
    if name and name not in known:
        raise unknown(kind, name, known)
    return name or known[0]


def _severity(row: pd.Series) -> str:
    return f"level {row['level']}" if pd.notna(row["level"]) else f"human score {row['mos']:.1f}"


def _curve(rows: pd.DataFrame, scores: pd.DataFrame, here: str, layer: int, distance: str) -> pd.DataFrame:
    """Score (or a layer's part) over severity of the images of `rows`, from the dataset's `scores`."""
    column = f"score_{distance}" if layer == ALL else f"layer_{distance}_{layer}"
    x, label = (
        ("level", "level (1 mild, 5 severe)") if rows["level"].notna().all() else ("mos", "human score (dataset's own scale)")
    )
    curve = pd.DataFrame(
        {"x": rows[x].astype(float), "value": scores.loc[rows["dis"], column].to_numpy(), "here": rows["dis"] == here}
    )
    curve = curve.sort_values("x")
    curve.attrs = {"x": label, "y": "score" if layer == ALL else f"layer {layer}"}
    return curve


def _of_features(seen: Mapping[str, Seen], distance: str) -> dict:
    layers = [("all", ALL), *((str(number), number) for number in range(len(seen[distance].per_layer)))]
    return {"layer": (layers, ALL), "distance": ([(LABELS[name], name) for name in seen], distance)}


def _show(sheet: Figure, draw: Callable[..., Figure], choices: Mapping[str, tuple], title: str, live: bool | None) -> None:
    """Display the sheet and, if live, in its place the widgets; one output, from which a viewer takes what it can show."""
    from IPython.display import display

    bundle = {"image/png": base64.b64encode(explore_plots.png(sheet)).decode(), "text/plain": title}
    if is_live() if live is None else live:
        bundle = {**_widgets(draw, choices)._repr_mimebundle_(), **bundle}
    display(bundle, raw=True)


def _widgets(draw: Callable[..., Figure], choices: Mapping[str, tuple]):
    """A box with a widget for each of `choices` (name -> (options or a count, value)) and the picture that `draw` makes."""
    import ipywidgets

    def control(name: str, options, value):
        if isinstance(options, int):
            return ipywidgets.IntSlider(value, 1, options, description=name, continuous_update=False)
        kind = ipywidgets.SelectionSlider if name == "layer" else ipywidgets.Dropdown
        return kind(options=options, value=value, description=name)

    controls = {name: control(name, *choice) for name, choice in choices.items()}
    picture = ipywidgets.Image(format="png", layout={"max_width": "100%", "object_fit": "contain"})
    status = ipywidgets.Label("")

    def update(_change=None):
        status.value = "Computing: the first look at an image takes a second ..."
        with _young_garbage():
            picture.value = explore_plots.png(draw(**{name: one.value for name, one in controls.items()}), level=1)
        status.value = ""

    for one in controls.values():
        one.observe(update, "value")
    update()
    row = ipywidgets.Box([*controls.values()], layout={"flex_flow": "row wrap"})
    return ipywidgets.VBox([row, picture, status])
