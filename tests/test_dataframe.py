"""Tables in and out: what is read, and that filling changes nothing else."""

import copy
import importlib
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from skmissdiff._table.frames import read_table, validate_table
from skmissdiff._table.rebuild import (
    append_columns,
    build_table,
    configured_output,
    fill_table,
    to_container,
)
from skmissdiff._table.schema import Element, Kind

MIXED = {
    "age": [31.5, None, 44.25, 7.0],
    "visits": [1, 2, None, 2**60 + 1],
    "smoker": [True, None, False, True],
    "city": ["Rome", "Oslo", None, "Rome"],
    "size": ["S", None, "L", "S"],
}
SIZES = ["S", "M", "L"]


def make_pandas(data=MIXED):
    frame = pd.DataFrame(
        {
            "age": pd.Series(data["age"], dtype="float32"),
            "visits": pd.array(data["visits"], dtype="Int64"),
            "smoker": pd.array(data["smoker"], dtype="boolean"),
            "city": pd.Series(data["city"], dtype="str"),
            "size": pd.Categorical(data["size"], categories=SIZES, ordered=True),
        }
    )
    frame.index = pd.MultiIndex.from_tuples([("b", 1), ("a", 2), ("a", 2), ("c", 0)])
    return frame


def make_polars(data=MIXED):
    schema = {
        "age": pl.Float32,
        "visits": pl.Int64,
        "smoker": pl.Boolean,
        "city": pl.String,
        "size": pl.Enum(SIZES),
    }
    return pl.DataFrame(data, schema=schema)


def make_pyarrow(data=MIXED):
    size = pa.array(data["size"], pa.dictionary(pa.int8(), pa.large_string()))
    arrays = [pa.array(data[name]) for name in list(data)[:-1]]
    arrays[0] = pa.array(data["age"], type=pa.float32())
    return pa.table([*arrays, size], names=list(data))


@pytest.fixture(params=["pandas", "polars", "pyarrow"])
def mixed(request):
    return {"pandas": make_pandas, "polars": make_polars, "pyarrow": make_pyarrow}[request.param]()


@pytest.fixture(params=["pandas", "polars"])
def library(request):
    return importlib.import_module(request.param)


def some_values(table):
    """A value for every cell: 7.4 for numbers, the last level seen for levels."""
    values = []
    for column, described in zip(table.columns, table.schema.columns, strict=True):
        if described.is_categorical:
            level = next((v for v in column[::-1] if v is not None), "missing_value")
            values.append(np.full(table.n_rows, level, dtype=object))
        else:
            values.append(np.full(table.n_rows, 7.4))
    return values


def as_lists(frame):
    if isinstance(frame, pd.DataFrame):
        return {name: frame[name].tolist() for name in frame}
    return frame.to_dict(as_series=False) if isinstance(frame, pl.DataFrame) else frame.to_pydict()


def dtypes(frame):
    if isinstance(frame, pd.DataFrame):
        return frame.dtypes.tolist()
    return frame.dtypes if isinstance(frame, pl.DataFrame) else frame.schema.types


def test_read_mixed(mixed):
    table = read_table(mixed)
    described = table.schema.columns
    assert [column.kind for column in described] == [Kind.NUMERIC] * 2 + [Kind.CATEGORICAL] * 3
    assert [column.is_whole for column in described] == [False, True, False, False, False]
    assert [column.is_integer for column in described] == [False, True, False, False, False]
    assert [column.n_observed for column in described] == [3] * 5
    assert (described[0].minimum, described[0].maximum) == (7.0, 44.25)
    expected = np.array([[v is None for v in values] for values in MIXED.values()]).T
    np.testing.assert_array_equal(table.missing, expected)
    np.testing.assert_array_equal(table.columns[0], [31.5, np.nan, 44.25, 7.0])
    assert table.columns[0].dtype == np.float64
    for values, name in zip(table.columns[2:], ["smoker", "city", "size"], strict=True):
        assert values.tolist() == MIXED[name]


