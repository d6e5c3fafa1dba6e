"""The arithmetic of the distances: reference values of the authors' functions, POT, and torch's own cosine."""

import json
import math

import numpy as np
import ot
import pytest
import torch
from torch.nn.functional import cosine_similarity

from fmiqa_core import distances
from fmiqa_core.features import Features

CASES = 9


def features(layers) -> Features:
    """Given taps; the final features are taken from the last one."""
    vit = isinstance(layers, torch.Tensor)
    return Features(layers.unbind(1), layers[:, -1]) if vit else Features(tuple(layers), layers[-1].mean((2, 3)))


def random_pair(*shape, seed: int = 0, amount: float = 0.3) -> distances.Pair:
    generator = torch.Generator().manual_seed(seed)
    ref = torch.randn(shape, generator=generator)
    return distances.Pair(features(ref), features(ref + amount * torch.randn(shape, generator=generator)))


def closed_form(case: dict) -> distances.Pair:
    """The inputs of golden/distances_paper.json: evaluated in float64, stored as float32."""
    layer, token, channel = (np.arange(case[axis], dtype=np.float64) for axis in "LTC")
    layer, token = layer[:, None, None], token[:, None]
    ref = np.sin(0.37 * layer + 0.11 * token + 0.013 * channel) + 0.5 * np.cos(0.05 * token * channel)
    dis = ref + case["a"] * np.cos(0.21 * layer + 0.7 * token + 0.31 * channel)
    return distances.Pair(*(features(torch.from_numpy(x.astype(np.float32))[None]) for x in (ref, dis)))


@pytest.fixture(scope="module")
def cases(golden):
    found = json.loads((golden / "distances_paper.json").read_text(encoding="utf-8"))["cases"]
    assert len(found) == CASES
    return found


@pytest.mark.parametrize("name", ["l2", "cos", "skld", "jsd", "wsd"])
@pytest.mark.parametrize("number", range(CASES))
def test_equals_the_authors_functions(cases, number, name):
    case = cases[number]
    value, _ = distances.DISTANCES[name](closed_form(case))
    error = abs(value.item() - case[name])
    assert error <= 1e-6 + 1e-5 * abs(case[name]), f"{name} of case {number}: off by {error:.2e}"


