"""Any table: what goes in comes out, with its missing cells filled and nothing else changed."""

import os
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skmissdiff import TableEncoder
from skmissdiff._dataframe import read_table
from skmissdiff._rebuild import build_table, fill_table

N_EXAMPLES = int(os.environ.get("SKMISSDIFF_EXAMPLES", 40))
TEXTS = ["", "a", "1", "nan", "é", "missing_value"]
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
# Of each dtype: the values it may hold, and whether it has missing cells of its own.
PANDAS = {
    "float64": (FLOATS, True),
    "float32": (st.floats(width=32, allow_nan=False, allow_infinity=False), True),
    "int64": (st.integers(-(2**63), 2**63 - 1), False),
    "uint8": (st.integers(0, 255), False),
    "bool": (st.booleans(), False),
    "Int64": (st.integers(-(2**63), 2**63 - 1), True),
    "UInt64": (st.integers(0, 2**64 - 1), True),
    "Float64": (FLOATS, True),
    "boolean": (st.booleans(), True),
    "str": (st.sampled_from(TEXTS), True),
    "string": (st.sampled_from(TEXTS), True),
    "string[python]": (st.sampled_from(TEXTS), True),
    "object": (st.sampled_from(TEXTS), True),
    "category": (st.integers(0, 3), True),
    "int32[pyarrow]": (st.integers(-(2**31), 2**31 - 1), True),
}
POLARS = {
    pl.Float64: FLOATS,
    pl.Float32: st.floats(width=32, allow_nan=False, allow_infinity=False),
    pl.Int64: st.integers(-(2**63), 2**63 - 1),
    pl.UInt8: st.integers(0, 255),
    pl.Boolean: st.booleans(),
    pl.String: st.sampled_from(TEXTS),
    pl.Categorical: st.sampled_from(TEXTS),
    pl.Enum(TEXTS): st.sampled_from(TEXTS),
}


@st.composite
def pairs_of_tables(draw):
    """A table to fit and one to complete, of the same dtypes."""
    n_rows = [draw(st.integers(1, 6)), draw(st.integers(1, 6))]
    n_columns = draw(st.integers(1, 5))
    library = draw(st.sampled_from(["pandas", "polars", "array"]))
    frames = [{}, {}]
    array = draw(st.sampled_from(["float64", "float32", "object"]))
    for j in range(n_columns):
        if library == "polars":
            dtype = draw(st.sampled_from(list(POLARS)))
            values, missing = POLARS[dtype], True
        else:
            dtype = array if library == "array" else draw(st.sampled_from(list(PANDAS)))
            values, missing = PANDAS[dtype]
        cells = st.one_of(st.none(), values) if missing else values
        for frame, n in zip(frames, n_rows, strict=True):
            column = draw(st.lists(cells, min_size=n, max_size=n))
            frame[f"c{j}"] = (
                pl.Series(column, dtype=dtype)
                if library == "polars"
                else pd.Series(column, dtype=dtype)
            )
    if library == "polars":
        return [pl.DataFrame(frame) for frame in frames]
    frames = [pd.DataFrame(frame) for frame in frames]
    return [frame.to_numpy() for frame in frames] if library == "array" else frames


def cells_of(table, observed=None):
    """Cells in words, which compare bit by bit: the observed ones, or all of them."""
    if isinstance(table, np.ndarray):
        columns = [column.tolist() for column in table.T]
    elif isinstance(table, pd.DataFrame):
        columns = [table[name].tolist() for name in table]
    else:
        columns = [column.to_list() for column in table]
    if observed is None:
        return [list(map(repr, column)) for column in columns]
    return [
        [repr(value) for value, wanted in zip(column, rows, strict=True) if wanted]
        for column, rows in zip(columns, observed.T, strict=True)
    ]


def check_dtypes(filled, given_table, table):
    if isinstance(given_table, np.ndarray):
        assert filled.dtype == given_table.dtype
        return
    for name, column in zip(given_table.columns, table.schema.columns, strict=True):
        if column.n_observed and column.categories is None:
            assert filled[name].dtype == given_table[name].dtype


@pytest.mark.parametrize("scaling", ["standard", "quantile", "minmax"])
@settings(
    max_examples=N_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(tables=pairs_of_tables(), seed=st.integers(0, 9))
def test_tables(scaling, tables, seed):
    train, new = tables
    rng = np.random.default_rng(seed)
    encoder = TableEncoder(scaling=scaling, max_categories=2 + seed, keep_empty_features=True)
    encoder.fit(train)
    for given_table in (train, new):
        before = cells_of(given_table)
        table = read_table(given_table, schema=encoder.schema_)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Found categories")
            codes = encoder.encode(table)
        assert codes.shape == (table.n_rows, encoder.layout_.n_codes)
        complete = np.where(np.isnan(codes), rng.normal(size=codes.shape) * 3, codes)
        values = encoder.decode(complete, rng.random((table.n_rows, table.n_columns)))
        filled = fill_table(table, values)
        assert type(filled) is type(given_table)
        assert not read_table(filled).missing.any()
        assert cells_of(filled, ~table.missing) == cells_of(given_table, ~table.missing)
        check_dtypes(filled, given_table, table)
        assert cells_of(given_table) == before
        built = build_table(encoder.schema_, values)
        assert not read_table(built).missing.any()
    nothing = np.zeros((0, encoder.layout_.n_codes))
    assert len(build_table(encoder.schema_, encoder.decode(nothing))) == 0
    back = encoder.inverse_transform(encoder.transform(train))
    np.testing.assert_array_equal(
        read_table(back, schema=encoder.schema_).missing[:, encoder.layout_.column_of_code],
        read_table(train).missing[:, encoder.layout_.column_of_code],
    )
