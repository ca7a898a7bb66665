"""Draws against closed forms: exact denoisers, so that only the solver is judged."""

import math

import numpy as np
import pytest
import torch
from small_models import LAYOUT, N_CODES, saying, seeded, some_denoiser, some_rows

from skmissdiff._diffusion import sampling
from skmissdiff._diffusion.evidence import Evidence
from skmissdiff._diffusion.factor_analysis import FactorModel
from skmissdiff._diffusion.patterns import given_in
from skmissdiff._diffusion.posterior import Posterior
from skmissdiff._diffusion.sampling import (
    CHUNK_ROWS,
    N_SUBSTEPS,
    SIGMA_MAX,
    SIGMA_MIN,
    code_groups,
    complete_rows,
    draw,
    draw_categories,
    draw_category,
    draw_in_turn,
    draw_sigmas,
    extrapolated,
    gaussian_flow,
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


def nothing_known(model, x):
    return Evidence(Posterior(model), x, given_in(torch.zeros(1, x.shape[1], dtype=torch.bool)))


def silent(y, g, level):
    """Networks that add nothing to the factor analysis."""
    return torch.zeros_like(y)


@pytest.mark.parametrize("n_evaluations", [6, 20])
def test_draws_of_a_gaussian_pair_given_one_column(n_evaluations):
    first = noise(0, 1)
    given = torch.tensor([True, False]).expand(N_ROWS, 2)
    x = torch.cat([first, first * 0], dim=1)
    evidence = Evidence(Posterior(pair()), x, given_in(given))
    calls = []

    def correction(y, g, level):
        calls.append(level.sigma)
        return silent(y, g, level)

    start = evidence.spread(noise(1, 3), SIGMA_MAX)
    drawn = sample(evidence, x, correction, start, draw_sigmas(n_evaluations))
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
    blank = torch.zeros(N_ROWS, 6, dtype=torch.float64)
    evidence = nothing_known(model, blank)
    y = sample(evidence, blank, silent, evidence.spread(noise(4, 8), SIGMA_MAX), draw_sigmas(10))
    torch.testing.assert_close(y.mean(0), torch.zeros(6).double(), atol=0.05, rtol=0)
    expected = W @ W.T + model.psi.diag()
    torch.testing.assert_close(y.T.cov(), expected, atol=0.03, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("believed", [0.0, 1e-9])
def test_rows_of_a_gaussian_are_drawn_whether_or_not_networks_are_asked(believed):
    """Without their say exactly, in one step; else along the noise levels."""
    layout = CodeLayout((1, 1), (False, False))
    denoiser = some_denoiser(layout, 1)
    mu, W, psi = pair()
    W = torch.nn.functional.pad(W, (0, 1))  # of rank 2, as the denoiser
    denoiser.set_factors(FactorModel(mu + torch.tensor([1.0, -2.0]), W, psi))
    for name in ("alpha_mean", "alpha_noised"):
        getattr(denoiser, name).fill_(believed)
    assert denoiser.is_linear == (believed == 0)
    x = torch.zeros(N_ROWS, 2)
    found = draw(denoiser, x, (x > 0)[:1], noise(4, 4), draw_sigmas(10))
    torch.testing.assert_close(found.mean(0), torch.tensor([1.0, -2.0]), atol=0.03, rtol=0)
    torch.testing.assert_close(
        found.T.cov(), torch.tensor([[1.0, 0.9], [0.9, 1.0]]), atol=0.03, rtol=0
    )


class ExactTable:
    """Knows two categorical columns: probabilities of one given the other, or alone."""

    def __init__(self, joint, x, patterns):
        self.joint, self.x, self.patterns = joint, x.clone(), patterns
        self.layout = CodeLayout(joint.shape, (True, True))

    def logits(self, categories):
        known = self.patterns.of_rows(self.patterns.given).double()
        first, second = self.layout.categorical_slices
        # A known column picks its category, an absent one leaves all of them.
        likely_first = known[:, first] * self.x[:, first] + (1 - known[:, first])
        likely_second = known[:, second] * self.x[:, second] + (1 - known[:, second])
        weights = self.joint * likely_first[:, :, None] * likely_second[:, None, :]
        return weights.sum(2 if categories == first else 1).log()

    def learn(self, categories, chosen, wanted):
        own = torch.eye(categories.stop - categories.start, dtype=torch.float64)[chosen]
        rows = self.patterns.of_rows(wanted[:, None])
        self.x[:, categories] = torch.where(rows, own, self.x[:, categories])
        self.patterns = self.patterns.with_given(categories, wanted)


@pytest.mark.parametrize("n_given", [0, 1])
def test_categories_are_drawn_at_their_conditional_rates(n_given):
    """A 3 x 4 table with a category of 1 %."""
    joint = torch.tensor(
        [[0.20, 0.05, 0.05, 0.004], [0.02, 0.25, 0.03, 0.004], [0.10, 0.03, 0.26, 0.002]],
        dtype=torch.float64,
    )
    joint = joint / joint.sum()
    generator = torch.Generator().manual_seed(5)
    chosen = joint.flatten().multinomial(N_ROWS, replacement=True, generator=generator)
    truth = torch.zeros(N_ROWS, 7, dtype=torch.float64)
    truth[torch.arange(N_ROWS), chosen // 4] = 1
    given = torch.zeros(N_ROWS, 7, dtype=torch.bool)
    given[:, : 3 * n_given] = True
    exact = ExactTable(joint, truth, given_in(given))
    drawn = draw_categories(exact, truth, exact.layout, noise(6, 7))
    assert torch.equal(drawn, exact.x)
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


def test_sigmas_of_a_draw_ask_as_often_as_told():
    for n in (1, 2, 20):
        sigmas = draw_sigmas(n)
        assert len(sigmas) == n + 2
        assert sigmas[0].item() == pytest.approx(SIGMA_MAX)
        assert sigmas[-2].item() == pytest.approx(SIGMA_MIN)
        assert sigmas[-1] == 0


def test_substeps_are_even_in_the_logarithm():
    steps = substeps(4.0, 0.25)
    np.testing.assert_allclose([*steps, 0.25], np.geomspace(4.0, 0.25, N_SUBSTEPS + 1))
    assert substeps(0.3, 0.0) == [0.3]


def test_corrections_are_extrapolated_in_the_logarithm():
    F, slope = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    found = extrapolated(F, slope, 2.0, 2.0 / math.e)
    torch.testing.assert_close(found, torch.tensor([0.5, 3.0]))


def followed(evidence, y, F, sigmas):
    levels = list(evidence.levels(sigmas[:-1]))
    return gaussian_flow(evidence, y, evidence.mean(levels[0], y), levels, F, sigmas[-1])


def test_the_flow_of_a_gaussian_is_followed_to_its_end():
    """One code of N(m, C): y = x - m shrinks with sqrt(C + sigma^2), in any steps."""
    one = torch.ones(1).double()
    model = FactorModel(0.7 * one, 0 * one[:, None], 0.5 * one)
    x = torch.tensor([[-1.0], [0.2], [4.0]]).double()
    drawn = torch.tensor([[True], [True], [False]])
    evidence, y = Evidence(Posterior(model), x, given_in(~drawn)), x - 0.7
    for sigmas in ([2.0, 0.0], [2.0, 0.8, 0.3, 0.1]):
        found = followed(evidence, y, lambda sigma: 0 * y, sigmas)
        expected = math.sqrt((0.5 + sigmas[-1] ** 2) / 4.5) * y
        torch.testing.assert_close(found, torch.where(drawn, expected, y))
        assert torch.equal(found[~drawn], y[~drawn])  # what is given stays to the last digit


def test_the_flow_of_a_shifted_gaussian_is_followed_in_second_order():
    """What the network adds is the posterior mean of another mean; half the steps' errors."""
    one = torch.ones(1).double()
    model = FactorModel(0 * one, 0 * one[:, None], one)
    x = torch.tensor([[1.5]]).double()

    def flow(n):
        sigmas = np.geomspace(2.0, 0.05, n + 1).tolist()
        # The posterior mean of N(1, 1) is that of N(0, 1) plus sigma^2 / (1 + sigma^2).
        return followed(
            nothing_known(model, x),
            x,
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

    def correction(y, g, level):
        share = 0.25 / (0.25 + level.sigma**2)
        D = torch.full_like(y, 2.0) if math.isinf(level.sigma) else 2 + share * (y - 2)
        return (D - g) / level.s

    evidence, sigmas = nothing_known(model, x), draw_sigmas(n_evaluations)
    drawn = sample(evidence, x, correction, evidence.spread(noise(7, 2), SIGMA_MAX), sigmas)
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


@torch.no_grad()
def test_a_number_that_does_not_apply_is_absent_for_the_others():
    """Beside "the value" there is no other number: it comes back as 0."""
    layout = CodeLayout((3, 1), (False, False), (True, False))
    denoiser = some_denoiser(layout, 1)
    x = torch.zeros(200, 4)
    found = draw(denoiser, x, x.bool(), noise(4, 6)[:200], draw_sigmas(3))
    has_value = found[:, 0] == 1
    assert 20 < has_value.sum() < 180
    assert (found[has_value, 2] == 0).all()
    assert (found[~has_value, 2] != 0).all()
    # The rest of a row is drawn as if the number had never been asked for.
    given = torch.tensor([True, True, False, False]).expand(200, 4)
    absent = has_value[:, None] & torch.tensor([False, False, True, False])
    again = draw(denoiser, found, given, noise(4, 6)[:200], draw_sigmas(3), absent)
    torch.testing.assert_close(again, found)


def test_categories_are_drawn_by_their_probabilities():
    p = torch.tensor([0.7, 0.25, 0.05]).double()
    chosen = draw_category(p.log().expand(N_ROWS, 3) + 7, noise(8, 3))
    torch.testing.assert_close(chosen.bincount() / N_ROWS, p.float(), atol=0.01, rtol=0)
    never = torch.tensor([[0.0, 1.0]]).log()
    assert draw_category(never, torch.tensor([[9.0, -9.0]])).tolist() == [1]


def test_later_groups_are_absent_and_earlier_ones_given(monkeypatch):
    """Two numbers: the second is drawn given what was drawn of the first."""
    denoiser = some_denoiser(CodeLayout((1, 1), (False, False)), 1)
    denoiser.W.copy_(torch.tensor([[0.9, 0.0], [0.9, 0.0]]))
    denoiser.psi.fill_(0.19)
    denoiser.mu.zero_()
    asked = []

    def spy(given, absent):
        asked.append((len(given), absent[0].tolist(), given[0].tolist()))
        return given_in(given, absent)

    monkeypatch.setattr(sampling, "given_in", spy)
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
    assert asked[0][1:] == ([False, True], [False, False])
    assert asked[1][1:] == ([False, False], [True, False])
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
