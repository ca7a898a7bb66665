"""How far imputed cells are from the true ones, cell by cell."""

import numpy as np

from skmissdiff._support.sklearn_private import validate_params
from skmissdiff.metrics._inputs import average_losses, read_cells
from skmissdiff.metrics._options import AVERAGE, CELLS, SCALE


@validate_params({**CELLS, **AVERAGE, **SCALE}, prefer_skip_nested_validation=True)
def imputation_rmse(
    X_true,
    X_imputed,
    missing_mask,
    *,
    categorical_features="from_dtype",
    average="columns",
    scale=None,
):
    """Root mean squared error of the imputed numbers.

    Lower is better, from 0 without an upper end. Means minimise it. Where a column has several
    modes it rewards a number between them, which is never observed: look at
    `imputation_energy_distance`, too.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    X_imputed : array-like or frame of shape (n_rows, n_columns)
        The same rows, imputed.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns: those of category, string or boolean dtype, or the listed
        ones, by index, by name or as a boolean mask. The others are judged here.
    average : {"columns", "cells"} or None, default="columns"
        One error per column, averaged; one error over all cells together; or an array of
        one error per column.
    scale : {"sd", "range"}, dict, array-like or None, default=None
        What errors are divided by: the standard deviation or the range of the column's cells
        that were not hidden, given units by name or in the order of the columns, or nothing.
        Errors of dates and durations are in seconds, and so are units given for them. Columns in
        which those cells do not vary are left out.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN where no number is judged.

    See Also
    --------
    imputation_mae : The same with absolute errors, which medians minimise.
    imputation_error_rate : For the categorical columns.

    Examples
    --------
    >>> from skmissdiff.metrics import imputation_rmse
    >>> X_true = [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
    >>> X_imputed = [[1.0, 13.0], [2.0, 24.0], [4.0, 30.0]]
    >>> missing_mask = [[False, True], [False, True], [True, False]]
    >>> float(round(imputation_rmse(X_true, X_imputed, missing_mask), 3))
    2.268
    >>> imputation_rmse(X_true, X_imputed, missing_mask, average=None).round(3)
    array([1.   , 3.536])
    """
    cells = read_cells(X_true, X_imputed, missing_mask, categorical_features)
    errors = {j: part[0] ** 2 for j, part in _numeric_errors(cells, scale).items()}
    return average_losses(errors, cells.true.n_columns, average, root=True)


@validate_params({**CELLS, **AVERAGE, **SCALE}, prefer_skip_nested_validation=True)
def imputation_mae(
    X_true,
    X_imputed,
    missing_mask,
    *,
    categorical_features="from_dtype",
    average="columns",
    scale=None,
):
    """Mean absolute error of the imputed numbers.

    Lower is better, from 0 without an upper end. Medians minimise it.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    X_imputed : array-like or frame of shape (n_rows, n_columns)
        The same rows, imputed.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `imputation_rmse`.
    average : {"columns", "cells"} or None, default="columns"
        The mean of the columns' means, the mean over all cells, or an array of one mean per
        column.
    scale : {"sd", "range"}, dict, array-like or None, default=None
        What numbers are divided by, as in `imputation_rmse`.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN where no number is judged.

    See Also
    --------
    imputation_rmse : The same with squared errors, which means minimise.

    Examples
    --------
    >>> from skmissdiff.metrics import imputation_mae
    >>> X_true, X_imputed = [[1.0, 10.0], [2.0, 20.0]], [[1.0, 13.0], [2.0, 24.0]]
    >>> imputation_mae(X_true, X_imputed, [[False, True], [False, True]])
    3.5
    """
    cells = read_cells(X_true, X_imputed, missing_mask, categorical_features)
    errors = {j: np.abs(part[0]) for j, part in _numeric_errors(cells, scale).items()}
    return average_losses(errors, cells.true.n_columns, average)


