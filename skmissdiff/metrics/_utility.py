"""What generated rows are worth for training."""

import math
import warnings
from functools import partial

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import check_random_state

from skmissdiff._encoding.encoder import TableEncoder
from skmissdiff._support.sklearn_private import validate_params
from skmissdiff._table.frames import column_index
from skmissdiff.metrics._inputs import read_alike, subsample
from skmissdiff.metrics._options import MAX_ROWS, RANDOM_STATE, ROWS

# Of the training rows, held out to stop the MLP early.
_VALIDATION = 0.1
LEARNERS = ("decision_tree", "adaboost", "linear", "mlp", "random_forest", "boosting")


@validate_params(
    {
        "X_test": "no_validation",
        "X_synthetic": "no_validation",
        "target": "no_validation",
        "learners": ["array-like", None],
        "categorical_features": ROWS["categorical_features"],
        **MAX_ROWS,
        **RANDOM_STATE,
    },
    prefer_skip_nested_validation=True,
)
def utility(
    X_test,
    X_synthetic,
    target,
    *,
    learners=None,
    categorical_features="from_dtype",
    max_rows=10_000,
    random_state=None,
):
    """How well models that are trained on generated rows predict real ones.

    The six learners of MissDiff [1]_ with scikit-learn's settings (the MLP stops early where
    there are two rows of each level, and enough to hold some of each out):
    decision tree, AdaBoost, logistic or linear regression, MLP, random forest and XGBoost.
    Where xgboost is not installed, ``"boosting"`` is scikit-learn's
    ``HistGradientBoosting``, in another implementation the same method. Give real training
    rows as `X_synthetic` to see what the best rows are worth.

    Numbers are standardised and levels one-hot encoded by the generated rows. Missing
    cells of other columns than the target get the mean, or none of the levels; rows without a
    target are left out.

    Parameters
    ----------
    X_test : array-like or frame of shape (n_rows, n_columns)
        Real rows that the generator has not seen.
    X_synthetic : array-like or frame of shape (n_synthetic, n_columns)
        Generated rows, to train on.
    target : str or int
        The column to predict, by name or index. A categorical one is classified, a numeric
        one regressed.
    learners : list of str or None, default=None
        Some of "decision_tree", "adaboost", "linear", "mlp", "random_forest" and
        "boosting". None is all.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        As in `marginal_score`.
    max_rows : int or None, default=10_000
        Rows that are drawn of each table where there are more.
    random_state : int, RandomState instance or None, default=None
        Draws these rows and seeds the learners.

    Returns
    -------
    dict of str to dict of str to float
        For each learner, and for their ``"mean"``, of a classification:

        accuracy
            Higher is better, from 0 to 1.
        f1
            The mean over the levels, rare ones alike. Higher is better, from 0 to 1.
        auc
            The mean over the levels, each against the others. Higher is better, from 0 to 1;
            0.5 for guessing.

        Of a regression:

        rmse
            Lower is better, from 0, in units of the target.
        r2
            Higher is better, up to 1; 0 for always predicting the mean.

    Raises
    ------
    ValueError
        If there is no learner, no row with a target, or no other column with a generated value.

    References
    ----------
    .. [1] Y. Ouyang, L. Xie, C. Li, G. Cheng, "MissDiff: Training Diffusion Models on Tabular
       Data with Missing Values", arXiv:2307.00467, 2023, Section 5.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmissdiff.metrics import utility
    >>> X = load_iris(as_frame=True).frame
    >>> X["target"] = X["target"].astype("category")
    >>> scores = utility(X[::2], X[1::2], "target", learners=["linear"], random_state=0)
    >>> {name: round(score, 2) for name, score in scores["linear"].items()}
    {'accuracy': 0.97, 'f1': 0.97, 'auc': 1.0}
    """
    rng = check_random_state(random_state)
    test, train = read_alike(categorical_features, X_test=X_test, X_synthetic=X_synthetic)
    names = [column.name for column in test.schema.columns]
    j = column_index(target, names, "target")
    if len(names) < 2:
        raise ValueError("There is no column besides the target to predict it from.")
    wanted = LEARNERS if learners is None else tuple(learners)
    if not wanted:
        raise ValueError(f"learners is empty. Give some of {list(LEARNERS)}, or None for all.")
    unknown = [name for name in wanted if name not in LEARNERS]
    if unknown:
        raise ValueError(f"learners has {unknown}, but the learners are {list(LEARNERS)}.")
    test, train = (
        subsample(_with_target(table, j, name), max_rows, rng)
        for name, table in (("X_test", test), ("X_synthetic", train))
    )
    if train.missing[:, np.arange(len(names)) != j].all():
        raise ValueError(
            f"X_synthetic has no value in any column besides {train.schema.label(j)}, the target, "
            "to predict it from, in rows where the target is known."
        )
    y_test, y_train = test.columns[j], train.columns[j]
    encoder = TableEncoder().fit_table(train)
    others = encoder.layout_.column_of_code != j
    X_test, X_train = (np.nan_to_num(encoder.encode(t)[:, others], nan=0.0) for t in (test, train))
    seed = int(rng.randint(2**31 - 1))
    classify = test.schema.columns[j].is_categorical
    scores = {}
    for name in wanted:
        if classify:
            scores[name] = _classify(name, X_train, y_train, X_test, y_test, seed)
        else:
            scores[name] = _regress(name, X_train, y_train, X_test, y_test, seed)
    measures = next(iter(scores.values()))
    scores["mean"] = {
        measure: float(np.mean([score[measure] for score in scores.values()]))
        for measure in measures
    }
    return scores


