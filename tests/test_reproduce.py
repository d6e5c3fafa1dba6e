"""The runner of the notebook chain, on tiny notebooks."""

import nbformat
import pytest

from fmiqa_core import paths


@pytest.fixture
def notebook(home):
    """Write `notebooks/NAME.ipynb` with a parameters cell and one more cell of code."""

    def write(name, code, parameters='size = 3\ndataset = "demo"'):
        kernel = {"name": "python3", "display_name": "Python 3"}
        book = nbformat.v4.new_notebook(metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
        book.cells = [
            nbformat.v4.new_markdown_cell("# A title\n\n**Question.** Does it run?"),
            nbformat.v4.new_code_cell(parameters),
        ]
        book.cells[1].metadata["tags"] = ["parameters"]
        book.cells.append(nbformat.v4.new_code_cell(code))
        file = paths.make_folder(home / "notebooks") / f"{name}.ipynb"
        nbformat.write(book, file)
        return file

    return write


@pytest.fixture
def executed(home):
    return home / "figures" / "executed"


def text_of(file) -> str:
    outputs = [output for cell in nbformat.read(file, as_version=4).cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_executes_in_order_and_says_what_it_wrote(notebook, executed, home, ran):
    notebook("01_second", "from pathlib import Path\nprint(Path('../figures/fig00.txt').read_text())")
    notebook("00_first", "from pathlib import Path\nPath('../figures/fig00.txt').write_text('from the first')")
    status, out, err = ran("reproduce")
    assert status == 0, err
    assert out.split() == [
        "Written:",
        "figures/executed/00_first.ipynb",
        "figures/executed/01_second.ipynb",
        "figures/fig00.txt",
    ]
    assert text_of(executed / "01_second.ipynb").strip() == "from the first"
    assert "[1/2] 00_first.ipynb" in err
    assert "[2/2] 01_second.ipynb done" in err


def test_parameters_reach_the_notebook(notebook, executed, ran):
    notebook("00_tiny", "print(repr(size), repr(dataset))")
    status, _, err = ran("reproduce", "-p", "size", "7", "-p", "dataset", "live")
    assert status == 0, err
    assert text_of(executed / "00_tiny.ipynb").strip() == "7 'live'"


def test_profile_full_asks_for_live(notebook, executed, ran):
    notebook("00_tiny", "print(size, dataset)")
    status, _, err = ran("reproduce", "--profile", "full")
    assert status == 0, err
    assert text_of(executed / "00_tiny.ipynb").strip() == "3 live"


def test_one_notebook_by_number_or_name(notebook, executed, ran):
    for name in ("00_one", "01_two", "02_three"):
        notebook(name, "print(size)")
    status, _, err = ran("reproduce", "01", "02_three")
    assert status == 0, err
    assert sorted(file.name for file in executed.iterdir()) == ["01_two.ipynb", "02_three.ipynb"]


def test_first_failure_stops_the_chain_and_names_the_cell(notebook, executed, ran):
    notebook("00_good", "print(size)")
    notebook("01_bad", "raise RuntimeError('no such luck')")
    notebook("02_never", "print(size)")
    executed.mkdir(parents=True)
    (executed / "01_bad.ipynb").write_text("an older run", encoding="utf-8")
    status, out, err = ran("reproduce")
    assert status == 1
    assert out == ""
    last = err.splitlines()[-1]
    assert "01_bad.ipynb failed in cell 2: RuntimeError: no such luck" in last
    assert "Traceback" not in err
    assert (executed / "00_good.ipynb").is_file()
    assert not (executed / "01_bad.ipynb").exists()
    assert not (executed / "02_never.ipynb").exists()


def test_unknown_notebook(notebook, executed, refused):
    notebook("00_tiny", "print(size)")
    assert "Unknown notebook '00_tinny'. Did you mean '00_tiny'?" in refused("reproduce", "00_tinny")
    assert not executed.exists()


def test_unknown_parameter(notebook, executed, refused):
    notebook("00_tiny", "print(size)")
    line = refused("reproduce", "-p", "sizes", "4")
    assert "Unknown notebook parameter 'sizes'. Did you mean 'size'?" in line
    assert not executed.exists()


def test_parameter_of_another_type(notebook, executed, refused):
    notebook("00_tiny", "print(size)")
    line = refused("reproduce", "-p", "size", "many")
    assert "size" in line
    assert "'many'" in line
    assert not executed.exists()


def test_unknown_profile(notebook, executed, refused):
    notebook("00_tiny", "print(size)")
    assert "Unknown profile 'ful'. Did you mean 'full'?" in refused("reproduce", "--profile", "ful")
    assert not executed.exists()


def test_no_notebooks(home, refused):
    assert "No notebooks in" in refused("reproduce")


def test_stored_copy_carries_no_timings(notebook, ran):
    file = notebook("00_tiny", "print(size)")
    status, _, err = ran("reproduce", "-p", "size", "4", "--refresh")
    assert status == 0, err
    book = nbformat.read(file, as_version=4)
    assert text_of(file).strip() == "4"
    assert "papermill" not in book.metadata
    assert all("papermill" not in cell.metadata for cell in book.cells)
    assert [cell.metadata.get("tags", []) for cell in book.cells] == [[], ["contents"], ["parameters"], [], ["links"]]
