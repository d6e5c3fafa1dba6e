"""pyproject.toml, the lock and environment.yml install the same; importing the package is light."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import fmiqa_core

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line
    for line in (REPOSITORY / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}


def pins(platform: str, python: str) -> dict[str, str]:
    """Package -> version that the lock installs there."""
    where = PLATFORMS[platform] | {"python_version": python, "python_full_version": f"{python}.9"}
    where |= {"implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}
    found = {}
    for requirement in map(Requirement, LINES):
        if requirement.marker is None or requirement.marker.evaluate(where):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} twice on {platform} {python}"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            found[name] = pin.version
    return found


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_satisfies_the_ranges(platform, python):
    locked = pins(platform, python)
    extras = PROJECT["optional-dependencies"]
    for requirement in map(Requirement, [*PROJECT["dependencies"], *extras["test"], *extras["lab"]]):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{name} is not in requirements.txt: run make lock"
        assert requirement.specifier.contains(locked[name]), f"{name}=={locked[name]} is outside {requirement.specifier}"


def test_dependencies_are_ranges():
    for requirement in map(Requirement, PROJECT["dependencies"]):
        assert requirement.specifier, requirement
        assert all(part.operator != "==" for part in requirement.specifier), requirement


def test_lock_has_no_hashes_and_no_addresses():
    text = (REPOSITORY / "requirements.txt").read_text(encoding="utf-8")
    assert not re.search(r"--hash|index-url|find-links|https?:|file:|@ ", text)
    assert all(Requirement(line) for line in LINES)
    assert len(LINES) > 50


def test_conda_installs_python_311_and_the_lock():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    *conda, by_pip = environment["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert by_pip == {"pip": ["-r requirements.txt"]}
    assert (environment["name"], environment["channels"]) == (PROJECT["name"], ["conda-forge"])
    assert "3.11" in SpecifierSet(PROJECT["requires-python"])
    assert "3.10" not in SpecifierSet(PROJECT["requires-python"])


def test_extras_and_command():
    assert set(PROJECT["optional-dependencies"]) >= {"test", "lab", "baselines"}
    assert PROJECT["scripts"] == {"fmiqa": "fmiqa_core.cli:main"}


def test_every_file_of_the_package_is_installed():
    """Data files too: a wheel has only those that pyproject.toml names."""
    tool = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folder = REPOSITORY / "fmiqa_core"
    rooms = tool["package-data"].items()
    installed = {path for room, some in rooms for one in some for path in (REPOSITORY / room.replace(".", "/")).glob(one)}
    assert tool["packages"] == {"find": {"include": ["fmiqa_core*"]}}
    installed |= {path for init in folder.rglob("__init__.py") for path in init.parent.glob("*.py")}
    there = {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.relative_to(folder).as_posix() for path in there - installed} == set()


def test_every_import_is_declared():
    """What the package and its tests import comes from the standard library or from pyproject.toml."""
    names = {
        "PIL": "pillow",
        "skimage": "scikit-image",
        "ot": "pot",
        "yaml": "pyyaml",
        "bs4": "beautifulsoup4",
        "open_clip": "open-clip-torch",
    }
    declared = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    declared = {canonicalize_name(Requirement(line).name) for line in declared}
    transitive = {"packaging", "ipython", "nbclient"}  # of pytest, matplotlib and others; of ipykernel; of papermill
    own = {"fmiqa_core", *(file.stem for file in REPOSITORY.glob("tests/**/*.py"))}
    for file in [*REPOSITORY.glob("fmiqa_core/**/*.py"), *REPOSITORY.glob("tests/**/*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            else:
                found = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for module in (name.split(".")[0] for name in found):
                if module not in {*sys.stdlib_module_names, *own}:
                    assert canonicalize_name(names.get(module, module)) in declared | transitive, f"{file.name}: {module}"


def test_import_is_light():
    """torch, timm, pandas and matplotlib are imported where they are needed."""
    heavy = ("torch", "timm", "pandas", "scipy", "matplotlib", "skimage", "papermill")
    code = f"import sys, fmiqa_core; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_names_of_the_package():
    assert {"Metric", "Score", "InputError"} <= set(dir(fmiqa_core))
    assert issubclass(fmiqa_core.InputError, ValueError)
    with pytest.raises(AttributeError, match="Metrc"):
        _ = fmiqa_core.Metrc


def test_version_of_the_citation():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == fmiqa_core.__version__
    assert citation["license"] == PROJECT["license"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert f"## {fmiqa_core.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8").replace("[", "").replace(
        "]", ""
    )


def test_command_beside_conda_installs_the_package_alone():
    """What conda's pip takes is the lock; the package is installed without asking for anything else."""
    text = (REPOSITORY / "environment.yml").read_text(encoding="utf-8")
    assert "conda env create -f environment.yml && conda activate fmiqa && pip install --no-deps -e ." in text
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert "install --disable-pip-version-check -r requirements.txt" in makefile
    assert "--no-deps --editable ." in makefile


@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_has_one_torch_and_its_torchvision(platform):
    """conda's Python 3.11 gets the pair that pyproject.toml says was tested together."""
    constraints = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"][
        "constraint-dependencies"
    ]
    locked = pins(platform, "3.11")
    assert {f"{name}=={locked[name]}" for name in ("torch", "torchvision")} == set(constraints)


def test_pythons_that_would_be_run():
    """`make pythons` finds the Python that runs this, and says why it leaves others out."""
    command = [sys.executable, "tests/tools/pythons.py", "--list"]
    environment = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).resolve().parent), os.environ["PATH"]])}
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    rows = dict(re.findall(r"^\| (\d[\d.]+) \| – \| (.+?) \|$", run.stdout, re.MULTILINE))
    assert rows["{}.{}.{}".format(*sys.version_info)] == "would be run"
    assert set(rows.values()) <= {"would be run", "not run: older than 3.11", "not run: not found here"}
    assert all(int(version.split(".")[1]) < 11 for version, why in rows.items() if "older" in why and version[0] == "3")


def test_size_of_the_repository():
    """A clone stays small: at most 40 MB of files, none over 1.5 MB."""
    run = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("not a git checkout")
    sizes = {name: (REPOSITORY / name).stat().st_size for name in run.stdout.split("\0") if (REPOSITORY / name).is_file()}
    assert len(sizes) > 200
    assert {name: size for name, size in sizes.items() if size > 1.5e6} == {}
    assert sum(sizes.values()) <= 40e6
