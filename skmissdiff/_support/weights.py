"""Weights of rows: how often each counts, as in a survey."""

import numpy as np

from skmissdiff._support.sklearn_private import check_sample_weight

_SAME_RATIO = 1e-9


def check_weights(sample_weight, X):
    """Return the weights of the rows of `X`, float64 of shape (n_rows,), None if there are none.

    Raises
    ------
    ValueError
        If one is negative or not finite, all are zero, or there are not as many as rows.
    """
    if sample_weight is None:
        return None
    return check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


def in_least_terms(weight):
    """Return positive weights as multiples of the smallest one, None where all are equal.

    Quantiles of whole weights are those of repeated rows, so that what the weights are on the
    whole would matter there. A mean of 1 where they are no multiples.
    """
    times = np.rint(weight / weight.min())
    if not np.allclose(times, weight / weight.min(), rtol=_SAME_RATIO, atol=0):
        return weight / weight.mean()
    return None if (times == 1).all() else times


def as_shares(weight):
    """Return positive weights with a mean of 1, None where they say nothing.

    How large weights are on the whole has no meaning: those of a survey may count people.
    """
    if weight is None or (weight == weight[0]).all():
        return None
    return weight / weight.mean()
