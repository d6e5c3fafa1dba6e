"""`--weights FILE` takes what the authors' own tools leave: the features are those of the network that the file came from."""

import argparse
import json
import pickle
import re
import zipfile
from dataclasses import replace

import open_clip
import pytest
import timm
import torch
from safetensors.torch import save_file

from fmiqa_core import backbones
from fmiqa_core.backbones import networks, other_names, torch_files, weight_formats
from fmiqa_core.errors import InputError
from fmiqa_core.features import FeatureExtractor

CPU = torch.device("cpu")
TEXT = {"context_length": 8, "vocab_size": 32, "width": 64, "heads": 1, "layers": 1}
CLIPS = {  # as large as ViT-B-32 and RN50 in all but numbers
    "tiny-ViT": {"image_size": 224, "layers": 2, "width": 64, "patch_size": 32},
    "tiny-RN": {"image_size": 224, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None},
}


def drawn(model: torch.nn.Module) -> torch.nn.Module:
    """`model` with every number drawn from a seed, in eval mode, so that none is what an initialisation gives."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.1 + 0.02)
    return model.eval()


@pytest.fixture(scope="module")
def windows():
    return torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """name -> record of a small CLIP, and open_clip's own model of it."""

    def made(name):
        config = tmp_path_factory.mktemp("configs") / f"{name}.json"
        about = {"embed_dim": 16, "quick_gelu": True, "vision_cfg": CLIPS[name], "text_cfg": TEXT}
        config.write_text(json.dumps(about), encoding="utf-8")
        open_clip.add_model_config(config)
        record = backbones.get("clip_vitb32" if name == "tiny-ViT" else "clip_rn50")
        model = drawn(open_clip.create_model(name, load_weights=False))
        return replace(record, arch=name, layers=2 if name == "tiny-ViT" else 5), model

    return made


def of(record, file) -> FeatureExtractor:
    return FeatureExtractor(record, CPU, "fp32", file)


def same(record, file, state, windows) -> None:
    """`file` gives the features that the network with the tensors `state` gives."""
    network = networks.build(record).eval().requires_grad_(False)
    network.load_state_dict(state)
    with torch.inference_mode():
        layers, final = networks.read(network, windows)
        found = of(record, file)(windows)
    pairs = zip(layers, found.taps, strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)
    assert torch.equal(final, found.final)


@pytest.mark.filterwarnings("ignore")  # torch's tracer warns of what it fixes, and of itself
@pytest.mark.parametrize("name", CLIPS)
def test_openais_torchscript_archives(name, clip, tmp_path, windows):
    """ViT-B-32.pt and RN50.pt are such archives, in half precision."""
    record, model = clip(name)
    visual = {name: tensor.half().float() for name, tensor in model.visual.state_dict().items()}
    visual = {name: tensor.long() if name.endswith("tracked") else tensor for name, tensor in visual.items()}
    model = model.half()
    traced = torch.jit.trace(model, (windows.half(), torch.zeros(2, 8, dtype=torch.long)), check_trace=False)
    torch.jit.save(traced, tmp_path / "clip.pt")
    same(record, tmp_path / "clip.pt", visual, windows)


VIT = replace(backbones.get("timm:vit_tiny_patch16_224.augreg_in21k"), name="tiny")


@pytest.fixture(scope="module")
def vit():
    return drawn(networks.build(VIT))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrapper", ["module.backbone.", "backbone."])
def test_dinos_full_checkpoint(vit, zipped, wrapper, tmp_path, windows):
    """Student and teacher, the optimizer, and the arguments as an object of Python's."""
    state = vit.state_dict()
    teacher = {f"{wrapper}{name}": tensor for name, tensor in state.items()}
    teacher |= {"head.mlp.0.weight": torch.ones(4, 4), "head.last_layer.weight_g": torch.ones(4, 1)}
    optimizer = torch.optim.AdamW(vit.parameters())
    content = {
        "student": {f"module.backbone.{name}": tensor + 1 for name, tensor in state.items()},
        "teacher": teacher,
        "optimizer": optimizer.state_dict(),
        "epoch": 100,
        "args": argparse.Namespace(arch="vit_tiny", lr=0.0005),
        "dino_loss": {"center": torch.zeros(1, 4)},
    }
    torch.save(content, tmp_path / "full.pth", _use_new_zipfile_serialization=zipped)
    same(VIT, tmp_path / "full.pth", state, windows)


class Harmful:
    def __reduce__(self):
        return print, ("this must never run",)


