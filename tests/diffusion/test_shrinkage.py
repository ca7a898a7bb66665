"""How far networks are believed, from held-out cells whose errors are worked out by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from small_models import (
    CATEGORIES,
    LAYOUT,
    N_CODES,
    NUMBERS,
    checks_of,
    saying,
    seeded,
    some_batch,
    some_rows,
)

from skmissdiff import MissDiffImputer
from skmissdiff._diffusion.batches import Batch, Rows
from skmissdiff._diffusion.denoiser import MIN_PROBABILITY
from skmissdiff._diffusion.recipe import MAX_HELD_MASKINGS
from skmissdiff._diffusion.shrinkage import (
    ALPHA_GRID,
    MAX_MASKINGS,
    MIN_DRAW_IMPROVEMENT,
    MIN_IMPROVEMENT,
    Answer,
    Checks,
    agreement,
    ask,
    category_losses,
    judge,
    leave_out,
    nothing,
    shrink_categories,
    shrink_means,
    shrink_medians,
)
from skmissdiff._support.layout import CodeLayout

K, N_ROWS = 4, 8


def agreement_of(F):
    """Of networks that say F (K, K * N_ROWS, 1) about K times N_ROWS held-out rows."""
    zeros, ones = torch.zeros(K, N_ROWS, 1), torch.ones(K, N_ROWS, 1)
    batch = Batch(zeros, zeros, ones, ones.bool(), zeros.bool(), ones.bool(), zeros)
    networks = SimpleNamespace(n_networks=K, correction=lambda features: (F, None))
    return agreement(networks, batch).item()


def said(own, others):
    """F of network l about the rows of network k, those of its own and the others'."""
    F = torch.empty(K, K, N_ROWS, 1)
    for network in range(K):
        for rows in range(K):
            F[network, rows, :, 0] = own if network == rows else others
    return F.flatten(1, 2)


def test_networks_that_say_the_same_agree():
    step = torch.linspace(-1, 2, N_ROWS)
    assert agreement_of(said(step, step)) == pytest.approx(1)


def test_networks_that_agree_on_rows_they_know_do_not_agree():
    """What the others have learnt of a row by heart is no evidence."""
    other = torch.tensor([1.0, 1.0, -1.0, -1.0]).repeat(2)
    own = torch.tensor([1.0, -1.0]).repeat(4)
    assert agreement_of(said(own, other)) == pytest.approx(1 / K)


def test_half_of_a_step_is_shared():
    shared, alone = torch.tensor([1.0, 1.0, -1.0, -1.0]), torch.tensor([1.0, -1.0, 1.0, -1.0])
    own = (shared + alone).repeat(2)
    assert agreement_of(said(own, shared.repeat(2))) == pytest.approx(1 / K + (1 - 1 / K) / 2)


def test_networks_that_contradict_each_other_agree_no_less_than_by_chance():
    step = torch.linspace(-1, 2, N_ROWS)
    assert agreement_of(said(step, -step)) == pytest.approx(1 / K)


def test_networks_agree_no_more_than_wholly():
    step = torch.linspace(-1, 2, N_ROWS)
    assert agreement_of(said(step, 3 * step)) == 1


def test_networks_agree_by_their_steps_where_codes_are_unknown():
    """Two networks; of each the first two held-out rows are asked, steps are s F."""
    F = torch.tensor([[2.0, 1.0, 0.5, -1.0], [1.0, -0.5, 1.0, 5.0]])[..., None]
    s = torch.tensor([[1.0, 2.0, 9.0], [3.0, 0.5, 9.0]])[..., None]
    unknown = torch.tensor([[True, True, True], [True, False, True]])[..., None]
    zeros = torch.zeros(2, 3, 1)
    batch = Batch(zeros, zeros, s, unknown, zeros.bool(), unknown, zeros)
    asked = []

    def correction(features):
        asked.append(features.shape)
        return F, None

    networks = SimpleNamespace(n_networks=2, correction=correction)
    found = agreement(networks, batch, n_rows=4).item()
    assert asked == [(2, 4, 1)]
    steps = F[..., 0].numpy() * np.array([1.0, 2.0, 3.0, 0.0])
    own = np.array([*steps[0, :2], *steps[1, 2:]])
    expected = (own * steps.mean(0)).sum() / (own**2).sum()
    assert 0.5 < expected < 1
    assert found == pytest.approx(expected)


