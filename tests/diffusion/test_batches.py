"""Training rows: what is hidden from the networks, how, and which rows they never see."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from small_models import (
    COLUMN,
    LAYOUT,
    N_CODES,
    NUMBERS,
    seeded,
    some_denoiser,
    some_factors,
    some_rows,
)

from skmissdiff._diffusion.batches import (
    Rows,
    RowSource,
    corrupt,
    hide_cells,
    hide_the_rest,
    joined,
    map_batch,
    random_sigma,
    training_batch,
)
from skmissdiff._diffusion.denoiser import network_inputs
from skmissdiff._diffusion.posterior import gaussian_posterior
from skmissdiff._diffusion.recipe import CHUNK_BYTES, LOG_SIGMA_MEAN, LOG_SIGMA_SD, Mixture
from skmissdiff._support.layout import CodeLayout

FIRST = [0, 1, 4, 5]  # code of each column
IS_NUMBER = torch.tensor([code in NUMBERS for code in range(N_CODES)])


def test_cells_are_hidden_at_the_rate_asked_for():
    _, mask = some_rows(20_000)
    fraction = torch.where(torch.arange(20_000) % 2 == 0, 0.5, 0.8)[:, None]
    hidden = hide_cells(mask, LAYOUT, fraction, seeded())
    assert not (hidden & ~mask).any()
    assert torch.equal(hidden, hidden[:, FIRST][:, COLUMN])  # codes of one column together
    whole = mask.all(1)
    for rows, share in ((whole[::2], 0.5), (whole[1::2], 0.8)):
        first = 0 if share == 0.5 else 1
        # At least one of four: a row in which nothing is drawn hides its lowest draw all the same.
        expected = share + (1 - share) ** 4 / 4
        found = hidden[first::2][rows][:, FIRST].double().mean(0)
        torch.testing.assert_close(found, torch.full((4,), expected).double(), atol=0.02, rtol=0)


def test_every_row_hides_a_cell_and_all_if_asked():
    _, mask = some_rows(1000)
    some = mask.any(1)
    assert (~some).sum() > 0
    hidden = hide_cells(mask, LAYOUT, torch.zeros(1000, 1), seeded())
    assert torch.equal(hidden[:, FIRST].sum(1), some.long())
    assert hidden[mask.all(1)][:, FIRST].sum(0).min() > 0  # not always the same column
    assert torch.equal(hide_cells(mask, LAYOUT, torch.ones(1000, 1), seeded()), mask)


def test_a_begun_row_knows_the_first_of_its_categories():
    mask = torch.ones(6000, N_CODES, dtype=torch.bool)
    mask[::2, 5:] = False
    hidden = hide_the_rest(mask, LAYOUT, seeded())
    assert hidden[:, NUMBERS].all()
    assert not (hidden & ~mask).any()
    whole = hidden[1::2]
    assert torch.equal(whole, whole[:, FIRST][:, COLUMN])
    first, second = whole[:, 1], whole[:, 5]
    assert not (first & ~second).any()
    shares = torch.stack([~second, second & ~first, first]).double().mean(1)
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3).double(), atol=0.03, rtol=0)


def test_noise_levels_are_log_normal():
    sigma = random_sigma(5000, seeded()).log().numpy()
    assert kstest(sigma, "norm", (LOG_SIGMA_MEAN, LOG_SIGMA_SD)).pvalue > 0.01


def test_hidden_codes_get_the_noise_of_their_row_and_missing_ones_are_absent():
    x, mask = some_rows(30)
    hidden = mask & IS_NUMBER
    hidden[::3] = mask[::3]
    row_sigma = torch.linspace(0.1, 3, 30)
    row_sigma[::3] = torch.inf
    denoiser, factors = some_denoiser(), some_factors()
    batch = corrupt(denoiser, factors, Rows(x, mask), hidden, row_sigma, seeded(4))
    noise = torch.randn(x.shape, generator=seeded(4))
    sigma, noised = torch.zeros_like(x), x.clone()
    for i, j in np.ndindex(*x.shape):
        if not mask[i, j]:
            sigma[i, j] = math.inf
        elif hidden[i, j]:
            sigma[i, j] = row_sigma[i]
        noised[i, j] = x[i, j] + sigma[i, j] * noise[i, j] if sigma[i, j].isfinite() else 0.0
    g, variance = gaussian_posterior(factors, noised.double(), sigma.double())
    torch.testing.assert_close(batch.g, g.float())
    s = variance.clamp_min(1e-12).sqrt().float()
    torch.testing.assert_close(batch.s[:, IS_NUMBER], s[:, IS_NUMBER])
    assert (batch.s[:, ~IS_NUMBER] < 1e-5).all()  # nobody asks for them, but held-out rows
    whole = corrupt(
        denoiser, factors, Rows(x, mask), hidden, row_sigma, seeded(4), of_categories=True
    )
    torch.testing.assert_close(whole.s, s)
    torch.testing.assert_close(whole.features, batch.features)
    inputs = network_inputs(noised, sigma, g, variance)
    torch.testing.assert_close(batch.features, denoiser.features(inputs))
    assert torch.equal(batch.unknown, sigma > 0)
    finite_noise = ((sigma > 0) & sigma.isfinite()).any(1, keepdim=True)
    assert torch.equal(batch.noised, finite_noise)
    assert finite_noise.any()
    assert not finite_noise.all()
    assert torch.equal(batch.hidden, hidden)
    assert torch.equal(batch.x_0, x)
    coarse = corrupt(denoiser, factors, Rows(x, mask), hidden, row_sigma, seeded(4), torch.bfloat16)
    assert coarse.features.dtype == torch.bfloat16
    assert coarse.g.dtype == torch.float32


def drawn(mixture, mask, completed=None, n_rows=20_000):
    x, _ = some_rows(n_rows)
    rows = Rows(x, mask, completed)
    return training_batch(some_denoiser(), some_factors(), rows, mixture, seeded(3))


WHOLE = torch.ones(20_000, N_CODES, dtype=torch.bool)


def test_rows_are_of_the_kinds_of_the_mixture():
    batch = drawn(Mixture(mean_share=0.4, max_hidden=0.5), WHOLE)
    noised = batch.noised[:, 0]
    one_pass = ~noised & batch.hidden.any(1)
    assert one_pass.double().mean().item() == pytest.approx(0.4, abs=0.01)
    # Half of the others noise both numbers. The rest hides each column at a uniform rate f, and
    # at least one; of these cells the numbers are noised: both with E f^2, none with
    # E (1 - f)^2 - (1 - f)^4 / 2.
    assert not batch.hidden[noised][:, ~IS_NUMBER].any()
    both = batch.hidden[noised][:, NUMBERS].all(1).double().sum().item() / len(noised)
    assert both == pytest.approx(0.6 * (1 / 2 + 1 / 2 / 3), abs=0.01)
    none = (~batch.hidden.any(1)).double().mean().item()
    assert none == pytest.approx(0.6 / 2 * (1 / 3 - 1 / 5 / 2), abs=0.01)
    # One pass: uniform rates up to max_hidden, at least one cell, categories among them.
    hidden = batch.hidden[one_pass][:, FIRST].double()
    rates = np.linspace(0, 0.5, 2001)
    expected = np.mean(rates + (1 - rates) ** 4 / 4)
    np.testing.assert_allclose(hidden.mean(0), expected, atol=0.015)
    assert torch.equal(batch.unknown, batch.hidden)  # no cell was missing


def test_the_noise_is_one_level_a_row():
    mixture = Mixture(mean_share=0.0)
    batch = drawn(mixture, WHOLE)
    assert (batch.noised[:, 0] == batch.hidden.any(1)).all()
    assert batch.unknown[:, ~IS_NUMBER].sum() == 0


def test_a_row_without_a_known_number_is_of_one_pass():
    mask = WHOLE.clone()
    mask[:, NUMBERS] = False
    batch = drawn(Mixture(mean_share=0.0), mask)
    assert not batch.noised.any()
    assert batch.hidden[:, FIRST].any(1).all()


def test_one_pass_rows_hide_up_to_the_whole_row():
    few = drawn(Mixture(mean_share=1.0, max_hidden=0.1), WHOLE).hidden[:, FIRST].double()
    many = drawn(Mixture(mean_share=1.0, max_hidden=1.0), WHOLE).hidden[:, FIRST].double()
    rates = np.linspace(0, 1, 2001)
    for found, most in ((few, 0.1), (many, 1.0)):
        expected = np.mean(most * rates + (1 - most * rates) ** 4 / 4)
        assert found.mean().item() == pytest.approx(expected, abs=0.01)


def test_begun_rows_know_no_number():
    batch = drawn(Mixture(mean_share=1.0, max_hidden=0.0, begun_share=0.3), WHOLE)
    begun = batch.hidden[:, NUMBERS].all(1)
    assert begun.double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert (batch.hidden[~begun][:, FIRST].sum(1) == 1).all()
    without = drawn(Mixture(mean_share=1.0, max_hidden=0.0), WHOLE)
    assert (without.hidden[:, FIRST].sum(1) == 1).all()


def test_completed_rows_serve_generation_and_some_conditioning():
    x, mask = some_rows(20_000)
    completed = x + 100  # tells rows that were used
    mixture = Mixture(mean_share=0.5, begun_share=0.0, completed_share=0.6)
    batch = drawn(mixture, mask, completed)
    used = (batch.x_0 == completed).all(1)
    assert torch.equal(used, ~(batch.x_0 == x).all(1))
    known_number = (mask & IS_NUMBER).any(1)
    one_pass = ~batch.noised[:, 0]
    # Used: all generation rows (half), and 60 % of the others that are not of one pass.
    share = used[known_number].double().mean().item()
    assert share == pytest.approx(0.5 * (0.5 + 0.5 * 0.6), abs=0.01)
    assert not batch.unknown[used & one_pass & ~batch.hidden.any(1)].any()
    assert not used[~known_number].any()
    # Where they are used nothing is missing: all that is unknown is hidden.
    assert torch.equal(batch.unknown[used], batch.hidden[used])
    assert (batch.unknown[~used] == (batch.hidden | ~mask)[~used]).all()
    without = drawn(mixture, mask)
    assert torch.equal(without.x_0, x)


def test_means_are_learnt_from_what_was_seen_but_begun_rows_are_completed():
    x, mask = some_rows(20_000)
    mixture = Mixture(mean_share=1.0, max_hidden=0.0, begun_share=0.3, completed_share=1.0)
    batch = drawn(mixture, mask, x + 100)
    used = (batch.x_0 != x).all(1)
    assert used.double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert batch.hidden[used][:, NUMBERS].all()


def test_whole_rows_of_generation_noise_all_numbers():
    x, mask = some_rows(20_000)
    batch = drawn(Mixture(mean_share=0.0, completed_share=0.0), mask, x + 100)
    used = (batch.x_0 != x).all(1)
    assert used.double().mean().item() == pytest.approx(
        0.5 * (mask & IS_NUMBER).any(1).double().mean().item(), abs=0.01
    )
    assert torch.equal(batch.hidden[used], IS_NUMBER.expand(int(used.sum()), -1))


def test_batches_are_joined_and_mapped_part_by_part():
    batch = drawn(Mixture(), WHOLE)
    low, high = (
        map_batch(batch, lambda part, cut=cut: part[cut]) for cut in (slice(9), slice(9, 20))
    )
    both = joined([low, high])
    for part, whole in zip(both, batch, strict=True):
        assert torch.equal(part, whole[:20])
    assert joined([low, low], torch.stack).g.shape == (2, 9, N_CODES)
    rows = Rows(torch.arange(5.0)[:, None], torch.ones(5, 1).bool())
    at = rows.at(torch.tensor([3, 1]))
    assert at.x.flatten().tolist() == [3, 1]
    assert at.completed is None
    assert rows._replace(completed=-rows.x).at(torch.tensor([3])).completed.item() == -3


# --- Where batches come from.

ONE = CodeLayout((1, 1), (False, False))


def some_source(kept, batch_size=8, n_uses=2, n_rows=100, dtype=torch.float32, layout=ONE):
    """Every row is known by its first code."""
    x = torch.arange(float(n_rows))[:, None].expand(-1, layout.n_codes).clone()
    rows = Rows(x, torch.ones_like(x).bool())
    denoiser = some_denoiser(layout, len(kept))
    factors = some_factors(layout.n_codes)
    sizes = batch_size, n_uses, Mixture(), seeded(), dtype
    return RowSource(denoiser, factors, rows, kept, *sizes, prepare=lambda batch: batch)


def test_networks_never_see_rows_that_are_held_out_from_them():
    kept = [torch.arange(0, 50), torch.arange(50, 100)]
    source = some_source(kept)
    seen = [set(), set()]
    for _ in range(100):
        batch = source.next_batch()
        assert batch.g.shape == (2, 8, 2)
        for k in range(2):
            seen[k] |= set(batch.x_0[k, :, 0].int().tolist())
    assert seen == [set(range(50)), set(range(50, 100))]


def test_a_chunk_serves_a_few_times_in_another_order():
    source = some_source([torch.arange(100)], n_uses=3)
    n = source.n_batches
    assert n > 1
    uses = [[source.next_batch() for _ in range(n)] for _ in range(3)]
    assert not source.queue
    order = [torch.cat([batch.x_0[0, :, 0] for batch in use]).tolist() for use in uses]
    assert order[0] != order[1] != order[2]
    assert sorted(order[0]) == sorted(order[1]) == sorted(order[2])
    again = torch.cat([source.next_batch().x_0[0, :, 0] for _ in range(n)]).tolist()
    assert sorted(again) != sorted(order[0])
    # Rows stay whole: what is known of a row goes with it.
    first, second = (joined(use, lambda parts: torch.cat(parts, dim=1)) for use in uses[:2])
    for x in set(order[0]):
        features = [part.features[0][part.x_0[0, :, 0] == x] for part in (first, second)]
        assert features[0].sum().item() == pytest.approx(features[1].sum().item(), rel=1e-4)


def test_new_draws_of_missing_cells_are_used_at_once():
    source = some_source([torch.arange(100)])
    source.rows = source.rows._replace(mask=source.rows.mask & False)
    source.mixture = Mixture(mean_share=1.0, begun_share=1.0)
    source.next_batch()
    source.complete(source.rows.x + 1000)
    assert not source.queue
    assert (source.next_batch().x_0 >= 1000).all()


@pytest.mark.parametrize("n_columns", [2, 40, 400])
@pytest.mark.parametrize(("n_networks", "dtype"), [(1, torch.float32), (4, torch.bfloat16)])
def test_rows_masked_ahead_are_bounded_in_memory(n_columns, n_networks, dtype):
    layout = CodeLayout((1,) * n_columns, (False,) * n_columns)
    source = some_source([torch.arange(100)] * n_networks, 512, 1, dtype=dtype, layout=layout)
    source.refill()
    n_bytes = sum(part.numel() * part.element_size() for part in source.chunk)
    assert len(source.queue) == source.n_batches
    assert n_bytes <= CHUNK_BYTES or source.n_batches == 1
    # As many as there is room for, up to a few.
    assert (
        source.n_batches == 8 or (source.n_batches + 2) / source.n_batches * n_bytes > CHUNK_BYTES
    )
