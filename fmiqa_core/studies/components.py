"""What a layer tells apart, in colours."""

import math

import torch
from torch import Tensor


def pca_colours(tokens: Tensor) -> Tensor:
    """(n, T, C) tokens of one layer -> (n, g, g, 3) in [0, 1]: three principal components of all n images' patches.

    The components are shared, so that equal colours mean equal features across the images. Each is stretched
    between its 1st and 99th percentile; its sign is the one that makes the largest loading positive.
    """
    patches = tokens[:, -(math.isqrt(tokens.shape[1]) ** 2) :].cpu().double()
    flat = patches.flatten(0, 1) - patches.mean((0, 1))
    axes = torch.linalg.svd(flat, full_matrices=False).Vh[:3]  # (3, C)
    largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
    values = flat @ (axes * largest.sign()).T
    low, high = (values.quantile(q, dim=0) for q in (0.01, 0.99))
    grid = int(patches.shape[1] ** 0.5)
    return ((values - low) / (high - low)).clamp(0, 1).reshape(len(tokens), grid, grid, 3)
