"""Which cells of a row are missing, given the row: a chain of logistic regressions.

As in `sklearn.multioutput.ClassifierChain` every column is predicted from the row and from
which of the columns before it are missing. Of many predictors those count that go with its
gaps most. Only coefficients are kept, no row.
"""

import warnings

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

MAX_ROWS = 2000  # of the table, enough for its coefficients
_C = 1.0  # inverse strength of the penalty, for codes of unit variance
# Missing cells often come together, by a rule: the penalty hardly holds for other columns' gaps.
_GAP_WEIGHT = 10.0
_LARGEST_LOGIT = 50.0
# Predictors of a regression: its time grows with their square.
_MAX_PREDICTORS = 64


class MaskModel:
    """Probability that cells are missing, given all values of the row.

    The value of a column is no predictor of its own gap: it was never seen beside one.
    Columns that are missing in the same rows share one regression, so that they stay so.

    Parameters
    ----------
    missing : ndarray of bool, shape (n_rows, n_columns)
        Where the table has no value.
    rows : ndarray of int, shape (n_chosen,)
        The rows to learn from; rates are those of all rows.
    codes : ndarray of shape (n_chosen, n_codes)
        The chosen rows, completed.
    layout : CodeLayout
    weight : ndarray of shape (n_rows,), optional
        How often each row counts.
    """

    def __init__(self, missing, rows, codes, layout, weight=None):
        self._n_columns = missing.shape[1]
        self._groups = _same_gaps(missing)
        n_groups, n_codes = len(self._groups), layout.n_codes
        self._intercept = np.zeros(n_groups)
        self._of_codes = np.zeros((n_groups, n_codes))
        self._of_gaps = np.zeros((n_groups, n_groups))
        scale = np.ones(n_codes)
        spread = codes[:, layout.numeric_codes].std(axis=0)
        scale[layout.numeric_codes] = np.where(spread > 0, spread, 1.0)
        first = [group[0] for group in self._groups]
        weight = np.ones(len(missing)) if weight is None else weight
        rates = weight @ missing[:, first] / weight.sum()
        weight = weight[rows]
        gaps = missing[np.ix_(rows, first)]
        predictors = np.hstack([codes / scale, _GAP_WEIGHT * gaps])
        centered = predictors - predictors.mean(axis=0)
        spread = np.linalg.norm(centered, axis=0)
        for g, group in enumerate(self._groups):
            y = gaps[:, g]
            self._intercept[g] = _logit(rates[g])
            if y.all() or not y.any():
                continue
            allowed = np.flatnonzero(
                (spread > 0)
                & np.append(~np.isin(layout.column_of_code, group), np.arange(n_groups) < g)
            )
            if len(allowed) > _MAX_PREDICTORS:
                association = np.abs((y - y.mean()) @ centered)[allowed] / spread[allowed]
                strongest = np.argsort(-association, kind="stable")[:_MAX_PREDICTORS]
                allowed = np.sort(allowed[strongest])
            if len(allowed) == 0:
                continue
            model = _fit_logistic(predictors[:, allowed], y, weight)
            # An intercept without a penalty gives the rate of the chosen rows.
            self._intercept[g] += model.intercept_[0] - _logit(np.average(y, weights=weight))
            coefficients = np.zeros(n_codes + n_groups)
            coefficients[allowed] = model.coef_[0]
            self._of_codes[g] = coefficients[:n_codes] / scale
            self._of_gaps[g] = coefficients[n_codes:] * _GAP_WEIGHT

    def draw(self, codes, uniforms, observed):
        """Draw which cells are missing.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_codes)
            Complete rows.
        uniforms : ndarray of shape (n_rows, n_columns)
            Numbers from 0 to 1.
        observed : ndarray of bool, shape (n_rows, n_columns)
            Cells that are not to be missing.

        Returns
        -------
        missing : ndarray of bool, shape (n_rows, n_columns)
        """
        missing = np.zeros((len(codes), self._n_columns), dtype=bool)
        gaps = np.zeros((len(codes), len(self._groups)))
        for g, group in enumerate(self._groups):
            # Summed row by row: in a matrix product the last digits depend on the other rows.
            score = (codes * self._of_codes[g]).sum(axis=1) + (gaps * self._of_gaps[g]).sum(axis=1)
            gap = uniforms[:, group[0]] < expit(score + self._intercept[g])
            missing[:, group] = gap[:, None] & ~observed[:, group]
            gaps[:, g] = missing[:, group].any(axis=1)
        return missing


def _same_gaps(missing):
    """Return groups of columns that are missing in the same rows, the least missing first."""
    columns = np.flatnonzero(missing.any(axis=0))
    columns = columns[np.argsort(missing[:, columns].sum(axis=0), kind="stable")]
    groups = {}
    for j in columns.tolist():
        groups.setdefault(np.packbits(missing[:, j]).tobytes(), []).append(j)
    return list(groups.values())


def _fit_logistic(features, y, weight):
    model = LogisticRegression(C=_C, solver="newton-cholesky", max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what was reached is good enough
        return model.fit(features, y, sample_weight=weight)


def _logit(rate):
    return np.clip(logit(rate), -_LARGEST_LOGIT, _LARGEST_LOGIT)