def test_a_single_network_agrees_with_itself():
    networks = SimpleNamespace(n_networks=1, alpha_mean=torch.zeros(3))
    assert agreement(networks, None).tolist() == [1, 1, 1]


# --- Rows that are held out.


def test_every_network_has_held_out_rows_of_its_own():
    kept, held = leave_out(103, 4, 0.1, seeded())
    assert [len(rows) for rows in held] == [10] * 4
    assert len(torch.cat(held).unique()) == 40
    for own, others in zip(held, kept, strict=True):
        assert sorted([*own.tolist(), *others.tolist()]) == list(range(103))
    assert torch.cat(held).tolist() != sorted(torch.cat(held).tolist())  # at random
    kept, held = leave_out(10, 2, 0.0, seeded())
    assert [len(rows) for rows in held] == [0, 0]
    assert [len(rows) for rows in kept] == [10, 10]


def test_empty_rows_are_held_out_last():
    empty = torch.arange(20) % 2 == 0
    _, held = leave_out(20, 2, 0.2, seeded(), empty)
    assert not empty[torch.cat(held)].any()
    _, held = leave_out(20, 2, 0.4, seeded(), empty)
    assert empty[torch.cat(held)].sum() == 6


def test_held_out_rows_are_masked_many_times_one_cell_at_a_time():
    checks, rows, held = checks_of()
    n = 5 * MAX_MASKINGS
    assert checks.rows.shape == (3, n)
    for k in range(3):
        assert torch.equal(checks.rows[k].bincount()[held[k]], torch.full((5,), MAX_MASKINGS))
    absent, noised = checks.absent, checks.noised
    mask = rows.mask[checks.rows]
    assert torch.equal(absent.x_0, rows.x[checks.rows])
    n_hidden = absent.hidden[..., [0, 1, 4, 5]].sum(-1)
    assert torch.equal(n_hidden == 1, mask.any(-1))
    assert not absent.noised.any()
    assert torch.equal(absent.unknown, absent.hidden | ~mask)
    numbers = mask.clone()
    for categories in CATEGORIES:
        numbers[..., categories] = False
    assert torch.equal(noised.noised[..., 0], numbers.any(-1))
    assert torch.equal(noised.hidden.any(-1), numbers.any(-1))
    assert not (noised.hidden & ~numbers).any()
    assert torch.equal(noised.unknown, noised.hidden | ~mask)
    # Of rows with two numbers one alone is noised two times out of three.
    both = numbers.sum(-1) == 2
    assert 0.5 < (noised.hidden.sum(-1)[both] == 1).float().mean() < 0.85
    # Where rows are drawn as a whole, both always are.
    noised = checks_of(of_rows=True)[0].noised
    assert torch.equal(noised.hidden, numbers)
    assert torch.equal(noised.unknown, numbers | ~mask)
    # All cells of a row take their turn.
    row = int(mask[0].all(-1).nonzero()[0]) if mask[0].all(-1).any() else 0
    same = checks.rows[0] == checks.rows[0, row]
    assert absent.hidden[0, same][:, [0, 1, 4, 5]].any(0).sum() == mask[0, row, [0, 1, 4, 5]].sum()


