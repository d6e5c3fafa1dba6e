"""What the model hub answers instead of a file, on loopback: one sentence that says what to do, in seconds, without silence."""

import hashlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import hub
import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save
from test_hub import VIT, drawn, timm_files

from fmiqa_core import backbones
from fmiqa_core.backbones import hub_files, weights
from fmiqa_core.errors import InputError
from fmiqa_core.files import progress, web
from fmiqa_core.metric import Metric

REPOSITORY = "timm/test_vit.r160_in1k"
FILE = f"{REPOSITORY}/model.safetensors"


@pytest.fixture(scope="module")
def files():
    return timm_files(VIT, drawn(timm.create_model("test_vit", pretrained=False)))


@pytest.fixture
def at(files, bare_home, monkeypatch):
    """A stand-in hub that this process takes for the hub, by an empty cache."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(bare_home / "no token"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(bare_home / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    with hub.serve(dict(files)) as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        yield served


@pytest.fixture
def said(ran, bare_home):
    """What `fmiqa download` says at last, where it fails in one sentence and leaves nothing."""

    def run():
        status, out, err = ran("download", VIT)
        assert (status, out) == (2, ""), err
        line = err.splitlines()[-1]
        assert line.endswith(f"from a machine that has them to {bare_home / 'data' / 'weights'}.")
        assert "..." not in line  # nothing is cut
        assert "--weights FILE" in line
        assert not list(bare_home.glob("data/weights/*"))
        return line

    return run


def left(home) -> list:
    return [path for path in home.rglob("data/downloads/**/*") if path.is_file() and path.suffix != ".lock"]


@pytest.mark.parametrize(
    ("token", "refusal", "words", "not_said"),
    [
        ("", "GatedRepo", ["HTTP 401", "licence", "{page}", "set HF_TOKEN", "/settings/tokens"], []),
        ("another", "GatedRepo", ["HTTP 403", "licence", "{page}", "HF_TOKEN"], ["set HF_TOKEN"]),
        ("", "RepoNotFound", ["HTTP 401", "private", "set HF_TOKEN"], ["licence"]),
        ("another", "RepoNotFound", ["HTTP 401", "does not take your HF_TOKEN"], ["licence"]),
    ],
)
def test_a_closed_model_says_how_it_is_opened(at, said, monkeypatch, token, refusal, words, not_said):
    at.token, at.refusal = "right", refusal
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    line = said()
    assert all(word.format(page=f"{at.url}/{REPOSITORY}") in line for word in words), line
    assert not any(word in line for word in not_said), line


def test_a_token_opens_it_and_goes_to_the_hub_alone(at, bare_home, ran, monkeypatch):
    at.token = "right"
    monkeypatch.setenv("HF_TOKEN", "right")
    assert ran("download", VIT)[0] == 0
    large = [given for path, given in at.tokens if path.startswith("/large/")]
    assert large
    assert set(large) == {None}  # where the hub redirects to is another host
    assert left(bare_home) == []  # and the file is not kept twice
    assert not (bare_home / "cache").exists()


@pytest.mark.parametrize("headers", [{"Retry-After": "1"}, {"RateLimit": '"resolvers";r=0;t=1'}])
def test_a_short_wait_is_waited_for_and_said(at, ran, headers):
    at.busy = [(429, headers)] * 2
    status, _, err = ran("download", VIT)
    assert status == 0
    assert err.count("answers HTTP 429: asked again in 1 s") == 2


def test_a_long_wait_is_left_to_the_user(at, said):
    at.busy = [(429, {"Retry-After": "240"})]
    line = said()
    assert "asked too often (HTTP 429): run the command again in 240 s, or set HF_TOKEN" in line


def test_a_hub_that_is_down(at, said, monkeypatch):
    monkeypatch.setattr(hub_files, "TRIES", 2)
    at.statuses = {"model.safetensors": 503}
    assert "HTTP 503: it is down or busy, run the command again later" in said()


def test_a_model_that_is_not_there(at, said):
    at.files.clear()
    assert f"has no model {REPOSITORY}, or it is private: set HF_TOKEN" in said()


def test_a_model_without_a_weight_file(at, said):
    del at.files[FILE]
    assert "has no model.safetensors or pytorch_model.bin (HTTP 404): choose another model, or hub (HF_ENDPOINT)" in said()


@pytest.fixture
def nobody():
    """An address where nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{one.getsockname()[1]}"


def test_no_network_is_told_in_seconds(at, said, nobody, monkeypatch):
    for endpoint in (f"http://{nobody}", "http://no-such-host.invalid"):
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        start = time.monotonic()
        line = said()
        assert "cannot be reached (" in line
        assert "connect this machine, or name its proxy in HTTPS_PROXY" in line
        assert line.endswith(".")
        assert time.monotonic() - start < 20  # 2 here; the first call imports the libraries


