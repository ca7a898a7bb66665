"""Parts that add up: percentages to 100, amounts to a total."""

from decimal import Decimal
from numbers import Real

import numpy as np

from skmissdiff._relations.axis import Axis, check_comparable
from skmissdiff._relations.relation import (
    FittedRelation,
    Relation,
    find_column,
    find_columns,
    names_of,
)
from skmissdiff._relations.rounding import decimals_of
from skmissdiff._table.schema import TIMES, Element

# Rounded up, parts may come to more than there is.
_ROUNDINGS = (np.rint, np.floor)


class FixedSum(Relation):
    """Columns that add up to a number, or to another column.

    What follows from observed cells is filled in before the model sees a row. Where several parts
    are missing, their draws, which nearly add up, are scaled to do so; parts that were never
    negative stay so, and zeros stay zeros.

    Parameters
    ----------
    columns : list of str or int
        Names or indices of the parts, two or more, of numbers or durations.
    total : number or None, default=None
        What they add up to, in durations in seconds.
    column : str, int or None, default=None
        The column that they add up to. Either this or `total` is needed.
    tolerance : float, default=0
        How far off the sum of observed cells may be, as of rounded percentages.

    See Also
    --------
    find_relations : Find the relations that hold in a table.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff import FixedSum, MissDiffImputer
    >>> X = np.random.default_rng(0).dirichlet([4, 2, 1], 100) * 100
    >>> X[::4, :2] = np.nan
    >>> imputer = MissDiffImputer(relations=[FixedSum([0, 1, 2], total=100)], max_iter=0)
    >>> completed = imputer.fit_transform(X)
    >>> bool(np.allclose(completed.sum(axis=1), 100))
    True
    """

    def __init__(self, columns, *, total=None, column=None, tolerance=0.0):
        self.columns = columns
        self.total = total
        self.column = column
        self.tolerance = tolerance

    def _fit_table(self, table):
        schema = table.schema
        if (self.total is None) == (self.column is None):
            raise ValueError("FixedSum takes either total, a number, or column, the name of one.")
        if not isinstance(self.tolerance, Real) or not self.tolerance >= 0:
            raise ValueError(f"tolerance of FixedSum must be 0 or more, got {self.tolerance!r}.")
        is_number = isinstance(self.total, Real | Decimal) and np.isfinite(float(self.total))
        if self.column is None and not is_number:
            raise TypeError(f"total of FixedSum must be a finite number, got {self.total!r}.")
        columns = find_columns(schema, self.columns, "FixedSum")
        names = " + ".join(map(str, names_of(schema, columns)))
        if self.column is None:
            words, total = f"{names} = {self.total:g}", float(self.total)
        else:
            last = find_column(schema, self.column, "FixedSum")
            if last in columns:
                raise ValueError(f"FixedSum names {schema.label(last)} as a part and as the total.")
            words, total = f"{names} = {names_of(schema, [last])[0]}", None
            columns = (*columns, last)
        check_comparable(schema, columns, "FixedSum")
        for j in columns:
            element = schema.columns[j].element
            if element in TIMES - {Element.DURATION}:
                raise TypeError(
                    f"FixedSum names {schema.label(j)}, which holds {element.value}s: numbers and "
                    "durations can be added up."
                )
        return FittedSum(columns, total, float(self.tolerance), words, table)


