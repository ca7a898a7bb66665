"""Rows of which some cells are given: what comes back, what is refused, what is drawn."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skmissdiff import MissDiffSampler
from skmissdiff._diffusion.inference import CALL_ROWS
from skmissdiff._draws.noise import RowKeys

METHODS = ["masked", "missdiff"]


def make_frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    frame = pd.DataFrame(
        {
            "x": x,
            "half": (x + rng.normal(size=60)).astype("float32"),
            "count": pd.array(np.rint(3 * x), dtype="Float64").astype("Int8"),
            "size": pd.Categorical(np.where(x > 0.5, "big", "small")),
            "flag": x > 0,
        }
    )
    return frame.mask(rng.random(frame.shape) < [0.2, 0.2, 0.2, 0.2, 0])


def fit(X, method="masked", **params):
    quick = {"max_iter": 3, "n_steps": 3, "random_state": 0}
    return MissDiffSampler(method, **{**quick, **params}).fit(X)


@pytest.fixture(scope="module", params=METHODS)
def sampler(request):
    return fit(make_frame(), request.param, bounds=None)


def test_given_values_come_back_and_the_others_are_drawn(sampler):
    x = np.array([0.1 + 0.2, 1e9, -5.0])  # far outside the observed range, too
    rows = sampler.sample(given={"x": x, "size": "big", "count": [1, None, 3], 4: False})
    assert_array_equal(rows["x"], x)
    assert rows["size"].tolist() == ["big"] * 3
    assert rows["count"].tolist()[::2] == [1, 3]
    assert rows["flag"].tolist() == [False] * 3
    assert rows.notna().all(axis=None)
    assert rows.dtypes.equals(sampler.sample(1).dtypes)
    assert not rows["half"].duplicated().any()


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_partial_rows_are_completed_one_by_one(sampler, library):
    columns = {"size": ["big", None, "small"], "x": [None, 0.5, 1.5]}
    rows = sampler.sample(given=library(columns))
    same = sampler.sample(given=columns)
    pd.testing.assert_frame_equal(rows, same)
    assert rows["size"].tolist()[::2] == ["big", "small"]
    assert rows["x"].tolist()[1:] == [0.5, 1.5]
    assert rows.notna().all(axis=None)


def test_rows_of_the_training_table_are_completed(sampler):
    frame = make_frame()
    rows = sampler.sample(given=frame)
    seen = frame.notna()
    assert (rows.astype(object) == frame.astype(object)).where(seen, True).all(axis=None)
    assert rows.notna().all(axis=None)


def test_partial_rows_of_arrays_and_lists():
    X = make_frame()[["x", "half"]].to_numpy()
    sampler = fit(X)
    rows = sampler.sample(given=[[None, 1.0], [2.0, None], [0.25, 0.5]])
    assert_array_equal(rows[[0, 1, 2, 2], [1, 0, 0, 1]], [1.0, 2.0, 0.25, 0.5])
    assert_array_equal(sampler.sample(given=np.array([[np.nan, 1.0]])), rows[:1])
    assert np.isfinite(rows).all()


def test_infrequent_levels_stay_themselves():
    levels = np.array([f"l{i:02d}" for i in range(20)] * 3, dtype=object)
    sampler = fit(pd.DataFrame({"c": levels, "x": np.arange(60.0)}), max_categories=4)
    assert sampler.sample(20, given={"c": "l17"})["c"].tolist() == ["l17"] * 20


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("count", range(1, 4)),
        ("count", pd.Index([1, 2, 3])),
        ("count", pd.array([1, 2, 3])),
        ("x", pd.array([1.0, None, 3.0], dtype="Float64")),
        ("size", pd.Categorical(["big", "small", "big"])),
        ("size", pd.array(["big", None, "big"], dtype="string")),
        ("size", pd.Index(["big", "small", "big"])),
        ("flag", pd.array([True, False, None])),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_has_a_length_holds_a_value_per_row(sampler, name, values):
    rows = sampler.sample(given={name: values})
    as_list = [None if pd.isna(value) else value for value in values]
    pd.testing.assert_frame_equal(rows, sampler.sample(given={name: as_list}))


def test_partial_rows_keep_their_index(sampler):
    given = pd.DataFrame({"x": [0.5, None, 1.5]}, index=pd.Index([7, 3, 5], name="patient"))
    rows = sampler.sample(given=given)
    pd.testing.assert_index_equal(rows.index, given.index)
    batches = pd.concat(sampler.sample_batches(batch_size=2, given=given))
    pd.testing.assert_frame_equal(batches, rows)
    same = sampler.sample(given=given.reset_index(drop=True))
    pd.testing.assert_frame_equal(rows.reset_index(drop=True), same)
    assert sampler.sample(2, given=given[:1]).index.tolist() == [0, 1]


def test_one_partial_row_serves_for_all(sampler):
    frame = pd.DataFrame({"x": [0.5]})
    rows = sampler.sample(7, given=frame)
    pd.testing.assert_frame_equal(rows, sampler.sample(7, given={"x": 0.5}))
    assert len(sampler.sample(given={"x": 0.5})) == 1
    assert len(set(rows["half"])) == 7


def test_nothing_given_is_plain_sampling(sampler):
    pd.testing.assert_frame_equal(sampler.sample(4, given={}), sampler.sample(4))
    rows = sampler.sample(given=pd.DataFrame(index=list("abcd")))
    assert rows.index.tolist() == list("abcd")
    assert rows["half"].nunique() == 4


def test_whole_numbers_that_a_float_holds_may_be_large(sampler):
    x = [-(2**53), 2**60, 2**53 - 1]
    assert sampler.sample(given={"x": x})["x"].tolist() == x


@pytest.mark.parametrize(
    "levels",
    [pd.interval_range(0, 4), pd.date_range("2024-01-01", periods=4)],
    ids=["intervals", "times"],
)
def test_levels_of_any_type_are_given_one_by_one(levels):
    X = pd.DataFrame({"c": pd.Categorical(levels.repeat(10)), "v": np.arange(40.0)})
    sampler = fit(X)
    assert sampler.sample(2, given={"c": levels[1]})["c"].tolist() == [levels[1]] * 2
    assert sampler.sample(given={"c": list(levels[:2])})["c"].tolist() == list(levels[:2])
    if isinstance(levels, pd.DatetimeIndex):
        rows = sampler.sample(2, given={"c": levels[1].to_pydatetime()})
        assert rows["c"].tolist() == [levels[1]] * 2
    with pytest.raises(ValueError, match="column 'c' to 'b', a level that was not seen"):
        sampler.sample(given={"c": "b"})


def test_rows_depend_on_neither_batch_nor_neighbours(sampler):
    n_rows = CALL_ROWS + 40
    x = np.linspace(-2, 2, n_rows)
    whole = sampler.sample(given={"x": x})
    pd.testing.assert_frame_equal(sampler.sample(given={"x": x[:30]}), whole[:30])
    other = np.where(np.arange(n_rows) == n_rows - 1, x, 0.0)
    last = sampler.sample(given={"x": other})[-1:]
    pd.testing.assert_frame_equal(last, whole[-1:])
    pd.testing.assert_frame_equal(sampler.sample(given={"x": x}), whole)
    assert not sampler.sample(given={"x": x}, random_state=1).equals(whole)
    same = sampler.sample(9, given={"x": 0.5})
    pd.testing.assert_frame_equal(sampler.sample(4, given={"x": 0.5}), same[:4])


@pytest.mark.parametrize("given", [None, {"x": 0.5}, {"x": np.linspace(-1, 1, 25)}])
@pytest.mark.parametrize("batch_size", [1, 10, 25, 400])
def test_batches_are_the_sample_in_pieces(sampler, given, batch_size):
    batches = list(sampler.sample_batches(25, batch_size, given=given))
    assert [len(batch) for batch in batches][:-1] == [batch_size] * (len(batches) - 1)
    joined = pd.concat(batches)
    pd.testing.assert_frame_equal(joined, sampler.sample(25, given=given))


def test_batches_come_one_at_a_time(sampler, monkeypatch):
    drawn = []
    keys_of = RowKeys.of_indices
    monkeypatch.setattr(
        RowKeys, "of_indices", lambda self, *ends: drawn.append(ends) or keys_of(self, *ends)
    )
    batches = sampler.sample_batches(10**9, 5)
    assert drawn == []
    assert len(next(batches)) == len(next(batches)) == 5
    assert drawn == [(0, 5), (5, 10)]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"y": 1}, ValueError, "given names column 'y', but the columns are"),
        ({9: 1}, ValueError, "given names column 9, but X has 5 columns"),
        ({"x": 1, 0: 2}, ValueError, "given names column 'x' twice"),
        ({"x": np.nan}, ValueError, "sets column 'x' to nan.*Leave the column out"),
        ({"size": None}, ValueError, "sets column 'size' to None.*Leave the column out"),
        ({"x": np.inf}, ValueError, "infinity.*column 'x'"),
        ({"x": "low"}, TypeError, "Column 'x' held numbers.*'low'"),
        ({"size": "huge"}, ValueError, "column 'size' to 'huge'.*levels are 'big', 'small'"),
        ({"size": ["big", "huge"]}, ValueError, "column 'size' to 'huge'"),
        ({"count": 2.5}, ValueError, "column 'count' to 2.5.*whole number from -128 to 127"),
        ({"count": [1, 300]}, ValueError, "column 'count' to 300"),
        ({"x": [1.0, 2.0, 3.0], "half": [1.0, 2.0]}, ValueError, "3 values of column 'x', but 2"),
        ({"half": np.ones((2, 2))}, ValueError, "one per row for column 'half'"),
        ({"x": []}, ValueError, "one per row for column 'x'"),
        (pd.DataFrame({"x": []}), ValueError, "given has no rows"),
        (pl.DataFrame({"size": []}), ValueError, "given has no rows"),
        (np.ones((0, 5)), ValueError, "given has no rows"),
        (pl.LazyFrame({"x": [1.0]}), TypeError, r"not supported.*given.collect\(\)"),
        ({"half": 1e300}, ValueError, "column 'half' to 1e.300.*float32 cannot.*at most 3.4"),
        ({"x": 2**53 + 1}, ValueError, "column 'x' to 9007199254740993.*nearest one is 90.*92"),
        ({"x": pl.Series([1, 2**60 + 1])}, ValueError, "column 'x' to 1152921504606846977"),
        ({"x": np.array([1, 2**60 + 1])}, ValueError, "column 'x' to 1152921504606846977"),
        ({"x": pd.Series([], dtype=float)}, ValueError, "one per row for column 'x'"),
        ({"x": {1.0, 2.0}}, TypeError, "a set for column 'x'.*Give a list"),
        ([1.0, 2.0], ValueError, "array of partial rows with 5 columns, got list of shape"),
        (3, ValueError, "given must be a dict of columns"),
    ],
)
def test_what_cannot_be_given(sampler, given, error, message):
    with pytest.raises(error, match=message):
        sampler.sample(given=given)
    with pytest.raises(error, match=message):  # before the first batch is asked for
        sampler.sample_batches(given=given)


def test_wrong_numbers_of_rows(sampler):
    with pytest.raises(ValueError, match="given has 3 rows, but n_samples=5"):
        sampler.sample(5, given={"x": [1.0, 2.0, 3.0]})
    with pytest.raises(ValueError, match="batch_size"):
        sampler.sample_batches(5, 0)


def test_a_column_that_was_never_observed_cannot_be_given():
    frame = make_frame().assign(empty=np.nan)
    sampler = fit(frame, keep_empty_features=True)
    with pytest.raises(ValueError, match="column 'empty', which had no observed value"):
        sampler.sample(given={"empty": 1.0})


def test_generated_numbers_stay_in_the_observed_range():
    X = np.random.default_rng(0).normal(size=(40, 2))
    rows = fit(X, scaling="standard").sample(500)
    assert (rows.min(axis=0) == X.min(axis=0)).all()
    assert (rows.max(axis=0) == X.max(axis=0)).all()
    free = fit(X, scaling="standard", bounds=None).sample(500)
    assert (free.max(axis=0) > X.max(axis=0)).all()


def test_conditional_distribution_of_a_gaussian():
    rng = np.random.default_rng(0)
    covariance = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.1], [0.5, 0.1, 1.0]])
    X = rng.multivariate_normal([1, 2, 3], covariance, 4000)
    X[rng.random(X.shape) < 0.3] = np.nan
    sampler = MissDiffSampler(max_iter=0, scaling="standard", bounds=None, random_state=0).fit(X)
    rows = sampler.sample(4000, given={0: 2.5})
    gain = covariance[1:, 0]
    expected = covariance[1:, 1:] - np.outer(gain, gain)
    assert_allclose(rows[:, 1:].mean(axis=0), np.array([2, 3]) + 1.5 * gain, atol=0.07)
    assert_allclose(np.cov(rows[:, 1:].T), expected, atol=0.06)


def test_conditional_distribution_of_a_mixture():
    """x given y = 0.5 of two normal clouds is itself such a mixture, with known weights."""
    rng = np.random.default_rng(0)
    upper = rng.random(3000) < 0.4
    X = np.where(upper[:, None], [2.0, 1.0], [-2.0, -1.0]) + 0.6 * rng.normal(size=(3000, 2))
    sampler = MissDiffSampler(max_iter=600, random_state=0).fit(X)
    x = sampler.sample(2000, given={1: 0.3})[:, 0]
    odds = 0.4 / 0.6 * np.exp(stats.norm(1, 0.6).logpdf(0.3) - stats.norm(-1, 0.6).logpdf(0.3))
    assert (x > 0).mean() == pytest.approx(odds / (1 + odds), abs=0.08)
    assert x[x > 0].mean() == pytest.approx(2, abs=0.12)
    assert x[x > 0].std() == pytest.approx(0.6, abs=0.12)


def test_conditional_distribution_of_a_contingency_table():
    rng = np.random.default_rng(0)
    table = np.array([[8, 4, 2, 1], [1, 2, 5, 2], [0.5, 6, 0.5, 8]])
    table = table / table.sum()
    rows, columns = np.unravel_index(rng.choice(12, 4000, p=table.ravel()), table.shape)
    X = np.column_stack([np.array(list("abc"))[rows], np.array(list("stuv"))[columns]])
    sampler = MissDiffSampler(max_iter=200, random_state=0).fit(X)
    for i, level in enumerate("abc"):
        drawn = sampler.sample(1500, given={0: level})[:, 1]
        shares = [(drawn == other).mean() for other in "stuv"]
        assert_allclose(shares, table[i] / table[i].sum(), atol=0.1)


def test_partial_rows_may_have_a_column_that_was_empty():
    X = make_frame().assign(empty=np.nan)
    with pytest.warns(UserWarning, match="empty"):
        sampler = fit(X)
    assert len(sampler.sample(given=X.head(2))) == 2
    with pytest.raises(ValueError, match="'empty', which had no observed value in fit"):
        sampler.sample(given=X.head(2).assign(empty=1.0))


def test_a_given_level_comes_back_as_the_level_seen_in_fit():
    """True equals 1, and pandas finds no True among the levels 1, 2 and 3."""
    X = pd.DataFrame({"c": pd.Categorical([1, 2, 3] * 20), "v": np.arange(60.0)})
    assert fit(X).sample(2, given={"c": True})["c"].tolist() == [1, 1]


def test_batches_are_of_the_fit_that_was_asked():
    X = np.random.default_rng(0).normal(size=(40, 2))
    sampler = fit(X)
    whole = sampler.sample(6)
    batches = sampler.sample_batches(6, 3)
    first = next(batches)
    sampler.fit(X + 1000)
    assert_array_equal(np.concatenate([first, next(batches)]), whole)
