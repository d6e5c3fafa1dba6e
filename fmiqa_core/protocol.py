"""From windows to the score of an image pair: the unweighted mean of the windows' scores.

Which quirks of the authors' code are undone on the way is in `switches`. Also what may be combined with what, and
the reporting string that names it all.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from . import __version__, distances
from .backbones.exact import exact
from .backbones.records import Backbone
from .errors import InputError, unknown
from .features import Features
from .switches import PAPER, Protocol, get

BATCH = 12  # windows per forward pass: LIVE's 768 x 512 has 12, TID2013 6, PIPAL 4


def check_protocol(name: str, backbone: Backbone | None = None) -> str:
    """`name`, if it is a protocol (see `switches.get`) that `backbone` can have; InputError otherwise."""
    found = get(name)
    for switch in ("patch_tokens", "class_token"):
        if getattr(found, switch) and backbone is not None and backbone.kind != "vit":
            raise InputError(f"Protocol {name}: {backbone.name} is a CNN and has no tokens, leave {switch} out.")
    return name


def check_distances(names: Sequence[str], backbone: Backbone, protocol: str = "paper") -> tuple[str, ...]:
    """`names`, if `backbone` has them all; InputError for an unknown distance or one that it cannot have."""
    check_protocol(protocol, backbone)
    for name in names:
        if name not in distances.DISTANCES:
            raise unknown("distance", name, distances.DISTANCES)
        if name not in available(backbone, protocol):
            others = ", ".join(available(backbone, protocol))
            if backbone.kind == "vit":
                raise InputError(f"{name} needs patch tokens, protocol {protocol} has none: use {others}.")
            remedy = "" if name in distances.NOT_OF_A_CNN else ", or protocol corrected"
            raise InputError(
                f"{name} in protocol {protocol} is defined on the token stack of a ViT; {backbone.name} is a CNN: "
                f"use {others}{remedy}."
            )
    if not names:
        raise InputError("No distance asked for.")
    return tuple(dict.fromkeys(names))


def available(backbone: Backbone, protocol: str = "paper") -> tuple[str, ...]:
    """All distances that `backbone` can have in `protocol`.

    >>> from fmiqa_core import backbones
    >>> available(backbones.get("clip_rn50")), available(backbones.get("clip_rn50"), "corrected")
    (('l2', 'cos', 'embed_cos'), ('l2', 'cos', 'skld', 'jsd', 'wsd', 'embed_cos'))
    """
    found = get(protocol)
    without = () if backbone.kind == "vit" else distances.NOT_OF_A_CNN if found.spatial else distances.VIT_ONLY
    without = distances.VIT_ONLY if found.class_token else without
    return tuple(name for name in distances.DISTANCES if name not in without)


def default_distances(backbone: Backbone, protocol: str = "paper") -> tuple[str, ...]:
    """All but swd, which is several times slower than the rest together."""
    return tuple(name for name in available(backbone, protocol) if name != "swd")


def inputs(windows: Tensor, backbone: Backbone, switches: Protocol = PAPER) -> Tensor:
    """(W, 3, 224, 224) windows in [0, 1] as the network takes them: as they are, or normalised."""
    if not switches.normalise:
        return windows
    mean, std = (windows.new_tensor(values).view(3, 1, 1) for values in (backbone.mean, backbone.std))
    return (windows - mean) / std


def sides(features: Features, switches: Protocol = PAPER) -> list[distances.Side]:
    """W windows as the `Side`s that are compared at once: one by one on a CPU (caches), together elsewhere."""
    step = 1 if features.final.device.type == "cpu" else len(features)
    return [distances.Side(features[i : i + step], switches) for i in range(0, len(features), step)]


@exact()
def compare(
    ref: list[distances.Side], dis: list[distances.Side], names: Sequence[str], switches: Protocol | None = None
) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Scores of W windows: distance -> (value (W,), layer parts (W, L) or None). `switches`: by default the sides'."""
    results = {name: [] for name in names}
    for r, d in zip(ref, dis, strict=True):
        pair = distances.Pair(r, d, switches)
        for name in names:
            results[name].append(distances.DISTANCES[name](pair))
    return {
        name: (torch.cat([v for v, _ in rows]), None if rows[0][1] is None else torch.cat([p for _, p in rows]))
        for name, rows in results.items()
    }


def report(
    backbone: Backbone,
    names: Sequence[str],
    protocol: str,
    precision: str,
    device: torch.device,
    weights: tuple[str, str],
    data: str = "",
) -> str:
    """One line to paste into a paper: version, backbone and weights, layers, distance, protocol, precision, data."""
    layers = "final features" if tuple(names) == ("embed_cos",) else f"layers 0-{backbone.layers - 1}"
    source, sha256 = weights
    return (
        f"fmiqa {__version__} | {backbone.name}, weights {source} (sha256 {sha256}) | "
        f"{layers} | {', '.join(names)} | protocol {protocol} | {precision} on {device.type}"
        + (f" | {data}" if data else "")
        + (f" | {backbone.caution}" if backbone.caution else "")
    )