@pytest.mark.parametrize("how", ["beside", "whole module", "weights of an average"])
def test_what_else_a_file_holds_is_not_run(how, vit, tmp_path, windows, capsys):
    state, file = vit.state_dict(), tmp_path / "mine.pt"
    if how == "beside":
        torch.save({"model": state, "hooks": Harmful()}, file)
    elif how == "whole module":
        torch.save(vit, file)
    else:
        both = {
            f"{who}.{name}": tensor + (who == "student") for who in ("student", "teacher") for name, tensor in state.items()
        }
        torch.save({"state_dict": both, "callbacks": {"a": Harmful()}}, file)
    same(VIT, file, state, windows)
    assert "never" not in capsys.readouterr().out


@pytest.mark.parametrize("how", ["call", "short", "storage", "no numbers"])
def test_crafted_archives_are_refused(how, tmp_path, capsys):
    file = tmp_path / "bad.pt"
    torch.save({"a": torch.ones(3)}, file)
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    pickled, numbers = (next(name for name in parts if name.endswith(end)) for end in ("/data.pkl", "/data/0"))
    if how == "call":
        parts[pickled] = pickle.dumps({"a": Harmful()})
    elif how == "short":
        parts[numbers] = parts[numbers][:4]
    elif how == "storage":
        parts[pickled] = parts[pickled].replace(b"FloatStorage", b"WrongStorage")
    else:
        del parts[numbers]
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="damaged"):
        weight_formats.of_file(file, VIT, {})
    assert "never" not in capsys.readouterr().out


def test_a_tensor_reaches_no_further_than_its_own_numbers(tmp_path):
    """A view that a pickle asks for lies within one record of the archive, not in what stands beside it in memory."""
    file = tmp_path / "bad.pt"
    recipe = torch_files._Recipe((torch.float32, "0", "cpu", 2), 0, (1000,), (1,))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data/0", b"\0" * 8)
        archive.writestr("a/data/1", b"\1" * 8000)
    with zipfile.ZipFile(file) as archive, pytest.raises(RuntimeError, match="out of bounds"):
        torch_files._made(recipe, archive, bytearray(file.read_bytes()), "a/data")


DINOV3 = ["vit_tiny_patch16_dinov3_qkvb.eupe_lvd1689m"]
OTHERS = [f"vit_small_{kind}.lvd1689m" for kind in ("patch16_dinov3", "patch16_dinov3_qkvb", "plus_patch16_dinov3_qkvb")]


def metas(state: dict) -> dict:
    """timm's DINOv3 -> the names of Meta's own files, written out by hand."""
    channels = state["cls_token"].shape[-1]
    out = {"mask_token": torch.zeros(1, channels), "rope_embed.periods": torch.ones(16), "storage_tokens": state["reg_token"]}
    ours = {r"gamma_(\d)": r"ls\1.gamma", r"mlp\.fc1_g": "mlp.w1", r"mlp\.fc1_x": "mlp.w2"}
    ours |= {r"mlp\.fc2": "mlp.w3"} if any("fc1_g" in name for name in state) else {}
    for name, tensor in state.items():
        if name.endswith("qkv.weight"):
            start = name.removesuffix("weight")
            biases = [state.get(name.replace("qkv.weight", f"{which}_bias"), torch.zeros(channels)) for which in "qv"]
            out[f"{start}bias"] = torch.cat([biases[0], torch.ones(channels), biases[1]])
            out[f"{start}bias_mask"] = torch.full((3 * channels,), float("nan"))
        if not name.endswith(("q_bias", "v_bias", "reg_token")):
            for theirs, named in ours.items():
                name = re.sub(theirs, named, name)
            out[name] = tensor
    return out


def hugging_faces(metas: dict) -> dict:
    """Meta's names of DINOv3 -> those of Hugging Face, written out by hand."""
    out = {"embeddings.mask_token": metas["mask_token"][None], "embeddings.register_tokens": metas["storage_tokens"]}
    table = {r"^cls_token": "embeddings.cls_token", r"^patch_embed\.proj": "embeddings.patch_embeddings"}
    table |= {r"^blocks": "layer", r"ls(\d)\.gamma": r"layer_scale\1.lambda1", r"attn\.proj": "attention.o_proj"}
    gated = any(".w1." in name for name in metas)
    table |= {"w1": "gate_proj", "w2": "up_proj", "w3": "down_proj"} if gated else {"fc1": "up_proj", "fc2": "down_proj"}
    for name, tensor in metas.items():
        if "attn.qkv" in name and not name.endswith("mask"):
            for which, part in zip("qkv", tensor.chunk(3), strict=True):
                if (which, name.rpartition(".")[2]) != ("k", "bias"):
                    theirs = name.replace("attn.qkv", f"attention.{which}_proj").replace("blocks", "layer")
                    out[theirs] = part.clone()
        elif "mask" not in name and "rope" not in name and name != "storage_tokens":
            for ours, theirs in table.items():
                name = re.sub(ours, theirs, name)
            out[name] = tensor
    return out


