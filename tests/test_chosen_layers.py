"""`layers=`: scores, parts, maps and gradients of some layers are those that the whole has, and no block behind them runs."""

import copy
import json
import pickle

import numpy as np
import pytest
import torch

from fmiqa_core import InputError, Metric, backbones, compare, images, protocol
from fmiqa_core.data import demo
from fmiqa_core.features import FeatureExtractor

FIXTURES = {"dinov2_vits14": "dinov2", "efficientnet_lite0": "efficientnet"}
DINO = backbones.get("dinov2_vits14")
KINDS = [(p, d) for p in ("paper", "corrected") for d in ("l2", "cos")] + [("corrected", d) for d in ("skld", "jsd", "wsd")]


@pytest.fixture(scope="module")
def pair():
    """Two windows."""
    ref = demo.reference("chelsea", 230).crop((0, 0, 224, 230))
    return ref, demo.distort(ref, "jpeg", 4)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (None, range(12)),
        (1, [11]),
        (3, [9, 10, 11]),
        ([4], [4]),
        ((4, 3, 4), [3, 4]),
        ([-1, 0], [0, 11]),
        (np.array([5]), [5]),
        (np.array(2), [10, 11]),
        (torch.tensor(2), [10, 11]),
        (torch.tensor([5, -1]), [5, 11]),
    ],
)
def test_as_in_timm(layers, expected):
    assert compare.chosen_layers(layers, DINO, "cos", protocol.PAPER) == tuple(expected)


def test_of_final_features_and_of_what_mixes_layers():
    assert compare.chosen_layers(None, DINO, "embed_cos", protocol.PAPER) == ()
    assert compare.chosen_layers(None, DINO, "skld", protocol.PAPER) == tuple(range(12))
    assert compare.chosen_layers([4], DINO, "skld", protocol.CORRECTED) == (4,)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (0, "the last 1 to 12"),
        (13, "the last 1 to 12"),
        ([12], "layers 0 to 11"),
        ([-13], "layers 0 to 11"),
        ([], "a list"),
        ("cpu", "'cpu'"),
        (True, "True"),
        (b"4", "b'4'"),
        (np.array(2.0), "2.0"),
        (np.array([True]), "True"),
        ([1.0], "1.0"),
    ],
)
def test_layers_that_there_are_not(layers, words):
    with pytest.raises(InputError, match=words):
        compare.chosen_layers(layers, DINO, "l2", protocol.PAPER)


@pytest.mark.parametrize("distance", ["embed_cos", "swd", "skld", "jsd", "wsd"])
def test_distances_without_parts(distance):
    """Refused before a network is loaded."""
    with pytest.raises(InputError, match=rf"^{distance} .* no layers to choose: leave layers out, or use l2, cos\.$"):
        Metric("dino_vitb16", distance, layers=[4])


@pytest.mark.parametrize("backbone", FIXTURES)
@pytest.mark.parametrize(("how", "distance"), KINDS)
def test_values_are_those_of_the_whole(backbone, how, distance, pair, request):
    """To the bit on a CPU."""
    name = request.getfixturevalue(FIXTURES[backbone])
    some = (1, 3, 4)
    with_map = not (how == "paper" and distance == "cos" and backbone == "efficientnet_lite0")
    whole, part, one = (
        Metric(name, distance, how, layers, device="cpu")(*pair, map="layers" if with_map else False)
        for layers in (None, some, [4])
    )
    assert torch.equal(part.per_layer, whole.per_layer[list(some)])
    assert torch.equal(one.per_layer, whole.per_layer[[4]])
    assert one.score == one.per_layer.sum().item()
    assert part.score == pytest.approx(part.per_layer.sum().item(), rel=1e-6)
    assert "| layers 1, 3, 4 |" in part.report
    assert "| layer 4 |" in one.report
    assert f"| layers 0-{len(whole.per_layer) - 1} |" in whole.report
    if with_map:
        assert torch.equal(part.map, whole.map[list(some)])


