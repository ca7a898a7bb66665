"""Columns of dates, durations and decimals read as ticks, from the storage of each library."""

import importlib
from decimal import Decimal

import numpy as np

from skmissdiff._table.ticks import NANOSECONDS, Ticks, decimal_ticks, object_tick, zone_name


def ticks_of(source):
    """Return what a column holds exactly, by its dtype.

    Parameters
    ----------
    source : ndarray of shape (n_rows,) or narwhals Series

    Returns
    -------
    Ticks or None
        None for other dtypes.
    """
    if isinstance(source, np.ndarray):
        return _of_numpy(source.dtype)
    native = source.to_native()
    if source.implementation.is_pandas():
        return _of_pandas(native.dtype)
    if source.implementation.is_polars():
        return _of_polars(native.dtype)
    return _of_arrow(native.type)


def read_ticks(source, ticks):
    """Return the ticks of a column and where it has none.

    Parameters
    ----------
    source : ndarray of shape (n_rows,) or narwhals Series
    ticks : Ticks
        What `ticks_of` returns for it.

    Returns
    -------
    values : ndarray of int64 or of Python ints, shape (n_rows,)
        0 where missing.
    missing : ndarray of bool, shape (n_rows,)
    """
    if isinstance(source, np.ndarray):
        return _whole(source)
    native = source.to_native()
    if ticks.holds == "decimal":
        return _read_decimals(source.to_list(), ticks.scale)
    if source.implementation.is_pandas():
        if hasattr(native.array, "__arrow_array__") and type(native.dtype).__name__ == "ArrowDtype":
            return _read_arrow(importlib.import_module("pyarrow").array(native.array))
        if ticks.holds == "period":
            missing = native.isna().to_numpy()
            return np.where(missing, 0, native.array.asi8), missing
        if ticks.zone is not None:
            native = native.dt.tz_convert("UTC").dt.tz_localize(None)
        return _whole(native.to_numpy())
    if source.implementation.is_polars():
        missing = native.is_null().to_numpy()
        whole = native.to_physical().fill_null(0).to_numpy()
        return whole.astype(np.int64), missing
    return _read_arrow(native)


def read_objects(values, missing, ticks):
    """Return the ticks of Python objects, Python ints where they are not missing."""
    out = np.zeros(len(values), dtype=object)
    out[~missing] = [object_tick(value, ticks) for value in values[~missing]]
    return out


def _whole(values):
    missing = np.isnat(values)
    return np.where(missing, 0, values.view(np.int64)), missing


def _read_decimals(items, scale):
    missing = np.array([not isinstance(item, Decimal) for item in items], dtype=bool)
    whole = np.zeros(len(items), dtype=object)
    whole[~missing] = [decimal_ticks(d, scale) for d in items if isinstance(d, Decimal)]
    return whole, missing


def _read_arrow(array):
    pa = importlib.import_module("pyarrow")
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    missing = array.is_null().to_numpy(zero_copy_only=False)
    if array.type.bit_width == 32:
        array = array.cast(pa.int32())
    return array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), missing


def _of_numpy(dtype):
    if dtype.kind not in "mM":
        return None
    unit, count = np.datetime_data(dtype)
    if unit in ("Y", "M") and dtype.kind == "M" and count == 1:
        return Ticks("period", unit)
    if unit not in NANOSECONDS or count != 1:
        return None
    return Ticks("instant" if dtype.kind == "M" else "duration", unit)


def _of_pandas(dtype):
    if isinstance(dtype, np.dtype):
        return _of_numpy(dtype)
    name = type(dtype).__name__
    if name == "DatetimeTZDtype":
        zone = zone_name(dtype.tz)
        return None if zone is None else Ticks("instant", dtype.unit, zone)
    if name == "PeriodDtype":
        return Ticks("period", str(dtype).removeprefix("period[").removesuffix("]"))
    return _of_arrow(dtype.pyarrow_dtype) if name == "ArrowDtype" else None


def _of_polars(dtype):
    name = type(dtype).__name__
    if name == "Date":
        return Ticks("date", "D")
    if name == "Time":
        return Ticks("daytime", "ns")
    if name == "Duration":
        return Ticks("duration", dtype.time_unit)
    if name == "Datetime":
        return Ticks("instant", dtype.time_unit, dtype.time_zone)
    if name == "Decimal":
        return Ticks("decimal", scale=dtype.scale, precision=dtype.precision or 38)
    return None


def _of_arrow(dtype):
    types = importlib.import_module("pyarrow").types
    if types.is_timestamp(dtype):
        return Ticks("instant", dtype.unit, dtype.tz)
    if types.is_date32(dtype):
        return Ticks("date", "D")
    if types.is_date64(dtype):
        return Ticks("date", "ms")
    if types.is_time(dtype):
        return Ticks("daytime", dtype.unit)
    if types.is_duration(dtype):
        return Ticks("duration", dtype.unit)
    if types.is_decimal(dtype):
        return Ticks("decimal", scale=dtype.scale, precision=dtype.precision)
    return None
