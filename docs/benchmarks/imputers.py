"""The imputers that are compared: every one is built for a seed and has fit and transform.

To add a row, write a function of the seed that returns such an object and name it in
``IMPUTERS``. What not everybody has installed is imported in its function.
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

from docs.benchmarks.limits import n_threads, training_seconds
from docs.benchmarks.pinned import PinnedPeer
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

    @property
    def fit_seconds_(self):
        """As the imputer measured it, where it did."""
        return self.imputer_.fit_seconds_

    @property
    def transform_seconds_(self):
        return self.imputer_.transform_seconds_


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
            if self.text_[j]:  # its early stopping cannot split a class of one
                observed = observed & X[column].duplicated(keep=False).to_numpy()
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
    """KNNImputer with its default 5 neighbours."""
    return OnCodes(KNNImputer())


def mice(seed):
    """IterativeImputer with its default BayesianRidge, 10 rounds."""
    return OnCodes(IterativeImputer(random_state=seed))


def missforest(seed):
    """IterativeImputer with RandomForestRegressor: 50 trees, sqrt of the features, 4 rounds.

    Not the R package: levels are one-hot codes, each with a forest of its own, and the number
    of rounds is fixed.
    """
    forest = RandomForestRegressor(50, max_features="sqrt", random_state=seed, n_jobs=n_threads())
    return OnCodes(IterativeImputer(forest, max_iter=4, random_state=seed))


def ice_boosting(seed):
    """IterativeImputer with HistGradientBoostingRegressor, 4 rounds."""
    boosting = HistGradientBoostingRegressor(random_state=seed)
    return OnCodes(IterativeImputer(boosting, max_iter=4, random_state=seed))


def boosting_per_column(seed):
    return BoostingPerColumn(random_state=seed)


def gain(seed):
    """hyperimpute's GAIN (Yoon et al. 2018) on the codes, with its defaults."""
    return OnCodes(PinnedPeer("GAIN", seed))


def miwae(seed):
    """hyperimpute's MIWAE (Mattei and Frellsen 2019) on the codes, with its defaults."""
    return OnCodes(PinnedPeer("MIWAE", seed))


def hyperimpute(seed):
    """Jarrett et al. 2022. It has no model for new rows: it gets training and test rows."""
    return PinnedPeer("HyperImpute", seed)


def miceforest(seed):
    """Chained LightGBM, 5 datasets; their mean, or the most frequent level."""
    return PinnedPeer("miceforest", seed)


def unmasking_trees(seed):
    """McCarter 2024; mean, or most frequent level, of 5 draws."""
    return PinnedPeer("UnmaskingTrees", seed)


def forest_diffusion(seed):
    """Jolicoeur-Martineau et al. 2024, 5 draws; it gets training and test rows."""
    return PinnedPeer("ForestDiffusion", seed)


def csdi_t(seed):
    """Zheng and Charoenphakdee 2022; trains, and draws, for two fifths of the budget at most."""
    from docs.benchmarks.baselines import CSDI

    return CSDI(random_state=seed, max_time=training_seconds())


def factor_analysis(seed):
    """The default method before any training step."""
    return MissDiffImputer(max_iter=0, random_state=seed)


def missdiff(seed):
    """The paper's method, 10 draws averaged."""
    return MissDiffImputer("missdiff", n_draws=10, random_state=seed)


def default(seed):
    return MissDiffImputer(random_state=seed)


def default_median(seed):
    return MissDiffImputer(aggregate="median", random_state=seed)


DEFAULT = "skmissdiff"
IMPUTERS = {
    "mean / mode": mean_mode,
    "k nearest neighbours": knn,
    "MICE (linear)": mice,
    "MissForest": missforest,
    "ICE + boosting": ice_boosting,
    "boosting per column": boosting_per_column,
    "GAIN": gain,
    "MIWAE": miwae,
    "HyperImpute": hyperimpute,
    "miceforest": miceforest,
    "UnmaskingTrees": unmasking_trees,
    "ForestDiffusion": forest_diffusion,
    "CSDI_T": csdi_t,
    "factor analysis alone": factor_analysis,
    "skmissdiff, missdiff": missdiff,
    "skmissdiff, median": default_median,
    DEFAULT: default,
}
