"""What the codes of a row stand for: numbers, and levels of categorical columns."""

from typing import NamedTuple

import torch
from torch import Tensor


class Layout(NamedTuple):
    """What the codes of a row stand for, both (n_codes,)."""

    cell: Tensor  # number of the cell
    level_column: Tensor  # number of the categorical column, from 1 on; 0 for numbers

    @property
    def is_numeric(self) -> Tensor:
        return self.level_column == 0


def layout_of(n_codes: int, categorical_slices: tuple[slice, ...]) -> Layout:
    """Number cells and categorical columns."""
    first = torch.ones(n_codes, dtype=torch.long)
    level_column = torch.zeros(n_codes, dtype=torch.long)
    for number, levels in enumerate(categorical_slices, start=1):
        first[levels.start + 1 : levels.stop] = 0
        level_column[levels] = number
    return Layout(first.cumsum(0) - 1, level_column)


def numeric_codes(n_codes: int, categorical_slices: tuple[slice, ...]) -> Tensor:
    """Indices of the codes that are no levels."""
    return layout_of(n_codes, categorical_slices).is_numeric.nonzero()[:, 0]
