"""CRPS and coverage, against closed forms."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skmissdiff.metrics import imputation_crps, imputation_mae, interval_coverage

N_CELLS = 20_000


def gaussian_draws(n_draws, sd=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return sd * rng.normal(size=(n_draws, N_CELLS, 1))


@pytest.mark.parametrize("sd", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("n_draws", [2, 20])
def test_crps_of_gaussian_draws(sd, n_draws):
    # Gneiting and Raftery 2007, equation 21.
    y = np.random.default_rng(1).normal(size=(N_CELLS, 1))
    z = y / sd
    exact = sd * (z * (2 * stats.norm.cdf(z) - 1) + 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi))
    mask = np.ones(y.shape, dtype=bool)
    # Two draws a cell, 20,000 cells: a standard error below 0.01 sd.
    found = imputation_crps(y, list(gaussian_draws(n_draws, sd)), mask)
    assert found == pytest.approx(exact.mean(), abs=0.02)


def test_crps_of_given_draws():
    rng = np.random.default_rng(2)
    truth, draws = rng.normal(size=(6, 1)), rng.normal(size=(5, 6, 1))
    between = np.abs(draws[:, None] - draws[None]).sum(axis=(0, 1)) / (2 * 5 * 4)
    expected = (np.abs(draws - truth).mean(axis=0) - between).mean()
    found = imputation_crps(truth, draws, np.ones((6, 1), dtype=bool))
    assert found == pytest.approx(expected)


def test_crps_of_equal_draws_is_the_absolute_error():
    truth = pd.DataFrame({"a": [1.0, 2.0, 5.0], "b": ["x", "y", "x"], "c": [10.0, 0.0, 20.0]})
    imputed = pd.DataFrame({"a": [2.0, 4.0, 9.0], "b": ["x", "x", "x"], "c": [12.0, 5.0, 2.0]})
    mask = np.array([[True, True, False], [False, True, True], [True, False, True]])
    for options in ({}, {"average": "cells"}, {"average": None}, {"scale": {"a": 2, "c": 4}}):
        found = imputation_crps(truth, [imputed] * 3, mask, **options)
        np.testing.assert_allclose(found, imputation_mae(truth, imputed, mask, **options))


@pytest.mark.parametrize(("level", "n_draws"), [(0.9, 19), (0.5, 7), (0.8, 30)])
def test_coverage_is_exact_for_draws_like_the_truth(level, n_draws):
    *draws, truth = gaussian_draws(n_draws + 1)
    found = interval_coverage(truth, draws, np.ones(truth.shape, dtype=bool), level=level)
    # Four standard errors of a share. 30 draws need interpolation, which is not exact.
    assert found == pytest.approx(level, abs=4 * 0.5 / np.sqrt(N_CELLS))


def test_coverage_of_draws_that_vary_too_little():
    truth = gaussian_draws(1, seed=3)[0]
    found = interval_coverage(truth, list(gaussian_draws(200, 0.5)), np.full(truth.shape, True))
    expected = 2 * stats.norm.cdf(0.5 * stats.norm.ppf(0.95)) - 1
    assert found == pytest.approx(expected, abs=0.02)


def test_coverage_by_column():
    truth = np.array([[0.0, 100.0, 0.0]] * 4)
    draws = [np.full((4, 3), float(k)) for k in range(-2, 3)]
    mask = np.array([[True, True, False]] * 4)
    found = interval_coverage(truth, draws, mask, level=0.5, average=None)
    np.testing.assert_array_equal(found, [1.0, 0.0, np.nan])
    assert interval_coverage(truth, draws, mask, level=0.5) == 0.5


def test_too_few_draws_are_refused():
    table, mask = [[1.0]], [[True]]
    with pytest.raises(ValueError, match="at least 19 draws, got 18"):
        interval_coverage(table, [table] * 18, mask)
    assert interval_coverage(table, [table] * 19, mask) == 1.0
    with pytest.raises(ValueError, match="at least 2 draws"):
        imputation_crps(table, [table], mask)
    with pytest.raises(ValueError, match="draws is empty"):
        imputation_crps(table, [], mask)
    with pytest.raises(TypeError, match="list of tables"):
        imputation_crps(table, pd.DataFrame(table), mask)
    with pytest.raises(ValueError, match=r"draws\[1\] has 2 rows"):
        imputation_crps(table, [table, [[1.0], [2.0]]], mask)
