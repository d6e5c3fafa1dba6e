"""How timm's and open_clip's networks are built, and how their layers are read in one forward pass.

Layers are the outputs of the blocks, before any final normalisation: what forward hooks on the blocks would see.
`forward_intermediates` of both libraries gives just that; timm's vision transformers and OpenCLIP's ConvNeXt, of which the
authors read every block and not the four stages, are read with hooks. Those stay on the network and hold nothing: a
block's output goes to whoever reads in this thread.
"""

import contextlib
import logging
from collections.abc import Iterator
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


def read(model: nn.Module, windows: Tensor) -> tuple[Tensor | tuple[Tensor, ...], Tensor]:
    """(W, 3, 224, 224) -> layers, (W, L, T, C) of a ViT or L maps (W, C, h, v) of a CNN; final features."""
    if hasattr(model, "trunk"):  # open_clip around a timm network
        if is_vit(model.trunk):
            layers, final = _vit(model.trunk, windows)
            return layers, model.head(model.trunk.forward_head(final))
        with _recorded() as maps:
            final = model(windows)
        return tuple(maps), final
    if not hasattr(model, "feature_info"):  # open_clip's own
        vit = hasattr(model, "transformer")
        options = {"output_fmt": "NLC", "output_extra_tokens": True} if vit else {}
        out = model.forward_intermediates(windows, **options)
        if not vit:
            return tuple(out["image_intermediates"]), out["image_features"]
        pairs = zip(out["image_intermediates_prefix"], out["image_intermediates"], strict=True)
        return _together([torch.cat(pair, dim=1) for pair in pairs]), out["image_features"]
    if is_vit(model):
        layers, final = _vit(model, windows)
        return layers, _normalised(model, final)
    last, maps = model.forward_intermediates(windows)
    return tuple(maps), model.forward_head(last, pre_logits=True)


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


def _vit(model: nn.Module, windows: Tensor) -> tuple[Tensor, Tensor]:
    """Layers (W, L, T, C), fp32, and the last one (W, T, C) of a timm vision transformer, which may be normalised.

    With hooks: `forward_intermediates` takes prefix and patches apart, and joining them again costs a copy of it all.
    """
    with _recorded() as taps, cpu_bf16.faster(windows):
        final = model.forward_features(windows)
    return _together(taps), final


def final_norm(model: nn.Module) -> nn.Module | None:
    """The norm of a timm vision transformer's final tokens: its last layer, or where it pools, `fc_norm` behind the pool."""
    norms = (getattr(model, name, None) for name in ("norm", "fc_norm"))
    return next((norm for norm in norms if norm is not None and not isinstance(norm, nn.Identity)), None)


def _normalised(model: nn.Module, tokens: Tensor) -> Tensor:
    """What `forward_features` gives (W, T, C), normalised by `fc_norm` where it has not been by `norm`."""
    norm = final_norm(model)
    return tokens if norm is None or norm is getattr(model, "norm", None) else norm(tokens)


def _together(taps: list[Tensor]) -> Tensor:
    """L taps (W, T, C) -> (W, L, T, C), fp32 at once: a stack and then a conversion would pass over all layers twice."""
    layers = torch.empty(len(taps[0]), len(taps), *taps[0].shape[1:], dtype=torch.float32, device=taps[0].device)
    for i, tap in enumerate(taps):
        layers[:, i] = tap
    return layers


_TAPS: ContextVar[list[Tensor] | None] = ContextVar("taps", default=None)


def _hooked(network: nn.Module) -> list[nn.Module]:
    """The blocks that `read` reads with hooks, in execution order."""
    if hasattr(network, "trunk"):
        return _blocks(network.trunk)
    return list(network.blocks) if hasattr(network, "feature_info") and is_vit(network) else []


def _tap(_module: nn.Module, _input: tuple, output: Tensor) -> None:
    taps = _TAPS.get()
    if taps is not None:
        taps.append(output)


@contextlib.contextmanager
def _recorded() -> Iterator[list[Tensor]]:
    """What the blocks give in this thread, within the block of code."""
    taps: list[Tensor] = []
    before = _TAPS.set(taps)
    try:
        yield taps
    finally:
        _TAPS.reset(before)
