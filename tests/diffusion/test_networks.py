"""The layers against torch's own, one network at a time."""

import math

import numpy as np
import pytest
import torch
from small_models import seeded

from skmissdiff._diffusion.factor_analysis import row_product
from skmissdiff._diffusion.networks import (
    MIN_BIN_WIDTH,
    BatchedLinear,
    ResidualBlock,
    bin_edges,
    piecewise_linear,
)


def shaken(module, seed=3):
    """Biases and gains start at values that hide mistakes."""
    generator = seeded(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 3)
    return module


@pytest.mark.parametrize("n_networks", [1, 3])
@pytest.mark.parametrize("n_out", [5, 16, 20])
def test_a_layer_is_that_of_torch_for_each_network(n_networks, n_out):
    layer = shaken(BatchedLinear(n_networks, 4, n_out, seeded()))
    x = torch.randn(n_networks, 6, 4, generator=seeded(1))
    out = layer(x)
    assert out.shape == (n_networks, 6, n_out)
    for k in range(n_networks):
        expected = torch.nn.functional.linear(x[k], layer.weight[k].T, layer.bias[k, 0])
        torch.testing.assert_close(out[k], expected)


def test_a_layer_computes_in_the_precision_of_what_comes_in():
    layer = BatchedLinear(2, 4, 5, seeded())
    for dtype in (torch.bfloat16, torch.float64):
        assert layer(torch.ones(2, 3, 4, dtype=dtype)).dtype == dtype


def test_weights_start_uniform_within_one_over_the_root_of_the_width():
    layer = BatchedLinear(2, 25, 400, seeded(), scale=3.0)
    bound = 3 / math.sqrt(25)
    assert layer.weight.abs().max() <= bound
    assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)
    assert abs(layer.weight.mean().item()) < 0.03 * bound
    assert (layer.bias == 0).all()
    standard = BatchedLinear(2, 25, 400, seeded())
    torch.testing.assert_close(standard.weight * 3, layer.weight)
    assert (BatchedLinear(1, 4, 5, seeded(), scale=0.0).weight == 0).all()


def test_weights_come_from_the_generator_alone():
    state = torch.get_rng_state()
    first, second = (BatchedLinear(2, 4, 5, seeded(7)).weight for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_networks_start_apart():
    weight = BatchedLinear(2, 4, 5, seeded()).weight
    assert not torch.equal(weight[0], weight[1])


@pytest.mark.parametrize("n_networks", [1, 2])
def test_a_block_is_that_of_torch(n_networks):
    block = shaken(ResidualBlock(n_networks, 16, seeded()))
    hidden = 3 + 2 * torch.randn(n_networks, 6, 16, generator=seeded(1))
    out = block(hidden)
    linear = torch.nn.functional.linear
    for k in range(n_networks):
        normed = torch.nn.functional.layer_norm(hidden[k], (16,), weight=block.gain[k, 0])
        inner = linear(normed, block.expand.weight[k].T, block.expand.bias[k, 0])
        inner = inner * torch.sigmoid(inner)
        step = linear(inner, block.project.weight[k].T, block.project.bias[k, 0])
        torch.testing.assert_close(out[k], hidden[k] + step)
    seen = []

    def drop(active):
        seen.append(active)
        return active * 0

    torch.testing.assert_close(block(hidden, drop), hidden + block.project.bias)
    assert seen[0].shape == hidden.shape


def test_a_block_starts_with_a_gain_of_one():
    assert (ResidualBlock(2, 16, seeded()).gain == 1).all()


def test_edges_are_quantiles_of_what_is_observed():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    mask = rng.random(x.shape) < 0.6
    mask[:, 1] = False
    edges = bin_edges(torch.from_numpy(x), torch.from_numpy(mask), 5)
    shares = np.linspace(0, 1, 6)
    for j in (0, 2):
        np.testing.assert_allclose(edges[j], np.quantile(x[mask[:, j], j], shares), rtol=1e-6)
    assert (edges[1] == 0).all()
    assert edges.dtype == torch.float32
    assert bin_edges(torch.zeros(4, 0), torch.zeros(4, 0).bool(), 5).shape == (0, 6)


def test_bins_say_how_far_a_number_is_through_each():
    edges = torch.tensor([[-1.0, 0.0, 4.0], [10.0, 11.0, 13.0]])
    x = torch.tensor([[-2.0, 10.5], [-0.75, 11.0], [1.0, 12.0], [9.0, 99.0]])
    found = piecewise_linear(x, edges)
    assert found.tolist() == [[0, 0, 0.5, 0], [0.25, 0, 1, 0], [1, 0.25, 1, 0.5], [1, 1, 1, 1]]
    for j in range(2):
        for b in range(2):
            expected = np.interp(x[:, j], edges[j, b : b + 2], [0, 1])
            np.testing.assert_allclose(found[:, 2 * j + b], expected)
    assert torch.equal(piecewise_linear(x.expand(3, 4, 2), edges)[1], found)


def test_a_bin_between_equal_edges_is_a_step():
    edges = torch.tensor([[0.0, 0.0, 1.0]])
    x = torch.tensor([[-1e-6], [0.0], [MIN_BIN_WIDTH / 2], [MIN_BIN_WIDTH], [0.5]])
    steps = piecewise_linear(x, edges)[:, 0].tolist()
    assert steps == pytest.approx([0, 0, 0.5, 1, 1])


@pytest.mark.parametrize("n_out", [1, 5, 16, 21])
def test_rows_are_rounded_alike_wherever_they_stand(n_out):
    """As many columns as are asked for, and a row that comes 67 times has one result."""
    row, matrix = torch.randn(1, 33, generator=seeded()), torch.randn(33, n_out)
    product = row_product(row.repeat(67, 1), matrix)
    torch.testing.assert_close(product[:1], row @ matrix)
    assert (product == product[0]).all()
    layer = BatchedLinear(1, 33, n_out, seeded())
    assert (layer(row.repeat(67, 1)[None])[0].diff(dim=0) == 0).all()
