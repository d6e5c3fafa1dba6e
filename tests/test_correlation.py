"""Agreement with human scores: scipy's values, clustered intervals, the logistic fit."""

import functools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fmiqa_core.data.scores import of_table
from fmiqa_core.errors import InputError
from fmiqa_core.stats import agreement, bootstrap, contrasts, correlation, fits, layer_choice, resamples


@pytest.fixture(scope="module")
def sample():
    """60 images of 6 references, with ties: prediction, quality, reference."""
    rng = np.random.default_rng(0)
    quality = rng.integers(0, 20, 60).astype(float)
    pred = (quality + rng.normal(0, 6, 60)).round()
    return pred, quality, np.repeat(list("abcdef"), 10)


def test_equal_to_scipy(sample):
    pred, quality, _ = sample
    assert correlation.srcc(pred, quality) == pytest.approx(stats.spearmanr(pred, quality).statistic, rel=1e-12)
    assert correlation.plcc(pred, quality) == pytest.approx(stats.pearsonr(pred, quality).statistic, rel=1e-12)
    assert correlation.krcc(pred, quality) == pytest.approx(stats.kendalltau(pred, quality).statistic, rel=1e-12)


def test_columns_at_once_are_the_same_as_alone(sample):
    pred, quality, _ = sample
    columns = np.stack([pred, -pred, pred**3, quality], axis=1)
    for statistic in (correlation.srcc, correlation.plcc):
        together = statistic(columns, quality)
        assert together.shape == (4,)
        np.testing.assert_allclose(together, [statistic(column, quality) for column in columns.T], rtol=1e-12)


def test_sign_is_kept(sample):
    pred, quality, _ = sample
    for name in ("srcc", "plcc", "krcc"):
        statistic = getattr(correlation, name)
        assert statistic(-pred, quality) == pytest.approx(-statistic(pred, quality))
        assert statistic(pred, quality) > 0


def test_constant_prediction_is_nan():
    quality = np.arange(10.0)
    assert np.isnan(correlation.srcc(np.ones(10), quality))
    assert np.isnan(correlation.plcc(np.ones(10), quality))


@pytest.mark.parametrize("name", ["srcc", "plcc"])
def test_interval_equals_a_plain_clustered_bootstrap(sample, name):
    """References are drawn with replacement, all images of each come along, repeated ones repeatedly; t(5) on Fisher's z."""
    pred, quality, refs = sample
    found = bootstrap.interval(getattr(correlation, name), pred, quality, refs, count=300, seed=5)
    scipys = {"srcc": stats.spearmanr, "plcc": stats.pearsonr}[name]
    rng, values, names = np.random.default_rng(5), [], list("abcdef")
    for _ in range(300):
        rows = []
        for draw in rng.integers(6, size=6):
            rows += [i for i in range(60) if refs[i] == names[draw]]
        values.append(scipys(pred[rows], quality[rows]).statistic)
    half = stats.t.ppf(0.975, 5) * np.std(values, ddof=1) * np.sqrt(6 / 5) / (1 - found.value**2)
    ends = np.tanh(np.arctanh(found.value) + half * np.array([-1, 1]))
    assert (found.low, found.high) == pytest.approx(tuple(ends), rel=1e-9)
    assert found.low < found.value < found.high
    assert (found.n, found.clusters) == (60, 6)


def test_clustered_interval_is_wider_where_images_of_a_reference_move_together():
    rng = np.random.default_rng(1)
    refs = np.repeat(np.arange(12), 20)
    quality = rng.normal(size=12)[refs] + rng.normal(0, 0.1, 240)
    pred = quality + 1.5 * rng.normal(size=12)[refs]
    clustered = bootstrap.interval(correlation.srcc, pred, quality, refs, count=500)
    each_alone = bootstrap.interval(correlation.srcc, pred, quality, np.arange(240), count=500)
    assert clustered.high - clustered.low > 1.5 * (each_alone.high - each_alone.low)


def test_one_cluster_has_no_interval(sample):
    pred, quality, _ = sample
    found = bootstrap.interval(correlation.srcc, pred, quality, np.zeros(60))
    assert np.isnan([found.low, found.high]).all()
    assert np.isfinite(found.value)


def test_interval_is_deterministic_in_its_seed(sample):
    first, second, other = (bootstrap.interval(correlation.srcc, *sample, count=100, seed=seed) for seed in (3, 3, 4))
    assert first == second
    assert (first.low, first.high) != (other.low, other.high)


# the logistic fit


def logistic(x, top, bottom, centre, width):
    return bottom + (top - bottom) / (1 + np.exp(-(x - centre) / width))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
