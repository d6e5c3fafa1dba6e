"""Notebook 05: marks rest on one family of tests, shares and leaders on their definitions, averages on ranks alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from fmiqa_core.data import scores as containers
from fmiqa_core.figures import benchmark, benchmark_lines, scene_tables, tables
from fmiqa_core.stats import complementarity, correlation, leaders, resamples, results, shares

PAIR = ("a", "b")


def world(refs: int = 24, each: int = 8, floor: float = 3.0, seed: int = 0) -> resamples.Group:
    """People who compare within scenes only; a has a floor per scene, b and c have not, c is the noisiest."""
    rng = np.random.default_rng(seed)
    quality = np.tile(np.arange(each, dtype=float), refs)
    names = np.repeat([f"r{i}" for i in range(refs)], each)
    noise = rng.normal(0, [[1.0], [1.0], [3.0]], (3, refs * each))
    values = quality + noise
    values[0] += np.repeat(rng.normal(0, floor, refs), each)
    images = pd.DataFrame({"dis": np.arange(len(quality)).astype(str), "ref": names, "distortion": "", "quality": quality})
    rows = pd.DataFrame({"method": ["a", "b", "c"]}).reindex(columns=containers.METHODS)
    (group,) = resamples.groups(containers.Scores("demo", rows, images, values), count=200)
    return group


def test_share_between_references():
    found = shares.shares(world(), ["a", "b", None]).set_index("method")
    assert list(found.index) == ["people", "a", "b"]
    assert found.at["people", "between"] == 0
    assert found.at["a", "between_ranks"] > 0.3 > 0.1 > found.at["b", "between_ranks"]
    assert np.isnan(shares.between([1, 1, 1, 1], ["x", "x", "y", "y"]))
    group = world()
    pooled, inside = group.point("srcc")[0], group.point("srcc_byref")[0]
    assert pooled == pytest.approx(inside * np.sqrt(1 - found.at["a", "between_ranks"]), abs=0.05)


def test_who_is_first():
    group = world()
    found = leaders.leaders(group, ["a", "b", "c"]).set_index("method")
    assert found["first"].sum() == pytest.approx(1)
    assert found.at["b", "first"] > 0.95  # pooled, a pays for its floor; within references it does not
    assert 0.02 < found.at["a", "byref_first"] < 0.98
    np.testing.assert_allclose(leaders.first(np.array([[1, 1, 0], [0, 2, np.nan]])), [0.25, 0.75, 0])
    assert np.isnan(leaders.leaders(world(refs=1), ["a", "b", "c"])["first"]).all()


def test_average_of_ranks_and_partial_correlation():
    group = world()
    found = complementarity.complements(group, ["a", "b", "c"], PAIR).set_index(["what", "method", "statistic"])
    values, quality = group.scores.values, group.scores.quality
    mean = rankdata(values[0]) + rankdata(values[1])
    assert found.at[("average", "a", "srcc"), "value"] == pytest.approx(correlation.srcc(mean, quality))
    gain = found.at[("gain", "b", "srcc"), "value"]
    assert gain == pytest.approx(correlation.srcc(mean, quality) - correlation.srcc(values[1], quality))
    x, y, z = (rankdata(side) for side in (values[0], quality, values[1]))
    x, y = (side - np.polyval(np.polyfit(z, side, 1), z) for side in (x, y))  # what z leaves
    assert found.at[("given", "a", "srcc"), "value"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert (found["low"] <= found["value"]).all()
    assert (found["value"] <= found["high"]).all()
    assert found.at[("gain, picked", "a", "srcc_byref"), "refs"] == 12  # tested on the half that it was not picked on
    assert found.xs("best pair", level="what")["other"].tolist() == ["b"]


def test_little_is_said_of_little():
    few = complementarity.complements(world(refs=4), ["a", "b", "c"], PAIR)
    assert set(few["what"]) == {"given", "average", "gain"}
    assert complementarity.complements(world(refs=4), ["a", "b", "c"], None).empty
    one = complementarity.complements(world(refs=1), ["a", "b", "c"], PAIR)
    assert one["value"].notna().any()
    assert one["low"].isna().all()
    images = world(refs=30, each=1, floor=0.0)  # every image a reference of its own: nothing within
    assert not set(complementarity.complements(images, ["a", "b", "c"], PAIR)["what"]) & {"best single", "best pair"}


@pytest.fixture(scope="module")
def found():
    return results.committed()


def test_marks_are_the_answers_of_pairs(found):
    """One family: what a mark says of two methods is what `pairs` says, whichever methods stand in the table."""
    pairs = found.read("pairs").set_index(["dataset", "method", "other"])
    for dataset, method, other, statistic, prefix in (
        ("live", "clip_vitb32_l2", "fsim", "srcc", ""),
        ("pipal", "dinov1_l2", "stlpips_alex", "srcc", ""),
        ("pipal", "dinov1_l2", "lpips", "srcc_byref", "byref_"),
    ):
        row = pairs.loc[(dataset, method, other)]
        said = benchmark.against_best(found, dataset, [method, other], statistic)
        assert bool(said) == (row[f"{prefix}p_holm"] >= 0.05)
        same = said.get(other) == "equivalent"
        assert same == (bool(said) and row[f"{prefix}p_equivalent"] < 0.05)
    assert benchmark.against_best(found, "live", found.main)["fsim"] == "equivalent"
    assert benchmark.against_best(found, "pipal", found.main)["stlpips_alex"] == "undecided"


def test_cells_hold_the_intervals_that_the_caption_promises(found):
    cells, marks, numbers = benchmark.comparison(found)
    assert cells.shape == marks.shape
    assert len(cells) == len(numbers) == 3 * len(found.main)
    assert all("[" in cell for column in cells.columns[2:] for cell in cells[column])
    assert set("+".join(marks.to_numpy().ravel()).split("+")) == {"", "best", "second", "undecided", "equivalent"}


def test_a_difference_turns_with_its_sides(found):
    one = benchmark.compared(found, "live", "fsim", ["psnr"]).iloc[0]
    two = benchmark.compared(found, "live", "psnr", ["fsim"]).iloc[0]
    assert (one["difference"], one["low"], one["high"]) == (-two["difference"], -two["high"], -two["low"])
    assert one["p"] == two["p"]


def test_groups_hold_every_method_once(found):
    table = benchmark.groups(found, found.main)
    for _, part in table.groupby(["dataset", "statistic"]):
        names = [name for line in part["metrics"] for name in line.split(", ")]
        assert len(names) == len(set(names)) == len(found.main)


def test_people_stand_beside_methods_where_it_is_known_what_they_agree_on(found):
    numbers = tables.points(found, found.main)
    assert scene_tables.with_people(found, numbers).equals(numbers) or "ceilings" in found.tables
    columns = ["dataset", "kind", "statistic", "value", "low", "high", "n", "refs"]
    row = ["tid2013", "panel", "srcc", 0.97, 0.96, 0.98, 1700, 25]
    ceilings = pd.DataFrame([row, [*row[:2], "krcc", *row[3:]], ["absent", *row[1:]]], columns=columns)
    more = scene_tables.with_people(replace(found, tables=found.tables | {"ceilings": ceilings}), numbers)
    (people,) = [one for _, one in more.iloc[len(numbers) :].iterrows()]
    assert (people["method"], people["family"], people["srcc_high"]) == ("people_panel", "people", 0.98)


def test_what_the_notebook_says(found):
    """The findings themselves, from the committed tables: ranks turn on PIPAL where people compared within scenes."""
    lines = "\n".join(benchmark_lines.placed(found, "dinov1_l2", ["lpips", "stlpips_alex", "fsim"], "pipal"))
    assert "rank 2 of 45 by SRCC pooled, 19 by SRCC within references" in lines
    assert lines.count("decided (Holm over all pairs)") == 6
    assert "0.08% of the variance of people's scores" in "\n".join(benchmark_lines.asked(found))
    assert "r = 0.91" in "\n".join(benchmark_lines.asked(found))
    for said in ("\n".join(benchmark_lines.best(found, found.main)), lines):
        assert "not different" not in said
    assert benchmark_lines.placed(found, "absent", [], "pipal") == []
