"""Imputed numbers that could have been observed: within bounds, whole, or seen before."""

from decimal import Decimal
from numbers import Real

import numpy as np

from skmissdiff._table.columns import is_nan_like
from skmissdiff._table.dtypes import numpy_dtype
from skmissdiff._table.frames import column_index
from skmissdiff._table.schema import TIMES
from skmissdiff._table.ticks import WORDS


def column_ranges(schema, bounds):
    """Return the lowest and the highest value of each column, shape (n_columns, 2).

    Parameters
    ----------
    schema : TableSchema
        The table seen in `fit`.
    bounds : None, "observed", (low, high) or dict
        The range of every numeric column, or one range per column by name or index. A
        range is "observed" or a pair in which None means no bound. A pair of dates or of
        durations is for the columns of such, a pair of numbers for the others.

    Raises
    ------
    ValueError
        For an unknown or categorical column and for a range without a value.
    """
    ranges = np.tile([-np.inf, np.inf], (len(schema.columns), 1))
    if bounds is None:
        return ranges
    if isinstance(bounds, dict):
        chosen = {_numeric_index(schema, key, "bounds"): value for key, value in bounds.items()}
    else:
        chosen = dict.fromkeys(meant_columns(schema, bounds), bounds)
    for index, value in chosen.items():
        ranges[index] = _range(schema, index, value)
    return ranges


def meant_columns(schema, bounds):
    """The numeric columns that one range for all of them is for."""
    numeric = np.flatnonzero(~np.asarray(schema.is_categorical)).tolist()
    if isinstance(bounds, str):
        return numeric
    ends = [end for end in bounds if end is not None]
    if not ends or not numeric:
        return numeric
    if all(isinstance(end, Real | Decimal) and not isinstance(end, np.timedelta64) for end in ends):
        found = [j for j in numeric if schema.columns[j].element not in TIMES]
    else:
        found = [j for j in numeric if _is_of(schema.columns[j], ends)]
    if not found:
        raise ValueError(
            f"The bounds {bounds!r} are for none of the numeric columns. Give them by the name "
            "of a column."
        )
    return found


def _is_of(column, ends):
    if column.element not in TIMES:
        return False
    try:
        for end in ends:
            column.offset_of(end)
    except (TypeError, ValueError):
        return False
    return True


def allowed_values(table, snap, ranges):
    """Return for each column the values that imputed ones are moved to, None for any.

    Parameters
    ----------
    table : Table
        The table seen in `fit`.
    snap : bool, "whole" or array-like
        Whether to use observed values only: in every numeric column, or in the listed
        ones, by name or index. "whole" is no such choice.
    ranges : ndarray of shape (n_columns, 2)
        See `column_ranges`.

    Returns
    -------
    list of (ndarray or None)
        Sorted.
    """
    schema = table.schema
    if isinstance(snap, bool | np.bool_ | str):
        chosen = ~np.asarray(schema.is_categorical) & (not isinstance(snap, str) and bool(snap))
    else:
        chosen = np.zeros(len(schema.columns), dtype=bool)
        for feature in np.asarray(snap).ravel().tolist():
            chosen[_numeric_index(schema, feature, "snap")] = True
    observed = [None] * len(schema.columns)
    for index in np.flatnonzero(chosen):
        if schema.columns[index].n_observed == 0:
            continue
        values = np.unique(table.columns[index][~table.missing[:, index]])
        low, high = ranges[index]
        observed[index] = values[(low <= values) & (values <= high)]
        if len(observed[index]) == 0:
            raise ValueError(
                f"The bounds of {schema.label(index)}, {_words(schema.columns[index], low)} to "
                f"{_words(schema.columns[index], high)}, hold none of its "
                "observed values to snap to. Widen them or leave the column out of snap."
            )
    return observed


def _words(column, number):
    return column.text(number) if np.isfinite(number) else f"{number:g}"


