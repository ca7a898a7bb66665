"""The default method from factor analysis to shrinkage, and how it is kept from copying rows."""

import math
import time
from dataclasses import replace

import pytest
import torch
from small_models import LAYOUT, N_CODES, saying, seeded, some_denoiser, some_rows

from skmissdiff._diffusion import masked
from skmissdiff._diffusion.batches import Rows
from skmissdiff._diffusion.denoiser import Shrinkage
from skmissdiff._diffusion.factor_analysis import fit_factor_analysis
from skmissdiff._diffusion.kernel import KernelRegression
from skmissdiff._diffusion.likelihood import score_rows
from skmissdiff._diffusion.masked import MaskedMethod, dropout, fit_masked
from skmissdiff._diffusion.networks import bin_edges
from skmissdiff._diffusion.recipe import Options, recipe_for
from skmissdiff._diffusion.sampling import draw, draw_sigmas
from skmissdiff._support.layout import CodeLayout


def test_units_are_dropped_in_rows_without_noise():
    noised = torch.tensor([[False], [True]]).repeat(50, 1)[None]
    drop = dropout(noised, 0.4, torch.Generator().manual_seed(0))
    active = torch.ones(1, 100, 64)
    dropped = drop(active)
    assert torch.equal(dropped[:, 1::2], active[:, 1::2])
    without_noise = dropped[:, ::2]
    assert set(without_noise.unique().tolist()) == {0.0, (1 / torch.tensor(0.6)).item()}
    assert abs((without_noise == 0).float().mean() - 0.4) < 0.03


# --- The whole training.


def some_table(n_rows=200, missing=0.2, seed=0):
    """A number, its square with noise, and a category by its sign."""
    generator = seeded(seed)
    x = torch.randn(n_rows, 1, generator=generator)
    y = (x.square() - 1) / 2**0.5 + 0.1 * torch.randn(n_rows, 1, generator=generator)
    rows = torch.cat([x, y, torch.eye(2)[(x[:, 0] > 0).long()]], dim=1)
    mask = (torch.rand(n_rows, 3, generator=generator) >= missing)[:, [0, 1, 2, 2]]
    return Rows(torch.where(mask, rows, 0.0), mask)


TABLE = CodeLayout((1, 1, 2), (False, False, True))


def some_recipe(n_rows=200, max_iter=3, **changes):
    recipe = recipe_for(n_rows, 4, 3, 2, Options(max_iter=max_iter), "cpu")
    return replace(recipe, **{"bfloat16": False, "hidden_size": 32, **changes})


def fitted(rows=None, recipe=None, **options):
    rows = some_table() if rows is None else rows
    recipe = some_recipe(len(rows.x)) if recipe is None else recipe
    return fit_masked(rows, TABLE, recipe, seeded(), **options)


def test_without_steps_there_is_the_factor_analysis():
    rows = some_table()
    denoiser, history = fitted(rows, some_recipe(max_iter=0))
    assert history.n_iter == 0
    assert (denoiser.alpha_mean == 1).all()
    rank = denoiser.W.shape[1]
    expected, _ = fit_factor_analysis(
        rows.x.double(),
        rows.mask,
        rank,
        max_iter=some_recipe().em_max_iter,
        tol=some_recipe().em_tol,
    )
    for found, value in zip(denoiser.factors, expected, strict=True):
        torch.testing.assert_close(found, value)
    expected = bin_edges(rows.x[:, :2], rows.mask[:, :2], denoiser.config["n_bins"])
    assert torch.equal(denoiser.edges, expected)


def test_it_is_built_by_the_recipe():
    recipe = some_recipe(n_networks=2, hidden_size=48, n_layers=3, n_bins=5)
    denoiser, history = fitted(recipe=recipe)
    assert denoiser.n_networks == 2
    assert denoiser.first.weight.shape[2] == 48
    assert len(denoiser.blocks) == 3
    assert denoiser.edges.shape == (2, 6)
    assert history.n_iter == 3


@pytest.mark.parametrize("spoiled", [False, True])
def test_too_few_rows_to_judge_a_network_keep_the_factor_analysis(spoiled):
    rows = some_table(100 if spoiled else 9)
    if spoiled:  # no row that is held out has a cell
        rows.mask[1:] = False
        rows.mask[0] = True
    denoiser, history = fitted(rows, some_recipe(len(rows.x)))
    assert history.n_iter == 0
    for alpha in (denoiser.alpha_mean, denoiser.alpha_median, denoiser.alpha_noised):
        assert (alpha == 0).all()


