"""Tables out: the input with its missing cells filled, or a new table like the one in `fit`.

Every function returns a new table and leaves its input as it is.
"""

import importlib
from dataclasses import replace
from numbers import Real

import narwhals.stable.v2 as nw
import numpy as np
import sklearn

from skmissdiff._table.dtypes import (
    absent,
    arrow_array,
    extended,
    make_column,
    numpy_dtype,
    pandas_array,
    polars_series,
    typed,
)
from skmissdiff._table.frames import is_frame, library_of
from skmissdiff._table.schema import Element, Kind

MISSING_LEVEL = "missing_value"
# Of columns that have no value and no room for one, in polars, pyarrow and pandas.
_NULL_DTYPES = ("Null", "null", "null[pyarrow]")
# For a column without any value, in a frame of another library than the one in fit.
_PLAIN_DTYPES = {
    "pandas": {Element.NUMBER: "float64", Element.BOOLEAN: "bool", Element.TEXT: "str"},
    "polars": {Element.NUMBER: "Float64", Element.BOOLEAN: "Boolean", Element.TEXT: "String"},
    "pyarrow": {Element.NUMBER: "double", Element.BOOLEAN: "bool", Element.TEXT: "string"},
}


def default_value(column):
    """Return what fills a column of which nothing is known, as scikit-learn's imputers do."""
    if column.is_left_out:
        return None
    if column.categories:
        return column.categories[0]
    if column.kind is Kind.NUMERIC:
        return 0.0
    boolean = column.element is Element.BOOLEAN
    return False if boolean else MISSING_LEVEL


def gap_value(column, marker):
    """Return what stands for a missing cell: `marker` where the column can hold it, else null."""
    if column.clock is not None:
        return np.nan  # which is null in any dtype that has a clock
    is_number = isinstance(marker, Real) and not isinstance(marker, bool)
    if is_number and np.isnan(marker):
        is_number = False
    if column.kind is Kind.NUMERIC:
        as_object = isinstance(marker, str) and column.dtype in ("object", "|O")
        return marker if is_number or as_object else np.nan
    fits = is_number if column.element is Element.NUMBER else isinstance(marker, str)
    return marker if fits and column.element in (Element.NUMBER, Element.TEXT) else None


def fill_table(table, values, keep=None):
    """Return the input of `table` with its missing cells filled.

    Parameters
    ----------
    table : Table
    values : sequence of ndarray of shape (n_rows,)
        Imputed values of each column, read where it is missing.
    keep : ndarray of bool, shape (n_columns,), optional
        The columns to return, all by default.

    Returns
    -------
    ndarray or frame
        Of the input's library, names and dtypes. A dtype changes only where it has no
        place for the value: a category list is extended, a column without any value that
        is not of the fitted kind takes the fitted dtype.
    """
    kept = np.arange(table.n_columns) if keep is None else np.flatnonzero(keep)
    fills = {j: _fill_values(table, j, values[j]) for j in kept if table.missing[:, j].any()}
    if table.schema.library == "array":
        return _fill_array(table, fills, kept)
    columns = [
        _fill_series(table, j, native, fills[j]) if j in fills else native
        for j, native in enumerate(_native_columns(table.schema.library, table.native))
        if j in kept
    ]
    names = [table.schema.names[j] for j in kept]
    if table.schema.library == "pandas":
        names = table.native.columns[kept]  # a column index may have a name, or levels
    return _assemble(table.schema.library, columns, names, table.native)


def _native_columns(library, native):
    """Return the columns of a frame as they are, which narwhals takes longer for than filling."""
    if library == "pandas":
        return [column for _, column in native.items()]
    return native.get_columns() if library == "polars" else native.columns


