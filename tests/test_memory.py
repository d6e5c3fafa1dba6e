"""Freed memory is used again, whatever Dask has set; a setting of the user's own is left alone. What a batch needs is freed."""

import os
import subprocess
import sys
import weakref

import pytest

from fmiqa_core import compare, scoring
from fmiqa_core.data import datasets
from fmiqa_core.features import FeatureExtractor

CHILD = """
import resource, sys
import numpy as np
from fmiqa_core.scoring import memory
print(memory.keep() if sys.argv[1] == "keep" else "", end=" ")
for _ in range(3): np.ones(2_000_000)  # 16 MB, once without counting
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20): np.ones(2_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(way: str, **setting) -> tuple[str, int]:
    """What `keep` returned in a process of its own with this setting, and its page faults in twenty allocations."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")} | setting
    out = subprocess.run([sys.executable, "-c", CHILD, way], env=environment, capture_output=True, text=True, check=True)
    *said, count = out.stdout.split()
    return " ".join(said), int(count)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_freed_memory_is_used_again_under_dasks_setting():
    _, given_back = faults("leave", MALLOC_TRIM_THRESHOLD_="65536")
    said, kept = faults("keep", MALLOC_TRIM_THRESHOLD_="65536")
    if said != "True":
        pytest.skip("this Linux has no mallopt")
    assert kept < given_back / 5


def test_a_setting_of_ones_own_is_left_alone():
    assert faults("keep", MALLOC_TRIM_THRESHOLD_="1000000")[0] == "False"
    assert faults("keep")[0] == faults("keep", MALLOC_TRIM_THRESHOLD_="65536")[0]


def test_what_a_batch_needs_is_freed_before_the_next(demo_home, tmp_path, efficientnet, monkeypatch):
    """Features, and what distances derived of them, which is several times as much; the reference's sides are kept."""
    made, alive = [], []
    forward, sides = FeatureExtractor.forward, compare.sides

    def watched_forward(network, *given):
        alive.append(sum(reference() is not None for reference in made))
        features = forward(network, *given)
        made.append(weakref.ref(features))
        return features

    def watched_sides(features, switches):
        found = sides(features, switches)
        made.extend(map(weakref.ref, found))
        return found

    monkeypatch.setattr(FeatureExtractor, "forward", watched_forward)
    monkeypatch.setattr(compare, "sides", watched_sides)
    data = datasets.select(datasets.load("demo"), "chelsea")
    scoring.score_dataset(data, tmp_path / "out", efficientnet, device="cpu")
    kept = alive[1]  # the reference's
    assert kept
    assert len(alive) > 3
    assert alive[2:] == [kept] * len(alive[2:])
