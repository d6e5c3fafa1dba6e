"""Figures drawn again from their own tables: the same picture, legible in one and in two columns, and adapted."""

import io
import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from contact_sheets import VISION, names, seen
from legibility import complaints
from matplotlib.figure import Figure
from PIL import Image

from fmiqa_core import figures
from fmiqa_core.errors import InputError, first_line
from fmiqa_core.figures import adapt, catalogue
from fmiqa_core.files import paths

FIGURES = paths.figures()
ALL = names()
pytestmark = pytest.mark.usefixtures("house_style")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_committed_figure_is_in_the_catalogue_or_of_images():
    assert len(ALL) >= 25
    assert {catalogue.key(name) for name in ALL} == set(catalogue.DRAWINGS)


@pytest.mark.long
@pytest.mark.parametrize("name", ALL)
def test_its_table_gives_the_committed_picture(name):
    made_with = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))["packages"]["matplotlib"]
    if made_with != version("matplotlib"):
        pytest.skip(f"made with matplotlib {made_with}, here is {version('matplotlib')}")
    figure = catalogue.draw(name, catalogue.read(catalogue.file(name), name))
    figures.freeze(figure)
    file = io.BytesIO()
    figure.savefig(file)
    with Image.open(file) as again, Image.open(FIGURES / f"{name}.png") as committed:
        np.testing.assert_array_equal(np.asarray(again), np.asarray(committed))


@pytest.mark.long
@pytest.mark.parametrize("millimetres", [88, 180, None])
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_clipped_or_covered_or_too_small(name, millimetres):
    least = catalogue.DRAWINGS[catalogue.key(name)].narrowest
    width = None if millimetres is None else max(millimetres, least) / 25.4
    figure = catalogue.draw(name, catalogue.read(catalogue.file(name), name), width)
    figures.freeze(figure)
    assert complaints(figure) == []


def test_faults_are_found():
    figure, axis = plt.subplots(figsize=(2, 2), layout="none")
    axis.text(0.5, 0.5, "one")
    axis.text(0.55, 0.5, "two")
    axis.text(0.1, 0.1, "small", fontsize=4)
    axis.set_title("a title much longer than the figure is wide")
    found = " ".join(complaints(figure))
    for fault in ("'one' lies on 'two'", "'small' has 4 pt", "wide' leaves the canvas"):
        assert fault in found


def test_colour_blindness_and_grey():
    colours = np.array([[[255, 255, 255], [0, 0, 0], [213, 94, 0], [0, 114, 178]]], np.uint8)
    for matrix in VISION.values():
        np.testing.assert_allclose(seen(colours, matrix)[0, :2], [[255] * 3, [0] * 3], atol=1)  # white and black stay
    np.testing.assert_array_equal(seen(colours, VISION["normal"]), colours)
    grey = seen(colours, VISION["grey"])[0, 2:]
    assert (grey == grey[:, :1]).all()


def test_from_the_shell(here, ran):
    for name in "ab":
        status, out, _ = ran("figure", "fig04_layerwise", "--width", "120", "--out", f"{name}.svg")
        assert status == 0
    assert (here / "a.svg").read_bytes() == (here / "b.svg").read_bytes()
    assert "DMOS" in out
    assert "Cite: " in out
    assert ran("figure", "fig04_layerwise", "--methods", "cos", "--format", "png")[0] == 0
    with Image.open(here / "fig04_layerwise_live_5refs.png") as picture:
        assert picture.width == pytest.approx(figures.PAGE * 220, abs=1)


def test_from_the_shell_of_a_user_with_own_settings(here):
    """No screen, no LaTeX, and as wide as asked for."""
    settings = here / "settings"
    settings.mkdir()
    text = "text.usetex: True\nsavefig.bbox: tight\nbackend: pdf\naxes.grid: True\n"
    (settings / "matplotlibrc").write_text(text, encoding="utf-8")
    words = ["figure", "fig04_layerwise", "--width", "120", "--out"]
    own = {"MPLBACKEND": "qtagg", "MATPLOTLIBRC": str(settings)}
    ours = os.environ | {"FMIQA_HOME": str(FIGURES.parent), "PYTHONPATH": os.pathsep.join(sys.path)}
    for name, environment, folder in (
        ("a", ours, here),
        ("b", ours | own, here),
        ("c", ours | {"MPLBACKEND": "nonsense"}, settings),
    ):
        command = [sys.executable, "-m", "fmiqa_core", *words, str(here / f"{name}.svg")]
        run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, encoding="utf-8")
        assert (run.returncode, run.stderr) == (0, "")
    points = float(re.search(r'<svg [^>]*width="([0-9.]+)pt"', (here / "a.svg").read_text(encoding="utf-8"))[1])
    assert points / 72 * 25.4 == pytest.approx(120, abs=0.01)
    assert (here / "a.svg").read_bytes() == (here / "b.svg").read_bytes() == (here / "c.svg").read_bytes()


