"""`Metric.loss`: of each pair, 0 with a zero gradient at identity, growing with small distortions."""

import pytest
import torch
from safetensors.torch import save_file

from fmiqa_core import InputError, Metric, backbones, compare, images
from fmiqa_core.backbones import networks
from fmiqa_core.data import demo


@pytest.fixture(scope="module")
def refs():
    """(2, 3, 224, 224)."""
    return torch.stack([images.to_tensor(demo.reference(name, 224)) for name in ("coffee", "rocket")])


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory):
    """Those of the networks of the model hub are not at hand."""

    def draw(name):
        file = tmp_path_factory.mktemp("weights") / f"{name}.safetensors"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            save_file(
                {key: value.contiguous() for key, value in networks.build(backbones.get(name)).state_dict().items()}, file
            )
        return file

    return draw


def gradient(metric, ref, dis):
    dis = dis.clone().requires_grad_()
    losses = metric.loss(ref, dis, reduction="none")
    losses.sum().backward()
    return losses.detach(), dis.grad


def test_each_pair_and_their_mean(refs, efficientnet):
    metric, darker = Metric(efficientnet, "cos", device="cpu"), refs * torch.tensor([0.9, 0.5])[:, None, None, None]
    each = metric.loss(refs, darker, reduction="none")
    assert each.shape == (2,)
    torch.testing.assert_close(each.double(), metric(refs, darker).score, rtol=1e-5, atol=0)
    assert metric.loss(refs, darker).shape == ()
    assert metric.loss(refs, darker) == each.mean()
    with pytest.raises(InputError, match=r"^Unknown reduction 'sum'\. .*Known: mean, none\.$"):
        metric.loss(refs, darker, reduction="sum")


@pytest.mark.parametrize("distance", ["l2", "cos", "skld", "jsd", "embed_cos"])
def test_in_fp64_the_gradient_is_the_slope(refs, dinov2, distance):
    """Of a network and of distances without kinks."""
    ref, dis = refs[0], 0.1 + 0.8 * refs[0]
    metric = Metric(dinov2, distance, "corrected", device="cpu")
    single = metric(ref, dis).score
    metric.double()
    ref, dis = ref.double()[None], dis.double()[None]
    found = metric(ref, dis)
    assert found.score.item() == pytest.approx(single, rel=1e-4)
    assert "| fp64 on cpu |" in found.report
    _, slope = gradient(metric, ref, dis)
    step = 1e-6 * torch.rand(dis.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        there, back = (metric.loss(ref, dis + sign * step).item() for sign in (1, -1))
    assert slope.dtype == torch.float64
    assert (there - back) / 2 == pytest.approx((slope * step).sum().item(), rel=1e-6, abs=0)


@pytest.mark.parametrize("distance", compare.available(backbones.get("efficientnet_lite0"), "corrected"))
def test_identity_beside_another_pair_in_corrected(refs, efficientnet, distance):
    metric = Metric(efficientnet, distance, "corrected", device="cpu")
    losses, slope = gradient(metric, refs, torch.stack([refs[0] * 0.9, refs[1]]))
    assert losses[0] > 0 == losses[1]
    assert slope.isfinite().all()
    assert slope[0].abs().max() > 0 == slope[1].abs().max()


@pytest.mark.parametrize("distance", ["l2", "cos", "skld", "jsd", "wsd", "swd", "embed_cos"])
def test_grows_with_a_small_distortion(refs, dinov2, distance):
    """Noise of up to 0, 0.002, 0.008 and 0.032."""
    metric = Metric(dinov2, distance, device="cpu")
    noise = torch.rand(refs[:1].shape, generator=torch.Generator().manual_seed(0)) - 0.5
    found = [
        gradient(metric, refs[:1] * 0.8 + 0.1, refs[:1] * 0.8 + 0.1 + amount * noise) for amount in (0, 0.004, 0.016, 0.064)
    ]
    losses = [loss.item() for loss, _ in found]
    assert losses[0] == 0
    assert losses == sorted(set(losses))
    assert all(slope.isfinite().all() for _, slope in found)


def test_equal_images_of_a_cnn_with_rows_of_zeros(refs, random_weights):
    """They count as different in the authors' cosine along the width, and so in the score; not in the loss."""
    metric = Metric("clip_rn50", "cos", device="cpu", weights=random_weights("clip_rn50"))
    losses, slope = gradient(metric, refs[:1], refs[:1])
    assert losses == slope.abs().max() == 0
    assert metric(refs[:1], refs[:1]).score > 0.1


@pytest.mark.parametrize("distance", ["l2", "wsd"])
def test_equal_windows_take_the_same_way_through_attention(refs, random_weights, distance):
    """torch's attention has another way for what wants no gradient; its other last bits would count as a difference."""
    metric = Metric("clip_vitb32", distance, "corrected", device="cpu", weights=random_weights("clip_vitb32"))
    ref = torch.cat([refs[:1], refs[1:]], dim=3)  # (1, 3, 224, 448): windows of which only some see the change
    dis = ref.clone()
    dis[..., 300:] *= 0.9
    losses, slope = gradient(metric, ref, dis)
    assert losses > 0
    assert slope[..., :200].abs().max() == 0 < slope[..., 300:].abs().max()
    assert metric(ref, dis).score.item() == pytest.approx(losses.item(), rel=1e-4)


def test_a_pixels_image_may_be_the_reference(efficientnet):
    """8-bit beside float: equal images all the same."""
    image = demo.reference("coffee", 224)
    losses, slope = gradient(Metric(efficientnet, "l2", device="cpu"), image, images.to_tensor(image)[None])
    assert losses == slope.abs().max() == 0
