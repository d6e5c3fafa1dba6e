"""The generated cells of the notebooks: the committed ones are current, a rerun changes nothing, a question is needed."""

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from fmiqa_core.errors import InputError
from fmiqa_core.notebook import contents

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CHAIN = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.fixture
def copies(tmp_path):
    for file in CHAIN:
        shutil.copy2(file, tmp_path / file.name)
    return tmp_path


def last(file: Path) -> str:
    return nbformat.read(file, as_version=4).cells[-1].source


def test_committed_notebooks_are_current(copies):
    assert contents.refresh(copies) == [], "run python -c 'from fmiqa_core.notebook import contents; contents.refresh()'"


def test_links_lead_to_the_neighbours():
    for number, file in enumerate(CHAIN):
        near = [CHAIN[n].name for n in (number - 1, number + 1) if 0 <= n < len(CHAIN)]
        names = re.findall(r"\]\((\S+?)\)", last(file))
        assert [name for name in names if "#" not in name] == near
        assert f"{CHAIN[0].name}#Contents" in names


def test_first_notebook_asks_every_question():
    cells = nbformat.read(CHAIN[0], as_version=4).cells
    (table,) = [cell.source for cell in cells if cell.source.startswith("## Contents")]
    rows = re.findall(r"^\| \[(.+?)\]\((\S+)\) \| (.+\?) \|$", table, re.MULTILINE)
    assert [name for _, name, _ in rows] == [file.name for file in CHAIN]
    for heading, name, question in rows:
        first = nbformat.read(NOTEBOOKS / name, as_version=4).cells[0].source
        assert first.startswith(f"# {heading}\n")
        assert f"**Question.** {question}" in re.sub(r"\s+", " ", first)


def test_a_new_notebook_and_a_new_title_are_taken_up_once(copies):
    book = nbformat.read(copies / CHAIN[2].name, as_version=4)
    book.cells[0].source = "# 02 · Other\n\n**Question.** Why | how?\nBecause? It is so.\n\n**Inputs.** Really?"
    nbformat.write(book, copies / CHAIN[2].name)
    shutil.copy2(CHAIN[1], copies / "11_more.ipynb")
    changed = contents.refresh(copies)
    assert [file.name[:2] for file in changed] == ["00", "01", "03", "10", "11"]
    table = next(c.source for c in nbformat.read(copies / CHAIN[0].name, 4).cells if c.source.startswith("## Contents"))
    assert f"| [02 · Other]({CHAIN[2].name}) | Why \\| how? Because? |" in table
    assert "[02 · Other]" in last(copies / CHAIN[1].name)
    assert "11_more.ipynb" in last(copies / CHAIN[-1].name)
    assert contents.refresh(copies) == []


def test_a_lost_cell_comes_back_with_the_same_bytes(copies):
    file = copies / CHAIN[4].name
    before = file.read_bytes()
    book = nbformat.read(file, as_version=4)
    del book.cells[-1]
    nbformat.write(book, file)
    assert contents.refresh(copies) == [file]
    assert file.read_bytes() == before


@pytest.mark.parametrize("first", ["# 03 · A title alone", "**Question.** Has it a title?", "# 03 · T\n\n**Question.** No."])
def test_title_and_question_are_needed(copies, first):
    book = nbformat.read(copies / CHAIN[3].name, as_version=4)
    book.cells[0].source = first
    nbformat.write(book, copies / CHAIN[3].name)
    before = {file: file.read_bytes() for file in copies.iterdir()}
    with pytest.raises(InputError, match=CHAIN[3].name):
        contents.refresh(copies)
    assert {file: file.read_bytes() for file in copies.iterdir()} == before


def test_no_link_is_written_by_hand():
    for file in CHAIN:
        assert not [cell for cell in nbformat.read(file, as_version=4).cells if cell.source.startswith("Next: ")]


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.stem[:2])
def test_no_output_holds_a_path_of_the_machine_that_ran_it(file):
    text = file.read_text(encoding="utf-8")
    assert "PosixPath" not in text
    assert f"{Path.home()}/" not in text
    assert f"{NOTEBOOKS.parent}/" not in text
