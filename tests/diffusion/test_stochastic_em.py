"""When the missing cells of the training rows are drawn, and which."""

import math
from types import SimpleNamespace

import pytest
import torch
from small_models import LAYOUT, seeded, some_denoiser, some_factors, some_rows

from skmissdiff._diffusion import stochastic_em
from skmissdiff._diffusion.batches import Rows, RowSource
from skmissdiff._diffusion.recipe import Mixture
from skmissdiff._diffusion.stochastic_em import (
    MAX_REFRESH_SHARE,
    TRIAL_ROWS,
    WARM_SHARE,
    StochasticEM,
)


def some_refresh(n_refreshes=3, n_rows=40):
    x, mask = some_rows(n_rows)
    denoiser = some_denoiser(n_networks=1)
    rows = Rows(torch.where(mask, x, 0.0), mask)
    source = RowSource(
        denoiser,
        some_factors(),
        rows,
        [torch.arange(n_rows)],
        8,
        1,
        Mixture(),
        seeded(),
        torch.float32,
        prepare=lambda batch: batch,
    )
    return StochasticEM(source, n_refreshes, seeded(4)), source, denoiser


def test_it_is_due_after_a_warm_start_at_equal_distances():
    refresh, _, denoiser = some_refresh(4)
    step = (1 - WARM_SHARE) / 4
    assert refresh.due == pytest.approx([WARM_SHARE + i * step for i in range(4)])
    assert refresh.is_pending
    assert not refresh.is_due(WARM_SHARE - 1e-6)
    assert refresh.is_due(WARM_SHARE)
    assert refresh.is_due(0.999)
    assert not refresh.is_due(1.0)
    assert refresh(denoiser, WARM_SHARE + 1.5 * step, math.inf)  # those that were missed are one
    assert refresh.due == pytest.approx([WARM_SHARE + 2 * step, WARM_SHARE + 3 * step])
    assert not refresh.is_due(WARM_SHARE + 1.9 * step)


def test_none_is_never_due():
    refresh, _, _ = some_refresh(0)
    assert refresh.due == []
    assert not refresh.is_due(0.9)


def test_only_missing_cells_are_drawn():
    refresh, source, denoiser = some_refresh()
    source.next_batch()
    assert refresh(denoiser, 0.5, math.inf)
    x, mask, completed, _ = source.rows
    assert torch.equal(completed[mask], x[mask])
    numbers = completed[:, [0, 4]][~mask[:, [0, 4]]]
    assert (numbers != 0).all()
    assert numbers.std() > 0.3  # draws, not means
    for categories in LAYOUT.categorical_slices:
        assert (completed[:, categories].sum(1) == 1).all()
        assert completed[:, categories].unique().tolist() == [0, 1]
    assert not source.queue
    assert not torch.equal(again(refresh, denoiser, source), completed)


def again(refresh, denoiser, source):
    refresh(denoiser, 0.6, math.inf)
    return source.rows.completed


@pytest.mark.parametrize(("margin", "made"), [(1.01, True), (0.99, False)])
def test_it_is_left_out_where_it_would_take_much_of_the_time(monkeypatch, margin, made):
    """The trial takes one second for its rows; those with missing cells are foretold from it."""
    n_rows = 600
    refresh, source, denoiser = some_refresh(n_rows=n_rows)
    seconds = iter([10.0, 11.0])
    monkeypatch.setattr(stochastic_em, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    sizes = []
    complete = stochastic_em.complete_rows

    def spy(denoiser, x, mask, *args):
        sizes.append(len(x))
        return complete(denoiser, x, mask, *args)

    monkeypatch.setattr(stochastic_em, "complete_rows", spy)
    n_incomplete = int((~source.rows.mask).any(1).sum())
    assert TRIAL_ROWS < n_incomplete < n_rows
    left = margin * n_incomplete / TRIAL_ROWS / MAX_REFRESH_SHARE
    assert refresh(denoiser, 0.5, left) == made
    assert sizes == [TRIAL_ROWS, n_rows] if made else [TRIAL_ROWS]
    assert (source.rows.completed is not None) == made


def test_without_a_limit_nothing_is_tried():
    refresh, _, denoiser = some_refresh()
    refresh.completed, calls = (lambda *args: calls.append(args) or args[1]), []
    refresh(denoiser, 0.5, math.inf)
    assert len(calls) == 1