def test_fill_mixed(mixed):
    before = copy.deepcopy(mixed)
    table = read_table(mixed)
    filled = fill_table(table, some_values(table))
    assert type(filled) is type(mixed)
    assert dtypes(filled) == dtypes(mixed)
    expected = {
        "age": [31.5, float(np.float32(7.4)), 44.25, 7.0],
        "visits": [1, 2, 8, 2**60 + 1],  # 7.4 steps beyond the first one
        "smoker": [True, True, False, True],
        "city": ["Rome", "Oslo", "Rome", "Rome"],
        "size": ["S", "S", "L", "S"],
    }
    assert as_lists(filled) == expected
    assert mixed.equals(before)
    if isinstance(mixed, pd.DataFrame):
        assert filled.index.equals(mixed.index)


def test_fill_drops_columns(mixed):
    table = read_table(mixed)
    keep = np.array([True, False, True, False, True])
    filled = fill_table(table, some_values(table), keep)
    assert list(as_lists(filled)) == ["age", "smoker", "size"]


def test_build_is_like_the_training_table(mixed):
    table = read_table(mixed)
    filled = fill_table(table, some_values(table))
    values = [np.array(column) for column in as_lists(filled).values()]
    values[1] = values[1].astype(float)
    values = [v.astype(object) if v.dtype.kind in "Ub" else v for v in values]
    built = build_table(table.schema, values)
    assert dtypes(built) == dtypes(mixed)
    assert as_lists(built).keys() == as_lists(mixed).keys()
    assert as_lists(built)["size"] == as_lists(filled)["size"]
    assert as_lists(built)["smoker"] == as_lists(filled)["smoker"]
    kept = build_table(table.schema, values, np.arange(5) < 2)
    assert list(as_lists(kept)) == ["age", "visits"]


@pytest.mark.parametrize(
    "dtype",
    [
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64", "bool", "object", "str", "string"),
        *("Int8", "Int64", "UInt64", "Float32", "Float64", "boolean", "string[python]"),
        *("int16[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "string[pyarrow]", "category"),
        pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string())),
        pd.ArrowDtype(pa.dictionary(pa.int32(), pa.int64(), ordered=True)),
    ],
)
def test_pandas_dtype_survives(dtype):
    boolean = str(dtype).startswith("bool")
    text = str(dtype).startswith(("str", "object", "cat", "dictionary<values=string"))
    values = [True, False] if boolean else ["a", "b"] if text else [1, 2]
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    table = read_table(frame)
    built = build_table(table.schema, table.columns)
    pd.testing.assert_frame_equal(built, frame)
    missing = np.array([[False], [True]])
    holes = table.hide(missing)
    object.__setattr__(holes, "native", frame)
    other = np.array([values[0]] * 2, dtype=table.columns[0].dtype)
    expected = pd.DataFrame({"x": pd.Series([values[0]] * 2, dtype=dtype)})
    if dtype == "category":
        expected["x"] = expected["x"].cat.set_categories(["a", "b"])
    pd.testing.assert_frame_equal(fill_table(holes, [other]), expected)


@pytest.mark.parametrize(
    "dtype",
    [
        *(pl.Int8, pl.Int64, pl.UInt8, pl.UInt64, pl.Int128, pl.Float32, pl.Float64),
        *(pl.Boolean, pl.String, pl.Categorical, pl.Enum(["b", "a"])),
    ],
)
def test_polars_dtype_survives(dtype):
    text = dtype in (pl.String, pl.Categorical, pl.Enum)
    values = ["a", None] if text else [True, None] if dtype == pl.Boolean else [1, None]
    frame = pl.DataFrame({"x": pl.Series(values, dtype=dtype)})
    table = read_table(frame)
    assert build_table(table.schema, table.columns).equals(frame)
    fill = np.array([None, values[0]], dtype=object)
    filled = fill_table(table, [fill])
    assert filled.equals(pl.DataFrame({"x": pl.Series([values[0]] * 2, dtype=dtype)}))
    assert filled.schema == frame.schema


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("Int8", 300.0, 127),
        ("Int8", -300.0, -128),
        ("UInt8", -3.0, 0),
        ("Int64", 1e30, 2**63 - 1024),
        ("UInt64", 1e30, 2**64 - 2048),
        ("Int64", 2.6, 3),
        ("Float32", 1e300, float(np.finfo(np.float32).max)),
    ],
)
def test_numbers_are_clipped_to_the_dtype(library, dtype, value, expected):
    if library is pd:
        frame = pd.DataFrame({"x": pd.array([1, None], dtype=dtype)})
    else:
        frame = pl.DataFrame({"x": pl.Series([1, None], dtype=getattr(pl, dtype))})
    filled = fill_table(read_table(frame), [np.array([0.0, value])])
    assert as_lists(filled)["x"] == [1, expected]


