"""The metric on image pairs: `Metric(backbone, distance)(ref, dis) -> Score`."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import torch
from torch import Tensor, nn

from . import DEFAULT_DISTANCE, compare, images, maps, windows
from . import protocol as protocols
from . import report as reporting
from .backbones import devices, forks
from .backbones.exact import exact
from .backbones.lookup import get
from .distances import Pair, Side
from .errors import InputError, unknown
from .features import extractor

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Score:
    """What `Metric` says of a pair, or of a batch of B pairs. Distances: 0 = the same, larger = more different."""

    score: float | Tensor  # float, or (B,)
    per_layer: Tensor | None  # (L,) or (B, L), adding up to the score; None where a distance has no layer parts
    map: Tensor | None  # (H, V) or (B, H, V), distance at each pixel (`maps`); "layers": (L, H, V) or (B, L, H, V)
    report: str  # what was computed with what, to paste into a paper; the whole hash is `metric.extractor.sha256`


class Metric(nn.Module):
    """Perceptual distance between images from the intermediate features of a frozen backbone.

    backbone   a name in `fmiqa_core.backbones.BACKBONES`, timm:<id> or open_clip:<arch>/<tag>
    distance   l2, cos (the default), skld, jsd, wsd, swd or embed_cos
    protocol   "paper": as the authors' code computes it; "corrected": without its quirks; or with single switches,
               as in "paper+normalise" (`fmiqa_core.protocol`)
    layers     None: all; a number n: the last n; a list: these, from 0, or from the end where negative (as in timm). Only
               of distances that are a sum over layers: l2, cos, and in "corrected" skld, jsd and wsd
    device     "auto" (CUDA, else Apple MPS, else CPU) or a torch device
    precision  of the network, "fp32" or "bf16", on a GPU also "fp16", the best fast one (its error is in README), and on
               NVIDIA's from Ampere on "tf32", fp32 whose products are rounded to 10 bits; distances are fp32 always. After
               `metric.double()` all of it is fp64
    weights    a file of weights for the backbone's architecture (safetensors, or torch); None: its own

    `metric.layers` are those that the score is of, ascending (none of embed_cos); a forward pass ends behind the last.
    Raises InputError (a ValueError) for an unknown name, with the nearest one, and for layers that there are not.
    """

    higher_is_better = False
    is_differentiable = True

    @torch.inference_mode(False)  # as in features._load: a copy made in inference mode could have no gradient
    def __init__(
        self,
        backbone="dinov2_vits14",
        distance=DEFAULT_DISTANCE,
        protocol="paper",
        layers=None,
        device="auto",
        precision="fp32",
        weights=None,
    ):
        super().__init__()
        self.protocol, self.switches = protocol, protocols.get(protocol)
        record = get(backbone)
        (self.distance,) = compare.check_distances([distance], record, protocol)
        self.layers = compare.chosen_layers(layers, record, self.distance, self.switches)
        # A network of its own: .to() must not move another metric's.
        self.extractor = copy.deepcopy(extractor(backbone, device, precision, weights))

    def forward(self, ref, dis, map: bool | str = False, progress: Progress | None = None) -> Score:
        """Score of a pair or a batch.

        `ref` and `dis` are paths, PIL images, uint8 or float arrays (H, V, 3), or float tensors (B, 3, H, V)
        in [0, 1]. `map=True` adds the map of all layers (`maps.summed`), `map="layers"` one per layer (l2, cos, and
        skld, jsd, wsd in `corrected`). `progress` is called with the numbers of windows that are done, and of all.
        Beside the images, and the maps that are returned, memory does not grow with their size; 8-bit images stay 8-bit.
        Raises InputError for values outside [0, 1], NaN, wrong channels, two sizes, a side below 224 px.
        """
        if map:
            maps.check(self.distance, self.switches)
        names = _names(ref, dis)
        forks.check(self.extractor.device)
        ref, dis, batched = _check_pair(ref, dis, self.extractor.is_double)
        with torch.no_grad():
            values, parts, local = self._compare(ref, dis, bool(map), progress)
            if not torch.isfinite(values).all():
                raise InputError("The score is not finite: try precision fp32.")
            if local is not None:
                local = self._on_images(local, map == "layers", *ref.shape[-2:])
        values, parts = values.cpu().double().mean(1), None if parts is None else parts.cpu().double().mean(1)
        network = self.extractor
        source = (network.weights, network.sha256)
        data = f"{names}{_size(ref)}"
        how = self.protocol, network.precision, network.device.type
        report = reporting.line(network.backbone, [self.distance], *how, source, data, self.layers)
        if batched:
            return Score(values, parts, None if local is None else torch.stack(local), report)
        return Score(values.item(), None if parts is None else parts[0], None if local is None else local[0], report)

    def loss(self, ref, dis, reduction: str = "mean") -> Tensor:
        """Mean score of the batch, or with reduction "none" of each pair (B,); differentiable in both images.

        Takes what `forward` takes; a gradient flows to tensors. Raises InputError as `forward` does: clamp the image that is
        optimised to [0, 1] after each step. Memory grows with the images: what the gradient needs of every window is kept.
        Of two equal images it is 0, and so is the gradient. (Their score is not, in `paper` with cos, where a CNN's map has
        rows of zeros: a constant that the loss of other pairs has, too.)
        """
        forks.check(self.extractor.device)
        if reduction not in ("mean", "none"):
            raise unknown("reduction", reduction, ("mean", "none"))
        ref, dis, _ = _check_pair(ref, dis, self.extractor.is_double)
        left, right = (images.scaled(side.detach()).to(self.extractor.device) for side in (ref, dis))
        values = self._compare(ref, dis)[0].mean(1).masked_fill((left == right).flatten(1).all(1), 0)  # (B,)
        return values.mean() if reduction == "mean" else values

    @exact()
    def _compare(
        self, ref: Tensor, dis: Tensor, with_maps: bool = False, progress: Progress | None = None
    ) -> tuple[Tensor, Tensor | None, list[Tensor] | None]:
        """(B, 3, H, V) twice -> of the windows: values (B, W), layer parts (B, W, L), `maps.patch_maps` (all, ...)."""
        even = self.switches.even_windows
        counted, every = (len(windows.positions(*ref.shape[-2:], even, dense)) for dense in (False, with_maps))
        shape = len(ref), every  # the first `counted` of an image make its score
        found, size = [], self.extractor.batch_size
        # The two sides go through the network in equal batches, so that equal windows give equal bits.
        for crops in zip(*(windows.batches(side, size, even, with_maps) for side in (ref, dis)), strict=True):
            if progress:
                progress(sum(len(values) for values, *_ in found), math.prod(shape))
            found += self._of_windows(*crops, with_maps)
        if progress:
            progress(math.prod(shape), math.prod(shape))
        values, parts, local = zip(*found, strict=True)
        return (
            torch.cat(values).unflatten(0, shape)[:, :counted],
            None if parts[0] is None else torch.cat(parts).unflatten(0, shape)[:, :counted],
            maps.joined(local) if with_maps else None,
        )

    def _of_windows(self, ref: Tensor, dis: Tensor, with_maps: bool) -> list[tuple[Tensor, Tensor | None, list[Tensor] | None]]:
        """(W, 3, 224, 224) twice -> values (W,), parts (W, L) and maps: once, or of parts that the memory is enough for."""
        try:
            left, right = (self._sides(crops) for crops in (ref, dis))
            values, parts = compare.compare(left, right, [self.distance], self.switches)[self.distance]
            pairs = (Pair(*both, self.switches) for both in zip(left, right, strict=True)) if with_maps else ()
            return [(values, parts, maps.joined(maps.patch_maps(pair, self.distance) for pair in pairs))]
        except Exception as error:
            if not devices.is_memory(error) or len(ref) == 1:
                raise
        left = right = pairs = None  # else they would still fill it
        torch.cuda.empty_cache()
        half = len(ref) // 2
        return [
            *self._of_windows(ref[:half], dis[:half], with_maps),
            *self._of_windows(ref[half:], dis[half:], with_maps),
        ]

    def _sides(self, crops: Tensor) -> list[Side]:
        every, final = len(self.layers) == self.extractor.backbone.layers, self.distance == "embed_cos"
        # Where the other side wants a gradient: in a graph some networks go another way, to other bits (attention, bf16).
        alone = torch.is_grad_enabled() and not crops.requires_grad
        crops = images.scaled(crops).clone().requires_grad_() if alone else crops
        features = compare.features_of(crops, self.extractor, self.switches, None if every else self.layers, final)
        features = features.detach() if alone else features
        return compare.sides_in(features, [self.switches])[self.switches]

    def _on_images(self, local: list[Tensor], each: bool, height: int, width: int) -> list[Tensor]:
        """Maps of all images' windows -> of each image (L, H, V) where `each` layer is asked for, else (H, V)."""
        assemble = maps.assemble if each else maps.assemble_sum
        count = len(windows.positions(height, width, self.switches.even_windows, dense=True))
        by_image = zip(*(stack.split(count) for stack in local), strict=True)
        return [assemble(list(one), height, width, self.switches.even_windows).cpu() for one in by_image]


def _check_pair(ref, dis, double: bool) -> tuple[Tensor, Tensor, bool]:
    (ref, ref_batched), (dis, dis_batched) = (images.as_batch(side, double) for side in (ref, dis))
    if ref.shape != dis.shape:
        raise InputError(
            f"The images differ in size or number: reference {_size(ref)}, distorted {_size(dis)}. "
            "Crop or register them first; the metric compares pixel by pixel places."
        )
    windows.positions(*ref.shape[-2:])  # refuses sides below a window
    return ref, dis, ref_batched or dis_batched


def _names(ref, dis) -> str:
    """What the report calls a pair that is given by its paths, or was read from files: their names, without folders."""
    names = [side if isinstance(side, str | PurePath) else getattr(side, "filename", None) for side in (ref, dis)]
    if all(name and isinstance(name, str | PurePath) for name in names):
        return f"{PurePath(names[0]).name} and {PurePath(names[1]).name}, "
    return ""


def _size(batch: Tensor) -> str:
    return f"{batch.shape[-1]} x {batch.shape[-2]} px" + (f" ({len(batch)} images)" if len(batch) != 1 else "")
