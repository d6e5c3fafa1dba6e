"""Times and peak memory of the statistics of the released scores, each in its own process: `make bench`."""

import subprocess
import sys

PARTS = {
    "archive to SRCC, KRCC, raw PLCC and means by reference (cache deleted)": """
for file in (released.paths.data() / "released-cache").glob("*.parquet"):
    file.unlink()
table = released.load()
for d in released_names.DATASETS: result_tables.points(scores.of_release(d, None, table))
""",
    "the same from the parquet cache": """
table = released.load()
for d in released_names.DATASETS: result_tables.points(scores.of_release(d, None, table))
""",
    "2000 resamples of SRCC and raw PLCC, all files, after loading (numba's compilation included)": """
table = released.load()
data = [scores.of_release(d, None, table) for d in released_names.DATASETS]
del table
start = time.monotonic()
for d in data:
    w = bootstrap.draw(len(set(d.refs)))
    bootstrap.srcc(d.values, d.quality, d.refs, w), bootstrap.plcc(d.values, d.quality, d.refs, w)
""",
    "pooled fits, 4 and 5 parameters, after loading": """
table = released.load()
data = [scores.of_release(d, None, table) for d in released_names.DATASETS]
del table
start = time.monotonic()
for d in data:
    for row in d.values:
        fits.logistic(row, d.quality, 4), fits.logistic(row, d.quality, 5)
""",
}
START = """
import time; start = time.monotonic()
import resource
from fmiqa_core.data import released, released_names, scores
from fmiqa_core.stats import bootstrap, fits
from fmiqa_core.stats import result_tables
"""
END = """
import sys
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "linux" else 1 << 30)
print(f"{time.monotonic() - start:.1f} s, peak {peak:.2f} GiB")
"""


def main() -> None:
    from fmiqa_core.data import released

    if released.find() is None:
        print(released.NOT_HERE)
        return
    for name, code in PARTS.items():
        run = subprocess.run([sys.executable, "-c", START + code + END], capture_output=True, text=True, check=True)
        print(f"{name}: {run.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
