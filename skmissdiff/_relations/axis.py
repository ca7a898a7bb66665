"""Numbers of several columns on one axis, where they can be compared and added up.

Every column of dates, decimals or large integers counts from an origin of its own, in steps of its
own. On the axis they are whole numbers of a common smallest part, exactly as they will be
written; other numbers are what they are, in the precision of their dtype.
"""

from dataclasses import replace

import numpy as np

from skmissdiff._table.dtypes import numpy_dtype
from skmissdiff._table.schema import TIMES
from skmissdiff._table.ticks import INTEGER, NANOSECONDS

_SAFE = 2**62  # sums of two such numbers stay in int64
LOWEST, HIGHEST = -_SAFE, _SAFE


class Axis:
    """The numbers of some columns of a table.

    Parameters
    ----------
    table : Table
        Whose dtypes say how values will be written.
    columns : sequence of int
        Numeric ones.
    ranges : ndarray of shape (n_columns of the table, 2), optional
        Lowest and highest number that should come out of each column.
    allowed : sequence of (ndarray or None), optional
        Sorted numbers that should come out of each column, None for any.
    is_draw : bool, default=False
        Whether a column that held whole numbers only should get such: its mean need not be one.
    """

    def __init__(self, table, columns, ranges=None, allowed=None, is_draw=False):
        fitted = table.schema if table.fitted is None else table.fitted
        self._own = {j: _merged(table.schema.columns[j], fitted.columns[j]) for j in columns}
        self._dtypes = {j: _float_dtype(table.schema, self._own[j]) for j in columns}
        self._ranges = ranges
        self._allowed = allowed
        self._is_draw = is_draw
        self.is_exact = all(column.clock is not None for column in self._own.values())
        if self.is_exact:
            self._ticks = _common_ticks([c.ticks or INTEGER for c in self._own.values()])
        self.dtype = np.dtype(np.int64 if self.is_exact else np.float64)

    @property
    def size(self):
        """What 1 on the axis is in natural units: seconds of time, 1 of a number or a period."""
        return float(self._ticks.size) if self.is_exact else 1.0

    @property
    def precision(self):
        """Relative error of a number, by the coarsest dtype."""
        return 2 * max(float(np.finfo(dtype).eps) for dtype in self._dtypes.values()) + 1e-12

    @property
    def ends(self):
        """Lower and higher than any number."""
        return (LOWEST, HIGHEST) if self.is_exact else (-np.inf, np.inf)

    def of(self, j, values):
        """Return numbers of column ``j`` on the axis, as they will be written.

        Parameters
        ----------
        j : int
        values : ndarray of float64
            NaN becomes 0 on an exact axis.
        """
        column = self._own[j]
        if not self.is_exact:
            if column.clock is not None:
                out = np.full(len(values), np.nan)
                seen = ~np.isnan(values)
                out[seen] = column.clock.numbers(values[seen]).astype(np.float64)
                return out
            if column.is_integer:
                values = np.rint(values)
            with np.errstate(over="ignore"):
                return values.astype(self._dtypes[j]).astype(np.float64)
        ticks = column.ticks or INTEGER
        ratio = int(ticks.size / self._ticks.size)
        values = np.where(np.isnan(values), 0.0, values)
        written = _int64_ticks(column.clock, values, ticks, ratio)
        if written is not None:
            return written * ratio
        out = np.empty(len(values), dtype=np.int64)
        exact = column.clock.values(values, ticks)
        out[:] = [min(max(tick * ratio, LOWEST), HIGHEST) for tick in exact]
        return out

    def back(self, j, positions):
        """Return places on the axis as numbers of column ``j``, between its steps if need be."""
        column = self._own[j]
        if self.is_exact:
            return column.clock.offsets(np.asarray(positions), self._ticks)
        if column.clock is None:
            return positions
        clock = column.clock  # decimals beside other numbers
        size = float(clock.ticks.size)
        return (np.asarray(positions) / size - clock.origin) / clock.step

    def step(self, j):
        """Return how far apart numbers of the column are on the axis, 0 where they are dense."""
        column = self._own[j]
        if self.is_exact:
            least = int((column.ticks or INTEGER).size / self._ticks.size)
            ratio = column.clock.ticks.size / self._ticks.size
            return max(least, int(column.clock.step * ratio)) if column.is_integer else least
        return 1.0 if self._is_whole(column) else 0.0

    def _is_whole(self, column):
        return column.is_integer or (column.is_whole and self._is_draw)

    def beyond(self, positions, strict):
        """Return the next place after each, if ``strict``."""
        if not strict:
            return positions
        return positions + 1 if self.is_exact else np.nextafter(positions, np.inf)

    def place(self, j, wanted, low, high):
        """Return numbers of column ``j`` that lie between two places, near to those wanted.

        Parameters
        ----------
        j : int
        wanted : ndarray of float64, shape (n_rows,)
            Numbers of the column.
        low, high : ndarray of shape (n_rows,)
            On the axis, both included. They count more than the range of the column and than
            the values it should take.

        Returns
        -------
        values : ndarray of float64, shape (n_rows,)
        found : ndarray of bool, shape (n_rows,)
            False where the column has no number there.
        """
        column = self._own[j]
        whole = self._is_whole(column)
        values = np.array(wanted, dtype=np.float64)
        if self._ranges is not None:
            values = values.clip(*self._ranges[j])
        if whole:
            values = np.rint(values)
        at = self.of(j, values)
        too_low, too_high = at < low, at > high
        if too_low.any():
            start = self.back(j, low[too_low])
            values[too_low] = np.ceil(start) if whole else start
        if too_high.any():
            end = self.back(j, high[too_high])
            values[too_high] = np.floor(end) if whole else end
        values = self._nudged(j, values, low, high, whole)
        if whole:
            # A step that is only what was observed counts less than the relation.
            at = self.of(j, values)
            outside = (at < low) | (at > high)
            if outside.any():
                near = np.clip(at[outside], low[outside], high[outside])
                values[outside] = self.back(j, near)
        if self._allowed is not None and self._allowed[j] is not None:
            values = self._snapped(j, values, low, high)
        at = self.of(j, values)
        return values, (low <= at) & (at <= high)

    def _nudged(self, j, values, low, high, whole):
        """One step back in, where rounding has led out."""
        at = self.of(j, values)
        for outside, direction in ((at < low, 1.0), (at > high, -1.0)):
            if outside.any():
                near = values[outside]
                if whole:
                    near = near + direction
                else:
                    dtype = self._dtypes[j]
                    near = np.nextafter(near.astype(dtype), dtype.type(direction * np.inf))
                values[outside] = near
        return values

    def _snapped(self, j, values, low, high):
        """The nearest of the values to choose from, where one lies between."""
        choice = self._allowed[j]
        places = self.of(j, choice)
        first = np.searchsorted(places, low, side="left")
        last = np.searchsorted(places, high, side="right") - 1
        middles = choice[:-1] / 2 + choice[1:] / 2
        nearest = np.clip(np.searchsorted(middles, values), first, np.maximum(first, last))
        return np.where(first <= last, choice[np.minimum(nearest, len(choice) - 1)], values)


