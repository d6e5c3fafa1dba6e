"""Fixtures: real data where it is at hand, weights, a home of its own for what a test writes, the command line."""

import io
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fmiqa_core import backbones, cli, scoring
from fmiqa_core.backbones import weights
from fmiqa_core.data import datasets, demo, human_scores
from fmiqa_core.errors import InputError
from fmiqa_core.files import paths

os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks the model hub
ROOTS = os.pathsep.join(str(root) for root in paths.data_roots() if root.is_dir())  # before any test changes them


# Begun first, so that at the end of a run in two processes both have work (with --no-loadscope-reorder).
LONGEST = ("plan", "models", "workers", "chain", "per_image", "interrupted", "executors", "live_golden")


@pytest.hookimpl(tryfirst=True)  # before -m is asked
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("exhaustive"):
            item.add_marker("long")
    order = {f"test_{name}.py": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def isolate(monkeypatch, folder: Path) -> Path:
    """Make `folder` the home that everything is written to; the session's data stays readable."""
    monkeypatch.setenv("FMIQA_HOME", str(folder))
    monkeypatch.setenv("FMIQA_DATA", ROOTS)
    return folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    return isolate(monkeypatch, tmp_path / "home")


@pytest.fixture
def passes(monkeypatch) -> list[int]:
    """How many windows each forward pass takes, as they come."""
    from fmiqa_core.features import FeatureExtractor

    seen, forward = [], FeatureExtractor.forward

    def watched(self, windows, *args):
        seen.append(len(windows))
        return forward(self, windows, *args)

    monkeypatch.setattr(FeatureExtractor, "forward", watched)
    return seen


@pytest.fixture
def house_style():
    """Figures in the house style, and the user's settings again after the test."""
    import matplotlib
    from matplotlib import pyplot

    from fmiqa_core import figures

    with matplotlib.rc_context():
        figures.style()
        yield
        pyplot.close("all")


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory) -> Path:
    """The demo images, made once."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("made"))
        return demo.make()


@pytest.fixture
def demo_home(home, demo_folder):
    """A home that has the demo images."""
    shutil.copytree(demo_folder, home / "data" / "demo")
    return home


@pytest.fixture
def bare_home(home, monkeypatch):
    """A home without any weights, wheels or data, on a machine that no package registry can be reached from."""
    monkeypatch.delenv("FMIQA_DATA")
    (home / "empty").mkdir(parents=True)
    for variable, value in {"NO_INDEX": "1", "FIND_LINKS": str(home / "empty"), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{variable}", value)
    return home


def need_weights(name: str) -> str:
    """`name`, its weights at hand; skips only where neither they nor their wheel can be had."""
    record = backbones.get(name)
    try:
        weights.load(record)
    except InputError as error:
        if weights.find(record) or record.weights.find():
            raise
        pytest.skip(f"weights of {name} cannot be had: {error}")
    return name


@pytest.fixture(scope="session")
def dinov2() -> str:
    return need_weights("dinov2_vits14")


@pytest.fixture(scope="session")
def efficientnet() -> str:
    return need_weights("efficientnet_lite0")


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of reference values, beside the first root of FMIQA_DATA."""
    return _beside_data("golden", "the reference values are")


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of small inputs that have failed once, beside the first root of FMIQA_DATA."""
    return _beside_data("cases", "the inputs that once failed are")


def _beside_data(name: str, what: str) -> Path:
    folder = Path(os.environ.get("FMIQA_DATA", "").split(os.pathsep)[0]).absolute().parent / name
    if not os.environ.get("FMIQA_DATA") or not folder.is_dir():
        pytest.skip(f"no folder {name}/ beside the first root of FMIQA_DATA: {what} not at hand")
    return folder


@pytest.fixture(scope="session")
def live_table() -> pd.DataFrame:
    """All 779 rows of LIVE, in the order of the released scores, and where the images lie."""
    if datasets.find("live") is None:
        pytest.skip("LIVE is not at hand: name its folder in FMIQA_DATA")
    try:
        human_scores.TABLES["live"].read()
    except InputError as error:
        if human_scores.TABLES["live"].find():
            raise
        pytest.skip(f"LIVE's table of scores cannot be had: {error}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "present", lambda dataset, partial: dataset)
        return datasets.load("live", partial=True)


@pytest.fixture(scope="session")
def live_golden(golden) -> pd.DataFrame:
    return pd.read_csv(golden / "live_dinov2_vits14_paper.csv")


@pytest.fixture(scope="session")
def live(live_table, live_golden) -> datasets.Dataset:
    """LIVE, the 97 rows that there are reference values for."""
    found = datasets.load("live", partial=True)
    kept = found.table[found.table["dis"].isin(live_golden["dis"])].reset_index(drop=True)
    if len(kept) < len(live_golden):
        pytest.skip(f"only {len(kept)} of the {len(live_golden)} LIVE images with reference values are at hand")
    return replace(found, table=kept)


@pytest.fixture(scope="session")
def live_scores(live, dinov2, tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """The folder and the table of `live` scored with dinov2_vits14: once, it takes minutes."""
    out = tmp_path_factory.mktemp("live")
    return out, scoring.score_dataset(live, out, dinov2, device="cpu")


@pytest.fixture(scope="session")
def demo_scores(efficientnet, tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """The folder and the table of `demo` scored with efficientnet_lite0."""
    with pytest.MonkeyPatch.context() as patch:
        out = isolate(patch, tmp_path_factory.mktemp("demo")) / "out"
        return out, scoring.score_dataset(datasets.load("demo"), out, efficientnet, device="cpu")


@pytest.fixture(scope="session")
def released():
    """name -> one of the authors' released tables of scores, `live_psnr.csv` for instance."""
    archives = [file for root in paths.data_roots() for file in sorted((root / "zs-iqa").glob("*.tar.xz"))]
    if not archives:
        pytest.skip("the authors' released scores (zs-iqa/*.tar.xz) are not in a data root")
    with tarfile.open(archives[0]) as archive:
        wanted = (m for m in archive if re.search("_(psnr|msssim|fsim|stlpips)", m.name))
        files = {Path(m.name).name: archive.extractfile(m).read() for m in wanted}

    def table(name: str) -> pd.DataFrame:
        return pd.read_csv(io.BytesIO(files[name]))

    return table


