"""Images of LIVE and PIPAL that stand there under several names: found from the released scores, known and said."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fmiqa_core.commands import doctor
from fmiqa_core.data import datasets, human_scores, layouts, released, released_twins, scores, twins
from fmiqa_core.data.layouts import LAYOUTS

REPOSITORY = Path(__file__).resolve().parent.parent
needs_archive = pytest.mark.skipif(released.find() is None, reason=released.NOT_HERE)


@needs_archive
def test_table_is_what_the_released_scores_give():
    pd.testing.assert_frame_equal(released_twins.table(released.load()), twins.read())


@needs_archive
def test_methods_that_are_left_out_tell_twins_apart():
    """Each of them gives every group several scores, and no other method does: the rule leaves out nothing too much."""
    for dataset, groups in (("live", 15), ("pipal", 597)):
        data = scores.of_release(dataset, None, released.load())
        at = {dis: i for i, dis in enumerate(data.images["dis"].astype(str))}
        mine = twins.read().query("dataset == @dataset")
        first, twin = (data.values[:, [at[dis] for dis in mine[column]]] for column in ("dis", "twin"))
        equal = (first == twin).mean(axis=1)
        names = data.methods
        random = names["backbone"].isin(released_twins.RANDOM_BACKBONES) | names["distance"].isin(
            released_twins.RANDOM_DISTANCES
        )
        assert (equal[~random] == 1).all()
        assert (equal[random] < 0.05).all()
        assert mine["dis"].nunique() == groups


def made_up():
    """Three images of one reference, two of them the same, and the same scores again at another reference."""
    names = pd.DataFrame({"method": ["a", "b"], "backbone": ["none", "efficientnet"], "distance": ["psnr", "jsd"]})
    images = pd.DataFrame({"dis": ["p", "q", "r", "s"], "ref": ["m", "m", "m", "n"], "mos": [1.0, 2, 3, 4]})
    return scores.Scores("x", names, images, np.array([[5.0, 6, 5, 5], [1, 2, 3, 4]]))


def test_twins_are_of_one_reference_and_random_methods_do_not_count():
    assert released_twins.find(made_up()).values.tolist() == [["x", "m", "p", 1.0, "r", 3.0]]


def test_mos_are_those_of_the_datasets():
    for name, mine in twins.read().groupby("dataset"):
        public = human_scores.read(name)
        mos = dict(zip(public["dis"].map(LAYOUTS[name].key), public["score"], strict=True))
        for dis, value in (("dis", "mos"), ("twin", "twin_mos")):
            assert [mos[LAYOUTS[name].key(one)] for one in mine[dis]] == mine[value].tolist()


@pytest.fixture
def complete(monkeypatch):
    """name -> all rows of a dataset, without its images."""
    monkeypatch.setattr(layouts, "find", lambda layout, roots: Path())
    return lambda name: datasets._published(name, None)


@pytest.mark.parametrize(
    ("name", "said"),
    [("live", "31 rows of live are 15 images"), ("pipal", "1198 rows of pipal are 597 images"), ("tid2013", ""), ("csiq", "")],
)
def test_datasets_say_it(complete, name, said):
    found = complete(name)
    assert found.twins.startswith(said)
    assert bool(found.twins) == bool(said)
    assert found.note == ""


def test_only_rows_that_are_loaded_count(complete):
    live = complete("live")
    assert datasets.select(live, "wn").twins == ""
    few = datasets.select(live, "paintedhouse")
    assert few.twins.startswith("2 rows of live are 1 image under several names")
    assert "jpeg/img23.bmp = jpeg/img91.bmp" in few.twins
    assert few.reservations == f" {few.twins}."
    one = few.table["dis"] != "jpeg/img91.bmp"
    assert twins.note("live", few.table["dis"][one]) == ""
    assert twins.note("live", few.table["dis"].str.upper()) == few.twins  # a mirror's names
    assert twins.note("my.csv", few.table["dis"]) == ""


def test_said_where_numbers_are_printed(live, efficientnet, home, ran, tmp_path):
    """The 97 rows hold 7 of them. Scored into a folder whose name looks like a column: before pyarrow's fix that is one."""
    said = "7 rows of live are 3 images under several names"
    assert said in live.reservations
    assert said in " ".join(" ".join(doctor.lines()).split())
    rows, out = tmp_path / "rows.txt", tmp_path / "runs" / "dataset=live"
    rows.write_text("\n".join(["jpeg/img170.bmp", "jpeg/img209.bmp", live.table["dis"].iloc[0]]), encoding="utf-8")
    argv = ("--rows", rows, "--backbone", efficientnet, "--distances", "l2", "--device", "cpu", "--out", out)
    status, first, err = ran("score-dataset", "live", "--partial", *argv)
    assert status == 0, err
    status, second, err = ran("correlate", out / "scores.parquet")
    assert status == 0, err
    for text in (first, second):
        assert "2 rows of live are 1 image under several names" in text


@needs_archive
def test_command_line_says_it():
    lines = released_twins.lines(twins.read())
    assert "live: 31 rows are 15 images" in lines
    assert "pipal: 1198 rows are 597 images" in lines
    assert re.search(r"pipal: code 03_06 = 05_13 for 197 references, mean human scores 15\d\d and 13\d\d", lines)
    assert lines.endswith("as in fmiqa_core/data/twins.csv")
    assert "NOT as in" in released_twins.lines(twins.read().iloc[1:])


def test_readme_has_the_table_s_numbers():
    text = (REPOSITORY / "data" / "released" / "README.md").read_text(encoding="utf-8")
    for line in released_twins.lines(twins.read()).splitlines()[:-1]:
        assert line in text
