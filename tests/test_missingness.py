"""Tables are spoiled by the mechanism asked for, at the rate asked for, and by nothing else."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from skmissdiff.missingness import ampute

CELLWISE = ["mcar", "independent", "mnar_logistic", "mnar_self", "mnar_quantile"]
MECHANISMS = [*CELLWISE, "row", "column", "mar", "block", "monotone"]


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(3)
    return rng.normal(size=(3000, 6)) @ rng.normal(size=(6, 6)) + 10


# ---------------------------------------------------------------- rates


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("rate", [0.15, 0.45])
def test_rate(numbers, mechanism, rate):
    X_missing, mask = ampute(numbers, mechanism, rate, random_state=0)
    assert mask.shape == numbers.shape
    assert mask.dtype == bool
    np.testing.assert_array_equal(np.isnan(X_missing), mask)
    np.testing.assert_array_equal(X_missing[~mask], numbers[~mask])
    # In "mar" the columns that keep their cells do not count.
    columns = mask.any(axis=0) if mechanism == "mar" else np.full(6, True)
    n_cells = 3000 * columns.sum()
    # Five standard deviations; the cells of a row are dependent under drop-out.
    spread = np.sqrt(rate * (1 - rate) / n_cells) * (2.5 if mechanism == "monotone" else 1)
    assert abs(mask[:, columns].mean() - rate) < 5 * spread


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_rate_is_unbiased_on_a_small_table_where_rows_would_be_emptied(numbers, mechanism):
    """With three columns at 40 % an untreated row is empty in 6 % of the cases."""
    X = numbers[:40, :3]
    block = {"block_shape": (1, 1)}
    rates = []
    for seed in range(150):
        _, mask = ampute(X, mechanism, 0.4, random_state=seed, **block)
        assert not mask.all(axis=1).any()
        assert not mask.all(axis=0).any()
        columns = mask.any(axis=0) if mechanism == "mar" else slice(None)
        rates.append(mask[:, columns].mean())
    assert abs(np.mean(rates) - 0.4) < 5 * np.std(rates) / np.sqrt(150) + 1e-9


def test_rate_counts_cells_observed_before(numbers):
    X = numbers.copy()
    before = np.random.default_rng(0).random(X.shape) < 0.5
    before[:, 0] = False
    X[before] = np.nan
    for mechanism in MECHANISMS:
        X_missing, mask = ampute(X, mechanism, 0.3, observed_columns=[0], random_state=0)
        assert not (mask & before).any()
        np.testing.assert_array_equal(np.isnan(X_missing), mask | before)
        assert mask[:, 1:][~before[:, 1:]].mean() == pytest.approx(0.3, abs=0.04), mechanism
        assert not mask[:, 0].any()


def test_each_column_of_the_logistic_mechanisms_has_the_rate(numbers):
    for mechanism in ("mar", "mnar_logistic", "mnar_self", "mnar_quantile"):
        _, mask = ampute(numbers, mechanism, 0.3, random_state=1, strength=3.0)
        shares = mask.mean(axis=0)
        hit = shares > 0 if mechanism == "mar" else np.full(6, True)
        np.testing.assert_allclose(shares[hit], 0.3, atol=0.045)


def test_column_has_the_same_share_in_each_column(numbers):
    _, mask = ampute(numbers, "column", 0.3, random_state=0)
    assert (mask.sum(axis=0) == 900).all()
    assert len(set(mask.sum(axis=1))) > 2


def test_row_has_the_same_share_in_each_row(numbers):
    _, mask = ampute(numbers, "row", 0.5, random_state=0)
    assert (mask.sum(axis=1) == 3).all()
    assert len(set(mask.sum(axis=0))) > 1
    # 0.4 of six cells are 2.4: two or three of them.
    _, mask = ampute(numbers, "row", 0.4, random_state=0)
    assert set(mask.sum(axis=1)) == {2, 3}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_rates_of_nothing_and_all(numbers, mechanism):
    options = {"tail_fraction": 1.0, "allow_empty": True, "random_state": 0}
    _, mask = ampute(numbers[:30], mechanism, 0.0, **options)
    assert not mask.any()
    _, mask = ampute(numbers[:30], mechanism, 1.0, **options)
    assert set(mask.mean(axis=0)) == ({0.0, 1.0} if mechanism == "mar" else {1.0})


# ---------------------------------------------------------------- nothing emptied


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_rows_and_columns_keep_a_cell_where_many_are_missing_already(mechanism):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5))
    X[rng.random(X.shape) < 0.5] = np.nan
    X[:, 0] = np.nan
    X[3] = np.nan
    X[4, 1:] = [np.nan, np.nan, np.nan, 1.0]
    options = {"block_shape": (3, 2), "observed_columns": [1] if mechanism == "mar" else None}
    X_missing, mask = ampute(X, mechanism, 0.25, random_state=0, **options)
    assert mask.any()
    had, has = ~np.isnan(X), ~np.isnan(X_missing)
    np.testing.assert_array_equal(has.any(axis=1), had.any(axis=1))
    np.testing.assert_array_equal(has.any(axis=0), had.any(axis=0))
    assert has[4, 4]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_columns_of_three_rows_keep_a_cell(numbers, mechanism):
    options = {"block_shape": (1, 2), "tail_fraction": 0.8}
    for seed in range(60):
        _, mask = ampute(numbers[:3], mechanism, 0.5, random_state=seed, **options)
        assert not mask.all(axis=0).any()
        assert not mask.all(axis=1).any()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_table_without_values_stays_so(mechanism):
    X = np.full((5, 3), np.nan)
    X_missing, mask = ampute(X, mechanism, random_state=0)
    assert not mask.any()
    assert np.isnan(X_missing).all()


@pytest.mark.parametrize("mechanism", sorted(set(MECHANISMS) - {"block"}))
def test_empty_rows_where_they_are_allowed(numbers, mechanism):
    options = {"observed_columns": [0] if mechanism == "mar" else None, "tail_fraction": 0.9}
    X = numbers.copy()
    X[:, 0] = np.where(np.arange(3000) % 2, np.nan, X[:, 0])
    X_missing, _ = ampute(X, mechanism, 0.9, allow_empty=True, random_state=0, **options)
    assert np.isnan(X_missing).all(axis=1).any()


@pytest.mark.parametrize("mechanism", sorted(set(MECHANISMS) - {"mar", "mnar_quantile"}))
def test_a_rate_that_empties_rows_is_refused(numbers, mechanism):
    with pytest.raises(ValueError, match=r"missing_rate=0.9 cannot be reached .*allow_empty=True"):
        ampute(numbers[:, :3], mechanism, 0.9, random_state=0)
    with pytest.raises(ValueError, match="cannot be reached"):
        ampute(numbers[:, :1], mechanism, 0.2, random_state=0)


def test_a_tail_that_must_go_whole_and_leaves_rows_empty_is_refused(numbers):
    with pytest.raises(ValueError, match=r"missing_rate=0.5 cannot be reached"):
        ampute(numbers[:, [0, 0, 0]], "mnar_quantile", 0.5, random_state=0)


# ---------------------------------------------------------------- what it depends on


def _shuffled(X, columns):
    X = X.copy()
    X[:, columns] = np.random.default_rng(9).permutation(X[:, columns])
    return X


@pytest.mark.parametrize("mechanism", ["mcar", "row", "column", "block", "monotone"])
def test_mcar_does_not_look_at_values(numbers, mechanism):
    _, mask = ampute(numbers, mechanism, random_state=0)
    _, again = ampute(-np.exp(numbers / 9), mechanism, random_state=0)
    np.testing.assert_array_equal(mask, again)


def test_mar_depends_on_observed_columns_only(numbers):
    kept = [0, 3]
    options = {"observed_columns": kept, "random_state": 5, "strength": 2.0}
    _, mask = ampute(numbers, "mar", **options)
    assert not mask[:, kept].any()
    hidden = [1, 2, 4, 5]
    _, again = ampute(_shuffled(numbers, hidden), "mar", **options)
    np.testing.assert_array_equal(mask, again)
    _, other = ampute(_shuffled(numbers, kept), "mar", **options)
    assert (mask != other).any(axis=0)[hidden].all()


@pytest.mark.parametrize("mechanism", ["mar", "mnar_logistic", "mnar_self", "mnar_quantile"])
def test_units_do_not_matter(numbers, mechanism):
    _, mask = ampute(numbers, mechanism, random_state=5)
    _, again = ampute(numbers * [1e-9, 1, 1e3, 1e6, 1e20, 1e200] + 7, mechanism, random_state=5)
    assert (mask != again).mean() < 1e-3  # a probability may differ in its last digit


def test_mar_is_logistic_with_the_strength_asked_for(numbers):
    X = np.c_[numbers[:, 0], np.arange(3000)]
    _, mask = ampute(X, "mar", 0.3, observed_columns=[0], strength=2.0, random_state=0)
    z = (X[:, [0]] - X[:, 0].mean()) / X[:, 0].std()
    model = LogisticRegression(C=np.inf).fit(z, mask[:, 1])
    assert abs(model.coef_[0, 0]) == pytest.approx(2.0, abs=0.3)


def test_mar_draws_the_share_of_observed_columns(numbers):
    for fraction, n_kept in [(0.3, 2), (0.5, 3), (0.01, 1), (0.99, 5)]:
        _, mask = ampute(numbers, "mar", observed_fraction=fraction, random_state=0)
        assert (~mask.any(axis=0)).sum() == n_kept
    kept = {tuple(~ampute(numbers, "mar", random_state=s)[1].any(axis=0)) for s in range(9)}
    assert len(kept) > 3


def test_mar_on_a_categorical_column_goes_by_its_levels():
    levels = np.repeat(["a", "b", "c", "d"], 1000)
    frame = pd.DataFrame({"level": pd.Categorical(levels), "x": np.arange(4000.0)})
    _, mask = ampute(frame, "mar", 0.4, observed_columns=["level"], strength=2.0, random_state=0)
    shares = mask[:, 1].reshape(4, 1000).mean(axis=1)
    assert shares.std() > 0.2
    assert shares.mean() == pytest.approx(0.4, abs=0.04)
    # In an array the user says which columns hold levels; as numbers they come in their order.
    X = np.c_[np.tile([0.0, 1.0, 2.0], 1000), np.arange(3000.0)]
    options = {"observed_columns": [0], "strength": 2.0}
    as_levels = [
        ampute(X, "mar", categorical_features=[0], random_state=s, **options)[1] for s in range(9)
    ]
    as_numbers = [ampute(X, "mar", random_state=s, **options)[1] for s in range(9)]

    def in_order(mask):
        shares = mask[:, 1].reshape(1000, 3).mean(axis=0)
        return abs(np.diff(np.sign(np.diff(shares)))[0]) == 0

    assert all(map(in_order, as_numbers))
    assert not all(map(in_order, as_levels))


def test_mnar_logistic_depends_on_hidden_columns(numbers):
    _, mask = ampute(numbers, "mnar_logistic", 0.3, strength=2.0, random_state=0)
    for j in range(6):
        score = LogisticRegression().fit(numbers, mask[:, j]).predict_proba(numbers)[:, 1]
        assert score.std() > 0.2
        # The values that are hidden by this very column tell, too.
        _, other = ampute(_shuffled(numbers, [j]), "mnar_logistic", 0.3, random_state=0)
        assert (mask[:, j] != other[:, j]).any()


@pytest.mark.parametrize(("strength", "sign"), [(2.0, 1), (-2.0, -1)])
def test_mnar_self_depends_on_the_own_value_alone(strength, sign):
    X = np.random.default_rng(1).normal(size=(4000, 3))
    _, mask = ampute(X, "mnar_self", 0.3, strength=strength, allow_empty=True, random_state=0)
    for j in range(3):
        coef = LogisticRegression(C=np.inf).fit(X, mask[:, j]).coef_[0]
        expected = np.where(np.arange(3) == j, 2.0 * sign, 0.0)
        np.testing.assert_allclose(coef, expected, atol=0.3)


def test_no_strength_is_mcar(numbers):
    _, mask = ampute(numbers, "mnar_self", 0.3, strength=0.0, random_state=0)
    _, mcar = ampute(numbers, "mcar", 0.3, random_state=0)
    np.testing.assert_array_equal(mask, mcar)


@pytest.mark.parametrize("tail", ["upper", "lower", "both"])
def test_mnar_quantile_hides_in_the_tails_alone(numbers, tail):
    options = {"tail": tail, "tail_fraction": 0.4, "random_state": 0}
    _, mask = ampute(numbers, "mnar_quantile", 0.2, **options)
    rank = numbers.argsort(axis=0).argsort(axis=0) / 3000
    inside = {"upper": rank >= 0.6, "lower": rank < 0.4, "both": (rank < 0.2) | (rank >= 0.8)}
    assert not mask[~inside[tail]].any()
    assert mask[inside[tail]].mean() == pytest.approx(0.5, abs=0.03)


def test_mnar_quantile_reaches_the_rate_in_a_column_of_ties():
    X = np.c_[np.zeros(2000), np.arange(2000)]
    _, mask = ampute(X, "mnar_quantile", 0.2, random_state=0)
    np.testing.assert_allclose(mask.mean(axis=0), 0.2, atol=0.045)
    # Which of the ties are in the tail is left to chance.
    assert mask[:1000, 0].mean() == pytest.approx(0.2, abs=0.06)


# ---------------------------------------------------------------- patterns


def test_monotone_is_monotone(numbers):
    _, mask = ampute(numbers, "monotone", 0.4, random_state=0)
    assert (mask[:, 1:] >= mask[:, :-1]).all()
    assert not mask[:, 0].any()
    assert (np.diff(mask.mean(axis=0)) > 0).all()
    # The probability to leave is the same at each visit.
    stays = 1 - mask.mean(axis=0)
    np.testing.assert_allclose(stays[1:] / stays[:-1], stays[1], atol=0.06)
    _, mask = ampute(numbers, "monotone", 0.4, observed_columns=[2], random_state=0)
    others = mask[:, [0, 1, 3, 4, 5]]
    assert (others[:, 1:] >= others[:, :-1]).all()
    assert others[:, 0].any()
    assert not mask[:, 2].any()


def test_monotone_keeps_a_cell_of_each_column_of_few_rows():
    for seed in range(100):
        _, mask = ampute(np.ones((4, 4)), "monotone", 0.6, random_state=seed)
        assert not mask.all(axis=0).any()
        assert (mask[:, 1:] >= mask[:, :-1]).all()


def test_block_hides_rectangles(numbers):
    _, mask = ampute(numbers, "block", 0.05, block_shape=(50, 3), random_state=0)
    runs = mask.T.reshape(6, -1)
    for j in range(6):
        edges = np.flatnonzero(np.diff(np.r_[0, runs[j], 0]))
        lengths = edges[1::2] - edges[::2]
        inner = (edges[::2] > 0) & (edges[1::2] < 3000)
        assert (lengths[inner] % 50 == 0).all()
    n_together = mask.sum(axis=1)
    assert set(n_together[n_together > 0]) <= {1, 2, 3}
    assert (n_together == 3).any()


def test_blocks_start_anywhere(numbers):
    first = set()
    for seed in range(30):
        _, mask = ampute(numbers[:200], "block", 0.2, block_shape=(50, 1), random_state=seed)
        first.update(np.argwhere(np.diff(mask.astype(int), axis=0) == 1)[:, 0] % 50)
    assert len(first) > 15
