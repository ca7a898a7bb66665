"""What is known of rows, against the posterior of rows that have all of it at once."""

import math

import pytest
import torch
from small_models import (
    CALL,
    LAYOUT,
    N_CODES,
    NUMBERS,
    model_of,
    seeded,
    some_denoiser,
    some_factors,
    some_rows,
)

from skmissdiff._diffusion.evidence import BLOCK, Evidence
from skmissdiff._diffusion.patterns import given_in
from skmissdiff._diffusion.posterior import Posterior, gaussian_posterior


def some_patterns(n_patterns, n_codes):
    """Which codes are given and which absent, in each pattern."""
    kind = torch.randint(3, (n_patterns, n_codes), generator=seeded(n_patterns))
    return kind == 0, kind == 1


def said(model, x, patterns, sigma):
    """Mean and variance of numbers, all codes being numbers."""
    evidence = Evidence(Posterior(model), x, patterns)
    level = evidence.at(sigma)
    mean = evidence.mean(level, x - model.mu) + model.mu
    return mean, level.s.expand(mean.shape)


@pytest.mark.parametrize("sigma", [0.7, math.inf])
@pytest.mark.parametrize("n_patterns", [1, 5, BLOCK, BLOCK + 1])
def test_numbers_have_the_posterior_that_each_row_has_alone(n_patterns, sigma):
    model, (given, absent) = model_of(9, 4), some_patterns(n_patterns, 9)
    x = torch.randn(CALL, 9, generator=seeded(1), dtype=torch.float64)
    rows = torch.randint(n_patterns, (CALL,), generator=seeded(2))
    level = torch.where(absent, math.inf, torch.where(given, 0.0, sigma)).double()[rows]
    mean, variance = gaussian_posterior(model, x, level)
    found = said(model, x, given_in(given[rows], absent[rows]), sigma)
    torch.testing.assert_close(found, (mean, variance.clamp_min(0).sqrt()))
    assert torch.equal(found[0][given[rows]], (x - model.mu + model.mu)[given[rows]])
    assert (found[1][given[rows]] == 0).all()


def test_all_rows_may_have_one_pattern():
    model, (given, absent) = model_of(9, 4), some_patterns(1, 9)
    x = torch.randn(CALL, 9, generator=seeded(1), dtype=torch.float64)
    one = said(model, x, given_in(given, absent), 0.7)
    torch.testing.assert_close(one, said(model, x, given_in(given.expand(CALL, 9), absent), 0.7))


@pytest.mark.parametrize(("n_codes", "rank"), [(3, 1), (15, 6), (15, 14), (40, 20)])
def test_a_row_is_rounded_alike_beside_other_patterns(n_codes, rank):
    model, (given, absent) = model_of(n_codes, rank), some_patterns(5 * BLOCK, n_codes)
    x = torch.randn(CALL, n_codes, generator=seeded(1), dtype=torch.float64)
    noise = torch.randn(CALL, rank + n_codes, generator=seeded(4), dtype=torch.float64)
    of_all = torch.randint(len(given), (CALL,), generator=seeded(2))

    def everything(rows, few):
        patterns = given_in(given[rows], absent[rows])
        spread = Evidence(Posterior(model), x, patterns).spread(noise, 1.5)
        parts = [*said(model, x, patterns, 0.7), *said(model, x, patterns, math.inf), spread]
        return [part[few] for part in parts]

    # The rest of the call has the first pattern.
    few = torch.arange(30, 64)
    rest = torch.cat([of_all.new_zeros(30), of_all[few]])
    for alone, beside in zip(everything(rest, few), everything(of_all, few), strict=True):
        assert torch.equal(alone, beside)


@pytest.mark.parametrize("at_once", [1, 2, 10])
def test_levels_are_the_same_however_many_are_worked_out_at_once(monkeypatch, at_once):
    model, (given, absent) = model_of(9, 4), some_patterns(5, 9)
    rows = torch.arange(CALL) % 5
    x = torch.randn(CALL, 9, generator=seeded(1), dtype=torch.float64)
    evidence = Evidence(Posterior(model), x, given_in(given[rows], absent[rows]))
    monkeypatch.setattr("skmissdiff._diffusion.evidence.CHUNK_NUMBERS", at_once * 5 * 4**2)
    sigmas = [math.inf, 3.0, 1.0, 0.2]
    for sigma, level in zip(sigmas, evidence.levels(sigmas), strict=True):
        one = evidence.at(sigma)
        assert level.sigma == sigma
        for part, alone in zip(level[1:], one[1:], strict=True):
            assert torch.equal(part, alone)


def test_the_variance_without_the_noise():
    """s^2 = C sigma^2 / (C + sigma^2)."""
    model, x = model_of(9, 4), torch.zeros(1, 9, dtype=torch.float64)
    evidence = Evidence(Posterior(model), x, given_in(torch.arange(9)[None] < 3))
    for level in evidence.levels([0.03, 0.8, 5.0]):
        noise = level.sigma**2
        torch.testing.assert_close(level.C * noise / (level.C + noise), level.s.square())
    absent = evidence.at(math.inf)
    torch.testing.assert_close(absent.C, absent.s.square())
    assert (absent.C[:, :3] == 0).all()


