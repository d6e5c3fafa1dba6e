"""What a perturbation changes and on which type it hangs, which features lose less, which images keep the floor: made-up scores
of known answers, and the committed tables."""

import numpy as np
import pandas as pd
import pytest

from fmiqa_core.data import committed, scores
from fmiqa_core.figures import robustness_tables
from fmiqa_core.stats import contrasts, gains, perturbed, resamples, result_tables, results
from fmiqa_core.studies import local_blocks, rotation

LEVELS, TYPES, REFS = 6, ("a", "b", "odd"), 8


def made_up(names, misplaced=0.0, refs=REFS, seed=0):
    """Scores of methods `names`; those with a perturbation say what people say, the others misplace the type `odd`."""
    rng = np.random.default_rng(seed)
    images = pd.DataFrame(
        [
            {"ref": f"r{r}", "distortion": t, "level": k, "quality": -k - 0.3 * i}
            for r in range(refs)
            for i, t in enumerate(TYPES)
            for k in range(LEVELS)
        ]
    )
    images = images.assign(dis=np.arange(len(images)).astype(str), mos=images["quality"])
    quality, odd = images["quality"].to_numpy(), (images["distortion"] == "odd").to_numpy()
    methods = pd.DataFrame([{"method": n if p == "none" else f"{n}[{p}]", "perturbation": p} for n, p in names])
    methods["features"] = ["embedding" if n.startswith("embed_") else "intermediate" for n, _ in names]
    methods["backbone"] = [n.removeprefix("embed_").removesuffix("_cos") for n, _ in names]
    methods = methods.assign(label=methods["method"], family="foundation", source="own", distance="cos", protocol="paper")
    noise = rng.normal(0, 0.15, (len(names), len(quality)))
    values = np.array([quality + misplaced * odd * (p == "none") for _, p in names]) + noise
    return scores.Scores("demo", methods[scores.METHODS], images[scores.IMAGES], values)


def group_of(found):
    whole, *_ = resamples.groups(found, count=200)
    return whole, result_tables._named(whole.scores.methods)


def test_a_gain_hangs_on_the_type_that_was_misplaced():
    names = [("x_cos", "none"), ("x_cos", "rot")]
    table = gains.gains(*group_of(made_up(names, misplaced=20)))
    assert table["without"].tolist() == [gains.ALL, *TYPES]
    assert list(table) == gains.COLUMNS
    (row,) = gains.hangs_on(table).itertuples()
    assert row.type == "odd"
    assert row.change > 0.1
    assert row.low > 0
    assert abs(row.without) < 0.02
    assert row.share == pytest.approx(1, abs=0.1)
    assert row.placed == pytest.approx(row.people, abs=0.02)
    assert row.placed_clean == pytest.approx(5 / 6, abs=0.01)  # above all of the two other types
    both = contrasts.of_groups([group_of(made_up(names, misplaced=20))[0]], [("x_cos[rot]", "x_cos")])
    assert table.loc[0, "change"] == pytest.approx(both.loc[0, "difference"])
    assert table.loc[0, ["byref_change", "byref_low", "byref_p"]].tolist() == pytest.approx(
        both.loc[0, ["byref_difference", "byref_low", "byref_p"]].tolist()
    )


def test_nothing_that_is_perturbed_gives_no_rows():
    group, table = group_of(made_up([("x_cos", "none"), ("y_cos", "rot")]))
    assert gains.gains(group, table).empty
    assert gains.hangs_on(gains.gains(group, table)).empty
    assert perturbed.intermediate_final(group, table).empty


def test_a_single_reference_has_no_test():
    names = [(f"{side}x_cos", kind) for side in ("", "embed_") for kind in ("none", "rot")]
    group, table = group_of(made_up(names, refs=1))
    assert gains.gains(group, table)["byref_p"].isna().all()
    found = perturbed.intermediate_final(group, table)
    assert found[["p", "change_p", "byref_p"]].isna().all(axis=None)
    assert perturbed.verdicts(found["difference"], found["p"]).tolist() == ["undecided"]


def test_which_of_two_loses_less_is_a_difference_of_differences():
    """The final features misplace a type when clean, the intermediate ones never: the perturbation takes the lead away."""
    names = [(f"{side}x_cos", kind) for side in ("", "embed_") for kind in ("none", "rot")]
    found = made_up(names, misplaced=20)
    values = found.values.copy()
    values[0] = values[1] + 0.01  # intermediate: clean = rotated
    found = scores.Scores(found.dataset, found.methods, found.images, values)
    group, table = group_of(found)
    (row,) = perturbed.intermediate_final(group, table).itertuples()
    srcc = group.point("srcc")
    assert row.clean == pytest.approx(srcc[0] - srcc[2])
    assert row.difference == pytest.approx(srcc[1] - srcc[3])
    assert row.change == pytest.approx((srcc[1] - srcc[0]) - (srcc[3] - srcc[2]))
    assert row.change_high < 0
    assert row.byref_change_high < 0
    draws = group.draws("srcc").values
    moved = (draws[:, 1] - draws[:, 0]) - (draws[:, 3] - draws[:, 2])
    half = row.change_high - row.change
    assert half == pytest.approx(2.3646 * moved.std(ddof=1) * np.sqrt(REFS / (REFS - 1)), rel=1e-3)  # t(7)


