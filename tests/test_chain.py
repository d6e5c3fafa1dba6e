"""The real notebook chain, headless, twice: on a copy of the notebooks, without FMIQA_DATA's datasets."""

import hashlib
import json
import shutil
from pathlib import Path

import nbformat
import pytest

from fmiqa_core.notebook import run

REPOSITORY = Path(__file__).resolve().parent.parent
CHAIN = sorted(REPOSITORY.glob("notebooks/*.ipynb"))


def _figures(home: Path) -> dict[str, str]:
    files = sorted(file for file in (home / "figures").glob("*.*"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


NETWORKS = ["01", "02", "03", "04", "08", "10"]  # the others stand on committed numbers


@pytest.mark.parametrize(
    "again",
    [pytest.param(NETWORKS, marks=pytest.mark.long), pytest.param([], marks=pytest.mark.exhaustive)],
    ids=["some", "all"],
)
@pytest.mark.usefixtures("dinov2", "efficientnet")
def test_chain_runs_twice_with_the_same_bytes(tmp_path, monkeypatch, capsys, again):
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    (tmp_path / "data").symlink_to(REPOSITORY / "data")  # so that nbval finds the scores afterwards
    monkeypatch.setenv("FMIQA_HOME", str(tmp_path))
    monkeypatch.delenv("FMIQA_DATA", raising=False)
    assert run.run([]) == 0
    printed = capsys.readouterr().out
    first = _figures(tmp_path)
    units = {file: file.stat().st_mtime_ns for file in (tmp_path / "data" / "scores" / "demo").rglob("units/*.json")}
    assert len(units) >= 2 * 5  # backbones x references
    assert all(f"figures/{name}" in printed for name in first)
    assert sorted(file.name for file in (tmp_path / "figures" / "executed").iterdir()) == [file.name for file in CHAIN]
    assert run.run(again) == 0
    assert _figures(tmp_path) == first
    assert {file: file.stat().st_mtime_ns for file in units} == units
    for name, provenance in (
        (n, json.loads((tmp_path / "figures" / n).read_text(encoding="utf-8"))) for n in first if n.endswith(".json")
    ):
        assert str(tmp_path) not in json.dumps(provenance), name


@pytest.mark.parametrize("file", CHAIN, ids=lambda file: file.stem)
def test_committed_notebook_can_be_read(file):
    book = nbformat.read(file, as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    assert book.cells[0].cell_type == "markdown"
    assert all(word in book.cells[0].source for word in ("Question", "Inputs", "Outputs", "Time"))
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in code) == 1
    assert outputs, "committed without outputs"
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert "papermill" not in json.dumps(book.metadata) + json.dumps([cell.metadata for cell in code])
    assert str(REPOSITORY) not in json.dumps(outputs), "holds a path of this machine"
