"""Every family of backbone, without its weights: layers are what hooks on the original blocks see.

Networks are drawn from a seed: their numbers mean nothing, their structure is that of the real ones.
"""

import functools
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from fmiqa_core import backbones, cli, compare, distances, report
from fmiqa_core.backbones import hub, networks, weight_formats, weights
from fmiqa_core.backbones.records import BACKBONES, Hub
from fmiqa_core.errors import InputError
from fmiqa_core.features import FeatureExtractor, Features
from fmiqa_core.files import hashes

QUICK = [
    "clip_vitb32",
    "clip_rn50",
    "timm:vit_tiny_patch16_224.augreg_in21k",
    "timm:swin_tiny_patch4_window7_224.ms_in1k",
]
LONG = [
    "dino_vitb16",
    "dinov2_vitb14",
    "openclip_convnext_base_w",
    "dinov3_vitb16",
    "siglip2_vitb16",
    "eva02_vitb14",
    "open_clip:ViT-B-32/laion2b_s34b_b79k",
]
ALL = [*QUICK, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)]


@functools.lru_cache(maxsize=2)
def network(name: str) -> nn.Module:
    """The network with weights drawn from a seed, all alike: the libraries' own initialisation takes most of a minute."""
    with pytest.MonkeyPatch.context() as patch:
        for draw in ("trunc_normal_", "normal_", "xavier_uniform_", "kaiming_normal_", "kaiming_uniform_", "uniform_"):
            patch.setattr(nn.init, draw, lambda tensor, *_args, **_options: tensor)
        model = networks.build(backbones.get(name)).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1 or name.endswith(("bias", "class_embedding")):  # norms keep their ones
                parameter.uniform_(-0.05, 0.05, generator=generator)
    return model


@pytest.fixture(scope="module")
def crops():
    return torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))


def blocks(model: nn.Module) -> list[nn.Module]:
    """The modules that the authors' hooks would sit on, found by their names in the original networks."""
    model = getattr(model, "trunk", model)
    if hasattr(model, "transformer"):
        return list(model.transformer.resblocks)
    if hasattr(model, "attnpool"):
        return [model.avgpool, model.layer1, model.layer2, model.layer3, model.layer4]
    if hasattr(model, "stages"):
        return [block for stage in model.stages for block in stage.blocks]
    return list(model.layers if hasattr(model, "layers") else model.blocks)


