"""`make bench`: how near scoring comes to what a CUDA device can do. 5 minutes; prints tables for README.

Bare rates (the network alone, and with all layers kept as fp32), whole runs from image files of two sizes, the share of
the one in the other, peak memory, errors of each precision on real images, and what the whole paper would take. Weights
that are not at hand are drawn from a seed: for timing only, and said so. On a CPU it says so and times the host's part
(`host`) and the comparison.
"""

import math
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import host
import numpy as np
import torch

from fmiqa_core import backbones, compare, scoring, windows
from fmiqa_core.backbones import devices, weights
from fmiqa_core.backbones.exact import exact
from fmiqa_core.data import datasets
from fmiqa_core.data.methods import PAPER
from fmiqa_core.errors import InputError
from fmiqa_core.features import FeatureExtractor, extractor
from fmiqa_core.scoring import stream, timing
from fmiqa_core.stats import correlation

FOUR = ("dinov2_vits14", "dino_vitb16", "clip_vitb32", "openclip_convnext_base_w")
FAST = ("fp32", "tf32", "fp16", "bf16")
BRIEFLY = ("fp32", "fp16")  # of the other two networks: 5 minutes
L2_COS, ALL = ("l2", "cos"), None
SECONDS = 1.0  # of each measurement
DEVICE = torch.device("cuda")
# Of a backbone in one state, as `fmiqa plan --profile full` counts them: LIVE's and TID2013's, and PIPAL's.
PAPER_WINDOWS = {(768, 512): 9_696 + 18_150, (288, 288): 93_600}
STATES = 4
IMAGES = 40  # for the errors
_FOLDER = tempfile.TemporaryDirectory()
PICTURES = Path(_FOLDER.name)


def network_of(name: str, precision: str) -> tuple[FeatureExtractor, str]:
    """On the GPU, and whether its weights are real."""
    record = backbones.get(name)
    if weights.find(record) or name in backbones.OFFLINE:
        return extractor(name, str(DEVICE), precision), ""
    return timing.Unloaded(record, DEVICE, precision), " (random weights)"


def rate(step, count: int) -> float:
    """Windows a second of step(), which takes `count` of them."""
    step()
    _synchronize()
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        for _ in range(3):
            step()
        _synchronize()
        done += 3 * count
    return done / (time.perf_counter() - started)


def _synchronize() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def _peak() -> float:
    """GB of the device since the last look."""
    if DEVICE.type != "cuda":
        return 0.0
    peak = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    return peak


def bare(network: FeatureExtractor, batch: int) -> tuple[float, float]:
    """Windows a second: the network alone, and with all layers kept as fp32."""
    pixels = torch.rand(batch, 3, 224, 224, device=DEVICE).to(next(network.model.parameters()).dtype)
    with torch.inference_mode(), exact(network.device, network.precision == "tf32"):
        return rate(lambda: network.model(pixels), batch), rate(lambda: network(pixels).layers, batch)


def whole(network: FeatureExtractor, size: tuple[int, int], distances, precision: str, expected: float) -> tuple[float, float]:
    """A run from files to stored units, about SECONDS long: windows a second, and peak memory of the device in GB."""
    settings = scoring.Settings(network.backbone.name, distances, device=str(DEVICE), precision=precision).checked()
    per_unit = (host.DISTORTED + 1) * len(windows.positions(size[1], size[0]))
    count = max(2, math.ceil(expected * SECONDS / per_unit))
    host.pictures(PICTURES, size)
    with tempfile.TemporaryDirectory() as folder:
        some = [host.unit(PICTURES, size, settings, turn, Path(folder)) for turn in range(count + 2)]
        before, stream.extractor = stream.extractor, lambda *_: network
        try:
            _finish(some[:2])  # kernels are chosen, memory is taken
            _peak()
            started = time.perf_counter()
            _finish(some[2:])
            return count * per_unit / (time.perf_counter() - started), _peak()
        finally:
            stream.extractor = before


def _finish(some) -> None:
    for _, error in stream.compute(some):
        if error is not None:
            raise error


def speed(backbone: str) -> None:
    for precision in FAST if backbone in FOUR[:2] else BRIEFLY:
        network, drawn = network_of(backbone, precision)
        batch = network.batch_size
        alone, kept = bare(network, batch)
        cells = [f"{backbone}{drawn}", precision, str(batch), f"{alone:,.0f}", f"{kept:,.0f}"]
        usual, memory = whole(network, (768, 512), L2_COS, precision, kept)
        small, _ = whole(network, (288, 288), L2_COS, precision, kept)
        most, memory_all = whole(network, (768, 512), ALL, precision, kept / 2)
        cells += [f"{usual:,.0f}", f"{usual / kept:.0%}", f"{small:,.0f}", f"{usual / small:.2f}", f"{most:,.0f}"]
        print("| " + " | ".join([*cells, f"{usual / most:.2f}", f"{memory:.1f}, {memory_all:.1f}"]) + " |", flush=True)
        del network
        torch.cuda.empty_cache()


