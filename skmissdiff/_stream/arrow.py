"""Tables of any library as Arrow record batches of one schema."""

import importlib

import numpy as np


def record_batches(tables, example, names, marker=None):
    """Turn tables that come one after another into record batches.

    Parameters
    ----------
    tables : iterable of (ndarray or frame)
    example : ndarray or frame
        A table like them, without missing cells, which tells the types of the columns.
    names : list of str
        Of the columns.
    marker : object
        What stands for a missing cell. A text among numbers becomes a null cell.

    Returns
    -------
    pyarrow.RecordBatchReader
    """
    pa = importlib.import_module("pyarrow")
    schema = _as_table(pa, example, names, None).schema.remove_metadata()

    def batches():
        for table in tables:
            table = _without_text(pa, table, schema, marker)
            yield from _as_table(pa, table, names, schema).combine_chunks().to_batches()

    return pa.RecordBatchReader.from_batches(schema, batches())


def _without_text(pa, table, schema, marker):
    """A table with null cells for a marker that is text, in columns of other types."""
    is_pandas = hasattr(table, "iloc")
    if not isinstance(marker, str) or not (is_pandas or isinstance(table, np.ndarray)):
        return table
    table = table.copy()
    for place, type_ in enumerate(schema.types):
        column = table.iloc[:, place] if is_pandas else table[:, place]
        if column.dtype != object or pa.types.is_string(type_) or pa.types.is_large_string(type_):
            continue
        cells = [None if isinstance(v, str) and v == marker else v for v in column]
        if is_pandas:
            table.isetitem(place, type(column)(cells, index=table.index, dtype=object))
        else:
            table[:, place] = cells
    return table


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