@pytest.mark.parametrize("width", [0.05, 0.2])
def test_fit_recovers_a_logistic(scale, width):
    x = np.linspace(0, 1, 80)
    quality = logistic(x, 90.0, 10.0, 0.4, width)
    raw = correlation.plcc(x, quality)
    assert raw < 0.995
    assert fits.plcc_fitted(scale * x, quality) == pytest.approx(1, abs=1e-6)


def test_fit_of_a_noisy_logistic_equals_that_of_scipy():
    from scipy.optimize import curve_fit

    rng = np.random.default_rng(2)
    x = rng.uniform(0, 1, 200)
    quality = logistic(x, 90.0, 10.0, 0.4, 0.1) + rng.normal(0, 5, 200)
    found, _ = curve_fit(logistic, x, quality, p0=[90, 10, 0.5, 0.1])
    expected = np.corrcoef(logistic(x, *found), quality)[0, 1]
    assert fits.plcc_fitted(x, quality) == pytest.approx(expected, abs=1e-5)


def test_fit_of_a_falling_relation_is_an_agreement_after_fitting():
    """The logistic may fall: what counts is how well a monotone curve through the prediction explains quality."""
    x = np.linspace(0, 1, 50)
    assert fits.plcc_fitted(x, -logistic(x, 1, 0, 0.5, 0.1)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("pred", "quality"),
    [
        (np.ones(20), np.arange(20.0)),
        (np.arange(20.0), np.ones(20)),
        (np.arange(5.0), np.arange(5.0)),  # as many parameters as points but one
        (np.r_[np.nan, np.arange(19.0)], np.arange(20.0)),
    ],
    ids=["constant prediction", "constant quality", "too few", "NaN"],
)
def test_fit_that_cannot_be_is_nan(pred, quality):
    assert np.isnan(fits.plcc_fitted(pred, quality))


def test_fit_that_does_not_converge_is_nan(monkeypatch, sample):
    real = fits.leastsq
    monkeypatch.setattr(fits, "leastsq", lambda *args, **options: real(*args, **{**options, "maxfev": 2}))
    assert np.isnan(fits.plcc_fitted(*sample[:2]))


# tables


@pytest.fixture(scope="module")
def scores(sample):
    pred, quality, refs = sample
    frame = pd.DataFrame(
        {"dataset": "mine.csv", "ref": refs, "dis": [f"{i}.png" for i in range(60)], "distortion": ["blur", "jpeg"] * 30}
    )
    frame["quality"] = quality
    frame["score_l2"], frame["score_embed_cos"] = -pred, -quality  # distances: larger = worse
    for i in range(3):
        frame[f"layer_l2_{i}"] = -pred / 3 - i * np.sin(np.arange(60))
    return frame


def test_table(scores, sample):
    table = agreement.agreement(of_table(scores), count=50, fits_count=50).set_index("method")
    table.index = [{"none_l2": "l2", "embed_none_cos": "embed_cos"}[name] for name in table.index]
    pred, quality, refs = sample
    assert table.loc["l2", "srcc"] == pytest.approx(stats.spearmanr(pred, quality).statistic)
    assert table.loc["embed_cos", "srcc"] == pytest.approx(1)
    assert table.loc["l2", ["n", "refs"]].tolist() == [60, 6]
    expected = bootstrap.interval(correlation.srcc, pred, quality, refs, count=50)
    assert table.loc["l2", ["srcc_low", "srcc_high"]].tolist() == [expected.low, expected.high]
    for name in agreement.STATISTICS:
        assert table.loc["l2", f"{name}_low"] < table.loc["l2", name] < table.loc["l2", f"{name}_high"]


@pytest.mark.parametrize(("by", "n", "refs"), [("distortion", 30, 6), ("ref", 10, 1)])
def test_table_by_group(scores, by, n, refs):
    table = agreement.agreement(of_table(scores), by, count=20)
    assert table["group"].drop_duplicates().tolist() == ["all", *sorted(scores[by].unique())]
    table = table[table["group"] != "all"].reset_index(drop=True)
    assert (table["n"] == n).all()
    assert (table["refs"] == refs).all()
    part = scores[scores[by] == table["group"][0]]
    assert table["srcc"][0] == pytest.approx(stats.spearmanr(-part["score_l2"], part["quality"]).statistic)
    assert np.isfinite(table["srcc_low"]).all()


def test_rows_without_a_human_score_are_left_out(scores):
    some = scores.copy()
    some.loc[:9, "quality"] = np.nan
    assert (agreement.agreement(of_table(some), count=20)["n"] == 50).all()


def test_too_few_rows(scores):
    with pytest.raises(InputError, match="2 rows"):
        agreement.agreement(of_table(scores.head(2)))


