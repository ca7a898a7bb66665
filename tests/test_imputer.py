"""What the imputer's documentation promises, beyond scikit-learn's own contract."""

import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.impute import MissingIndicator

from skmissdiff import MissDiffImputer, MissDiffSampler, PaperMethod, TableEncoder, _base
from skmissdiff._diffusion.conditional import Conditional
from skmissdiff._diffusion.denoiser import PreconditionedDenoiser
from skmissdiff._diffusion.inference import CALL_ROWS
from skmissdiff._diffusion.paper import NoisePredictor
from skmissdiff._imputer import SCORE_FRACTION, SCORE_SEED

METHODS = ["masked", "missdiff"]
LEVELS = ["low", "mid", "high"]
FEW = pytest.mark.filterwarnings("ignore:.* too few to train a network")
EMPTY = "Skipping features without any observed values"


def build(method="masked", **params):
    quick = {"max_iter": 5, "n_steps": 4, "bounds": None, "random_state": 0}
    if method == "missdiff" and not params.get("sample_posterior"):
        quick["n_draws"] = 3
    return MissDiffImputer(method, **{**quick, **params})


def numbers(n_rows=40, n_columns=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 1)) + 0.5 * rng.normal(size=(n_rows, n_columns))
    X[rng.random(X.shape) < 0.25] = np.nan
    return X


