"""What the metrics have in common: tables that are read alike, and averages over columns."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

from skmissdiff._encoding.encoder import TableEncoder
from skmissdiff._support.numbers import standard_deviation
from skmissdiff._table.frames import is_frame, read_table


def read_alike(categorical_features, **tables):
    """Read tables that have the same columns.

    Parameters
    ----------
    categorical_features : "from_dtype", None or array-like
        As in `TableEncoder`; it is the first table that decides.
    **tables : array-like or frame of shape (n_rows, n_columns)
        By the names that errors give them.

    Returns
    -------
    list of Table
    """
    (first_name, first), *others = tables.items()
    read = [_read(first, first_name, categorical_features=categorical_features)]
    schema = read[0].schema
    for name, X in others:
        if _n_columns(X) not in (None, len(schema.columns)):
            raise ValueError(
                f"{name} has {_n_columns(X)} columns, but {first_name} has {len(schema.columns)}."
            )
        read.append(_read(X, name, schema=schema))
        _check_columns(schema, read[-1].schema, first_name, name)
    return read


def _read(X, name, **how):
    try:
        return read_table(X, **how)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def _n_columns(X):
    shape = X.shape if is_frame(X) else np.shape(X)
    return shape[1] if len(shape) == 2 else None


def _check_columns(schema, other, first_name, name):
    if schema.names is None or other.names is None or schema.names == other.names:
        return
    lacking = [column for column in schema.names if column not in other.names]
    added = [column for column in other.names if column not in schema.names]
    if lacking or added:
        what = f"lacks {lacking}" if lacking else f"has {added} besides"
        raise ValueError(f"The columns of {name} are not those of {first_name}: it {what}.")
    raise ValueError(
        f"The columns of {name} are in another order than those of {first_name}. Use "
        f"{name}[list({first_name}.columns)]."
    )


@dataclass(frozen=True)
class JudgedCells:
    """Cells whose truth is known, and what an imputer put there.

    Attributes
    ----------
    true : Table
    imputed : list of Table
        One, or several draws.
    judged : ndarray of bool, shape (n_rows, n_columns)
    observed : ndarray of bool, shape (n_rows, n_columns)
        The cells that the imputer could see.
    """

    true: object
    imputed: list
    judged: np.ndarray
    observed: np.ndarray

    def columns(self, *, categorical):
        """Indices of the columns of this kind that have a judged cell."""
        kind = np.asarray(self.true.schema.is_categorical) == categorical
        return np.flatnonzero(kind & self.judged.any(axis=0)).tolist()

    def truth(self, j):
        """The true values of the judged cells of column `j`, shape (n_cells,)."""
        return self.true.columns[j][self.judged[:, j]]

    def guesses(self, j):
        """What was imputed there, shape (n_draws, n_cells)."""
        cells = self.judged[:, j]
        return np.stack([table.columns[j][cells] for table in self.imputed])

    def units(self, scale):
        """By what the errors of each column are divided, shape (n_columns,); NaN leaves it out.

        Units that are given, or none, are those of the values: seconds for dates and durations.
        """
        n_columns = self.true.n_columns
        steps = np.array([column.step_size for column in self.true.schema.columns])
        if scale is None:
            return 1 / steps
        if not isinstance(scale, str):
            return self._given_units(scale) / steps
        units = np.full(n_columns, np.nan)
        for j in np.flatnonzero(~np.asarray(self.true.schema.is_categorical)):
            values = self.true.columns[j][self.observed[:, j]]
            if len(values):
                spread = standard_deviation(values) if scale == "sd" else np.ptp(values)
                units[j] = spread if spread > 0 else np.nan
        return units

    def _given_units(self, scale):
        schema = self.true.schema
        if isinstance(scale, dict) or hasattr(scale, "to_dict"):
            by_name = dict(scale)
            numeric = {c.name for c in schema.columns if not c.is_categorical}
            if numeric - set(by_name):
                raise ValueError(f"scale has no unit for {sorted(numeric - set(by_name))}.")
            scale = [by_name.get(column.name, np.nan) for column in schema.columns]
        units = np.asarray(scale, dtype=float)
        if units.shape != (self.true.n_columns,):
            raise ValueError(
                f"scale has shape {units.shape}, but there are {self.true.n_columns} columns. "
                "Give one unit per column, or a dict of units by column name."
            )
        for j in np.flatnonzero(~np.asarray(schema.is_categorical)):
            if not 0 < units[j] < np.inf:
                raise ValueError(
                    f"scale is {units[j]} for {schema.label(j)}. A unit must be above 0."
                )
        return units


def read_cells(X_true, X_imputed, missing_mask, categorical_features, *, several=False):
    """Read a true table, one or several imputed ones, and the cells to compare.

    Returns
    -------
    JudgedCells
    """
    if several:
        if is_frame(X_imputed):
            raise TypeError("draws must be a list of tables, as multiple_impute gives it.")
        imputed = {f"draws[{i}]": X for i, X in enumerate(X_imputed)}
        if not imputed:
            raise ValueError("draws is empty. Give at least one imputed table.")
    else:
        imputed = {"X_imputed": X_imputed}
    true, *others = read_alike(categorical_features, X_true=X_true, **imputed)
    mask = read_mask(missing_mask, true)
    judged = mask & ~true.missing
    for name, other in zip(imputed, others, strict=True):
        if other.n_rows != true.n_rows:
            raise ValueError(f"{name} has {other.n_rows} rows, but X_true has {true.n_rows}.")
        gaps = judged & other.missing
        if gaps.any():
            j = int(gaps.any(axis=0).argmax())
            raise ValueError(
                f"{name} is still missing {int(gaps[:, j].sum())} of the cells to judge in "
                f"{true.schema.label(j)}. Impute them, or take them out of missing_mask."
            )
    return JudgedCells(true, others, judged, ~mask & ~true.missing)


def read_mask(missing_mask, table):
    """Return a mask of cells as an array of bool, checked against the table."""
    if is_frame(missing_mask) and hasattr(missing_mask, "to_numpy"):
        missing_mask = missing_mask.to_numpy()
    mask = np.asarray(missing_mask)
    if mask.dtype != bool:
        raise TypeError(f"missing_mask must hold booleans, got dtype {mask.dtype}.")
    if mask.shape != table.missing.shape:
        raise ValueError(
            f"missing_mask has shape {mask.shape}, but the table has shape {table.missing.shape}."
        )
    if not mask.any():
        raise ValueError("missing_mask marks no cell, so there is nothing to judge.")
    return mask


def average_losses(losses, n_columns, average, *, root=False):
    """Average the losses of cells.

    Parameters
    ----------
    losses : dict of int to ndarray
        The losses of the judged cells of each column.
    n_columns : int
    average : {"columns", "cells"} or None
        Over the columns' means, over all cells, or not at all.
    root : bool
        Whether to take the square root of each mean.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN where there is nothing to average.
    """
    finish = np.sqrt if root else float
    if average == "cells":
        parts = list(losses.values())
        return float(finish(np.mean(np.concatenate(parts)))) if parts else float("nan")
    means = np.full(n_columns, np.nan)
    for j, part in losses.items():
        means[j] = finish(np.mean(part))
    return means if average is None else nan_mean(means)


def nan_mean(values):
    """The mean of the values that are not NaN, NaN if there are none."""
    known = np.asarray(values)[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def subsample(table, n_rows, random_state):
    """Return at most `n_rows` rows of a table, drawn without replacement; None means all."""
    if n_rows is None or table.n_rows <= n_rows:
        return table
    rng = check_random_state(random_state)
    return table.take(np.sort(rng.choice(table.n_rows, n_rows, replace=False)))


def with_missing_of(table, other, random_state):
    """Return a table without a missing cell with those of another one, row by row at random.

    Complete rows are told from incomplete ones by that alone. A table with missing cells of its
    own is returned as it is.
    """
    if table.missing.any() or not other.missing.any():
        return table
    rng = check_random_state(random_state)
    rows = rng.choice(other.n_rows, table.n_rows, replace=table.n_rows > other.n_rows)
    return table.hide(other.missing[rows])


def distance_encoder(table):
    """Fit the encoder by whose codes rows are compared, see `distance_codes`."""
    return TableEncoder().fit_table(table)


def distance_codes(encoder, table):
    """Return codes between which Euclidean distances mean much, shape (n_rows, n_codes).

    Numbers are in standard deviations of the table that the encoder was fitted to, and two
    different levels of a column are 1 apart. A missing cell is in the middle: 0 for all its
    codes, which is the mean of a number and equally far from all levels.
    """
    codes = np.nan_to_num(encoder.encode(table), nan=0.0)
    levels = np.repeat(encoder.layout_.is_categorical, encoder.layout_.widths)
    codes[:, levels] /= np.sqrt(2.0)
    return codes


def level_numbers(*columns):
    """Number the levels of columns of objects alike, -1 for None.

    Returns
    -------
    numbers : list of ndarray of int
    n_levels : int
    """
    known = {}
    numbers = []
    for column in columns:
        numbers.append(
            np.array(
                [-1 if value is None else known.setdefault(value, len(known)) for value in column],
                dtype=np.intp,
            )
        )
    return numbers, len(known)
