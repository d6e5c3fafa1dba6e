"""The runner of the notebook chain, on tiny notebooks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor

from fmiqa_core.files import paths
from fmiqa_core.notebook import kernel
from fmiqa_core.notebook import run as reproduce


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
    notebook("02_list", "print(datasets)", 'datasets = "demo"')
    status, _, err = ran("reproduce", "--profile", "full")
    assert status == 0, err
    assert "[scores]" not in err  # none of these notebooks reads the grid
    assert text_of(executed / "00_tiny.ipynb").strip() == "3 live"
    assert text_of(executed / "02_list.ipynb").strip() == "demo"


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


def test_files_are_looked_for_where_the_user_stands(notebook, executed, ran, tmp_path, monkeypatch):
    notebook("00_tiny", "print(ref, dataset, other, sep='|')", 'ref = ""\ndataset = "demo"\nother = ""')
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    for name in ("coffee.png", "sub/own.csv", "demo"):  # a file may be called as a dataset is
        (here / name).touch()
    monkeypatch.chdir(here)
    words = ["-p", "ref", "coffee.png", "-p", "dataset", "sub/own.csv", "-p", "other", "demo"]
    status, _, err = ran("reproduce", *words)
    assert status == 0, err
    assert text_of(executed / "00_tiny.ipynb").strip() == f"{here}/coffee.png|{here}/sub/own.csv|demo"
    status, _, err = ran("reproduce", "-p", "ref", "", "-p", "dataset", "demo")
    assert status == 0, err
    assert text_of(executed / "00_tiny.ipynb").strip() == "|demo|"


def test_files_in_a_list_are_looked_for_where_the_user_stands(notebook, executed, ran, refused, tmp_path, monkeypatch):
    notebook("00_tiny", "print(dataset)")
    (tmp_path / "own.csv").touch()
    monkeypatch.chdir(tmp_path)
    status, _, err = ran("reproduce", "-p", "dataset", f"live, own.csv,{tmp_path}/own.csv")
    assert status == 0, err
    assert text_of(executed / "00_tiny.ipynb").strip() == f"live,{tmp_path}/own.csv,{tmp_path}/own.csv"
    assert f"no file gone.csv in {tmp_path}" in refused("reproduce", "-p", "dataset", "own.csv,gone.csv")
    (tmp_path / "a,b").mkdir()
    (tmp_path / "a,b" / "own.csv").touch()
    monkeypatch.chdir(tmp_path / "a,b")
    assert "has a comma, which separates datasets" in refused("reproduce", "-p", "dataset", "own.csv")


@pytest.mark.parametrize(("key", "value"), [("ref", "tea.png"), ("ref", "sub"), ("dataset", "own.csv")])
def test_file_that_is_not_there(notebook, executed, refused, tmp_path, monkeypatch, key, value):
    notebook("00_tiny", "print(ref)", 'ref = ""\ndataset = "demo"')
    (tmp_path / "sub").mkdir()
    (paths.notebooks() / "tea.png").touch()  # where the kernel would look
    monkeypatch.chdir(tmp_path)
    assert f"Notebook parameter {key}: no file {value} in {tmp_path}." in refused("reproduce", "-p", key, value)
    assert not executed.exists()


def test_parameters_that_name_files_are_known():
    """A parameter whose comment begins with "path" is one of FILES."""
    from papermill import inspect_notebook

    every = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
    found = [(name, one["help"]) for file in every for name, one in inspect_notebook(str(file)).items()]
    assert {name for name, text in found if text.startswith("path")} == set(reproduce.FILES)


DRAWING = """
import matplotlib.pyplot as plt
import pandas as pd
from fmiqa_core import figures
figures.style()
figure, axis = plt.subplots(figsize=(3, 2))
axis.plot([1, 2, 4])
axis.set_title("Schicht → Wert", style="italic")
figures.save(figure, "fig99_test", pd.DataFrame({"x": [1]}), "Schicht → Wert.")
pd.DataFrame({"x": range(100)})
"""


def user(folder) -> dict[str, str]:
    """The environment of a user who has set all that can be set: each of these changed or broke an executed notebook."""
    files = {
        "mpl/matplotlibrc": "text.usetex: True\nsavefig.bbox: tight\nbackend: pdf\nlines.linewidth: 9\naxes.grid: True\n",
        "ipython/profile_default/startup/00.py": "import matplotlib.pyplot as plt, pandas; plt.style.use('dark_background')\n"
        "pandas.set_option('display.max_rows', 4)\n",
        "ipython/profile_default/ipython_config.py": "c.InlineBackend.figure_formats = ['svg']\n"
        "c.InlineBackend.rc = {'figure.dpi': 40}\nc.InteractiveShellApp.exec_lines = ['%matplotlib agg']\n",
        "startup.py": "raise SystemExit('started')\n",
    }
    other = json.dumps({"argv": ["false"], "display_name": "not this one", "language": "python"})
    files |= {f"{place}/kernels/python3/kernel.json": other for place in ("path", "data", "home/.local/share/jupyter")}
    for name, text in files.items():
        paths.make_folder((folder / name).parent)
        (folder / name).write_text(text, encoding="utf-8")
    places = {"MATPLOTLIBRC": "mpl", "IPYTHONDIR": "ipython", "PYTHONSTARTUP": "startup.py", "JUPYTER_PATH": "path"}
    places |= {"JUPYTER_DATA_DIR": "data", "HOME": "home", "MPLCONFIGDIR": "mpl"}
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    return {"MPLBACKEND": "Agg", **locale, **{name: str(folder / place) for name, place in places.items()}}


def test_the_users_settings_change_nothing(notebook, executed, home, ran, tmp_path, monkeypatch):
    notebook("00_tiny", DRAWING)
    made = []
    for settings in ({}, {"MPLBACKEND": "Agg"}, user(tmp_path / "user")):
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            before = dict(os.environ)
            status, _, err = ran("reproduce", "00")
            assert status == 0, err
            assert dict(os.environ) == before | {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}  # the command line's own
        cells = nbformat.read(executed / "00_tiny.ipynb", as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        files = {file.name: file.read_bytes() for file in (home / "figures").glob("fig99*")}
        made.append((json.dumps([output.get("data", output.get("text")) for output in outputs]), files))
        for file in (home / "figures").glob("fig99*"):
            file.unlink()
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1
    assert len(made[0][1]) == 5
    assert made[1] == made[0]
    assert made[2] == made[0]


def test_a_session_of_the_users_writes_the_same_files(notebook, home, ran, tmp_path, monkeypatch):
    """As in JupyterLab, where the user's settings stay: IPython's come with the first figure, after the first cell's style."""
    file = notebook("00_tiny", DRAWING)
    assert ran("reproduce", "00")[0] == 0
    files = sorted((home / "figures").glob("fig99*"))
    first = [file.read_bytes() for file in files]
    profile = paths.make_folder(tmp_path / "ipython" / "profile_default")
    text = "c.InlineBackend.rc = {'figure.dpi': 40, 'lines.linewidth': 7}\nc.InlineBackend.figure_formats = ['retina']\n"
    (profile / "ipython_config.py").write_text(text, encoding="utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("MPLBACKEND")  # as `make lab` does
    book = nbformat.read(file, as_version=4)
    ExecutePreprocessor(kernel_manager_class=kernel.Kernel).preprocess(book)
    assert any("image/png" in output.get("data", {}) for output in book.cells[-1].outputs)
    assert [file.read_bytes() for file in files] == first


@pytest.mark.skipif(os.name == "nt", reason="the shell of POSIX is asked")
@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_with_closed_streams(notebook, executed, home, closed):
    """They are open for the kernel, and for what a notebook starts."""
    notebook("00_tiny", "import subprocess\nprint(subprocess.run(['cat'], check=True), size)")
    command = ["sh", "-c", f'exec "$0" -m fmiqa_core reproduce 00 {closed}', sys.executable]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    assert "Traceback" not in run.stderr
    assert text_of(executed / "00_tiny.ipynb").strip().endswith("3")


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
