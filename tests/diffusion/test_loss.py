"""The training loss against sums that are written out."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from small_models import (
    CATEGORIES,
    LAYOUT,
    N_CODES,
    NUMBERS,
    seeded,
    some_batch,
    some_denoiser,
    some_rows,
)

from skmissdiff._diffusion.denoiser import MIN_PROBABILITY, log_sums
from skmissdiff._diffusion.loss import category_loss, lesson, masked_loss, number_loss
from skmissdiff._support.layout import CodeLayout

NUMBERS_ALONE = CodeLayout((1, 1), (False, False))
CATEGORIES_ALONE = CodeLayout((2, 3), (True, True))


def loss_of(F, F_median, batch, denoiser=None):
    denoiser = some_denoiser() if denoiser is None else denoiser
    return masked_loss(torch.cat([F, F_median], dim=-1), lesson(batch, denoiser), denoiser)


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
    sums = log_sums(logits, members.float())
    torch.testing.assert_close(category_loss(x_0, seen, logits, sums), expected)


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
    loss = loss_of(F, F_median, some_batch(x, hidden, g, s))
    assert loss.item() == pytest.approx(float(total / n_cells), rel=1e-5)


def test_only_hidden_cells_move_anything():
    x, mask = some_rows(10)
    hidden = mask.clone()
    hidden[::2] = False
    g, s = torch.full_like(x, 0.4), torch.ones_like(x)
    F, F_median = torch.zeros_like(x, requires_grad=True), torch.zeros(10, 2, requires_grad=True)
    loss_of(F, F_median, some_batch(x, hidden, g, s)).backward()
    assert torch.equal(F.grad != 0, hidden)
    assert torch.equal(F_median.grad != 0, hidden[:, NUMBERS])


def test_no_hidden_cell_costs_nothing():
    x, mask = some_rows(4)
    batch = some_batch(x, mask & False, torch.full_like(x, 0.4), torch.ones_like(x))
    assert loss_of(x, x[:, :2], batch).item() == 0


@pytest.mark.parametrize("layout", [LAYOUT, NUMBERS_ALONE, CATEGORIES_ALONE])
def test_gradients_by_hand_are_those_of_autograd(layout):
    """Of numbers, of categories, and of both, whose codes do not lie side by side."""
    denoiser = some_denoiser(layout)
    shape = (3, 10, layout.n_codes)
    x, g, s, F = (torch.rand(shape, generator=seeded(seed)) for seed in range(4))
    for categories in layout.categorical_slices:
        x[..., categories] = torch.eye(categories.stop - categories.start)[0]
    cells = torch.rand(3, 10, layout.n_columns, generator=seeded(5)) < 0.6
    hidden = cells[..., torch.from_numpy(layout.column_of_code)]
    F_median = torch.rand(3, 10, len(layout.numeric_codes), generator=seeded(6))
    batch = some_batch(x, hidden, g, s + 0.5)
    output = torch.cat([F, F_median], dim=-1).requires_grad_(True)
    asked = lesson(batch, denoiser)
    (3 * masked_loss(output, asked, denoiser)).backward()
    found, output.grad = output.grad, None
    F, F_median = denoiser.parts(output)
    F_number = F[..., layout.numeric_codes]
    total = (asked.counts * number_loss(asked.target, F_number, F_median)).sum()
    if layout.categorical_slices:
        logits = asked.prior + F[..., layout.categorical_codes]
        sums = log_sums(logits, denoiser.members)
        total = total + category_loss(asked.chosen, asked.seen, logits, sums)
    (3 * total / cells[..., layout.column_of_code[layout.level_codes]].sum()).backward()
    torch.testing.assert_close(found, output.grad)
