"""Which setting is the default and why; `layers=` in scores, maps, reports and tables of a dataset alike."""

import inspect
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import spearmanr

from fmiqa_core import DEFAULT_DISTANCE, Metric, scoring
from fmiqa_core.commands import arguments
from fmiqa_core.data import committed, datasets, demo
from fmiqa_core.figures import setting_tables
from fmiqa_core.files import paths
from fmiqa_core.stats import contrasts, significance
from fmiqa_core.stats import setting_choice as choice
from fmiqa_core.studies import live_5refs
from fmiqa_core.studies import settings as study

BACKBONES = live_5refs.BACKBONES


@pytest.fixture(scope="module")
def own():
    return choice.own({name: study.tables(name) for name in BACKBONES})


@pytest.fixture(scope="module")
def theirs():
    return choice.released(committed.read("pairs"))


def test_one_default_everywhere():
    parsed = arguments.parser().parse_args(["score", "a.png", "b.png"])
    book = json.loads((paths.home() / "notebooks" / "10_use_your_own.ipynb").read_text(encoding="utf-8"))
    named = {}
    exec("".join(next(c for c in book["cells"] if "parameters" in c["metadata"]["tags"])["source"]), named)
    assert inspect.signature(Metric).parameters["distance"].default == DEFAULT_DISTANCE == parsed.distance == named["distance"]
    assert inspect.signature(Metric).parameters["layers"].default is None is parsed.layers
    assert (choice.DEFAULT, choice.OTHER) == ("cos, all layers", "l2")


def test_the_default_is_what_the_evidence_says(own, theirs):
    """Pooled, the default distance loses nowhere and wins somewhere; no other setting is shown to be better."""
    found = choice.verdicts(theirs)
    assert (found == "better").sum() > 0
    assert not (found == "worse").any()
    for prefix in contrasts.PREFIX.values():
        verdicts = choice.verdicts(own, prefix)
        assert not (verdicts[own["question"] == "distance"] == "worse").any()
        assert not (verdicts[own["question"] != "distance"] == "better").any()


def test_a_choice_is_made_on_the_other_datasets_alone(own):
    """By hand; and other human scores where it is tested change what is found, not what is chosen."""
    tables = study.tables("efficientnet_lite0")
    layers = [f"layer_cos_{i}" for i in range(5)]
    values = {"cos, all layers": "score_cos"} | {f"cos, layer {i}": column for i, column in enumerate(layers)}
    mean = dict.fromkeys([*values, *(f"cos, last {n} layers" for n in (2, 3, 4))], 0)
    for table in (tables["tid2013"], tables["kadid10k"]):
        for name in mean:
            part = table[values[name]] if name in values else table[layers[-int(name.split()[2]) :]].sum(axis=1)
            mean[name] += spearmanr(-part, table["quality"]).statistic / 2
    picked = {"backbone": "efficientnet_lite0", "dataset": "live"}
    mine = own[(own[list(picked)] == pd.Series(picked)).all(axis=1)].set_index("question")
    assert mine.loc["layers", "setting"] == max(mean, key=mean.get)
    attrs = tables["live"].attrs
    tables["live"] = tables["live"].assign(quality=tables["live"]["quality"].to_numpy()[::-1])
    tables["live"].attrs = attrs
    again = choice.own({"efficientnet_lite0": tables}).query("dataset == 'live'").set_index("question")
    assert again["setting"].equals(mine["setting"])
    assert not np.allclose(again["srcc"], mine["srcc"])


def test_released_differences_are_oriented_and_one_family(theirs):
    assert len(theirs) == 12
    table = committed.read("correlations").query("perturbation == 'none'").set_index(["dataset", "method"])["srcc"]
    expected = table["pipal", "clip_vitb32_cos"] - table["pipal", "clip_vitb32_l2"]
    row = theirs.query("dataset == 'pipal' and backbone == 'clip_vitb32'").iloc[0]
    assert row["difference"] == pytest.approx(expected, abs=2e-6)
    assert (theirs["low"] <= theirs["difference"]).all()
    assert (theirs["difference"] <= theirs["high"]).all()
    holm = significance.holm(theirs[["p", "byref_p"]].to_numpy().ravel())
    assert np.allclose(theirs[["p_holm", "byref_p_holm"]].to_numpy().ravel(), holm)


