"""A wheel holds everything: built, unpacked into an empty folder, and used there without the checkout."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fmiqa_core.files import paths

REPOSITORY = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Where the unpacked wheel lies."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a build leaves files where it runs
    shutil.copytree(REPOSITORY / "fmiqa_core", source / "fmiqa_core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--disable-pip-version-check", "--wheel-dir"]
    built = subprocess.run([*command, str(folder), str(source)], capture_output=True, text=True)
    if built.returncode and "setuptools" in built.stderr:
        pytest.skip(f"no package registry for the build: {built.stderr.strip().splitlines()[-1]}")
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def at(wheel, efficientnet, tmp_path_factory):
    """Run Python with the wheel in an empty folder, which is its home."""
    here = tmp_path_factory.mktemp("elsewhere")
    weights = next(root for root in paths.data_roots() if (root / "weights" / f"{efficientnet}.safetensors").is_file())
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FMIQA", "PYTHON"))}
    environment |= {"PYTHONPATH": str(wheel), "FMIQA_DATA": str(weights), "HF_HUB_OFFLINE": "1"}

    def run(*words, status=0):
        found = subprocess.run([sys.executable, *map(str, words)], cwd=here, env=environment, capture_output=True, text=True)
        assert found.returncode == status, (words, found.stdout, found.stderr)
        return found.stdout if status == 0 else found.stderr

    run.here = here
    return run


def test_everything_is_in_it(wheel):
    there = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "fmiqa_core").rglob("*") if path.is_file()}
    there = {name for name in there if "__pycache__" not in name}
    assert there <= {path.relative_to(wheel).as_posix() for path in wheel.rglob("*")}


def test_the_package_is_the_wheel_s(at, wheel):
    assert Path(at("-c", "import fmiqa_core; print(fmiqa_core.__file__)").strip()).is_relative_to(wheel)


def test_commands_work_without_the_checkout(at):
    def fmiqa(*words, **options):
        return at("-m", "fmiqa_core", *words, **options)

    assert any(line.split()[:2] == ["efficientnet_lite0", "here"] for line in fmiqa("doctor").splitlines())
    fmiqa("download", "demo")
    pair = ("data/demo/ref/coffee.png", "data/demo/jpeg/coffee_5.png")
    network = ("--backbone", "efficientnet_lite0", "--device", "cpu")
    assert float(fmiqa("score", *pair, *network)) > 0
    for protocol in ("paper", "corrected"):
        fmiqa(
            "score-dataset", "demo", *network, "--rows", "coffee,rocket", "--distances", "l2,cos,embed_cos",
            "--protocol", protocol, "--out", protocol,
        )  # fmt: skip
    assert "layer 4" in fmiqa("correlate", "paper/scores.parquet", "--by", "layer")
    assert "efficientnet_lite0_l2[corrected]" in fmiqa("compare", "paper", "corrected", "--out", "compared")
    assert (at.here / "compared" / "contrast.csv").is_file()
    assert "fmiqa reproduce" in fmiqa("gallery", status=2)  # it shows figures and notebooks, which a wheel has not
    assert "notebooks" in fmiqa("reproduce", status=2)
    assert "fig05_main" in fmiqa("figure", "fig05_main", status=2)


@pytest.mark.usefixtures("dinov2")
def test_gallery_of_a_home_is_made_with_the_wheel_s_templates(at):
    shutil.copytree(REPOSITORY / "figures", at.here / "figures", ignore=shutil.ignore_patterns("executed", "site", ".*"))
    shutil.copytree(REPOSITORY / "notebooks", at.here / "notebooks")
    for name in ("released", "live_5refs"):
        shutil.copytree(REPOSITORY / "data" / name, at.here / "data" / name)
    at("-m", "fmiqa_core", "gallery", "--out", "site")
    assert "<html" in (at.here / "site" / "index.html").read_text(encoding="utf-8")
    assert (at.here / "site" / "assets" / "style.css").is_file()


def test_metric_works(at):
    code = (
        "from fmiqa_core import Metric, datasets, demo, figures, scoring, backbones, images\n"
        "ref = demo.reference('coffee', 224)\n"
        "print(Metric('efficientnet_lite0', 'cos', device='cpu')(ref, demo.distort(ref, 'jpeg', 5)).score)"
    )
    assert float(at("-c", code)) > 0
