"""What the package must equal and outrun: the authors' pipeline as their code runs it, in our own words.

One image pair, one window and one distance at a time, two forward passes per window, batch 1, fp32. Written to be
read beside the description of the method, not to be fast; shares only the frozen network with the package.
"""

from pathlib import Path

import numpy as np
import ot
import torch
from PIL import Image
from torch import Tensor, nn

DISTANCES = ("l2", "cos", "skld", "jsd", "wsd")


def score(network: nn.Module, ref: Path | Image.Image, dis: Path | Image.Image, distance: str) -> float:
    """Mean over the windows; `network` is a timm vision transformer with `blocks`."""
    ref, dis = read(ref), read(dis)
    values = []
    for top in starts(dis.shape[2]):
        for left in starts(dis.shape[3]):
            x = taps(network, dis[:, :, top : top + 224, left : left + 224])
            y = taps(network, ref[:, :, top : top + 224, left : left + 224])
            values.append(window_distance(x, y, distance))
    return sum(values) / len(values)


def read(image: Path | Image.Image) -> Tensor:
    """(1, 3, H, V) in [0, 1]; no mean/std normalisation."""
    image = image if isinstance(image, Image.Image) else Image.open(image)
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


def starts(length: int) -> list[int]:
    """0, 200, 400, ... strictly below length - 224, then length - 224."""
    found = [start for start in range(0, length, 200) if start < length - 224]
    return [*found, length - 224]


def taps(network: nn.Module, window: Tensor) -> Tensor:
    """Outputs of all blocks, caught by forward hooks: (1, L, T, C), class token included."""
    caught = []
    hooks = [block.register_forward_hook(lambda _, __, output: caught.append(output)) for block in network.blocks]
    try:
        with torch.inference_mode():
            network(window)
    finally:
        for hook in hooks:
            hook.remove()
    return torch.stack(caught, dim=1)


def window_distance(x: Tensor, y: Tensor, distance: str) -> float:
    if distance == "l2":
        return sum((a - b).square().mean().item() for a, b in zip(x[0], y[0], strict=True))
    if distance == "cos":
        return sum((1 - torch.cosine_similarity(a, b, dim=-1)).mean().item() for a, b in zip(x[0], y[0], strict=True))
    p, q = matrix(x), matrix(y)  # (64, N)
    if distance == "wsd":
        value = w1(p.softmax(dim=1), q.softmax(dim=1))  # along the columns: their masses are unequal
    else:
        a, b = ((m.softmax(dim=0) + 1e-10).clamp_min(1e-10) for m in (p, q))
        mean = (a + b) / 2 + 1e-17
        sides = ((a, b), (b, a)) if distance == "skld" else ((a, mean), (b, mean))
        value = sum(directed(*side) for side in sides) / 2
    if distance != "jsd":
        value = value + (1 / (2 * (value + 10))).exp() / (value + 10).square() * (p - q).square().sum(0)
    return (torch.log(1 + value.mean()) ** 0.25).item()


def matrix(stack: Tensor) -> Tensor:
    """(1, L, T, C) -> (64, N): to multiples of 8 (tokens at the end, channels at the start), then memory order."""
    tokens, channels = stack.shape[-2:]
    rows, columns = 8 * round(tokens / 8) - tokens, 8 * round(channels / 8) - channels
    return nn.functional.pad(stack, (columns, 0, 0, rows)).reshape(64, -1)


def directed(p: Tensor, q: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each column; an infinite one counts 0."""
    value = (p * (p / q).log()).sum(0)
    return torch.where(value == torch.inf, torch.zeros_like(value), value)


def w1(p: Tensor, q: Tensor) -> Tensor:
    """Wasserstein-1 distance of each column, atoms at 0..63, by POT."""
    positions = torch.arange(64.0)[:, None].expand_as(p).contiguous()
    return ot.wasserstein_1d(positions, positions, p.contiguous(), q.contiguous(), p=1)
