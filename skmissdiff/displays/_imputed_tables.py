"""A table with gaps and completions of it, read alike."""

import contextlib
from dataclasses import dataclass, replace

import numpy as np
from sklearn.exceptions import NotFittedError

from skmissdiff._table.frames import is_frame, library_of, read_table


@dataclass(frozen=True)
class ImputedTables:
    """A table with gaps and what was put there.

    Attributes
    ----------
    table : Table
        With the columns that the completed tables have.
    imputed : tuple of Table
    names : tuple of str
        Of the columns, "x0", "x1" and so on in an array.
    filled : ndarray of bool, shape (n_rows, n_columns)
        The cells that were missing and are so in no completed table.
    whole : Table
        With all columns.
    places : tuple of int
        Where in `whole` each column of `table` is.
    """

    table: object
    imputed: tuple
    names: tuple
    filled: np.ndarray
    whole: object
    places: tuple

    @property
    def n_rows(self):
        return len(self.filled)

    def observed(self, j):
        """What is known of a column, shape (n_observed,)."""
        return self.table.columns[j][~self.table.missing[:, j]]

    def draws(self, j):
        """What was imputed in a column, shape (n_imputations, n_filled)."""
        cells = self.filled[:, j]
        return np.stack([table.columns[j][cells] for table in self.imputed])


def read_imputations(
    X,
    imputations,
    *,
    categorical_features="from_dtype",
    missing_values=np.nan,
    names_out=None,
    schema=None,
):
    """Read a table and completions of it.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_columns)
    imputations : one, or a list, of array-like or frame of shape (n_rows, n_columns)
        Columns that `X` does not have are left out; columns that these lack, too.
    categorical_features, missing_values
        Of `X`, as in `MissDiffImputer`.
    names_out : sequence of str, optional
        Names of the columns of completed arrays.
    schema : TableSchema, optional
        Of the table that `X` is a part of.

    Returns
    -------
    ImputedTables
    """
    table = read_table(
        X, missing_values=missing_values, categorical_features=categorical_features, schema=schema
    )
    schema = table.schema if schema is None else schema
    names = tuple(
        f"x{j}" if column.name is None else column.name for j, column in enumerate(schema.columns)
    )
    tables = _listed(imputations)
    kept = _kept(names, tables[0], names_out)
    schema = schema.select(np.isin(np.arange(len(names)), kept))
    completed = []
    for number, one in enumerate(tables):
        where = f"imputations[{number}]" if len(tables) > 1 else "The completed table"
        completed.append(_read_completed(one, names, names_out, kept, schema, where))
        if completed[-1].n_rows != table.n_rows:
            raise ValueError(f"{where} has {completed[-1].n_rows} rows, but X has {table.n_rows}.")
    whole = table
    table = replace(
        table,
        columns=tuple(table.columns[j] for j in kept),
        missing=table.missing[:, kept],
        schema=schema,
        native=None,
    )
    filled = table.missing & ~np.any([one.missing for one in completed], axis=0)
    # A column that nobody has observed was filled with a constant, if at all.
    filled &= np.array([column.n_observed > 0 for column in schema.columns])
    names = tuple(str(names[j]) for j in kept)
    return ImputedTables(table, tuple(completed), names, filled, whole, tuple(kept))


def imputations_of(estimator, X, n_imputations, random_state=None, schema=None):
    """Completions of a table by a fitted imputer, and how to read them.

    Parameters
    ----------
    estimator : fitted imputer
        Several draws of one with `multiple_impute`; what `transform` gives of another one.
    X : array-like or frame of shape (n_rows, n_columns)
    n_imputations : int
    random_state : int, RandomState instance or None
    schema : TableSchema, optional
        Of the table that `X` is a part of.

    Returns
    -------
    ImputedTables
    """
    if hasattr(estimator, "multiple_impute"):
        tables = estimator.multiple_impute(
            X, n_imputations=n_imputations, random_state=random_state
        )
    else:
        tables = [estimator.transform(X)]
    return read_imputations(X, tables, schema=schema, **reading_of(estimator))


def reading_of(estimator):
    """How an imputer reads its tables, as arguments of `read_imputations`."""
    names = None
    if hasattr(estimator, "get_feature_names_out"):
        with contextlib.suppress(NotFittedError):
            names = list(estimator.get_feature_names_out())
    return {
        "categorical_features": getattr(estimator, "categorical_features", "from_dtype"),
        "missing_values": getattr(estimator, "missing_values", np.nan),
        "names_out": names,
    }


def chosen_columns(names, wanted, allowed):
    """The places of the columns to draw.

    Parameters
    ----------
    names : sequence of str
    wanted : sequence of str or int, or None
        None takes all that are allowed.
    allowed : sequence of int
        Columns of which there is something to draw.

    Returns
    -------
    list of int
    """
    if wanted is None:
        return list(allowed)
    places = []
    for column in wanted:
        if str(column) in names and not isinstance(column, int | np.integer):
            place = names.index(str(column))
        elif isinstance(column, int | np.integer) and -len(names) <= column < len(names):
            place = int(column) % len(names)
        else:
            raise ValueError(f"columns names {column!r}, but the columns are {list(names)}.")
        if place not in allowed:
            raise ValueError(f"Nothing was imputed in column {names[place]!r}.")
        places.append(place)
    return places


def _listed(imputations):
    """A list of tables of one table, or of several."""
    if is_frame(imputations) or (isinstance(imputations, np.ndarray) and imputations.ndim == 2):
        return [imputations]
    tables = list(imputations)
    if not tables:
        raise ValueError("imputations is empty. Give at least one completed table.")
    return tables


def _columns_of(completed, names_out):
    """Names of the columns of a completed table, None where they have none."""
    if is_frame(completed):
        return list(getattr(completed, "column_names", None) or completed.columns)
    width = np.shape(completed)[1] if np.ndim(completed) == 2 else 0
    return list(names_out) if names_out is not None and len(names_out) == width else None


def _kept(names, completed, names_out):
    """Places of the columns of X that a completed table has."""
    found = _columns_of(completed, names_out)
    if found is None:
        width = np.shape(completed)[1] if np.ndim(completed) == 2 else 0
        if width != len(names):
            raise ValueError(
                f"The completed table has {width} columns, but X has {len(names)}. Leave out the "
                "columns of X that were dropped, or add_indicator."
            )
        return list(range(len(names)))
    kept = [j for j, name in enumerate(names) if name in found]
    if not kept:
        raise ValueError(f"The completed table has none of the columns of X: {list(names)}.")
    return kept


def _read_completed(completed, names, names_out, kept, schema, where):
    found = _columns_of(completed, names_out)
    if found is not None:
        lacking = [names[j] for j in kept if names[j] not in found]
        if lacking:
            raise ValueError(f"{where} lacks the columns {lacking}.")
        places = [found.index(names[j]) for j in kept]
        completed = _select(completed, places)
    elif len(kept) != np.shape(completed)[1]:
        raise ValueError(f"{where} has {np.shape(completed)[1]} columns instead of {len(kept)}.")
    try:
        return read_table(completed, schema=schema)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{where}: {error}") from error


def _select(table, places):
    """The columns of a table at these places."""
    if not is_frame(table):
        return np.asarray(table)[:, places]
    library = library_of(table)
    if library == "pyarrow":
        return table.select(places)
    return table.iloc[:, places] if library == "pandas" else table[:, places]
