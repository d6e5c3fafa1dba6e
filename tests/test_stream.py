"""Batches by the device, not by the reference: what a GPU runs, run here on the CPU, gives what the CPU's own way gives."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fmiqa_core import compare, features, images, scoring, windows
from fmiqa_core.backbones import devices
from fmiqa_core.backbones.records import BACKBONES
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError
from fmiqa_core.features import FeatureExtractor
from fmiqa_core.scoring import feeder, one_thread, stream, units, work


@pytest.fixture
def few(demo_home):
    """Three references with three distorted images each, one of which is the reference itself."""
    dataset = datasets.load("demo")
    table = dataset.table
    kept = table[table["distortion"].eq("blur") & table["level"].le(3)].iloc[:9].reset_index(drop=True)
    (dataset.folder / kept["dis"][4]).write_bytes((dataset.folder / kept["ref"][4]).read_bytes())
    assert kept["ref"].nunique() == 3
    return replace(dataset, table=kept)


@pytest.fixture
def filled(monkeypatch):
    """Batches as on a GPU."""
    monkeypatch.setattr(compare, "one_by_one", lambda device: False)


def score(data, out, backbone, **options):
    return scoring.score_dataset(data, out, backbone, device="cpu", **options)


def unit_bytes(out):
    return {file.name: file.read_bytes() for file in (out / "units").glob("*.json")}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("efficientnet_lite0", {"batch_size": 7}),
        ("efficientnet_lite0", {"batch_size": 7, "protocol_name": "corrected", "perturbation": "tra"}),
        ("dinov2_vits14", {"batch_size": 10, "distances": ["l2", "cos", "skld", "jsd", "wsd", "embed_cos"]}),
        ("dinov2_vits14", {"batch_size": 10, "distances": ["embed_cos"]}),
        ("dinov2_vits14", {"batch_size": 10, "variants": {"corrected": ["l2", "wsd"], "corrected+class_token": ["cos"]}}),
        ("efficientnet_lite0", {"batch_size": 3}),  # fewer than an image has: the reference's in parts
    ],
)
def test_filled_batches_give_the_same_scores(few, home, dinov2, efficientnet, monkeypatch, passes, name, options):
    few = replace(few, table=few.table.iloc[2:8]) if name.startswith("dino") else few
    own = score(few, home / "own", name, **options)
    monkeypatch.setattr(compare, "one_by_one", lambda device: False)
    passes.clear()
    found = score(few, home / "filled", name, **options)
    columns = [column for column in own if "score_" in column or "layer_" in column]
    assert [*found] == [*own]
    for column in columns:
        np.testing.assert_allclose(found[column], own[column], rtol=2e-5, atol=1e-9)
    assert {*passes} == {options["batch_size"]}  # all of one shape, over the borders of images and references
    each = found["n_windows"].iloc[0]
    if options["batch_size"] >= each and "perturbation" not in options:
        count = each * (len(few.table) - 1 + few.table["ref"].nunique())  # one image is its reference, and is not computed
        assert len(passes) <= -(-count // options["batch_size"]) + 1


def test_a_reference_itself_is_at_zero_in_filled_batches(few, home, efficientnet, filled):
    table = score(few, home / "out", efficientnet, batch_size=7, distances=["l2"])
    zero = table["score_l2"].eq(0)
    assert zero.sum() == 1
    assert table["dis"][zero].item() == few.table["dis"][4]


def test_bytes_do_not_depend_on_what_shares_a_batch(few, home, efficientnet, filled):
    """All references at once, each in a task of its own, and going on after a part: the same files, of a CNN, too."""
    score(few, home / "whole", efficientnet, batch_size=7)
    with ThreadPoolExecutor(1) as pool:
        score(few, home / "alone", efficientnet, batch_size=7, executor=pool)
    score(few, home / "part", efficientnet, batch_size=7)
    for file in list((home / "part" / "units").glob("*.json"))[:2]:
        file.unlink()
    assert score(few, home / "part", efficientnet, batch_size=7).attrs["computed_units"] == 2
    assert unit_bytes(home / "whole") == unit_bytes(home / "alone") == unit_bytes(home / "part")
    assert len(unit_bytes(home / "whole")) == 3


def test_too_little_memory_in_filled_batches(few, home, efficientnet, filled, monkeypatch, capsys):
    """In the network, and in the comparison, when the reference's features have been kept already."""
    whole = score(few, home / "whole", efficientnet, distances=["l2", "cos"], batch_size=8)
    forward, compared = features.FeatureExtractor.forward, compare.compare

    def small(self, crops, *args):
        if len(crops) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, crops, *args)

    def smaller(ref, dis, *args):
        if len(ref[0]) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return compared(ref, dis, *args)

    monkeypatch.setattr(features.FeatureExtractor, "forward", small)
    monkeypatch.setattr(compare, "compare", smaller)
    table = score(few, home / "out", efficientnet, distances=["l2", "cos"], batch_size=8)
    assert "goes on with 2 windows a batch" in capsys.readouterr().err
    assert {*table.attrs["halved"].values()} == {2}
    for column in ("score_l2", "score_cos"):
        np.testing.assert_allclose(table[column], whole[column], rtol=2e-5)


