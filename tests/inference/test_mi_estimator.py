"""MIEstimator: scikit-learn's checks, and what averaging over completed tables means."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skmissdiff import MissDiffImputer
from skmissdiff.inference import MIEstimator

# A factor analysis alone: the checks fit a hundred times.
MISSDIFF = MissDiffImputer(max_iter=0)
CHAINED = IterativeImputer(sample_posterior=True, max_iter=2, tol=1e3)
LOGISTIC = LogisticRegression(max_iter=1000)
ESTIMATORS = [
    MIEstimator(MISSDIFF, LogisticRegression(), n_imputations=2),
    MIEstimator(CHAINED, LinearRegression(), n_imputations=2),
    MIEstimator(CHAINED, KNeighborsClassifier(), n_imputations=2),
    MIEstimator(CHAINED, RidgeClassifier(), n_imputations=2),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "check", [check_param_validation, check_dataframe_column_names_consistency]
)
@pytest.mark.parametrize("estimator", ESTIMATORS[:2], ids=["missdiff", "chained"])
def test_further_check(estimator, check):
    check("MIEstimator", clone(estimator))


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    X[np.random.default_rng(0).random(X.shape) < 0.3] = np.nan
    return X, y


class Recorder(MissDiffImputer):
    """Counts its fits."""

    fits = 0

    def fit(self, X, y=None):
        Recorder.fits += 1
        return super().fit(X, y)


def test_draws_of_missdiff_come_from_one_fit(iris):
    Recorder.fits = 0
    model = MIEstimator(Recorder(max_iter=0), LOGISTIC, n_imputations=4)
    model.fit(*iris)
    assert Recorder.fits == 1
    assert len(model.imputers_) == 1
    assert len(model.estimators_) == 4


def test_chained_imputers_have_seeds_of_their_own(iris):
    X, y = iris
    chained = IterativeImputer(sample_posterior=True, max_iter=2, tol=1e3, random_state=3)
    model = MIEstimator(chained, LOGISTIC, n_imputations=3, random_state=0).fit(X, y)
    seeds = [imputer.random_state for imputer in model.imputers_]
    assert len(set(seeds)) == 3
    coefficients = np.array([estimator.coef_ for estimator in model.estimators_])
    assert (coefficients.std(axis=0) > 0).all()
    assert chained.random_state == 3  # what the user gave is left alone


@pytest.mark.parametrize("imputer", [MISSDIFF, CHAINED], ids=["missdiff", "chained"])
def test_averages_what_the_estimators_say(iris, imputer):
    X, y = iris
    model = MIEstimator(imputer, LOGISTIC, n_imputations=3, random_state=0).fit(X, y)
    tables = model._drawing.draw(X)
    singles = np.array(
        [
            estimator.predict_proba(table)
            for estimator, table in zip(model.estimators_, tables, strict=True)
        ]
    )
    assert np.abs(singles[0] - singles[1]).max() > 0.01
    np.testing.assert_allclose(model.predict_proba(X), singles.mean(axis=0))
    np.testing.assert_array_equal(model.predict(X), singles.mean(axis=0).argmax(axis=1))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


@pytest.mark.parametrize("imputer", [MISSDIFF, CHAINED], ids=["missdiff", "chained"])
def test_repeats(iris, imputer):
    X, y = iris
    model = MIEstimator(imputer, LOGISTIC, n_imputations=2, random_state=0).fit(X, y)
    first = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), first)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), first)
    other = clone(model).set_params(random_state=1).fit(X, y)
    assert np.abs(other.predict_proba(X) - first).max() > 1e-3


def test_rows_do_not_depend_on_their_neighbours(iris):
    X, y = iris
    model = MIEstimator(MISSDIFF, LOGISTIC, n_imputations=2, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X)[40:60], model.predict_proba(X[40:60]))


def test_seeds_of_the_estimators(iris):
    X, y = iris
    forest = RandomForestClassifier(n_estimators=3)
    model = MIEstimator(MISSDIFF, forest, n_imputations=2, random_state=0).fit(X, y)
    assert len({estimator.random_state for estimator in model.estimators_}) == 2
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), model.predict_proba(X))
    own = MIEstimator(MISSDIFF, forest.set_params(random_state=7), n_imputations=2).fit(X, y)
    assert [estimator.random_state for estimator in own.estimators_] == [7, 7]


def test_kinds_of_estimators(iris):
    X, y = iris
    regressor = MIEstimator(MISSDIFF, LinearRegression(), n_imputations=2).fit(X, y * 1.0)
    assert is_regressor(regressor)
    assert not hasattr(regressor, "predict_proba")
    assert regressor.score(X, y) > 0.7
    two = regressor.fit(X, np.column_stack([y, -y])).predict(X)
    np.testing.assert_allclose(two[:, 0], -two[:, 1], atol=1e-9)
    for inner in (RidgeClassifier(), NearestCentroid(), LOGISTIC):
        model = MIEstimator(MISSDIFF, inner, n_imputations=3).fit(X, y)
        assert is_classifier(model)
        assert model.score(X, y) > 0.7
    # Where both are there, the average probability decides.
    assert not hasattr(model, "decision_function")


class Voter(NearestCentroid):
    """A classifier that tells nothing but labels."""

    predict_proba = decision_function = property()


def test_majority(iris):
    X, y = iris
    labels = np.array(["a", "b", "c"])[y]
    model = MIEstimator(MISSDIFF, Voter(), n_imputations=5, random_state=0).fit(X, labels)
    votes = np.array(model._results("predict", X))
    assert (votes != votes[0]).any()
    for row, label in zip(votes.T, model.predict(X), strict=True):
        assert (row == label).sum() == max((row == other).sum() for other in "abc")


def test_frames_with_categories_in_pipelines_and_searches(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["e"] = pd.Categorical(
        np.where(np.arange(150) % 7 == 0, None, np.array(["u", "v"])[y % 2])
    )
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
        remainder=StandardScaler(),
    )
    inner = make_pipeline(encode, LOGISTIC)
    model = MIEstimator(MISSDIFF, inner, n_imputations=2, random_state=0)
    assert cross_val_score(model, frame, y, cv=3).mean() > 0.8
    model.fit(frame, y)
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d", "e"]])
    grid = {"estimator__logisticregression__C": [0.1, 1.0], "n_imputations": [1, 2]}
    search = GridSearchCV(model, grid, cv=2).fit(frame, y)
    assert search.best_params_.keys() == grid.keys()


def test_weights_reach_the_estimators(iris):
    X, y = iris
    weights = np.where(y == 0, 0.0, 1.0)
    model = MIEstimator(MISSDIFF, LinearRegression(), n_imputations=2, random_state=0)
    weighted = clone(model).fit(X, y, sample_weight=weights).predict(X)
    without = clone(model).fit(X, y).predict(X)
    assert np.abs(weighted - without).max() > 0.01


def test_default_imputer(iris, monkeypatch):
    monkeypatch.setattr(MissDiffImputer, "fit", lambda self, X: (_ for _ in ()).throw(Caught))
    with pytest.raises(Caught):
        MIEstimator(estimator=LOGISTIC).fit(*iris)


class Caught(Exception):
    pass


@pytest.mark.parametrize(
    ("imputer", "error", "words"),
    [
        (SimpleImputer(), TypeError, "SimpleImputer gives one value for a cell"),
        (IterativeImputer(random_state=0), ValueError, "set sample_posterior=True"),
    ],
)
def test_imputers_that_do_not_draw(iris, imputer, error, words):
    with pytest.raises(error, match=words):
        MIEstimator(imputer, LOGISTIC).fit(*iris)


def test_without_estimator(iris):
    with pytest.raises(ValueError, match="needs an estimator"):
        MIEstimator().fit(*iris)


def test_missing_responses_are_refused_before_the_imputer_is_trained(iris, monkeypatch):
    X, y = iris
    monkeypatch.setattr(MissDiffImputer, "fit", lambda self, X: (_ for _ in ()).throw(Caught))
    with pytest.raises(ValueError, match="y contains NaN"):
        MIEstimator(MISSDIFF, LinearRegression()).fit(X, np.where(y == 1, np.nan, y))


def test_the_seed_reaches_an_imputer_without_one(iris):
    def seed_of(imputer):
        model = MIEstimator(imputer, LOGISTIC, n_imputations=2, random_state=0).fit(*iris)
        return model.imputers_[0].random_state

    assert isinstance(seed_of(MISSDIFF), int)
    assert seed_of(MissDiffImputer(max_iter=0, random_state=5)) == 5
    assert MISSDIFF.random_state is None
