"""What somebody meets in the shell first: help, `doctor`, progress, refusals before the work; Figure 4 of an own table."""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from fmiqa_core import Metric
from fmiqa_core.backbones.records import BACKBONES
from fmiqa_core.commands import doctor
from fmiqa_core.data import datasets, score_tables
from fmiqa_core.figures import saving
from fmiqa_core.files import progress, web
from fmiqa_core.stats import layer_choice

ROOT = Path(__file__).parents[1]


def test_no_command_prints_the_help(ran):
    status, out, err = ran()
    assert (status, err) == (0, "")
    assert out.startswith("usage: fmiqa")
    for word in ("score-dataset", "FMIQA_HOME", "FMIQA_DATA", "fmiqa figure fig04_layerwise --data"):
        assert word in out


def test_doctor_is_a_table_of_80_columns(home, ran):
    status, out, _ = ran("doctor")
    assert status == 0
    own = (str(home), *os.environ["FMIQA_DATA"].split(os.pathsep))  # a path does not break
    assert all(len(line) <= doctor.WIDTH or any(path in line for path in own) for line in out.splitlines())
    heads = [line for line in out.splitlines() if line.startswith(("weights ", "dataset ", "folder "))]
    assert len(heads) == 3
    at = heads[0].index("state")
    for name in BACKBONES:
        line = next(line for line in out.splitlines() if line.startswith(f"{name} "))
        assert line[at:].startswith(("here ", "missing "))
    assert f"FMIQA_HOME set {home}: data/, figures/" in " ".join(out.split())


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no modes here")
def test_doctor_names_weights_that_others_may_not_read(home, ran):
    folder = home / "data" / "weights"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    file = folder / BACKBONES["efficientnet_lite0"].file
    file.touch(0o600)
    closed = [line for line in ran("doctor")[1].splitlines() if "chmod a+r" in line]
    assert len(closed) == 1
    assert str(file) in closed[0]
    file.chmod(0o644)
    assert f"{file}" not in ran("doctor")[1]


