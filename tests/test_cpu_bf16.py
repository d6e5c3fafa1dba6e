"""bf16 on CPUs: what takes the place of torch's operations computes the same, and only where nothing else was asked."""

import copy

import pytest
import torch
import torch.nn.functional as F

from fmiqa_core import images
from fmiqa_core.backbones import cpu_bf16
from fmiqa_core.data import demo
from fmiqa_core.features import extractor

pytestmark = pytest.mark.skipif(not cpu_bf16.helps(), reason="no AVX512-BF16, or AMX beside it: torch's own path is taken")


@pytest.fixture(scope="module")
def windows() -> torch.Tensor:
    """Photographs, (3, 3, 224, 224)."""
    return torch.stack([images.to_tensor(demo.reference(name, 224)) for name in ("astronaut", "coffee", "rocket")])


@pytest.fixture(scope="module")
def heads(dinov2, windows) -> list[torch.Tensor]:
    """Queries, keys and values (3, 6, 257, 64) of a middle block of the real network, fp32."""
    found = []
    network = extractor(dinov2, device="cpu")
    hook = network.model.blocks[6].attn.qkv.register_forward_hook(lambda _module, _input, output: found.append(output))
    with torch.inference_mode():
        network(windows)
    hook.remove()
    return list(found[0].unflatten(2, (3, 6, 64)).permute(2, 0, 3, 1, 4))


def error(result: torch.Tensor, exact: torch.Tensor) -> float:
    return float((result.double() - exact).norm() / exact.norm())


@pytest.mark.parametrize("shape", [(7, 48), (3, 257, 48), (2, 5, 4, 48)])
@pytest.mark.parametrize("biased", [True, False])
def test_linear_has_the_same_bits(shape, biased):
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(size, generator=generator).bfloat16() for size in (shape, (80, 48), (80,)))
    bias = bias if biased else None
    assert torch.equal(cpu_bf16.linear(x, weight, bias), F.linear(x, weight, bias))


def test_changed_weights_are_packed_anew():
    x, weight = torch.ones(2, 32).bfloat16(), torch.ones(4, 32).bfloat16()
    assert cpu_bf16.linear(x, weight, None).eq(32).all()
    weight.mul_(2)
    assert cpu_bf16.linear(x, weight, None).eq(64).all()
    weight.data = torch.zeros(4, 32).bfloat16()
    assert cpu_bf16.linear(x, weight, None).eq(0).all()
    with torch.inference_mode():
        uncounted = torch.ones(4, 32).bfloat16()
        assert cpu_bf16.linear(x, uncounted, None).eq(32).all()
        uncounted.mul_(2)
        assert cpu_bf16.linear(x, uncounted, None).eq(64).all()


def test_attention_is_as_exact_as_bf16_gets(heads):
    exact = F.scaled_dot_product_attention(*(each.double() for each in heads))
    half = [each.bfloat16() for each in heads]
    query, key, value = half
    plain = (query @ key.transpose(-2, -1) * key.shape[-1] ** -0.5).softmax(-1) @ value
    found = error(cpu_bf16.attention(*half), exact)
    assert found < 2 * error(F.scaled_dot_product_attention(*half), exact)
    assert found < error(plain, exact)  # the mean key is worth taking off


def test_attention_of_other_sizes(heads, monkeypatch):
    """One window at a time or several give the same bits; few tokens."""
    query, key, value = (each.bfloat16() for each in heads)
    together = cpu_bf16.attention(query, key, value)
    monkeypatch.setattr(cpu_bf16, "CACHED", 1)
    assert torch.equal(cpu_bf16.attention(query, key, value), together)
    for tokens in (1, 5):
        few = [each[:, :, :tokens] for each in (query, key, value)]
        exact = F.scaled_dot_product_attention(*(each.double() for each in few))
        assert error(cpu_bf16.attention(*few), exact) <= 2 * error(F.scaled_dot_product_attention(*few), exact)


def test_what_was_asked_for_besides_is_left_to_torch(heads):
    query, key, value = (each.bfloat16() for each in heads)
    mask = torch.ones(257, 257, dtype=torch.bool).tril()
    with cpu_bf16.faster(query):
        for others in ((key[:, :, :5], value[:, :, :5]), (key[0, :1], value[0, :1])):  # other tokens than the queries
            F.scaled_dot_product_attention(query, *others)
        assert F.linear(query[0, 0, 0], query[0, 0]).shape == (257,)
    for options in ({"attn_mask": mask}, {"is_causal": True}, {"scale": 0.5}):
        expected = F.scaled_dot_product_attention(query, key, value, **options)
        with cpu_bf16.faster(query):
            assert torch.equal(F.scaled_dot_product_attention(query, key, value, **options), expected)
    weight = torch.ones(4, 64, dtype=torch.bfloat16, requires_grad=True)
    with cpu_bf16.faster(value):
        F.linear(query, weight).sum().backward()
        assert F.linear(query.float(), weight.float()).dtype == torch.float32
    assert weight.grad is not None


def test_network_is_nearly_as_near_to_fp32_as_torchs_own_bf16(dinov2, windows, monkeypatch):
    """And batch = singles, to the bit; a copy of the network works."""
    with torch.inference_mode():
        exact = extractor(dinov2, device="cpu")(windows).layers.double()
        network = extractor(dinov2, device="cpu", precision="bf16")
        faster = network(windows).layers
        alone = torch.cat([network(window[None]).layers for window in windows])
        assert torch.equal(copy.deepcopy(network)(windows).layers, faster)
        monkeypatch.setattr(cpu_bf16, "helps", lambda: False)
        own = network(windows).layers
    assert not torch.equal(faster, own)
    assert error(faster, exact) < 1.25 * error(own, exact)
    assert torch.equal(alone, faster)
