"""CSV files as people and spreadsheets write them: read as the csv module would, or refused by line, wherever one is read."""

import csv
import io
import random

import pandas as pd
import pytest

from fmiqa_core import InputError
from fmiqa_core.data import row_lists
from fmiqa_core.figures import catalogue
from fmiqa_core.files import csv_files

HEAD = "ref,dis,mos,remark\n"
ROWS = [f"a.png,b{i}.png,{i},ok\n" for i in range(4)]


def write(folder, content, name="my.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def swallowed(quote_at: int, close_at: int | None, column: int = 3) -> str:
    """HEAD and ROWS with a quote before a cell of one row, and one after the same cell of another."""
    rows = [row.rstrip("\n").split(",") for row in ROWS]
    rows[quote_at][column] = '"' + rows[quote_at][column]
    if close_at is not None:
        rows[close_at][column] += '"'
    return HEAD + "".join(",".join(row) + "\n" for row in rows)


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize(("quote_at", "close_at"), [(0, None), (0, 1), (0, 3), (1, 3), (2, None), (3, None)])
def test_open_quote_is_an_error_that_names_its_line(tmp_path, quote_at, close_at, column):
    """The csv module gives fewer rows and no error for each of these in the last columns."""
    with pytest.raises(InputError, match=rf"my\.csv: .*line {quote_at + 2}\b"):
        csv_files.read(write(tmp_path, swallowed(quote_at, close_at, column)))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("text", "match"),
    [
        (HEAD + ROWS[0] + 'a.png,"b.png"x,1,ok\n' + ROWS[1], r"line 3, and where it closes \(line 3\) its cell goes on"),
        (HEAD + 'a.png,b.png,1,"first\nsecond"\n' + 'a,b,2,"19in\n' + ROWS[1], "line 4 and is not closed"),
        (HEAD + 'a.png,b.png,1,"19in\n' + 'a,b,2,"20in"\n', r"line 2, and where it closes \(line 3\)"),
        (HEAD + 'a.png,b.png,1, "19in\n', "line 2 and is not closed"),
        (HEAD + "\n\na.png,b.png,1\n", "line 4 has 3 cells, the heading 4"),
        (HEAD + "x" * 200_000 + "\n", "line 2 has 1 cells"),
    ],
)
def test_line_at_fault(tmp_path, text, match, ends):
    with pytest.raises(InputError, match=match) as caught:
        csv_files.read(write(tmp_path, text.replace("\n", ends)))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("seed", range(30))
def test_sound_files_are_read_as_the_csv_module_does(tmp_path, seed):
    """Quotes within cells, doubled quotes, commas, line breaks in a remark, blank lines, all line ends, no end."""
    rng = random.Random(seed)
    words = ["a.png", 'a "b" c', "x, y", "", 'say ""', "two\nlines", "é", "7", "'", " padded ", 'q"', "\u2028"]
    rows = [["ref", "dis", "mos"], *([rng.choice(words) for _ in range(3)] for _ in range(20))]
    stream = io.StringIO(newline="")
    if seed % 5:
        csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator=rng.choice(["\n", "\r\n", "\r"])).writerows(rows)
    else:
        csv.writer(stream).writerows(rows)  # quotes where they are needed
    text = stream.getvalue().rstrip("\r\n") if seed % 2 else stream.getvalue()
    head, found = csv_files.read(write(tmp_path, "\ufeff" * (seed % 3 == 0) + text))
    expected = [[cell.strip() for cell in row] for row in rows]
    assert head == expected[0]
    assert [row for _, row in found] == [row for row in expected[1:] if any(row)]


def test_plain_quotes_within_a_cell_stand(tmp_path):
    (line, row), *_ = csv_files.read(write(tmp_path, HEAD + 'a.png,b.png,1,a 19" screen\n'))[1]
    assert (line, row) == (2, ["a.png", "b.png", "1", 'a 19" screen'])


OTHERS = [
    (HEAD.encode("utf-16"), "it is UTF-16"),
    (b"\xff\xfe\0\0", "it is UTF-16"),
    (HEAD.encode("utf-16-le"), "line 1 holds a NUL byte"),
    (HEAD.encode() + b"a.png,b\0.png,1,ok\n", "line 2 holds a NUL byte"),
    (HEAD.encode() + "é.png,b.png,1,ok\n".encode("latin-1"), "line 2 is not UTF-8 but perhaps Latin-1"),
    (b"PK\x03\x04" + bytes(30), "Excel or zip"),
    (b"\x1f\x8b\x08", "compressed"),
]


