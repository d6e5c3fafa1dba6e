"""From images to the score of a pair: images -> windows -> inputs -> network -> sides -> values, one per window.

The score of a pair is the unweighted mean of its windows' values. Which quirks of the authors' code are undone on the way
is in `protocol`. Also what may be combined with what.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from . import distances, windows
from .backbones.exact import exact
from .backbones.records import Backbone
from .errors import InputError, unknown
from .features import FeatureExtractor, Features
from .pair import Pair, Side
from .protocol import PAPER, Protocol, get

BATCH = 12  # windows per forward pass: LIVE's 768 x 512 has 12, TID2013 6, PIPAL 4
Sides = Mapping[Protocol, list[Side]]  # of one image's windows


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


def sides_of(
    images: Tensor,
    network: FeatureExtractor,
    protocols: Sequence[Protocol] = (PAPER,),
    batch: int = BATCH,
    each: int | None = None,
) -> Iterator[Sides]:
    """Images through the network, `batch` windows at a time: what is compared in each protocol, `each` windows at a time.

    `images`: (B, 3, H, V) in [0, 1] or 8-bit; a window of 224 x 224 px is an image too. The protocols take the same input
    (`Protocol.input`). `each` None: all of a batch. Nothing is kept of what was given before: sides hold much memory.
    """
    crops = windows.cut(images, protocols[0].even_windows).flatten(0, 1)
    for part in crops.split(batch):
        features = network(inputs(part, network.backbone, protocols[0]))
        step = each or len(features)
        for start in range(0, len(features), step):
            some = features[start : start + step]
            made = {kind: sides(some, kind) for kind in dict.fromkeys(protocol.of_a_side for protocol in protocols)}
            yield {protocol: made[protocol.of_a_side] for protocol in protocols}
            del some, made


def inputs(crops: Tensor, backbone: Backbone, switches: Protocol = PAPER) -> Tensor:
    """(W, 3, 224, 224) windows, 8-bit or in [0, 1], as the network takes them: in [0, 1], or normalised."""
    if crops.dtype == torch.uint8:
        crops = crops.float() / 255
    if not switches.normalise:
        return crops
    mean, std = (crops.new_tensor(values).view(3, 1, 1) for values in (backbone.mean, backbone.std))
    return (crops - mean) / std


def sides(features: Features, switches: Protocol = PAPER) -> list[Side]:
    """W windows as the `Side`s that are compared at once: one by one on a CPU (caches), together elsewhere."""
    step = 1 if features.final.device.type == "cpu" else len(features)
    return [Side(features[i : i + step], switches) for i in range(0, len(features), step)]


@exact()
def compare(
    ref: list[Side], dis: list[Side], names: Sequence[str], switches: Protocol | None = None
) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Scores of W windows: distance -> (value (W,), layer parts (W, L) or None). `switches`: by default the sides'."""
    results = {name: [] for name in names}
    for r, d in zip(ref, dis, strict=True):
        pair = Pair(r, d, switches)
        for name in names:
            results[name].append(distances.DISTANCES[name](pair))
    return {
        name: (torch.cat([v for v, _ in rows]), None if rows[0][1] is None else torch.cat([p for _, p in rows]))
        for name, rows in results.items()
    }
