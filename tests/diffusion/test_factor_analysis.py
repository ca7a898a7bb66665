"""Factor analysis against scikit-learn and against dense Gaussian formulas."""

import math
import time

import numpy as np
import pytest
import torch
from sklearn.decomposition import FactorAnalysis
from small_models import seeded, some_denoiser, some_factors

from skmissdiff._diffusion import factor_analysis, posterior
from skmissdiff._diffusion.factor_analysis import (
    SWEEP_RANK,
    choose_rank,
    em_step,
    fit_factor_analysis,
    initial_model,
    log_likelihood,
    moments,
    posterior_covariance,
    sweep_inverse,
)
from skmissdiff._diffusion.posterior import gaussian_posterior
from skmissdiff._support.layout import CodeLayout

N_ROWS, N_CODES, RANK = 1500, 8, 2


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(N_CODES, RANK))
    specific = rng.uniform(0.3, 1.0, N_CODES)
    X = rng.normal(size=(N_ROWS, RANK)) @ loadings.T + specific * rng.normal(size=(N_ROWS, N_CODES))
    return X + rng.normal(size=N_CODES)


@pytest.fixture(scope="module")
def mask():
    return torch.from_numpy(np.random.default_rng(1).random((N_ROWS, N_CODES)) > 0.3)


def covariance(model):
    return model.W @ model.W.T + model.psi.diag()


def test_complete_rows_give_the_estimate_of_scikit_learn(rows):
    complete = torch.ones(rows.shape, dtype=torch.bool)
    model, curve = fit_factor_analysis(
        torch.from_numpy(rows), complete, RANK, ridge=0, tol=1e-10, max_iter=5000
    )
    reference = FactorAnalysis(RANK, tol=1e-10, max_iter=5000, svd_method="lapack").fit(rows)
    assert curve[-1] == pytest.approx(reference.score(rows), abs=1e-6)
    np.testing.assert_allclose(covariance(model), reference.get_covariance(), atol=1e-3)
    np.testing.assert_allclose(model.mu, rows.mean(axis=0), atol=1e-6)


def test_likelihood_never_falls_with_missing_cells(rows, mask):
    x = torch.where(mask, torch.from_numpy(rows), 0.0)
    model = initial_model(moments(x, mask), RANK, min_psi=1e-6)
    curve = []
    for _ in range(60):
        model, value = em_step(model, x, mask, ridge=0.0, min_psi=1e-6)
        curve.append(value)
    assert np.diff(curve).min() > -1e-12
    assert curve[-1] > curve[0] + 0.01


def test_log_likelihood_is_that_of_the_observed_marginal(rows, mask):
    x = torch.from_numpy(rows[:20])
    observed = mask[:20]
    model = initial_model(
        moments(torch.from_numpy(rows), torch.ones_like(mask)), RANK, min_psi=1e-6
    )
    expected = [
        torch.distributions.MultivariateNormal(
            model.mu[seen], covariance(model)[seen][:, seen]
        ).log_prob(row[seen])
        for row, seen in zip(x, observed, strict=True)
    ]
    torch.testing.assert_close(log_likelihood(model, x, observed), torch.stack(expected))


def test_posterior_equals_the_dense_formula_for_any_noise_levels(rows):
    rng = np.random.default_rng(2)
    x = torch.from_numpy(rows[:200])
    model = initial_model(moments(x, torch.ones(x.shape, dtype=torch.bool)), RANK, min_psi=1e-6)
    sigma = torch.from_numpy(np.exp(rng.normal(size=x.shape)))
    kind = torch.from_numpy(rng.random(x.shape))
    sigma[kind < 0.3] = 0
    sigma[kind > 0.7] = torch.inf
    mean, variance = gaussian_posterior(model, x, sigma)
    C = covariance(model)
    for i in range(len(x)):
        seen = sigma[i].isfinite()
        noisy = C[seen][:, seen] + sigma[i, seen].square().diag()
        gain = torch.linalg.solve(noisy, C[seen]).T
        expected_mean = model.mu + gain @ (x[i, seen] - model.mu[seen])
        expected_variance = (C - gain @ C[seen]).diag()
        torch.testing.assert_close(mean[i], expected_mean, atol=1e-5, rtol=0)
        torch.testing.assert_close(variance[i], expected_variance, atol=1e-5, rtol=0)
    assert (variance[sigma == 0].abs() < 1e-12).all()
    torch.testing.assert_close(mean[sigma == 0], x[sigma == 0])


def test_value_of_an_absent_code_is_not_read(rows):
    x = torch.from_numpy(rows[:5])
    model = initial_model(moments(x, torch.ones(x.shape, dtype=torch.bool)), RANK, min_psi=1e-6)
    sigma = torch.zeros_like(x)
    sigma[:, 0] = torch.inf
    other = x.clone()
    other[:, 0] = 1e6
    for first, second in zip(
        gaussian_posterior(model, x, sigma), gaussian_posterior(model, other, sigma), strict=True
    ):
        assert torch.equal(first, second)