def test_committed_tables_agree_with_each_other():
    keys = ["dataset", "method", "perturbation"]
    all_types = committed.read("gains").query("without == @gains.ALL")
    both = all_types.merge(committed.read("changes"), on=keys, suffixes=("", "_there"))
    assert len(both) == len(all_types) == len(committed.read("changes"))
    for name in ("change", "byref_change", "byref_low", "byref_p"):
        np.testing.assert_allclose(both[name], both[f"{name}_there"], rtol=2e-5, atol=1e-9)
    final = committed.read("perturbed_final")
    srcc = committed.read("correlations").set_index(keys)["srcc_byref"]
    for row in final.itertuples():
        one, two = (srcc[row.dataset, method, row.perturbation] for method in (row.method, row.other))
        assert row.byref_difference == pytest.approx(one - two, abs=2e-6)


def test_what_the_released_scores_say():
    """Within references: intermediate features are ahead after nearly every perturbation and seldom lose less than final ones;
    rises on TID2013 hang on local blocks."""
    final = committed.read("perturbed_final")
    counts = {
        (prefix, name): [
            int((perturbed.verdicts(final[prefix + name], final[prefix + p]) == v).sum()) for v in perturbed.VERDICTS
        ]
        for prefix in ("", "byref_")
        for name, p in (("change", "change_p"), ("difference", "p"))
    }
    assert counts["byref_", "change"] == [10, 34, 19]
    assert counts["byref_", "difference"] == [45, 15, 3]
    assert sum(counts["", "change"]) == 63
    rising = robustness_tables.rising(robustness_tables.hang(results.committed())).set_index(["dataset", "perturbation"])
    row = rising.loc["tid2013", "rot"]
    assert row["type"] == "15"
    assert row["hang_on_it"] >= row["rise"] - 1
    assert row["change"] > 4 * row["without"]


def test_blocks_cover_the_area_that_is_asked_for():
    pixels, source = np.zeros((96, 128, 3), np.uint8), np.full((96, 128, 3), 9, np.uint8)
    few, many = (local_blocks.pasted(pixels, source, area, seed=3) for area in (0.25, 0.5))
    assert (few == 9).mean() == 0.25
    assert (many == 9).mean() == 0.5
    assert ((few == 9) <= (many == 9)).all()
    colours = local_blocks.coloured((70, 40, 3), 0)
    assert colours.shape == (70, 40, 3)
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == 6


def test_images_of_equal_distance_are_compared_within_their_reference():
    rows = [("r1", "global", 1.0, 0.5), ("r1", "global", 1.1, 0.7), ("r1", "global", 3.0, 0.1), ("r1", "local", 1.0, 0.8)]
    rows += [("r2", "global", 1.0, 0.4), ("r2", "local", 1.0, 0.7), ("r2", "local", 9.0, 0.1)]
    table = pd.DataFrame(rows, columns=["ref", "reach", "clean", "share"]).assign(distortion="any")
    pairs = local_blocks.matched(table)
    assert pairs["others"].tolist() == [2, 1]
    assert pairs["global_"].tolist() == pytest.approx([0.6, 0.4])
    (row,) = local_blocks.summary(pairs, (0.5, 2)).to_dict("records")
    assert (row["n"], row["refs"]) == (2, 2)
    assert row["difference"] == pytest.approx(0.25)
    assert row["p"] == pytest.approx(2 * (0.5 - np.arctan(5) / np.pi))  # t with one degree of freedom


def test_committed_blocks_are_complete():
    table, live = local_blocks.read(), rotation.read()
    assert len(table) == live["ref"].nunique() * (live["distortion"].nunique() + 1) * len(local_blocks.AREAS)
    assert not table.isna().any(axis=None)
    floors = live.drop_duplicates("ref").set_index("ref")["floor_cos"]
    assert (table["floor_cos"].to_numpy() == floors[table["ref"]].to_numpy()).all()
    nearer = table.sort_values("area").groupby(["ref", "kind"])["clean_cos"]
    assert (nearer.diff().dropna() > 0).all()  # more blocks, a larger distance
