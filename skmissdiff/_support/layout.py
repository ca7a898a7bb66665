"""Which codes of an encoded row belong to which column of the table."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class CodeLayout:
    """The columns of a table side by side, as codes.

    A numeric column is one code, a categorical column one code per category, a
    column that was never observed has no code at all. A spiked column, a numeric one of which
    one value occurs very often, has three: two categories, "the value" and "another one", and the
    other number, which is absent beside the value.

    Attributes
    ----------
    widths : tuple of int
        Number of codes of each column.
    is_categorical : tuple of bool
        Whether the codes of the column are categories.
    spiked : tuple of bool
        Whether the column is spiked; empty if none is.
    """

    widths: tuple[int, ...]
    is_categorical: tuple[bool, ...]
    spiked: tuple[bool, ...] = ()

    @property
    def n_columns(self):
        return len(self.widths)

    @property
    def n_codes(self):
        return sum(self.widths)

    @cached_property
    def slices(self):
        """One slice of the codes per column."""
        stops = np.cumsum(self.widths, dtype=int).tolist()
        return tuple(
            slice(stop - width, stop) for stop, width in zip(stops, self.widths, strict=True)
        )

    @cached_property
    def column_of_code(self):
        """Index of the column that each code belongs to, shape (n_codes,)."""
        return np.repeat(np.arange(self.n_columns), self.widths)

    @cached_property
    def first_codes(self):
        """Index of the first code of each column that has codes."""
        return np.array([codes.start for codes in self.slices if codes.stop > codes.start], int)

    @cached_property
    def spike_codes(self):
        """Index of the code "the value" of each spiked column."""
        starts = [codes.start for codes, s in zip(self.slices, self.spiked, strict=False) if s]
        return np.array(starts, dtype=int)

    @cached_property
    def spiked_numbers(self):
        """Index of the code of the other number of each spiked column."""
        return self.spike_codes + 2

    def idle(self, codes):
        """Where a number of codes (n_rows, n_codes) does not apply, beside the value of a spike."""
        found = np.zeros(codes.shape, dtype=bool)
        found[:, self.spiked_numbers] = codes[:, self.spike_codes] > 0.5
        return found

    @cached_property
    def level_codes(self):
        """Indices of the codes that tell the noise levels of all: one of each column or part."""
        return np.union1d(self.first_codes, self.spiked_numbers)

    @cached_property
    def is_numeric(self):
        """Whether each code is a number, shape (n_codes,)."""
        is_numeric = ~np.repeat(np.asarray(self.is_categorical, dtype=bool), self.widths)
        is_numeric[self.spike_codes] = is_numeric[self.spike_codes + 1] = False
        return is_numeric

    @cached_property
    def numeric_codes(self):
        """Indices of the codes of numeric columns."""
        return np.flatnonzero(self.is_numeric)

    @cached_property
    def categorical_slices(self):
        """The slices of the codes that are categories, of one column each."""
        spiked = self.spiked or (False,) * self.n_columns
        return tuple(
            slice(codes.start, codes.start + 2) if spike else codes
            for codes, categorical, spike in zip(
                self.slices, self.is_categorical, spiked, strict=True
            )
            if spike or (categorical and codes.stop > codes.start)
        )

    @cached_property
    def category_slices(self):
        """Those of them that belong to categorical columns."""
        is_column = {codes.start: codes.stop for codes in self.slices}
        return tuple(s for s in self.categorical_slices if is_column[s.start] == s.stop)

    @cached_property
    def categorical_codes(self):
        """Indices of the codes of categorical columns."""
        return np.flatnonzero(~self.is_numeric)

    @cached_property
    def first_categories(self):
        """Index of the first code of each categorical column that has codes."""
        return np.array([codes.start for codes in self.categorical_slices], int)
