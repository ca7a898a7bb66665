"""How much generated rows are like real ones."""

from numbers import Integral

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from skmissdiff._encoding.categories import count_categories
from skmissdiff._support.sklearn_private import Interval, StrOptions, validate_params
from skmissdiff.metrics._inputs import (
    distance_codes,
    distance_encoder,
    level_numbers,
    nan_mean,
    read_alike,
    subsample,
    with_missing_of,
)
from skmissdiff.metrics._options import MAX_ROWS, RANDOM_STATE, ROWS
from skmissdiff.metrics._pairs import N_BINS, PairColumns, pair_similarities, total_variation

_MEAN = {"average": [StrOptions({"columns"}), None]}
_MEAN_OF_PAIRS = {"average": [StrOptions({"pairs"}), None]}
# HistGradientBoosting takes at most 255 levels; rarer ones share the last.
_MOST_LEVELS = 255
_N_CHUNK = 500
# Codes are moved by so much, in standard deviations, to break ties: more than rounding does.
_JITTER = 1e-4


@validate_params({**ROWS, **_MEAN}, prefer_skip_nested_validation=True)
def marginal_score(X_real, X_synthetic, *, categorical_features="from_dtype", average="columns"):
    """How alike the columns of two tables are, one by one.

    Higher is better, from 0 to 1. For a numeric column it is 1 minus the Kolmogorov-Smirnov
    statistic, for a categorical one 1 minus the total variation distance, as
    ``KSComplement`` and ``TVComplement`` of sdmetrics. Chance keeps even n real rows below 1
    against n others, by about ``0.87 * sqrt(2 / n)`` for a number.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_rows, n_columns)
        The real table. Missing cells are left out.
    X_synthetic : array-like or frame of shape (n_synthetic, n_columns)
        Generated rows. Missing cells are left out.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns: those of category, string or boolean dtype, or the listed
        ones, by index, by name or as a boolean mask.
    average : "columns" or None, default="columns"
        The mean over columns, or an array of one score per column.

    Returns
    -------
    float or ndarray of shape (n_columns,)
        NaN for columns without a value in one of the tables.

    See Also
    --------
    pair_trend_score : How alike pairs of columns are.
    c2st : Whether rows as a whole can be told apart.

    Examples
    --------
    >>> from skmissdiff.metrics import marginal_score
    >>> X_real = [[1.0, "a"], [2.0, "a"], [3.0, "b"], [4.0, "b"]]
    >>> X_synthetic = [[1.0, "a"], [2.0, "a"], [3.0, "a"], [3.5, "b"]]
    >>> marginal_score(X_real, X_synthetic, average=None)
    array([0.75, 0.75])
    """
    real, synthetic = read_alike(categorical_features, X_real=X_real, X_synthetic=X_synthetic)
    scores = np.array([_marginal(real, synthetic, j) for j in range(real.n_columns)])
    return scores if average is None else nan_mean(scores)


def _marginal(real, synthetic, j):
    first, second = (t.columns[j][~t.missing[:, j]] for t in (real, synthetic))
    if len(first) == 0 or len(second) == 0:
        return np.nan
    if first.dtype == object:
        return 1 - total_variation(*level_numbers(first, second)[0])
    return 1 - float(ks_2samp(first, second, method="asymp").statistic)


