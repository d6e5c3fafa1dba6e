"""Layer maps of the demo photographs for the gallery's explorer: computed once, kept in data/explorer/.

Real distances of the default backbone, in protocol paper: what `Metric(...)(ref, dis, map="layers")` gives, with both
distances from one pass and the reference's features computed once per photograph. Maps are kept at GRID x GRID.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..data import demo
from ..files import hashes, paths

BACKBONE = "dinov2_vits14"
DISTANCES = ("l2", "cos")
GRID = 32  # cells a side; the patches are 16 a side in a window of 224 px
FORMAT = 2  # of the files; another number makes those of before stale


@dataclass(frozen=True)
class Maps:
    """What a photograph's P distorted images (demo order: distortions, then levels) give, by distance D and layer L."""

    layers: np.ndarray  # (D, P, L) parts of the score
    maps: np.ndarray  # (D, P, L + 1, GRID, GRID); the last is that of all layers (`maps.summed`)
    report: str

    @property
    def scores(self) -> np.ndarray:
        """(D, P): the sum of the layers."""
        return self.layers.sum(-1)


def load(photograph: str) -> Maps:
    """The maps of one photograph: kept from before where everything that they depend on is the same, else computed."""
    folder = demo.make()
    key = _key(folder, photograph)
    name = f"{photograph}-{key[:16]}.npz"
    for root in paths.data_roots():
        if (file := root / "explorer" / name).is_file():
            return _read(file)
    found = _compute(folder, photograph)
    file = paths.make_folder(paths.data() / "explorer") / name
    with paths.atomic(file) as temporary:
        np.savez_compressed(temporary, layers=found.layers, maps=found.maps, report=np.array(found.report))
    return found


def _read(file: Path) -> Maps:
    with np.load(file) as stored:
        return Maps(stored["layers"], stored["maps"], str(stored["report"]))


def _files(photograph: str) -> list[str]:
    """Names of the reference and of its distorted images, in demo order."""
    rows = [row for row in demo.rows() if Path(row["ref"]).stem == photograph]
    return [rows[0]["ref"], *(row["dis"] for row in rows)]


def _key(folder: Path, photograph: str) -> str:
    """sha256 of all that the maps depend on: images, weights, format, package."""
    from .. import __version__, backbones
    from ..backbones import weights

    record = backbones.get(BACKBONE)
    weights.load(record)  # fetched and verified at first use
    parts = {
        "format": [FORMAT, GRID, BACKBONE, DISTANCES, __version__],
        "weights": weights.identity(record)[1],
        "images": [hashes.of(folder / name) for name in _files(photograph)],
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _compute(folder: Path, photograph: str) -> Maps:
    import torch

    from .. import compare, images, report
    from ..features import extractor
    from ..protocol import PAPER

    # On the CPU, so that the same files come out whatever else the machine has.
    network = extractor(BACKBONE, "cpu")
    tensors = [images.to_tensor(images.read(folder / name)) for name in _files(photograph)]
    with torch.inference_mode():
        sides = (side[PAPER] for one in tensors for side in compare.sides_of(one[None], network))
        ref = next(sides)
        found = [_pair(ref, dis, tensors[0].shape[-2:]) for dis in sides]
    layers, maps = (np.stack(stack, axis=1) for stack in zip(*found, strict=True))
    source = (network.weights, network.sha256)
    line = report.line(network.backbone, DISTANCES, "paper", network.precision, network.device.type, source)
    return Maps(layers, maps, line)


def _pair(ref, dis, shape) -> tuple[np.ndarray, np.ndarray]:
    """Sides of the windows of two images -> layer parts (D, L) and maps (D, L + 1, GRID, GRID)."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    from .. import compare, maps
    from ..distances import Pair

    parts = compare.compare(ref, dis, DISTANCES)
    layers = np.stack([parts[name][1].double().mean(0).numpy() for name in DISTANCES])
    stacks = []
    for name in DISTANCES:
        local = maps.joined(maps.patch_maps(Pair(r, d), name) for r, d in zip(ref, dis, strict=True))
        local = maps.assemble(local, *shape)  # (L, H, V)
        stacks.append(adaptive_avg_pool2d(torch.cat([local, maps.summed(local)[None]]), GRID).numpy())
    return layers, np.stack(stacks)
