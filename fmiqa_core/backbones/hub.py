"""Weights of the model hub, as timm and open_clip fetch them, with a proof that every tensor came from the file.

Both libraries go on with random weights in some cases: open_clip where a file cannot be had but its configuration can,
timm where names in a file are others than those of a network whose classifier is left out. So a tensor counts as loaded
only where what was there before, not-a-number everywhere, is gone, or where a file of not-a-number leaves it so.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..errors import InputError
from ..files import progress
from ..windows import SIZE
from . import hub_files, networks
from .records import Backbone

NAN = float("nan")
TIMM_FILES = ("model.safetensors", "pytorch_model.bin")
OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")


def fetch(backbone: Backbone) -> dict[str, Tensor]:
    """The weights of `backbone` (safetensors, or torch's `weights_only`). InputError where its file does not hold them all."""
    return {"timm": of_timm, "open_clip": of_open_clip}[backbone.library](backbone)


def of_timm(backbone: Backbone) -> dict[str, Tensor]:
    """The tensors of `backbone` without a classifier. InputError where the file does not hold them all.

    timm's conversions of names and shapes cannot be called alone. They run twice: on the file, and on a file of the same
    names whose numbers are not-a-number. What comes out as a number of the second was never read.
    """
    import timm

    name = backbone.weights.id.removeprefix("timm/")
    size = {"img_size": SIZE} if backbone.kind == "vit" and not backbone.native_grid else {}

    def converted(state: dict) -> dict[str, Tensor]:
        overlay = {"state_dict": state}
        return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=0, **size).state_dict()

    content = _read(_timm_file(timm.get_pretrained_cfg(name), hub_files.folder(backbone.file)))
    nothing = _emptied(content)  # before the conversion, which takes things out of `content`
    with progress.ticking(lambda seconds: f"Converting ... {seconds} s"):
        found, empty = converted(content), converted(nothing)
    unread = [key for key, tensor in empty.items() if tensor.is_floating_point() and not tensor.isnan().all()]
    _refuse(backbone, unread, len(found))
    return found


def _timm_file(cfg, folder: Path) -> Path:
    """The weight file that timm's configuration names."""
    if cfg.hf_hub_id:
        return hub_files.of_repository(cfg.hf_hub_id, TIMM_FILES, folder)
    return hub_files.of_url(cfg.url, Path(torch.hub.get_dir()) / "checkpoints", folder)


def _read(file: Path) -> dict:
    if file.suffix == ".safetensors":
        return load_file(file)
    return torch.load(file, weights_only=True, map_location="cpu")


def _emptied(content):
    """`content` with not-a-number in the place of every number, which takes no memory."""
    if isinstance(content, dict):
        return {key: _emptied(value) for key, value in content.items()}
    if isinstance(content, Tensor) and content.is_floating_point():
        return torch.full((), NAN, dtype=content.dtype).expand(content.shape)
    return content


def of_open_clip(backbone: Backbone) -> dict[str, Tensor]:
    """The tensors of the image tower of `backbone`. InputError where the file does not hold them all."""
    import open_clip

    file = _open_clip_file(backbone.weights.id, backbone.arch, hub_files.folder(backbone.file))
    model = networks.open_clip_model(backbone.arch, whole=True)
    with torch.no_grad():
        for tensor in _numbers(model.visual).values():
            tensor.fill_(NAN)
    with progress.ticking(lambda seconds: f"Converting ... {seconds} s"):
        open_clip.load_checkpoint(model, str(file), weights_only=True)
    numbers = _numbers(model.visual)
    _refuse(backbone, [key for key, tensor in numbers.items() if tensor.isnan().any()], len(numbers))
    if hasattr(model.visual, "trunk"):
        model.visual.set_input_size(SIZE)
    return model.visual.state_dict()


def _open_clip_file(source: str, arch: str, folder: Path) -> Path:
    """The weight file of a tag, or of the repository that `hf-hub:` names."""
    import open_clip

    cfg = {} if source.startswith("hf-hub:") else open_clip.get_pretrained_cfg(arch, source)
    place = cfg.get("hf_hub", "") if cfg else source.removeprefix("hf-hub:") + "/"
    if not place:
        return hub_files.of_url(cfg["url"], Path.home() / ".cache" / "clip", folder)
    repository, _, name = place.rpartition("/")  # nothing behind the slash: by one of the usual names
    names = (f"{name.rpartition('.')[0]}.safetensors", name) if name else OPEN_CLIP_FILES
    return hub_files.of_repository(repository, names, folder)


def _numbers(network: nn.Module) -> dict[str, Tensor]:
    """What is kept of `network`, but for counters and indices."""
    return {key: tensor for key, tensor in network.state_dict().items() if tensor.is_floating_point()}


def _refuse(backbone: Backbone, unread: list[str], total: int) -> None:
    if unread:
        hub_files.drop(backbone.file)
        raise InputError(
            f"The weight file of {backbone.name} at the model hub ({backbone.weights.id}) does not hold {len(unread)} of "
            f"{total} tensors (first: {unread[0]}): nothing was installed. Give a right one with --weights FILE."
        )
