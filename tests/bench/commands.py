"""`make bench`: what each command of README takes, in data/bench/commands.csv, which README shows: a row for each command.

Each runs in a home of its own that begins empty but for weights and committed tables. Processor minutes are those of the
command and all that it starts; minutes depend on the cores and on what else the machine does, so both are kept. Names of
rows as arguments run these alone; the rows of the others stay. Linux and macOS (`resource`).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pair
import pandas as pd

from fmiqa_core.files import csv_files, paths

FMIQA = [sys.executable, "-m", "fmiqa_core"]
COMMANDS = {  # as README has it -> what is run
    "fmiqa score": [*FMIQA, "score", "reference.png", "distorted.png", "--distance", "cos"],
    "fmiqa score-dataset demo": [*FMIQA, "score-dataset", "demo", "--backbone", "dinov2_vits14"],
    "fmiqa gallery": [*FMIQA, "gallery"],
    "fmiqa released": [*FMIQA, "released"],
    "make reproduce": [*FMIQA, "reproduce"],
    "make test": ["make", "-o", ".venv/.ready", "test"],
    "make test PYTEST=": ["make", "-o", ".venv/.ready", "test", "PYTEST="],
}
KEPT = ("weights", "downloads", "released", "live_5refs", "settings", "gpu", "bench")  # of data/, in each home


def main(*names: str) -> None:
    file = paths.make_folder(paths.data() / "bench") / "commands.csv"
    rows = pd.read_csv(file).set_index("command") if file.is_file() else pd.DataFrame()
    for name in names or COMMANDS:
        row = measured(name)
        rows = pd.concat([rows.drop(name, errors="ignore"), pd.DataFrame([row], index=pd.Index([name], name="command"))])
        print(name, row, flush=True)
        rows.loc[[known for known in COMMANDS if known in rows.index]].to_csv(file, float_format=csv_files.DIGITS)


def measured(name: str) -> dict:
    """Minutes, processor minutes, peak memory of the largest process in GiB, and GB that it leaves on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for part in KEPT:
            if (paths.data() / part).is_dir():
                shutil.copytree(paths.data() / part, home / "data" / part)
        for part in ("figures", "notebooks"):
            shutil.copytree(paths.home() / part, home / part, ignore=shutil.ignore_patterns("executed", "site"))
        _pictures(home)
        before, started = _size(home), time.monotonic()
        pid = os.fork()  # its children's peak alone, not that of the command before
        if pid == 0:
            _child(name, home)
        _, status, used = os.wait4(pid, 0)
        if status:
            sys.exit(f"{name} ended with {os.waitstatus_to_exitcode(status)}")
        return {
            "minutes": (time.monotonic() - started) / 60,
            "processor_minutes": (used.ru_utime + used.ru_stime) / 60,
            "peak_gib": used.ru_maxrss / pair.GIB,
            "left_gb": (_size(home) - before) / 1e9,
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "processor": pair.processor(),
        }


def _child(name: str, home: Path) -> None:
    inside = home if not name.startswith("make test") else paths.home()  # tests make homes of their own
    environment = os.environ | ({"FMIQA_HOME": str(home)} if inside == home else {})
    run = subprocess.run(COMMANDS[name], cwd=inside, env=environment, stdout=subprocess.DEVNULL)
    os._exit(run.returncode)


def _pictures(home: Path) -> None:
    """reference.png and distorted.png: a demo photograph at the size of LIVE's images, and its JPEG version."""
    from fmiqa_core.data import demo

    ref = demo.reference("coffee", 384).resize(pair.SIZE[::-1])
    ref.save(home / "reference.png")
    demo.distort(ref, "jpeg", 4).save(home / "distorted.png")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


if __name__ == "__main__":
    main(*sys.argv[1:])
