"""What a reproduction would do, and doing it: the grid, its plan, the paper's profile with what is here."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import random_weights
from PIL import Image

from fmiqa_core import scoring
from fmiqa_core.commands import getting, reproducing
from fmiqa_core.data import datasets, demo
from fmiqa_core.data.layouts import LAYOUTS
from fmiqa_core.data.methods import PAPER
from fmiqa_core.errors import InputError
from fmiqa_core.notebook import profiles
from fmiqa_core.scoring import grid, plan, timing

REPOSITORY = Path(__file__).resolve().parent.parent
KEYS = ["dataset", "backbone", "perturbation", "images", "of", "windows", "state", "seconds", "bytes", "get"]
CNN, VIT = "efficientnet_lite0", "dinov2_vits14"


@pytest.fixture
def quick(monkeypatch):
    """A second for every window and image, so that no network is timed."""
    monkeypatch.setattr(timing, "seconds", lambda settings, pixels=None: 1.0)


@pytest.fixture
def paper(home, monkeypatch, tmp_path):
    """A data root with a few images under names of LIVE, TID2013 and PIPAL, 227 x 224 px: photographs that are not theirs.

    Of LIVE and TID2013 four of each of two references, of PIPAL two of one.
    """
    for name, references, each in (("live", 2, 4), ("tid2013", 2, 4), ("pipal", 1, 2)):
        table = datasets.human_scores.read(name)
        for photograph, (ref, group) in zip(("coffee", "chelsea")[:references], table.groupby("ref"), strict=False):
            image = demo.reference(photograph, 227).crop((0, 0, 227, 224))
            some = group["dis"].iloc[:: len(group) // each][:each]
            files = {ref: image} | {dis: demo.distort(image, "noise", level) for level, dis in enumerate(some, start=1)}
            for path, content in files.items():
                file = tmp_path / "root" / name / path
                file.parent.mkdir(parents=True, exist_ok=True)
                content.save(file)
    monkeypatch.setenv("FMIQA_DATA", os.pathsep.join([str(tmp_path / "root"), os.environ["FMIQA_DATA"]]))
    return home


def test_a_plan_before_and_after(demo_home, efficientnet, ran, quick):
    argv = ["plan", "--json", "-p", "backbones", efficientnet]
    status, out, _ = ran(*argv)
    assert status == 0
    found = json.loads(out)
    assert set(found) == {"rows", "seconds", "bytes"}
    (row,) = found["rows"]
    assert list(row) == KEYS
    assert row == {
        "dataset": "demo",
        "backbone": efficientnet,
        "perturbation": "none",
        "images": 125,
        "of": 125,
        "windows": 520,  # 5 references and 125 images, 4 windows each
        "state": "todo",
        "seconds": 520.0,
        "bytes": 0,
        "get": "",
    }
    assert not (demo_home / "data" / "scores").exists()
    ran("score-dataset", "demo", "--backbone", efficientnet, "--device", "cpu", "--rows", "chelsea,coffee")
    ((row),) = json.loads(ran(*argv)[1])["rows"]
    assert (row["state"], row["windows"]) == ("stale", 3 * 26 * 4)
    ran("score-dataset", "demo", "--backbone", efficientnet, "--device", "cpu", "--batch-size", "5", "--replace")
    ((row),) = json.loads(ran(*argv)[1])["rows"]
    assert (row["state"], row["windows"], row["seconds"]) == ("done", 0, 0.0)
    status, out, _ = ran(*argv[:1], *argv[2:])
    assert "1 tables: 1 done. To go: 0 windows, 0 s on this machine" in out


def test_what_is_missing_names_its_command(bare_home, ran, quick):
    status, out, _ = ran("plan", "--profile", "full", "--json")
    assert status == 0
    found = json.loads(out)
    assert len(found["rows"]) == 3 * (8 + 1) * 4
    assert {row["state"] for row in found["rows"]} == {"missing"}
    rows = {(row["dataset"], row["backbone"], row["perturbation"]): row for row in found["rows"]}
    one = rows["tid2013", "clip_vitb32", "tra"]
    assert one["get"] == "fmiqa download tid2013 clip_vitb32 --yes"
    assert (one["images"], one["of"], one["windows"]) == (0, 3000, 3025 * 6)
    assert rows["pipal", "baselines", "none"]["windows"] == 0
    assert rows["pipal", "baselines", "none"]["get"] == "fmiqa download pipal --yes"
    weights = sum(rows["pipal", name, "none"]["bytes"] - rows["pipal", "baselines", "none"]["bytes"] for name in PAPER)
    archives = sum(rows[name, "baselines", "none"]["bytes"] for name in ("live", "tid2013", "pipal"))
    assert found["bytes"] == weights + archives
    assert found["seconds"] == sum(row["seconds"] for row in found["rows"])
    assert not (bare_home / "data" / "scores").exists()


def test_sizes_of_complete_datasets_are_those_of_their_tables():
    for name, layout in LAYOUTS.items():
        table = datasets.human_scores.read(name)
        assert (len(table), table["ref"].nunique()) == (layout.images, layout.references)


def test_a_timing_is_of_the_settings_asked_for(efficientnet):
    settings = grid.Cell("demo", efficientnet).settings(device="cpu").checked()
    assert 0 < timing.seconds(settings) < 60
    baselines = grid.Cell("demo", "baselines").settings().checked()
    assert timing.seconds(baselines, (224, 224)) > 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("plan", "--profile", "paper"), "Unknown profile 'paper'"),
        (("plan", "-p", "backbones", "dinov9"), "Unknown backbone 'dinov9'"),
        (("plan", "-p", "datasets", "live9"), "Unknown dataset 'live9'"),
        (("plan", "--profile", "full", "-p", "perturbations", "none,shift"), "Unknown perturbation 'shift'"),
        (("plan", "-p", "perturbations", "tra"), "name none, too"),
        (("plan", "-p", "ranking_dataset", "live"), "does not change what is scored"),
        (("plan", "-p", "batch_size", "many"), "a number of windows"),
        (("reproduce", "--profile", "full", "-p", "nonsense", "1"), "Unknown notebook parameter"),
    ],
)
def test_wrong_profiles(home, refused, quick, argv, said):
    shutil.copytree(REPOSITORY / "notebooks", home / "notebooks")
    assert said in refused(*argv)


def test_the_paper_needs_its_terms_accepted(bare_home, ran, monkeypatch):
    shutil.copytree(REPOSITORY / "notebooks", bare_home / "notebooks")
    status, out, err = ran("reproduce", "--profile", "full")
    assert (status, out) == (2, "")
    assert "--yes" in err.splitlines()[-1]
    assert not (bare_home / "data" / "downloads" / "accepted.json").exists()


def test_the_other_protocols_are_of_the_smallest_dataset_that_has_enough(demo_home):
    data = datasets.load("demo")
    few = datasets.select(data, "chelsea,coffee")
    assert reproducing._smallest({"demo": data, "live": data, "few": few}) == "demo"
    assert reproducing._smallest({"tid2013": data, "live": data}) == "tid2013"
    assert reproducing._smallest({"few": few}) == ""


def test_swd_where_the_authors_ran_it():
    assert "swd" in grid.Cell("live", "clip_vitb32").settings().distances
    assert grid.Cell("live", "dinov2_vitb14").settings().distances is None
    assert grid.Cell("live", "baselines").settings(precision="bf16").precision == "fp32"


def test_a_cell_that_fails_keeps_no_other(demo_home, efficientnet):
    data = datasets.load("demo")
    few = datasets.select(data, "chelsea,coffee")
    odd = few.folder / few.table["dis"].iloc[0]
    odd.write_bytes(odd.read_bytes()[:100])
    with pytest.raises(InputError, match=r"1 of 2 tables failed: \[few efficientnet_lite0\] 1 of 2 references failed"):
        grid.score(
            {"few": few, "good": datasets.select(data, "rocket")},
            grid.cells(["few", "good"], [efficientnet], ["none"], baselines=False),
            device="cpu",
        )
    folder = scoring.usual_folder("demo", efficientnet)
    assert len(list((folder / "units").glob("*.json"))) == 2


def test_profiles_and_their_notebooks(home):
    found = profiles.of("full", {"datasets": "tid2013,pipal", "precision": "fp16", "rival": "psnr"}, partial=False)
    assert found.perturbations == ("none", "tra", "sca", "rot")
    assert found.parameters("08_protocol_sensitivity.ipynb")["datasets"] == "tid2013"
    mine = found.parameters("05_benchmark_tables.ipynb")
    assert (mine["datasets"], mine["partial"], mine["precision"], mine["rival"]) == ("tid2013,pipal", "False", "fp16", "psnr")
    assert profiles.of("demo").parameters("05_benchmark_tables.ipynb") == {}
    assert profiles.of("demo", {"datasets": "live"}).cells()[0] == grid.Cell("live", VIT)


def test_plan_of_what_is_here_in_part(paper, ran, quick):
    found = json.loads(ran("plan", "--profile", "full", "--partial", "--json", "-p", "backbones", CNN)[1])
    states = {row["dataset"]: (row["state"], row["images"], row["of"]) for row in found["rows"] if row["backbone"] == CNN}
    assert states == {"live": ("todo", 8, 779), "tid2013": ("todo", 8, 3000), "pipal": ("todo", 2, 23200)}
    assert found["bytes"] == 0
    whole = json.loads(ran("plan", "--profile", "full", "--json", "-p", "backbones", CNN)[1])
    assert {row["state"] for row in whole["rows"]} == {"missing"}
    assert plan.dataset("live").downloads


FEW = ("clip_vitb32", "clip_rn50")  # a ViT and a CNN
SLOW = ("04", "08")  # other tests run them on small tables, too


@pytest.mark.parametrize(
    ("names", "without"),
    [pytest.param(FEW, SLOW, marks=pytest.mark.long), pytest.param(PAPER, (), marks=pytest.mark.exhaustive)],
)
def test_the_paper_with_its_backbones(paper, ran, names, without):
    """Killed while it scores, it goes on; a second run computes nothing and gives the same bytes."""
    for folder in ("notebooks", "data/released", "data/live_5refs", "data/settings"):
        shutil.copytree(REPOSITORY / folder, paper / folder)
    random_weights.write(paper, *names)
    # few images: what is tested is the way, not the scores
    settings = {"backbones": ",".join(names), "perturbations": "none,tra", "datasets": "tid2013,pipal"}
    options = ["--profile", "full", "--partial", *(word for setting in settings.items() for word in ("-p", *setting))]
    argv = ["reproduce", *(number for number in ("03", "04", "05", "06", "07", "08", "09") if number not in without), *options]
    scores = paper / "data" / "scores"
    with subprocess.Popen([sys.executable, "-m", "fmiqa_core", *argv], stderr=subprocess.DEVNULL) as program:
        while len(list(scores.glob("*/*/units/*.json"))) < 5:
            assert program.poll() is None
            time.sleep(0.05)
        program.kill()
    status, _, err = ran(*argv)
    assert status == 0, err
    assert len(list(scores.glob("*/*/scores.parquet"))) >= 2 * (len(names) + 1) * 2
    released = pd.read_csv(next((paper / "figures").glob("fig05_main_both_*.csv")))
    assert {"own", "released"} <= {*released["source"]}
    for figure in (paper / "figures").glob("*.png"):
        with Image.open(figure) as picture:
            assert picture.height / picture.info["dpi"][1] * 25.4 <= 250, figure.name
    before = {file: file.read_bytes() for file in [*scores.rglob("*.*"), *(paper / "figures").glob("*.*")] if file.is_file()}
    times = {file: file.stat().st_mtime_ns for file in scores.glob("*/*/units/*.json")}
    status, _, err = ran("reproduce", "03", "05", *options)
    assert status == 0, err
    assert {file: file.stat().st_mtime_ns for file in scores.glob("*/*/units/*.json")} == times
    assert [file.name for file, content in before.items() if file.read_bytes() != content] == []


def test_what_cannot_be_had_keeps_the_rest(home, monkeypatch, capsys):
    """Terms first, then each thing; a network whose weights fail is left out, and named at the end."""
    asked = []

    def get(name, yes):
        asked.append(name)
        if name == "clip_rn50":
            raise InputError("The hub is far away.")
        return f"{name}: here"

    monkeypatch.setattr(getting, "get", get)
    profile, failed = reproducing._gotten(profiles.of("full", {"datasets": "live,tid2013"}), yes=True)
    assert asked == ["live", "tid2013", *PAPER, "released"]
    assert profile.datasets == ("live", "tid2013")
    assert profile.backbones == tuple(name for name in PAPER if name != "clip_rn50")
    assert failed == ["clip_rn50: The hub is far away."]
    assert "[get] clip_vitb32: here" in capsys.readouterr().err
    monkeypatch.setattr(getting, "get", lambda name, yes: get("clip_rn50", yes))
    with pytest.raises(InputError, match=r"Nothing is left to reproduce: live: The hub is far away.*fmiqa plan --profile full"):
        reproducing._gotten(profile, yes=True)


def test_the_notebooks_go_on_without_what_failed(home):
    profile = profiles.of("full", {"backbones": "dinov2_vits14,efficientnet_lite0"})

    def left(*odd):
        found = reproducing._without(profile, [grid.Cell(*cell) for cell in odd])
        return found.datasets, found.backbones

    every = profile.datasets, profile.backbones
    assert left() == every
    assert left(("live", VIT, "rot")) == (every[0], (CNN,))
    assert left(("live", VIT), ("live", CNN, "tra")) == (("tid2013", "pipal"), every[1])
    assert left(("pipal", "baselines")) == (("live", "tid2013"), every[1])
    assert left(("pipal", "baselines"), ("pipal", VIT), ("live", CNN)) == (("live", "tid2013"), (VIT,))
