"""Columns made from scratch: values in the dtype that a `ColumnSchema` describes."""

import importlib
import re
from dataclasses import replace

import numpy as np

from skmissdiff._table.columns import is_nan_like
from skmissdiff._table.schema import Kind
from skmissdiff._table.ticks_out import (
    arrow_of_ticks,
    numpy_of_ticks,
    objects_of_ticks,
    pandas_of_ticks,
    polars_of_ticks,
)

# Arrow's and polars' names of the dtypes that NumPy spells in another way.
_NUMPY_NAMES = {
    "double": "float64",
    "float": "float32",
    "halffloat": "float16",
    "boolean": "bool",
    "int128": "int64",
    "uint128": "uint64",
}
# Of polars, which NumPy does not have.
_WIDE_INTEGERS = {"Int128": (-(2**127), 2**127 - 1), "UInt128": (0, 2**128 - 1)}
_DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>")


def make_column(library, column, values):
    """Return a new column of a frame.

    Parameters
    ----------
    library : {"pandas", "polars", "pyarrow"}
    column : ColumnSchema
    values : ndarray of shape (n_rows,)
        None and NaN come out as missing cells.

    Returns
    -------
    Series or pyarrow.Array
    """
    module = importlib.import_module(library)
    if column.categories is not None:
        categories = extended(column.categories, None, values)
        if categories != column.categories:
            column = replace(column, categories=categories, categories_dtype=None)
    if library == "pandas":
        array = pandas_array(module, column, values)
        # Named again, or pandas makes its own text dtype of text in an object array.
        is_numpy = type(array) is module.arrays.NumpyExtensionArray
        dtype = array.dtype.numpy_dtype if is_numpy else array.dtype
        return module.Series(array, name=column.name, dtype=dtype)
    if library == "polars":
        return polars_series(module, column, values)
    return arrow_array(module, column, values)


def extended(categories, fitted, values):
    """Return the category list with room for `values`: the fitted list where that will do."""
    known = set(categories)
    lacking = [v for v in dict.fromkeys(values) if v not in known and not is_nan_like(v)]
    if not lacking:
        return categories
    if fitted is not None and known.union(lacking) <= set(fitted):
        return fitted
    return (*categories, *lacking)


def numpy_dtype(column):
    """Return the NumPy dtype behind the dtype of a frame's column, object for levels."""
    name = column.dtype.lower().removesuffix("[pyarrow]")
    try:
        dtype = np.dtype(_NUMPY_NAMES.get(name, name))
    except (TypeError, ValueError):
        return np.dtype(object)
    return dtype if dtype.kind in "fiub" else np.dtype(object)


def typed(values, column, dtype):
    """Return values as an array of the NumPy dtype, rounded and clipped to what it can hold."""
    if column.ticks is not None and dtype.kind in "mM":
        return numpy_of_ticks(column, values, np.zeros(len(values), dtype=bool), dtype)
    if column.ticks is not None and dtype.kind == "O":
        return objects_of_ticks(column, values)
    if column.clock is not None:
        values = column.clock.numbers(np.asarray(values, dtype=np.float64))
    if dtype.kind == "U":
        return np.asarray(values, dtype=str)
    if dtype.kind == "O":
        return _as_objects(values, column)
    if dtype.kind in "iu":
        return _round_to(values, dtype)
    numbers = np.asarray(values, dtype=np.float64)
    if dtype.kind == "b":
        return numbers >= 0.5
    limits = np.finfo(dtype)
    return np.clip(numbers, limits.min, limits.max).astype(dtype)


def _round_to(values, dtype):
    """Return the nearest whole numbers that the integer dtype can hold."""
    limits = np.iinfo(dtype)
    if values.dtype == object:  # levels, which no float64 can tell apart beyond 2**53
        whole = [min(max(round(v), limits.min), limits.max) for v in values]
        return np.array(whole, dtype=dtype)
    highest = np.float64(limits.max)
    if int(highest) > limits.max:
        highest = np.nextafter(highest, 0)  # 2**63 - 1 itself is no float64
    return np.clip(np.rint(values), limits.min, highest).astype(dtype)


