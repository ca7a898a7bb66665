"""How many decimals the numbers of a column have."""

import numpy as np

_MOST_DECIMALS = 6


def decimals_of(values):
    """Return the decimals that suffice for all numbers, None for more than 6 of them.

    Parameters
    ----------
    values : ndarray of float64
        Without NaN.
    """
    for decimals in range(_MOST_DECIMALS + 1):
        if (np.round(values, decimals) == values).all():
            return decimals
    return None
