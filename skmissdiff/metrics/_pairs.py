"""How alike pairs of columns of two tables are."""

from itertools import combinations

import numpy as np

from skmissdiff.metrics._inputs import level_numbers

N_BINS = 10


class PairColumns:
    """The columns of two tables, as numbers and as the numbers of bins or levels.

    Parameters
    ----------
    first, second : Table
        The real table, and the one that is compared with it.
    n_bins : int
        Bins of equal width between the extremes of the real values of a numeric column; the
        first and the last hold what is beyond them as well.
    """

    def __init__(self, first, second, n_bins=N_BINS):
        self.is_categorical = np.asarray(first.schema.is_categorical)
        self.tables = (first, second)
        self._binned = [self._bins(j, n_bins) for j in range(first.n_columns)]

    def _bins(self, j, n_bins):
        columns = [table.columns[j] for table in self.tables]
        if any(column.dtype == object for column in columns):
            return level_numbers(*columns)[0]
        known = columns[0][~np.isnan(columns[0])]
        if len(known) == 0:
            return [np.full(len(column), -1) for column in columns]
        # Of numbers too close for as many bins, edges coincide, as np.digitize allows.
        edges = np.linspace(known.min(), known.max(), n_bins + 1)[1:-1]
        return [np.where(np.isnan(c), -1, np.digitize(c, edges)) for c in columns]

    def known(self, table, i, j):
        """The rows in which both columns are known."""
        return ~(table.missing[:, i] | table.missing[:, j])

    def similarity(self, i, j, rows):
        """How alike the two tables are in columns `i` and `j`.

        Parameters
        ----------
        i, j : int
        rows : (ndarray of bool, ndarray of bool)
            The rows of each table.

        Returns
        -------
        float
            From 0 to 1. NaN where the real correlation is not defined, or there are no rows.
        """
        if not (rows[0].any() and rows[1].any()):
            return np.nan
        if not (self.is_categorical[i] or self.is_categorical[j]):
            real, other = (
                _correlation(table.columns[i][chosen], table.columns[j][chosen])
                for table, chosen in zip(self.tables, rows, strict=True)
            )
            # What does not vary is related to nothing.
            return 1 - abs(real - np.nan_to_num(other)) / 2
        n_levels = 1 + max(int(binned.max(initial=0)) for binned in self._binned[j])
        keys = [
            first[chosen] * n_levels + second[chosen]
            for first, second, chosen in zip(self._binned[i], self._binned[j], rows, strict=True)
        ]
        return 1 - total_variation(*keys)


def pair_similarities(columns, rows, *, numeric_only=False):
    """Similarities of all pairs of columns.

    Parameters
    ----------
    columns : PairColumns
    rows : callable
        From the indices of two columns to the rows of each table to compare.
    numeric_only : bool
        Whether to compare pairs of numeric columns only.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        Symmetric; NaN on the diagonal and where there is nothing to compare.
    """
    n_columns = len(columns.is_categorical)
    out = np.full((n_columns, n_columns), np.nan)
    wanted = np.flatnonzero(~columns.is_categorical) if numeric_only else range(n_columns)
    for i, j in combinations(wanted, 2):
        out[i, j] = out[j, i] = columns.similarity(i, j, rows(i, j))
    return out


def total_variation(first, second):
    """Half the sum of the absolute differences of two distributions of discrete values.

    Parameters
    ----------
    first, second : ndarray of int, shape (n_first,) and (n_second,)
    """
    _, values = np.unique(np.concatenate([first, second]), return_inverse=True)
    n_values = values.max() + 1
    shares = [
        np.bincount(part, minlength=n_values) / len(part)
        for part in (values[: len(first)], values[len(first) :])
    ]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _correlation(x, y):
    """Pearson's correlation, NaN if a column does not vary."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return np.nan
    # Brought near 1, so that squares neither overflow nor vanish.
    x, y = (values / np.abs(values).max() for values in (x, y))
    return float(np.corrcoef(x, y)[0, 1])
