"""What a table's size decides, and that it decides it smoothly."""

import math
from dataclasses import asdict
from itertools import pairwise

import pytest

from skmissdiff._diffusion import recipe
from skmissdiff._diffusion.recipe import (
    FEW_STEP_ROWS,
    FEWEST_GENERATION_STEPS,
    FEWEST_STEPS,
    FOR_GENERATION,
    MANY_STEP_ROWS,
    MAX_EPOCHS,
    MOST_BINS,
    MOST_HELD_ROWS,
    MOST_NETWORKS,
    N_BINS,
    NETWORK_CODES,
    SMALL_STEPS,
    Mixture,
    Options,
    between,
    factor_rows,
    largeness,
    n_networks,
    n_steps,
    recipe_for,
    width,
)

SIZES = [round(100 * 1.05**i) for i in range(142)]  # 100 to 100,000 rows


@pytest.mark.parametrize("n_rows", [100, 1000, 3000])
def test_few_rows_are_not_seen_too_often_in_generation(n_rows):
    steps = n_steps(n_rows, 15, 0, Options(n_refreshes=4))
    assert (
        steps - FEWEST_GENERATION_STEPS
    ) * MANY_STEP_ROWS <= MAX_EPOCHS * n_rows + MANY_STEP_ROWS
    assert n_steps(100_000, 15, 0, Options(n_refreshes=4)) > n_steps(100_000, 15, 0, Options())


@pytest.mark.parametrize(("n_numeric", "times"), [(0, 1), (5, 1), (6, 1.2), (8, 1.6), (10, 2)])
def test_rows_of_numbers_may_be_seen_more_often_in_generation(n_numeric, times):
    assert recipe.max_epochs(10, n_numeric) == pytest.approx(times * MAX_EPOCHS)
    few, of_numbers = (n_steps(1000, 10, n, Options(n_refreshes=1)) for n in (0, n_numeric))
    expected = FEWEST_GENERATION_STEPS + times * (few - FEWEST_GENERATION_STEPS)
    most = recipe.GENERATION_FACTOR * recipe.GENERATION_STEPS
    assert of_numbers == pytest.approx(min(expected, most), abs=2)
    assert n_steps(1000, 10, n_numeric, Options()) == n_steps(1000, 10, 0, Options())


def test_generation_from_many_rows_takes_most_steps_whatever_the_columns():
    steps = [n_steps(10**5, n_columns, 0, Options(n_refreshes=1)) for n_columns in (4, 40)]
    assert steps == [recipe.GENERATION_FACTOR * recipe.MOST_STEPS] * 2


@pytest.mark.parametrize("n_refreshes", [0, 4])
@pytest.mark.parametrize("max_iter", [0, 3000])
def test_steps_are_as_many_as_asked_for(n_refreshes, max_iter):
    assert n_steps(3000, 15, 0, Options(n_refreshes=n_refreshes, max_iter=max_iter)) == max_iter


def test_few_columns_take_more_steps():
    """Two or three have nothing but the shape of their distribution to be judged by."""
    steps = [n_steps(10**5, n_columns, 0, Options()) for n_columns in (1, 2, 3, 8)]
    assert steps[0] == steps[1] > steps[2] > steps[3]
    assert n_steps(100, 2, 0, Options()) == n_steps(100, 8, 0, Options()) == FEWEST_STEPS


def test_steps_are_fewest_where_rows_are():
    n_rows = recipe.FEWEST_STEPS_ROWS
    steps = [n_steps(n, 8, 0, Options()) for n in (50, n_rows, 700, 1000)]
    assert steps[:2] == [FEWEST_STEPS] * 2
    assert FEWEST_STEPS < steps[2] < SMALL_STEPS == steps[3]
    generating = [n_steps(n, 8, 0, Options(n_refreshes=4)) for n in (50, n_rows)]
    assert generating[0] >= FEWEST_GENERATION_STEPS


def smooth(values, most=0.12):
    """No step from one size to the next, 5 % more rows, by more than 12 %."""
    for before, after in pairwise(values):
        assert abs(after - before) <= most * max(abs(before), abs(after)), (before, after)


