"""Scores of rows against densities that are known."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.model_selection import GridSearchCV

from skmissdiff import MissDiffSampler
from skmissdiff._diffusion.inference import CALL_ROWS

pytestmark = pytest.mark.slow

MEAN = np.array([5.0, 0.0, -0.1])
SCALE = np.diag([1.0, 10.0, 0.1])
COVARIANCE = SCALE @ (0.8 * np.ones((3, 3)) + 0.2 * np.eye(3)) @ SCALE


def gaussian(n_rows, missing_rate=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.multivariate_normal(MEAN, COVARIANCE, n_rows)
    X[rng.random(X.shape) < missing_rate] = np.nan
    return X


def log_density(row):
    seen = ~np.isnan(row)
    if not seen.any():
        return 0.0
    normal = stats.multivariate_normal(MEAN[seen], COVARIANCE[np.ix_(seen, seen)])
    return normal.logpdf(row[seen])


@pytest.fixture(scope="module", params=[0.0, 0.3])
def of_gaussian(request):
    X = gaussian(600, request.param)
    sampler = MissDiffSampler(scaling="standard", random_state=0)
    return sampler.fit(X), request.param


def test_a_gaussian_scores_its_log_density(of_gaussian):
    sampler, missing_rate = of_gaussian
    X = gaussian(1000, missing_rate, seed=1)
    expected = np.array([log_density(row) for row in X])
    scores = sampler.score_samples(X)
    assert scores.mean() == pytest.approx(expected.mean(), abs=0.05)
    assert np.corrcoef(scores, expected)[0, 1] > 0.95
    assert sampler.score(X) == scores.mean()


def test_only_observed_cells_count(of_gaussian):
    sampler, _ = of_gaussian
    X = gaussian(3, seed=1)
    X[1] = np.nan
    scores = sampler.score_samples(X)
    assert scores[1] == 0
    X[0, 1:] = np.nan
    alone = stats.norm(MEAN[0], 1).logpdf(X[0, 0])
    assert sampler.score_samples(X)[0] == pytest.approx(alone, abs=0.2)


def test_scores_depend_on_the_row_alone(of_gaussian):
    sampler, _ = of_gaussian
    X = gaussian(CALL_ROWS + 20, 0.2, seed=1)
    scores = sampler.score_samples(X)
    chosen = [CALL_ROWS + 3, 9, 3, 3]
    assert_array_equal(sampler.score_samples(X[chosen]), scores[chosen])


def test_a_shifted_column_scores_lower(of_gaussian):
    sampler, _ = of_gaussian
    X = np.repeat(gaussian(100, seed=1)[None], 4, axis=0)
    for j in range(3):
        X[j, :, j] += 2 * np.sqrt(COVARIANCE[j, j])
    *shifted, own = sampler.score_samples(X.reshape(400, 3)).reshape(4, 100).mean(axis=1)
    assert max(shifted) < own - 1


@pytest.mark.parametrize(
    ("method", "scaling"),
    [("masked", "standard"), ("missdiff", "minmax"), ("masked", "quantile")],
)
def test_units_are_those_of_the_columns(method, scaling):
    X, fresh = gaussian(600), gaussian(400, seed=1)
    factors = np.array([1e-3, 7.0, 1e6])
    build = MissDiffSampler(method, max_iter=0, scaling=scaling, random_state=0)
    own = build.fit(X).score_samples(fresh)
    scaled = build.fit(X * factors).score_samples(fresh * factors)
    # An untrained network leaves much to the noise, which is another one for other values.
    within = 0.02 if method == "masked" else 0.5
    assert_allclose(scaled.mean(), own.mean() - np.log(factors).sum(), atol=within)
    if method == "missdiff":  # not trained, it knows no distribution
        return
    expected = np.mean([log_density(row) for row in fresh])
    # A slope over neighbouring ranks is that of a density which is less sharp.
    assert own.mean() == pytest.approx(expected, abs=0.3 if scaling == "quantile" else 0.1)


def test_of_the_paper_on_a_gaussian():
    sampler = MissDiffSampler("missdiff", max_iter=400, scaling="standard", random_state=0)
    sampler.fit(gaussian(600))
    X = gaussian(400, seed=1)
    expected = np.mean([log_density(row) for row in X])
    assert expected - 0.4 < sampler.score(X) < expected + 0.05


def test_a_network_finds_a_mixture():
    rng = np.random.default_rng(0)

    def draw(n_rows):
        centre = np.where(rng.random(n_rows) < 0.5, 2.0, -2.0)[:, None]
        return centre + 0.5 * rng.normal(size=(n_rows, 2))

    X, fresh = draw(2500), draw(400)
    parts = [stats.multivariate_normal([m, m], 0.25).logpdf(fresh) for m in (2, -2)]
    expected = (np.logaddexp(*parts) - np.log(2)).mean()
    sampler = MissDiffSampler(max_iter=200, scaling="standard", random_state=0).fit(X)
    score = sampler.score(fresh)
    gaussian_score = MissDiffSampler(max_iter=0, scaling="standard", random_state=0).fit(X)
    gaussian_score = gaussian_score.score(fresh)
    assert gaussian_score < expected - 0.8
    assert expected - 0.25 < score < expected + 0.03


def test_levels_of_a_contingency_table():
    rng = np.random.default_rng(0)
    table = np.array([[[8, 4], [1, 1]], [[1, 2], [5, 2]], [[0.5, 6], [0.5, 8]]])
    table = table / table.sum()

    def draw(n_rows):
        cell = rng.choice(table.size, n_rows, p=table.ravel())
        place = np.unravel_index(cell, table.shape)
        columns = [np.array(list(t))[i] for t, i in zip(["abc", "st", "xy"], place, strict=True)]
        return np.column_stack(columns).astype(object), np.log(table.ravel()[cell])

    X, _ = draw(3000)
    fresh, expected = draw(1000)
    X[rng.random(X.shape) < 0.2] = None
    settings = {"max_iter": 200, "n_refreshes": 0}
    sampler = MissDiffSampler(random_state=0, **settings).fit(X)
    scores = sampler.score_samples(fresh)
    assert scores.mean() == pytest.approx(expected.mean(), abs=0.03)
    assert np.abs(scores - expected).mean() < 0.2
    # Probabilities: over all cells of the table they add up to one.
    grid = np.array(np.meshgrid(list("abc"), list("st"), list("xy"))).reshape(3, -1).T
    assert np.exp(sampler.score_samples(grid.astype(object))).sum() == pytest.approx(1, abs=1e-5)


def test_levels_with_one_code_have_their_shares():
    levels = ["a"] * 60 + ["b"] * 30 + ["c"] * 6 + ["d"] * 4
    X = pd.DataFrame({"c": pd.Categorical(levels)})
    sampler = MissDiffSampler(max_iter=0, max_categories=3, random_state=0).fit(X)
    a, _, c, d = np.exp(sampler.score_samples(pd.DataFrame({"c": list("abcd")})))
    assert c / d == pytest.approx(1.5)
    assert a + np.exp(sampler.score_samples(X))[60] + c + d == pytest.approx(1, abs=1e-5)


def test_mixed_rows_and_columns_that_do_not_count():
    rng = np.random.default_rng(0)
    level = rng.choice(["a", "b"], 800, p=[0.7, 0.3])
    X = pd.DataFrame({"c": level, "x": np.where(level == "a", -1.0, 1.0) + rng.normal(size=800)})
    X["constant"], X["empty"] = 3.0, np.nan
    build = MissDiffSampler(
        max_iter=0, scaling="standard", keep_empty_features=True, random_state=0
    )
    scores = build.fit(X).score_samples(X)
    is_a = X["c"] == "a"
    expected = np.log(np.where(is_a, 0.7, 0.3)) + stats.norm(is_a * -2 + 1, 1).logpdf(X["x"])
    assert scores.mean() == pytest.approx(expected.mean(), abs=0.05)
    with pytest.warns(UserWarning, match="not seen in fit"):
        unseen = build.score_samples(X.assign(c="new")[:5])
    assert_allclose(unseen, build.score_samples(X.assign(c=None)[:5]), atol=0.2)


def test_values_that_occur_often_count_with_their_probability():
    """Half zeros, half exponential, and a second column around the first."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random(2400) < 0.5, 0.0, rng.exponential(size=2400))
    X = np.column_stack([x, x + rng.normal(size=2400)])
    expected = np.log(0.5) - x + stats.norm(x, 1).logpdf(X[:, 1])
    sampler = MissDiffSampler(max_iter=0, scaling="quantile", random_state=0).fit(X[:1200])
    score = sampler.score(X[1200:])
    assert score == pytest.approx(expected[1200:].mean(), abs=0.3)
    assert score < expected[1200:].mean() + 0.03


