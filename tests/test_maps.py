"""Maps show where an image is distorted; recovery follows the loss."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from fmiqa_core import Metric, compare, images, maps, protocol, windows
from fmiqa_core.data import demo
from fmiqa_core.distances import DISTANCES
from fmiqa_core.errors import InputError
from fmiqa_core.features import extractor
from fmiqa_core.pair import Pair
from fmiqa_core.studies import localisation, recovery


def test_auc_is_mann_whitney():
    rng = np.random.default_rng(0)
    values, mask = rng.integers(0, 9, (20, 20)), rng.random((20, 20)) < 0.3
    expected = mannwhitneyu(values[mask], values[~mask]).statistic / (mask.sum() * (~mask).sum())
    assert localisation.auc(values, mask) == pytest.approx(expected)


def test_only_the_rectangle_is_distorted():
    ref, dis, mask = localisation.local("coffee", "noise", 4)
    changed = (np.asarray(ref) != np.asarray(dis)).any(axis=2)
    assert not changed[~mask].any()
    assert changed[mask].mean() > 0.9
    assert 64**2 <= mask.sum() <= 112**2
    assert localisation.local("coffee", "noise", 4)[1].tobytes() == dis.tobytes()


def test_maps_find_a_local_distortion(dinov2):
    """One photograph; all five in the long test."""
    found = localisation.table(extractor(dinov2, "cpu"), levels=(4,), photographs=("astronaut",))
    assert len(found) == 2 * 5
    assert found.groupby("distance")["auc"].mean().min() >= 0.95, found


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["paper", "corrected"])
def test_maps_find_every_local_distortion(dinov2, protocol):
    found = localisation.table(extractor(dinov2, "cpu"), protocol_name=protocol)
    assert len(found) == 2 * 5 * 5 * 3
    assert found.groupby("distance")["auc"].mean().min() >= 0.95, localisation.summary(found)


def test_a_larger_image_is_assembled_from_its_windows(efficientnet):
    """Only the right end differs; the map is of the image's size and dark elsewhere."""
    ref = np.asarray(demo.reference("rocket", 256), np.float32) / 255
    dis = ref.copy()
    dis[:, 200:] = 1 - dis[:, 200:]
    mask = np.zeros((256, 256), bool)
    mask[:, 200:] = True
    found = Metric(efficientnet, "l2", "corrected", device="cpu")(ref, dis, map=True).map
    assert found.shape == (256, 256)
    assert localisation.auc(found.numpy(), mask) >= 0.95
    assert found[:, :100].mean() < 0.3 * found[:, 210:].mean()  # deep layers see far


def test_summed_maps_keep_the_mean():
    layers = torch.rand(2, 3, 8, 8) * torch.tensor([1.0, 10.0, 100.0])[:, None, None]
    found = maps.summed(layers)
    torch.testing.assert_close(found.mean((1, 2)), layers.sum(1).mean((1, 2)))
    assert not maps.summed(torch.zeros(3, 8, 8)).any()


def test_maps_that_there_are_not(dinov2):
    with pytest.raises(InputError, match="no map"):
        localisation.table(extractor(dinov2, "cpu"), ("wsd",))
    with pytest.raises(InputError, match="no place"):
        maps.check("l2", protocol.get("paper+class_token"))


@pytest.mark.parametrize("distance", ["l2", "cos"])
def test_the_mean_of_a_cnn_s_patches_is_its_layer(efficientnet, distance):
    """In `paper` cos runs along rows; the map says what each place adds to its row."""
    network = extractor(efficientnet, "cpu")
    both = torch.stack([images.to_tensor(image) for image in localisation.local("coffee", "noise", 4)[:2]])
    with torch.inference_mode():
        pair = Pair(*(side[protocol.PAPER][0] for side in compare.sides_of(both, network, batch=2, each=1)))
        parts = DISTANCES[distance](pair)[1][0]
        means = torch.cat([part.mean((2, 3)) for part in maps.patch_maps(pair, distance)], dim=1)[0]
    torch.testing.assert_close(means, parts, rtol=1e-5, atol=1e-8)


