"""Cells that generated rows are to have, given by value: columns or partial rows.

What comes out is a `Table` like the one in `fit`, missing where a cell is to be drawn.
"""

import narwhals.stable.v2 as nw
import numpy as np

from skmissdiff._table.columns import is_nan_like, read_column
from skmissdiff._table.dtypes import numpy_dtype, typed
from skmissdiff._table.frames import Table, column_index, is_frame, library_of, refuse_lazy
from skmissdiff._table.schema import TIMES
from skmissdiff._table.ticks import INTEGER, exact_value
from skmissdiff._table.ticks_in import read_ticks, ticks_of

_N_LEVELS = 10  # that an error lists
# From here on a float64 no longer tells neighbouring whole numbers apart.
_LARGEST_WHOLE = 2**53


def read_given(given, schema, categories, missing_values=np.nan):
    """Read what the user gives of rows that are to be generated.

    Parameters
    ----------
    given : dict, frame or array-like of shape (n_rows, n_columns)
        Values by column, by name or index: a scalar for all rows, or one value per row. Or
        partial rows; a frame may have some of the columns only.
    schema : TableSchema
        The table seen in `fit`.
    categories : list of (ndarray or None)
        The levels of each categorical column seen in `fit`.
    missing_values : number, str, NaN or None, default=NaN
        What stands for a cell that is to be drawn, besides null ones.

    Returns
    -------
    table : Table
        Of as many rows as were given, of one row if all were scalars.
    is_constant : bool
        Whether only scalars were given.

    Raises
    ------
    TypeError, ValueError
        With the column, the value and what to do about it.
    """
    names = [column.name for column in schema.columns]
    read, scalars = {}, []
    for key, value in _items(given, len(names)):
        j = column_index(key, names, "given")
        if j in read:
            raise ValueError(f"given names {schema.label(j)} twice, by name and by index.")
        if schema.columns[j].is_left_out:
            raise ValueError(
                f"given sets {schema.label(j)}, which is left out of the model: nearly every value "
                "of it occurs once. Leave it out of given, or fit with it among "
                "categorical_features."
            )
        source, is_scalar = _as_source(value, schema.label(j))
        if schema.columns[j].element in TIMES and isinstance(source, np.ndarray):
            values, missing = _times(source, schema.columns[j], schema.label(j), missing_values)
        else:
            values, missing, _ = read_column(
                source, names[j], j, missing_values=missing_values, fitted=schema.columns[j]
            )
        if is_scalar and missing[0]:
            raise ValueError(
                f"given sets {schema.label(j)} to {value!r}, which is a missing value. Leave the "
                "column out of given to have it drawn."
            )
        if schema.columns[j].n_observed == 0 and not missing.all():
            raise ValueError(
                f"given sets {schema.label(j)}, which had no observed value in fit: the other "
                "columns cannot be drawn given it. Leave it empty, or out of given."
            )
        values = np.array(values)  # not the caller's own
        if schema.columns[j].clock is not None:
            _check_on_clock(values, missing, source, schema, j)
        else:
            values[~missing] = _checked(values[~missing], j, schema, categories)
            if not schema.columns[j].is_categorical:
                _check_exact(values, source, schema.label(j))
        read[j] = values, missing
        scalars += [j] * is_scalar
    lengths = {j: len(values) for j, (values, _) in read.items() if j not in scalars}
    n_rows = max(lengths.values(), default=given.shape[0] if is_frame(given) else 1)
    for j, length in lengths.items():
        if length not in (1, n_rows):
            longest = max(lengths, key=lengths.get)
            raise ValueError(
                f"given holds {n_rows} values of {schema.label(longest)}, but {length} of "
                f"{schema.label(j)}. Give as many of each, or one for all rows."
            )
    return _as_table(read, schema, n_rows), not (lengths or is_frame(given))


def blank_table(schema, n_rows):
    """Return a table like the one in fit in which every cell is to be drawn."""
    return _as_table({}, schema, n_rows)


def pandas_index(given, n_rows):
    """Return the index of partial rows in a pandas frame, None if there is none."""
    if not is_frame(given) or library_of(given) != "pandas" or len(given) != n_rows:
        return None
    return getattr(given, "index", None)  # a narwhals frame shows none


def _items(given, n_columns):
    """Pairs of a column's name or index and its value or values."""
    if isinstance(given, dict):
        return list(given.items())
    refuse_lazy(given, "given")
    is_table = is_frame(given) or isinstance(given, np.ndarray)
    rows = given if is_table else np.array(given, dtype=object)
    if len(rows.shape) == 2 and rows.shape[0] == 0:
        raise ValueError("given has no rows. Give at least one, or leave given out.")
    if is_frame(given):
        frame = nw.from_native(given, eager_only=True)
        return list(zip(frame.columns, frame.iter_columns(), strict=True))
    if len(rows.shape) != 2 or rows.shape[1] != n_columns:
        raise ValueError(
            "given must be a dict of columns, a frame, or an array of partial rows with "
            f"{n_columns} columns, got {type(given).__name__} of shape {rows.shape}."
        )
    return list(enumerate(rows.T))


def _as_source(value, label):
    """Return what `read_column` reads, and whether it is one value for all rows."""
    if isinstance(value, nw.Series):
        values = value
    elif nw.dependencies.is_into_series(value):
        values = nw.from_native(value, series_only=True)
    elif isinstance(value, str | bytes):
        return _one(value), True
    elif hasattr(value, "__array__"):
        values = np.asarray(value)
        if values.ndim == 0:  # of a date the item may be a number
            return _one(values[()] if values.dtype.kind in "mM" else values.item()), True
    elif hasattr(value, "__len__"):
        values = _objects(value, label)
    else:
        return _one(value), True
    if len(values.shape) != 1 or len(values) == 0:
        raise ValueError(
            f"given must hold one value or one per row for {label}, got shape {values.shape}."
        )
    return values, False