@validate_params({**CELLS, **AVERAGE}, prefer_skip_nested_validation=True)
def imputation_error_rate(
    X_true, X_imputed, missing_mask, *, categorical_features="from_dtype", average="columns"
):
    """Share of the imputed levels that are not the true one.

    Lower is better, from 0 to 1.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    X_imputed : array-like or frame of shape (n_rows, n_columns)
        The same rows, imputed.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `imputation_rmse`; it is they that are judged.
    average : {"columns", "cells"} or None, default="columns"
        The mean of the columns' means, the mean over all cells, or an array of one mean per
        column.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN where no level is judged.

    See Also
    --------
    imputation_log_loss : For probabilities of levels.

    Examples
    --------
    >>> from skmissdiff.metrics import imputation_error_rate
    >>> X_true, X_imputed = [["red"], ["blue"], ["red"]], [["red"], ["red"], ["red"]]
    >>> imputation_error_rate(X_true, X_imputed, [[False], [True], [True]])
    0.5
    """
    cells = read_cells(X_true, X_imputed, missing_mask, categorical_features)
    wrong = {
        j: (cells.truth(j) != cells.guesses(j)[0]).astype(float)
        for j in cells.columns(categorical=True)
    }
    return average_losses(wrong, cells.true.n_columns, average)


@validate_params(
    {
        "X_true": CELLS["X_true"],
        "missing_mask": CELLS["missing_mask"],
        "categorical_features": CELLS["categorical_features"],
        "probabilities": [list, tuple],
        "categories": [list, tuple],
        **AVERAGE,
    },
    prefer_skip_nested_validation=True,
)
def imputation_log_loss(
    X_true,
    probabilities,
    missing_mask,
    *,
    categories,
    categorical_features="from_dtype",
    average="columns",
):
    """Minus the log of the probability that the true level was given.

    Lower is better, from 0; probabilities are clipped from below at 2.2e-16, so it is at most
    36.04. The true probabilities minimise it.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    probabilities : list of (array-like of shape (n_rows, n_levels) or None)
        One entry per column, None for numeric ones. Rows add up to 1; rows in which the
        column is not judged are not read.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    categories : list of (array-like of shape (n_levels,) or None)
        The levels that the probabilities are for, such as ``imputer.categories_``. A true
        level that is not among them has probability 0.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `imputation_rmse`; it is they that are judged.
    average : {"columns", "cells"} or None, default="columns"
        The mean of the columns' means, the mean over all cells, or an array of one mean per
        column.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        In nats. NaN where no level is judged.

    See Also
    --------
    sklearn.metrics.log_loss : The same for one column.

    Examples
    --------
    >>> from skmissdiff.metrics import imputation_log_loss
    >>> X_true = [["red"], ["blue"]]
    >>> loss = imputation_log_loss(
    ...     X_true, [[[0.2, 0.8], [0.5, 0.5]]], [[False], [True]], categories=[["blue", "red"]]
    ... )
    >>> round(loss, 4)
    0.6931
    """
    cells = read_cells(X_true, X_true, missing_mask, categorical_features)
    n_columns = cells.true.n_columns
    for name, given in (("probabilities", probabilities), ("categories", categories)):
        if len(given) != n_columns:
            raise ValueError(
                f"{name} has {len(given)} entries, but X_true has {n_columns} columns."
            )
    losses = {}
    for j in cells.columns(categorical=True):
        rows = np.flatnonzero(cells.judged[:, j])
        chances = _chances(cells, j, probabilities[j], categories[j], rows)
        place = {level: k for k, level in enumerate(np.asarray(categories[j], object).tolist())}
        chosen = np.array([place.get(level, -1) for level in cells.truth(j)], dtype=np.intp)
        chance = np.where(chosen < 0, 0.0, chances[np.arange(len(rows)), chosen])
        losses[j] = -np.log(np.clip(chance, np.finfo(float).eps, 1.0))
    return average_losses(losses, n_columns, average)


def _chances(cells, j, probabilities, categories, rows):
    """The probabilities of the judged cells of column `j`, checked."""
    label = cells.true.schema.label(j)
    if probabilities is None or categories is None:
        raise ValueError(f"There are no probabilities or no categories for {label}.")
    chances = np.asarray(probabilities, dtype=float)
    shape = (cells.true.n_rows, len(categories))
    if chances.shape != shape:
        raise ValueError(f"The probabilities of {label} have shape {chances.shape}, not {shape}.")
    chances = chances[rows]
    if not (np.all(chances >= 0) and np.allclose(chances.sum(axis=1), 1.0, atol=1e-4)):
        raise ValueError(
            f"The probabilities of {label} are not all above 0 with rows that sum to 1."
        )
    return chances


def _numeric_errors(cells, scale):
    """Scaled errors of the numeric columns, each of shape (n_draws, n_cells)."""
    units = cells.units(scale)
    return {
        j: (cells.guesses(j) - cells.truth(j)) / units[j]
        for j in cells.columns(categorical=False)
        if not np.isnan(units[j])
    }
