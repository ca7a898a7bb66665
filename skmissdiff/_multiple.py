"""Multiple imputation from replicates of a fit, and draws that are shifted on purpose."""

import copy
import datetime as dt
from dataclasses import replace
from numbers import Real

import numpy as np

from skmissdiff._diffusion.inference import (
    resolve_device,
    train_replicates,
    weights_of_replicate,
)
from skmissdiff._draws.chain import chosen_rows
from skmissdiff._draws.noise import row_contents
from skmissdiff._methods import paper_method
from skmissdiff._table.frames import column_index
from skmissdiff._table.rebuild import fill_table
from skmissdiff._table.schema import TIMES

WAYS = ("none", "bootstrap", "refit")


def check_proper(imputer, proper, weighted):
    """Raise if replicates are asked for that cannot be made.

    ``weighted`` says whether the rows of the table come with weights.
    """
    if proper not in WAYS:
        raise ValueError(f"proper must be one of {WAYS}, got {proper!r}.")
    if proper != "none" and paper_method(imputer.method) is not None:
        raise ValueError(
            f"proper={proper!r} needs method='masked': the paper's method has no replicates. Use "
            "proper='none', or fit an imputer to each of several bootstrap samples."
        )
    if proper != "none" and imputer._has_weights and not weighted:
        raise ValueError(
            f"proper={proper!r} fits models to the rows of X, all counting alike, but fit had a "
            "sample_weight. Pass it here, too, or use proper='none'."
        )
    if proper == "none" and weighted:
        raise ValueError(
            "sample_weight says how much rows count in the models that proper='bootstrap' and "
            "proper='refit' fit, and proper='none' fits none: the weights of fit hold. Leave it "
            "out, or ask for one of these."
        )


def drawing_imputers(imputer, table, n_imputations, seed, proper, weight=None):
    """An imputer for each completed table, with a model and a seed of its own.

    Parameters
    ----------
    imputer : MissDiffImputer
        Fitted.
    table : Table
        The rows that the replicates are fitted to. Their order does not matter.
    n_imputations : int
    seed : int
    proper : {"none", "bootstrap", "refit"}
    weight : ndarray of shape (n_rows,) or None, default=None
        How often each row counts.

    Returns
    -------
    twins : list of (MissDiffImputer, int)
        The imputer with the model of a replicate, and a seed of its draws. Replicates that shared
        one would share the noise of each row.
    """
    rng = np.random.default_rng(seed)
    seeds = rng.integers(2**31, size=(n_imputations, 2)).tolist()
    if proper == "none":
        return [(imputer, own) for _, own in seeds]
    encoder = imputer.encoder_
    contents = row_contents(encoder.known_cells(table))
    order = np.array(sorted(range(len(contents)), key=contents.__getitem__))
    if weight is not None:
        order = order[weight[order] > 0]
        weight = weight[order]
    rows = table.take(order)
    codes = encoder.encode(rows, rng.random((rows.n_rows, encoder.layout_.n_columns)))
    _check_observed(encoder, codes, proper)
    denoisers = train_replicates(
        imputer.denoiser_ if proper == "bootstrap" else None,
        codes,
        encoder.layout_,
        imputer._options(n_refreshes=0, donors=False),
        imputer.validation_loss_curve_,
        [own for own, _ in seeds],
        resolve_device(imputer.device),
        weight,
    )
    chain, twins = imputer._asked_chain(), []
    for denoiser, (of_model, own) in zip(denoisers, seeds, strict=True):
        twin = copy.copy(imputer)
        twin.denoiser_ = denoiser
        if chain is not None:
            # As the model has weighed the rows.
            own_weight = weights_of_replicate(of_model, rows.n_rows, weight)
            chosen = chosen_rows(*codes.shape, own_weight, np.random.default_rng(own))
            twin._seed = own
            twin._chain = twin._grown_chain(codes[chosen], choices=chain.choices, n_sets=1)
        twins.append((twin, own))
    return twins


def _check_observed(encoder, codes, proper):
    """Raise if a column that was learnt from has no observed cell here."""
    empty = np.isnan(codes).all(axis=0)
    for j, column in enumerate(encoder.schema_.columns):
        of_column = empty[encoder.layout_.slices[j]]
        if column.n_observed and len(of_column) and of_column.all():
            raise ValueError(
                f"proper={proper!r} fits models to the rows of X, in which "
                f"{encoder.schema_.label(j)} has no observed value. Pass the table that was "
                "fitted, or use proper='none'."
            )


def read_delta(delta, schema):
    """Shifts by the place of the column, in the numbers of the column.

    Parameters
    ----------
    delta : dict or None
        A number or, for columns of time, a duration for each column, by name or index.
    schema : TableSchema
        The table seen in `fit`.

    Raises
    ------
    TypeError, ValueError
        With the column and the way out.
    """
    if delta is None:
        return {}
    if not isinstance(delta, dict):
        raise TypeError(
            f"delta must be a dict of shifts by column, such as {{'bmi': -2}}, got {delta!r}."
        )
    names, shifts = [column.name for column in schema.columns], {}
    for key, value in delta.items():
        j = column_index(key, names, "delta")
        column, label = schema.columns[j], schema.label(j)
        if j in shifts:
            raise ValueError(f"delta names {label} twice, by name and by index.")
        if column.is_categorical:
            raise ValueError(
                f"delta names {label}, which is categorical: only numbers, dates and durations "
                "can be shifted."
            )
        if column.n_observed == 0:
            raise ValueError(
                f"delta names {label}, which had no observed value in fit: nothing is drawn for "
                "it. Leave it out."
            )
        shifts[j] = _as_number(value, column, label) / column.step_size
    return shifts


