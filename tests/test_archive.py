"""`make archive`: one file of the last commit, the same bytes each time, whole when unpacked."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def git(folder: Path, *arguments: str) -> str:
    me = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return subprocess.run(["git", "-C", folder, *me, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with the files of this checkout as they are, all committed."""
    if not shutil.which("git") or not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("archive") / "clone"
    git(REPOSITORY, "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(folder))
    for name in git(REPOSITORY, "ls-files", "-z", "-cmo", "--exclude-standard").split("\0"):
        if name and (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / name)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "all")
    return folder


def archive(clone: Path, target: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "tests/tools/archive.py", target], cwd=clone, capture_output=True, text=True)


def test_same_bytes_whole_and_of_use(clone, tmp_path):
    files = []
    for folder in ("one", "two"):
        run = archive(clone, tmp_path / folder)
        assert run.returncode == 0, run.stderr
        files += (tmp_path / folder).iterdir()
        (clone / "README.md").touch()  # the time of a file is not the time of the commit
    assert len(files) == 2
    assert files[0].read_bytes() == files[1].read_bytes()
    with zipfile.ZipFile(files[0]) as opened:
        names = {name.partition("/")[2] for name in opened.namelist()}
        assert opened.comment.decode() == git(clone, "rev-parse", "HEAD").strip()
        opened.extractall(tmp_path / "unpacked")
    assert names == {*git(clone, "ls-files").split("\n"), "SHA256SUMS"} - {""}
    (here,) = (tmp_path / "unpacked").iterdir()
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=here, check=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FMIQA_")} | {"PYTHONPATH": str(here)}
    command = [sys.executable, "-m", "fmiqa_core", "doctor"]
    run = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    where = [sys.executable, "-c", "import fmiqa_core; print(fmiqa_core.__file__)"]
    assert str(here) in subprocess.run(where, cwd=here, env=environment, capture_output=True, text=True).stdout


@pytest.mark.parametrize("name", ["README.md", "new.txt"])
def test_a_dirty_tree_is_refused(clone, tmp_path, name):
    file = clone / name
    before = file.read_bytes() if file.exists() else None
    file.write_text("changed")
    try:
        run = archive(clone, tmp_path / "out")
    finally:
        file.write_bytes(before) if before is not None else file.unlink()
    assert run.returncode != 0
    assert name in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
