"""How well draws tell what is not known: CRPS and coverage of intervals."""

from numbers import Real

import numpy as np

from skmissdiff._support.sklearn_private import Interval, validate_params
from skmissdiff.metrics._inputs import average_losses, read_cells
from skmissdiff.metrics._options import AVERAGE, DRAWS, SCALE


@validate_params({**DRAWS, **AVERAGE, **SCALE}, prefer_skip_nested_validation=True)
def imputation_crps(
    X_true,
    draws,
    missing_mask,
    *,
    categorical_features="from_dtype",
    average="columns",
    scale=None,
):
    """Continuous ranked probability score of the drawn numbers.

    Lower is better. Its expectation is 0 for certain and right draws, and least for draws from
    the true conditional distribution [1]_; for one cell it can fall below 0 by chance. It is
    in the units of the column, and the absolute error of an imputation without a spread. The
    estimate is the fair one [2]_, whose expectation does not depend on the number of draws:
    ``mean_i |x_i - y| - sum_ij |x_i - x_j| / (2 m (m - 1))`` for m draws x and the truth y.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    draws : list of array-like or frame of shape (n_rows, n_columns)
        At least two imputed tables, as ``MissDiffImputer.multiple_impute`` gives them.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns: those of category, string or boolean dtype, or the listed
        ones, by index, by name or as a boolean mask. The others are judged here.
    average : {"columns", "cells"} or None, default="columns"
        The mean of the columns' means, the mean over all cells, or an array of one mean per
        column.
    scale : {"sd", "range"}, dict, array-like or None, default=None
        What numbers are divided by, see `imputation_rmse`.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN where no number is judged.

    See Also
    --------
    interval_coverage : Whether the spread of the draws is right.

    References
    ----------
    .. [1] T. Gneiting, A. E. Raftery, "Strictly Proper Scoring Rules, Prediction, and
       Estimation", JASA 102, 2007.
    .. [2] C. A. T. Ferro, "Fair scores for ensemble forecasts", Quarterly Journal of the Royal
       Meteorological Society 140, 2014.

    Examples
    --------
    >>> from skmissdiff.metrics import imputation_crps
    >>> X_true, draws = [[1.0], [5.0]], [[[0.0], [5.0]], [[2.0], [5.0]]]
    >>> imputation_crps(X_true, draws, [[True], [False]])
    0.0
    >>> imputation_crps(X_true, [[[3.0], [5.0]], [[3.0], [5.0]]], [[True], [False]])
    2.0
    """
    cells = read_cells(X_true, draws, missing_mask, categorical_features, several=True)
    n_draws = len(cells.imputed)
    if n_draws < 2:
        raise ValueError("The CRPS takes at least 2 draws, got 1. For one, use imputation_mae.")
    units = cells.units(scale)
    # In sorted draws the k-th of m is the larger one in k - 1 pairs, the smaller one in m - k.
    weights = 2.0 * np.arange(1, n_draws + 1) - n_draws - 1
    scores = {}
    for j in cells.columns(categorical=False):
        if not np.isnan(units[j]):
            drawn = np.sort(cells.guesses(j), axis=0) / units[j]
            error = np.abs(drawn - cells.truth(j) / units[j]).mean(axis=0)
            scores[j] = error - weights @ drawn / (n_draws * (n_draws - 1))
    return average_losses(scores, cells.true.n_columns, average)


@validate_params(
    {**DRAWS, **AVERAGE, "level": [Interval(Real, 0, 1, closed="neither")]},
    prefer_skip_nested_validation=True,
)
def interval_coverage(
    X_true,
    draws,
    missing_mask,
    *,
    level=0.9,
    categorical_features="from_dtype",
    average="columns",
):
    """Share of the true numbers that lie in the central interval of the draws.

    Best is `level`, from 0 to 1. Below it the draws vary too little, above it too much.

    The ends of the interval are the quantiles of the draws at ``k / (m + 1)`` for the k-th of
    m draws, between which a further draw lies with probability `level` exactly. Where values
    repeat, as in a column of small whole numbers, right draws cover more than `level`, since
    the ends belong to the interval.

    Parameters
    ----------
    X_true : array-like or frame of shape (n_rows, n_columns)
        The true table. Cells that are missing in it are not judged.
    draws : list of array-like or frame of shape (n_rows, n_columns)
        Imputed tables, as ``MissDiffImputer.multiple_impute`` gives them, at least
        ``2 / (1 - level) - 1`` of them, which are 19 at a level of 0.9.
    missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
        True for the cells that were hidden and are judged.
    level : float, default=0.9
        What the coverage should be.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `imputation_rmse`.
    average : {"columns", "cells"} or None, default="columns"
        The mean of the columns' means, the mean over all cells, or an array of one mean per
        column.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN where no number is judged.

    See Also
    --------
    imputation_crps : Judges spread and place in one figure.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.metrics import interval_coverage
    >>> X_true = [[0.5], [5.0]]
    >>> draws = np.arange(3.0).reshape(3, 1, 1).repeat(2, axis=1)
    >>> interval_coverage(X_true, list(draws), [[True], [True]], level=0.5)
    0.5
    """
    cells = read_cells(X_true, draws, missing_mask, categorical_features, several=True)
    needed = int(np.ceil(2 / (1 - level) - 1 - 1e-9))
    if len(cells.imputed) < needed:
        raise ValueError(
            f"An interval of level {level:g} takes at least {needed} draws, got "
            f"{len(cells.imputed)}. Draw more or lower the level."
        )
    ends = [(1 - level) / 2, (1 + level) / 2]
    inside = {}
    for j in cells.columns(categorical=False):
        low, high = np.quantile(cells.guesses(j), ends, axis=0, method="weibull")
        truth = cells.truth(j)
        inside[j] = ((low <= truth) & (truth <= high)).astype(float)
    return average_losses(inside, cells.true.n_columns, average)