def test_category_list_is_extended_to_the_fitted_one(library):
    def frame(values, categories):
        if library is pd:
            return pd.DataFrame({"x": pd.Categorical(values, categories, ordered=True)})
        return pl.DataFrame({"x": pl.Series(values, dtype=pl.Enum(categories))})

    fitted = read_table(frame(["a", "b", "c"], ["c", "b", "a"]))
    table = read_table(frame(["a", None], ["b", "a"]), schema=fitted.schema)
    filled = fill_table(table, [np.array(["a", "c"], dtype=object)])
    assert as_lists(filled)["x"] == ["a", "c"]
    assert list(filled["x"].dtype.categories) == ["c", "b", "a"]
    # A level of its own must not get lost.
    table = read_table(frame(["z", None], ["z", "a"]), schema=fitted.schema)
    filled = fill_table(table, [np.array(["a", "c"], dtype=object)])
    assert as_lists(filled)["x"] == ["z", "c"]
    assert list(filled["x"].dtype.categories) == ["z", "a", "c"]


@pytest.mark.parametrize("null", [None, np.nan, pd.NA, pd.NaT])
def test_pandas_objects_with_any_null(null):
    data = {"x": [1, null, 3], "s": ["a", null, "b"], "b": [True, null, False]}
    frame = pd.DataFrame(data, dtype=object)
    table = read_table(frame)
    assert [c.element for c in table.schema.columns] == [
        Element.NUMBER,
        Element.TEXT,
        Element.BOOLEAN,
    ]
    np.testing.assert_array_equal(table.missing.all(axis=1), [False, True, False])
    filled = fill_table(table, some_values(table))
    assert filled["x"].tolist() == [1, 7.4, 3]
    assert type(filled["x"][0]) is int
    assert filled["s"].tolist() == ["a", "b", "b"]
    assert filled["b"].tolist() == [True, False, False]
    assert filled.dtypes.astype(str).tolist() == ["object"] * 3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_float_array(dtype):
    X = np.array([[1.5, np.nan], [np.nan, -0.0], [3.0, 4.0]], dtype=dtype)
    X.flags.writeable = False
    table = read_table(X)
    filled = fill_table(table, some_values(table))
    assert filled.dtype == X.dtype
    assert not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[~table.missing], X[~table.missing])
    assert np.signbit(filled[1, 1])
    np.testing.assert_array_equal(filled[table.missing], np.array([7.4, 7.4], dtype=dtype))


def test_huge_numbers_of_both_signs_are_read_without_a_warning():
    X = np.tile([[1.7e308], [-1.7e308]], (8, 6))
    np.testing.assert_array_equal(read_table(X).columns[0], X[:, 0])


def test_integer_array_with_marker():
    X = np.array([[1, -1], [2**62 + 1, 5]])
    table = read_table(X, missing_values=-1)
    np.testing.assert_array_equal(table.missing, [[False, True], [False, False]])
    filled = fill_table(table, some_values(table))
    assert filled.dtype == X.dtype
    np.testing.assert_array_equal(filled, [[1, 7], [2**62 + 1, 5]])


def test_text_array_keeps_digits_as_text_and_grows():
    X = np.array([["1", "?"], ["2", "b"]])
    table = read_table(X, missing_values="?")
    assert table.schema.is_categorical == (True, True)
    assert table.columns[0].tolist() == ["1", "2"]
    filled = fill_table(table, [table.columns[0], np.array(["missing", "b"], dtype=object)])
    assert filled.tolist() == [["1", "missing"], ["2", "b"]]


