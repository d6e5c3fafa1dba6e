"""How long scoring takes on this machine: a short measurement, for `plan`. Of networks whose weights are not here, too."""

import time

import torch
from torch import nn

from .. import compare
from ..backbones import devices, networks, weights
from ..backbones.exact import exact
from ..features import FeatureExtractor, extractor
from ..protocol import PAPER
from ..windows import SIZE
from . import baselines
from .settings import Settings

SEED = 0


class Unloaded(FeatureExtractor):
    """A network with the numbers that its library draws: as fast as with its weights, and good for nothing else."""

    def __init__(self, backbone, device: torch.device, precision: str):
        nn.Module.__init__(self)
        self.backbone, self._rounded, self._tf32 = backbone, [], precision == "tf32"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            model = networks.build(backbone)
        self.__dict__["model"] = model.requires_grad_(False).to(device, devices.PRECISIONS[precision]).eval()


def seconds(settings: Settings, pixels: tuple[int, int] | None = None) -> float:
    """Of a window in a run with `settings`, or of an image of (height, width) `pixels` where these have no network."""
    return _per_image(settings.baseline_names, pixels) if settings.record is None else _per_window(settings)


def _per_window(settings: Settings) -> float:
    """Forward pass and comparison of a window, in a batch; the host's reading and decoding is not in it."""
    record, place = settings.record, devices.check(settings.device, settings.precision)
    if settings.weights_file or weights.find(record):
        network = extractor(record.name, settings.device, settings.precision, settings.weights_file)
    else:
        network = Unloaded(record, place, settings.precision)
    suits = network.batch_size
    count = min(settings.batch_size or suits, suits)
    pixels = torch.randint(256, (count, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(SEED))

    def batch() -> float:
        started = time.perf_counter()
        with torch.inference_mode(), exact():
            for side in compare.sides_of(pixels, network, batch=count):
                values = compare.compare(side[PAPER], side[PAPER], settings.distances)
                [value.sum().item() for value, _ in values.values()]  # waits for the device
        return time.perf_counter() - started

    batch()  # the first one loads libraries and fills caches
    return min(batch() for _ in range(2)) / count


def _per_image(names: tuple[str, ...], pixels: tuple[int, int]) -> float:
    """The baselines `names` of a pair of images of (height, width) `pixels`."""
    pair = torch.rand(2, 1, 3, *pixels, generator=torch.Generator().manual_seed(SEED))
    for name in names:
        baselines.score(name, *pair)
    started = time.perf_counter()
    for name in names:
        baselines.score(name, *pair)
    return time.perf_counter() - started
