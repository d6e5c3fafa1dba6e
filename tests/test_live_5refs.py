"""The committed scores of 97 LIVE images: complete, equal to the authors' code in `paper`, and what they say."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from fmiqa_core import backbones, protocol
from fmiqa_core.errors import InputError
from fmiqa_core.features import Features
from fmiqa_core.figures import layer_plots, layer_tables, protocol_tables
from fmiqa_core.files import csv_files
from fmiqa_core.metric import Metric
from fmiqa_core.pair import Pair, Side
from fmiqa_core.stats import correlation, layer_choice, significance, switch_effects
from fmiqa_core.studies import anatomy, lens, live_5refs

FILES = [(b, p) for b in live_5refs.BACKBONES for p in live_5refs.VARIANTS[backbones.get(b).kind]]


@pytest.fixture(scope="module")
def tables():
    return {name: live_5refs.tables("live_5refs", name) for name in live_5refs.BACKBONES}


@pytest.mark.parametrize(("backbone", "name"), FILES, ids=lambda value: value)
def test_every_file_is_complete(backbone, name):
    table = live_5refs.read(backbone, name)
    distances = live_5refs.VARIANTS[backbones.get(backbone).kind][name]
    scores = [f"score_{distance}" for distance in distances]
    assert len(table) == 97
    assert table["ref"].nunique() == 5
    assert set(table["distortion"]) == {"gblur", "jpeg", "wn", "fastfading"}
    assert [c for c in table if c.startswith("score_")] == scores
    assert np.isfinite(table[scores]).all(axis=None)
    assert (table["quality"] == -table["mos"]).all()
    for distance in distances:
        layers = [c for c in table if c.startswith(f"layer_{distance}_")]
        if distance in ("l2", "cos") or (distance != "embed_cos" and protocol.get(name).spatial):
            assert len(layers) == backbones.get(backbone).layers
            # each has six digits, so is off by half of the sixth at most: the parts together, and their sum
            np.testing.assert_allclose(table[layers].sum(axis=1), table[f"score_{distance}"], rtol=1e-5)
        else:
            assert not layers
    for word in (backbone, backbones.get(backbone).weights.sha256[:12], f"protocol {name} ", "fp32 on cpu"):
        assert word in table.attrs["report"]


def test_no_file_is_left_over():
    folder = live_5refs.path("x", "y").parent
    there = {file.name for file in folder.glob("*.csv")} - {"local_blocks.csv", "rotation.csv", "rows.csv"}
    assert there == {live_5refs.path(*one).name for one in FILES} | {anatomy.path("dinov2_vits14").name}
    assert set(json.loads((folder / "reports.json").read_text(encoding="utf-8"))) == {
        live_5refs.path(*one).stem for one in FILES
    }


def test_paper_equals_the_authors_code(live_golden):
    both = live_5refs.read("dinov2_vits14").merge(live_golden, on=["ref", "dis"], validate="one_to_one")
    assert len(both) == 97
    np.testing.assert_allclose(both["mos"], both["dmos"], rtol=1e-8)
    for distance in ("l2", "cos", "skld", "wsd", "jsd", "embed_cos"):
        np.testing.assert_allclose(both[f"score_{distance}"], both[distance], rtol=1e-3, err_msg=distance)


@pytest.mark.parametrize("name", ["paper", "paper+channel_cosine", "corrected"])
def test_a_row_recomputed(live, efficientnet, name):
    expected = live_5refs.read(efficientnet, name).iloc[5]
    for distance in ("cos", "skld") if name == "corrected" else ("cos",):
        metric = Metric(efficientnet, distance, name, device="cpu")
        score = metric(live.folder / expected["ref"], live.folder / expected["dis"])
        assert score.score == pytest.approx(expected[f"score_{distance}"], rel=1e-4)
        layers = [expected[f"layer_{distance}_{i}"] for i in range(5)]
        assert score.per_layer.tolist() == pytest.approx(layers, rel=1e-4)


@pytest.mark.usefixtures("home", "dinov2", "efficientnet")
@pytest.mark.parametrize("backbone", ["efficientnet_lite0", pytest.param("dinov2_vits14", marks=pytest.mark.long)])
def test_write_makes_files_like_the_committed_ones(live, backbone):
    committed = Path(__file__).parent.parent / "data/live_5refs"
    data = replace(live, table=live.table.iloc[[0]].reset_index(drop=True))
    files = live_5refs.write(backbone, data=data)
    assert {file.name for file in files} == {f"{b}_{name}.csv" for b, name in FILES if b == backbone}
    reports = json.loads((committed / "reports.json").read_text(encoding="utf-8"))
    assert json.loads(live_5refs._reports().read_text(encoding="utf-8")).items() <= reports.items()
    for file in files:
        found, kept = pd.read_csv(file), pd.read_csv(committed / file.name)
        kept = kept[kept["dis"] == found["dis"].item()].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, kept, rtol=1e-3)


@pytest.mark.long
def test_rows_recomputed_with_dinov2(live, dinov2, tables, home):
    """Two rows in every variant, from one forward pass per input."""
    data = replace(live, table=live.table.iloc[[0, 60]].reset_index(drop=True))
    for name, found in live_5refs.score(data, dinov2, live_5refs.VARIANTS["vit"], "cpu").items():
        kept = tables[dinov2][name].set_index("dis").loc[found["dis"]]
        scores = [c for c in found if c.startswith(("score_", "layer_"))]
        np.testing.assert_allclose(found[scores], kept[scores], rtol=1e-3, err_msg=name)


def test_unknown_names():
    with pytest.raises(InputError, match="corrected"):
        live_5refs.read("dinov2_vits14", "corected")
    with pytest.raises(InputError, match="dinov2_vits14"):
        live_5refs.read("dinov2_vitb14")


def test_headline(tables):
    """The paper's claim on these rows: the best intermediate layer against the final tokens, cos, protocol paper."""
    found = layer_choice.layers(tables["dinov2_vits14"]["paper"], "cos")
    layers = found[found["features"].str.startswith("layer")]
    assert layers["srcc"].max() >= 0.955
    assert found.iloc[-1]["srcc"] == pytest.approx(0.914, abs=0.002)


