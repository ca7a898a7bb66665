"""Arithmetic that numbers of any magnitude survive."""

import numpy as np


def standard_deviation(values):
    """The standard deviation of numbers of any magnitude, whose squares may not be finite.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        At least one.
    """
    largest = np.abs(values).max() or 1.0
    return float(largest * np.std(values / largest))
