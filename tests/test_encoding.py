"""Tables as codes and back."""

import importlib
import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmissdiff import NumericScaler, TableEncoder
from skmissdiff._encoding.cell_errors import relative_error
from skmissdiff._table.frames import read_table
from skmissdiff._table.rebuild import fill_table

DATA = {
    "age": [20.0, None, 40.0, 30.0],
    "sex": ["male", "female", None, "male"],
    "visits": [1, 5, 3, None],
    "smoker": [True, None, False, True],
}


@parametrize_with_checks(
    [
        TableEncoder(),
        TableEncoder(scaling="quantile", bounds="observed"),
        TableEncoder(functional_dependencies=True, categorical_features=None, bounds=[0, 1]),
    ]
)
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        "check_param_validation",
        "check_set_output_transform",
        "check_set_output_transform_pandas",
        "check_set_output_transform_polars",
        "check_global_output_transform_pandas",
        "check_global_set_output_transform_polars",
        "check_transformer_get_feature_names_out",
        "check_transformer_get_feature_names_out_pandas",
        "check_get_feature_names_out_error",
        "check_dataframe_column_names_consistency",
        "check_inplace_ensure_writeable",
    ],
)
@pytest.mark.filterwarnings("ignore:X (does not have valid|has) feature names")
@pytest.mark.parametrize("estimator", [TableEncoder(), NumericScaler()], ids=repr)
def test_more_of_the_sklearn_contract(check, estimator):
    getattr(estimator_checks, check)(type(estimator).__name__, clone(estimator))


@pytest.fixture(params=["pandas", "polars"])
def library(request):
    return importlib.import_module(request.param)


@pytest.fixture
def frame(library):
    if library is pl:
        return pl.DataFrame(DATA)
    return pd.DataFrame(DATA).astype({"visits": "Int64", "smoker": "boolean"})


def test_codes(frame):
    encoder = TableEncoder().fit(frame)
    codes = encoder.transform(frame)
    up = np.sqrt(1.5)
    nan = np.nan
    expected = [
        [-up, 0, 1, -up, 0, 1],
        [nan, 1, 0, up, nan, nan],
        [up, nan, nan, 0, 1, 0],
        [0, 0, 1, nan, 0, 1],
    ]
    np.testing.assert_allclose(codes, expected, atol=1e-12)
    names = ["age", "sex_female", "sex_male", "visits", "smoker_False", "smoker_True"]
    assert encoder.get_feature_names_out().tolist() == names
    assert encoder.layout_.widths == (1, 2, 1, 2)
    assert encoder.layout_.is_categorical == (False, True, False, True)
    assert encoder.categories_[1].tolist() == ["female", "male"]
    assert encoder.categories_[0] is None


def test_inverse_transform_returns_the_table(frame):
    encoder = TableEncoder().fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    if isinstance(frame, pd.DataFrame):
        pd.testing.assert_frame_equal(back, frame, check_exact=False)
    else:
        assert back.equals(frame)


def test_polars_and_pandas_give_the_same_codes():
    codes = [TableEncoder().fit_transform(library.DataFrame(DATA)) for library in (pd, pl)]
    np.testing.assert_array_equal(*codes)


def test_category_order_of_the_dtype(library):
    levels = ["low", "mid", "high"]
    values = ["high", "low", None]
    if library is pd:
        frame = pd.DataFrame({"x": pd.Categorical(values, levels, ordered=True)})
    else:
        frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.Enum(levels))})
    encoder = TableEncoder().fit(frame)
    assert encoder.categories_[0].tolist() == ["low", "high"]
    back = encoder.inverse_transform([[0.9, 0.1]])
    assert list(back["x"]) == ["low"]
    assert list(back["x"].dtype.categories) == levels


@pytest.mark.parametrize(
    "levels", [[3, 1, 2], [1.5, 0.5, 2.5], ["b", "a", "1"], [True, False], [2**60, 2**60 + 1, 0]]
)
def test_levels_keep_their_type(levels):
    frame = pd.DataFrame({"x": pd.Categorical(levels)})
    encoder = TableEncoder().fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    pd.testing.assert_frame_equal(back, frame)


def test_interval_levels():
    frame = pd.DataFrame({"x": pd.cut([1.0, 2.0, 9.0, np.nan], 3)})
    encoder = TableEncoder().fit(frame)
    back = encoder.inverse_transform(encoder.transform(frame))
    pd.testing.assert_frame_equal(back, frame)


