"""Metrics of imputed cells, against closed forms, scipy and scikit-learn."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from sklearn.metrics import log_loss, mean_absolute_error, root_mean_squared_error

from skmissdiff import metrics
from skmissdiff.metrics import (
    correlation_error,
    imputation_energy_distance,
    imputation_error_rate,
    imputation_log_loss,
    imputation_mae,
    imputation_rmse,
    imputation_wasserstein_distance,
    pair_trend_error,
)

N_ROWS = 400
POINT_METRICS = [
    imputation_rmse,
    imputation_mae,
    imputation_error_rate,
    imputation_wasserstein_distance,
    imputation_energy_distance,
    correlation_error,
    pair_trend_error,
]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def mixed(rng):
    """A true frame, an imputed one and the mask of the cells that differ."""
    truth = pd.DataFrame(
        {
            "a": rng.normal(size=N_ROWS),
            "b": 100 + 20 * rng.normal(size=N_ROWS),
            "c": pd.Categorical(rng.choice(["x", "y", "z"], N_ROWS)),
            "d": rng.choice([True, False], N_ROWS),
        }
    )
    mask = rng.random(truth.shape) < 0.3
    shuffled = truth.sample(frac=1, random_state=1, ignore_index=True)
    imputed = truth.copy()
    for j, name in enumerate(truth):
        imputed[name] = truth[name].where(~mask[:, j], shuffled[name])
    return truth, imputed, mask


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(imputation_rmse, root_mean_squared_error), (imputation_mae, mean_absolute_error)],
)
def test_errors_are_those_of_scikit_learn(mixed, ours, theirs):
    truth, imputed, mask = mixed
    expected = [theirs(truth[c][mask[:, j]], imputed[c][mask[:, j]]) for j, c in enumerate("ab")]
    found = ours(truth, imputed, mask, average=None)
    np.testing.assert_allclose(found, [*expected, np.nan, np.nan])
    assert ours(truth, imputed, mask) == pytest.approx(np.mean(expected))
    cells = [np.concatenate([t["a"][mask[:, 0]], t["b"][mask[:, 1]]]) for t in (truth, imputed)]
    assert ours(truth, imputed, mask, average="cells") == pytest.approx(theirs(*cells))


def test_error_rate(mixed):
    truth, imputed, mask = mixed
    wrong = (truth != imputed)[["c", "d"]].to_numpy()
    by_column = wrong.sum(axis=0) / mask[:, 2:].sum(axis=0)
    found = imputation_error_rate(truth, imputed, mask, average=None)
    np.testing.assert_allclose(found, [np.nan, np.nan, *by_column])
    assert imputation_error_rate(truth, imputed, mask) == pytest.approx(by_column.mean())
    pooled = wrong.sum() / mask[:, 2:].sum()
    assert imputation_error_rate(truth, imputed, mask, average="cells") == pytest.approx(pooled)


@pytest.mark.parametrize("scale", ["sd", "range"])
def test_scale_is_that_of_the_cells_that_were_seen(mixed, scale):
    truth, imputed, mask = mixed
    plain = imputation_rmse(truth, imputed, mask, average=None)
    spread = np.std if scale == "sd" else np.ptp
    units = [spread(truth[c].to_numpy()[~mask[:, j]]) for j, c in enumerate("ab")]
    found = imputation_rmse(truth, imputed, mask, average=None, scale=scale)
    np.testing.assert_allclose(found[:2], plain[:2] / units)


def test_given_scale(mixed):
    truth, imputed, mask = mixed
    plain = imputation_mae(truth, imputed, mask, average=None)[:2]
    for scale in ({"a": 2.0, "b": 5.0}, pd.Series({"b": 5, "a": 2}), [2.0, 5.0, np.nan, 0.0]):
        found = imputation_mae(truth, imputed, mask, average=None, scale=scale)
        np.testing.assert_allclose(found[:2], plain / [2, 5])
    with pytest.raises(ValueError, match=r"no unit for \['b'\]"):
        imputation_mae(truth, imputed, mask, scale={"a": 1.0})
    with pytest.raises(ValueError, match=r"0\.0 for column 'b'"):
        imputation_mae(truth, imputed, mask, scale={"a": 1.0, "b": 0.0})
    with pytest.raises(ValueError, match=r"shape \(2,\), but there are 4 columns"):
        imputation_mae(truth, imputed, mask, scale=[1.0, 1.0])


def test_a_column_that_did_not_vary_has_no_scale():
    truth = [[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]
    imputed = [[1.0, 5.0], [2.0, 5.0], [4.0, 6.0]]
    mask = [[False, False], [False, False], [True, True]]
    found = imputation_rmse(truth, imputed, mask, scale="range", average=None)
    np.testing.assert_array_equal(found, [1.0, np.nan])
    assert imputation_rmse(truth, imputed, mask, scale="range") == 1.0


def test_log_loss_is_that_of_scikit_learn(mixed, rng):
    truth, _, mask = mixed
    chances = rng.dirichlet([1, 1, 1], N_ROWS)
    categories = [None, None, np.array(["x", "y", "z"]), np.array([False, True])]
    certain = np.column_stack([~truth["d"], truth["d"]]).astype(float)
    found = imputation_log_loss(
        truth, [None, None, chances, certain], mask, categories=categories, average=None
    )
    judged = mask[:, 2]
    expected = log_loss(truth["c"][judged], chances[judged], labels=["x", "y", "z"])
    np.testing.assert_allclose(found, [np.nan, np.nan, expected, 0.0], atol=1e-12)


def test_log_loss_of_a_level_without_a_probability():
    found = imputation_log_loss(
        [["a"], ["b"]], [[[1.0], [1.0]]], [[True], [True]], categories=[["a"]], average=None
    )
    np.testing.assert_allclose(found, -np.log(np.finfo(float).eps) / 2)


@pytest.mark.parametrize(
    ("probabilities", "categories", "message"),
    [
        ([], [["a", "b"]], "probabilities has 0 entries"),
        ([None], [["a", "b"]], "no probabilities or no categories for column 0"),
        ([[[0.5], [0.5]]], [["a", "b"]], r"shape \(2, 1\), not \(2, 2\)"),
        ([[[0.5, 0.4], [0.5, 0.5]]], [["a", "b"]], "sum to 1"),
        ([[[1.5, -0.5], [0.5, 0.5]]], [["a", "b"]], "above 0"),
    ],
)
def test_log_loss_refuses(probabilities, categories, message):
    with pytest.raises(ValueError, match=message):
        imputation_log_loss([["a"], ["b"]], probabilities, [[True], [True]], categories=categories)


def test_wasserstein_distance_of_shifted_numbers(rng):
    truth = rng.normal(size=(N_ROWS, 2))
    mask = rng.random(truth.shape) < [0.5, 0.1]
    imputed = truth + [3.0, 1.0]
    found = imputation_wasserstein_distance(truth, imputed, mask, average=None)
    np.testing.assert_allclose(found, [3.0, 1.0])
    weights = mask.sum(axis=0) / mask.sum()
    found = imputation_wasserstein_distance(truth, imputed, mask, average="cells")
    assert found == pytest.approx(weights @ [3, 1])


def test_energy_distance_is_that_of_scipy_in_one_dimension(rng):
    truth = rng.normal(5, 3, size=(N_ROWS, 1))
    mask = rng.random(truth.shape) < 0.5
    imputed = np.where(mask, rng.normal(6, 1, size=truth.shape), truth)
    cells = [table[mask] / truth.std() for table in (truth, imputed)]
    found = imputation_energy_distance(truth, imputed, mask)
    assert found == pytest.approx(stats.energy_distance(*cells))


def test_energy_distance_of_levels_has_a_closed_form():
    # For levels that are 1 apart, E|X - Y| is 1 - p'q, so the square is |p - q|^2.
    truth = np.array([["a"]] * 30 + [["b"]] * 70, dtype=object)
    imputed = np.array([["a"]] * 60 + [["b"]] * 40, dtype=object)
    found = imputation_energy_distance(truth, imputed, np.ones((100, 1), dtype=bool))
    assert found == pytest.approx(np.sqrt(2 * 0.3**2))


def test_energy_distance_blanks_what_is_not_known():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(50, 2))
    imputed = truth + [0.0, 5.0]
    truth[:, 1] = np.nan
    mask = np.ones((50, 2), dtype=bool)
    assert imputation_energy_distance(truth, imputed, mask) == 0.0


def test_energy_distance_sees_what_errors_cannot(rng):
    truth = rng.normal(size=(1000, 2)) @ [[1, 0.9], [0, 0.436]]
    mask = np.zeros(truth.shape, dtype=bool)
    mask[:500, 1] = True
    mean = np.where(mask, 0.9 * truth[:, :1], truth)
    draw = np.where(mask, mean + 0.436 * rng.normal(size=truth.shape), truth)
    assert imputation_rmse(truth, mean, mask) < imputation_rmse(truth, draw, mask)
    distances = [imputation_energy_distance(truth, table, mask) for table in (draw, mean)]
    assert distances[0] < distances[1]
    few = imputation_energy_distance(truth, mean, mask, max_rows=200, random_state=0)
    assert few == imputation_energy_distance(truth, mean, mask, max_rows=200, random_state=0)
    assert few != distances[1]
    assert few == pytest.approx(distances[1], rel=0.5)


def test_correlation_error_is_that_of_numpy(rng):
    truth = rng.normal(size=(200, 3)) + rng.normal(size=(200, 1))
    imputed = rng.normal(size=(200, 3))
    everywhere = np.ones(truth.shape, dtype=bool)
    found = correlation_error(truth, imputed, everywhere)
    difference = np.corrcoef(truth.T) - np.corrcoef(imputed.T)
    assert found == pytest.approx(np.abs(difference[np.triu_indices(3, 1)]).mean())


def test_pairs_are_compared_where_a_cell_is_judged_and_both_are_known(rng):
    truth = rng.normal(size=(300, 2)) + rng.normal(size=(300, 1))
    mask = np.zeros(truth.shape, dtype=bool)
    mask[:100, 0] = True
    truth[50:60, 1] = np.nan
    imputed = np.where(mask, rng.normal(size=truth.shape), truth)
    rows = np.r_[0:50, 60:100]
    expected = np.corrcoef(truth[rows].T)[0, 1] - np.corrcoef(imputed[rows].T)[0, 1]
    assert correlation_error(truth, imputed, mask) == pytest.approx(abs(expected))
    assert pair_trend_error(truth, imputed, mask) == pytest.approx(abs(expected) / 2)


@pytest.mark.parametrize("metric", POINT_METRICS)
def test_the_truth_is_best(mixed, metric):
    truth, imputed, mask = mixed
    assert metric(truth, truth, mask) == pytest.approx(0.0, abs=1e-9)
    assert metric(truth, imputed, mask) > 0.01


@pytest.mark.parametrize("metric", POINT_METRICS)
def test_frames_and_arrays_agree(mixed, metric):
    truth, imputed, mask = mixed
    expected = metric(truth, imputed, mask)
    in_polars = [pl.from_pandas(frame) for frame in (truth, imputed)]
    assert metric(*in_polars, pl.DataFrame(mask)) == pytest.approx(expected)
    numbers = [f.assign(c=f["c"].cat.codes).astype(float).to_numpy() for f in (truth, imputed)]
    found = metric(*numbers, mask, categorical_features=[2, 3])
    assert found == pytest.approx(expected)
    found = metric(truth, imputed.to_numpy(dtype=object), pd.DataFrame(mask))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("metric", POINT_METRICS)
def test_cells_without_a_truth_are_not_judged(mixed, metric):
    truth, imputed, mask = mixed
    known = np.random.default_rng(3).random(mask.shape) < 0.9
    with_gaps = truth.where(known)
    found = metric(with_gaps, imputed, mask)
    assert found == pytest.approx(metric(with_gaps, imputed.where(known), mask & known))
    assert np.isfinite(found)


def test_nothing_of_a_kind_is_nan():
    levels, numbers = [["a"], ["b"]], [[1.0], [2.0]]
    mask = [[True], [True]]
    assert np.isnan(imputation_rmse(levels, levels, mask))
    assert np.isnan(imputation_mae(levels, levels, mask, average="cells"))
    assert np.isnan(imputation_error_rate(numbers, numbers, mask))
    assert np.isnan(correlation_error(numbers, numbers, mask))
    assert np.isnan(imputation_energy_distance([[np.nan]] * 2, numbers, mask))


@pytest.mark.parametrize(
    ("imputed", "mask", "error", "message"),
    [
        ([[1.0], [2.0]], [[True, False]] * 2, ValueError, "X_imputed has 1 columns.*X_true has 2"),
        ([[1.0, 2.0, 3.0]] * 2, [[True, False]] * 2, ValueError, "X_imputed has 3 columns"),
        ([[1.0, 2.0]] * 3, [[True, False]] * 2, ValueError, "3 rows, but X_true has 2"),
        ([[1.0, 2.0]] * 2, [[1, 0]] * 2, TypeError, "must hold booleans"),
        ([[1.0, 2.0]] * 2, [[True, False]], ValueError, r"shape \(1, 2\), but the table"),
        ([[1.0, 2.0]] * 2, [[False, False]] * 2, ValueError, "marks no cell"),
        ([[np.nan, 2.0]] * 2, [[True, False]] * 2, ValueError, "missing 2 of .* in column 0"),
        ([["a", "b"]] * 2, [[True, False]] * 2, TypeError, "X_imputed: .*held numbers"),
        ([[np.inf, 1.0]] * 2, [[True, False]] * 2, ValueError, "infinity"),
    ],
)
def test_what_cannot_be_judged_is_refused(imputed, mask, error, message):
    with pytest.raises(error, match=message):
        imputation_rmse([[1.0, 2.0]] * 2, imputed, mask)


def test_columns_must_be_the_same():
    truth = pd.DataFrame({"a": [1.0], "b": [2.0]})
    mask = [[True, True]]
    with pytest.raises(ValueError, match=r"X_imputed are not those of X_true: it lacks \['b'\]"):
        imputation_rmse(truth, truth.rename(columns={"b": "c"}), mask)
    with pytest.raises(ValueError, match="in another order"):
        imputation_rmse(truth, truth[["b", "a"]], mask)


def test_options_are_checked():
    with pytest.raises(ValueError, match="'average' parameter"):
        imputation_rmse([[1.0]], [[1.0]], [[True]], average="micro")
    with pytest.raises(ValueError, match="'scale' parameter"):
        imputation_rmse([[1.0]], [[1.0]], [[True]], scale="iqr")


def test_public_names_are_sorted_and_lazy():
    import skmissdiff

    assert list(metrics.__all__) == sorted(metrics.__all__)
    assert skmissdiff.metrics is metrics
