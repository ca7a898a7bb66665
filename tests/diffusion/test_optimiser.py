"""Updates against torch's AdamW, and Muon against its polynomial of singular values."""

import inspect

import numpy as np
import pytest
import torch
from small_models import seeded, some_denoiser

from skmissdiff._diffusion.optimiser import Muon, Optimiser, OptimiserSettings, orthogonalised

SETTINGS = OptimiserSettings(0.01, 0.02, weight_decay=0.1, ema_decay=0.9)


def shaken(**sizes):
    denoiser = some_denoiser(n_layers=2, **sizes)
    for parameter in denoiser.parameters():
        parameter.normal_(generator=seeded(3))
    return denoiser.requires_grad_(True)


def give_gradients(denoiser, seed):
    generator = seeded(seed)
    for parameter in denoiser.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def of_blocks(denoiser):
    return [layer.weight for block in denoiser.blocks for layer in (block.expand, block.project)]


N_ITER = inspect.signature(orthogonalised).parameters["n_iter"].default


def by_singular_values(matrix, n_iter=N_ITER):
    """The quintic of Jordan et al. 2024, applied to the singular values a few times."""
    U, s, Vt = np.linalg.svd(matrix)
    s = s / np.sqrt((s**2).sum())
    for _ in range(n_iter):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (U * s) @ Vt


def test_directions_are_orthogonal():
    matrices = torch.randn(3, 16, 16, generator=seeded(), dtype=torch.float64) * 7
    found = orthogonalised(matrices, 5)
    for matrix, direction in zip(matrices, found, strict=True):
        np.testing.assert_allclose(direction, by_singular_values(matrix.numpy(), 5), atol=1e-5)
        values = np.linalg.svd(direction.numpy(), compute_uv=False)
        assert values.min() > 0.3
        assert values.max() < 1.3
    assert (orthogonalised(torch.zeros(1, 4, 4)) == 0).all()


def test_muon_takes_nesterov_steps_with_decay():
    values = torch.randn(2, 8, 8, generator=seeded()).double()
    expected, average = values.clone().numpy(), np.zeros((2, 8, 8))
    muon = Muon(values, momentum=0.8)
    for step in range(3):
        gradient = torch.randn(2, 8, 8, generator=seeded(step + 1)).double()
        muon.step(gradient, 0.1, 0.5, torch.float64)
        average = 0.8 * average + 0.2 * gradient.numpy()
        update = 0.2 * gradient.numpy() + 0.8 * average
        direction = np.stack([by_singular_values(matrix) for matrix in update])
        expected = (1 - 0.1 * 0.5) * expected - 0.1 * direction
        np.testing.assert_allclose(values, expected, atol=1e-5)


@pytest.mark.parametrize("muon_learning_rate", [0.02, None])
def test_every_weight_moves(muon_learning_rate):
    """The hidden matrices among them."""
    denoiser = shaken()
    optimiser = Optimiser(denoiser, OptimiserSettings(0.01, muon_learning_rate, weight_decay=0.0))
    before = [parameter.detach().clone() for parameter in denoiser.parameters()]
    give_gradients(denoiser, 0)
    optimiser.step(0, 1.0)
    for name_and_parameter, old in zip(denoiser.named_parameters(), before, strict=True):
        name, parameter = name_and_parameter
        assert (parameter != old).any(), name
        assert parameter.grad is None
    assert (optimiser.muon is not None) == bool(muon_learning_rate)


def test_square_matrices_of_blocks_are_moved_by_muon():
    denoiser = shaken()
    optimiser = Optimiser(denoiser, SETTINGS)
    assert torch.equal(optimiser.muon.values, torch.cat(of_blocks(denoiser)))
    before = [weight.detach().clone() for weight in of_blocks(denoiser)]
    give_gradients(denoiser, 0)
    gradients = [weight.grad.clone() for weight in of_blocks(denoiser)]
    optimiser.step(0, 0.5)
    for weight, old, gradient in zip(of_blocks(denoiser), before, gradients, strict=True):
        rate = 0.5 * 0.02
        direction = (old * (1 - rate * 0.1) - weight.detach()) / rate
        for k in range(3):
            expected = by_singular_values(gradient[k].numpy())
            np.testing.assert_allclose(direction[k], expected, atol=1e-3)