def test_what_is_learnt_counts_as_if_it_had_been_given():
    denoiser = some_denoiser()
    x, mask = some_rows(CALL)
    before = mask.clone()
    before[:, 1:4] = before[:, 5:] = False
    posterior = Posterior(some_factors(), denoiser.columns)
    evidence = Evidence(posterior, x, given_in(before))
    for categories in LAYOUT.categorical_slices:
        # Only rows that had the category are told of it, and so are whole patterns.
        chosen = x[:, categories].argmax(1)
        evidence.learn(categories, chosen, torch.ones(len(evidence.M), dtype=torch.bool))
    after = before.clone()
    after[:, 1:4] = after[:, 5:] = True
    expected = Evidence(posterior, x, given_in(after))
    torch.testing.assert_close(evidence.b, expected.b)
    level, other = evidence.at(0.4), expected.at(0.4)
    y = x[:, NUMBERS] - evidence.mu
    torch.testing.assert_close(evidence.mean(level, y), expected.mean(other, y))
    torch.testing.assert_close(level.s, other.s)
    assert evidence.patterns.given[:, 1:4].all()


def test_patterns_that_want_nothing_learn_nothing():
    x, mask = some_rows(CALL)
    evidence = Evidence(Posterior(some_factors(), some_denoiser().columns), x, given_in(mask))
    M, b, given = evidence.M, evidence.b, evidence.patterns.given
    wanted = ~given[:, 1]
    evidence.learn(slice(1, 4), torch.zeros(CALL, dtype=torch.long), wanted)
    assert torch.equal(evidence.M[~wanted], M[~wanted])
    assert (evidence.M[wanted] != M[wanted]).flatten(1).any(1).all()
    rows = wanted[evidence.patterns.rows]
    assert torch.equal(evidence.b[~rows], b[~rows])
    assert (evidence.b[rows] != b[rows]).any(1).all()
    assert torch.equal(evidence.patterns.given[:, 4:], given[:, 4:])


@pytest.mark.parametrize("n_rows_of_patterns", [1, CALL])
def test_the_latent_is_narrowed_to_what_unknown_codes_load_on(n_rows_of_patterns):
    model = model_of(9, 6)
    x = torch.randn(CALL, 9, generator=seeded(1), dtype=torch.float64)
    given = torch.rand(n_rows_of_patterns, 9, generator=seeded(2)) < 0.5
    given[:, 4:] = True
    whole, narrow = (Evidence(Posterior(model), x, given_in(given)) for _ in range(2))
    narrow.narrow(torch.arange(4))
    assert narrow.M.shape[1:] == (4, 4)
    y = x - model.mu
    for one, other in zip(
        whole.levels([math.inf, 0.7]), narrow.levels([math.inf, 0.7]), strict=True
    ):
        torch.testing.assert_close(narrow.mean(other, y)[:, :4], whole.mean(one, y)[:, :4])
        torch.testing.assert_close(other.s[..., :4], one.s[..., :4])
    codes = torch.arange(6)
    narrow.narrow(codes)  # of as many codes nothing can be left out
    assert narrow.M.shape[1:] == (4, 4)


def test_what_does_not_apply_is_absent():
    model = model_of(5, 2)
    x = torch.randn(CALL, 5, generator=seeded(1), dtype=torch.float64)
    given = torch.tensor([[True, False, False, False, True], [True, True, False, False, False]])
    given = given[torch.arange(CALL) % 2]
    idle = (torch.rand(CALL, 5, generator=seeded(2)) < 0.5) & ~given
    evidence = Evidence(Posterior(model), x, given_in(given))
    evidence.leave_out(idle)
    expected = Evidence(Posterior(model), x, given_in(given, idle))
    assert torch.equal(evidence.drawn, expected.drawn)
    assert torch.equal(evidence.drawn, ~given & ~idle)
    found, level = evidence.at(0.6), expected.at(0.6)
    torch.testing.assert_close(evidence.mean(found, x), expected.mean(level, x))


@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_a_draw_of_what_is_unknown_has_its_covariance(sigma):
    n_rows = 20_000
    model = some_factors(3)._replace(
        W=torch.tensor([[1.0, 0.8], [1.0, -0.5], [0.2, -1.0]]).double()
    )
    given = torch.tensor([True, False, False])
    noise = torch.randn(n_rows, 5, generator=seeded(2), dtype=torch.float64)
    x = torch.zeros(n_rows, 3, dtype=torch.float64)
    C = model.W @ model.W.T + model.psi.diag()
    posterior = (C - C[:, :1] @ C[:1] / C[0, 0])[1:, 1:]
    assert posterior[0, 1] > 0.3
    for patterns in (given_in(given[None]), given_in(given.expand(n_rows, 3))):
        drawn = Evidence(Posterior(model), x, patterns).spread(noise, sigma)[:, 1:]
        torch.testing.assert_close(drawn.mean(0), torch.zeros(2).double(), atol=0.05, rtol=0)
        expected = posterior + sigma**2 * torch.eye(2)
        torch.testing.assert_close(drawn.T.cov(), expected, atol=0.05 + 0.03 * sigma**2, rtol=0)


def test_numbers_are_those_of_the_layout():
    evidence = Evidence(
        Posterior(some_factors(), some_denoiser().columns),
        torch.zeros(3, N_CODES),
        given_in(torch.zeros(1, N_CODES, dtype=torch.bool)),
    )
    assert evidence.at(1.0).s.shape == (1, len(NUMBERS))
    assert torch.equal(evidence.mu, some_factors().mu[NUMBERS])
