"""Which training rows lend cells: errors by hand, and a choice that is made many times."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from small_models import (
    CATEGORIES,
    LAYOUT,
    N_CODES,
    NUMBERS,
    checks_of,
    saying,
    seeded,
    some_denoiser,
    some_rows,
)

from skmissdiff._diffusion.batches import Rows
from skmissdiff._diffusion.donors import (
    KERNEL_ROWS,
    MIN_DONOR_GAIN,
    MIN_GAIN_ERRORS,
    RowErrors,
    Said,
    choose,
    choose_donors,
    errors_alone,
    errors_of_donors,
    held_out,
    hidden_cells,
    is_beyond_chance,
    least,
    mean_errors,
    median_errors,
    of_codes,
    say,
    sums_of_held_out,
    with_donors,
)
from skmissdiff._diffusion.kernel import KernelRegression, KernelSums
from skmissdiff._diffusion.recipe import BANDWIDTHS, TRUSTS
from skmissdiff._diffusion.shrinkage import agreement, validation_checks
from skmissdiff._support.layout import CodeLayout


def test_held_out_rows_are_told_by_the_network_that_has_not_seen_them():
    F, F_median = torch.randn(3, N_CODES, generator=seeded(1)), torch.randn(3, 2)
    denoiser = saying(F, F_median)
    denoiser.alpha_mean.copy_(torch.linspace(0.2, 0.8, N_CODES))
    denoiser.alpha_median.copy_(torch.linspace(0.9, 0.3, N_CODES))
    checks, rows, _ = checks_of()
    told = say(denoiser, checks)
    batch, n = checks.absent, checks.rows.shape[1]
    assert torch.equal(told.own, checks.rows.flatten())
    assert torch.equal(told.x_0, rows.x[told.own])
    assert torch.equal(told.known, ~batch.unknown.flatten(0, 1))
    assert torch.equal(told.hidden, batch.hidden.flatten(0, 1))
    alpha, s = denoiser.alpha_mean, batch.s
    expected = (batch.g + alpha * s * F[:, None])[..., NUMBERS].flatten(0, 1)
    torch.testing.assert_close(told.mean[:, NUMBERS], expected)
    expected = batch.g[..., NUMBERS] + (
        denoiser.alpha_median[NUMBERS] * s[..., NUMBERS] * F_median[:, None]
    )
    torch.testing.assert_close(told.median[:, NUMBERS], expected.flatten(0, 1))
    agreed = agreement(denoiser, batch)
    excess = (alpha * s * F[:, None]) ** 2 * (1 - agreed)
    torch.testing.assert_close(told.excess, excess.flatten(0, 1))
    assert told.mean.shape == (3 * n, N_CODES)


def test_sums_of_held_out_rows_are_made_in_chunks():
    n = KERNEL_ROWS + 30
    x, mask = some_rows(n)
    x = torch.where(mask, x, 0.0)
    donors = KernelRegression(n, LAYOUT)
    donors.x.copy_(x)
    donors.mask.copy_(mask)
    own = torch.arange(n)
    blank = torch.zeros(n, N_CODES)
    rows = Said(x, mask, mask, own, *[blank] * 5)
    bandwidth = torch.tensor(0.3).double()
    found = sums_of_held_out(donors, rows, bandwidth)
    whole = donors.sums(x, mask, bandwidth, own)
    torch.testing.assert_close(found.weight, whole.weight)
    torch.testing.assert_close(found.cells, whole.cells)


def two_rows(mean, median, excess):
    """A number and a column of two categories, each hidden in one of two rows."""
    x_0 = torch.tensor([[2.0, 1.0, 0.0], [4.0, 0.0, 1.0]])
    hidden = torch.tensor([[True, False, False], [True, True, True]])
    own = torch.tensor([0, 1])
    whole = torch.ones_like(x_0)
    return Said(x_0, ~hidden, hidden, own, mean, median, excess, whole, whole)


TWO = CodeLayout((1, 2), (False, True))


def by_column(errors, cells):
    """The errors of two rows, column by column, 0 where nothing was hidden."""
    found = cells.by_row(errors[None])
    assert found.shape == (2, 1, cells.n_columns)
    return found[:, 0]


def test_errors_of_means_beside_donors_by_hand():
    mean = torch.tensor([[1.0, 0.5, 0.5], [1.0, 0.7, 0.3]])
    excess = torch.tensor([[0.5, 9.0, 9.0], [0.2, 9.0, 9.0]])
    rows = two_rows(mean, mean, excess)
    cells = hidden_cells(rows, TWO)
    sums = KernelSums(
        torch.tensor([[1.0, 1.0, 1.0], [3.0, 0.5, 0.5]]),
        torch.tensor([[2.0, 1.0, 0.0], [9.0, 0.0, 0.5]]),
    )
    found = by_column(mean_errors(rows, sums, 2.0, cells), cells)
    joint = [(1 + 2 * 2) / (1 + 2 * 1), (1 + 2 * 9) / (1 + 2 * 3)]
    errors = [(2 - joint[0]) ** 2 - 0.5 / 3**2, (4 - joint[1]) ** 2 - 0.2 / 7**2]
    surprise = -math.log((0.3 + 2 * 0.5) / (1 + 2 * 0.5))
    np.testing.assert_allclose(found, [[errors[0], 0], [errors[1], surprise]], rtol=1e-5)
    alone = by_column(errors_alone(rows, cells), cells)
    np.testing.assert_allclose(alone, [[1, 0], [9, -math.log(0.3)]], rtol=1e-5)


def test_errors_of_medians_beside_donors_by_hand():
    median = torch.tensor([[1.0, 0.5, 0.5], [1.0, 0.7, 0.3]])
    rows = two_rows(torch.zeros(2, 3), median, torch.zeros(2, 3))
    sums = KernelSums(torch.ones(2, 3), torch.full((2, 3), 5.0))
    numbers = hidden_cells(rows, TWO).of_numbers()
    found = by_column(median_errors(rows, sums, 1.0, numbers), numbers)
    np.testing.assert_allclose(found, [[abs(2 - 3)], [abs(4 - 3)]])


def test_errors_of_candidates_are_those_of_each():
    checks, rows, _ = checks_of()
    donors = KernelRegression(len(rows.x), LAYOUT)
    donors.x.copy_(torch.where(rows.mask, rows.x, 0))
    donors.mask.copy_(rows.mask)
    F, F_median = (torch.rand(3, n, generator=seeded(6)) for n in (N_CODES, 2))
    told = say(saying(F, F_median), checks)
    cells = hidden_cells(told, LAYOUT)
    numbers = cells.of_numbers()
    of_means, of_medians = errors_of_donors(donors, told)
    n_rows = len(told.own.unique())
    close = {"rtol": 1e-5, "atol": 1e-5}  # sums in single precision, in another order
    assert of_means.of_candidates.shape == (n_rows, len(BANDWIDTHS), 1 + len(TRUSTS), 4)
    assert of_medians.of_candidates.shape == (n_rows, len(BANDWIDTHS), 1 + len(TRUSTS), 2)
    alone = by_row(errors_alone(told, cells), cells)
    absolute = by_row((numbers.of(told.x_0) - numbers.of(told.median)).abs(), numbers)
    torch.testing.assert_close(of_means.alone, alone / alone.sum(0), **close)
    torch.testing.assert_close(of_medians.alone, absolute / absolute.sum(0), **close)
    for place, bandwidth in enumerate(donors.bandwidths):
        sums = sums_of_held_out(donors, told, bandwidth)
        for line, trust in enumerate([0.0, *TRUSTS]):
            found = of_means.of_candidates[:, place, line]
            expected = by_row(mean_errors(told, sums, trust, cells), cells) / alone.sum(0)
            torch.testing.assert_close(found, expected, **close)
            found = of_medians.of_candidates[:, place, line]
            expected = by_row(median_errors(told, sums, trust, numbers), numbers)
            torch.testing.assert_close(found, expected / absolute.sum(0), **close)


def by_row(errors, cells):
    """Sums over the maskings of each row, one cell after another."""
    found = torch.zeros(cells.n_rows, cells.n_columns, dtype=torch.float64)
    for row, column, error in zip(cells.row, cells.column, errors, strict=True):
        found[row, column] += error.item()
    return found


def test_hidden_cells_are_numbers_and_true_categories():
    checks, _, _ = checks_of()
    told = say(saying(torch.zeros(3, N_CODES), torch.zeros(3, 2)), checks)
    cells = hidden_cells(told, LAYOUT)
    n_numeric = len(NUMBERS)
    assert cells.n_columns == n_numeric + len(CATEGORIES)
    found = set()
    parts = (part.tolist() for part in (cells.masking, cells.code, cells.column))
    for row, code, column in zip(*parts, strict=True):
        found.add((row, column))
        if column < n_numeric:
            assert NUMBERS[column] == code
        else:
            own = CATEGORIES[column - n_numeric]
            assert told.x_0[row, own].argmax() == code - own.start
    firsts = [*NUMBERS, *(own.start for own in CATEGORIES)]
    hidden = told.hidden[:, firsts].nonzero()
    assert found == {tuple(cell) for cell in hidden.tolist()}
    assert len(cells.masking) == len(found)
    held = told.own.unique()
    assert torch.equal(held[cells.row], told.own[cells.masking])
    assert cells.n_rows == len(held) < len(told.own)
    assert cells.of_numbers().column.unique().tolist() == list(range(n_numeric))


def test_a_share_of_columns_is_one_of_codes():
    shares = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    assert of_codes(shares, LAYOUT).tolist() == [[1, 3, 3, 3, 2, 4, 4], [5, 7, 7, 7, 6, 8, 8]]


def test_luck_is_within_some_standard_errors():
    gain = torch.where(torch.arange(100) % 2 == 0, 1.0, -1.0)
    for margin, expected in ((1.01, True), (0.99, False)):
        # Every row gains c and gains or loses 1 by chance: 100 c = errors sqrt(100 c^2 + 100).
        errors = margin * MIN_GAIN_ERRORS
        shift = errors / math.sqrt(100 - errors**2)
        assert is_beyond_chance(gain + shift, torch.ones(100)) == expected


def test_rows_count_as_often_as_their_weights_say():
    gain = torch.tensor([1.0, 1.0, -1.0, 0.5, 2.0])
    weight = torch.tensor([4.0, 3.0, 1.0, 2.0, 5.0])
    repeated = gain.repeat_interleave(weight.long())
    for scale in (0.1, 1.0):  # within chance, and beyond
        z = (weight * gain).sum() / (weight * gain.square()).sum().sqrt()
        shift = gain * scale
        assert is_beyond_chance(shift, weight) == is_beyond_chance(
            repeated * scale, torch.ones(len(repeated))
        )
    assert z > MIN_GAIN_ERRORS
    assert not is_beyond_chance(gain, weight / 2)


def test_curves_are_relative_to_networks_alone():
    alone = torch.tensor([[1.0, 0.0], [3.0, 2.0]]).double()
    of_candidates = torch.rand(2, 3, 4, 2, generator=seeded(1)).double()
    weights = torch.tensor([[1.0, 1.0], [2.0, 0.5]]).double()
    curves = RowErrors(alone, of_candidates).curves(weights)
    for choice, weight in enumerate(weights):
        whole = sum(w * errors for w, errors in zip(weight, of_candidates, strict=True))
        norm = sum(w * errors for w, errors in zip(weight, alone, strict=True))
        expected = 1 + (whole - whole[:, :1]) / norm
        torch.testing.assert_close(curves[choice], expected)


def test_medians_are_judged_by_absolute_errors():
    """Donors know the mean of a skewed column, where the networks know its median alone."""
    x_0 = -torch.rand(1000, 1, generator=seeded(0)).log().double()
    everywhere = torch.ones_like(x_0).bool()
    median = torch.full_like(x_0, math.log(2))
    own = torch.arange(len(x_0))
    nothing, whole = torch.zeros_like(x_0), torch.ones_like(x_0)
    rows = Said(x_0, ~everywhere, everywhere, own, median, median, nothing, whole, whole)
    sums = KernelSums(torch.ones_like(x_0), torch.ones_like(x_0))
    cells = hidden_cells(rows, CodeLayout((1,), (False,)))
    trusts = torch.tensor([0.0, *TRUSTS]).double()[:, None]
    chosen = []
    for errors in (mean_errors, median_errors):
        lines = cells.by_row(errors(rows, sums, trusts, cells))
        best, _ = least(lines.sum(0) / lines[:, :1].sum(0))
        chosen.append(best.item())
    assert chosen[0] > 0
    assert chosen[1] == 0


def test_a_column_that_loses_does_without_whatever_the_others_gain():
    falling = torch.linspace(1, 0.2, 5)
    rising = torch.linspace(1, 1.1, 5)
    curves = torch.stack([falling, rising], dim=1).double()
    best, error = least(torch.stack([curves, curves.flip(1)]))
    assert best.tolist() == [[4, 0], [0, 4]]
    assert (error < 1).all()


def test_a_column_that_gains_little_does_without():
    for gain, expected in ((MIN_DONOR_GAIN * 0.9, 0), (MIN_DONOR_GAIN * 1.1, 1)):
        best, error = least(torch.tensor([[1.0], [1 - gain]]).double())
        assert best.item() == expected
        assert error.item() == pytest.approx(1 - gain * expected)


def some_errors(gains, n_rows=50):
    """Of one column, in which each of two bandwidths takes such shares of every row's errors."""
    alone = torch.ones(n_rows, 1).double()
    of_candidates = torch.ones(n_rows, 2, 2, 1).double()
    for place, gain in enumerate(gains):
        of_candidates[:, place, 1, 0] -= gain
    return RowErrors(alone, of_candidates)