def test_maps_of_a_cnn_s_rows_find_a_local_distortion(efficientnet):
    found = localisation.table(extractor(efficientnet, "cpu"), levels=(4,), photographs=("astronaut", "coffee"))
    assert found.groupby("distance")["auc"].mean().min() >= 0.9, found


def test_what_windows_agree_on_is_the_map():
    """The weights at each pixel add up to 1."""
    for height, width in ((224, 224), (425, 700)):
        count = len(windows.positions(height, width, dense=True))
        torch.testing.assert_close(
            maps.assemble([torch.full((count, 1, 16, 16), 0.7)], height, width)[0, 0, 0], torch.tensor(0.7)
        )


def test_windows_of_a_map_overlap_by_half():
    for length in (224, 225, 425, 512, 3000):
        for even in (False, True):
            dense, few = (windows.along(length, even, kind) for kind in (True, False))
            assert set(few) <= set(dense)
            assert max(np.diff(dense), default=0) <= windows.SIZE // 2
            assert windows.positions(length, 300, even, dense=True)[: 2 * len(few)] == windows.positions(length, 300, even)


def step(local: np.ndarray) -> float:
    """Mean step of a map of 512 px across the 24 px that the score's first two windows share, as a share of that elsewhere."""
    steps = [np.abs(local[24:] - local[:-24]).mean(1), np.abs(local[:, 24:] - local[:, :-24]).mean(0)]
    return float(np.mean([one[200] / np.delete(one, slice(176, 225)).mean() for one in steps]))


def test_windows_do_not_show_as_tiles(dinov2, monkeypatch):
    """A noisy photograph of several windows, by their map, and as if there were the score's windows alone."""
    ref = demo.reference("astronaut", 512)
    pair = ref, demo.distort(ref, "noise", 3, seed=3)
    metric = Metric(dinov2, "cos", device="cpu")
    now = metric(*pair, map=True)
    few = windows.positions
    monkeypatch.setattr(windows, "positions", lambda *size, dense=False: few(*size[:3]))
    monkeypatch.setattr(maps, "positions", windows.positions)
    monkeypatch.setattr(maps, "along", lambda length, even, dense: windows.along(length, even))
    before = metric(*pair, map=True)
    assert now.score == pytest.approx(before.score, rel=1e-6)
    found = step(now.map.numpy()), step(before.map.numpy())
    assert found[0] < 1.25 < found[1], found


def test_recovery_lowers_the_loss_and_returns_its_best(efficientnet):
    ref = images.to_tensor(demo.reference("chelsea", 224))
    start = recovery.noise(ref)
    metric = Metric(efficientnet, "l2", device="cpu")
    image, losses = recovery.recover(metric, ref, start, steps=4)
    assert len(losses) == 5
    assert min(losses) < 0.8 * losses[0]
    with torch.no_grad():
        assert metric.loss(ref[None], image[None]).item() == pytest.approx(min(losses), rel=1e-4)
    assert 0 <= image.min() <= image.max() <= 1
    assert recovery.psnr(ref, start) == pytest.approx(-10 * np.log10(((ref - start) ** 2).mean().item()))


@pytest.mark.long
def test_recovery_is_the_same_on_a_lesser_processor(tmp_path):
    """Whose sums are in another order: in fp32 the descents part."""
    code = """
import sys
import torch
from fmiqa_core import Metric, images
from fmiqa_core.data import demo
from fmiqa_core.studies import recovery
ref = images.to_tensor(demo.reference("chelsea", 224))
metric = Metric("efficientnet_lite0", "embed_cos", "corrected", device="cpu")
torch.save(recovery.recover(metric, ref, recovery.noise(ref), steps=4), sys.argv[1])
"""
    lesser = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
    found = []
    for name, asked in {"this": {}, "lesser": lesser}.items():
        command = [sys.executable, "-c", code, str(tmp_path / name)]
        subprocess.run(command, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | asked, check=True)
        found.append(torch.load(tmp_path / name, weights_only=True))
    (one, losses), (other, others) = found
    assert losses == pytest.approx(others, rel=1e-9)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-6)