def test_the_others_are_moved_by_adamw():
    denoiser, reference = shaken(), shaken()
    optimiser = Optimiser(denoiser, SETTINGS)
    square = {id(weight) for weight in of_blocks(reference)}
    others = [p for p in reference.parameters() if id(p) not in square]
    betas = optimiser.adamw.betas
    adamw = torch.optim.AdamW(others, betas=betas, weight_decay=0.1, foreach=False)
    for step, factor in enumerate((1.0, 0.3)):
        give_gradients(denoiser, step)
        give_gradients(reference, step)
        optimiser.step(step, factor)
        adamw.param_groups[0]["lr"] = factor * 0.01
        adamw.step()
    pairs = zip(denoiser.parameters(), reference.parameters(), strict=True)
    for (name, _), (moved, expected) in zip(denoiser.named_parameters(), pairs, strict=True):
        if id(expected) not in square:
            torch.testing.assert_close(moved, expected, msg=name)


def test_without_muon_adamw_moves_all():
    denoiser = shaken()
    optimiser = Optimiser(denoiser, OptimiserSettings(0.01))
    assert optimiser.muon is None
    assert len(optimiser.adamw.values) == sum(p.numel() for p in denoiser.parameters())


def test_a_weight_without_a_gradient_decays_alone():
    denoiser = shaken()
    optimiser = Optimiser(denoiser, SETTINGS)
    before = denoiser.first.weight.detach().clone()
    give_gradients(denoiser, 0)
    denoiser.first.weight.grad = None
    optimiser.step(0, 1.0)
    torch.testing.assert_close(denoiser.first.weight.detach(), before * (1 - 0.01 * 0.1))


def test_weights_that_are_kept_have_memory_of_their_own():
    """A saved model would else hold the vector of all weights once for each parameter."""
    denoiser = shaken()
    optimiser = Optimiser(denoiser, SETTINGS)
    assert denoiser.first.weight.untyped_storage().nbytes() == 4 * len(optimiser.values)
    kept = optimiser.values + 1
    expected = [p.detach() + 1 for p in denoiser.parameters()]
    optimiser.keep(kept)
    for parameter, value in zip(denoiser.parameters(), expected, strict=True):
        assert torch.equal(parameter, value)
        assert parameter.untyped_storage().nbytes() == 4 * parameter.numel()


def test_a_running_average_that_forgets_its_start():
    """Step n keeps (n + 1) / (n + 10) of the average, at most the decay."""
    denoiser = shaken()
    optimiser = Optimiser(denoiser, SETTINGS)
    expected = optimiser.values.clone()
    for step in (0, 1, 50, 1000):
        give_gradients(denoiser, step)
        optimiser.step(step, 1.0)
        decay = {0: 1 / 10, 1: 2 / 11, 50: 51 / 60, 1000: 0.9}[step]
        expected = decay * expected + (1 - decay) * optimiser.values
    torch.testing.assert_close(optimiser.average, expected)


def test_weights_and_their_average_change_places():
    denoiser = shaken()
    optimiser = Optimiser(denoiser, SETTINGS)
    give_gradients(denoiser, 0)
    optimiser.step(0, 1.0)
    weights = [parameter.detach().clone() for parameter in denoiser.parameters()]
    values, average = optimiser.values.clone(), optimiser.average.clone()
    optimiser.swap()
    assert torch.equal(optimiser.values, average)
    assert torch.equal(optimiser.average, values)
    assert not any(map(torch.equal, denoiser.parameters(), weights))
    optimiser.swap()
    assert all(map(torch.equal, denoiser.parameters(), weights))


def test_directions_may_be_found_in_bfloat16():
    moved = []
    for bfloat16 in (False, True):
        denoiser = shaken()
        optimiser = Optimiser(
            denoiser, OptimiserSettings(0.01, 0.02, weight_decay=0.0, bfloat16=bfloat16)
        )
        before = of_blocks(denoiser)[0].detach().clone()
        give_gradients(denoiser, 0)
        optimiser.step(0, 1.0)
        assert of_blocks(denoiser)[0].dtype == torch.float32
        moved.append((before - of_blocks(denoiser)[0].detach()) / 0.02)
    difference = (moved[0] - moved[1]).abs().max()
    assert 0 < difference < 0.1
