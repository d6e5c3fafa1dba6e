"""One container of scores: made of runs, of the release, joined; names of methods; agreement and contrast of it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fmiqa_core.data import methods, released, scores
from fmiqa_core.errors import InputError
from fmiqa_core.stats import agreement, bootstrap, contrasts, result_tables
from fmiqa_core.studies import live_5refs

needs_archive = pytest.mark.skipif(released.find() is None, reason=released.NOT_HERE)


def run(backbone="dinov2_vits14", protocol="paper", **info) -> pd.DataFrame:
    """Our own scores of 97 LIVE images, as `score_tables.read` gives a run."""
    table = live_5refs.read(backbone, protocol)
    table.attrs |= {"dataset": "live", "backbone": backbone, "protocol": protocol, **info}
    return table


@pytest.fixture(scope="module")
def own():
    return scores.join([scores.of_table(run()), scores.of_table(run("efficientnet_lite0"))])


def test_either_spelling_names_a_method_and_no_name_fails():
    for theirs, ours in methods.RELEASED.items():
        for distance in ("l2", "cos"):
            assert methods.canonical(f"{theirs}_{distance}") == methods.canonical(f"{ours}_{distance}") == f"{ours}_{distance}"
            assert methods.released_spelling(f"{ours}_{distance}") == f"{theirs}_{distance}"
    for odd in ("", "x", "_", "@", "embed_", "timm:a_b.c_l2@x", "open_clip:ViT-B-32/openai_cos"):
        assert methods.describe(odd).label is not None


def test_a_table_becomes_scores(own):
    table = run()
    assert own.values.shape == (len(own.methods), 97)
    assert own.methods.loc[0, ["method", "source", "backbone", "features", "distance", "protocol"]].tolist() == [
        "dinov2_vits14_l2", "own", "dinov2_vits14", "intermediate", "l2", "paper",
    ]  # fmt: skip
    np.testing.assert_array_equal(own.values[0], -table["score_l2"])
    assert "embed_dinov2_vits14_cos" in own.methods["method"].tolist()
    with_layers = scores.of_table(table, layers=True)
    at = with_layers.methods["method"].tolist().index("dinov2_vits14_cos@4")
    np.testing.assert_array_equal(with_layers.values[at], -table["layer_cos_4"])


def test_methods_of_one_name_are_told_apart():
    both = scores.join([scores.of_table(run()), scores.of_table(run(protocol="corrected"))])
    assert {"dinov2_vits14_cos", "dinov2_vits14_cos[corrected]"} <= {*both.methods["method"]}
    assert both.only(["dinov2_vits14_cos"]).methods["protocol"].tolist() == ["paper", "corrected"]
    assert both.only(["dinov2_vits14_cos[corrected]"]).methods["protocol"].tolist() == ["corrected"]
    with pytest.raises(InputError, match="Two methods are called"):
        scores.join([scores.of_table(run()), scores.of_table(run())])
    with pytest.raises(InputError, match="dinov2_vits14_cos"):
        both.only(["dinov2_vits14_cso"])


def test_join_takes_the_images_that_all_have():
    first, second = run(), run("efficientnet_lite0")
    mixed = second.iloc[::-1].iloc[:60]
    mixed.attrs = second.attrs
    both = scores.join([scores.of_table(first), scores.of_table(mixed)])
    assert both.images["dis"].tolist() == [dis for dis in first["dis"] if dis in set(mixed["dis"])]
    kept = second.set_index("dis").loc[both.images["dis"], "score_l2"]
    np.testing.assert_array_equal(both.only(["efficientnet_lite0_l2"]).values[0], -kept)


def test_join_refuses_what_does_not_belong_together():
    one = scores.of_table(run())
    with pytest.raises(InputError, match="one dataset"):
        scores.join([one, scores.of_table(run("efficientnet_lite0", dataset="tid2013"))])
    other = run("efficientnet_lite0")
    other["quality"] += 5.0
    with pytest.raises(InputError, match="different human scores"):
        scores.join([one, scores.of_table(other)])
    names = run("efficientnet_lite0").assign(dis=[f"x/{i}.bmp" for i in range(97)])
    names.attrs = run().attrs | {"backbone": "efficientnet_lite0"}
    with pytest.raises(InputError, match="no image in common"):
        scores.join([one, scores.of_table(names)])


def test_a_missing_human_score_is_left_out_everywhere():
    table = run()
    table.loc[:9, "quality"] = np.nan
    some = scores.of_table(table)
    assert (agreement.agreement(some, count=20)["n"] == 87).all()
    assert (contrasts.contrast(some, count=20)["n"] == 87).all()
    assert (result_tables.compute(some, 20)["correlations"]["n"] == 87).all()
    table["quality"] = np.nan
    for statistic in (agreement.agreement, contrasts.contrast, result_tables.compute):
        with pytest.raises(InputError, match=r"0 rows .* of the 97 of LIVE"):
            statistic(scores.of_table(table))


def test_a_single_reference_has_values_and_no_interval():
    table = run()
    one = table[table["ref"] == table["ref"].iloc[0]].reset_index(drop=True)
    one.attrs = table.attrs
    found = agreement.agreement(scores.of_table(one), count=50, fits_count=20)
    apart = contrasts.contrast(scores.of_table(one), count=50)
    assert np.isfinite(found[list(agreement.STATISTICS)].to_numpy(float)).all()
    assert found.filter(regex="_low|_high").isna().all(axis=None)
    assert np.isfinite(apart["difference"]).all()
    assert apart[["low", "high", "p", "p_holm", "byref_low", "byref_p"]].isna().all(axis=None)


def test_agreement_equals_scipy(own):
    found = agreement.agreement(own, count=50).set_index("method")
    for name, values in zip(own.methods["method"], own.values, strict=True):
        row = found.loc[name]
        assert row["srcc"] == pytest.approx(stats.spearmanr(values, own.quality).statistic, abs=1e-12)
        assert row["plcc"] == pytest.approx(stats.pearsonr(values, own.quality).statistic, abs=1e-12)
        assert row["krcc"] == pytest.approx(stats.kendalltau(values, own.quality).statistic, abs=1e-12)
        inside = [stats.spearmanr(values[own.refs == ref], own.quality[own.refs == ref]).statistic for ref in set(own.refs)]
        assert row["srcc_byref"] == pytest.approx(np.mean(inside), abs=1e-12)


@pytest.mark.parametrize("name", ["srcc", "plcc", "srcc_byref"])
def test_few_and_many_images_are_resampled_alike(own, name, monkeypatch):
    args = (name, own.values, own.quality, own.refs, 100)
    few = bootstrap.samples(*args)
    monkeypatch.setattr(bootstrap, "MANY", 0)
    np.testing.assert_allclose(bootstrap.samples(*args), few, rtol=0, atol=1e-12)


def test_contrast_is_paired_and_changes_sign(own):
    a, b = "dinov2_vits14_cos", "efficientnet_lite0_l2"
    there, back = contrasts.contrast(own, [(a, b), (b, a)], count=200).to_dict("records")
    values = {name: own.only([name]).values[0] for name in (a, b)}
    gap = stats.spearmanr(values[a], own.quality).statistic - stats.spearmanr(values[b], own.quality).statistic
    assert there["difference"] == pytest.approx(gap, abs=1e-12)
    assert (back["difference"], back["low"], back["high"]) == pytest.approx(
        (-there["difference"], -there["high"], -there["low"])
    )
    drawn = bootstrap.draw(5, 200)[:, bootstrap.codes(own.refs)].astype(int)
    gaps = []
    for weights in drawn:
        rows = np.repeat(np.arange(97), weights)
        x, y = (stats.spearmanr(values[name][rows], own.quality[rows]).statistic for name in (a, b))
        gaps.append(x - y)
    half = stats.t.ppf(0.975, 4) * np.std(gaps, ddof=1) * np.sqrt(5 / 4)
    assert [there["low"], there["high"]] == pytest.approx([gap - half, gap + half], abs=1e-9)
    inside = np.array(
        [
            [stats.spearmanr(values[n][own.refs == ref], own.quality[own.refs == ref]).statistic for n in (a, b)]
            for ref in set(own.refs)
        ]
    )
    paired = stats.ttest_rel(*inside.T)
    assert there["byref_p"] == pytest.approx(paired.pvalue, rel=1e-9)
    ends = paired.confidence_interval(0.95)
    assert [there["byref_low"], there["byref_high"]] == pytest.approx([ends.low, ends.high], abs=1e-12)


@needs_archive
def test_the_release_becomes_the_same_kind():
    found = scores.of_release("live", None)
    assert found.values.shape == (len(found.methods), 779)
    assert {"dino_vitb16_l2", "dino_vitb16_l2[rot]"} <= {*found.methods["method"]}
    table = released.load()
    mine = table[(table["dataset"] == "live") & (table["method"] == "dinov1_l2") & (table["perturbation"] == "none")]
    np.testing.assert_array_equal(found.only(["dinov1_l2"]).only(["dino_vitb16_l2"]).values[0], mine["score"])
    with pytest.raises(InputError, match="kadid10k"):
        scores.of_release("kadid10k")


@needs_archive
def test_own_and_released_stand_on_the_same_images(own):
    both = scores.join([own, scores.of_release("live")])
    assert both.images["dis"].tolist() == run()["dis"].tolist()
    assert {*both.methods["source"]} == {"own", "released"}
    table = contrasts.contrast(both, [("dinov2_vits14_cos", "lpips")], count=50)
    assert table["n"].item() == 97
    assert table["difference"].item() == pytest.approx(0.0230, abs=5e-5)
