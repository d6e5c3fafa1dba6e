"""Does a local distortion keep more of rotation's floor than a global one at the same distance? On real LIVE images.

Rotating the distorted image adds its floor token by token, and a token that is already far off cannot go much further. At one
distance of the clean pair a local distortion has few such tokens and many that are untouched, a global one has all of them
moved. Local ones are made here: blocks of 32 px of a reference are replaced by what stands there in its most distorted
LIVE image of a type, or by one colour each, in the manner of TID2013's type 15. Global ones are the LIVE images themselves.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..data import datasets
from ..data.dataset import COLUMNS, Dataset
from ..errors import InputError
from ..files import csv_files, paths, rgb
from ..stats import intervals
from . import rotation

BLOCK = 32  # px
AREAS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)  # share of the image's blocks
COLOUR = "one colour"  # the kind of blocks beside those of LIVE's types
CLOSE = 1.25  # ratio of two clean distances up to which they count as equal
BANDS = (0.1, 0.3, 0.6, 1.2, 2.4)  # of clean cosine distance


def path() -> Path:
    return paths.data() / "live_5refs" / "local_blocks.csv"


def read() -> pd.DataFrame:
    """The committed scores: ref, kind, area, and clean_, rotated_, floor_ of each of `rotation.DISTANCES`."""
    if not path().is_file():
        raise InputError(
            f"No {path()}: take it from the checkout again, or make it with fmiqa_core.studies.local_blocks.write."
        )
    return pd.read_csv(path())


def write(out: Path, root: str | None = None) -> Path:
    """Make the images in `out`, and score them clean and rotated; about 8 minutes on two cores.

    Floors are those of `rotation.read`. Backbone dinov2_vits14, protocol paper, fp32.
    """
    from ..scoring.run import score_dataset

    made = _make(datasets.load("live", root, partial=True), Path(out) / "images")
    table = made.table[["ref", "dis", "distortion", "area"]]
    for name, perturbation in (("clean", "none"), ("rotated", "rot")):
        scores = score_dataset(made, Path(out) / name, distances=rotation.DISTANCES, perturbation=perturbation)
        columns = {f"score_{distance}": f"{name}_{distance}" for distance in rotation.DISTANCES}
        table = table.merge(scores[["dis", *columns]].rename(columns=columns), on="dis", validate="one_to_one")
    floors = rotation.read().drop_duplicates("ref")[["ref", *(f"floor_{distance}" for distance in rotation.DISTANCES)]]
    table = table.drop(columns="dis").rename(columns={"distortion": "kind"}).merge(floors, on="ref", validate="many_to_one")
    with paths.atomic(path()) as temporary:
        csv_files.write(table, temporary)
    return path()


def _make(live: Dataset, folder: Path) -> Dataset:
    """Write each reference of `live` and its local distortions to `folder`."""
    rows = []
    for number, (ref, group) in enumerate(live.table.groupby("ref", sort=True)):
        pixels = np.asarray(rgb.read(live.folder / ref))
        _save(pixels, folder / ref)
        worst = group.loc[group.groupby("distortion")["mos"].idxmax()]  # DMOS
        sources = {
            kind: np.asarray(rgb.read(live.folder / dis)) for kind, dis in zip(worst["distortion"], worst["dis"], strict=True)
        }
        for kind, source in {**sources, COLOUR: coloured(pixels.shape, number)}.items():
            for area in AREAS:
                dis = f"{kind}/{Path(ref).stem}_{round(1 / area)}.bmp"
                _save(pasted(pixels, source, area, number), folder / dis)
                rows.append({"ref": ref, "dis": dis, "distortion": kind, "area": area})
    table = pd.DataFrame(rows).assign(dataset="local_blocks", level=pd.NA, mos=np.nan, quality=np.nan)
    return Dataset("local_blocks", table[[*COLUMNS, "area"]], folder, len(table), "no human score", "", live.cite)


def pasted(pixels: np.ndarray, source: np.ndarray, area: float, seed: int) -> np.ndarray:
    """`pixels` (H, V, 3) with a share `area` of its whole blocks taken from `source`; those of a smaller area among them."""
    high, wide = (side // BLOCK for side in pixels.shape[:2])
    order = np.random.default_rng(seed).permutation(high * wide)
    out = pixels.copy()
    for at in order[: round(area * high * wide)]:
        top, left = BLOCK * (at // wide), BLOCK * (at % wide)
        here = np.s_[top : top + BLOCK, left : left + BLOCK]
        out[here] = source[here]
    return out


def coloured(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """An image (H, V, 3) of blocks, each of one random colour."""
    high, wide = (-(-side // BLOCK) for side in shape[:2])
    colours = np.random.default_rng(seed).integers(0, 256, (high, wide, 3), np.uint8)
    return colours.repeat(BLOCK, 0).repeat(BLOCK, 1)[: shape[0], : shape[1]]


def _save(pixels: np.ndarray, file: Path) -> None:
    paths.make_folder(file.parent)
    with paths.atomic(file) as temporary:
        Image.fromarray(pixels).save(temporary, "BMP")


def shares(blocks: pd.DataFrame, live: pd.DataFrame, distance: str = "cos") -> pd.DataFrame:
    """A row for each image: ref, distortion, reach (local or global), clean distance, share = (rotated - clean) / floor.

    `blocks` as of `read`, `live` as of `rotation.read`.
    """
    named = {"local": blocks.rename(columns={"kind": "distortion"}), "global": live}
    both = pd.concat([table.assign(reach=reach) for reach, table in named.items()], ignore_index=True)
    clean, rotated, floor = (both[f"{name}_{distance}"] for name in ("clean", "rotated", "floor"))
    return both[["ref", "distortion", "reach"]].assign(clean=clean, share=(rotated - clean) / floor)


def matched(table: pd.DataFrame, close: float = CLOSE) -> pd.DataFrame:
    """Each local image of `shares` beside the LIVE images of its reference at the same clean distance.

    Same: a ratio of at most `close`. Columns: ref, distortion, clean, local (its share), others (how many LIVE images),
    global_ (their mean share). Without those that have no such image.
    """
    rows = []
    of_ref = dict(iter(table[table["reach"] == "global"].groupby("ref")))
    for row in table[table["reach"] == "local"].itertuples():
        others = of_ref[row.ref]
        others = others[np.abs(np.log(others["clean"] / row.clean)) <= np.log(close)]
        if len(others):
            found = {"local": row.share, "others": len(others), "global_": others["share"].mean()}
            rows.append({"ref": row.ref, "distortion": row.distortion, "clean": row.clean, **found})
    return pd.DataFrame(rows, columns=["ref", "distortion", "clean", "local", "others", "global_"])


def summary(pairs: pd.DataFrame, bands: tuple[float, ...] = BANDS) -> pd.DataFrame:
    """`matched` by bands of clean distance: from, to, n local images, refs, local, global_, and their difference.

    Each is the mean over references of means within them; low, high and p by t over references, NaN where there are fewer
    than two.
    """
    rows = []
    for least, most in pairwise(bands):
        mine = pairs[(pairs["clean"] >= least) & (pairs["clean"] < most)]
        each = mine.groupby("ref")[["local", "global_"]].mean()
        if each.empty:
            continue
        draws = intervals.Draws((each["local"] - each["global_"]).to_numpy()[:, None], len(each), resampled=False)
        test = {name: float(value[0]) for name, value in intervals.of_difference(draws.values.mean(0), draws).items()}
        rows.append({"from": least, "to": most, "n": len(mine), "refs": len(each), **each.mean(), **test})
    return pd.DataFrame(rows)
