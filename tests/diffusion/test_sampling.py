"""Draws against closed forms: exact denoisers, so that only the solver is judged."""

import math

import numpy as np
import pytest
import torch
from small_models import LAYOUT, N_CODES, saying, seeded, some_denoiser, some_factors, some_rows

from skmissdiff._diffusion.denoiser import Estimate
from skmissdiff._diffusion.factor_analysis import FactorModel
from skmissdiff._diffusion.posterior import Posterior, gaussian_posterior
from skmissdiff._diffusion.sampling import (
    CHUNK_ROWS,
    N_SUBSTEPS,
    SIGMA_MAX,
    SIGMA_MIN,
    code_groups,
    complete_rows,
    draw,
    draw_category,
    draw_in_turn,
    draw_sigmas,
    extrapolated,
    gaussian_flow,
    gaussian_start,
    given_in,
    sample,
    substeps,
)
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

    def denoise(x, sigma, rows):
        calls.append(sigma)
        g, variance = gaussian_posterior(model, x, sigma, rows=rows)
        return g, g, variance

    drawn = sample(
        denoise, Posterior(model), x, given_in(given), noise(1, 3), draw_sigmas(n_evaluations)
    )
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

    def denoise(x, sigma, rows):
        g, variance = gaussian_posterior(model, x, sigma, rows=rows)
        return g, g, variance

    drawn = sample(
        denoise,
        Posterior(model),
        nothing,
        given_in(nothing.bool()),
        noise(4, 8),
        draw_sigmas(10),
    )
    torch.testing.assert_close(drawn.mean(0), model.mu, atol=0.05, rtol=0)
    expected = W @ W.T + model.psi.diag()
    torch.testing.assert_close(drawn.T.cov(), expected, atol=0.03, rtol=0)


class ExactTable:
    """A denoiser of two categorical columns: probabilities of one given the other, or alone."""

    posterior = None

    def __init__(self, joint):
        n_first, n_second = joint.shape
        self.joint = joint
        self.layout = CodeLayout((n_first, n_second), (True, True))
        self.W = torch.zeros(n_first + n_second, 1)

    def estimate(self, x, sigma, rows, posterior):
        sigma = sigma[rows]
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


def test_noise_levels_of_codes():
    given = torch.tensor([[True, False, False]])
    absent = torch.tensor([[False, False, True]])
    assert given_in(given, absent).levels(0.75).tolist() == [[0.0, 0.75, math.inf]]


def test_sigmas_of_a_draw_ask_as_often_as_told():
    for n, expected in ((2, 2), (3, 3), (20, 20), (1, 2)):
        sigmas = draw_sigmas(n)
        assert len(sigmas) == expected
        assert sigmas[0].item() == pytest.approx(SIGMA_MAX)
        assert sigmas[-1] == 0
        if n > 2:
            assert sigmas[-2].item() == pytest.approx(SIGMA_MIN)


def test_substeps_are_even_in_the_logarithm():
    steps = substeps(4.0, 0.25)
    np.testing.assert_allclose(steps, np.geomspace(4.0, 0.25, N_SUBSTEPS + 1))
    assert substeps(0.3, 0.0) == [0.3, 0.0]


def test_corrections_are_extrapolated_in_the_logarithm():
    F, slope = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    found = extrapolated(F, slope, 2.0, 2.0 / math.e)
    torch.testing.assert_close(found, torch.tensor([0.5, 3.0]))


def test_a_start_has_the_posterior_covariance_and_the_noise():
    model = some_factors(3)
    level = torch.tensor([0.0, 0.5, math.inf]).double().expand(N_ROWS, 3)
    start = gaussian_start(Posterior(model), level, 1.5, noise(2, 5))
    C = model.W @ model.W.T + model.psi.diag()
    noisy = C[:2, :2] + torch.tensor([0.0, 0.25]).double().diag()
    gain = torch.linalg.solve(noisy, C[:2]).T
    # Of the absent code: the others are known, or their share k is believed.
    posterior = C - gain @ C[:2]
    torch.testing.assert_close(start.mean(0), torch.zeros(3).double(), atol=0.05, rtol=0)
    covariance = start.T.cov()
    expected = posterior[1:, 1:] + 1.5**2 * torch.eye(2)
    torch.testing.assert_close(covariance[1:, 1:], expected, atol=0.1, rtol=0)
    assert covariance[1, 2].item() == pytest.approx(posterior[1, 2].item(), abs=0.03)


def test_the_flow_of_a_gaussian_is_followed_to_its_end():
    """One code of N(m, C): x - m shrinks with sqrt(C + sigma^2), in any steps."""
    one = torch.ones(1).double()
    model = FactorModel(0.7 * one, 0 * one[:, None], 0.5 * one)
    x = torch.tensor([[-1.0], [0.2], [4.0]]).double()
    drawn = torch.tensor([[True], [True], [False]])
    patterns = given_in(~drawn)
    for sigmas in ([2.0, 0.0], [2.0, 0.8, 0.3, 0.1]):
        found = gaussian_flow(Posterior(model), x, patterns, lambda sigma: 0 * x, sigmas)
        expected = 0.7 + math.sqrt((0.5 + sigmas[-1] ** 2) / 4.5) * (x - 0.7)
        torch.testing.assert_close(found, torch.where(drawn, expected, x))


