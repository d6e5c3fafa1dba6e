"""The rule for intervals and tests: against scipy's paired t test, closed forms, simulated worlds, and real scores."""

import numpy as np
import pytest
from interval_coverage import simulate
from scipy import stats

from fmiqa_core.data import released
from fmiqa_core.stats import intervals
from fmiqa_core.stats.intervals import Draws

needs_archive = pytest.mark.skipif(released.find() is None, reason=released.NOT_HERE)


def test_values_by_reference_give_the_paired_t_test():
    values = np.random.default_rng(0).normal(0.7, 0.1, (25, 2))
    gap = intervals.of_difference(*_minus(values))
    expected = stats.ttest_rel(*values.T)
    assert gap["p"][0] == pytest.approx(expected.pvalue, rel=1e-12)
    ends = expected.confidence_interval(0.95)
    assert (gap["low"][0], gap["high"][0]) == pytest.approx((ends.low, ends.high), rel=1e-12)


def _minus(values):
    draws = Draws(values, len(values), resampled=False).minus([0], [1])
    return values.mean(0)[:1] - values.mean(0)[1:], draws


def test_resamples_get_the_small_sample_factor():
    """The bootstrap of a mean over G references has a deviation that is sqrt((G - 1) / G) of the standard error."""
    values = np.random.default_rng(1).normal(size=5)
    drawn = np.random.default_rng(2).choice(values, (200_000, 5)).mean(1)
    assert Draws(drawn[:, None], 5).error[0] == pytest.approx(stats.sem(values), rel=0.01)


def test_levels_stay_below_one_and_p_goes_with_the_interval():
    draws = Draws(np.array([0.99, 0.95, 0.999, 0.97, 0.98])[:, None], 5, resampled=False)
    low, high = intervals.of_level(np.array([0.9778]), draws)
    assert 0.9 < low[0] < 0.9778 < high[0] < 1
    rng = np.random.default_rng(3)
    for _ in range(200):
        gap = intervals.of_difference(*_minus(rng.normal(0, 1, (6, 2))))
        assert (gap["p"][0] < 0.05) == (gap["low"][0] > 0 or gap["high"][0] < 0)


def test_what_cannot_be_known_is_nan():
    one = Draws(np.array([[0.3]]), 1, resampled=False)
    assert np.isnan(intervals.of_level(np.array([0.3]), one)).all()
    gap = intervals.of_difference(np.array([0.3]), one)
    assert gap["difference"] == 0.3
    assert np.isnan([gap["low"][0], gap["p"][0], intervals.equivalence(0.3, one)[0]]).all()
    same = Draws(np.zeros((9, 1)), 9)
    assert intervals.of_difference(np.zeros(1), same)["p"] == 1
    assert np.isnan(intervals.equivalence(np.zeros(1), same)[0])
    few = Draws(np.zeros((5, 1)), 5, resampled=False)  # in order in each of five references
    assert np.isnan(intervals.of_difference(np.zeros(1), few)["low"][0])
    assert np.isnan(intervals.of_level(np.ones(1), Draws(np.ones((5, 1)), 5, False))).all()
    assert np.isnan(intervals.references_needed(np.zeros(1), same)[0])


def test_equivalence_is_two_one_sided_tests():
    values = np.random.default_rng(4).normal(0.002, 0.01, 29)
    draws = Draws(values[:, None], 29, resampled=False)
    mean = np.array([values.mean()])
    above = stats.ttest_1samp(values, -0.01, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.01, alternative="less").pvalue
    assert intervals.equivalence(mean, draws)[0] == pytest.approx(max(above, below), rel=1e-12)
    assert intervals.equivalence(mean, draws, margin=1e-4)[0] > 0.05


def test_equivalence_at_the_margin_is_found_in_one_of_twenty_worlds():
    rng, found = np.random.default_rng(5), 0
    for _ in range(2000):
        values = rng.normal(0.01, 0.02, 25)
        found += intervals.equivalence(np.array([values.mean()]), Draws(values[:, None], 25, False))[0] < 0.05
    assert 70 <= found <= 130


def test_as_many_references_as_are_said_to_be_needed_see_the_difference_in_four_worlds_of_five():
    rng = np.random.default_rng(6)
    pilot = rng.normal(0.01, 0.03, 20_000)
    needed = int(intervals.references_needed(np.array([0.01]), Draws(pilot[:, None], len(pilot), False))[0])
    assert needed == pytest.approx((2.8016 * 3) ** 2 + 1.92, rel=0.03)
    large = Draws(pilot[:, None] - 0.01, len(pilot), False)
    for size in (0.1, 0.03, 0.02):  # also where few are enough
        few = int(intervals.references_needed(np.array([size]), large)[0])
        assert (stats.ttest_1samp(rng.normal(size, 0.03, (4000, few)), 0, axis=1).pvalue < 0.05).mean() > 0.76
    seen = sum(stats.ttest_1samp(rng.normal(0.01, 0.03, needed), 0).pvalue < 0.05 for _ in range(1000))
    assert 750 <= seen <= 840


@pytest.mark.long
@needs_archive
@pytest.mark.parametrize(("dataset", "refs"), [("live", 5), ("live", 29), ("pipal", 5), ("pipal", 25)])
def test_intervals_cover(dataset, refs):
    """Each kind holds the value of all references in 93 to 98 % of the worlds, on average over ten metrics and their pairs."""
    worlds = 100
    error = 2 * np.sqrt(0.95 * 0.05 / worlds)  # of the simulation: the metrics share the worlds
    for row in simulate(dataset, refs, worlds, ("srcc", "srcc_byref", "plcc")).to_dict("records"):
        assert 0.93 - error <= row["mean"] <= 0.98 + error, row


@pytest.mark.long
@needs_archive
def test_percentiles_would_not(monkeypatch):
    """The simulation can fail: of five references percentiles of resamples cover far less."""

    def percentile(value, draws):
        return np.percentile(draws.values, [2.5, 97.5], axis=0)

    monkeypatch.setattr(intervals, "of_level", percentile)
    (row,) = simulate("live", 5, 100, ("srcc",), ()).to_dict("records")
    assert row["mean"] < 0.9