@pytest.mark.parametrize("arch", [*DINOV3, *(pytest.param(arch, marks=pytest.mark.long) for arch in OTHERS)])
def test_dinov3_by_metas_and_hugging_faces_names(arch, tmp_path, windows):
    record = backbones.get(f"timm:{arch}")
    state = drawn(networks.build(record)).state_dict()
    torch.save(metas(state), tmp_path / "meta.pth")
    same(record, tmp_path / "meta.pth", state, windows)
    save_file(hugging_faces(metas(state)), tmp_path / "hf.safetensors")
    same(record, tmp_path / "hf.safetensors", state, windows)


def test_biases_of_dinov3_are_not_dropped(tmp_path):
    record = backbones.get(f"timm:{OTHERS[0]}")
    state = metas(networks.build(record).state_dict())
    state |= {name: torch.ones(1152) for name in state if name.endswith("qkv.bias")}
    torch.save(state, tmp_path / "meta.pth")
    with pytest.raises(InputError, match="_qkvb"):
        of(record, tmp_path / "meta.pth")


def test_clip_by_hugging_faces_names(clip, tmp_path, windows):
    record, model = clip("tiny-ViT")
    state = model.visual.state_dict()
    theirs = {"logit_scale": torch.ones(()), "text_model.embeddings.position_embedding.weight": torch.ones(64, 64)}
    start = "vision_model.embeddings"
    theirs |= {f"{start}.class_embedding": state["class_embedding"], f"{start}.patch_embedding.weight": state["conv1.weight"]}
    theirs |= {f"{start}.position_embedding.weight": state["positional_embedding"]}
    theirs |= {"visual_projection.weight": state["proj"].T.contiguous()}
    for part in ("weight", "bias"):
        theirs[f"vision_model.pre_layrnorm.{part}"] = state[f"ln_pre.{part}"]
        theirs[f"vision_model.post_layernorm.{part}"] = state[f"ln_post.{part}"]
        for i in range(2):
            old, new = f"vision_model.encoder.layers.{i}", f"transformer.resblocks.{i}"
            for which, value in zip("qkv", state[f"{new}.attn.in_proj_{part}"].chunk(3), strict=True):
                theirs[f"{old}.self_attn.{which}_proj.{part}"] = value.clone()
            theirs[f"{old}.self_attn.out_proj.{part}"] = state[f"{new}.attn.out_proj.{part}"]
            theirs[f"{old}.layer_norm1.{part}"] = state[f"{new}.ln_1.{part}"]
            theirs[f"{old}.layer_norm2.{part}"] = state[f"{new}.ln_2.{part}"]
            theirs[f"{old}.mlp.fc1.{part}"] = state[f"{new}.mlp.c_fc.{part}"]
            theirs[f"{old}.mlp.fc2.{part}"] = state[f"{new}.mlp.c_proj.{part}"]
    save_file(theirs, tmp_path / "hf.safetensors")
    same(record, tmp_path / "hf.safetensors", state, windows)


SIGLIP = backbones.get("timm:vit_base_patch16_siglip_224.v2_webli")


def test_a_resized_grid_is_said(tmp_path):
    larger = drawn(timm.create_model(VIT.arch, pretrained=False, num_classes=0, img_size=256))
    torch.save(larger.state_dict(), tmp_path / "mine.pth")
    assert of(VIT, tmp_path / "mine.pth").weights == "of the file mine.pth, 16 x 16 positions resized with antialias"


def test_siglip_by_hugging_faces_names():
    sizes = {"patch_size": 16, "embed_dim": 32, "depth": 2, "num_heads": 2, "num_classes": 0}
    small = timm.models.VisionTransformer(img_size=64, class_token=False, global_pool="map", **sizes)
    state = drawn(small).state_dict()
    found = other_names.renamed(hugging_faces_siglip(state))
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())


