"""`make bench`: what a score costs on a CPU, in data/bench/pair.csv, which README shows: a row for each network and setting.

Each setting runs in a process of its own. Processor seconds, the least of five rounds after a warm-up, hardly depend on what
else the machine does; seconds do. Memory is the peak of the whole process. Linux and macOS (`resource`).
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from PIL import Image

from fmiqa_core.errors import InputError
from fmiqa_core.files import csv_files, paths

BACKBONES = ("dinov2_vits14", "efficientnet_lite0")
SIZE = (512, 768)  # height and width, as in LIVE
ROUNDS = 5
SETTINGS = {  # what README calls it -> distance, of which layers, and what is done
    "cosine, all layers": ("cos", None, "score"),
    "cosine, one layer, a third of the way": ("cos", "third", "score"),
    "L2, all layers": ("l2", None, "score"),
    "cosine, with map": ("cos", None, "map"),
    "loss and its gradient, cosine": ("cos", None, "loss"),
}
GIB = 2**30 if sys.platform == "darwin" else 2**20  # ru_maxrss is in bytes there, in KiB elsewhere


def main() -> None:
    rows = []
    for backbone in BACKBONES:
        for setting in SETTINGS:
            run = subprocess.run([sys.executable, __file__, backbone, setting], stdout=subprocess.PIPE, text=True, check=True)
            if not run.stdout:
                continue  # a network without it, which its stderr says
            rows.append({"backbone": backbone, "setting": setting} | json.loads(run.stdout))
            print(rows[-1], flush=True)
    folder = paths.make_folder(paths.data() / "bench")
    pd.DataFrame(rows).to_csv(folder / "pair.csv", index=False, float_format=csv_files.DIGITS)


def one(backbone: str, setting: str) -> None:
    """What a child process does: prints a row."""
    import torch

    from fmiqa_core import Metric, images
    from fmiqa_core.backbones import lookup

    distance, layers, what = SETTINGS[setting]
    third = [lookup.get(backbone).layers // 3] if layers else None
    metric = Metric(backbone, distance, layers=third, device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)
    ref, dis = (images.to_tensor(Image.fromarray(image))[None] for image in pixels)
    times = []
    for _ in range(ROUNDS + 1):
        started, used = time.perf_counter(), time.process_time()
        try:
            if what == "loss":
                metric.loss(ref, dis.clone().requires_grad_()).backward()
            else:
                metric(ref, dis, map=what == "map")
        except InputError as error:
            print(f"{backbone}, {setting}: {error}", file=sys.stderr)
            return
        times.append((time.perf_counter() - started, time.process_time() - used))
    seconds, used = (min(column) for column in zip(*times[1:], strict=True))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB
    row = {"processor_seconds": used, "seconds": seconds, "peak_gib": peak, "threads": torch.get_num_threads()}
    print(json.dumps(row | {"width": SIZE[1], "height": SIZE[0], "processor": processor(), "torch": torch.__version__}))


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        import platform

        return platform.processor() or platform.machine()


if __name__ == "__main__":
    one(*sys.argv[1:]) if sys.argv[1:] else main()
