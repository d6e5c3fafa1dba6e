"""Features of every layer, and the final ones, from one forward pass."""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import weights
from .backbones import Backbone, get
from .errors import InputError, unknown
from .windows import SIZE

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Features:
    """What a backbone makes of W windows; always fp32, whatever precision the network ran in."""

    layers: Tensor | tuple[Tensor, ...]  # ViT: (W, L, T, C); CNN: L maps (W, C, h, v)
    final: Tensor  # ViT: normalised tokens (W, T, C); CNN: pooled features (W, C)

    def __len__(self) -> int:
        return len(self.final)

    def __getitem__(self, index: slice) -> "Features":
        vit = isinstance(self.layers, Tensor)
        return Features(self.layers[index] if vit else tuple(m[index] for m in self.layers), self.final[index])


class FeatureExtractor(nn.Module):
    """A frozen backbone in eval mode: (W, 3, 224, 224) windows in [0, 1] -> `Features`.

    Layers are the outputs of the blocks, before any final normalisation; `forward_intermediates` of timm
    equals forward hooks there. No mean/std normalisation, as in the authors' code.
    """

    def __init__(self, backbone: Backbone, device: torch.device, precision: str):
        import timm

        super().__init__()
        self.backbone = backbone
        vit = backbone.kind == "vit"
        options = {"img_size": SIZE, "num_classes": 0} if vit else {}
        self.model = timm.create_model(backbone.arch, pretrained=False, **options)
        self.model.load_state_dict(weights.load(backbone, grid=SIZE // backbone.patch if vit else None))
        self.model.requires_grad_(False).to(device, PRECISIONS[precision])
        self.eval()

    def train(self, mode: bool = True) -> "FeatureExtractor":
        """Stays in eval mode: a metric inside a model in training must not change with it."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def precision(self) -> str:
        dtype = next(self.model.parameters()).dtype
        return next((name for name, known in PRECISIONS.items() if known == dtype), str(dtype))

    def forward(self, windows: Tensor) -> Features:
        windows = windows.to(next(self.model.parameters()))  # its device and type, wherever the user has moved it
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
            return self._vit(windows) if self.backbone.kind == "vit" else self._cnn(windows)

    def _vit(self, windows: Tensor) -> Features:
        final, taps = self.model.forward_intermediates(windows, return_prefix_tokens=True, output_fmt="NLC")
        tokens = [torch.cat([prefix, patches], dim=1) for patches, prefix in taps]  # L x (W, T, C)
        return Features(torch.stack(tokens, dim=1).float(), final.float())

    def _cnn(self, windows: Tensor) -> Features:
        last, taps = self.model.forward_intermediates(windows)
        pooled = self.model.forward_head(last, pre_logits=True)
        return Features(tuple(tap.float() for tap in taps), pooled.float())


def extractor(name: str, device: str = "auto", precision: str = "fp32") -> FeatureExtractor:
    """The backbone called `name`. The last few are kept: a metric that moves its own must copy it first.

    `device`: auto (CUDA, else Apple MPS, else CPU) or what torch.device takes.
    Raises InputError for an unknown name, a device that is not there, or fp16 on a CPU.
    """
    return _load(get(name), check_place(device, precision), precision)


@functools.lru_cache(maxsize=4)
def _load(backbone: Backbone, device: torch.device, precision: str) -> FeatureExtractor:
    return FeatureExtractor(backbone, device, precision)


def check_place(name: str = "auto", precision: str = "fp32") -> torch.device:
    """The device called `name` (`auto`: the best one here), if it is here and can compute in `precision`."""
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")  # refused below
    if device.type not in ("cpu", "cuda", "mps"):
        raise InputError(f"Unknown device {name!r}: use auto, cpu, cuda, cuda:0 or mps.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(f"There is no CUDA device {name} here ({torch.cuda.device_count()} found): use --device cpu or auto.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("There is no Apple GPU here: use --device cpu or auto.")
    if precision == "fp16" and device.type == "cpu":
        raise InputError("fp16 needs a GPU: use --precision bf16 or fp32 on a CPU.")
    return device
