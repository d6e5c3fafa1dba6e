"""From images to the score of a pair: images -> windows -> inputs -> network -> sides -> values, one per window.

The score of a pair is the unweighted mean of its windows' values. Which quirks of the authors' code are undone on the way
is in `protocol`. Also what may be combined with what.
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from . import distances, windows
from .backbones.devices import BATCH
from .backbones.exact import exact
from .backbones.records import Backbone, layers_of
from .errors import InputError, unknown
from .features import FeatureExtractor, Features
from .images import scaled
from .pair import Pair, Side
from .protocol import PAPER, Protocol, get

Sides = Mapping[Protocol, list[Side]]  # of some windows
Results = dict[str, tuple[Tensor, Tensor | None]]  # distance -> of each window its value (W,) and the layers' parts (W, L)


def protocol_for(backbone: Backbone, name: str) -> Protocol:
    """The protocol called `name` (`protocol.get`), if `backbone` can have it; InputError otherwise."""
    found = get(name)
    for switch in ("patch_tokens", "class_token"):
        if getattr(found, switch) and backbone.kind != "vit":
            raise InputError(f"Protocol {name}: {backbone.name} is a CNN and has no tokens, leave {switch} out.")
    return found


def check_distances(names: Sequence[str], backbone: Backbone, protocol: str = "paper") -> tuple[str, ...]:
    """`names`, if `backbone` has them all; InputError for an unknown distance or one that it cannot have."""
    protocol_for(backbone, protocol)
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


def has_layers(name: str, switches: Protocol) -> bool:
    """Whether the distance `name` is a sum over layers, of which each part can be had alone."""
    return name in ("l2", "cos") or (switches.spatial and name in ("skld", "jsd", "wsd"))


def chosen_layers(layers: int | Sequence[int] | None, backbone: Backbone, name: str, switches: Protocol) -> tuple[int, ...]:
    """The layers that the distance `name` takes (`records.layers_of`); none of embed_cos, which takes the final features.

    InputError where there is no such layer, or where the distance cannot be had of some layers alone.
    """
    if layers is None and name == "embed_cos":
        return ()
    if layers is not None and not has_layers(name, switches):
        what = "compares the final features" if name == "embed_cos" else "mixes all layers and has no parts"
        others = ", ".join(one for one in distances.DISTANCES if has_layers(one, switches))
        raise InputError(f"{name} {what}, so there are no layers to choose: leave layers out, or use {others}.")
    return layers_of(backbone, layers)


def features_of(
    crops: Tensor,
    network: FeatureExtractor,
    switches: Protocol = PAPER,
    layers: Sequence[int] | None = None,
    final: bool = True,
) -> Features:
    """(W, 3, 224, 224) windows, 8-bit or in [0, 1], through the network in one forward pass (`FeatureExtractor.forward`)."""
    return network(inputs(crops.to(network.device), network.backbone, switches), layers, final)


def sides_of(
    images: Tensor,
    network: FeatureExtractor,
    protocols: Sequence[Protocol] = (PAPER,),
    batch: int = BATCH,
    each: int | None = None,
    dense: bool = False,
) -> Iterator[Sides]:
    """Images through the network, `batch` windows at a time: what is compared in each protocol, `each` windows at a time.

    `images`: (B, 3, H, V) in [0, 1] or 8-bit; a window of 224 x 224 px is an image too. The protocols take the same input
    (`Protocol.input`). `each` None: all of a batch. Nothing is kept of what was given before: sides hold much memory.
    `dense`: of each image also the windows that only its map needs, last.
    """
    for crops in windows.batches(images, batch, protocols[0].even_windows, dense):
        features = features_of(crops, network, protocols[0])
        step = each or len(features)
        for start in range(0, len(features), step):
            yield sides_in(features[start : start + step], protocols)


def sides_in(features: Features, protocols: Iterable[Protocol]) -> dict[Protocol, list[Side]]:
    """What is compared of W windows in each of the protocols; those that prepare it in the same way share it."""
    made = {kind: sides(features, kind) for kind in dict.fromkeys(protocol.of_a_side for protocol in protocols)}
    return {protocol: made[protocol.of_a_side] for protocol in protocols}


def inputs(crops: Tensor, backbone: Backbone, switches: Protocol = PAPER) -> Tensor:
    """(W, 3, 224, 224) windows, 8-bit or in [0, 1], where they are, as the network takes them: in [0, 1], or normalised."""
    crops = scaled(crops)  # contiguous: another order in memory would take other convolutions
    if not switches.normalise:
        return crops
    mean, std = (_of_channels(values, crops.device).to(crops.dtype) for values in (backbone.mean, backbone.std))
    return (crops - mean) / std


@functools.cache
@torch.inference_mode(False)  # kept for images that want a gradient, too
def _of_channels(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """(3, 1, 1) there; a copy to a GPU for each batch would wait for all that it has been given to do."""
    return torch.tensor(values, dtype=torch.float32).view(3, 1, 1).to(device)


def one_by_one(device: torch.device) -> bool:
    """Whether windows are compared one after the other there: on a CPU, whose caches hold one."""
    return device.type == "cpu"


def sides(features: Features, switches: Protocol = PAPER) -> list[Side]:
    """W windows as the `Side`s that are compared at once: each alone (`one_by_one`), or all together."""
    step = 1 if one_by_one(features.device) else len(features)
    return [Side(features[i : i + step], switches) for i in range(0, len(features), step)]


def compare(ref: list[Side], dis: list[Side], names: Sequence[str], switches: Protocol | None = None) -> Results:
    """Scores of W windows. `switches`: by default the sides'."""
    device = ref[0].features.device
    with exact(device):
        each = [_compare(r, d, names, switches or r.switches) for r, d in zip(ref, dis, strict=True)]
    return {name: tuple(map(_joined, zip(*(one[name] for one in each), strict=True))) for name in names}


def _compare(ref: Side, dis: Side, names: Sequence[str], switches: Protocol) -> Results:
    """Of several windows l2 and cos, and what else is a sum over layers, take one layer after the other: memory."""
    if len(ref) == 1:
        pair = Pair(ref, dis, switches)
        return {name: distances.DISTANCES[name](pair) for name in names}
    layered = [name for name in names if has_layers(name, switches)]
    pair = Pair(ref, dis, switches)
    found = {name: distances.DISTANCES[name](pair) for name in names if name not in layered}
    del pair  # and with it what was derived
    parts = {name: [] for name in layered}
    for i in range(ref.depth if layered else 0):
        pair = Pair(ref.only(slice(i, i + 1)), dis.only(slice(i, i + 1)), switches)
        for name in layered:
            parts[name].append(distances.DISTANCES[name](pair)[1])
    return found | {name: distances.sum_of(each) for name, each in parts.items()}


def _joined(parts: tuple[Tensor | None, ...]) -> Tensor | None:
    return None if parts[0] is None else parts[0] if len(parts) == 1 else torch.cat(parts)