def paper() -> None:
    """Hours of the forward passes and comparisons of the whole paper, all distances but swd."""
    for precision in [one for one in BRIEFLY if one in FAST]:
        seconds = 0.0
        for name in PAPER:
            network, _ = network_of(name, precision)
            for size, count in PAPER_WINDOWS.items():
                found, _ = whole(network, size, ALL, precision, 2000)
                seconds += STATES * count / found
            del network
            torch.cuda.empty_cache()
        print(
            f"whole paper, eight backbones, four states, all distances but swd, {precision}: {seconds / 60:.0f} min", flush=True
        )


def parity() -> None:
    """Of DINOv2 on real images: errors against the CPU's fp32, and SRCC where there are human scores."""
    try:
        data = datasets.load("live", partial=True)
    except InputError:
        data = datasets.load("demo")
    data = replace(data, table=data.table.iloc[:: max(1, len(data.table) // IMAGES)].reset_index(drop=True))
    rated = bool(data.table["mos"].notna().all())
    with tempfile.TemporaryDirectory() as folder:
        found = {"cpu": scoring.score_dataset(data, Path(folder) / "cpu", device="cpu")}
        for precision in FAST:
            found[precision] = scoring.score_dataset(data, Path(folder) / precision, device=str(DEVICE), precision=precision)
        for batch in (12, 96):
            again = scoring.score_dataset(data, Path(folder) / str(batch), device=str(DEVICE), batch_size=batch)
            same = again.filter(like="_").equals(found["fp32"].filter(like="_"))
            print(f"fp32 in batches of {batch}: {'the same bits' if same else 'other bits'}")
    print(f"\n{data.name}, {len(data.table)} images; error relative to fp32 on the CPU: median, largest" + "; SRCC" * rated)
    for column in [c for c in found["cpu"] if c.startswith("score_")]:
        exact_values = found["cpu"][column].to_numpy()
        kept = exact_values > 0
        cells = []
        for precision in FAST:
            values = found[precision][column].to_numpy()
            error = np.abs(values[kept] / exact_values[kept] - 1)
            srcc = f" {correlation.srcc(-values, data.table['quality'].to_numpy()):.4f}" if rated else ""
            cells.append(f"{precision} {np.median(error):.1e} {error.max():.1e}{srcc}")
        print(f"{column.removeprefix('score_')}: " + "; ".join(cells))


def pixels() -> None:
    levels = torch.arange(256, dtype=torch.uint8).expand(1, 3, 2, 256)
    for switches in (compare.PAPER, replace(compare.PAPER, normalise=True)):
        here, there = (compare.inputs(side, backbones.get(FOUR[0]), switches) for side in (levels, levels.to(DEVICE)))
        print(f"8-bit pixels scaled on the device: {'the same bits' if torch.equal(here, there.cpu()) else 'OTHER BITS'}")


def main(*only: str) -> None:
    """`only`: names of FOUR, or of the parts behind them. "rehearse": all of it on this CPU, some minutes, for its own sake."""
    global DEVICE, FAST, FOUR, PAPER, SECONDS, IMAGES
    if only == ("rehearse",):
        DEVICE, FAST, FOUR, PAPER, SECONDS = torch.device("cpu"), ("fp32", "bf16"), FOUR[:1], FOUR[:1], 0.01
        IMAGES = 2
        compare.one_by_one, host.DISTORTED, host.SECONDS, only = lambda device: False, 1, 0.1, ()
    elif not torch.cuda.is_available():
        print(f"No CUDA device here: the host's part and the comparison alone, {torch.get_num_threads()} threads.")
        host.main()
        host.comparison()
        return
    else:
        card = torch.cuda.get_device_properties(0)
        if (card.major, card.minor) < devices.TF32_FROM:
            FAST = tuple(name for name in FAST if name != "tf32")
        print(f"{card.name}, {card.total_memory / 1e9:.0f} GB, {os.cpu_count()} cores, torch {torch.__version__}\n")
    print("Windows a second: bare forward passes, and runs with l2 and cos on 768 x 512 px, on 288 x 288, and with all")
    print("distances but swd; ratios to the first of these. Share: in the passes that keep all layers as fp32.\n")
    titles = ["backbone", "precision", "batch", "network alone", "layers kept", "run", "share"]
    titles += ["288 px", "ratio", "all but swd", "ratio", "GB, l2 and cos; all but swd"]
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
    for name in only or FOUR:
        if name in FOUR:
            speed(name)
    for part in (host.main, pixels, parity, paper):
        if not only or part.__name__ in only:
            print()
            part()


if __name__ == "__main__":
    main(*sys.argv[1:])
