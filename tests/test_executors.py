"""Scoring on other processes, on a real Dask cluster, beside another run, and with too little memory."""

import contextlib
import multiprocessing
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

from fmiqa_core import features, images, scoring
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError
from fmiqa_core.scoring import executors, feeder


@pytest.fixture
def few(demo_home):
    """Three references of the demo set with three distorted images each."""
    table = datasets.load("demo").table
    kept = table[table["distortion"].eq("blur") & table["level"].le(3)].iloc[:9].reset_index(drop=True)
    assert kept["ref"].nunique() == 3
    return replace(datasets.load("demo"), table=kept)


@pytest.mark.long
def test_a_process_pool_gives_the_same_bytes(few, home, efficientnet):
    serial = scoring.score_dataset(few, home / "serial", efficientnet, device="cpu")
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        pooled = scoring.score_dataset(few, home / "pool", efficientnet, device="cpu", executor=pool)
    assert pooled.attrs["computed_units"] == serial.attrs["computed_units"] == 3
    assert (home / "pool" / "scores.parquet").read_bytes() == (home / "serial" / "scores.parquet").read_bytes()


@pytest.mark.long
@pytest.mark.filterwarnings("default")  # distributed warns of its own dependencies
def test_a_dask_cluster_gives_the_same_bytes(few, home, dinov2, ran, monkeypatch):
    """Two worker processes of one thread each; through the command line, too."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.setenv(variable, "1")  # LocalCluster leaves its own in the environment: undone after the test
    distributed = pytest.importorskip("distributed", reason="the package distributed is not installed")
    two = replace(few, table=few.table.iloc[:4])
    scoring.score_dataset(two, home / "serial", dinov2, ["l2", "wsd"], device="cpu")
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        executor = client.get_executor()
        table = scoring.score_dataset(two, home / "dask", dinov2, ["l2", "wsd"], device="cpu", executor=executor)
        argv = ["demo", "--backbone", "efficientnet_lite0", "--rows", "chelsea", "--distances", "l2", "--device", "cpu"]
        status, out, _ = ran("score-dataset", *argv, "--out", home / "line", "--dask", cluster.scheduler_address)
    assert table.attrs["computed_units"] == 2
    assert (home / "dask" / "scores.parquet").read_bytes() == (home / "serial" / "scores.parquet").read_bytes()
    assert status == 0
    assert "1 of 1 references computed" in out


@pytest.fixture
def five(demo_home):
    """The five references of the demo set, with two distorted images each."""
    found = datasets.load("demo")
    kept = found.table[found.table["distortion"].isin(["blur", "noise"]) & found.table["level"].eq(3)].reset_index(drop=True)
    assert (len(kept), kept["ref"].nunique()) == (10, 5)
    return replace(found, table=kept)


def same_bytes(data, home, name, distances, rounds: int) -> None:
    """Two threads give the serial bytes, from an empty folder and where a killed run has left a part."""
    scoring.score_dataset(data, home / "serial", name, distances, device="cpu")
    wanted = (home / "serial" / "scores.parquet").read_bytes()
    for number in range(rounds):
        with ThreadPoolExecutor(2) as pool:
            scoring.score_dataset(data, home / f"{number}", name, distances, device="cpu", executor=pool)
            assert (home / f"{number}" / "scores.parquet").read_bytes() == wanted
            for file in sorted((home / f"{number}" / "units").glob("*.json"))[::2]:
                file.unlink()
            again = scoring.score_dataset(data, home / f"{number}", name, distances, device="cpu", executor=pool)
        assert again.attrs["computed_units"] == 3
        assert (home / f"{number}" / "scores.parquet").read_bytes() == wanted


def test_threads_give_the_same_bytes(five, home, efficientnet):
    same_bytes(five, home, efficientnet, ["l2", "cos", "embed_cos"], 1)


@pytest.mark.parametrize("rounds", [pytest.param(1, marks=pytest.mark.long), pytest.param(5, marks=pytest.mark.exhaustive)])
def test_threads_give_the_same_bytes_of_a_vit(five, home, dinov2, rounds):
    same_bytes(five, home, dinov2, None, rounds)


def test_a_pool_that_forks_is_refused_before_anything_starts(few, home, efficientnet):
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(1, mp_context=fork) as pool, pytest.raises(InputError, match=r"forks.*spawn"):
        scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu", executor=pool)
    assert not (home / "out").exists()


class Ending(Executor):
    """Computes its first unit; the others are cancelled, as by a scheduler that ends."""

    def __init__(self):
        self.taken = 0

    def submit(self, work, *args):
        future = Future()
        self.taken += 1
        if self.taken == 1:
            future.set_result(work(*args))
        else:
            future.cancel()
            future.set_running_or_notify_cancel()
        return future


def test_an_executor_that_ends_names_what_was_not_done(few, home, efficientnet):
    with pytest.raises(InputError, match=r"2 of 3 references failed, the others are done.*it was cancelled"):
        scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu", executor=Ending())
    assert scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu").attrs["computed_units"] == 2
    ended = ThreadPoolExecutor(1)
    ended.shutdown()
    with pytest.raises(InputError, match="The executor takes no work"):
        scoring.score_dataset(few, home / "other", efficientnet, ["l2"], device="cpu", executor=ended)


class Lost(Ending):
    """As Dask's, whose scheduler went while the answer to its second unit was on the way: that one never ends."""

    def submit(self, work, *args):
        self._client = SimpleNamespace(status="closed" if self.taken else "running")
        return super().submit(work, *args) if self.taken != 1 else self.forever()

    def forever(self):
        self.taken += 1
        return Future()


