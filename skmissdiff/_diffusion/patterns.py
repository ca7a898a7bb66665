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


class Given(NamedTuple):
    """Which codes of rows are given and which absent, (n_patterns, n_codes) each.

    All others are drawn. ``rows`` (n_rows,) is the pattern of each row, None where all have the
    only one.
    """

    given: Tensor
    absent: Tensor
    rows: Tensor | None = None

    @property
    def drawn(self) -> Tensor:
        """What is neither given nor absent."""
        return ~(self.given | self.absent)

    def of_rows(self, values: Tensor) -> Tensor:
        """What rows have of what patterns have."""
        return values if self.rows is None else values.index_select(0, self.rows)

    def with_given(self, codes: slice, wanted: Tensor) -> "Given":
        """The same with some codes given, too, in the patterns that ``wanted`` (n_patterns,)."""
        given = self.given.clone()
        given[:, codes] |= wanted[:, None]
        return self._replace(given=given)

    def with_absent(self, idle: Tensor) -> tuple["Given", Tensor]:
        """The same with codes absent where ``idle`` (n_rows, n_codes), and its old patterns."""
        first, kind = (torch.from_numpy(part) for part in distinct(idle.cpu().numpy()))
        old = torch.zeros_like(kind) if self.rows is None else self.rows.cpu()
        # A pattern is split, but no two are joined.
        pairs, rows = (old * len(first) + kind).unique(return_inverse=True)
        old, kind = (part.to(idle.device) for part in (pairs // len(first), pairs % len(first)))
        absent = self.absent[old] | idle[first.to(idle.device)[kind]]
        return Given(self.given[old], absent, rows.to(idle.device)), old


def given_in(given: Tensor, absent: Tensor | None = None) -> Given:
    """The patterns of rows, each of them once."""
    absent = torch.zeros_like(given) if absent is None else absent
    if len(given) == 1 and len(absent) == 1:
        return Given(given, absent)
    given, absent = torch.broadcast_tensors(given, absent)
    both = torch.cat([given, absent], dim=1)
    first, rows = (torch.from_numpy(part).to(given.device) for part in distinct(both.cpu().numpy()))
    return Given(given[first], absent[first], rows)
