"""The switches of a protocol: each does what it says, and nothing else. No weights but EfficientNet's."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, wasserstein_distance
from torch.nn.functional import cosine_similarity

from fmiqa_core import Metric, backbones, compare, distances, images, pair, protocol, scoring, windows
from fmiqa_core.data import datasets, demo
from fmiqa_core.errors import InputError
from fmiqa_core.features import Features

VIT = ("l2", "cos", "skld", "jsd", "wsd", "swd", "embed_cos")
COLUMNS = {"skld", "jsd", "wsd"}
MOVES = {  # switch -> the distances of a ViT, and of a CNN, whose value on given features it changes
    "normalise": (set(), set()),  # these two act before the network: below
    "even_windows": (set(), set()),
    "spatial": (COLUMNS, set()),
    "sample_softmax": ({"wsd"}, set()),
    "whole_tokens": (COLUMNS, set()),
    "channel_cosine": (set(), {"cos"}),
    "class_embedding": ({"embed_cos"}, set()),
    "no_l2_term": ({"skld", "wsd"}, set()),
    "patch_tokens": (set(VIT), set()),
    "class_token": ({"l2", "cos", "embed_cos"}, set()),
}


def vit(grid: int = 16, prefix: int = 1, layers: int = 3, channels: int = 8, seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randn(2, layers, grid**2 + prefix, channels, generator=generator)
    return Features((2 * tokens).unbind(1), tokens[:, -1])


def cnn(seed: int = 0) -> Features:
    generator = torch.Generator().manual_seed(seed)
    maps = tuple(torch.randn(2, c, g, g, generator=generator) for c, g in ((4, 28), (8, 14), (16, 7)))
    return Features(maps, maps[-1].mean((2, 3)))


def compared(ref: Features, dis: Features, name: str, distances_) -> dict:
    found = (compare.sides(side, protocol.get(name)) for side in (ref, dis))
    return compare.compare(*found, distances_)


def test_presets():
    assert not any(vars(protocol.get("paper")).values())
    assert {name for name, on in vars(protocol.get("corrected")).items() if on} == set(protocol.QUIRKS)
    assert set(protocol.QUIRKS) == set(protocol.SWITCHES) - {"no_l2_term", "patch_tokens", "class_token"}
    assert protocol.get("paper+" + "+".join(reversed(protocol.QUIRKS))) == protocol.CORRECTED


@pytest.mark.parametrize("switch", MOVES)
@pytest.mark.parametrize("kind", ["vit", "cnn"])
def test_a_switch_moves_these_distances_and_no_other(switch, kind):
    assert set(MOVES) == set(protocol.SWITCHES)
    ref, dis = (vit(channels=64, seed=seed) if kind == "vit" else cnn(seed) for seed in (0, 1))
    names = [n for n in VIT if kind == "vit" or n not in distances.VIT_ONLY]
    if switch == "class_token":
        names = ["l2", "cos", "embed_cos"]
    before, after = (compared(ref, dis, name, names) for name in ("paper", f"paper+{switch}"))
    moved = {n for n in names if not torch.allclose(before[n][0], after[n][0], rtol=1e-6)}
    assert moved == MOVES[switch][0 if kind == "vit" else 1]


def test_normalise_reaches_the_network(efficientnet):
    image = images.to_tensor(demo.reference("coffee", 224))[None]
    record = backbones.get(efficientnet)
    found = compare.inputs(image, record, protocol.get("paper+normalise"))
    mean, std = (torch.tensor(values)[:, None, None] for values in (record.mean, record.std))
    torch.testing.assert_close(found * std + mean, image)
    assert compare.inputs(image, record, protocol.PAPER) is image
    ref, dis = image, demo.distort(demo.reference("coffee", 224), "blur", 3)
    plain, normalised = (Metric(efficientnet, "cos", p, device="cpu")(ref[0], dis).score for p in ("paper", "paper+normalise"))
    assert abs(plain - normalised) > 0.01 * plain


def test_even_windows():
    for length in range(225, 3000):
        found = windows.even_starts(length)
        steps = np.diff(found)
        assert found[0] == 0
        assert found[-1] == length - 224
        assert len(found) == math.ceil(length / 224)  # as few as cover it
        assert steps.max() <= 224
        assert np.ptp(steps) <= 1
        assert len(found) == 2 or steps.min() >= 112  # no near-duplicates
    assert windows.even_starts(224) == [0]


def test_even_windows_reach_score_and_table(efficientnet, home):
    """425 px: the authors take 0, 200 and 201."""
    ref = demo.reference("astronaut", 425).crop((0, 0, 425, 224))
    dis = demo.distort(ref, "jpeg", 4)
    metric = Metric(efficientnet, "l2", "paper+even_windows", device="cpu")
    parts = [metric(ref.crop((x, 0, x + 224, 224)), dis.crop((x, 0, x + 224, 224))).score for x in (0, 201)]
    assert metric(ref, dis).score == pytest.approx(sum(parts) / 2, rel=1e-5)
    assert abs(Metric(efficientnet, "l2", device="cpu")(ref, dis).score - sum(parts) / 2) > 1e-4
    data = datasets.load("demo")
    ref.save(home / "ref.png")
    dis.save(home / "dis.png")
    data = replace(data, folder=home, table=data.table.iloc[:1].assign(ref="ref.png", dis="dis.png"))
    row = scoring.score_dataset(data, home / "out", efficientnet, ["l2"], "paper+even_windows", device="cpu").iloc[0]
    assert row["n_windows"] == 2
    assert row["score_l2"] == pytest.approx(sum(parts) / 2, rel=1e-5)


def by_hand(x: np.ndarray, y: np.ndarray, distance: str, l2_term: bool) -> float:
    """skld, jsd or wsd of one layer (grid, grid, C) in 8 x 8 windows at multiples of 8, from scipy's functions."""
    values = []
    for top in range(0, len(x), 8):
        for left in range(0, len(x), 8):
            for channel in range(x.shape[2]):
                a, b = (side[top : top + 8, left : left + 8, channel].ravel() for side in (x, y))
                p, q = (np.exp(side) / np.exp(side).sum() for side in (a, b))
                if distance == "wsd":
                    d = wasserstein_distance(np.arange(64), np.arange(64), p, q)
                elif distance == "jsd":
                    d = jensenshannon(p, q) ** 2
                else:
                    d = (entropy(p, q) + entropy(q, p)) / 2
                if l2_term and distance != "jsd":
                    d += math.exp(1 / (2 * (d + 10))) / (d + 10) ** 2 * np.square(a - b).sum()
                values.append(d)
    return math.log(1 + np.mean(values)) ** 0.25


