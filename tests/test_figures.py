"""Saved figures and tables: all forms, their provenance, and the same bytes when repeated."""

import hashlib
import json
from importlib.metadata import version

import matplotlib
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fmiqa_core import __version__, figures
from fmiqa_core.errors import InputError
from fmiqa_core.files import csv_files, paths

NUMBERS = pd.DataFrame({"layer": [0, 1, 2], "srcc": [0.9, 1 / 3, 0.95]})


@pytest.fixture(autouse=True)
def house_style():
    with matplotlib.rc_context():
        figures.style()
        yield


def draw(colour="#0072B2"):
    figure = Figure(figsize=(figures.COLUMN, 2))
    axes = figure.subplots()
    axes.plot(NUMBERS["layer"], NUMBERS["srcc"], label="cosine", color=colour)
    axes.set_xlabel("layer")
    axes.legend()
    return figure


def save(colour="#0072B2", **options):
    return figures.save(draw(colour), "fig99_test", NUMBERS, "What it shows.", **options)


def test_same_bytes_twice(home):
    files = save()
    assert sorted(file.name for file in files) == [f"fig99_test.{e}" for e in ("csv", "json", "pdf", "png", "svg")]
    assert all(file.parent == home / "figures" for file in files)
    first = {file: file.read_bytes() for file in files}
    for file in files:
        file.unlink()
    assert {file: file.read_bytes() for file in save()} == first
    assert {file.suffix for file in save("#D55E00") if file.read_bytes() != first[file]} == {".pdf", ".png", ".svg"}


def test_same_bytes_whatever_the_user_has_set(home):
    first = {file: file.read_bytes() for file in save()}
    rc = {"text.usetex": True, "savefig.bbox": "tight", "lines.linestyle": "--", "axes.grid": True, "savefig.transparent": True}
    matplotlib.rcParams.update(rc)
    matplotlib.style.use("dark_background")
    figures.style()
    assert {file: file.read_bytes() for file in save()} == first


def test_formats(home):
    content = {file.suffix: file.read_bytes() for file in save()}
    assert content[".pdf"].startswith(b"%PDF")
    assert content[".png"].startswith(b"\x89PNG")
    assert b"<svg" in content[".svg"]
    assert b">layer<" in content[".svg"]  # text stays text


def test_plotted_numbers_survive(home):
    save()
    stored = pd.read_csv(home / "figures" / "fig99_test.csv")
    pd.testing.assert_frame_equal(stored, csv_files.stored(NUMBERS), check_exact=True)  # 6 significant digits


def test_provenance(home):
    source = paths.make_folder(home / "data") / "input.csv"
    source.write_text("1\n", encoding="utf-8")
    save(inputs=[source], parameters={"backbone": "dinov2_vits14"}, cite=["LIVE"])
    text = (home / "figures" / "fig99_test.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["inputs"] == {"data/input.csv": hashlib.sha256(b"1\n").hexdigest()}
    assert found["parameters"] == {"backbone": "dinov2_vits14"}
    assert found["caption"] == "What it shows."
    assert found["fmiqa"] == __version__
    assert found["packages"]["torch"] == version("torch")
    assert {"timm", "numpy", "scipy", "matplotlib"} <= set(found["packages"])
    assert "ICASSP 2025" in found["cite"][0]
    assert found["cite"][1:] == ["LIVE"]
    assert str(home) not in text


def test_a_figure_says_one_line_and_its_json_holds_the_reporting_string(home, capsys):
    save(report="fmiqa 0 | a backbone")
    assert json.loads((home / "figures" / "fig99_test.json").read_text(encoding="utf-8"))["report"] == "fmiqa 0 | a backbone"
    assert capsys.readouterr().out == "fig99_test: What it shows.\n"
    save()
    assert json.loads((home / "figures" / "fig99_test.json").read_text(encoding="utf-8"))["report"] == f"fmiqa {__version__}"


def test_column_width():
    assert pytest.approx(88) == figures.COLUMN * 25.4


def test_colours_are_distinct_within_what_is_drawn_together():
    for names in (("l2", "cos", "skld", "jsd", "wsd", "swd", "embed_cos"), ("dinov2_vits14", "efficientnet_lite0")):
        assert len({figures.COLOURS[name] for name in names}) == len(names)
        assert all(figures.LABELS[name] for name in names)


def test_tables(home):
    table = pd.DataFrame({"metric": ["l2", "embed_cos"], "SRCC": ["0.913 [0.90, 0.93]", "50 % & more"]})
    files = figures.save_table(table, "tab99_test", "Agreement.")
    assert sorted(file.name for file in files) == [f"tab99_test.{e}" for e in ("csv", "json", "md", "tex")]
    content = {file.suffix: file.read_text(encoding="utf-8") for file in files}
    assert content[".md"].splitlines()[0] == "| metric | SRCC |"
    assert content[".md"].splitlines()[2] == "| l2 | 0.913 [0.90, 0.93] |"
    assert r"embed\_cos & 50 \% \& more" in content[".tex"]
    assert r"\label{tab:tab99_test}" in content[".tex"]
    again = figures.save_table(table, "tab99_test", "Agreement.")
    assert {file.suffix: file.read_text(encoding="utf-8") for file in again} == content


def test_nothing_is_left_when_drawing_fails(home, monkeypatch):
    figure = draw()

    def fail(*args, **options):
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        figures.save(figure, "fig99_test", NUMBERS, "What it shows.")
    assert list((home / "figures").iterdir()) == []


def test_folder_that_cannot_be_written(home):
    home.mkdir()
    (home / "figures").touch()
    with pytest.raises(InputError, match="Cannot write to folder"):
        save()