def _as_objects(values, column):
    """Return Python objects, numbers as whole as those of the column."""
    out = np.empty(len(values), dtype=object)
    if column.kind is Kind.NUMERIC and not any(isinstance(v, str) for v in values):
        whole = column.is_integer
        out[:] = [int(v) if whole and float(v).is_integer() else float(v) for v in values]
    else:
        out[:] = list(values)
    return out


def absent(values):
    """Return where values are None or NaN, bool of shape (n_rows,)."""
    if values.dtype == object:
        if not any(map(is_nan_like, set(values))):  # of few categories, which is fast
            return np.zeros(len(values), dtype=bool)
        return np.array([is_nan_like(value) for value in values], dtype=bool)
    return np.isnan(values)


def _pandas_dtype(pd, column):
    """Return the pandas dtype that the words of `column` stand for, None to infer it."""
    if column.dtype == "null[pyarrow]":
        return None
    if column.dtype == "category":
        levels = pd.Index(list(column.categories), dtype=column.categories_dtype)
        return pd.CategoricalDtype(levels, ordered=column.ordered)
    if column.storage == "arrow":
        pa = importlib.import_module("pyarrow")
        return pd.ArrowDtype(_arrow_type(pa, column.dtype.removesuffix("[pyarrow]")))
    if column.dtype in ("str", "string"):
        null = np.nan if column.dtype == "str" else pd.NA
        return pd.StringDtype(column.storage, na_value=null)
    return pd.api.types.pandas_dtype(column.dtype)


def pandas_array(pd, column, values, dtype=None):
    """Return values as a pandas array, of the column's dtype unless `dtype` is given."""
    gaps = absent(values)
    if column.ticks is not None:
        return pandas_of_ticks(pd, column, values, gaps)
    dtype = _pandas_dtype(pd, column) if dtype is None else dtype
    kind = numpy_dtype(column)
    if gaps.any() and isinstance(dtype, np.dtype) and dtype.kind in "iub":
        # These have no missing value: pandas itself makes floats or objects of them.
        dtype = kind = np.dtype(object if dtype.kind == "b" else np.float64)
    if not gaps.any():
        return pd.array(typed(values, column, kind), dtype=dtype)
    items = np.full(len(values), np.nan if dtype == np.dtype(kind) else None, dtype=object)
    items[~gaps] = typed(values[~gaps], column, kind).astype(object)
    return pd.array(items, dtype=dtype)


def polars_series(pl, column, values, dtype=None):
    """Return values as a polars Series, of the column's dtype unless `dtype` is given."""
    gaps = absent(values)
    if column.ticks is not None:
        return polars_of_ticks(pl, column, values, gaps)
    kind = numpy_dtype(column)
    items = np.full(len(values), None, dtype=object)
    if column.clock is not None and column.dtype in _WIDE_INTEGERS:
        low, high = _WIDE_INTEGERS[column.dtype]
        items[~gaps] = [min(max(v, low), high) for v in column.clock.numbers(values[~gaps])]
        return pl.Series(column.name, items.tolist(), dtype=getattr(pl, column.dtype))
    items[~gaps] = typed(values[~gaps], column, kind).astype(object)
    if column.dtype == "Null":
        return pl.Series(column.name, items.tolist())
    if dtype is None:
        is_enum = column.dtype == "Enum"
        dtype = pl.Enum(list(column.categories)) if is_enum else getattr(pl, column.dtype)
    start = pl.String if kind.kind == "O" else dtype
    return pl.Series(column.name, items.tolist(), dtype=start).cast(dtype)


def arrow_array(pa, column, values):
    """Return values as an Arrow array of the column's dtype."""
    gaps = absent(values)
    if column.ticks is not None:
        return arrow_of_ticks(pa, column, values, gaps)
    items = np.full(len(values), None, dtype=object)
    items[~gaps] = typed(values[~gaps], column, numpy_dtype(column)).astype(object)
    if column.dtype == "null":
        return pa.array(items.tolist())
    return pa.array(items.tolist(), type=_arrow_type(pa, column.dtype))


def _arrow_type(pa, name):
    """Return the Arrow type of this name."""
    match = _DICTIONARY.fullmatch(name)
    if match is None:
        return pa.type_for_alias(name)
    values, indices, ordered = match.groups()
    return pa.dictionary(_arrow_type(pa, indices), _arrow_type(pa, values), ordered == "1")