def test_the_flow_of_a_shifted_gaussian_is_followed_in_second_order():
    """What the network adds is the posterior mean of another mean; half the steps' errors."""
    one = torch.ones(1).double()
    model = FactorModel(0 * one, 0 * one[:, None], one)
    x = torch.tensor([[1.5]]).double()

    def flow(n):
        sigmas = np.geomspace(2.0, 0.05, n + 1).tolist()
        # The posterior mean of N(1, 1) is that of N(0, 1) plus sigma^2 / (1 + sigma^2).
        return gaussian_flow(
            Posterior(model),
            x,
            given_in(x < 0),
            lambda sigma: torch.full_like(x, sigma / math.sqrt(1 + sigma**2)),
            sigmas,
        ).item()

    exact = 1 + math.sqrt((1 + 0.05**2) / (1 + 2.0**2)) * 0.5
    errors = [abs(flow(n) - exact) for n in (4, 8, 16)]
    assert errors[0] < 1e-6 or errors[0] > 3 * errors[1] > 9 * errors[2]


@pytest.mark.parametrize("n_evaluations", [8, 20])
def test_what_the_network_adds_is_drawn(n_evaluations):
    """The factor analysis says N(0, 1), the network knows that it is N(2, .25)."""
    one = torch.ones(1).double()
    model = FactorModel(0 * one, 0 * one[:, None], one)
    x = torch.zeros(N_ROWS, 1).double()

    def denoise(x, sigma, rows):
        g, variance = gaussian_posterior(model, x, sigma, rows=rows)
        share = 0.25 / (0.25 + sigma**2)
        return torch.where(sigma.isinf(), 2.0, 2 + share * (x - 2)), g, variance

    drawn = sample(
        denoise, Posterior(model), x, given_in(x.bool()), noise(7, 2), draw_sigmas(n_evaluations)
    )
    assert drawn.mean().item() == pytest.approx(2, abs=0.03)
    assert drawn.std().item() == pytest.approx(0.5, abs=0.06 if n_evaluations == 8 else 0.02)


def test_absent_codes_stay_out_of_a_draw():
    denoiser = some_denoiser()
    x, mask = some_rows(40, missing=0.0)
    given = mask.clone()
    given[:, [0, 1, 2, 3, 4]] = False
    absent = torch.zeros_like(mask)
    absent[:, 4] = True
    found = draw(denoiser, x, given, noise(3, N_CODES + 2)[:40], draw_sigmas(3), absent)
    assert torch.equal(found[:, 5:], x[:, 5:])
    assert (found[:, 0] != x[:, 0]).all()
    assert (found[:, 1:4].sum(1) == 1).all()
    assert (found[:, 4] == 0).all()


def test_categories_are_drawn_by_their_probabilities():
    p = torch.tensor([0.7, 0.25, 0.05]).double()
    found = draw_category(p.expand(N_ROWS, 3), noise(8, 3))
    assert torch.equal(found.sum(1), torch.ones(N_ROWS).double())
    torch.testing.assert_close(found.mean(0), p, atol=0.01, rtol=0)
    assert draw_category(torch.tensor([[0.0, 1.0]]), torch.tensor([[9.0, -9.0]])).tolist() == [
        [0, 1]
    ]


def test_later_groups_are_absent_and_earlier_ones_given():
    """Two numbers: the second is drawn given what was drawn of the first."""
    denoiser = some_denoiser(CodeLayout((1, 1), (False, False)), 1)
    denoiser.W.copy_(torch.tensor([[0.9, 0.0], [0.9, 0.0]]))
    denoiser.psi.fill_(0.19)
    denoiser.mu.zero_()
    asked = []
    estimate = denoiser.estimate

    def spy(x, sigma, rows, posterior):
        asked.append((len(x), sigma.isinf()[0].tolist(), (sigma == 0)[0].tolist()))
        return estimate(x, sigma, rows, posterior)

    denoiser.estimate = spy
    x, mask = torch.zeros(3000, 2), torch.zeros(3000, 2).bool()
    x[0], mask[0] = torch.tensor([5.0, -5.0]), True
    groups = [torch.tensor([True, False]), torch.tensor([False, True])]
    generator = seeded(1)

    def noise(n_rows):
        return torch.randn(n_rows, 4, generator=generator)

    found = draw_in_turn(denoiser, x, mask, noise, draw_sigmas(2), groups)
    assert found[0].tolist() == [5, -5]
    assert {n for n, _, _ in asked} == {2999}
    # At first nothing is known, and the second number stays absent while the first is drawn.
    assert asked[0][1:] == ([True, True], [False, False])
    assert asked[1][1:] == ([False, True], [False, False])
    assert asked[2][1:] == ([False, True], [True, False])
    assert found[1:].T.corrcoef()[0, 1].item() == pytest.approx(0.81, abs=0.03)
    assert (x[1:] == 0).all()  # what came in is left alone


def test_tables_are_completed_in_chunks():
    denoiser = saying(torch.zeros(1, N_CODES), torch.zeros(1, 2))
    x, mask = some_rows(CHUNK_ROWS + 500, missing=0.2)
    x = torch.where(mask, x, 0.0)
    groups = code_groups(mask, LAYOUT, 8)
    assert len(groups) == 4
    found = complete_rows(denoiser, x, mask, groups, 2, seeded(1))
    assert torch.equal(found[mask], x[mask])
    numbers = [0, 4]
    assert (found[:, numbers][~mask[:, numbers]] != 0).all()
    assert (found[:, 1:4].sum(1) == 1).all()
    assert torch.equal(complete_rows(denoiser, x, mask, groups, 2, seeded(1)), found)
    assert not torch.equal(complete_rows(denoiser, x, mask, groups, 2, seeded(2)), found)


def test_a_whole_table_has_no_groups():
    mask = torch.ones(4, N_CODES, dtype=torch.bool)
    assert [group.any().item() for group in code_groups(mask, LAYOUT, 8)] == [False]
