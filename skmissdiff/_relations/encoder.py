"""Tables as codes, and back as rows in which relations hold."""

from dataclasses import replace

import numpy as np

from skmissdiff._encoding.constraints import allowed_values, column_ranges, meant_columns
from skmissdiff._encoding.encoder import TableEncoder
from skmissdiff._relations.blocks import FittedBlock
from skmissdiff._relations.cells import Cells
from skmissdiff._relations.relation import Limits, Relation, check_support
from skmissdiff._support.caller import warn
from skmissdiff._table.frames import Table, column_index
from skmissdiff._table.schema import ColumnSchema, Element, Kind

_ROUNDS = 4  # in which relations that share columns may undo each other's moves
_N_ROWS = 5  # that a message names


class RelatedEncoder:
    """Encode a table of which relations are known, and decode rows in which they hold.

    The model sees an inner table: what follows from the observed cells is filled in, and
    relations add columns of what they are about, such as how far an end is from its start.

    Parameters
    ----------
    encoder : TableEncoder
        Not fitted, with its parameters.
    relations : list of Relation

    Attributes
    ----------
    schema_, kept_columns_, categories_, constant_errors_
        Of the table, as in `TableEncoder`.
    layout_, scaler_
        Of the inner table, whose first columns are those of the table.
    """

    def __init__(self, encoder, relations):
        for relation in relations:
            if not isinstance(relation, Relation):
                raise TypeError(
                    "relations takes a list of relations, such as Order(['start', 'end']), and "
                    f"holds {relation!r}."
                )
        self._outer = encoder
        self._relations = list(relations)

    def fit_table(self, table):
        """Learn from a table that is read and checked already.

        Parameters
        ----------
        table : Table

        Returns
        -------
        self : RelatedEncoder

        Raises
        ------
        TypeError, ValueError
            If a relation does not suit the table.

        Warns
        -----
        UserWarning
            With the rows that break a relation.
        """
        outer = self._outer.fit_table(table)
        self.schema_ = outer.schema_
        self.kept_columns_ = outer.kept_columns_
        self.categories_ = outer.categories_
        self.constant_errors_ = outer.constant_errors_
        self._ranges = column_ranges(table.schema, outer.bounds)
        self._allowed = allowed_values(table, outer.snap, self._ranges)
        self.fitted_ = [relation._fit_table(table) for relation in self._relations]
        cells = Cells.of(table)
        for fitted in self.fitted_:
            _warn_broken(fitted, check_support(fitted, table, cells))
        self._deduce(cells)
        columns = list(table.schema.columns)
        self._blocks = [fitted for fitted in self.fitted_ if isinstance(fitted, FittedBlock)]
        _refuse_shared(self._blocks, table.schema)
        for block in self._blocks:
            block.count_levels(cells, outer.max_categories, table.weight)
            block.inner_schema(columns)
        extras = [extra for one in self.fitted_ for extra in one.extra_columns(cells)]
        columns += map(_extra_schema, extras)
        schema = replace(table.schema, columns=tuple(columns))
        self._inner = TableEncoder(**outer.get_params())
        self._inner.set_params(**_by_column(outer, table.schema, schema))
        inner = self._inner_table(cells, extras, schema)
        exact = table.exact and self._inner_exact(table.exact, len(extras))
        self._inner.fit_table(replace(inner, exact=exact, weight=table.weight))
        self.layout_ = self._inner.layout_
        self.scaler_ = self._inner.scaler_
        self._relations = [relation._as_saved() for relation in self._relations]
        return self

    def encode(self, table, uniforms=None):
        """Encode the inner table of a table, as `TableEncoder.encode` does.

        Parameters
        ----------
        table : Table
        uniforms : ndarray of shape (n_rows, n_columns of the layout), optional

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
        """
        return self._inner.encode(self._inward(table), uniforms)

    def complete(self, codes, table, uniforms=None, how="mode"):
        """Return the values of each column, in which relations hold beside what is observed.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_codes)
            Estimates or draws, without NaN.
        table : Table
            The rows that they are for.
        uniforms, how
            As in `TableEncoder.decode`.

        Returns
        -------
        list of ndarray of shape (n_rows,)
            One per column of the table.
        """
        decoded = self._inner.decode(codes, uniforms, how)
        limits = Limits(self._ranges, self._allowed, uniforms is not None)
        cells = Cells.of(table)
        self._deduce(cells)
        cells = cells.filled(decoded[: table.n_columns])
        for block in self._blocks:
            own = None if uniforms is None else uniforms[:, block.carrier]
            block.fill(cells, codes[:, self.layout_.slices[block.carrier]], own)
        extras = iter(decoded[table.n_columns :])
        for fitted in self.fitted_:
            own = [next(extras) for _ in range(fitted.n_extras)]
            if limits.is_draw:
                fitted.rebuild(cells, own, limits)
        for _ in range(_ROUNDS):
            for fitted in self.fitted_:
                fitted.keep(cells, limits)
            if len(self.fitted_) == 1 or not any(f.broken(cells).any() for f in self.fitted_):
                break
        return cells.columns

    def settle(self, codes, table, shares_of, uniforms):
        """Draw the categories of blocks of which something is known, as it allows.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_codes)
            From `encode`.
        table : Table
            The rows.
        shares_of : callable
            Gives estimates for codes: the probabilities of categories.
        uniforms : ndarray of shape (n_rows, number of blocks)
            Numbers from 0 to 1.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
            Those of the blocks are known then.
        """
        cells = Cells.of(table)
        self._deduce(cells)
        for block, chance in zip(self._blocks, uniforms.T, strict=True):
            own = self.layout_.slices[block.carrier]
            rows = block.undecided(cells)
            rows = rows[np.isnan(codes[rows, own.start])]
            if not len(rows):
                continue
            codes = codes.copy()
            shares = shares_of(codes[rows])[:, own]
            code = block.codes_of(block.choose(cells.take(rows), shares, chance[rows]))
            rows, code = rows[code >= 0], code[code >= 0]
            codes[rows, own] = 0.0
            codes[rows, own.start + code] = 1.0
        return codes

    @property
    def n_blocks(self):
        """Number of blocks that `settle` draws."""
        return len(self._blocks)

    def warn_broken(self, table, filled, columns):
        """Warn of rows whose observed cells leave no way to keep a relation.

        Parameters
        ----------
        table : Table
        filled : ndarray of bool, shape (n_rows, n_columns)
            The missing cells that get a value.
        columns : sequence of ndarray of shape (n_rows,)
            The values.
        """
        cells = Cells.of(table)
        if filled.any():
            for column, fill, values in zip(cells.columns, filled.T, columns, strict=True):
                column[fill] = values[fill]
        for fitted in self.fitted_:
            _warn_broken(fitted, fitted.broken(cells))

    def check_given(self, table):
        """Raise if cells that are given break a relation.

        Parameters
        ----------
        table : Table
        """
        cells = Cells.of(table)
        for fitted in self.fitted_:
            broken = fitted.broken(cells)
            if broken.any():
                raise ValueError(
                    f"given breaks the relation {fitted.words} in {_rows(broken)}: no row can have "
                    "these cells. Correct them or leave one of them out."
                )

    def encode_for_density(self, table, uniforms):
        """As `TableEncoder.encode_for_density`, of the columns of the table alone."""
        codes, log_volume = self._inner.encode_for_density(self._inward(table), uniforms)
        # What follows from other columns has no density of its own.
        derived = [j for block in self._blocks for j in block.derived]
        of_code = self.layout_.column_of_code
        codes[:, (of_code >= table.n_columns) | np.isin(of_code, derived)] = np.nan
        return codes, log_volume

    def known_cells(self, table):
        """As in `TableEncoder`."""
        return self._outer.known_cells(table)

    def warn_unseen(self, table):
        """As in `TableEncoder`."""
        self._outer.warn_unseen(table)

    def _deduce(self, cells):
        """Fill what follows from what is known, until nothing does."""
        n_known = -1
        while n_known != (n_known := int(cells.known.sum())):
            for fitted in self.fitted_:
                fitted.deduce(cells)

    def _inner_exact(self, exact, n_extras):
        """What is known of all rows of a stream; levels of blocks are those of its sample."""
        carriers = {block.carrier for block in self._blocks}
        levels = tuple(None if j in carriers else own for j, own in enumerate(exact.levels))
        return replace(exact, levels=levels).widened(n_extras)

    def _inward(self, table):
        cells = Cells.of(table)
        self._deduce(cells)
        extras = [extra for one in self.fitted_ for extra in one.extra_columns(cells)]
        return self._inner_table(cells, extras, self._inner.schema_)

    def _inner_table(self, cells, extras, schema):
        columns, missing = list(cells.columns), ~cells.known
        for block in self._blocks:
            block.inward(cells, columns, missing)
        unknown = [np.isnan(extra) for extra in extras]
        missing = np.column_stack([missing, *unknown])
        return Table((*columns, *extras), missing, schema, None)