def test_many_held_out_rows_are_masked_less_often():
    layout = CodeLayout((1,), (False,))
    n = MAX_HELD_MASKINGS // 2
    x = torch.zeros(3 * n, 1)
    rows = Rows(x, torch.ones_like(x).bool())
    for n_held, most in ((n // 3, 3 * (n // 3)), (n, n), (3 * n // 2, n)):
        checks, _, _ = checks_of(n_held=n_held, n_networks=2, layout=layout, rows=rows)
        assert checks.rows.shape == (2, most)


def test_categories_alone_are_not_noised():
    layout = CodeLayout((3, 2), (True, True))
    x = torch.tensor([[1.0, 0, 0, 0, 1]]).repeat(8, 1)
    rows = Rows(x, torch.ones_like(x).bool())
    checks, _, _ = checks_of(n_held=4, n_networks=2, layout=layout, rows=rows)
    assert checks.noised is None
    assert checks.absent.hidden[..., [0, 3]].sum(-1).unique().tolist() == [1]


# --- Shrinkage.


def some_answer(n_rows=50, n_networks=2, agreed=1.0, seed=3):
    """Random steps that say something about the residuals."""
    x, mask = some_rows(n_networks * n_rows, seed)
    x, hidden = (part.unflatten(0, (n_networks, n_rows)) for part in (x, mask))
    g = torch.rand(x.shape, generator=seeded(1)) - 0.2
    s = 0.5 + torch.rand(x.shape, generator=seeded(2))
    F = 0.5 * (x - g) / s + torch.randn(x.shape, generator=seeded(4))
    batch = some_batch(x, hidden, g, s)
    return Answer(batch, F, F[..., NUMBERS], torch.full((N_CODES,), agreed))


@pytest.mark.parametrize("unit", [1.0, "s"])
@pytest.mark.parametrize("agreed", [1.0, 0.6])
def test_means_are_shrunk_in_closed_form(unit, agreed):
    answer = some_answer(agreed=agreed)
    batch, F = answer.batch, answer.F
    unit = batch.s if unit == "s" else unit
    codes = torch.tensor(NUMBERS)
    alpha, error = shrink_means(answer, codes, unit)
    grid = np.linspace(0, 3, 6001)
    counted = batch.hidden.numpy()
    residual = ((batch.x_0 - batch.g) / unit).numpy()
    step = (batch.s * F / unit).numpy()
    curves, bases = [], []
    for code in NUMBERS:
        r, t = residual[..., code][counted[..., code]], step[..., code][counted[..., code]]
        base = (r**2).sum()
        bases.append(base)
        # Of averaged networks: the square of their step is that of a single one times agreed.
        curves.append([base - 2 * a * (r * t).sum() + a**2 * agreed * (t**2).sum() for a in grid])
    curves = np.array(curves) / np.array(bases)[:, None]
    common = min(1, grid[curves.sum(0).argmin()])
    for place in range(2):
        own = grid[curves[place].argmin()]
        assert 0.1 < own < 3
        assert alpha[place].item() == pytest.approx(min(1, (own + common) / 2), abs=1e-3)
        expected = np.interp(alpha[place].item(), grid, curves[place])
        assert error[place].item() == pytest.approx(expected, abs=1e-4)


def test_alpha_is_from_zero_to_one():
    answer = some_answer()
    batch, codes = answer.batch, torch.tensor(NUMBERS)
    right = (batch.x_0 - batch.g) / batch.s
    for F, expected in ((-right, 0.0), (0.3 * right, 1.0), (0 * right, 0.0)):
        alpha, error = shrink_means(answer._replace(F=F), codes, 1.0)
        assert alpha.tolist() == [expected] * 2
        assert error.tolist() == pytest.approx([1.0 if expected == 0 else 0.49] * 2)
    # One code gains and one loses: halfway between its own alpha and the common one.
    F = right.clone()
    F[..., 4] = -0.5 * F[..., 4]
    alpha, error = shrink_means(answer._replace(F=F), codes, 1.0)
    common = (1 - 0.5) / (1 + 0.25)
    assert alpha.tolist() == pytest.approx([(1 + common) / 2, max(0, (-2 + common) / 2)])
    assert error.tolist() == pytest.approx([(1 - (1 + common) / 2) ** 2, 1], rel=1e-5)


def test_a_code_that_nobody_hides_changes_nothing():
    answer = some_answer()
    batch = answer.batch._replace(hidden=answer.batch.hidden.clone())
    batch.hidden[..., 4] = False
    alpha, error = shrink_means(answer._replace(batch=batch), torch.tensor(NUMBERS), 1.0)
    alone, _ = shrink_means(answer._replace(batch=batch), torch.tensor([0]), 1.0)
    assert alpha[1] == 0
    assert len(error) == 1  # of the code that tells something
    assert alpha[0].item() == pytest.approx(alone[0].item())


def test_medians_are_shrunk_by_absolute_errors():
    answer = some_answer()
    batch = answer.batch
    found = shrink_medians(answer, torch.tensor(NUMBERS))
    curves = []
    for place, code in enumerate(NUMBERS):
        counted = batch.hidden[..., code]
        r = (batch.x_0 - batch.g)[..., code][counted]
        t = (batch.s[..., code] * answer.F_median[..., place])[counted]
        curve = np.array([(r - a * t).abs().sum().item() for a in ALPHA_GRID])
        curves.append(curve / curve[0])
    curves = np.array(curves)
    shared = (curves + curves.mean(0)) / 2
    assert found.tolist() == [ALPHA_GRID[best] for best in shared.argmin(1)]
    right = ((batch.x_0 - batch.g) / batch.s)[..., NUMBERS]
    for scale, expected in ((-1.0, 0.0), (4.0, 0.25), (2.0, 0.5), (1.0, 1.0)):
        found = shrink_medians(answer._replace(F_median=scale * right), torch.tensor(NUMBERS))
        assert found.tolist() == [expected] * 2
    # A code that would lose a little goes along with one that gains much, whatever their units.
    right[..., 1] *= -0.01
    assert shrink_medians(answer._replace(F_median=right), torch.tensor(NUMBERS)).tolist() == [1, 1]
    g, s = batch.g.clone(), batch.s.clone()
    g[..., 4] = batch.x_0[..., 4] - 1000 * (batch.x_0 - g)[..., 4]
    s[..., 4] *= 1000
    answer = answer._replace(batch=batch._replace(g=g, s=s), F_median=right)
    assert shrink_medians(answer, torch.tensor(NUMBERS)).tolist() == [1, 1]


def test_surprise_is_summed_over_hidden_cells():
    answer = some_answer()
    batch, F = answer.batch, answer.F
    for categories in CATEGORIES:
        found = category_losses(batch, F, categories, (0.0, 0.7))
        seen = batch.hidden[..., categories.start].numpy()
        prior = np.log(np.maximum(batch.g[..., categories].numpy(), MIN_PROBABILITY))
        for place, alpha in enumerate((0.0, 0.7)):
            logits = log_softmax(prior + alpha * F[..., categories].numpy(), axis=-1)
            expected = -(batch.x_0[..., categories].numpy() * logits)[seen].sum()
            assert found[place].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("agreed", [1.0, 0.6])
def test_categories_are_shrunk_by_surprise(agreed):
    answer = some_answer(agreed=agreed)
    batch = answer.batch
    F = answer.F.clone()
    F[..., CATEGORIES[0]] = 3 * batch.x_0[..., CATEGORIES[0]] - torch.randint(
        0, 4, batch.x_0[..., CATEGORIES[0]].shape, generator=seeded(6)
    )
    F[..., CATEGORIES[1]] = -batch.x_0[..., CATEGORIES[1]]
    alphas, surprises = shrink_categories(answer._replace(F=F), LAYOUT)
    for place, categories in enumerate(CATEGORIES):
        losses = category_losses(batch, F, categories, ALPHA_GRID)
        best = losses.argmin()
        assert alphas[place] == pytest.approx(min(1.0, ALPHA_GRID[best] / agreed))
        assert surprises[place].item() == pytest.approx((losses[best] / losses[0]).item())
    assert alphas[0] > 0
    assert surprises[0] < 0.95
    assert alphas[1] == 0
    assert surprises[1] == 1


def test_categories_that_nobody_hides_have_no_error():
    answer = some_answer()
    batch = answer.batch._replace(hidden=answer.batch.hidden & False)
    _, surprises = shrink_categories(answer._replace(batch=batch), LAYOUT)
    assert surprises.tolist() == []


def test_nothing_is_the_factor_analysis():
    shrinkage = nothing(torch.ones(3))
    assert [part.tolist() for part in shrinkage] == [[0, 0, 0]] * 3


# --- The judgement.


def judged(F, F_median=None, *, for_draws=False, targets=None, draw_targets=None, layout=LAYOUT):
    """A judgement of networks that say F everywhere, where the residuals are ``targets`` times s.

    Half of the residuals of a code are its target, the other half 0.
    """
    n_codes, n_numeric = layout.n_codes, len(layout.numeric_codes)
    F_median = torch.zeros(2, n_numeric) if F_median is None else F_median
    denoiser = saying(F.expand(2, n_codes), F_median, layout)

    def batch(targets):
        s = torch.full((2, 10, n_codes), 0.5)
        g = torch.full((2, 10, n_codes), 1 / 3)
        for categories in layout.categorical_slices:
            g[..., categories] = 1 / (categories.stop - categories.start)
        x_0 = g.clone()
        x_0[:, ::2] += 0.5 * targets
        for categories in layout.categorical_slices:
            width = categories.stop - categories.start
            x_0[..., categories] = torch.eye(width)[torch.arange(10) % width]
        hidden = torch.ones(2, 10, n_codes).bool()
        features = torch.zeros(2, 10, denoiser.first.weight.shape[1])
        return some_batch(x_0, hidden, g, s, features)

    targets = torch.zeros(n_codes) if targets is None else targets
    draw_targets = targets if draw_targets is None else draw_targets
    noised = batch(draw_targets) if n_numeric else None
    checks = Checks(torch.zeros(2, 10).long(), batch(targets), noised)
    return judge(denoiser, checks, for_draws=for_draws), denoiser, checks


def test_numbers_are_judged_together_and_apart_from_categories():
    """Half of the residuals are 1 (in s) and the rest 0: saying 1 is right with alpha 1/2."""
    F, targets = torch.zeros(N_CODES), torch.zeros(N_CODES)
    F[NUMBERS] = targets[NUMBERS] = 1.0
    found, _, _ = judged(F, torch.ones(2, 2), targets=targets)
    assert found.shrinkage.mean[NUMBERS].tolist() == pytest.approx([0.5, 0.5])
    assert found.shrinkage.noised[NUMBERS].tolist() == pytest.approx([0.5, 0.5])
    # Absolute errors are the same for any alpha: the first of the grid stays.
    assert found.shrinkage.median[NUMBERS].tolist() == [0.0, 0.0]
    others = [code for code in range(N_CODES) if code not in NUMBERS]
    assert found.shrinkage.mean[others].tolist() == [0.0] * 5  # they gain nothing
    # Errors: numbers (1/2) of base, categories 1; averaged over four columns.
    assert found.error == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)


def test_draws_count_as_much_as_means_where_they_are_wanted():
    F, targets, none = torch.zeros(N_CODES), torch.zeros(N_CODES), torch.zeros(N_CODES)
    F[NUMBERS] = targets[NUMBERS] = 1.0
    none[NUMBERS] = -1.0
    means_only, _, _ = judged(F, targets=targets, draw_targets=none)
    assert means_only.error == pytest.approx(3 / 4)
    assert means_only.shrinkage.noised[NUMBERS].tolist() == [0, 0]
    both, _, _ = judged(F, targets=targets, draw_targets=none, for_draws=True)
    assert both.error == pytest.approx((3 / 4 + 1) / 2)
    assert both.shrinkage.noised[NUMBERS].tolist() == [0, 0]
    both, _, _ = judged(F, targets=targets, for_draws=True)
    assert both.error == pytest.approx((3 / 4 + 1 / 2) / 2)
    # Half of a correction is nearer, but draws follow the whole of it.
    assert both.shrinkage.noised[NUMBERS].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("least", "margin"),
    [
        (MIN_IMPROVEMENT, -0.005),
        (MIN_IMPROVEMENT, 0.005),
        (MIN_DRAW_IMPROVEMENT, -0.0005),
        (MIN_DRAW_IMPROVEMENT, 0.0005),
    ],
)
def test_numbers_that_gain_too_little_keep_the_factor_analysis(least, margin):
    """Residuals of mean m and variance 1, and networks that say 1: m^2 / (1 + m^2) is gained."""
    gain = least + margin
    shift = math.sqrt(gain / (1 - gain))
    layout = CodeLayout((1,), (False,))
    denoiser = saying(torch.ones(1, 1), torch.zeros(1, 1), layout)
    x_0 = torch.ones(1, 20, 1)
    x_0[:, 10:] = -1
    x_0 += shift
    g, s = torch.zeros_like(x_0), torch.ones_like(x_0)
    features = torch.zeros(1, 20, denoiser.first.weight.shape[1])
    batch = some_batch(x_0, torch.ones_like(x_0).bool(), g, s, features)
    checks = Checks(torch.zeros(1, 20).long(), batch, batch)
    # Rows that are generated follow in full whatever gains.
    shrinkage = judge(denoiser, checks, for_draws=True).shrinkage
    assert (shrinkage.mean.item(), shrinkage.noised.item()) == (1, 1)
    found = judge(denoiser, checks)
    believed, drawn = gain > MIN_IMPROVEMENT, gain > MIN_DRAW_IMPROVEMENT
    assert found.error == pytest.approx(1 - gain if believed else 1, abs=1e-5)
    assert found.shrinkage.mean.item() == pytest.approx(shift if believed else 0, abs=1e-5)
    assert found.shrinkage.noised.item() == pytest.approx(shift if drawn else 0, abs=1e-5)


