"""Arithmetic that numbers of any magnitude survive."""

import numpy as np


def standard_deviation(values, weight=None):
    """The standard deviation of numbers of any magnitude, whose squares may not be finite.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        At least one.
    weight : ndarray of shape (n_values,), optional
        How often each counts.
    """
    largest = np.abs(values).max() or 1.0
    values = values / largest
    if weight is None:
        return float(largest * np.std(values))
    squares = (values - np.average(values, weights=weight)) ** 2
    return float(largest * np.sqrt(np.average(squares, weights=weight)))
