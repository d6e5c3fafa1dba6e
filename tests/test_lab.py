"""JupyterLab as a person uses it: started as `make lab` does, driven in Chromium; notebooks opened, run, changed, run again."""

import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import browser
import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE = 900  # seconds for a notebook to run: one or two minutes where nothing else runs
HARMLESS = {  # what JupyterLab itself says on the console, and why it is not ours
    r"status of 404.*": "JupyterLab asks for the workspace and settings of a first start, which are not there yet",
}
pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Lab:
    folder: Path  # notebooks that it shows, a copy
    port: int
    token: str

    def url(self, path: str = "lab/tree/notebooks") -> str:
        return f"http://127.0.0.1:{self.port}/{path}?token={self.token}"

    def busy(self) -> bool:
        with urllib.request.urlopen(self.url("api/kernels")) as answer:
            return any(kernel["execution_state"] != "idle" for kernel in json.load(answer))


def command() -> list[str]:
    """What `make lab` runs, with this environment's jupyter."""
    if not shutil.which("make"):
        pytest.skip("no make here: what `make lab` runs cannot be asked")
    printed = subprocess.run(["make", "-n", "lab"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    words = shlex.split(printed.strip().splitlines()[-1])
    return [str(Path(sys.executable).with_name("jupyter")) if word.endswith("/jupyter") else word for word in words]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A server on a free port, on copies of the notebooks without outputs; the user has another kernel of the same name."""
    browser.chromium()
    home = tmp_path_factory.mktemp("lab")
    (home / "notebooks").mkdir()
    for file in REPOSITORY.glob("notebooks/*.ipynb"):
        book = nbformat.read(file, as_version=4)
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(book, home / "notebooks" / file.name)
    (home / "data").symlink_to(REPOSITORY / "data")
    (home / "figures").mkdir()
    shutil.copy(REPOSITORY / "figures" / "fig10_own_pair_demo.png", home / "figures")
    for folder in ("data_dir", "path"):
        (home / folder / "kernels" / "python3").mkdir(parents=True)
        decoy = {"argv": ["false"], "display_name": "not this one", "language": "python"}
        (home / folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(decoy), encoding="utf-8")
    own = {name: str(home / "own" / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(home / "own" / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    own |= {"JUPYTER_DATA_DIR": str(home / "data_dir"), "JUPYTER_PATH": str(home / "path"), "FMIQA_HOME": str(home)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = Lab(home / "notebooks", free.getsockname()[1], secrets.token_hex(16))
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={made.port}", "--ServerApp.port_retries=0", "--allow-root"]
    with open(home / "log.txt", "w", encoding="utf-8") as log:
        server = subprocess.Popen(
            ["env", *command(), *options, f"--IdentityProvider.token={made.token}"],
            cwd=home,
            env=os.environ | own,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(240):
            assert server.poll() is None, (home / "log.txt").read_text(encoding="utf-8")
            try:
                made.busy()
                break
            except OSError:
                time.sleep(0.25)
        yield made
    finally:
        server.send_signal(signal.SIGTERM)  # it ends its kernels, too
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture
def opened(lab):
    """JupyterLab in a browser; afterwards nothing has gone wrong and no other machine was asked."""
    with browser.open_page(lab.url(), width=1400, height=1000) as page:
        page.page.locator(".jp-DirListing-item").first.wait_for(timeout=60_000)
        yield page.page
        page.page.wait_for_timeout(500)
        ours = [error for error in page.errors if not any(re.search(known, error) for known in HARMLESS)]
    assert ours == []
    assert page.foreign == []


def open_notebook(page, lab, name: str):
    """Double click in the file browser, and wait for the kernel."""
    page.locator(".jp-DirListing-item", has_text=name).dblclick()
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    panel.locator(".jp-KernelName", has_text="Python 3").wait_for(timeout=60_000)
    panel.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    return panel


def choose(page, menu: str, item: str) -> None:
    page.locator(".lm-MenuBar-item", has_text=re.compile(f"^{menu}$")).click()
    page.locator(".lm-Menu-item", has_text=re.compile(f"^{item}")).first.click()


def written(page, file: Path) -> nbformat.NotebookNode:
    """The notebook, once all of it is there: JupyterLab writes in place."""
    for _ in range(100):
        try:
            return nbformat.read(file, as_version=4)
        except nbformat.reader.NotJSONError:
            page.wait_for_timeout(100)
    raise AssertionError(f"{file.name} is half written")


def finished(page, lab, file: Path) -> nbformat.NotebookNode:
    """Wait until the kernel has nothing to do, save, and read what was saved: every cell has run, none in error."""
    page.wait_for_timeout(1000)
    waited = time.monotonic()
    while lab.busy() or page.locator(".jp-Notebook-ExecutionIndicator[data-status=busy]").count():
        assert time.monotonic() - waited < PATIENCE, "the notebook takes too long"
        page.wait_for_timeout(250)
    stamp = file.stat().st_mtime_ns
    page.keyboard.press("Control+s")
    while file.stat().st_mtime_ns == stamp:
        assert time.monotonic() - waited < PATIENCE + 30, "the notebook is not saved"
        page.wait_for_timeout(100)
    book = written(page, file)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    errors = [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert errors == []
    assert all(cell.execution_count for cell in code), "a cell has not run"
    return book


def printed(book) -> str:
    return "".join(output.get("text", "") for cell in book.cells for output in cell.get("outputs", []))


def pictures(book) -> dict[str, list[str]]:
    """Cell id -> its pictures."""
    found = {
        cell.id: [o.data["image/png"] for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
        for cell in book.cells
    }
    return {name: made for name, made in found.items() if made}


def scroll_to(page, panel, selector: str):
    """Turn the wheel until it is there: cells out of sight are not in the page."""
    place = panel.locator(selector).first
    panel.locator(".jp-WindowedPanel-outer").hover()
    for step in [*[-2000] * 12, *[400] * 60]:
        page.mouse.wheel(0, step)
        page.wait_for_timeout(60)
        if step > 0 and place.count() and place.is_visible():
            place.scroll_into_view_if_needed()
            return place
    raise AssertionError(f"{selector} is nowhere in the notebook")


def changes(page, panel, act) -> float:
    """Seconds until the widget's picture is another one after `act()`."""
    image = panel.locator("img.widget-image").first
    before, started = image.get_attribute("src"), time.monotonic()
    act()
    while image.get_attribute("src") == before:
        assert time.monotonic() - started < 30, "the picture does not follow the widget"
        page.wait_for_timeout(20)
    return time.monotonic() - started


def rewrite(page, panel, old: str, new: str) -> None:
    """Edit the parameters cell."""
    editor = scroll_to(page, panel, f".jp-CodeCell:has-text({json.dumps(old.split(' =')[0] + ' =')}) .cm-content")
    text = editor.inner_text()
    assert old in text
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text.replace(old, new))


def shift_enter(page, times: int) -> None:
    for _ in range(times):
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(200)


def test_what_the_notebooks_write_can_be_opened(opened, lab):
    """The file browser has the whole repository, not the notebooks alone."""
    opened.locator(".jp-BreadCrumbs-home").click()
    for name in ("data", "notebooks", "figures"):
        opened.locator(".jp-DirListing-item", has_text=name).first.wait_for(timeout=30_000)
    opened.locator(".jp-DirListing-item", has_text="figures").dblclick()
    opened.locator(".jp-DirListing-item", has_text="fig10_own_pair_demo.png").dblclick()
    opened.locator(".jp-ImageViewer img").wait_for(timeout=30_000)


def test_progress_is_seen_and_not_stored(opened, lab):
    book = nbformat.v4.new_notebook(metadata=nbformat.read(lab.folder / "00_setup_and_data.ipynb", 4).metadata)
    code = "import time\nfrom fmiqa_core.files import progress\nfrom fmiqa_core.notebook import live_line\n"
    code += "with live_line.shown():\n    for _ in progress.bar(iterable=range(12), desc='descent'):\n"
    code += "        time.sleep(0.6)\nprint('done')"
    book.cells = [nbformat.v4.new_code_cell(code)]
    nbformat.write(book, lab.folder / "live.ipynb")
    opened.locator(".jp-DirListing-item", has_text="live.ipynb").wait_for(timeout=30_000)
    panel = open_notebook(opened, lab, "live.ipynb")
    choose(opened, "Run", "Run All Cells")
    panel.locator(".jp-OutputArea-output", has_text=re.compile(r"descent: .*[2-9]/12")).wait_for(timeout=60_000)
    assert panel.locator(".jp-OutputArea-output").count() == 1
    outputs = finished(opened, lab, lab.folder / "live.ipynb").cells[0].outputs
    assert [(output.output_type, output.text) for output in outputs] == [("stream", "done\n")]
    assert [text.strip() for text in panel.locator(".jp-OutputArea-output").all_inner_texts()] == ["done"]


def test_kernel_is_the_environments_own_and_nobody_is_asked_for_news(opened, lab):
    book = nbformat.v4.new_notebook(metadata=nbformat.read(lab.folder / "00_setup_and_data.ipynb", 4).metadata)
    book.cells = [nbformat.v4.new_code_cell("import sys\nprint(sys.prefix)")]
    nbformat.write(book, lab.folder / "kernel.ipynb")
    opened.locator(".jp-DirListing-item", has_text="kernel.ipynb").wait_for(timeout=30_000)
    open_notebook(opened, lab, "kernel.ipynb")
    choose(opened, "Run", "Run All Cells")
    assert printed(finished(opened, lab, lab.folder / "kernel.ipynb")).strip() == sys.prefix
    assert opened.get_by_text("Jupyter news").count() == 0


@pytest.mark.usefixtures("dinov2", "efficientnet")
def test_layers_of_the_demo_set(opened, lab):
    file = lab.folder / "01_intermediate_features.ipynb"
    panel = open_notebook(opened, lab, file.name)
    choose(opened, "Run", "Run All Cells")
    first = finished(opened, lab, file)
    assert {"c06", "c08", "c10", "view"} <= {*pictures(first)}
    assert "chelsea, blur: layers (4, 12, 257, 384)" in printed(first)
    scroll_to(opened, panel, "img.widget-image")
    kind = panel.get_by_label("distortion")
    changes(opened, panel, lambda: kind.select_option("jpeg"))
    quick = changes(opened, panel, lambda: kind.select_option("blur"))  # seen before
    changes(opened, panel, lambda: panel.locator(".noUi-handle").last.press("ArrowRight"))  # layer
    changes(opened, panel, lambda: panel.get_by_label("distance").select_option("L2"))
    print(f"a step from kept features took {quick:.2f} s in the browser")
    rewrite(opened, panel, 'distortion = ""', 'distortion = "noise"')
    shift_enter(opened, 6)  # down to the false colours
    again = finished(opened, lab, file)
    assert "chelsea, noise: layers (4, 12, 257, 384)" in printed(again)
    assert pictures(again)["c06"] != pictures(first)["c06"]


@pytest.mark.usefixtures("dinov2", "efficientnet")
def test_own_images(opened, lab):
    file = lab.folder / "10_use_your_own.ipynb"
    panel = open_notebook(opened, lab, file.name)
    choose(opened, "Run", "Run All Cells")
    first = finished(opened, lab, file)
    assert {"c06", "view", "c15"} <= {*pictures(first)}
    assert re.search(r"^score \d\.\d{4}$", printed(first), re.MULTILINE)
    scroll_to(opened, panel, "img.widget-image")
    changes(opened, panel, lambda: panel.get_by_label("distance").select_option("L2"))
    changes(opened, panel, lambda: panel.locator(".noUi-handle").last.press("ArrowRight"))
    rewrite(opened, panel, 'distance = "cos"', 'distance = "l2"')
    shift_enter(opened, 6)  # down to the map
    again = finished(opened, lab, file)
    scores = [re.search(r"^score (\S+)$", printed(book), re.MULTILINE)[1] for book in (first, again)]
    assert scores[0] != scores[1]
    assert pictures(again)["c06"] != pictures(first)["c06"]
