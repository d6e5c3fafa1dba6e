"""One image named in several ways: as a reference it counts once; as a pair it is refused twice; names like a file's."""

import os
import shutil
import unicodedata

import pandas as pd
import pytest

from fmiqa_core import InputError
from fmiqa_core.data import datasets, demo, spelling

LEVELS = (1, 3, 5)


@pytest.fixture
def own(tmp_path):
    """own/a.png and own/b.png with distorted images, and a.png again as a copy, a symbolic and a hard link."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name, photograph in (("a", "astronaut"), ("b", "coffee")):
        image = demo.reference(photograph, 224)
        image.save(folder / f"{name}.png")
        for kind in ("blur", "noise"):
            for level in LEVELS:
                demo.distort(image, kind, level).save(folder / f"{name}_{kind}_{level}.png")
    shutil.copy(folder / "a.png", folder / "copy.png")
    (folder / "link.png").symlink_to("a.png")
    os.link(folder / "a.png", folder / "hard.png")
    return folder


def write(folder, *pairs, name="my.csv", head="ref,dis,mos"):
    file = folder / name
    file.write_text("\n".join([head, *(f"{ref},{dis},{i}.5" for i, (ref, dis) in enumerate(pairs))]) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize("other", ["./a.png", "../own/a.png", ".//a.png", "copy.png", "link.png", "hard.png"])
def test_one_reference_under_two_names_is_one(own, other):
    found = datasets.load(write(own, ("a.png", "a_blur_1.png"), (other, "a_blur_3.png"), ("b.png", "b_blur_1.png")))
    assert found.table["ref"].tolist() == ["a.png", "a.png", "b.png"]
    assert found.table["dis"].tolist() == ["a_blur_1.png", "a_blur_3.png", "b_blur_1.png"]
    assert found.coverage == "3 of 3 rows, 2 references"
    assert found.note == f"a.png and {other} are the same image and count as one reference"


def test_the_name_that_stands_first_is_kept_and_the_note_stays_when_partial(own):
    file = write(own, ("copy.png", "a_blur_1.png"), ("a.png", "a_blur_3.png"), ("a.png", "gone.png"))
    found = datasets.load(file, partial=True)
    assert found.table["ref"].tolist() == ["copy.png", "copy.png"]
    same = "copy.png and a.png are the same image and count as one reference"
    assert found.note == f"partial my.csv: 2 of 3 rows, 1 reference; {same}"


@pytest.mark.parametrize(
    "again",
    [("./a.png", "a_blur_1.png"), ("copy.png", "a_blur_1.png"), ("a.png", "./a_blur_1.png"), ("a.png", "../own/a_blur_1.png")],
)
def test_a_pair_that_stands_twice_is_refused(own, again):
    with pytest.raises(
        InputError, match=r"my\.csv: the pair stands there before, under another name in 1 rows \(first: line 4\)"
    ):
        datasets.load(write(own, ("a.png", "a_blur_1.png"), ("b.png", "b_blur_1.png"), again))


def test_two_images_under_two_names_stay_two(own):
    """Distorted images of the same content, too: people may have scored each."""
    shutil.copy(own / "a_blur_1.png", own / "again.png")
    found = datasets.load(write(own, ("a.png", "a_blur_1.png"), ("a.png", "again.png"), ("b.png", "a_blur_1.png")))
    assert len(found.table) == 3
    assert found.note == ""


def test_scored_and_correlated_as_one_reference(own, efficientnet, home, ran):
    """Two spellings made an interval of what is one reference; now it is not defined, and both commands say why."""
    names = ("a.png", "./a.png", "../own/a.png")
    pairs = [(ref, f"a_{kind}_{level}.png") for kind in ("blur", "noise") for ref, level in zip(names, LEVELS, strict=True)]
    file, said = write(own, *pairs, name="two_spellings.csv"), "a.png, ./a.png and ../own/a.png are the same image"
    argv = ("--backbone", efficientnet, "--distances", "l2", "--device", "cpu", "--out", home / "out")
    status, out, err = ran("score-dataset", file, *argv)
    assert status == 0, err
    assert said in out
    assert "1 of 1 references computed" in out
    assert len([*(home / "out" / "units").glob("*.json")]) == 1
    assert pd.read_parquet(home / "out" / "scores.parquet")["ref"].tolist() == ["a.png"] * 6
    status, out, err = ran("correlate", home / "out" / "scores.parquet")
    assert status == 0, err
    assert said in out
    assert out.splitlines()[1].split()[:4] == ["all", "l2", "6", "1"]
    assert out.splitlines()[1].count("[nan, nan]") == 5


# names that are not a file's, but nearly


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_other_unicode_form(own, on_disk):
    there = unicodedata.normalize(on_disk, "Bäume/bäum.png")
    (own / there).parent.mkdir()
    shutil.copy(own / "a.png", own / there)
    written = unicodedata.normalize("NFD" if on_disk == "NFC" else "NFC", there)
    if (own / written).is_file():
        pytest.skip("this file system does not tell the forms apart")
    with pytest.raises(InputError, match="1 of 2 images are missing") as caught:
        datasets.load(write(own, (written, "a_blur_1.png")))
    assert f"the file there is {there!a}, the table has {written!a}" in str(caught.value)


@pytest.mark.parametrize(
    ("written", "there"),
    [(".\\d\\x.png", "d/x.png"), ("d\\x.png", "d/x.png"), ("D/X.PNG", "d/x.png"), ("D\\x.png", "d/x.png"), ("A.png", "a.png")],
)
def test_backslashes_and_case(own, written, there):
    (own / "d").mkdir()
    shutil.copy(own / "a_blur_1.png", own / "d" / "x.png")
    if (own / written).is_file():
        pytest.skip("this file system does not tell them apart")
    with pytest.raises(InputError, match=rf"; the file there is {there}\b"):
        datasets.load(write(own, ("absent.png", "a_blur_3.png"), ("b.png", written)))


def test_no_hint_where_nothing_is_alike(own):
    for name in ("absent.png", "no/where.png", "..", "a.png/x", "x" * 300 + ".png"):
        assert spelling.meant(own, name) == ""
        with pytest.raises(InputError, match=r"1 of 2 images are missing in .*\.\.?\w*.*\)\. Complete it"):
            datasets.load(write(own, ("a.png", name)))
