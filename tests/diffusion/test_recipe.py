"""What a table's size decides."""

import pytest

from skmissdiff._diffusion.recipe import (
    FEWEST_STEPS,
    MAX_EPOCHS,
    STEP_ROWS,
    Options,
    n_steps,
)


@pytest.mark.parametrize("n_rows", [100, 1000, 3000])
def test_few_rows_are_not_seen_too_often_in_generation(n_rows):
    steps = n_steps(n_rows, 15, Options(n_refreshes=4))
    assert (steps - FEWEST_STEPS) * STEP_ROWS <= MAX_EPOCHS * n_rows
    assert n_steps(100_000, 15, Options(n_refreshes=4)) > 2 * n_steps(100_000, 15, Options())


@pytest.mark.parametrize("n_refreshes", [0, 4])
def test_steps_are_as_many_as_asked_for(n_refreshes):
    assert n_steps(3000, 15, Options(n_refreshes=n_refreshes, max_iter=3000)) == 3000
