"""The report on generated rows: what is compared, and what comes of it."""

import numpy as np
from sklearn.utils import check_random_state

from skmissdiff._support.sklearn_private import validate_params
from skmissdiff.metrics import (
    alpha_precision_beta_recall,
    c2st,
    distance_to_closest_record,
    marginal_score,
    pair_trend_score,
)
from skmissdiff.metrics._inputs import nan_mean, read_alike
from skmissdiff.metrics._options import MAX_ROWS, RANDOM_STATE, ROWS
from skmissdiff.report._html import render
from skmissdiff.report._page import HtmlReport
from skmissdiff.report._plots import draw_all

_FEWEST_ROWS = 10
_FOLDS = 5


class SyntheticReport(HtmlReport):
    """Generated rows beside real ones, as figures, as a plot and as one HTML file.

    All is computed when the report is made. Real rows may have missing cells: columns are
    compared by their known cells, pairs of columns by the rows in which both are known.

    Parameters
    ----------
    X_real : array-like or frame of shape (n_rows, n_columns)
        The table that the generator was trained on.
    X_synthetic : array-like or frame of shape (n_synthetic, n_columns)
        Generated rows.
    X_holdout : array-like or frame of shape (n_holdout, n_columns), optional
        Real rows that the generator was not trained on. They show what real rows reach in
        every figure, and memorising is seen only beside them.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        The categorical columns: those of category, string or boolean dtype, or the listed
        ones, by index, by name or as a boolean mask.
    max_rows : int or None, default=5000
        Rows of each table that the slower measures draw where there are more.
    random_state : int, RandomState instance or None, default=None
        Draws these rows and seeds the classifier.

    Attributes
    ----------
    scores_ : dict of str to dict of str to float
        "marginal", "pair_trend", "c2st", "alpha_precision" and "beta_recall", each of the
        "synthetic" rows and of the "holdout", against the real rows; NaN where there is no
        holdout or there are fewer than 10 rows.
    column_scores_ : ndarray of shape (n_columns,)
        See `skmissdiff.metrics.marginal_score`.
    pair_scores_ : ndarray of shape (n_columns, n_columns)
        See `skmissdiff.metrics.pair_trend_score`.
    privacy_ : dict of str to float
        See `skmissdiff.metrics.distance_to_closest_record`.
    names_ : list of str
        Of the columns, "x0", "x1" and so on in an array.

    See Also
    --------
    MissDiffSampler : Generate rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmissdiff import MissDiffSampler
    >>> from skmissdiff.report import SyntheticReport
    >>> X = load_iris(as_frame=True).data
    >>> X.iloc[::4, 0] = float("nan")
    >>> rows = MissDiffSampler(max_iter=100, random_state=0).fit(X[::2]).sample(75)
    >>> report = SyntheticReport(X[::2], rows, X[1::2], random_state=0)
    >>> bool(report.scores_["marginal"]["synthetic"] > 0.7)
    True
    >>> "<h1>" in report.to_html()
    True
    """

    @validate_params(
        {
            "X_real": "no_validation",
            "X_synthetic": "no_validation",
            "X_holdout": "no_validation",
            "categorical_features": ROWS["categorical_features"],
            **MAX_ROWS,
            **RANDOM_STATE,
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(
        self,
        X_real,
        X_synthetic,
        X_holdout=None,
        *,
        categorical_features="from_dtype",
        max_rows=5000,
        random_state=None,
    ):
        rng = check_random_state(random_state)
        given = {"X_real": X_real, "X_synthetic": X_synthetic}
        if X_holdout is not None:
            given["X_holdout"] = X_holdout
        tables = read_alike(categorical_features, **given)
        self._real, self._synthetic = tables[:2]
        self._holdout = tables[2] if X_holdout is not None else None
        columns = self._real.schema.columns
        self.names_ = [
            f"x{j}" if column.name is None else str(column.name) for j, column in enumerate(columns)
        ]
        options = {"categorical_features": categorical_features}
        drawing = {**options, "max_rows": max_rows, "random_state": int(rng.randint(2**31 - 1))}
        self.column_scores_ = marginal_score(X_real, X_synthetic, average=None, **options)
        self.pair_scores_ = pair_trend_score(X_real, X_synthetic, average=None, **options)
        found = {"synthetic": self._compare(X_real, self._synthetic, X_synthetic, drawing)}
        found["synthetic"] |= {
            "marginal": nan_mean(self.column_scores_),
            "pair_trend": nan_mean(self.pair_scores_[np.triu_indices(len(columns), 1)]),
        }
        if X_holdout is None:
            found["holdout"] = dict.fromkeys(found["synthetic"], np.nan)
        else:
            found["holdout"] = self._compare(X_real, self._holdout, X_holdout, drawing)
            found["holdout"] |= {
                "marginal": marginal_score(X_real, X_holdout, **options),
                "pair_trend": pair_trend_score(X_real, X_holdout, **options),
            }
        names = ("marginal", "pair_trend", "c2st", "alpha_precision", "beta_recall")
        self.scores_ = {
            name: {which: figures[name] for which, figures in found.items()} for name in names
        }
        self.privacy_ = distance_to_closest_record(X_real, X_synthetic, X_holdout, **drawing)

    def _compare(self, X_real, table, X, drawing):
        """The measures that draw rows, NaN where there are too few of them."""
        names = ("c2st", "alpha_precision", "beta_recall")
        if min(self._real.n_rows, table.n_rows, drawing["max_rows"] or np.inf) < _FEWEST_ROWS:
            return dict.fromkeys(names, np.nan)
        pair = alpha_precision_beta_recall(X_real, X, **drawing)
        return dict(zip(names, (c2st(X_real, X, n_splits=_FOLDS, **drawing), *pair), strict=True))

    def plot(self, figure=None):
        """Draw the scores, the pairs, and the columns, those that differ most first.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or None, default=None
            Where to draw, such as ``plt.figure(figsize=(11, 11), layout="constrained")`` to
            show it in a window. None makes a figure of fitting size.

        Returns
        -------
        figure : matplotlib.figure.Figure
            At most 24 columns are drawn. Save it with ``figure.savefig(path)``.
        """
        return draw_all(self, figure)

    def _html(self):
        return render(self)