@pytest.mark.parametrize("rank", [1, 2, 5, SWEEP_RANK, SWEEP_RANK + 1, 20])
def test_inverses_of_any_rank(rank):
    A = torch.randn(7, rank, rank, generator=seeded(), dtype=torch.float64)
    M = A @ A.mT + torch.eye(rank)
    torch.testing.assert_close(posterior_covariance(M), torch.linalg.inv(M))
    torch.testing.assert_close(sweep_inverse(M), torch.linalg.inv(M))


def one_em_step(model, x, mask, ridge, min_psi):
    """The same update with a loop over rows and over codes."""
    mu, W, psi = (part.numpy() for part in model)
    x, mask = x.numpy(), mask.numpy()
    rank = W.shape[1]
    means, seconds = [], []
    for row, seen in zip(x, mask, strict=True):
        A = W[seen].T / psi[seen]
        V = np.linalg.inv(np.eye(rank) + A @ W[seen])
        z = np.append(V @ A @ (row[seen] - mu[seen]), 1)
        second = np.outer(z, z)
        second[:rank, :rank] += V
        means.append(z)
        seconds.append(second)
    means, seconds = np.array(means), np.array(seconds)
    new = []
    for j in range(x.shape[1]):
        seen = mask[:, j]
        gram, cross = seconds[seen].sum(0), means[seen].T @ x[seen, j]
        coef = np.linalg.solve(gram + ridge * np.diag([*[1] * rank, 0]), cross)
        residual = (x[seen, j] ** 2).sum() - coef @ cross
        new.append([*coef, max(residual / seen.sum(), min_psi)])
    return np.array(new)


@pytest.mark.parametrize(("ridge", "min_psi"), [(0.0, 1e-6), (5.0, 0.3)])
def test_one_step_is_a_regression_of_each_code(rows, mask, ridge, min_psi, monkeypatch):
    monkeypatch.setattr(factor_analysis, "CHUNK_NUMBERS", 100 * (RANK + 1) ** 2)  # three chunks
    x, mask = torch.where(mask, torch.from_numpy(rows), 0.0)[:250], mask[:250]
    start = initial_model(moments(x, mask), RANK, min_psi=1e-6)
    model, value = em_step(start, x, mask, ridge, min_psi)
    expected = one_em_step(start, x, mask, ridge, min_psi)
    np.testing.assert_allclose(model.W, expected[:, :RANK], atol=1e-9)
    np.testing.assert_allclose(model.mu, expected[:, RANK], atol=1e-9)
    np.testing.assert_allclose(model.psi, expected[:, -1], atol=1e-9)
    assert (model.psi == min_psi).any() == (min_psi == 0.3)
    assert value == pytest.approx(log_likelihood(start, x, mask).mean().item())


def test_the_start_is_half_of_the_principal_axes(rows):
    x = torch.from_numpy(rows)
    model = initial_model(moments(x, torch.ones(x.shape, dtype=torch.bool)), RANK, min_psi=1e-6)
    C = np.cov(rows.T, bias=True)
    values, vectors = np.linalg.eigh(C)
    expected = (vectors[:, -2:] * (values[-2:] / 2)) @ vectors[:, -2:].T
    np.testing.assert_allclose(model.W @ model.W.T, expected, atol=1e-9)
    np.testing.assert_allclose(model.mu, rows.mean(axis=0))
    np.testing.assert_allclose(model.psi, np.diag(C) - np.diag(expected), atol=1e-9)
    assert (initial_model(moments(x, x > -99), RANK, min_psi=50.0).psi == 50).all()


def test_the_start_counts_what_is_observed(rows, mask):
    x = torch.where(mask, torch.from_numpy(rows), 0.0)
    model = initial_model(moments(x, mask), 1, min_psi=1e-6)
    seen = np.where(mask, rows, np.nan)
    np.testing.assert_allclose(model.mu, np.nanmean(seen, axis=0))
    centred = np.nan_to_num(seen - np.nanmean(seen, axis=0))
    count = mask.numpy().sum(0)
    C = centred.T @ centred / np.sqrt(np.outer(count, count))
    values, vectors = np.linalg.eigh(C)
    expected = values[-1] / 2 * np.outer(vectors[:, -1], vectors[:, -1])
    np.testing.assert_allclose(model.W @ model.W.T, expected, atol=1e-9)
    np.testing.assert_allclose(model.psi, np.nanvar(seen, axis=0) - np.diag(expected), atol=1e-9)