def test_packages_of_baselines_are_missed_once_and_before(demo_home, efficientnet, refused, passes, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    argv = ("--baselines", "psnr,fsim,lpips,dists", "--backbone", efficientnet, "--distances", "l2", "--out", tmp_path)
    line = refused("score-dataset", "demo", *argv)
    assert "The baselines fsim, lpips, dists need packages that are not here: pip install piq lpips" in line
    assert passes == []


def test_the_report_fits_a_paper_and_the_json_has_the_whole_hash(ran, efficientnet, photo):
    status, out, _ = ran("score", photo, photo, "--backbone", efficientnet, "--json", "--device", "cpu")
    found = json.loads(out)
    whole = found["weights"]["sha256"]
    assert status == 0
    assert (len(whole), whole) == (64, Metric(efficientnet, device="cpu").extractor.sha256)
    assert f"(sha256 {whole[:12]})" in found["report"]
    assert len(found["report"]) < 220


@pytest.mark.skipif(not shutil.which("make"), reason="make is not here")
@pytest.mark.parametrize("target", ["reproduce", "full"])
@pytest.mark.parametrize("given", [True, False])
def test_make_knows_partial(target, given):
    options = {"cwd": ROOT, "capture_output": True, "text": True, "check": True}
    said = subprocess.run(["make", "-n", target, *["PARTIAL=1"] * given], **options).stdout
    assert said.count("--partial") == given
    assert subprocess.run(["make", "help"], **options).stdout.count("PARTIAL=1") == 2


def test_a_name_server_that_never_answers_is_given_up(monkeypatch):
    """A socket's limit does not hold for it, nor for a name with many addresses."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    start = time.monotonic()
    with pytest.raises(TimeoutError, match="timed out"):
        web.head("http://somewhere.invalid/file", {}, 0.2)
    assert time.monotonic() - start < 3


def test_progress_is_for_a_terminal_and_leaves_stdout_alone():
    code = """
import time
from fmiqa_core.files import progress
progress.EVERY = 0.1
print([(time.sleep(0.3), thing)[1] for thing in progress.each("abcd", "letters", "pieces")])
"""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    run = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=theirs, text=True, check=True)
    seen = os.read(ours, 1 << 16).decode()
    assert run.stdout == "['a', 'b', 'c', 'd']\n"
    assert "letters:" in seen
    assert "/4 [" in seen


def test_a_log_is_told_what_is_new_alone(capsys, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.05)
    for _ in progress.each("ab", "letters", "pieces"):
        time.sleep(0.3)
    assert capsys.readouterr().err.splitlines() == ["letters: 0 of 2 pieces", "letters: 1 of 2 pieces"]


@pytest.fixture
def texts(monkeypatch):
    """All texts of the figure that was written last."""
    from matplotlib.text import Text

    seen, write = [], saving.write

    def watched(figure, file):
        seen[:] = [text.get_text() for text in figure.findobj(Text)]
        return write(figure, file)

    monkeypatch.setattr(saving, "write", watched)
    return seen


@pytest.mark.parametrize(
    ("name", "column", "word"), [("kadid10k", "mos", "MOS"), pytest.param("live", "dmos", "DMOS", marks=pytest.mark.long)]
)
def test_figure_4_of_an_own_table_in_two_commands(name, column, word, home, efficientnet, ran, refused, texts, tmp_path):
    """Real images and what people said of them, in a table of the user's own."""
    if datasets.find(name) is None:
        pytest.skip(f"{name} is not at hand: name its folder in FMIQA_DATA")
    there = datasets.load(name, partial=True)
    own = there.table.groupby("ref").head(8)[["ref", "dis", "mos"]].rename(columns={"mos": column})
    own.to_csv(tmp_path / "mine.csv", index=False)
    run, file = tmp_path / "scores", tmp_path / "figure.png"
    network = ("--backbone", efficientnet, "--device", "cpu", "--root", there.folder, "--out", run)
    assert ran("score-dataset", tmp_path / "mine.csv", *network)[0] == 0
    status, out, err = ran("figure", "fig04_layerwise", "--data", run / "scores.parquet", "--width", 88, "--out", file)
    assert status == 0, err
    assert file.stat().st_size > 10_000
    assert f"SRCC with {word}\n(mine)" in texts
    assert {"EfficientNet-Lite0, pooled", "EfficientNet-Lite0, within references"} <= {*texts}
    assert f"{len(own)} images of mine, {own['ref'].nunique()} references; human side: {column}" in out
    assert "efficientnet_lite0, weights" in out
    assert ran("figure", "fig04_cumulative", "--data", run, "--out", file)[0] == 0
    assert "is not drawn from a scores.parquet" in refused("figure", "fig05_main", "--data", run, "--out", file)
    scores = score_tables.read(run / "scores.parquet")
    found = layer_choice.layers(scores, "cos").set_index("features")
    sign = -1 if column == "mos" else 1
    assert found.loc["layer 2", "srcc"] == pytest.approx(sign * spearmanr(scores["layer_cos_2"], scores["mos"])[0])


def table_of(refs: list[str], quality) -> pd.DataFrame:
    """Scores of two layers, as `score_tables.read` gives them."""
    numbers = np.random.default_rng(0).random((3, len(refs)))
    names = ("layer_l2_0", "layer_l2_1", "score_embed_cos")
    table = pd.DataFrame(dict(zip(names, numbers, strict=True)) | {"ref": refs, "mos": quality, "quality": quality})
    table = table.assign(dis=[f"{i}.png" for i in range(len(refs))], score_l2=numbers[0] + numbers[1], dataset="mine.csv")
    table.attrs = {"dataset": "mine.csv", "backbone": "efficientnet_lite0", "distances": ["l2", "embed_cos"], "scale": "mos"}
    return table


def test_figure_of_a_run_that_nobody_rated(refused, tmp_path):
    table = table_of(["a"] * 4, np.nan)
    score_tables.write(tmp_path / "scores.parquet", table, table.attrs)
    line = refused("figure", "fig04_layerwise", "--data", tmp_path, "--out", tmp_path / "a.png")
    assert "has human scores of 0 images, 3 are needed: add a column mos or dmos" in line
    table = table_of(["a"] * 4, np.arange(4.0)).drop(columns="score_embed_cos")
    score_tables.write(tmp_path / "scores.parquet", table, table.attrs)
    line = refused("figure", "fig04_layerwise", "--data", tmp_path, "--out", tmp_path / "a.png")
    assert "--distances l2,cos,embed_cos" in line


def test_references_with_two_images_count_in_no_figure_of_layers():
    """Of two images SRCC is 1 or -1; both figures leave such a reference out, so that their first layers agree."""
    scores = table_of([*"aaaaabbbbbccdd"], np.arange(14.0))
    each, sums = layer_choice.layers(scores, "l2"), layer_choice.cumulative(scores, "l2")
    assert sums["srcc_byref"][0] == pytest.approx(each["srcc_byref"][0])
    assert sums["byref_single"].tolist() == pytest.approx(each["srcc_byref"][:2].tolist())
    assert sums["byref_low"][0] == pytest.approx(each["byref_low"][0], nan_ok=True)