def check_comparable(schema, columns, relation):
    """Raise unless columns are numeric and of one kind.

    Parameters
    ----------
    schema : TableSchema
    columns : sequence of int
    relation : str
        Who asks.

    Raises
    ------
    TypeError
    """
    kinds = {}
    for j in columns:
        column = schema.columns[j]
        if column.is_categorical:
            raise TypeError(
                f"{relation} names {schema.label(j)}, which is categorical: only numbers, dates "
                "and durations have an order and a sum."
            )
        kind = "numbers"
        if column.element in TIMES:
            kind = {"date": "dates", "instant": "dates"}.get(column.ticks.holds)
            kind = kind or f"{column.element.value}s"
            if column.ticks.holds == "period":
                kind += f" ({column.ticks.unit})"
            elif kind == "dates":
                kind += " without a time zone" if column.ticks.zone is None else " with a time zone"
        kinds.setdefault(kind, j)
    if len(kinds) > 1:
        (one, first), (other, second), *_ = kinds.items()
        raise TypeError(
            f"{relation} puts {schema.label(first)}, which holds {one}, beside "
            f"{schema.label(second)}, which holds {other}. Convert them to one kind."
        )


def _int64_ticks(clock, values, ticks, ratio):
    """`Clock.values` for all values at once, None where they are not within int64."""
    largest = (np.abs(values).max(initial=0.0) + 1) * clock.step + abs(clock.origin)
    if clock.is_local or clock.ticks.size != ticks.size or largest * ratio >= _SAFE:
        return None
    whole = np.floor(values)
    within = np.rint((values - whole) * clock.step)
    found = clock.origin + whole.astype(np.int64) * clock.step + within.astype(np.int64)
    low, high = ticks.limits if ticks.holds != "integer" else (LOWEST, HIGHEST)
    return found.clip(max(low, LOWEST), min(high, HIGHEST))


def _merged(own, fitted):
    """A column as it is written, on the clock of the fit."""
    if own.n_observed == 0 and fitted.n_observed > 0 and own.ticks is None:
        return fitted
    return replace(own, is_whole=fitted.is_whole, is_integer=own.is_integer or fitted.is_integer)


def _float_dtype(schema, column):
    dtype = np.dtype(schema.array_dtype) if schema.array_dtype else numpy_dtype(column)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _common_ticks(ticks):
    """The smallest part that all can be counted in."""
    first = ticks[0]
    if first.is_time:
        unit = min((one.unit for one in ticks), key=NANOSECONDS.get)
        holds = "instant" if first.holds == "date" else first.holds
        return replace(first, holds=holds, unit=unit, python=None)
    scale = max(one.scale for one in ticks)
    if scale == 0:
        return first
    return replace(first, holds="decimal", scale=scale, precision=76, python=None)
