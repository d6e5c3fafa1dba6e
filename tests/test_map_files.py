"""`fmiqa score --map, --map-overlay, --map-raw`: a picture that says its unit, and values for programs."""

import json
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from fmiqa_core import Metric, cli
from fmiqa_core.data import demo
from fmiqa_core.figures import difference

README = ("--distance", "cos", "--layers", "3,4", "--json")  # its own options


@pytest.fixture
def files(tmp_path):
    ref = demo.reference("coffee", 320).crop((0, 0, 320, 230))
    for image, name in ((ref, "ref.png"), (demo.distort(ref, "noise", 4, seed=4), "dis.png")):
        image.save(tmp_path / name)
    return str(tmp_path / "ref.png"), str(tmp_path / "dis.png")


@pytest.mark.parametrize("name", ["dinov2", "efficientnet"])
def test_readme_s_options_with_both_backbones(request, name, files, tmp_path, capsys):
    backbone = request.getfixturevalue(name)
    picture, exact, grey = (tmp_path / one for one in ("where.png", "exact.npy", "grey.png"))
    argv = ["score", *files, "--backbone", backbone, *README, "--device", "cpu", "--map-overlay"]
    assert cli.main([*argv, "--map", str(picture), "--map-raw", str(exact)]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["layers"] == [3, 4]
    assert f"score {found['score']:.3g}" in err
    assert cli.main(["score", *files, "--backbone", backbone, *README, "--device", "cpu", "--map-raw", str(grey)]) == 0
    expected = Metric(backbone, "cos", layers=[3, 4], device="cpu")(*files, map=True)
    np.testing.assert_array_equal(np.load(exact), expected.map.numpy())
    with Image.open(grey) as image:
        values, white = np.asarray(image), float(image.text["white"])
    assert values.dtype == np.uint16
    np.testing.assert_allclose(values * (white / 65535), np.load(exact), atol=white / 65535)
    colours = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3).astype(int)
    assert np.ptp(colours, axis=1).max() > 60  # no grey


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--map-overlay",), "add --map FILE.png"),
        (("--map", "x.png", "--map-raw", "x.png"), "same file"),
        (("--map-raw", "x.tif"), "should end in .npy or .png"),
        (("--map", "x.png", "--distance", "swd"), "swd has no map"),
        (("--map", "x.png", "--distance", "wsd", "--backbone", "efficientnet_lite0"), "wsd in protocol paper"),
        (("--map", "x.png", "--protocol", "paper+class_token"), "no place"),
    ],
)
def test_refused_before_anything_is_read(options, says, tmp_path, monkeypatch, capsys):
    """The images are not even there."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["score", "none.png", "none.png", *options]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("height", "width"), [(300, 224), (224, 900), (2000, 3000)])
def test_the_bar_spans_the_map_and_says_its_unit(height, width):
    local = np.full((height, width), 0.25, np.float32)
    local[100:150, 100:150] = 2
    label = difference.unit(local, "cos", [4], 0.3)
    for under in (None, Image.new("RGB", (width, height), "grey")):
        figure = difference.difference(local, label, under)
        picture, bar = figure.axes
        assert bar.get_xlabel() == label
        assert bar.get_xlim() == (0, 2)
        box = picture.get_window_extent()
        assert box.width / box.height == pytest.approx(width / height, rel=0.02)
        assert max(picture.images[0].get_array().shape[:2]) <= difference.PIXELS
        FigureCanvasAgg(figure).draw()
        assert bar.xaxis.label.get_window_extent().y0 >= 0
        assert bar.xaxis.label.get_window_extent().width < figure.bbox.width


def test_equal_images_have_a_dark_map():
    figure = difference.difference(np.zeros((230, 230), np.float32), "no difference")
    assert not figure.axes[0].images[0].get_array().any()


def test_the_core_does_without_matplotlib():
    code = "import sys, fmiqa_core.maps, fmiqa_core.metric; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