@pytest.mark.long
@pytest.mark.parametrize("names", ["timm", "open_clip", "hugging face"])
def test_siglip_of_another_grid(names, tmp_path, windows):
    """Resized as the files of the hub are, and said."""
    model = drawn(timm.create_model(SIGLIP.arch, pretrained=False, num_classes=0, img_size=256))
    state = model.state_dict()
    theirs = {"timm": state, "open_clip": {f"visual.trunk.{name}": tensor for name, tensor in state.items()}}
    file = tmp_path / "siglip.safetensors"
    save_file(hugging_faces_siglip(state) if names == "hugging face" else theirs[names], file)
    positions = timm.layers.resample_abs_pos_embed(state["pos_embed"], (14, 14), num_prefix_tokens=0)
    same(SIGLIP, file, state | {"pos_embed": positions}, windows[:1])
    assert of(SIGLIP, file).weights == "of the file siglip.safetensors, 16 x 16 positions resized with antialias"


def hugging_faces_siglip(state: dict) -> dict:
    start = "vision_model.embeddings"
    out = {f"{start}.position_embedding.weight": state["pos_embed"][0], "vision_model.head.probe": state["attn_pool.latent"]}
    out["text_model.embeddings.position_embedding.weight"] = torch.ones(64, 768)
    for part in ("weight", "bias"):
        out[f"{start}.patch_embedding.{part}"] = state[f"patch_embed.proj.{part}"]
        out[f"vision_model.post_layernorm.{part}"] = state[f"norm.{part}"]
        in_proj = [state[f"attn_pool.q.{part}"], state[f"attn_pool.kv.{part}"]]
        out[f"vision_model.head.attention.in_proj_{part}"] = torch.cat(in_proj)
        for ours, theirs in {
            "proj": "attention.out_proj",
            "norm": "layernorm",
            "mlp.fc1": "mlp.fc1",
            "mlp.fc2": "mlp.fc2",
        }.items():
            out[f"vision_model.head.{theirs}.{part}"] = state[f"attn_pool.{ours}.{part}"]
        for i in range(len({name.split(".")[1] for name in state if name.startswith("blocks")})):
            old, new = f"vision_model.encoder.layers.{i}", f"blocks.{i}"
            for which, value in zip("qkv", state[f"{new}.attn.qkv.{part}"].chunk(3), strict=True):
                out[f"{old}.self_attn.{which}_proj.{part}"] = value.clone()
            out[f"{old}.self_attn.out_proj.{part}"] = state[f"{new}.attn.proj.{part}"]
            for ours, theirs in {"norm1": "layer_norm1", "norm2": "layer_norm2"}.items():
                out[f"{old}.{theirs}.{part}"] = state[f"{new}.{ours}.{part}"]
            for layer in ("fc1", "fc2"):
                out[f"{old}.mlp.{layer}.{part}"] = state[f"{new}.mlp.{layer}.{part}"]
    return out


def of_transformers(family: str, transformers, clip):
    """A network of Hugging Face's own, the record that it is here, and its layers and final features for windows."""
    if family == "dinov3":
        sizes = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768, "num_register_tokens": 4}
        model = transformers.DINOv3ViTModel(transformers.DINOv3ViTConfig(**sizes))
        return model, backbones.get(f"timm:{DINOV3[0]}"), "last_hidden_state"
    if family == "siglip":
        model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(hidden_act="gelu"))
        return model, SIGLIP, "last_hidden_state"
    sizes = {
        "hidden_size": 64,
        "num_attention_heads": 1,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "projection_dim": 16,
    }
    model = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**sizes))
    return model, clip("tiny-ViT")[0], "image_embeds"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", ["clip", "siglip", "dinov3"])
def test_features_are_those_of_hugging_faces_own_networks(family, clip, tmp_path, windows):
    """Where their package is installed, which this one does not need."""
    transformers = pytest.importorskip("transformers")
    model, record, final = of_transformers(family, transformers, clip)
    drawn(model).save_pretrained(tmp_path / "theirs")
    found = of(record, tmp_path / "theirs" / "model.safetensors")(windows)
    with torch.inference_mode():
        theirs = model(windows, output_hidden_states=True)
    torch.testing.assert_close(found.final, theirs[final], rtol=1e-3, atol=1e-4)
    for ours, tokens in zip(found.layers.unbind(1)[:-1], theirs.hidden_states[1:-1], strict=True):
        torch.testing.assert_close(ours, tokens, rtol=1e-3, atol=1e-4)
