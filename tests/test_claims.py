"""The claims: the rule of the verdicts, the counts of the released scores, and sentences that name their statistic."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fmiqa_core.data import committed, scores
from fmiqa_core.notebook import readme
from fmiqa_core.stats import claim_details, claims, results, verdicts
from fmiqa_core.stats.significance import holm
from fmiqa_core.studies import live_5refs


@pytest.fixture(scope="module")
def found():
    return results.committed()


@pytest.fixture(scope="module")
def own():
    """13 methods of 97 LIVE images, 5 references: no rival that is no foundation model, no perturbation."""
    return results.of(
        [scores.join([scores.of_table(live_5refs.read(name)) for name in ("dinov2_vits14", "efficientnet_lite0")])], "own"
    )


def made(*sides: int) -> pd.DataFrame:
    """One question, a unit for each side: +1 as claimed, 0 undecided, -1 against, by both statistics."""
    table = pd.DataFrame({"question": "live", "difference": [0.1 * side + 0.001 for side in sides]})
    table["p_holm"] = [0.001 if side else 0.5 for side in sides]
    return table.assign(byref_difference=table["difference"], byref_p_holm=table["p_holm"])


@pytest.mark.parametrize(
    ("sides", "answers"),
    [
        ((1, 1, 1), (1, 1, 1)),
        ((1, 1, 0), (1, 1, 0)),
        ((1, 1, -1), (1, 1, -1)),
        ((1, 0, 0), (1, 0, 0)),
        ((1, -1, -1), (1, -1, -1)),
        ((0, -1, -1), (0, -1, -1)),
        ((-1, -1, -1), (-1, -1, -1)),
        ((1, -1), (1, -1, -1)),  # of two, the median goes as claimed where both do
        ((0, 0), (0, 0, 0)),
        ((-1,), (-1, -1, -1)),
    ],
)
def test_one_the_median_and_all_of_them(sides, answers):
    for asked, answer in zip(verdicts.ASKED, answers, strict=True):
        assert verdicts.answers(made(*sides), asked).tolist() == [answer]


def flipped(found):
    """The same results with every difference turned round."""
    tables = dict(found.tables)
    for name in ("comparisons", "changes"):
        table = tables[name].copy()
        for prefix in verdicts.STATISTICS:
            value = f"{prefix}{'change' if name == 'changes' else 'difference'}"
            low, high = -table[f"{prefix}high"], -table[f"{prefix}low"]
            table[value], table[f"{prefix}low"], table[f"{prefix}high"] = -table[value], low, high
        tables[name] = table
    return replace(found, tables=tables)


def test_flipped_evidence_gets_another_verdict(found):
    now, then = claims.summary(found), claims.summary(flipped(found))
    straight = ~now["claim"].str.startswith("SRCC falls")  # of which zero is a fall by the margin
    assert (now.loc[straight, "as claimed"] == then.loc[straight, "against"]).all()
    assert (now[[*verdicts.ASKED]] != then[[*verdicts.ASKED]]).any(axis=1).all()
    opposite = dict(zip(verdicts.ASKED, reversed(verdicts.ASKED), strict=True))
    for row, other in zip(now[straight].iloc, then[straight].iloc, strict=True):
        for asked in ("at least one", "all"):
            ours, theirs = (text.rpartition("(")[2].rstrip(")").split("/") for text in (row[asked], other[opposite[asked]]))
            assert ours == theirs[::-1]


def test_verdicts_differ_where_the_evidence_does(found):
    table = claims.summary(found)
    words = {text.partition(" (")[0] for asked in verdicts.ASKED for text in table[asked]}
    assert len(words) >= 5


def test_the_counts_of_the_released_scores(found):
    """As claimed, undecided, against: over all images, then within references. Each family with Holm's correction alone."""

    def both(table):
        return [verdicts.counts(verdicts.outcomes(table, prefix)) for prefix in verdicts.STATISTICS]

    assert both(claims.comparisons(found, "final")) == [(18, 3, 0), (18, 2, 1)]
    assert both(claims.comparisons(found, "backbones")) == [(16, 5, 0), (16, 4, 1)]
    assert both(claims.robust(found)) == [(8, 15, 13), (23, 12, 1)]
    alone = claim_details.by_metric(found).set_index("method")
    columns = ["all images, asked alone", "within references, asked alone"]
    assert alone.loc["dinov1_l2", columns].tolist() == ["26/3/1", "22/4/4"]
    assert alone.loc["clip_vitb32_l2", columns].tolist() == ["26/3/1", "24/3/3"]
    assert alone.loc["dinov2_cos", columns[0]] == "9/16/5"
    assert len(alone) == 19
    assert (alone["comparisons"] == 30).all()
    moved = pd.concat([claims.comparisons(found, "final", kind) for kind in claims.MOVED])
    moved = moved.assign(byref_p_holm=holm(moved["byref_p"]))
    assert verdicts.counts(verdicts.outcomes(moved, "byref_")) == (45, 15, 3)


