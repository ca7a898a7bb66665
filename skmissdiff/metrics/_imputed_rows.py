"""How far imputed columns, pairs of columns and rows are from the true ones, as distributions."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from sklearn.utils import check_random_state

from skmissdiff._support.sklearn_private import validate_params
from skmissdiff.metrics._inputs import (
    average_losses,
    distance_codes,
    distance_encoder,
    nan_mean,
    read_cells,
)
from skmissdiff.metrics._options import AVERAGE, CELLS, MAX_ROWS, RANDOM_STATE, SCALE
from skmissdiff.metrics._pairs import PairColumns, pair_similarities

_N_CHUNK = 500


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
