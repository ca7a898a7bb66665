"""The imputers that are compared: every one is built for a seed and has fit and transform.

To add a row, write a function of the seed that returns such an object and name it in
``IMPUTERS``.
"""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.preprocessing import OrdinalEncoder

from skmissdiff import MissDiffImputer, TableEncoder


class OnCodes(TransformerMixin, BaseEstimator):
    """An imputer of numbers on a mixed table: one-hot levels, the largest code wins."""

    def __init__(self, imputer):
        self.imputer = imputer

    def fit(self, X, y=None):
        self.encoder_ = TableEncoder(max_categories=None).fit(X)
        self.imputer_ = clone(self.imputer).fit(self.encoder_.transform(X))
        return self

    def transform(self, X):
        completed = self.encoder_.inverse_transform(
            self.imputer_.transform(self.encoder_.transform(X))
        )
        return X.where(X.notna(), completed.set_axis(X.index))


class BoostingPerColumn(TransformerMixin, BaseEstimator):
    """One HistGradientBoosting model per column, with missing inputs as they are."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        self.text_ = [not numeric for numeric in map(_is_numeric, X.dtypes)]
        self.ordinal_ = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan
        ).fit(X.loc[:, self.text_])
        codes, self.models_ = self._codes(X), []
        for j, column in enumerate(X):
            observed = X[column].notna().to_numpy()
            others = np.arange(X.shape[1]) != j
            kind = (
                HistGradientBoostingClassifier if self.text_[j] else HistGradientBoostingRegressor
            )
            # The classes take at most 255 levels as categories; wider columns are ordinal.
            few = np.array(self.text_) & (X.nunique() <= 255).to_numpy()
            model = kind(categorical_features=few[others], random_state=self.random_state)
            self.models_.append(model.fit(codes[observed][:, others], X[column][observed]))
        return self

    def transform(self, X):
        codes, completed = self._codes(X), X.copy()
        for j, (column, model) in enumerate(zip(X, self.models_, strict=True)):
            rows = X[column].isna().to_numpy()
            if rows.any():
                others = np.arange(X.shape[1]) != j
                completed.loc[rows, column] = model.predict(codes[rows][:, others])
        return completed

    def _codes(self, X):
        codes = np.empty(X.shape)
        text = np.array(self.text_)
        codes[:, ~text] = X.loc[:, ~text]
        if text.any():
            codes[:, text] = self.ordinal_.transform(X.loc[:, text])
        return codes


def _is_numeric(dtype):
    return dtype.kind in "iuf"


def mean_mode(seed):
    return OnCodes(SimpleImputer())


def knn(seed):
    return OnCodes(KNNImputer())


def mice(seed):
    """IterativeImputer with its default BayesianRidge."""
    return OnCodes(IterativeImputer(random_state=seed))


def missforest(seed):
    """IterativeImputer with forests,: 50 trees, sqrt of the features, 4 rounds."""
    forest = RandomForestRegressor(50, max_features="sqrt", random_state=seed, n_jobs=-1)
    return OnCodes(IterativeImputer(forest, max_iter=4, random_state=seed))


def ice_boosting(seed):
    boosting = HistGradientBoostingRegressor(random_state=seed)
    return OnCodes(IterativeImputer(boosting, max_iter=4, random_state=seed))


def boosting_per_column(seed):
    return BoostingPerColumn(random_state=seed)


def factor_analysis(seed):
    """The default method before any training step."""
    return MissDiffImputer(max_iter=0, random_state=seed)


def masked(seed):
    return MissDiffImputer(random_state=seed)


def masked_median(seed):
    return MissDiffImputer(aggregate="median", random_state=seed)


def missdiff(seed):
    """The paper's method, 10 draws averaged."""
    return MissDiffImputer("missdiff", n_draws=10, random_state=seed)


IMPUTERS = {
    "mean / mode": mean_mode,
    "k nearest neighbours": knn,
    "MICE (linear)": mice,
    "MissForest": missforest,
    "ICE + boosting": ice_boosting,
    "boosting per column": boosting_per_column,
    "factor analysis alone": factor_analysis,
    "skmissdiff, missdiff": missdiff,
    "skmissdiff": masked,
    "skmissdiff, median": masked_median,
}
