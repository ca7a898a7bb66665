"""Columns that never fall from one to the next: start and end, part and whole."""

import numpy as np
from sklearn.isotonic import isotonic_regression

from skmissdiff._encoding.scaling import NumericScaler
from skmissdiff._relations.axis import Axis, check_comparable
from skmissdiff._relations.relation import FittedRelation, Relation, find_columns, names_of

_FEWEST_GAPS = 10  # of which the distribution of a gap is learnt
_HEAVY = 1e9  # weight of a value that is not to be moved


class Order(Relation):
    """Columns in order: in every row each is at most the next one.

    Numbers, dates, durations or times of day. Draws are right by construction: beside the columns
    the model learns how far apart two neighbours are, so that a missing end is the start plus
    a drawn gap, and a missing start the end minus one.

    Parameters
    ----------
    columns : list of str or int
        Names or indices, from the lowest to the highest, two or more.
    strict : bool, default=False
        Whether they have to differ.

    See Also
    --------
    find_relations : Find the relations that hold in a table.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff import MissDiffImputer, Order
    >>> rng = np.random.default_rng(0)
    >>> start = rng.uniform(0, 365, 200)
    >>> X = np.column_stack([start, start + rng.exponential(5, 200)])
    >>> X[::3, 0] = np.nan
    >>> X[1::3, 1] = np.nan
    >>> imputer = MissDiffImputer(relations=[Order([0, 1])], max_iter=0, random_state=0).fit(X)
    >>> completed = imputer.multiple_impute(X, n_imputations=1)[0]
    >>> bool((completed[:, 0] <= completed[:, 1]).all())
    True
    """

    def __init__(self, columns, *, strict=False):
        self.columns = columns
        self.strict = strict

    def _fit_table(self, table):
        columns = find_columns(table.schema, self.columns, "Order")
        check_comparable(table.schema, columns, "Order")
        sign = " < " if self.strict else " <= "
        words = sign.join(map(str, names_of(table.schema, columns)))
        return FittedOrder(columns, bool(self.strict), words, table)


class FittedOrder(FittedRelation):
    """Columns in order, and how far apart they are.

    The gap between two neighbours is learnt by its rank, as the quantile of a normal
    distribution with that rank: no draw of it is below the least gap, and where many gaps are
    zero, as many draws are.
    """

    def __init__(self, columns, strict, words, table):
        self.columns = columns
        self.strict = strict
        self.words = words
        axis = Axis(table, columns)
        places, known = self._places(axis, table.columns, ~table.missing)
        self._scalers = []
        for gap in self._gaps(places, known).T:
            enough = np.count_nonzero(~np.isnan(gap)) >= _FEWEST_GAPS
            scaler = NumericScaler("quantile") if enough else None
            if enough:
                scaler.fit(gap[:, None], sample_weight=table.weight)
            self._scalers.append(scaler)

    def _places(self, axis, columns, known):
        """Places on the axis and what is known, each (n_rows, n_columns of the order)."""
        chosen = list(self.columns)
        places = np.stack([axis.of(j, columns[j]) for j in chosen], axis=1)
        return places, known[:, chosen]

    def _gaps(self, places, known):
        """What each column is above the one before, NaN where not known or out of order."""
        gaps = (places[:, 1:] - places[:, :-1]).astype(np.float64)
        return np.where(known[:, 1:] & known[:, :-1] & (gaps >= 0), gaps, np.nan)

    @property
    def n_extras(self):
        return sum(scaler is not None for scaler in self._scalers)

    def extra_columns(self, cells):
        axis = Axis(cells.table, self.columns)
        gaps = self._gaps(*self._places(axis, cells.columns, cells.known))
        extras = []
        for scaler, gap in zip(self._scalers, gaps.T, strict=True):
            if scaler is not None:
                limit = scaler.density_limits()[0]
                extras.append(scaler.transform(gap[:, None])[:, 0].clip(-limit, limit))
        return extras

    def rebuild(self, cells, extras, limits):
        """Put drawn cells as far from the known ones as the drawn gaps say."""
        if any(scaler is None for scaler in self._scalers) or not len(cells.known):
            return
        axis = Axis(cells.table, self.columns, limits.ranges, limits.allowed, limits.is_draw)
        places, known = self._places(axis, cells.columns, cells.known)
        gaps = np.column_stack(
            [
                scaler.inverse_transform(extra[:, None])[:, 0]
                for scaler, extra in zip(self._scalers, extras, strict=True)
            ]
        )
        if axis.is_exact:
            gaps = np.rint(gaps).astype(np.int64)
        places = _chained(places, known, gaps)
        for k, j in enumerate(self.columns):
            free = ~known[:, k]
            cells.columns[j][free] = axis.back(j, places[free, k])
        # Back to whole days and the like, and into the ranges of the columns.
        self._place(axis, cells, places, known, np.flatnonzero(~known.all(axis=1)))

    def keep(self, cells, limits):
        axis = Axis(cells.table, self.columns, limits.ranges, limits.allowed, limits.is_draw)
        places, known = self._places(axis, cells.columns, cells.known)
        wrong = self._falls(axis, places).any(axis=1) & ~known.all(axis=1)
        # Only these: others may have been moved by another relation, out of their range.
        self._place(axis, cells, places, known, np.flatnonzero(wrong))

    def _place(self, axis, cells, places, known, rows):
        """Place the free cells of rows, from the first column to the last."""
        if not len(rows):
            return
        part, places, known = cells.take(rows), places[rows], known[rows]
        wanted = _in_order(places, known)
        low_end, high_end = axis.ends
        n_rows, n_columns = places.shape
        highest = np.full((n_rows, n_columns), high_end, dtype=axis.dtype)
        above = np.full(n_rows, high_end, dtype=axis.dtype)
        for k in range(n_columns - 1, -1, -1):
            highest[:, k] = above
            lower = places[:, k] if not self.strict else _below(axis, places[:, k])
            room = above
            if self.strict:  # a place for each of those between
                room = np.where(above < high_end, above - max(axis.step(self.columns[k]), 0), above)
            above = np.where(known[:, k], lower, room)
        below = np.full(n_rows, low_end, dtype=axis.dtype)
        for k, j in enumerate(self.columns):
            free = ~known[:, k]
            at = places[:, k].copy()
            if free.any():
                start = wanted[free, k]
                moved = start != places[free, k]
                values = part.columns[j][free]
                values[moved] = axis.back(j, start[moved])
                values, _ = axis.place(j, values, below[free], highest[free, k])
                part.columns[j][free] = values
                at[free] = axis.of(j, values)
            below = np.maximum(below, axis.beyond(at, self.strict))
        for j in self.columns:
            cells.columns[j][rows] = part.columns[j]

    def _falls(self, axis, places):
        """Where a column is not above the one before."""
        return axis.beyond(places[:, :-1], self.strict) > places[:, 1:]

    def broken(self, cells):
        axis = Axis(cells.table, self.columns)
        chosen = list(self.columns)
        seen = np.stack([~np.isnan(cells.columns[j]) for j in chosen], axis=1)
        places, _ = self._places(axis, cells.columns, cells.known)
        broken = np.zeros(len(places), dtype=bool)
        for first in range(len(chosen)):
            for second in range(first + 1, len(chosen)):
                both = seen[:, first] & seen[:, second]
                low = axis.beyond(places[:, first], self.strict)
                broken |= both & (low > places[:, second])
        return broken