def _as_number(value, column, label):
    """A shift as a number; that of time in seconds."""
    if column.element in TIMES:
        if isinstance(value, np.timedelta64):
            value = value.astype("timedelta64[us]").item()
        if isinstance(value, dt.timedelta):
            return value.total_seconds()
        raise TypeError(
            f"delta of {label}, which holds times, must be a duration such as "
            f"datetime.timedelta(days=30), got {value!r}."
        )
    if not isinstance(value, Real) or isinstance(value, bool) or not np.isfinite(value):
        raise TypeError(f"delta of {label} must be a finite number, got {value!r}.")
    return float(value)


def shifted_draws(imputer, table, cells, seed, shifts):
    """One draw in which some columns are shifted, and the others follow.

    Column by column the missing cells are drawn given what is known, shifted, and then count as
    known: p(x_j | observed), x_j + delta_j, p(x_k | observed, x_j + delta_j) and so on, which is
    a pattern-mixture model (Little 1993). The noise is the same whatever the shift. Where a rule
    decides whether a column has a value at all, what it looks at is drawn before.

    Parameters
    ----------
    imputer : MissDiffImputer
    table : Table
    cells : ChosenCells
        Those that need a value.
    seed : int
    shifts : dict of int to float
        By place, in the numbers of the column.

    Returns
    -------
    values : list of ndarray of shape (n_rows,)
        Per column what goes into its missing cells.
    """
    seeds = np.random.default_rng(seed).integers(2**31, size=len(shifts) + 1).tolist()
    own = dict(zip(shifts, seeds[1:], strict=True))
    draw = Drawing(imputer, table, cells, seeds[0])
    for j in cells.in_order(shifts):
        if cells.has_rule(j):
            draw.decide(j, shifts)
        draw.shift(j, shifts[j], own[j])
    return draw.values()


class Drawing:
    """A draw that is made in several steps: what is settled in one is known in the next.

    Parameters
    ----------
    imputer, table, cells
        As in `shifted_draws`.
    seed : int
        Of all but what is shifted.
    """

    def __init__(self, imputer, table, cells, seed):
        self._imputer, self._table, self._cells, self._seed = imputer, table, cells, seed
        self._known, self._rest = table, cells.asked.copy()
        # What stands in cells that are settled without being known: rules leave them empty.
        self._empty = {}
        # By column: the draw by which a function has decided, and which cells have values by it.
        self._by_function = {}

    def shift(self, j, shift, seed):
        """Settle the cells of a column that are left, shifted."""
        rows = self._rest[:, j].copy()
        self._rest[:, j] = False
        if not rows.any():
            return
        only = np.zeros_like(self._rest)
        only[:, j] = rows
        moved = self._draw(only, seed)[j][rows] + shift
        if self._imputer.encoder_.schema_.columns[j].is_integer:
            moved = np.rint(moved)
        self._known = self._known.fill(j, rows, moved)

    def decide(self, j, shifted):
        """Settle what the rule of a column looks at, and which of its cells stay empty.

        A function may look at anything: rows that it rules out are settled as a whole, but for
        columns that are ``shifted`` themselves.
        """
        if not self._rest[:, j].any():
            return
        values = self._merged(self._draw(self._rest, self._seed))
        fill = self._decided(values)
        stays = self._rest[:, j] & ~fill[:, j]
        deciders = self._cells.deciders(j)
        everywhere = np.ones(len(stays), dtype=bool)
        if deciders is None:
            self._by_function[j] = values, fill[:, j]
            settled = {k: stays for k in range(len(values)) if k not in shifted}
        else:
            settled = dict.fromkeys(deciders, everywhere)
        for k, rows in {**settled, j: stays}.items():
            rows = rows & self._rest[:, k]
            self._rest[rows, k] = False
            self._empty[k] = values[k]
            rows = rows & fill[:, k]
            if rows.any():
                self._known = self._known.fill(k, rows, values[k][rows])

    def values(self):
        """Settle all that is left, and return what goes into missing cells, column by column."""
        drawn = list(self._known.columns)
        if self._rest.any():
            drawn = self._draw(self._rest, self._seed)
        values = self._merged(drawn)
        for j, (before, filled) in self._by_function.items():
            # Where the function says otherwise beside the shifted cell, it has its first table.
            undone = filled & ~self._decided(values)[:, j]
            for k in np.flatnonzero(self._rest[undone].any(axis=0)):
                rows = undone & self._rest[:, k]
                values[k][rows] = before[k][rows]
        return values

    def _decided(self, values):
        """Which cells are filled by a draw."""
        kept = self._imputer.encoder_.kept_columns_
        return self._cells.decide(
            values, lambda fill: fill_table(replace(self._table, missing=fill), values, kept)
        )

    def _draw(self, asked, seed):
        return self._imputer._draws(self._known, asked, range(1), seed, like=self._table)[0]

    def _merged(self, drawn):
        """A draw of what is left, with what is settled."""
        values = []
        for j, column in enumerate(drawn):
            own = ~self._known.missing[:, j]
            empty = self._empty.get(j, self._known.columns[j])
            merged = np.where(self._rest[:, j], column, empty)
            values.append(np.where(own, self._known.columns[j], merged))
        return values
