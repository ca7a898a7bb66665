"""Relations that hold in every observed row of a table."""

import math
from itertools import combinations, permutations

import numpy as np

from skmissdiff._relations.axis import Axis
from skmissdiff._relations.blocks import Combinations, OneHot
from skmissdiff._relations.cells import Cells
from skmissdiff._relations.computed import Computed
from skmissdiff._relations.order import Order
from skmissdiff._relations.sums import FixedSum
from skmissdiff._table.frames import read_table
from skmissdiff._table.schema import TIMES, Element

_FEWEST_ROWS = 30
_CHANCE = math.log(1e-6)  # that columns that have nothing to do with each other would look so
_MOST_IN_ORDER = 0.99  # of pairs of values from different rows: else columns are just far apart
_MOST_COLUMNS = 60  # for sums, whose cost grows with their cube
_FEW_COLUMNS = 14  # of which all groups of four are looked at
_MOST_NEIGHBOURS = 6
_MOST_COMPUTED = 25  # likewise for products and ratios
_SCREENED_ROWS = 50
_ZERO = 1e-7  # relative to a column's spread
_MOST_VALUES = 50  # of a number that a category tells
_SHARE_OF_VALUES = 1 / 3  # of the rows: more categories than these tell nothing


def find_relations(X, *, missing_values=np.nan, categorical_features="from_dtype"):
    """Find relations that hold in every row of a table.

    A relation is listed if all rows in which its columns are observed keep it, and if these are
    enough not to do so by chance. Whether it holds in rows to come is for you to say.

    Parameters
    ----------
    X : array-like or dataframe of shape (n_samples, n_features)
        The table, with missing cells.
    missing_values : number, str, None or np.nan, default=np.nan
        What stands for a missing cell. Null cells of a frame are missing in any case.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns hold categories rather than numbers, as in `MissDiffImputer`.

    Returns
    -------
    relations : list of relations
        `OneHot` blocks, `Combinations` of which a column tells the others, `FixedSum`, `Computed`
        copies, products, ratios and differences of dates, and `Order`, without those that follow
        from others. The list, or a part of it, is what ``relations`` of the estimators takes.

    See Also
    --------
    MissDiffImputer : Fill missing cells.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skmissdiff import find_relations
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"start": rng.normal(size=100), "a": rng.poisson(4, 100)})
    >>> X["end"] = X["start"] + rng.exponential(size=100)
    >>> X["b"] = 20 - X["a"]
    >>> find_relations(X)
    [FixedSum(columns=['a', 'b'], total=20.0), Order(columns=['start', 'end'])]
    """
    table = read_table(X, missing_values=missing_values, categorical_features=categorical_features)
    search = _Search(table)
    search.find_sums()
    search.find_combinations()
    search.find_computed()
    search.find_orders()
    rank = [OneHot, Combinations, FixedSum, Computed, Order]
    return sorted(search.found, key=lambda relation: rank.index(type(relation)))


