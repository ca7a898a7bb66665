"""Point estimates from draws."""

import numpy as np
import pytest

from skmissdiff._draws.aggregate import aggregate_draws, as_categories, half_sample_mode
from skmissdiff._support.layout import CodeLayout


@pytest.fixture
def draws():
    """One number, then a column of three levels."""
    rng = np.random.default_rng(0)
    numbers = rng.gamma(2.0, size=(50, 400, 1))
    levels = rng.normal([0.0, 0.5, 1.0], 1.0, size=(50, 400, 3))
    return np.concatenate([numbers, levels], axis=2)


def test_levels_are_decided_draw_by_draw(draws):
    decided = as_categories(draws, [slice(1, 4)])
    np.testing.assert_array_equal(decided[:, :, 1:].sum(axis=2), 1)
    np.testing.assert_array_equal(decided[:, :, 1:].argmax(2), draws[:, :, 1:].argmax(2))
    np.testing.assert_array_equal(decided[:, :, 0], draws[:, :, 0])


@pytest.mark.parametrize(("how", "expected"), [("mean", 2.0), ("median", 1.678), ("mode", 1.0)])
def test_estimates_of_a_skewed_number(draws, how, expected):
    """Gamma(2): mean 2, median 1.678, mode 1."""
    estimate = aggregate_draws(draws, CodeLayout((1, 3), (False, True)), how)
    assert estimate[:, 0].mean() == pytest.approx(expected, abs=0.15)
    shares = as_categories(draws, [slice(1, 4)])[:, :, 1:].mean(axis=1)
    np.testing.assert_allclose(estimate[:, 1:], shares)


def test_half_sample_mode_finds_the_cluster():
    draws = np.array([0.0, 5.0, 5.1, 5.2, 9.0, 20.0])[None, :, None]
    assert half_sample_mode(draws)[0, 0] == pytest.approx(5.1, abs=0.06)
