"""A clean tree after a reproduction: what agrees with the committed figure makes room for it, what does not is named."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmiqa_core.data import datasets
from fmiqa_core.figures import settled

REPOSITORY = Path(__file__).resolve().parent.parent
PHOTOGRAPHS = ("fig00_data", "fig01_maps", "fig01_pca", "fig10_own_pair", "fig10_recovery")


def picture(shift: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 5, 3), 100 + shift, dtype=np.uint8)).save(stream, "png")
    return stream.getvalue()


def provenance(caption: str, digest: str) -> bytes:
    return json.dumps({"caption": caption, "packages": {"numpy": digest}, "inputs": {"a.parquet": digest}}).encode()


@pytest.mark.parametrize(
    ("ending", "one", "other", "same"),
    [
        (".csv", b"a,b\nx,1.0001\ny,2.5", b"a,b\nx,1.0002\ny,2.5", True),
        (".csv", b"a,b\nx,1.0001\ny,2.5", b"a,b\nx,1.01\ny,2.5", False),
        (".csv", b"a,b\nx,1e-9\ny,2.5", b"a,b\nx,2e-9\ny,2.5", True),  # next to nothing in its column
        (".csv", b"a,b\nx,1.5\ny,", b"a,b\nx,1.5\ny,2.5", False),
        (".csv", b"a,b\nx,1.5\ny,2.5", b"a,b\nz,1.5\ny,2.5", False),
        (".csv", b"a,n\nx,10000", b"a,n\nx,10001", False),  # a count
        (".csv", b"a,b\nx,1.5", b"a,c\nx,1.5", False),
        (".md", b"| 0.912 | 12 |", b"| 0.913 | 12 |", True),
        (".md", b"| 0.912 | 12 |", b"| 0.914 | 12 |", False),
        (".md", b"| 0.912 | 12 |", b"| 0.912 | 13 |", False),
        (".tex", rb"\textbf{0.912}", b"0.912", False),
        (".png", picture(0), picture(settled.SHADES), True),
        (".png", picture(0), picture(settled.SHADES + 1), False),
        (".json", provenance("Score 1.163.", "a"), provenance("Score 1.162.", "b"), True),
        (".json", provenance("Score of l2", "a"), provenance("Score of cos", "a"), False),
    ],
)
def test_agree(ending, one, other, same):
    assert settled.agree(ending, one, other) is same
    assert settled.agree(ending, one, one)


def git(folder: Path, *arguments: str) -> str:
    me = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return subprocess.run(["git", "-C", folder, *me, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def figures(home):
    """A home under git with three figures of a .csv and a .png each."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    folder = home / "figures"
    folder.mkdir(parents=True)
    for name in ("fig01_same", "fig02_near", "fig03_far"):
        (folder / f"{name}.csv").write_text("x\n1.00001\n")
        (folder / f"{name}.png").write_bytes(picture(0))
    (home / ".gitignore").write_text("/figures/executed/\n")
    git(home, "init", "--quiet")
    git(home, "add", "--all")
    git(home, "commit", "--quiet", "--message", "all")
    return folder


def test_a_figure_that_agrees_leaves_a_clean_tree(figures, home):
    (figures / "fig02_near.csv").write_text("x\n1.00002\n")
    (figures / "fig02_near.png").write_bytes(picture(1))
    moved, line = settled.settle(figures.iterdir())
    assert git(home, "status", "--porcelain") == ""
    assert moved[figures / "fig02_near.csv"].read_text() == "x\n1.00002\n"
    assert "fig02_near agrees" in line
    assert "beyond" not in line
    assert "\n" not in line
    again, line = settled.settle(figures.iterdir())
    assert not again
    assert line == "Every figure and table is as committed, to the byte."
    assert not (figures / "executed" / "fig02_near.csv").exists()


def test_a_figure_that_differs_stays_whole_and_is_named(figures, home):
    (figures / "fig02_near.csv").write_text("x\n1.00002\n")
    (figures / "fig03_far.csv").write_text("x\n1.00002\n")  # its numbers agree, its picture does not
    (figures / "fig03_far.png").write_bytes(picture(99))
    moved, line = settled.settle(figures.iterdir())
    assert git(home, "status", "--porcelain").split() == ["M", "figures/fig03_far.csv", "M", "figures/fig03_far.png"]
    assert set(moved) == {figures / "fig02_near.csv"}
    assert "fig03_far differs from the committed one beyond it" in line


def test_what_make_test_drew_anew_makes_room_too(figures, home):
    (figures / "fig02_near.csv").write_text("x\n1.00002\n")
    command = [sys.executable, "-W", "error", "-m", "fmiqa_core.figures.settled"]
    ours = os.environ | {"FMIQA_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=ours)
    assert "fig02_near agrees with the committed one" in run.stdout
    assert git(home, "status", "--porcelain") == ""


def test_what_this_run_did_not_write_is_left_alone(figures, home):
    (figures / "fig02_near.csv").write_text("x\n1.00002\n")
    moved, line = settled.settle([figures / "fig01_same.csv"])
    assert not moved
    assert "fig02" not in line
    assert (figures / "fig02_near.csv").read_text() == "x\n1.00002\n"


def test_without_git_nothing_is_said(home):
    (home / "figures").mkdir(parents=True)
    file = home / "figures" / "fig01_same.csv"
    file.write_text("x\n1\n")
    assert settled.settle([file]) == ({}, "")


def ignored(names: list[str]) -> set[str]:
    run = subprocess.run(["git", "check-ignore", "--no-index", *names], cwd=REPOSITORY, capture_output=True, text=True)
    if run.returncode == 128:
        pytest.skip("not a git checkout")
    return set(run.stdout.split())


def test_photographs_of_the_demo_set_alone_are_kept():
    """Whatever a dataset or a table of one's own is called, an ending "_demo" included."""
    others = [name for name in datasets.NAMES if name != "demo"] + ["mine", "my_demo", "demo2", "live_5refs", "demo_page2"]
    files = [f"figures/{kind}_{name}.{e}" for kind in PHOTOGRAPHS for name in others for e in ("png", "svg", "pdf", "csv")]
    assert ignored(files) == set(files)
    shown = subprocess.run(["git", "ls-files", "figures"], cwd=REPOSITORY, capture_output=True, text=True).stdout.split()
    assert ignored(shown) == set()
    assert {f"figures/{kind}_demo.png" for kind in PHOTOGRAPHS} <= set(shown)
    again = {f"figures/{kind}_demo.{ending}" for kind in PHOTOGRAPHS for ending in ("svg", "pdf")}  # the same pixels
    assert ignored(sorted(again)) == again
