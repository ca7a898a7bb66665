"""Shifts of what is drawn, and where a conclusion turns."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from skmissdiff import MissDiffImputer
from skmissdiff.inference import TippingPoint, tipping_point
from skmissdiff.inference._tipping_point import find_turns

WAYS = ["none", "bootstrap"]


def holed(n_rows=120):
    rng = np.random.default_rng(0)
    z = rng.normal(size=n_rows)
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.rint(30 * z), unit="D")
    frame = pd.DataFrame(
        {
            "a": z,
            "b": 2 * z + 0.3 * rng.normal(size=n_rows),
            "count": pd.array(np.rint(50 + 3 * rng.normal(size=n_rows)), dtype="Int64"),
            "day": day,
            "c": np.where(rng.random(n_rows) < 0.5, "u", "v"),
        }
    )
    return frame.mask(rng.random(frame.shape) < 0.3)


@pytest.fixture(scope="module")
def X():
    return holed()


@pytest.fixture(scope="module")
def imputer(X):
    return MissDiffImputer(max_iter=0, random_state=0).fit(X)


def impute(imputer, X, delta, proper="none", n=3):
    return imputer.multiple_impute(X, n, proper=proper, delta=delta)


@pytest.mark.parametrize("proper", WAYS)
def test_missing_cells_are_shifted_and_observed_ones_are_not(imputer, X, proper):
    gap = X["a"].isna()
    pairs = zip(
        impute(imputer, X, {"a": 0}, proper), impute(imputer, X, {"a": -2.5}, proper), strict=True
    )
    for plain, moved in pairs:
        np.testing.assert_allclose((moved["a"] - plain["a"])[gap], -2.5)
        assert moved["a"][~gap].equals(X["a"][~gap])
        assert (moved.dtypes == X.dtypes).all()
        assert not moved.isna().any(axis=None)


def test_the_other_missing_cells_of_the_row_know(imputer, X):
    both = X["a"].isna() & X["b"].isna() & X["day"].isna()
    only_b = X["a"].notna() & X["b"].isna()
    pairs = zip(impute(imputer, X, {"a": 0}), impute(imputer, X, {"a": 0.5}), strict=True)
    for plain, moved in pairs:
        change = moved["b"] - plain["b"]
        assert 0.7 < change[both].mean() < 1.3  # of a slope of 2
        assert change[both].std() < 0.2  # with the same noise, or it were .4
        assert (change[only_b] == 0).all()  # the noise is the same
        assert (moved["count"] == plain["count"]).mean() > 0.8


def test_later_columns_have_the_same_noise_whatever_the_first_shift(imputer, X):
    both = X["a"].isna() & X["count"].isna()
    tables = [impute(imputer, X, {"a": d, "count": 0}, n=10) for d in (0, 0.5)]
    same = [(one["count"] == other["count"])[both] for one, other in zip(*tables, strict=True)]
    assert np.mean(same) > 0.8  # counts tell little of a


def test_others_are_drawn_beside_what_is_written(imputer, X):
    """A whole number is shifted to a whole one, also where the other cells look at it."""
    plain, moved = (impute(imputer, X, {"count": d}, n=1)[0] for d in (0, 0.4))
    pd.testing.assert_frame_equal(plain, moved)


def test_each_column_has_its_units(imputer, X):
    delta = {"count": 7.6, "day": dt.timedelta(days=40)}
    plain, moved = (
        impute(imputer, X, dict(delta, count=0, day=dt.timedelta(0)), n=1),
        impute(imputer, X, delta, n=1),
    )
    change = (moved[0]["count"] - plain[0]["count"])[X["count"].isna()]
    assert set(change.unique()) == {8}
    days = (moved[0]["day"] - plain[0]["day"])[X["day"].isna()]
    # Drawn given the shifted counts, which tell nothing of days.
    assert abs(days.mean() - pd.Timedelta(days=40)) < pd.Timedelta(days=6)
    alone = impute(imputer, X, {"day": np.timedelta64(40, "D")}, n=1)[0]
    base = impute(imputer, X, {"day": dt.timedelta(0)}, n=1)[0]
    assert ((alone["day"] - base["day"])[X["day"].isna()] == pd.Timedelta(days=40)).all()


def test_columns_are_named_by_index_in_arrays():
    X = np.random.default_rng(0).normal(size=(40, 2))
    X[::3, 1] = np.nan
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(X)
    plain, moved = (imputer.multiple_impute(X, 1, delta={1: d})[0] for d in (0.0, 3.0))
    np.testing.assert_allclose((moved - plain)[::3, 1], 3.0)
    np.testing.assert_array_equal(moved[1::3], X[1::3])
    complete = np.nan_to_num(X)
    np.testing.assert_array_equal(imputer.multiple_impute(complete, 1, delta={1: 3})[0], complete)


@pytest.mark.parametrize(
    ("delta", "error", "message"),
    [
        (-2, TypeError, "delta must be a dict"),
        ({"z": 1}, ValueError, "delta names column 'z'"),
        ({"c": 1}, ValueError, "delta names column 'c', which is categorical"),
        ({"a": 1, 0: 2}, ValueError, "column 'a' twice"),
        ({"a": "1"}, TypeError, "delta of column 'a' must be a finite number, got '1'"),
        ({"a": np.nan}, TypeError, "finite number, got nan"),
        ({"day": 3}, TypeError, "column 'day', which holds times, must be a duration"),
        ({"a": dt.timedelta(1)}, TypeError, "delta of column 'a' must be a finite number"),
    ],
)
def test_wrong_shifts_are_named(imputer, X, delta, error, message):
    with pytest.raises(error, match=message):
        impute(imputer, X, delta)


def mean_of_b(table):
    b = table["b"]
    return {"mean": b.mean()}, np.array([[b.var() / len(b)]])


def test_tipping_point_of_a_mean(imputer, X):
    """Half of the story is known: the mean moves by the share of missing cells."""
    complete = X.assign(b=X["b"] + 2)
    fitted = MissDiffImputer(max_iter=0, random_state=0).fit(complete)
    found = tipping_point(
        fitted, complete, mean_of_b, "b", np.arange(-8, 3), parameter="mean", n_imputations=5
    )
    assert isinstance(found, TippingPoint)
    share = X["b"].isna().mean()
    np.testing.assert_allclose(np.diff(found.estimate), share)
    (turn,) = found.turns
    place = np.searchsorted(found.deltas, turn)
    low = found.interval[:, 0]
    assert low[place] > 0 > low[place - 1]
    assert "mean is above 0 if cells of b are missing at random; that turns" in repr(found)
    again = tipping_point(fitted, complete, mean_of_b, "b", [turn], parameter=0, n_imputations=5)
    assert abs(again.interval[0, 0]) < 0.03


def test_turns_on_either_side():
    deltas = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    middle = deltas[:, None] + [-1.5, 1.5]
    np.testing.assert_allclose(find_turns(deltas, middle, 0.0), [-1.5, 1.5])
    assert len(find_turns(deltas, middle * 0 + [-1, 1], 0.0)) == 0
    above = middle + 2.5
    np.testing.assert_allclose(find_turns(deltas, above, 0.0), [-1.0])
    np.testing.assert_allclose(find_turns(deltas, -above[:, ::-1], 0.0), [-1.0])
    jump = np.array([[-9, -8], [-9, -8], [1, 2], [1, 2], [1, 2]], dtype=float)
    np.testing.assert_allclose(find_turns(deltas, jump, 0.0), [-0.1])
    np.testing.assert_allclose(find_turns(deltas, middle + 3, 3.0), [-1.5, 1.5])


def test_tipping_point_refuses(imputer, X):
    with pytest.raises(ValueError, match=r"parameter='slope' is none of .*mean"):
        tipping_point(imputer, X, mean_of_b, "b", [1], parameter="slope", n_imputations=2)
    with pytest.raises(ValueError, match="parameter=3"):
        tipping_point(imputer, X, mean_of_b, "b", [1], parameter=3, n_imputations=2)
    with pytest.raises(ValueError, match="deltas must be finite"):
        tipping_point(imputer, X, mean_of_b, "b", [np.inf], parameter=0)
    from sklearn.impute import SimpleImputer

    with pytest.raises(TypeError, match="needs a MissDiffImputer, got SimpleImputer"):
        tipping_point(SimpleImputer().fit([[1.0]]), X, mean_of_b, "b", [1], parameter=0)


def test_plot(imputer, X):
    plt = pytest.importorskip("matplotlib.pyplot")
    found = tipping_point(imputer, X, mean_of_b, "b", [-20, 20], parameter="mean", n_imputations=2)
    ax = found.plot()
    assert ax.get_ylabel() == "mean"
    assert "b" in ax.get_xlabel()
    marked = [line for line in ax.lines if next(iter(line.get_xdata())) in found.turns.tolist()]
    assert len(marked) == len(found.turns) == 2
    _, own = plt.subplots()
    assert found.plot(ax=own) is own
    plt.close("all")


def test_a_cell_that_stays_empty_moves_no_other():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=120), "c": rng.choice(["u", "v"], 120)})
    X["b"] = X["a"] + 0.1 * rng.normal(size=120)
    X.loc[:59, ["a", "b"]] = np.nan
    imputer = MissDiffImputer(max_iter=0, bounds=None, random_state=0).fit(X)
    where = {"a": ("c", "u")}
    (small,) = imputer.multiple_impute(X, 1, delta={"a": 1e-9}, where=where)
    (large,) = imputer.multiple_impute(X, 1, delta={"a": 50}, where=where)
    empty = large["a"].isna()
    assert empty.equals(X["a"].isna() & (X["c"] == "v"))
    assert np.allclose(small["b"][empty], large["b"][empty])
    assert (large["b"] - small["b"])[X["a"].isna() & ~empty].min() > 20


RULES = {
    "pair": {"a": ("c", "u")},
    "function": {"a": lambda table: table["c"] == "u"},
    "chain": {"a": ("d", "x"), "d": ("c", "u")},
}


@pytest.mark.parametrize("rule", RULES)
def test_a_shift_does_not_move_what_decides_whether_there_is_a_value(rule):
    """Whether a question applies is drawn before the answer, whatever that is shifted by."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=200)
    X = pd.DataFrame({"a": a, "c": np.where(a + 0.5 * rng.normal(size=200) > 0, "u", "v")})
    X["b"] = a + 0.1 * rng.normal(size=200)
    X["d"] = "x"
    X.loc[X["c"] == "v", "d"] = None if rule == "chain" else "y"
    X.loc[::2, ["a", "b"]] = np.nan
    X.loc[::4, ["c", "d"]] = None
    imputer = MissDiffImputer(max_iter=0, bounds=None, random_state=0).fit(X)
    tables = [
        imputer.multiple_impute(X, 2, delta={"a": delta}, where=RULES[rule]) for delta in (0, 50)
    ]
    for plain, moved in zip(*tables, strict=True):
        asked = X["a"].isna()
        assert moved["c"].equals(plain["c"])
        assert 0.2 < (moved["c"][X["c"].isna()] == "u").mean() < 0.8
        applies = asked & (moved["c"] == "u")
        assert (moved["a"].isna() == (asked & ~applies)).all()
        assert np.allclose((moved["a"] - plain["a"])[applies], 50)
        follows = applies & X["c"].notna() if rule == "function" else applies
        assert (moved["b"] - plain["b"])[follows].min() > 20
        assert moved["b"][asked & ~applies].equals(plain["b"][asked & ~applies])


def test_what_decides_may_be_shifted_itself():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.integers(10, 30, 120).astype(float), "a": rng.normal(size=120)})
    X.loc[X["age"] != 20, "a"] = np.nan
    X.loc[::3, "age"] = np.nan
    imputer = MissDiffImputer(max_iter=0, random_state=0).fit(X)
    where = {"a": lambda table: table["age"] > 100}
    plain, base, moved = (
        imputer.multiple_impute(X, 1, delta={"a": a, "age": age}, where=where)[0]
        for a, age in ((0, 0), (0, 100), (1, 100))
    )
    gone = X["a"].isna()
    assert plain["a"].isna().equals(gone)
    assert moved["a"].isna().equals(gone & X["age"].notna())
    assert np.allclose((moved["a"] - base["a"])[gone & X["age"].isna()], 1)