def _extra_schema(values):
    """The description of a column that only the model sees."""
    seen = values[~np.isnan(values)]
    return ColumnSchema(
        name=None,
        kind=Kind.NUMERIC,
        element=Element.NUMBER,
        dtype="float64",
        n_observed=len(seen),
        minimum=float(seen.min()) if len(seen) else None,
        maximum=float(seen.max()) if len(seen) else None,
    )


def _by_column(encoder, schema, inner):
    """Bounds and snap for the inner table: for those columns of the table that are still numbers.

    Of blocks, the values of the levels come out, whatever is said of their columns.
    """
    names = [column.name for column in schema.columns]

    def chosen(keys, parameter):
        places = [column_index(key, names, parameter) for key in keys]
        return [not inner.columns[j].is_categorical for j in places]

    bounds, snap = encoder.bounds, encoder.snap
    if not (bounds is None or isinstance(bounds, str | dict)):
        meant = meant_columns(schema, bounds)
        bounds = {j if names[j] is None else names[j]: bounds for j in meant}
    if isinstance(bounds, dict):
        kept = chosen(bounds, "bounds")
        bounds = {key: bounds[key] for key, keep in zip(bounds, kept, strict=True) if keep}
    if not isinstance(snap, bool | np.bool_ | str):
        listed = np.asarray(snap).ravel().tolist()
        snap = [key for key, keep in zip(listed, chosen(listed, "snap"), strict=True) if keep]
    return {"bounds": bounds, "snap": snap}


def _refuse_shared(blocks, schema):
    """Raise if a column is in two blocks, which the model sees as one column each."""
    seen = set()
    for block in blocks:
        if shared := seen.intersection(block.columns):
            raise ValueError(
                f"{schema.label(min(shared))} is in two relations of categories, of which one is "
                f"{block.words}. Put all their columns into one Combinations."
            )
        seen.update(block.columns)


def _warn_broken(fitted, broken):
    if broken.any():
        warn(
            f"The observed cells of {_rows(broken)} break the relation {fitted.words}. They "
            "are kept as they are."
        )


def _rows(broken):
    """Rows in words, by their numbers from 0."""
    numbers = np.flatnonzero(broken).tolist()
    shown = ", ".join(map(str, numbers[:_N_ROWS]))
    more = f" and {len(numbers) - _N_ROWS} others" if len(numbers) > _N_ROWS else ""
    return f"row{'s' if len(numbers) > 1 else ''} {shown}{more}"
