"""Do the maps light up where the image is distorted? Photographs of which only a rectangle is distorted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from PIL import Image
from scipy.stats import rankdata

from .. import compare, images, maps, protocol
from .. import report as reporting
from ..data import demo
from ..files import progress
from ..pair import Pair
from ..windows import SIZE

SIDES = (64, 112)  # px: shortest and longest side of a rectangle


def auc(values: np.ndarray, mask: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a pixel inside `mask` has a larger value than one outside.

    >>> auc(np.array([0.1, 0.2, 0.2, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    inside, outside = int(mask.sum()), int((~mask).sum())
    ranks = rankdata(values.ravel())[mask.ravel()].sum()
    return float((ranks - inside * (inside + 1) / 2) / (inside * outside))


def local(name: str, distortion: str, level: int, seed: int = 0) -> tuple[Image.Image, Image.Image, np.ndarray]:
    """A demo photograph of one window, the same with a distorted rectangle, and the rectangle's mask (224, 224).

    The rectangle is drawn from the names and `seed`, without regard to the patch grid.
    """
    number = [list(demo.PHOTOGRAPHS).index(name), list(demo.LEVELS).index(distortion), level, seed]
    rng = np.random.default_rng(number)
    tall, wide = rng.integers(SIDES[0], SIDES[1] + 1, size=2)
    top, left = rng.integers(0, SIZE - tall + 1), rng.integers(0, SIZE - wide + 1)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[top : top + tall, left : left + wide] = True
    ref = demo.reference(name, SIZE)
    everywhere = np.asarray(demo.distort(ref, distortion, level, seed=level))
    return ref, Image.fromarray(np.where(mask[..., None], everywhere, np.asarray(ref))), mask


def table(
    network,
    distances: Sequence[str] = ("l2", "cos"),
    protocol_name: str = "paper",
    levels=(3, 4, 5),
    photographs=tuple(demo.PHOTOGRAPHS),
) -> pd.DataFrame:
    """AUC of the map of all layers (`maps.summed`), for every demo photograph, distortion and level, by distance.

    Columns: photograph, distortion, level, distance, auc. One forward pass feeds all distances. Raises InputError for
    a distance that has no map in this protocol.
    """
    options = protocol.get(protocol_name)
    for distance in distances:
        maps.check(distance, options)

    rows = []
    with torch.inference_mode():
        for name in progress.bar(iterable=photographs, desc="maps", unit="photograph"):
            cases = [(kind, level, *local(name, kind, level)) for kind in demo.LEVELS for level in levels]
            batch = torch.stack([images.to_tensor(image) for image in [cases[0][2], *(case[3] for case in cases)]])
            ref, *dis = (side for one in compare.sides_of(batch, network, [options], len(batch), 1) for side in one[options])
            for (kind, level, _, _, mask), side in zip(cases, dis, strict=True):
                for distance in distances:
                    found = maps.summed(maps.window_maps(Pair(ref, side, options), distance)[0]).cpu().numpy()
                    row = {"photograph": name, "distortion": kind, "level": level, "distance": distance}
                    rows.append(row | {"auc": auc(found, mask)})
    return pd.DataFrame(rows)


def report(network, protocol_name: str, distances: Sequence[str] = ("l2", "cos")) -> str:
    """The reporting string of `table` with the same arguments."""
    how = protocol_name, network.precision, network.device.type, (network.weights, network.sha256)
    return reporting.line(network.backbone, distances, *how, "demo photographs, a rectangle of each distorted")


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """Mean AUC and the worst cell of each distance: distance, mean, n, worst, where."""
    rows = []
    for distance, part in found.groupby("distance", sort=False):
        worst = part.loc[part["auc"].idxmin()]
        where = f"{worst['photograph']}, {worst['distortion']} {worst['level']}"
        rows.append({"distance": distance, "mean": part["auc"].mean(), "n": len(part), "worst": worst["auc"], "where": where})
    return pd.DataFrame(rows)
