"""`make bench`: score_dataset against the authors' way (faithful.py) on the same rows, in the same run, fp32 on the CPU.

The authors' code computes one distance per run; here one run gives the whole table, with all layers. Both start from
image files with the network loaded; hashing, decoding and writing are in our times. Twelve LIVE images by default, or
as many as the first argument says; demo images where LIVE is not at hand.
"""

import sys
import tempfile
import time
from dataclasses import replace

import faithful
import torch

from fmiqa_core import scoring
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError
from fmiqa_core.features import extractor


def main(rows: str = "12", backbone: str = "dinov2_vits14") -> None:
    try:
        data = datasets.load("live", partial=True)
    except InputError:
        data = datasets.load("demo")
    table = data.table[data.table["ref"] == data.table["ref"].iloc[0]].head(int(rows)).reset_index(drop=True)
    data = replace(data, table=table)
    network = extractor(backbone, "cpu").model
    faithful.taps(network, faithful.read(data.folder / table["ref"][0])[..., :224, :224])  # warm-up
    slow, alone = {}, {}
    print(f"{backbone} on {data.name}, {data.coverage}, {torch.get_num_threads()} threads; seconds")
    print(f"{'distance':12s} {'authors':>8s} {'fmiqa':>8s} {'ratio':>7s} {'largest relative difference':>29s}")
    for name in faithful.DISTANCES:
        started = time.perf_counter()
        expected = [_one(network, data, ref, dis, name) for ref, dis in zip(table["ref"], table["dis"], strict=True)]
        slow[name] = time.perf_counter() - started
        alone[name], found = _ours(data, backbone, [name])
        _line(name, slow[name], alone[name], _difference(found, name, expected))
        table[f"expected_{name}"] = expected
    seconds, found = _ours(data, backbone, faithful.DISTANCES)
    worst = max(_difference(found, name, table[f"expected_{name}"]) for name in faithful.DISTANCES)
    _line("all five", sum(slow.values()), seconds, worst)
    windows = found["n_windows"].sum()
    print(f"window pairs a second, all five: authors {windows / sum(slow.values()):.2f}, fmiqa {windows / seconds:.2f}")
    if worst > 1e-4:
        sys.exit("the scores are not equal")


def _one(network, data, ref: str, dis: str, name: str) -> float:
    return faithful.score(network, data.folder / ref, data.folder / dis, name)


def _ours(data, backbone, distances):
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        found = scoring.score_dataset(data, folder, backbone, distances, device="cpu")
        return time.perf_counter() - started, found


def _difference(found, name, expected) -> float:
    return float((found[f"score_{name}"] / expected - 1).abs().max())


def _line(name, slow, fast, difference) -> None:
    print(f"{name:12s} {slow:8.1f} {fast:8.1f} {slow / fast:7.1f} {difference:29.1e}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
