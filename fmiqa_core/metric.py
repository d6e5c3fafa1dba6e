"""The metric on image pairs: `Metric(backbone, distance)(ref, dis) -> Score`."""

import copy
from dataclasses import dataclass
from pathlib import PurePath

import torch
from torch import Tensor, nn

from . import compare, images, maps, windows
from . import protocol as protocols
from . import report as reporting
from .backbones import forks
from .backbones.exact import exact
from .distances import Pair
from .errors import InputError
from .features import extractor


@dataclass(frozen=True)
class Score:
    """What `Metric` says of a pair, or of a batch of B pairs. Distances: 0 = the same, larger = more different."""

    score: float | Tensor  # float, or (B,)
    per_layer: Tensor | None  # (L,) or (B, L), adding up to the score; None where a distance has no layer parts
    map: Tensor | None  # (H, V) or (B, H, V), of all layers (`maps.summed`); "layers": (L, H, V) or (B, L, H, V)
    report: str  # what was computed with what, to paste into a paper


class Metric(nn.Module):
    """Perceptual distance between images from the intermediate features of a frozen backbone.

    backbone   a name in `fmiqa_core.backbones.BACKBONES`, timm:<id> or open_clip:<arch>/<tag>
    distance   l2, cos, skld, jsd, wsd, swd or embed_cos
    protocol   "paper": as the authors' code computes it; "corrected": without its quirks; or with single switches,
               as in "paper+normalise" (`fmiqa_core.protocol`)
    device     "auto" (CUDA, else Apple MPS, else CPU) or a torch device
    precision  of the network, "fp32", "bf16" or "fp16" (GPU); distances are fp32 always
    weights    a file of weights for the backbone's architecture (safetensors, or torch); None: its own

    Raises InputError (a ValueError) for an unknown name, with the nearest one.
    """

    higher_is_better = False
    is_differentiable = True

    @torch.inference_mode(False)  # as in features._load: a copy made in inference mode could have no gradient
    def __init__(
        self, backbone="dinov2_vits14", distance="l2", protocol="paper", device="auto", precision="fp32", weights=None
    ):
        super().__init__()
        self.protocol, self.switches = protocol, protocols.get(protocol)
        # A network of its own: .to() must not move another metric's.
        self.extractor = copy.deepcopy(extractor(backbone, device, precision, weights))
        (self.distance,) = compare.check_distances([distance], self.extractor.backbone, protocol)

    def forward(self, ref, dis, map: bool | str = False) -> Score:
        """Score of a pair or a batch.

        `ref` and `dis` are paths, PIL images, uint8 or float arrays (H, V, 3), or float tensors (B, 3, H, V)
        in [0, 1]. `map=True` adds the map of all layers (`maps.summed`), `map="layers"` one per layer (l2, cos, and
        skld, jsd, wsd in `corrected`).
        Raises InputError for values outside [0, 1], NaN, wrong channels, two sizes, a side below 224 px.
        """
        if map:
            maps.check(self.distance, self.extractor.backbone.kind, self.switches)
        names = _names(ref, dis)
        forks.check(self.extractor.device)
        ref, dis, batched = _check_pair(ref, dis)
        with torch.no_grad():
            values, parts, local = self._compare(ref, dis, with_map=bool(map))
        if not torch.isfinite(values).all():
            raise InputError("The score is not finite: try precision fp32.")
        values, parts = values.cpu().double().mean(1), None if parts is None else parts.cpu().double().mean(1)
        if local is not None:
            local = torch.stack([maps.assemble(one, *ref.shape[-2:], self.switches.even_windows) for one in local])
            local = (local if map == "layers" else maps.summed(local)).cpu()  # (B, L, H, V), or (B, H, V)
        network = self.extractor
        source = (network.weights, network.sha256)
        data = f"{names}{_size(ref)}"
        report = reporting.line(
            network.backbone, [self.distance], self.protocol, network.precision, network.device.type, source, data
        )
        if batched:
            return Score(values, parts, local, report)
        return Score(values.item(), None if parts is None else parts[0], None if local is None else local[0], report)

    def loss(self, ref, dis) -> Tensor:
        """Mean score of the batch, differentiable in both images, with a finite gradient at identity.

        Takes what `forward` takes; a gradient flows to tensors. Raises InputError as `forward` does: clamp
        the image that is optimised to [0, 1] after each step.
        """
        forks.check(self.extractor.device)
        ref, dis, _ = _check_pair(ref, dis)
        return self._compare(ref, dis)[0].mean()

    @exact()
    def _compare(self, ref: Tensor, dis: Tensor, with_map: bool = False) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """(B, 3, H, V) twice -> per window: values (B, W), layer parts (B, W, L), maps (B, W, L, 224, 224)."""
        shape = len(ref), len(windows.positions(*ref.shape[-2:], self.switches.even_windows))  # (B, W)
        values, parts, local = [], [], []
        # The two sides go through the network in equal batches, so that equal windows give equal bits.
        for r, d in zip(*(compare.sides_of(side, self.extractor, [self.switches]) for side in (ref, dis)), strict=True):
            r, d = r[self.switches], d[self.switches]
            value, part = compare.compare(r, d, [self.distance], self.switches)[self.distance]
            values.append(value)
            parts.append(part)
            if with_map:
                local += [maps.window_maps(Pair(*sides, self.switches), self.distance) for sides in zip(r, d, strict=True)]
        return (
            torch.cat(values).unflatten(0, shape),
            None if parts[0] is None else torch.cat(parts).unflatten(0, shape),
            torch.cat(local).unflatten(0, shape) if local else None,
        )


def _check_pair(ref, dis) -> tuple[Tensor, Tensor, bool]:
    (ref, ref_batched), (dis, dis_batched) = images.as_batch(ref), images.as_batch(dis)
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