def test_the_hubs_own_word_for_offline(at, said, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert f"HF_HUB_OFFLINE is set, and the hub's cache, {constants.HF_HUB_CACHE}, does not have {REPOSITORY}" in said()
    assert at.asked == []


def test_a_host_that_never_answers_is_not_waited_for_in_silence(at, bare_home, monkeypatch, capsys):
    monkeypatch.setattr(hub_files, "TIMEOUTS", (0.3, 0.6))
    monkeypatch.setattr(progress, "EVERY", 0.2)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(hub_files.HubError, match="cannot be reached \\(timed out\\)"):
            hub_files.of_repository(REPOSITORY, ("model.safetensors",), bare_home)
    assert capsys.readouterr().err.count("No answer of 127.0.0.1:") >= 2
    assert sum(hub_files.TIMEOUTS) < 20


def test_a_transfer_says_how_far_it_is_and_survives_cuts(at, bare_home, monkeypatch, capsys):
    content = save({"a": hub_tensor()})
    at.files[FILE] = content
    monkeypatch.setattr(progress, "EVERY", 0.2)
    at.cut, at.pause = 1_500_000, 0.5  # of 4 MB
    file = hub_files.of_repository(REPOSITORY, ("model.safetensors",), bare_home / "here")
    assert file.read_bytes() == content
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("model.safetensors: ")]
    assert len(lines) > 3
    assert lines[-1].endswith(" of 4 MB")
    assert len({line.split()[1] for line in lines}) > 1


def test_a_cut_that_does_not_end_can_be_gone_on_from(at, bare_home, monkeypatch):
    at.cut = 0
    monkeypatch.setattr(web, "TRIES", 2)
    with pytest.raises(hub_files.HubError, match="sends no more bytes: run the command again, it goes on where it stopped"):
        hub_files.of_repository(REPOSITORY, ("model.safetensors",), bare_home / "here")


def test_another_content_than_the_hub_promises_is_refused(at, bare_home):
    """The same length, and another number: what a proxy or a mirror may keep."""
    at.wrong = True
    with pytest.raises(hub_files.HubError, match="sent a wrong file: its sha256 is"):
        hub_files.of_repository(REPOSITORY, ("model.safetensors",), bare_home / "here")
    assert left(bare_home) == []


def hub_tensor():
    return torch.rand(1_000_000, generator=torch.Generator().manual_seed(0))


def test_the_hubs_cache_is_used_and_said_to_be_done_with(at, ran, bare_home, monkeypatch):
    fetch = f"import huggingface_hub as h; print(h.hf_hub_download({REPOSITORY!r}, 'model.safetensors'))"
    done = at.run(bare_home, "-c", fetch)
    assert done.returncode == 0, done.stderr
    cached = done.stdout.strip()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(bare_home / "hf" / "hub"))
    at.asked.clear()
    status, _, err = ran("download", VIT)
    assert status == 0
    assert at.asked == []
    size = f"{len(at.files[FILE]) / 1e6:.0f} MB"
    assert f"Found in the cache: {cached} ({size}), which may be deleted once it is converted." in err.splitlines()
    assert left(bare_home) == []


def test_want_of_room_costs_no_second_download(at, ran, bare_home, monkeypatch):
    """The file is kept where its conversion could not be written, and is there at the next try."""

    def full(*_):
        raise InputError("No space left: make room and try again.")

    with monkeypatch.context() as patch:
        patch.setattr(weights, "_write", full)
        assert ran("download", VIT)[0] == 2
    assert [file.name for file in left(bare_home) if not file.name.startswith(".")] == ["model.safetensors"]
    at.asked.clear()
    assert ran("download", VIT)[0] == 0
    assert not [path for _, path, _ in at.asked if path.startswith("/large/")]
    assert left(bare_home) == []


@pytest.mark.parametrize("model", ["convnextv2_atto.fcmae", pytest.param("convnext_nano.in12k", marks=pytest.mark.long)])
def test_a_network_without_classes_of_imagenet_is_used(at, ran, model):
    """Downloaded with status 0, it gives a score: no classifier is needed, and there may be none."""
    at.files |= timm_files(model, drawn(timm.create_model(model, pretrained=False)))
    assert ran("download", f"timm:{model}")[0] == 0
    images = torch.rand(2, 1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    assert Metric(f"timm:{model}", distance="l2", device="cpu")(*images).score.isfinite().all()


def test_files_of_other_hosts(at, bare_home, capsys):
    """timm names some by an address; torch puts the beginning of their sha256 into the name."""
    content = save({"a": hub_tensor()[:100]})
    right, wrong = (f"net-{digest}.pth" for digest in (hashlib.sha256(content).hexdigest()[:8], "0123abcd"))
    at.files |= {f"lab/releases/{name}": content for name in (right, wrong)}
    cache, target = bare_home / "torch", bare_home / "here"
    urls = [f"{at.url}/lab/releases/download/v1/{name}" for name in (right, wrong, "net-gone.pth")]
    assert hub_files.of_url(urls[0], cache, target).read_bytes() == content
    with pytest.raises(hub_files.HubError, match="sent a wrong file"):
        hub_files.of_url(urls[1], cache, target)
    with pytest.raises(hub_files.HubError, match=r"has no net-gone[.]pth any more: choose another model"):
        hub_files.of_url(urls[2], cache, target)
    cache.mkdir()
    (cache / wrong).write_bytes(content)
    assert hub_files.of_url(urls[1], cache, target) == cache / wrong
    assert f"Found in the cache: {cache / wrong}" in capsys.readouterr().err


def test_two_at_once_fetch_it_once(at, bare_home):
    """As workers do that start together: the second waits, and takes what the first has written."""
    record = backbones.get(VIT)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(weights.load, [record] * 2)
    assert one.keys() == other.keys()
    assert [method for method, path, _ in at.asked if path.endswith("model.safetensors")].count("HEAD") == 1
