"""The few values of a column by which it is read as all of them are.

What a column is, its range, whether it is whole, and the clock of its dates, hangs on a handful of
values: the lowest, the highest, and one for each step of the clock that the others would allow.
"""

import numpy as np

from skmissdiff._table.clock import LARGEST_WHOLE, steps_of
from skmissdiff._table.ticks import DAY, NANOSECONDS, shift_to_local

_HEAD = 64  # looked at first: decisive values found before stand in front


def decisive_numbers(values):
    """Return the positions of numbers that decide the range and the clock of a column.

    Parameters
    ----------
    values : ndarray of an integer or float dtype, shape (n_rows,)
        The observed ones, at least one.

    Returns
    -------
    ndarray of int
        Sorted.
    """
    found = {int(values.argmin()), int(values.argmax())}
    if values.dtype.kind == "f":
        _add(found, values, lambda part: part != np.floor(part))
        return np.array(sorted(found))
    low, high = int(values.min()), int(values.max())
    if high - low >= LARGEST_WHOLE:
        # Differences modulo 2**64 are right, even where they are too large for int64.
        differences = values.astype(np.uint64) - np.array(low).astype(np.uint64)
        divisors = np.gcd.accumulate(differences)
        found.update([0, *(np.flatnonzero(np.diff(divisors)) + 1).tolist()])
    return np.array(sorted(found))


def decisive_ticks(values, ticks):
    """Return the positions of ticks that decide the range and the clock of a column.

    Parameters
    ----------
    values : ndarray of int64 or of Python ints, shape (n_rows,)
        The observed ones, at least one.
    ticks : Ticks
        What they are counted in.

    Returns
    -------
    ndarray of int
        Sorted.
    """
    found = {int(values.argmin()), int(values.argmax())}
    for step in steps_of(ticks):
        if not _add(found, values, lambda part, step=step: part % step != 0):
            break  # finer steps divide what coarser ones do
    if ticks.zone is not None and ticks.holds == "instant":
        unit = NANOSECONDS[ticks.unit]
        quarter, day = NANOSECONDS["m"] * 15 // unit, DAY // unit
        if not _add(found, values, lambda part: part % quarter != 0):
            _add(
                found,
                values,
                lambda part: shift_to_local(part, ticks.unit, ticks.zone) % day != 0,
            )
    return np.array(sorted(found))


def _add(found, values, is_against):
    """Add the first position that is against something, and say whether there is one."""
    for part in (values[:_HEAD], values):
        against = np.flatnonzero(np.asarray(is_against(part), dtype=bool))
        if len(against):
            found.add(int(against[0]))
            return True
    return False
