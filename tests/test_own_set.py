"""A user's own table of images: read, scored, correlated; and what is refused."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageCms

from fmiqa_core import InputError, images, scoring
from fmiqa_core.data import datasets, demo
from fmiqa_core.scoring import units
from fmiqa_core.scoring.settings import Settings


@pytest.fixture
def mine(tmp_path):
    """A folder with a photograph, three distorted copies and, to be written, my.csv."""
    folder = tmp_path / "mine"
    (folder / "d").mkdir(parents=True)
    image = demo.reference("astronaut", 224)
    image.save(folder / "a.png")
    for level in (1, 3, 5):
        demo.distort(image, "blur", level).save(folder / "d" / f"b{level}.png")
    return folder


def write(folder, text, name="my.csv"):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


FULL = "ref,dis,mos,distortion,level\na.png,d/b1.png,4.5,blur,1\na.png,d/b3.png,3,blur,3\na.png,d/b5.png,,noise,5\n"


def test_columns(mine):
    found = datasets.load(str(write(mine, FULL)))
    table = found.table
    assert list(table.columns) == datasets.COLUMNS
    assert table["mos"].tolist()[:2] == [4.5, 3]
    assert np.isnan(table["mos"][2])
    assert table["quality"].equals(table["mos"])
    assert table["distortion"].tolist() == ["blur", "blur", "noise"]
    assert table["level"].tolist() == [1, 3, 5]
    assert (found.name, found.folder, found.coverage) == ("my.csv", mine, "3 of 3 rows, 1 reference")
    assert (found.scale, found.note) == ("mos, higher = better", "")


def test_dmos_is_higher_worse(mine):
    found = datasets.load(write(mine, "DIS, Ref ,DMOS\nd/b1.png,a.png,10\nd/b3.png,a.png,nan\n"))
    assert found.table["mos"].tolist()[0] == 10
    assert found.table["quality"].tolist()[0] == -10
    assert np.isnan(found.table["quality"][1])
    assert found.scale == "dmos, higher = worse"


def test_no_scores(mine):
    found = datasets.load(write(mine, "\ufeffref,dis,remark\na.png,d/b1.png,fine\n"))
    assert found.table["mos"].isna().all()
    assert found.table["distortion"].tolist() == ["not given"]
    assert "nothing to correlate with" in found.note


def test_root_and_partial(mine, tmp_path):
    file = write(tmp_path, FULL.replace("d/b3", "d/gone"))
    with pytest.raises(InputError, match="4 of 4 images are missing"):
        datasets.load(file)
    with pytest.raises(InputError, match=r"my\.csv: 1 of 4 images are missing in .*mine \(first: d/gone\.png\)"):
        datasets.load(file, root=mine)
    assert datasets.load(file, root=mine, partial=True).note == "partial my.csv: 2 of 3 rows, 1 reference"


def test_what_spreadsheets_add(mine):
    """Columns and rows without a name or a cell, and two remarks, are passed over."""
    text = "ref,dis,mos,remark,remark,,\na.png,d/b1.png,-1e0,x,y,,\n,,,,,,\n"
    found = datasets.load(write(mine, text))
    assert found.table["mos"].tolist() == [-1]


def test_long_names_of_references(mine, efficientnet, home):
    """A unit's file is named after its reference, and 255 bytes are the most: ended in Errno 36 after all computing."""
    name = "ü" * 125 + ".png"
    (mine / "a.png").rename(mine / name)
    found = datasets.load(write(mine, FULL.replace("a.png", name)))
    table = scoring.score_dataset(found, home / "out", efficientnet, ["l2"], device="cpu")
    assert table["ref"].tolist() == [name] * 3
    (unit,) = (home / "out" / "units").glob("*.json")
    assert unit.name.startswith("ü" * 75 + "-")


def test_ordinary_units_are_called_as_before(mine, home):
    made = units.make(mine, "a.png", ["d/b1.png"], Settings(), {}, home)
    assert made.file == home / f"a-{made.key[:20]}.json"


