"""Devices and precisions: what is here, what goes together, and how much of it at once."""

import torch
from torch import nn

from ..errors import InputError, unknown

PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
TF32_FROM = (8, 0)  # compute capability
BATCH = 12  # windows per forward pass: LIVE's 768 x 512 has 12, TID2013 6, PIPAL 4
MANY = 144  # on a GPU; of networks below SMALL parameters twice as many
SMALL = 50_000_000
NEEDED = 160_000_000  # bytes of a window with all distances but swd, below SMALL half: DINOv2 ViT-B and ViT-S take 144e6, 72e6


def check(name: str = "auto", precision: str = "fp32") -> torch.device:
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
    if precision == "tf32" and (device.type != "cuda" or torch.cuda.get_device_capability(device) < TF32_FROM):
        raise InputError("tf32 needs an NVIDIA GPU of the Ampere generation or later: use --precision fp32.")
    return device


def name_of(kind: torch.dtype) -> str:
    """Of the precision that the type `kind` stands for."""
    return next((name for name, known in PRECISIONS.items() if known == kind), "fp64" if kind == torch.float64 else str(kind))


def batch_size(network: nn.Module, device: torch.device) -> int:
    """Windows per forward pass that suit the network and where it is.

    On a GPU: enough to keep it busy, fewer where its memory is small, and a multiple of what one image of the paper's
    datasets has (12, 6 or 4). Elsewhere BATCH, which is as fast as more and stays in the caches.
    """
    if device.type != "cuda":
        return BATCH
    small = sum(weight.numel() for weight in network.parameters()) < SMALL
    half = torch.cuda.get_device_properties(device).total_memory // 2  # all, not what is free: the same at each run
    fits = half // (NEEDED // 2 if small else NEEDED)
    return int(min(max(fits // BATCH * BATCH, BATCH), MANY * (2 if small else 1)))


def is_memory(error: Exception) -> bool:
    """Whether `error` says that a device has not enough memory."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    signs = ("allocate memory", "out of memory", "ALLOC_FAILED")  # of a CPU, of Apple's, of what lies below torch
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)
