"""`make bench`: what bf16 saves and what it costs, on the LIVE rows at hand, l2 and cos, whole runs from image files.

Speed: whole runs in fp32 and bf16, interleaved, medians of three. Cost: SRCC with DMOS in both, the paired difference with its
interval over references, and the same among the images that people hardly tell from their reference (the lowest quarter
of DMOS), where the rounding of bf16 is as large as what is measured. Fast on a GPU, with AMX, and with AMD's AVX512-BF16; slow
elsewhere, on an Intel processor whose AMX is held back, too: the first line says what this one has.
"""

import statistics
import sys
import tempfile
import time

import torch

from fmiqa_core import scoring
from fmiqa_core.backbones import cpu_bf16, devices
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError
from fmiqa_core.features import extractor
from fmiqa_core.stats import bootstrap, correlation
from fmiqa_core.stats.intervals import Draws, of_difference

DISTANCES = ("l2", "cos")
ROUNDS = 3


def main(backbone: str = "dinov2_vits14", rows: str = "") -> None:
    try:
        data = datasets.load("live", partial=True)
    except InputError:
        print("bf16 against fp32: not measured, LIVE is not at hand (FMIQA_DATA); the demo set has no human scores.")
        return
    data = datasets.select(data, rows) if rows else data
    place = devices.check("auto")
    print(f"{backbone} on {data.name}, {data.coverage}, {place.type}, {_bf16(place)}, {torch.get_num_threads()} threads")
    times, tables = {"fp32": [], "bf16": []}, {}
    for precision in times:  # load and warm up
        with torch.inference_mode():
            extractor(backbone, precision=precision)(torch.rand(12, 3, 224, 224, device=place))
    for _ in range(ROUNDS):
        for precision, found in times.items():
            with tempfile.TemporaryDirectory() as folder:
                started = time.perf_counter()
                tables[precision] = scoring.score_dataset(data, folder, backbone, DISTANCES, precision=precision)
                found.append(time.perf_counter() - started)
    median = {precision: statistics.median(found) for precision, found in times.items()}
    for precision, found in times.items():
        print(f"{precision} {median[precision]:7.1f} s  {sorted(round(t, 1) for t in found)}")
    print(f"bf16 is {median['fp32'] / median['bf16']:.2f} x as fast")
    full = tables["fp32"]
    lowest = full["mos"] <= full["mos"].quantile(0.25)
    for what, kept in (("all images", slice(None)), (f"DMOS up to {full['mos'][lowest].max():.1f}", lowest)):
        for name in DISTANCES:
            _compare(f"{name}, {what}", full[kept], tables["bf16"][kept], f"score_{name}")


def _bf16(place: torch.device) -> str:
    if place.type != "cpu":
        return "GPU"
    return f"bf16 by {' and '.join(cpu_bf16.instructions()) or 'no instructions of its own'}"


def _compare(what: str, full, half, column: str) -> None:
    def both(values, quality):
        return correlation.srcc(values, quality)

    quality, refs = full["quality"].to_numpy(), full["ref"].to_numpy()
    values = -torch.tensor([full[column].tolist(), half[column].tolist()]).T.numpy()
    point, samples = both(values, quality), bootstrap.resampled(both, values, quality, refs)
    gap = of_difference(point[1:] - point[:1], Draws(samples, full["ref"].nunique()).minus([1], [0]))
    low, high = gap["low"][0], gap["high"][0]
    moved = (half[column] / full[column] - 1).abs()
    print(
        f"{what}: n = {len(full)}, SRCC fp32 {point[0]:.4f}, bf16 {point[1]:.4f}, difference {point[1] - point[0]:+.4f} "
        f"[{low:+.4f}, {high:+.4f}]; score moves by {moved.median():.1%} (median), {moved.max():.1%} (most)"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
