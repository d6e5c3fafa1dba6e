"""Bootstrap, fits and tests: against an independent implementation, closed forms and simulation."""

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import spearmanr

from fmiqa_core.stats import bootstrap, correlation, fits, significance


def made_up(seed=0, refs=20, each=15, methods=3, ties=False):
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(refs), each)
    shift = rng.normal(0, 1, (methods, refs))[:, clusters]
    quality = rng.normal(size=refs * each)
    scores = quality + shift + rng.normal(0, 1, (methods, refs * each))
    if ties:
        scores, quality = scores.round(0), quality.round(0)
    order = rng.permutation(refs * each)  # references need not stand together
    return scores[:, order], quality[order], clusters[order]


@pytest.mark.parametrize("ties", [False, True])
def test_weights_equal_copied_rows(ties):
    """A weight per image gives what copying the resampled rows and ranking them anew gives, to rounding."""
    scores, quality, clusters = made_up(ties=ties)
    weights = bootstrap.draw(20, 50, seed=3)
    for fast, slow in ((bootstrap.srcc, correlation.srcc), (bootstrap.plcc, correlation.plcc)):
        expected = bootstrap.resampled(slow, scores.T, quality, clusters, 50, seed=3)
        np.testing.assert_allclose(fast(scores, quality, clusters, weights), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_agree_with_an_independent_bootstrap(seed):
    """scipy's spearmanr on rows drawn by another generator: ends agree to Monte Carlo error."""
    scores, quality, clusters = made_up(seed, refs=25, each=8)
    low, high = bootstrap.percentile(bootstrap.srcc(scores, quality, clusters, bootstrap.draw(25, 4000)))
    rng = np.random.RandomState(seed + 100)
    rows = [np.flatnonzero(clusters == c) for c in range(25)]
    values = []
    for _ in range(800):
        chosen = np.concatenate([rows[c] for c in rng.choice(25, 25)])
        values.append([spearmanr(row[chosen], quality[chosen])[0] for row in scores])
    values = np.array(values)
    for k in range(len(scores)):
        error = 4 * np.std(values[:, k]) * np.sqrt(0.025 * 0.975 / 800) / 0.058  # quantile's standard error x 4
        assert low[k] == pytest.approx(np.quantile(values[:, k], 0.025), abs=error)
        assert high[k] == pytest.approx(np.quantile(values[:, k], 0.975), abs=error)


def test_coverage_by_simulation():
    """With 60 references the clustered interval holds the true SRCC in 90-99 % of 300 worlds; the naive one does not."""
    rng = np.random.default_rng(7)

    def world(refs, each):
        clusters = np.repeat(np.arange(refs), each)
        quality = rng.normal(size=refs * each)
        slope = rng.normal(1, 0.8, refs)[clusters]  # a reference may suit a method or not
        return slope * quality + rng.normal(size=refs * each), quality, clusters

    score, quality, _ = world(200_000, 1)
    truth = correlation.srcc(score, quality)
    weights = bootstrap.draw(60, 300, seed=1)
    alone = bootstrap.draw(60 * 12, 300, seed=1)
    inside = naive = 0
    for _ in range(300):
        score, quality, clusters = world(60, 12)
        low, high = bootstrap.percentile(bootstrap.srcc(score, quality, clusters, weights)[:, 0])
        inside += low <= truth <= high
        low, high = bootstrap.percentile(bootstrap.srcc(score, quality, np.arange(len(score)), alone)[:, 0])
        naive += low <= truth <= high
    assert 0.90 <= inside / 300 <= 0.99
    assert naive < inside


def test_constant_side_is_nan_not_a_number():
    scores, quality, clusters = made_up()
    scores[0] = 1.0
    with np.errstate(all="ignore"):
        values = bootstrap.srcc(scores, quality, clusters, bootstrap.draw(20, 5))
    assert np.isnan(values[:, 0]).all()
    assert np.isfinite(values[:, 1:]).all()


def test_signs_are_kept():
    scores, quality, clusters = made_up(methods=1)
    up = bootstrap.srcc(scores, quality, clusters, bootstrap.draw(20, 20))
    np.testing.assert_allclose(bootstrap.srcc(-scores, quality, clusters, bootstrap.draw(20, 20)), -up, atol=1e-12)


@pytest.mark.parametrize("parameters", [4, 5])
def test_logistic_finds_its_own_curve(parameters):
    rng = np.random.default_rng(1)
    x = rng.uniform(-3, 3, 500)
    quality = 20 + 50 / (1 + np.exp(-2 * (x - 0.3))) + (4 * x if parameters == 5 else 0)
    fit = fits.logistic(x * 7 + 3, quality, parameters)
    assert fit.converged
    assert fit.plcc == pytest.approx(1, abs=1e-6)
    assert fit.rmse < 0.05
    np.testing.assert_allclose(fit.curve, quality, atol=0.2)


def test_four_parameter_fit_is_the_package_s_own():
    scores, quality, _ = made_up(5)
    for row in scores:
        assert fits.logistic(row, quality, 4).plcc == pytest.approx(fits.plcc_fitted(row, quality), abs=1e-12)


def test_fit_that_cannot_be_is_said_so():
    for fit in (fits.logistic(np.ones(50), np.arange(50.0)), fits.logistic(np.arange(4.0), np.arange(4.0))):
        assert not fit.converged
        assert np.isnan(fit.plcc)


def test_holm_known_values():
    """Holm (1979), worked by hand; NaN is not counted."""
    np.testing.assert_allclose(significance.holm([0.01, 0.02, 0.03, 0.005]), [0.03, 0.04, 0.04, 0.02])
    np.testing.assert_allclose(significance.holm([0.5, np.nan, 0.01]), [0.5, np.nan, 0.02])
    assert significance.holm([0.9, 0.8]).max() == 1


def test_f_test_known_value():
    assert significance.f_test(1.2, 1.0, 101) == pytest.approx(2 * f_distribution.sf(1.44, 100, 100))
    assert significance.f_test(1.0, 1.2, 101) == pytest.approx(significance.f_test(1.2, 1.0, 101))
    assert significance.f_test(1.0, 1.0, 101) == pytest.approx(1, abs=1e-9)
    assert np.isnan(significance.f_test(np.nan, 1.0, 101))


def test_pairs_groups_and_false_alarms():
    """Two twins and one that is worse: twins share a group. Equal methods are told apart in about 5 % of worlds."""
    alarms = 0
    for seed in range(200):
        scores, quality, clusters = made_up(seed, refs=30, each=6, methods=2)
        values = np.array([correlation.srcc(row, quality) for row in scores])
        table = significance.pairs(["x", "y"], values, bootstrap.srcc(scores, quality, clusters, bootstrap.draw(30, 200)))
        assert (table["difference"] >= 0).all()
        alarms += table["p"].iloc[0] < 0.05
    assert 2 <= alarms <= 24  # 10 expected of 200
    rng = np.random.default_rng(0)
    worse = quality + rng.normal(0, 6, len(quality))
    scores = np.array([worse, scores[0], scores[0] + 1e-3 * rng.normal(size=len(quality))])
    values = np.array([correlation.srcc(row, quality) for row in scores])
    table = significance.pairs(["bad", "a", "b"], values, bootstrap.srcc(scores, quality, clusters, bootstrap.draw(30, 500)))
    first, *rest = significance.groups(["bad", "a", "b"], table)
    assert sorted(first) == ["a", "b"]
    assert rest == [["bad"]]
    assert significance.groups(["bad", "a"], table)[0] == ["a"]