class _Search:
    """What has been found in a table so far."""

    def __init__(self, table):
        self.table = table
        self.found = []
        self.known = ~table.missing
        schema = table.schema
        self.names = [
            j if schema.names is None else column.name for j, column in enumerate(schema.columns)
        ]
        self.cells = Cells.of(table)
        self.distinct = [
            len(set(values[seen].tolist()))
            for values, seen in zip(table.columns, self.known.T, strict=True)
        ]
        self._parts = set()  # pairs whose order follows from a sum or a product
        self._copies = set()
        self._in_blocks = set()

    def add(self, relation):
        """Take a relation, if it is new and holds, and return whether it does."""
        if relation in self.found:
            return False
        fitted = relation._fit_table(self.table)
        if fitted.broken(self.cells).any():
            return False
        self.found.append(relation)
        return True

    def columns_of(self, kinds, least=2):
        """Columns of some elements, numeric ones, with at least so many distinct values."""
        return [
            j
            for j, column in enumerate(self.table.schema.columns)
            if not column.is_categorical and column.element in kinds and self.distinct[j] >= least
        ]

    def named(self, columns):
        return [self.names[j] for j in columns]

    # Sums and one-hot blocks: linear relations with coefficients 1 and -1.

    def find_sums(self):
        booleans = [
            j
            for j, column in enumerate(self.table.schema.columns)
            if column.is_categorical and column.element is Element.BOOLEAN and self.distinct[j] == 2
        ]
        for columns in (
            booleans,
            self.columns_of({Element.NUMBER, Element.BOOLEAN}),
            self.columns_of({Element.DURATION}),
        ):
            if not 2 <= len(columns) <= _MOST_COLUMNS:
                continue
            chosen, _ = self._complete(columns)
            self._find_sums_of(chosen)
            if len(chosen) < len(columns):  # too many gaps to look at all columns at once
                for some in _small_groups(columns):
                    self._find_sums_of(list(some))

    def _find_sums_of(self, columns):
        rows = np.flatnonzero(self.known[:, columns].all(axis=1))
        if len(rows) < max(_FEWEST_ROWS, 2 * len(columns) + 2):
            return
        numbers = self._numbers(columns, rows)
        spread = numbers.std(axis=0)
        varying = spread > 0
        columns = [j for j, varies in zip(columns, varying, strict=True) if varies]
        if len(columns) < 2:
            return
        numbers, spread = numbers[:, varying], spread[varying]
        for coefficients, constant in _linear_relations(numbers, spread):
            self._take_sum(columns, coefficients, constant)

    def _take_sum(self, columns, coefficients, constant):
        """List what coefficients of 1 and -1 say: coefficients @ columns = constant."""
        up = [j for j, c in zip(columns, coefficients, strict=True) if c == 1]
        down = [j for j, c in zip(columns, coefficients, strict=True) if c == -1]
        if len(up) < len(down):
            up, down, constant = down, up, -constant
        schema = self.table.schema
        if not down and len(up) > 1:
            is_flag = all(self.distinct[j] == 2 for j in up) and constant == 1
            if is_flag and all(set(self._numbers([j]).ravel().tolist()) == {0, 1} for j in up):
                if self.add(OneHot(self.named(up))):
                    self._in_blocks.update(up)
            elif not schema.columns[up[0]].is_categorical:
                self.add(FixedSum(self.named(up), total=constant))
        elif len(down) == 1 and len(up) > 1 and constant == 0:
            if self.add(FixedSum(self.named(up), column=self.names[down[0]])):
                self._parts.update((j, down[0]) for j in up)
        elif len(down) == 1 and len(up) == 1 and constant == 0:
            first, second = sorted(up + down)
            is_number = not schema.columns[first].is_categorical
            if is_number and self.add(Computed(self.names[second], self._term(first))):
                self._copies.add(second)

    def _complete(self, columns):
        """The columns without those of the most gaps, so that enough rows are complete."""
        columns = list(columns)
        while True:
            rows = np.flatnonzero(self.known[:, columns].all(axis=1))
            if len(columns) < 3 or len(rows) >= max(_FEWEST_ROWS, 2 * len(columns) + 2):
                return columns, rows
            columns.remove(min(columns, key=lambda j: self.known[:, j].sum()))

    def _numbers(self, columns, rows=None):
        """Values as float64 in natural units, (n_rows, n_columns)."""
        out = []
        for j in columns:
            seen = np.flatnonzero(self.known[:, j]) if rows is None else rows
            values = self.table.columns[j][seen]
            if not self.table.schema.columns[j].is_categorical:
                axis = Axis(self.table, [j])
                values = axis.of(j, values) * axis.size
            out.append(values.astype(np.float64))
        return np.stack(out, axis=1)

    # Categories that tell others.

    def find_combinations(self):
        columns = self.table.schema.columns
        n_rows = self.table.n_rows
        tellers = [
            j
            for j, column in enumerate(columns)
            if column.is_categorical and 2 <= self.distinct[j] <= n_rows * _SHARE_OF_VALUES
        ]
        told = [
            j
            for j in tellers + self.columns_of({Element.NUMBER})
            if self.distinct[j] <= _MOST_VALUES or columns[j].is_categorical
        ]
        used = set(self._in_blocks)
        for a in sorted(tellers, key=lambda j: -self.distinct[j]):
            if a in used:
                continue
            others = [b for b in told if b != a and b not in used and self._tells(a, b)]
            if others and self.add(Combinations(self.named(sorted([a, *others])))):
                used.update([a, *others])

    def _tells(self, a, b):
        """Whether each value of a column goes with one of another, and not by chance."""
        if not 2 <= self.distinct[b] <= self.distinct[a]:
            return False
        rows = np.flatnonzero(self.known[:, a] & self.known[:, b])
        value_of, counts = {}, {}
        pairs = zip(self.table.columns[a][rows], self.table.columns[b][rows], strict=True)
        for one, other in pairs:
            if value_of.setdefault(one, other) != other:
                return False
            counts[other] = counts.get(other, 0) + 1
        n_repeats = len(rows) - len(value_of)
        if len(rows) < _FEWEST_ROWS or len(counts) < 2:
            return False
        return n_repeats * math.log(max(counts.values()) / len(rows)) < _CHANCE

    # Products, ratios and differences of dates.

    def find_computed(self):
        numbers = self.columns_of({Element.NUMBER}, least=10)
        numbers = [j for j in numbers if j not in self._copies]
        dates = self.columns_of({Element.DATE}, least=10)
        targets = numbers + self.columns_of({Element.DURATION}, least=5)
        few = self.columns_of({Element.NUMBER}, least=5)
        for a, b in permutations(dates, 2) if len(dates) <= _MOST_COMPUTED else ():
            for c in {*few, *targets}:
                if self._is_computed(c, (a, b), "-"):
                    self.add(Computed(self.names[c], f"{self._term(a)} - {self._term(b)}"))
        if len(numbers) > _MOST_COMPUTED:
            return
        taken = set()
        pairs = [("*", pair) for pair in combinations(numbers, 2)]
        pairs += [("/", pair) for pair in permutations(numbers, 2)]
        for sign, (a, b) in pairs:
            for c in numbers:
                if c in (a, b) or frozenset((a, b, c)) in taken:
                    continue
                if self._is_computed(c, (a, b), sign):
                    formula = f"{self._term(a)} {sign} {self._term(b)}"
                    if self.add(Computed(self.names[c], formula)):
                        taken.add(frozenset((a, b, c)))
                        self._parts.update(permutations((a, b, c), 2))

    def _is_computed(self, c, pair, sign):
        """Whether a difference, a product or a ratio is another column in the first rows."""
        rows = np.flatnonzero(self.known[:, [c, *pair]].all(axis=1))
        if len(rows) < _FEWEST_ROWS:
            return False
        names = [self._term(j) for j in pair]
        try:
            fitted = Computed(self.names[c], f"{names[0]} {sign} {names[1]}")._fit_table(self.table)
        except (TypeError, ValueError):
            return False
        part = self.cells.take(rows[:_SCREENED_ROWS])
        target = self._numbers([c], rows)
        scale = 86400 if self.table.schema.columns[c].element in TIMES else 1
        tolerance = fitted._tolerance(self.table, np.abs(target / scale).mean())
        if (target / scale).std() < 20 * tolerance and sign != "-":
            return False  # rounded so much that anything fits
        return not fitted.broken(part).any()

    def _term(self, j):
        """How a formula names a column."""
        if self.table.schema.names is None:
            return f"x{j}"
        name = str(self.names[j])
        return name if name.isidentifier() else f"`{name}`"

    # Order.

    def find_orders(self):
        dates = self.columns_of({Element.DATE}, least=3)
        groups = [
            self.columns_of({Element.NUMBER}, least=3),
            [j for j in dates if self.table.schema.columns[j].ticks.zone is None],
            [j for j in dates if self.table.schema.columns[j].ticks.zone is not None],
            self.columns_of({Element.DURATION}, least=3),
            self.columns_of({Element.DAYTIME}, least=3),
        ]
        for group in groups:
            columns = [j for j in group if j not in self._copies]
            if len(columns) < 2:
                continue
            axis = Axis(self.table, columns)
            places = {j: axis.of(j, self.table.columns[j]) for j in columns}
            below = {
                (a, b)
                for a, b in permutations(columns, 2)
                if (a, b) not in self._parts and self._in_order(places, a, b)
            }
            direct = {
                (a, b)
                for a, b in below
                if not any((a, c) in below and (c, b) in below for c in columns)
            }
            for chain in _chains(direct):
                self.add(Order(self.named(chain)))

    def _in_order(self, places, a, b):
        """Whether one column is never above another, and not by chance."""
        rows = np.flatnonzero(self.known[:, a] & self.known[:, b])
        low, high = places[a][rows], places[b][rows]
        if len(rows) < _FEWEST_ROWS or (low > high).any() or (low == high).all():
            return False
        # Of values from different rows: how many are in order anyway.
        share = 1 - np.searchsorted(np.sort(high), low, side="left").mean() / len(rows)
        return share <= _MOST_IN_ORDER and len(rows) * math.log(share) < _CHANCE