@pytest.mark.parametrize("options", [Options(), Options(n_refreshes=4)])
@pytest.mark.parametrize(("n_columns", "n_codes"), [(2, 2), (10, 30), (40, 300)])
def test_no_setting_jumps_with_the_number_of_rows(options, n_columns, n_codes):
    recipes = [
        asdict(recipe_for(n, n_codes, n_columns, n_columns - 1, options, "cpu")) for n in SIZES
    ]
    followed = {name: [recipe[name] for recipe in recipes] for name in recipes[0]}
    networks, batches, widths, patience, layers, uses = (
        followed.pop(name)
        for name in (
            "n_networks",
            "batch_size",
            "hidden_size",
            "patience",
            "n_layers",
            "n_uses",
        )
    )
    for name, values in followed.items():
        if name == "em_tol":  # by its order of magnitude
            smooth([math.log10(value) for value in values])
        elif isinstance(values[0], int | float) and not isinstance(values[0], bool):
            smooth(values)
        else:
            assert all(value == values[0] for value in values), name
    assert all(0 <= a - b <= 1 for a, b in pairwise(networks))
    assert all(b - a in (0, 32) for a, b in pairwise(widths))
    assert all(b - a in (0, 1) for a, b in pairwise(patience))
    assert all(b - a in (0, 1) for a, b in pairwise(layers))
    assert all(a - b in (0, 1) for a, b in pairwise(uses))
    # All networks together see as many rows a step, but for what the division leaves.
    if options.for_generation:  # here each of them
        networks = [1] * len(SIZES)
    smooth([min(2 * n, k * batch) for n, k, batch in zip(SIZES, networks, batches, strict=True)])


def test_largeness_is_even_in_the_logarithm():
    assert [largeness(n) for n in (0, 1, 999, 1000)] == [0, 0, 0, 0]
    assert largeness(10_000) == largeness(10**7) == 1
    assert largeness(round(10**3.5)) == pytest.approx(0.5, abs=1e-3)
    assert between(4.0, 8.0, round(10**3.25)) == pytest.approx(5.0, abs=1e-2)
    assert between(8.0, 4.0, 500) == 8.0


def test_the_width_grows_with_the_rows():
    sizes = (20, recipe.NARROW_ROWS, recipe.SMALL_ROWS, 1000, 10_000, 10**6)
    assert [width(n) for n in sizes] == [64, 64, 128, 128, 256, 256]
    assert width(105) == of(105).hidden_size == 96