def test_every_choice_is_counted_once():
    weights = torch.rand(7, 50, generator=seeded(1)).double()
    means, medians = some_errors((0.1, 0.4)), some_errors((0.9, 0.2))
    counts, counts_of_medians = choose(weights, means, medians)
    # Medians have the bandwidth of means.
    assert counts[..., 0].tolist() == [[0, 0], [0, 7]]
    assert counts_of_medians[..., 0].tolist() == [[0, 0], [0, 7]]


def test_choices_differ_with_the_weights_of_rows():
    """Half of the rows speak for one bandwidth, half for the other."""
    means = some_errors((0.5, 0.5))
    means.of_candidates[:25, 0, 1] = 0.9
    means.of_candidates[25:, 1, 1] = 0.9
    counts, _ = choose(torch.rand(200, 50, generator=seeded(1)).double(), means, means)
    assert counts.sum() == 200
    assert 50 < counts[0, 1, 0] < 150


def test_what_only_few_rows_gain_by_is_luck():
    means = some_errors((0.0, 0.0))
    means.of_candidates[0, :, 1] = -40.0
    counts, counts_of_medians = choose(torch.ones(3, 50).double(), means, means)
    assert counts[:, 0, 0].sum() == counts_of_medians[:, 0, 0].sum() == 3