def test_changes_are_paired_differences(tables):
    found = switch_effects.changes(tables["dinov2_vits14"], count=200)
    row = found[(found["protocol"] == "paper+spatial") & (found["distance"] == "skld")].iloc[0]
    before, after = (tables["dinov2_vits14"][name] for name in ("paper", "paper+spatial"))
    quality, refs = before["quality"].to_numpy(), before["ref"].to_numpy()
    a, b = (-table["score_skld"].to_numpy() for table in (after, before))
    assert row["srcc_change"] == pytest.approx(correlation.srcc(a, quality) - correlation.srcc(b, quality))
    members, rng = [np.flatnonzero(refs == ref) for ref in pd.unique(refs)], np.random.default_rng(0)
    drawn = [np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]) for _ in range(200)]
    gaps = [correlation.srcc(a[rows], quality[rows]) - correlation.srcc(b[rows], quality[rows]) for rows in drawn]
    half = stats.t.ppf(0.975, 4) * np.std(gaps, ddof=1) * np.sqrt(5 / 4)
    assert row["srcc_low"] == pytest.approx(row["srcc_change"] - half)
    assert row["srcc_high"] == pytest.approx(row["srcc_change"] + half)
    inside = [correlation.srcc(a[refs == ref], quality[refs == ref]) for ref in pd.unique(refs)]
    before = [correlation.srcc(b[refs == ref], quality[refs == ref]) for ref in pd.unique(refs)]
    test = stats.ttest_rel(inside, before)
    assert row["srcc_byref_change"] == pytest.approx(np.mean(inside) - np.mean(before))
    assert row["srcc_byref_p"] == pytest.approx(test.pvalue)


