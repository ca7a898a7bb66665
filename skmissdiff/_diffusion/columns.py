"""Codes of the same column, which are picked side by side and have one noise level."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

# Some codes of a row: a slice where they lie side by side, which costs nothing to pick.
Codes = slice | Tensor


def block(codes: np.ndarray) -> Codes:
    """Codes as a slice if they follow one another."""
    first = codes[0] if len(codes) else 0
    if np.array_equal(codes, np.arange(first, first + len(codes))):
        return slice(int(first), int(first) + len(codes))
    return torch.from_numpy(codes)


def pick(values: Tensor, codes: Codes) -> Tensor:
    """Some codes of the last axis."""
    if isinstance(codes, slice):
        return values[..., codes]
    return values.index_select(-1, codes.to(values.device))


class Columns(NamedTuple):
    """Numbers, of a noise level each, and categories, all of a column known or absent."""

    numbers: Codes
    categories: Codes
    first_categories: Codes  # of each categorical column
    column_of_category: Tensor  # (n_categories,)

    def grouped(self, values: Tensor) -> Tensor:
        """Sums over the categories of each column, (n_columns, ...)."""
        n_columns = int(self.column_of_category[-1]) + 1 if len(self.column_of_category) else 0
        sums = values.new_zeros(n_columns, *values.shape[1:])
        return sums.index_add_(0, self.column_of_category, values)