def test_categories_that_gain_are_believed():
    layout = CodeLayout((2, 3), (True, True))
    F = torch.tensor([0.0, 0.0, 9.0, 0.0, 0.0])
    found, _, checks = judged(F, layout=layout)
    assert found.error == 1
    assert found.shrinkage.mean.tolist() == [0.0] * 5
    # Now the first category of the second column is the one that is there.
    x_0 = checks.absent.x_0.clone()
    x_0[..., 2:] = torch.tensor([1.0, 0, 0])
    checks = checks._replace(absent=checks.absent._replace(x_0=x_0))
    denoiser = saying(F.expand(2, 5), torch.zeros(2, 0), layout)
    found = judge(denoiser, checks)
    surprise = -log_softmax([9.0, 0, 0])[0] / math.log(3)
    assert found.error == pytest.approx((1 + surprise) / 2, rel=1e-4)
    assert found.shrinkage.mean.tolist() == [0, 0, 1, 1, 1]


def test_an_answer_is_what_the_networks_say():
    F, F_median = torch.randn(3, N_CODES, generator=seeded(1)), torch.randn(3, 2)
    denoiser = saying(F, F_median)
    checks, _, _ = checks_of()
    answer = ask(denoiser, checks.absent)
    n = checks.rows.shape[1]
    assert torch.equal(answer.F, F[:, None].expand(3, n, N_CODES))
    assert torch.equal(answer.F_median, F_median[:, None].expand(3, n, 2))
    torch.testing.assert_close(answer.agreed, agreement(denoiser, checks.absent))


def test_a_constant_column_takes_nothing_from_the_others():
    """Its errors are nil, and ratios to them say nothing about how far networks are believed."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=400)
    X = np.c_[z, z**2 + 0.1 * rng.normal(size=400), np.abs(z) + 0.1 * rng.normal(size=400)]
    X[rng.random(X.shape) < 0.15] = np.nan
    alphas = []
    for table in (X, np.c_[X, np.full(400, 0.1)]):
        imputer = MissDiffImputer(max_iter=100, donors=False, random_state=0).fit(table)
        denoiser = imputer.denoiser_
        alphas.append([denoiser.alpha_mean[:3].numpy(), denoiser.alpha_median[:3].numpy()])
    assert denoiser.alpha_mean[3] == denoiser.alpha_median[3] == 0
    # Without the constant column the two that others tell are believed; so they are beside it.
    for mean, median in alphas:
        assert min(*mean[1:], *median[1:]) > 0.6
