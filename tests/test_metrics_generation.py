"""Metrics of generated rows, against closed forms, scipy and, where installed, sdmetrics."""

from itertools import combinations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import stats
from sklearn.datasets import load_diabetes

from skmissdiff.metrics import (
    alpha_precision_beta_recall,
    c2st,
    marginal_score,
    pair_trend_score,
)

pytestmark = pytest.mark.slow

N_ROWS = 600


def make_rows(seed, shift=0.0, n_rows=N_ROWS):
    """Mixed rows with a relation between every two columns."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n_rows) + shift
    return pd.DataFrame(
        {
            "a": common + rng.normal(size=n_rows),
            "b": np.round(10 * common + 5 * rng.normal(size=n_rows)),
            "c": pd.Categorical(np.where(common + 0.5 * rng.normal(size=n_rows) > 0, "x", "y")),
            "d": (common + rng.normal(size=n_rows) > 1),
        }
    )


@pytest.fixture(scope="module")
def real():
    return make_rows(0)


@pytest.fixture(scope="module")
def fresh():
    return make_rows(1, n_rows=500)


@pytest.fixture(scope="module")
def shifted():
    return make_rows(2, shift=1.0)


def test_marginal_scores(real, shifted):
    ks = [stats.ks_2samp(real[c], shifted[c]).statistic for c in "ab"]
    tv = [
        real[c].value_counts(normalize=True).sub(shifted[c].value_counts(normalize=True)).abs()
        for c in "cd"
    ]
    expected = 1 - np.array([*ks, *(part.sum() / 2 for part in tv)])
    np.testing.assert_allclose(marginal_score(real, shifted, average=None), expected)
    assert marginal_score(real, shifted) == pytest.approx(expected.mean())


def test_marginal_score_of_levels_that_only_one_table_has():
    real, synthetic = [["a"], ["a"], ["b"], ["b"]], [["a"], ["c"], ["c"], ["c"]]
    assert marginal_score(real, synthetic) == pytest.approx(0.25)
    assert marginal_score(real, [["z"]]) == 0.0


def test_pair_trend_scores(real, shifted):
    shifted = shifted.assign(a=np.random.default_rng(5).permutation(shifted["a"]))
    found = pair_trend_score(real, shifted, average=None)
    correlations = [frame[["a", "b"]].corr().iloc[0, 1] for frame in (real, shifted)]
    assert found[0, 1] == pytest.approx(1 - abs(correlations[0] - correlations[1]) / 2)
    tables = [pd.crosstab(f["c"], f["d"], normalize=True) for f in (real, shifted)]
    assert found[2, 3] == pytest.approx(1 - (tables[0] - tables[1]).abs().to_numpy().sum() / 2)
    edges = [-np.inf, *np.linspace(real["a"].min(), real["a"].max(), 5)[1:-1], np.inf]
    binned = [pd.cut(f["a"], edges, right=False) for f in (real, shifted)]
    tables = [
        pd.crosstab(bins, f["c"], normalize=True, dropna=False)
        for bins, f in zip(binned, (real, shifted), strict=True)
    ]
    found = pair_trend_score(real, shifted, n_bins=4, average=None)[0, 2]
    assert found == pytest.approx(1 - (tables[0] - tables[1]).abs().to_numpy().sum() / 2)
    matrix = pair_trend_score(real, shifted, average=None)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.isnan(np.diag(matrix)).all()
    pairs = matrix[np.triu_indices(4, 1)]
    assert pair_trend_score(real, shifted) == pytest.approx(pairs.mean())


def test_columns_that_do_not_vary():
    real = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 3.0], [3.0, 6.0, 3.0]])
    synthetic = real.copy()
    synthetic[:, 1] = 4.0
    found = pair_trend_score(real, synthetic, average=None)
    assert found[0, 1] == pytest.approx(0.5)  # a correlation of 1 against one of 0
    assert np.isnan(found[0, 2])  # there is no real correlation to compare with
    assert np.isnan(pair_trend_score(real[:, [2, 2]], real[:, [2, 2]]))


@pytest.mark.filterwarnings("ignore")  # sdmetrics' own
@pytest.mark.parametrize("other", ["fresh", "shifted"])
def test_scores_agree_with_sdmetrics(real, other, request):
    synthetic = request.getfixturevalue(other)
    reason = "sdmetrics is in the benchmark extra"
    column_pairs = pytest.importorskip("sdmetrics.column_pairs", reason=reason)
    single = pytest.importorskip("sdmetrics.single_column", reason=reason)
    columns = [
        measure.compute(real_data=real[c], synthetic_data=synthetic[c])
        for c, measure in zip(
            real,
            [single.KSComplement, single.KSComplement, single.TVComplement, single.TVComplement],
            strict=True,
        )
    ]
    np.testing.assert_allclose(marginal_score(real, synthetic, average=None), columns)
    found = pair_trend_score(real, synthetic, average=None)
    for i, j in combinations(range(4), 2):
        pair = [real.columns[i], real.columns[j]]
        data = {"real_data": real[pair].copy(), "synthetic_data": synthetic[pair].copy()}
        if j < 2:
            expected = column_pairs.CorrelationSimilarity.compute(**data)
        else:
            numbers = [name for name in pair if name in "ab"]
            expected = column_pairs.ContingencySimilarity.compute(
                **data, continuous_column_names=numbers
            )
        assert found[i, j] == pytest.approx(expected), pair


@pytest.mark.parametrize("metric", [marginal_score, pair_trend_score])
def test_only_known_cells_count(real, shifted, metric):
    seen = np.random.default_rng(3).random(real.shape) < 0.8
    with_gaps = real.where(seen)
    found = metric(with_gaps, shifted, average=None)
    for i, j in combinations(range(4), 2):
        both = seen[:, i] & seen[:, j]
        names = list(real.columns[[i, j]])
        if metric is pair_trend_score:
            assert found[i, j] == pytest.approx(metric(real[both][names], shifted[names]))
    if metric is marginal_score:
        expected = [metric(real[[c]][seen[:, j]], shifted[[c]]) for j, c in enumerate(real)]
        np.testing.assert_allclose(found, expected)


def test_a_column_without_values_is_left_out():
    real, synthetic = [[1.0, np.nan], [2.0, np.nan]], [[1.0, 5.0], [2.0, 6.0]]
    np.testing.assert_array_equal(marginal_score(real, synthetic, average=None), [1.0, np.nan])
    assert marginal_score(real, synthetic) == 1.0
    assert np.isnan(pair_trend_score(real, synthetic))
    many = [np.repeat(table, 5, axis=0) for table in (real, synthetic)]
    assert c2st(*many, random_state=0) == pytest.approx(0.5, abs=0.3)
    assert c2st(many[0][:, 1:], many[1][:, 1:]) == 0.5
    assert alpha_precision_beta_recall(real, synthetic, n_neighbors=1)


@pytest.mark.parametrize(
    "metric", [marginal_score, pair_trend_score, c2st, alpha_precision_beta_recall]
)
def test_frames_and_arrays_agree(real, shifted, metric):
    seed = {"random_state": 0} if metric in (c2st, alpha_precision_beta_recall) else {}
    real, shifted = real[:150], shifted[:150]
    expected = metric(real, shifted, **seed)
    polars = [pl.from_pandas(frame) for frame in (real, shifted)]
    assert metric(*polars, **seed) == pytest.approx(expected)
    arrays = [f.assign(c=f["c"].cat.codes).to_numpy(dtype=float) for f in (real, shifted)]
    assert metric(*arrays, categorical_features=[2, 3], **seed) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [marginal_score, pair_trend_score])
def test_the_order_of_scores(real, fresh, shifted, metric):
    assert metric(real, real) == pytest.approx(1.0)
    assert 0.93 < metric(real, fresh) < 1.0
    assert metric(real, shifted) < metric(real, fresh) - 0.05


def test_c2st_of_fresh_and_of_shifted_rows():
    real, fresh = make_rows(0, n_rows=2000), make_rows(1, n_rows=2500)
    # The standard error of an AUC of 0.5 from 2,000 and 2,000 rows is 0.009.
    assert c2st(real, fresh, n_splits=2, random_state=0) == pytest.approx(0.5, abs=0.036)
    shifted = fresh.assign(a=fresh["a"] + 1.0)
    assert c2st(real, shifted, n_splits=2, random_state=0) > 0.7


def test_c2st_nears_the_best_possible_auc():
    # Of N(0, 1) and N(1, 1) no classifier has an AUC above Phi(1 / sqrt(2)) = 0.760.
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2500, 1)), rng.normal(1, size=(2500, 1))
    best = stats.norm.cdf(np.sqrt(0.5))
    assert best - 0.03 < c2st(first, second, n_splits=2, random_state=0) < best + 0.025


def test_c2st_is_not_told_by_missing_cells():
    rng = np.random.default_rng(0)
    real, fresh = rng.normal(size=(2, 1500, 2))
    options = {"n_splits": 2, "random_state": 0}
    real[rng.random(real.shape) < 0.3] = np.nan
    assert c2st(real, fresh, **options) == pytest.approx(0.5, abs=0.042)
    assert c2st(fresh, real, **options) == pytest.approx(0.5, abs=0.042)
    # A pattern of its own is compared as it is.
    fresh[:, 0] = np.nan
    assert c2st(real, fresh, **options) > 0.75


def test_c2st_with_very_many_levels():
    rng = np.random.default_rng(0)
    tables = [np.array([[f"level {k}"] for k in rng.integers(0, 400, 1000)]) for _ in range(2)]
    assert c2st(*tables, n_splits=2, random_state=0) == pytest.approx(0.5, abs=0.06)


def test_c2st_repeats_and_bounds_its_rows(real, shifted):
    few, again, other = (
        c2st(real, shifted, max_rows=60, n_splits=2, random_state=seed) for seed in (0, 0, 1)
    )
    assert few == again != other
    with pytest.raises(ValueError, match="at least 5 rows"):
        c2st(real[:4], shifted)


@pytest.mark.parametrize("shrink", [0.5, 0.25])
def test_alpha_precision_of_a_shrunken_gaussian(shrink):
    # In two dimensions a share 1 - (1 - alpha)^(1 / c^2) is within the ball of share alpha.
    rng = np.random.default_rng(0)
    real, fresh = rng.normal(size=(2, 4000, 2))
    precision, recall = alpha_precision_beta_recall(real, shrink * fresh, random_state=0)
    assert precision == pytest.approx(2 / (1 + 1 / shrink**2), abs=0.03)
    assert recall < 0.7


def test_a_fresh_sample_has_high_precision_and_recall():
    real, fresh = np.random.default_rng(0).normal(size=(2, 2000, 3))
    precision, recall = alpha_precision_beta_recall(real, fresh, random_state=0)
    assert precision > 0.95
    assert recall > 0.85


def test_complete_rows_are_as_realistic_as_incomplete_ones():
    real, fresh, held_out = np.random.default_rng(0).normal(size=(3, 1500, 3))
    hidden = np.random.default_rng(1).random((2, *real.shape)) < 0.4
    real[hidden[0]] = held_out[hidden[1]] = np.nan
    expected = alpha_precision_beta_recall(real, held_out, random_state=0)
    found = alpha_precision_beta_recall(real, fresh, random_state=0)
    assert found == pytest.approx(expected, abs=0.05)
    assert found[0] > 0.95


@pytest.mark.parametrize("n_neighbors", [1, 2])
def test_coverage_by_chance(n_neighbors):
    # Only real rows within the k-th neighbour's distance are covered: 1 - 2^-k of them at beta 1.
    real, fresh = np.random.default_rng(0).normal(size=(2, 2000, 3))
    _, recall = alpha_precision_beta_recall(real, fresh, n_neighbors=n_neighbors)
    share = 1 - 2.0**-n_neighbors
    # With coverage share * beta the integral is 1 - 2 * (1 - share) / 2.
    assert recall == pytest.approx(share, abs=0.06)


def test_a_lost_mode_lowers_recall_and_an_invented_one_precision():
    rng = np.random.default_rng(0)
    both = rng.normal(size=(1500, 2)) + rng.choice([-5, 5], (1500, 1))
    one = rng.normal(size=(1500, 2)) + 5
    lost = alpha_precision_beta_recall(both, one, random_state=0)
    good = alpha_precision_beta_recall(both, both + 0.01, random_state=0)
    assert lost[1] < 0.65 < 0.9 < good[1]
    assert alpha_precision_beta_recall(one, one + 10, random_state=0)[0] < 0.01
    invented = alpha_precision_beta_recall(one, both, random_state=0)
    assert invented[0] < 0.6
    with pytest.raises(ValueError, match="more than 5 rows"):
        alpha_precision_beta_recall(both[:5], one)


def test_identical_levels_cover_each_other():
    # All distances are 0, 1, sqrt(2) or sqrt(3): ties must not depend on rounding.
    rng = np.random.default_rng(0)
    rows = rng.choice(list("abc"), size=(300, 3))
    precision, recall = alpha_precision_beta_recall(rows, rows[rng.permutation(300)])
    assert precision > 0.9
    assert recall > 0.9


def test_ties_are_broken_at_random():
    real, fresh = np.random.default_rng(0).choice(list("ab"), size=(2, 1000, 1))
    scores = alpha_precision_beta_recall(real, fresh, random_state=0)
    assert min(scores) > 0.9
    assert scores == alpha_precision_beta_recall(real, fresh, random_state=0)
    collapsed = alpha_precision_beta_recall(real, np.full_like(real, "a"), random_state=0)
    assert max(collapsed) < 0.6


def test_numbers_too_close_for_bins():
    close = np.where(np.arange(60) % 2, 1.0, np.nextafter(1, 2))
    table = pd.DataFrame({"x": close, "c": np.where(np.arange(60) % 2, "u", "v")})
    assert pair_trend_score(table, table) == 1.0
    swapped = table.assign(x=close[::-1])
    assert pair_trend_score(table, swapped) == 0.0


def test_scores_of_a_real_table():
    table = load_diabetes(as_frame=True).data
    halves = table[::2], table[1::2]
    assert marginal_score(*halves, categorical_features=["sex"]) > 0.9
    assert pair_trend_score(*halves, categorical_features=["sex"]) > 0.9
