"""Names of tensors in the files of other projects -> those of timm's and open_clip's networks.

Hugging Face's ViT, DINOv2, DINOv3, CLIP and SigLIP, and Meta's own DINOv2 and DINOv3. What each family is called is known by
the name of its patch embedding. Tensors that no table names (text towers, heads of the training) are left out.
"""

import re

from ..errors import InputError

Tensors = "dict[str, Tensor]"

VIT = [
    (r"embeddings\.cls_token", "cls_token"),
    (r"embeddings\.register_tokens", "reg_token"),
    (r"embeddings\.position_embeddings", "pos_embed"),
    (r"embeddings\.patch_embeddings\.projection\.(\w+)", r"patch_embed.proj.\1"),
    (r"layernorm\.(\w+)", r"norm.\1"),
    (r"encoder\.layer\.(\d+)\.attention\.attention\.(q|k|v)\w+\.(\w+)", r"blocks.\1.attn.\2.\3"),
    (r"encoder\.layer\.(\d+)\.attention\.output\.dense\.(\w+)", r"blocks.\1.attn.proj.\2"),
    (r"encoder\.layer\.(\d+)\.layernorm_before\.(\w+)", r"blocks.\1.norm1.\2"),
    (r"encoder\.layer\.(\d+)\.layernorm_after\.(\w+)", r"blocks.\1.norm2.\2"),
    (r"encoder\.layer\.(\d+)\.(norm[12]|mlp\.fc[12])\.(\w+)", r"blocks.\1.\2.\3"),
    (r"encoder\.layer\.(\d+)\.(?:intermediate\.dense|mlp\.weights_in)\.(\w+)", r"blocks.\1.mlp.fc1.\2"),
    (r"encoder\.layer\.(\d+)\.(?:output\.dense|mlp\.weights_out)\.(\w+)", r"blocks.\1.mlp.fc2.\2"),
    (r"encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1", r"blocks.\1.ls\2.gamma"),
]
DINOV3 = [
    (r"embeddings\.cls_token", "cls_token"),
    (r"embeddings\.register_tokens", "reg_token"),
    (r"embeddings\.patch_embeddings\.(\w+)", r"patch_embed.proj.\1"),
    (r"norm\.(\w+)", r"norm.\1"),
    (r"(?:model\.)?layer\.(\d+)\.attention\.([qkv])_proj\.(\w+)", r"blocks.\1.attn.\2.\3"),
    (r"(?:model\.)?layer\.(\d+)\.attention\.o_proj\.(\w+)", r"blocks.\1.attn.proj.\2"),
    (r"(?:model\.)?layer\.(\d+)\.(norm[12])\.(\w+)", r"blocks.\1.\2.\3"),
    (r"(?:model\.)?layer\.(\d+)\.mlp\.(gate|up|down)_proj\.(\w+)", r"blocks.\1.mlp.\2.\3"),
    (r"(?:model\.)?layer\.(\d+)\.layer_scale([12])\.lambda1", r"blocks.\1.gamma_\2"),
]
META_DINOV3 = [
    (r"cls_token|patch_embed\.proj\.\w+|norm\.\w+|blocks\.\d+\.(?:norm[12]|attn\.proj|mlp\.fc[12])\.\w+", r"\g<0>"),
    (r"storage_tokens", "reg_token"),
    (r"blocks\.(\d+)\.attn\.qkv\.(weight|bias)", r"blocks.\1.attn.qkv.\2"),
    (r"blocks\.(\d+)\.ls([12])\.gamma", r"blocks.\1.gamma_\2"),
    (r"blocks\.(\d+)\.mlp\.w1\.(\w+)", r"blocks.\1.mlp.gate.\2"),
    (r"blocks\.(\d+)\.mlp\.w2\.(\w+)", r"blocks.\1.mlp.up.\2"),
    (r"blocks\.(\d+)\.mlp\.w3\.(\w+)", r"blocks.\1.mlp.down.\2"),
]
CLIP = [
    (r"embeddings\.class_embedding", "class_embedding"),
    (r"embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"embeddings\.patch_embedding\.weight", "conv1.weight"),
    (r"pre_layrnorm\.(\w+)", r"ln_pre.\1"),
    (r"post_layernorm\.(\w+)", r"ln_post.\1"),
    (r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(\w+)", r"transformer.resblocks.\1.attn.\2.\3"),
    (r"encoder\.layers\.(\d+)\.self_attn\.out_proj\.(\w+)", r"transformer.resblocks.\1.attn.out_proj.\2"),
    (r"encoder\.layers\.(\d+)\.layer_norm([12])\.(\w+)", r"transformer.resblocks.\1.ln_\2.\3"),
    (r"encoder\.layers\.(\d+)\.mlp\.fc1\.(\w+)", r"transformer.resblocks.\1.mlp.c_fc.\2"),
    (r"encoder\.layers\.(\d+)\.mlp\.fc2\.(\w+)", r"transformer.resblocks.\1.mlp.c_proj.\2"),
]
SIGLIP = [
    (r"embeddings\.position_embedding\.weight", "pos_embed"),
    (r"embeddings\.patch_embedding\.(\w+)", r"patch_embed.proj.\1"),
    (r"post_layernorm\.(\w+)", r"norm.\1"),
    (r"encoder\.layers\.(\d+)\.self_attn\.([qkv])_proj\.(\w+)", r"blocks.\1.attn.\2.\3"),
    (r"encoder\.layers\.(\d+)\.self_attn\.out_proj\.(\w+)", r"blocks.\1.attn.proj.\2"),
    (r"encoder\.layers\.(\d+)\.layer_norm([12])\.(\w+)", r"blocks.\1.norm\2.\3"),
    (r"encoder\.layers\.(\d+)\.mlp\.(fc[12])\.(\w+)", r"blocks.\1.mlp.\2.\3"),
    (r"head\.probe", "attn_pool.latent"),
    (r"head\.attention\.in_proj_(\w+)", r"attn_pool.in.\1"),
    (r"head\.attention\.out_proj\.(\w+)", r"attn_pool.proj.\1"),
    (r"head\.layernorm\.(\w+)", r"attn_pool.norm.\1"),
    (r"head\.mlp\.(fc[12])\.(\w+)", r"attn_pool.mlp.\1.\2"),
]


def renamed(found: Tensors) -> Tensors:
    """`found` by timm's names, or open_clip's of CLIP; as it is where it is of none of the families."""
    for anchor, convert in FAMILIES.items():
        if (prefix := _under(found, anchor)) is not None:
            return convert(found, prefix)
    return {re.sub(r"(^|\.)register_tokens$", r"\1reg_token", name): value for name, value in found.items()}  # DINOv2's own


def _under(found: Tensors, anchor: str) -> str | None:
    """What stands before `anchor` in the name that ends with it; a teacher's before a student's."""
    ends = [name.removesuffix(anchor) for name in found if name == anchor or name.endswith(f".{anchor}")]
    return min(ends, key=lambda prefix: ("teacher" not in prefix, "text" in prefix, len(prefix)), default=None)


def _by(table: list[tuple[str, str]], found: Tensors, prefix: str) -> Tensors:
    out = {}
    for name, value in found.items():
        if name.startswith(prefix):
            rest = name.removeprefix(prefix)
            matches = (re.fullmatch(pattern, rest) and re.sub(pattern, ours, rest) for pattern, ours in table)
            if ours := next(filter(None, matches), None):
                out[ours] = value
    return out


def _joined(found: Tensors, joint: str) -> Tensors:
    """Queries, keys and values in one tensor each: `joint` is what it is called behind `attn`, with `{}` for weight or bias."""
    import torch

    out = dict(found)
    for name in found:
        if match := re.fullmatch(r"(.*\.attn)\.q\.(weight|bias)", name):
            start, part = match.groups()
            three = [out.pop(f"{start}.{which}.{part}", None) for which in "qkv"]
            if three[1] is None and three[2] is not None:  # a bias that is always zero has no tensor
                three[1] = torch.zeros_like(three[0])
            if all(one is not None for one in three):
                out[start + joint.format(part)] = torch.cat(three)
    return out


def _vit(found: Tensors, prefix: str) -> Tensors:
    return _joined(_by(VIT, found, prefix), ".qkv.{}")


def _clip_or_siglip(found: Tensors, prefix: str) -> Tensors:
    import torch

    if f"{prefix}embeddings.class_embedding" in found:
        out = _joined(_by(CLIP, found, prefix), ".in_proj_{}")
        projection = found.get(f"{prefix.removesuffix('vision_model.')}visual_projection.weight")
        return out if projection is None else out | {"proj": projection.T}
    out = _joined(_by(SIGLIP, found, prefix), ".qkv.{}")
    if "pos_embed" in out:
        out["pos_embed"] = out["pos_embed"][None]
    for part in ("weight", "bias"):
        if (three := out.pop(f"attn_pool.in.{part}", None)) is not None:
            query, key, value = three.chunk(3)
            out |= {f"attn_pool.q.{part}": query, f"attn_pool.kv.{part}": torch.cat([key, value])}
    return out


def _dinov3(found: Tensors, prefix: str) -> Tensors:
    return _like_eva(_joined(_by(DINOV3, found, prefix), ".qkv.{}"))


def _meta_dinov3(found: Tensors, prefix: str) -> Tensors:
    return _like_eva(_by(META_DINOV3, found, prefix))


def _like_eva(found: Tensors) -> Tensors:
    """timm's DINOv3: biases of queries and values apart, those of keys, which are zero by design, left out; gated MLPs."""
    gated = any(".mlp.gate." in name for name in found)
    parts = {".mlp.gate.": ".mlp.fc1_g.", ".mlp.up.": ".mlp.fc1_x." if gated else ".mlp.fc1.", ".mlp.down.": ".mlp.fc2."}
    out = {}
    for name, value in found.items():
        for theirs, ours in parts.items():
            name = name.replace(theirs, ours)
        if name.endswith(".attn.qkv.bias"):
            query, _, values = value.chunk(3)
            out |= {name.replace("qkv.bias", "q_bias"): query, name.replace("qkv.bias", "v_bias"): values}
        else:
            out[name] = value
    return out


def check_biases(found: Tensors, wanted: Tensors, source: object) -> None:
    """timm has DINOv3 with biases of queries and values and without, as they are zero in some sizes: InputError if not."""
    lost = [name for name in found if name.endswith((".q_bias", ".v_bias")) and name not in wanted and found[name].any()]
    if lost:
        raise InputError(
            f"{source} has biases that are not zero (first: {lost[0]}) where this architecture has none: take the one of "
            "timm whose name has `_qkvb`, as --backbone timm:<id>."
        )


FAMILIES = {  # by a name that only they have
    "embeddings.patch_embeddings.projection.weight": _vit,
    "embeddings.patch_embeddings.weight": _dinov3,
    "embeddings.patch_embedding.weight": _clip_or_siglip,
    "storage_tokens": _meta_dinov3,
}
