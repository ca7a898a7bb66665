"""Which missing cells are to be filled: those of some columns, some rows, or by a rule.

A question that does not apply has no answer. Such a cell is missing by nature, and stays so.
"""

import narwhals.stable.v2 as nw
import numpy as np

from skmissdiff._table.frames import (
    column_index,
    columns_named,
    is_frame,
    library_of,
    refuse_lazy,
)

_N_LEVELS = 10  # that an error lists


class ChosenCells:
    """The missing cells of a table that are to be filled.

    Parameters
    ----------
    table : Table
    kept : ndarray of bool, shape (n_columns,)
        The columns that come out at all.
    categories : list of (ndarray or None)
        The levels of each categorical column seen in `fit`.
    impute_columns : None or array-like
        Names, indices or a boolean mask of the columns to fill; None for all.
    where : None, boolean table or dict
        True where a cell may be filled, (n_rows, n_columns), or a rule by column: a boolean per
        row, a pair of another column and the value or values it has to have, or a function of
        the completed table.

    Raises
    ------
    TypeError, ValueError
        With the column and the way out.

    Attributes
    ----------
    asked : ndarray of bool, shape (n_rows, n_columns)
        Missing cells that need a value, before the rules that look at imputed values.
    """

    def __init__(self, table, kept, categories, impute_columns=None, where=None):
        self._table, self._categories = table, categories
        names = [column.name for column in table.schema.columns]
        self.asked = table.missing & kept
        if impute_columns is not None:
            self.asked &= columns_named(impute_columns, names, "impute_columns")
        self._rules = {}
        if isinstance(where, dict):
            for key, rule in where.items():
                self._add(column_index(key, names, "where"), rule)
        elif where is not None:
            self.asked &= self._read_mask(where, names)
        self._order = self._in_order()
        for j, rule in self._rules.items():
            if isinstance(rule, tuple):
                # What observed cells rule out is not drawn: shifts of it must not move others.
                seen = ~table.missing[:, rule[0]]
                none = np.zeros_like(self.asked)
                self.asked[:, j] &= ~seen | self._fulfils(rule, none, table.columns)

    def _add(self, j, rule):
        """Take the rule of a column."""
        label = self._table.schema.label(j)
        if j in self._rules:
            raise ValueError(f"where names {label} twice, by name and by index.")
        if isinstance(rule, tuple):
            rule = self._read_pair(rule, j)
        elif not callable(rule):
            self.asked[:, j] &= self._read_rows(rule, f"where of {label}")
            rule = None
        self._rules[j] = rule

    def _read_pair(self, rule, j):
        """The other column, and the values it has to have."""
        schema, label = self._table.fitted or self._table.schema, self._table.schema.label(j)
        if len(rule) != 2:
            raise ValueError(
                f"where of {label} must be a pair of a column and its value, booleans of each row "
                f"or a function, got {rule!r}."
            )
        key, values = rule
        k = column_index(key, [column.name for column in schema.columns], f"where of {label}")
        if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
            values = [values]
        values = list(values)
        column = schema.columns[k]
        if column.is_categorical:
            known = [] if self._categories[k] is None else self._categories[k].tolist()
            for value in values:
                if value not in known:
                    shown = ", ".join(map(repr, known[:_N_LEVELS]))
                    raise ValueError(
                        f"where of {label} asks for {value!r} in {schema.label(k)}, a level that "
                        f"was not seen in fit. The levels are {shown or 'not known'}"
                        f"{', ...' if len(known) > _N_LEVELS else ''}."
                    )
            return k, frozenset(values)
        try:
            return k, frozenset(column.offset_of(value) for value in values)
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"where of {label} asks for {values!r} in {schema.label(k)}, which cannot hold "
                f"that: {error}."
            ) from error

    def _read_mask(self, where, names):
        """A boolean table: of all columns, or a frame of some."""
        refuse_lazy(where, "where")
        if is_frame(where):
            frame = nw.from_native(where, eager_only=True)
            mask = np.ones(self._table.missing.shape, dtype=bool)
            for name in frame.columns:
                j = column_index(name, names, "where")
                label = self._table.schema.label(j)
                mask[:, j] = self._read_rows(frame[name], f"where of {label}")
            return mask
        return _booleans(np.asarray(where), self._table.missing.shape, "where")

    def _read_rows(self, values, what, null_is_false=False):
        """One boolean per row; a comparison with a missing cell may give null."""
        if isinstance(values, nw.Series) or nw.dependencies.is_into_series(values):
            native = nw.to_native(values, pass_through=True)
            _check_index(native, self._table.native, what)
            series = nw.from_native(native, series_only=True)
            values = (series.fill_null(False) if null_is_false else series).to_numpy()
        return _booleans(np.asarray(values), (self._table.n_rows,), what)

    def decide(self, values, complete):
        """Return which cells are to be filled, given what would go into them.

        Parameters
        ----------
        values : sequence of ndarray of shape (n_rows,)
            Per column what goes into its missing cells, as far as they are asked for.
        complete : callable
            Gives the table, in its own library, with these cells (n_rows, n_columns) filled.

        Returns
        -------
        fill : ndarray of bool, shape (n_rows, n_columns)
        """
        fill = self.asked.copy()
        for j in self._order:
            rule = self._rules[j]
            if isinstance(rule, tuple):
                fill[:, j] &= self._fulfils(rule, fill, values)
            elif rule is not None and fill[:, j].any():
                what = f"where of {self._table.schema.label(j)}: the function's result"
                fill[:, j] &= self._read_rows(rule(complete(fill)), what, null_is_false=True)
        return fill

    def has_rule(self, j):
        """Whether imputed values decide which cells of a column are filled."""
        return self._rules.get(j) is not None and bool(self.asked[:, j].any())

    def in_order(self, columns):
        """Sort columns so that each stands behind those that its rule looks at."""
        ranks = {j: place for place, j in enumerate(self._order)}
        return sorted(columns, key=lambda j: ranks.get(j, -1))

    def deciders(self, j):
        """The columns that the rule of a column looks at, and theirs; None for a function."""
        found = []
        while isinstance(rule := self._rules.get(j), tuple):
            j = rule[0]
            found.append(j)
        return None if callable(rule) else found

    def _fulfils(self, pair, fill, values):
        """Rows in which the other column has one of the values; a cell left empty has none."""
        k, accepted = pair
        found = np.zeros(self._table.n_rows, dtype=bool)
        for rows, column in (~self._table.missing[:, k], self._table.columns), (fill[:, k], values):
            if rows.any():
                found[rows] = [value in accepted for value in column[k][rows].tolist()]
        return found

    def _in_order(self):
        """The columns with rules, each after the one that its rule looks at; functions last."""
        order, begun = [], set()

        def visit(j):
            if j in order or j not in self._rules:
                return
            if j in begun:
                raise ValueError(
                    f"The rules of where go round in a circle at {self._table.schema.label(j)}: "
                    "which cell is decided first?"
                )
            begun.add(j)
            if isinstance(self._rules[j], tuple):
                visit(self._rules[j][0])
            order.append(j)

        for j in sorted(self._rules, key=lambda j: callable(self._rules[j])):
            visit(j)
        return order


def _booleans(values, shape, what):
    """An array of booleans of a shape, whatever dtype holds them."""
    if values.shape != shape:
        raise ValueError(f"{what} must have the shape {shape}, got {values.shape}.")
    if values.dtype == object and all(isinstance(value, bool | np.bool_) for value in values.flat):
        values = values.astype(bool)
    if values.dtype != bool:
        wrong = next(value for value in values.ravel().tolist() if not isinstance(value, bool))
        out = ""
        if wrong is None or type(wrong).__name__ == "NAType":
            out = (
                " Say what is meant where nothing is known, in pandas with .fillna(False), in "
                "polars with .fill_null(False)."
            )
        raise TypeError(f"{what} must hold True and False only, got {wrong!r}.{out}")
    return values


def _check_index(native, table, what):
    """Raise if a pandas column has other row labels than the table."""
    if library_of(native) != "pandas" or not is_frame(table) or library_of(table) != "pandas":
        return
    if len(native) == len(table) and not native.index.equals(table.index):
        raise ValueError(
            f"{what} has other row labels than X. Use .reindex(X.index), or .to_numpy() where its "
            "rows are in X's order."
        )
