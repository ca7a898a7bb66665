"""Every parameter has an effect, or is refused; none is ignored in silence."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

from skmissdiff import (
    MissDiffImputer,
    MissDiffSampler,
    NumericScaler,
    Order,
    PaperMethod,
    TableEncoder,
    _base,
)
from skmissdiff._diffusion import paper as diffusion_paper
from skmissdiff._diffusion.inference import CALL_ROWS
from skmissdiff._diffusion.masked import MaskedMethod
from skmissdiff._diffusion.recipe import MAX_DONOR_ROWS

FEW = pytest.mark.filterwarnings("ignore:.* too few to train a network")
PAPER = PaperMethod()


def table(n_rows=60):
    rng = np.random.default_rng(0)
    z = rng.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "x": z + 0.5 * rng.normal(size=n_rows),
            "y": np.exp(z) + rng.normal(size=n_rows),
            "count": np.rint(2 * z) + 9.0,
            "c": np.where(z > 0.5, "up", np.where(z > -1, "mid", "down")),
        }
    ).mask(rng.random((n_rows, 4)) < 0.2)
    return frame.assign(empty=np.nan)


def quick(cls, **params):
    defaults = {"max_iter": 20, "n_steps": 3, "random_state": 0, "keep_empty_features": True}
    return cls(**{**defaults, **params})


def trained_rows(estimator, X):
    return estimator.fit(X).loss_curve_


def transformed(estimator, X):
    return estimator.fit(X).transform(X).to_numpy(dtype=object).tolist()


def drawn(estimator, X):
    if isinstance(estimator, MissDiffSampler):
        return estimator.fit(X).sample(20).to_numpy(dtype=object).tolist()
    return estimator.fit(X).multiple_impute(X, 1)[0].to_numpy(dtype=object).tolist()


def holds_rows(estimator, X):
    rng = np.random.default_rng(0)
    twice = np.tile(rng.normal(size=(150, 4)), (2, 1))  # rows that come back, of noise
    twice[rng.random(twice.shape) < 0.15] = np.nan
    return estimator.fit(twice).denoiser_.donors is not None


def on_stderr(estimator, X, capfd):
    capfd.readouterr()
    estimator.fit(X)
    return capfd.readouterr().err


# For each parameter a value, what shows its effect, and other parameters that it takes.
EFFECTS = {
    "method": ("missdiff", drawn, {}),
    "sample_posterior": (True, transformed, {}),
    "aggregate": ("median", transformed, {"early_stopping": False}),
    "n_draws": (3, transformed, {"aggregate": "mode"}),
    "donors": (False, holds_rows, {"keep_empty_features": False}),
    "n_steps": (1, drawn, {"early_stopping": False}),  # else none are needed
    "categorical_features": (["count", "c"], drawn, {}),
    "scaling": (
        {MissDiffImputer: "quantile", MissDiffSampler: "standard"},
        drawn,
        {},
    ),
    "max_categories": (2, trained_rows, {}),
    "bounds": ((0.0, 0.1), drawn, {}),
    "snap": (["x"], drawn, {}),
    "relations": ([Order(["x", "count"])], drawn, {}),
    "n_refreshes": (2, trained_rows, {"max_iter": 60, "early_stopping": False}),
    "max_iter": (9, trained_rows, {}),
    "max_time": (1e-9, trained_rows, {"early_stopping": False}),
    "early_stopping": (False, trained_rows, {}),
    "missing_values": (9, drawn, {}),
    "keep_empty_features": (True, drawn, {"keep_empty_features": False}),
    "add_indicator": (True, drawn, {}),
    "random_state": (1, drawn, {}),
    "verbose": (1, on_stderr, {}),
}
# Shown elsewhere: memory in test_model_selection, device below.
SHOWN_ELSEWHERE = {"memory", "device"}
CASES = [
    (cls, name)
    for cls in (MissDiffImputer, MissDiffSampler)
    for name in EFFECTS
    if name in signature(cls).parameters
]


def test_every_parameter_is_in_the_table():
    for cls in (MissDiffImputer, MissDiffSampler):
        assert set(signature(cls).parameters) <= set(EFFECTS) | SHOWN_ELSEWHERE
    assert len(signature(MissDiffImputer).parameters) <= 22


@FEW
@pytest.mark.filterwarnings("ignore:(Skipping features without|max_time)")
@pytest.mark.parametrize(("cls", "name"), CASES, ids=lambda p: getattr(p, "__name__", p))
def test_it_has_an_effect(cls, name, capfd):
    value, outcome, others = EFFECTS[name]
    value = value[cls] if isinstance(value, dict) else value
    build = {name: {**others} for name in ("plain", "changed")}
    build["changed"][name] = value
    extra = (capfd,) if outcome is on_stderr else ()
    plain, changed = (outcome(quick(cls, **params), table(), *extra) for params in build.values())
    assert plain != changed


# Parameters that would do nothing, and what the message says.
REFUSED = [
    (MissDiffImputer, {"aggregate": "mode", "sample_posterior": True}, "aggregate='mode'"),
    (MissDiffImputer, {"n_draws": 9}, "n_draws=9 .* aggregate='mode'"),
    (MissDiffImputer, {"n_draws": 9, "aggregate": "median"}, "n_draws=9 .* one pass"),
    (
        MissDiffImputer,
        {"n_draws": 9, "method": PAPER, "sample_posterior": True},
        "n_draws=9 .* multiple_impute",
    ),
    *(
        (cls, params, message)
        for cls in (MissDiffImputer, MissDiffSampler)
        for params, message in [
            ({"scaling": "minmax"}, "scaling='minmax' .* method='missdiff'"),
            ({"memory": "folder", "random_state": None}, "memory='folder' .* random_state"),
            ({"memory": "folder", "max_time": 9.0}, "memory='folder' .* max_time"),
        ]
    ),
    (MissDiffSampler, {"n_refreshes": 2, "method": PAPER}, "n_refreshes=2 .* method='masked'"),
    (MissDiffSampler, {"n_refreshes": 2, "max_iter": 0}, "n_refreshes=2 .* max_iter=0"),
]


@pytest.mark.parametrize(("cls", "params", "message"), REFUSED)
def test_what_has_no_effect_is_refused_before_training(cls, params, message, monkeypatch):
    monkeypatch.setattr(_base, "train_denoiser", None)
    estimator = quick(cls, **params)
    with pytest.raises(ValueError, match=f"^{message}") as caught:
        estimator.fit(table())
    assert " has no effect " in str(caught.value)
    with pytest.raises(NotFittedError):
        getattr(estimator, "transform" if cls is MissDiffImputer else "score")(table())


@FEW
@pytest.mark.parametrize(
    "params",
    [
        {"donors": False, "scaling": "quantile"},
        {"donors": False, "method": "missdiff"},
        {"early_stopping": False, "method": "missdiff"},
        {"early_stopping": False, "max_iter": 0},
        {"bounds": None, "scaling": "quantile"},
        {"n_draws": 9, "aggregate": "mode"},
        {"n_draws": 9, "method": "missdiff"},
        {"scaling": "minmax", "method": PAPER},
    ],
    ids=str,
)
def test_what_asks_for_nothing_or_has_an_effect_is_taken(params):
    assert quick(MissDiffImputer, **params).fit(table()).transform(table()).notna().all(axis=None)


def test_what_has_no_effect_after_fit_is_refused_there():
    imputer = quick(MissDiffImputer, aggregate="mode", n_draws=5).fit(table())
    imputer.set_params(aggregate="mean")
    with pytest.raises(ValueError, match="n_draws=5 has no effect"):
        imputer.transform(table())


# What a fit depends on.

CHANGES = {
    "categorical_features": ["c", "count"],
    "scaling": {MissDiffImputer: "quantile", MissDiffSampler: "standard"},
    "max_categories": 2,
    "bounds": {"x": (0, None)},
    "snap": ["x"],
    "relations": [Order(["x", "count"])],
    "n_refreshes": 2,
    "max_iter": 21,
    "max_time": 9.0,
    "early_stopping": False,
    "missing_values": -1,
    "keep_empty_features": False,
    "donors": False,
    "random_state": 1,
    "method": "missdiff",
}
LATER = {*SHOWN_ELSEWHERE, "sample_posterior", "aggregate", "n_draws", "n_steps"}
LATER |= {"add_indicator", "verbose"}


@pytest.fixture(scope="module", params=[MissDiffImputer, MissDiffSampler])
def fitted(request):
    return quick(request.param, max_iter=3).fit(table())


def use(estimator):
    return (
        estimator.transform(table())
        if isinstance(estimator, MissDiffImputer)
        else estimator.sample(9)
    )


def test_every_parameter_is_used_in_fit_or_later(fitted):
    assert set(fitted.get_params(deep=False)) <= set(CHANGES) | LATER
    assert not set(CHANGES) & LATER


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_fit_depends_on_may_not_change_after_it(fitted, name):
    kept = fitted.get_params(deep=False)
    if name not in kept:
        return
    before = use(fitted)
    value = CHANGES[name][type(fitted)] if name == "scaling" else CHANGES[name]
    fitted.set_params(**{name: value})
    try:
        with pytest.raises(ValueError, match=f"^{name} was .* when .* fit again or set it back"):
            use(fitted)
    finally:
        fitted.set_params(**{name: kept[name]})
    pd.testing.assert_frame_equal(use(fitted), before)


@pytest.mark.parametrize(
    ("fitted", "change"),
    [
        (TableEncoder(), {"bounds": (0, 1)}),
        (TableEncoder(), {"missing_values": -1}),
        (TableEncoder(), {"snap": True}),
        (NumericScaler(), {"strategy": "quantile"}),
    ],
    ids=str,
)
def test_encoder_and_scaler_may_not_change_either(fitted, change):
    X = table()[["x", "y"]].to_numpy()
    codes = fitted.fit_transform(X)
    fitted.set_params(**change)
    (name,) = change
    for use in (fitted.transform, fitted.inverse_transform):
        with pytest.raises(ValueError, match=f"^{name} was"):
            use(codes)
    clone(fitted).fit(np.nan_to_num(X))


@pytest.mark.parametrize(
    ("params", "same"),
    [
        ({"missing_values": np.nan}, {"missing_values": float("nan")}),
        ({"snap": ["x"]}, {"snap": np.array(["x"])}),
        ({"bounds": (0, 1)}, {"bounds": [0, 1]}),
        ({"random_state": np.random.RandomState(0)}, {"random_state": np.random.RandomState(3)}),
        ({"max_categories": 7}, {"max_categories": np.int64(7)}),
    ],
    ids=["missing_values", "snap", "bounds", "random_state", "max_categories"],
)
def test_equal_values_are_no_change(params, same):
    imputer = quick(MissDiffImputer, **{"max_iter": 3, **params}).fit(table())
    imputer.set_params(**same).transform(table())


# The paper's method as an object.


def test_the_name_is_the_method_with_its_defaults():
    named, given = (
        quick(MissDiffImputer, method=method, n_draws=2).fit_transform(table())
        for method in ("missdiff", PaperMethod())
    )
    pd.testing.assert_frame_equal(named, given)


def test_wrong_values_of_the_method_are_named():
    for params in ({"beta_schedule": "cubic"}, {"reverse_variance": 1}, {"n_resample": 0}):
        (name,) = params
        with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of PaperMethod"):
            quick(MissDiffImputer, method=PaperMethod(**params)).fit(table())


def test_a_search_goes_over_its_parameters():
    X = table()[["x", "y"]]
    imputer = quick(MissDiffImputer, method=PaperMethod(), sample_posterior=True)
    grid = {"method__n_resample": [1, 3], "method__beta_schedule": ["linear", "cosine"]}
    search = GridSearchCV(imputer, grid, cv=2, error_score="raise").fit(X)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
    assert search.best_estimator_.method.get_params() == {
        **PaperMethod().get_params(),
        **{name.removeprefix("method__"): v for name, v in search.best_params_.items()},
    }
    assert imputer.method.n_resample == 1  # that of the user is as it was
    both = {"method": ["masked", PaperMethod("linear")]}
    assert GridSearchCV(imputer, both, cv=2, error_score="raise").fit(X).best_score_ < 0


def test_a_clone_has_a_method_of_its_own():
    imputer = MissDiffImputer(PaperMethod(n_resample=4))
    other = clone(imputer).set_params(method__n_resample=2)
    assert (imputer.method.n_resample, other.method.n_resample) == (4, 2)


# Estimators and encoder take and document the same.


def shared(one, other):
    return sorted(set(signature(one).parameters) & set(signature(other).parameters))


VALUES = [
    *("from_dtype", "observed", "standard", "quantile", "minmax", "auto", None, True, False),
    *([0], ["a"], np.array([True]), (0, 1), [0, 1], {"a": (0, 1)}, np.nan, -1, 0, 1, 2, 2.5, "?"),
]


@pytest.mark.parametrize("cls", [MissDiffImputer, MissDiffSampler])
def test_encoder_and_estimators_take_the_same_values(cls):
    for name in shared(cls, TableEncoder):
        taken = []
        for made in (cls, TableEncoder):
            for value in VALUES:
                try:
                    made(**{name: value})._validate_params()
                except InvalidParameterError:
                    taken.append((made, str(value), False))
                else:
                    taken.append((made, str(value), True))
        n = len(VALUES)
        assert [t[1:] for t in taken[:n]] == [t[1:] for t in taken[n:]], name


@pytest.mark.parametrize("bounds", [[0, 5], (0, 5), {"x": [None, 1]}, None, "observed"])
def test_bounds_of_every_form_serve_both(bounds):
    X = table()[["x", "y", "count", "c"]]
    TableEncoder(bounds=bounds).fit(X)
    quick(MissDiffImputer, bounds=bounds, max_iter=2).fit(X)


def test_no_categorical_features_serve_both():
    X = table()[["x", "y"]].assign(x=lambda frame: frame["x"] > 0)  # booleans are numbers then
    assert TableEncoder(categorical_features=None).fit(X).categories_ == [None, None]
    imputer = quick(MissDiffImputer, categorical_features=None, max_iter=2).fit(X)
    assert imputer.categories_ == [None, None]


# Where the text of a parameter differs, and why.
DIFFERENT_TEXT = {
    "scaling": "the encoder refers to NumericScaler, the estimators say what it does to results",
}
DIFFERENT_DEFAULT = {
    "scaling": "means of ranks are no means; rows are best drawn by ranks",
    "bounds": "an encoder alone takes back what it gave",
}


@pytest.mark.parametrize("other", [MissDiffSampler, TableEncoder])
def test_shared_parameters_are_documented_alike(other):
    one, theirs = (
        {parameter.name: parameter for parameter in ClassDoc(cls)["Parameters"]}
        for cls in (MissDiffImputer, other)
    )
    for name in shared(MissDiffImputer, other):
        if not (other is TableEncoder and name in DIFFERENT_TEXT):
            assert one[name].desc == theirs[name].desc, name
        kinds = [p.type.partition(", default=") for p in (one[name], theirs[name])]
        assert kinds[0][0] == kinds[1][0], name
        if name not in DIFFERENT_DEFAULT:
            assert kinds[0][2] == kinds[1][2], name


def test_constants_in_the_text_are_those_of_the_code():
    assert f"up to {MAX_DONOR_ROWS:,} rows" in MissDiffImputer.__doc__
    assert f"at most {CALL_ROWS}" in MissDiffImputer.__doc__
    for method in (MaskedMethod, diffusion_paper.PaperMethod):
        assert f"{method().n_steps} for" in MissDiffImputer.__doc__


def test_observed_bounds_are_the_default():
    """A count is never below the least one that was seen, unless that is asked for."""
    X = pd.DataFrame({"n": np.repeat([0.0, 1.0, 8.0], 40), "x": np.arange(120.0)})
    X = X.mask(np.random.default_rng(0).random(X.shape) < 0.3)
    for cls in (MissDiffImputer, MissDiffSampler):
        assert signature(cls).parameters["bounds"].default == "observed"
    free, bounded = (
        quick(MissDiffImputer, max_iter=0, **bounds).fit(X).multiple_impute(X, 5)
        for bounds in ({"bounds": None}, {})
    )
    assert min(drawn["n"].min() for drawn in free) < 0
    assert min(drawn["n"].min() for drawn in bounded) == 0
