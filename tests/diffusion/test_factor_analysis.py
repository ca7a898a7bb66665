"""Factor analysis against scikit-learn and against dense Gaussian formulas."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import FactorAnalysis

from skmissdiff._diffusion.factor_analysis import (
    em_step,
    fit_factor_analysis,
    gaussian_posterior,
    initial_model,
    log_likelihood,
)

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
    model = initial_model(x, mask, RANK, min_psi=1e-6)
    curve = []
    for _ in range(60):
        model, value = em_step(model, x, mask, ridge=0.0, min_psi=1e-6)
        curve.append(value)
    assert np.diff(curve).min() > -1e-12
    assert curve[-1] > curve[0] + 0.01


def test_log_likelihood_is_that_of_the_observed_marginal(rows, mask):
    x = torch.from_numpy(rows[:20])
    observed = mask[:20]
    model = initial_model(torch.from_numpy(rows), torch.ones_like(mask), RANK, min_psi=1e-6)
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
    model = initial_model(x, torch.ones(x.shape, dtype=torch.bool), RANK, min_psi=1e-6)
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
    model = initial_model(x, torch.ones(x.shape, dtype=torch.bool), RANK, min_psi=1e-6)
    sigma = torch.zeros_like(x)
    sigma[:, 0] = torch.inf
    other = x.clone()
    other[:, 0] = 1e6
    for first, second in zip(
        gaussian_posterior(model, x, sigma), gaussian_posterior(model, other, sigma), strict=True
    ):
        assert torch.equal(first, second)