def test_the_fit_stops_where_nothing_is_gained(rows, mask):
    x = torch.from_numpy(rows)
    _, curve = fit_factor_analysis(x, mask, RANK, tol=1e-3)
    gains = np.diff(curve)
    assert (gains[:-1] >= 1e-3 * N_CODES).all()
    assert gains[-1] < 1e-3 * N_CODES
    assert len(fit_factor_analysis(x, mask, RANK, tol=0.0, max_iter=7)[1]) == 7


def test_the_fit_stops_when_the_time_is_over(rows, mask):
    x = torch.from_numpy(rows)
    _, curve = fit_factor_analysis(x, mask, RANK, deadline=time.monotonic() - 1)
    assert len(curve) == 1


def test_absent_values_of_a_fit_are_not_read(rows, mask):
    x = torch.from_numpy(rows)
    models = [
        fit_factor_analysis(torch.where(mask, x, fill), mask, RANK, max_iter=3)[0]
        for fill in (0.0, 1e6)
    ]
    assert all(map(torch.equal, *models))


def strong(n_rows, rank, n_codes=12):
    """Codes that are ``rank`` factors and little else."""
    generator = seeded(5)
    W = torch.randn(rank, n_codes, generator=generator, dtype=torch.float64)
    z = torch.randn(n_rows, rank, generator=generator, dtype=torch.float64)
    noise = torch.randn(n_rows, n_codes, generator=generator, dtype=torch.float64)
    return z @ W + 0.3 * noise


@pytest.mark.parametrize("rank", [2, 4, 8])
def test_the_rank_of_the_rows_is_found(rank):
    x = strong(600, rank)
    mask = torch.rand(x.shape, generator=seeded(6)) < 0.9
    assert choose_rank(x, mask, generator=seeded()) == rank


def test_noise_has_the_least_rank():
    x = torch.randn(400, 6, generator=seeded(), dtype=torch.float64)
    assert choose_rank(x, torch.ones_like(x).bool(), generator=seeded()) == 2


def test_the_rank_is_less_than_the_codes_and_a_quarter_of_the_rows():
    x = strong(400, 3, n_codes=3)
    assert choose_rank(x, torch.ones_like(x).bool(), generator=seeded()) == 2
    x = strong(16, 8)  # twelve are not held out
    assert choose_rank(x, torch.ones_like(x).bool(), generator=seeded()) <= 3
    x = strong(400, 3, n_codes=1)
    assert choose_rank(x, torch.ones_like(x).bool(), generator=seeded()) == 1


def test_no_rank_is_tried_beyond_the_dimensions_of_the_rows(monkeypatch):
    """Six columns of two categories are six dimensions, though they have twelve codes."""
    tried = []
    fit = factor_analysis.fit_factor_analysis

    def spy(x, mask, rank, **options):
        tried.append(rank)
        return fit(x, mask, rank, **options)

    monkeypatch.setattr(factor_analysis, "fit_factor_analysis", spy)
    monkeypatch.setattr(factor_analysis, "MIN_RANK_GAIN", -math.inf)  # all ranks are tried
    yes = (strong(400, 6, n_codes=6) > 0).double()
    x = torch.stack([yes, 1 - yes], dim=2).flatten(1)
    mask = (torch.rand(yes.shape, generator=seeded(6)) < 0.8).repeat_interleave(2, dim=1)
    choose_rank(x, mask, generator=seeded())
    assert tried == [2, 4, 6]


def test_a_rank_is_chosen_among_rows_that_are_seen(monkeypatch):
    seen = []
    fit = factor_analysis.fit_factor_analysis

    def spy(x, mask, rank, **options):
        seen.append((len(x), rank, options["max_iter"]))
        return fit(x, mask, rank, **options)

    monkeypatch.setattr(factor_analysis, "fit_factor_analysis", spy)
    monkeypatch.setattr(factor_analysis, "MAX_RANK_ROWS", 100)
    x = strong(300, 2)
    mask = torch.ones_like(x).bool()
    mask[:220] = False
    choose_rank(x, mask, generator=seeded())
    assert {n for n, _, _ in seen} == {60}  # three quarters of the 80 that have a cell
    seen.clear()
    choose_rank(x, torch.ones_like(x).bool(), generator=seeded())
    assert {n for n, _, _ in seen} == {75}
    seen.clear()
    mask[:, 0] = False  # nobody knows the first code: nothing can be fitted
    assert choose_rank(x, mask, generator=seeded()) == 1
    assert seen == []


def test_the_first_rank_has_to_do_when_the_time_is_over():
    x = strong(600, 8)
    late = time.monotonic() - 1
    assert choose_rank(x, torch.ones_like(x).bool(), generator=seeded(), deadline=late) == 1
    assert choose_rank(x, torch.ones_like(x).bool(), generator=seeded(), deadline=math.inf) == 8