@pytest.fixture
def cities():
    counts = {"Rome": 5, "Oslo": 4, "Kyiv": 3, "Lima": 1, "Bern": 2}
    values = [city for city, count in counts.items() for _ in range(count)]
    return pd.DataFrame({"city": values})


def test_infrequent_levels_share_the_last_code(cities):
    encoder = TableEncoder(max_categories=3).fit(cities)
    assert encoder.layout_.widths == (3,)
    assert encoder.categories_[0].tolist() == ["Bern", "Kyiv", "Lima", "Oslo", "Rome"]
    assert encoder.infrequent_categories_[0].tolist() == ["Bern", "Kyiv", "Lima"]
    names = encoder.get_feature_names_out().tolist()
    assert names == ["city_Oslo", "city_Rome", "city_infrequent"]
    codes = encoder.transform(pd.DataFrame({"city": ["Lima", "Oslo"]}))
    np.testing.assert_array_equal(codes, [[0, 0, 1], [1, 0, 0]])
    (point,) = encoder.decode(np.array([[0, 0, 1.0], [0, 1.0, 0]]))
    assert point.tolist() == ["Kyiv", "Rome"]


def test_infrequent_levels_are_drawn_by_frequency(cities):
    encoder = TableEncoder(max_categories=3).fit(cities)
    n = 6000
    uniforms = (np.arange(n)[:, None] + 0.5) / n
    (drawn,) = encoder.decode(np.tile([0, 0, 1.0], (n, 1)), uniforms)
    shares = pd.Series(drawn).value_counts(normalize=True)
    np.testing.assert_allclose(shares[["Bern", "Kyiv", "Lima"]], [2 / 6, 3 / 6, 1 / 6], atol=1e-3)
    (edge,) = encoder.decode(np.array([[0, 0, 1.0]] * 2), np.array([[0.0], [1.0]]))
    assert edge.tolist() == ["Bern", "Lima"]


def test_no_cap_is_needed(cities):
    assert TableEncoder(max_categories=5).fit(cities).layout_.widths == (5,)
    assert TableEncoder(max_categories=None).fit(cities).infrequent_categories_ == [None]


def test_unseen_level_is_unknown_and_returned_unchanged(library):
    encoder = TableEncoder().fit(library.DataFrame({"s": ["a", "b"], "t": ["x", "y"]}))
    frame = library.DataFrame({"s": ["a", "new", None, "c", "d", "e"], "t": ["x"] * 5 + ["z"]})
    with pytest.warns(UserWarning, match=r"column 's' \('new', 'c', 'd', ...\); column 't' \('z'"):
        codes = encoder.transform(frame)
    assert np.isnan(codes[1, :2]).all()
    assert not np.isnan(codes[1, 2:]).any()
    table = read_table(frame, schema=encoder.schema_)
    assert table.missing.sum() == 1
    filled = fill_table(table, encoder.decode(np.tile([1.0, 0, 1, 0], (6, 1))))
    assert list(filled["s"]) == ["a", "new", "a", "c", "d", "e"]


def test_columns_never_observed():
    frame = pd.DataFrame(
        {
            "x": [1.0, 2.0],
            "number": [np.nan, np.nan],
            "boolean": pd.array([None, None], dtype="boolean"),
            "text": pd.Series([None, None], dtype="str"),
            "listed": pd.Categorical([None, None], categories=["q", "r"]),
            "unlisted": pd.Categorical([None, None], categories=[]),
        }
    )
    encoder = TableEncoder().fit(frame)
    assert encoder.layout_.widths == (1, 0, 0, 0, 0, 0)
    assert encoder.kept_columns_.tolist() == [True] + [False] * 5
    assert encoder.get_feature_names_out().tolist() == ["x"]
    assert encoder.transform(frame).shape == (2, 1)
    assert encoder.inverse_transform([[0.0]]).columns.tolist() == ["x"]
    kept = TableEncoder(keep_empty_features=True).fit(frame)
    values = [column[0] for column in kept.decode(np.zeros((1, 1)))]
    assert values == [1.5, 0.0, False, "missing_value", "q", "missing_value"]
    table = read_table(frame, schema=kept.schema_)
    filled = fill_table(table, kept.decode(np.zeros((2, 1))), kept.kept_columns_)
    assert filled.iloc[1].tolist() == [2.0, 0.0, False, "missing_value", "q", "missing_value"]
    assert filled.dtypes[:5].tolist() == frame.dtypes[:5].tolist()


