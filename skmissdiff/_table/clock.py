"""A column on its own clock: exact values as float64 offsets from an origin, and back.

A float64 tells whole numbers apart up to 2**53. Nanoseconds since 1970 and large integers are
beyond that, but the span of a column seldom is: so a model sees how many steps a value is away
from the lowest one, and the step is the coarsest that the observed values allow.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from skmissdiff._table.ticks import (
    DAY,
    INTEGER,
    NANOSECONDS,
    Ticks,
    exact_value,
    shift_from_local,
    shift_to_local,
    tick_as_object,
)

# From here on a float64 no longer tells neighbouring whole numbers apart.
LARGEST_WHOLE = 2**53
_SAFE = 2**62  # sums of two such numbers stay in int64
_STEPS = ("D", "h", "m", "s", "ms", "us", "ns")


@dataclass(frozen=True)
class Clock:
    """How the numbers of a column are counted.

    Attributes
    ----------
    ticks : Ticks
        What origin and step are counted in.
    origin : int
        The tick where the offset is 0.
    step : int
        Ticks per offset of 1.
    is_local : bool
        Whether ticks are those of a clock on the wall in the zone of ``ticks``: days of 23 and
        of 25 hours count as days.
    """

    ticks: Ticks
    origin: int = 0
    step: int = 1
    is_local: bool = False

    def is_exact(self, largest):
        """Whether float64 tells all offsets apart, up to the largest one."""
        return self.ticks.holds != "integer" or largest < LARGEST_WHOLE

    @property
    def step_size(self):
        """An offset of 1 in seconds, in periods, or as a number."""
        return float(self.step * self.ticks.size)

    def offsets(self, values, ticks):
        """Return ticks as offsets.

        Parameters
        ----------
        values : ndarray of int64 or of Python ints
            None is missing.
        ticks : Ticks
            What they are counted in.

        Returns
        -------
        ndarray of float64
        """
        if self.is_local and len(values):
            values = shift_to_local(values, ticks.unit, self.ticks.zone)
        ratio = ticks.size / self.ticks.size
        if ratio == 1 and values.dtype != object and _is_safe(values) and abs(self.origin) < _SAFE:
            whole, rest = np.divmod(values - self.origin, self.step)
            return whole + rest / self.step
        origin, step = self.origin * ratio.denominator, self.step * ratio.denominator
        numerator = ratio.numerator
        return np.array(
            [(int(value) * numerator - origin) / step for value in values], dtype=np.float64
        )

    def last_step(self, values):
        """Return the largest whole offset that is not beyond the ticks of a column fitted.

        Where the step is coarser than the values, a float64 may round an offset beyond them.
        """
        if self.is_local:
            values = shift_to_local(values, self.ticks.unit, self.ticks.zone)
        return float((int(values.max()) - self.origin) // self.step)

    def offsets_of_numbers(self, values):
        """Return numbers of any type as offsets, float64."""
        return np.array([self._offset(Fraction(v)) for v in values], dtype=np.float64)

    def offset_of(self, value):
        """Return the offset of a value that a user gives, see `exact_value`."""
        exact = exact_value(value, self.ticks)
        if self.is_local:
            tick = np.array([math.floor(exact / self.ticks.size)], dtype=object)
            shift = int(shift_to_local(tick, self.ticks.unit, self.ticks.zone)[0]) - int(tick[0])
            exact += shift * self.ticks.size
        return self._offset(exact)

    def _offset(self, exact):
        return float((exact / self.ticks.size - self.origin) / self.step)

    def values(self, offsets, ticks=None):
        """Return the nearest ticks of offsets, as far as there is room for them.

        Parameters
        ----------
        offsets : ndarray of float64
        ticks : Ticks, optional
            What to count in, the clock's own by default.

        Returns
        -------
        ndarray of Python ints, dtype object
        """
        ticks = self.ticks if ticks is None else ticks
        ratio = self.ticks.size / ticks.size
        low, high = ticks.limits if ticks.holds != "integer" else (-math.inf, math.inf)
        found = np.empty(len(offsets), dtype=object)
        found[:] = [self._tick(float(offset), ratio) for offset in offsets]
        if self.is_local and len(found):
            found = shift_from_local(found, ticks.unit, self.ticks.zone)
        found[:] = [min(max(tick, low), high) for tick in found]
        return found

    def _tick(self, offset, ratio):
        if ratio == 1:
            whole = math.floor(offset)
            return self.origin + whole * self.step + round((offset - whole) * self.step)
        return round((self.origin + Fraction(offset) * self.step) * ratio)

    def numbers(self, offsets):
        """Return offsets as numbers: Python ints of whole ones, floats of decimals."""
        if self.ticks.holds == "integer":
            return self.values(offsets, INTEGER)
        found = np.empty(len(offsets), dtype=object)
        found[:] = [float(tick * self.ticks.size) for tick in self.values(offsets)]
        return found

    def text(self, offset):
        """Return an offset in words."""
        tick = self.values(np.array([offset]))[0]
        if self.ticks.is_time and self.ticks.unit == "ns":
            return self._time_text(tick)
        return self._short(tick_as_object(tick, self.ticks))

    def _time_text(self, tick):
        """Standard objects have microseconds at most: what is finer stands behind them."""
        coarse = Ticks(self.ticks.holds, "us", self.ticks.zone)
        text = self._short(tick_as_object(tick // 1000, coarse))
        return f"{text} and {tick % 1000} ns" if tick % 1000 else text

    def _short(self, value):
        text = str(value)
        is_day = self.ticks.holds in ("instant", "date") and self._is_days
        return text[:10] if is_day else text

    @property
    def _is_days(self):
        return self.step * self.ticks.size % 86400 == 0


def start_clock(values, ticks):
    """Return the clock of a column that is fitted.

    Parameters
    ----------
    values : ndarray of int64 or of Python ints
        The observed ticks, at least one.
    ticks : Ticks
        What they are counted in.
    label : str
        The words by which an error names the column.
    """
    low, high = int(values.min()), int(values.max())
    if ticks.holds == "integer":
        return Clock(INTEGER, low, _whole_step(values, low, high))
    if ticks.holds == "period":
        return Clock(ticks, low)
    local = None if ticks.holds == "decimal" else _local_days(values, ticks)
    if local is not None:
        per_day = DAY // NANOSECONDS[ticks.unit]
        return Clock(ticks, int(local.min()), per_day, is_local=True)
    step = next((s for s in steps_of(ticks) if _divides(s, values)), 1)
    while (high - low) // step >= LARGEST_WHOLE:
        step *= 10  # no model tells the millionth part of its span apart
    return Clock(ticks, low, step)


def steps_of(ticks):
    """Return the steps that a clock may have, in ticks, from the coarsest to the finest."""
    if ticks.holds == "decimal":
        return [10**k for k in range(ticks.scale, -1, -1)]
    size = NANOSECONDS[ticks.unit]
    return [NANOSECONDS[unit] // size for unit in _STEPS if NANOSECONDS[unit] >= size]


def _whole_step(values, low, high):
    """The step that keeps integers exact: 1 if possible, else what divides all of them, if any."""
    if high - low < LARGEST_WHOLE:
        return 1
    step = math.gcd(*(int(value) - low for value in values))
    return step if (high - low) // step < LARGEST_WHOLE else 1


def _local_days(values, ticks):
    """Return instants as what clocks on the wall show, if that is midnight for all of them."""
    if ticks.zone is None or ticks.holds != "instant":
        return None
    quarter = NANOSECONDS["m"] * 15 // NANOSECONDS[ticks.unit]
    if not _divides(quarter, values):
        return None  # no zone is off by less today
    local = shift_to_local(values, ticks.unit, ticks.zone)
    return local if _divides(DAY // NANOSECONDS[ticks.unit], local) else None


def _divides(step, values):
    if values.dtype == object:
        return all(value % step == 0 for value in values)
    return step < 2**63 and bool((values % step == 0).all())


def _is_safe(values):
    return len(values) == 0 or (values.min() > -_SAFE and values.max() < _SAFE)
