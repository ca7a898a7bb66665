"""Forests in means: what they add to networks, how far they are believed, where there are none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer

from skmissdiff import MissDiffImputer, _forests
from skmissdiff._draws.forest import grow_column
from skmissdiff._forests import (
    PRIOR_CELLS,
    Forests,
    columns_of,
    grown_forests,
    share_of,
    share_of_median,
    without_idle,
)
from skmissdiff._support.layout import CodeLayout

LEVELS = np.random.default_rng(42).normal(size=(6, 6))


def steps_table(n_rows=400, seed=0):
    """A number that jumps from field to field of two others, and a category that they tell."""
    rng = np.random.default_rng(seed)
    a, c = rng.uniform(0, 6, size=(2, n_rows))
    b = LEVELS[a.astype(int), c.astype(int)] + 0.1 * rng.normal(size=n_rows)
    kind = np.where(a.astype(int) % 2, "odd", "even")
    return pd.DataFrame({"a": a, "b": b, "c": c, "kind": kind})


def with_holes(table, share=0.2, seed=1):
    return table.mask(np.random.default_rng(seed).random(table.shape) < share)


@pytest.fixture(scope="module")
def imputer():
    return MissDiffImputer(random_state=0).fit(with_holes(steps_table()))


def codes_of(imputer, table):
    return imputer.encoder_.encode(imputer._read(table))


def rmse(completed, truth):
    return np.sqrt(((completed - truth) ** 2).to_numpy().mean())


@pytest.mark.parametrize("seed", [0, 1])
def test_they_lower_the_error_of_new_rows(seed):
    truth = load_breast_cancer(as_frame=True).frame.astype(float).sample(frac=1, random_state=seed)
    truth /= truth.std()
    asked = with_holes(truth, seed=seed)
    imputer = MissDiffImputer(random_state=0).fit(asked[:400])
    with_forests = rmse(imputer.transform(asked[400:]), truth[400:])
    imputer._forests = None
    assert with_forests < 0.99 * rmse(imputer.transform(asked[400:]), truth[400:])


def guessed(imputer, table, median=False):
    """What networks and donors say of a table of up to 512 rows, and what is known of it."""
    codes = codes_of(imputer, table)
    return imputer._model().guess(codes, median=median), ~np.isnan(codes)


def test_what_is_given_has_no_step_and_the_rest_its_share(imputer):
    forests = imputer._forests
    guess, known = guessed(imputer, with_holes(steps_table(50, seed=6), seed=7))
    ones = np.ones_like(guess.mean)
    steps = forests.steps(guess.mean, ones, known, median=False)
    assert_array_equal(steps[known], 0.0)
    assert np.abs(steps[~known]).max() > 0.01
    halves = replace(forests, shares=forests.shares / 2)
    assert_allclose(halves.steps(guess.mean, ones, known, median=False), steps / 2)
    # Beside a twin networks have no part, and forests have none of it.
    assert_allclose(forests.steps(guess.mean, 0 * ones, known, median=False), 0)
    whole = replace(forests, shares=np.ones(len(forests.shares)))
    steps = whole.steps(guess.mean, ones, known, median=False)
    own = forests.forests[0]
    rows = ~known[:, own.codes[0]]
    assert_allclose((guess.mean + steps)[np.ix_(rows, own.codes)], own.mean(guess.mean)[rows])


def test_medians_have_shares_of_their_own():
    table = with_holes(steps_table())
    imputer = MissDiffImputer(aggregate="median", random_state=0).fit(table)
    gaps, scale = table["b"].isna().to_numpy(), table["b"].std(ddof=0)
    forests = imputer._forests
    imputer._forests = replace(forests, shares_median=0 * forests.shares + 0.3)
    guess, known = guessed(imputer, table, median=True)
    mean = np.where(known, codes_of(imputer, table), guess.mean)
    step = imputer._forests.steps(mean, guess.part, known, median=True)
    whole = replace(forests, shares=np.ones(len(forests.shares)))
    assert_allclose(step, 0.3 * whole.steps(mean, guess.part, known, median=False), atol=1e-9)
    found = imputer.transform(table)["b"]
    value = table["b"].mean() + scale * (guess.value + step)[:, 1]
    expected = value.clip(table["b"].min(), table["b"].max())
    assert np.abs(step[gaps, 1]).max() > 0.01
    assert_allclose(found[gaps], expected[gaps], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("true", "expected"), [(0.8, 0.8), (0.45, 0.4), (0.1, 0.0)])
def test_a_median_takes_none_half_or_all_of_the_share_of_the_mean(true, expected):
    step = np.random.default_rng(0).normal(size=(500, 1))
    assert_allclose(share_of_median(true * step, step, 0.8), expected)


def test_probabilities_stay_probabilities(imputer):
    codes = codes_of(imputer, with_holes(steps_table(200, seed=8), 0.5))
    found = imputer._estimated(imputer._model(), codes[:200])
    kind = imputer.encoder_.layout_.categorical_slices[0]
    assert_allclose(found[:, kind].sum(axis=1), 1.0, atol=1e-5)
    assert found[:, kind].min() >= -1e-6


def test_the_share_is_that_of_least_error():
    rng = np.random.default_rng(0)
    left, step = rng.normal(size=(2, 5000, 1))
    left += 0.7 * step
    excess, excess_told = np.full((5000, 1), 0.2), np.full((5000, 1), 0.1)

    def error(s):
        return ((left - s * step) ** 2 - (1 - s) ** 2 * excess - s**2 * excess_told).sum()

    grid = np.linspace(0, 1, 2001)
    best = grid[np.argmin([error(s) for s in grid])]
    found = share_of(left, step, excess, excess_told, prior=best)
    assert_allclose(found, best, atol=1e-3)


def test_few_cells_say_less_than_what_is_usual():
    step = np.ones((PRIOR_CELLS, 1))
    nothing = np.zeros_like(step)
    assert_allclose(share_of(step, step, nothing, nothing, prior=0.4), 0.7)
    assert_allclose(share_of(0 * step, step, nothing, nothing, prior=0.4), 0.2)
    many = np.ones((99 * PRIOR_CELLS, 1))
    assert_allclose(share_of(many, many, 0 * many, 0 * many, prior=0.4), 0.994)
    assert share_of(-9 * many, many, 0 * many, 0 * many, prior=0.4) == 0
    assert share_of(9 * many, many, 0 * many, 0 * many, prior=0.4) == 1


def test_linear_tables_have_none():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2)) @ rng.normal(size=(2, 5)) + rng.normal(size=(600, 5))
    imputer = MissDiffImputer(random_state=0).fit(np.where(rng.random(X.shape) < 0.2, np.nan, X))
    assert not imputer.denoiser_.alpha_mean.any()
    assert imputer._forests is None


def test_trees_read_what_is_known_as_it_is(monkeypatch):
    """Beside donors a guess of a known cell is theirs, and trees split close to training values."""
    table = pd.concat([steps_table(150)] * 2, ignore_index=True)
    imputer = MissDiffImputer(random_state=0).fit(with_holes(table))
    assert imputer.denoiser_.donors is not None
    codes, read = codes_of(imputer, with_holes(table))[:100], []
    steps = Forests.steps
    monkeypatch.setattr(Forests, "steps", lambda *all: read.append(all[1]) or steps(*all))
    imputer._estimated(imputer._model(), codes)
    known = ~np.isnan(codes)
    assert_array_equal(read[0][known], codes[known])


def test_no_forest_reads_its_own_column():
    """A spiked column has two: whether it is the value, and the other number."""
    table = steps_table()
    table["a"] = table["a"].where(table["c"] > 3, 0.0)
    imputer = MissDiffImputer(random_state=0).fit(with_holes(table))
    layout = imputer.encoder_.layout_
    assert layout.spiked[0]
    for own, column in columns_of(layout):
        assert set(own) <= set(column)
        assert len(set(layout.column_of_code[column])) == 1
    assert [len(column) for _, column in columns_of(layout)] == [3, 1, 1, 3, 2]
    for forest in imputer._forests.forests:
        of_code = layout.column_of_code
        assert of_code[forest.codes[0]] not in of_code[forest.features]


def test_categories_of_many_values_have_none():
    layout = CodeLayout((1, 51, 50), (False, True, True))
    assert [len(own) for own, _ in columns_of(layout)] == [1, 50]


def test_trees_are_not_believed_for_what_they_know_by_heart():
    table = steps_table()
    table["noise"] = np.random.default_rng(3).normal(size=len(table))
    imputer = MissDiffImputer(random_state=0).fit(with_holes(table))
    noise, forests = imputer.encoder_.layout_.numeric_codes[-1], imputer._forests
    shares = {
        forest.codes[0]: share
        for forest, share in zip(forests.forests, forests.shares, strict=True)
    }
    assert len(shares) > 1
    assert shares.get(noise, 0) < 0.3


def test_weights_reach_the_trees(monkeypatch):
    weights = []

    def recording(codes, known, own, column, weight, *rest):
        weights.append(weight)
        return grow_column(codes, known, own, column, weight, *rest)

    monkeypatch.setattr(_forests, "grow_column", recording)
    weight = np.arange(1, 401)
    MissDiffImputer(random_state=0).fit(with_holes(steps_table()), sample_weight=weight)
    assert_allclose(weights[0] / weights[0].sum(), weight / weight.sum())
    MissDiffImputer(random_state=0).fit(with_holes(steps_table()))
    assert weights[-1] is None


@pytest.mark.parametrize(
    "params",
    [{"donors": False}, {"max_iter": 0}, {"method": "missdiff"}, {"scaling": "quantile"}],
)
def test_some_fits_have_none(params):
    if params.get("method") == "missdiff":
        params = {**params, "max_iter": 20, "n_steps": 5, "n_draws": 2}
    imputer = MissDiffImputer(random_state=0, **params).fit(with_holes(steps_table(200)))
    assert imputer._forests is None


def test_none_are_grown_when_the_time_is_over(imputer, monkeypatch):
    codes, layout = codes_of(imputer, with_holes(steps_table())), imputer.encoder_.layout_
    options = {"n_refreshes": 0, "donors": True, "started": 0.0}
    said = imputer._train(codes.astype(np.float32), layout, 0, None, **options)[1].said
    model = imputer._model()
    arguments = codes, layout, model, said, 0, None
    assert grown_forests(*arguments, deadline=np.inf) is not None
    monkeypatch.setattr(model, "draw", None)  # not even gaps are filled
    assert grown_forests(*arguments, deadline=-np.inf) is None


def test_they_are_saved(imputer, tmp_path):
    imputer.save(tmp_path / "model.npz")
    again = MissDiffImputer.load(tmp_path / "model.npz")
    asked = with_holes(steps_table(100, seed=9))
    pd.testing.assert_frame_equal(again.transform(asked), imputer.transform(asked))
    assert again._forests is not None


def test_a_sampler_has_none(imputer):
    sampler = imputer.to_sampler()
    assert sampler._forests is None
    assert imputer._forests is not None
    assert sampler.to_imputer()._forests is None


def test_another_fit_forgets_them(imputer):
    again = MissDiffImputer(random_state=0).fit(with_holes(steps_table()))
    again.set_params(donors=False).fit(with_holes(steps_table()))
    assert again._forests is None


def test_a_number_that_does_not_apply_holds_nothing():
    layout = CodeLayout((3, 1), (False, False), (True, False))
    codes = np.array([[1.0, 0.0, 5.0, 2.0], [0.0, 1.0, 5.0, 2.0]])
    assert_array_equal(without_idle(codes, layout), [[1, 0, 0, 2], [0, 1, 5, 2]])


def test_equal_seeds_give_equal_forests():
    table = with_holes(steps_table(200))
    one, other = (MissDiffImputer(random_state=3).fit(table) for _ in range(2))
    assert_array_equal(one._forests.shares, other._forests.shares)
    pd.testing.assert_frame_equal(one.transform(table), other.transform(table))