@validate_params(
    {**ROWS, **_MEAN_OF_PAIRS, "n_bins": [Interval(Integral, 2, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def pair_trend_score(
    X_real,
    X_synthetic,
    *,
    categorical_features="from_dtype",
    n_bins=N_BINS,
    average="pairs",
):
    """How alike two tables are in the way in which two columns go together.

    Higher is better, from 0 to 1. For two numeric columns it is ``1 - |r - r'| / 2`` with
    Pearson's correlations r and r', for two categorical ones 1 minus the total variation
    distance of the two contingency tables; in a mixed pair the number is binned first. These
    are ``CorrelationSimilarity`` and ``ContingencySimilarity`` of sdmetrics. Rows count in
    which both cells are known.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_rows, n_columns)
        The real table.
    X_synthetic : array-like or frame of shape (n_synthetic, n_columns)
        Generated rows.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `marginal_score`.
    n_bins : int, default=10
        Bins of equal width between the extremes of the real numbers, in mixed pairs; the
        first and the last hold what is beyond them as well.
    average : "pairs" or None, default="pairs"
        The mean over pairs, or the matrix of all pairs.

    Returns
    -------
    float or ndarray of shape (n_columns, n_columns)
        NaN on the diagonal, for real columns that do not vary and for pairs that are never
        known together. A generated column that does not vary is taken for unrelated.

    See Also
    --------
    marginal_score : How alike single columns are.

    Examples
    --------
    >>> from skmissdiff.metrics import pair_trend_score
    >>> X_real = [["a", "x"], ["a", "x"], ["b", "y"], ["b", "y"]]
    >>> X_synthetic = [["a", "x"], ["a", "y"], ["b", "y"], ["b", "y"]]
    >>> pair_trend_score(X_real, X_synthetic)
    0.75
    """
    real, synthetic = read_alike(categorical_features, X_real=X_real, X_synthetic=X_synthetic)
    columns = PairColumns(real, synthetic, n_bins)
    scores = pair_similarities(
        columns, lambda i, j: (columns.known(real, i, j), columns.known(synthetic, i, j))
    )
    return scores if average is None else nan_mean(scores[np.triu_indices_from(scores, 1)])


@validate_params(
    {
        **ROWS,
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        **MAX_ROWS,
        **RANDOM_STATE,
    },
    prefer_skip_nested_validation=True,
)
def c2st(
    X_real,
    X_synthetic,
    *,
    categorical_features="from_dtype",
    n_splits=5,
    max_rows=10_000,
    random_state=None,
):
    """Classifier two-sample test: the AUC by which gradient boosting tells generated rows.

    Lower is better: 0.5 if they cannot be told from real ones, 1 if they always can [1]_. It
    can fall below 0.5 by chance. Rows of a model that has memorised its training table are
    hard to tell from that table, so compare with real rows that it has not seen.

    `sklearn.ensemble.HistGradientBoostingClassifier` predicts in cross-validation, from as
    many rows of one table as of the other. A table without a missing cell is given those
    of the other one, row by row at random, or its completeness would tell it. Where cells are
    not missing completely at random, this alone can be told to some extent.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_rows, n_columns)
        The real table.
    X_synthetic : array-like or frame of shape (n_synthetic, n_columns)
        Generated rows.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `marginal_score`.
    n_splits : int, default=5
        Folds of the cross-validation.
    max_rows : int or None, default=10_000
        Rows that are drawn of each table where there are more.
    random_state : int, RandomState instance or None, default=None
        Draws rows and folds.

    Returns
    -------
    float
        The area under the ROC curve, averaged over the folds.

    References
    ----------
    .. [1] D. Lopez-Paz, M. Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.metrics import c2st
    >>> rng = np.random.default_rng(0)
    >>> X_real, fresh = rng.normal(size=(2, 300, 2))
    >>> bool(c2st(X_real, fresh, random_state=0) < 0.6)
    True
    >>> bool(c2st(X_real, fresh + 100, random_state=0) > 0.99)
    True
    """
    rng = check_random_state(random_state)
    tables = read_alike(categorical_features, X_real=X_real, X_synthetic=X_synthetic)
    n_rows = min(table.n_rows for table in tables)
    if n_rows < n_splits:
        raise ValueError(
            f"{n_splits} folds take at least {n_splits} rows of each table, got {n_rows}."
        )
    n_rows = n_rows if max_rows is None else min(n_rows, max_rows)
    real, synthetic = (subsample(table, n_rows, rng) for table in tables)
    X, categorical = _boosting_features(
        with_missing_of(real, synthetic, rng), with_missing_of(synthetic, real, rng)
    )
    y = np.repeat([0, 1], n_rows)
    seed = int(rng.randint(2**31 - 1))
    folds = list(StratifiedKFold(n_splits, shuffle=True, random_state=seed).split(X, y))
    # The model refuses a column without a value, of which there is nothing to tell.
    known = np.all([~np.isnan(X[rows]).all(axis=0) for rows, _ in folds], axis=0)
    if not known.any():
        return 0.5
    model = HistGradientBoostingClassifier(
        categorical_features=categorical[known], random_state=seed
    )
    areas = cross_val_score(model, X[:, known], y, cv=folds, scoring="roc_auc", error_score="raise")
    return float(areas.mean())


def _boosting_features(real, synthetic):
    """The two tables one below the other, as numbers, and which columns are categorical."""
    columns = []
    for j, column in enumerate(real.schema.columns):
        both = np.concatenate([real.columns[j], synthetic.columns[j]])
        if both.dtype == object:
            levels, counts = count_categories(column, both)
            rank = np.empty(len(levels))
            rank[np.argsort(-counts, kind="stable")] = np.arange(len(levels))
            place = dict(zip(levels, np.minimum(rank, _MOST_LEVELS - 1), strict=True))
            both = np.array([place.get(value, np.nan) for value in both])
        columns.append(both)
    return np.column_stack(columns), np.asarray(real.schema.is_categorical)


@validate_params(
    {
        **ROWS,
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        **MAX_ROWS,
        **RANDOM_STATE,
    },
    prefer_skip_nested_validation=True,
)
def alpha_precision_beta_recall(
    X_real,
    X_synthetic,
    *,
    categorical_features="from_dtype",
    n_neighbors=5,
    max_rows=5000,
    random_state=None,
):
    """Fidelity and diversity of generated rows.

    For both, higher is better, from 0 to 1. Alpha-precision is the share of generated rows
    within the ball that holds the share alpha of the real ones; it should be alpha.
    Beta-recall is the share of real rows that have a generated one nearer than their
    `n_neighbors`-th real neighbour, among the share beta of the generated rows that are most
    typical; it should be beta. Both are integrated: ``1 - 2 * integral |share - alpha|`` [1]_.

    Rows are compared as codes, numbers in standard deviations and two different levels 1
    apart, without the embedding by a neural network of [1]_. A missing cell is put in the
    middle of its column, and a table without one is given those of the other, as in `c2st`.
    Equal distances, as levels have them, are put in an order at random.
    Nearest neighbours cover by chance: at beta = 1, rows of the same
    distribution cover the share ``1 - 2 ** -n_neighbors``. So beta-recall falls short of 1
    even for real rows, by half with `n_neighbors` of 1, which some libraries use. Compare with
    the figures of real rows that were held out.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_rows, n_columns)
        The real table.
    X_synthetic : array-like or frame of shape (n_synthetic, n_columns)
        Generated rows.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns, as in `marginal_score`.
    n_neighbors : int, default=5
        Which neighbour's distance is the radius around a real row.
    max_rows : int or None, default=5000
        Rows that are drawn of each table where there are more, since time grows with the
        square of them.
    random_state : int, RandomState instance or None, default=None
        Draws these rows and the order of equal distances.

    Returns
    -------
    alpha_precision : float
        Low if generated rows are not realistic, or too typical.
    beta_recall : float
        Low if they are not as varied as the real ones.

    References
    ----------
    .. [1] A. M. Alaa, B. van Breugel, E. Saveliev, M. van der Schaar, "How Faithful is your
       Synthetic Data? Sample-level Metrics for Evaluating and Auditing Generative Models",
       ICML 2022, arXiv:2102.08921.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.metrics import alpha_precision_beta_recall
    >>> X_real = np.random.default_rng(0).normal(size=(300, 2))
    >>> precision, recall = alpha_precision_beta_recall(X_real, 0.5 * X_real, random_state=0)
    >>> round(precision, 2), round(recall, 1)
    (0.38, 0.5)
    """
    rng = check_random_state(random_state)
    tables = read_alike(categorical_features, X_real=X_real, X_synthetic=X_synthetic)
    n_rows = min(table.n_rows for table in tables)
    if n_rows <= n_neighbors:
        raise ValueError(
            f"{n_neighbors} neighbours take more than {n_neighbors} rows of each table, got "
            f"{n_rows}."
        )
    n_rows = n_rows if max_rows is None else min(n_rows, max_rows)
    encoder = distance_encoder(tables[0])
    real, synthetic = (subsample(table, n_rows, rng) for table in tables)
    real, synthetic = (
        distance_codes(encoder, with_missing_of(table, other, rng))
        for table, other in ((real, synthetic), (synthetic, real))
    )
    # Equal codes become small clouds, in which ranks are as those of a density.
    real, synthetic = (
        codes + _JITTER * rng.standard_normal(codes.shape) for codes in (real, synthetic)
    )
    to_center = np.linalg.norm(real - real.mean(axis=0), axis=1)
    precision = np.linalg.norm(synthetic - real.mean(axis=0), axis=1)
    # The share of real rows within each generated row's distance: alpha-precision is how
    # often it is at most alpha.
    depth = np.searchsorted(np.sort(to_center), precision, side="left") / n_rows
    return _integrated(depth), _integrated(_covered_at(real, synthetic, n_neighbors))


def _integrated(depths):
    """``1 - 2 * integral |share of depths <= alpha - alpha|`` over alpha from 0 to 1."""
    alphas = (np.arange(1000) + 0.5) / 1000
    shares = np.searchsorted(np.sort(depths), alphas, side="right") / len(depths)
    return float(1 - 2 * np.mean(np.abs(shares - alphas)))


def _covered_at(real, synthetic, n_neighbors):
    """The least share beta of generated rows that covers each real row, above 1 if none does."""
    neighbors = NearestNeighbors(n_neighbors=n_neighbors).fit(real)
    radius = neighbors.kneighbors()[0][:, -1]  # of the rows themselves, each without itself
    typical = np.argsort(np.linalg.norm(synthetic - synthetic.mean(axis=0), axis=1), kind="stable")
    ordered = synthetic[typical]
    covered_at = np.full(len(real), 2.0)
    for start in range(0, len(real), _N_CHUNK):
        rows = slice(start, start + _N_CHUNK)
        near = cdist(real[rows], ordered) <= radius[rows, None]
        found = near.any(axis=1)
        covered_at[rows][found] = (near.argmax(axis=1)[found] + 1) / len(ordered)
    return covered_at