def test_rows(mine, tmp_path):
    found = datasets.load(write(mine, FULL))
    assert len(datasets.select(found, "noise").table) == 1
    assert len(datasets.select(found, write(tmp_path, "b1.png\n", "list.txt")).table) == 1


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("reference,dis\na.png,d/b1.png\n", "has no column ref: it needs ref and dis"),
        ("ref;dis\na.png;d/b1.png\n", "has no column ref"),
        ("ref,dis\n", "has no rows"),
        ("", "is empty"),
        ("ref,dis\na.png,d/b1.png\n\na.png\n", "line 4 has 1 cells, the heading 2"),
        ("ref,dis\na.png,d/b1.png,3\n", "line 2 has 3 cells, the heading 2"),
        ("ref,dis\na.png,\n", r"dis is empty in 1 rows \(first: line 2\)"),
        ("ref,dis\na.png,d/b1.png\n/abs/a.png,d/b3.png\n", r"ref is not relative to --root in 1 rows \(first: line 3\)"),
        ("ref,dis\na.png,d/b1.png\na.png,d/b1.png\n", r"stands there before in 1 rows \(first: line 3\)"),
        ("ref,dis,mos\na.png,d/b1.png,good\n", r"mos is not a number in 1 rows \(first: line 2\)"),
        ("ref,dis,mos\na.png,d/b1.png,inf\n", "mos is not a number"),
        ("ref,dis,mos,dmos\na.png,d/b1.png,1,2\n", "both mos .* and dmos"),
        ("ref,dis,level\na.png,d/b1.png,1.5\n", "level is not a whole number"),
        ("ref,dis,level\na.png,d/b1.png,1e20\n", r"level is not a whole number .*\(first: line 2\)"),
        ("ref,dis,level\na.png,d/b1.png,-inf\n", "level is not a number"),
        ("ref,dis,mos,MOS\na.png,d/b1.png,1,2\n", "2 columns mos"),
        ("ref,dis, Ref \na.png,d/b1.png,d/b3.png\n", "2 columns ref"),
        ('ref,dis,mos\na.png,d/b1.png,"4,5"\n', r"mos is not a number .*line 2\): '4,5', write it as 1234\.5"),
        ('ref,dis,mos\na.png,d/b1.png,"1,524.5"\n', "'1,524.5', write it as"),
        ("ref,dis,mos\na.png,d/b1.png,1_524\n", "'1_524', write it as"),
        ("ref,dis,mos\na.png,d/b1.png,n/a\n", "'n/a', leave it empty where there is none"),
        ("ref,dis,mos\na.png,d/b1.png,1e400\n", "mos is not a number"),
        ('ref,dis\na.png,"d/b1.png\nd/b3.png"\n', r"(a quote opens in line 2|dis has a line break)"),
        ("ref,dis\na.png,C:\\d\\b1.png\n", "dis is not relative to --root"),
        ("ref;dis;mos\na.png;d/b1.png;4,5\n", "no column ref: its cells are separated by semicolons"),
    ],
)
def test_wrong_tables(mine, text, match):
    with pytest.raises(InputError, match=rf"my\.csv.*({match})") as caught:
        datasets.load(write(mine, text))
    assert "\n" not in str(caught.value)


def test_wrong_files(mine, refused, home):
    assert "No such table" in refused("score-dataset", mine / "none.csv", "--out", home / "out")
    (mine / "binary.csv").write_bytes(b"\xff\xfe\x00\x01" * 99)
    assert "cannot be read as a CSV" in refused("score-dataset", mine / "binary.csv", "--out", home / "out")
    (mine / "folder.csv").mkdir()
    assert "folder.csv" in refused("score-dataset", mine / "folder.csv", "--out", home / "out")


def test_scored_and_correlated(mine, efficientnet, home, ran, refused):
    """With three scores there are correlations; without any, the reason why not."""
    argv = ["--backbone", efficientnet, "--distances", "l2", "--device", "cpu", "--out", home / "out"]
    file = write(mine, FULL.replace(",,", ",1,"))
    assert ran("score-dataset", file, *argv)[0] == 0
    table = pd.read_parquet(home / "out" / "scores.parquet")
    assert table["mos"].tolist() == [4.5, 3, 1]
    assert table["score_l2"].is_monotonic_increasing
    status, out, err = ran("correlate", home / "out" / "scores.parquet")
    assert status == 0, err
    assert "mos, higher = better" in out
    for text in ("ref,dis\na.png,d/b1.png\n", FULL):
        assert ran("score-dataset", write(mine, text), *argv, "--replace")[0] == 0
        line = refused("correlate", home / "out" / "scores.parquet")
        assert f"{2 if 'mos' in text else 0} rows with a human score" in line


# what a viewer shows is what is scored


def test_orientation_of_a_photograph(tmp_path):
    """All eight orientation tags show the same picture."""
    image = demo.reference("coffee", 230).crop((0, 0, 224, 230))
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # tag -> PIL's transpose that undoes what a viewer does
    for tag in range(1, 9):
        stored = image if tag == 1 else image.transpose(Image.Transpose(turns[tag]))
        exif = Image.Exif()
        exif[0x0112] = tag
        stored.save(tmp_path / "a.png", exif=exif)
        assert images.read(tmp_path / "a.png").tobytes() == image.tobytes(), tag


def test_srgb_profile_changes_nothing(tmp_path):
    image = demo.reference("coffee", 224)
    image.save(tmp_path / "a.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert images.read(tmp_path / "a.png").tobytes() == image.tobytes()


def test_profile_of_another_space_is_converted(tmp_path):
    """sRGB with the places of red and green exchanged: what is stored as red is shown as green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    tags = {bytes(profile[at : at + 4]): at + 4 for at in range(132, 132 + 12 * count, 12)}  # -> where its offset stands
    red, green = (profile[tags[name] : tags[name] + 8] for name in (b"rXYZ", b"gXYZ"))
    profile[tags[b"rXYZ"] : tags[b"rXYZ"] + 8], profile[tags[b"gXYZ"] : tags[b"gXYZ"] + 8] = green, red
    profile = bytes(profile).replace("sRGB".encode("utf-16-be"), "grbS".encode("utf-16-be"))
    assert "sRGB" not in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    image = demo.reference("coffee", 224)
    image.save(tmp_path / "a.png", icc_profile=profile)
    found, stored = np.asarray(images.read(tmp_path / "a.png")).astype(int), np.asarray(image).astype(int)
    assert np.abs(found - stored[..., [1, 0, 2]]).max() <= 2
    assert np.abs(found - stored).max() > 50


@pytest.mark.parametrize("profile", [b"no profile at all", b"\0" * 200])
def test_profile_that_cannot_be_applied(refused, tmp_path, profile):
    file = tmp_path / "a.png"
    demo.reference("coffee", 224).save(file, icc_profile=profile)
    line = refused("score", file, file)
    assert str(file) in line
    assert "colour profile" in line