def test_the_map_is_the_table_of_comparisons(found):
    table, counted = claim_details.grid(found), claims.summary(found)
    assert len(table) == 2 * 19 * 10 * 3
    for statistic, row in zip(claim_details.SHORT.values(), counted[counted["comparisons"] == 570].iloc, strict=True):
        mine = table[table["statistic"] == statistic]
        assert int(((mine["p_holm"] < 0.05) & (mine["difference"] > 0)).sum()) == row["as claimed"]
        assert int(((mine["p_holm"] < 0.05) & (mine["difference"] < 0)).sum()) == row["against"]


def test_clean_comparisons_are_those_of_the_pairs(found):
    """One answer to one question: p and intervals of `comparisons` and of `pairs` are the same numbers."""
    pairs = found.read("pairs")
    turned = pairs.rename(columns={"method": "other", "other": "method"})
    for prefix in verdicts.STATISTICS:
        turned[f"{prefix}difference"] = -turned[f"{prefix}difference"]
    mine = found.read("comparisons").query("perturbation == 'none'")
    both = mine.merge(pd.concat([pairs, turned]), on=["dataset", "method", "other"], suffixes=("", "_pair"))
    assert len(both) == len(mine)
    for column in ("difference", "p", "byref_difference", "byref_p"):
        np.testing.assert_allclose(both[column], both[f"{column}_pair"], rtol=2e-5, atol=1e-12)


def test_what_is_read_from_a_stored_interval_is_what_the_draws_say(found):
    pairs = found.read("pairs")
    for prefix in verdicts.STATISTICS:
        power = verdicts.power(pairs, prefix)
        np.testing.assert_allclose(power["p_equivalent"], pairs[f"{prefix}p_equivalent"], rtol=1e-3, atol=1e-9)
        needed = pairs[f"{prefix}refs_needed_for_margin"]
        assert (np.abs(power["refs_needed_for_margin"] - needed) <= 1).all()


def test_every_sentence_names_its_statistic(found):
    names = [*verdicts.STATISTICS.values()]
    lines = [claims.sentence(row) for _, row in claims.summary(found).iterrows()]
    lines += [claims.sentence(row) for _, row in claims.perturbed(found).iterrows()]
    lines += claim_details.speaks(claim_details.against(found)) + claim_details.sensitive(found)
    for line in [*lines, *claim_details.needed(found)]:
        assert any(name in line for name in names), line
        for word in ("not different", "the same as", "equal to", "level with", "supported"):
            assert word not in line, line
    assert all(name in readme.parts()["claims"] for name in names)


def test_own_scores_without_rivals_and_perturbations(own):
    table = claims.summary(own)
    done = table[table["comparisons"] > 0]
    assert set(done["claim"]) == {claims.BY_KEY["final"].words}
    assert (table.loc[table["comparisons"] == 0, [*verdicts.ASKED]] == verdicts.UNTESTED).all(axis=None)
    assert all(verdicts.UNTESTED in claims.sentence(row) for _, row in table[table["comparisons"] == 0].iterrows())
    assert claims.perturbed(own).empty
    assert claim_details.grid(own).empty
    assert claim_details.by_metric(own).empty
    assert claim_details.grid(own, "robust").empty
    assert claims.robust(own).empty
    assert len(claim_details.backbones(own)) == 4  # two backbones, two statistics
    assert len(claim_details.undecided(own)) == len(table)
    assert claim_details.sensitive(own)


def test_a_single_reference_tests_nothing():
    table = live_5refs.read("dinov2_vits14")
    one = results.of([scores.of_table(table[table["ref"] == table["ref"].iloc[0]])], "own")
    assert len(one.read("comparisons")) == 1
    table = claims.summary(one)
    assert (table["comparisons"] == 0).all()
    assert (table[[*verdicts.ASKED]] == verdicts.UNTESTED).all(axis=None)
    assert claim_details.against(one).empty
    assert claim_details.backbones(one).empty
    assert len(claim_details.undecided(one)) == len(table)


def test_own_and_released_stand_beside_each_other(found, own):
    table = claims.beside({"own": own})
    assert table["scores"].tolist() == ["released", "recomputed"] * (len(table) // 2)
    pd.testing.assert_frame_equal(
        table[table["scores"] == "released"].drop(columns="scores").reset_index(drop=True), claims.summary(found)
    )
    assert "scores" not in claims.beside({"released": found})


def test_the_margin_counts(found):
    strict, loose = (claims.summary(found, margin).iloc[-1]["as claimed"] for margin in (0.001, 0.1))
    assert strict < claims.summary(found).iloc[-1]["as claimed"] < loose
    assert "0.1 under" in claims.summary(found, 0.1).iloc[-1]["claim"]


def test_the_committed_table_is_small():
    assert committed.path("comparisons").stat().st_size < 1.5e6


def test_ties_in_the_ranking_share_the_better_rank(own):
    """Own and released scores of the same method tie: their ranks stay whole."""
    table = own.read("correlations")
    twice = pd.concat([table, table.assign(method=table["method"] + "[released]")])
    ranking = claim_details.by_reference_ranking(replace(own, tables={**own.tables, "correlations": twice}), "live", 4)
    assert ranking["rank_srcc_byref"].tolist() == [1, 1, 3, 3]
