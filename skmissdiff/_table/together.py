"""Columns that are never observed in the same row: no table tells how they go together."""

import numpy as np

from skmissdiff._support.caller import warn

CHUNK_ROWS = 4096
# Bounds the work on wide tables: columns with more gaps are the ones that may never meet.
MOST_COLUMNS = 1000
# Rows in which two columns would meet if their gaps were independent. With fewer, as in tables of
# a few rows, they miss each other by chance.
FEWEST_EXPECTED = 4
_N_SHOWN = 10


def never_together(missing):
    """Return the pairs of columns that never meet though both are often observed.

    Parameters
    ----------
    missing : ndarray of bool, shape (n_rows, n_columns)

    Returns
    -------
    ndarray of int, shape (n_pairs, 2)
    """
    n_rows = len(missing)
    counts = n_rows - missing.sum(axis=0)
    # Two columns that are observed in more than half of the rows each do meet.
    rare = np.flatnonzero((counts < n_rows) & (counts > 0))
    rare = np.sort(rare[np.argsort(counts[rare], kind="stable")][:MOST_COLUMNS])
    expected = counts[rare, None] * (counts[rare] / n_rows)
    apart = np.triu(expected >= FEWEST_EXPECTED, 1) & (counts[rare, None] + counts[rare] <= n_rows)
    for start in range(0, n_rows, CHUNK_ROWS):
        # Mostly the first rows settle it, and the others are not looked at.
        left = apart.any(axis=0) | apart.any(axis=1)
        if not left.any():
            break
        seen = (~missing[start : start + CHUNK_ROWS, rare[left]]).astype(np.float32)
        apart[np.ix_(left, left)] &= seen.T @ seen == 0
    return rare[np.argwhere(apart)]


def warn_never_together(table):
    """Warn, naming the pairs, of columns that are never observed in the same row.

    Parameters
    ----------
    table : Table
    """
    pairs = never_together(table.missing)
    if not len(pairs):
        return
    label = table.schema.label
    shown = "; ".join(f"{label(j)} and {label(k)}" for j, k in pairs[:_N_SHOWN].tolist())
    more = f"; {len(pairs) - _N_SHOWN} more pairs" if len(pairs) > _N_SHOWN else ""
    warn(
        f"Never observed in the same row: {shown}{more}. Given the other columns, the table does "
        "not tell how the two of a pair go together: the model assumes that common factors "
        "account for it. Add rows in which both are observed, or do not interpret the relation."
    )