def test_boolean_array_is_categorical():
    table = read_table(np.array([[True], [False]]))
    assert table.schema.columns[0].kind is Kind.CATEGORICAL
    built = build_table(table.schema, table.columns)
    assert built.dtype == bool
    np.testing.assert_array_equal(built, table.native)


def test_lists():
    table = read_table([[1, None], [3, 4]])
    assert table.native.dtype == np.float64
    np.testing.assert_array_equal(table.missing, [[False, True], [False, False]])
    table = read_table([["a", 1], [None, 2.5]])
    assert table.schema.is_categorical == (True, False)
    assert table.columns[1].tolist() == [1.0, 2.5]
    filled = fill_table(table, some_values(table))
    assert filled.tolist() == [["a", 1], ["a", 2.5]]


def test_lists_keep_integers_that_no_float_holds():
    table = read_table([[2**60 + 1, None], [3, 4]])
    filled = fill_table(table, some_values(table))
    assert filled.tolist() == [[2**60 + 1, 7.4], [3, 4]]


def test_text_array_of_variable_width():
    X = np.array([["a"], ["bcd"]], dtype=np.dtypes.StringDType())
    assert read_table(X).columns[0].tolist() == ["a", "bcd"]


def test_one_row_and_one_column(library):
    table = read_table(library.DataFrame({"x": [1.0]}))
    assert table.missing.tolist() == [[False]]
    assert as_lists(fill_table(table, some_values(table))) == {"x": [1.0]}


def test_integer_column_names_and_named_column_index():
    frame = pd.DataFrame([[1.0, np.nan], [3.0, 4.0]])
    frame.columns.name = "feature"
    frame.attrs["source"] = "here"
    table = read_table(frame)
    filled = fill_table(table, some_values(table))
    assert filled.columns.equals(frame.columns)
    assert filled.columns.name == "feature"
    assert filled.attrs == frame.attrs
    built = build_table(table.schema, table.columns)
    assert built.columns.tolist() == [0, 1]
    assert built.columns.name == "feature"


def test_tuple_column_names():
    names = [("a", 1), ("a", 2)]
    for columns in (
        pd.MultiIndex.from_tuples(names, names=["letter", None]),
        pd.Index(names, tupleize_cols=False),
    ):
        frame = pd.DataFrame([[1.0, np.nan]], columns=columns)
        table = read_table(frame)
        pd.testing.assert_index_equal(fill_table(table, some_values(table)).columns, columns)
        pd.testing.assert_index_equal(build_table(table.schema, table.columns).columns, columns)


def test_marker_does_not_match_other_types(library):
    frame = library.DataFrame({"n": [1.0, 2.0], "b": [True, False], "s": ["1", "x"]})
    table = read_table(frame, missing_values=1)
    np.testing.assert_array_equal(table.missing, [[True, False, False], [False] * 3])
    table = read_table(frame, missing_values="x")
    np.testing.assert_array_equal(table.missing, [[False] * 3, [False, False, True]])


def test_text_marker_among_numbers():
    frame = pd.DataFrame({"x": [1.5, "?", 2.0]}, dtype=object)
    table = read_table(frame, missing_values="?")
    assert table.schema.columns[0].kind is Kind.NUMERIC
    assert fill_table(table, some_values(table))["x"].tolist() == [1.5, 7.4, 2.0]


@pytest.mark.parametrize("features", [[0], ["a"], [True, False], np.array([-2]), pd.Series(["a"])])
def test_categorical_features_declared(features):
    frame = pd.DataFrame({"a": [1, 2, 1], "b": [0.5, np.nan, 1.5]})
    table = read_table(frame, categorical_features=features)
    assert table.schema.is_categorical == (True, False)
    assert table.columns[0].tolist() == [1, 2, 1]


def test_declared_numeric_booleans(library):
    frame = library.DataFrame({"a": [True, False]})
    table = read_table(frame, categorical_features=None)
    np.testing.assert_array_equal(table.columns[0], [1.0, 0.0])
    assert as_lists(build_table(table.schema, [np.array([0.9, 0.1])])) == {"a": [True, False]}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["c"], "'c', but the columns are"),
        ([7], "column 7, but X has 2"),
        ([True], "1 booleans, but X has 2"),
        ([[0]], "one-dimensional"),
    ],
)
def test_categorical_features_wrong(features, message):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    with pytest.raises(ValueError, match=message):
        read_table(frame, categorical_features=features)


