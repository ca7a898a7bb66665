"""Rows of codes, and the numbers that make them."""

import numpy as np

from skmissdiff._draws.columns import Rows


def rng(seed=0):
    return np.random.default_rng(seed)


def whole(codes):
    """Rows without a gap."""
    return with_gaps(codes, np.ones(codes.shape, bool))


def with_gaps(codes, known):
    """Rows whose gaps are filled already."""
    return Rows(codes, known, np.zeros(codes.shape, bool))
