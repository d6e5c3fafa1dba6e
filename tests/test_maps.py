"""Maps show where an image is distorted; recovery follows the loss."""

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from fmiqa_core import Metric, images, maps, protocol
from fmiqa_core.data import demo
from fmiqa_core.errors import InputError
from fmiqa_core.features import extractor
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


def test_maps_that_there_are_not(efficientnet):
    with pytest.raises(InputError, match="no map"):
        localisation.table(extractor(efficientnet, "cpu"), ("cos",))
    with pytest.raises(InputError, match="no place"):
        maps.check("l2", "vit", protocol.get("paper+class_token"))


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
