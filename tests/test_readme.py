"""README as a newcomer meets it: the first screen, and every command in the order in which it stands, in one clone."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import mistune
import pytest
from browser import open_page
from test_docs import FENCE, README, REPOSITORY, pictures  # noqa: F401 (a fixture)

from fmiqa_core.data import datasets, released
from fmiqa_core.errors import InputError
from fmiqa_core.files import paths

# As GitHub lays a README out, its column 900 px wide.
STYLE = """
body { margin: 0; width: 900px; font: 16px/1.5 system-ui, sans-serif; } p, ul, table, pre { margin: 0 0 16px; }
h1, h2 { margin: 24px 0 16px; padding-bottom: .3em; line-height: 1.25; border-bottom: 1px solid; }
h1 { font-size: 2em; margin-top: 0; } h2 { font-size: 1.5em; } pre { padding: 16px; font-size: 85%; line-height: 1.45; }
"""
CONTENTS = "**Contents:**"
LIVE = "needs LIVE (FMIQA_DATA) and the authors' archive"
STAND_INS = {  # what begins so -> what is run in its place, "" for nothing, and why
    "python3 -m venv": ("", "the tests run in an environment already"),
    ".venv/bin/pip install": ("", "several GB; test_wheel.py installs the package"),
    "make": ("make -n", "minutes, hours or an open window: what make would do"),
    "fmiqa plan": ("fmiqa plan -p backbones dinov2_vits14", "minutes for all backbones, of which each is timed"),
    "fmiqa reproduce --profile full": (
        "fmiqa plan -p backbones dinov2_vits14 --profile full",
        "hours: as a plan, of one backbone",
    ),
    "fmiqa reproduce": ("fmiqa reproduce --help", "minutes; test_chain.py runs every notebook"),
    "fmiqa gallery": ("fmiqa gallery --help", "minutes; test_gallery_browser.py builds and opens it"),
}


def test_quick_start_ends_within_the_first_screen():
    """Everything from the heading to the last line of code, in 700 px."""
    html = mistune.create_markdown(plugins=["table"], escape=False)(README.partition("\n**Contents:**")[0])
    with open_page(width=900) as opened:
        opened.page.set_content(f"<style>{STYLE}</style>{html}")
        last = opened.page.locator("pre").last.bounding_box()
    assert 300 < last["y"] + last["height"] <= 700


def test_contents_name_every_section():
    found = re.search(rf"^{re.escape(CONTENTS)}.*(?:\n.+)*", README, re.MULTILINE)[0]
    anchors = re.findall(r"\(#([\w-]+)\)", found)
    headings = [
        re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in re.findall(r"^## (.+)", README, re.MULTILINE)
    ]
    assert ["quick-start", *anchors] == headings


def test_two_images_are_scored_with_five_commands():
    first = next(code for language, code in FENCE.findall(README) if language == "sh")
    lines = first.splitlines()
    assert len(lines) <= 5
    assert "fmiqa score reference.png distorted.png" in lines[-1]


def _in_place(line: str) -> tuple[str, str]:
    """What is run for `line`, and why not itself."""
    for start, (command, reason) in STAND_INS.items():
        if line.startswith(start):
            return command and command + ("" if command.endswith("--help") else line.removeprefix(start)), reason
    return line, ""


def _files(folder: Path, without: set[str]) -> dict[str, str]:
    """Path -> hash of what lies in `folder`, but for `without`, what git keeps, locks and compiled files."""
    found = {}
    for file in folder.rglob("*"):
        name = file.relative_to(folder).as_posix()
        aside = name in without or name.startswith(".git/") or "__pycache__" in name or name.endswith(".lock")
        if file.is_file() and not aside:
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def _kept(before: dict[str, str], after: dict[str, str], line: str) -> None:
    lost = sorted(name for name, digest in before.items() if after.get(name) != digest)
    assert not lost, f"{line} changed or removed {', '.join(lost)}"


def test_what_a_command_takes_from_another_is_seen():
    for after in ({}, {"scores.parquet": "other"}):
        with pytest.raises(AssertionError, match=r"fmiqa doctor changed or removed scores\.parquet"):
            _kept({"scores.parquet": "one"}, after, "fmiqa doctor")


@pytest.mark.long
def test_commands_of_readme_in_their_order(pictures, monkeypatch, dinov2, efficientnet):  # noqa: F811
    """In one clone, none takes from another what it made; and from the clone to a score it is less than three minutes."""
    if not shutil.which("git") or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout: there is nothing to clone")
    clone, begun, skipped = pictures / "fmiqa", time.monotonic(), {}
    have_live = _has_live()
    for language, code in FENCE.findall(README):
        if language == "python":
            code = code.replace("\n\n", "\n")
            _run([sys.executable, "-c", code], clone, before := _files(clone, _tracked(clone)), "a block of Python")
            continue
        for written in code.splitlines() if language == "sh" else ():
            line = " ".join(shlex.split(written, comments=True))
            run, reason = _in_place(line)
            if not have_live and re.search(r"(score-dataset|compare) \S*live", line):
                run, reason = "", LIVE
            if reason:
                skipped[line] = f"{run or 'not run'}: {reason}"
            if line.startswith("git clone"):
                subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
                for name in (
                    "reference.png",
                    "distorted.png",
                    "mine.csv",
                    "my.csv",
                    *(p.name for p in pictures.glob("c*.png")),
                ):
                    shutil.copy(pictures / name, clone)
                monkeypatch.setenv("FMIQA_HOME", str(clone))
                continue
            if not run or run.startswith("cd "):
                continue
            words = shlex.split(run.replace(".venv/bin/", ""))
            if words[:3] == ["fmiqa", "score-dataset", "live"]:
                words += ["--rows", _few_of_live(clone)]
            before = _files(clone, _tracked(clone))
            words = [sys.executable, "-m", "fmiqa_core", *words[1:]] if words[0] == "fmiqa" else words
            _run(words, clone, before, line)
            if "fmiqa score " in line and begun:
                assert time.monotonic() - begun < 180, "from the clone to a score"
                begun = 0
    print("\n".join(f"{line}: {reason}" for line, reason in skipped.items()))
    assert len(skipped) <= 14
    assert (clone / "where.png").is_file()
    assert (clone / "fig04_layerwise.pdf").read_bytes().startswith(b"%PDF")


def _run(words: list[str], clone: Path, before: dict[str, str], line: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(clone)}
    started = time.monotonic()
    run = subprocess.run(words, cwd=clone, env=environment, capture_output=True, text=True)
    print(f"{time.monotonic() - started:5.0f} s  {line}", flush=True)
    assert run.returncode == 0, f"{line}: {run.stderr}"
    _kept(before, _files(clone, _tracked(clone)), line)


def _tracked(clone: Path) -> set[str]:
    """What git keeps: `reproduce` writes figures anew, which README says."""
    return set(subprocess.run(["git", "ls-files"], cwd=clone, capture_output=True, text=True, check=True).stdout.splitlines())


def _has_live() -> bool:
    try:
        return released.find() is not None and len(datasets.load("live", partial=True).table) > 0
    except InputError:
        return False


def _few_of_live(clone: Path) -> str:
    """A file that lists three images of each of three references of LIVE: all of them take minutes."""
    table = datasets.load("live", partial=True).table
    some = table[table["ref"].isin(table["ref"].unique()[:3])].groupby("ref").head(3)["dis"]
    file = clone / "few.txt"
    file.write_text("\n".join(some) + "\n", encoding="utf-8")
    return str(paths.relative(file))