class FittedSum(FittedRelation):
    """Parts and what they add up to.

    Parameters
    ----------
    columns : tuple of int
        The parts, and last the column of the total if there is one.
    total : float or None
        None where there is a column.
    tolerance : float
        In natural units, as ``total``.
    words : str
    table : Table
    """

    def __init__(self, columns, total, tolerance, words, table):
        self.columns = columns
        self.words = words
        self._total = total
        self._tolerance = tolerance
        axis = Axis(table, columns)
        places = self._places(axis, table.columns)
        seen = ~table.missing[:, list(columns)]
        lowest = np.min(places, axis=0, initial=axis.ends[1], where=seen)
        self._is_positive = [bool(low >= 0) for low in lowest]
        varied = np.where(seen, places, np.nan).astype(np.float64)
        self._spread = np.nan_to_num(np.nanvar(varied, axis=0))
        known = [decimals_of(varied[:, k][seen[:, k]]) for k in range(len(columns))]
        self._decimals = None if axis.is_exact or None in known else max(known)

    @property
    def _signs(self):
        """1 of the parts and -1 of the total."""
        signs = np.ones(len(self.columns))
        signs[len(self.columns) - (self._total is None) :] = -1
        return signs.astype(np.int64)

    def _places(self, axis, columns):
        return np.stack([axis.of(j, columns[j]) for j in self.columns], axis=1)

    def _target(self, axis):
        """What parts minus the total come to, on the axis."""
        total = 0.0 if self._total is None else self._total / axis.size
        return round(total) if axis.is_exact else total

    def _excess(self, axis, places):
        """By how much the parts are more than the total."""
        return (places * self._signs).sum(axis=1) - self._target(axis)

    def _lowest(self, axis, k):
        return 0 if self._is_positive[k] else axis.ends[0]

    def deduce(self, cells):
        known = cells.known[:, list(self.columns)]
        rows = np.flatnonzero((~known).sum(axis=1) == 1)
        if not len(rows):
            return
        axis = Axis(cells.table, self.columns)
        places = self._places(axis, [column[rows] for column in cells.columns])
        last = (~known[rows]).argmax(axis=1)
        for k, j in enumerate(self.columns):
            own = last == k
            if not own.any():
                continue
            others = places[own].copy()
            others[:, k] = 0
            rest = -self._excess(axis, others) * self._signs[k]
            if self._decimals is not None:
                rest = np.round(rest, self._decimals)
            values, found = axis.place(j, axis.back(j, rest), rest, rest)
            found &= rest >= self._lowest(axis, k)
            cells.columns[j][rows[own][found]] = values[found]
            cells.known[rows[own][found], j] = True

    def keep(self, cells, limits):
        chosen = list(self.columns)
        axis = Axis(cells.table, self.columns, is_draw=limits.is_draw)
        places = self._places(axis, cells.columns)
        known = cells.known[:, chosen]
        off = np.abs(self._excess(axis, places)) > self._rounding(axis, places)
        rows = np.flatnonzero(off & ~known.all(axis=1))
        if not len(rows):
            return
        patterns, which = np.unique(known[rows], axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            own = rows[which.ravel() == number]
            free = np.flatnonzero(~pattern)
            new = self._balanced(axis, places[own], free)
            for k in free:
                j = self.columns[k]
                values, _ = axis.place(j, axis.back(j, new[:, k]), new[:, k], new[:, k])
                cells.columns[j][own] = values

    def _balanced(self, axis, places, free):
        """Places of rows whose free columns are changed so that the sum holds."""
        places = places.copy()
        if self._total is None and free[-1] == len(self.columns) - 1:
            last = places[:, -1].copy()
            places[:, -1] = 0
            places[:, -1] = self._excess(axis, places)
            if not self._is_positive[-1] or (places[:, -1] >= 0).all():
                return places
            places[:, -1] = np.where(places[:, -1] >= 0, places[:, -1], last.clip(0))
            return places
        rest = -self._excess(axis, _without(places, free))
        wanted = places[:, free].astype(np.float64)
        positive = np.array([self._is_positive[k] for k in free])
        steps = np.array([axis.step(self.columns[k]) for k in free], dtype=np.float64)
        if positive.all():
            rest = rest.clip(0)  # what is known may be more than the total
            wanted = _scaled(wanted.clip(0), rest, self._spread[free])
        else:
            weights = self._spread[free] + (self._spread[free].sum() == 0)
            missing = rest - wanted.sum(axis=1)
            wanted = wanted + missing[:, None] * weights / weights.sum()
        places[:, free] = _on_grid(wanted, rest, steps, places.dtype, self._decimals)
        return places

    def _rounding(self, axis, places):
        """How far off a sum is by the precision of its dtypes."""
        if axis.is_exact:
            return 0
        return axis.precision * np.abs(places).sum(axis=1) + abs(self._target(axis)) * 1e-12

    def broken(self, cells):
        axis = Axis(cells.table, self.columns)
        seen = np.stack([~np.isnan(cells.columns[j]) for j in self.columns], axis=1)
        places = self._places(axis, cells.columns)
        allowed = self._tolerance / axis.size + self._rounding(axis, places)
        off = np.abs(self._excess(axis, places)) > allowed
        return seen.all(axis=1) & off


def _without(places, free):
    places = places.copy()
    places[:, free] = 0
    return places


def _scaled(parts, rest, spread):
    """Parts of at least 0 times what makes them add up to the rest, or equal ones if all are 0."""
    total = parts.sum(axis=1)
    weights = np.sqrt(spread) + (spread.sum() == 0)
    parts = np.where(total[:, None] > 0, parts, weights)
    return parts * (rest / parts.sum(axis=1))[:, None]


def _on_grid(wanted, rest, steps, dtype, decimals):
    """Parts on the steps of their columns that add up to the rest, where that can be.

    Where all have the same steps, those with the largest fractions are rounded up, as seats of a
    parliament are given. Else the part with the finest steps takes what rounding leaves.
    """
    if decimals is not None:
        steps = np.where(steps > 0, steps, 10.0**-decimals)
    if steps.min() == steps.max() > 0:
        units = np.floor(wanted / steps)
        left = np.rint(rest / steps[0] - units.sum(axis=1))
        order = np.argsort(-(wanted / steps - units), axis=1, kind="stable")
        rank = np.argsort(order, axis=1, kind="stable")
        units += rank < left[:, None]
        parts = units * steps
        if dtype.kind == "i":
            parts = np.rint(parts).astype(dtype)
            # Beyond 2**53 a share has not been exact.
            parts[np.arange(len(parts)), parts.argmax(axis=1)] += rest - parts.sum(axis=1)
            return parts
        parts = parts if decimals is None else np.round(parts, decimals)  # 0.3, not 3 * 0.1
        off = rest - parts.sum(axis=1)
        largest = parts.argmax(axis=1)
        parts[np.arange(len(parts)), largest] += np.where(np.abs(off) > steps[0] / 1000, off, 0)
        return parts
    finest = int(np.argmin(steps))
    parts, rounded_down = (_rounded(wanted, rest, steps, finest, dtype, f) for f in _ROUNDINGS)
    short = parts[:, finest] < np.minimum(wanted[:, finest], 0)
    parts[short] = rounded_down[short]
    if decimals is not None:
        parts[:, finest] = np.round(parts[:, finest], decimals)
    return parts


def _rounded(wanted, rest, steps, finest, dtype, rounding):
    """Parts on their steps, of which one takes what that leaves."""
    scale = np.where(steps > 0, steps, 1)
    parts = np.where(steps > 0, rounding(wanted / scale) * steps, wanted)
    if dtype.kind == "i":
        parts = np.rint(parts).astype(dtype)
    parts[:, finest] += (rest - parts.sum(axis=1)).astype(dtype)
    return parts