def mixed_cells(n_rows=40):
    """Columns as lists with None: a float, a whole float, an integer, levels, booleans, text."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=n_rows)
    cells = {
        "x": (z + 0.1).tolist(),
        "whole": np.rint(3 * z).tolist(),
        "count": np.rint(5 * z).astype(int).tolist(),
        "size": [LEVELS[i] for i in np.digitize(z, [-0.5, 0.5])],
        "flag": (z > 0).tolist(),
        "city": rng.choice(["Rome", "Oslo"], n_rows).tolist(),
    }
    for column in cells.values():
        for row in np.flatnonzero(rng.random(n_rows) < 0.25):
            column[row] = None
    return cells


def mixed_pandas():
    cells = mixed_cells()
    return pd.DataFrame(
        {
            "x": pd.Series(cells["x"], dtype="float32"),
            "whole": pd.Series(cells["whole"], dtype="float64"),
            "count": pd.array(cells["count"], dtype="Int16"),
            "size": pd.Categorical(cells["size"], categories=LEVELS, ordered=True),
            "flag": pd.array(cells["flag"], dtype="boolean"),
            "city": pd.Series(cells["city"], dtype="str"),
        }
    )


def mixed_polars():
    schema = {
        "x": pl.Float32,
        "whole": pl.Float64,
        "count": pl.Int16,
        "size": pl.Enum(LEVELS),
        "flag": pl.Boolean,
        "city": pl.String,
    }
    cells = mixed_cells()
    cells["x"] = np.array(cells["x"], dtype=np.float32)
    cells["x"] = pl.Series(cells["x"]).fill_nan(None)
    return pl.DataFrame(cells, schema=schema)


FRAMES = {"pandas": mixed_pandas, "polars": mixed_polars}


def column(table, name):
    return table[name].to_list()


def nulls(table, name):
    return table[name].isna().to_numpy() if hasattr(table, "iloc") else table[name].is_null()


@pytest.fixture(params=FRAMES)
def library(request):
    return request.param


@pytest.fixture
def frame(library):
    return FRAMES[library]()


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture
def trainings(monkeypatch):
    """How often a network has been trained, as a list with one entry for each time."""
    calls = []
    train = _base.train_denoiser

    def counted(*args, **kwargs):
        calls.append(args)
        return train(*args, **kwargs)

    monkeypatch.setattr(_base, "train_denoiser", counted)
    return calls


@pytest.fixture
def network_calls(monkeypatch):
    """Every evaluation of a network, as a list with one entry for each."""
    calls = []
    evaluations = (
        (PreconditionedDenoiser, "correction"),  # in one pass
        (Conditional, "answer"),  # of a draw
        (NoisePredictor, "forward"),
    )
    for cls, name in evaluations:
        function = getattr(cls, name)

        def counted(self, *args, function=function):
            calls.append(self)
            return function(self, *args)

        monkeypatch.setattr(cls, name, counted)
    return calls


def is_missing(table):
    if isinstance(table, pl.DataFrame):
        table = table.to_pandas()
    return pd.DataFrame(table).isna().to_numpy()


# Point estimates and draws.


def test_a_draw_is_the_first_of_the_multiple_imputations(method):
    X = numbers()
    point, drawing = build(method), build(method, sample_posterior=True)
    draw = drawing.fit(X).transform(X)
    first, second, third = point.fit(X).multiple_impute(X, n_imputations=3)
    assert_array_equal(draw, first)
    missing = np.isnan(X)
    for left, right in ((first, second), (second, third), (draw, point.transform(X))):
        # Two draws may have a donor in common.
        assert np.isclose(left[missing], right[missing]).mean() < 0.1
        assert_array_equal(left[~missing], right[~missing])
    assert len(point.multiple_impute(X)) == 5


def test_draws_are_as_uncertain_as_the_cell():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 1))
    X = np.hstack([z, z + 0.5 * rng.normal(size=(500, 1)), rng.normal(size=(500, 1))])
    imputer = build(max_iter=0, n_steps=20).fit(X)
    holed = np.tile([1.0, np.nan, np.nan], (400, 1))  # one known well, one not at all
    draws = imputer.multiple_impute(holed, 1)[0]
    assert_allclose(draws.mean(axis=0)[1:], [1.0, 0.0], atol=0.15)
    assert_allclose(draws.std(axis=0)[1:], [0.5, 1.0], rtol=0.15)
    point = imputer.transform(holed)
    assert (point == point[0]).all()
    assert_allclose(point[0, 1:], [1.0, 0.0], atol=0.1)


@pytest.mark.parametrize(("aggregate", "once"), [("mean", True), ("median", True), ("mode", False)])
def test_mean_and_median_of_masked_take_one_pass(aggregate, once, network_calls):
    X = numbers()
    # Judged, networks may have no say, and draws ask none.
    imputer = build(aggregate=aggregate, early_stopping=False).fit(X)
    network_calls.clear()
    imputer.transform(X)
    if once:
        assert len(network_calls) == 1
    else:
        assert len(network_calls) >= imputer.n_steps


@pytest.mark.parametrize("params", [{}, {"aggregate": "mode"}, {"sample_posterior": True}])
def test_complete_tables_need_no_network(method, params, network_calls):
    X = numbers()
    imputer = build(method, early_stopping=False, **params).fit(X)
    complete = np.nan_to_num(X)
    network_calls.clear()
    assert_array_equal(imputer.transform(complete), complete)
    for table in imputer.multiple_impute(complete, 3):
        assert_array_equal(table, complete)
    assert network_calls == []
    complete[7, 1] = np.nan  # one row does
    imputer.transform(complete)
    assert network_calls


def test_the_network_goes_to_its_device_once_for_each_use(method, monkeypatch):
    X = np.tile(numbers(), (40, 1))  # three calls of the network and more
    imputer = build(method).fit(X)
    sampler = imputer.to_sampler()
    made = []
    model = _base.Model
    monkeypatch.setattr(_base, "Model", lambda *args: made.append(args) or model(*args))
    for used in (
        lambda: imputer.transform(X),
        lambda: imputer.multiple_impute(X, 3),
        lambda: imputer.score(X),
        lambda: sampler.sample(1100),
        lambda: sampler.sample(given={0: X[:, 0]}),
        lambda: sampler.score_samples(X),
    ):
        made.clear()
        used()
        assert len(made) == 1


def test_more_draws_than_a_call_of_the_network_has_rows():
    X = numbers()[:2]
    X[:, 0] = np.nan
    imputer = build(n_steps=2, donors=False).fit(numbers())
    many = imputer.multiple_impute(X, CALL_ROWS + 9)
    for left, right in zip(many, imputer.multiple_impute(X, 3), strict=False):
        assert_array_equal(left, right)
    assert len({table[0, 0] for table in many}) == CALL_ROWS + 9


def test_point_estimates_of_missdiff_take_draws(network_calls):
    X = numbers()
    imputer = build("missdiff").fit(X)
    network_calls.clear()
    imputer.transform(X)
    assert len(network_calls) == imputer.n_steps
    network_calls.clear()
    imputer.set_params(method=PaperMethod(n_resample=3)).transform(X)
    assert len(network_calls) == 3 * (imputer.n_steps - 1) + 1  # the last step is not repeated


@pytest.mark.parametrize("aggregate", ["mean", "median", "mode"])
def test_aggregates_of_draws(aggregate):
    X = numbers()
    imputer = build("missdiff", aggregate=aggregate, n_draws=9).fit(X)
    draws = np.stack(imputer.multiple_impute(X, 9))
    if aggregate == "mode":
        out = imputer.transform(X)
        assert (out >= draws.min(axis=0)).all()
        assert (out <= draws.max(axis=0)).all()
        assert not np.allclose(out, draws.mean(axis=0))
        assert not np.allclose(out, np.median(draws, axis=0))
    else:
        assert_allclose(imputer.transform(X), getattr(np, aggregate)(draws, axis=0), rtol=1e-5)


def test_mean_median_and_mode_of_a_skewed_column():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.exponential(size=600), rng.normal(size=600)])
    imputer = build(max_iter=150, n_steps=20, early_stopping=False).fit(X)
    holed = np.column_stack([np.full(60, np.nan), rng.normal(size=60)])
    found = {
        how: imputer.set_params(aggregate=how, n_draws=n_draws).transform(holed)[:, 0].mean()
        for how, n_draws in (("mean", 20), ("median", 20), ("mode", 60))
    }
    assert found["mode"] < found["median"] < found["mean"]
    assert found["mean"] == pytest.approx(1.0, abs=0.2)
    assert found["median"] == pytest.approx(np.log(2), abs=0.2)


def test_levels_are_the_most_probable_ones(method):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"s": rng.choice(["a", "b", "c"], 200, p=[0.2, 0.7, 0.1])})
    imputer = build(method, max_iter=30, n_draws=20, n_steps=20).fit(frame)
    new = pd.DataFrame({"s": pd.Series([None] * 5, dtype="str")})
    for aggregate in ("mean", "median", "mode"):
        assert imputer.set_params(aggregate=aggregate).transform(new)["s"].tolist() == ["b"] * 5


def test_multiple_impute_with_seeds(method, frame):
    imputer = build(method).fit(frame)
    own, again = imputer.multiple_impute(frame, 2), imputer.multiple_impute(frame, 2)
    other = imputer.multiple_impute(frame, 2, random_state=7)
    for left, right, third in zip(own, again, other, strict=True):
        assert left.equals(right)
        assert not left.equals(third)
        assert type(third) is type(frame)
    state = np.random.RandomState(7)
    assert imputer.multiple_impute(frame, 2, random_state=state)[1].equals(other[1])
    shorter = imputer.multiple_impute(frame, 1)[0]
    assert shorter.equals(own[0])


@pytest.mark.parametrize("wrong", [0, -1])
def test_wrong_number_of_imputations(wrong):
    imputer = build().fit(numbers())
    with pytest.raises(ValueError, match="n_imputations"):
        imputer.multiple_impute(numbers(), wrong)
    with pytest.raises(TypeError, match="n_imputations"):
        imputer.multiple_impute(numbers(), 2.5)


# The score.


def constant_truth(kinds, n_rows=1500):
    """Independent columns, of which nothing better than a constant is known."""
    rng = np.random.default_rng(0)
    make = {
        "number": lambda: rng.normal(3.0, 10.0, n_rows),
        "level": lambda: rng.choice(["a", "b", "c"], n_rows, p=[0.6, 0.3, 0.1]),
    }
    return pd.DataFrame({f"c{j}": make[kind]() for j, kind in enumerate(kinds)})


def perfect(kinds, n_rows=400):
    """Columns that all say the same: numbers equal, levels their sign."""
    z = np.random.default_rng(0).choice([-1.0, 1.0], n_rows)
    levels = np.where(z > 0, "up", "down")
    return pd.DataFrame(
        {f"p{j}": z if kind == "number" else levels for j, kind in enumerate(kinds)}
    )


@pytest.mark.parametrize("kinds", [["number"] * 3, ["level"] * 3, ["number", "level", "level"]])
def test_a_constant_fill_scores_about_minus_one(kinds):
    X = constant_truth(kinds)
    assert build(max_iter=0).fit(X).score(X) == pytest.approx(-1, abs=0.07)


@pytest.mark.parametrize("kinds", [["number"] * 6, ["level"] * 6, ["number", "level"] * 3])
def test_a_perfect_relation_scores_near_zero(kinds):
    X = perfect(kinds)
    score = build(max_iter=0).fit(X).score(X)
    assert -0.08 < score <= 0


def test_score_mixes_numbers_and_levels_fairly():
    known, unknown = perfect(["level"] * 5), constant_truth(["number"] * 5, n_rows=400)
    X = pd.concat([known, unknown], axis=1)
    assert build(max_iter=0).fit(X).score(X) == pytest.approx(-0.5, abs=0.1)
    scaled = X.assign(**{name: 1e6 * X[name] + 5 for name in unknown})
    original, other = (build(max_iter=0).fit(table).score(table) for table in (X, scaled))
    assert other == pytest.approx(original, abs=1e-3)


def test_score_by_hand(method):
    X = numbers(200)
    imputer = build(method).fit(X)
    hidden = np.random.default_rng(SCORE_SEED).random(X.shape) < SCORE_FRACTION
    hidden &= ~np.isnan(X)
    for sample_posterior in (False, True):
        imputer.set_params(sample_posterior=sample_posterior, n_draws=20)
        guess = imputer.transform(np.where(hidden, np.nan, X))
        errors = [
            np.sqrt(np.mean((guess - X)[cells, j] ** 2)) / np.nanstd(X[:, j])
            for j, cells in enumerate(hidden.T)
        ]
        assert imputer.score(X) == pytest.approx(-np.mean(errors))
    assert imputer.score(X) == imputer.score(X, y=np.zeros(len(X)))


def test_better_models_score_higher():
    X = numbers(300)
    good, poor = build(max_iter=0).fit(X), build(max_iter=0).fit(constant_truth(["number"] * 3))
    poor = build(max_iter=0).fit(np.random.default_rng(0).normal(size=X.shape))
    assert -1 < good.score(X) < 0
    assert good.score(X) > poor.score(X) + 0.1


def test_score_of_too_few_cells():
    imputer = build().fit(numbers())
    with pytest.raises(ValueError, match="too few observed cells"):
        imputer.score(np.full((2, 3), np.nan))


# One fit, two uses.


def test_one_fit_serves_both(method, trainings):
    X = mixed_pandas()
    imputer = build(method, donors=False).fit(X)
    assert len(trainings) == 1
    sampler = imputer.to_sampler()
    back = sampler.to_imputer()
    rows = sampler.sample(4)
    assert_array_equal(is_missing(rows), False)
    pd.testing.assert_frame_equal(back.transform(X), imputer.set_params(n_draws=20).transform(X))
    assert len(trainings) == 1
    assert type(sampler) is MissDiffSampler
    assert type(back) is MissDiffImputer
    assert sampler.denoiser_ is imputer.denoiser_ is back.denoiser_
    alone = clone(sampler).fit(X)
    assert len(trainings) == 2
    pd.testing.assert_frame_equal(alone.sample(4), rows)
    # Another fit of one is none of the other's business.
    before = imputer.transform(X)
    sampler.fit(numbers())
    pd.testing.assert_frame_equal(imputer.transform(X), before)


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_a_clone_of_the_sampler_trains_the_same_model(scaling):
    X = mixed_pandas()
    imputer = build(max_iter=30, scaling=scaling).fit(X)
    sampler = imputer.to_sampler()
    pd.testing.assert_frame_equal(clone(sampler).fit(X).sample(9), sampler.sample(9))
    # Also one that was trained as a sampler, and came back as an imputer.
    own = MissDiffSampler(max_iter=30, n_steps=4, random_state=0).fit(X)
    back = own.to_imputer().to_sampler()
    assert back.n_refreshes == own.n_refreshes > 0
    pd.testing.assert_frame_equal(clone(back).fit(X).sample(9), own.sample(9))


def test_neither_comes_from_an_unfitted_one():
    with pytest.raises(NotFittedError):
        build().to_sampler()
    with pytest.raises(NotFittedError):
        MissDiffSampler().to_imputer()


# Columns that were never observed, and indicators.

DEFAULTS = {"number": 0.0, "boolean": False, "text": "missing_value"}


def with_empty(library):
    if library == "array":
        X = numbers()
        X[:, 1] = np.nan
        return X
    data = {
        "x": numbers()[:, 0],
        "number": [None] * 40,
        "boolean": [None] * 40,
        "text": [None] * 40,
        "y": numbers()[:, 2],
    }
    if library == "polars":
        schema = {"number": pl.Float64, "boolean": pl.Boolean, "text": pl.String}
        return pl.DataFrame(data, schema_overrides=schema).with_columns(
            pl.col("x", "y").fill_nan(None)
        )
    dtypes = {"number": "float64", "boolean": "boolean", "text": "str"}
    return pd.DataFrame(data).astype(dtypes)


@pytest.mark.parametrize("library", ["array", "pandas", "polars"])
def test_empty_columns_are_named_and_dropped(method, library, trainings):
    X = with_empty(library)
    names = r"\[1\]" if library == "array" else r"\['number', 'boolean', 'text'\]"
    imputer = build(method)
    with pytest.warns(UserWarning, match=f"{EMPTY}: {names}.*keep_empty_features") as caught:
        imputer.fit(X)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    out = imputer.transform(X)
    kept = imputer.get_feature_names_out().tolist()
    assert kept == (["x0", "x2"] if library == "array" else ["x", "y"])
    assert out.shape == (40, 2)
    assert library == "array" or list(out.columns) == kept
    assert imputer.to_sampler().sample(2).shape == (2, 2)
    # Values that come later are dropped, too.
    later = numbers() if library == "array" else None
    if later is not None:
        assert imputer.transform(later).shape == (40, 2)


@pytest.mark.parametrize("library", ["array", "pandas", "polars"])
def test_empty_columns_are_kept_on_request(method, library):
    X = with_empty(library)
    imputer = build(method, keep_empty_features=True).fit(X)  # warnings are errors here
    for out in (imputer.transform(X), imputer.to_sampler().sample(40)):
        assert out.shape == X.shape
        if library == "array":
            assert (out[:, 1] == 0).all()
            continue
        assert list(out.columns) == list(X.columns)
        for name, value in DEFAULTS.items():
            assert set(column(out, name)) == {value}
            assert out[name].dtype == X[name].dtype


def test_indicator_of_an_array(method):
    X = numbers(30, 4)
    X[:, 2] = np.arange(30)
    imputer = build(method, add_indicator=True).fit(X)
    out = imputer.transform(X)
    assert_array_equal(out[:, 4:], MissingIndicator().fit_transform(X))
    assert_array_equal(out[:, :4], clone(imputer).set_params(add_indicator=False).fit_transform(X))
    names = [*(f"x{j}" for j in range(4)), *(f"missingindicator_x{j}" for j in (0, 1, 3))]
    assert imputer.get_feature_names_out().tolist() == names
    new = np.full((1, 4), np.nan)
    assert imputer.transform(new)[:, 4:].tolist() == [[1, 1, 1]]
    assert all(draw.shape == (30, 7) for draw in imputer.multiple_impute(X, 2))


def test_indicator_of_a_frame(frame):
    frame = frame[:20]
    complete = frame["x"].fillna(0) if hasattr(frame, "iloc") else frame["x"].fill_null(0)
    frame = frame.assign(x=complete) if hasattr(frame, "iloc") else frame.with_columns(x=complete)
    imputer = build(add_indicator=True).fit(frame)
    out = imputer.transform(frame)
    indicators = [f"missingindicator_{name}" for name in list(frame.columns)[1:]]
    assert list(out.columns) == [*frame.columns, *indicators]
    assert imputer.get_feature_names_out().tolist() == list(out.columns)
    for name in list(frame.columns)[1:]:
        flags = out[f"missingindicator_{name}"]
        assert str(flags.dtype).lower() in ("bool", "boolean")
        assert_array_equal(flags.to_numpy(), nulls(frame, name))
    assert not is_missing(out).any()


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_indicator_names_with_set_output(output):
    imputer = build(add_indicator=True).set_output(transform=output)
    out = imputer.fit_transform(numbers())
    assert list(out.columns) == imputer.get_feature_names_out().tolist()


# What stands for a missing cell.


def test_numbers_as_markers(method):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 9, size=(40, 3))
    missing = rng.random(X.shape) < 0.2
    X[missing] = -1
    imputer = build(method, missing_values=-1, bounds=(0, None)).fit(X)
    for out in (imputer.transform(X), imputer.multiple_impute(X, 1)[0]):
        assert out.dtype == X.dtype
        assert (out >= 0).all()
        assert_array_equal(out[~missing], X[~missing])
    with pytest.raises(ValueError, match="NaN"):
        imputer.fit(np.where(missing, np.nan, X))


@pytest.mark.parametrize("make", [np.array, pd.DataFrame, partial(pl.DataFrame, orient="row")])
def test_text_as_a_marker(method, make):
    cells = [["a", "x"], ["?", "y"], ["b", "?"], ["a", "x"], ["?", "?"]] * 4
    X = make(cells)
    imputer = build(method, missing_values="?").fit(X)
    assert [levels.tolist() for levels in imputer.categories_] == [["a", "b"], ["x", "y"]]
    out = imputer.transform(X)
    assert type(out) is type(X)
    rows = (
        out.tolist()
        if isinstance(out, np.ndarray)
        else list(map(list, zip(*(out[name].to_list() for name in out.columns), strict=True)))
    )
    for row, given in zip(rows, cells, strict=True):
        assert row[0] in "ab"
        assert row[1] in "xy"
        assert all(a == b for a, b in zip(row, given, strict=True) if b != "?")


# Plausible values.


def test_bounds_and_snap(method):
    X = numbers(60)
    observed = build(method, bounds="observed").fit(X)
    low, high = np.nanmin(X, axis=0), np.nanmax(X, axis=0)
    for out in (*observed.multiple_impute(X, 5), observed.to_sampler().sample(200)):
        assert (out >= low).all()
        assert (out <= high).all()
    narrow = build(method, bounds={0: (-0.1, 0.1), 2: (None, 0.0)}).fit(X)
    draws = np.stack(narrow.multiple_impute(X, 5))[:, np.isnan(X)]
    index = np.nonzero(np.isnan(X))[1]
    assert (np.abs(draws[:, index == 0]) <= 0.1).all()
    assert (draws[:, index == 2] <= 0).all()
    assert draws[:, index == 1].max() > 0.1
    snapping = build(method, snap=[1]).fit(X)
    for out in (snapping.transform(X), snapping.multiple_impute(X, 1)[0]):
        assert np.isin(out[:, 1], X[:, 1]).all()
        assert not np.isin(out[:, 0], X[:, 0]).all()


def test_whole_numbers(method, frame):
    imputer = build(method).fit(frame)
    (draw,) = imputer.multiple_impute(frame, 1)
    sample = imputer.to_sampler().sample(40)
    mean = imputer.transform(frame)
    for table in (draw, sample, mean):
        assert table["count"].dtype == frame["count"].dtype
    for table in (draw, sample):
        assert all(float(value).is_integer() for value in column(table, "whole"))
    # A mean of whole numbers need not be whole.
    assert not all(float(value).is_integer() for value in column(mean, "whole"))


def test_integer_arrays_keep_their_dtype():
    X = np.arange(60, dtype=np.int8).reshape(20, 3)
    X[3, 1] = -1
    out = build(missing_values=-1).fit_transform(X)
    assert out.dtype == np.int8


# Levels.


def test_an_unseen_level_is_returned_with_one_warning(method, frame):
    imputer = build(method, sample_posterior=True).fit(frame)
    city = ["Lima", *column(frame, "city")[1:]]
    if isinstance(frame, pd.DataFrame):
        new = frame.assign(city=pd.Series(city, dtype="str"))
        unknown = frame.assign(city=pd.Series([None, *city[1:]], dtype="str"))
    else:
        new, unknown = (frame.with_columns(city=pl.Series([v, *city[1:]])) for v in ("Lima", None))
    for complete in (imputer.transform, imputer.multiple_impute, imputer.score):
        with pytest.warns(
            UserWarning, match=r"not seen in fit, in column 'city' \('Lima'"
        ) as caught:
            complete(new)
        assert len(caught) == 1
    with pytest.warns(UserWarning, match="not seen in fit"):
        out = imputer.transform(new)
    assert column(out, "city")[0] == "Lima"
    # It tells nothing of the other cells of its row.
    expected = imputer.transform(unknown)
    for name in list(frame.columns)[:-1]:
        assert column(out, name) == column(expected, name)


def test_rare_levels_come_back_at_their_rate(method):
    counts = {"a": 120, "b": 36, "c": 24, "d": 12}
    levels = [level for level, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame({"s": levels})
    imputer = build(method, max_categories=2, max_iter=20, n_steps=10).fit(frame)
    assert imputer.encoder_.layout_.n_codes == 2
    holed = pd.DataFrame({"s": pd.Series([None] * 1500, dtype="str")})
    for out in (imputer.multiple_impute(holed, 1)[0], imputer.to_sampler().sample(1500)):
        found = out["s"].value_counts()
        assert set(found.index) == set(counts)
        rare = found[["b", "c", "d"]] / found[["b", "c", "d"]].sum()
        assert_allclose(rare, [1 / 2, 1 / 3, 1 / 6], atol=0.07)
    assert set(imputer.transform(holed)["s"]) <= {"a", "b"}


def test_ordered_levels_keep_their_order(method):
    frame = mixed_pandas()
    out = build(method).fit_transform(frame)
    assert out["size"].dtype == frame["size"].dtype
    assert out["size"].cat.ordered
    assert out["size"].cat.categories.tolist() == LEVELS
    assert out["size"].max() == "high"


def test_polars_enum_and_categorical(method):
    frame = mixed_polars().with_columns(pl.col("city").cast(pl.Categorical))
    out = build(method).fit_transform(frame)
    assert out.schema == frame.schema
    assert out.null_count().sum_horizontal().item() == 0
    for name in frame.columns:
        kept = frame[name].is_not_null()
        assert out[name].filter(kept).to_list() == frame[name].filter(kept).to_list()


@pytest.mark.parametrize("null", [None, np.nan, pd.NA])
def test_object_columns_with_any_null(method, null):
    frame = pd.DataFrame(
        {
            "s": pd.Series(["a", null, "b", "a"] * 5, dtype=object),
            "n": pd.Series([1, 2, null, 3] * 5, dtype=object),
            "b": pd.Series([null, True, False, True] * 5, dtype=object),
        }
    )
    imputer = build(method).fit(frame)
    (draw,) = imputer.multiple_impute(frame, 1)
    for out in (imputer.transform(frame), draw):
        assert out.dtypes.tolist() == [object] * 3
        assert set(out["s"]) == {"a", "b"}
        assert set(out["b"]) == {True, False}
        assert {type(value) for value in out["n"]} == {int}


def test_lists_of_rows(method):
    rows = [[1.5, "a", True], [None, "b", False], [2.5, None, None], [3.5, "a", True]] * 5
    out = build(method).fit_transform(rows)
    assert isinstance(out, np.ndarray)
    assert out.shape == (20, 3)
    assert not is_missing(out).any()
    numeric = build(method).fit_transform([[1, 2.0], [None, 4.0], [3, np.nan], [5, 8.0]] * 5)
    assert numeric.dtype == np.float64
    assert not np.isnan(numeric).any()


# Small, odd and degenerate tables.


@FEW
@pytest.mark.parametrize("row", [[[1.0, np.nan, 3.0]], [["a", None, 2.0]]])
def test_a_single_row(method, row):
    imputer = build(method, keep_empty_features=True).fit(row)
    out = imputer.transform(row)
    assert out.shape == (1, 3)
    assert not is_missing(out).any()
    assert out[0, 0] == row[0][0]
    other = build(method).fit(numbers())
    assert_array_equal(other.transform(numbers()[[7]]), other.transform(numbers())[[7]])


@FEW
@pytest.mark.parametrize("values", [[1.0, np.nan, 3.0, 4.0], ["a", None, "b", "b"]])
def test_one_column(method, values):
    frame = pd.DataFrame({"only": values * 4})
    out = build(method).fit_transform(frame)
    assert out["only"].dtype == frame["only"].dtype
    assert out["only"].notna().all()
    if isinstance(values[0], float):
        assert out["only"].between(-20, 20).all()


def test_a_row_without_any_value(method):
    X = numbers(300)
    X[0] = np.nan
    imputer = build(method).fit(X)
    out = imputer.transform(X)
    assert np.isfinite(out[0]).all()
    if method == "masked":
        mean = build(max_iter=0).fit(X).transform(X[:1])[0]
        assert_allclose(mean, np.nanmean(X, axis=0), atol=0.1)


@pytest.mark.parametrize(
    "X",
    [
        np.full((5, 2), np.nan),
        [[None, None]],
        pd.DataFrame({"a": pd.Series([None] * 3, dtype="str")}),
        pl.DataFrame({"a": [None] * 3}, schema={"a": pl.Int64}),
    ],
    ids=["array", "list", "pandas", "polars"],
)
@pytest.mark.parametrize("keep", [False, True])
def test_a_table_without_any_value(method, X, keep, trainings):
    imputer = build(method, keep_empty_features=keep)
    with pytest.raises(ValueError, match="no observed cell"):
        imputer.fit(X)
    assert not trainings
    assert vars(imputer) == vars(clone(imputer))


def test_constant_columns(method):
    frame = pd.DataFrame(
        {
            "c": [7.0, None, 7.0, 7.0] * 5,
            "s": ["a", "a", None, "a"] * 5,
            "x": np.arange(20.0),
        }
    )
    frame.loc[3, "x"] = None
    imputer = build(method).fit(frame)
    (draw,) = imputer.multiple_impute(frame, 1)
    for out in (imputer.transform(frame), draw, imputer.to_sampler().sample(9)):
        assert set(out["c"]) == {7.0}
        assert set(out["s"]) == {"a"}


@pytest.mark.parametrize("max_iter", [0, 10])
def test_only_constant_columns(method, max_iter):
    frame = pd.DataFrame({"s": ["a", "a", None] * 10, "b": [True] * 30, "c": [2.0, None, 2.0] * 10})
    out = build(method, max_iter=max_iter).fit_transform(frame)
    assert set(out["s"]) == {"a"}
    assert set(out["c"]) == {2.0}


def test_a_row_from_the_middle_of_a_frame_whose_objects_are_all_missing(method):
    frame = pd.DataFrame({"x": np.arange(12.0), "s": pd.Series(["a", "b", None] * 4, dtype=object)})
    imputer = build(method).fit(frame)
    for index in ([2], [5, 2, 8]):
        out = imputer.transform(frame.iloc[index])
        assert out.index.tolist() == index
        assert set(out["s"]) <= {"a", "b"}


def test_duplicate_rows(method):
    X = np.tile([1.0, np.nan, -2.0], (30, 1))
    X[::3, 1] = 5.0
    out = build(method).fit_transform(X)
    assert_allclose(out[:, 1], 5.0, rtol=1e-3)
    frame = pd.concat([mixed_pandas()] * 2)  # with a repeated index
    out = build(method).fit_transform(frame)
    assert out.index.equals(frame.index)
    assert not is_missing(out).any()


@FEW
def test_more_columns_than_rows(method):
    X = numbers(4, 12)
    X[0] = 0.5
    assert np.isfinite(build(method).fit_transform(X)).all()


# Reliability.


class Interrupt(_base.Progress):
    """Ctrl-C in the third step of the training."""

    def __call__(self, step, loss=None):
        if self.label == "Training" and step == 3:
            raise KeyboardInterrupt


def test_interrupted_fit_leaves_the_estimator_as_it_was(method, monkeypatch):
    fresh, fitted = build(method), build(method).fit(mixed_pandas())
    state = dict(vars(fitted))
    before = fitted.transform(mixed_pandas())
    monkeypatch.setattr(_base, "Progress", Interrupt)
    for imputer in (fresh, fitted):
        with pytest.raises(KeyboardInterrupt):
            imputer.fit(numbers(60, 5))
    assert vars(fresh) == vars(build(method))
    with pytest.raises(NotFittedError):
        fresh.transform(numbers())
    assert vars(fitted) == state
    pd.testing.assert_frame_equal(fitted.transform(mixed_pandas()), before)


def test_failed_fit_leaves_the_estimator_as_it_was(method):
    imputer = build(method).fit(numbers())
    state = dict(vars(imputer))
    with pytest.raises(TypeError, match="Column 'when' has dtype"):
        imputer.fit(pd.DataFrame({"when": pd.arrays.SparseArray([1.0, 2.0])}))
    assert vars(imputer) == state


def test_max_time_is_kept(method):
    start = time.monotonic()
    imputer = build(method, max_iter=20_000, max_time=0.3, early_stopping=False).fit(numbers())
    assert time.monotonic() - start < 20  # on a busy machine
    assert 0 < imputer.n_iter_ < 20_000
    assert len(imputer.loss_curve_) == imputer.n_iter_


def test_max_time_counts_from_the_start_of_fit(method, monkeypatch):
    fit_table = TableEncoder.fit_table

    def slow(self, table):
        time.sleep(1.6)
        return fit_table(self, table)

    monkeypatch.setattr(TableEncoder, "fit_table", slow)
    imputer = build(method, max_iter=20_000, max_time=1.5, early_stopping=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # if nothing at all was trained
        imputer.fit(numbers())
    assert imputer.n_iter_ <= 2


def test_no_time_to_train_is_told():
    with pytest.warns(UserWarning, match="^max_time=1e-09 was over before a network"):
        assert build(max_time=1e-9).fit(numbers()).n_iter_ == 0
    # Few rows are the reason even where the time is over, too.
    with pytest.warns(UserWarning, match="^2 rows are too few to train"):
        build(max_time=1e-9).fit(np.vstack([numbers()[:1], np.ones((1, 3))]))


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_too_few_rows_to_train_are_told(n_rows):
    X = numbers(40)[:n_rows]
    X[0] = 1.0
    with pytest.warns(UserWarning, match=f"^{n_rows} rows are too few to train") as caught:
        imputer = build().fit(X)
    assert [warning.filename for warning in caught] == [__file__]
    assert imputer.n_iter_ == 0
    # It is the factor analysis indeed, which can be asked for in silence.
    alone = build(max_iter=0).fit(X)
    assert_array_equal(imputer.transform(numbers()), alone.transform(numbers()))


def test_max_iter_is_the_number_of_steps(method):
    imputer = build(method, max_iter=7, early_stopping=False).fit(numbers())
    assert imputer.n_iter_ == len(imputer.loss_curve_) == 7
    assert imputer.validation_loss_curve_ == []


def test_early_stopping_holds_rows_out():
    imputer = build(max_iter=30, early_stopping=True).fit(numbers(200))
    assert imputer.validation_loss_curve_
    assert build(max_iter=30, early_stopping=False).fit(numbers(200)).validation_loss_curve_ == []


def test_silent_unless_asked(method, capfd):
    X = numbers()
    imputer = build(method).fit(X)
    imputer.multiple_impute(X)
    imputer.to_sampler().sample(3)
    assert capfd.readouterr() == ("", "")
    imputer = build(method, verbose=1, early_stopping=False).fit(X)
    imputer.transform(X)
    imputer.to_sampler().sample(3)
    out, err = capfd.readouterr()
    assert out == ""
    for label in ("Training: 5/5", "Imputing", "Sampling: 3/3"):
        assert label in err


WRONG = {
    "method": "diffusion",
    "sample_posterior": "yes",
    "aggregate": "sum",
    "n_draws": 0,
    "donors": "some",
    "n_steps": 0,
    "categorical_features": "auto",
    "scaling": "robust",
    "max_categories": 1,
    "bounds": "wide",
    "snap": "yes",
    "relations": "start <= end",
    "max_iter": -1,
    "max_time": 0,
    "early_stopping": "maybe",
    "missing_values": [],
    "keep_empty_features": "yes",
    "add_indicator": "yes",
    "memory": 3,
    "device": "abacus",
    "random_state": "seed",
    "verbose": "loud",
}


def test_every_parameter_has_a_wrong_value():
    assert set(WRONG) == set(MissDiffImputer().get_params())


@pytest.mark.parametrize("name", WRONG)
def test_wrong_values_are_named_before_training(name, trainings):
    imputer = build(**{name: WRONG[name]}) if name != "method" else build(WRONG[name])
    with pytest.raises(ValueError, match=name):
        imputer.fit(numbers())
    assert not trainings
    assert not hasattr(imputer, "n_features_in_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"categorical_features": [7]}, "categorical_features names column 7"),
        ({"categorical_features": ["x"]}, "categorical_features names column 'x'"),
        ({"bounds": {"x": (0, 1)}}, "bounds names column 'x'"),
        ({"bounds": (2, 1)}, "bounds of column 0 must be in order"),
        ({"snap": [3]}, "snap names column 3"),
    ],
)
def test_wrong_columns_are_named_before_training(params, message, trainings):
    with pytest.raises(ValueError, match=message):
        build(**params).fit(numbers())
    assert not trainings


def test_wrong_values_after_fit_are_named(method):
    imputer = build(method).fit(numbers())
    for name, wrong in {"n_steps": 0, "aggregate": "sum", "n_draws": 1.5}.items():
        right = getattr(imputer, name)
        imputer.set_params(**{name: wrong})
        for use in (imputer.transform, imputer.multiple_impute, imputer.score):
            with pytest.raises(ValueError, match=f"The '{name}' parameter of MissDiffImputer"):
                use(numbers())
        imputer.set_params(**{name: right})
    imputer.transform(numbers())


def test_steps_of_masked_may_change_after_fit(trainings, network_calls):
    X = numbers()
    imputer = build(sample_posterior=True, early_stopping=False).fit(X)
    imputer.transform(X)  # the first draws grow trees
    outs, calls = [], []
    for n_steps in (1, 4, 30):
        network_calls.clear()
        outs.append(imputer.set_params(n_steps=n_steps).transform(X))
        calls.append(len(network_calls))
    assert len(trainings) == 1
    assert calls[0] < calls[1] < calls[2]
    assert not np.array_equal(outs[0], outs[1])
    assert not np.array_equal(outs[1], outs[2])
    refitted = build(sample_posterior=True, n_steps=30, early_stopping=False).fit(X)
    assert_array_equal(refitted.transform(X), outs[2])


@pytest.mark.parametrize(
    "change",
    [
        {"n_steps": 9},
        {"n_steps": None},
        {"method": PaperMethod(beta_schedule="linear")},
        {"method": "masked", "n_draws": 20},
    ],
)
def test_what_missdiff_was_trained_with_may_not_change(change):
    X = numbers()
    imputer = build("missdiff").fit(X)
    before = imputer.transform(X)
    kept = {name: getattr(imputer, name) for name in change}
    name = next(iter(change))
    imputer.set_params(**change)
    for use in (imputer.transform, imputer.multiple_impute, imputer.score):
        with pytest.raises(ValueError, match=f"^{name}.* was .* fit again or set it back"):
            use(X)
    with pytest.raises(ValueError, match=f"^{name}.* was"):
        imputer.to_sampler().sample()
    assert_array_equal(imputer.set_params(**kept).transform(X), before)
    imputer.set_params(**change).fit(X).transform(X)


def test_draws_of_missdiff_may_change_after_fit(trainings):
    X = numbers()
    imputer = build("missdiff", sample_posterior=True).fit(X)
    before = imputer.transform(X)
    imputer.set_params(method=PaperMethod())
    assert_array_equal(imputer.transform(X), before)
    small = imputer.set_params(method__reverse_variance="small").transform(X)
    repeated = imputer.set_params(method__n_resample=3).transform(X)
    assert len(trainings) == 1
    assert not np.array_equal(before, small)
    assert not np.array_equal(small, repeated)


@FEW
def test_refit_on_other_columns(method):
    imputer = build(method, add_indicator=True).fit(mixed_pandas())
    X = numbers(30, 5)
    out = imputer.fit(X).transform(X)
    assert imputer.n_features_in_ == 5
    assert not hasattr(imputer, "feature_names_in_")
    assert imputer.categories_ == [None] * 5
    assert_array_equal(out, build(method, add_indicator=True).fit_transform(X))
    frame = pd.DataFrame({"other": ["a", None, "b"] * 5})
    assert imputer.fit(frame).get_feature_names_out().tolist() == [
        "other",
        "missingindicator_other",
    ]
    with pytest.raises(ValueError, match="feature names should match"):
        imputer.transform(mixed_pandas()[["x"]])


def test_no_warning_in_ordinary_use(method, frame):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(method).fit(frame).multiple_impute(frame, 2)


def test_fitted_attributes(method):
    frame = mixed_pandas()
    imputer = build(method).fit(frame)
    assert imputer.n_features_in_ == 6
    assert imputer.feature_names_in_.tolist() == list(frame.columns)
    found = [None if c is None else c.tolist() for c in imputer.categories_]
    assert found == [None, None, None, LEVELS, [False, True], ["Oslo", "Rome"]]
    assert all(np.isfinite(imputer.loss_curve_))
    assert isinstance(imputer.denoiser_, torch.nn.Module)
    assert {p.device.type for p in imputer.denoiser_.parameters()} == {"cpu"}
