"""How timm's and open_clip's networks are built, and how their layers are read in one forward pass.

Layers are the outputs of the blocks, before any final normalisation: what forward hooks on the blocks would see.
`forward_intermediates` of both libraries gives just that; timm's vision transformers and OpenCLIP's ConvNeXt, of which the
authors read every block and not the four stages, are read with hooks. Those stay on the network and hold nothing: a
block's output goes to whoever reads in this thread.
"""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from ..errors import InputError, first_line
from ..files.quiet import quiet
from ..windows import SIZE
from . import cpu_bf16
from .records import Backbone

NO_TEXT = {"context_length": 8, "vocab_size": 8, "width": 8, "heads": 1, "layers": 1}  # of the tower that is not read


def build(backbone: Backbone) -> nn.Module:
    """The network without weights and without a classifier, for windows of 224 px."""
    if backbone.library == "timm":
        import timm

        size = {"img_size": SIZE} if backbone.kind == "vit" else {}
        tagged = getattr(backbone.weights, "id", "").removeprefix("timm/")  # some architectures have sizes by tag
        name = tagged if tagged.startswith(f"{backbone.arch}.") else backbone.arch
        network = timm.create_model(name, pretrained=False, num_classes=0, **size)
    else:
        network = open_clip_model(backbone.arch).visual
    for block in _hooked(network):
        block.register_forward_hook(_tap)
    return network


def outline(backbone: Backbone) -> nn.Module:
    """What `build` gives, with shapes alone (torch's meta device). InputError where the library cannot build it."""
    try:
        with torch.device("meta"):
            return build(backbone).eval()
    except Exception as error:  # of arguments that an architecture does not take, for instance
        why = first_line(error)[:200]
        raise InputError(f"{backbone.name} cannot be built for windows of {SIZE} px: {why}. Choose another model.") from error


def open_clip_model(arch: str, whole: bool = False) -> nn.Module:
    """An open_clip model without weights, its image tower for windows of 224 px.

    `whole`: as its weight files have it, with the text tower, and with an image tower of timm or a ResNet at its own size.
    """
    import open_clip

    vision = open_clip.get_model_config(arch)["vision_cfg"]
    own_size = whole and ("timm_model_name" in vision or isinstance(vision.get("layers"), list))
    forced = {} if own_size else {"force_image_size": SIZE}
    text = {"pretrained_hf": False} if whole else {"text_cfg": NO_TEXT}
    with quiet(logging.WARNING):  # it warns through the root logger that a model built without weights has none
        return open_clip.create_model(arch, load_weights=False, device=torch.get_default_device(), **forced, **text)


Taps = tuple[Tensor, ...]  # of the layers that are read: (W, T, C) each of a ViT, (W, C, h, v) of a CNN


def read(
    model: nn.Module, windows: Tensor, layers: Sequence[int] | None = None, final: bool = True
) -> tuple[Taps, Tensor | None]:
    """(W, 3, 224, 224) -> the outputs of the blocks `layers` (ascending, from 0; None: of all), and the final features.

    In the type that the network computes in. Without `final` the forward pass ends behind the last of `layers`.
    """
    if not hasattr(model, "trunk") and not hasattr(model, "feature_info"):
        return _open_clip(model, windows, layers, final)
    trunk = getattr(model, "trunk", model)  # open_clip around a timm network
    if trunk is model and not is_vit(model):
        return _maps(model, windows, layers, final)
    # With hooks: `forward_intermediates` takes prefix and patches apart, and joining them again costs a copy of it all.
    found = None
    count = len(_hooked(model))
    with _recorded(layers, None if final else max(range(count) if layers is None else layers, default=-1)) as taps:
        if is_vit(trunk):
            with cpu_bf16.faster(windows):
                tokens = trunk.forward_features(windows)
            found = _normalised(model, tokens) if trunk is model else model.head(trunk.forward_head(tokens))
        else:
            found = model(windows)
    return tuple(taps), found if final else None


def _maps(model: nn.Module, windows: Tensor, layers: Sequence[int] | None, final: bool) -> tuple[Taps, Tensor | None]:
    """`read`, of timm's CNNs and other networks that keep maps."""
    if not final:
        options = {"indices": _indices(layers), "stop_early": True, "intermediates_only": True}
        return _of(model.forward_intermediates(windows, **options), layers), None
    last, maps = model.forward_intermediates(windows, indices=_indices(layers))
    return _of(maps, layers), model.forward_head(last, pre_logits=True)