def test_only_empty_columns():
    encoder = TableEncoder(keep_empty_features=True).fit(np.full((3, 2), np.nan))
    assert encoder.transform(np.full((2, 2), np.nan)).shape == (2, 0)
    np.testing.assert_array_equal(encoder.inverse_transform(np.empty((2, 0))), np.zeros((2, 2)))


def test_no_rows_are_encoded(frame):
    encoder = TableEncoder().fit(frame)
    none = read_table(frame, schema=encoder.schema_).take(np.array([], dtype=int))
    codes = encoder.encode(none)
    assert codes.shape == (0, 6)
    values = encoder.decode(codes)
    assert [column.dtype for column in values] == [float, object, float, object]
    assert {len(column) for column in values} == {0}


def test_far_and_new_values_of_numbers():
    encoder = TableEncoder().fit([[1.0, 7.0], [2.0, 7.0]])
    codes = encoder.transform([[1e300, 8.0], [-1e300, np.nan]])
    np.testing.assert_array_equal(codes, [[1e4, 0.0], [-1e4, np.nan]])


def test_names_are_distinct():
    frame = pd.DataFrame({"a": ["b_c", "d"], "a_b": ["c", "d"]})
    names = TableEncoder().fit(frame).get_feature_names_out().tolist()
    assert names == ["a_b_c", "a_d", "a_b_c_2", "a_b_d"]


def test_relative_error():
    frame = pd.DataFrame({"x": [0.0, 2.0, 4.0], "s": ["a", "a", "b"], "c": [1.0, 1.0, 1.0]})
    encoder = TableEncoder().fit(frame)
    table = read_table(frame, schema=encoder.schema_)
    hidden, unit = np.ones((3, 3), dtype=bool), encoder.constant_errors_
    constant = [np.full(3, 2.0), np.array(["a"] * 3, dtype=object), np.ones(3)]
    assert relative_error(table, constant, hidden, unit) == pytest.approx(1.0)
    # A constant column has no scale: however wrong, it does not count.
    far = [*constant[:2], np.full(3, 1e6)]
    assert relative_error(table, far, hidden, unit) == pytest.approx(1.0)
    assert relative_error(table, list(table.columns), hidden, unit) == 0.0
    with pytest.raises(ValueError, match="no hidden cell"):
        relative_error(table, constant, hidden & False, unit)


def test_wrong_number_of_codes(frame):
    with pytest.raises(ValueError, match="X has 2 features, but TableEncoder is expecting 6"):
        TableEncoder().fit(frame).inverse_transform(np.ones((1, 2)))


def test_pickle_and_clone(frame):
    encoder = TableEncoder(max_categories=2).fit(frame)
    other = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(other.transform(frame), encoder.transform(frame))
    assert clone(encoder).get_params() == encoder.get_params()


def test_refit_forgets(frame):
    encoder = TableEncoder().fit(frame)
    encoder.fit(np.array([[1.0], [2.0]]))
    assert encoder.n_features_in_ == 1
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.get_feature_names_out().tolist() == ["x0"]


def test_input_is_left_alone(frame):
    before = frame.copy() if isinstance(frame, pd.DataFrame) else frame.clone()
    TableEncoder().fit_transform(frame)
    assert frame.equals(before)


def test_set_output(frame, library):
    encoder = TableEncoder().set_output(transform=library.__name__).fit(frame)
    out = encoder.transform(frame)
    assert isinstance(out, library.DataFrame)
    assert list(out.columns) == encoder.get_feature_names_out().tolist()


def test_integer_column_names():
    frame = pd.DataFrame({0: [1.0, 2.0], 1: ["a", "b"]})
    encoder = TableEncoder().fit(frame)
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1_a", "x1_b"]
    assert encoder.inverse_transform([[0.0, 1.0, 0.0]]).columns.tolist() == [0, 1]


def test_large_table_is_quick():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(20_000, 10))
    numbers[rng.random(numbers.shape) < 0.2] = np.nan
    frame = pd.DataFrame(numbers).add_prefix("x")
    for j in range(10):
        frame[f"s{j}"] = rng.choice(["a", "b", "c", None], size=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        codes = TableEncoder().fit_transform(frame)
    assert codes.shape == (20_000, 40)
