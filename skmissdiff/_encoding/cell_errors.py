"""How far values are from hidden cells, where a constant fill is off by about 1."""

import numpy as np

from skmissdiff._support.numbers import standard_deviation


def constant_errors(table, category_counts):
    """Return the error of a constant fill of each column.

    Parameters
    ----------
    table : Table
    category_counts : sequence of (ndarray or None)
        How often each category of a categorical column occurs in it, None for numeric ones.

    Returns
    -------
    ndarray of shape (n_columns,)
        A standard deviation or an error rate, 0 for columns without any value and for
        those that are left out of the model.
    """
    errors = np.zeros(table.n_columns)
    for j, counts in enumerate(category_counts):
        if table.schema.columns[j].is_left_out:
            continue
        seen = ~table.missing[:, j]
        values = table.columns[j][seen]
        if len(values) and counts is not None:
            errors[j] = 1 - counts.max() / counts.sum()
        elif len(values):
            weight = None if table.weight is None else table.weight[seen]
            errors[j] = standard_deviation(values, weight)
    return errors


def relative_error(table, values, hidden, unit):
    """Return the mean over columns of how far values are from the hidden cells.

    Parameters
    ----------
    table : Table
        The truth.
    values : sequence of ndarray of shape (n_rows,)
        What is compared with it, one array per column.
    hidden : ndarray of bool, shape (n_rows, n_columns)
        The cells to compare.
    unit : ndarray of shape (n_columns,)
        What errors are measured in, see `constant_errors`. Columns where it is 0 do not count.

    Returns
    -------
    float
        Of root mean squared errors and error rates.
    """
    errors = []
    for j in np.flatnonzero(hidden.any(axis=0) & (unit > 0)):
        truth, guess = table.columns[j][hidden[:, j]], values[j][hidden[:, j]]
        if table.schema.columns[j].is_categorical:
            error = np.mean([a != b for a, b in zip(truth, guess, strict=True)]) / unit[j]
        else:
            error = np.sqrt(np.mean((truth / unit[j] - guess / unit[j]) ** 2))
        errors.append(error)
    if not errors:
        raise ValueError(
            "There is no hidden cell to compare: X has too few observed cells, or only columns "
            "that were constant in fit."
        )
    return float(np.mean(errors))
