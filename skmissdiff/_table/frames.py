"""Tables in: arrays, lists and frames of any library as columns of numbers and of levels.

Frames are read through narwhals, which scikit-learn installs. What goes out again
is in `_rebuild`.
"""

import contextlib
from dataclasses import dataclass, field, replace
from numbers import Integral

import narwhals.stable.v2 as nw
import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skmissdiff._support.sklearn_private import safe_indexing
from skmissdiff._support.weights import check_weights, in_least_terms
from skmissdiff._table.clock import LARGEST_WHOLE
from skmissdiff._table.columns import is_nan_like, read_column
from skmissdiff._table.schema import Kind, TableSchema
from skmissdiff._table.text_notes import keys_of, note_blanks, note_disguises, note_keys

_LIBRARIES = ("pandas", "polars", "pyarrow")


@dataclass(frozen=True)
class Exact:
    """What is known of all rows of a table of which only a sample is there.

    Attributes
    ----------
    n_rows : int
    gaps : ndarray of bool, shape (n_columns,)
        Which columns have missing cells.
    levels : tuple of (dict or None)
        The count of each category of a categorical column, None for the others.
    is_counted : tuple of bool
        Whether no category of the column has been forgotten.
    """

    n_rows: int
    gaps: np.ndarray
    levels: tuple
    is_counted: tuple

    def widened(self, n_columns):
        """Return the same with as many more columns, of numbers without gaps."""
        return Exact(
            self.n_rows,
            np.append(self.gaps, np.zeros(n_columns, dtype=bool)),
            self.levels + (None,) * n_columns,
            self.is_counted + (True,) * n_columns,
        )


@dataclass(frozen=True)
class Table:
    """A table as columns, and the input that it came from.

    Attributes
    ----------
    columns : tuple of ndarray of shape (n_rows,)
        float64 with NaN for missing cells in a numeric column, object with None for
        missing cells in a categorical one.
    missing : ndarray of shape (n_rows, n_columns)
        True where the input has no value.
    schema : TableSchema
        What the input looks like, with the kinds that were fitted.
    native : ndarray, frame or None
        The validated input, None for a table made from another one.
    fitted : TableSchema or None
        What the table seen in `fit` looked like, None for that table itself.
    exact : Exact or None
        What all rows hold if these may be a sample of them, None otherwise.
    weight : ndarray of shape (n_rows,) or None
        How often each row counts in a fit, above 0; None for all alike.
    """

    columns: tuple[np.ndarray, ...]
    missing: np.ndarray = field(repr=False)
    schema: TableSchema
    native: object = field(repr=False)
    fitted: TableSchema | None = field(default=None, repr=False)
    exact: Exact | None = field(default=None, repr=False)
    weight: np.ndarray | None = field(default=None, repr=False)

    @property
    def n_rows(self):
        return self.missing.shape[0]

    @property
    def is_sample(self):
        """Whether there are rows that are not here."""
        return self.exact is not None and self.n_rows < self.exact.n_rows

    @property
    def gaps(self):
        """Which columns have missing cells, bool of shape (n_columns,)."""
        return self.missing.any(axis=0) if self.exact is None else self.exact.gaps

    @property
    def n_columns(self):
        return self.missing.shape[1]

    def take(self, rows):
        """Return the table of these rows, without its input."""
        columns = tuple(column[rows] for column in self.columns)
        weight = None if self.weight is None else self.weight[rows]
        return replace(
            self, columns=columns, missing=self.missing[rows], native=None, weight=weight
        )

    def fill(self, j, rows, values):
        """Return the table with values in some rows of a column, without its input.

        Parameters
        ----------
        j : int
            The column.
        rows : ndarray of bool, shape (n_rows,)
        values : ndarray
            For these rows.
        """
        columns, missing = list(self.columns), self.missing.copy()
        columns[j], missing[rows, j] = columns[j].copy(), False
        columns[j][rows] = values
        return replace(self, columns=tuple(columns), missing=missing, native=None)

    def hide(self, hidden):
        """Return the table with more cells missing, without its input.

        Parameters
        ----------
        hidden : ndarray of bool, shape (n_rows, n_columns)
        """
        columns = []
        for column, cells in zip(self.columns, hidden.T, strict=True):
            columns.append(column.copy())
            columns[-1][cells] = None  # which is NaN in an array of numbers
        return replace(self, columns=tuple(columns), missing=self.missing | hidden, native=None)


