"""Features of every layer, and the final ones, from one forward pass."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from .backbones import devices, forks, networks, weights
from .backbones.exact import as_fp32, exact
from .backbones.lookup import get
from .backbones.records import Backbone
from .errors import InputError
from .files import locks


def widened(tensor: Tensor) -> Tensor:
    """In fp32, or in fp64 where it is: distances are computed in no less."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


@dataclass(frozen=True)
class Features:
    """What a backbone makes of W windows, in the type that it computes in; distances take it `widened`."""

    taps: tuple[Tensor, ...]  # of the layers that were read: (W, T, C) each of a ViT, (W, C, h, v) of a CNN
    final: Tensor | None  # normalised tokens (W, T, C), or one vector (W, C): pooled features, an image embedding
    patches: int | None = None  # how many tokens are patches, the last ones; None: the largest square number
    class_token: bool = True  # where there are tokens before the patches, the first is the class token

    def __len__(self) -> int:
        return len(self.taps[0] if self.final is None else self.final)

    @property
    def device(self) -> torch.device:
        return (self.taps[0] if self.final is None else self.final).device

    def __getitem__(self, index: slice | Tensor) -> "Features":
        """Of these windows."""
        return self._each(lambda tensor: tensor[index])

    def only(self, layers: slice) -> "Features":
        """Of these of the layers that were read."""
        return replace(self, taps=self.taps[layers])

    def clone(self) -> "Features":
        """The same, apart from the batch that it was a part of."""
        return self._each(torch.clone)

    def detach(self) -> "Features":
        """The same, outside the graph that a gradient needs."""
        return self._each(torch.detach)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Features":
        final = None if self.final is None else change(self.final)
        return replace(self, taps=tuple(map(change, self.taps)), final=final)

    @staticmethod
    def together(several: Sequence["Features"]) -> "Features":
        """Those of one backbone, one behind the other."""
        first = several[0]
        if len(several) == 1:
            return first
        final = None if first.final is None else torch.cat([one.final for one in several])
        return replace(first, taps=tuple(map(torch.cat, zip(*(one.taps for one in several), strict=True))), final=final)

    @property
    def layers(self) -> Tensor | tuple[Tensor, ...]:
        """`widened`. ViT: (W, L, T, C), made anew at each call; CNN: L maps (W, C, h, v)."""
        if self.taps[0].ndim != 3:
            return tuple(map(widened, self.taps))
        first = self.taps[0]
        if len(self.taps) == 1:
            return widened(first).unsqueeze(1)
        layers = first.new_empty(len(first), len(self.taps), *first.shape[1:], dtype=widened(first[:0]).dtype)
        for i, tap in enumerate(self.taps):  # a stack and then a conversion would pass over all layers twice
            layers[:, i] = tap
        return layers


class FeatureExtractor(nn.Module):
    """A frozen backbone in eval mode: (W, 3, 224, 224) windows in [0, 1] -> `Features`.

    Layers are the outputs of the blocks, before any final normalisation (`networks.read`). No mean/std
    normalisation, as in the authors' code. `file`: weights that take the place of the backbone's own.

    The network is held, not registered as a part: what a model around this one does to its parts, parameters and buffers
    (train, initialise, average, load a checkpoint) does not reach it, but `to` does. It serves any number of threads.
    """

    def __init__(self, backbone: Backbone, device: torch.device, precision: str, file: Path | None = None):
        super().__init__()
        self.backbone = backbone
        self.weights, self.sha256 = weights.identity(backbone, file)
        model = networks.build(backbone)
        weights.load_into(model, backbone, file)
        for norm in model.modules():
            if backbone.eps and isinstance(norm, nn.LayerNorm):
                norm.eps = backbone.eps
        kind = devices.PRECISIONS[precision]
        self.__dict__["model"] = model.requires_grad_(False).to(device, kind).eval()
        self._tf32 = precision == "tf32"
        self._rounded = [] if kind == torch.float32 else [precision]  # what its weights have been on the way

    def _apply(self, change, *args, **options) -> "FeatureExtractor":
        """What `to`, `half`, `cuda` and their like do, with the network as well."""
        before = self._weight.dtype
        self.model._apply(change, *args, **options)
        if self._weight.dtype not in (before, torch.float64, torch.float32):
            self._rounded.append(devices.name_of(self._weight.dtype))
        return super()._apply(change, *args, **options)

    def _load_from_state_dict(self, *_) -> None:
        """A checkpoint of an earlier version holds the weights, too; those that the report names are here already."""

    @property
    def device(self) -> torch.device:
        return self._weight.device

    @property
    def is_double(self) -> bool:
        """Whether it computes in fp64, as after `double()`."""
        return self._weight.dtype == torch.float64

    @property
    def batch_size(self) -> int:
        """Windows per forward pass that suit the network and where it is."""
        return devices.batch_size(self.model, self.device)

    @property
    def precision(self) -> str:
        """What the network computes in, and where its weights were rounded to something else before, that."""
        now = "tf32" if self._tf32 and self._weight.dtype == torch.float32 else devices.name_of(self._weight.dtype)
        lost = [name for name in dict.fromkeys(self._rounded) if name != now]
        return now + (f" (weights rounded to {', '.join(lost)})" if lost else "")

    @property
    def _weight(self) -> Tensor:
        """Any of the weights: they share a device and a type, wherever the user has moved them."""
        return next(self.model.parameters())

    def forward(self, windows: Tensor, layers: Sequence[int] | None = None, final: bool = True) -> Features:
        """Reads `layers`, ascending, from 0 (None: all). Without `final` the forward pass ends behind the last of them."""
        forks.check(self.device)
        of = self.backbone.layers
        with exact(self.device, self._tf32):
            taps, last = networks.read(self.model, windows.to(self._weight), layers, final)
        if len(taps) != (of if layers is None else len(layers)):
            raise InputError(f"{len(taps)} layers of {self.backbone.name} were read, it has {of}: please report this.")
        return Features(taps, last, self.backbone.patches, self.backbone.class_token)


def extractor(name: str, device: str = "auto", precision: str = "fp32", file: Path | None = None) -> FeatureExtractor:
    """The backbone called `name`. The last few are kept: a metric that moves its own must copy it first.

    `device`: auto (CUDA, else Apple MPS, else CPU) or what torch.device takes. `file`: weights of the user's own.
    Raises InputError for an unknown name, a device that is not there, fp16 on a CPU, or weights that do not fit.
    """
    place = devices.check(device, precision)
    forks.check(place)
    changed = None if file is None or not Path(file).is_file() else Path(file).stat().st_mtime_ns
    with _LOADING:
        return _load(get(name), place, precision, file, changed)


_LOADING = locks.Threads()  # threads that ask for the same network at once get the same one


@functools.lru_cache(maxsize=4)
@exact()
@torch.inference_mode(False)  # kept for later callers too: weights made in inference mode can be neither trained nor packed
def _load(backbone: Backbone, device: torch.device, precision: str, file: Path | None, _changed: int | None):
    with as_fp32(), torch.random.fork_rng(devices=[]):  # what is drawn before the weights come is not of the user's numbers
        return FeatureExtractor(backbone, device, precision, file)