@pytest.mark.parametrize(("content", "why"), OTHERS)
def test_what_is_no_csv_is_told_what_it_is(tmp_path, refused, content, why):
    """For the three places that read a user's CSV."""
    file = write(tmp_path, content)
    for argv in (
        ("score-dataset", file, "--out", tmp_path / "out"),
        ("score-dataset", "demo", "--rows", file, "--out", tmp_path / "out"),
        ("figure", "fig05_main", "--data", file),
    ):
        line = refused(*argv)
        assert why in line
        assert "Save it as CSV in UTF-8" in line


@pytest.mark.parametrize(
    ("text", "sign", "name"),
    [
        ("ref;dis;mos\na.png;b.png;4,5\n", ";", "semicolons"),
        ('"ref";"dis";"mos"\n"a.png";"b.png";"4,5"\n', ";", "semicolons"),
        ("sep=;\nref;dis\na.png;b.png\n", ";", "semicolons"),
        ("ref\tdis\tmos\na.png\tb.png\t4.5\n", "\t", "tabs"),
        ("dataset;dis\nx;b.png\n", ";", "semicolons"),
    ],
)
def test_other_separators_are_named_with_the_remedy(tmp_path, refused, text, sign, name):
    file = write(tmp_path, text)
    for argv in (("score-dataset", file), ("score-dataset", "demo", "--rows", file)):
        if "sep=" in text and argv[1] == "demo":
            continue  # a list of names, of which none is there
        line = refused(*argv, "--out", tmp_path / "out")
        assert f"separated by {name}" in line
        assert f"sep={sign!r}" in line
    assert f"separated by {name}" in refused("figure", "fig05_main", "--data", file)


def test_row_list_with_an_open_quote(tmp_path):
    with pytest.raises(InputError, match=r"--rows: .*line 2 and is not closed"):
        row_lists.read(str(write(tmp_path, 'dis,remark\na.png,"19in\nb.png,ok\n')))
    assert row_lists.read(str(write(tmp_path, 'remark,DIS\n"x, y",a.png\n,b.png\n'))) == ["a.png", "b.png"]


def test_a_long_list_of_words_is_no_path():
    assert row_lists.read(",".join(["monarch"] * 99)) is None  # more than 255 bytes


# the third place: fmiqa figure --data

FIG = "backbone,distance,features,srcc,low,high\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (FIG + 'dinov2_vits14,l2,"layer 0,.5,.4,.6\ndinov2_vits14,l2,layer 1,.5,.4,.6\n', "line 2 and is not closed"),
        (FIG.strip() + ",srcc\ndinov2_vits14,l2,layer 0,.5,.4,.6,.7\n", "2 columns srcc"),
        (FIG + "dinov2_vits14,l2,layer 0,.5,.4\n", "line 2 has 5 cells"),
        (FIG + "x,dinov2_vits14,l2,layer 0,.5,.4,.6\n", "line 2 has 7 cells"),
        (FIG + "dinov2_vits14,l2,layer 0,inf,.4,.6\n", "srcc holds a number that is not finite"),
        (FIG + 'dinov2_vits14,l2,layer 0,"0,5",.4,.6\n', "srcc should hold numbers only"),
    ],
)
def test_tables_of_figures(tmp_path, text, match):
    with pytest.raises(InputError, match=match):
        catalogue.read(write(tmp_path, text), "fig04_layerwise")


def test_committed_tables_of_figures_are_read_as_before():
    from fmiqa_core.files import paths

    seen = 0
    for file in sorted(paths.figures().glob("fig*.csv")):
        try:
            catalogue.key(file.stem)
        except InputError:
            continue
        pd.testing.assert_frame_equal(catalogue.read(file, file.stem), pd.read_csv(file, dtype={"distortion": str}))
        seen += 1
    assert seen > 20


def test_a_table_is_written_with_six_digits_in_every_column(tmp_path):
    """Also in a column of objects, of which pandas formats no number: where tables with and without it were joined."""
    whole = pd.DataFrame({"code": ["01"], "srcc": [0.97299678848], "gap": [1 / 3]})
    joined = pd.concat([whole, pd.DataFrame({"code": ["02"], "srcc": [None], "gap": ["none"]}, dtype=object)])
    csv_files.write(joined, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == "code,srcc,gap\n01,0.972997,0.333333\n02,,none\n"