def test_a_damaged_image_fails_its_own_reference_only(few, home, efficientnet, filled):
    (few.folder / few.table["dis"][4]).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"1 of 3 references failed") as caught:
        score(few, home / "out", efficientnet, batch_size=7, distances=["l2"])
    assert few.table["ref"][4] in str(caught.value)
    assert len(unit_bytes(home / "out")) == 2


def test_8_bit_windows_are_what_floats_were(demo_home):
    """Cut and scaled where the network is, from an image as it lies in memory after decoding."""
    dataset = datasets.load("demo")
    image = images.read(dataset.folder / dataset.table["ref"][0])
    large = image.resize((3000, 2000))  # which Pillow keeps in several pieces
    for one in (image, large, image.crop((3, 5, 230, 240)), image.rotate(-1)):
        assert torch.equal(feeder.planes(feeder.pixels_of(one)), images.to_pixels(one))
    places = windows.positions(image.height, image.width)
    cut = windows.at(feeder.planes(feeder.pixels_of(image)), places)
    record = BACKBONES["dinov2_vits14"]
    whole = windows.at(images.to_tensor(image), places)
    for name in ("paper", "corrected"):
        switches = compare.protocol_for(record, name)
        found = compare.inputs(cut, record, switches)
        assert torch.equal(found, compare.inputs(whole, record, switches))
        assert found.is_contiguous()
    levels = torch.arange(256, dtype=torch.uint8).expand(1, 3, 1, 256)
    assert torch.equal(compare.inputs(levels, record), (levels.float().double() / 255).float())


@pytest.fixture
def some(few, home, efficientnet):
    settings = scoring.Settings(efficientnet, ["l2"], device="cpu").checked()
    return scoring.run._units(few, home, settings, settings.determining("x"))[0]


def fed(some, pool, part=12):
    switches = next(iter(some[0].settings.protocols.values()))
    return feeder.feed(some, pool, switches, part, pin=False)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_images_come_in_order_whatever_the_threads(some, threads):
    with ThreadPoolExecutor(threads) as pool:
        found = [
            (one.work.unit.ref, one.number, feeder.planes(one.future.result().pixels).sum().item()) for one in fed(some, pool)
        ]
    expected = [(unit.ref, number) for unit in some for number in (None, *range(len(unit.dis)))]
    assert [one[:2] for one in found] == expected
    alone = [images.read(unit.folder / name) for unit in some for name in (unit.ref, *unit.dis)]
    assert [one[2] for one in found] == [int(np.asarray(image, dtype=np.int64).sum()) for image in alone]


@pytest.mark.parametrize(("room", "most"), [(1, 1), (400_000, 4), (2**28, 12)])
def test_what_waits_is_bounded(some, monkeypatch, room, most):
    """Bytes of decoded images that are ahead of who takes them; one image at least."""
    monkeypatch.setattr(feeder, "AHEAD", room)
    made = []
    read = feeder.read_distorted

    def counted(unit, number, *args):
        made.append(read(unit, number, *args))
        return made[-1]

    monkeypatch.setattr(feeder, "read_distorted", counted)
    taken, ahead = 0, []
    with ThreadPoolExecutor(2) as pool:
        for one in fed(some, pool):
            one.future.result()
            pool.submit(int).result()
            pool.submit(int).result()
            taken += one.number is not None
            ahead.append(len(made) - taken)
    assert taken == 9
    assert max(ahead) <= most
    size = made[0].pixels.numel()
    assert (max(ahead) - 1) * size <= max(room, size)


def test_a_large_reference_takes_turns(some):
    """With more windows than a batch: its distorted images once for each part of them."""
    with ThreadPoolExecutor(2) as pool:
        turns = [(one.number, tuple(one.part)) for one in fed(some[:1], pool, part=3)]
        places = next(iter(fed(some[:1], pool))).future.result().places
    parts = [tuple(places[i : i + 3]) for i in range(0, len(places), 3)]
    assert turns == [(None, ()), *((number, part) for part in parts for number in range(3))]


def test_a_run_that_is_left_stops_reading(some):
    run = stream.compute(some)
    unit, error = next(run)
    run.close()
    assert error is None
    assert units.read(unit) is not None
    assert one_thread.pool().submit(int).result() == 0


