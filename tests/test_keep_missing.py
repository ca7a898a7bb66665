"""Generated rows with missing cells where rows like them have some."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from skmissdiff import MissDiffImputer, MissDiffSampler
from skmissdiff._draws.gaps import MaskModel
from skmissdiff._support.layout import CodeLayout

N_ROWS = 3000


def make_table():
    """b is missing where a is large; d and e together; f only where d is; c by d; g never."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(N_ROWS, 6))
    table = pd.DataFrame(z, columns=list("abdefg"))
    table["b"] = 0.8 * table["a"] + 0.6 * table["b"]
    table["c"] = pd.Categorical(np.where(table["d"] > 0, "up", "down"))
    missing = pd.DataFrame(False, index=table.index, columns=table.columns)
    missing["b"] = rng.random(N_ROWS) < expit(2 * table["a"] - 1)
    missing["d"] = missing["e"] = rng.random(N_ROWS) < 0.3
    missing["f"] = missing["d"] & (rng.random(N_ROWS) < 0.5)
    missing["c"] = rng.random(N_ROWS) < np.where(table["g"] > 0, 0.4, 0.1)
    return table.mask(missing), missing


@pytest.fixture(scope="module", params=["masked", "missdiff"])
def fitted(request):
    table, missing = make_table()
    quick = {"max_iter": 0} if request.param == "masked" else {"max_iter": 150, "n_steps": 20}
    return MissDiffSampler(request.param, random_state=0, **quick).fit(table), missing


@pytest.fixture(scope="module")
def rows(fitted):
    return fitted[0].sample(6000, keep_missing=True)


def test_other_cells_are_those_of_the_complete_sample(fitted, rows):
    complete = fitted[0].sample(6000)
    assert complete.notna().all(axis=None)
    seen = rows.notna()
    assert (rows.astype(object) == complete.astype(object)).where(seen, True).all(axis=None)
    assert rows.dtypes.equals(complete.dtypes)


def test_rates_and_rules_are_kept(fitted, rows):
    sampler, missing = fitted
    gaps = rows.isna()
    tolerance = 0.02 if sampler.method == "masked" else 0.04  # of the paper's rows, quickly trained
    assert_allclose(gaps.mean(), missing.mean(), atol=tolerance)
    assert (gaps["d"] == gaps["e"]).all()
    assert (gaps["f"] & ~gaps["d"]).mean() < 0.003
    assert not gaps["g"].any()
    assert not gaps["a"].any()


def test_gaps_depend_on_the_row(fitted, rows):
    sampler, missing = fitted
    complete = sampler.sample(6000)
    a = np.digitize(complete["a"], [-1, 0, 1])
    found = rows["b"].isna().groupby(a).mean()
    assert found.is_monotonic_increasing
    table, _ = make_table()
    expected = missing["b"].groupby(np.digitize(table["a"], [-1, 0, 1])).mean()
    assert_allclose(found, expected, atol=0.1 if sampler.method == "missdiff" else 0.06)
    by_g = rows["c"].isna().groupby(complete["g"] > 0).mean()
    assert by_g[True] > by_g[False] + 0.15
    # Nothing made up: the gaps of d have to do with no other column.
    assert rows["d"].isna().groupby(a).mean().std() < 0.05


def test_contract(fitted, rows, tmp_path):
    sampler, _ = fitted
    few = sampler.sample(40, keep_missing=True)
    pd.testing.assert_frame_equal(few, rows[:40])
    batches = sampler.sample_batches(40, 7, keep_missing=True)
    pd.testing.assert_frame_equal(pd.concat(batches, ignore_index=True), few)
    sampler.save(tmp_path / "model.npz")
    loaded = MissDiffSampler.load(tmp_path / "model.npz")
    pd.testing.assert_frame_equal(loaded.sample(40, keep_missing=True), few)
    again = sampler.to_imputer().to_sampler()
    pd.testing.assert_frame_equal(again.sample(40, keep_missing=True), few)
    other = sampler.sample(40, keep_missing=True, random_state=1)
    assert not other.isna().equals(few.isna())


def test_given_cells_stay(fitted):
    rows = fitted[0].sample(500, given={"a": 2.0, "b": 1.5}, keep_missing=True)
    assert (rows[["a", "b"]] == [2.0, 1.5]).all(axis=None)
    assert rows.isna().any(axis=None)


def test_no_row_of_the_table_is_kept(fitted):
    sampler, _ = fitted
    for name, value in vars(sampler._mask_model).items():
        assert np.size(np.asarray(value, dtype=object)) < 200, name


def test_a_sampler_of_an_imputer_knows_no_gaps():
    X = np.random.default_rng(0).normal(size=(30, 2))
    sampler = MissDiffImputer(max_iter=0).fit(X).to_sampler()
    with pytest.raises(ValueError, match="Fit a MissDiffSampler"):
        sampler.sample(3, keep_missing=True)