def test_few_references_decide_nothing(tables):
    """Neither the sum of layers nor a layer chosen elsewhere against the final features, nor any switch after Holm."""
    some = {name: found["paper"] for name, found in tables.items()}
    layers, chosen = (layer_choice.each(of, some, ("l2", "cos")) for of in (layer_choice.layers, layer_choice.leave_one_out))
    lines = layer_tables.in_words(layers, chosen)
    assert sum(line.endswith("undecided") for line in lines) == 3 * 4
    assert any("cos, layer chosen elsewhere" in line and "+0.014 [-0.003, +0.031]" in line for line in lines)
    shown = layer_tables.best_layers(layers, chosen)
    picked = shown["features"].str.startswith("best here")
    assert picked.sum() == 4
    assert (shown.loc[picked, ["minus final", "minus final, within"]] == "").all(axis=None)
    for name, found in tables.items():
        changes = switch_effects.changes(found).assign(backbone=name)
        assert not (changes[["srcc_p_holm", "srcc_byref_p_holm", "plcc_p_holm"]] < 0.05).any(axis=None)
        for statistic in switch_effects.FUNCTIONS:
            np.testing.assert_allclose(changes[f"{statistic}_p_holm"], significance.holm(changes[f"{statistic}_p"]))
        lines = protocol_tables.survivors(changes)
        assert len(lines) == 3
        assert all("0 after Holm" in line for line in lines)


def test_what_survives_is_named():
    rows = {"backbone": "my_net", "base": "paper", "switch": ["normalise", "spatial"], "distance": "l2"}
    made = pd.DataFrame(rows)
    for statistic in switch_effects.FUNCTIONS:
        made = made.assign(**{f"{statistic}_{end}": 0.1 for end in ("change", "low", "high")})
        made[f"{statistic}_p"], made[f"{statistic}_p_holm"] = [0.001, np.nan], [0.001, np.nan]
    lines = protocol_tables.survivors(made)
    assert "1 of 2 changes tested, 1 with p < 0.05 taken alone, 1 after Holm" in lines[0]
    assert lines[1] == "  paper + normalise, l2: +0.100 [+0.100, +0.100]"


def test_a_lens_is_compared_with_nothing(tables):
    reported = lens.reported()
    assert set(reported["dataset"]) == {"live", "tid2013", "csiq", "kadid10k", "pipal"}
    assert reported["source"].str.startswith("arXiv 2610.05967").all()
    tokens = layer_choice.tokens(tables, layer_plots.TOKENS, ["cos"])[lens.BACKBONE]
    some = {name: found["paper"] for name, found in tables.items()}
    chosen = layer_choice.each(layer_choice.leave_one_out, some, ["cos"])
    lines = lens.in_words(tokens, chosen, "live", "97 images")
    assert "LIVE 0.964 (whole)" in lines[0]
    assert any(line.startswith("  layer 4, all tokens, picked here as the best: 0.962 [") for line in lines)
    assert lines[-1] == "JLD's lens was not run on these images, so whether the lens adds to a plain layer is undecided."
    assert lens.in_words(tokens, chosen[:0], "mine.csv", "97 images")[-1].endswith("JLD reports nothing of this set.")
    shown = lens.layers(tokens)
    assert len(shown) == 13
    assert len(shown.columns) == 2 + 2 * len(layer_plots.TOKENS)


def test_layers_within_references(tables):
    scores = tables["dinov2_vits14"]["paper"]
    found = layer_choice.layers(scores, "cos", count=20).set_index("features")
    by_ref = [(-part["layer_cos_4"]).corr(part["quality"], "spearman") for _, part in scores.groupby("ref")]
    assert found.loc["layer 4", "srcc_byref"] == pytest.approx(np.mean(by_ref))
    finals = [(-part["score_embed_cos"]).corr(part["quality"], "spearman") for _, part in scores.groupby("ref")]
    ends = stats.ttest_rel(by_ref, finals).confidence_interval()
    names = ["byref_minus_final_low", "byref_minus_final_high"]
    assert found.loc["layer 4", names].tolist() == pytest.approx([ends.low, ends.high])
    sums = layer_choice.cumulative(scores, "cos", count=20)
    assert sums["byref_single"][4] == pytest.approx(np.mean(by_ref))
    assert sums["srcc_byref"].iloc[-1] == pytest.approx(found.loc["sum of layers", "srcc_byref"])
    assert sums[["byref_low", "byref_high"]].iloc[-1].tolist() == pytest.approx(
        found.loc["sum of layers", ["byref_low", "byref_high"]].tolist()
    )


