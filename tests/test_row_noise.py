"""The noise contract: a row's noise is its own."""

import numpy as np
import pytest
from scipy import stats

from skmissdiff._draws.noise import RowKeys, RowNoise, ranks_among_equals, row_contents


@pytest.fixture
def codes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[7] = X[3]
    return X


def contents(codes):
    return row_contents(list(codes.T))


def test_noise_follows_the_row_wherever_it_is(codes):
    noise = RowNoise(RowKeys(0).of_rows(contents(codes)), 3)
    steps = [noise.normal() for _ in range(40)]
    order = np.random.default_rng(1).permutation(40)
    order = order[(order != 3) & (order != 7)]
    other = RowNoise(RowKeys(0).of_rows(contents(codes[order])), 3)
    for step in steps:
        np.testing.assert_array_equal(other.normal(), step[order])


def test_identical_rows_are_counted(codes):
    expected = np.zeros(40, dtype=int)
    expected[7] = 1  # the same as row 3
    np.testing.assert_array_equal(ranks_among_equals(contents(codes)), expected)
    assert ranks_among_equals([b"a", b"b", b"a", b"a"]).tolist() == [0, 0, 1, 2]


def test_identical_rows_draws_and_seeds_differ(codes):
    of_rows = contents(codes)
    ranks = ranks_among_equals(of_rows)
    first, second = (RowKeys(0).of_rows(of_rows, ranks, draw) for draw in (0, 1))
    assert len(np.unique(np.concatenate([first, second]), axis=0)) == 80
    assert not np.isin(RowKeys(1).of_rows(of_rows, ranks), first).any()
    # Draws of all numbers at once are those of one number after the other.
    together = RowKeys(0).of_rows(of_rows[:2] + of_rows[:2], 0, np.array([0, 0, 1, 1]))
    np.testing.assert_array_equal(together, np.concatenate([first[:2], second[:2]]))


def test_without_ranks_identical_rows_share_their_noise(codes):
    keys = RowKeys(0).of_rows(contents(codes))
    np.testing.assert_array_equal(keys[7], keys[3])
    assert len(np.unique(keys, axis=0)) == 39


def test_rows_are_told_apart_by_value_and_not_by_spelling():
    other_nan = np.frombuffer(np.uint64(0x7FF800000000BEEF).tobytes(), dtype=np.float64)[0]
    levels = np.array(["a", None], dtype=object)
    first = row_contents([np.array([0.0, np.nan]), levels])
    assert first == row_contents([np.array([-0.0, other_nan]), levels])
    assert len(set(first)) == 2
    close = row_contents([np.array([1.0, 1.0 + 1e-12])])
    assert close[0] != close[1]
    assert row_contents([levels])[0] != row_contents([np.array(["b", None], dtype=object)])[0]


def test_numbers_are_standard_normal_and_uncorrelated():
    noise = RowNoise(RowKeys(3).of_indices(0, 20_000), 2)
    first, second = noise.normal(), noise.normal()
    uniform = noise.uniform(1)
    assert stats.kstest(first.ravel(), "norm").pvalue > 0.001
    assert stats.kstest(uniform.ravel(), "uniform").pvalue > 0.001
    together = np.column_stack([first, second, uniform, np.roll(first, 1, axis=0)])
    correlation = np.corrcoef(together.T) - np.eye(together.shape[1])
    assert np.abs(correlation).max() < 0.03


def test_generated_rows_are_numbered():
    np.testing.assert_array_equal(RowKeys(0).of_indices(0, 10)[4:], RowKeys(0).of_indices(4, 10))


def test_global_generator_is_untouched(codes):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    noise = RowNoise(RowKeys(0).of_rows(contents(codes)), 3)
    noise.normal(), noise.uniform(2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
