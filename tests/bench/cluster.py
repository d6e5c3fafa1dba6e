"""`make bench`: a Dask cluster of two worker processes of one thread each against a serial run with two threads.

Every worker loads the network and scores a reference first, as the serial process does. References are of equal size,
so that the work divides evenly. LIVE images where FMIQA_DATA has them, else demo images. Medians of three rounds.
"""

import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch
from distributed import Client, LocalCluster

from fmiqa_core import scoring
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError

WORKERS, ROUNDS = 2, 3


def main(backbone: str = "dinov2_vits14", images: str = "6") -> None:
    try:
        data = datasets.load("live", partial=True)
    except InputError:
        data = datasets.load("demo")
    refs = data.table["ref"].drop_duplicates().iloc[: 2 * WORKERS]
    table = data.table[data.table["ref"].isin(refs)].groupby("ref", sort=False).head(int(images)).reset_index(drop=True)
    data = replace(data, table=table)
    torch.set_num_threads(WORKERS)
    with LocalCluster(WORKERS, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        ways = {"serial, 2 threads": None, "Dask, 2 workers of 1 thread": client.get_executor()}
        times, scores = {way: [] for way in ways}, {}
        for number in range(ROUNDS + 1):  # the first warms up
            for way, executor in ways.items():
                with tempfile.TemporaryDirectory() as out:
                    started = time.perf_counter()
                    scoring.score_dataset(data, out, backbone, device="cpu", executor=executor)
                    times[way] += [time.perf_counter() - started] * (number > 0)
                    scores[way] = (Path(out) / "scores.parquet").read_bytes()
    print(f"{backbone} on {data.name}, {len(table)} images of {len(refs)} references")
    serial, spread = (statistics.median(found) for found in times.values())
    for way, found in times.items():
        print(f"{way:28s} {statistics.median(found):6.1f} s  {sorted(round(t, 1) for t in found)}")
    print(f"Dask at {serial / spread:.2f} x the serial speed; same bytes: {len(set(scores.values())) == 1}")


if __name__ == "__main__":
    main(*sys.argv[1:])
