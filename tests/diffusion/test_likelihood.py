"""Bounds on log densities: exact for exact denoisers."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import trapezoid
from scipy.special import log_softmax
from scipy.stats import norm
from small_models import (
    CATEGORIES,
    N_CODES,
    NUMBERS,
    saying,
    seeded,
    some_denoiser,
    some_factors,
    some_rows,
)

from skmissdiff._diffusion.denoiser import Estimate
from skmissdiff._diffusion.factor_analysis import FactorModel, log_likelihood
from skmissdiff._diffusion.likelihood import (
    MIN_PROBABILITY,
    gain_of_numbers,
    score_rows,
    trapezoid_weights,
)
from skmissdiff._diffusion.posterior import gaussian_posterior
from skmissdiff._support.layout import CodeLayout


@pytest.mark.parametrize("falling", [True, False])
def test_weights_are_those_of_trapezoids(falling):
    x = torch.tensor([0.0, 0.5, 2.0, 2.1, 4.0]).double()
    y = torch.tensor([1.0, -2.0, 0.5, 4.0, 3.0]).double()
    found = (trapezoid_weights(x.flip(0)) * y.flip(0)) if falling else trapezoid_weights(x) * y
    assert found.sum().item() == pytest.approx(trapezoid(y, x))


class TwoPoints:
    """Its numbers are +-a with a small spread, and its factor analysis is a wide Gaussian."""

    layout = CodeLayout((1,), (False,))
    a, spread = 1.0, 0.5

    def __init__(self):
        one = torch.ones(1).double()
        variance = self.a**2 + self.spread**2
        self.factors = FactorModel(0 * one, 0 * one[:, None], variance * one)

    def estimate(self, x, sigma):
        g, variance = gaussian_posterior(self.factors, x.double(), sigma.double())
        noise = sigma.double() ** 2
        total = self.spread**2 + noise
        pull = torch.tanh(self.a * x / total)  # of the two weights
        centre = self.a * pull
        mean = centre + self.spread**2 / total * (x - centre)
        mean = torch.where(sigma == 0, x, mean)
        return Estimate(mean, mean, g, variance)

    def log_density(self, x):
        return np.log((norm.pdf(x, self.a, self.spread) + norm.pdf(x, -self.a, self.spread)) / 2)


def test_the_bound_is_the_density_of_a_mixture_with_its_exact_denoiser():
    """24 levels of noise and 4,000 draws at each leave an error of a twentieth of a nat."""
    model, n = TwoPoints(), 4000
    for value in (-1.2, 0.0, 0.9):
        x = torch.full((n, 1), value).double()
        generator = seeded(1)

        def noise(generator=generator):
            return torch.randn(n, 2, generator=generator, dtype=torch.float64)

        score = score_rows(model, x, torch.ones_like(x).bool(), noise).mean().item()
        gaussian = norm.logpdf(value, scale=math.sqrt(1.25))
        assert score == pytest.approx(model.log_density(value), abs=0.06)
        assert abs(gaussian - model.log_density(value)) > 0.3


def test_e_and_minus_e_are_both_used():
    """At one level: snr (2 (x - g) d - d^2), averaged over both signs and summed over codes."""
    F = torch.tensor([[0.3, 0, 0, 0, -0.2, 0, 0]])
    denoiser = saying(F, torch.zeros(1, 2))
    x, mask = some_rows(6, missing=0.0)
    given = mask.clone()
    given[:, NUMBERS] = False
    e = torch.randn(6, N_CODES + 2, generator=seeded(3)).double()
    scored = ~given
    scored[0, 0] = False  # neither scored nor given: absent
    found = gain_of_numbers(denoiser, x, scored, given, lambda: e)
    log_sigma = np.linspace(math.log(0.05), math.log(20), 24)
    sigmas = np.exp(log_sigma)
    curves = []
    for sigma in sigmas:
        total = 0
        for sign in (1, -1):
            noised = torch.where(scored, x + sign * sigma * e[:, :N_CODES], x)
            level = torch.where(scored, sigma, torch.where(given, 0.0, torch.inf))
            g, variance = gaussian_posterior(some_factors(), noised.double(), level)
            delta = variance.sqrt() * F
            gain = (2 * (x - g) * delta - delta**2)[:, NUMBERS] * scored[:, NUMBERS]
            total = total + gain.sum(1).numpy() / 2 / sigma**2
        curves.append(total)
    np.testing.assert_allclose(found, trapezoid(curves, log_sigma, axis=0), rtol=1e-3, atol=1e-5)


def test_untrained_it_is_the_factor_analysis_of_numbers_given_categories():
    denoiser, factors = some_denoiser(), some_factors()
    x, mask = some_rows(30)
    noise = lambda: torch.randn(30, N_CODES + 2, generator=seeded(1))  # noqa: E731
    found = score_rows(denoiser, x, mask, noise)
    expected = torch.zeros(30).double()
    given = torch.zeros_like(mask)
    for categories in CATEGORIES:
        g, _ = gaussian_posterior(factors, x.double(), torch.where(given, 0.0, torch.inf).double())
        logits = log_softmax(np.log(np.maximum(g[:, categories].numpy(), 1e-4)), axis=1)
        chosen = (torch.from_numpy(logits) * x[:, categories]).sum(1)
        expected += torch.where(mask[:, categories.start], chosen, 0.0)
        given = given.clone()
        given[:, categories] = mask[:, categories]
    both, before = (log_likelihood(factors, x.double(), m.double()) for m in (mask, given))
    torch.testing.assert_close(found, expected + both - before, atol=1e-4, rtol=1e-4)


def test_rows_of_categories_alone_have_their_probability():
    layout = CodeLayout((2, 2), (True, True))
    F = torch.tensor([[1.0, 0.0, -200.0, 0.0]])
    denoiser = saying(F, torch.zeros(1, 0), layout)
    denoiser.W.zero_()
    denoiser.mu.fill_(0.5)
    x = torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 0], [0, 0, 0, 1]])
    mask = torch.tensor([[True] * 4, [True] * 4, [False, False, True, True]])

    def none():
        raise AssertionError("nothing is noised")

    found = score_rows(denoiser, x, mask, none)
    first = log_softmax([1.0, 0.0])
    expected = [first[0], first[1] + math.log(MIN_PROBABILITY), 0.0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_row_without_anything_is_certain():
    x, mask = some_rows(3)
    noise = lambda: torch.zeros(3, N_CODES + 2)  # noqa: E731
    assert score_rows(some_denoiser(), x, mask & False, noise).tolist() == [0, 0, 0]