def twins(n_half=100, seed=0):
    """Rows that come twice, of noise."""
    half = torch.randn(n_half, 2, generator=seeded(seed))
    x = torch.cat([half, half])
    return Rows(x, torch.ones_like(x).bool())


PAIR = CodeLayout((1, 1), (False, False))


def donors_of(rows, layout=PAIR):
    """Of networks that say nothing."""
    n = len(rows.x)
    denoiser = some_denoiser(layout, 2)
    denoiser.W.zero_()
    denoiser.mu.zero_()
    denoiser.psi.fill_(1)
    held = [torch.arange(40), torch.arange(40, 80)]
    checks = validation_checks(denoiser, denoiser.factors, rows, held, seeded(3))
    assert n > 80
    return choose_donors(denoiser, rows, checks, seeded(5))


def test_twins_are_asked():
    rows = twins()
    donors = donors_of(rows)
    assert torch.equal(donors.x, rows.x)
    assert torch.equal(donors.mask, rows.mask)
    for shares in (donors.share, donors.share_median):
        assert (shares.sum((0, 1)) > 0.7).all()
    absent = rows.mask.clone()
    absent[:, 0] = False
    found = donors.join(
        torch.zeros_like(rows.x), torch.where(absent, rows.x, 0), absent, False
    ).value
    assert (found - rows.x)[:, 0].abs().median() < 0.35  # 0.67 without


