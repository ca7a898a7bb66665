"""What all relations have in common."""

import numpy as np
from sklearn.base import BaseEstimator

from skmissdiff._support.unchanged import plain
from skmissdiff._table.frames import column_index


class Relation(BaseEstimator):
    """Something that holds in every row."""

    def __eq__(self, other):
        return type(self) is type(other) and plain(self) == plain(other)

    def __hash__(self):
        return hash((type(self).__name__, repr(self)))

    def _as_saved(self):
        """Return the same relation with parameters that a saved model can hold."""
        return self

    def _fit_table(self, table):
        """Find the columns in a table, and learn what the relation needs to know of them.

        Parameters
        ----------
        table : Table
            The table seen in fit.

        Returns
        -------
        FittedRelation

        Raises
        ------
        TypeError, ValueError
            If it cannot be one of this table.
        """
        raise NotImplementedError


class FittedRelation:
    """A relation of the columns of a table; most steps do nothing unless it has them.

    Attributes
    ----------
    words : str
        How messages name it.
    columns : tuple of int
        The columns that it is about.
    n_extras : int
        Number of further columns that the model learns.
    """

    words: str
    columns: tuple[int, ...]
    n_extras = 0

    def extra_columns(self, cells):
        """Return further columns for the model, `n_extras` arrays of float64 with NaN."""
        return []

    def rebuild(self, cells, extras, limits):
        """Take draws of the extra columns into account, in cells that are not known."""

    def deduce(self, cells):
        """Fill cells that follow from those that are known, and take them for known."""

    def keep(self, cells, limits):
        """Move cells that are not known so that the relation holds, where it can.

        Parameters
        ----------
        cells : Cells
        limits : Limits
        """

    def broken(self, cells):
        """Return the rows that are known to break it, as an array of bool."""
        raise NotImplementedError


class Limits:
    """What should come out of columns beside relations.

    Attributes
    ----------
    ranges : ndarray of shape (n_columns, 2)
        Lowest and highest number of each column.
    allowed : sequence of (ndarray or None)
        Sorted numbers to choose from, None for any.
    is_draw : bool
        Whether values are draws, not best guesses.
    """

    def __init__(self, ranges, allowed, is_draw):
        self.ranges = ranges
        self.allowed = allowed
        self.is_draw = is_draw


def find_columns(schema, names, relation):
    """Return the indices of columns by name or index, each of which may be there once.

    Raises
    ------
    TypeError, ValueError
        For what is no list of at least two known columns, or for one without any value.
    """
    if isinstance(names, str) or not hasattr(names, "__len__"):
        raise TypeError(f"{relation} takes a list of columns, got {names!r}.")
    found = tuple(find_column(schema, name, relation) for name in names)
    if len(found) < 2 or len(set(found)) < len(found):
        raise ValueError(f"{relation} takes at least two different columns, got {list(names)!r}.")
    return found


def find_column(schema, name, relation):
    """Return the index of a column by name or index."""
    j = column_index(name, [column.name for column in schema.columns], relation)
    if schema.columns[j].n_observed == 0:
        raise ValueError(
            f"{relation} names {schema.label(j)}, which has no observed value in fit: nothing "
            "can be learnt of it. Leave it out of the relation."
        )
    if schema.columns[j].is_left_out:
        raise ValueError(
            f"{relation} names {schema.label(j)}, which is left out of the model: nearly every "
            "value of it occurs once. List it in categorical_features to have it learnt."
        )
    return j


def names_of(schema, columns):
    """Return how messages name columns."""
    names = [column.name for column in schema.columns]
    return [j if names[j] is None else names[j] for j in columns]


def check_support(fitted, table, cells):
    """Raise if most of the rows that could tell say that a relation does not hold.

    Parameters
    ----------
    fitted : FittedRelation
    table : Table
    cells : Cells

    Returns
    -------
    broken : ndarray of bool, shape (n_rows,)
    """
    broken = fitted.broken(cells)
    whole = ~table.missing[:, list(fitted.columns)].any(axis=1)
    wrong = broken & whole
    if wrong.sum() * 2 > max(whole.sum(), 1):
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"{fitted.words} does not hold in {wrong.sum()} of the {whole.sum()} rows in which "
            f"all its columns are observed, such as row {row}. Correct the relation or leave it "
            "out."
        )
    return broken
