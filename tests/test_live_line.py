"""The live line under a cell: seen while it works, gone and not stored afterwards; headless there is nothing."""

import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient

from fmiqa_core.errors import InputError
from fmiqa_core.files import progress
from fmiqa_core.notebook import kernel, live_line, own

SESSION = "import os\nos.environ['JPY_SESSION_NAME'] = 'x'\n"
CELL = """
import time
from fmiqa_core.files import progress
from fmiqa_core.notebook import live_line
with live_line.shown():
    with progress.bar(desc="mine", total=3) as bar:
        for _ in range(3):
            time.sleep(0.6)
            bar.update()
    with progress.ticking(lambda seconds: "waited"):
        time.sleep(1.2)
print("done")
"""


def executed(code: str) -> tuple[list, list[str]]:
    """The stored outputs of a cell, and the texts that were shown on the way."""
    seen = []

    class Client(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            if msg["msg_type"] in ("display_data", "update_display_data"):
                seen.append(msg["content"]["data"]["text/plain"])
            return super().process_message(msg, cell, cell_index)

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with kernel.environment():
        Client(book, kernel_manager_class=kernel.Kernel, extra_arguments=["--log-level=CRITICAL"]).execute()
    return book.cells[0].outputs, seen


@pytest.mark.parametrize("session", [True, False])
def test_nothing_of_it_is_stored(session):
    outputs, seen = executed(SESSION * session + CELL)
    assert [(output.output_type, output.get("text")) for output in outputs] == [("stream", "done\n")]
    assert [any(word in text for text in seen) for word in ("mine", "2/3", "waited")] == [session] * 3


def test_an_error_takes_the_line_away_and_stays():
    begin, code = SESSION + CELL.partition("with")[0], "with live_line.shown():\n    progress.bar(total=3).refresh()\n    1 / 0"
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(begin + code)])
    with kernel.environment():
        NotebookClient(book, kernel_manager_class=kernel.Kernel, allow_errors=True).execute()
    assert [output.output_type for output in book.cells[0].outputs] == ["error"]


def test_outside_of_a_session_progress_is_silent(monkeypatch, capsys):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(progress, "EVERY", 0.05)
    monkeypatch.setattr(progress, "OFTEN", 0.05)
    with live_line.shown(), progress.ticking(lambda seconds: "waited"), progress.bar(total=2) as bar:
        bar.update()
        time.sleep(0.2)
    assert capsys.readouterr() == ("", "")
    with progress.ticking(lambda seconds: "waited"):
        time.sleep(0.2)
    assert "waited" in capsys.readouterr().err
    assert sys.stderr is not None


def test_names_of_a_pair(demo_home, tmp_path):
    files = [str(tmp_path / name) for name in ("a.png", "my photo.png")]
    assert own.pair("", "")[2] == "demo"
    assert own.pair("", "", "mine")[2] == "mine"
    assert own.pair(*files)[2] not in ("", "demo")
    assert own.pair(files[0], str(tmp_path / "demo.png"))[2] == "own_demo"
    with pytest.raises(InputError, match="choose another"):
        own.pair(*files, "demo")
    with pytest.raises(InputError, match="Only ref is named"):
        own.pair(files[0], "")