def test_a_refit_forgets_the_gaps_of_the_first_fit():
    X = np.random.default_rng(0).normal(size=(30, 2))
    imputer = MissDiffSampler(max_iter=0).fit(np.where(X > 1, np.nan, X)).to_imputer()
    sampler = imputer.fit(X[:, :1]).to_sampler()
    with pytest.raises(ValueError, match="Fit a MissDiffSampler"):
        sampler.sample(3, keep_missing=True)


def test_a_table_without_gaps_gets_none():
    X = np.random.default_rng(0).normal(size=(30, 2))
    sampler = MissDiffSampler(max_iter=0, random_state=0).fit(X)
    assert_array_equal(sampler.sample(9, keep_missing=True), sampler.sample(9))


@pytest.mark.parametrize("marker", [-1, "?"])
def test_gaps_are_marked_as_in_the_table(marker):
    rng = np.random.default_rng(0)
    text = isinstance(marker, str)
    X = rng.choice(["a", "b"], (60, 2)).astype(object) if text else rng.integers(0, 9, (60, 2))
    X[rng.random(X.shape) < 0.3] = marker
    sampler = MissDiffSampler(max_iter=0, missing_values=marker, random_state=0).fit(X)
    rows = sampler.sample(300, keep_missing=True)
    assert rows.dtype == X.dtype
    assert (rows == marker).mean() == pytest.approx(0.3, abs=0.08)
    if not text:
        assert rows[rows != marker].min() >= 0


def test_polars_and_empty_columns():
    rng = np.random.default_rng(0)
    x = [None if v < 0.3 else v for v in rng.random(60)]
    frame = pl.DataFrame({"x": x, "n": [1, 2, None] * 20, "no": [None] * 60})
    sampler = MissDiffSampler(max_iter=0, keep_empty_features=True, random_state=0).fit(frame)
    rows = sampler.sample(400, keep_missing=True)
    assert rows["n"].dtype == pl.Int64
    rates = [rows[name].null_count() / 400 for name in frame.columns]
    assert_allclose(rates, [np.mean([v is None for v in x]), 1 / 3, 1], atol=0.08)


def test_rates_are_those_of_all_rows_and_rules_hold():
    rng = np.random.default_rng(0)
    layout = CodeLayout((1, 1, 1), (False, False, False))
    codes = rng.normal(size=(4000, 3))
    gap = rng.random(4000) < expit(3 * codes[:, 1])
    missing = np.column_stack([gap, gap & (rng.random(4000) < 0.1), ~gap])
    chosen = np.flatnonzero(codes[:, 1] > -1)  # in which gaps are more frequent
    model = MaskModel(missing, chosen, codes[chosen], layout)
    drawn = model.draw(codes, rng.random((4000, 3)), np.zeros((4000, 3), dtype=bool))
    assert (drawn[:, 0] == ~drawn[:, 2]).mean() > 0.99
    assert (drawn[:, 1] & ~drawn[:, 0]).mean() < 0.003
    assert drawn[codes[:, 1] > 1, 0].mean() > 0.85
    assert drawn[codes[:, 1] < -1, 0].mean() < 0.15


def test_few_of_many_predictors_count():
    rng = np.random.default_rng(0)
    n_columns = 300
    layout = CodeLayout((1,) * n_columns, (False,) * n_columns)
    codes = rng.normal(size=(2000, n_columns))
    missing = np.zeros(codes.shape, dtype=bool)
    missing[:, 0] = rng.random(2000) < expit(2 * codes[:, 250] - 1)
    missing[:, 1] = missing[:, 0] & (rng.random(2000) < 0.5)
    missing[:, 2:8] = rng.random((2000, 6)) < 0.2
    model = MaskModel(missing, np.arange(2000), codes, layout)
    assert ((model._of_codes != 0).sum(axis=1) <= 64).all()
    fresh = rng.normal(size=(4000, n_columns))
    drawn = model.draw(fresh, rng.random(fresh.shape), np.zeros(fresh.shape, dtype=bool))
    assert_allclose(drawn.mean(axis=0), missing.mean(axis=0), atol=0.025)
    truth = expit(2 * fresh[:, 250] - 1)
    for side in (fresh[:, 250] > 1, fresh[:, 250] < -1):
        assert drawn[side, 0].mean() == pytest.approx(truth[side].mean(), abs=0.06)
    assert (drawn[:, 1] & ~drawn[:, 0]).mean() < 0.005


def test_a_rule_of_gaps_shows_in_few_rows():
    """The second column is missing exactly where the first is large."""
    rng = np.random.default_rng(0)
    layout = CodeLayout((1, 1), (False, False))
    codes = rng.normal(size=(100, 2))
    missing = np.column_stack([np.zeros(100, dtype=bool), codes[:, 0] > 1])
    model = MaskModel(missing, np.arange(100), codes, layout)
    fresh = rng.normal(size=(4000, 2))
    drawn = model.draw(fresh, rng.random(fresh.shape), np.zeros(fresh.shape, dtype=bool))
    assert drawn[fresh[:, 0] > 1.5, 1].mean() > 0.7
    assert drawn[fresh[:, 0] < 0.5, 1].mean() < 0.05