def _small_groups(columns):
    """Groups of up to four columns, or neighbours where there are many columns."""
    if len(columns) <= _FEW_COLUMNS:
        for size in (2, 3, 4):
            yield from combinations(columns, size)
        return
    for first in range(len(columns) - 1):
        for size in range(2, _MOST_NEIGHBOURS + 1):
            yield columns[first : first + size]


def _linear_relations(numbers, spread):
    """Linear relations with coefficients of 1, -1 and 0 that hold in all rows.

    The null space of the rows, in reduced echelon form: there each relation has a column of its
    own, and the simplest ones come out as they are.

    Parameters
    ----------
    numbers : ndarray of shape (n_rows, n_columns)
    spread : ndarray of shape (n_columns,)
        Standard deviations.

    Yields
    ------
    coefficients : ndarray of int, shape (n_columns,)
    constant : float
        What the coefficients times the columns come to.
    """
    center = numbers.mean(axis=0)
    scaled = (numbers - center) / spread
    _, values, vectors = np.linalg.svd(scaled, full_matrices=False)
    null = vectors[values <= _ZERO * max(values.max(), 1e-300)] / spread
    for row in _echelon(null):
        coefficients = np.rint(row)
        if np.abs(row - coefficients).max() > 1e-4 or np.abs(coefficients).max() > 1:
            continue
        constant = float(coefficients @ center)
        constant = round(constant, 6) + 0.0
        yield coefficients.astype(int), constant


