"""A metric as a loss: bring an image to a reference by gradient descent, and see what the metric leaves.

The classic test of a perceptual metric as an objective (Ding et al., IJCV 2021, doi:10.1007/s11263-020-01419-7).
"""

import copy
import math

import torch
from torch import Tensor

from ..files import progress


def psnr(ref: Tensor, image: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images in [0, 1]."""
    return -10 * math.log10((ref - image).square().mean().item())


def noise(ref: Tensor, amount: float = 1.0, seed: int = 0) -> Tensor:
    """`ref` (3, H, V) mixed with uniform noise: `amount` 1 is noise alone."""
    drawn = torch.rand(ref.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    return (1 - amount) * ref + amount * drawn


def recover(metric, ref: Tensor, start: Tensor, steps: int = 20, rate: float = 0.03) -> tuple[Tensor, list[float]]:
    """`start` (3, H, V) after `steps` of Adam on metric.loss, clamped to [0, 1] after each, and the losses.

    The losses are those before each step and after the last. The image of the smallest loss is returned, in fp32. The descent
    is in fp64 (but on Apple's GPUs, which have none): it magnifies a last digit a million times, and processors differ in it.
    """
    place = metric.extractor.device
    kind = torch.float32 if place.type == "mps" else torch.float64
    metric = copy.deepcopy(metric).to(kind)
    ref, image = (side[None].to(place, kind, copy=True) for side in (ref, start))
    image.requires_grad_()
    optimiser = torch.optim.Adam([image], lr=rate)
    losses, best = [], image.detach().clone()
    for _ in progress.bar(iterable=range(steps), desc=f"descent on {metric.distance}", unit="step"):
        optimiser.zero_grad()
        loss = metric.loss(ref, image)
        loss.backward()
        if not losses or loss.item() < min(losses):
            best = image.detach().clone()
        losses.append(loss.item())
        optimiser.step()
        with torch.no_grad():
            image.clamp_(0, 1)
    with torch.no_grad():
        losses.append(metric.loss(ref, image).item())
    return (image.detach() if losses[-1] <= min(losses) else best)[0].float().cpu(), losses