def test_a_scheduler_that_went_keeps_nobody_waiting(few, home, efficientnet):
    with pytest.raises(InputError, match=r"2 of 3 references failed, the others are done.*is the scheduler still there"):
        scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu", executor=Lost())


def test_a_worker_that_dies_is_named():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        ((_, error),) = executors.compute(os._exit, [1], pool)
    assert "terminated abruptly" in str(error)
    assert executors.why(error) == "its worker process ended abruptly: out of memory?"


def test_a_fault_of_ours_fails_its_reference_only(few, home, efficientnet, monkeypatch):
    read = feeder.read_distorted

    def faulty(unit, *args):
        if "chelsea" in unit.ref:
            raise TypeError("unforeseen")
        return read(unit, *args)

    monkeypatch.setattr(feeder, "read_distorted", faulty)
    with pytest.raises(InputError, match=r"1 of 3 references failed.*\[ref/chelsea.png\] TypeError: unforeseen") as caught:
        scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu")
    assert isinstance(caught.value.__cause__, TypeError)
    assert len(list((home / "out" / "units").glob("*.json"))) == 2


@contextlib.contextmanager
def started(*argv, **options):
    """A program that is ended with the block of code."""
    program = subprocess.Popen([str(word) for word in argv], **options)
    try:
        yield program
    finally:
        program.kill()
        program.wait()


