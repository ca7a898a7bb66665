"""Replicates: fits to rows with random weights."""

from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from skmissdiff._diffusion import replicates as modules
from skmissdiff._diffusion.batches import Rows
from skmissdiff._diffusion.factor_analysis import FactorModel, em_step
from skmissdiff._diffusion.posterior import gaussian_posterior
from skmissdiff._diffusion.recipe import (
    CHECKPOINTS,
    MIN_PSI,
    MOST_NETWORKS,
    Options,
    recipe_for,
)
from skmissdiff._diffusion.replicates import (
    bootstrap_weights,
    linear_denoiser,
    refit_factors,
    refits,
    replicates,
    short_recipe,
    weighted_em_step,
)
from skmissdiff._support.layout import CodeLayout

LAYOUT = CodeLayout((1, 1, 1), (False, False, False))


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(60, 1, generator=generator)
    x = (z * torch.tensor([0.9, 0.8, 0.7]) + 0.4 * torch.randn(60, 3, generator=generator)).float()
    mask = torch.rand(60, 3, generator=generator) > 0.25
    return Rows(torch.where(mask, x, 0.0), mask)


def start(rank=2):
    generator = torch.Generator().manual_seed(1)
    W = 0.5 * torch.randn(3, rank, generator=generator, dtype=torch.float64)
    return FactorModel(torch.zeros(3).double(), W, torch.full((3,), 0.5).double())


def stacked(model, M=1):
    return FactorModel(*(part.expand(M, *part.shape) for part in model))


def test_weights_of_one_are_the_update_of_the_fit(rows):
    x = rows.x.double()
    expected, _ = em_step(start(), x, rows.mask, 2.0, MIN_PSI)
    weights = torch.ones(2, 60, dtype=torch.float64)
    found = weighted_em_step(stacked(start(), 2), x, rows.mask, weights, ridge=2.0, n_fitted=0)
    for part, one in zip(found, expected, strict=True):
        assert_close(part, torch.stack([one, one]))


def test_whole_weights_are_copies_of_rows(rows):
    counts = torch.arange(60) % 3
    copies = rows.at(torch.arange(60).repeat_interleave(counts))
    expected, _ = em_step(start(), copies.x.double(), copies.mask, 2.0, MIN_PSI)
    found = weighted_em_step(
        stacked(start()), rows.x.double(), rows.mask, counts[None].double(), ridge=2.0, n_fitted=0
    )
    for part, one in zip(found, expected, strict=True):
        assert_close(part[0], one)


def test_loadings_take_degrees_of_freedom(rows):
    """As in a regression: residuals over the rows that are left, not all of them."""
    everything, weights = torch.ones_like(rows.mask), torch.ones(1, 60, dtype=torch.float64)
    x = rows.x.double()
    plain = weighted_em_step(stacked(start()), x, everything, weights, ridge=2.0, n_fitted=0)
    found = weighted_em_step(stacked(start()), x, everything, weights, ridge=2.0)
    assert_close(found.psi, plain.psi * 60 / 57)
    assert_close(found.W, plain.W)


def test_chunks_of_rows_change_nothing(rows, monkeypatch):
    weights = bootstrap_weights(60, torch.Generator().manual_seed(0))[None]
    whole = refit_factors(start(), rows.x, rows.mask, weights)
    monkeypatch.setattr("skmissdiff._diffusion.replicates.CHUNK_DOUBLES", 100)
    for part, one in zip(refit_factors(start(), rows.x, rows.mask, weights), whole, strict=True):
        assert_close(part, one)


def test_complete_rows_give_weighted_moments():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 2, generator=generator).double()
    x[:, 1] += x[:, 0]
    weights = bootstrap_weights(400, generator)[None]
    model = refit_factors(
        FactorModel(torch.zeros(2).double(), torch.ones(2, 1).double(), torch.ones(2).double()),
        x,
        torch.ones(400, 2, dtype=torch.bool),
        weights,
    )
    share = weights[0] / weights.sum()
    mean = share @ x
    assert_close(model.mu[0], mean, atol=2e-3, rtol=0)
    covariance = (x - mean).T @ (share[:, None] * (x - mean))
    implied = model.W[0] @ model.W[0].T + model.psi[0].diag()
    assert_close(implied, covariance, atol=0.03, rtol=0)


