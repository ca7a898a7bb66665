"""Columns of dates, durations and decimals made from ticks, in the storage of each library."""

import importlib

import numpy as np

from skmissdiff._table.clock import Clock
from skmissdiff._table.ticks import INTEGER, tick_as_object

_NAT = np.iinfo(np.int64).min


def column_ticks(column, values):
    """Return the values of a column as ticks of its own.

    Parameters
    ----------
    column : ColumnSchema
        Of a column with ``ticks``.
    values : ndarray of shape (n_rows,)
        Offsets on its clock, or numbers without one; without missing ones.

    Returns
    -------
    ndarray of Python ints, dtype object
    """
    clock = column.clock or Clock(INTEGER)
    return clock.values(np.asarray(values, dtype=np.float64), column.ticks)


def objects_of_ticks(column, values):
    """Return the values of a column as Python objects, dtype object."""
    out = np.empty(len(values), dtype=object)
    out[:] = [tick_as_object(tick, column.ticks) for tick in column_ticks(column, values)]
    return out


def numpy_of_ticks(column, values, gaps, dtype):
    """Return values as an array of this datetime64 or timedelta64 dtype, NaT where `gaps`."""
    out = np.full(len(values), _NAT, dtype=np.int64)
    out[~gaps] = column_ticks(column, values[~gaps]).astype(np.int64)
    return out.view(dtype)


def pandas_of_ticks(pd, column, values, gaps):
    """Return values as a pandas array of the column's dtype."""
    ticks = column.ticks
    if column.storage == "arrow":
        pa = importlib.import_module("pyarrow")
        return pd.arrays.ArrowExtensionArray(arrow_of_ticks(pa, column, values, gaps))
    if ticks.python is not None or ticks.holds in ("decimal", "daytime", "date"):
        items = np.full(len(values), None, dtype=object)
        items[~gaps] = objects_of_ticks(column, values[~gaps])
        return pd.arrays.NumpyExtensionArray(items)
    if ticks.holds == "period":
        whole = numpy_of_ticks(column, values, gaps, np.int64)
        return pd.arrays.PeriodArray(whole, dtype=pd.PeriodDtype(ticks.unit))
    kind = "M8" if ticks.holds == "instant" else "m8"
    array = numpy_of_ticks(column, values, gaps, f"{kind}[{ticks.unit}]")
    if ticks.zone is None:
        return pd.array(array, dtype=array.dtype)
    dtype = pd.DatetimeTZDtype(ticks.unit, ticks.zone)
    return pd.DatetimeIndex(array).tz_localize("UTC").tz_convert(dtype.tz).array


def polars_of_ticks(pl, column, values, gaps):
    """Return values as a polars Series of the column's dtype."""
    ticks = column.ticks
    if ticks.holds == "decimal":
        items = np.full(len(values), None, dtype=object)
        items[~gaps] = objects_of_ticks(column, values[~gaps])
        return pl.Series(
            column.name, items.tolist(), dtype=pl.Decimal(ticks.precision, ticks.scale)
        )
    whole = np.full(len(values), None, dtype=object)
    whole[~gaps] = column_ticks(column, values[~gaps])
    series = pl.Series(column.name, whole.tolist(), dtype=pl.Int64)
    if ticks.holds == "date":
        return series.cast(pl.Int32).cast(pl.Date)
    if ticks.holds == "daytime":
        return series.cast(pl.Time)
    if ticks.holds == "duration":
        return series.cast(pl.Duration(ticks.unit))
    return series.cast(pl.Datetime(ticks.unit, ticks.zone))


def arrow_of_ticks(pa, column, values, gaps):
    """Return values as an Arrow array of the column's type."""
    ticks = column.ticks
    items = np.full(len(values), None, dtype=object)
    if ticks.holds == "decimal":
        items[~gaps] = objects_of_ticks(column, values[~gaps])
    else:
        items[~gaps] = column_ticks(column, values[~gaps])
    return pa.array(items.tolist(), type=_arrow_type(pa, column))


def _arrow_type(pa, column):
    ticks = column.ticks
    if ticks.holds == "decimal":
        # Also decimal32 and decimal64, which older releases do not have.
        words = column.dtype.removesuffix("[pyarrow]").partition("(")[0]
        make = getattr(pa, words, None) or (
            pa.decimal128 if ticks.precision <= 38 else pa.decimal256
        )
        return make(ticks.precision, ticks.scale)
    if ticks.holds == "date":
        return pa.date32() if ticks.unit == "D" else pa.date64()
    if ticks.holds == "daytime":
        return (pa.time32 if ticks.unit in ("s", "ms") else pa.time64)(ticks.unit)
    if ticks.holds == "duration":
        return pa.duration(ticks.unit)
    return pa.timestamp(ticks.unit, ticks.zone)