@pytest.mark.parametrize("name", ALL)
def test_layers_are_the_outputs_of_the_blocks(name, crops):
    record, model, seen = backbones.get(name), network(name), []
    handles = [block.register_forward_hook(lambda _m, _i, out: seen.append(out.clone())) for block in blocks(model)]
    with torch.inference_mode():
        model(crops)
        hooked, _ = list(seen), [handle.remove() for handle in handles]
        layers, final = networks.read(model, crops)
        swapped, _ = networks.read(model, crops.flip(0))
    assert len(hooked) == record.layers == len(layers)
    for one, other, theirs in zip(layers, swapped, hooked, strict=True):
        theirs = theirs.movedim(-1, 1) if name.startswith("timm:swin") else theirs  # swin keeps channels last
        assert one.shape == theirs.shape
        torch.testing.assert_close(one, theirs, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(other, one.flip(0), rtol=1e-3, atol=1e-4)  # the first axis is the batch
    assert len(final) == len(crops)
    if record.kind == "vit":
        others = {"dinov3_vitb16": 5, "siglip2_vitb16": 0}.get(name, 1)  # class token and registers
        assert layers[0].shape[1] == others + (224 // record.patch) ** 2


@pytest.mark.parametrize("name", [*ALL, "efficientnet_lite0"])
def test_a_forward_pass_ends_behind_the_last_layer_that_is_read(name, crops):
    """And what it reads is what a whole one does."""
    record, model = backbones.get(name), network(name)
    within, counted = blocks(model), []
    ends = [*range(1, len(within) + 1)]
    if name == "efficientnet_lite0":
        ends = [1, 2, 3, 5, 7]  # stages that do not shrink the map belong to the level before
    handles = [block.register_forward_pre_hook(lambda _m, _i: counted.append(1)) for block in within]
    with torch.inference_mode():
        taps, final = networks.read(model, crops)
        for wanted in ([record.layers // 3], [0, record.layers // 2], [record.layers - 1], [*range(record.layers)]):
            counted.clear()
            found, nothing = networks.read(model, crops, None if len(wanted) == record.layers else wanted, final=False)
            assert nothing is None
            assert len(counted) == ends[wanted[-1]]
            assert len(found) == len(wanted)
            assert all(torch.equal(one, taps[i]) for one, i in zip(found, wanted, strict=True))
        kept, last = networks.read(model, crops, (), final=True)
        some, same = networks.read(model, crops, [1], final=True)
    _ = [handle.remove() for handle in handles]
    assert kept == ()
    assert torch.equal(some[0], taps[1])
    assert torch.equal(last, final)
    assert torch.equal(same, final)


@pytest.mark.parametrize("name", ["clip_vitb32", "clip_rn50", pytest.param("siglip2_vitb16", marks=pytest.mark.long)])
def test_every_distance_of_a_backbone_runs(name, crops):
    record = backbones.get(name)
    with torch.inference_mode():
        ref, dis = (Features(*networks.read(network(name), x)) for x in (crops[:1], crops[1:]))
        found = compare.compare([distances.Side(ref)], [distances.Side(dis)], compare.available(record))
        same = compare.compare([distances.Side(ref)], [distances.Side(ref)], ("l2", "cos"))
    assert set(found) == set(compare.available(record))
    assert all(torch.isfinite(value).all() and value.item() > 0 for value, _ in found.values())
    assert same["l2"][0].item() == 0
    zero_rows = [(layer == 0).all(-1).float().mean().item() for layer in ref.layers] if record.kind == "cnn" else [0]
    assert same["cos"][0].item() == pytest.approx(sum(zero_rows), abs=1e-6)  # an all-zero row counts 1, as in fp32 torch


def test_clip_rn50_says_that_zero_rows_count():
    place = torch.device("cpu")
    assert "all-zero rows" in report.line(BACKBONES["clip_rn50"], ["cos"], "paper", "fp32", place, ("x", "y"))
    assert "all-zero" not in report.line(BACKBONES["clip_vitb32"], ["cos"], "paper", "fp32", place, ("x", "y"))


@pytest.mark.parametrize("name", ["clip_vitb32", "clip_rn50"])
def test_openai_weights_get_their_activation(name):
    """open_clip only warns where it is another, and computes something else."""
    arch = BACKBONES[name].arch
    assert arch.endswith("-quickgelu")
    with pytest.raises(InputError, match=f"use open_clip:{arch}/openai"):
        backbones.get(f"open_clip:{arch.removesuffix('-quickgelu')}/openai")
    if name == "clip_vitb32":
        assert {type(block.mlp.gelu).__name__ for block in network(name).transformer.resblocks} == {"QuickGELU"}
    assert "GELU" in {
        type(block.mlp.gelu).__name__ for block in networks.build(BACKBONES["tecoa4_vitb32"]).transformer.resblocks
    }


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("timm:vit_tiny_patch16_224.augreg_in21", "augreg_in21k"),
        ("timm:vit_tinny_patch16_224", "vit_tiny_patch16_224"),
        ("open_clip:ViT-B-32/laion", "laion2b_s34b_b79k"),
        ("open_clip:ViT-B-23/openai", "ViT-B-32"),
        ("timm:", "timm:<id>"),
        ("clip_vitb23", "clip_vitb32"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(name, hint):
    with pytest.raises(InputError, match=hint):
        backbones.get(name)


TINY = replace(backbones.get("timm:vit_tiny_patch16_224.augreg_in21k"), name="tiny", eps=1e-12)


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(3)
    return networks.build(TINY).state_dict()


@pytest.mark.parametrize("wrapper", ["", "module.", "model."])
@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_weights_of_a_file(tiny, tmp_path, wrapper, ending):
    file = tmp_path / f"mine.{ending}"
    state = {wrapper + name: tensor for name, tensor in tiny.items()} | {wrapper + "head.weight": torch.zeros(3, 192)}
    save_file(state, file) if ending == "safetensors" else torch.save({"state_dict": state, "epoch": 3}, file)
    found = FeatureExtractor(TINY, torch.device("cpu"), "fp32", file)
    assert all(torch.equal(found.model.state_dict()[name], tensor) for name, tensor in tiny.items())
    assert not found.model.training
    assert {m.eps for m in found.model.modules() if isinstance(m, nn.LayerNorm)} == {1e-12}
    assert (found.weights, found.sha256) == (f"of the file mine.{ending}", hashes.of(file))


def test_weights_with_hugging_face_names(tiny, tmp_path):
    """The names of Hugging Face's ViT, written out here by hand, lead back to timm's."""
    theirs = {"vit.embeddings.cls_token": tiny["cls_token"], "vit.embeddings.position_embeddings": tiny["pos_embed"]}
    for part in ("weight", "bias"):
        theirs[f"vit.embeddings.patch_embeddings.projection.{part}"] = tiny[f"patch_embed.proj.{part}"]
        theirs[f"vit.layernorm.{part}"] = tiny[f"norm.{part}"]
        for i in range(12):
            old, new = f"vit.encoder.layer.{i}", f"blocks.{i}"
            for name, value in zip(("query", "key", "value"), tiny[f"{new}.attn.qkv.{part}"].chunk(3), strict=True):
                theirs[f"{old}.attention.attention.{name}.{part}"] = value.clone()
            theirs[f"{old}.attention.output.dense.{part}"] = tiny[f"{new}.attn.proj.{part}"]
            theirs[f"{old}.intermediate.dense.{part}"] = tiny[f"{new}.mlp.fc1.{part}"]
            theirs[f"{old}.output.dense.{part}"] = tiny[f"{new}.mlp.fc2.{part}"]
            theirs[f"{old}.layernorm_before.{part}"] = tiny[f"{new}.norm1.{part}"]
            theirs[f"{old}.layernorm_after.{part}"] = tiny[f"{new}.norm2.{part}"]
    save_file({name: tensor.contiguous() for name, tensor in theirs.items()}, tmp_path / "hf.safetensors")
    found = weight_formats.of_file(tmp_path / "hf.safetensors", TINY, tiny)
    assert all(torch.equal(found[name], tensor) for name, tensor in tiny.items())


class Harmful:
    def __reduce__(self):
        return print, ("this must never run",)


@pytest.mark.parametrize("case", ["missing", "other", "pickle", "damaged", "no dict"])
def test_weights_that_do_not_fit_are_refused(case, tiny, tmp_path, photo, refused, capsys):
    file = tmp_path / "bad.pth"
    content = {"other": {"a": torch.zeros(2)}, "pickle": {"a": Harmful()}, "no dict": torch.zeros(2)}.get(case)
    if content is not None:
        torch.save(content, file)
    elif case == "damaged":
        file.write_bytes(b"not a weight file")
    line = refused(
        "score", photo, photo, "--backbone", "timm:vit_tiny_patch16_224.augreg_in21k", "--weights", file, "--device", "cpu"
    )
    words = {
        "missing": "No such",
        "other": "not of the architecture",
        "pickle": "more than tensors",
        "damaged": "is damaged",
        "no dict": "no state dict",
    }
    assert words[case] in line
    assert "this must never run" not in capsys.readouterr().out


def test_hub_weights_are_recorded_and_enforced(tiny, home, monkeypatch):
    """Stands in for the model hub, which tests do not reach: the first download is written down, another is refused."""
    record = replace(TINY, name="tiny", weights=Hub("timm/tiny"))
    monkeypatch.setattr(hub, "fetch", lambda _record: dict(tiny))
    source, sha256 = weights.identity(record)
    assert "timm/tiny" in source
    assert sha256 == weights.digest(tiny)
    assert weights.load(record).keys() == tiny.keys()
    weights.find(record).unlink()
    monkeypatch.setattr(hub, "fetch", lambda _record: {**tiny, "cls_token": tiny["cls_token"] + 1})
    with pytest.raises(InputError, match="not those of the first download"):
        weights.load(record)
    assert weights.find(record) is None


def test_without_the_hub_the_remedy_is_named(bare_home, ran):
    status, out, err = ran("download", "dino_vitb16")
    assert (status, out) == (2, "")
    line = err.splitlines()[-1]
    assert "--weights FILE" in line
    assert "dino_vitb16.safetensors" in line


def test_doctor_lists_every_backbone(home, capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert all(any(row[:1] == [name] and row[1] in ("here", "missing") for row in rows if len(row) > 2) for name in BACKBONES)
