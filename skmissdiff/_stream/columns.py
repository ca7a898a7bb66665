"""What a column of a stream is, from all of its cells, in bounded memory.

A column is described by `read_column`, as one in memory is, from the values that decide: extremes
and the like of numbers and dates, the distinct ones of categories. Only counts are kept beside.
"""

import importlib
from dataclasses import replace

import narwhals.stable.v2 as nw
import numpy as np

from skmissdiff._table.columns import is_nan_like, read_column, read_marked_ticks
from skmissdiff._table.decisive import decisive_numbers, decisive_ticks
from skmissdiff._table.schema import Kind
from skmissdiff._table.ticks_in import ticks_of

# Different values of a column that are counted; beyond them the rarer half is forgotten.
MAX_COUNTED = 200_000


def make_column(field, index, missing_values, kind):
    """Return what reads a column of a stream.

    Parameters
    ----------
    field : pyarrow.Field
    index : int
    missing_values : object
        What stands for a missing cell, besides null ones.
    kind : Kind or None
        How the user wants the column to be read, None to go by what it holds.

    Raises
    ------
    TypeError
        For a dtype that holds neither numbers nor categories.
    """
    pa = importlib.import_module("pyarrow")
    nothing = _series(pa.chunked_array([], type=field.type))
    _, _, column = read_column(nothing, field.name, index, missing_values=missing_values, kind=kind)
    reads = Categories if column.kind is Kind.CATEGORICAL else Numbers
    return reads(field, index, missing_values, kind)


def _series(column):
    return nw.from_native(column, series_only=True)


class Numbers:
    """A column of numbers, dates, durations or decimals."""

    levels = None
    is_counted = True

    def __init__(self, field, index, missing_values, kind):
        pa = importlib.import_module("pyarrow")
        self.field, self.index, self.kind = field, index, kind
        self.missing_values = missing_values
        self.n_observed = 0
        self.deciding = pa.chunked_array([], type=field.type)

    def add(self, cells):
        """Take cells in, a ChunkedArray; return where they are missing."""
        missing = self._missing(cells)
        n_missing = np.count_nonzero(missing)
        if n_missing:
            pa = importlib.import_module("pyarrow")
            cells = cells.filter(pa.array(~missing))
        self.n_observed += len(missing) - int(n_missing)
        self._decide(cells)
        return missing

    def join(self, other):
        """Take in what another process has read of the column."""
        self.n_observed += other.n_observed
        self._decide(other.deciding)

    def schema(self):
        """Return the description of the column, as if it had been read whole."""
        _, _, column = read_column(
            _series(self.deciding),
            self.field.name,
            self.index,
            missing_values=self.missing_values,
            kind=self.kind,
        )
        return replace(column, n_observed=self.n_observed)

    def _missing(self, cells):
        series = _series(cells)
        ticks = ticks_of(series)
        if ticks is not None:
            return read_marked_ticks(series, ticks, self.missing_values)[1]
        return read_column(
            series,
            self.field.name,
            self.index,
            missing_values=self.missing_values,
            kind=self.kind,
        )[1]

    def _decide(self, cells):
        """Keep those that decide, of observed cells and of those kept so far."""
        pa = importlib.import_module("pyarrow")
        # What was kept stands in front, where it is looked at first.
        cells = pa.chunked_array([*self.deciding.chunks, *cells.chunks], type=self.field.type)
        if len(cells) == 0:
            return
        ticks = ticks_of(_series(cells))
        if ticks is None:
            positions = decisive_numbers(cells.to_numpy())
        else:
            positions = decisive_ticks(read_marked_ticks(_series(cells), ticks, None)[0], ticks)
        kept = cells.take(pa.array(positions))
        self.deciding = pa.chunked_array([kept.combine_chunks()])


class Categories:
    """A column of categories: each with its count, the rarer ones forgotten where they are many."""

    def __init__(self, field, index, missing_values, kind):
        self.field, self.index, self.kind = field, index, kind
        self.missing_values = missing_values
        self.counts = {}
        self.n_seen = 0  # also of categories that are forgotten
        self.is_counted = True  # whether none was forgotten

    def add(self, cells):
        """Take cells in, a ChunkedArray; return where they are missing."""
        pc = importlib.import_module("pyarrow.compute")
        if hasattr(cells.type, "value_type"):
            cells = cells.cast(cells.type.value_type)  # of a dictionary
        counted = cells.value_counts()
        values, counts = counted.field("values"), counted.field("counts")
        known = self._known(values)
        for value, count in zip(
            values.filter(known).to_pylist(), counts.filter(known).to_pylist(), strict=True
        ):
            self.counts[value] = self.counts.get(value, 0) + count
            self.n_seen += count
        self._forget()
        if pc.all(known).as_py():
            return np.zeros(len(cells), dtype=bool)
        return ~self._known(cells).to_numpy(zero_copy_only=False)

    def join(self, other):
        """Take in what another process has read of the column."""
        for value, count in other.counts.items():
            self.counts[value] = self.counts.get(value, 0) + count
        self.n_seen += other.n_seen
        self.is_counted &= other.is_counted
        self._forget()

    def schema(self):
        """Return the description of the column, as if it had been read whole."""
        pa = importlib.import_module("pyarrow")
        own = self.field.type
        values = pa.array(list(self.counts), type=getattr(own, "value_type", own))
        if hasattr(own, "value_type"):
            values = values.dictionary_encode()
        _, _, column = read_column(
            _series(pa.chunked_array([values])),
            self.field.name,
            self.index,
            missing_values=self.missing_values,
            kind=self.kind,
        )
        return replace(column, n_observed=self.n_seen, dtype=str(own))

    @property
    def levels(self):
        """The count of each category."""
        return self.counts

    def _known(self, cells):
        """Where cells hold a category, a boolean Arrow array."""
        pa = importlib.import_module("pyarrow")
        pc = importlib.import_module("pyarrow.compute")
        known = pc.is_valid(cells)
        if pa.types.is_floating(cells.type):
            known = pc.and_(known, pc.invert(pc.fill_null(pc.is_nan(cells), True)))
        marker = self.missing_values
        if is_nan_like(marker):
            return known
        is_text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
        is_boolean = pa.types.is_boolean(cells.type)
        if isinstance(marker, str) != is_text or isinstance(marker, bool) != is_boolean:
            return known
        other = pc.not_equal(cells, pa.scalar(marker))
        return pc.and_(known, pc.fill_null(other, True))

    def _forget(self):
        if len(self.counts) <= MAX_COUNTED:
            return
        self.is_counted = False
        # Of equals those that came first stay.
        kept = sorted(self.counts.items(), key=lambda item: -item[1])[: MAX_COUNTED // 2]
        self.counts = dict(kept)