def build_table(schema, columns, keep=None):
    """Return a new table that looks like the one that `schema` describes.

    Parameters
    ----------
    schema : TableSchema
    columns : sequence of ndarray of shape (n_rows,)
        Values of each column. None and NaN come out as missing cells.
    keep : ndarray of bool, shape (n_columns,), optional
        The columns to return, all by default.

    Returns
    -------
    ndarray or frame
    """
    kept = np.arange(len(schema.columns)) if keep is None else np.flatnonzero(keep)
    if schema.library == "array":
        return _build_array(schema, [columns[j] for j in kept], kept)
    made = [make_column(schema.library, schema.columns[j], columns[j]) for j in kept]
    names = [schema.names[j] for j in kept]
    if schema.library == "pandas":
        names = _column_index(names, schema.index_names)
    return _assemble(schema.library, made, names, None)


def _column_index(names, level_names):
    """Return the column index of a pandas frame."""
    pd = importlib.import_module("pandas")
    if len(level_names) == 1:
        return pd.Index(names, name=level_names[0], tupleize_cols=False)
    return pd.MultiIndex.from_tuples(names, names=level_names)


def blank_cells(native, hidden):
    """Return a copy of `native` in which cells are missing.

    Parameters
    ----------
    native : ndarray or frame
    hidden : ndarray of bool, shape (n_rows, n_columns)

    Returns
    -------
    ndarray or frame
        Of the same library, names, index and dtypes. Where a dtype has no missing value, an array
        of whole numbers becomes float64 if that holds them exactly, any other array object, and a
        pandas column nullable: "Int64" from int64, "boolean" from bool.
    """
    if isinstance(native, np.ndarray):
        kind = native.dtype.kind
        if hidden.any() and kind not in "fOmM":
            fits = kind in "iu" and (native.astype(np.float64).astype(object) == native).all()
            native = native.astype(np.float64 if fits else object)
        out = native.copy()
        out[hidden] = np.nan if out.dtype.kind == "f" else None  # NaT in an array of dates
        return out
    library = library_of(native)
    names = native.column_names if library == "pyarrow" else native.columns
    columns = [
        _blank_series(library, column, gaps)
        for column, gaps in zip(_native_columns(library, native), hidden.T, strict=True)
    ]
    return _assemble(library, columns, names, native)


def _blank_series(library, native, gaps):
    """Return the column of a frame with cells missing."""
    if library == "polars":
        return native.zip_with(
            importlib.import_module(library).Series(~gaps), native.clear(len(gaps))
        )
    if library == "pyarrow":
        places = importlib.import_module(library).array(np.arange(len(gaps)), mask=gaps)
        return native.take(places)
    return _nullable(native).mask(gaps) if gaps.any() else native


def _nullable(series):
    """Return the pandas column, of the nullable twin of a NumPy dtype without missing value."""
    dtype = series.dtype
    if not isinstance(dtype, np.dtype) or dtype.kind not in "iub":
        return series
    whole = f"{'U' if dtype.kind == 'u' else ''}Int{8 * dtype.itemsize}"
    return series.astype("boolean" if dtype.kind == "b" else whole)


def append_columns(native, names, columns):
    """Return `native` with boolean columns to its right.

    Parameters
    ----------
    native : ndarray or frame
    names : sequence of str
        Not used for an array.
    columns : ndarray of bool, shape (n_rows, n_new)
    """
    if isinstance(native, np.ndarray):
        dtype = object if native.dtype.kind == "U" else native.dtype
        return np.hstack([native.astype(dtype, copy=False), columns.astype(dtype)])
    if library_of(native) == "pandas":
        # Not through narwhals, which would look at names that are not strings.
        pd = nw.get_native_namespace(native)
        flags = pd.DataFrame(columns, columns=list(names), index=native.index)
        return pd.concat([native, flags], axis=1)
    frame = nw.from_native(native, eager_only=True)
    return frame.with_columns(
        nw.new_series(name, flags.copy(), nw.Boolean, backend=frame.implementation)
        for name, flags in zip(names, columns.T, strict=True)
    ).to_native()


def to_array(native):
    """Return `native` as an array."""
    return nw.from_native(native, eager_only=True).to_numpy() if is_frame(native) else native


def configured_output(estimator):
    """Return "default", "pandas" or "polars": what `set_output` or the global setting asks for."""
    own = getattr(estimator, "_sklearn_output_config", {})
    return own.get("transform", sklearn.get_config()["transform_output"])