def test_without_held_out_rows_nothing_is_judged():
    denoiser, history = fitted(recipe=some_recipe(held_share=0.0))
    assert history.n_iter == 3
    assert history.validation_loss_curve == []
    assert (denoiser.alpha_mean == 1).all()


def test_a_square_is_learnt():
    """No factor analysis sees it; held-out cells do."""
    rows = some_table(500)
    denoiser, history = fitted(rows, some_recipe(500, 150))
    assert min(history.validation_loss_curve) < 0.8
    assert denoiser.alpha_mean[1] > 0.5
    x = torch.linspace(-2, 2, 9)
    asked = torch.stack([x, 0 * x, 0 * x, 0 * x], dim=1)
    sigma = torch.tensor([0.0, torch.inf, torch.inf, torch.inf]).expand(9, 4)
    denoiser.requires_grad_(False)
    error = denoiser(asked, sigma)[:, 1] - (x**2 - 1) / 2**0.5
    assert error.abs().mean() < 0.4
    assert denoiser.donors is None


class Spy:
    """Calls through, and remembers what with."""

    def __init__(self, monkeypatch, name, answer=None):
        self.inner, self.answer, self.calls = getattr(masked, name), answer, []
        monkeypatch.setattr(masked, name, self)

    def __call__(self, *args, **kwargs):
        self.calls.append((args, kwargs))
        return self.inner(*args, **kwargs) if self.answer is None else self.answer


def test_units_are_dropped_where_the_recipe_says_so(monkeypatch):
    spy = Spy(monkeypatch, "dropout")
    fitted()
    assert spy.calls == []
    fitted(recipe=some_recipe(dropout=0.25))
    assert len(spy.calls) == 3
    assert spy.calls[0][0][1] == 0.25


@pytest.mark.parametrize(("missing", "n_refreshes"), [(0.2, 2), (0.2, 0), (0.0, 2)])
def test_missing_cells_are_drawn_where_there_are_some(monkeypatch, missing, n_refreshes):
    refresh, verdict = Spy(monkeypatch, "StochasticEM"), Spy(monkeypatch, "judge")
    fitted(
        some_table(missing=missing),
        some_recipe(n_refreshes=n_refreshes, for_generation=n_refreshes > 0),
    )
    expected = n_refreshes if missing else 0
    assert refresh.calls[0][0][1] == expected
    # What is to be generated is judged by its draws, also where nothing is missing.
    assert {call[1]["for_draws"] for call in verdict.calls} == {n_refreshes > 0}


@pytest.mark.parametrize(
    ("donors", "most", "asked"), [(True, 200, 1), (True, 199, 0), (False, 200, 0)]
)
def test_small_tables_have_donors(monkeypatch, donors, most, asked):
    found = KernelRegression(7, TABLE)
    spy = Spy(monkeypatch, "choose_donors", found)
    monkeypatch.setattr(masked, "MAX_DONOR_ROWS", most)
    denoiser, _ = fitted(recipe=some_recipe(donors=donors))
    assert len(spy.calls) == asked
    assert (denoiser.donors is found) == bool(asked)


def test_donors_are_left_out_when_the_time_is_over(monkeypatch):
    spy = Spy(monkeypatch, "choose_donors")
    left = iter([100.0, 100.0, 0.0])  # for the factor analysis, the networks and the donors
    monkeypatch.setattr(masked.Clock, "seconds_left", lambda clock: next(left))
    _, history = fitted(recipe=some_recipe(donors=True))
    assert spy.calls == []
    assert history.n_iter == 3


def test_no_network_is_trained_when_the_time_is_over():
    recipe = some_recipe(max_time=5.0)
    denoiser, history = fitted(recipe=recipe, started=time.monotonic() - 10)
    assert history.n_iter == 0
    assert not denoiser.alpha_mean.any()


def test_the_shrinkage_is_that_of_the_best_checkpoint(monkeypatch):
    asked, verdicts, inner = [], [], masked.judge

    def judge(denoiser, checks, **options):
        found = inner(denoiser, checks, **options)
        asked.append((denoiser.first.weight.clone(), checks.noised))
        marked = found._replace(
            error=0.9 if len(verdicts) != 2 else 0.5,
            shrinkage=Shrinkage(*(torch.full((4,), float(len(verdicts))) for _ in range(3))),
        )
        verdicts.append(marked)
        return marked

    monkeypatch.setattr(masked, "judge", judge)
    denoiser, _ = fitted(recipe=some_recipe(max_iter=40))
    assert len(verdicts) > 4
    weights, noised = zip(*asked, strict=True)
    assert torch.equal(weights[-1], weights[2])
    assert not torch.equal(weights[-1], weights[3])
    assert denoiser.alpha_mean.tolist() == [len(verdicts) - 1.0] * 4
    # Draws of an imputer are nobody's concern until then.
    assert noised[-1] is not None
    assert not any(noised[:-1])


