"""Bounds, whole numbers and observed values."""

import numpy as np
import pandas as pd
import pytest

from skmissdiff import TableEncoder
from skmissdiff._encoding.constraints import allowed_values, column_ranges, constrained
from skmissdiff._table.frames import read_table

FRAME = pd.DataFrame(
    {"x": [0.5, 2.25, np.nan], "n": [1.0, 4.0, np.nan], "s": ["a", "b", None], "e": [np.nan] * 3}
)


@pytest.fixture
def table():
    return read_table(FRAME)


INF = [-np.inf, np.inf]


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        (None, [INF, INF, INF, INF]),
        ("observed", [[0.5, 2.25], [1, 4], INF, INF]),
        ((0, None), [[0, np.inf], [0, np.inf], INF, [0, np.inf]]),
        ({"x": (None, 3), 1: "observed"}, [[-np.inf, 3], [1, 4], INF, INF]),
        ({-4: (1, 1)}, [[1, 1], INF, INF, INF]),
    ],
)
def test_bounds(table, bounds, expected):
    np.testing.assert_array_equal(column_ranges(table.schema, bounds), expected)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"y": (0, 1)}, "bounds names column 'y', but the columns are"),
        ({9: (0, 1)}, "bounds names column 9, but X has 4 columns"),
        ({"s": (0, 1)}, "column 's', which is categorical"),
        ({"x": (2, 1)}, "bounds of column 'x' must be in order"),
        ({"x": (np.nan, 1)}, "bounds of column 'x' must be in order"),
        ({"x": 3}, r"bounds of column 'x' must be 'observed' or a pair"),
        ({"x": "seen"}, r"bounds of column 'x' must be 'observed' or a pair"),
        ({"n": (1.2, 1.8)}, "bounds of column 'n' hold no whole number"),
        ((1, 2, 3), r"must be 'observed' or a pair"),
    ],
)
def test_wrong_bounds(table, bounds, message):
    with pytest.raises(ValueError, match=message):
        column_ranges(table.schema, bounds)
    with pytest.raises(ValueError, match=message):
        TableEncoder(bounds=bounds).fit(FRAME)


@pytest.mark.parametrize(
    ("snap", "snapped"),
    [(False, []), (True, [0, 1]), (["x"], [0]), ([1], [1]), (np.array([-3]), [1])],
)
def test_snap(table, snap, snapped):
    values = allowed_values(table, snap, column_ranges(table.schema, None))
    assert [j for j, observed in enumerate(values) if observed is not None] == snapped
    if 0 in snapped:
        assert values[0].tolist() == [0.5, 2.25]


def test_wrong_snap(table):
    ranges = column_ranges(table.schema, None)
    with pytest.raises(ValueError, match="snap names column 's', which is categorical"):
        allowed_values(table, ["s"], ranges)
    ranges = column_ranges(table.schema, {"x": (10, 20)})
    with pytest.raises(ValueError, match="bounds of column 'x', 10 to 20, hold none"):
        allowed_values(table, True, ranges)


def test_make_plausible(table):
    values = np.array([-1.0, 1.4, 1.6, 2.5, 99.0, np.nan])
    x, n = table.schema.columns[:2]

    def plausible(*args):
        return constrained(values, *args, as_whole=True)

    np.testing.assert_array_equal(plausible(x, INF, None), values)
    np.testing.assert_array_equal(plausible(x, (0, 2), None), [0, 1.4, 1.6, 2, 2, np.nan])
    np.testing.assert_array_equal(plausible(n, (0.5, 3.5), None), [1, 1, 2, 2, 3, np.nan])
    snapped = plausible(x, INF, np.array([0.5, 2.25]))
    np.testing.assert_array_equal(snapped, [0.5, 2.25, 2.25, 2.25, 2.25, np.nan])
    np.testing.assert_array_equal(plausible(x, INF, np.array([7.0])), [7.0] * 5 + [np.nan])


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
@pytest.mark.parametrize("bounds", [None, (-3, 9), (-1, 9), "observed"])
def test_no_number_is_the_one_that_stands_for_missing_cells(dtype, bounds):
    X = pd.DataFrame({"x": np.array([-5, 0, 3, 7, -1], dtype=dtype)})
    encoder = TableEncoder(missing_values=-1, bounds=bounds).fit(X)
    marker = encoder.scaler_.transform([[-1.0]])
    codes = np.concatenate([np.linspace(-2, 2, 500)[:, None], marker, marker * (1 + 1e-10)])
    out = encoder.inverse_transform(codes)
    assert np.isfinite(encoder.transform(out)).all()
    assert out["x"].iloc[-2] == 0


def test_means_are_whole_where_the_dtype_is():
    frame = pd.DataFrame({"f": [1.0, 4.0], "i": [1, 4]})
    whole_float, integer = read_table(frame).schema.columns
    values = np.array([1.4, 2.6])
    mean = constrained(values, whole_float, INF, None, as_whole=False)
    np.testing.assert_array_equal(mean, values)
    np.testing.assert_array_equal(constrained(values, integer, INF, None, as_whole=False), [1, 3])


def test_encoder_applies_them():
    encoder = TableEncoder(bounds={"x": (None, 1.0)}, snap=["n"]).fit(FRAME)
    out = encoder.inverse_transform([[50.0, 0.9, 0.0, 1.0]])
    assert out.iloc[0].tolist() == [1.0, 4.0, "b"]
