"""The cells of a table while its missing ones are filled."""

from dataclasses import dataclass

import numpy as np

from skmissdiff._table.frames import Table


@dataclass
class Cells:
    """Values of all columns, of which some are certain.

    Attributes
    ----------
    columns : list of ndarray of shape (n_rows,)
        As in `Table`. They are changed in place, where a cell is not known.
    known : ndarray of bool, shape (n_rows, n_columns)
        Cells that were observed, or that follow from those that were.
    table : Table
        Where they come from: dtypes of the columns as they are, and as they were in fit.
    """

    columns: list[np.ndarray]
    known: np.ndarray
    table: Table

    @classmethod
    def of(cls, table):
        """The cells of a table, of which the observed ones are known."""
        return cls([np.array(column) for column in table.columns], ~table.missing, table)

    def filled(self, values):
        """The same with values where nothing is known.

        Parameters
        ----------
        values : sequence of ndarray of shape (n_rows,)
        """
        columns = []
        for column, known, new in zip(self.columns, self.known.T, values, strict=True):
            columns.append(np.where(known, column, new.astype(column.dtype)))
        return Cells(columns, self.known, self.table)

    def take(self, rows):
        """Those of some rows."""
        return Cells(
            [column[rows] for column in self.columns], self.known[rows], self.table.take(rows)
        )
