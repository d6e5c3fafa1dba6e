"""Positions of another grid: one rule for a family, whatever way the weights come, and any tokens before the grid."""

from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file

from fmiqa_core import backbones, report
from fmiqa_core.backbones import hub, networks, weight_formats, weights
from fmiqa_core.errors import InputError
from fmiqa_core.features import FeatureExtractor

DINOV2 = ("timm:vit_small_patch14_dinov2.lvd142m", "dinov2_vits14")


def test_the_same_weights_have_the_same_features_by_either_name(dinov2, tmp_path):
    named, file = backbones.get(dinov2), tmp_path / "mine.safetensors"
    save_file(weights.load(named), file)
    windows = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    both = [FeatureExtractor(backbones.get(name), torch.device("cpu"), "fp32", file) for name in DINOV2]
    with torch.inference_mode():
        one, other = (network(windows) for network in both)
    assert torch.equal(one.layers, other.layers)
    assert torch.equal(one.final, other.final)


def test_the_report_says_how_positions_were_resized(home, monkeypatch):
    place = torch.device("cpu")
    for name, words in {
        DINOV2[0]: "37 x 37 positions resized without antialias",
        "timm:vit_small_patch14_reg4_dinov2.lvd142m": "37 x 37 positions resized with antialias",
        "timm:test_vit.r160_in1k": "10 x 10 positions resized with antialias",
        "timm:vit_tiny_patch16_224.augreg_in21k": "",
    }.items():
        record = backbones.get(name)
        monkeypatch.setattr(hub, "fetch", lambda record: networks.build(record).state_dict())
        line = report.line(record, ["l2"], "paper", "fp32", place, weights.identity(record))
        assert words in line
        assert ("resized" in line) == bool(words)


def drawn(record, own_size: int) -> dict[str, torch.Tensor]:
    """The tensors of `record` at its own size, drawn from a seed: the file of a user."""
    torch.manual_seed(0)
    return timm.create_model(record.arch, pretrained=False, num_classes=0, img_size=own_size).state_dict()


@pytest.mark.parametrize(
    ("arch", "own_size"),
    [
        ("vit_small_patch14_reg4_dinov2", 518),
        ("vit_base_patch16_siglip_256", 256),
        ("vit_tiny_patch16_384", 384),
        ("vit_medium_patch16_reg4_gap_256", 256),
        ("deit_tiny_distilled_patch16_224", 256),
    ],
)
def test_files_with_any_tokens_before_the_grid(arch, own_size, tmp_path):
    record = backbones.get(f"timm:{timm.list_pretrained(f'{arch}.*')[0]}")
    state, wanted = drawn(record, own_size), networks.build(record).state_dict()
    save_file(state, tmp_path / "mine.safetensors")
    found = weight_formats.of_file(tmp_path / "mine.safetensors", record, wanted)
    assert all(torch.equal(found[name], state[name]) for name in found if name != "pos_embed")
    before = wanted["pos_embed"].shape[1] - record.patches
    grid = (224 // record.patch,) * 2
    theirs = timm.layers.resample_abs_pos_embed(state["pos_embed"], grid, num_prefix_tokens=before)
    torch.testing.assert_close(found["pos_embed"], theirs)


def test_a_file_of_the_authors_of_dinov2_with_registers(tmp_path):
    """Its class token has a position of its own, which timm adds to the token."""
    record = backbones.get("timm:vit_small_patch14_reg4_dinov2.lvd142m")
    state = drawn(record, 518)
    row = torch.rand(1, 1, 384, generator=torch.Generator().manual_seed(1))
    theirs = state | {"register_tokens": state["reg_token"], "pos_embed": torch.cat([row, state["pos_embed"]], dim=1)}
    del theirs["reg_token"]
    save_file(theirs | {"mask_token": torch.zeros(1, 384)}, tmp_path / "theirs.safetensors")
    save_file(state | {"cls_token": state["cls_token"] + row}, tmp_path / "timm.safetensors")
    wanted = networks.build(record).state_dict()
    one, other = (weight_formats.of_file(tmp_path / f"{name}.safetensors", record, wanted) for name in ("theirs", "timm"))
    assert all(torch.equal(one[name], other[name]) for name in wanted)


@pytest.mark.parametrize("rows", [210, 1, 0])
def test_positions_that_are_no_grid_are_refused(rows, tmp_path):
    record = backbones.get("timm:vit_tiny_patch16_224.augreg_in21k")
    state = drawn(record, 224)
    save_file(state | {"pos_embed": torch.zeros(1, rows, 192)}, tmp_path / "mine.safetensors")
    with pytest.raises(InputError, match="pos_embed"):
        weight_formats.of_file(tmp_path / "mine.safetensors", record, state)


def test_a_part_of_a_hugging_face_file_is_refused(tmp_path):
    record = backbones.get("timm:vit_tiny_patch16_224.augreg_in21k")
    save_file({"encoder.layer.0.norm1.weight": torch.zeros(192)}, tmp_path / "mine.safetensors")
    with pytest.raises(InputError, match="tensors missing"):
        weight_formats.of_file(tmp_path / "mine.safetensors", record, drawn(record, 224))


def test_weights_converted_with_another_rule_are_refused(home, monkeypatch):
    """The older fmiqa kept the grid of a window, resized with antialias, of what has its own grid now."""
    record = replace(backbones.get(DINOV2[0]), name="old")
    monkeypatch.setattr(hub, "fetch", lambda record: networks.build(record).state_dict())
    weights.load(record)
    with pytest.raises(InputError, match="older fmiqa"):
        weights.load_into(networks.build(record), record)
