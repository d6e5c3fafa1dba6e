"""What determines a run's numbers, and so the key of every stored unit: a change here makes all of them stale."""

import json
import pickle
from dataclasses import replace

import pytest

from fmiqa_core import scoring
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError
from fmiqa_core.scoring import units
from fmiqa_core.scoring.settings import Settings

CNN, VIT = "efficientnet_lite0", "dinov2_vits14"
KEYS = [  # settings, and the text that the keys of units stored so far were made of
    (
        Settings(CNN, ["l2", "l2"], device="cpu"),
        '{"arithmetic": 2, "backbone": "efficientnet_lite0", "distances": ["l2"], '
        '"perturbation": "none", "precision": "fp32", "protocol": "paper", "weights": "w"}',
    ),
    (
        Settings(
            VIT,
            protocol_name="corrected",
            perturbation="rot",
            precision="bf16",
            device="cpu",
            batch_size=4,
            baseline_names=["psnr", "ssim", "psnr"],
        ),
        '{"arithmetic": 3, "backbone": "dinov2_vits14", "baselines": ["psnr", "ssim"], '
        '"distances": ["l2", "cos", "skld", "jsd", "wsd", "embed_cos"], "perturbation": "rot", "precision": "bf16", '
        '"protocol": "corrected", "weights": "w"}',
    ),
    (
        Settings(CNN, device="cpu", variants={"paper+spatial": ["skld"], "paper": ("cos", "l2")}),
        '{"arithmetic": 2, "backbone": "efficientnet_lite0", '
        '"distances": ["skld", "cos", "l2"], "perturbation": "none", "precision": "fp32", '
        '"protocol": "paper+spatial, paper", "variants": {"paper": ["cos", "l2"], "paper+spatial": ["skld"]}, "weights": "w"}',
    ),
]


@pytest.mark.parametrize(("settings", "text"), KEYS)
def test_stored_units_stay_valid(settings, text):
    assert json.dumps(settings.checked().determining("w"), sort_keys=True) == text


def test_a_unit_key_and_its_trip_to_a_worker(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    settings = KEYS[2][0].checked()
    made = units.make(tmp_path, "a.png", ["b.png"], settings, settings.determining("w"), tmp_path)
    assert made.key == "96e28f2f40c647d943a2f41e20793d00ed05f77df8f4f63bc8d12708512a6efc"
    assert pickle.loads(pickle.dumps(made)) == made


def test_checked_is_complete_and_stays():
    found = Settings(CNN, weights_file="mine.pth", device="cpu").checked()
    assert found.distances == ("l2", "cos", "embed_cos")
    assert found.weights_file.is_absolute()
    assert found.checked() == found


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"backbone": "dinov2_vits15"}, "Did you mean 'dinov2_vits14'"),
        ({"distances": ["skld"]}, "is a CNN"),
        ({"distances": []}, "No distance"),
        ({"protocol_name": "corected"}, "Unknown protocol"),
        ({"protocol_name": "paper+class_token"}, "has no tokens"),
        ({"perturbation": "rotate"}, "Unknown perturbation"),
        ({"batch_size": 0}, "at least 1"),
        ({"precision": "fp8"}, "Unknown precision"),
        ({"device": "tpu"}, "Unknown device"),
        ({"baseline_names": ["psnrr"]}, "Unknown baseline"),
        ({"backbone": "baselines", "distances": ["l2"]}, "have no network: leave out distances"),
        ({"backbone": "baselines", "precision": "bf16"}, "leave out precision"),
        ({"variants": {}}, "No protocol"),
        ({"variants": {"paper": ["l2"], "paper+normalise": ["l2"]}}, "different inputs"),
    ],
)
def test_wrong_settings(wrong, said):
    with pytest.raises(InputError, match=said):
        replace(Settings(CNN, device="cpu"), **wrong).checked()


def test_settings_or_keywords(demo_home, tmp_path, efficientnet):
    data = datasets.select(datasets.load("demo"), "chelsea")
    few = replace(data, table=data.table[:2])
    one = scoring.score_dataset(few, tmp_path / "one", efficientnet, ["l2"], device="cpu", batch_size=3)
    other = scoring.score_dataset(few, tmp_path / "other", scoring.Settings(efficientnet, ["l2"], device="cpu", batch_size=3))
    assert one.equals(other)
    assert one.attrs == other.attrs
    for more in ({"device": "cpu"}, {"distances": ["l2"]}, {"nonsense": 3}):
        with pytest.raises(InputError, match="stand alone"):
            scoring.score_dataset(few, tmp_path / "one", Settings(efficientnet), **more)
    with pytest.raises(TypeError, match="batch"):
        scoring.score_dataset(few, tmp_path / "one", efficientnet, batch=3)
