"""`make bench`: peak memory of scoring runs, each in a process of its own.

efficientnet_lite0 on 100 and on 5,000 images (one table of one's own that lists links to 224 px crops of the demo
photographs): flat means that the second peak is that of the first. dinov2_vits14 on one LIVE reference with 24 windows a
batch: how far the peak lies above the loaded network. Linux and macOS (`resource`).
"""

import csv
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from fmiqa_core.data import datasets, demo
from fmiqa_core.errors import InputError
from fmiqa_core.files import paths

MIB = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there, in KiB elsewhere


def main(*counts: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for count in [int(word) for word in counts] or [100, 5000]:
            table = _links(Path(folder) / str(count), count)
            peak, loaded = _run("scored", "efficientnet_lite0", "12", str(table), folder + f"/out{count}")
            above = peak - loaded
            print(f"efficientnet_lite0, {count} images of 224 px: peak {peak:.0f} MiB, {above:.0f} above the loaded network")
        try:
            name = datasets.load("live", partial=True).name
        except InputError:
            name = "demo"
        peak, loaded = _run("scored", "dinov2_vits14", "24", name, folder + "/out")
        print(
            f"dinov2_vits14 on a reference of {name}, 24 windows a batch: peak {peak - loaded:.0f} MiB above the loaded network"
        )


def scored(backbone: str, batch: str, name: str, out: str) -> None:
    """What the child process does: prints its peak memory, and what it was when the network was loaded and had run."""
    import torch

    from fmiqa_core import scoring
    from fmiqa_core.features import extractor

    with torch.inference_mode():
        extractor(backbone, "cpu")(torch.zeros(1, 3, 224, 224))
    loaded = _peak()
    data = datasets.load(name, partial=True)
    data = datasets.select(data, Path(data.table["ref"].iloc[0]).stem)
    scoring.score_dataset(data, Path(out), backbone, device="cpu", batch_size=int(batch))
    print(_peak(), loaded)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB


def _run(*words: str) -> tuple[float, float]:
    run = subprocess.run([sys.executable, __file__, *words], check=True, stdout=subprocess.PIPE, text=True)
    peak, loaded = (float(word) for word in run.stdout.split()[-2:])
    return peak, loaded


def _links(folder: Path, count: int) -> Path:
    """A table of `count` distorted images, links to 25 crops, and their one reference."""
    paths.make_folder(folder)
    whole = demo.reference("chelsea", 224)
    whole.save(folder / "chelsea.png")
    kinds = [(kind, level) for kind in demo.LEVELS for level in range(1, 6)]
    for kind, level in kinds:
        demo.distort(whole, kind, level).save(folder / f"{kind}_{level}.png")
    with open(folder / "table.csv", "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["ref", "dis"])
        for number in range(count):
            kind, level = kinds[number % len(kinds)]
            os.symlink(folder / f"{kind}_{level}.png", folder / f"{number}.png")
            rows.writerow(["chelsea.png", f"{number}.png"])
    return folder / "table.csv"


if __name__ == "__main__":
    scored(*sys.argv[2:]) if sys.argv[1:2] == ["scored"] else main(*sys.argv[1:])
