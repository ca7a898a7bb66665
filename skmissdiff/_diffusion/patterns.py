"""Which cells are observed: each different row and column of a mask once.

The codes of a categorical column are observed in the same rows, and in real tables many rows miss
the same cells. What depends on the mask alone is then computed once for all of them.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Patterns(NamedTuple):
    """A mask (n_rows, n_codes), the rows ordered so that equal ones follow one another."""

    seen: Tensor  # (n_patterns, n_groups), True where observed
    order: Tensor  # (n_rows,), the rows in the order of their patterns
    of_row: Tensor  # (n_rows,), the pattern of each row, in that order
    of_code: Tensor  # (n_codes,), the group of each code

    def chunks(self, size: int) -> Iterator[tuple[Tensor, slice, Tensor]]:
        """Some rows, their patterns, and the number of each row's pattern among these."""
        for rows, patterns in zip(self.order.split(size), self.of_row.split(size), strict=True):
            first, last = int(patterns[0]), int(patterns[-1])
            yield rows, slice(first, last + 1), patterns - first

    def grouped(self, values: Tensor) -> Tensor:
        """Sums over the codes of each group, (n_groups, ...)."""
        sums = values.new_zeros(self.seen.shape[1], *values.shape[1:])
        return sums.index_add_(0, self.of_code, values)


def patterns_of(mask: Tensor) -> Patterns:
    """The different rows of a mask, of its different columns."""
    columns, of_code = distinct(mask.T.numpy())
    some = mask[:, columns].contiguous()
    rows, of_row = distinct(some.numpy())
    order = np.argsort(of_row, kind="stable")
    found = (torch.from_numpy(part) for part in (order, of_row[order], of_code))
    return Patterns(some[torch.from_numpy(rows)], *found)


def distinct(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of rows that differ, and which of these each row equals; for True and False."""
    packed = np.ascontiguousarray(np.packbits(rows, axis=1))
    as_one = packed.view(np.dtype((np.void, packed.shape[1])))[:, 0]
    _, first, which = np.unique(as_one, return_index=True, return_inverse=True)
    return first, which