@pytest.mark.parametrize("distance", sorted(COLUMNS))
@pytest.mark.parametrize("name", ["corrected", "corrected+no_l2_term"])
def test_corrected_columns_equal_their_definition(distance, name):
    ref, dis = vit(seed=0), vit(seed=1)
    value, parts = compared(ref, dis, name, [distance])[distance]
    x, y = (side.layers[1, :, 1:].unflatten(1, (16, 16)).double().numpy() for side in (ref, dis))
    expected = [by_hand(x[layer], y[layer], distance, "no_l2" not in name) for layer in range(3)]
    assert parts[1].tolist() == pytest.approx(expected, rel=1e-5)
    assert value[1].item() == pytest.approx(sum(expected), rel=1e-5)


def test_whole_tokens_neither_pad_nor_crop():
    layers = vit(channels=64).layers
    assert torch.equal(pair.columns(layers, whole_tokens=True), layers.reshape(2, 64, -1))
    with pytest.raises(InputError, match="do not fill 64 rows"):
        pair.columns(vit(channels=9).layers, whole_tokens=True)


def test_sample_softmax_equals_w1_of_probabilities():
    ref, dis = vit(seed=0), vit(seed=1)
    found = compared(ref, dis, "paper+sample_softmax+no_l2_term", ["wsd"])["wsd"][0][0].item()
    p, q = (pair.columns(side.layers)[0].double().softmax(0).numpy() for side in (ref, dis))
    w1 = [wasserstein_distance(np.arange(64), np.arange(64), *column) for column in zip(p.T, q.T, strict=True)]
    assert found == pytest.approx(math.log(1 + np.mean(w1)) ** 0.25, rel=1e-5)


