"""Records of models that have no name here, made of what timm and open_clip say of them.

Each network is read once on torch's meta device, which needs no memory for its numbers, before it becomes a record. What
cannot be read in windows of 224 px, and what keeps its tokens otherwise than a `Side` takes them, is refused by name
before anything is fetched.
"""

import functools
import math
from dataclasses import replace
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from ..errors import InputError, first_line, unknown
from ..windows import SIZE
from . import networks, positions
from .records import EMBEDDING, POOLED, RAW_TOKENS, TOKENS, Backbone, Hub, keeps_native_grid


@functools.cache
def describe(library: str, model: str) -> Backbone:
    """The record of `timm:<model>` or `open_clip:<model>`. InputError where it does not exist or cannot be read."""
    return _timm(model) if library == "timm" else _open_clip(model)


def _timm(model: str) -> Backbone:
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
        native = timm.create_model(model, pretrained=False)
    vit, side = networks.is_vit(native), cfg.input_size[-1]
    draft = Backbone(
        name=f"timm:{model}",
        library="timm",
        arch=arch,
        kind="vit" if vit else "cnn",
        layers=0,
        final=POOLED if not vit else TOKENS if networks.final_norm(native) else RAW_TOKENS,
        mean=tuple(cfg.mean),
        std=tuple(cfg.std),
        licence=cfg.license or "not stated",
        weights=Hub(f"timm/{arch}.{cfg.tag}"),
        native_grid=vit and keeps_native_grid(arch),
    )
    network = networks.outline(draft)
    record = _read(draft, network, f"it takes images of {side} px only" if cfg.fixed_input_size and side != SIZE else "")
    return replace(record, resized=_resized(record, native, network, side)) if vit else record


def _resized(record: Backbone, native: nn.Module, network: nn.Module, side: int) -> str:
    """What is done to tables of positions that were made for images of `side` px: for the report."""
    ours = network.state_dict()
    other = [name for name, tensor in native.state_dict().items() if name in ours and tensor.shape != ours[name].shape]
    if "pos_embed" in other:
        return record.regrid(side // record.patch)
    return f"relative positions of {side} px resized as timm does" if other else ""


def _open_clip(model: str) -> Backbone:
    import open_clip

    arch, _, tag = model.partition("/")
    if arch not in open_clip.list_models():
        raise unknown("open_clip architecture", arch, open_clip.list_models())
    if tag not in (known := open_clip.list_pretrained_tags_by_model(arch)):
        raise unknown(f"open_clip weights of {arch}", tag, known)
    cfg, config = open_clip.get_pretrained_cfg(arch, tag), open_clip.get_model_config(arch)
    # open_clip only warns, and computes something else; a tag that says nothing was made for its own architecture
    if cfg.get("quick_gelu", quick := config.get("quick_gelu", False)) != quick:
        right = arch.removesuffix("-quickgelu") if quick else f"{arch}-quickgelu"
        there = right in open_clip.list_models() and tag in open_clip.list_pretrained_tags_by_model(right)
        remedy = f"use open_clip:{right}/{tag}" if there else "open_clip has no architecture with it"
        raise InputError(f"{tag} weights of {arch} need the other activation: {remedy}.")
    draft = Backbone(
        name=f"open_clip:{model}",
        library="open_clip",
        arch=arch,
        kind="",
        layers=0,
        final=EMBEDDING,
        mean=tuple(cfg["mean"]),
        std=tuple(cfg["std"]),
        licence="see the model's page",
        weights=Hub(tag),
    )
    network, side = networks.outline(draft), config["vision_cfg"].get("image_size", SIZE)
    record = _read(draft, network)
    per_row = record.patch or 32  # of a ResNet's map, which is pooled by attention with positions
    has_table = any(name.endswith(positions.NAMES) for name in network.state_dict())
    return replace(record, resized=record.regrid(side // per_row) if has_table and side != SIZE else "")


def _read(draft: Backbone, network: nn.Module, hint: str = "") -> Backbone:
    """`draft` with what a reading of `network` shows. InputError, with `hint` as its reason, where that fails."""
    try:
        with torch.inference_mode():
            layers, final = _shapes(draft, network)
        kinds, sizes = {layer.ndim for layer in layers}, {layer.shape for layer in layers}
    except InputError:
        raise
    except Exception as error:  # every architecture has its own
        odd = "its blocks do not each give the same tokens" if draft.kind == "vit" else ""
        why = hint or odd or first_line(error)[:200]
        raise _unreadable(draft, why) from error
    if kinds != {3}:
        if kinds != {4} or final.ndim != 2:
            raise _unreadable(draft, "its layers are neither maps nor tokens")
        return replace(draft, kind="cnn", layers=len(layers))
    if len(sizes) > 1:
        raise _unreadable(draft, "its blocks do not each give the same tokens")
    if final.ndim != (2 if draft.final == EMBEDDING else 3):
        raise _unreadable(draft, "its final features are no sequence of tokens")
    trunk = getattr(network, "trunk", network)
    before = getattr(trunk, "num_prefix_tokens", 1)
    tokens = final.shape[1] if final.ndim == 3 else layers[0].shape[1]
    side = math.isqrt(tokens - before)
    if side**2 != tokens - before or layers[0].shape[1] not in (tokens, tokens - before):  # CaiT's class token comes later
        raise _unreadable(draft, "its tokens are not a square grid of patches and what stands before them")
    size = getattr(getattr(trunk, "patch_embed", trunk), "patch_size", None)
    patch = size[0] if isinstance(size, tuple) and SIZE // size[0] == side else SIZE // side
    places = (trunk, getattr(trunk, "embeds", None))  # the second in NaFlex ViTs
    has_class = any(getattr(place, name, None) is not None for place in places for name in ("cls_token", "class_embedding"))
    return replace(draft, kind="vit", layers=len(layers), patch=patch, class_token=has_class)


def _shapes(draft: Backbone, network: nn.Module) -> tuple[tuple[Tensor, ...], Tensor]:
    """What a reading of `network` gives, without its numbers where it does not look at them (Gemma's does)."""
    try:
        with torch.device("meta"):
            return networks.read(network, torch.empty(1, 3, SIZE, SIZE))
    except (RuntimeError, NotImplementedError) as error:
        if "meta tensor" not in str(error):
            raise
    return networks.read(networks.build(draft).eval(), torch.zeros(1, 3, SIZE, SIZE))


def _unreadable(draft: Backbone, why: str) -> InputError:
    return InputError(f"{draft.name} cannot be read in windows of {SIZE} px: {why}. Choose another model.")
