"""Predictions averaged over several completed tables."""

from numbers import Integral

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    check_array,
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from skmissdiff._support.sklearn_private import HasMethods, Interval
from skmissdiff.inference._imputers import fit_drawing_imputer, seeded


def _inner_has(name):
    return lambda self: hasattr(self.estimator, name)


def _decides_by_function(self):
    # Averages of probabilities and of their logarithms need not name the same class.
    return hasattr(self.estimator, "decision_function") and not hasattr(
        self.estimator, "predict_proba"
    )


def _check_two_dimensions(X):
    # The imputer checks all else: it alone knows which kinds of columns it takes.
    n_dimensions = len(X.shape) if hasattr(X, "shape") else np.asarray(X).ndim
    if n_dimensions != 2:
        raise ValueError(
            f"Expected a table of two dimensions, got {n_dimensions}. Reshape your data: "
            "X.reshape(1, -1) for one row, X.reshape(-1, 1) for one column."
        )


class MIEstimator(MetaEstimatorMixin, BaseEstimator):
    """A classifier or regressor for tables with missing values, by multiple imputation.

    The table is completed several times with draws, a copy of the estimator is fitted to each
    completed table, and for new rows, completed in the same way, the predictions are averaged
    [1]_. So predictions know how uncertain the missing cells are: a probability is not the one
    for the best guess, but the average one over what the cells may be.

    Parameters
    ----------
    imputer : transformer or None, default=None
        None is `MissDiffImputer()`. Any transformer serves that has

        - ``multiple_impute(X, n_imputations, random_state)``, and is then fitted once; or
        - parameters `sample_posterior`, which must be set, and `random_state`, as scikit-learn's
          `IterativeImputer`. It is then fitted once for each imputation, with another seed.

        It sees the columns of `X` alone, not `y`, which is not there when predicting.
    estimator : estimator or None, default=None
        The classifier or regressor, or a pipeline that ends in one. It must be given. Categories
        come out of the imputer as they went in, so that it has to encode them.
    n_imputations : int, default=10
        Number of completed tables.
    random_state : int, RandomState instance or None, default=None
        Seed of the imputer and of the estimators, where these have no `random_state` of their
        own; an imputer that is fitted several times always gets other seeds.

    Attributes
    ----------
    estimators_ : list of estimator
        The fitted estimators, one for each completed table.
    imputers_ : list of transformer
        The fitted imputer, or one for each completed table.
    classes_ : ndarray of shape (n_classes,)
        The classes, of a classifier alone.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, where all are strings.

    See Also
    --------
    pool : Pool estimates rather than predictions.

    Notes
    -----
    To *estimate* with `y` as the response, complete `y` and `X` together and `pool`: imputing
    without the response weakens its relation to the columns [2]_, chapter 2. For predictions
    that is no harm, as rows to be predicted are completed in the same way.

    Rows are predicted one by one: with `MissDiffImputer`, what is predicted for a row depends on
    this row alone, and predicting again gives the same.

    References
    ----------
    .. [1] A. M. Wood, P. Royston, I. R. White, "The estimation and use of predictions for the
       assessment of model performance using large samples with multiply imputed data",
       Biometrical Journal 57, 2015.
    .. [2] S. van Buuren, "Flexible Imputation of Missing Data", 2nd ed., 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skmissdiff import MissDiffImputer
    >>> from skmissdiff.inference import MIEstimator
    >>> X, y = load_iris(return_X_y=True)
    >>> X[np.random.default_rng(0).random(X.shape) < 0.3] = np.nan
    >>> model = MIEstimator(
    ...     MissDiffImputer(max_iter=20),
    ...     LogisticRegression(max_iter=1000),
    ...     n_imputations=3,
    ...     random_state=0,
    ... ).fit(X[::2], y[::2])
    >>> model.predict_proba(X[1::2]).shape
    (75, 3)
    >>> model.score(X[1::2], y[1::2]) > 0.8
    True
    """

    _parameter_constraints: dict = {
        "imputer": [HasMethods(["fit", "transform"]), None],
        "estimator": [HasMethods(["fit", "predict"]), None],
        "n_imputations": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, imputer=None, estimator=None, n_imputations=10, *, random_state=None):
        self.imputer = imputer
        self.estimator = estimator
        self.n_imputations = n_imputations
        self.random_state = random_state

    def fit(self, X, y, **fit_params):
        """Complete the table several times, and fit an estimator to each completed table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The columns, with missing cells.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            What is to be predicted, without missing cells.
        **fit_params : dict
            Passed to `fit` of each estimator, such as `sample_weight`.

        Returns
        -------
        self : MIEstimator
            The fitted estimator.
        """
        self._validate_params()
        if self.estimator is None:
            raise ValueError("MIEstimator needs an estimator: a classifier or a regressor.")
        if y is None:
            raise ValueError("MIEstimator requires y to be passed, but the target y is None.")
        _check_two_dimensions(X)
        validate_data(self, X, skip_check_array=True)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        y = column_or_1d(y, warn=True) if is_classifier(self) else y
        check_consistent_length(X, y)
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        rng = check_random_state(self.random_state)
        drawing = fit_drawing_imputer(self._imputer(), X, self.n_imputations, rng)
        estimators = [
            seeded(clone(self.estimator), rng).fit(completed, y, **fit_params)
            for completed in drawing.draw(X)
        ]
        self._drawing = drawing
        self.imputers_ = drawing.imputers
        self.estimators_ = estimators
        if is_classifier(self):
            self.classes_ = estimators[0].classes_
        return self

    def predict(self, X):
        """Predict for rows with missing cells.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Rows with the columns seen in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Averages; of a classifier the class of the largest average probability. Without
            probabilities, the averages of `decision_function` decide or else the majority.
        """
        check_is_fitted(self)
        if not is_classifier(self):
            return self._average("predict", X)
        if hasattr(self, "predict_proba"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        if hasattr(self, "decision_function"):
            scores = self.decision_function(X)
            places = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
            return self.classes_[places]
        votes = [labels[:, None] == self.classes_ for labels in self._results("predict", X)]
        return self.classes_[np.sum(votes, axis=0).argmax(axis=1)]

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X):
        """Probabilities of the classes, averaged over the completed tables.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Rows with the columns seen in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._average("predict_proba", X)

    @available_if(_inner_has("predict_proba"))
    def predict_log_proba(self, X):
        """Logarithms of `predict_proba`.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Rows with the columns seen in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(_decides_by_function)
    def decision_function(self, X):
        """Decision function, averaged; of estimators alone that have no probabilities.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Rows with the columns seen in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            As the estimators give them.
        """
        return self._average("decision_function", X)

    def score(self, X, y, sample_weight=None):
        """Accuracy of a classifier, coefficient of determination of a regressor.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Rows with the columns seen in `fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The truth.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            Higher is better, 1 is best.
        """
        measure = accuracy_score if is_classifier(self) else r2_score
        return measure(y, self.predict(X), sample_weight=sample_weight)

    def get_metadata_routing(self):
        """How metadata goes to the estimators.

        Returns
        -------
        routing : MetadataRouter
            What scikit-learn's metadata routing asks for.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            inner = get_tags(self.estimator)
            tags.estimator_type = inner.estimator_type
            tags.classifier_tags = inner.classifier_tags
            tags.regressor_tags = inner.regressor_tags
            tags.target_tags = inner.target_tags
            if inner.estimator_type == "classifier":
                # Probabilities of several targets come in another shape for each estimator.
                tags.target_tags.multi_output = False
                tags.classifier_tags.multi_label = False
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = False
        return tags

    def _imputer(self):
        if self.imputer is not None:
            return self.imputer
        from skmissdiff import MissDiffImputer  # torch is loaded when it is used

        return MissDiffImputer()

    def _results(self, method, X):
        """What each estimator gives for its completed table."""
        check_is_fitted(self)
        _check_two_dimensions(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        return [
            getattr(estimator, method)(completed)
            for estimator, completed in zip(self.estimators_, self._drawing.draw(X), strict=True)
        ]

    def _average(self, method, X):
        return np.mean(self._results(method, X), axis=0)