def test_what_was_measured_has_six_digits():
    for file in live_5refs.path("x", "y").parent.glob("*.csv"):
        table = pd.read_csv(file)
        measured = table[[column for column in table.select_dtypes("floating") if column != "mos"]]
        assert (measured.map(lambda number: float(csv_files.DIGITS % number)) == measured).all(axis=None), file.name


def test_every_variant_is_compared_with_the_right_one(tables):
    found = {name: switch_effects.changes(tables[name], count=20) for name in tables}
    bases = {(r.protocol, r.distance): r.base for r in found["efficientnet_lite0"].itertuples()}
    assert bases["corrected", "cos"] == "paper"
    assert bases["paper+spatial+sample_softmax", "wsd"] == "paper+spatial"
    assert bases["corrected+no_l2_term", "wsd"] == "corrected"
    assert not {("paper+spatial", "skld"), ("corrected", "skld"), ("paper", "l2")} & set(bases)
    assert set(found["dinov2_vits14"]["switch"]) | set(found["efficientnet_lite0"]["switch"]) == set(switch_effects.LABELS)
    by_type = switch_effects.changes(tables["efficientnet_lite0"], by="distortion", count=20)
    assert by_type.groupby("group").size().nunique() == 1
    assert (by_type.groupby("group")["n"].first().sum()) == 97


def test_layer_is_chosen_without_the_tested_reference(tables):
    scores = tables["dinov2_vits14"]["paper"].copy()
    before = layer_choice.leave_one_out(scores, "cos")
    tested = before["ref"][0]
    spoilt = scores["ref"] == tested
    scores.loc[spoilt, [f"layer_cos_{i}" for i in range(12)]] *= -1
    after = layer_choice.leave_one_out(scores, "cos")
    assert after["layer"][0] == before["layer"][0]
    assert after["chosen"][0] == pytest.approx(-before["chosen"][0])
    gap = layer_choice.mean_gap(before)
    assert gap["difference"] == pytest.approx((before["chosen"] - before["final"]).mean())
    assert gap["p"] == pytest.approx(stats.ttest_rel(before["chosen"], before["final"]).pvalue)
    assert gap["low"] <= gap["difference"] <= gap["high"]


def test_sums_of_layers(tables):
    scores = tables["efficientnet_lite0"]["paper"]
    found = layer_choice.cumulative(scores, "l2", count=50)
    assert found["srcc"].iloc[-1] == pytest.approx(correlation.srcc(-scores["score_l2"], scores["quality"]))
    assert found["srcc"].iloc[0] == found["single"].iloc[0]


def test_anatomy():
    found = anatomy.read()
    shares = found[[c for c in found if c.startswith(("share_", "true_"))]]
    assert len(found) == 97
    assert ((shares > 0) & (shares < 1)).all(axis=None)
    paper = live_5refs.read("dinov2_vits14")
    for distance in ("l2", "skld", "jsd", "wsd"):
        both = found.merge(paper[["dis", f"score_{distance}"]], on="dis")
        np.testing.assert_allclose(both[f"score_{distance}_x"], both[f"score_{distance}_y"], rtol=1e-4)
    agreement = anatomy.agreement(found).set_index("column")
    assert agreement.loc["l2_squashed", "with_l2_squashed"] == 1


def test_monotone_counts_sequences():
    levels = pd.DataFrame({"ref": "a", "distortion": ["x"] * 3 + ["y"] * 3, "level": [1, 2, 3] * 2})
    scores = levels.assign(score_l2=[1, 2, 3, 1, 3, 2], layer_embed_cos_10=[1, 2, 2, 1, 2, 3])
    found = anatomy.monotone(scores.sample(frac=1, random_state=0)).set_index("features")
    assert found.loc["score", ["rising", "sequences"]].tolist() == [1, 2]
    assert found.loc["layer 10", ["distance", "rising"]].tolist() == ["embed_cos", 1]


def test_w1_has_a_closed_form():
    generator = torch.Generator().manual_seed(0)
    ref, dis = (torch.randn(1, 2, 257, 16, generator=generator) for _ in range(2))
    pair = Pair(*(Side(Features(x.unbind(1), x[:, -1]), protocol.get(anatomy.TRUE)) for x in (ref, dis)))
    assert anatomy.closed_form_error(pair, count=20) < 1e-9
