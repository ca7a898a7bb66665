"""Columns that are computed from others."""

import numpy as np

from skmissdiff._relations.axis import Axis
from skmissdiff._relations.formula import Formula
from skmissdiff._relations.relation import FittedRelation, Relation, find_column
from skmissdiff._relations.rounding import decimals_of
from skmissdiff._table.schema import TIMES
from skmissdiff._table.ticks import INTEGER

_DAY = 86400  # seconds
_CHUNK_ROWS = 2048  # that are solved at a time
_GRID_POINTS = 129  # where a solution is looked for
_FAR = 10  # times the range of a column: how far from it
_BISECTIONS = 60
_RELATIVE_ERROR = 1e-6


class Computed(Relation):
    """A column that a formula gives from others.

    It is computed wherever its inputs are known or imputed. Where it is known itself and an input
    is not, the input is solved for; where several are not, they are drawn, and the last one is
    solved for.

    Parameters
    ----------
    column : str or int
        Name or index of the column that is computed.
    formula : str or callable
        Text such as ``"weight / height ** 2"``, with names of columns (in `backticks` if they are
        no names of Python; ``x0``, ``x1`` and so on in an array), numbers, ``+ - * / // % **``, a
        comparison, and abs, ceil, exp, floor, log, log10, log2, max, min, round, sqrt. Dates and
        durations count in days. Or a function of arrays, one per column of ``inputs``: it cannot
        be saved to a file.
    inputs : list of str or int or None, default=None
        The columns that a function takes; None for text, which names them.

    See Also
    --------
    find_relations : Find the relations that hold in a table.

    Notes
    -----
    Values are rounded to the decimals that the column has, and may be off by half of the last one.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmissdiff import Computed, MissDiffImputer
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"m": rng.normal(1.7, 0.1, 90), "kg": rng.normal(70, 10, 90)})
    >>> X["bmi"] = (X["kg"] / X["m"] ** 2).round(1)
    >>> X = X.mask(rng.random(X.shape) < 0.3)
    >>> relations = [Computed("bmi", "kg / m ** 2")]
    >>> completed = MissDiffImputer(relations=relations, max_iter=0).fit_transform(X)
    >>> bool(((completed["kg"] / completed["m"] ** 2 - completed["bmi"]).abs() < 0.051).all())
    True
    """

    def __init__(self, column, formula, *, inputs=None):
        self.column = column
        self.formula = formula
        self.inputs = inputs

    def _fit_table(self, table):
        schema = table.schema
        if isinstance(self.formula, str):
            if self.inputs is not None:
                raise ValueError(
                    f"inputs={self.inputs!r} has no effect beside the formula {self.formula!r}, "
                    "which names its columns: leave it out."
                )
            function = Formula(self.formula)
            names = function.names
            words = f"{self.column} = {self.formula}"
            if schema.names is None:
                names = [_place(name, self.formula) for name in names]
        elif callable(self.formula):
            if self.inputs is None or isinstance(self.inputs, str):
                raise TypeError("Computed takes a list of columns as inputs beside a function.")
            function, names = self.formula, list(self.inputs)
            words = f"{self.column} computed from {', '.join(map(str, names))}"
        else:
            raise TypeError(f"formula must be text or a function, got {self.formula!r}.")
        inputs = [find_column(schema, name, "Computed") for name in names]
        target = find_column(schema, self.column, "Computed")
        if target in inputs:
            raise ValueError(f"Computed names {schema.label(target)} as an input of itself.")
        return FittedComputed((*inputs, target), function, words, table)


def _place(name, formula):
    if name[:1] == "x" and name[1:].isdecimal():
        return int(name[1:])
    raise ValueError(
        f"The formula {formula!r} names {name!r}, but X has no column names: columns are x0, x1 "
        "and so on."
    )


