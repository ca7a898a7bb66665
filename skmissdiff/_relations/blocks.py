"""Columns of which only some combinations of values occur: one-hot blocks, cities and states."""

from dataclasses import replace

import narwhals.stable.v2 as nw
import numpy as np

from skmissdiff._encoding.categories import share_codes
from skmissdiff._relations.relation import FittedRelation, Relation, find_columns, names_of
from skmissdiff._table.frames import is_frame, read_table
from skmissdiff._table.schema import Element, Kind

_CHUNK_ROWS = 4096  # whose levels are compared at a time
_UNLIKELY = 1e-9  # weight of what the model has not drawn, where nothing else is possible
UNKNOWN, UNSEEN = -1, -2


class OneHot(Relation):
    """Columns of which exactly one is 1, or True, and the others are 0, or False.

    The model learns them as one categorical column, and cells that are known rule categories out.

    Parameters
    ----------
    columns : list of str or int
        Names or indices of two or more columns of 0 and 1, or of booleans.
    allow_none : bool, default=False
        Whether all may be 0, as where the first category has no column.

    See Also
    --------
    find_relations : Find the relations that hold in a table.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff import MissDiffSampler, OneHot
    >>> X = np.eye(3)[np.random.default_rng(0).integers(0, 3, 100)]
    >>> sampler = MissDiffSampler(relations=[OneHot([0, 1, 2])], max_iter=0, random_state=0)
    >>> rows = sampler.fit(X).sample(50)
    >>> bool((np.sort(rows, axis=1) == [0, 0, 1]).all())
    True
    """

    def __init__(self, columns, *, allow_none=False):
        self.columns = columns
        self.allow_none = allow_none

    def _fit_table(self, table):
        schema = table.schema
        columns = find_columns(schema, self.columns, "OneHot")
        for j in columns:
            others = set(table.columns[j][~table.missing[:, j]].tolist()) - {0, 1}
            if others or schema.columns[j].clock is not None:
                found = min(map(str, others), default=schema.columns[j].dtype)
                raise ValueError(
                    f"OneHot names {schema.label(j)}, which holds {found}: its columns hold 0 and "
                    "1, or False and True."
                )
        words = "exactly one of " if not self.allow_none else "at most one of "
        words += f"{', '.join(map(str, names_of(schema, columns)))} is 1"
        table_of_levels = np.eye(len(columns))
        if self.allow_none:
            table_of_levels = np.vstack([table_of_levels, np.zeros(len(columns))])
        levels = [
            column.astype(bool).astype(object) if schema.columns[j].is_categorical else column
            for j, column in zip(columns, table_of_levels.T, strict=True)
        ]
        return FittedBlock(columns, levels, words, table, columns[0], columns[1:])


class Combinations(Relation):
    """Columns of which only the combinations of values come out that occur.

    Such as a city and its state. The model learns the combinations as categories of one column;
    cells that are known rule some of them out.

    Parameters
    ----------
    columns : list of str or int
        Names or indices of two or more columns, of categories, numbers or dates.
    allowed : array-like or dataframe of shape (n_combinations, n_columns) or None, default=None
        The combinations that may occur. None takes those that are seen in `fit`; others are
        never imputed unless they stand here.

    See Also
    --------
    find_relations : Find the relations that hold in a table.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmissdiff import Combinations, MissDiffImputer
    >>> X = pd.DataFrame({"city": ["Ulm", "Wien", "Ulm", "Wien", None, "Ulm"] * 9,
    ...                   "land": ["D", "A", None, "A", "A", "D"] * 9})
    >>> imputer = MissDiffImputer(relations=[Combinations(["city", "land"])], max_iter=0)
    >>> imputer.fit_transform(X).drop_duplicates().values.tolist()
    [['Ulm', 'D'], ['Wien', 'A']]
    """

    def __init__(self, columns, *, allowed=None):
        self.columns = columns
        self.allowed = allowed

    def _as_saved(self):
        if not is_frame(self.allowed):
            return self
        rows = nw.from_native(self.allowed, eager_only=True).rows()
        return Combinations(self.columns, allowed=list(rows))

    def _fit_table(self, table):
        schema = table.schema
        columns = find_columns(schema, self.columns, "Combinations")
        names = names_of(schema, columns)
        source = table if self.allowed is None else _read_allowed(self.allowed, table, columns)
        places = columns if self.allowed is None else range(len(columns))
        whole = ~source.missing[:, list(places)].any(axis=1)
        rows = list(zip(*(source.columns[j][whole].tolist() for j in places), strict=True))
        distinct = list(dict.fromkeys(rows))
        if not distinct:
            raise ValueError(
                f"Combinations names the columns {names!r}, which are never observed together: "
                "list the combinations that may occur in allowed."
            )
        levels = []
        for j, values in zip(columns, zip(*distinct, strict=True), strict=True):
            levels.append(np.empty(len(distinct), table.columns[j].dtype))
            levels[-1][:] = values
        words = f"combinations of {', '.join(map(str, names))}"
        # The column of the most values tells most of the others.
        counts = [len(set(column.tolist())) for column in levels]
        carrier = columns[int(np.argmax(counts))]
        return FittedBlock(columns, levels, words, table, carrier, ())