def test_many_rows_are_not_needed_for_the_factor_analysis(monkeypatch):
    monkeypatch.setattr(masked, "factor_rows", lambda n_codes: 50)
    spy = Spy(monkeypatch, "fit_factor_analysis")
    rows = some_table()
    fitted(rows, some_recipe(max_iter=0))
    assert len(spy.calls[0][0][0]) == 50
    rows.mask[1:, 1] = False  # one row alone knows this code
    fitted(Rows(torch.where(rows.mask, rows.x, 0.0), rows.mask), some_recipe(max_iter=0))
    assert len(spy.calls[1][0][0]) in (50, 200)
    seen = [call[0][1].any(0).all() for call in spy.calls]
    assert all(seen)


def test_the_factor_analysis_has_a_share_of_the_time(monkeypatch):
    spy = Spy(monkeypatch, "choose_rank", 1)
    start = time.monotonic()
    fitted(recipe=some_recipe(max_iter=0, max_time=100.0), started=start - 20)
    deadline = spy.calls[0][1]["deadline"] - start
    assert deadline == pytest.approx(masked.FACTOR_SHARE * 80, abs=5)
    fitted(recipe=some_recipe(max_iter=0))
    assert spy.calls[1][1]["deadline"] == math.inf


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_networks_compute_in_the_precision_of_the_recipe(monkeypatch, bfloat16):
    spy = Spy(monkeypatch, "masked_loss")
    fitted(recipe=some_recipe(bfloat16=bfloat16))
    assert spy.calls[0][0][1].features.dtype == (torch.bfloat16 if bfloat16 else torch.float32)


# --- The method.


def test_the_recipe_is_told_of_the_table(monkeypatch):
    spy = Spy(monkeypatch, "recipe_for")
    rows, options = some_table(), Options(max_iter=0)
    MaskedMethod().train(rows.x, rows.mask, TABLE, options, seeded(), "cpu")
    assert spy.calls[0][0] == (200, 4, 3, 2, options, "cpu")


def test_training_does_not_depend_on_the_steps_of_a_draw():
    assert MaskedMethod(3).training_key() == MaskedMethod(7).training_key()


def test_estimates_ask_the_donors():
    denoiser = saying(torch.ones(1, N_CODES), torch.full((1, 2), 2.0))
    x, mask = some_rows(10)
    x = torch.where(mask, x, 0.0)
    method = MaskedMethod()
    alone = [method.estimate(denoiser, x, mask, median) for median in (False, True)]
    estimate = denoiser.estimate(x, torch.where(mask, 0.0, torch.inf))
    assert torch.equal(alone[0], estimate.mean)
    assert torch.equal(alone[1], estimate.median)
    donors = KernelRegression(10, LAYOUT)
    donors.x.copy_(x)
    donors.mask.copy_(mask)
    donors.share[0, 5] = 1.0
    donors.share_median[1, 5] = 1.0
    denoiser.set_donors(donors)
    for median in (False, True):
        expected = donors.join(alone[median], x, mask, median).value
        assert torch.equal(method.estimate(denoiser, x, mask, median), expected)


def test_a_draw_is_conditional_and_a_new_row_is_not():
    denoiser = some_denoiser()
    x, mask = some_rows(8)
    noise = torch.randn(8, MaskedMethod().n_noise(denoiser, N_CODES), generator=seeded(1))
    found = MaskedMethod(4).draw(denoiser, x, mask, lambda: noise)
    assert torch.equal(found, draw(denoiser, x, mask, noise, draw_sigmas(4)))
    new = MaskedMethod(4).generate(denoiser, lambda: noise)
    nothing = torch.zeros(8, N_CODES)
    assert torch.equal(new, draw(denoiser, nothing, nothing.bool(), noise, draw_sigmas(4)))
    scores = MaskedMethod().log_density(denoiser, x, mask, lambda: noise)
    assert torch.equal(scores, score_rows(denoiser, x, mask, lambda: noise))