def test_text_must_be_declared(library):
    frame = library.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]})
    with pytest.raises(TypeError, match=r"Column 'a' holds text, but is not among categorical"):
        read_table(frame, categorical_features=["b"])


UNREADABLE = {
    "bytes": ([b"x"], "Decode it"),
    "list": ([[1, 2]], "numbers or strings"),
    "struct": ([{"k": 1}], "numbers or strings"),
}


@pytest.mark.parametrize("kind", list(UNREADABLE))
def test_other_columns_are_refused(library, kind):
    values, way_out = UNREADABLE[kind]
    frame = library.DataFrame({"good": [1.0], "bad": values})
    with pytest.raises(TypeError, match=rf"Column 'bad' .*{way_out}"):
        read_table(frame)


def test_pandas_sparse_and_complex_are_refused():
    with pytest.raises(TypeError, match=r"Column 'x' .*to_dense"):
        read_table(pd.DataFrame({"x": pd.array([0.0, 1.0], dtype="Sparse[float64]")}))
    with pytest.raises(ValueError, match="Complex data not supported"):
        read_table(pd.DataFrame({"x": [1j]}))


def test_polars_objects_are_refused():
    with pytest.raises(TypeError, match=r"Column 'x' has dtype Object"):
        read_table(pl.DataFrame({"x": pl.Series([object()], dtype=pl.Object)}))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, "x"], "Column 'a' mixes numbers and text, such as 1.0 and 'x'"),
        ([True, 2.0], "Column 'a' mixes booleans and numbers"),
        ([1.0, {"k": 1}], "argument must be a string, a boolean or a real number, not 'dict'"),
    ],
)
def test_mixed_objects_are_refused(values, message):
    with pytest.raises(TypeError, match=message):
        read_table(pd.DataFrame({"a": values}, dtype=object))


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones(3), ValueError, "Reshape your data"),
        ([1.0, 2.0], ValueError, "Reshape your data"),
        (["a", "b"], ValueError, "Reshape your data"),
        (pd.Series([1.0]), ValueError, "2-dimensional container"),
        (np.ones((0, 3)), ValueError, r"0 sample\(s\)"),
        (np.ones((3, 0)), ValueError, r"0 feature\(s\)"),
        (pd.DataFrame({"a": [], "b": []}), ValueError, r"0 sample\(s\) \(shape=\(0, 2\)\)"),
        (pd.DataFrame(index=[1, 2]), ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\)"),
        (pl.DataFrame({"a": []}), ValueError, r"0 sample\(s\)"),
        (np.array([[1j]]), ValueError, "Complex data not supported"),
        (np.array([[1j]], dtype=object), ValueError, "Complex data not supported"),
        (sparse.csr_array(np.eye(2)), TypeError, "[Ss]parse"),
        (np.array([[np.inf]]), ValueError, "infinity"),
        (pd.DataFrame({"a": [np.inf]}), ValueError, r"infinity .*column 'a'"),
        (pl.DataFrame({"a": [float("inf")]}), ValueError, r"infinity .*column 'a'"),
        (np.array([[10**400]], dtype=object), ValueError, "infinity"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, r"\['a'\] more than once"),
        (pl.LazyFrame({"a": [1]}), TypeError, "collect"),
        (np.zeros((2, 1), dtype="M8[ps]"), TypeError, "from years to nanoseconds"),
        (np.zeros((2, 1), dtype="S3"), TypeError, "Decode it"),
        (np.zeros((2, 1), dtype=[("a", float)]), TypeError, "numbers or strings"),
        (np.ma.masked_array([[1.0]], mask=[[True]]), TypeError, "filled"),
        ([[1, 2], [3]], ValueError, "inhomogeneous"),
    ],
)
def test_bad_input(X, error, message):
    with pytest.raises(error, match=message):
        read_table(X)


def test_nan_beside_a_marker_is_refused_in_arrays():
    with pytest.raises(ValueError, match="NaN"):
        read_table(np.array([[1.0, np.nan]]), missing_values=-1)


