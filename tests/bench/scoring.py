"""`make bench`: a scoring run from files against the bare forward passes of the same windows.

One process, after loading the network; decoding, hashing, distances and writing are in the run. Runs on one LIVE
reference with its images where FMIQA_DATA has them, else on one of the demo set; `all` as second argument takes all.
Prints medians of three interleaved rounds. Last, a pair by a single layer against all, of which 5 of 12 blocks are half.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from fmiqa_core import Metric, images, scoring, windows
from fmiqa_core.backbones.devices import BATCH
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError
from fmiqa_core.features import extractor

ROUNDS = 3
RUNS = {"l2,cos": ("l2", "cos"), "all but swd": None, "swd": ("swd",)}


def main(backbone: str = "dinov2_vits14", rows: str = "") -> None:
    try:
        data = datasets.load("live", partial=True)
    except InputError:
        data = datasets.load("demo")
    if rows != "all":
        data = datasets.select(data, rows or Path(data.table["ref"].iloc[0]).stem)
    network = extractor(backbone)
    names = [name for ref, group in data.table.groupby("ref", sort=False) for name in (ref, *group["dis"])]
    pixels = (images.to_tensor(images.read(data.folder / name)) for name in names)
    crops = torch.cat([windows.at(one, windows.positions(*one.shape[-2:])) for one in pixels])
    print(f"{backbone} on {data.name}, {data.coverage}: {len(crops)} windows, {torch.get_num_threads()} threads")
    times = {name: [] for name in ("bare", *RUNS)}
    with torch.inference_mode():
        network.model(crops[:BATCH])  # warm-up
    for number in range(ROUNDS):
        times["bare"].append(_bare(network, crops))
        for name, distances in RUNS.items():
            if name != "swd" or number == 0:  # slow, and not part of any promise
                times[name].append(_scoring(data, backbone, distances))
    bare = statistics.median(times["bare"])
    print(f"bare forward passes  {bare:7.1f} s  {sorted(round(t, 1) for t in times['bare'])}")
    for name in RUNS:
        median = statistics.median(times[name])
        print(f"{name:20s} {median:7.1f} s  {sorted(round(t, 1) for t in times[name])}  {median / bare:.2f} x bare")

    print(_one_layer(backbone, data))


def _one_layer(backbone: str, data) -> str:
    """Processor time of cos of the first pair on a CPU: of the layer a third of the way, and of all."""
    whole = Metric(backbone, "cos", device="cpu")
    part = Metric(backbone, "cos", layers=[len(whole.layers) // 3], device="cpu")
    ref, dis = (images.read(data.folder / data.table[side].iloc[0]) for side in ("ref", "dis"))
    times = {whole: [], part: []}
    for _ in range(ROUNDS + 1):
        for metric, found in times.items():
            started = time.process_time()
            metric(ref, dis)
            found.append(time.process_time() - started)
    all_, one = (min(found) for found in times.values())
    return (
        f"layer {part.layers[0]} of {len(whole.layers)}: {one:.2f} s, all: {all_:.2f} s of processor time, {one / all_:.2f} x"
    )


def _bare(network, crops) -> float:
    started = time.perf_counter()
    with torch.inference_mode():
        for batch in crops.split(BATCH):
            network.model(batch)
    return time.perf_counter() - started


def _scoring(data, backbone, distances) -> float:
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        scoring.score_dataset(data, folder, backbone, distances)
        return time.perf_counter() - started


if __name__ == "__main__":
    main(*sys.argv[1:])