@contextlib.contextmanager
def scheduler(folder):
    """Address and program of a Dask scheduler on this machine alone."""
    pytest.importorskip("distributed", reason="the package distributed is not installed")
    command = [sys.executable, "-m", "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with open(folder / "scheduler.log", "w+", encoding="utf-8") as log, started(*command, stderr=log, cwd=folder) as program:
        for _ in range(300):
            found = re.search(r"tcp://127\.0\.0\.1:\d+", (folder / "scheduler.log").read_text(encoding="utf-8"))
            if found:
                break
            time.sleep(0.1)
        yield found[0], program


def dask_worker(address, folder, *options):
    """`dask worker ADDRESS` in a folder of its own, with what Dask gives it unless told otherwise: a thread for each core."""
    command = [sys.executable, "-m", "dask", "worker", address, "--no-dashboard", *options]
    return started(*command, cwd=folder, stderr=subprocess.DEVNULL, env=os.environ | {"CUDA_VISIBLE_DEVICES": ""})


def score_line(folder, out, *more):
    """`fmiqa score-dataset` as a program that stands in `folder` and names `out` relative to it."""
    command = [sys.executable, "-m", "fmiqa_core", "score-dataset", "demo", "--device", "cpu", "--out", out, *more]
    return started(*command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("rounds", [pytest.param(2, marks=pytest.mark.long), pytest.param(5, marks=pytest.mark.exhaustive)])
def test_dask_workers_of_several_threads_give_the_same_bytes(demo_home, dinov2, tmp_path, rounds):
    """README's lines, `dask worker` as it comes; a relative --out; several times, and after a kill."""
    (tmp_path / "worker").mkdir()
    options = ["--distances", "l2,cos,embed_cos", "--rows", "blur"]
    with score_line(tmp_path, "serial", *options) as run:
        assert run.wait() == 0, run.stderr.read()
    wanted = (tmp_path / "serial" / "scores.parquet").read_bytes()
    with scheduler(tmp_path) as (address, _), dask_worker(address, tmp_path / "worker", "--nthreads", "2"):
        for number in range(rounds):
            with score_line(tmp_path, f"out{number}", *options, "--dask", address) as run:
                out, err = run.communicate()
            assert run.returncode == 0, err
            assert "5 of 5 references computed" in out
            assert (tmp_path / f"out{number}" / "scores.parquet").read_bytes() == wanted
        with score_line(tmp_path, "killed", *options, "--dask", address) as run:
            while not list((tmp_path / "killed" / "units").glob("*.json")):
                assert run.poll() is None, run.stderr.read()
                time.sleep(0.02)
            run.send_signal(signal.SIGKILL)
        with score_line(tmp_path, "killed", *options, "--dask", address) as run:
            assert run.wait() == 0, run.stderr.read()
    assert (tmp_path / "killed" / "scores.parquet").read_bytes() == wanted
    assert not (tmp_path / "worker" / "killed").exists()


HERE = {"pipal": "demo", "clip_vitb32": "dinov2_vits14", "fp16": "bf16"}  # what a machine without GPU and model hub has


def documented_lines() -> tuple[list[list[str]], list[list[str]]]:
    """Words of CONTRIBUTING's lines for several devices: Dask's, with a port that is free, and ours."""
    text = (Path(__file__).resolve().parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S) if "dask scheduler" in block]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    lines = [shlex.split(re.sub(r"CUDA_VISIBLE_DEVICES=\d|&$", "", line)) for line in block.replace("8786", port).splitlines()]
    dask = [
        [*words, "--no-dashboard", *(["--port", port] if "scheduler" in words else [])] for words in lines if words[0] == "dask"
    ]
    return dask, [[HERE.get(word, word) for word in words] for words in lines if words[0] == "fmiqa"]


@pytest.mark.long
def test_documented_lines_give_the_same_bytes(demo_home, dinov2, tmp_path, monkeypatch):
    """A scheduler and two workers as in CONTRIBUTING, and `--workers`, beside the run of one process."""
    pytest.importorskip("distributed", reason="the package distributed is not installed")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    programs, ours = documented_lines()
    assert [words[1] for words in programs] == ["scheduler", "worker", "worker"]
    assert [words[-2] for words in ours] == ["--workers", "--dask"]
    options = ["--rows", "chelsea,coffee", "--distances", "l2,cos", "--device", "cpu", "--out"]
    with contextlib.ExitStack() as stack:
        for number, words in enumerate(programs):
            (tmp_path / str(number)).mkdir()  # a worker of Dask's waits for its scheduler, as fmiqa does for 10 s
            stack.enter_context(started(*words, cwd=tmp_path / str(number), stderr=subprocess.DEVNULL))
        for number, words in enumerate([*ours, ours[0][:-2]]):
            run = subprocess.run([*words, *options, f"out{number}"], cwd=tmp_path, capture_output=True, text=True)
            assert run.returncode == 0, run.stderr
            assert "2 of 2 references computed" in run.stdout
    found = [(tmp_path / f"out{number}" / "scores.parquet").read_bytes() for number in range(3)]
    assert found[0] == found[1] == found[2]


@pytest.mark.long
def test_dask_without_a_worker_says_so_and_without_a_scheduler_ends(demo_home, efficientnet, tmp_path):
    options = ["--backbone", efficientnet, "--distances", "l2"]
    with scheduler(tmp_path) as (address, program), score_line(tmp_path, "out", *options, "--dask", address) as run:
        assert f"no worker at {address}: waiting" in run.stderr.readline()
        with dask_worker(address, tmp_path):
            assert f"a worker has come to {address}" in run.stderr.readline()
            while not list((tmp_path / "out" / "units").glob("*.json")):
                time.sleep(0.02)
            program.kill()
            _, err = run.communicate(timeout=120)
    assert run.returncode == 2
    assert "Traceback" not in err
    assert re.search(r"of 5 references failed, the others are done and kept", err)


@pytest.mark.long
def test_no_scheduler_there(demo_home, home, refused):
    pytest.importorskip("distributed", reason="the package distributed is not installed")
    assert "No Dask scheduler answers" in refused("score-dataset", "demo", "--out", home / "o", "--dask", "127.0.0.1:9")


@pytest.mark.parametrize("pool", [False, pytest.param(True, marks=pytest.mark.long)])
def test_an_unreadable_image_fails_its_reference_only(few, home, efficientnet, refused, pool):
    bad = few.folder / few.table["dis"].iloc[4]
    bad.write_bytes(bad.read_bytes()[:500])
    if pool:
        with (
            ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor,
            pytest.raises(InputError, match=rf"1 of 3 references failed.*{bad.name} cannot be decoded"),
        ):
            scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu", executor=executor)
    else:
        argv = ("--backbone", efficientnet, "--rows", "blur", "--distances", "l2", "--device", "cpu", "--out", home / "out")
        line = refused("score-dataset", "demo", *argv)
        assert "1 of 5 references failed, the others are done and kept" in line
        assert bad.name in line
    assert not (home / "out" / "scores.parquet").exists()
    assert len(list((home / "out" / "units").glob("*.json"))) == (2 if pool else 4)


def test_an_image_of_another_size_fails_its_reference_only(few, home, efficientnet):
    odd = few.folder / few.table["dis"].iloc[0]
    images.read(odd).crop((0, 0, 250, 250)).save(odd)
    with pytest.raises(InputError, match=r"250 x 250 px, its reference .* is 256 x 256 px"):
        scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu")
    assert len(list((home / "out" / "units").glob("*.json"))) == 2


def test_two_runs_do_not_write_the_same_folder(demo_home, home, refused):
    (home / "out").mkdir(parents=True)
    with FileLock(home / "out" / ".lock"):
        line = refused("score-dataset", "demo", "--rows", "chelsea", "--out", home / "out")
    assert "Another run is writing" in line


def test_too_little_memory_halves_the_batch(few, home, efficientnet, monkeypatch, capsys):
    """Stands in for a device that can hold 3 windows: the run goes on with smaller batches and says so."""
    whole = scoring.score_dataset(few, home / "whole", efficientnet, ["l2"], device="cpu")
    forward = features.FeatureExtractor.forward

    def small(self, windows, *args):
        if len(windows) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, windows, *args)

    monkeypatch.setattr(features.FeatureExtractor, "forward", small)
    table = scoring.score_dataset(few, home / "out", efficientnet, ["l2"], device="cpu")
    assert "goes on with 3 windows a batch" in capsys.readouterr().err
    assert table.attrs["halved"] == dict.fromkeys(few.table["ref"].unique(), 3)
    assert table["score_l2"].to_numpy() == pytest.approx(whole["score_l2"].to_numpy(), rel=1e-5)

    monkeypatch.setattr(features.FeatureExtractor, "forward", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("x")))
    with pytest.raises(InputError, match="not enough memory even for one window"):
        scoring.score_dataset(few, home / "none", efficientnet, ["l2"], device="cpu")


def test_precision_of_the_network_only(few, home, efficientnet):
    """bf16 moves the scores a little; distances stay fp32."""
    one = replace(few, table=few.table.iloc[:3])
    full = scoring.score_dataset(one, home / "fp32", efficientnet, ["l2"], device="cpu")["score_l2"]
    half = scoring.score_dataset(one, home / "bf16", efficientnet, ["l2"], device="cpu", precision="bf16")["score_l2"]
    assert 0 < (half / full - 1).abs().max() < 0.1