def test_what_is_committed():
    for backbone in BACKBONES:
        for name, size in (("tid2013", (27, 5)), ("kadid10k", (40, 15))):
            table = study.read(name, backbone)
            assert (len(table), table["ref"].nunique()) == size
            assert table[[c for c in table if c.startswith(("score_", "layer_"))]].notna().all(axis=None)
            stems = table["ref"].str.extract(r"(\w+)\.\w+$")[0].str.upper()
            assert not stems.isin(study.OF_LIVE.get(name, ())).any()
            assert choice.settings(table).values.shape[1] == len(table)


def test_words_and_tables(own, theirs):
    lines = setting_tables.in_words(own, theirs)
    assert len(lines) == 1 + 2 + 3 * 2
    assert all("SRCC" in line for line in lines[1:])
    assert "of 12" in lines[1]
    shown = setting_tables.chosen(own)
    assert len(shown) == len(BACKBONES) * 3 * 3
    assert shown["difference, verdict"].str.contains("undecided|better|worse|no test").all()
    assert len(setting_tables.released(theirs)) == len(theirs)
    assert choice.verdict(-0.1, 0.2) == "undecided"


@pytest.fixture(scope="module")
def coffee(efficientnet, tmp_path_factory):
    data = datasets.select(datasets.load("demo"), "coffee")
    out = tmp_path_factory.mktemp("coffee")
    return data, scoring.score_dataset(data, out, efficientnet, ("l2", "cos"), device="cpu")


@pytest.mark.parametrize("distance", ["l2", "cos"])
def test_a_layer_is_the_column_of_a_dataset(coffee, efficientnet, distance):
    """`Metric(layers=[i])` and `layer_<distance>_i`: one number."""
    data, table = coffee
    row = table.iloc[3]
    for layers in ([4], [1, 3], 2):
        metric = Metric(efficientnet, distance, layers=layers, device="cpu")
        score = metric(data.folder / row["ref"], data.folder / row["dis"])
        columns = [f"layer_{distance}_{i}" for i in metric.layers]
        assert score.per_layer.tolist() == pytest.approx(row[columns].tolist(), rel=1e-5)
        assert score.score == pytest.approx(row[columns].sum(), rel=1e-5)


def test_the_map_is_of_the_chosen_layers(efficientnet, tmp_path, ran):
    """`--map` beside `--layers`: another picture than that of all layers, and that of Metric."""
    ref = demo.reference("rocket", 224)
    ref.save(tmp_path / "a.png")
    demo.distort(ref, "blur", 4).save(tmp_path / "b.png")
    argv = ("score", tmp_path / "a.png", tmp_path / "b.png", "--backbone", efficientnet, "--distance", "l2", "--device", "cpu")
    ran(*argv, "--map", tmp_path / "all.png")
    status, _, said = ran(*argv, "--layers", "1", "--map", tmp_path / "one.png")
    assert status == 0
    assert "| layer 1 |" in said
    every, one = (np.asarray(Image.open(tmp_path / name)) for name in ("all.png", "one.png"))
    assert (every != one).any()
    metric = Metric(efficientnet, "l2", layers=[1], device="cpu")
    both = (metric(tmp_path / "a.png", tmp_path / "b.png", map=how).map for how in (True, "layers"))
    total, single = (found.numpy() for found in both)
    assert single.shape[0] == 1
    np.testing.assert_allclose(total, single[0], rtol=1e-4, atol=1e-7)


def test_the_default_distance_has_a_map_with_every_offline_backbone(photo, ran, tmp_path):
    for backbone in BACKBONES:
        file = tmp_path / f"{backbone}.png"
        status, _, said = ran("score", photo, photo, "--backbone", backbone, "--map", file)
        assert (status, file.is_file()) == (0, True)
        assert "cosine distance at each pixel" in said
