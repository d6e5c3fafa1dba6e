"""Every network of timm and open_clip is read rightly or refused in one sentence: no traceback, no wrong token."""

import open_clip
import pytest
import timm
import torch
from torch import nn

from fmiqa_core import backbones, protocol
from fmiqa_core.backbones import networks
from fmiqa_core.backbones.records import RAW_TOKENS, TOKENS, Backbone, Hub
from fmiqa_core.errors import InputError
from fmiqa_core.features import Features
from fmiqa_core.pair import Side


def of(arch: str) -> str:
    return f"timm:{timm.list_pretrained(f'{arch}.*')[0]}"


def smallest(module: str) -> str | None:
    """Of up to eight networks across a family of timm's that have weights, the one with the fewest parameters."""
    some = [arch for arch in timm.list_models(module=module) if timm.list_pretrained(f"{arch}.*")]
    found = {}
    for arch in some[:: -(-len(some) // 8) or 1]:
        with torch.device("meta"):
            found[of(arch)] = sum(p.numel() for p in timm.create_model(arch, pretrained=False).parameters())
    return min(found, key=found.get, default=None)


# No classifier of ImageNet-1k: other classes, or none
CLASSES = ["convnext_tiny.fb_in22k", "convnext_nano.in12k", "convnext_tiny.dinov3_lvd1689m", "convnext_base.clip_laion2b"]
CLASSES += ["convnextv2_atto.fcmae", "resnetv2_50x1_bit.goog_in21k", "mobilenetv3_large_100.miil_in21k"]
CLASSES += ["swin_tiny_patch4_window7_224.ms_in22k", "hgnetv2_b4.ssld_stage1_in22k_in1k", "tf_efficientnetv2_b0.in1k"]
CLASSES += ["qwen3_vit_416m_merge.qwen3_vl_8b"]  # whose last layer has another size by tag


def check_classes(model: str) -> None:
    """What is fetched, made by timm of the file's own classes without them, has every tensor of what is built here."""
    with torch.device("meta"):
        fetched = timm.create_model(model, pretrained=False, num_classes=0)
        if networks.is_vit(fetched):
            return
        whole = timm.create_model(model, pretrained=False).state_dict()  # what the hub has
    record = Backbone(model, "timm", model.split(".")[0], "cnn", 0, "", (0,) * 3, (1,) * 3, "", Hub(f"timm/{model}"))
    built, fetched = networks.outline(record).state_dict(), fetched.state_dict()
    assert built.keys() <= fetched.keys() <= whole.keys(), model
    assert all(built[name].shape == fetched[name].shape == whole[name].shape for name in built), model


@pytest.mark.parametrize("model", CLASSES)
def test_no_classifier_is_needed(model):
    check_classes(model)


EVERY = [pytest.param(20, marks=pytest.mark.long), pytest.param(1, marks=pytest.mark.exhaustive)]  # each twentieth, or each


@pytest.mark.parametrize("step", EVERY)
def test_no_model_needs_a_classifier(step):
    """Those with other classes than the tag that timm takes by default."""
    for model in timm.list_pretrained()[::step]:
        classes = [timm.get_pretrained_cfg(name).num_classes for name in (model, model.split(".")[0])]
        if classes[0] != classes[1] or "_merge." in model:
            check_classes(model)


QUICK = ["vit_tiny_patch16_224", "xcit_nano_12_p16_224", "cait_xxs24_224", "test_resnet", "test_efficientnet", "test_convnext"]


def record_or_refusal(name: str) -> Backbone | str:
    try:
        return backbones.get(name)
    except InputError as error:
        return str(error)


def check(name: str) -> None:
    record = record_or_refusal(name)
    if isinstance(record, str):
        assert "\n" not in record
        assert name in record
        return
    windows = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        layers, final = networks.read(networks.build(record).eval(), windows)
    if record.kind == "vit":
        assert len(layers) == record.layers
        assert len({layer.shape for layer in layers}) == 1
        assert 0 <= layers[0].shape[1] - record.patches <= final.shape[1] - record.patches
    else:
        assert len(layers) == record.layers
        assert all(layer.ndim == 4 for layer in layers)
        assert final.ndim == 2


@pytest.mark.parametrize("arch", QUICK)
def test_a_network_is_read(arch):
    check(backbones.get(of(arch)).name)


@pytest.mark.long
@pytest.mark.parametrize("module", timm.list_modules())
def test_a_network_of_every_family_is_read_or_refused(module):
    if name := smallest(module):
        check(name)


@pytest.mark.parametrize(
    ("arch", "why"),
    [
        ("swinv2_tiny_window8_256", "images of 256 px only"),
        ("maxvit_rmlp_pico_rw_256", "images of 256 px only"),
        ("convit_tiny", "the same tokens"),
        ("tnt_s_legacy_patch16_224", "the same tokens"),
    ],
)
def test_what_cannot_be_read_says_why(arch, why):
    with pytest.raises(InputError, match=why):
        backbones.get(of(arch))


SAMPLE = [
    "eva02_tiny_patch14_224",
    "beit_base_patch16_224",
    "vit_medium_patch16_reg4_gap_256",
    "vit_betwixt_patch16_reg4_gap_256",
]
SAMPLE += [
    "vit_tiny_patch16_224",
    "vit_small_patch14_reg4_dinov2",
    "deit_tiny_distilled_patch16_224",
    "vit_pe_spatial_tiny_patch16_512",
]


class Marked(nn.Module):
    """Stands in for a norm: what went through it is known by a fourth number in its last axis."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, device="meta"))

    def forward(self, x, *_):
        return torch.empty(*x.shape[:-1], x.shape[-1] + 4, device="meta")


def check_final(arch: str) -> None:
    """The network's last norm has seen the final tokens once, and the tokens before the patches are what timm says."""
    record = record_or_refusal(of(arch))
    if isinstance(record, str) or record.kind != "vit":
        return
    network = networks.outline(record)
    norm, channels = networks.final_norm(network), network.num_features
    assert record.final == (RAW_TOKENS if norm is None else TOKENS)
    for name in ("norm", "fc_norm"):
        if norm is not None and getattr(network, name, None) is norm:
            setattr(network, name, Marked())
            break
    with torch.device("meta"), torch.inference_mode():
        layers, final = networks.read(network, torch.empty(1, 3, 224, 224))
    assert layers[0].shape[2] == channels
    assert final.shape == (1, network.num_prefix_tokens + record.patches, channels + 4 * (norm is not None))
    assert record.class_token == (getattr(getattr(network, "embeds", network), "cls_token", None) is not None)
    assert getattr(network, "num_reg_tokens", 0) <= network.num_prefix_tokens


@pytest.mark.parametrize("arch", SAMPLE)
def test_final_tokens_are_normalised(arch):
    check_final(arch)


@pytest.mark.parametrize("step", EVERY)
def test_final_tokens_of_every_vision_transformer_are_normalised(step):
    for arch in timm.list_models()[::step]:
        if timm.list_pretrained(f"{arch}.*"):
            check_final(arch)


def test_named_records_sort_their_tokens():
    for record in backbones.BACKBONES.values():
        if record.kind == "vit":
            network = networks.outline(record)
            named = ("cls_token", "class_embedding")
            assert record.class_token == any(getattr(network, name, None) is not None for name in named), record.name


@pytest.mark.parametrize("name", ["eva02_vitb14", "timm:beit_base_patch16_224.in22k_ft_in22k"])
def test_final_tokens_of_pooling_networks_are_not_the_last_layer(name):
    record = backbones.get(name)
    model = networks.build(record).eval()
    norm = networks.final_norm(model)
    windows = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        layers, final = networks.read(model, windows)
        torch.testing.assert_close(final, norm(layers[-1]))
    assert not torch.equal(final, layers[-1])


@pytest.mark.parametrize(
    ("before", "has_class"), [(0, False), (1, True), (4, False), (5, True), (16, False), (17, True), (40, True)]
)
def test_tokens_are_sorted_by_what_they_are(before, has_class):
    """Patches of a 7 x 7 grid, and more before them than would make it 8 x 8."""
    tokens = torch.arange(49.0 + before)[None, None, :, None].expand(1, 2, -1, 3)
    features = Features(tokens.unbind(1), tokens[:, -1], 49, has_class)
    patches = Side(features, protocol.get("paper+patch_tokens"))
    assert torch.equal(patches.layers, tokens[:, :, before:])
    assert torch.equal(patches.grids[0].flatten(2, 3), tokens[:, :, before:])
    one = Side(features, protocol.get("paper+class_token"))
    expected = 0 if has_class else before + 24  # the first, or the mean of the patches
    assert one.layers[0, 0, 0, 0].item() == one.final[0, 0, 0].item() == expected
    assert torch.equal(features[:1].final, features.final)
    assert (features[:1].patches, features[:1].class_token) == (49, has_class)


PAIRS = [f"{arch}/{tag}" for arch, tag in open_clip.list_pretrained()]
SOME = [
    "roberta-ViT-B-32/laion2b_s12b_b32k",
    "ViT-B-32/openai",
    "ViT-H-14-worldwide/metaclip2_worldwide",
    "RN50x4-quickgelu/openai",
]


OTHERS = [pair for pair in PAIRS if pair not in SOME]
LATER = [pytest.param(p, marks=pytest.mark.exhaustive if i % 4 else pytest.mark.long) for i, p in enumerate(OTHERS)]


@pytest.mark.parametrize("pair", [*SOME, *LATER])
def test_a_pair_of_open_clip_gives_a_record_or_advice_that_helps(pair):
    name = f"open_clip:{pair}"
    record = record_or_refusal(name)
    if isinstance(record, str):
        _, _, advice = record.partition("use ")
        assert advice.startswith("open_clip:"), record
        assert advice.removesuffix(".") != name
        record = backbones.get(advice.removesuffix("."))
    assert record.layers > 0
    assert (record.patches is None) == (record.kind == "cnn")
