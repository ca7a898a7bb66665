"""The scaler of numeric columns, at every magnitude."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import stats
from scipy.stats import kstest, norm
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmissdiff import NumericScaler

STRATEGIES = ["standard", "quantile", "minmax"]


@parametrize_with_checks([NumericScaler(strategy) for strategy in STRATEGIES])
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.fixture(params=STRATEGIES)
def strategy(request):
    return request.param


def test_agrees_with_the_scalers_of_sklearn():
    rng = np.random.default_rng(0)
    X = rng.gamma(1.0, size=(200, 3)) * [1, 100, 1e-3] + [0, 5, -1]
    X[rng.random(X.shape) < 0.3] = np.nan
    for scaler, reference in [
        (NumericScaler(), StandardScaler()),
        (NumericScaler("minmax"), MinMaxScaler()),
    ]:
        np.testing.assert_allclose(scaler.fit_transform(X), reference.fit_transform(X), rtol=1e-9)


def test_quantile_codes_are_normal():
    X = np.exp(np.random.default_rng(0).normal(size=(2000, 1)))
    codes = NumericScaler("quantile").fit_transform(X)
    assert abs(codes.mean()) < 0.05
    assert abs(codes.std() - 1) < 0.05
    assert abs((codes**3).mean()) < 0.2


@pytest.mark.parametrize("unit", [1.0, 1e300, 1e-300, 5e-320, 1e9])
@pytest.mark.parametrize("offset", [0.0, 1e12])
def test_round_trip_at_any_magnitude(strategy, unit, offset):
    X = np.array([[1.0], [2.0], [np.nan], [5.0]]) * unit
    if offset and unit == 1.0:
        X += offset
    codes = NumericScaler(strategy).fit_transform(X)
    plain = NumericScaler(strategy).fit_transform(np.array([[1.0], [2.0], [np.nan], [5.0]]))
    np.testing.assert_allclose(codes, plain, rtol=1e-3)
    back = NumericScaler(strategy).fit(X).inverse_transform(codes)
    np.testing.assert_allclose(back, X, rtol=1e-6)


def test_tiny_spread_around_a_large_mean(strategy):
    X = 1e9 + np.array([[0.0], [1e-6], [2e-6]])
    codes = NumericScaler(strategy).fit_transform(X)
    assert np.ptp(codes) > 0.9


def test_constant_and_empty_columns(strategy):
    X = np.array([[0.1, np.nan, 1e300, 1.0], [np.nan, np.nan, 1e300, 2.0]])
    scaler = NumericScaler(strategy).fit(X)
    np.testing.assert_array_equal(scaler.is_constant_, [True, True, True, False])
    codes = scaler.transform(X)
    np.testing.assert_array_equal(codes[:, :3], [[0, np.nan, 0], [np.nan, np.nan, 0]])
    np.testing.assert_array_equal(scaler.inverse_transform(codes)[:, :3], X[:, :3])


def test_only_constant_columns(strategy):
    scaler = NumericScaler(strategy).fit([[3.0]])
    assert scaler.scaler_ is None
    np.testing.assert_array_equal(scaler.transform([[3.0], [np.nan]]), [[0.0], [np.nan]])
    np.testing.assert_array_equal(scaler.inverse_transform([[0.0]]), [[3.0]])


def test_nothing_overflows(strategy):
    huge = np.tile([[1.7e308], [-1.7e308], [np.nan]], (8, 6))
    scaler = NumericScaler(strategy).fit(huge)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(huge)), huge, rtol=1e-6)
    scaler = NumericScaler(strategy).fit([[-1e308], [1e308], [0.0]])
    assert np.isfinite(scaler.transform([[1.7e308]])).all()
    assert np.isfinite(scaler.inverse_transform([[1e300], [-50.0]])).all()
    scaler = NumericScaler(strategy).fit([[1e-300], [2e-300]])
    assert np.isfinite(scaler.transform([[1e300]])).all()
    single = scaler.transform(np.array([[1e30]], dtype=np.float32))
    assert single.dtype == np.float32
    assert np.isfinite(single).all()


def test_dtype_is_kept(strategy):
    X = np.array([[1.0], [2.0], [4.0]], dtype=np.float32)
    scaler = NumericScaler(strategy).fit(X)
    codes = scaler.transform(X)
    assert codes.dtype == np.float32
    assert scaler.inverse_transform(codes).dtype == np.float32
    assert scaler.transform(X.astype(float)).dtype == np.float64


def test_frame_and_global_output_setting(strategy):
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    with sklearn.config_context(transform_output="pandas"):
        out = NumericScaler(strategy).fit_transform(X)
    assert out.columns.tolist() == ["a", "b"]


def test_wrong_width():
    with pytest.raises(ValueError, match="X has 2 features, but NumericScaler is expecting 1"):
        NumericScaler().fit([[1.0], [2.0]]).inverse_transform([[1.0, 2.0]])


def test_unknown_strategy():
    with pytest.raises(ValueError, match="strategy"):
        NumericScaler("robust").fit([[1.0]])


def test_equal_values_are_spread_over_their_ranks():
    """Zeros fill 80 % of the column: in the middle of their ranks, or over all of them."""
    rng = np.random.default_rng(0)
    X = np.where(rng.random((4000, 1)) < 0.8, 0.0, rng.gamma(2.0, size=(4000, 1)))
    scaler = NumericScaler("quantile").fit(X)
    zeros = scaler.transform(X)[X == 0]
    np.testing.assert_allclose(zeros, norm.ppf(0.4), atol=0.03)
    codes = scaler.jittered(X, rng.random(X.shape))
    assert kstest(codes[:, 0], "norm").statistic < 0.02
    np.testing.assert_array_equal(scaler.inverse_transform(codes)[X == 0], 0.0)
    np.testing.assert_allclose(scaler.inverse_transform(codes), X, atol=0.05)


@pytest.mark.parametrize("strategy", ["standard", "minmax"])
def test_only_ranks_are_spread(strategy):
    X = np.array([[1.0], [1.0], [np.nan], [5.0]])
    scaler = NumericScaler(strategy).fit(X)
    np.testing.assert_array_equal(scaler.jittered(X, np.full(X.shape, 0.9)), scaler.transform(X))


@pytest.mark.parametrize("strategy", ["standard", "minmax"])
def test_log_slope_is_that_of_the_codes(strategy):
    X = np.column_stack([np.linspace(-3e5, 1e5, 9), np.linspace(0, 1e-6, 9), np.ones(9)])
    scaler = NumericScaler(strategy).fit(X)
    slope = scaler.log_slope(X, np.full(X.shape, 0.5))
    rise = np.diff(scaler.transform(X), axis=0) / np.diff(X[:, [0, 1, 1]], axis=0)
    np.testing.assert_allclose(slope[:8, :2], np.log(rise[:, :2]), rtol=1e-9)
    assert (slope[:, 2] == 0).all()


def test_log_slope_of_ranks():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(5000) < 0.4, 0.0, 1 + 7 * rng.random(5000))[:, None]
    scaler = NumericScaler("quantile").fit(x)
    at = np.array([[0.0], [3.0], [6.5], [np.nan]])
    uniforms = np.array([[0.3], [0.5], [0.5], [0.5]])
    slope = scaler.log_slope(at, uniforms)[:, 0]
    density = slope + stats.norm.logpdf(scaler.jittered(at, uniforms)[:, 0])
    np.testing.assert_allclose(density[0], np.log(0.4), atol=0.05)  # a probability
    np.testing.assert_allclose(density[1:3], np.log(0.6 / 7), atol=0.3)
    assert slope[3] == 0


@pytest.mark.parametrize("unit", [1.0, 1e300, 1e-300, 3e9])
def test_values_that_occur_often_come_back_as_they_are(unit):
    rng = np.random.default_rng(0)
    x = np.where(rng.random(500) < 0.5, 0.1, rng.exponential(size=500) + 0.2) * unit
    X = np.column_stack([x, np.where(rng.random(500) < 0.2, np.nan, -x)])
    scaler = NumericScaler("quantile").fit(X)
    often = np.abs(X) == x.min()
    ends = np.isin(X, [np.nanmin(X, axis=0), np.nanmax(X, axis=0)])
    for codes in scaler.transform(X), scaler.jittered(X, rng.random(X.shape)):
        back = scaler.inverse_transform(codes)
        np.testing.assert_array_equal(back[often | ends], X[often | ends])
        np.testing.assert_array_equal(np.isnan(back), np.isnan(X))
