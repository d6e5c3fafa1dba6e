"""Weights that nobody trained, where a backbone's own would lie: its numbers mean nothing, but all of its code runs."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from fmiqa_core import backbones
from fmiqa_core.backbones import networks, weights
from fmiqa_core.files import paths


def write(home: Path, *names: str) -> None:
    """Into `data/weights` of `home`, with the digest that is held to; the same numbers each time."""
    for record in map(backbones.get, names):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            tensors = {name: tensor.contiguous() for name, tensor in networks.build(record).state_dict().items()}
            if record.native_grid:  # its file has the positions of images of 518 px
                tensors["pos_embed"] = torch.randn(1, 37 * 37 + 1, tensors["pos_embed"].shape[-1]) * 0.02
        file = paths.make_folder(home / "data" / "weights") / record.file
        save_file(tensors, file)
        file.with_suffix(".sha256").write_text(weights.digest(tensors) + "\n", encoding="utf-8")