def test_conflict_with_the_fitted_kind(library):
    fitted = read_table(library.DataFrame({"n": [1.0, 2.0], "s": ["a", "b"]})).schema
    with pytest.raises(TypeError, match=r"Column 'n' held numbers .* text now, such as 'x'"):
        read_table(library.DataFrame({"n": ["x"], "s": ["a"]}), schema=fitted)
    with pytest.raises(TypeError, match=r"Column 's' held text .* numbers now, such as 3"):
        read_table(library.DataFrame({"n": [1.0], "s": [3]}), schema=fitted)


def test_column_without_values_takes_the_fitted_dtype(library):
    fitted = read_table(library.DataFrame({"s": ["a", "b"], "n": [1.5, 2.0]})).schema
    frame = library.DataFrame({"s": [None, None], "n": [None, None]})
    table = read_table(frame, schema=fitted)
    assert table.missing.all()
    filled = fill_table(table, [np.array(["a", "b"], dtype=object), np.array([0.5, 1.5])])
    assert as_lists(filled) == {"s": ["a", "b"], "n": [0.5, 1.5]}
    assert dtypes(filled) == dtypes(library.DataFrame({"s": ["a"], "n": [1.5]}))


@pytest.mark.parametrize("other", [pd, pl])
def test_column_without_values_in_another_library(library, other):
    fitted = read_table(library.DataFrame({"s": ["a"], "n": [1.5], "b": [True]})).schema
    nothing = [float("nan")] if other is pd else pl.Series([None], dtype=pl.Int8)
    frame = other.DataFrame({"s": nothing, "n": [None], "b": nothing})
    fill = [np.array(["a"], dtype=object), np.array([1.5]), np.array([True], dtype=object)]
    filled = fill_table(read_table(frame, schema=fitted), fill)
    assert as_lists(filled) == {"s": ["a"], "n": [1.5], "b": [True]}
    assert dtypes(filled) == dtypes(other.DataFrame({"s": ["a"], "n": [1.5], "b": [True]}))


def test_column_without_values_in_an_array():
    fitted = read_table([["a", 1.0], ["b", 2.0]]).schema
    table = read_table(np.array([[np.nan, 1.0], [np.nan, np.nan]]), schema=fitted)
    filled = fill_table(table, [np.array(["a", "b"], dtype=object), np.array([0.0, 5.0])])
    assert filled.tolist() == [["a", 1.0], ["b", 5.0]]


def test_column_never_fitted_keeps_what_it_holds(library):
    fitted = read_table(library.DataFrame({"e": [None, None], "n": [1.0, 2.0]})).schema
    for values, default in [
        (["x", None], "missing_value"),
        ([3.5, None], 0.0),
        ([None, None], 0.0),
    ]:
        table = read_table(library.DataFrame({"e": values, "n": [1.0, 2.0]}), schema=fitted)
        filled = fill_table(table, [np.zeros(2), np.zeros(2)])
        assert as_lists(filled)["e"] == [default if v is None else v for v in values]


def test_another_library_at_transform():
    fitted = read_table(make_pandas()).schema
    table = read_table(make_polars(), schema=fitted)
    filled = fill_table(table, some_values(table))
    assert filled.schema == make_polars().schema
    assert not any(None in values for values in as_lists(filled).values())


@pytest.mark.parametrize("observed", [3.7, 4])
def test_object_numbers_are_as_whole_as_their_column(observed):
    frame = pd.DataFrame({"x": [1, observed, None]}, dtype=object)
    filled = fill_table(read_table(frame), [np.array([0.0, 0.0, 2.0])])
    assert type(filled["x"][2]) is type(observed)


def test_hide_and_take(mixed):
    table = read_table(mixed)
    hidden = np.zeros((4, 5), dtype=bool)
    hidden[0] = True
    spoiled = table.hide(hidden)
    assert spoiled.missing[0].all()
    assert np.isnan(spoiled.columns[0][0])
    assert spoiled.columns[3][0] is None
    assert not table.missing[0].any()
    assert table.columns[3][0] == "Rome"
    taken = table.take(np.array([3, 0]))
    assert taken.columns[3].tolist() == ["Rome", "Rome"]
    assert taken.n_rows == 2
    assert table.take(np.array([], dtype=int)).n_rows == 0


