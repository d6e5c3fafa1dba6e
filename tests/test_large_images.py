"""Images of any size: memory that does not grow with them, the same numbers, and a word on how far it is."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from fmiqa_core import Metric, compare, images, maps, windows
from fmiqa_core.data import demo
from fmiqa_core.files import progress, streams

SIZE = windows.SIZE


@pytest.fixture(scope="module")
def metric(efficientnet):
    return Metric(efficientnet, "l2", device="cpu")


def enlarged(width: int, height: int) -> tuple[Image.Image, Image.Image]:
    """A photograph, and the same with a darker part."""
    ref = demo.reference("coffee", 400).resize((width, height), Image.Resampling.BICUBIC)
    dis = np.array(ref)
    dis[height // 3 : height // 2, width // 3 : width // 2] //= 2
    return ref, Image.fromarray(dis)


# 8-bit images stay 8-bit


def test_what_is_8_bit_stays_so_and_scores_the_same(metric, tmp_path):
    ref, dis = enlarged(330, 230)
    arrays = [np.asarray(image) for image in (ref, dis)]
    tensors = [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays]
    floats = [tensor.float() / 255 for tensor in tensors]
    for image, name in ((ref, "ref.png"), (dis, "dis.png")):
        image.save(tmp_path / name)
    expected = metric(*floats, map="layers")
    turned = [np.asfortranarray(array) for array in arrays]
    for form in ((ref, dis), (tmp_path / "ref.png", tmp_path / "dis.png"), arrays, turned, tensors):
        assert all(images.as_batch(image)[0].dtype == torch.uint8 for image in form)
        found = metric(*form, map="layers")
        assert found.score == expected.score > 0
        assert torch.equal(found.per_layer, expected.per_layer)
        assert torch.equal(found.map, expected.map)
    assert torch.equal(images.to_tensor(ref), images.scaled(images.as_batch(ref)[0])[0])
    assert torch.equal(images.to_tensor(ref), floats[0])


def test_pixels_are_those_of_the_image_however_tall(monkeypatch):
    ref, _ = enlarged(40, 101)
    for rows in (1, 50, 101, 500):
        monkeypatch.setattr(images, "STRIP", rows)
        assert np.array_equal(images.to_pixels(ref).permute(1, 2, 0).numpy(), np.asarray(ref))


def test_equal_images_are_at_0(metric):
    ref, _ = enlarged(700, 430)
    assert metric(ref, ref.copy()).score == 0


# maps


def as_written(grids: list[torch.Tensor], height: int, width: int, even: bool) -> torch.Tensor:
    """The definition, with all window maps and weights as large as the image: (L, H, V)."""
    local = torch.cat([interpolate(grid, size=(SIZE, SIZE), mode="bilinear", align_corners=False) for grid in grids], dim=1)
    ramp = torch.minimum(torch.arange(1, SIZE + 1), torch.arange(SIZE, 0, -1)).float()
    total, weight = torch.zeros(local.shape[1], height, width), torch.zeros(height, width)
    for one, (top, left) in zip(local, windows.positions(height, width, even, dense=True), strict=True):
        total[:, top : top + SIZE, left : left + SIZE] += ramp[:, None] * ramp * one
        weight[top : top + SIZE, left : left + SIZE] += ramp[:, None] * ramp
    return total / weight


@pytest.mark.parametrize("even", [False, True])
@pytest.mark.parametrize(("height", "width"), [(224, 224), (425, 512), (230, 1000)])
def test_one_layer_after_the_other_is_all_at_once(height, width, even):
    """Grids of three sizes, features of three magnitudes, and a layer that is 0 everywhere."""
    count, generator = len(windows.positions(height, width, even, dense=True)), torch.Generator().manual_seed(0)
    grids = [
        torch.rand(count, layers, side, side, generator=generator) * size
        for layers, side, size in ((2, 112, 1), (3, 16, 1e3), (1, 7, 1e-3))
    ]
    grids[1][:, 1] = 0
    expected = as_written(grids, height, width, even)
    torch.testing.assert_close(maps.assemble(grids, height, width, even), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(maps.assemble_sum(grids, height, width, even), maps.summed(expected), rtol=1e-6, atol=0)
    nothing = [torch.zeros_like(grid) for grid in grids]
    assert not maps.assemble_sum(nothing, height, width, even).any()


def test_maps_of_a_batch_are_those_of_each_pair(metric):
    pairs = [enlarged(230, 240), enlarged(230, 240)[::-1]]
    ref, dis = (torch.stack([images.to_tensor(image) for image in side]) for side in zip(*pairs, strict=True))
    for kind in (True, "layers"):
        together = metric(ref, dis, map=kind).map
        for found, pair in zip(together, pairs, strict=True):
            torch.testing.assert_close(found, metric(*pair, map=kind).map, rtol=1e-3, atol=1e-6)


# memory

LAUNCH = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, used = os.wait4(child.pid, 0)
print(used.ru_maxrss)  # begins with that of who started it, which is small here
sys.exit(os.waitstatus_to_exitcode(status))
"""
GROWTH = """
import re, sys
import numpy as np, torch
from fmiqa_core import Metric
def peak():  # not ru_maxrss, which begins with that of the program that started this one
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1])
metric = Metric("efficientnet_lite0", "l2", device="cpu")
def run(height, width):
    ref = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    metric(ref, ref // 2, map=True)
for _ in range(4): run(448, 648)  # 12 windows: a batch
before = peak()
run(int(sys.argv[1]), int(sys.argv[2]))
print(peak() - before)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_memory_does_not_grow_beyond_images_and_map():
    """1.5 Mpx: the images are 9 MB, the map 6; with float32 images, all windows and all their maps it was 120 MB."""
    height, width = 1024, 1424
    # Each tensor given back at once and whole: what the allocator keeps differs from run to run, by as much as is allowed here.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    argv = [sys.executable, "-c", GROWTH, str(height), str(width)]
    child = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert int(child.stdout) < 10 * height * width + 40e6


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="no os.wait4 here")
def test_12_megapixels_with_a_map(tmp_path, dinov2):
    """The command as a user runs it: a line of progress, and below 2.5 GB. One layer: a map takes four times the windows."""
    for image, name in zip(enlarged(4000, 3000), ("ref.jpg", "dis.jpg"), strict=True):
        image.save(tmp_path / name, quality=95)
    argv = [
        "score",
        "ref.jpg",
        "dis.jpg",
        "--backbone",
        dinov2,
        "--device",
        "cpu",
        "--layers",
        "0",
        "--map",
        "map.png",
        "--map-raw",
        "raw.npy",
    ]
    command = [sys.executable, "-c", LAUNCH, sys.executable, "-m", "fmiqa_core", *argv]
    child = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr
    assert 3e8 < int(child.stdout) * 1024 <= 2.5e9
    assert re.search(r"ref\.jpg and dis\.jpg: \d+ of 1,131 windows", child.stderr)
    assert np.load(tmp_path / "raw.npy", mmap_mode="r").shape == (3000, 4000)


# how far it is


def test_progress_is_told(metric):
    told = []
    metric(*enlarged(1000, 800), progress=lambda *now: told.append(now))
    assert told == [(0, 20), (12, 20), (20, 20)]


@pytest.fixture
def large(tmp_path, efficientnet):
    for image, name in zip(enlarged(1000, 800), ("a.png", "b.png"), strict=True):
        image.save(tmp_path / name)
    return ("score", tmp_path / "a.png", tmp_path / "b.png", "--backbone", efficientnet, "--device", "cpu")


def test_a_line_every_some_seconds(large, ran, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0.01)
    status, out, err = ran(*large)
    assert (status, len(out.split())) == (0, 1)
    assert re.search(r"^a\.png and b\.png: \d+ of 20 windows$", err, re.MULTILINE)


def test_a_bar_on_a_terminal(large, ran, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 0)
    monkeypatch.setattr(streams, "terminal", lambda stream: True)
    _, out, err = ran(*large)
    assert len(out.split()) == 1
    assert re.search(r"a\.png and b\.png: .*/20", err)


def test_nothing_where_it_is_soon_done(large, ran, monkeypatch):
    monkeypatch.setattr(progress, "EVERY", 600)
    for terminal in (False, True):
        monkeypatch.setattr(streams, "terminal", lambda stream, terminal=terminal: terminal)
        assert ran(*large)[2].count("\n") == 1  # the report


# a device that is too small


def test_windows_are_halved_until_they_fit(metric, monkeypatch):
    pair, sizes, features_of = enlarged(1000, 800), [], compare.features_of

    def small(crops, *rest):
        sizes.append(len(crops))
        if len(crops) > 3:
            raise torch.cuda.OutOfMemoryError("as a GPU says it")
        return features_of(crops, *rest)

    expected = metric(*pair, map=True)
    monkeypatch.setattr(compare, "features_of", small)
    found = metric(*pair, map=True)
    assert found.score == pytest.approx(expected.score, rel=1e-6)
    torch.testing.assert_close(found.map, expected.map, rtol=1e-4, atol=1e-7)
    assert max(sizes) == 12
    assert sum(size for size in sizes if size <= 3) == 2 * len(windows.positions(800, 1000, dense=True))
    monkeypatch.setattr(metric, "_sides", lambda crops: small(torch.zeros(4, 1)))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        metric(*pair)