def test_networks_are_as_many_as_rows_are_few():
    counts = [n_networks(n, 1) for n in SIZES]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == MOST_NETWORKS
    assert counts[-1] == 1
    assert n_networks(0, 1) == MOST_NETWORKS
    assert n_networks(recipe.NETWORK_ROWS, 1) == 1
    assert n_networks(recipe.NETWORK_ROWS // 2, 1) == MOST_NETWORKS == 2
    assert n_networks(100, NETWORK_CODES) == 1
    assert n_networks(100, 10 * NETWORK_CODES) == 1
    assert n_networks(100, NETWORK_CODES // 2) == 2


def test_generation_has_several_networks_where_rows_are_few():
    counts = [n_networks(n, 1, for_generation=True) for n in SIZES]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == recipe.MOST_GENERATING_NETWORKS
    one = recipe.GENERATING_NETWORK_ROWS
    assert [n_networks(n, 1, for_generation=True) for n in (one, one // 2, one // 4)] == [1, 2, 4]
    assert n_networks(one // 4, NETWORK_CODES // 2, for_generation=True) == 2


def of(n_rows=3000, n_codes=20, n_columns=10, n_numeric=5, device="cpu", **options):
    return recipe_for(n_rows, n_codes, n_columns, n_numeric, Options(**options), device)


def test_held_out_rows_are_a_fraction_up_to_a_number():
    assert of(1000).held_share == recipe.HELD_SHARE
    assert of(10**6).held_share * 10**6 == pytest.approx(MOST_HELD_ROWS)
    few = of(100)
    assert few.held_share * few.n_networks <= 1  # each network has rows of its own
    assert of(early_stopping=False).held_share == 0


def test_batches_hold_few_rows_of_few_more_than_twice():
    for n_rows in (1, 50, 300):
        assert of(n_rows).batch_size == max(16, min(2 * n_rows, FEW_STEP_ROWS // MOST_NETWORKS))
    large = of(100_000)
    assert large.batch_size * large.n_networks == MANY_STEP_ROWS
    several = of(1000)
    assert several.batch_size == FEW_STEP_ROWS // several.n_networks


def test_a_generating_network_has_as_many_rows_alone_as_beside_another():
    few, generating = of(1000), of(1000, n_refreshes=1)
    assert (few.n_networks, generating.n_networks) == (2, 1)
    assert generating.batch_size == few.batch_size
    assert of(100, n_refreshes=1).batch_size == of(100).batch_size
    assert of(10**5, n_refreshes=1).batch_size == MANY_STEP_ROWS


def test_generation_masks_each_row_once():
    assert of(1000, n_refreshes=1).n_uses == 1
    assert of(1000).n_uses == recipe.FEW_ROWS_USES


def test_wide_tables_have_fewer_bins():
    assert of(n_numeric=0).n_bins == of(n_numeric=5).n_bins == N_BINS
    assert of(n_numeric=MOST_BINS // 4).n_bins == 4
    assert of(n_numeric=10 * MOST_BINS).n_bins == 2


def test_few_rows_have_fewer_bins():
    assert of(50).n_bins == of(8 * recipe.BIN_ROWS).n_bins == recipe.FEWEST_BINS
    assert of(11 * recipe.BIN_ROWS).n_bins == 11
    assert of(1000).n_bins == N_BINS


def test_generation_has_a_mixture_of_its_own_and_drops_units_for_categories():
    assert of(n_refreshes=4).mixture == FOR_GENERATION
    assert of().mixture == Mixture()
    assert of(n_refreshes=4).dropout == recipe.DROPOUT
    assert of(n_refreshes=4, n_numeric=10).dropout == 0
    assert of().dropout == 0
    assert of(n_refreshes=4).n_refreshes == 4


def test_factor_analysis_ends_early_for_small_tables_and_generated_rows():
    assert of(100).em_tol > of(10**5).em_tol
    assert of(100).em_max_iter > of(10**5).em_max_iter
    assert of(100, n_refreshes=4).em_tol == of(10**5, n_refreshes=4).em_tol < of(100).em_tol


def test_widths_are_multiples_of_32():
    for n_rows in SIZES:
        assert of(n_rows).hidden_size % 32 == 0
    assert of(300).hidden_size == recipe.SMALL_WIDTH
    assert of(10**5).hidden_size == recipe.LARGE_WIDTH


def test_options_are_passed_on():
    made = of(max_iter=7, max_time=3.0, donors=True)
    assert (made.max_iter, made.max_time, made.donors) == (7, 3.0, True)
    made = of()
    assert (made.max_time, made.donors, made.n_refreshes) == (None, False, 0)


def test_bfloat16_is_for_processors_that_have_it(monkeypatch):
    monkeypatch.setattr(recipe, "has_fast_bfloat16", lambda: True)
    assert of().bfloat16
    assert not of(device="cuda").bfloat16
    monkeypatch.setattr(recipe, "has_fast_bfloat16", lambda: False)
    assert not of().bfloat16


@pytest.mark.parametrize(
    ("found", "fast"),
    [
        ({}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"avx512_bf16": False, "amx_bf16": False, "avx512": True}, False),
    ],
)
def test_fast_bfloat16_is_asked_of_torch(monkeypatch, found, fast):
    monkeypatch.setattr(recipe.torch.cpu, "get_capabilities", lambda: found, raising=False)
    assert recipe.has_fast_bfloat16() is fast


def test_wide_tables_have_fewer_rows_for_the_factor_analysis():
    assert factor_rows(10) == factor_rows(100) == 20_000
    assert factor_rows(500) == 4000
