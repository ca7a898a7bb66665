"""Count the gaps of a table: per column, per row pattern and per pair of columns."""

from dataclasses import dataclass

import numpy as np

from skmissdiff._support.caller import warn
from skmissdiff._table.frames import missing_cells

# More are counted, but not printed or named in the warning.
_N_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class MissingPattern:
    """The pattern of the missing cells of a table.

    Returned by `missing_pattern`. Printing it shows a summary.

    Parameters
    ----------
    columns : tuple
        Names of the columns; their indices for an array.
    n_rows : int
        Number of rows.
    missing_counts : ndarray of int, shape (n_columns,)
        Missing cells of each column.
    patterns : ndarray of bool, shape (n_patterns, n_columns)
        The distinct rows of the missing mask, True for a missing cell, the most frequent first.
    pattern_counts : ndarray of int, shape (n_patterns,)
        How many rows have each pattern.
    co_observed : ndarray of int, shape (n_columns, n_columns)
        Rows in which both columns are observed; on the diagonal those of one column.
    never_observed : tuple
        Columns without any observed cell.
    never_together : tuple of pairs
        Pairs of columns, each observed somewhere, but never both in one row.

    Attributes
    ----------
    missing_rates
    n_complete_rows

    See Also
    --------
    missing_pattern : Make one from a table.
    plot_missing_pattern : Draw it.

    Examples
    --------
    >>> from skmissdiff.missingness import missing_pattern
    >>> nan = float("nan")
    >>> pattern = missing_pattern([[1.0, 2.0], [nan, 3.0], [nan, 4.0]])
    >>> pattern.missing_counts
    array([2, 0])
    >>> pattern.n_complete_rows
    1
    """

    columns: tuple
    n_rows: int
    missing_counts: np.ndarray
    patterns: np.ndarray
    pattern_counts: np.ndarray
    co_observed: np.ndarray
    never_observed: tuple
    never_together: tuple

    @property
    def missing_rates(self):
        """Share of missing cells of each column, ndarray of shape (n_columns,)."""
        return self.missing_counts / self.n_rows

    @property
    def n_complete_rows(self):
        """Number of rows without a missing cell."""
        return int(self.pattern_counts[~self.patterns.any(axis=1)].sum())

    def __repr__(self):
        n_missing, n_cells = int(self.missing_counts.sum()), self.n_rows * len(self.columns)
        lines = [
            f"{self.n_rows} rows, {len(self.columns)} columns; {n_missing} of {n_cells} cells "
            f"missing ({n_missing / n_cells:.1%}); {self.n_complete_rows} complete rows",
            "",
            *self._column_lines(),
            "",
            *self._pattern_lines(),
        ]
        if self.never_observed:
            lines += ["", f"Never observed: {_listed(map(repr, self.never_observed))}"]
        if self.never_together:
            lines += ["", f"Never observed together: {_pairs(self.never_together)}"]
        return "\n".join(lines)

    def _column_lines(self):
        width = max(len("column"), *(len(str(name)) for name in self.columns))
        yield f"{'column':<{width}}  missing  share"
        for j in np.argsort(-self.missing_counts, kind="stable"):
            if self.missing_counts[j]:
                share = f"{self.missing_rates[j]:.1%}"
                yield f"{self.columns[j]!s:<{width}}  {self.missing_counts[j]:>7}  {share:>5}"
        n_complete = int((self.missing_counts == 0).sum())
        if n_complete:
            yield f"({n_complete} without gaps)"

    def _pattern_lines(self):
        yield "   rows  missing together"
        for gaps, count in zip(self.patterns[:_N_SHOWN], self.pattern_counts, strict=False):
            missing = [str(name) for name, gap in zip(self.columns, gaps, strict=True) if gap]
            yield f"{count:>7}  {_listed(missing) or 'nothing'}"
        n_more = len(self.patterns) - _N_SHOWN
        if n_more > 0:
            yield f"{self.pattern_counts[_N_SHOWN:].sum():>7}  other patterns ({n_more})"


def missing_pattern(X):
    """Count the missing cells of a table by column, row pattern and pair of columns.

    Two columns that are never observed in the same row leave the relation between them open,
    given the other columns: no data can tell. Such pairs are listed and warned of.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_columns)
        Columns of any dtype, dates included. NaN, None and null cells are missing.

    Returns
    -------
    MissingPattern

    Warns
    -----
    UserWarning
        If there are columns that are never observed together.

    See Also
    --------
    plot_missing_pattern : Draw the pattern.
    ampute : Hide cells by a known mechanism.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmissdiff.missingness import missing_pattern
    >>> table = pd.DataFrame({"age": [31, 42, 57, 64], "dose": [1.0, None, 2.0, None]})
    >>> missing_pattern(table)
    4 rows, 2 columns; 2 of 8 cells missing (25.0%); 2 complete rows
    <BLANKLINE>
    column  missing  share
    dose          2  50.0%
    (1 without gaps)
    <BLANKLINE>
       rows  missing together
          2  nothing
          2  dose
    """
    missing, names = missing_cells(X)
    patterns, counts = _distinct_rows(missing)
    observed = (~patterns).astype(np.float64)  # for a fast product, exact below 2**53
    co_observed = (observed.T @ (observed * counts[:, None])).astype(np.int64)
    somewhere = np.diag(co_observed) > 0
    open_pairs = np.argwhere(np.triu(co_observed == 0, 1) & somewhere & somewhere[:, None])
    pattern = MissingPattern(
        columns=names,
        n_rows=len(missing),
        missing_counts=missing.sum(axis=0),
        patterns=patterns,
        pattern_counts=counts,
        co_observed=co_observed,
        never_observed=tuple(names[j] for j in np.flatnonzero(~somewhere)),
        never_together=tuple((names[j], names[k]) for j, k in open_pairs),
    )
    if pattern.never_together:
        warn(
            f"Never observed in the same row: {_pairs(pattern.never_together)}. Given the other "
            "columns, the relation of such a pair is not identified by the table: a model will "
            "assume what its factor analysis assumes, that common factors account for it. Add "
            "rows in which both are observed, or do not interpret the relation.",
        )
    return pattern


def _distinct_rows(missing):
    """The distinct rows and how often each occurs, the most frequent first."""
    packed = np.packbits(missing, axis=1)
    _, first, counts = np.unique(packed, axis=0, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    return missing[first[order]], counts[order]


def _listed(words):
    words = list(words)
    more = [f"{len(words) - _N_SHOWN} more"] if len(words) > _N_SHOWN else []
    return ", ".join(words[:_N_SHOWN] + more)


def _pairs(pairs):
    return _listed(f"{one!r} and {other!r}" for one, other in pairs).replace(", ", "; ")
