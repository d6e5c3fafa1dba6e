"""Weights from a stand-in model hub: every tensor is the file's, or there is an error and nothing is left behind."""

import io
import json
import resource

import hub
import open_clip
import pytest
import timm
import torch
from safetensors.torch import load_file, save

VIT, CNN, TECOA = "timm:test_vit.r160_in1k", "timm:test_resnet.r160_in1k", "tecoa4_vitb32"
REPOSITORY = "chs20/TeCoA4-ViT-B-32-laion2B-s34B-b79K"
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 224, "layers": 2, "width": 64, "patch_size": 32},
    "text_cfg": {"context_length": 8, "vocab_size": 32, "width": 16, "heads": 2, "layers": 1},
}
LATER = [pytest.param(how, marks=pytest.mark.long) for how in ("missing", "shape", "cut", "503", "disk")]
# `fmiqa`, with a network a thousandth as large behind the record of tecoa4_vitb32, and behind a tag
SMALL_CLIP = """
import sys, dataclasses, open_clip
from open_clip import pretrained
from fmiqa_core import backbones, cli
open_clip.add_model_config(sys.argv[1])
pretrained._PRETRAINED["tiny"] = {"lab": pretrained._pcfg(hf_hub="lab/tiny/")}
backbones.BACKBONES["tecoa4_vitb32"] = dataclasses.replace(backbones.get("tecoa4_vitb32"), arch="tiny", layers=2)
sys.exit(cli.main(sys.argv[2:]))
"""


def drawn(model: torch.nn.Module, seed: int = 5) -> dict[str, torch.Tensor]:
    """The tensors of `model`, every number drawn from `seed`, so that none is what an initialisation gives."""
    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    return {n: torch.rand(t.shape, generator=generator) + 0.1 if t.is_floating_point() else t for n, t in state.items()}


def pth(state) -> bytes:
    content = io.BytesIO()
    torch.save(state, content)
    return content.getvalue()


def timm_files(name: str, state: dict, ending: str = "model.safetensors") -> dict[str, bytes]:
    repository = f"timm/{name.removeprefix('timm:')}"
    config = {"architecture": name.removeprefix("timm:").split(".")[0], "num_classes": 1000, "pretrained_cfg": {}}
    content = save(state) if ending.endswith("safetensors") else pth(state)
    return {f"{repository}/config.json": json.dumps(config).encode(), f"{repository}/{ending}": content}


@pytest.fixture(scope="module")
def vit():
    return drawn(timm.create_model("test_vit", pretrained=False))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The file with the configuration, the tensors, and the files of the repository."""
    config = tmp_path_factory.mktemp("configs") / "tiny.json"
    config.write_text(json.dumps(TINY), encoding="utf-8")
    open_clip.add_model_config(config)
    state = drawn(open_clip.create_model("tiny", load_weights=False))
    about = json.dumps({"model_cfg": TINY, "preprocess_cfg": {}}).encode()
    return config, state, {"open_clip_config.json": about, "open_clip_model.safetensors": save(state)}


def download(at: hub.Hub, home, name, clip=None, **options):
    start = ["-m", "fmiqa_core"] if clip is None else ["-c", SMALL_CLIP, clip[0]]
    return at.run(home, *start, "download", name, **options)


def installed(home) -> list[str]:
    return sorted(file.name for file in home.glob("data/weights/*") if not file.name.startswith("."))


def refused(done, home) -> str:
    """One sentence and nothing left behind."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert installed(home) == []
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("ending", ["model.safetensors", "pytorch_model.bin"])
def test_timm_tensors_are_those_of_the_file(vit, tmp_path, ending):
    with hub.serve(timm_files(VIT, vit, ending)) as at:
        done = download(at, tmp_path, VIT)
    assert done.returncode == 0, done.stderr
    assert any(path.endswith(f"resolve/main/{ending}") for _, path, _ in at.asked)
    found = load_file(next(tmp_path.glob("data/weights/*.safetensors")))
    assert found.keys() == {name for name in vit if not name.startswith("head.")}
    assert all(torch.equal(found[name], vit[name]) for name in found if name != "pos_embed")
    theirs = timm.layers.resample_abs_pos_embed(vit["pos_embed"], (14, 14), num_prefix_tokens=1)
    assert torch.equal(found["pos_embed"], theirs)


def test_another_number_of_classes_does_not_matter(vit, tmp_path):
    with hub.serve(timm_files(VIT, vit | {"head.weight": torch.ones(7, 64), "head.bias": torch.ones(7)})) as at:
        assert download(at, tmp_path, VIT).returncode == 0