def test_what_has_no_likelihood():
    X = gaussian(50)
    frame = pd.DataFrame({"x": X[:, 0], "c": ["a", "b"] * 25})
    sampler = MissDiffSampler("missdiff", max_iter=2, n_steps=3).fit(frame)
    with pytest.raises(ValueError, match="column 'c' is categorical"):
        sampler.score(frame)


def test_a_grid_search_maximises_the_likelihood():
    rng = np.random.default_rng(0)
    angle = 2 * np.pi * rng.random(900)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.1 * rng.normal(size=(900, 2))
    settings = {"n_refreshes": 0, "early_stopping": False}
    settings["scaling"] = "standard"  # a normal fit to the ranks of a circle is no bad one
    search = GridSearchCV(
        MissDiffSampler(random_state=0, **settings), {"max_iter": [0, 150]}, cv=2, refit=False
    ).fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert search.best_params_ == {"max_iter": 150}
    assert scores[1] > scores[0] + 0.2


def test_scores_of_ranks_are_a_density():
    x = np.random.default_rng(0).normal(size=(300, 1))
    sampler = MissDiffSampler(max_iter=0, scaling="quantile", random_state=0).fit(x)
    grid = np.concatenate([np.linspace(-50, -5, 200), np.linspace(-5, 5, 600)[1:-1]])
    grid = np.concatenate([grid, np.linspace(5, 50, 200)])
    density = np.exp(sampler.score_samples(grid[:, None]))
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=0.15)


def test_rows_beyond_the_observed_range_score_ever_lower():
    X = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 300)
    sampler = MissDiffSampler(max_iter=0, scaling="quantile", random_state=0).fit(X)
    scores = sampler.score_samples(np.array([[0, 0], [3, 3], [6, 6], [50, 50], [1e6, 1e6]]))
    assert (np.diff(scores) < -2).all()