def stand_ins(table, marker, ranges):
    """Return for each column the observed value nearest to `marker`, within bounds if one is.

    Parameters
    ----------
    table : Table
        The table seen in `fit`.
    marker : object
        What stands for a missing cell.
    ranges : ndarray of shape (n_columns, 2)
        See `column_ranges`.

    Returns
    -------
    list of (float or None)
        None in columns where no number reads as missing.
    """
    found = [None] * table.n_columns
    if not isinstance(marker, Real) or isinstance(marker, bool) or is_nan_like(marker):
        return found
    for index, column in enumerate(table.schema.columns):
        if column.is_categorical or column.n_observed == 0:
            continue
        values = table.columns[index][~table.missing[:, index]]
        low, high = ranges[index]
        inside = values[(low <= values) & (values <= high)]
        values = inside if len(inside) else values
        at = _marker_in(column, marker)
        if at is not None:
            found[index] = float(values[np.abs(values - at).argmin()])
    return found


def _marker_in(column, marker):
    """The number in a column that would read as missing, None if there is none such."""
    if column.element in TIMES:
        return None
    # As it is written: a decimal 0.1 is not the float64 nearest to it.
    return column.offset_of(marker if column.ticks is None else Decimal(str(marker)))


def avoid_marker(values, column, marker, stand_in):
    """Return numbers with `stand_in` for those that would read as missing, if it is not None."""
    if stand_in is None:
        return values
    dtype = numpy_dtype(column)
    with np.errstate(over="ignore"):
        held = values.astype(dtype) if dtype.kind == "f" else values
    return np.where(held == _marker_in(column, marker), stand_in, values)


def constrained(values, column, bounds, observed, *, as_whole):
    """Return imputed numbers moved to the nearest plausible ones; NaN stays.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
    column : ColumnSchema
        A column of an integer dtype gets whole numbers. One that merely held nothing else
        gets them if asked to.
    bounds : (float, float)
    observed : ndarray or None
        Sorted values to choose from.
    as_whole : bool
        Whether a column that held whole numbers gets such, as it does in draws: a mean of whole
        numbers need not be whole.
    """
    if observed is not None:
        middles = observed[:-1] / 2 + observed[1:] / 2
        nearest = observed[np.searchsorted(middles, values)]
        return np.where(np.isnan(values), np.nan, nearest)
    low, high = bounds
    if column.is_integer or (column.is_whole and as_whole):
        values, low, high = np.rint(values) + 0.0, np.ceil(low), np.floor(high)  # no -0.0
    return np.clip(values, low, high)


def _numeric_index(schema, feature, parameter):
    names = [column.name for column in schema.columns]
    index = column_index(feature, names, parameter)
    if schema.columns[index].is_categorical:
        raise ValueError(
            f"{parameter} names {schema.label(index)}, which is categorical: only numeric "
            "columns have a range."
        )
    return index


def _range(schema, index, value):
    """Return the lowest and the highest value that `value` allows in the column."""
    column, label = schema.columns[index], schema.label(index)
    if isinstance(value, str) and value == "observed":
        if column.minimum is None:
            return -np.inf, np.inf
        return column.minimum, column.maximum
    try:
        low, high = value
        low = -np.inf if low is None else _end(column, low)
        high = np.inf if high is None else _end(column, high)
    except (TypeError, ValueError) as error:
        of_what = "" if column.clock is None else f" of {WORDS[column.clock.ticks.holds][0]}"
        why = f": {error}" if of_what else ""
        raise ValueError(
            f"The bounds of {label} must be 'observed' or a pair (low, high){of_what}, got "
            f"{value!r}{why}."
        ) from error
    if not low <= high:
        raise ValueError(f"The bounds of {label} must be in order, got {value!r}.")
    if (column.is_whole or column.is_integer) and np.ceil(low) > np.floor(high):
        raise ValueError(
            f"The bounds of {label} hold no whole {_step_words(column)}, got {value!r}, but the "
            "column has nothing else."
        )
    return low, high


def _end(column, value):
    """Return the number in the column of one end of a range, which may be infinite."""
    endless = isinstance(value, float | np.floating) and np.isinf(value)
    return float(value) if endless else column.offset_of(value)


def _step_words(column):
    """What the values of a column are whole numbers of."""
    if column.clock is None or not column.clock.ticks.is_time:
        return "number"
    return f"step of {column.clock.step_size:g} seconds"
