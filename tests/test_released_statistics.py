"""Bootstrap, fits and tests: against an independent implementation, closed forms and simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as f_distribution

from fmiqa_core.data import scores as containers
from fmiqa_core.stats import bootstrap, contrasts, correlation, fits, significance


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


@pytest.mark.parametrize("parameters", [4, 5])
@pytest.mark.parametrize("curve", ["steep", "falling", "late"])
def test_the_best_of_several_starts_is_found(parameters, curve):
    """Where the usual start ends in a worse place: a step, a falling relation, a step at the end."""
    x = np.random.default_rng(2).normal(size=3000)
    centre, width = {"steep": (0.8, 0.02), "falling": (0, -0.4), "late": (1.5, 0.05)}[curve]
    quality = 1 / (1 + np.exp(-np.clip((x - centre) / width, -500, 500)))
    fit = fits.logistic(x, quality, parameters)
    assert fit.plcc > 0.999
    assert fit.rising == (curve != "falling")


def test_five_parameters_are_never_worse_than_four():
    scores, quality, _ = made_up(6, ties=True)
    for row in scores:
        four = fits.logistic(row, quality, 4)
        assert fits.logistic(row, quality, 5, four).rmse <= four.rmse * (1 + 1e-9)


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


def made_up_scores(scores, quality, clusters, names):
    images = pd.DataFrame({"dis": np.arange(len(quality)).astype(str), "ref": clusters, "distortion": "", "quality": quality})
    rows = pd.DataFrame({"method": names}).reindex(columns=containers.METHODS)
    return containers.Scores("demo", rows, images, np.asarray(scores))


def test_false_alarms():
    """Equal methods are told apart in about 5 % of worlds."""
    alarms = {"p": 0, "byref_p": 0}
    for seed in range(200):
        found = contrasts.contrast(made_up_scores(*made_up(seed, refs=30, each=6, methods=2), ["x", "y"]), count=200)
        for name in alarms:
            alarms[name] += found[name].iloc[0] < 0.05
    assert all(2 <= count <= 20 for count in alarms.values())  # 10 expected of 200
