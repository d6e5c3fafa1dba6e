"""Shift-tolerant LPIPS: the networks as their paper describes them, with the weights that its author ships on PyPI.

Every stride of AlexNet and VGG16 is taken by a blur [1 2 1] of stride 2 after a layer of stride 1, with reflected edges of
2 px. The wheel is read, not installed: its code imports an implementation of the blur under a non-commercial licence.

Ghildyal and Liu 2022, arXiv 2207.13686; LPIPS: Zhang et al. 2018, arXiv 1801.03924; blur: Zhang 2019, arXiv 1904.11486.
"""

import functools
import io
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import InputError
from ..files.wheels import WheelFile

if TYPE_CHECKING:
    from torch import Tensor

_ALEX = WheelFile(
    package="stlpips-pytorch",
    version="0.0.2",
    wheel="stlpips_pytorch-0.0.2-py3-none-any.whl",
    member="stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth",
    sha256="b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
    megabytes=64,
    licence="BSD-2-Clause",
)
WEIGHTS = {
    "alex": _ALEX,
    "vgg": replace(
        _ALEX,
        member="stlpips_pytorch/weights/vST0.0/vgg_shift_tolerant.pth",
        sha256="44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
    ),
}
_HALVED = "max2 blur"
STAGES = {  # what stands between two taps: conv<padding>, max<size> of stride 1, blur, relu
    "alex": ("conv2 blur relu", "max3 blur conv2 relu", "max3 blur conv1 relu", "conv1 relu", "conv1 relu"),
    "vgg": (
        "conv1 relu conv1 relu",
        f"{_HALVED} conv1 relu conv1 relu",
        *[f"{_HALVED} conv1 relu conv1 relu conv1 relu"] * 3,
    ),
}
EDGE = 2  # px reflected at each side before a blur
SMALLEST = 21  # px of AlexNet, 18 of VGG16: below, too little is left to reflect at the last blur


def distance(ref: "Tensor", dis: "Tensor", net: str) -> float:
    """Of two (1, 3, H, V) in [-1, 1], a distance: over the taps, the mean over positions of weighted squared differences
    of features of unit length. InputError where an image is too small or the weights cannot be had.
    """
    import torch

    if min(ref.shape[-2:]) < SMALLEST:
        raise InputError(f"The images are too small: ST-LPIPS needs sides of at least {SMALLEST} px.")
    tensors = load(net)
    with torch.inference_mode():
        images = (torch.cat([ref, dis]) - tensors["scaling_layer.shift"]) / tensors["scaling_layer.scale"]
        total = 0.0
        for tap, features in enumerate(_taps(images, tensors, STAGES[net])):
            unit = features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)
            weight = tensors[f"lin{tap}.model.1.weight"]
            total += torch.nn.functional.conv2d((unit[:1] - unit[1:]).square(), weight).mean().item()
    return total


def _taps(images: "Tensor", tensors: "dict[str, Tensor]", stages):
    """The features (2, C, h, w) at the end of each stage."""
    from torch.nn import functional

    convolutions = iter([name.removesuffix(".weight") for name in tensors if name.startswith("net.") and "weight" in name])
    for stage in stages:
        for step in stage.split():
            if step.startswith("conv"):
                name = next(convolutions)
                images = functional.conv2d(images, tensors[f"{name}.weight"], tensors[f"{name}.bias"], padding=int(step[4:]))
            elif step.startswith("max"):
                images = functional.max_pool2d(images, int(step[3:]), stride=1)
            else:
                images = images.relu() if step == "relu" else _halve(images)
        yield images


def _halve(images: "Tensor") -> "Tensor":
    from torch.nn import functional

    line = images.new_tensor([0.25, 0.5, 0.25])
    kernel = (line[:, None] * line).expand(images.shape[1], 1, 3, 3)
    padded = functional.pad(images, [EDGE] * 4, mode="reflect")
    return functional.conv2d(padded, kernel, stride=2, groups=images.shape[1])


@functools.lru_cache(maxsize=2)
def load(net: str) -> "dict[str, Tensor]":
    """The tensors of `net`, alex or vgg; fetches the wheel at first use. InputError where it cannot be had."""
    import torch

    return torch.load(io.BytesIO(WEIGHTS[net].read()), map_location="cpu", weights_only=True)
