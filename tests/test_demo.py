"""The demo dataset, and a dataset run on it."""

import hashlib
import io
import re

import numpy as np
import pytest
from PIL import Image

from fmiqa_core import Metric, images, scoring
from fmiqa_core.data import datasets, demo


def contents(folder):
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_rows(home):
    dataset = datasets.load("demo")
    table = dataset.table
    assert list(table.columns) == ["dataset", "ref", "dis", "distortion", "level", "mos", "quality"]
    assert len(table) == dataset.total == 5 * 5 * 5
    assert set(table["distortion"]) == {"blur", "jpeg", "noise", "scale", "contrast"}
    assert table.groupby(["ref", "distortion"])["level"].agg(list).map(lambda levels: levels == [1, 2, 3, 4, 5]).all()
    assert table["mos"].isna().all()
    assert (table["quality"] == -table["level"]).all()
    assert "not human scores" in dataset.note
    assert "no MOS" in dataset.scale
    assert all((dataset.folder / name).is_file() for name in {*table["ref"], *table["dis"]})
    assert {Image.open(dataset.folder / name).size for name in table["dis"]} == {(256, 256)}


def test_parameters_of_the_levels():
    """As in the design notes."""
    assert demo.LEVELS == {
        "blur": (0.7, 1.2, 2.0, 3.5, 6.0),
        "jpeg": (75, 40, 20, 10, 5),
        "noise": (0.01, 0.03, 0.06, 0.12, 0.25),
        "scale": (1.3, 2.0, 3.0, 4.0, 6.0),
        "contrast": (0.9, 0.75, 0.6, 0.45, 0.3),
    }
    assert set(demo.PHOTOGRAPHS) == {"astronaut", "chelsea", "coffee", "rocket", "motorcycle_left"}


def test_made_deterministically_and_mended(home):
    folder = demo.make()
    first = contents(folder)
    assert len(first) == 131  # 5 references, 125 distorted images, the recipe
    for name in ("ref/coffee.png", "noise/rocket_3.png", "jpeg/chelsea_2.png"):
        (folder / name).unlink()
    assert demo.make() == folder
    assert contents(folder) == first


@pytest.mark.parametrize("distortion", demo.LEVELS)
def test_levels_are_ordered(distortion):
    ref = demo.reference("coffee")
    error = [
        np.square(np.asarray(ref, float) - np.asarray(demo.distort(ref, distortion, k), float)).mean() for k in range(1, 6)
    ]
    assert error[0] > 0
    assert error == sorted(error)


def test_distortions_are_what_they_say():
    ref = demo.reference("chelsea")
    values = np.asarray(ref, float)
    noise = np.asarray(demo.distort(ref, "noise", 2, seed=3), float) - values
    assert np.std(noise) / 255 == pytest.approx(0.03, rel=0.03)
    assert np.std(np.asarray(demo.distort(ref, "contrast", 3), float)) == pytest.approx(0.6 * np.std(values), rel=0.01)
    file = io.BytesIO()
    ref.save(file, "JPEG", quality=20)
    assert demo.distort(ref, "jpeg", 3).tobytes() == Image.open(file).convert("RGB").tobytes()
    noisy = [demo.distort(ref, "noise", 2, seed=seed).tobytes() for seed in (1, 1, 2)]
    assert noisy[0] == noisy[1] != noisy[2]


def test_scores_grow_with_severity(demo_scores):
    _, table = demo_scores
    for distance in ("l2", "cos"):
        means = table.groupby(["distortion", "level"])[f"score_{distance}"].mean()
        for distortion in ("blur", "jpeg", "noise", "scale"):
            assert means[distortion].is_monotonic_increasing, (distance, distortion, means[distortion].tolist())


def test_table_of_scores(demo_scores):
    out, table = demo_scores
    columns = ["dataset", "ref", "dis", "distortion", "mos", "n_windows", "score_l2", "score_cos", "score_embed_cos"]
    columns += [f"layer_{distance}_{i}" for distance in ("l2", "cos") for i in range(5)] + ["level", "quality"]
    stored = scoring.read(out / "scores.parquet")
    assert list(stored.columns) == columns
    assert len(stored) == 125
    assert (stored["n_windows"] == 4).all()
    assert stored.attrs["report"] == table.attrs["report"]
    assert "severity" in stored.attrs["note"]


def test_row_equals_the_metric_on_that_pair(demo_scores, efficientnet, home):
    _, table = demo_scores
    folder = demo.make()
    for row in (table.iloc[7], table.iloc[90]):
        for distance in ("l2", "cos", "embed_cos"):
            alone = Metric(efficientnet, distance, device="cpu")(folder / row["ref"], folder / row["dis"])
            assert alone.score == pytest.approx(row[f"score_{distance}"], rel=1e-4)


def test_one_forward_per_window_and_one_of_the_reference(efficientnet, home, passes):
    dataset = datasets.select(datasets.load("demo"), "coffee")
    scoring.score_dataset(dataset, home / "out", efficientnet, device="cpu")
    assert sum(passes) == 4 * (1 + 25)  # all distances from the same pass, the reference once
    assert max(passes) <= 12


def test_identical_row_is_exactly_zero(efficientnet, home):
    dataset = datasets.select(datasets.load("demo"), "coffee")
    images.read(dataset.folder / "ref/coffee.png").save(dataset.folder / "blur/coffee_1.png")
    table = scoring.score_dataset(dataset, home / "out", efficientnet, device="cpu").set_index("dis")
    assert table.loc["blur/coffee_1.png", "score_l2"] == 0
    assert table.loc["blur/coffee_1.png", "score_cos"] <= 1e-6
    assert (table["score_l2"].drop("blur/coffee_1.png") > 0).all()


def test_command_line_says_what_it_did(efficientnet, home, ran):
    argv = ["score-dataset", "demo", "--backbone", efficientnet, "--rows", "rocket", "--out", home / "out"]
    status, out, err = ran(*argv)
    assert status == 0
    assert "Left out" in err
    assert "skld, jsd, wsd" in err
    assert "25 of 125 rows, 1 reference" in out
    assert "1 of 1 references computed" in out
    assert "not human scores" in out
    assert "0 of 1 references computed" in ran(*argv)[1]
    status, out, _ = ran("correlate", home / "out" / "scores.parquet", "--by", "ref")
    assert status == 0
    assert "severity" in out


def test_images_of_another_recipe_are_made_anew(home):
    folder = demo.make()
    first = contents(folder)
    (folder / "recipe.json").write_text("{}", encoding="utf-8")
    demo.distort(images.read(folder / "noise" / "coffee_1.png"), "blur", 3).save(folder / "noise" / "coffee_1.png")
    demo.make()
    assert contents(folder) == first


def test_selected_rows(home):
    dataset = datasets.load("demo")
    assert len(datasets.select(dataset, "coffee, rocket").table) == 50
    assert len(datasets.select(dataset, "jpeg").table) == 25


def test_help_names_the_commands(ran):
    status, out, _ = ran("--help")
    assert status == 0
    for name in ("doctor", "download", "score", "score-dataset", "correlate", "reproduce"):
        assert re.search(rf"^ +{name}\b", out, re.MULTILINE)
