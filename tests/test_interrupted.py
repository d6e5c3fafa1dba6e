"""A dataset run that is killed: what is finished is kept, nothing partial looks finished, the bytes come out equal."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from fmiqa_core import datasets, demo, images, scoring
from fmiqa_core.errors import InputError


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_and_run_again(demo_scores, efficientnet, home):
    undisturbed, out = demo_scores[0], home / "out"
    run = subprocess.Popen(_argv(efficientnet, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while run.poll() is None and len(list(out.glob("units/*.json"))) < 2:
            time.sleep(0.01)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
    assert run.returncode == -signal.SIGKILL
    finished = {file: file.stat().st_mtime_ns for file in out.glob("units/*.json") if not file.name.startswith(".")}
    assert 2 <= len(finished) < 5
    assert not (out / "scores.parquet").exists()
    for file in finished:
        assert file.read_bytes() == (undisturbed / "units" / file.name).read_bytes()

    table = scoring.score_dataset(datasets.load("demo"), out, efficientnet, device="cpu")
    assert table.attrs["computed_units"] == 5 - len(finished)
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    assert (out / "scores.parquet").read_bytes() == (undisturbed / "scores.parquet").read_bytes()


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_at_random_moments(demo_scores, efficientnet, home):
    """25 runs, each killed at a moment drawn from the time that a whole run takes."""
    undisturbed, moments, interrupted = demo_scores[0], random.Random(0), 0
    started = time.monotonic()
    subprocess.run(_argv(efficientnet, home / "whole"), check=True, capture_output=True)
    whole = time.monotonic() - started
    for number in range(25):
        out = home / f"out{number}"
        run = subprocess.Popen(_argv(efficientnet, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moments.uniform(0, whole))
        run.kill()
        interrupted += run.wait() == -signal.SIGKILL
        finished = {file: file.stat().st_mtime_ns for file in out.glob("units/*.json") if not file.name.startswith(".")}
        table = scoring.score_dataset(datasets.load("demo"), out, efficientnet, device="cpu")
        assert table.attrs["computed_units"] == 5 - len(finished)
        assert {file: file.stat().st_mtime_ns for file in finished} == finished
        assert (out / "scores.parquet").read_bytes() == (undisturbed / "scores.parquet").read_bytes()
        assert not list(out.rglob("*.partial*"))
    assert interrupted >= 15, "the runs ended before they were killed"


def _argv(backbone, out):
    return [
        sys.executable,
        "-m",
        "fmiqa_core",
        "score-dataset",
        "demo",
        "--backbone",
        backbone,
        "--device",
        "cpu",
        "--out",
        out,
    ]


@pytest.mark.parametrize("damage", ["half", "empty", "other", "binary"])
def test_damaged_unit_is_redone(demo_scores, efficientnet, home, damage):
    undisturbed, _ = demo_scores
    dataset = datasets.select(datasets.load("demo"), "chelsea")
    table = scoring.score_dataset(dataset, home / "out", efficientnet, ["l2"], device="cpu")
    (unit,) = (home / "out" / "units").iterdir()
    before, parquet = unit.read_bytes(), (home / "out" / "scores.parquet").read_bytes()
    other = min((undisturbed / "units").glob("rocket*")).read_bytes()
    unit.write_bytes({"half": before[: len(before) // 2], "empty": b"", "other": other, "binary": b"\xff\n\xff"}[damage])
    again = scoring.score_dataset(dataset, home / "out", efficientnet, ["l2"], device="cpu")
    assert again.attrs["computed_units"] == table.attrs["computed_units"] == 1
    assert unit.read_bytes() == before
    assert (home / "out" / "scores.parquet").read_bytes() == parquet


def test_a_failed_reference_is_computed_by_the_next_run(efficientnet, home):
    dataset = datasets.select(datasets.load("demo"), "chelsea,coffee")
    bad = dataset.folder / "noise" / "coffee_5.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:1000])
    with pytest.raises(InputError, match=r"coffee_5\.png cannot be decoded"):
        scoring.score_dataset(dataset, home / "out", efficientnet, ["l2"], device="cpu")
    assert not (home / "out" / "scores.parquet").exists()
    assert [file.name[:7] for file in (home / "out" / "units").iterdir()] == ["chelsea"]
    bad.write_bytes(whole)
    table = scoring.score_dataset(dataset, home / "out", efficientnet, ["l2"], device="cpu")
    assert table.attrs["computed_units"] == 1


@pytest.mark.parametrize("change", ["distances", "perturbation", "batch_size", "image"])
def test_what_determines_the_numbers_makes_another_unit(efficientnet, home, change):
    dataset = datasets.select(datasets.load("demo"), "chelsea")
    options = {"distances": ["l2"], "device": "cpu"}
    scoring.score_dataset(dataset, home / "out", efficientnet, **options)
    if change == "image":
        file = dataset.folder / "blur" / "chelsea_1.png"
        demo.distort(images.read(file), "contrast", 1).save(file)
    else:
        options |= {change: {"distances": ["cos"], "perturbation": "rot", "batch_size": 8}[change]}
    assert scoring.score_dataset(dataset, home / "out", efficientnet, **options).attrs["computed_units"] == 1