@pytest.fixture
def ran(capsys):
    """Run the command line in this process: (status, stdout, stderr)."""

    def run(*argv):
        try:
            status = cli.main([str(word) for word in argv])
        except SystemExit as stop:  # argparse
            status = stop.code
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def refused(ran):
    """Run the command line on wrong input: status 2, nothing on stdout, one line on stderr, which is returned."""

    def run(*argv):
        status, out, err = ran(*argv)
        assert status == 2, (status, err)
        assert out == ""
        lines = [line for line in err.splitlines() if line.strip()]
        assert len(lines) == 1, err
        assert "Traceback" not in err
        assert lines[0].startswith("fmiqa")
        return lines[0]

    return run


@pytest.fixture
def photo(tmp_path):
    """A PNG photograph of 224 x 224 px."""
    file = tmp_path / "photo.png"
    demo.reference("astronaut", 224).save(file)
    return file


@pytest.fixture(scope="session")
def csiq_images():
    """Photograph, type, level, and the PNG files of the reference and of the distorted image: a few, in CSIQ's manner."""
    out = []
    for photograph in ("coffee", "chelsea"):
        image = demo.reference(photograph, 224)
        for kind, distortion in (("AWGN", "noise"), ("BLUR", "blur")):
            for level in (1, 3):
                out.append((photograph, kind, level, _png(image), _png(demo.distort(image, distortion, level))))
    return out


@pytest.fixture
def tiny_csiq(csiq_images, monkeypatch):
    """name -> bytes of CSIQ-like files, real photographs in CSIQ's original layout; the published table is cut to them.

    CSIQ itself is not at hand, so this tests names and folders, not its images and scores.
    """
    table, files = [], {}
    for photograph, kind, level, ref, dis in csiq_images:
        name = f"{photograph}.{kind}.{level}.png"
        files |= {f"CSIQ/src_imgs/{photograph}.png": ref, f"CSIQ/dst_imgs/{kind.lower()}/{name}": dis}
        table.append((f"dst_imgs/{kind}/{name}", f"src_imgs/{photograph}.png", kind, level / 10))
    frame = pd.DataFrame(table, columns=["dis", "ref", "type", "score"])
    read = human_scores.read
    monkeypatch.setattr(human_scores, "read", lambda name: frame if name == "csiq" else read(name))
    return files


def _png(image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 200 kB; skips where no tmpfs can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount here: a full disk cannot be made")
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
