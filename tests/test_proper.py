"""Proper multiple imputation: completed tables of models that differ."""

import numpy as np
import pandas as pd
import pytest

from skmissdiff import MissDiffImputer

WAYS = ["bootstrap", "refit"]


def holed(n_rows=60, seed=0):
    rng = np.random.default_rng(seed)
    covariance = np.full((3, 3), 0.6) + 0.4 * np.eye(3)
    X = rng.multivariate_normal(np.zeros(3), covariance, n_rows)
    X[:, :2][rng.random((n_rows, 2)) < 0.4] = np.nan
    return X


def frame(n_rows=60):
    X = pd.DataFrame(holed(n_rows), columns=["a", "b", "c"])
    X["d"] = pd.Categorical(np.where(X["c"] > 0, "high", "low"))
    X.loc[::5, "d"] = None
    return X


def imputer(**params):
    return MissDiffImputer(**{"max_iter": 0, "random_state": 0, **params})


@pytest.mark.parametrize("proper", WAYS)
@pytest.mark.parametrize("max_iter", [0, 30])
def test_tables_are_completed_and_observed_cells_kept(proper, max_iter):
    X = frame()
    before = X.copy()
    tables = imputer(max_iter=max_iter).fit(X).multiple_impute(X, 3, proper=proper)
    pd.testing.assert_frame_equal(X, before)
    for table in tables:
        assert not table.isna().any(axis=None)
        assert (table.dtypes == X.dtypes).all()
        seen = X.notna()
        assert table.where(seen).equals(X)
    assert not tables[0].equals(tables[1])


@pytest.mark.parametrize("proper", WAYS)
def test_repeated_and_reordered_calls_agree(proper):
    X = holed()
    X[7] = X[3] = [np.nan, np.nan, 0.2]
    order = np.random.default_rng(1).permutation(60)
    order = order[(order != 3) & (order != 7)]
    order = np.array([*order[:20], 3, *order[20:], 7])  # identical rows are told by their order
    fitted = imputer(max_iter=5).fit(X)
    first = fitted.multiple_impute(X, 2, proper=proper)
    again = fitted.multiple_impute(X, 2, proper=proper)
    moved = fitted.multiple_impute(X[order], 2, proper=proper)
    for one, two, three in zip(first, again, moved, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one[order], three)
        assert (one[3] != one[7]).any()
    other = fitted.multiple_impute(X, 2, random_state=5, proper=proper)[0]
    assert (other != first[0]).any()


def test_fitted_imputer_is_left_as_it_is():
    X = holed()
    fitted = imputer().fit(X)
    before, weights = fitted.transform(X), fitted.denoiser_.W.clone()
    fitted.multiple_impute(X, 2, proper="bootstrap")
    np.testing.assert_array_equal(fitted.transform(X), before)
    assert (weights == fitted.denoiser_.W).all()
    assert "none" not in vars(fitted)


def test_none_is_what_was_drawn_from_the_fit():
    X = holed()
    fitted = imputer(sample_posterior=True).fit(X)
    (table,) = fitted.multiple_impute(X, 1, proper="none")
    np.testing.assert_array_equal(table, fitted.transform(X))


def test_replicates_do_not_share_the_noise_of_rows():
    """Even where the models hardly differ, draws do, as much as those of one fit."""
    X = holed(400)
    fitted = imputer().fit(X)
    gap = np.isnan(X)
    spread = {
        way: np.std(fitted.multiple_impute(X, 48, proper=way), axis=0, ddof=1)[gap].mean()
        for way in ("none", "bootstrap")
    }
    assert 0.97 < spread["bootstrap"] / spread["none"] < 1.15


def test_variance_between_is_that_of_the_known_answer():
    """A mean of a Gaussian column, 50 % missing at random: fmi and B are known."""
    ratios = {"none": [], "bootstrap": []}
    between = {"none": [], "bootstrap": []}
    for seed in range(16):
        rng = np.random.default_rng(seed)
        complete = rng.normal(size=(120, 2))
        complete[:, 1] = 0.5 * complete[:, 0] + np.sqrt(0.75) * complete[:, 1]
        X = complete.copy()
        X[rng.random(120) < 0.5, 1] = np.nan
        fitted = imputer(random_state=seed).fit(X)
        for way in between:
            means = [table[:, 1].mean() for table in fitted.multiple_impute(X, 10, proper=way)]
            between[way].append(1.1 * np.var(means, ddof=1))
            ratios[way].append(np.mean(means) - complete[:, 1].mean())
    found = {way: np.mean(between[way]) / np.var(ratios[way]) for way in between}
    assert 0.7 < found["bootstrap"] < 1.7
    # The mean of n_mis draws of a known model has half of the variance it is to have.
    assert np.mean(between["none"]) < 0.7 * np.mean(between["bootstrap"])


def test_what_cannot_be_replicated_is_refused():
    X = holed()
    fitted = imputer().fit(X)
    with pytest.raises(ValueError, match=r"proper must be one of .*'bootstrap'.* got 'boot'"):
        fitted.multiple_impute(X, 2, proper="boot")
    Y = X.copy()
    Y[:, 1] = np.nan
    with pytest.raises(ValueError, match=r"column 1 .*no observed value.* proper='none'"):
        fitted.multiple_impute(Y, 2, proper="bootstrap")
    paper = MissDiffImputer("missdiff", max_iter=5, random_state=0).fit(X)
    with pytest.raises(ValueError, match="proper='refit' needs method='masked'"):
        paper.multiple_impute(X, 2, proper="refit")
    weighted = imputer().fit(X, sample_weight=np.arange(1.0, 61.0))
    with pytest.raises(ValueError, match=r"proper='bootstrap' fits models .* sample_weight"):
        weighted.multiple_impute(X, 2, proper="bootstrap")
    even = imputer().fit(X, sample_weight=np.full(60, 2.0))
    assert len(even.multiple_impute(X, 2, proper="bootstrap")) == 2
