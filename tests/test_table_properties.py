"""Any table: what goes in comes out, with its missing cells filled and nothing else changed."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_strategies import N_EXAMPLES, SETTINGS, cells_of, pairs_of_tables

from skmissdiff import TableEncoder
from skmissdiff._table.frames import read_table
from skmissdiff._table.rebuild import build_table, fill_table

pytestmark = pytest.mark.slow


def check_dtypes(filled, given_table, table):
    if isinstance(given_table, np.ndarray):
        assert filled.dtype == given_table.dtype
        return
    for name, column in zip(given_table.columns, table.schema.columns, strict=True):
        if column.n_observed and column.categories is None:
            assert filled[name].dtype == given_table[name].dtype


@pytest.mark.parametrize("scaling", ["standard", "quantile", "minmax"])
@settings(max_examples=N_EXAMPLES, **SETTINGS)
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
