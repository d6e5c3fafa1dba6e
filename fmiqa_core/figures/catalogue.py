"""Which function draws which figure, from which columns: the figures that can be made again from their .csv alone.

A figure's name is that of its files in `figures/`; what follows the name in this catalogue is the dataset:
`fig04_layerwise_live_5refs` is `fig04_layerwise` of live_5refs.
"""

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..data.words import axis
from ..errors import InputError, first_line, unknown
from ..files import csv_files, paths
from . import (
    backbone_comparison,
    claims,
    comparison,
    heatmaps,
    layer_plots,
    people,
    per_image,
    plots,
    protocols,
    robustness,
    scatter,
    scenes,
    words,
)

WIDEST = 400.0  # mm


@dataclass(frozen=True)
class Drawing:
    """A function of one table and of `width` in inches, and what the table must hold."""

    draw: Callable[..., Figure]
    texts: str = ""  # names of columns, separated by spaces
    numbers: str = ""
    methods: str = ""  # the columns that hold names of methods
    narrowest: float = 80  # mm: below, something in it cannot be read
    options: Callable[[str], dict] = lambda human: {}  # further arguments, by what stands on the human side


def _srcc(human: str) -> dict:
    return {"y_label": f"SRCC with {human}"}


def _quality(human: str) -> dict:
    return {"x_label": axis(human)}


def _change(statistic: str) -> Callable[[str], dict]:
    raw = " (raw)" if statistic == "plcc" else ""
    return lambda human: {"statistic": statistic, "x_label": f"change of {statistic.upper()} with {human}{raw}"}


_LAYERS = {"numbers": "srcc low high", "options": _srcc}
_CHANGES = {"texts": "backbone distance switch base", "methods": "backbone distance"}
_SRCC = "srcc_change srcc_low srcc_high"
_POINTS = {"texts": "dataset method label family", "methods": "method"}
_BOTH = "srcc srcc_low srcc_high srcc_byref srcc_byref_low srcc_byref_high"
_TYPES = ("dataset method label distortion type", "n srcc", "method")
_MAP = ("dataset statistic method label other against", "difference p_holm", "method other")
DRAWINGS = {
    "fig01_profile": Drawing(plots.layer_profile, "distortion"),
    "fig02_severity": Drawing(plots.severity, "distortion distance", "level relative", "distance"),
    "fig02_agreement": Drawing(plots.agreement, "distance", methods="distance"),
    "fig02_anatomy": Drawing(protocols.l2_share, "", "score_l2 share_skld share_wsd true_skld true_wsd"),
    "fig03_scores": Drawing(
        plots.against_quality, "distortion backbone distance", "x score", "backbone distance", options=_quality
    ),
    "fig04_layerwise": Drawing(layer_plots.layerwise, "backbone distance features", methods="backbone distance", **_LAYERS),
    "fig04_heat": Drawing(layer_plots.layer_heat, "backbone distance column features", "srcc low high", "backbone distance"),
    "fig04_cumulative": Drawing(
        layer_plots.cumulative, "backbone distance", "layer srcc low high single", "backbone distance", options=_srcc
    ),
    "fig04_tokens": Drawing(layer_plots.token_layers, "distance protocol features", methods="distance", **_LAYERS),
    "fig05_main": Drawing(comparison.main_comparison, numbers=f"n refs {_BOTH}", **_POINTS),
    "fig05_intermediate_final": Drawing(
        backbone_comparison.intermediate_final,
        "backbone label dataset",
        "difference low high p_holm byref_difference byref_low byref_high byref_p_holm",
        "backbone",
    ),
    "fig05_distances": Drawing(backbone_comparison.distances, "dataset backbone features distance", _BOTH, "backbone distance"),
    "fig05_pooled_by_reference": Drawing(scenes.pooled_by_reference, numbers="srcc srcc_byref rank byref_rank", **_POINTS),
    "fig05_between": Drawing(scenes.between, numbers="between_ranks srcc_byref loss", **_POINTS),
    "fig05_raw_fitted": Drawing(comparison.raw_fitted, "dataset method label", "plcc plcc_fit4", "method"),
    "fig05_scatter": Drawing(scatter.scatter, "dataset method label part", "x y images", "method"),
    "fig06_absolute": Drawing(heatmaps.absolute, "dataset method label perturbation", "srcc srcc_byref", "method"),
    "fig06_changes": Drawing(
        robustness.changes,
        "dataset method label perturbation",
        "change low high byref_change byref_low byref_high",
        "method",
    ),
    "fig06_rotation": Drawing(
        robustness.rotation,
        "dataset method label type reach",
        "byref_change byref_low byref_high without clean share",
        "method",
    ),
    "fig07": Drawing(heatmaps.type_map, *_TYPES),
    "fig07_people": Drawing(people.by_type, "dataset distortion type who method", "srcc srcc_low srcc_high", "method"),
    "fig08_srcc": Drawing(protocols.switch_effects, numbers=_SRCC, options=_change("srcc"), **_CHANGES),
    "fig08_plcc": Drawing(protocols.switch_effects, numbers=_SRCC.replace("srcc", "plcc"), options=_change("plcc"), **_CHANGES),
    "fig08_by_type": Drawing(protocols.effects_by_type, "group backbone distance switch base", _SRCC, "backbone distance"),
    "fig09_per_image": Drawing(
        per_image.differences, "dataset method label unit perturbation", "median largest", methods="method"
    ),
    "fig09_map": Drawing(claims.verdict_map, *_MAP),
    "fig09_robust": Drawing(claims.verdict_map, *_MAP),
    "fig09_backbones": Drawing(
        claims.backbone_claims, "claim dataset method label statistic", "difference low high p_holm", "method"
    ),
}
OF_IMAGES = {  # figure -> the notebook that makes it
    "fig00_data": "00_setup_and_data",
    "fig01_pca": "01_intermediate_features",
    "fig01_maps": "01_intermediate_features",
    "fig10_own_pair": "10_use_your_own",
    "fig10_recovery": "10_use_your_own",
}


