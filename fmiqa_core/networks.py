"""How timm's and open_clip's networks are built, and how their layers are read in one forward pass.

Layers are the outputs of the blocks, before any final normalisation: what forward hooks on the blocks would see.
`forward_intermediates` of both libraries gives just that; timm's vision transformers and OpenCLIP's ConvNeXt, of which the
authors read every block and not the four stages, are read with hooks. Those stay on the network and hold nothing: a
block's output goes to whoever reads in this thread.
"""

import contextlib
import functools
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from . import cpu_bf16
from .backbones import EMBEDDING, POOLED, TOKENS, Backbone, Hub
from .errors import InputError, unknown
from .weights import quiet
from .windows import SIZE


def build(backbone: Backbone) -> nn.Module:
    """The network without weights, for windows of 224 px."""
    if backbone.library == "timm":
        import timm

        network = timm.create_model(backbone.arch, pretrained=False, **_size(backbone.kind))
    else:
        network = open_clip_model(backbone.arch, load_weights=False)
    for block in _hooked(network):
        block.register_forward_hook(_tap)
    return network


def open_clip_model(arch: str, **options) -> nn.Module:
    """The image tower of an open_clip model."""
    import open_clip

    with quiet(logging.WARNING):  # it warns through the root logger that a model built without weights has none
        return open_clip.create_model(arch, force_image_size=SIZE, **options).visual


def read(model: nn.Module, windows: Tensor) -> tuple[Tensor | tuple[Tensor, ...], Tensor]:
    """(W, 3, 224, 224) -> layers, (W, L, T, C) of a ViT or L maps (W, C, h, v) of a CNN; final features."""
    if hasattr(model, "trunk"):  # open_clip around a timm network
        if _is_vit(model.trunk):
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
    if _is_vit(model):
        return _vit(model, windows)
    last, maps = model.forward_intermediates(windows)
    return tuple(maps), model.forward_head(last, pre_logits=True)


@functools.cache
def describe(library: str, model: str) -> Backbone:
    """The record of a model that has no name here. InputError where the library does not have it."""
    return _describe_timm(model) if library == "timm" else _describe_open_clip(model)


def _describe_timm(model: str) -> Backbone:
    import timm

    arch = model.split(".")[0]
    if not timm.is_model(arch):
        near = get_close_matches(arch, timm.list_models(), n=3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise InputError(f"timm has no model {model!r}. {hint}See timm.list_models().")
    known = timm.list_pretrained(f"{arch}.*")
    if model not in known and (model != arch or not known):
        raise unknown("timm model", model, known or ["none with weights of this architecture"])
    cfg = timm.get_pretrained_cfg(model)
    with torch.device("meta"):
        network = timm.create_model(arch, pretrained=False)
    vit = _is_vit(network)
    return Backbone(
        name=f"timm:{model}",
        library="timm",
        arch=arch,
        kind="vit" if vit else "cnn",
        layers=len(network.feature_info),
        final=TOKENS if vit else POOLED,
        mean=tuple(cfg.mean),
        std=tuple(cfg.std),
        licence=cfg.license or "not stated",
        weights=Hub(f"timm/{arch}.{cfg.tag}"),
        patch=network.patch_embed.patch_size[0] if vit else None,
    )


def _describe_open_clip(model: str) -> Backbone:
    import open_clip

    arch, _, tag = model.partition("/")
    if arch not in open_clip.list_models():
        raise unknown("open_clip architecture", arch, open_clip.list_models())
    if tag not in (known := open_clip.list_pretrained_tags_by_model(arch)):
        raise unknown(f"open_clip weights of {arch}", tag, known)
    cfg, config = open_clip.get_pretrained_cfg(arch, tag), open_clip.get_model_config(arch)
    if cfg.get("quick_gelu", False) != config.get("quick_gelu", False):  # open_clip only warns, and computes something else
        right = f"{arch}-quickgelu" if cfg.get("quick_gelu") else arch.removesuffix("-quickgelu")
        raise InputError(f"{tag} weights of {arch} need the other activation: use open_clip:{right}/{tag}.")
    vision, trunk = config["vision_cfg"], None
    if "timm_model_name" in vision:
        import timm

        with torch.device("meta"):
            trunk = timm.create_model(vision["timm_model_name"], pretrained=False)
    vit = not isinstance(vision.get("layers"), list) if trunk is None else _is_vit(trunk)
    layers = (vision.get("layers", 12) if vit else 5) if trunk is None else len(_blocks(trunk))
    patch = vision.get("patch_size", 16) if trunk is None else trunk.patch_embed.patch_size[0] if vit else None
    return Backbone(
        name=f"open_clip:{model}",
        library="open_clip",
        arch=arch,
        kind="vit" if vit else "cnn",
        layers=layers,
        final=EMBEDDING,
        mean=tuple(cfg["mean"]),
        std=tuple(cfg["std"]),
        licence="see the model's page",
        weights=Hub(tag),
        patch=patch if vit else None,
    )


def _size(kind: str) -> dict:
    return {"img_size": SIZE, "num_classes": 0} if kind == "vit" else {}


def _is_vit(model: nn.Module) -> bool:
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
    """Layers (W, L, T, C), fp32, and the normalised last one (W, T, C) of a timm vision transformer.

    With hooks: `forward_intermediates` takes prefix and patches apart, and joining them again costs a copy of it all.
    """
    with _recorded() as taps, cpu_bf16.faster(windows):
        final = model.forward_features(windows)
    return _together(taps), final


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
    return list(network.blocks) if hasattr(network, "feature_info") and _is_vit(network) else []


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