def test_cosine_along_channels():
    ref, dis = cnn(0), cnn(1)
    parts = compared(ref, dis, "corrected", ["cos"])["cos"][1]
    expected = [(1 - cosine_similarity(x, y, dim=1)).mean((1, 2)) for x, y in zip(ref.layers, dis.layers, strict=True)]
    torch.testing.assert_close(parts, torch.stack(expected, dim=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_tokens(prefix):
    """Class and patch tokens, with registers and without a class token, where the mean stands in."""
    ref, dis = vit(prefix=prefix, seed=0), vit(prefix=prefix, seed=1)
    one = [side.final[:, :1] if prefix else side.final.mean(1, keepdim=True) for side in (ref, dis)]
    expected = 1 - cosine_similarity(*one, dim=-1)[:, 0]
    for name in ("corrected", "paper+class_token"):
        torch.testing.assert_close(compared(ref, dis, name, ["embed_cos"])["embed_cos"][0], expected, rtol=1e-5, atol=1e-6)
    parts = compared(ref, dis, "paper+patch_tokens", ["l2"])["l2"][1]
    torch.testing.assert_close(parts, (ref.layers - dis.layers)[:, :, prefix:].square().mean((2, 3)))


@pytest.mark.parametrize(("grid", "count", "rows"), [(7, 1, 49), (14, 4, 64), (16, 4, 64), (37, 25, 64)])
def test_spatial_columns_cover_the_grid_and_fold_back(grid, count, rows):
    values = torch.rand(2, 3, grid, grid, 5)
    matrix = pair.spatial_columns(values)
    assert matrix.shape == (2, rows, 3 * count * 5)
    torch.testing.assert_close(pair.fold(matrix, values.shape), values.mean(4))
    edge = min(grid, 8)
    first = matrix.unflatten(2, (3, count, 5))[1, :, 2, 0, 4].reshape(edge, edge)
    assert torch.equal(first, values[1, 2, :edge, :edge, 4])


def test_unit_files_hold_the_protocol(efficientnet, home):
    data = datasets.select(datasets.load("demo"), "coffee")
    data = replace(data, table=data.table.iloc[:1])
    first = scoring.score_dataset(data, home / "out", efficientnet, ["cos"], device="cpu")
    other = scoring.score_dataset(data, home / "out", efficientnet, ["cos"], "paper+channel_cosine", device="cpu", replace=True)
    assert other.attrs["computed_units"] == 1
    assert "protocol paper+channel_cosine" in other.attrs["report"]
    assert first["score_cos"][0] != other["score_cos"][0]


def test_cnn_has_columns_in_corrected_only(efficientnet, home):
    data = datasets.select(datasets.load("demo"), "coffee")
    data = replace(data, table=data.table.iloc[:1])
    table = scoring.score_dataset(data, home / "out", efficientnet, protocol_name="corrected", device="cpu")
    assert [c for c in table if c.startswith("score_")] == [
        f"score_{d}" for d in ("l2", "cos", "skld", "jsd", "wsd", "embed_cos")
    ]
    assert table["score_skld"][0] == pytest.approx(table[[f"layer_skld_{i}" for i in range(5)]].iloc[0].sum())
    with pytest.raises(InputError, match="swd in protocol corrected"):
        Metric(efficientnet, "swd", "corrected")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("paper+normalize", "Unknown protocol switch 'normalize'. Did you mean 'normalise'?"),
        ("corected", "Unknown protocol 'corected'. Did you mean 'corrected'?"),
        ("corrected+normalise", "normalise is on already"),
        ("paper+patch_tokens+class_token", "leave nothing"),
        ("paper+class_token", "EfficientNet"),
    ],
)
def test_wrong_protocols(refused, photo, efficientnet, name, said):
    line = refused("score", photo, photo, "--backbone", efficientnet, "--protocol", name)
    assert said.lower() in line.lower().replace("efficientnet_lite0", "efficientnet")


def test_distance_without_patches(refused, photo, dinov2):
    line = refused("score", photo, photo, "--distance", "wsd", "--protocol", "paper+class_token")
    assert "wsd needs patch tokens" in line
