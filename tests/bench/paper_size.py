"""Notebooks 04 to 09 at the paper's size, on made-up scores: seconds and peak memory of each, and every figure's size.

`python tests/bench/paper_size.py [FOLDER] [--only 04,05] [--small]`: eight backbones on the rows of LIVE, TID2013 and PIPAL,
clean and perturbed, in every protocol. The scores are seeded noise about the human scores, in a temporary folder (or FOLDER,
which is kept): nothing is written to the checkout.
"""

import argparse
import functools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parents[2]
DATASETS = {"live": (29, 27), "tid2013": (25, 120), "pipal": (200, 116)}  # references, images of each
STATES = ("none", "tra", "sca", "rot")
SCORES = {"05": ("own", "both"), "06": ("own", "both"), "07": ("own", "both"), "09": ("own", "both")}
WIDE, HIGH = 180, 247  # mm of a page


def backbones() -> list[str]:
    from fmiqa_core.data import methods

    return list(methods.PAPER)


def layers(backbone: str) -> int:
    return 36 if "convnext" in backbone else 5 if "rn50" in backbone else 12


@functools.cache
def rows(dataset: str, small: bool) -> pd.DataFrame:
    """The images of `dataset` with their human scores, of the released table if it is here, else made up."""
    from fmiqa_core.data import released, scores

    if released.find() is not None:
        table = scores.of_release(dataset).images
    else:
        refs, each = DATASETS[dataset]
        n, rng = refs * each, np.random.default_rng(0)
        ref = np.repeat(np.arange(refs), each)
        table = pd.DataFrame({"dis": [f"d{i:05d}.bmp" for i in range(n)], "ref": [f"r{r:03d}.bmp" for r in ref]})
        table["distortion"], table["level"] = [f"{i % each * 24 // each:02d}" for i in range(n)], None
        table["mos"] = table["quality"] = rng.normal(size=n)
    table = table[table["ref"].isin(list(dict.fromkeys(table["ref"]))[:4])] if small else table
    return table.assign(dataset=dataset, level=pd.array([None] * len(table), dtype="Int64")).reset_index(drop=True)


def table(dataset: str, backbone: str, protocol: str = "paper", perturbation: str = "none", small: bool = False):
    """Made-up scores as `score_tables.read` gives them: each column its own noise about the human score, seeded by its name."""
    from fmiqa_core.data.layouts import LAYOUTS
    from fmiqa_core.studies import live_5refs

    out = rows(dataset, small).copy()
    quality = out["quality"].to_numpy(float)
    quality = (quality - quality.mean()) / quality.std()
    kind = "cnn" if "convnext" in backbone or "rn50" in backbone else "vit"
    names = live_5refs.VARIANTS[kind][protocol]
    with_layers = ("l2", "cos") if protocol != "corrected" else ("l2", "cos", "skld", "jsd", "wsd")
    parts = [f"layer_{d}_{i}" for d in names if d in with_layers for i in range(layers(backbone))]
    made = {}
    for column in [*(f"score_{d}" for d in names), *parts]:
        key = f"{dataset} {backbone} {column}"
        rng = np.random.default_rng(zlib.crc32(key.encode()))
        noise = rng.normal(0, 0.8 + 0.6 * (zlib.crc32(key[::-1].encode()) % 7) / 7, len(out))
        moved = np.random.default_rng(zlib.crc32(f"{key} {protocol} {perturbation}".encode())).normal(0, 0.2, len(out))
        usual = protocol == "paper" and perturbation == "none"
        made[column] = np.exp(-0.4 * (quality + noise + (0 if usual else moved)))
    out = pd.concat([out, pd.DataFrame(made)], axis=1)
    layout = LAYOUTS[dataset]
    out.attrs = {"dataset": dataset, "backbone": backbone, "protocol": protocol, "perturbation": perturbation}
    out.attrs |= {"distances": list(names), "scale": layout.scale, "note": "made-up scores", "cite": layout.cite}
    return _about(out)


def _about(out: pd.DataFrame) -> pd.DataFrame:
    out.attrs |= {
        "report": f"fmiqa | made-up scores of {out.attrs['backbone']}",
        "coverage": f"{len(out)} of {len(out)} images",
        "weights": "0" * 64,
    }
    return out


