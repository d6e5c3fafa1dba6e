"""What runs beside a metric does not move its numbers: threads, forks, the user's settings of torch, a model around it."""

import contextlib
import copy
import functools
import multiprocessing
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fmiqa_core import Metric, backbones, features, images
from fmiqa_core.backbones import networks
from fmiqa_core.data import demo
from fmiqa_core.errors import InputError
from fmiqa_core.files import paths

KINDS = ("blur", "jpeg", "noise")
ONEDNN = torch.backends.mkldnn


@functools.cache
def pairs(count: int, size: int = 224) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Photographs and their distorted versions, (1, 3, size, size)."""
    found = []
    for i in range(count):
        ref = demo.reference(("astronaut", "chelsea", "coffee", "rocket")[i % 4], size)
        dis = demo.distort(ref, KINDS[i % 3], 1 + i % 5)
        found.append(tuple(images.to_tensor(image)[None] for image in (ref, dis)))
    return found


def in_threads(metric: Metric, count: int, rounds: int) -> None:
    """Every value of `rounds` over `count` pairs in 4 threads is the serial one, bit for bit."""
    serial = [metric(*pair) for pair in pairs(count)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: metric(*pair), pairs(count) * rounds))
    for one, alone in zip(found, serial * rounds, strict=True):
        assert torch.equal(one.score, alone.score)
        assert (one.per_layer is None and alone.per_layer is None) or torch.equal(one.per_layer, alone.per_layer)


@pytest.mark.parametrize(("name", "distance"), [("dinov2_vits14", "cos"), ("efficientnet_lite0", "l2")])
def test_one_metric_in_four_threads(name, distance, dinov2, efficientnet):
    in_threads(Metric(name, distance, device="cpu"), 8, 1)


@pytest.mark.long
@pytest.mark.parametrize("distance", ["l2", "cos", "wsd", "embed_cos"])
def test_one_metric_in_four_threads_at_length(distance, dinov2):
    in_threads(Metric("dinov2_vits14", distance, device="cpu"), 12, 3)


@pytest.mark.long
@pytest.mark.parametrize("name", ["openclip_convnext_base_w", "clip_vitb32", "clip_rn50", "dino_vitb16"])
def test_networks_of_the_model_hub_in_four_threads(name, tmp_path):
    """Random weights: their own are on the model hub."""
    model = networks.build(backbones.get(name))
    generator = torch.Generator().manual_seed(0)
    drawn = {  # small enough that 36 blocks do not overflow
        key: torch.rand(value.shape, generator=generator) * 0.02 if value.is_floating_point() else value
        for key, value in model.state_dict().items()
    }
    save_file(drawn, tmp_path / "random.safetensors")
    in_threads(Metric(name, "l2", device="cpu", weights=tmp_path / "random.safetensors"), 12, 3)


def test_a_loss_in_threads_has_its_own_gradient(dinov2):
    metric = Metric(dinov2, "l2", device="cpu")

    def gradient(pair):
        dis = pair[1].clone().requires_grad_()
        metric.loss(pair[0], dis).backward()
        return dis.grad

    serial = [gradient(pair) for pair in pairs(4)]
    with ThreadPoolExecutor(4) as pool:
        for one, alone in zip(pool.map(gradient, pairs(4)), serial, strict=True):
            assert torch.equal(one, alone)


def test_another_number_of_layers_than_the_record_has_is_refused(efficientnet, monkeypatch):
    monkeypatch.setitem(backbones.BACKBONES, efficientnet, replace(backbones.get(efficientnet), layers=4))
    with pytest.raises(InputError, match="5 layers of efficientnet_lite0 were read, it has 4"):
        Metric(efficientnet, device="cpu")(*pairs(1)[0])


SETTINGS = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default type": lambda: _set(torch.get_default_dtype, torch.set_default_dtype, torch.bfloat16),
    "default type float64": lambda: _set(torch.get_default_dtype, torch.set_default_dtype, torch.float64),
    "products in bf16": lambda: _set(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"),
    "default device": lambda: torch.device("meta"),
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True, check_nan=False),
    "deterministic": lambda: _set(torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True),
    "attention": lambda: torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
    "oneDNN": lambda: _set(lambda: ONEDNN.enabled, lambda value: setattr(ONEDNN, "enabled", value), False),
    "cudnn": lambda: torch.backends.cudnn.flags(benchmark=True, deterministic=False, allow_tf32=True),
}


@contextlib.contextmanager
def _set(read, write, value):
    before = read()
    write(value)
    try:
        yield
    finally:
        assert read() == value  # as the user has left it
        write(before)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        *(("dinov2_vits14", setting) for setting in ("autocast", "default type", "products in bf16", "attention", "oneDNN")),
        *(("efficientnet_lite0", setting) for setting in SETTINGS),
    ],
)
def test_global_settings_of_torch_do_not_move_a_number(name, setting, dinov2, efficientnet):
    distances = ("cos", "wsd") if name == "dinov2_vits14" else ("l2", "embed_cos")
    made = {distance: Metric(name, distance, device="cpu") for distance in distances}
    pair = pairs(2)[1]

    def losses():
        """In a graph, as in training."""
        dis = pair[1].clone().requires_grad_()
        return {distance: metric.loss(pair[0], dis).detach() for distance, metric in made.items()}

    plain, plain_losses = {distance: metric(*pair) for distance, metric in made.items()}, losses()
    features._load.cache_clear()
    with SETTINGS[setting]():
        for distance, metric in made.items():
            anew = Metric(name, distance, device="cpu")  # its weights were loaded within, too
            for one in (metric(*pair), anew(*pair)):
                assert torch.equal(one.score, plain[distance].score), distance
            assert "fp32 on cpu" in one.report
        found = losses()
        normalised = Metric(name, "l2", "paper+normalise", device="cpu")(*pair).score
    assert all(torch.equal(found[distance], plain_losses[distance]) for distance in distances)
    features._load.cache_clear()
    assert torch.equal(normalised, Metric(name, "l2", "paper+normalise", device="cpu")(*pair).score)


@pytest.mark.parametrize("way", ["older", "newer"])
def test_products_are_not_rounded_to_tf32_where_the_user_rounds_them(efficientnet, way):
    """On a GPU; what torch is told to do can be seen anywhere."""
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    if way == "newer" and not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("torch before 2.9")
    seen = []

    def look(*_):
        newer = [] if way == "older" else [cuda.fp32_precision, cudnn.conv.fp32_precision]
        seen.append([*newer, *([cuda.allow_tf32, cudnn.allow_tf32] if way == "older" else [])])

    metric = Metric(efficientnet, device="cpu")
    metric.extractor.model.conv_stem.register_forward_hook(look)
    if way == "older":
        with _set(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "high"):
            metric(*pairs(1)[0])
            assert (cuda.allow_tf32, cudnn.allow_tf32) == (True, True)
        assert seen[0] == [False, False]
    else:
        before, cuda.fp32_precision = torch.backends.fp32_precision, "none"  # as for all of torch
        torch.backends.fp32_precision = "tf32"
        try:
            metric(*pairs(1)[0])
            assert (cuda.fp32_precision, torch.backends.fp32_precision) == ("tf32", "tf32")
        finally:
            torch.backends.fp32_precision = before
        assert {*seen[0]} <= {"ieee", "none"}
        assert cuda.fp32_precision == before  # as for all of torch again


def test_settings_are_put_back_when_threads_leave_in_any_order(efficientnet):
    """Each setting aside what it found would leave a process with the settings of the first thread."""
    metric = Metric(efficientnet, device="cpu")
    with torch.backends.cudnn.flags(benchmark=True, deterministic=False), ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: metric(*pair), pairs(4) * 3))
        assert torch.backends.cudnn.benchmark
        assert not torch.backends.cudnn.deterministic


class Around(nn.Module):
    """A model in training that holds a metric."""

    def __init__(self, metric: Metric):
        super().__init__()
        self.metric, self.layer = metric, nn.Conv2d(3, 3, 1)


def test_a_metric_inside_a_model_in_training_stays_frozen(efficientnet):
    ref, dis = pairs(1)[0]
    around = Around(Metric(efficientnet, "l2", device="cpu"))
    before = around.metric(ref, dis)
    around.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(around.parameters(), lr=0.1, weight_decay=0.5)
    around.metric.loss(ref, around.layer(dis).sigmoid()).backward()
    optimiser.step()
    assert [name for name, _ in around.named_parameters()] == ["layer.weight", "layer.bias"]
    assert not any(weight.requires_grad for weight in around.metric.extractor.model.parameters())
    assert torch.equal(around.metric(ref, dis).score, before.score)


def test_what_a_model_around_a_metric_does_to_its_parts_does_not_reach_it(efficientnet):
    """Initialised, given other norms, averaged, loaded from a checkpoint of an earlier version with other weights."""
    ref, dis = pairs(1)[0]
    around = Around(Metric(efficientnet, "l2", device="cpu"))
    before = around.metric(ref, dis)
    around.apply(lambda module: nn.init.trunc_normal_(module.weight) if isinstance(module, nn.Conv2d) else None)
    around = nn.SyncBatchNorm.convert_sync_batchnorm(around)
    other = {"metric.extractor.model.conv_stem.weight": torch.zeros(32, 3, 3, 3)}
    around.load_state_dict(around.state_dict() | other)
    for one in (around, copy.deepcopy(around), pickle.loads(pickle.dumps(around))):
        assert torch.equal(one.metric(ref, dis).score, before.score)
        assert one.metric(ref, dis).report == before.report


def test_weights_that_were_rounded_are_reported_as_rounded(efficientnet):
    ref, dis = pairs(1)[0]
    metric = Metric(efficientnet, "l2", device="cpu")
    assert "| fp32 on cpu |" in metric.double().float()(ref, dis).report  # nothing is lost
    assert "| bf16 on cpu |" in metric.to(torch.bfloat16)(ref, dis).report
    assert "| fp32 (weights rounded to bf16) on cpu |" in metric.float()(ref, dis).report
    assert "| fp32 on cpu |" in Metric(efficientnet, "l2", device="cpu")(ref, dis).report
    widened = Metric(efficientnet, "l2", device="cpu", precision="bf16").float()
    assert "| fp32 (weights rounded to bf16) on cpu |" in widened(ref, dis).report


def test_settings_that_are_made_meanwhile_stay(efficientnet):
    """Another thread computes all the while."""
    metric, entered, leave = Metric(efficientnet, device="cpu"), threading.Event(), threading.Event()

    def wait(*_):
        entered.set()
        leave.wait(30)

    metric.extractor.model.conv_stem.register_forward_hook(wait)
    before = torch.get_float32_matmul_precision()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(metric, *pairs(1)[0])
        assert entered.wait(30)
        torch.set_float32_matmul_precision("medium")
        leave.set()
        running.result()
    found = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(before)
    assert found == "medium"


def test_the_random_numbers_that_follow_are_the_users(efficientnet):
    features._load.cache_clear()
    torch.manual_seed(0)
    Metric(efficientnet, device="cpu")
    drawn = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(3))


def _in_child(queue, metric):
    queue.put((metric or Metric("dinov2_vits14", device="cpu"))(*pairs(1)[0]).score.item())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("default::DeprecationWarning")
@pytest.mark.parametrize("before", ["scored", "made", "multiplied"])
def test_a_forked_process_computes_with_one_thread(dinov2, before):
    """With more it would hang, whatever its parent had computed. The same bits: DINOv2 gives them on any number of threads."""
    metric = Metric(dinov2, device="cpu")
    if before == "multiplied":
        torch.rand(900, 900) @ torch.rand(900, 900)
    if before == "scored":
        metric(*pairs(1)[0])
    fork = multiprocessing.get_context("fork")
    queue = fork.SimpleQueue()
    child = fork.Process(target=_in_child, args=(queue, None if before == "multiplied" else metric))
    child.start()
    child.join(100)
    if child.is_alive():
        child.kill()
        pytest.fail("it hangs")
    assert queue.get() == metric(*pairs(1)[0]).score.item()


def test_threads_write_the_same_file_and_folder(tmp_path):
    def write(i):
        for _ in range(20):
            paths.make_folder(tmp_path / "folder")
            with paths.atomic(tmp_path / "folder" / "file.txt") as temporary:
                temporary.write_text(f"{i}" * 10_000, encoding="utf-8")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["file.txt"]
    assert len({*(tmp_path / "folder" / "file.txt").read_text(encoding="utf-8")}) == 1


def test_a_file_may_have_the_longest_name_there_is(tmp_path):
    file = tmp_path / ("ä" * 125 + ".json")  # 255 bytes
    with paths.atomic(file) as temporary:
        temporary.write_text("whole", encoding="utf-8")
    assert file.read_text(encoding="utf-8") == "whole"