def broken(state: dict, how: str) -> dict:
    """Other names of all tensors, the last bias before the classifier missing, or of another shape."""
    if how == "names":
        return {f"net.{name}": tensor for name, tensor in state.items()}
    last = [name for name in state if name.endswith(".bias") and not name.startswith(("head", "fc"))][-1]
    if how == "missing":
        return {name: tensor for name, tensor in state.items() if name != last}
    return state | {last: torch.ones(3)}


@pytest.mark.parametrize("how", ["names", *LATER[:2]])
@pytest.mark.parametrize("name", [VIT, pytest.param(CNN, marks=pytest.mark.long)])
def test_timm_files_with_other_tensors_are_refused(name, how, tmp_path):
    state = drawn(timm.create_model(name.removeprefix("timm:"), pretrained=False))
    with hub.serve(timm_files(name, broken(state, how))) as at:
        line = refused(download(at, tmp_path, name), tmp_path)
    assert name in line
    if how == "names":
        assert "does not hold" in line


@pytest.mark.parametrize("fault", ["disk", "gone", *LATER[2:4]])
def test_timm_faults_leave_nothing(vit, tmp_path, fault):
    with hub.serve(timm_files(VIT, vit)) as at:
        if fault == "503":
            at.statuses = dict.fromkeys(("model.safetensors", "pytorch_model.bin"), 503)
        elif fault == "gone":
            del at.files["timm/test_vit.r160_in1k/model.safetensors"]
        elif fault == "cut":
            at.cut = 0
        small = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))} if fault == "disk" else {}
        refused(download(at, tmp_path, VIT, **small), tmp_path)


@pytest.mark.parametrize("name", [TECOA, pytest.param("open_clip:tiny/lab", marks=pytest.mark.long)])
def test_open_clip_tensors_are_those_of_the_file(clip, tmp_path, name):
    _, state, files = clip
    with hub.serve({f"{repository}/{file}": c for repository in (REPOSITORY, "lab/tiny") for file, c in files.items()}) as at:
        done = download(at, tmp_path, name, clip)
    assert done.returncode == 0, done.stderr
    found = load_file(next(tmp_path.glob("data/weights/*.safetensors")))
    assert found.keys() == {name.removeprefix("visual.") for name in state if name.startswith("visual.")}
    assert all(torch.equal(tensor, state[f"visual.{name}"]) for name, tensor in found.items())


@pytest.mark.parametrize("fault", ["offline", "names", *LATER])
def test_open_clip_faults_leave_nothing(clip, tmp_path, fault):
    """open_clip goes on with random weights where its configuration comes and the weight file does not."""
    _, state, files = clip
    with hub.serve({f"{REPOSITORY}/{name}": content for name, content in files.items()}) as at:
        options = {}
        if fault in ("names", "missing", "shape"):
            image = {name: tensor for name, tensor in state.items() if name.startswith("visual.")}
            others = {name: tensor for name, tensor in state.items() if name not in image}
            at.files[f"{REPOSITORY}/open_clip_model.safetensors"] = save(others | broken(image, fault))
        elif fault == "503":
            at.statuses = {f"open_clip_{name}": 503 for name in ("model.safetensors", "pytorch_model.bin")}
        elif fault == "offline":
            fetch = f"import huggingface_hub as h; h.hf_hub_download({REPOSITORY!r}, 'open_clip_config.json')"
            assert at.run(tmp_path, "-c", fetch).returncode == 0
            options["offline"] = True
        elif fault == "cut":
            at.cut = 0
        else:
            options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        line = refused(download(at, tmp_path, TECOA, clip, **options), tmp_path)
    words = {"503": "HTTP 503", "offline": "HF_HUB_OFFLINE", "missing": "Missing key", "names": "Missing key"}
    assert words.get(fault, "") in line


@pytest.mark.long
def test_the_record_itself(tmp_path):
    """TeCoA4 as it is: 600 MB of seeded numbers through the stand-in, and a refusal where only the configuration comes."""
    state = drawn(open_clip.create_model("ViT-B-32", load_weights=False))
    about = json.dumps({"model_cfg": open_clip.get_model_config("ViT-B-32"), "preprocess_cfg": {}}).encode()
    with hub.serve({f"{REPOSITORY}/open_clip_config.json": about}) as at:
        refused(download(at, tmp_path / "without", TECOA), tmp_path / "without")
        at.files[f"{REPOSITORY}/open_clip_model.safetensors"] = save(state)
        done = download(at, tmp_path / "with", TECOA)
    assert done.returncode == 0, done.stderr
    found = load_file(next(tmp_path.glob("with/data/weights/*.safetensors")))
    assert all(torch.equal(tensor, state[f"visual.{name}"]) for name, tensor in found.items())
