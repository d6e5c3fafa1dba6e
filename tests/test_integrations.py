"""Other packages' metrics give what `Metric` gives; each test skips where its package is not installed."""

import copy
import subprocess
import sys

import pytest
import torch

from fmiqa_core import InputError, Metric, images
from fmiqa_core.data import demo


@pytest.fixture(scope="module")
def pairs():
    """References and distorted images, (3, 3, 224, 224) each; the last pair is identical."""
    refs = [demo.reference(name, 224) for name in ("astronaut", "coffee", "rocket")]
    distorted = [demo.distort(refs[0], "blur", 3), demo.distort(refs[1], "jpeg", 4), refs[2]]
    return tuple(torch.stack([images.to_tensor(image) for image in side]) for side in (refs, distorted))


@pytest.fixture
def metric(efficientnet):
    return Metric(efficientnet, "cos", device="cpu")


@pytest.fixture
def distance():
    """The class for torchmetrics."""
    pytest.importorskip("torchmetrics", reason='torchmetrics is not installed: pip install "fmiqa[torchmetrics]"')
    from fmiqa_core.integrations.torchmetrics import FeatureDistance

    return FeatureDistance


@pytest.fixture
def pyiqa(monkeypatch):
    """pyiqa with fmiqa's distances, and without them again afterwards."""
    found = pytest.importorskip("pyiqa", reason="pyiqa is not installed: its licence is noncommercial", exc_type=ImportError)
    from pyiqa import default_model_configs
    from pyiqa.utils import registry

    from fmiqa_core.integrations.pyiqa import register

    before = dict(default_model_configs.DEFAULT_CONFIGS)
    register()
    register()
    yield found
    default_model_configs.DEFAULT_CONFIGS.clear()
    default_model_configs.DEFAULT_CONFIGS.update(before)
    del registry.ARCH_REGISTRY._obj_map["FMIQA"]


def test_mean_over_batches(distance, metric, pairs):
    refs, dis = pairs
    expected = metric(refs, dis).score
    mean = distance(metric)
    mean.update(dis[:2], refs[:2])
    mean.update(dis[2], refs[2])  # one pair, without a batch
    assert mean.compute().item() == pytest.approx(expected.mean().item(), rel=1e-5)
    assert (mean.count, mean.compute().shape) == (3, ())
    assert mean.state_dict() == {}  # a checkpoint stays small
    mean.reset()
    assert mean(dis[:1], refs[:1]).item() == pytest.approx(expected[0].item(), rel=1e-5)  # forward: of this batch


def test_each_pair(distance, metric, pairs):
    refs, dis = pairs
    expected = metric(refs, dis).score.float()
    each = distance(metric, reduction="none")
    torch.testing.assert_close(each(dis[:2], refs[:2]), expected[:2], rtol=1e-5, atol=0)
    each.update(dis[2:], refs[2:])
    torch.testing.assert_close(each.compute(), expected, rtol=1e-5, atol=0)
    assert each.compute()[2] == 0


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_merged_states(distance, metric, pairs, reduction):
    refs, dis = pairs
    whole, one, two = (distance(metric, reduction) for _ in range(3))
    whole.update(dis, refs)
    one.update(dis[:2], refs[:2])
    two.update(dis[2:], refs[2:])
    two.merge_state(one)
    torch.testing.assert_close(two.compute(), whole.compute(), rtol=1e-5, atol=1e-7)


def test_copies_and_collections(distance, metric, pairs):
    import torchmetrics

    both = torchmetrics.MetricCollection({"a": distance(metric), "b": copy.deepcopy(distance(metric))})
    refs, dis = pairs
    found = both(dis[:1], refs[:1])
    assert found["a"] == found["b"] > 0


def test_what_it_says_of_itself_and_refuses(distance, metric, pairs):
    made = distance(metric)
    assert (made.higher_is_better, made.is_differentiable, made.full_state_update) == (False, False, False)
    with pytest.raises(InputError, match="Unknown reduction 'sum'"):
        distance(metric, reduction="sum")
    with pytest.raises(InputError, match=r"Values must lie in \[0, 1\]"):
        made.update(pairs[1] * 2, pairs[0])


WORKER = """
import sys, torch, torch.distributed as group
from fmiqa_core import Metric
from fmiqa_core.integrations.torchmetrics import FeatureDistance
rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
group.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
refs, dis = torch.load(f"{folder}/pairs.pt")
mine = slice(0, 2) if rank == 0 else slice(2, 3)
metric = Metric("efficientnet_lite0", "cos", device="cpu")
made = [FeatureDistance(metric, reduction) for reduction in ("mean", "none")]
for one in made:
    one.update(dis[mine], refs[mine])
torch.save([one.compute() for one in made], f"{folder}/{rank}.pt")
group.destroy_process_group()
"""


@pytest.mark.long
def test_two_processes_of_unequal_work(distance, metric, pairs, tmp_path):
    torch.save(pairs, tmp_path / "pairs.pt")
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, str(rank), str(tmp_path)]) for rank in range(2)]
    assert [worker.wait(timeout=300) for worker in workers] == [0, 0]
    expected = metric(*pairs).score.float()
    for rank in range(2):
        mean, each = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(each, expected, rtol=1e-5, atol=0)
        torch.testing.assert_close(mean, expected.mean(), rtol=1e-5, atol=0)


def test_pyiqa_gives_each_pair(pyiqa, metric, pairs):
    refs, dis = pairs
    made = pyiqa.create_metric("fmiqa_cos", backbone="efficientnet_lite0", device="cpu")
    torch.testing.assert_close(made(dis, refs).double(), metric(refs, dis).score, rtol=1e-5, atol=0)
    assert made.lower_better
    assert "fmiqa_l2" in pyiqa.list_models("FR")
    layer = pyiqa.create_metric("fmiqa_cos", backbone="efficientnet_lite0", layers=[4], device="cpu")
    assert 0 < layer(dis[:1], refs[:1]) < made(dis[:1], refs[:1])


def test_pyiqa_loss_has_a_gradient(pyiqa, efficientnet, pairs):
    refs, dis = pairs[0], pairs[1].clone().requires_grad_()
    made = pyiqa.create_metric("fmiqa_l2", backbone="efficientnet_lite0", as_loss=True, device="cpu")
    loss = made(dis, refs)
    loss.backward()
    assert loss.shape == ()
    assert dis.grad[0].abs().max() > 0 == dis.grad[2].abs().max()


def test_pyiqa_takes_files(pyiqa, metric, pairs, photo, tmp_path):
    demo.distort(demo.reference("astronaut", 224), "blur", 3).save(tmp_path / "dis.png")
    made = pyiqa.create_metric("fmiqa_cos", backbone="efficientnet_lite0", device="cpu")
    assert made(str(tmp_path / "dis.png"), str(photo)).item() == pytest.approx(
        metric(photo, tmp_path / "dis.png").score, rel=1e-5
    )


def test_importing_the_package_imports_neither():
    code = "import sys, fmiqa_core.metric, fmiqa_core.integrations.pyiqa; print({'pyiqa', 'torchmetrics'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