def asks_for_arrays(estimator):
    """Whether ``set_output(transform="default")`` was called, which gives arrays for frames."""
    own = getattr(estimator, "_sklearn_output_config", {})
    return own.get("transform") == "default"


def to_container(native, library, names):
    """Return `native` as a frame of `library`, column by column, so that dtypes survive.

    scikit-learn's `set_output` wraps what `transform` returns as one array, which turns the
    columns of a mixed table into objects. It leaves a frame of the right library alone.

    Parameters
    ----------
    native : ndarray or frame
    library : {"default", "pandas", "polars"}
        "default" returns `native` itself.
    names : sequence of str
        Names of the columns.
    """
    if library == "default" or (is_frame(native) and library_of(native) == library):
        return native
    module = importlib.import_module(library)
    if isinstance(native, np.ndarray):
        if native.dtype.kind in "fiub":
            return native  # one dtype for all columns, which scikit-learn keeps
        columns = [column.tolist() for column in native.T]
    else:
        frame = nw.from_native(native, eager_only=True)
        if library == "polars" and library_of(native) == "pyarrow":
            return module.from_arrow(native)
        columns = [_portable(module, series) for series in frame.iter_columns()]
    return module.DataFrame(dict(zip(names, columns, strict=True)))


def _portable(module, series):
    """Return the column for the constructor of another library, its category list with it."""
    if not isinstance(series.dtype, nw.Categorical | nw.Enum):
        return series.to_numpy() if series.dtype.is_numeric() else series.to_list()
    levels = series.to_list()
    categories = getattr(series.to_native().dtype, "categories", None)
    # A polars Categorical has its categories in common with all others.
    listed = series.implementation.is_pandas() or isinstance(series.dtype, nw.Enum)
    categories = list(categories) if listed else sorted(set(levels))
    if module.__name__ == "pandas":
        return module.Categorical(levels, categories=categories)
    text = all(isinstance(level, str) for level in categories)
    return module.Series(levels, dtype=module.Enum(categories) if text else None)


def _fill_values(table, j, values):
    """Return the values for the missing cells of column `j`, of a column that was fitted."""
    missing = table.missing[:, j]
    fitted = None if table.fitted is None else table.fitted.columns[j]
    if fitted is not None and fitted.n_observed == 0:
        return np.full(np.count_nonzero(missing), default_value(table.schema.columns[j]), object)
    return np.asarray(values)[missing]


def _fill_array(table, fills, kept):
    """Return the array with its missing cells filled."""
    native = table.native
    dtype = native.dtype
    if not all(_fits(fill, dtype) for fill in fills.values()):
        dtype = np.dtype(object)  # a column without any value in another kind of array
    filled = {j: typed(fill, table.schema.columns[j], dtype) for j, fill in fills.items()}
    if dtype.kind == "U":  # which has room for its own longest text only
        dtype = np.result_type(dtype, *filled.values())
    out = native[:, kept].astype(dtype)
    for place, j in enumerate(kept):
        if j in filled:
            out[table.missing[:, j], place] = filled[j]
    return out


def _fits(values, dtype):
    """Return whether the values have a place in an array of this dtype."""
    if dtype.kind == "O":
        return True
    return isinstance(values[0], str) == (dtype.kind == "U")


def _build_array(schema, columns, kept):
    """Return a new array of the training dtype, or of one that has room for missing cells."""
    dtype = np.dtype(schema.array_dtype)
    gaps = [absent(column) for column in columns]
    if dtype.kind not in "fmM" and any(gap.any() for gap in gaps):
        is_exact = all(schema.columns[j].clock is None for j in kept)
        dtype = np.dtype(np.float64 if dtype.kind in "iu" and is_exact else object)
    shape = (len(columns[0]) if columns else 0, len(columns))
    start = ("NaT", dtype) if dtype.kind in "mM" else (np.nan, object)
    out = np.full(shape, *start)
    for place, (j, column, gap) in enumerate(zip(kept, columns, gaps, strict=True)):
        out[~gap, place] = typed(column[~gap], schema.columns[j], dtype)
        if schema.columns[j].is_categorical or schema.columns[j].ticks is not None:
            out[gap, place] = None  # which is NaT in an array of dates
    return out.astype(str if dtype.kind == "U" else dtype)