@pytest.mark.parametrize("rank", [2, 20])
def test_noise_levels_of_all_rows_may_be_one_row(rank):
    model = some_factors(6, rank)
    x = torch.randn(5, 6, generator=seeded(4)).double()
    level = torch.tensor([[0.0, 0.5, math.inf, 0.5, 0.0, 2.0]]).double()
    mean, variance = gaussian_posterior(model, x, level)
    expected, of_each = gaussian_posterior(model, x, level.repeat(5, 1))
    torch.testing.assert_close(mean, expected)
    assert variance.shape == (1, 6)
    torch.testing.assert_close(variance.expand(5, 6), of_each)


def grouped_rows(n_rows=400):
    """Rows of codes in three groups, which few patterns of gaps have."""
    x = torch.randn(n_rows, 6, generator=seeded(2), dtype=torch.float64)
    kinds = torch.rand(6, 3, generator=seeded(3)) < 0.7
    kinds[0] = True
    mask = kinds[torch.randint(6, (n_rows,), generator=seeded(4))][:, [0, 0, 1, 2, 1, 0]]
    return torch.where(mask, x, 0.0), mask


def test_one_step_of_rows_that_miss_the_same():
    x, mask = grouped_rows()
    start = initial_model(moments(x, mask), RANK, min_psi=1e-6)
    model, value = em_step(start, x, mask, 1.0, 1e-6)
    expected = one_em_step(start, x, mask, 1.0, 1e-6)
    np.testing.assert_allclose(torch.cat([model.W, model.mu[:, None]], dim=1), expected[:, :-1])
    np.testing.assert_allclose(model.psi, expected[:, -1])
    assert value == pytest.approx(log_likelihood(start, x, mask).mean().item())


def test_a_weighted_step_is_one_of_repeated_rows():
    x, mask = grouped_rows(60)
    times = torch.randint(4, (60,), generator=seeded(5))
    start = initial_model(moments(x, mask), RANK, min_psi=1e-6)
    again = x.repeat_interleave(times, 0), mask.repeat_interleave(times, 0)
    expected, value = em_step(start, *again, 1.0, 1e-6)
    model, weighted = em_step(start, x, mask, 1.0, 1e-6, times.double())
    for found, wanted in zip(model, expected, strict=True):
        torch.testing.assert_close(found, wanted)
    assert weighted * 60 == pytest.approx(value * times.sum().item())


# Two numbers of rank 20 need no inverse; 21 of them, and small ranks, have one.
@pytest.mark.parametrize(("n_numbers", "rank"), [(2, 20), (21, 20), (2, 3)])
def test_categories_of_a_column_count_as_one(n_numbers, rank):
    layout = CodeLayout((1,) * n_numbers + (4, 3), (False,) * n_numbers + (True, True))
    columns = some_denoiser(layout).columns
    n_codes = n_numbers + 7
    model = some_factors(n_codes, rank)
    x = torch.randn(50, n_codes, generator=seeded(6), dtype=torch.float64)
    sigma = torch.rand(x.shape, generator=seeded(7), dtype=torch.float64)
    sigma[sigma > 0.8] = math.inf
    sigma[:20, :n_numbers] = 0
    known = torch.rand(50, 2, generator=seeded(8)) < 0.5
    known = known[:, [0] * 4 + [1] * 3]
    sigma[:, n_numbers:] = torch.where(known, 0.0, math.inf)
    mean, variance = gaussian_posterior(model, x, sigma, columns)
    expected, of_all = gaussian_posterior(model, x, sigma)
    torch.testing.assert_close(mean, expected)
    torch.testing.assert_close(variance[:, :n_numbers], of_all[:, :n_numbers])
    assert not variance[:, n_numbers:].any()
    one, of_one = gaussian_posterior(model, x, sigma[:1], columns)
    torch.testing.assert_close(one[0], mean[0])
    torch.testing.assert_close(of_one, variance[:1])


def test_a_posterior_does_not_depend_on_the_rows_beside_it(monkeypatch):
    model = some_factors(30, 20)
    x = torch.randn(40, 30, generator=seeded(), dtype=torch.float64)
    sigma = torch.where(torch.rand(x.shape, generator=seeded(1)) < 0.4, 0.0, math.inf).double()
    expected = gaussian_posterior(model, x, sigma)
    order = torch.randperm(40, generator=seeded(2))
    for found, wanted in zip(
        gaussian_posterior(model, x[order], sigma[order]), expected, strict=True
    ):
        assert torch.equal(found, wanted[order])
    monkeypatch.setattr(posterior, "CHUNK_NUMBERS", 16 * 20**2)
    for found, wanted in zip(gaussian_posterior(model, x, sigma), expected, strict=True):
        torch.testing.assert_close(found, wanted)