class FittedComputed(FittedRelation):
    """A column that a function gives from others.

    Parameters
    ----------
    columns : tuple of int
        The inputs, and last the column that is computed.
    function : callable
        Of one array per input.
    words : str
    table : Table
    """

    def __init__(self, columns, function, words, table):
        self.columns = columns
        self.words = words
        # As text, a formula is data: a saved model holds no code.
        self._function = function.text if isinstance(function, Formula) else function
        self._decimals, self._ranges = {}, {}
        for j in columns:
            column = table.schema.columns[j]
            if column.is_categorical:
                continue
            seen = table.columns[j][~table.missing[:, j]]
            self._decimals[j] = decimals_of(seen) if column.clock is None else None
            numbers = self._natural(table, j, seen)
            self._ranges[j] = float(numbers.min()), float(numbers.max())

    @property
    def _inputs(self):
        return self.columns[:-1]

    def _value(self, inputs):
        function = self._function
        function = Formula(function) if isinstance(function, str) else function
        value = np.asarray(function(*inputs))
        return np.broadcast_to(value, (len(inputs[0]),)) if value.ndim == 0 else value

    # Between numbers on a clock and those of formulas.

    def _natural(self, table, j, values):
        """Values of a column as formulas have them: days of dates and durations."""
        column = table.schema.columns[j]
        if column.is_categorical or column.clock is None:
            return values
        ticks = column.clock.ticks
        unit = _DAY if column.element in TIMES and ticks.is_time else 1
        if column.clock.is_local:
            at = column.clock.values(np.nan_to_num(values), ticks).astype(np.float64)
            at = np.where(np.isnan(values), np.nan, at)
        else:
            at = column.clock.origin + values * column.clock.step
        return at * float(ticks.size) / unit

    def _offsets(self, table, j, numbers):
        """Numbers of formulas as values of the column."""
        column = table.schema.columns[j]
        if column.clock is None:
            return numbers
        ticks = column.clock.ticks
        unit = _DAY if column.element in TIMES and ticks.is_time else 1
        at = numbers * unit / float(ticks.size)
        if column.clock.is_local:
            return column.clock.offsets(np.rint(at).astype(np.int64), ticks)
        return (at - column.clock.origin) / column.clock.step

    def _written(self, table, j, numbers):
        """Values of the column nearest to numbers, as they will be written, and where there are."""
        column = table.schema.columns[j]
        if column.is_categorical:
            out = np.empty(len(numbers), dtype=object)
            out[:] = numbers.tolist()
            return out, np.array([value is not None and value == value for value in out])
        found = np.isfinite(numbers.astype(np.float64))
        values = np.where(found, numbers, 0.0).astype(np.float64)
        values = self._offsets(table, j, values)
        if self._decimals.get(j) is not None:
            values = np.round(values, self._decimals[j])
        axis = Axis(table, [j])
        low, high = (np.full(len(values), end, dtype=axis.dtype) for end in axis.ends)
        values, fits = axis.place(j, values, low, high)
        return values, found & fits

    def _tolerance(self, table, target):
        """How far the target may be from what is computed, in natural units."""
        j = self.columns[-1]
        column = table.schema.columns[j]
        if column.clock is not None:
            ticks = column.clock.ticks
            unit = _DAY if column.element in TIMES and ticks.is_time else 1
            step = column.clock.step if column.is_integer else 1
            last = 0.5 * step * float((column.ticks or INTEGER).size if step == 1 else ticks.size)
            last /= unit
        elif self._decimals[j] is not None:
            last = 0.5 * 10.0 ** -self._decimals[j]
        else:
            last = 0.0
        return 1.001 * last + _RELATIVE_ERROR * np.abs(target)

    def _agrees(self, table, inputs, target):
        """Where the target is what is computed."""
        value = self._value(inputs)
        if table.schema.columns[self.columns[-1]].is_categorical:
            return np.array([a == b for a, b in zip(value, target, strict=True)], dtype=bool)
        with np.errstate(invalid="ignore"):
            off = np.abs(value.astype(np.float64) - target)
        return off <= self._tolerance(table, target)

    def _numbers(self, cells, rows):
        """Inputs and target of rows in natural units."""
        return [self._natural(cells.table, j, cells.columns[j][rows]) for j in self.columns]

    # Deduction, and repair.

    def deduce(self, cells):
        known = cells.known[:, list(self.columns)]
        inputs = known[:, :-1].all(axis=1)
        self._compute(cells, np.flatnonzero(inputs & ~known[:, -1]), is_certain=True)
        rows = np.flatnonzero(known[:, -1] & ((~known).sum(axis=1) == 1))
        for k in range(len(self._inputs)):
            own = rows[~known[rows, k]]
            self._solve(cells, own, k, is_certain=True)

    def keep(self, cells, limits):
        known = cells.known[:, list(self.columns)]
        self._compute(cells, np.flatnonzero(~known[:, -1]), is_certain=False)
        open_ = known[:, -1] & ~known.all(axis=1)
        for k in range(len(self._inputs) - 1, -1, -1):
            rows = np.flatnonzero(open_ & ~known[:, k])
            if len(rows):
                *inputs, target = self._numbers(cells, rows)
                self._solve(cells, rows[~self._agrees(cells.table, inputs, target)], k)
                *inputs, target = self._numbers(cells, rows)
                self._move_in(cells, rows[~self._agrees(cells.table, inputs, target)], k)

    def _compute(self, cells, rows, *, is_certain):
        """Fill the target of rows; take it for known if its inputs are."""
        if not len(rows):
            return
        j = self.columns[-1]
        *inputs, _ = self._numbers(cells, rows)
        values, found = self._written(cells.table, j, self._value(inputs))
        cells.columns[j][rows[found]] = values[found]
        if is_certain:
            cells.known[rows[found], j] = True

    def _solve(self, cells, rows, k, *, is_certain=False):
        """Fill one input of rows by what the target says, if it does."""
        table, j = cells.table, self.columns[k]
        is_number = [not table.schema.columns[c].is_categorical for c in (j, self.columns[-1])]
        if not all(is_number):
            return
        for start in range(0, len(rows), _CHUNK_ROWS):
            part = rows[start : start + _CHUNK_ROWS]
            *inputs, target = self._numbers(cells, part)
            wanted = np.full(len(part), np.nan) if is_certain else inputs[k]
            root, found = self._root(inputs, target, k, wanted)
            found &= np.isfinite(root)
            values, fits = self._written(table, j, root)
            inputs[k] = self._natural(table, j, values)
            found &= fits & self._agrees(table, inputs, target)
            exact = self._offsets(table, j, root)
            if self._decimals.get(j) is not None and not table.schema.columns[j].is_integer:
                inputs[k] = root  # more decimals than the column has, where it takes them
                unrounded = ~found & np.isfinite(root) & self._agrees(table, inputs, target)
                unrounded &= ~np.isnan(root)
                values = np.where(unrounded, exact, values)
                found |= unrounded
            cells.columns[j][part[found]] = values[found]
            if is_certain:
                cells.known[part[found], j] = True

    def _move_in(self, cells, rows, k):
        """Move one input of rows to the nearest place where the target is what is computed.

        For what has no root: the ages above 60 begin somewhere, and all of them will do.
        """
        table, j = cells.table, self.columns[k]
        if table.schema.columns[j].is_categorical:
            return
        grid = self._grid(k)
        for start in range(0, len(rows), _CHUNK_ROWS):
            part = rows[start : start + _CHUNK_ROWS]
            *inputs, target = self._numbers(cells, part)
            wanted = inputs[k].astype(np.float64)

            def agrees(places, inputs=inputs, target=target):
                return self._agrees(table, [*inputs[:k], places, *inputs[k + 1 :]], target)

            distance = np.full((len(part), len(grid)), np.inf)
            for column, place in zip(distance.T, grid, strict=True):
                own = agrees(np.full(len(part), place))
                column[own] = np.abs(place - wanted[own])
            found = grid[distance.argmin(axis=1)]
            inside, outside = found, wanted
            for _ in range(_BISECTIONS):
                middle = (inside + outside) / 2
                is_in = agrees(middle)
                inside, outside = np.where(is_in, middle, inside), np.where(is_in, outside, middle)
            further = inside + self._step(table, j) * np.sign(found - wanted)
            left = np.ones(len(part), dtype=bool)
            for places in (inside, further, found):  # rounding may lead out of the first
                values, fits = self._written(table, j, places)
                moved = left & fits & agrees(self._natural(table, j, values))
                cells.columns[j][part[moved]] = values[moved]
                left &= ~moved

    def _step(self, table, j):
        """How far apart the numbers of a column are, in natural units, 0 where they are dense."""
        if table.schema.columns[j].clock is not None:
            return np.diff(self._natural(table, j, np.array([0.0, 1.0])))[0]
        decimals = self._decimals[j]
        return 0.0 if decimals is None else 10.0**-decimals

    def _grid(self, k):
        """Places for an input: close to each other where some were seen, less so far away."""
        low, high = self._ranges[self.columns[k]]
        span = (high - low) or abs(high) or 1.0
        least = -np.inf if low < 0 else 0.0
        near, far = (
            np.linspace(max(low - reach, least), high + reach, _GRID_POINTS)
            for reach in (span, _FAR * span)
        )
        return np.unique(np.concatenate([near, far]))

    def _root(self, inputs, target, k, wanted):
        """Where the function is the target, as an input varies: the only place, or the nearest.

        Parameters
        ----------
        inputs : list of ndarray of shape (n_rows,)
        target : ndarray of shape (n_rows,)
        k : int
            Which input.
        wanted : ndarray of shape (n_rows,)
            The root nearest to it is taken; NaN where it has to be the only one.

        Returns
        -------
        root : ndarray of shape (n_rows,)
            NaN where there is none.
        found : ndarray of bool, shape (n_rows,)
        """
        n_rows = len(target)
        grid = self._grid(k)
        many = [np.repeat(column, len(grid)) for column in inputs]
        many[k] = np.tile(grid, n_rows)
        above = self._value(many).astype(np.float64).reshape(n_rows, -1) - target[:, None]
        finite = np.isfinite(above[:, 1:]) & np.isfinite(above[:, :-1])
        crosses = finite & ((above[:, 1:] >= 0) != (above[:, :-1] >= 0))
        distance = np.abs((grid[1:] + grid[:-1]) / 2 - np.nan_to_num(wanted)[:, None])
        place = np.where(crosses, distance, np.inf).argmin(axis=1)
        n_roots = crosses.sum(axis=1)
        found = np.where(np.isnan(wanted), n_roots == 1, n_roots > 0)
        left, right = grid[place], grid[place + 1]
        rises = above[np.arange(n_rows), place + 1] >= 0
        for _ in range(_BISECTIONS):
            middle = (left + right) / 2
            inputs = [*inputs[:k], middle, *inputs[k + 1 :]]
            is_above = (self._value(inputs).astype(np.float64) - target >= 0) == rises
            left, right = np.where(is_above, left, middle), np.where(is_above, middle, right)
        return np.where(found, (left + right) / 2, np.nan), found

    def broken(self, cells):
        rows = np.arange(len(cells.known))
        columns = [cells.columns[j] for j in self.columns]
        seen = np.ones(len(rows), dtype=bool)
        for column in columns:
            if column.dtype == object:
                seen &= np.array([value is not None for value in column], dtype=bool)
            else:
                seen &= ~np.isnan(column)
        rows = np.flatnonzero(seen)
        broken = np.zeros(len(seen), dtype=bool)
        if len(rows):
            *inputs, target = self._numbers(cells, rows)
            broken[rows] = ~self._agrees(cells.table, inputs, target)
        return broken