@pytest.mark.parametrize("distance", ["l2", "cos"])
def test_gradient(distance, pair, efficientnet):
    """Equal to finite differences along itself, in steps that move the loss by a thousandth; finite at identity."""
    metric = Metric(efficientnet, distance, "corrected", [1, 2], device="cpu")
    ref, dis = (images.to_tensor(image)[None, :, :224] * 0.8 + 0.1 for image in pair)
    same = ref.clone().requires_grad_()
    metric.loss(ref, same).backward()
    assert same.grad.isfinite().all()
    loss = metric.loss(ref, dis.requires_grad_())
    loss.backward()
    assert loss.item() == pytest.approx(metric(ref, dis.detach()).score.item(), rel=1e-5)
    slope = dis.grad.norm()
    step = 0.001 * loss.item() / slope.item() * dis.grad / slope
    with torch.no_grad():
        rise = metric.loss(ref, dis + step) - metric.loss(ref, dis - step)
    assert rise.item() == pytest.approx(2 * (step * dis.grad).sum().item(), rel=0.03)


@pytest.mark.parametrize(
    ("distance", "layers", "runs", "norm", "taps"),
    [
        ("cos", [4], 5, 0, 1),
        ("l2", [3, 0], 4, 0, 2),
        ("l2", None, 12, 0, 12),
        ("swd", None, 12, 0, 12),
        ("embed_cos", None, 12, 1, 0),
    ],
)
def test_nothing_is_computed_or_kept_for_nobody(distance, layers, runs, norm, taps, dinov2, pair, monkeypatch):
    """Blocks, the final norm, and layers that are kept, of one window of each image."""
    metric, count, kept = Metric(dinov2, distance, layers=layers, device="cpu"), {"block": 0, "norm": 0}, []
    model, forward = metric.extractor.model, FeatureExtractor.forward
    for block in model.blocks:
        block.register_forward_pre_hook(lambda *_: count.update(block=count["block"] + 1))
    model.norm.register_forward_hook(lambda *_: count.update(norm=count["norm"] + 1))
    monkeypatch.setattr(FeatureExtractor, "forward", lambda *given: kept.append(found := forward(*given)) or found)
    metric(*(image.crop((0, 0, 224, 224)) for image in pair))
    assert count == {"block": 2 * runs, "norm": 2 * norm}
    assert [len(features.taps) for features in kept] == [taps] * 2
    assert all((features.final is not None) is bool(norm) for features in kept)


def test_copies_know_their_layers(efficientnet, pair):
    metric = Metric(efficientnet, "l2", layers=[-1, 1], device="cpu")
    assert metric.layers == (1, 4)
    for other in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        assert other.layers == (1, 4)
        assert other(*pair).score == metric(*pair).score


# the command line


@pytest.mark.parametrize(
    ("words", "layers"), [(["--layers", "3,1"], [1, 3]), (["--layers", "4"], [4]), (["--layers=-1,-2"], [3, 4])]
)
def test_on_the_command_line(words, layers, efficientnet, photo, tmp_path, ran):
    demo.distort(demo.reference("astronaut", 224), "blur", 3).save(tmp_path / "b.png")
    argv = ("score", photo, tmp_path / "b.png", "--backbone", efficientnet, "--device", "cpu", "--json")
    found, whole = (json.loads(ran(*argv, *more)[1]) for more in (words, []))
    assert found["layers"] == layers
    assert whole["layers"] == [0, 1, 2, 3, 4]
    assert found["per_layer"] == [whole["per_layer"][layer] for layer in layers]
    assert f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))} |" in found["report"]
    assert json.loads(ran(*argv, "--distance", "embed_cos")[1])["layers"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layers", "a"], "--layers takes numbers"),
        (["--layers", ""], "--layers takes numbers"),
        (["--layers", "3,"], "--layers takes numbers"),
        (["--layers", "1-3"], "--layers takes numbers"),
        (["--layers", "5"], "layers 0 to 4"),
        (["--layers=-6"], "layers 0 to 4"),
        (["--layers", "1", "--distance", "embed_cos"], "leave layers out"),
        (["--layers"], "--layers"),
    ],
)
def test_refused_on_the_command_line(words, said, photo, refused):
    assert said in refused("score", photo, photo, "--backbone", "efficientnet_lite0", *words)
