"""Several protocols from one forward pass: the same numbers as each alone."""

from dataclasses import replace

import pytest

from fmiqa_core import protocol, scoring
from fmiqa_core.errors import InputError
from fmiqa_core.files import paths
from fmiqa_core.studies import live_5refs

WANTED = {
    "paper": ("embed_cos",),
    "paper+channel_cosine": ("cos",),
    "paper+spatial": ("skld", "wsd"),
    "paper+spatial+sample_softmax": ("wsd",),
    "paper+spatial+no_l2_term": ("skld",),
}


@pytest.fixture
def few(demo_home):
    data = live_5refs.datasets.load("demo")
    return replace(data, table=data.table.iloc[[3, 30]].reset_index(drop=True))


def test_the_same_numbers_as_each_alone(few, efficientnet, tmp_path):
    together = scoring.score_dataset(few, tmp_path / "all", efficientnet, device="cpu", variants=WANTED)
    for name, found in scoring.split(together).items():
        alone = scoring.score_dataset(few, tmp_path / name, efficientnet, WANTED[name], name, device="cpu")
        assert found.equals(alone)
        assert found.attrs["report"] == alone.attrs["report"]
    again = scoring.score_dataset(few, tmp_path / "all", efficientnet, device="cpu", variants=WANTED)
    assert again.attrs["computed_units"] == 0
    assert again.equals(together)


def test_different_inputs_are_refused(few, efficientnet, tmp_path):
    with pytest.raises(InputError, match="different inputs: score them apart"):
        scoring.score_dataset(few, tmp_path, efficientnet, variants={"paper": ("l2",), "paper+normalise": ("l2",)})


@pytest.mark.parametrize("names", [{}, {"paper": ()}, {"paper": ("skld",)}])
def test_what_no_distance_has_is_refused(few, efficientnet, tmp_path, names):
    with pytest.raises(InputError):
        scoring.score_dataset(few, tmp_path, efficientnet, variants=names)


def test_tables_are_stored_and_shared(few, efficientnet, monkeypatch):
    monkeypatch.setattr(live_5refs.datasets, "load", lambda *_, **__: few)
    some = live_5refs.tables("demo", efficientnet, ["paper", "corrected"], device="cpu")
    assert list(some) == ["paper", "corrected"]
    stored = paths.data() / "scores/demo" / f"{efficientnet}-variants+normalise+even_windows"
    before = {file: file.stat().st_mtime_ns for file in (stored / "units").iterdir()}
    every = live_5refs.tables("demo", efficientnet, device="cpu")
    assert list(every) == list(live_5refs.VARIANTS["cnn"])
    assert every["corrected"].equals(some["corrected"])
    assert before == {file: file.stat().st_mtime_ns for file in (stored / "units").iterdir()}


def test_what_a_side_depends_on():
    alike = ("paper", "paper+normalise", "paper+even_windows", "paper+sample_softmax", "paper+no_l2_term")
    assert len({protocol.get(name).of_a_side for name in alike}) == 1
    for name in ("spatial", "whole_tokens", "channel_cosine", "class_embedding", "patch_tokens", "class_token"):
        assert protocol.get(f"paper+{name}").of_a_side != protocol.PAPER
