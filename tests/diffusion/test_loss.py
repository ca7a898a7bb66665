"""The training loss against sums that are written out."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from small_models import CATEGORIES, N_CODES, NUMBERS, seeded, some_batch, some_denoiser, some_rows

from skmissdiff._diffusion.denoiser import MIN_PROBABILITY
from skmissdiff._diffusion.loss import category_loss, masked_loss, number_loss


def test_numbers_cost_a_square_and_an_absolute_error():
    target = torch.tensor([1.0, -2.0])
    F, F_median = torch.tensor([0.5, 0.0]), torch.tensor([2.0, -2.5])
    assert number_loss(target, F, F_median).tolist() == [0.25 + 1.0, 4.0 + 0.5]


def test_categories_cost_twice_the_cross_entropy():
    """Two columns, of four and of three categories; some cells do not count."""
    logits = torch.randn(2, 6, 7, generator=seeded())
    columns = (slice(0, 4), slice(4, 7))
    members = (torch.arange(7)[:, None] >= 4) == torch.tensor([False, True])
    seen = torch.arange(24).reshape(2, 6, 2) % 5 > 0
    x_0, expected = torch.zeros_like(logits), 0.0
    for j, codes in enumerate(columns):
        chosen = (torch.arange(12).reshape(2, 6) + j) % (codes.stop - codes.start)
        x_0[..., codes] = torch.nn.functional.one_hot(chosen) * seen[..., j, None]
        losses = torch.nn.functional.cross_entropy(
            logits[..., codes].movedim(-1, 1), chosen, reduction="none"
        )
        expected += 2 * (losses * seen[..., j]).sum()
    torch.testing.assert_close(category_loss(x_0, seen, logits, members.float()), expected)


def test_the_loss_is_per_hidden_cell():
    x, mask = some_rows(10)
    x, mask = x.expand(3, 10, N_CODES), mask.expand(3, 10, N_CODES)
    hidden = mask & (torch.rand(3, 10, 1, generator=seeded(1)) < 0.6)
    g = torch.rand(3, 10, N_CODES, generator=seeded(2)) - 0.1
    s = 0.5 + torch.rand(3, 10, N_CODES, generator=seeded(3))
    F = torch.randn(3, 10, N_CODES, generator=seeded(4))
    F_median = torch.randn(3, 10, 2, generator=seeded(5))
    total, n_cells = 0.0, 0
    for k, i in np.ndindex(3, 10):
        for place, code in enumerate(NUMBERS):
            if hidden[k, i, code]:
                target = (x[k, i, code] - g[k, i, code]) / s[k, i, code]
                total += (target - F[k, i, code]) ** 2 + abs(target - F_median[k, i, place])
                n_cells += 1
        for categories in CATEGORIES:
            if hidden[k, i, categories.start]:
                prior = np.log(np.maximum(g[k, i, categories].numpy(), MIN_PROBABILITY))
                logits = log_softmax(prior + F[k, i, categories].numpy())
                total -= 2 * (x[k, i, categories].numpy() * logits).sum()
                n_cells += 1
    loss = masked_loss(F, F_median, some_batch(x, hidden, g, s), some_denoiser())
    assert loss.item() == pytest.approx(float(total / n_cells), rel=1e-5)


def test_only_hidden_cells_move_anything():
    x, mask = some_rows(10)
    hidden = mask.clone()
    hidden[::2] = False
    g, s = torch.full_like(x, 0.4), torch.ones_like(x)
    F, F_median = torch.zeros_like(x, requires_grad=True), torch.zeros(10, 2, requires_grad=True)
    masked_loss(F, F_median, some_batch(x, hidden, g, s), some_denoiser()).backward()
    assert torch.equal(F.grad != 0, hidden)
    assert torch.equal(F_median.grad != 0, hidden[:, NUMBERS])


def test_no_hidden_cell_costs_nothing():
    x, mask = some_rows(4)
    batch = some_batch(x, mask & False, torch.full_like(x, 0.4), torch.ones_like(x))
    assert masked_loss(x, x[:, :2], batch, some_denoiser()).item() == 0