@pytest.mark.parametrize("way", ["filled", "own"])
def test_memory_that_is_too_small_twice(few, home, efficientnet, monkeypatch, way):
    """A batch that is halved, and in its first half again, loses no window."""
    if way == "filled":
        monkeypatch.setattr(compare, "one_by_one", lambda device: False)
    whole = score(few, home / "whole", efficientnet, distances=["l2"], batch_size=8)
    forward = FeatureExtractor.forward

    def small(self, crops, *args):
        if len(crops) > 1:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return forward(self, crops, *args)

    monkeypatch.setattr(FeatureExtractor, "forward", small)
    found = score(few, home / "out", efficientnet, distances=["l2"], batch_size=8)
    assert found["n_windows"].equals(whole["n_windows"])
    np.testing.assert_allclose(found["score_l2"], whole["score_l2"], rtol=2e-5)


def test_lost_windows_are_no_scores(few, home, efficientnet, monkeypatch):
    add = work.Work.add
    monkeypatch.setattr(work.Work, "add", lambda self, columns, numbers, images: add(self, columns, numbers[1:], images[1:]))
    with pytest.raises(InputError, match="windows are missing"):
        score(few, home / "out", efficientnet, distances=["l2"])
    assert not unit_bytes(home / "out")


def test_a_device_that_is_full_fails_the_reference_alone(few, home, efficientnet, monkeypatch):
    """Where its images do not fit, or its numbers cannot be brought back."""
    pixels, fetched, count = stream._Stream._pixels, work.Work.fetched, []

    def full(self, *args):
        count.append(1)
        if len(count) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pixels(self, *args)

    def full_later(self):
        if self.unit.ref == few.table["ref"].iloc[-1]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return fetched(self)

    monkeypatch.setattr(stream._Stream, "_pixels", full)
    monkeypatch.setattr(work.Work, "fetched", full_later)
    with pytest.raises(InputError, match=r"2 of 3 references failed.*memory for its images on cpu.*memory for its numbers"):
        score(few, home / "out", efficientnet, distances=["l2"])
    assert len(unit_bytes(home / "out")) == 1


@pytest.mark.parametrize("on_gpu", [True, False])
def test_numbers_are_waited_for_on_their_own_device(monkeypatch, on_gpu):
    """No device is here: what torch is asked for. An event without a stream is one of the current device, which is another."""
    asked = {}

    class Event:
        def __init__(self, **options):
            pass

        def record(self, stream=None):
            asked["stream"] = stream

        def synchronize(self):
            asked["waited"] = True

    class Numbers:
        is_cuda, device = on_gpu, torch.device("cuda:1" if on_gpu else "mps")

        def to(self, place, non_blocking=False):
            asked["non_blocking"] = non_blocking
            return place

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device=None: f"of {device}")
    assert work.Fetched(Numbers()).wait() == "cpu"
    of_gpu = {"non_blocking": True, "stream": "of cuda:1", "waited": True}
    assert asked == (of_gpu if on_gpu else {"non_blocking": False})


def test_of_several_bad_images_the_first_is_told(few, home, efficientnet):
    first, second = few.table["dis"].iloc[[3, 5]]
    for name in (first, second):
        (few.folder / name).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"1 of 3 references failed") as caught:
        score(few, home / "out", efficientnet, distances=["l2"])
    assert first in str(caught.value)
    assert second not in str(caught.value)


def test_tf32_from_end_to_end(few, home, efficientnet, monkeypatch):
    """On a CPU, which is said to have it and computes as ever: the unit's key, the folder and the report know its name."""
    monkeypatch.setattr(devices, "check", lambda name="auto", precision="fp32": torch.device("cpu"))
    few = replace(few, table=few.table.iloc[:1])
    table = score(few, home / "out", efficientnet, distances=["l2"], precision="tf32")
    assert "tf32 on cpu" in table.attrs["report"]
    assert table["score_l2"].equals(score(few, home / "fp32", efficientnet, distances=["l2"])["score_l2"])
    assert {*scoring.ARITHMETIC} == {*devices.PRECISIONS}


@pytest.mark.parametrize(("gigabytes", "small", "large"), [(8, 48, 24), (16, 96, 48), (80, 288, 144), (140, 288, 144)])
def test_batches_fit_a_gpu(gigabytes, small, large, monkeypatch):
    """A window with all distances but swd takes 72 MB of DINOv2 ViT-S and 144 MB of ViT-B: peaks, measured on a CPU."""
    found = SimpleNamespace(total_memory=gigabytes * 10**9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: found)
    for width, size, needed in ((4000, small, 72e6), (9000, large, 144e6)):
        network = torch.nn.Linear(width, width, device="meta")
        assert devices.batch_size(network, torch.device("cuda:1")) == size
        assert size * needed < 0.6 * found.total_memory