def test_layers_against_the_final_features(scores, sample):
    _, quality, _ = sample
    table = layer_choice.layers(scores, "l2", count=100)
    assert table["features"].tolist() == ["layer 0", "layer 1", "layer 2", "sum of layers", "final"]
    expected = [stats.spearmanr(-scores[f"layer_l2_{i}"], quality).statistic for i in range(3)]
    np.testing.assert_allclose(table["srcc"][:3], expected)
    assert table["srcc"][4] == pytest.approx(1)
    np.testing.assert_allclose(table["minus_final"], table["srcc"] - table["srcc"][4])
    assert (table["low"] <= table["srcc"]).all()
    assert (table["srcc"] <= table["high"]).all()
    assert (table["minus_final_high"][:4] < 0).all()
    assert table[["minus_final_low", "minus_final_high"]].iloc[4].tolist() == [0, 0]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("name", ["srcc", "plcc", "krcc", "plcc_fit4"])
@pytest.mark.parametrize("tied", [False, True])
def test_weights_give_what_copied_images_give(name, compiled, tied):
    """Every statistic, in NumPy and compiled, against copying the images of each resample and computing anew."""
    rng = np.random.default_rng(3)
    clusters = rng.integers(0, 8, 60)  # of all sizes, mixed
    quality = rng.normal(size=60)
    pred = np.stack([quality + rng.normal(size=60), np.exp(quality + rng.normal(size=60)), np.tanh(2 * quality)])
    if tied:
        pred, quality = pred.round(0), quality.round(0)
    slow = []
    for row in pred:
        near = functools.partial(fits.plcc_fitted, begin=fits.logistic(row, quality).parameters)
        function = near if name == "plcc_fit4" else getattr(correlation, name)
        slow.append(bootstrap.resampled(function, row, quality, clusters, count=40))
    slow = np.stack(slow, axis=1)
    found = bootstrap.samples(name, pred, quality, clusters, count=40, compiled=compiled)
    np.testing.assert_allclose(found, slow, rtol=0, atol=1e-4 if name == "plcc_fit4" else 1e-12)
    there = np.isfinite(slow)
    assert np.percentile(np.abs(found - slow)[there], 90) < 1e-6  # a fit ends where its squares fall by less than that


def test_kendall_where_each_image_is_a_reference_of_its_own():
    rng = np.random.default_rng(4)
    pred, quality = rng.normal(size=(2, 30)), rng.integers(0, 7, 30).astype(float)
    slow = [bootstrap.resampled(correlation.krcc, row, quality, np.arange(30), count=20) for row in pred]
    for compiled in (False, True):
        found = bootstrap.samples("krcc", pred, quality, np.arange(30), count=20, compiled=compiled)
        np.testing.assert_allclose(found, np.transpose(slow), rtol=0, atol=1e-12)


def test_every_method_is_ticked_once():
    rng = np.random.default_rng(5)
    pred, quality, clusters = rng.normal(size=(3, 30)), rng.normal(size=30), np.arange(30) // 5
    for name in ("srcc", "srcc_byref", "plcc", "krcc", "plcc_fit4"):
        for compiled in (False, True):
            ticks = []
            bootstrap.samples(name, pred, quality, clusters, 20, compiled=compiled, tick=lambda ticks=ticks: ticks.append(1))
            assert len(ticks) == 3


def test_what_is_no_number_is_not_fitted():
    rng = np.random.default_rng(6)
    pred, quality, clusters = rng.normal(size=(3, 30)), rng.normal(size=30), np.arange(30) // 5
    pred[0, 3], pred[1, 3], pred[2] = np.nan, np.inf, 1.0
    with np.errstate(invalid="ignore"):
        assert np.isnan(bootstrap.samples("plcc_fit4", pred, quality, np.zeros(30), 5, compiled=True)).all()
        assert np.isfinite(bootstrap.samples("plcc_fit4", pred[:2], quality, clusters, 20, compiled=True)).any()


@pytest.mark.parametrize("name", ["layers", "cumulative", "leave_one_out", "by_type"])
def test_layers_of_few_and_of_many_images_are_judged_alike(scores, name, monkeypatch):
    few = getattr(layer_choice, name)(scores, "l2")
    monkeypatch.setattr(bootstrap, "MANY", 0)
    pd.testing.assert_frame_equal(getattr(layer_choice, name)(scores, "l2"), few, rtol=0, atol=1e-12)


def test_agreement_and_contrast_share_their_samples(scores, monkeypatch):
    calls = []
    real = bootstrap.samples
    monkeypatch.setattr(bootstrap, "samples", lambda name, *args: calls.append(name) or real(name, *args))
    groups = resamples.groups(of_table(scores), count=30)
    agreement.of_groups(groups, statistics=("srcc", "srcc_byref"))
    contrasts.of_groups(groups)
    assert calls == ["srcc"]  # within references there is nothing to draw
