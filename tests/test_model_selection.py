"""The estimators inside pipelines and searches, and how often these train."""

from itertools import pairwise

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skmissdiff
from skmissdiff import MissDiffImputer
from skmissdiff._diffusion.masked import MaskedMethod
from skmissdiff._diffusion.paper import PaperMethod
from skmissdiff._diffusion.recipe import has_fast_bfloat16

pytestmark = pytest.mark.slow

METHODS = ["masked", "missdiff"]
N_SPLITS = 3
STEPS = [2, 4, 8]


def build(method="masked", **params):
    quick = {"max_iter": 8, "n_steps": 4, "random_state": 0}
    if method == "missdiff" and not params.get("sample_posterior"):
        quick["n_draws"] = 2
    return MissDiffImputer(method, **{**quick, **params})


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 90)
    X = 1.5 * y[:, None] + rng.normal(size=(90, 4))
    X[rng.random(X.shape) < 0.2] = np.nan
    return X, y


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


@pytest.fixture
def trainings(monkeypatch):
    """The number of rows of every training that was really done, not read from a cache."""
    calls = []
    for cls in (MaskedMethod, PaperMethod):
        train = cls.train

        def counted(self, x, *args, train=train):
            calls.append(len(x))
            return train(self, x, *args)

        monkeypatch.setattr(cls, "train", counted)
    return calls


def test_a_pipeline_with_a_classifier_cross_validates(method, data, trainings):
    X, y = data
    pipeline = make_pipeline(build(method), StandardScaler(), LogisticRegression())
    scores = cross_val_score(pipeline, X, y, cv=N_SPLITS, error_score="raise")
    assert scores.mean() > 0.75
    assert trainings == [60] * N_SPLITS


def test_a_pipeline_on_a_mixed_frame(method, data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcd")).astype({"c": "Float64"})
    frame["d"] = pd.cut(frame["d"], [-np.inf, 0, 1, np.inf], labels=["low", "mid", "high"])
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["d"]), remainder="passthrough"
    )
    pipeline = make_pipeline(build(method), encode, LogisticRegression())
    scores = cross_val_score(pipeline, frame, y, cv=N_SPLITS, error_score="raise")
    assert scores.mean() > 0.6


def expected_trainings(method, n_values, n_splits=N_SPLITS):
    """Of a search over n_steps and the final fit of the best."""
    return n_splits * (1 if method == "masked" else n_values) + 1


def test_search_over_steps_alone(method, data, trainings, tmp_path):
    X, _ = data
    # Networks that are not believed leave a Gaussian, whose draws are exact without any step.
    imputer = build(method, sample_posterior=True, memory=str(tmp_path), early_stopping=False)
    search = GridSearchCV(imputer, {"n_steps": STEPS}, cv=N_SPLITS, error_score="raise")
    search.fit(X)
    assert len(trainings) == expected_trainings(method, len(STEPS))
    # Steps change the draws, hence the scores.
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert (scores < 0).all()
    assert len(set(scores)) == len(STEPS)
    assert search.best_estimator_.n_steps == search.best_params_["n_steps"]
    assert search.transform(X).shape == X.shape