def _echelon(rows):
    """Rows in reduced echelon form, with pivots of 1."""
    rows = rows.copy()
    pivot = 0
    for column in range(rows.shape[1] if len(rows) else 0):
        if pivot == len(rows):
            break
        best = pivot + int(np.abs(rows[pivot:, column]).argmax())
        scale = np.abs(rows[pivot:]).max()
        if np.abs(rows[best, column]) <= 1e-6 * scale:
            continue
        rows[[pivot, best]] = rows[[best, pivot]]
        rows[pivot] /= rows[pivot, column]
        others = np.arange(len(rows)) != pivot
        rows[others] -= rows[others, column][:, None] * rows[pivot]
        pivot += 1
    return rows


def _chains(pairs):
    """Pairs joined to chains where one leads to one only."""
    after, before = {}, {}
    for a, b in pairs:
        after.setdefault(a, []).append(b)
        before.setdefault(b, []).append(a)

    def joins(a, b):
        return after.get(a) == [b] and before.get(b) == [a]

    chains = []
    for a, b in sorted(pairs):
        if len(before.get(a, ())) == 1 and joins(before[a][0], a) and joins(a, b):
            continue  # in the middle of a chain
        chain = [a, b]
        while joins(chain[-2], chain[-1]) and len(after.get(chain[-1], ())) == 1:
            following = after[chain[-1]][0]
            if not joins(chain[-1], following):
                break
            chain.append(following)
        chains.append(chain)
    return chains