def _below(axis, places):
    return places - 1 if axis.is_exact else np.nextafter(places, -np.inf)


def _chained(places, known, gaps):
    """Places in order: known ones, and others by the gaps between them.

    After a known place gaps are added, before it they are taken away, and between two of them
    they share the distance. Where no place is known, the first one is taken as it is.

    Parameters
    ----------
    places : ndarray of shape (n_rows, n_columns)
    known : ndarray of bool, shape (n_rows, n_columns)
    gaps : ndarray of shape (n_rows, n_columns - 1)
        At least 0.
    """
    places, fixed = places.copy(), known.copy()
    fixed[:, 0] |= ~known.any(axis=1)
    n_rows, n_columns = places.shape
    index = np.arange(n_columns)
    before = np.maximum.accumulate(np.where(fixed, index, -1), axis=1)
    after = np.minimum.accumulate(np.where(fixed, index, n_columns)[:, ::-1], axis=1)[:, ::-1]
    way = np.concatenate([np.zeros((n_rows, 1), gaps.dtype), gaps.cumsum(axis=1)], axis=1)
    for k in range(1, n_columns):
        rows = np.flatnonzero(after[:, k] == n_columns)
        places[rows, k] = places[rows, k - 1] + gaps[rows, k - 1]
        rows = np.flatnonzero(~fixed[:, k] & (after[:, k] < n_columns) & (before[:, k] >= 0))
        p, q = before[rows, k], after[rows, k]
        whole = way[rows, q] - way[rows, p]
        share = (way[rows, k] - way[rows, p]) / np.where(whole > 0, whole, 1)
        share = np.where(whole > 0, share, (k - p) / np.maximum(q - p, 1))
        distance = (places[rows, q] - places[rows, p]) * share
        places[rows, k] = places[rows, p] + distance.astype(places.dtype)
    for k in range(n_columns - 2, -1, -1):
        rows = np.flatnonzero(before[:, k] == -1)
        places[rows, k] = places[rows, k + 1] - gaps[rows, k]
    return places


def _in_order(places, known):
    """The nearest places in order, without those moved that are known (isotonic regression)."""
    wanted = places.copy()
    free = ~known
    for row in np.flatnonzero((free.sum(axis=1) > 1) & (np.diff(places, axis=1) < 0).any(axis=1)):
        origin = places[row].min()
        distance = (places[row] - origin).astype(np.float64)
        level = isotonic_regression(distance, sample_weight=np.where(known[row], _HEAVY, 1.0))
        moved = free[row] & (level != distance)
        wanted[row, moved] = origin + level[moved].astype(places.dtype)
    return wanted
