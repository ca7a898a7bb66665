"""What scikit-learn's checks ask of complete tables, asked of tables with holes."""

import multiprocessing
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skmissdiff import MissDiffImputer, PaperMethod

N_ROWS = 60
TWINS = [10, 31]  # two identical rows with missing cells
EMPTY, COMPLETE = 5, 6

SETTINGS = [
    {"method": "masked"},
    {"method": "masked", "sample_posterior": True},
    {"method": "masked", "aggregate": "median"},
    {"method": "masked", "aggregate": "mode", "n_draws": 7},
    {"method": "missdiff", "n_draws": 3},
    {"method": PaperMethod(n_resample=2), "sample_posterior": True},
]


def holed_numbers(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 2)) @ rng.normal(size=(2, 4)) + rng.normal(size=(N_ROWS, 4))
    X[rng.random(X.shape) < 0.3] = np.nan
    X[EMPTY] = np.nan
    X[COMPLETE] = [1.0, -0.5, 0.25, 3.0]
    X[TWINS[0], 1] = np.nan
    X[TWINS[1]] = X[TWINS[0]]
    return X.astype(dtype)


def holed_frame():
    X = holed_numbers()
    rng = np.random.default_rng(1)
    colour = rng.choice(["red", "green", "blue"], N_ROWS).astype(object)
    colour[X[:, 3] > 0.5] = "red"
    colour[np.isnan(X[:, 3])] = None
    frame = pd.DataFrame(
        {
            "x": X[:, 0],
            "count": pd.array(np.round(3 * X[:, 1]), dtype="Float64").astype("Int64"),
            "half": X[:, 2].astype(np.float32),
            "colour": pd.Categorical(colour, categories=["red", "green", "blue", "unused"]),
            "flag": pd.array(np.where(np.isnan(X[:, 0]), None, X[:, 0] > 0), dtype="boolean"),
        },
        index=[f"r{i}" for i in range(N_ROWS)],
    )
    frame.iloc[TWINS[1]] = frame.iloc[TWINS[0]]
    return frame


TABLES = {
    "float64": holed_numbers,
    "float32": lambda: holed_numbers(np.float32),
    "frame": holed_frame,
}


def build(setting, **params):
    defaults = {"max_iter": 15, "n_steps": 5, "random_state": 0}
    return MissDiffImputer(**{**defaults, **setting, **params})


@pytest.fixture(params=SETTINGS, ids=lambda s: "-".join(map(str, s.values())))
def setting(request):
    return request.param


@pytest.fixture(params=TABLES)
def X(request):
    return TABLES[request.param]()


@pytest.fixture
def imputer(setting, X):
    return build(setting).fit(X)


def rows(X, index):
    return X.iloc[index] if isinstance(X, pd.DataFrame) else X[index]


def is_missing(X):
    return pd.DataFrame(X).isna().to_numpy()


def assert_same(left, right):
    if isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right, check_exact=True)
    else:
        assert left.dtype == right.dtype
        assert_array_equal(left, right)


def test_nothing_is_missing_and_observed_cells_are_bit_equal(imputer, X):
    before = X.copy()
    out = imputer.transform(X)
    assert_same(X, before)
    assert type(out) is type(X)
    assert out.shape == X.shape
    missing = is_missing(X)
    assert missing.any()
    assert not is_missing(out).any()
    if isinstance(X, pd.DataFrame):
        pd.testing.assert_series_equal(out.dtypes, X.dtypes)
        assert out.index.equals(X.index)
        out, X = out.astype(object).to_numpy(), X.astype(object).to_numpy()
    assert_array_equal(out[~missing], X[~missing])


def test_rows_do_not_depend_on_their_neighbours(imputer, X):
    whole = imputer.transform(X)
    for index in ([3], [COMPLETE], [EMPTY], list(range(20, 30)), list(range(59, 31, -1))):
        assert_same(imputer.transform(rows(X, index)), rows(whole, index))


def test_rows_do_not_depend_on_the_size_of_the_table(imputer, X):
    whole = imputer.transform(X)
    tiled = [*range(N_ROWS)] * 30  # several network calls of every method
    out = imputer.transform(rows(X, tiled))
    assert_same(rows(out, list(range(N_ROWS))), whole)


def test_identical_rows_get_the_same_mean_and_other_draws(imputer, X):
    # The first column of the twins is numeric and observed or not; the second is missing.
    out = np.asarray(imputer.transform(X))[TWINS]
    missing = is_missing(X)[TWINS[0]]
    same = np.array([left == right for left, right in zip(*out, strict=True)])
    assert same[~missing].all()
    if imputer.sample_posterior:  # one draw may have the same donor for both
        draws = [np.asarray(table)[TWINS] for table in imputer.multiple_impute(X, 6)]
        assert any(
            left != right
            for first, second in draws
            for left, right in zip(first[missing], second[missing], strict=True)
        )
    else:
        assert same.all()


def test_calls_refits_and_copies_agree(imputer, setting, X, tmp_path):
    out = imputer.transform(X)
    assert_same(imputer.transform(X), out)
    assert_same(build(setting).fit_transform(X), out)
    assert_same(clone(imputer).fit(X).transform(X), out)
    assert_same(imputer.fit(X).transform(X), out)
    assert_same(pickle.loads(pickle.dumps(imputer)).transform(X), out)
    joblib.dump(imputer, tmp_path / "imputer.joblib")
    assert_same(joblib.load(tmp_path / "imputer.joblib").transform(X), out)
    imputer.save(tmp_path / "imputer.npz")
    assert_same(MissDiffImputer.load(tmp_path / "imputer.npz").transform(X), out)


def test_other_seeds_give_other_draws(imputer, setting, X):
    first, second = imputer.multiple_impute(X, 2)
    assert not first[:].equals(second) if isinstance(X, pd.DataFrame) else (first != second).any()
    again = imputer.multiple_impute(X, 2, random_state=3)[0]
    assert is_missing(again).sum() == 0
    with pytest.raises(AssertionError):
        assert_same(again, first)
    if imputer.sample_posterior:
        assert_same(imputer.transform(X), first)
        with pytest.raises(AssertionError):
            assert_same(build(setting, random_state=1).fit_transform(X), first)


def test_global_generators_are_untouched(setting, X):
    numpy_before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    build(setting).fit(X).multiple_impute(X, 2)
    assert_array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_before)


def transform_elsewhere(cases, queue):
    queue.put([imputer.transform(X) for imputer, X in cases])


def test_another_process_agrees():
    tables = [make() for make in TABLES.values()]
    cases = [(build(setting).fit(X), X) for setting in SETTINGS for X in tables]
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=transform_elsewhere, args=(cases, queue))
    process.start()
    results = queue.get(timeout=120)
    process.join()
    for (imputer, X), out in zip(cases, results, strict=True):
        assert_same(out, imputer.transform(X))


def test_infinite_values_are_refused(setting):
    X = holed_numbers()
    imputer = build(setting).fit(X)
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        imputer.transform(X)
    with pytest.raises(ValueError, match="infinity"):
        clone(imputer).fit(X)


def test_new_patterns_and_newly_missing_columns_work(setting):
    X = holed_numbers()
    X[:, 0] = np.where(np.isnan(X[:, 0]), 0.0, X[:, 0])
    imputer = build(setting).fit(X)
    X[:, 0] = np.nan
    out = imputer.transform(X)
    assert not np.isnan(out).any()
    assert np.ptp(out[:, 0]) > 0
