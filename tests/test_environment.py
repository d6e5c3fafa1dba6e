"""pyproject.toml, the lock and environment.yml install the same; importing the package is light."""

import ast
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
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
LINES = [line for line in (REPOSITORY / "requirements.txt").read_text().splitlines() if line and not line.startswith("#")]
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
    text = (REPOSITORY / "requirements.txt").read_text()
    assert not re.search(r"--hash|index-url|find-links|https?:|file:|@ ", text)
    assert all(Requirement(line) for line in LINES)
    assert len(LINES) > 50


def test_conda_installs_python_311_and_the_lock():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    *conda, by_pip = environment["dependencies"]
    assert conda == ["python=3.11", "pip"]
    assert by_pip == {"pip": ["-r requirements.txt"]}
    assert "3.11" in SpecifierSet(PROJECT["requires-python"])
    assert "3.10" not in SpecifierSet(PROJECT["requires-python"])


def test_extras_and_command():
    assert set(PROJECT["optional-dependencies"]) >= {"test", "lab", "baselines"}
    assert PROJECT["scripts"] == {"fmiqa": "fmiqa_core.cli:main"}


def test_every_import_is_declared():
    """What the package and its tests import comes from the standard library or from pyproject.toml."""
    names = {"PIL": "pillow", "skimage": "scikit-image", "ot": "pot", "yaml": "pyyaml", "open_clip": "open-clip-torch"}
    declared = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]
    declared = {canonicalize_name(Requirement(line).name) for line in declared}
    transitive = {"packaging"}  # of pytest, matplotlib and others
    own = {"fmiqa_core", *(file.stem for file in REPOSITORY.glob("tests/*.py"))}
    for file in [*REPOSITORY.glob("fmiqa_core/*.py"), *REPOSITORY.glob("tests/*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
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
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == fmiqa_core.__version__
    assert f"## {fmiqa_core.__version__}" in (REPOSITORY / "CHANGELOG.md").read_text().replace("[", "").replace("]", "")