@pytest.mark.parametrize("number", range(CASES))
def test_columns_round_to_multiples_of_eight(cases, number):
    case = cases[number]
    tokens, channels = case["T"] + case["row_padding"], case["C"] + case["column_padding_left"]
    layers = closed_form(case).ref.layers
    matrix = distances.columns(layers)
    assert matrix.shape == (1, 64, case["L"] * tokens * channels // 64)
    back = matrix.reshape(case["L"], tokens, channels)
    kept = min(tokens, case["T"])
    assert torch.equal(back[:, :kept, case["column_padding_left"] :], layers[0, :, :kept])
    assert not back[:, kept:].any()
    assert not back[:, :, : case["column_padding_left"]].any()


def wsd_by_pot(pair: distances.Pair) -> float:
    """wsd of one window with POT's W1 in place of the closed form: atoms at 0..63, masses that do not sum to 1."""
    ref, dis = (distances.columns(side.layers)[0].double() for side in (pair.ref, pair.dis))
    p, q = (side.softmax(dim=1) for side in (ref, dis))
    assert (p.sum(0) - q.sum(0)).abs().max() > 1e-3
    positions = torch.arange(64.0, dtype=torch.double)[:, None].expand_as(p).contiguous()
    w1 = ot.wasserstein_1d(positions, positions, p.contiguous(), q.contiguous(), p=1)
    value = w1 + (1 / (2 * (w1 + 10))).exp() / (w1 + 10) ** 2 * (ref - dis).square().sum(0)
    return math.log(1 + value.mean().item()) ** 0.25


@pytest.mark.parametrize("seed", range(3))
def test_w1_equals_pot_on_unequal_masses(seed):
    pair = random_pair(1, 3, 24, 16, seed=seed, amount=2.0)
    assert distances.wsd(pair)[0].item() == pytest.approx(wsd_by_pot(pair), rel=1e-6)


def test_w1_dominates_the_squared_term_where_compared_with_pot():
    """Else the comparison above would say nothing about W1."""
    pair = random_pair(1, 3, 24, 16, amount=2.0)
    without = (math.exp(1 / 20) / 100 * pair.column_squares).mean().log1p() ** 0.25
    assert abs(distances.wsd(pair)[0].item() - without.item()) > 0.05


@pytest.mark.parametrize("zero", [(), ("ref",), ("dis",), ("ref", "dis")])
def test_cos_equals_torch_with_all_zero_tokens(zero):
    pair = random_pair(2, 3, 5, 8)
    for side in zero:
        getattr(pair, side).layers[:, :, 1] = 0
    expected = (1 - cosine_similarity(pair.ref.layers, pair.dis.layers, dim=-1)).mean(2)
    value, parts = distances.cos(pair)
    torch.testing.assert_close(parts, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(value, expected.sum(1), rtol=1e-5, atol=1e-6)


def test_cos_of_a_cnn_runs_along_the_width():
    generator = torch.Generator().manual_seed(0)
    ref, dis = ([torch.randn(2, c, 6, v, generator=generator) for c, v in ((4, 9), (8, 5))] for _ in range(2))
    ref[0][:, 1, 2] = 0  # a dead row, as after a ReLU
    expected = [(1 - cosine_similarity(x, y, dim=-1)).mean((1, 2)) for x, y in zip(ref, dis, strict=True)]
    value, parts = distances.cos(distances.Pair(features(tuple(ref)), features(tuple(dis))))
    torch.testing.assert_close(parts, torch.stack(expected, dim=1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(value, sum(expected), rtol=1e-5, atol=1e-6)


def test_l2_of_a_cnn_is_the_sum_of_mean_squares():
    generator = torch.Generator().manual_seed(0)
    ref, dis = ([torch.randn(2, c, 6, v, generator=generator) for c, v in ((4, 9), (8, 5))] for _ in range(2))
    expected = [(x - y).square().mean((1, 2, 3)) for x, y in zip(ref, dis, strict=True)]
    value, parts = distances.l2(distances.Pair(features(tuple(ref)), features(tuple(dis))))
    torch.testing.assert_close(parts, torch.stack(expected, dim=1))
    torch.testing.assert_close(value, sum(expected))


def test_embed_cos_is_the_mean_over_all_final_tokens():
    pair = random_pair(2, 3, 5, 8)
    expected = (1 - cosine_similarity(pair.ref.final, pair.dis.final, dim=-1)).mean(1)
    torch.testing.assert_close(distances.embed_cos(pair)[0], expected, rtol=1e-5, atol=1e-6)


def test_swd_is_deterministic_in_its_seed():
    pair = random_pair(2, 3, 20, 16)
    torch.manual_seed(1)
    first = distances.swd(pair, seed=4)[0]
    torch.manual_seed(2)
    assert torch.equal(distances.swd(pair, seed=4)[0], first)
    assert not torch.equal(distances.swd(pair, seed=5)[0], first)
    assert torch.equal(distances.swd(pair)[0], distances.swd(pair, seed=0)[0])


def test_swd_equals_its_definition():
    """Sum over samples of the mean over 3 unit directions of the squared difference of sorted projections."""
    pair = random_pair(1, 3, 20, 16)
    directions = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    total = 0.0
    for direction in directions.T.double():
        unit = direction / direction.norm()
        ref, dis = ((unit @ side.layers[0].flatten(1).double()).sort().values for side in (pair.ref, pair.dis))
        total += (ref - dis).square().sum().item() / 3
    assert distances.swd(pair)[0].item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("name", distances.DISTANCES)
def test_windows_do_not_influence_each_other(name):
    pair = random_pair(3, 3, 20, 16)
    together, _ = distances.DISTANCES[name](pair)
    for i in range(3):
        one = distances.Pair(*(features(side.layers[i : i + 1]) for side in (pair.ref, pair.dis)))
        assert distances.DISTANCES[name](one)[0].item() == pytest.approx(together[i].item(), rel=1e-6)