def _one(value):
    values = np.empty(1, dtype=object)
    values[0] = value
    return values


def _objects(values, label):
    """An array of what a list, a range or the like holds, whatever that is."""
    if not hasattr(values, "__getitem__") or isinstance(values, dict):
        raise TypeError(
            f"given holds a {type(values).__name__} for {label}, which has no order of rows. Give "
            "a list."
        )
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out


def _checked(values, j, schema, categories):
    """The values, levels as they were seen in fit.

    Raises for those that the column cannot hold, or that nothing was learnt about.
    """
    column, label = schema.columns[j], schema.label(j)
    if column.is_categorical:
        known = {level: level for level in categories[j]}
        for value in dict.fromkeys(values):
            if value not in known:
                levels = ", ".join(map(repr, categories[j][:_N_LEVELS]))
                more = ", ..." if len(categories[j]) > _N_LEVELS else ""
                raise ValueError(
                    f"given sets {label} to {value!r}, a level that was not seen in fit. The "
                    f"levels are {levels}{more}."
                )
        # True is 1 for Python, but not for every frame.
        return _objects([known[value] for value in values], label)
    dtype = np.dtype(schema.array_dtype) if schema.array_dtype else numpy_dtype(column)
    if dtype.kind in "iu":
        wrong = values[typed(values, column, dtype) != values]
        if len(wrong):
            raise ValueError(
                f"given sets {label} to {wrong[0]:g}, which its dtype {dtype} cannot hold. Give a "
                f"whole number from {np.iinfo(dtype).min} to {np.iinfo(dtype).max}."
            )
    if dtype.kind == "f":
        wrong = values[np.abs(values) > np.finfo(dtype).max]
        if len(wrong):
            raise ValueError(
                f"given sets {label} to {wrong[0]:g}, which its dtype {dtype} cannot hold. Give a "
                f"number of at most {np.finfo(dtype).max:g}."
            )
    return values


def _check_exact(values, source, label):
    """Raise for a whole number that would come back as another one."""
    huge = np.flatnonzero(np.abs(values) >= _LARGEST_WHOLE)
    cells = source[huge]
    cells = cells.tolist() if isinstance(cells, np.ndarray) else cells.to_list()
    for value, exact in zip(values[huge].tolist(), cells, strict=True):
        if value != exact:  # exact in Python, not in NumPy
            raise ValueError(
                f"given sets {label} to {exact}, but numbers are kept as float64, in which the "
                f"nearest one is {int(value)}. Give that, or list the column in "
                "categorical_features, whose levels are kept as they are."
            )


def _times(source, column, label, missing_values):
    """Offsets of times of any class, or of ISO text, and where there is none."""
    missing = np.array([is_nan_like(v) or _is_text(v, missing_values) for v in source], dtype=bool)
    values = np.full(len(source), np.nan)
    for row in np.flatnonzero(~missing):
        try:
            values[row] = column.offset_of(source[row])
        except (TypeError, ValueError) as error:
            raise type(error)(f"given sets {label} to {source[row]!r}: {error}.") from error
    return values, missing


def _is_text(value, text):
    return isinstance(value, str) and isinstance(text, str) and value == text


def _check_on_clock(values, missing, source, schema, j):
    """Raise for a value that would come back as another one."""
    column = schema.columns[j]
    ticks = column.ticks or INTEGER
    back = column.clock.values(values[~missing], ticks)
    dtype = np.dtype(schema.array_dtype) if schema.array_dtype else numpy_dtype(column)
    has_limits = dtype.kind in "iu" and "128" not in column.dtype
    low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if has_limits else (-np.inf, np.inf)
    for value, exact, found in zip(
        values[~missing], _exact_values(source, missing, column), back, strict=True
    ):
        if exact != found * ticks.size or not low <= found <= high:
            near = column.text(min(max(value, column.minimum), column.maximum))
            given = exact if ticks.holds == "integer" else column.text(value)
            raise ValueError(
                f"given sets {schema.label(j)} to {given}, which cannot be kept exactly in its "
                f"dtype {column.dtype} beside the values seen in fit. Give a value such as {near}."
            )


def _exact_values(source, missing, column):
    """What was given, in natural units."""
    ticks = ticks_of(source)
    if ticks is not None and not (isinstance(source, np.ndarray) and column.clock.ticks.zone):
        whole, _ = read_ticks(source, ticks)
        return [int(tick) * ticks.size for tick in whole[~missing]]
    items = source if isinstance(source, np.ndarray) else source.to_list()
    cells = zip(items, missing, strict=True)
    return [exact_value(item, column.clock.ticks) for item, gap in cells if not gap]


def _as_table(read, schema, n_rows):
    """Put the columns that were read beside columns without any value."""
    columns, masks = [], []
    for j, column in enumerate(schema.columns):
        if j in read:
            values, missing = (np.broadcast_to(part, n_rows) for part in read[j])
        else:
            missing = np.ones(n_rows, dtype=bool)
            values = np.full(n_rows, np.nan)
            if column.is_categorical:
                values = np.full(n_rows, None, dtype=object)
        columns.append(values)
        masks.append(missing)
    return Table(tuple(columns), np.stack(masks, axis=1), schema, None)
