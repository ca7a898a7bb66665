"""Noise schedules against the formulas, number by number."""

import numpy as np
import pytest
import torch

from skmissdiff._diffusion.schedule import (
    BETA_SHAPES,
    MAX_BETA,
    discrete_schedule,
    noise_level,
    reverse_std,
    sigma_steps,
)


def betas_of(shape):
    """b_1..b_4, by hand."""
    if shape == "linear":
        return np.array([0.1, 0.2, 0.3, 0.4])
    if shape == "quadratic":
        return np.linspace(0.1**0.5, 0.4**0.5, 4) ** 2
    A = np.cos((np.arange(5) / 4 + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - A[1:] / A[:-1], MAX_BETA)


@pytest.mark.parametrize("shape", BETA_SHAPES)
def test_betas_and_their_products(shape):
    schedule = discrete_schedule(4, shape, 0.1, 0.4)
    betas = betas_of(shape)
    np.testing.assert_allclose(schedule.betas, [0, *betas], rtol=1e-10)
    A = np.cumprod([1, *(1 - betas)])
    np.testing.assert_allclose(schedule.alphas_cumprod, A, rtol=1e-10)
    np.testing.assert_allclose(noise_level(schedule), np.sqrt((1 - A) / A), rtol=1e-10)
    large, small = reverse_std(schedule), reverse_std(schedule, "small")
    np.testing.assert_allclose(large, [0, 0, *np.sqrt(betas[1:])], rtol=1e-10)
    expected = np.sqrt(betas[1:] * (1 - A[1:-1]) / (1 - A[2:]))
    np.testing.assert_allclose(small, [0, 0, *expected], rtol=1e-10)
    assert schedule.n_steps == 4
    if shape == "cosine":
        assert schedule.betas[-1] == MAX_BETA


def test_the_ends_are_those_of_the_paper():
    betas = discrete_schedule(100).betas
    np.testing.assert_allclose(betas[[1, 100]], [1e-4, 0.5])
    np.testing.assert_allclose(betas, discrete_schedule(100, "quadratic").betas)


def test_unknown_names():
    with pytest.raises(ValueError, match=r"shape must be one of \('linear'.*got 'cubic'"):
        discrete_schedule(5, "cubic")
    with pytest.raises(ValueError, match="'large' or 'small', got 'none'"):
        reverse_std(discrete_schedule(5), "none")


@pytest.mark.parametrize("rho", [1.0, 7.0])
def test_sigma_steps_follow_their_power(rho):
    sigma = sigma_steps(4, 0.1, 10.0, rho)
    ramp = np.arange(4) / 3
    expected = (10 ** (1 / rho) + ramp * (0.1 ** (1 / rho) - 10 ** (1 / rho))) ** rho
    np.testing.assert_allclose(sigma, [*expected, 0], rtol=1e-10)
    if rho == 7:
        assert torch.equal(sigma_steps(4, 0.1, 10.0), sigma)