def _open_clip(model: nn.Module, windows: Tensor, layers: Sequence[int] | None, final: bool) -> tuple[Taps, Tensor | None]:
    """`read`, of open_clip's own networks."""
    vit = hasattr(model, "transformer")
    options = {"output_fmt": "NLC", "output_extra_tokens": True} if vit else {}
    options |= {"indices": _indices(layers), "intermediates_only": not final}
    out = model.forward_intermediates(windows, stop_early=vit != final, **options)  # its ResNet takes it the other way (3.3)
    taps = out["image_intermediates"]
    if vit:
        taps = [torch.cat(pair, dim=1) for pair in zip(out["image_intermediates_prefix"], taps, strict=True)]
    return _of(taps, layers), out["image_features"] if final else None


def _indices(layers: Sequence[int] | None) -> list[int] | int | None:
    """As both libraries take them. They cannot read none: the last one instead, which `_of` leaves out."""
    return None if layers is None else list(layers) or 1


def _of(taps: Sequence[Tensor], layers: Sequence[int] | None) -> Taps:
    return tuple(taps if layers is None else taps[: len(layers)])


def is_vit(model: nn.Module) -> bool:
    """Tokens in a sequence; Swin and SAM keep theirs on a map."""
    return hasattr(model, "num_prefix_tokens") and hasattr(model, "blocks")


def _blocks(trunk: nn.Module) -> list[nn.Module]:
    """Every block of a timm network, in execution order."""
    if hasattr(trunk, "blocks"):
        return list(trunk.blocks)
    if not hasattr(trunk, "stages") or not all(hasattr(stage, "blocks") for stage in trunk.stages):
        raise InputError(f"{type(trunk).__name__} inside open_clip is not supported: its blocks are not known.")
    return [block for stage in trunk.stages for block in stage.blocks]


def final_norm(model: nn.Module) -> nn.Module | None:
    """The norm of a timm vision transformer's final tokens: its last layer, or where it pools, `fc_norm` behind the pool."""
    norms = (getattr(model, name, None) for name in ("norm", "fc_norm"))
    return next((norm for norm in norms if norm is not None and not isinstance(norm, nn.Identity)), None)


def _normalised(model: nn.Module, tokens: Tensor) -> Tensor:
    """What `forward_features` gives (W, T, C), normalised by `fc_norm` where it has not been by `norm`."""
    norm = final_norm(model)
    return tokens if norm is None or norm is getattr(model, "norm", None) else norm(tokens)


class _Reading:
    """What one thread reads of a forward pass."""

    def __init__(self, layers: Sequence[int] | None, last: int | None):
        self.taps: list[Tensor] = []
        self.layers, self.count = None if layers is None else frozenset(layers), 0
        self.last = last

    def tap(self, output: Tensor) -> None:
        if self.layers is None or self.count in self.layers:
            self.taps.append(output)
        if self.count == self.last:
            raise _Enough
        self.count += 1


class _Enough(Exception):  # noqa: N818 - no error
    """The last block that is read has been computed."""


_READING: ContextVar[_Reading | None] = ContextVar("reading", default=None)


def _hooked(network: nn.Module) -> list[nn.Module]:
    """The blocks that `read` reads with hooks, in execution order."""
    if hasattr(network, "trunk"):
        return _blocks(network.trunk)
    return list(network.blocks) if hasattr(network, "feature_info") and is_vit(network) else []


def _tap(_module: nn.Module, _input: tuple, output: Tensor) -> None:
    reading = _READING.get()
    if reading is not None:
        reading.tap(output)


@contextlib.contextmanager
def _recorded(layers: Sequence[int] | None, last: int | None) -> Iterator[list[Tensor]]:
    """What the blocks `layers` give in this thread, within the block of code, which ends behind the block `last` if given."""
    reading = _Reading(layers, last)
    before = _READING.set(reading)
    try:
        yield reading.taps
    except _Enough:
        pass
    finally:
        _READING.reset(before)
