"""The house: a small core, rooms beside it, and imports that run one way. Those inside functions count, too."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent / "fmiqa_core"
NAME = HOUSE.name
# A room, or a module of the core, imports those before it. The two wings know nothing of each other.
GROUND = ["errors", "files", "windows", "protocol", "report"]
MEASURING = ["backbones", "images", "features", "pair", "distances", "compare", "maps", "metric"]
JUDGING = ["data", "stats", "figures"]
ABOVE = ["scoring", "studies", "site", "notebook", "integrations", "commands", "cli", "__main__"]
ORDER = [NAME, *GROUND, *MEASURING, *JUDGING, *ABOVE]
FILES, LINES = 16, 1590  # of the core, at most


def module(file: Path) -> str:
    parts = file.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(file): file for file in HOUSE.rglob("*.py")}


def imported(name: str, source: str, package: bool) -> set[str]:
    """The modules of the house that the module `name` imports, anywhere in its source."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: len(name.split(".")) - node.level + package] if node.level else []
            start = ".".join([*above, *filter(None, [node.module])])
            found |= {f"{start}.{alias.name}" if f"{start}.{alias.name}" in MODULES else start for alias in node.names}
    return found & MODULES.keys()


ARROWS = {name: imported(name, file.read_text(encoding="utf-8"), file.name == "__init__.py") for name, file in MODULES.items()}


def room(name: str) -> str:
    return name.split(".")[1] if "." in name else name


def runs_up(importer: str, target: str) -> bool:
    """Whether a room imports what does not lie below it, or what lies in the other wing."""
    if importer == target:
        return False
    wings = {wing for wing, rooms in (("m", MEASURING), ("j", JUDGING)) for one in (importer, target) if one in rooms}
    return ORDER.index(target) > ORDER.index(importer) or len(wings) == 2


def test_the_order_names_every_room():
    assert {room(name) for name in MODULES} == set(ORDER)


def test_no_circle():
    graphlib.TopologicalSorter(ARROWS).prepare()  # CycleError names one


def test_no_import_runs_back_up():
    up = [(name, one) for name, targets in ARROWS.items() for one in targets if runs_up(room(name), room(one))]
    assert sorted(up) == []


def test_only_the_lazy_names_are_imported_by_their_text():
    by_text = [name for name, file in MODULES.items() if "import_module" in file.read_text(encoding="utf-8")]
    assert by_text == [NAME]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f():\n    from . import pages", {f"{NAME}.site.pages"}),
        ("from .pages import build", {f"{NAME}.site.pages"}),
        ("from .. import metric as m, __version__", {f"{NAME}.metric", NAME}),
        ("from ..stats import agreement_of_nobody", {f"{NAME}.stats"}),
        (f"import {NAME}.files.paths, json", {f"{NAME}.files.paths"}),
        ("if TYPE_CHECKING:\n    from ..data import demo", {f"{NAME}.data.demo"}),
    ],
)
def test_imports_are_seen(source, found):
    assert imported(f"{NAME}.site.build", source, package=False) == found
    assert imported(f"{NAME}.site", source, package=True) == found


@pytest.mark.parametrize(
    ("importer", "target", "up"),
    [
        ("metric", "maps", False),
        ("maps", "metric", True),
        ("figures", "protocol", False),
        ("figures", "studies", True),
        ("stats", "backbones", True),
        ("compare", "data", True),
        ("scoring", "data", False),
        ("scoring", "metric", False),
        ("site", "site", False),
    ],
)
def test_what_runs_up(importer, target, up):
    assert runs_up(importer, target) is up


def test_statistics_and_figures_work_without_torch():
    names = [name for name in MODULES if room(name) in ("stats", "figures")]
    assert len(names) > 10
    code = f"import sys, {', '.join(names)}; print(sorted({{'torch', 'timm', 'open_clip'}} & sys.modules.keys()))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOUSE.parent)
    assert out.stdout.strip() == "[]"


def test_the_core_is_small():
    core = list(HOUSE.glob("*.py"))
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in core)
    assert len(core) <= FILES
    assert lines <= LINES