def _read_allowed(allowed, table, columns):
    """The combinations of the user as a table of the columns, on their clocks."""
    schema = replace(table.schema, columns=tuple(table.schema.columns[j] for j in columns))
    if is_frame(allowed) and schema.names is not None:
        frame = nw.from_native(allowed, eager_only=True)
        names = names_of(table.schema, columns)
        if set(frame.columns) == set(names):  # whatever their order
            allowed = nw.to_native(frame.select(names))
    if not hasattr(allowed, "shape"):
        items = [tuple(item) for item in allowed]
        wrong = [item for item in items if len(item) != len(columns)]
        if wrong:
            raise ValueError(
                f"allowed takes combinations of {len(columns)} values, one of each column, and "
                f"holds {wrong[0]!r}."
            )
        allowed = np.empty((len(items), len(columns)), dtype=object)
        for row, item in enumerate(items):
            allowed[row] = item
    if allowed.shape[1:] != (len(columns),):
        raise ValueError(
            f"allowed takes a combination of {len(columns)} values per row, got the shape "
            f"{tuple(allowed.shape)}."
        )
    return read_table(allowed, schema=schema)


class FittedBlock(FittedRelation):
    """Columns as one categorical column, whose levels are rows of values.

    Parameters
    ----------
    columns : tuple of int
    levels : list of ndarray of shape (n_levels,)
        The value of each column in each level.
    words : str
    table : Table
        The table seen in fit.
    carrier : int
        The column in whose place the model sees the level.
    left_out : sequence of int
        Columns that the model does not see.
    """

    def __init__(self, columns, levels, words, table, carrier, left_out):
        self.columns = tuple(columns)
        self.levels = levels
        self.words = words
        self.carrier = carrier
        self._left_out = tuple(left_out)
        self._distinct = [list(dict.fromkeys(column.tolist())) for column in levels]
        self._ids = np.stack(
            [_numbered(c.tolist(), d) for c, d in zip(levels, self._distinct, strict=True)], axis=1
        )
        self.counts = np.zeros(len(self._ids), dtype=np.intp)

    @property
    def derived(self):
        """Columns that the carrier tells."""
        return tuple(j for j in self.columns if j != self.carrier)

    def count_levels(self, cells, max_categories, weight=None):
        """Learn how often each level occurs, and which code of the model each has."""
        level = self._level(cells)
        seen = level >= 0
        weights = None if weight is None else weight[seen]
        self.counts = np.bincount(level[seen], weights=weights, minlength=len(self._ids))
        seen = np.flatnonzero(self.counts)
        self._code = np.full(len(self._ids), -1)
        self._code[seen] = share_codes(self.counts[seen], max_categories)
        within = np.bincount(self._code[seen], weights=self.counts[seen])
        self._share = np.zeros(len(self._ids))
        self._share[seen] = self.counts[seen] / within[self._code[seen]]

    def inner_schema(self, columns):
        """Change the list of columns to those that the model sees."""
        n_observed = max(int(self.counts.sum()), int(self.counts.any()))
        columns[self.carrier] = replace(
            columns[self.carrier],
            kind=Kind.CATEGORICAL,
            element=Element.OTHER,
            dtype="object",
            n_observed=n_observed,
            **dict.fromkeys(("categories", "minimum", "maximum", "clock", "ticks")),
            is_integer=False,
            is_whole=False,
        )
        for j in self._left_out:
            columns[j] = replace(columns[j], kind=Kind.CATEGORICAL, is_left_out=True)

    def inward(self, cells, columns, missing):
        """Change columns and where they are missing to what the model sees."""
        level = self._level(cells)
        known = (level >= 0) & (self.counts[level] > 0)
        column = np.full(len(level), None, dtype=object)
        column[known] = level[known].tolist()
        columns[self.carrier] = column
        missing[:, self.carrier] = ~known
        for j in self._left_out:
            columns[j] = np.full(len(level), None, dtype=object)
            missing[:, j] = True

    def deduce(self, cells):
        unknown = ~cells.known[:, list(self.columns)]
        open_ = np.flatnonzero(unknown.any(axis=1) & (~unknown.all(axis=1) | (len(self._ids) == 1)))
        for rows in _chunks(open_):
            possible = self._possible(cells.take(rows))
            told = possible.sum(axis=1) == 1
            self._set(cells, rows[told], possible[told].argmax(axis=1))

    def undecided(self, cells):
        """Return the rows of which something is known, but not all."""
        known = cells.known[:, list(self.columns)]
        return np.flatnonzero(known.any(axis=1) & ~known.all(axis=1))

    def codes_of(self, level):
        """Return the code of the model for each level, -1 for one without."""
        return self._code[level]

    def choose(self, cells, shares, uniforms):
        """Return a level for each row, among those that its known cells allow.

        Parameters
        ----------
        cells : Cells
        shares : ndarray of shape (n_rows, n_codes of the carrier)
            Probabilities.
        uniforms : ndarray of shape (n_rows,) or None
            Numbers from 0 to 1 that draw; None takes the most probable level.
        """
        shares = np.hstack([np.nan_to_num(shares).clip(0), np.zeros((len(shares), 1))])
        own = np.where(self._code >= 0, self._share, 1.0)
        weights = (shares[:, self._code] + _UNLIKELY * (self.counts + _UNLIKELY)) * own
        weights = np.where(self._possible(cells, nearest=True), weights, 0.0)
        if uniforms is None:
            return weights.argmax(axis=1)
        below = weights.cumsum(axis=1)
        return (below <= uniforms[:, None] * below[:, -1:]).sum(axis=1).clip(0, len(self._ids) - 1)

    def fill(self, cells, codes, uniforms):
        """Fill the cells of the columns by the codes of the carrier."""
        columns = list(self.columns)
        rows = np.flatnonzero(~cells.known[:, columns].all(axis=1))
        if not len(rows):
            return
        shares = codes[rows]
        if uniforms is not None:  # a draw is a vertex, or near to one
            shares = np.eye(shares.shape[1])[shares.argmax(axis=1)]
            uniforms = uniforms[rows]
        level = self.choose(cells.take(rows), shares, uniforms)
        for column, j in zip(self.levels, self.columns, strict=True):
            free = ~cells.known[rows, j]
            cells.columns[j][rows[free]] = column[level[free]]

    def broken(self, cells):
        broken = np.zeros(len(cells.known), dtype=bool)
        for rows in _chunks(np.arange(len(broken))):
            broken[rows] = ~self._possible(cells.take(rows), by_value=True).any(axis=1)
        return broken

    def _set(self, cells, rows, level):
        for column, j in zip(self.levels, self.columns, strict=True):
            free = ~cells.known[rows, j]
            cells.columns[j][rows[free]] = column[level[free]]
            cells.known[rows, j] = True

    def _level(self, cells):
        """The level of each row, -1 where it is not certain."""
        level = np.full(len(cells.known), -1)
        whole = np.flatnonzero(cells.known[:, list(self.columns)].all(axis=1))
        for rows in _chunks(whole):
            possible = self._possible(cells.take(rows))
            level[rows] = np.where(possible.any(axis=1), possible.argmax(axis=1), -1)
        return level

    def _possible(self, cells, nearest=False, by_value=False):
        """Which levels the known cells of rows allow, shape (n_rows, n_levels).

        Where none is, and ``nearest``, those that agree with most of the cells. ``by_value`` takes
        each cell that has a value for known.
        """
        agree = np.zeros((len(cells.known), len(self._ids)), dtype=np.intp)
        for k, j in enumerate(self.columns):
            values = _numbered(cells.columns[j].tolist(), self._distinct[k])
            unknown = values == UNKNOWN if by_value else ~cells.known[:, j]
            agree += unknown[:, None] | (values[:, None] == self._ids[None, :, k])
        best = agree.max(axis=1, keepdims=True) if nearest else len(self.columns)
        return agree == best


def _numbered(values, distinct):
    """The place of each value among those that are distinct."""
    place = {value: k for k, value in enumerate(distinct)}
    return np.array(
        [UNKNOWN if v is None or v != v else place.get(v, UNSEEN) for v in values], dtype=np.intp
    )


def _chunks(rows):
    for start in range(0, len(rows), _CHUNK_ROWS):
        yield rows[start : start + _CHUNK_ROWS]