def _with_target(table, j, name):
    """The rows of a table that have a target."""
    known = ~table.missing[:, j]
    if not known.any():
        raise ValueError(f"{name} has no row with a value in {table.schema.label(j)}, the target.")
    return table if known.all() else table.take(known)


def _classify(name, X_train, y_train, X_test, y_test, seed):
    # Those of the training rows come first, so they are 0, 1, 2 and so on, as xgboost wants.
    levels = {level: k for k, level in enumerate(dict.fromkeys([*y_train, *y_test]))}
    y_train, y_test = (np.array([levels[v] for v in y]) for y in (y_train, y_test))
    n_known = y_train.max() + 1
    # A single level leaves nothing to learn, and most learners refuse it.
    model = _classifier(name, seed, y_train) if n_known > 1 else DummyClassifier()
    _fit(model, X_train, y_train)
    chances = np.zeros((len(X_test), len(levels)))
    chances[:, :n_known] = model.predict_proba(X_test)
    guess = model.predict(X_test)
    areas = [
        roc_auc_score(y_test == k, chances[:, k])
        for k in np.unique(y_test)
        if not (y_test == k).all()
    ]
    return {
        "accuracy": float(accuracy_score(y_test, guess)),
        "f1": float(f1_score(y_test, guess, average="macro", zero_division=0.0)),
        "auc": float(np.mean(areas)) if areas else float("nan"),
    }


def _regress(name, X_train, y_train, X_test, y_test, seed):
    # The MLP needs a target of about unit variance; the other learners do not mind.
    regressor = _regressor(name, seed, y_train)
    model = TransformedTargetRegressor(regressor, transformer=StandardScaler())
    _fit(model, X_train, y_train)
    guess = model.predict(X_test)
    return {
        "rmse": float(root_mean_squared_error(y_test, guess)),
        "r2": float(r2_score(y_test, guess)) if len(y_test) > 1 else float("nan"),
    }


def _fit(model, X, y):
    with warnings.catch_warnings():
        # Settings are those of everyone who compares; to converge is not the point.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)


def _can_stop_early(y, classify):
    """Whether rows can be held out: two at least, and of each level one here and one there."""
    n_held_out = math.ceil(_VALIDATION * len(y))
    if not classify:
        return n_held_out > 1
    counts = np.bincount(y)
    return bool(counts.min() > 1 and len(counts) <= n_held_out)


def _classifier(name, seed, y):
    early = {"early_stopping": _can_stop_early(y, True), "validation_fraction": _VALIDATION}
    # Left to itself it stops early from 10,000 rows on.
    boosting = HistGradientBoostingClassifier
    if not early["early_stopping"]:
        boosting = partial(boosting, early_stopping=False)
    models = {
        "decision_tree": lambda: DecisionTreeClassifier(random_state=seed),
        "adaboost": lambda: AdaBoostClassifier(random_state=seed),
        "linear": lambda: LogisticRegression(max_iter=200),
        "mlp": lambda: MLPClassifier(**early, random_state=seed),
        "random_forest": lambda: RandomForestClassifier(random_state=seed),
        "boosting": lambda: _boosting("XGBClassifier", boosting, seed),
    }
    return models[name]()


def _regressor(name, seed, y):
    early = {"early_stopping": _can_stop_early(y, False), "validation_fraction": _VALIDATION}
    models = {
        "decision_tree": lambda: DecisionTreeRegressor(random_state=seed),
        "adaboost": lambda: AdaBoostRegressor(random_state=seed),
        "linear": LinearRegression,
        "mlp": lambda: MLPRegressor(**early, random_state=seed),
        "random_forest": lambda: RandomForestRegressor(random_state=seed),
        "boosting": lambda: _boosting("XGBRegressor", HistGradientBoostingRegressor, seed),
    }
    return models[name]()


def _boosting(name, otherwise, seed):
    """The model of xgboost if it is installed, else that of scikit-learn."""
    try:
        import xgboost
    except ImportError:
        return otherwise(random_state=seed)
    return getattr(xgboost, name)(random_state=seed)