def test_bootstrap_weights_are_dirichlet():
    weights = torch.stack(
        [bootstrap_weights(50, torch.Generator().manual_seed(seed)) for seed in range(400)]
    )
    assert_close(weights.mean(1), torch.ones(400).double())
    assert weights.min() > 0
    assert abs(weights.var(0).mean().item() - 50 / 51 * 1.0) < 0.1  # of n Dirichlet(1, ..., 1)


def test_linear_denoiser_is_the_factor_analysis(rows):
    denoiser = linear_denoiser(LAYOUT, start())
    sigma = torch.where(rows.mask, 0.0, torch.inf)
    g, _ = gaussian_posterior(start(), rows.x.double(), sigma.double())
    assert_close(denoiser(rows.x, sigma), g.float())
    assert denoiser.is_linear


def test_networks_are_trained_up_to_the_best_checkpoint():
    recipe = recipe_for(300, 3, 3, 3, Options(max_iter=200), "cpu")
    short = short_recipe(recipe, [0.9, 0.7, 0.8])
    assert short.max_iter == CHECKPOINTS[1] * 200
    assert (short.n_networks, short.held_share) == (1, 0.0)
    assert short_recipe(recipe, []).max_iter == 200


def test_each_seed_has_a_model_of_its_own(rows):
    fitted = linear_denoiser(LAYOUT, start())
    first, second, again = replicates(fitted, rows, Options(max_iter=0), [], [5, 6, 5], "cpu")
    assert_close(first.W, again.W, rtol=0, atol=1e-3)  # each ends when the last one does
    assert (first.W - second.W).abs().max() > 0.01


def test_trained_networks_are_believed_as_in_the_fit(rows):
    options = Options(max_iter=20)
    (fitted,) = refits(rows, LAYOUT, options, [0], "cpu")
    assert len({*fitted.config.values()} - {LAYOUT})
    assert fitted.n_networks == MOST_NETWORKS
    fitted.alpha_mean.fill_(0.4)
    fitted.alpha_noised.fill_(0.3)
    first, second = replicates(fitted, rows, options, [0.9], [1, 2], "cpu")
    assert first.n_networks == 1
    assert not first.is_linear
    assert_close(first.alpha_mean, torch.full((3,), 0.4))
    assert_close(first.alpha_noised, torch.full((3,), 0.3))
    assert (first.first.weight - second.first.weight).abs().max() > 0
    assert not any(p.requires_grad for p in first.parameters())


@pytest.mark.parametrize("way", ["replicates", "refits"])
def test_networks_learn_from_weighted_rows(way, rows, monkeypatch):
    options, seen = Options(max_iter=3), []
    (fitted,) = refits(rows, LAYOUT, options, [0], "cpu")
    fitted.alpha_mean.fill_(0.4)
    whole = modules.fit_masked
    monkeypatch.setattr(modules, "fit_masked", lambda *a, **k: seen.append(a[0]) or whole(*a, **k))
    if way == "replicates":
        list(replicates(fitted, rows, options, [], [1, 2], "cpu"))
    else:
        list(refits(rows, LAYOUT, options, [1, 2], "cpu"))
    for one, seed in zip(seen, [1, 2], strict=True):
        expected = bootstrap_weights(60, torch.Generator().manual_seed(seed))
        assert_close(one.weight, expected)


def test_refits_choose_for_themselves(rows):
    first, second = refits(rows, LAYOUT, replace(Options(max_iter=5), donors=True), [1, 2], "cpu")
    assert first.donors is None
    assert (first.mu - second.mu).abs().max() > 0.01