def is_frame(X):
    """Whether `X` is a frame of a library that narwhals knows, not lazy."""
    return nw.dependencies.is_into_dataframe(X)


def refuse_lazy(X, name):
    """Raise if `X` is a frame whose cells are not there yet."""
    if isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame):
        raise TypeError(
            f"Lazy frames are not supported, got {type(X)}. Call {name}.collect() first."
        )


def validate_table(
    estimator,
    X,
    *,
    reset,
    missing_values=np.nan,
    categorical_features="from_dtype",
    schema=None,
    as_array=False,
):
    """Check `X` as `sklearn.utils.validation.validate_data` does, then read it.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_` and `feature_names_in_` if `reset`, is compared with them if not.
    X : array-like or frame of shape (n_rows, n_columns)
    reset : bool
        True in `fit`.
    missing_values, categorical_features, schema
        See `read_table`.
    as_array : bool, default=False
        Whether a frame is read as the array that scikit-learn makes of it, once its names are
        taken.

    Returns
    -------
    Table
    """
    X = _check_container(X, missing_values, estimator)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if as_array and is_frame(X):
        try:
            X = check_array(X, dtype=None, ensure_all_finite="allow-nan", input_name="X")
        except TypeError as error:
            raise TypeError(
                "set_output(transform='default') asks for arrays, and the columns of X do not go "
                f"into one: {error}. Ask for 'pandas' or 'polars', or turn dates into numbers."
            ) from error
    table = _read_checked(X, missing_values, categorical_features, schema)
    return _prepared(table, categorical_features) if reset else table


def read_sample(estimator, X, columns, exact, *, missing_values, categorical_features):
    """Read a sample of rows in `fit`, as `validate_table` reads a whole table.

    Parameters
    ----------
    estimator : estimator instance
        Gets `n_features_in_` and `feature_names_in_`.
    X : pyarrow.Table
    columns : tuple of ColumnSchema
        Its columns, as all rows show them.
    exact : Exact
        What else all rows show.
    missing_values, categorical_features
        See `read_table`.

    Returns
    -------
    Table
    """
    X = _check_container(X, missing_values, estimator)
    validate_data(estimator, X, reset=True, skip_check_array=True)
    schema = TableSchema(library_of(X), columns)
    table = _read_checked(X, missing_values, categorical_features, schema)
    table = replace(table, schema=schema, native=None, fitted=None, exact=exact)
    return _prepared(table, categorical_features)


def declared_kinds(categorical_features, names):
    """Return the kind that the user wants each column to have, None to go by what it holds."""
    declared = _declared_categorical(categorical_features, list(names))
    return [None if declared is None else _kind(declared[j]) for j in range(len(names))]


def weighed_rows(X, sample_weight):
    """Return the rows of `X` that count, and how often each does, None if all do alike.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_columns)
    sample_weight : array-like of shape (n_rows,) or None
        A row of weight 0 is as if it were not there.
    """
    weight = check_weights(sample_weight, X)
    if weight is None:
        return X, None
    counts = weight > 0
    least = in_least_terms(weight[counts])
    if counts.all():
        return X, least
    if is_frame(X):
        X = nw.to_native(nw.from_native(X, eager_only=True).filter(counts.tolist()))
    else:
        X = safe_indexing(X, np.flatnonzero(counts))
    return X, least


def _prepared(table, categorical_features):
    """Refuse what cannot be learnt, note what may not be meant, and leave out keys."""
    _refuse_inexact(table.schema)
    note_blanks(table)
    from_dtype = isinstance(categorical_features, str) and categorical_features == "from_dtype"
    texts = [
        j
        for j, column in enumerate(table.schema.columns)
        if from_dtype and column.holds_plain_text and column.n_observed
    ]
    disguised = note_disguises(table, texts)
    if table.schema.library == "array":
        return table
    keys = keys_of(table, [j for j in texts if j not in disguised])
    note_keys(table, keys)
    columns = tuple(
        replace(column, is_left_out=j in keys) for j, column in enumerate(table.schema.columns)
    )
    return replace(table, schema=replace(table.schema, columns=columns))


