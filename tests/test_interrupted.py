"""A dataset run that is killed: what is finished is kept, nothing partial looks finished, the bytes come out equal."""

import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from fmiqa_core import images, scoring
from fmiqa_core.data import datasets, demo
from fmiqa_core.errors import InputError


@pytest.fixture
def undisturbed(efficientnet, demo_home, home):
    """The folder of a whole run in a process of its own (a CNN's last bits depend on the threads), and its seconds of work."""
    run = subprocess.Popen(_argv(home / "whole"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for_work(run, home / "whole")
    started = time.monotonic()
    assert run.wait() == 0
    return home / "whole", time.monotonic() - started


def _wait_for_work(run, out):
    """Until the run has loaded its libraries and made its folder."""
    while run.poll() is None and not (out / "units").is_dir():
        time.sleep(0.01)


def _argv(out):
    words = ["--backbone", "efficientnet_lite0", "--rows", "blur,noise", "--distances", "l2,cos", "--device", "cpu"]
    return [sys.executable, "-m", "fmiqa_core", "score-dataset", "demo", *words, "--out", str(out)]


def _finish(out):
    """Run to the end; how many references were computed."""
    run = subprocess.run(_argv(out), check=True, capture_output=True, text=True)
    return int(re.search(r"(\d) of 5 references computed", run.stdout)[1])


def _check_second_run(out, whole, least=0):
    """The rerun computes what is missing and leaves what is finished; the bytes come out equal."""
    finished = {file: file.stat().st_mtime_ns for file in out.glob("units/*.json") if not file.name.startswith(".")}
    assert len(finished) >= least
    for file in finished:
        assert file.read_bytes() == (whole / "units" / file.name).read_bytes()
    assert _finish(out) == 5 - len(finished)
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    assert (out / "scores.parquet").read_bytes() == (whole / "scores.parquet").read_bytes()
    assert not list(out.rglob("*.partial*"))


@pytest.mark.long
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_and_run_again(undisturbed, home):
    run = subprocess.Popen(_argv(home / "out"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while run.poll() is None and len(list((home / "out").glob("units/*.json"))) < 2:
            time.sleep(0.01)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == -signal.SIGKILL
    assert not (home / "out" / "scores.parquet").exists()
    _check_second_run(home / "out", undisturbed[0], least=1)  # the second may have had its temporary name yet


@pytest.mark.parametrize("runs", [pytest.param(5, marks=pytest.mark.long), pytest.param(25, marks=pytest.mark.exhaustive)])
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kill_at_random_moments(undisturbed, home, runs):
    """Each killed at a moment drawn from the time that a whole run works."""
    moments, interrupted = random.Random(0), 0
    for number in range(runs):
        run = subprocess.Popen(_argv(home / f"out{number}"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _wait_for_work(run, home / f"out{number}")
        time.sleep(moments.uniform(0, undisturbed[1]))
        run.kill()
        interrupted += run.wait() == -signal.SIGKILL
        _check_second_run(home / f"out{number}", undisturbed[0])
    assert interrupted >= 0.6 * runs, "the runs ended before they were killed"


@pytest.fixture
def three(demo_home) -> datasets.Dataset:
    """Three distorted images of one reference."""
    found = datasets.select(datasets.load("demo"), "chelsea")
    return replace(found, table=found.table.head(3))


@pytest.mark.parametrize("damage", ["half", "empty", "other", "binary"])
def test_damaged_unit_is_redone(three, efficientnet, home, damage):
    scoring.score_dataset(three, home / "cos", efficientnet, ["cos"], device="cpu")
    (other,) = (home / "cos" / "units").iterdir()
    table = scoring.score_dataset(three, home / "out", efficientnet, ["l2"], device="cpu")
    (unit,) = (home / "out" / "units").iterdir()
    before, parquet = unit.read_bytes(), (home / "out" / "scores.parquet").read_bytes()
    damaged = {"half": before[: len(before) // 2], "empty": b"", "other": other.read_bytes(), "binary": b"\xff\n\xff"}
    unit.write_bytes(damaged[damage])
    again = scoring.score_dataset(three, home / "out", efficientnet, ["l2"], device="cpu")
    assert again.attrs["computed_units"] == table.attrs["computed_units"] == 1
    assert unit.read_bytes() == before
    assert (home / "out" / "scores.parquet").read_bytes() == parquet


def test_a_failed_reference_is_computed_by_the_next_run(demo_home, efficientnet, home):
    found = datasets.select(datasets.load("demo"), "chelsea,coffee")
    dataset = replace(found, table=found.table[found.table["level"].eq(5) & found.table["distortion"].isin(["noise", "blur"])])
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


@pytest.mark.parametrize("change", ["distances", "perturbation", "protocol_name", "baseline_names", "image"])
def test_what_determines_the_numbers_makes_another_unit(three, efficientnet, home, change):
    options = {"distances": ["l2"], "device": "cpu"}
    scoring.score_dataset(three, home / "out", efficientnet, **options)
    if change == "image":
        file = three.folder / "blur" / "chelsea_1.png"
        demo.distort(images.read(file), "contrast", 1).save(file)
    else:
        other = {"distances": ["cos"], "perturbation": "rot", "protocol_name": "paper+normalise"}
        options |= {change: (other | {"baseline_names": ["psnr"]})[change]}
    assert scoring.score_dataset(three, home / "out", efficientnet, replace=True, **options).attrs["computed_units"] == 1


def test_another_batch_size_or_device_computes_nothing_again(three, efficientnet, home):
    first = scoring.score_dataset(three, home / "out", efficientnet, ["l2"], device="cpu")
    stored = (home / "out" / "scores.parquet").read_bytes()
    again = scoring.score_dataset(three, home / "out", efficientnet, ["l2"], device="auto", batch_size=8)
    assert again.attrs["computed_units"] == 0
    assert (
        (again.attrs["batch_size"], again.attrs["device"]) == (first.attrs["batch_size"], first.attrs["device"]) == (12, "cpu")
    )
    assert again.attrs["halved"] == {}
    assert (home / "out" / "scores.parquet").read_bytes() == stored


def test_stored_scores_that_have_more_are_taken(three, efficientnet):
    more, file = scoring.stored(three, efficientnet, distances=["l2", "cos"], baseline_names=["psnr"], device="cpu")
    content = file.read_bytes()
    less, _ = scoring.stored(three, efficientnet, distances=["cos"], device="cpu", batch_size=4)
    assert less.attrs["computed_units"] == 0
    assert less.equals(more)
    assert file.read_bytes() == content
    other, _ = scoring.stored(three, efficientnet, distances=["cos", "embed_cos"], device="cpu")
    assert other.attrs["computed_units"] == 1
    assert "score_l2" not in other


def test_baselines_need_no_network(three):
    table, file = scoring.stored(three, "baselines", baseline_names=["psnr", "msssim"])
    assert file.parent.name == "baselines"
    assert {c for c in table if c.startswith(("score_", "layer_"))} == {"score_psnr", "score_msssim"}
    assert (table["n_windows"] == 0).all()
    assert "psnr, msssim | whole images, native size | fp32 on cpu" in table.attrs["report"]
    assert scoring.stored(three, "baselines", baseline_names=["psnr"])[0].attrs["computed_units"] == 0


def test_another_protocol_is_stored_beside_paper(three, efficientnet):
    options = {"distances": ["l2"], "device": "cpu"}
    paper, file = scoring.stored(three, efficientnet, **options)
    corrected, other = scoring.stored(three, efficientnet, "corrected", **options)
    assert file.parent.name == efficientnet
    assert other.parent.name == f"{efficientnet}-corrected"
    assert (scoring.read(file)["score_l2"] == paper["score_l2"]).all()
    assert (paper["score_l2"] != corrected["score_l2"]).all()