def test_an_error_without_words_is_named(here):
    assert first_line(ValueError()) == "ValueError"
    assert first_line(OSError("\n\x1b[31m ERROR: gone\x1b[0m\n\x1b[0m")) == "ERROR: gone"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fig04_layerwize"], "Did you mean 'fig04_layerwise'"),
        (["fig02_agreement"], "fig02_agreement_demo, fig02_agreement_live"),
        (["fig01_maps_demo"], "01_intermediate_features"),
        (["fig05_main", "--methods", "lpip"], "Did you mean 'lpips'"),
        (["fig05_main", "--width", "30"], "from 80 to 400 mm"),
        (["fig05_main", "--out", "a.gif"], "pdf, svg, png"),
        (["fig05_main", "--out", "a.svg", "--format", "png"], "do not agree"),
        (["fig05_main", "--out", "absent/a.svg"], "No folder absent"),
        (["fig05_main", "--data", "absent.csv"], "No such file: absent.csv"),
        (["fig05_main", "--words", "SRCC"], "OLD=NEW"),
        (["fig05_main", "--words", "SRRC=a"], "Did you mean"),
        (["fig02_anatomy", "--methods", "skld"], "no methods to choose"),
    ],
)
def test_one_sentence_says_what_is_wrong(here, refused, words, message):
    assert message in refused("figure", *words)
    assert list(here.iterdir()) == []


def test_own_data(here):
    table = pd.read_csv(catalogue.file("fig04_layerwise"))
    table.drop(columns=["low", "high"]).to_csv("less.csv", index=False)
    with pytest.raises(InputError, match=r"less\.csv has not the columns of fig04_layerwise: low, high missing"):
        adapt.adapt("fig04_layerwise", data="less.csv")
    table.assign(srcc="high").to_csv("words.csv", index=False)
    with pytest.raises(InputError, match="column srcc should hold numbers"):
        adapt.adapt("fig04_layerwise", data="words.csv")
    table.assign(distance="mine").to_csv("other.csv", index=False)
    assert "mine, one layer" in adapt.adapt("fig04_layerwise", data="other.csv", form="svg").read_text(encoding="utf-8")
    table = pd.read_csv(catalogue.file("fig04_heat"))
    pd.concat([table, table]).to_csv("twice.csv", index=False)
    with pytest.raises(InputError, match="does not hold all that fig04_heat shows"):
        adapt.adapt("fig04_heat", data="twice.csv")
    table = pd.read_csv(catalogue.file("fig04_layerwise"))
    table.to_csv("mine.csv", index=False)
    text = adapt.adapt("fig04_layerwise", data="mine.csv", form="svg").read_text(encoding="utf-8")
    assert "SRCC with human scores" in text  # whose scores they are is not known
    assert "DMOS" not in text


def test_demo_data_are_called_severity(here):
    source = catalogue.file("fig04_layerwise")
    (here / "fig04_layerwise_demo.csv").write_bytes(source.read_bytes())
    assert "severity" in adapt.adapt("fig04_layerwise", data=here / "fig04_layerwise_demo.csv", form="svg").read_text(
        encoding="utf-8"
    )


def test_another_language(here):
    words = {"cosine": "Kosinus", "layer": "Schicht", "one layer": "eine Schicht", "sum": "Summe", "final": "letzte"}
    text = adapt.adapt("fig04_layerwise", words=words, form="svg").read_text(encoding="utf-8")
    for word in ("Kosinus, eine Schicht", "L2, eine Schicht", "Summe", "letzte", "Schicht"):
        assert f">{word}<" in text
    assert "cosine" not in text


def test_whole_words_are_replaced_once():
    figure = Figure()
    axes = figure.subplots()
    axes.set(title="layerwise, layer and sum", xlabel="sum")
    adapt.relabel(figure, {"layer": "sum", "sum": "Summe"})
    assert (axes.get_title(), axes.get_xlabel()) == ("layerwise, sum and Summe", "Summe")
    with pytest.raises(InputError, match="No text 'lay'"):
        adapt.relabel(figure, {"lay": "x"})


@pytest.mark.parametrize("width", [88, 120, 180])
def test_long_words_on_the_axis_do_not_lie_on_each_other(width):
    table = catalogue.read(catalogue.file("fig04_layerwise"), "fig04_layerwise")
    figure = catalogue.draw("fig04_layerwise", catalogue.choose(table, "fig04_layerwise", ["cos"]), width / 25.4)
    adapt.relabel(figure, {"sum": "Summe", "final": "letzte Merkmale"})
    figures.freeze(figure)
    for axis in figure.axes:
        ends = [(label.get_text().count("\n"), label.get_window_extent()) for label in axis.get_xticklabels()]
        for lower in (0, 1):
            row = [box for line, box in ends if line == lower]
            assert all(a.x1 < b.x0 for a, b in pairwise(row))


def test_methods_in_the_order_asked_for():
    table = catalogue.read(catalogue.file("fig05_main"), "fig05_main")
    chosen = catalogue.choose(table, "fig05_main", ["psnr", "dinov1_l2"])
    assert list(dict.fromkeys(chosen["method"])) == ["psnr", "dinov1_l2"]
    rotation = catalogue.read(catalogue.file("fig06_rotation"), "fig06_rotation")
    assert catalogue.choose(rotation, "fig06_rotation", ["lpips"])["dataset"].value_counts()["tid2013"] == 1


def test_a_committed_figure_is_not_written_over(monkeypatch):
    monkeypatch.chdir(FIGURES)
    with pytest.raises(InputError, match="say where to write with --out"):
        adapt.adapt("fig05_main", form="png")


@pytest.mark.parametrize("file", sorted(FIGURES.glob("*.json")), ids=lambda file: file.stem)
def test_every_figure_and_table_has_its_reporting_string(file):
    assert json.loads(file.read_text(encoding="utf-8"))["report"].startswith("fmiqa ")
