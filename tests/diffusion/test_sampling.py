"""Draws against closed forms: exact denoisers, so that only the solver is judged."""

import pytest
import torch

from skmissdiff._diffusion.denoiser import Estimate
from skmissdiff._diffusion.factor_analysis import FactorModel, gaussian_posterior
from skmissdiff._diffusion.sampling import code_groups, draw, draw_sigmas, sample
from skmissdiff._support.layout import CodeLayout

N_ROWS = 20_000


def noise(seed, n_numbers):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(N_ROWS, n_numbers, generator=generator, dtype=torch.float64)


def pair(rho=0.9):
    """Factor analysis of a standard normal pair of correlation rho, exactly."""
    W = torch.full((2, 1), rho**0.5, dtype=torch.float64)
    return FactorModel(W.new_zeros(2), W, W.new_full((2,), 1 - rho))


@pytest.mark.parametrize("n_evaluations", [6, 20])
def test_draws_of_a_gaussian_pair_given_one_column(n_evaluations):
    model = pair()
    first = noise(0, 1)
    given = torch.tensor([True, False]).expand(N_ROWS, 2)
    x = torch.cat([first, first * 0], dim=1)
    calls = []

    def denoise(x, sigma):
        calls.append(sigma)
        g, variance = gaussian_posterior(model, x, sigma)
        return g, g, variance

    drawn = sample(denoise, model, x, given, noise(1, 3), draw_sigmas(n_evaluations))
    assert len(calls) == n_evaluations
    torch.testing.assert_close(drawn[:, 0], first[:, 0])
    covariance = drawn.T.cov()
    slope = covariance[0, 1] / covariance[0, 0]
    residual = drawn[:, 1] - slope * drawn[:, 0]
    assert drawn.T.corrcoef()[0, 1].item() == pytest.approx(0.9, abs=0.01)
    assert slope.item() == pytest.approx(0.9, abs=0.02)
    assert residual.var().item() / 0.19 == pytest.approx(1, abs=0.03)


def test_a_gaussian_is_generated_with_its_mean_and_covariance():
    generator = torch.Generator().manual_seed(3)
    W = torch.randn(6, 2, generator=generator, dtype=torch.float64) / 2
    model = FactorModel(torch.arange(6.0).double(), W, torch.linspace(0.1, 0.7, 6).double())
    nothing = torch.zeros(N_ROWS, 6, dtype=torch.float64)

    def denoise(x, sigma):
        g, variance = gaussian_posterior(model, x, sigma)
        return g, g, variance

    drawn = sample(
        denoise,
        model,
        nothing,
        nothing.bool(),
        noise(4, 8),
        draw_sigmas(10),
    )
    torch.testing.assert_close(drawn.mean(0), model.mu, atol=0.05, rtol=0)
    expected = W @ W.T + model.psi.diag()
    torch.testing.assert_close(drawn.T.cov(), expected, atol=0.03, rtol=0)


class ExactTable:
    """A denoiser of two categorical columns: probabilities of one given the other, or alone."""

    def __init__(self, joint):
        n_first, n_second = joint.shape
        self.joint = joint
        self.layout = CodeLayout((n_first, n_second), (True, True))
        self.W = torch.zeros(n_first + n_second, 1)

    def estimate(self, x, sigma):
        first, second = self.layout.categorical_slices
        known = (sigma == 0).double()
        # A known column picks its category, an absent one leaves all of them.
        likely_first = known[:, first] * x[:, first] + (1 - known[:, first])
        likely_second = known[:, second] * x[:, second] + (1 - known[:, second])
        weights = self.joint * likely_first[:, :, None] * likely_second[:, None, :]
        mean = torch.cat([weights.sum(2), weights.sum(1)], dim=1) / weights.sum((1, 2))[:, None]
        return Estimate(mean, mean, mean, mean)


@pytest.mark.parametrize("n_given", [0, 1])
def test_categories_are_drawn_at_their_conditional_rates(n_given):
    """A 3 x 4 table with a category of 1 %."""
    joint = torch.tensor(
        [[0.20, 0.05, 0.05, 0.004], [0.02, 0.25, 0.03, 0.004], [0.10, 0.03, 0.26, 0.002]],
        dtype=torch.float64,
    )
    joint = joint / joint.sum()
    denoiser = ExactTable(joint)
    generator = torch.Generator().manual_seed(5)
    chosen = joint.flatten().multinomial(N_ROWS, replacement=True, generator=generator)
    truth = torch.zeros(N_ROWS, 7, dtype=torch.float64)
    truth[torch.arange(N_ROWS), chosen // 4] = 1
    given = torch.zeros(N_ROWS, 7, dtype=torch.bool)
    given[:, : 3 * n_given] = True
    drawn = draw(denoiser, truth, given, noise(6, 8), draw_sigmas(20))
    assert torch.equal(drawn[:, :3].sum(1), torch.ones(N_ROWS, dtype=torch.float64))
    assert torch.equal(drawn[given], truth[given])
    found = drawn[:, :3].T @ drawn[:, 3:] / N_ROWS
    torch.testing.assert_close(found, joint, atol=0.01, rtol=0)
    assert drawn[:, 6].mean().item() == pytest.approx(joint[:, 3].sum().item(), abs=0.002)


def test_groups_start_with_the_fullest_columns():
    mask = torch.ones(10, 5, dtype=torch.bool)
    mask[:6, 0] = False  # a column of one code, the emptiest
    mask[:2, 1:3] = False  # a column of two codes
    mask[:4, 4] = False  # column 3 is complete
    layout = CodeLayout((1, 2, 1, 1), (False, True, False, False))
    groups = code_groups(mask, layout, max_groups=8)
    assert [group.nonzero()[:, 0].tolist() for group in groups] == [[1, 2], [4], [0]]
    together = code_groups(mask, layout, max_groups=1)
    assert [group.nonzero()[:, 0].tolist() for group in together] == [[0, 1, 2, 4]]
