"""What networks say, put together with the factor analysis by hand."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from small_models import (
    CATEGORIES,
    LAYOUT,
    N_CODES,
    NUMBERS,
    saying,
    seeded,
    some_denoiser,
    some_factors,
    some_rows,
)

from skmissdiff._diffusion.denoiser import (
    MIN_PROBABILITY,
    MIN_VARIANCE,
    Shrinkage,
    block,
    category_logits,
    log_sums,
    network_inputs,
    pick,
    shares,
)
from skmissdiff._diffusion.kernel import KernelRegression
from skmissdiff._diffusion.networks import piecewise_linear
from skmissdiff._diffusion.posterior import gaussian_posterior


def some_question(n_rows=20):
    """Rows with known, noised and absent codes."""
    x, mask = some_rows(n_rows)
    sigma = torch.where(mask, 0.0, torch.inf)
    sigma[: n_rows // 2, 4] = 0.8
    return x, sigma


def posterior(x, sigma):
    return gaussian_posterior(some_factors(), x.double(), sigma.double())


def test_untrained_it_is_the_factor_analysis():
    x, sigma = some_question()
    g, variance = posterior(x, sigma)
    estimate = some_denoiser().estimate(x, sigma)
    torch.testing.assert_close(estimate.g, g)
    torch.testing.assert_close(estimate.variance[:, NUMBERS], variance[:, NUMBERS])
    torch.testing.assert_close(estimate.mean[:, NUMBERS], g[:, NUMBERS].float())
    for categories in CATEGORIES:
        share = g[:, categories].clamp_min(MIN_PROBABILITY).numpy()
        expected = share / share.sum(1, keepdims=True)
        np.testing.assert_allclose(estimate.mean[:, categories], expected, rtol=1e-5)
    assert torch.equal(estimate.median, estimate.mean)
    assert torch.equal(some_denoiser()(x, sigma), estimate.mean)


def test_the_networks_are_averaged_and_believed_by_code():
    """D = g + alpha s F, softmax(log g + alpha F), and medians g + alpha' s F'."""
    F = torch.randn(3, N_CODES, generator=seeded(5))
    F_median = torch.randn(3, 2, generator=seeded(6))
    denoiser = saying(F, F_median)
    shares = torch.rand(3, N_CODES, generator=seeded(7))
    denoiser.set_shrinkage(Shrinkage(*shares))
    assert torch.equal(denoiser.alpha_median, shares[1])
    x, sigma = some_question()
    g, variance = (part.numpy() for part in posterior(x, sigma))
    estimate = denoiser.estimate(x, sigma)
    alpha_mean, alpha_median, alpha_noised = shares.numpy()
    absent = np.isinf(sigma.numpy())
    alpha = np.where(absent, alpha_mean, alpha_noised)
    said, said_median = F.mean(0).numpy(), F_median.mean(0).numpy()
    s = np.sqrt(np.maximum(variance, MIN_VARIANCE))
    mean = g + alpha * s * said
    alpha = np.where(absent, alpha_median, alpha_noised)
    median = g[:, NUMBERS] + alpha[:, NUMBERS] * s[:, NUMBERS] * said_median
    np.testing.assert_allclose(estimate.mean[:, NUMBERS], mean[:, NUMBERS], atol=1e-5)
    np.testing.assert_allclose(estimate.median[:, NUMBERS], median, atol=1e-5)
    alpha = np.where(absent, alpha_mean, alpha_noised)
    for categories in CATEGORIES:
        logits = np.log(np.maximum(g, MIN_PROBABILITY)) + alpha * said
        expected = softmax(logits[:, categories], axis=1)
        np.testing.assert_allclose(estimate.mean[:, categories], expected, rtol=1e-4)
    others = [code for code in range(N_CODES) if code not in NUMBERS]
    assert torch.equal(estimate.median[:, others], estimate.mean[:, others])


def test_logits_have_a_floor():
    g = torch.tensor([[0.5, -0.1, 0.0, 0.5]])
    F = torch.tensor([[1.0, 2.0, 0.0, 0.0]])
    expected = np.log([0.5, MIN_PROBABILITY, MIN_PROBABILITY, 0.5]) + F.numpy()
    np.testing.assert_allclose(category_logits(g, F), expected, rtol=1e-6)
    found = category_logits(g, F).log_softmax(1)
    np.testing.assert_allclose(found, log_softmax(expected, axis=1), rtol=1e-5)


def test_inputs_are_scaled_to_unit_variance_and_absent_values_are_not_read():
    x = torch.tensor([[2.0, 2.0, 1e9, -3.0]])
    sigma = torch.tensor([[0.0, 1.0, torch.inf, 3.0]])
    g, variance = torch.full((1, 4), 0.3), torch.tensor([[0.0, 0.04, 1.0, 0.25]])
    inputs = network_inputs(x, sigma, g, variance)
    w = [1, 2**-0.5, 0, 10**-0.5]
    np.testing.assert_allclose(inputs.w, [w], rtol=1e-6)
    np.testing.assert_allclose(inputs.scaled, [[2, 2 * w[1], 0, -3 * w[3]]], rtol=1e-6)
    np.testing.assert_allclose(inputs.s, [[MIN_VARIANCE**0.5, 0.2, 1.0, 0.5]], rtol=1e-6)
    assert torch.equal(inputs.g, g)
    assert {part.dtype for part in network_inputs(x.double(), sigma, g, variance)} == {torch.float}


def test_features_are_values_noise_posterior_and_bins():
    denoiser = some_denoiser()
    x, sigma = some_question()
    g, variance = posterior(x, sigma)
    inputs = network_inputs(x, sigma, g, variance)
    features = denoiser.features(inputs)
    scaled, w, g, s = inputs
    bins = piecewise_linear(scaled[:, NUMBERS], denoiser.edges)
    known = w[:, [0, 0, 4, 4]]
    one_of_a_column = w[:, [0, 1, 4, 5]]
    expected = torch.cat([scaled, one_of_a_column, g, s[:, NUMBERS], bins * known], dim=1)
    assert torch.equal(features, expected)
    assert features.shape[1] == denoiser.first.weight.shape[1]
    assert torch.equal(
        denoiser.features(type(inputs)(*(part[None] for part in inputs)))[0], features
    )


def test_a_correction_goes_through_all_layers():
    denoiser = some_denoiser(n_layers=2)
    denoiser.last.weight.normal_(generator=seeded(1))
    features = torch.randn(3, 5, denoiser.first.weight.shape[1], generator=seeded(2))
    assert len(denoiser.blocks) == 2
    hidden = denoiser.blocks[1](denoiser.blocks[0](denoiser.first(features)))
    expected = denoiser.last(hidden)
    F, F_median = denoiser.correction(features)
    assert torch.equal(F, expected[..., :N_CODES])
    assert torch.equal(F_median, expected[..., N_CODES:])
    dropped, _ = denoiser.parts(denoiser.output(features, lambda active: 0 * active))
    hidden = denoiser.first(features) + sum(block.project.bias for block in denoiser.blocks)
    torch.testing.assert_close(dropped, denoiser.last(hidden)[..., :N_CODES])
    assert denoiser.correction(features.bfloat16())[0].dtype == torch.float32


def test_it_starts_as_the_standard_normal_factor_analysis():
    layout = LAYOUT
    denoiser = type(some_denoiser())(layout, 3, generator=seeded())
    assert denoiser.W.shape == (N_CODES, 3)
    assert (denoiser.W == 0).all()
    assert (denoiser.mu == 0).all()
    assert (denoiser.psi == 1).all()
    assert all((alpha == 1).all() for alpha in (denoiser.alpha_mean, denoiser.alpha_noised))
    assert denoiser.donors is None
    assert (denoiser.last.weight == 0).all()


@pytest.mark.parametrize("n_donors", [0, 4])
def test_it_is_built_again_from_its_config(n_donors):
    denoiser = some_denoiser(n_networks=2, n_layers=2, n_bins=3)
    denoiser.set_donors(KernelRegression(n_donors, LAYOUT) if n_donors else None)
    assert denoiser.config["n_donors"] == n_donors
    again = type(denoiser)(**denoiser.config, generator=seeded(9))
    again.load_state_dict(denoiser.state_dict())
    x, sigma = some_question()
    assert torch.equal(again(x, sigma), denoiser(x, sigma))
    assert (again.donors is None) == (n_donors == 0)


def test_codes_side_by_side_are_picked_without_a_copy():
    values = torch.arange(12.0).reshape(2, 6)
    assert block(np.array([2, 3, 4])) == slice(2, 5)
    assert block(np.array([], int)) == slice(0, 0)
    for codes in ([2, 3, 4], [0, 3, 5], [3, 2]):
        assert torch.equal(pick(values, block(np.array(codes))), values[:, codes])


def test_sums_of_exponentials_are_those_of_each_column():
    """Whatever the other columns of the row hold, as far as float32 goes."""
    members = (torch.arange(5)[:, None] >= 2) == torch.tensor([False, True])
    logits = torch.randn(7, 5, generator=seeded())
    logits[:, 2:] += torch.linspace(-70, 70, 7)[:, None]
    sums = log_sums(logits, members.float())
    torch.testing.assert_close(sums[:, 0], logits[:, :2].logsumexp(1))
    torch.testing.assert_close(sums[:, 1], logits[:, 2:].logsumexp(1))
    probabilities = shares(logits, members.float())
    torch.testing.assert_close(probabilities[:, :2], logits[:, :2].softmax(1), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(probabilities[:, 2:], logits[:, 2:].softmax(1), rtol=1e-4, atol=1e-6)


def test_one_row_of_noise_levels_serves_all_rows():
    x, sigma = some_question()
    one = sigma[:1]
    found = saying(torch.ones(1, N_CODES), torch.ones(1, 2)).estimate(x, one)
    expected = saying(torch.ones(1, N_CODES), torch.ones(1, 2)).estimate(x, one.expand_as(x))
    torch.testing.assert_close(found.mean, expected.mean)
    torch.testing.assert_close(found.median, expected.median)
    torch.testing.assert_close(found.g, expected.g)