def _fill_series(table, j, native, fill):
    """Return the column of a frame with its missing cells filled."""
    missing = table.missing[:, j]
    column = _target_column(table, j)
    if column is not table.schema.columns[j] or column.dtype in _NULL_DTYPES:
        complete = np.empty(len(missing), dtype=object)
        complete[missing] = fill
        made = make_column(table.schema.library, column, complete)
        return made.set_axis(native.index) if table.schema.library == "pandas" else made
    module = importlib.import_module(table.schema.library)
    if column.categories is not None:
        fitted = None if table.fitted is None else table.fitted.columns[j].categories
        categories = extended(column.categories, fitted, fill)
        if categories != column.categories:
            column = replace(column, categories=categories)
            native = _with_categories(table.schema.library, module, native, categories)
    if table.schema.library == "pandas":
        values = native.array.copy()
        values[missing] = pandas_array(module, column, fill, native.dtype)
        return module.Series(values, index=native.index, name=native.name, dtype=native.dtype)
    if table.schema.library == "polars":
        # One value per row, so that zip_with can take those where a cell is missing.
        place = np.maximum(np.cumsum(missing) - 1, 0)
        other = polars_series(module, column, fill, native.dtype).gather(place)
        return native.zip_with(module.Series(~missing), other)
    if column.ticks is not None:  # whose nanoseconds Python's own objects do not have
        complete = np.full(len(missing), np.nan)
        complete[missing] = fill
        compute = importlib.import_module("pyarrow.compute")
        made = compute.if_else(module.array(missing), arrow_array(module, column, complete), native)
        return made.cast(native.type)  # of small decimals it makes larger ones
    items = np.array([*native.to_pylist(), None], dtype=object)[:-1]
    items[missing] = typed(fill, column, numpy_dtype(column)).astype(object)
    if module.types.is_dictionary(native.type):
        levels = module.array(items.tolist(), type=native.type.value_type)
        return levels.dictionary_encode().cast(native.type)
    return module.array(items.tolist(), type=native.type)


def _target_column(table, j):
    """Return the column that describes the dtype of column `j` after filling."""
    own = table.schema.columns[j]
    fitted = None if table.fitted is None else table.fitted.columns[j]
    if own.n_observed > 0 or fitted is None or fitted.n_observed == 0:
        return own
    # Without any value, levels of a categorical dtype may be of any type.
    levels = own.element is Element.OTHER and fitted.is_categorical
    if own.dtype != "object" and (levels or own.element is fitted.element):
        return own
    if table.fitted.library == table.schema.library:
        return fitted
    dtype = _PLAIN_DTYPES[table.schema.library].get(fitted.element, "object")
    ticks = fitted.ticks and _portable_ticks(fitted.ticks)
    return replace(fitted, dtype=dtype, storage=None, categories=None, ticks=ticks)


def _portable_ticks(ticks):
    """Return what any library has room for: a unit of all of them, and no class of objects."""
    if ticks.holds in ("instant", "duration") and ticks.unit not in ("ms", "us", "ns"):
        return replace(ticks, unit="us", python=None)
    return replace(ticks, precision=ticks.precision or 38, python=None)


def _with_categories(library, module, native, categories):
    if library == "pandas":
        return native.cat.set_categories(list(categories))
    return native.cast(module.String).cast(module.Enum(list(categories)))


def _assemble(library, columns, names, like):
    """Return columns as one frame, in pandas with the index and the attributes of `like`."""
    module = importlib.import_module(library)
    if library == "pyarrow":
        return module.table(columns, names=names)
    if library == "polars":
        return module.DataFrame(dict(zip(names, columns, strict=True)))
    frame = module.DataFrame(dict(enumerate(columns)), index=None if like is None else like.index)
    frame.columns = names
    if like is not None:
        frame.attrs = like.attrs
    return frame
