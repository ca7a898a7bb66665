"""How far imputed cells are from the true ones."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import validate_params

from skmissdiff.metrics._inputs import (
    average_losses,
    distance_codes,
    distance_encoder,
    nan_mean,
    read_cells,
)
from skmissdiff.metrics._options import (
    AVERAGE,
    CELLS,
    MAX_ROWS,
    RANDOM_STATE,
    SCALE,
)
from skmissdiff.metrics._pairs import PairColumns, pair_similarities

_N_CHUNK = 500


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
        Columns in which those cells do not vary are left out.

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


@validate_params({**CELLS, **AVERAGE, **SCALE}, prefer_skip_nested_validation=True)
def imputation_wasserstein_distance(
    X_true,
    X_imputed,
    missing_mask,
    *,
    categorical_features="from_dtype",
    average="columns",
    scale=None,
):
    """Wasserstein distance of the imputed numbers of a column from the true ones.

    Lower is better, from 0 without an upper end. It compares the two sets of numbers, not
    cell by cell: draws from the true distribution come near to 0, means do not.

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
        The mean over columns, the mean weighted by the number of judged cells, or an array of
        one distance per column.
    scale : {"sd", "range"}, dict, array-like or None, default=None
        What numbers are divided by, as in `imputation_rmse`.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN where no number is judged.

    See Also
    --------
    scipy.stats.wasserstein_distance : The same for one column.
    imputation_energy_distance : Of whole rows, with their categorical columns.

    Examples
    --------
    >>> from skmissdiff.metrics import imputation_wasserstein_distance
    >>> X_true, X_imputed = [[1.0], [2.0], [3.0]], [[3.0], [1.0], [3.0]]
    >>> mask = [[True], [True], [True]]
    >>> float(round(imputation_wasserstein_distance(X_true, X_imputed, mask), 4))
    0.3333
    """
    cells = read_cells(X_true, X_imputed, missing_mask, categorical_features)
    units = cells.units(scale)
    distances = {}
    for j in cells.columns(categorical=False):
        if not np.isnan(units[j]):
            truth, guess = cells.truth(j) / units[j], cells.guesses(j)[0] / units[j]
            # As often as there are cells, so that the mean over cells weighs it by them.
            distances[j] = np.full(len(truth), wasserstein_distance(truth, guess))
    return average_losses(distances, cells.true.n_columns, average)


@validate_params({**CELLS, **MAX_ROWS, **RANDOM_STATE}, prefer_skip_nested_validation=True)
def imputation_energy_distance(
    X_true,
    X_imputed,
    missing_mask,
    *,
    categorical_features="from_dtype",
    max_rows=3000,
    random_state=None,
):
    """Energy distance of the imputed rows from the true ones.

    Lower is better, from 0 without an upper end. It is a distance between the joint
    distributions of all columns [1]_, so it sees what errors of cells cannot: variances that
    are too small, and relations between columns that are too strong or too weak.

    Rows with at least one judged cell are compared. Numbers are in standard deviations of
    the true table, two different levels of a column are 1 apart. A cell whose truth is not
    known is blanked in both tables.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    X_imputed : array-like or frame of shape (n_rows, n_columns)
        The same rows, imputed.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `imputation_rmse`. Columns of both kinds are judged,
        together.
    max_rows : int or None, default=3000
        Rows that are drawn where there are more, since time grows with the square of them.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Returns
    -------
    float
        The root of ``2 E|X - Y| - E|X - X'| - E|Y - Y'|``, as in `scipy.stats.energy_distance`,
        where X and X' are rows of one table and Y and Y' of the other.

    See Also
    --------
    scipy.stats.energy_distance : The same for one column of numbers.

    References
    ----------
    .. [1] G. J. Szekely, M. L. Rizzo, "Energy statistics: A class of statistics based on
       distances", Journal of Statistical Planning and Inference 143, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.metrics import imputation_energy_distance
    >>> X_true = np.random.default_rng(0).normal(size=(200, 2))
    >>> missing_mask = np.zeros((200, 2), dtype=bool)
    >>> missing_mask[:100, 0] = True
    >>> filled_with_the_mean = np.where(missing_mask, 0.0, X_true)
    >>> float(round(imputation_energy_distance(X_true, filled_with_the_mean, missing_mask), 2))
    0.4
    """
    cells = read_cells(X_true, X_imputed, missing_mask, categorical_features)
    rows = np.flatnonzero(cells.judged.any(axis=1))
    if len(rows) == 0:
        return float("nan")
    if max_rows is not None and len(rows) > max_rows:
        rows = check_random_state(random_state).choice(rows, max_rows, replace=False)
    unknown = cells.true.missing[rows]
    encoder = distance_encoder(cells.true)
    first = distance_codes(encoder, cells.true.take(rows).hide(unknown))
    second = distance_codes(encoder, cells.imputed[0].take(rows).hide(unknown))
    between, one, other = (
        _mean_distance(a, b) for a, b in ((first, second), (first, first), (second, second))
    )
    return float(np.sqrt(max(2 * between - one - other, 0.0)))


def _mean_distance(first, second):
    """Mean Euclidean distance of the rows of one table from those of the other."""
    starts = range(0, len(first), _N_CHUNK)
    return sum(cdist(first[i : i + _N_CHUNK], second).sum() for i in starts) / (
        len(first) * len(second)
    )


@validate_params(CELLS, prefer_skip_nested_validation=True)
def correlation_error(X_true, X_imputed, missing_mask, *, categorical_features="from_dtype"):
    """Mean absolute error of Pearson's correlations between numeric columns.

    Lower is better, from 0 to 2. For each pair of columns, the rows are compared in which at
    least one of the two cells is judged and both are known. Filling with means pulls
    correlations towards 0, regression without noise away from it.

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

    Returns
    -------
    float
        NaN where no correlation is defined. The correlation of an imputed column that does
        not vary counts as 0.

    See Also
    --------
    pair_trend_error : For columns of all kinds.

    Examples
    --------
    >>> from skmissdiff.metrics import correlation_error
    >>> X_true = [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    >>> X_imputed = [[1.0, 2.0], [2.0, 2.0], [3.0, 2.0]]
    >>> float(round(correlation_error(X_true, X_imputed, [[False, True]] * 3), 3))
    1.0
    """
    cells = read_cells(X_true, X_imputed, missing_mask, categorical_features)
    similarity = _imputed_pairs(cells, numeric_only=True)
    # A similarity of correlations is 1 - |difference| / 2.
    return nan_mean(2 * (1 - similarity[np.triu_indices_from(similarity, 1)]))


@validate_params(CELLS, prefer_skip_nested_validation=True)
def pair_trend_error(X_true, X_imputed, missing_mask, *, categorical_features="from_dtype"):
    """How far pairs of columns are from the way in which they truly go together.

    Lower is better, from 0 to 1. It is 1 minus the similarities of `pair_trend_score`, for
    each pair of columns in the rows in which at least one of the two cells is judged and
    both are known.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    X_imputed : array-like or frame of shape (n_rows, n_columns)
        The same rows, imputed.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `imputation_rmse`. Columns of both kinds are judged.

    Returns
    -------
    float
        NaN where there is no pair to compare.

    See Also
    --------
    correlation_error : For numeric columns, from 0 to 2.

    Examples
    --------
    >>> from skmissdiff.metrics import pair_trend_error
    >>> X_true = [["a", "x"], ["a", "x"], ["b", "y"], ["b", "y"]]
    >>> X_imputed = [["a", "x"], ["a", "x"], ["b", "y"], ["b", "x"]]
    >>> pair_trend_error(X_true, X_imputed, [[False, True]] * 4)
    0.25
    """
    cells = read_cells(X_true, X_imputed, missing_mask, categorical_features)
    similarity = _imputed_pairs(cells)
    return nan_mean(1 - similarity[np.triu_indices_from(similarity, 1)])


def _imputed_pairs(cells, numeric_only=False):
    """Similarities of pairs of columns, in the rows where one of the two is judged."""
    imputed = cells.imputed[0]
    columns = PairColumns(cells.true, imputed)

    def rows(i, j):
        chosen = (cells.judged[:, i] | cells.judged[:, j]) & columns.known(cells.true, i, j)
        return chosen, chosen & columns.known(imputed, i, j)

    return pair_similarities(columns, rows, numeric_only=numeric_only)


def _numeric_errors(cells, scale):
    """Scaled errors of the numeric columns, each of shape (n_draws, n_cells)."""
    units = cells.units(scale)
    return {
        j: (cells.guesses(j) - cells.truth(j)) / units[j]
        for j in cells.columns(categorical=False)
        if not np.isnan(units[j])
    }
