"""Scoring on other processes, on a real Dask cluster, beside another run, and with too little memory."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import pytest
import torch
from filelock import FileLock

from fmiqa_core import datasets, features, images, scoring
from fmiqa_core.errors import InputError


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

    def small(self, windows):
        if len(windows) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, windows)

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