def _refuse_inexact(schema):
    """Raise for integers that a model could only take for others near them."""
    for index, column in enumerate(schema.columns):
        if column.clock is not None and not column.clock.is_exact(column.maximum or 0):
            label = schema.label(index)
            raise ValueError(
                f"{label[0].upper()}{label[1:]} holds whole numbers from "
                f"{column.text(column.minimum)} to about {column.text(column.maximum)}: further "
                "apart than the 2**53 numbers that float64, in which a model computes, can tell "
                "from each other. If they are keys or codes, leave the column out or list it in "
                "categorical_features; if they are amounts, convert it to float64."
            )


def read_table(X, *, missing_values=np.nan, categorical_features="from_dtype", schema=None):
    """Read an array, a list of rows or a frame.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_columns)
    missing_values : number, str, NaN or None, default=NaN
        What stands for a missing cell. Null cells of a frame are missing in any case.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        By dtype (category, string and boolean columns), or the indices, the names or a
        boolean mask of the categorical columns. Not read if there is a `schema`.
    schema : TableSchema, optional
        The table seen in `fit`, whose kinds are kept.

    Returns
    -------
    Table

    Raises
    ------
    ValueError
        For infinite values, complex numbers, duplicate names, no rows or no columns.
    TypeError
        For columns that hold neither numbers nor levels.
    """
    X = _check_container(X, missing_values, None)
    return _read_checked(X, missing_values, categorical_features, schema)


def missing_cells(X):
    """Return where a table with columns of any dtype has no value, and the columns' names.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_columns)

    Returns
    -------
    missing : ndarray of bool, shape (n_rows, n_columns)
    names : tuple
        Indices for an array.
    """
    X = _check_container(X, np.nan, None)
    if isinstance(X, np.ndarray):
        if X.dtype == object:
            missing = np.array([[is_nan_like(value) for value in row] for row in X])
        elif X.dtype.kind in "mM":
            missing = np.isnat(X)
        else:
            missing = np.isnan(X) if X.dtype.kind == "f" else np.zeros(X.shape, dtype=bool)
        return missing, tuple(range(X.shape[1]))
    gaps = []
    for series in nw.from_native(X, eager_only=True).iter_columns():
        null = series.is_null().to_numpy()
        if series.dtype.is_float():
            null = null | (series.is_nan().fill_null(True).to_numpy())
        gaps.append(np.asarray(null, dtype=bool))
    return np.stack(gaps, axis=1), tuple(_native_names(X))


def _check_container(X, missing_values, estimator):
    """An array or an eager frame of at least one row and one column."""
    if not is_frame(X):
        refuse_lazy(X, "X")
        return _check_array(X, missing_values, estimator)
    X = nw.to_native(X, pass_through=True)
    library = library_of(X)
    if library not in _LIBRARIES:
        raise TypeError(f"Frames of {library} are not supported. Convert X with X.to_pandas().")
    names = _native_names(X)
    duplicates = sorted({str(name) for name in names if names.count(name) > 1})
    if duplicates:
        raise ValueError(f"Column names must be unique, got {duplicates} more than once.")
    shape = (X.shape[0], X.shape[1])
    # Says what is wrong with an empty table in scikit-learn's words, without copying a full one.
    check_array(np.broadcast_to(np.float64(0), shape), estimator=estimator, input_name="X")
    return X


def _check_array(X, missing_values, estimator):
    """What `check_array` lets pass: two dimensions, no complex or infinite numbers."""
    checks = {"dtype": None, "estimator": estimator, "input_name": "X"}
    checks["ensure_all_finite"] = "allow-nan" if is_nan_like(missing_values) else True
    if isinstance(X, np.ma.MaskedArray):
        # scikit-learn drops the mask, which would turn missing cells into observed ones.
        raise TypeError("Masked arrays are not supported. Use X.astype(float).filled(np.nan).")
    is_array = hasattr(X, "__array__") or issparse(X)
    if getattr(getattr(X, "dtype", None), "kind", None) == "T":
        X = X.astype(object)  # scikit-learn does not know NumPy's text of variable width
    if not is_array and isinstance(X, list | tuple) and _changes_cells(X):
        X = np.array(X, dtype=object)
    with np.errstate(invalid="ignore"):  # it adds numbers up, and inf - inf where they are huge
        X = check_array(X, **checks)
    return X if is_array or X.dtype != object else _objects_as_numbers(X)


