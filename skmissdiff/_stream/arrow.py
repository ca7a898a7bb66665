"""Tables of any library as Arrow record batches of one schema."""

import importlib

import numpy as np


def record_batches(tables, example, names):
    """Turn tables that come one after another into record batches.

    Parameters
    ----------
    tables : iterable of (ndarray or frame)
    example : ndarray or frame
        A table like them, without missing cells, which tells the types of the columns.
    names : list of str
        Of the columns.

    Returns
    -------
    pyarrow.RecordBatchReader
    """
    pa = importlib.import_module("pyarrow")
    schema = _as_table(pa, example, names, None).schema.remove_metadata()

    def batches():
        for table in tables:
            yield from _as_table(pa, table, names, schema).combine_chunks().to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _as_table(pa, table, names, schema):
    """An Arrow table with columns of these names, of a schema if there is one."""
    if isinstance(table, pa.Table):
        arrow = table
    elif isinstance(table, np.ndarray):
        types = [None] * len(names) if schema is None else schema.types
        columns = [
            pa.array(column, type=type_, from_pandas=True)
            for column, type_ in zip(table.T, types, strict=True)
        ]
        return pa.table(columns, names=names)
    elif hasattr(table, "to_arrow"):  # polars
        arrow = table.to_arrow()
    else:
        table = table.set_axis(names, axis=1)
        return pa.Table.from_pandas(table, schema=schema, preserve_index=False)
    return arrow if schema is None else arrow.cast(schema)