def key(name: str) -> str:
    """The name in DRAWINGS of the figure `name`, which may end in a dataset.

    Raises InputError for one that is unknown, and for one that is made of images.
    """
    for image, notebook in OF_IMAGES.items():
        if name == image or name.startswith(f"{image}_"):
            raise InputError(
                f"{image} shows images, which no table holds: make it with notebook {notebook} "
                f"(`fmiqa reproduce {notebook[:2]}`)."
            )
    for known in sorted(DRAWINGS, key=len, reverse=True):
        if name == known or name.startswith(f"{known}_"):
            return known
    raise unknown("figure", name, DRAWINGS)


def file(name: str) -> Path:
    """The .csv in `figures/` of the figure `name`; InputError where there is none, or one for each of several datasets."""
    known, folder = key(name), paths.figures()
    if (folder / f"{name}.csv").is_file():
        return folder / f"{name}.csv"
    found = sorted(folder.glob(f"{name}_*.csv"))
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{name} is there for several datasets: name one of {', '.join(f.stem for f in found)}.")
    raise InputError(
        f"No {name}.csv in {paths.shown(folder)}: run `fmiqa reproduce {known[3:5]}`, or give your own table with --data."
    )


def read(source: Path, name: str) -> pd.DataFrame:
    """The table in `source`, if the figure `name` can be drawn from it; InputError says what is missing otherwise."""
    drawing = DRAWINGS[key(name)]
    wanted = (*drawing.texts.split(), *drawing.numbers.split())
    table = _table(Path(source), wanted)
    missing = [column for column in wanted if column not in table]
    if missing:
        raise InputError(f"{source} has not the columns of {key(name)}: {', '.join(missing)} missing.")
    for column in drawing.numbers.split():
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"{source}: column {column} should hold numbers only.")
        if np.isinf(table[column]).any():
            raise InputError(f"{source}: column {column} holds a number that is not finite.")
    if table.empty:
        raise InputError(f"{source} has no rows.")
    return table


def _table(source: Path, wanted: tuple[str, ...]) -> pd.DataFrame:
    """The .csv file `source`; its cells are checked before pandas guesses at them."""
    if not source.exists():
        raise InputError(f"No such file: {source}.")
    content = csv_files.text(source)
    head, _ = csv_files.parse(source, content, wanted)
    csv_files.refuse_doubled(source, head, wanted)
    try:
        return pd.read_csv(io.StringIO(content), dtype={"distortion": str})
    except ValueError as error:
        raise InputError(f"{source} cannot be read as a .csv table: {first_line(error)}") from error


def choose(table: pd.DataFrame, name: str, methods: Iterable[str]) -> pd.DataFrame:
    """The rows of `table` on `methods`, in that order; a name counts in whichever column of methods it stands.

    Rows without a method, as of a second panel, stay. InputError for a name that the table has not.
    """
    columns, methods = DRAWINGS[key(name)].methods.split(), list(methods)
    if not columns:
        raise InputError(f"{key(name)} has no methods to choose from.")
    known = dict.fromkeys(value for column in columns for value in table[column].dropna())
    for method in methods:
        if method not in known:
            raise unknown("method", method, known)
    for column in columns:
        here = [method for method in methods if method in set(table[column])]
        if here:
            table = table[table[column].isin(here) | table[column].isna()]
            order = {method: i for i, method in enumerate(here)}
            table = table.sort_values(column, key=lambda values, order=order: values.map(order), kind="stable")
    if table.empty:
        raise InputError(f"No row has all of {', '.join(methods)}.")
    return table.reset_index(drop=True)


def human(source: Path, name: str) -> str:
    """What stands on the human side of the figure `name` of `source`: as its provenance says, else by its dataset."""
    provenance = Path(source).with_suffix(".json")
    try:
        said = json.loads(provenance.read_text(encoding="utf-8"))["parameters"]["human"]
    except (OSError, ValueError, KeyError, TypeError):  # none, or of a figure that does not say
        said = None
    return said if isinstance(said, str) and said else words.human(_dataset(name))


def draw(name: str, table: pd.DataFrame, width: float | None = None, human: str | None = None) -> Figure:
    """The figure `name` (with its dataset, if any) of `table`, `width` inches wide (None: as in `figures/`).

    `human`: what stands on the human side, in a word (None: by the dataset).
    """
    drawing = DRAWINGS[key(name)]
    options = drawing.options(human or words.human(_dataset(name)))
    return drawing.draw(table, **options, **({} if width is None else {"width": width}))


def _dataset(name: str) -> str:
    return name.removeprefix(key(name)).removeprefix("_")