def _changes_cells(X):
    """Whether NumPy makes text of all of a list with some, or floats of its large integers."""
    array = np.asarray(X)
    if array.dtype.kind == "f" and array.ndim == 2 and (np.abs(array) >= LARGEST_WHOLE).any():
        return any(isinstance(v, int) and abs(v) >= LARGEST_WHOLE for row in X for v in row)
    return array.dtype.kind in "US"


def _objects_as_numbers(X):
    """Return rows of a list with None in them as float64, if that keeps all the rest exactly."""
    null = np.array([[is_nan_like(value) for value in row] for row in X])
    observed = X[~null]
    if {type(value) for value in observed} <= {int, float}:
        numbers = np.full(X.shape, np.nan)
        with contextlib.suppress(OverflowError):
            numbers[~null] = observed.astype(np.float64)
        if (numbers[~null] == observed).all():
            return numbers
    return X


def library_of(native):
    return nw.get_native_namespace(native).__name__.partition(".")[0]


def _native_names(native):
    names = native.column_names if hasattr(native, "column_names") else native.columns
    return list(names)


def _read_checked(X, missing_values, categorical_features, schema):
    """Read what `_check_container` let pass, column by column."""
    is_array = isinstance(X, np.ndarray)
    if is_array:
        names, sources = [None] * X.shape[1], list(X.T)
    else:
        names, sources = _native_names(X), nw.from_native(X, eager_only=True).iter_columns()
    declared = None
    if schema is None:
        declared = _declared_categorical(categorical_features, names)
    columns, masks, descriptions = [], [], []
    for index, (name, source) in enumerate(zip(names, sources, strict=True)):
        kind = None if declared is None else _kind(declared[index])
        fitted = None if schema is None else schema.columns[index]
        values, missing, description = read_column(
            source, name, index, missing_values=missing_values, kind=kind, fitted=fitted
        )
        columns.append(values)
        masks.append(missing)
        descriptions.append(description)
    library, dtype = ("array", str(X.dtype)) if is_array else (library_of(X), None)
    index_names = tuple(X.columns.names) if library == "pandas" else (None,)
    own = TableSchema(library, tuple(descriptions), dtype, index_names)
    return Table(tuple(columns), np.stack(masks, axis=1), own, X, schema)


def _kind(is_categorical):
    return Kind.CATEGORICAL if is_categorical else Kind.NUMERIC


def _declared_categorical(categorical_features, names):
    """The columns that the user names as categorical, None for "from_dtype"."""
    if isinstance(categorical_features, str) and categorical_features == "from_dtype":
        return None
    if categorical_features is None:
        return np.zeros(len(names), dtype=bool)
    return columns_named(categorical_features, names, "categorical_features", "'from_dtype', None")


def columns_named(features, names, parameter, or_else="None"):
    """Where the columns are that `features` lists, bool of shape (n_columns,).

    Parameters
    ----------
    features : array-like
        Indices, names or a boolean mask.
    names : list
        Of all columns, None in an array.
    parameter, or_else : str
        What errors call it, and what it may be instead.
    """
    wanted = np.asarray(features)
    if wanted.ndim != 1:
        raise ValueError(
            f"{parameter} must be {or_else} or a one-dimensional array of "
            f"indices, names or booleans, got {features!r}."
        )
    if wanted.dtype.kind == "b":
        if len(wanted) != len(names):
            raise ValueError(
                f"{parameter} has {len(wanted)} booleans, but X has {len(names)} columns."
            )
        return wanted
    named = np.zeros(len(names), dtype=bool)
    for feature in list(features) if isinstance(features, list | tuple) else wanted.tolist():
        named[column_index(feature, names, parameter)] = True
    return named


def column_index(feature, names, parameter):
    """The place of the column that `feature`, a name or an index, stands for."""
    if feature in names:
        return names.index(feature)
    if isinstance(feature, Integral) and not isinstance(feature, bool):
        if -len(names) <= feature < len(names):
            return int(feature) % len(names)
        raise ValueError(f"{parameter} names column {feature}, but X has {len(names)} columns.")
    known = "X has no column names" if names[0] is None else f"the columns are {list(names)}"
    raise ValueError(f"{parameter} names column {feature!r}, but {known}.")
