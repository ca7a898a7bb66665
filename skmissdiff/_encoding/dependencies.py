"""Functional dependencies: numbers that a categorical column tells, as a degree does its years.

As codes of their own, numbers are drawn with a small error, which such a pair makes visible;
as categories, one per value, they are drawn to the point. Of rows generated after 4,000 of census
(20 % of the cells hidden, two seeds) 25 % have a degree and years of it that do not go together
without this, 0.4 % with it, and a classifier tells 65 % of the rows from real ones, not 71 %.
"""

import numpy as np

MAX_VALUES = 30
MAX_ROWS = 20_000  # that are looked at
FEWEST_PER_VALUE = 10  # rows that could contradict
MOST_WRONG = 0.02  # of the rows in which the most frequent value is wrong


def dependent_numbers(table, max_values):
    """Return the values of numeric columns with few values that a categorical column tells.

    Parameters
    ----------
    table : Table
    max_values : int or None
        Largest number of values of such a column, and of categories of the one that tells them,
        whose rarer categories share a code beyond it. Never more than `MAX_VALUES` values.

    Returns
    -------
    list of (ndarray or None)
        Sorted, None for the other columns.
    """
    most_categories = np.inf if max_values is None else max_values
    most_values = min(MAX_VALUES, most_categories)
    rows = np.unique(np.linspace(0, table.n_rows - 1, MAX_ROWS).astype(int))
    seen = ~table.missing[rows]
    categorical = np.asarray(table.schema.is_categorical)
    found = [None] * table.n_columns
    for j in np.flatnonzero(~categorical):
        values = table.columns[j][rows]
        if not 2 <= len(np.unique(values[seen[:, j]])) <= most_values:
            continue
        for k in np.flatnonzero(categorical):
            both = seen[:, j] & seen[:, k]
            categories = table.columns[k][rows][both]
            if len(set(categories)) <= most_categories and tells(categories, values[both]):
                distinct = np.unique(table.columns[j][~table.missing[:, j]])
                if len(distinct) <= most_values:  # in the rows not looked at, too
                    found[j] = distinct
                break
    return found


def tells(categories, values):
    """Whether each category goes with one value.

    Rows that are the only ones of their category prove nothing.

    Parameters
    ----------
    categories : ndarray of object, shape (n_rows,)
    values : ndarray of float, shape (n_rows,)
    """
    numbers = {}
    category = np.array(
        [numbers.setdefault(item, len(numbers)) for item in categories], dtype=np.intp
    )
    distinct, value = np.unique(values, return_inverse=True)
    counts = np.zeros((len(numbers), len(distinct)), dtype=np.intp)
    np.add.at(counts, (category, value), 1)
    counts = counts[counts.sum(axis=1) > 1]
    n_rows = counts.sum()
    if n_rows == 0 or n_rows < FEWEST_PER_VALUE * len(distinct):
        return False
    wrong = n_rows - counts.max(axis=1).sum()
    return wrong < MOST_WRONG * (n_rows - counts.sum(axis=0).max())


def encode_values(values, distinct, out):
    """Write the one-hot codes of the nearest of the sorted ``distinct`` values, NaN for NaN."""
    middles = distinct[:-1] / 2 + distinct[1:] / 2
    out[:] = np.eye(len(distinct))[np.searchsorted(middles, values)]
    out[np.isnan(values)] = np.nan


def decode_values(codes, distinct, how):
    """Return the "mean", "median" or "mode" by the codes as shares, NaN where a code is NaN."""
    unknown = np.isnan(codes).any(axis=1)
    shares = np.where(unknown[:, None], 0.0, codes)
    if how == "mean":
        values = shares @ distinct / np.where(unknown, 1.0, shares.sum(axis=1))
    else:
        below = shares.cumsum(axis=1)
        places = shares if how == "mode" else below >= below[:, -1:] / 2
        values = distinct[places.argmax(axis=1)]
    return np.where(unknown, np.nan, values)


def log_shares_of_unseen(values, distinct, n_observed):
    """Return the log probability of values that were not among ``n_observed`` ones, 0 of others."""
    unseen = ~np.isnan(values) & ~np.isin(values, distinct)
    return np.where(unseen, -np.log1p(n_observed), 0.0)
