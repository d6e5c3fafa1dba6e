"""Install the package and run the weight-free tests on every Python >= 3.11 that is found here: `make pythons`.

Looked for: python3.NN on PATH, and pyenv's versions. Each gets a virtual environment of its own and a copy of the
checkout without weights and data, `pip install` as a user would (newest versions within the ranges of pyproject.toml,
not the lock), and the tests in WEIGHT_FREE; then both are deleted again (several GB, mostly PyTorch).

    python tests/tools/pythons.py           all of them
    python tests/tools/pythons.py 3.12 3.13.0    only these
    python tests/tools/pythons.py --list    what would be run, and what not and why
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
OLDEST, KNOWN = (3, 11), range(11, 16)  # minor versions of Python 3 that are looked for
MINUTES = 20  # for one installation, and for one run of the tests
WEIGHT_FREE = (
    *("archives", "bad_input", "correlation", "datasets", "demo", "distances_golden", "download", "environment", "fetch"),
    *("hashes", "networks", "perturbations", "released", "released_statistics", "switches", "windows"),
)
ABOUT = "import sys; print('%d.%d.%d %s' % (sys.version_info[:3] + (sys.executable,)))"  # Python 2 takes it too


def found() -> dict[str, str]:
    """Version -> executable of every Python on PATH or of pyenv, oldest first."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    candidates = [folder / f"python3.{minor}" for folder in folders for minor in range(6, KNOWN.stop)]
    versions = {}
    for candidate in filter(Path.is_file, [*candidates, *sorted(pyenv.glob("versions/*/bin/python"))]):
        run = subprocess.run([candidate, "-c", ABOUT], capture_output=True, text=True)
        if run.returncode == 0:  # a shim of a version that pyenv has not switched on fails
            version, executable = run.stdout.split(maxsplit=1)
            versions.setdefault(version, executable.strip())
    return dict(sorted(versions.items(), key=lambda item: _numbers(item[0])))


def not_run(version: str, wanted: list[str]) -> str:
    """Why `version` is left out; empty where it is run."""
    if _numbers(version)[:2] < OLDEST:
        return "not run: older than 3.11"
    if wanted and not any(version == word or version.startswith(f"{word}.") for word in wanted):
        return "not run: not asked for"
    return ""


def check(executable: str) -> tuple[str, str]:
    """What came of installation and tests with this Python."""
    with tempfile.TemporaryDirectory(prefix="fmiqa-python-") as folder:
        copy, python = Path(folder) / "fmiqa", Path(folder) / "venv" / "bin" / "python"
        _copy(copy)
        try:
            started = time.monotonic()
            subprocess.run([executable, "-m", "venv", python.parent.parent], check=True, capture_output=True)
            pip = _run([python, "-m", "pip", "install", "--quiet", "--no-cache-dir", ".[test]"], copy)
            if pip.returncode:
                errors = [line for line in pip.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
                return f"no: {errors[-1][:120]}", "not run: not installed"
            installed = f"yes, {time.monotonic() - started:.0f} s"
            files = [f"tests/test_{name}.py" for name in WEIGHT_FREE]
            tests = _run([python.with_name("pytest"), "-q", "-p", "no:cacheprovider", "-m", "not long", *files], copy)
        except subprocess.TimeoutExpired:
            return "not run", f"not run: took more than {MINUTES} minutes"
        summary = re.findall(r"^=* ?((?:\d+ \w+,? ?)+ in [\d.]+s).*$", tests.stdout, re.MULTILINE)
        for line in tests.stdout.splitlines():
            if tests.returncode and re.match("FAILED|ERROR|E  ", line):
                print(line)
        return installed, summary[-1] if summary else f"pytest ended with status {tests.returncode}"


def _run(command: list, folder: Path) -> subprocess.CompletedProcess:
    """In `folder`, without this machine's data; tests that would fetch weights find no registry and skip."""
    environment = {k: v for k, v in os.environ.items() if k not in ("FMIQA_DATA", "FMIQA_HOME", "VIRTUAL_ENV", "PYTHONPATH")}
    if Path(command[0]).name == "pytest":
        environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder / "none"), "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=60 * MINUTES
    )


def _copy(target: Path) -> None:
    """The files of the checkout that git has or would take."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def main(arguments: list[str]) -> int:
    """Print the table; 1 where something that was run failed, or nothing was run."""
    wanted = [word for word in arguments if word != "--list"]
    versions, failed, done = found(), [], 0
    print("| Python | installed | weight-free tests |\n| --- | --- | --- |")
    for version, executable in versions.items():
        why = not_run(version, wanted)
        if why or "--list" in arguments:
            print(f"| {version} | – | {why or 'would be run'} |", flush=True)
            continue
        installed, tests = check(executable)
        print(f"| {version} | {installed} | {tests} |", flush=True)
        done += 1
        failed += [version] if "passed" not in tests or "failed" in tests or "error" in tests else []
    for minor in KNOWN:
        if not any(_numbers(version)[:2] == (3, minor) for version in versions):
            print(f"| 3.{minor} | – | not run: not found here |")
    return 0 if "--list" in arguments else int(bool(failed) or not done)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
