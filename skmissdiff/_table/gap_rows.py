"""The rows of a table that need values, and the way of values back to them."""

import numpy as np


class GapRows:
    """The rows of a table that need values, and the way of values back to them.

    Parameters
    ----------
    table : Table
    asked : ndarray of bool, shape (n_rows, n_columns)
        The cells that need one.
    """

    def __init__(self, table, asked):
        self.rows = np.flatnonzero(asked.any(axis=1))
        self._n_all = table.n_rows
        self.table = table.take(self.rows)
        self.n_rows = len(self.rows)

    def codes(self, encoder, rows):
        """Codes of rows that follow one another, each as often as it has draws among them."""
        part = self.table.take(slice(rows[0], rows[-1] + 1))
        return encoder.encode(part)[rows - rows[0]]

    def filled(self, pieces, draw=0, n_draws=1):
        """Columns of all rows, with values where a row needs some.

        Parameters
        ----------
        pieces : list of list of ndarray
            The values of the columns, of a call after the other.
        draw, n_draws : int
            Which of the draws of a row, if these follow one another.

        Returns
        -------
        columns : list of ndarray of shape (n_rows of the table,)
        """
        columns = []
        for parts in zip(*pieces, strict=True):
            values = np.concatenate(parts)[draw::n_draws]
            columns.append(np.empty(self._n_all, dtype=values.dtype))
            columns[-1][self.rows] = values
        return columns