def make(folder: Path, small: bool) -> None:
    """Write all tables as scores.parquet, one a folder."""
    from fmiqa_core.data import score_tables
    from fmiqa_core.studies import live_5refs

    for dataset in DATASETS:
        for backbone in backbones():
            kind = "cnn" if "convnext" in backbone or "rn50" in backbone else "vit"
            for protocol, state in [*((p, "none") for p in live_5refs.VARIANTS[kind]), *(("paper", s) for s in STATES[1:])]:
                made = table(dataset, backbone, protocol, state, small)
                file = place(folder, dataset, backbone, protocol, state)
                file.parent.mkdir(parents=True, exist_ok=True)
                score_tables.write(file, made, made.attrs)


def place(folder: Path, dataset: str, backbone: str, protocol: str, state: str) -> Path:
    return folder / "made_up" / dataset / f"{backbone} {protocol} {state}" / "scores.parquet"


class Named:
    """What the notebooks' functions ask of a dataset that is not here: its name."""

    def __init__(self, name: str):
        self.name = name


def run(number: str, folder: Path, scores: str) -> None:
    """The code of a notebook in this process, where scores are read in place of being computed."""
    import builtins

    import matplotlib
    import nbformat
    from matplotlib import pyplot as plt

    from fmiqa_core.data import score_tables, words
    from fmiqa_core.studies import chosen, live_5refs, runs

    matplotlib.use("Agg")
    builtins.display = lambda *shown: None

    def stored(data, backbone, perturbation="none", **_):
        file = place(folder, data.name, backbone, "paper", perturbation)
        return score_tables.read(file), file

    def tables(dataset, backbone, names=None, **_):
        name = getattr(dataset, "name", "live")  # the demo set's place is taken by LIVE
        kind = "cnn" if "convnext" in backbone or "rn50" in backbone else "vit"
        wanted = [one for one in (live_5refs.VARIANTS[kind] if names is None else names) if one in live_5refs.VARIANTS[kind]]
        return {one: score_tables.read(place(folder, name, backbone, one, "none")) for one in wanted}

    chosen.stored, live_5refs.tables = stored, tables
    runs.named = lambda names, who, partial=True: ({n: Named(n) for n in words.listed(names)}, words.listed(who))
    parameters = {"datasets": ",".join(DATASETS), "backbones": ",".join(backbones()), "scores": scores}
    parameters |= {"demo_backbone": "dino_vitb16"}
    names = {"__name__": "notebook"}
    (file,) = (HERE / "notebooks").glob(f"{number}_*.ipynb")
    for cell in nbformat.read(file, 4).cells:
        if cell.cell_type != "code":
            continue
        start = time.monotonic()
        exec(compile(cell.source, f"{file.name} {cell.id}", "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names |= {key: value for key, value in parameters.items() if key in names}
        plt.close("all")
        if time.monotonic() - start > 5:
            print(f"    cell {cell.id}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def sizes(folder: Path) -> list[str]:
    """Figures that no page holds."""
    from PIL import Image

    found = []
    for file in sorted((folder / "figures").glob("*.png")):
        with Image.open(file) as picture:
            wide, high = (25.4 * side / 220 for side in picture.size)
        if wide > WIDE + 0.5 or high > HIGH + 0.5:
            found.append(f"{file.stem}: {wide:.0f} x {high:.0f} mm")
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", nargs="?", type=Path)
    options.add_argument("--only", default="04,05,06,07,08,09")
    options.add_argument("--small", action="store_true", help="4 references of each dataset")
    options.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.run:
        run(asked.run[0], asked.folder, asked.run[1])
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "linux" else 1 << 30)
        print(f"peak {peak:.2f} GiB", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(asked.folder or temporary).absolute()
        environment = os.environ | {"FMIQA_HOME": str(folder), "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        os.environ["FMIQA_HOME"] = str(HERE)
        print(f"{len(backbones())} backbones, {len(STATES)} states, made-up scores, in {folder}")
        if not (folder / "made_up").is_dir():
            for name in ("released", "live_5refs", "released-cache"):
                if (HERE / "data" / name).is_dir():
                    shutil.copytree(HERE / "data" / name, folder / "data" / name, dirs_exist_ok=True)
            start = time.monotonic()
            make(folder, asked.small)
            print(f"made in {time.monotonic() - start:.0f} s", flush=True)
        for number in asked.only.split(","):
            for scores in SCORES.get(number, ("own",)):
                start = time.monotonic()
                command = [sys.executable, __file__, str(folder), "--run", number, scores]
                found = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                status = found.stderr.strip().rsplit("\n", 1)[-1]
                print(f"{number} {scores}: {time.monotonic() - start:.0f} s, {status}", flush=True)
                print("\n".join(line for line in found.stderr.splitlines() if line.startswith("    cell")), flush=True)
        for line in sizes(folder):
            print(f"larger than a page: {line}")


if __name__ == "__main__":
    main()