def test_search_over_steps_in_a_pipeline(method, data, trainings, tmp_path):
    X, y = data
    imputer = build(method, sample_posterior=True, memory=str(tmp_path / "trainings"))
    pipeline = make_pipeline(imputer, LogisticRegression(), memory=str(tmp_path / "steps"))
    grid = {"missdiffimputer__n_steps": STEPS, "logisticregression__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=N_SPLITS, error_score="raise").fit(X, y)
    assert len(trainings) == expected_trainings(method, len(STEPS))
    assert search.best_score_ > 0.7
    scores = {
        params["missdiffimputer__n_steps"]: score
        for params, score in zip(
            search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
        )
    }
    assert len(scores) == len(STEPS)


def test_a_cached_training_is_the_same_training(method, data, trainings, tmp_path):
    X, _ = data
    plain = build(method).fit(X)
    cached = [build(method, memory=str(tmp_path)).fit(X) for _ in range(2)]
    assert len(trainings) == 2
    for imputer in cached:
        np.testing.assert_array_equal(imputer.transform(X), plain.transform(X))
        assert imputer.loss_curve_ == plain.loss_curve_


@pytest.mark.parametrize(
    "change",
    [
        {"sample_posterior": True},
        {"aggregate": "mode"},
        {"aggregate": "mode", "n_draws": 5},
        {"bounds": None},
        {"snap": True},
        {"add_indicator": True},
        {"keep_empty_features": True},
        {"verbose": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_does_not_change_training_is_read_from_the_cache(
    method, change, data, trainings, tmp_path
):
    X, _ = data
    build(method, memory=str(tmp_path)).fit(X)
    build(method, memory=str(tmp_path), **change).fit(X)
    assert len(trainings) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"max_iter": 9},
        {"random_state": 1},
        {"scaling": "quantile"},
        {"early_stopping": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_training_is_trained_anew(method, change, data, trainings, tmp_path):
    X, _ = data
    build(method, memory=str(tmp_path)).fit(X)
    build(method, memory=str(tmp_path), **change).fit(X)
    assert len(trainings) == 2 or (method, change) == ("missdiff", {"early_stopping": False})


def test_another_version_of_the_package_trains_anew(method, data, trainings, tmp_path, monkeypatch):
    X, _ = data
    build(method, memory=str(tmp_path)).fit(X)
    monkeypatch.setattr(skmissdiff, "__version__", "99.0")
    build(method, memory=str(tmp_path)).fit(X)
    assert len(trainings) == 2


def test_a_machine_of_another_precision_trains_anew(method, data, trainings, tmp_path, monkeypatch):
    X, _ = data
    build(method, memory=str(tmp_path)).fit(X)
    other = not has_fast_bfloat16()
    monkeypatch.setattr("skmissdiff._base.has_fast_bfloat16", lambda: other)
    build(method, memory=str(tmp_path)).fit(X)
    assert len(trainings) == 2


def test_other_rows_are_trained_anew(method, data, trainings, tmp_path):
    X, _ = data
    build(method, memory=str(tmp_path)).fit(X)
    build(method, memory=str(tmp_path)).fit(X[:-1])
    assert trainings == [90, 89]


def test_steps_change_what_they_should(method, data):
    X, _ = data
    results = []
    for n_steps in STEPS:
        imputer = build(method, n_steps=n_steps, early_stopping=False).fit(X)
        results.append(
            (
                imputer.transform(X),
                imputer.multiple_impute(X, 1)[0],
                imputer.to_sampler().sample(5),
            )
        )
    for one, other in pairwise(results):
        point, draw, sample = (np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        # The one-pass mean of "masked" takes no steps; all the rest does.
        assert point == (method == "masked")
        assert not draw
        assert not sample


def test_search_over_a_training_parameter(method, data, trainings):
    X, _ = data
    grid = {"max_iter": [1, 60]}
    # The start of "masked", a factor analysis, is not to be believed more than the networks.
    imputer = build(method, early_stopping=False)
    search = GridSearchCV(imputer, grid, cv=N_SPLITS, error_score="raise").fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert len(trainings) == 2 * N_SPLITS + 1
    assert scores[0] != scores[1]
    assert search.best_score_ == scores.max() < 0


def test_search_over_both_kinds_of_parameters(data, trainings, tmp_path):
    X, _ = data
    grid = {"max_iter": [4, 8], "n_steps": STEPS}
    imputer = build(sample_posterior=True, memory=str(tmp_path))
    GridSearchCV(imputer, grid, cv=N_SPLITS, error_score="raise").fit(X)
    assert len(trainings) == 2 * N_SPLITS + 1


def test_search_in_several_threads(data, tmp_path):
    X, _ = data
    imputer = build(sample_posterior=True, memory=str(tmp_path))
    found = []
    for n_jobs in (1, 3):
        search = GridSearchCV(imputer, {"n_steps": STEPS}, cv=2, n_jobs=n_jobs, error_score="raise")
        with joblib.parallel_config("threading"):
            found.append(search.fit(X).cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*found)