def test_categories_have_the_same_shares_in_medians():
    n_half = 100
    number = torch.randn(n_half, 1, generator=seeded(0))
    category = torch.eye(3)[torch.randint(3, (n_half,), generator=seeded(1))]
    x = torch.cat([number, category], dim=1).repeat(2, 1)
    layout = CodeLayout((1, 3), (False, True))
    donors = donors_of(Rows(x, torch.ones_like(x).bool()), layout)
    assert donors.share[..., 1:].any()
    assert torch.equal(donors.share_median[..., 1:], donors.share[..., 1:])


def test_rows_without_a_twin_are_not():
    x = torch.randn(120, 2, generator=seeded(1))
    assert donors_of(Rows(x, torch.ones_like(x).bool())) is None


def test_what_is_said_beside_donors_leaves_the_row_itself_out():
    x, mask, own = torch.tensor([[0.0, 1.0], [0.0, 3.0], [9.0, 5.0]]), torch.ones(3, 2).bool(), [0]
    donors = KernelRegression(3, PAIR)
    donors.x.copy_(x)
    donors.mask.copy_(mask)
    donors.share[0, -1] = donors.share_median[0, -1] = 0.5
    known = torch.tensor([[True, False]])
    told = Said(
        x[:1], known, ~known, torch.tensor(own), torch.full((1, 2), 7.0), torch.full((1, 2), 8.0),
        torch.full((1, 2), 4.0), torch.ones(1, 2), torch.ones(1, 2),
    )  # fmt: skip
    found = with_donors(donors, told)
    weight = donors.sums(told.x_0, known, donors.bandwidths[0], told.own).weight[0, 1]
    alone = 1 / (1 + donors.trusts[-1] * weight)  # what the networks have of the half
    for said, value in ((found.mean, 7.0), (found.median, 8.0)):
        expected = 0.5 * value + 0.5 * (alone * value + (1 - alone) * 3.0)  # row 1, not itself
        assert_allclose(said[0, 1], expected, rtol=1e-4)
    assert_allclose(found.part[0, 1], 0.5 + 0.5 * alone, rtol=1e-4)
    assert_allclose(found.part_median[0, 1], 0.5 + 0.5 * alone, rtol=1e-4)
    assert_allclose(found.excess[0, 1], 4.0 * (0.5 + 0.5 * alone) ** 2, rtol=1e-4)


def test_without_donors_networks_have_the_whole():
    checks, _, _ = checks_of()
    denoiser = saying(torch.zeros(3, N_CODES), torch.zeros(3, 2))
    found = held_out(denoiser, checks)
    for one, other in zip(found, say(denoiser, checks), strict=False):
        assert torch.equal(one, other)
    assert (found.part == 1).all()
    assert (found.part_median == 1).all()