def test_columns_are_not_views_of_the_input():
    X = np.array([[1.0, np.nan], [2.0, 3.0]])
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    assert not np.shares_memory(read_table(X).columns[0], X)
    assert not np.shares_memory(read_table(frame).columns[0], frame["a"].to_numpy())


def test_append_columns(library):
    flags = np.array([[True], [False]])
    frame = library.DataFrame({"a": [1.0, 2.0]})
    out = append_columns(frame, ["missing_a"], flags)
    assert as_lists(out) == {"a": [1.0, 2.0], "missing_a": [True, False]}
    assert as_lists(frame) == {"a": [1.0, 2.0]}
    out = append_columns(np.array([[1.0], [2.0]], dtype=np.float32), ["missing_a"], flags)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, [[1, 1], [2, 0]])


def test_append_columns_keeps_a_repeated_index():
    frame = pd.DataFrame({0: [1.0, 2.0]}, index=[5, 5])
    out = append_columns(frame, ["m"], np.array([[True], [False]]))
    assert out.index.tolist() == [5, 5]


def test_to_container():
    names = list(MIXED)
    pandas_frame = fill_table(table := read_table(make_pandas()), some_values(table))
    as_polars = to_container(pandas_frame, "polars", names)
    assert as_polars.dtypes == make_polars().dtypes
    assert as_lists(as_polars) == as_lists(pandas_frame)
    polars_frame = fill_table(table := read_table(make_polars()), some_values(table))
    as_pandas = to_container(polars_frame, "pandas", names)
    expected = ["float32", "int64", "bool", "str", "category"]
    assert [str(dtype) for dtype in as_pandas.dtypes] == expected
    assert as_pandas["size"].cat.categories.tolist() == SIZES
    assert to_container(polars_frame, "default", names) is polars_frame
    assert to_container(polars_frame, "polars", names) is polars_frame


def test_to_container_of_an_object_array(library):
    X = np.array([["a", 1.5], ["b", 2.5]], dtype=object)
    frame = to_container(X, library.__name__, ["s", "n"])
    assert as_lists(frame) == {"s": ["a", "b"], "n": [1.5, 2.5]}
    assert "loat64" in str(dtypes(frame)[1])


class Plain(BaseEstimator):
    pass


def test_validate_table_names_and_widths(library):
    estimator = Plain()
    frame = library.DataFrame({"a": [1.0], "b": [2.0]})
    schema = validate_table(estimator, frame, reset=True).schema
    assert estimator.n_features_in_ == 2
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    validate_table(estimator, frame, reset=False, schema=schema)
    with pytest.raises(ValueError, match="same order"):
        validate_table(estimator, frame[["b", "a"]], reset=False, schema=schema)
    with pytest.raises(ValueError, match="now missing"):
        validate_table(estimator, frame[["a"]], reset=False, schema=schema)
    with (
        pytest.warns(UserWarning, match="does not have valid feature names"),
        pytest.raises(ValueError, match="X has 1 features, but Plain is expecting 2"),
    ):
        validate_table(estimator, np.ones((1, 1)), reset=False, schema=schema)


def test_configured_output():
    assert configured_output(Plain()) == "default"
    estimator = Plain()
    estimator._sklearn_output_config = {"transform": "polars"}
    assert configured_output(estimator) == "polars"


def test_schema_names_and_selection(mixed):
    schema = read_table(mixed).schema
    assert schema.names == tuple(MIXED)
    assert schema.label(1) == "column 'visits'"
    assert read_table(np.ones((1, 2))).schema.label(1) == "column 1"
    assert schema.select(np.arange(5) == 3).names == ("city",)


def test_arrays_need_no_frame_library():
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pandas', 'polars', 'pyarrow']));"
        "from skmissdiff import TableEncoder;"
        "X = [[1.0, 'a'], [None, 'b']];"
        "encoder = TableEncoder().fit(X);"
        "print(encoder.inverse_transform(encoder.transform(X)).tolist())"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[[1.0, 'a'], [nan, 'b']]"
