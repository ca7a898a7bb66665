"""Training on generated rows, testing on real ones."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score

from skmissdiff.metrics import utility
from skmissdiff.metrics._utility import LEARNERS

pytestmark = pytest.mark.slow


def make_rows(seed, n_rows=500):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 2))
    side = rng.choice(["left", "right"], n_rows)
    y = 3 * x[:, 0] + 2 * (side == "left") + 0.5 * rng.normal(size=n_rows)
    label = np.where(y + rng.normal(size=n_rows) > 1, "high", "low")
    frame = pd.DataFrame({"x": x[:, 0], "noise": x[:, 1], "side": side, "y": 50 + 10 * y})
    return frame.assign(label=pd.Categorical(label))


@pytest.fixture(scope="module")
def test_rows():
    return make_rows(0)


@pytest.fixture(scope="module")
def train_rows():
    return make_rows(1)


def test_all_learners_learn_to_classify(test_rows, train_rows):
    drop = {"columns": "y"}
    scores = utility(test_rows.drop(**drop), train_rows.drop(**drop), "label", random_state=0)
    assert list(scores) == [*LEARNERS, "mean"]
    for name in LEARNERS:
        assert scores[name]["accuracy"] > 0.75, name
        assert scores[name]["f1"] > 0.75, name
        assert scores[name]["auc"] > 0.75, name
    for measure in ("accuracy", "f1", "auc"):
        mean = np.mean([scores[name][measure] for name in LEARNERS])
        assert scores["mean"][measure] == pytest.approx(mean)


def test_all_learners_learn_to_regress(test_rows, train_rows):
    drop = {"columns": "label"}
    scores = utility(test_rows.drop(**drop), train_rows.drop(**drop), "y", random_state=0)
    assert list(scores) == [*LEARNERS, "mean"]
    for name in LEARNERS:
        assert scores[name]["r2"] > 0.8, name
        rmse = np.sqrt((1 - scores[name]["r2"]) * test_rows["y"].var(ddof=0))
        assert scores[name]["rmse"] == pytest.approx(rmse)


def test_scores_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    test, train = rng.normal(size=(2, 200, 3))
    for table in (test, train):
        table[:, 2] = (table[:, 0] + rng.normal(size=200)).round(3)
    linear = LinearRegression().fit(train[:, :2], train[:, 2])
    found = utility(test, train, 2, learners=["linear"])["linear"]
    assert found["r2"] == pytest.approx(linear.score(test[:, :2], test[:, 2]))
    levels = [np.where(table > 0.5, "b", "a")[:, 2] for table in (test, train)]
    scale = train[:, :2].mean(axis=0), train[:, :2].std(axis=0)
    X_test, X_train = ((table[:, :2] - scale[0]) / scale[1] for table in (test, train))
    logistic = LogisticRegression().fit(X_train, levels[1])
    frames = [
        pd.DataFrame(table[:, :2], columns=["u", "v"]).assign(w=level)
        for table, level in zip((test, train), levels, strict=True)
    ]
    found = utility(*frames, "w", learners=["linear"])["linear"]
    assert found["accuracy"] == pytest.approx(logistic.score(X_test, levels[0]))
    chances = logistic.predict_proba(X_test)[:, 1]
    assert found["auc"] == pytest.approx(roc_auc_score(levels[0] == "b", chances))


def test_rows_that_mislead_score_worse_than_guessing(test_rows, train_rows):
    swapped = train_rows.drop(columns="y")
    swapped["label"] = swapped["label"].map({"high": "low", "low": "high"})
    scores = utility(test_rows.drop(columns="y"), swapped, "label", learners=["linear", "boosting"])
    assert scores["mean"]["auc"] < 0.25


def test_levels_that_are_not_generated(test_rows, train_rows):
    three = test_rows.drop(columns="y")
    three["label"] = three["label"].astype(str).where(three["noise"] < 1, "unheard of")
    scores = utility(three, train_rows.drop(columns="y"), "label", learners=["linear", "boosting"])
    assert 0.4 < scores["linear"]["accuracy"] < 0.85
    # Two of three levels are told well, the third is at 0.5.
    assert 0.6 < scores["linear"]["auc"] < 0.9
    single = train_rows.drop(columns="y").assign(label="low")
    scores = utility(test_rows.drop(columns="y"), single, "label")
    assert {score["auc"] for score in scores.values()} == {0.5}
    share = (test_rows["label"] == "low").mean()
    assert scores["mlp"]["accuracy"] == pytest.approx(share)


def test_missing_cells(test_rows, train_rows):
    drop = {"columns": "label"}
    known = np.random.default_rng(0).random((500, 4)) < 0.9
    tables = [frame.drop(**drop).where(known) for frame in (test_rows, train_rows)]
    scores = utility(*tables, "y", learners=["linear"])
    assert 0.5 < scores["linear"]["r2"] < 0.95
    with pytest.raises(ValueError, match="X_synthetic has no row with a value in column 'y'"):
        utility(test_rows, train_rows.assign(y=np.nan), "y")


def test_rows_are_drawn_and_scores_repeat(test_rows, train_rows):
    options = {"learners": ["decision_tree"], "max_rows": 100}
    first, again, other = (
        utility(test_rows, train_rows, "y", random_state=seed, **options) for seed in (0, 0, 1)
    )
    assert first == again != other


def test_wrong_names_are_refused(test_rows, train_rows):
    with pytest.raises(ValueError, match="target names column 'z'"):
        utility(test_rows, train_rows, "z")
    with pytest.raises(ValueError, match=r"learners has \['svm'\]"):
        utility(test_rows, train_rows, "y", learners=["svm"])
    with pytest.raises(ValueError, match="learners is empty"):
        utility(test_rows, train_rows, "y", learners=[])
    empty = train_rows[["x", "y"]].assign(x=np.nan)
    with pytest.raises(ValueError, match="no value in any column besides column 'y'"):
        utility(test_rows[["x", "y"]], empty, "y")
    with pytest.raises(ValueError, match="no column besides the target"):
        utility(test_rows[["y"]], train_rows[["y"]], "y")


@pytest.mark.parametrize("n_rows", [1, 2, 6, 12, 21])
def test_few_rows_or_one_of_a_level(test_rows, train_rows, n_rows):
    few = train_rows[:n_rows].copy()
    regression = utility(test_rows, few, "y", learners=["mlp"], random_state=0)
    assert np.isfinite(regression["mlp"]["rmse"])
    few["label"] = np.where(np.arange(n_rows) == 0, "once", few["label"].astype(str))
    scores = utility(test_rows.astype({"label": str}), few, "label", learners=["mlp"])
    assert 0 <= scores["mlp"]["accuracy"] <= 1
    many = pd.DataFrame({"x": np.arange(40.0), "level": [f"l{i}" for i in range(20)] * 2})
    assert utility(many, many, "level", learners=["mlp"])["mlp"]["accuracy"] < 1
