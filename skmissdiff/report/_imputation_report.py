"""The report on an imputed table: what was put where, and how good it is."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skmissdiff._support.sklearn_private import Interval, validate_params
from skmissdiff.displays._imputed_tables import imputations_of, read_imputations, reading_of
from skmissdiff.displays._row_imputations import take_rows
from skmissdiff.report._held_out import judge_held_out
from skmissdiff.report._imputation_html import render
from skmissdiff.report._page import HtmlReport

_N_IMPUTATIONS = 5


class ImputationReport(HtmlReport):
    """What was imputed in a table and how good it is, as figures and as one HTML file.

    All is computed when the report is made.

    Parameters
    ----------
    imputer : MissDiffImputer
        The fitted imputer.
    X : array-like or frame of shape (n_rows, n_columns)
        The table with missing cells.
    imputations : one, or a list, of array-like or frame, default=None
        The completed tables that the report is about. None takes what `transform` gives.
    hidden_fraction : float or None, default=0.1
        Share of the observed cells that are hidden from a clone of the imputer, which is trained
        for this, and imputed. So the report takes as long as another fit. None leaves this
        part out.
    refit : bool, default=True
        False hides the cells from the fitted imputer itself, which is fair only if it was
        fitted to other rows.
    n_draws : int, default=20
        Draws of each hidden cell.
    remarks : list of str, default=()
        What the reader is to be told of the table and of the training.
    max_rows : int or None, default=300
        Rows that draws are made of where there are more: draws are what takes time.
    random_state : int, RandomState instance or None, default=None
        Hides the cells, and seeds draws.

    Attributes
    ----------
    names_ : list of str
        Of the columns, "x0", "x1" and so on in an array.
    n_imputed_ : ndarray of int, shape (n_columns,)
        Cells that were imputed.
    held_out_ : dict of str to dict of str to float
        For each column with hidden cells: "n_cells", "error" of the best guesses (root mean
        square of numbers, share of wrong categories), "constant_error" of the mean or the most
        frequent category, "coverage_50" and "coverage_90" of intervals of the draws (NaN of
        categories). Numbers are in the units of the column, dates and times in seconds. Empty
        without a `hidden_fraction`.

    See Also
    --------
    SyntheticReport : The same for generated rows.
    skmissdiff.displays : Its pictures one by one.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmissdiff import MissDiffImputer
    >>> from skmissdiff.report import ImputationReport
    >>> X = load_iris(as_frame=True).data
    >>> X.iloc[::4, 0] = float("nan")
    >>> imputer = MissDiffImputer(max_iter=20, random_state=0).fit(X)
    >>> report = ImputationReport(imputer, X, random_state=0)
    >>> report.n_imputed_.tolist()
    [38, 0, 0, 0]
    >>> sepal = report.held_out_["sepal length (cm)"]
    >>> bool(sepal["error"] < sepal["constant_error"])
    True
    >>> "<h1>" in report.to_html()
    True
    """

    @validate_params(
        {
            "imputer": "no_validation",
            "X": "no_validation",
            "imputations": "no_validation",
            "hidden_fraction": [Interval(Real, 0, 1, closed="neither"), None],
            "refit": ["boolean"],
            "n_draws": [Interval(Integral, 2, None, closed="left")],
            "remarks": [list, tuple],
            "max_rows": [Interval(Integral, 2, None, closed="left"), None],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def __init__(
        self,
        imputer,
        X,
        *,
        imputations=None,
        hidden_fraction=0.1,
        refit=True,
        n_draws=20,
        remarks=(),
        max_rows=300,
        random_state=None,
    ):
        rng = check_random_state(random_state)
        choosing, drawing, hiding = rng.randint(2**31 - 1, size=3).tolist()
        if imputations is None:
            imputations = imputer.transform(X)
        self._imputer, self._X, self._remarks = imputer, X, tuple(remarks)
        self._tables = read_imputations(X, imputations, **reading_of(imputer))
        self.names_ = list(self._tables.names)
        self.n_imputed_ = self._tables.filled.sum(axis=0)
        self._draws = self._drawn(max_rows, choosing, drawing)
        self.held_out_, self._calibration = {}, None
        if hidden_fraction is not None:
            self.held_out_, self._calibration = judge_held_out(
                imputer, X, hidden_fraction, refit, n_draws, max_rows, hiding
            )

    def _drawn(self, max_rows, choosing, drawing):
        """Several draws of the imputed cells: the given ones, or new ones of some of the rows."""
        if len(self._tables.imputed) > 1 or not self.n_imputed_.any():
            return self._tables
        rows = np.flatnonzero(self._tables.filled.any(axis=1))
        if max_rows is not None and len(rows) > max_rows:
            rng = np.random.default_rng(choosing)
            rows = np.sort(rng.choice(rows, max_rows, replace=False))
        part = take_rows(self._X, rows)
        schema = self._tables.whole.schema
        return imputations_of(self._imputer, part, _N_IMPUTATIONS, drawing, schema)

    def _html(self):
        return render(self)
