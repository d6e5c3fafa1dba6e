"""What protocol `corrected` promises on photographs, for both backbones and every distance with layers."""

import pytest
import torch

from fmiqa_core import Metric, backbones, compare, images
from fmiqa_core.data import demo

FIXTURES = {"dinov2_vits14": "dinov2", "efficientnet_lite0": "efficientnet"}
PAIRS = [(b, d) for b in FIXTURES for d in compare.available(backbones.get(b), "corrected") if d not in ("swd", "embed_cos")]


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def metric(request):
    backbone, distance = request.param
    return Metric(request.getfixturevalue(FIXTURES[backbone]), distance, "corrected", device="cpu")


@pytest.fixture(scope="module")
def pair():
    ref = demo.reference("chelsea", 224)
    return ref, demo.distort(ref, "jpeg", 4)


def test_identity_symmetry_and_layers(metric, pair):
    there, back, same = metric(*pair), metric(*reversed(pair)), metric(pair[1], pair[1])
    assert there.score > 1e-3
    assert 0 <= same.score <= 1e-6
    assert back.score == pytest.approx(there.score, rel=1e-5)
    assert there.per_layer.shape == (metric.extractor.backbone.layers,)
    assert (there.per_layer > 0).all()
    assert there.per_layer.sum().item() == pytest.approx(there.score, rel=1e-6)
    assert "protocol corrected" in there.report


def test_map_adds_up_to_the_layers(metric, pair):
    """One window: the mean of a layer's map over the image is its part of the score (class token apart)."""
    found = metric(*pair, map="layers")
    assert found.map.shape == (metric.extractor.backbone.layers, 224, 224)
    assert (found.map >= 0).all()
    vit = metric.extractor.backbone.kind == "vit"
    if not (vit and metric.distance in ("l2", "cos")):  # these count the class token, which has no place
        torch.testing.assert_close(found.map.mean((1, 2)).double(), found.per_layer, rtol=0.03, atol=1e-6)
    one = metric(*pair, map=True).map
    torch.testing.assert_close(one.mean(), found.map.sum(0).mean(), rtol=1e-4, atol=1e-6)
    equal = [layer / layer.mean() for layer in found.map]  # every layer weighs the same
    torch.testing.assert_close(one, torch.stack(equal).mean(0) * one.mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("backbone", "distance"), [("efficientnet_lite0", "skld"), ("dinov2_vits14", "wsd")])
def test_gradient(request, pair, backbone, distance):
    """0 at identity; elsewhere equal to finite differences, in steps that move the loss by 1e-4: CNNs bend more."""
    metric = Metric(request.getfixturevalue(FIXTURES[backbone]), distance, "corrected", device="cpu")
    ref, dis = (images.to_tensor(image)[None] * 0.8 + 0.1 for image in pair)
    same = ref.clone().requires_grad_()
    metric.loss(ref, same).backward()
    assert same.grad.abs().max() == 0
    dis.requires_grad_()
    loss = metric.loss(ref, dis)
    loss.backward()
    slope = dis.grad.norm()
    step = 0.0001 * loss.item() / slope.item() * dis.grad / slope
    with torch.no_grad():
        rise = metric.loss(ref, dis + step) - metric.loss(ref, dis - step)
    assert rise.item() == pytest.approx(2 * (step * dis.grad).sum().item(), rel=0.03)
