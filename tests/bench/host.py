"""`make bench`: what the host does for a GPU: the stages of an image in one thread, and the feeder in several.

On files that are in the page cache, made from photographs that ship with scikit-image: a reference and its distorted
images for each size.
"""

import math
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from fmiqa_core import compare, images, scoring, windows
from fmiqa_core.data import demo
from fmiqa_core.features import extractor
from fmiqa_core.files import hashes
from fmiqa_core.protocol import PAPER
from fmiqa_core.scoring import feeder, memory, units

SIZES = ((768, 512), (288, 288))  # LIVE's and PIPAL's, as BMP
DISTORTED = 26  # images, as in LIVE
SECONDS = 1.5


def pictures(folder: Path, size: tuple[int, int]) -> None:
    """Write a reference and its distorted images of `size`, (width, height), into `folder`, where they are not there yet."""
    if (folder / f"{size[0]}_{DISTORTED}.bmp").is_file():
        return
    ref = demo.reference("coffee", 384).resize(size)
    kinds = ([(kind, level) for kind in demo.LEVELS for level in range(1, 6)] * 2)[:DISTORTED]
    for number, (kind, level) in enumerate([("", 0), *kinds]):
        image = ref if not kind else demo.distort(ref, kind, level, seed=number)
        image.save(folder / f"{size[0]}_{number}.bmp")


def unit(folder: Path, size: tuple[int, int], settings: scoring.Settings, turn: int, out: Path) -> units.Unit:
    """The `pictures` of `size` in `folder` as a unit, whose numbers go to a file of its own in `out` for each `turn`."""
    ref, *dis = [f"{size[0]}_{i}.bmp" for i in range(DISTORTED + 1)]
    return units.make(folder, ref, dis, settings, {"turn": turn}, out)


def stages(folder: Path, size: tuple[int, int], device: torch.device) -> dict[str, float]:
    """Milliseconds of each step for one image, medians."""
    file = folder / f"{size[0]}_1.bmp"
    image, other = images.read(file), feeder.pixels_of(images.read(folder / f"{size[0]}_0.bmp"))
    pixels = feeder.pixels_of(image)
    places = windows.positions(*pixels.shape[:2])
    steps = {
        "read": file.read_bytes,
        "sha256": lambda: hashes.of(file),
        "read and decode": lambda: images.read(file),
        "to an array": lambda: feeder.pixels_of(image),
        "equal to the reference?": lambda: feeder._same(pixels, other),
        "cut": lambda: windows.at(feeder.planes(pixels), places),
    }
    if device.type == "cuda":
        pinned = pixels.pin_memory()
        steps["pin"] = pixels.pin_memory
        steps["hand to the device"] = lambda: pinned.to(device, non_blocking=True)
    return {name: _milliseconds(step) for name, step in steps.items()}


def rate(some: units.Unit, threads: int) -> float:
    """Images a second that the feeder gives with so many threads, hashing them as well."""
    with ThreadPoolExecutor(threads) as pool:
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < SECONDS:
            hashed = pool.map(hashes.of, [some.folder / name for name in (some.ref, *some.dis)])
            for fed in feeder.feed([some], pool, PAPER, 12, pin=torch.cuda.is_available()):
                fed.future.result()
                count += 1
            count -= sum(not digest for digest in hashed)  # waits for the last
        return count / (time.perf_counter() - started)


def _milliseconds(step) -> float:
    times = []
    for _ in range(30):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)


def comparison() -> None:
    """On a CPU: milliseconds of a window's distances beside those of its forward pass, one by one and all together."""
    network = extractor("dinov2_vits14", "cpu")
    crops = torch.rand(12, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    alone, names = compare.one_by_one, compare.default_distances(network.backbone)
    with torch.inference_mode():
        features = [network(part) for part in (crops, crops.flip(0))]
        started = time.perf_counter()
        network(crops)
        print(f"forward pass, ms a window: {1e3 * (time.perf_counter() - started) / 12:.1f}")
        for text, way in (("one by one", alone), ("all together", lambda _: False)):
            compare.one_by_one = way
            for asked in (("l2", "cos"), names):
                best = math.inf
                for _ in range(3):
                    ref = compare.sides(features[0])
                    started = time.perf_counter()
                    compare.compare(ref, compare.sides(features[1]), asked)
                    best = min(best, time.perf_counter() - started)
                print(f"{', '.join(asked)}, {text}: {1e3 * best / 12:.1f}")
        compare.one_by_one = alone


def main() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = scoring.Settings("dinov2_vits14", ["l2"], device="cpu")
    one = torch.get_num_threads()
    torch.set_num_threads(1)
    memory.keep()  # as a run does
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            pictures(Path(folder), size)
            some = unit(Path(folder), size, settings, 0, Path(folder))
            found = stages(Path(folder), size, place)
            print(f"{size[0]} x {size[1]}, ms an image: " + ", ".join(f"{name} {ms:.2f}" for name, ms in found.items()))
            counts = [count for count in (1, 2, 4, 8, 16) if count <= max(2, cores)]
            rates = {count: np.median([rate(some, count) for _ in range(3)]) for count in counts}
            shown = ", ".join(f"{n} threads {r:,.0f} images/s ({r / rates[1]:.2f} x)" for n, r in rates.items())
            print(f"{size[0]} x {size[1]}, hashed and fed: {shown}")
    torch.set_num_threads(one)


if __name__ == "__main__":
    main()
