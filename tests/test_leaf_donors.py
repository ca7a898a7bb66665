"""Numbers that are drawn from the leaves of trees."""

import time
import types

import numpy as np
import pytest

from skmissdiff import MissDiffImputer, MissDiffSampler, PaperMethod, _imputer
from skmissdiff._draws import leaf_donors
from skmissdiff._draws.leaf_donors import (
    BELIEVED,
    CHOICES,
    LARGEST_ERROR,
    LINEAR,
    N_SETS,
    SHARE,
    LeafDonors,
    Trees,
    choose,
    chosen_rows,
    gaussian_crps,
    going_with,
    grow,
    joined,
    linear,
    predict_by,
    ridge,
    strongest,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def crossed(n_rows=600, seed=1):
    """Two branches, y = x and y = -x, that nobody can tell apart by x."""
    x = rng(seed).uniform(1, 2, n_rows)
    return np.column_stack([x, x * rng(seed + 1).choice([-1, 1], n_rows)])


def test_a_linear_prediction():
    features = rng().normal(size=(400, 3))
    values = features @ [1.0, -2.0, 0.0] + 5
    slopes = ridge(features, values)
    assert slopes == pytest.approx([1, -2, 0, 5], abs=0.02)
    assert linear(features, slopes) == pytest.approx(values, abs=0.05)


@pytest.mark.parametrize(("degree", "leaf_rows"), CHOICES)
def test_a_tree_lends_what_rows_in_its_leaves_have(degree, leaf_rows):
    features = rng(1).normal(size=(200, 2))
    values = np.where(features[:, 0] > 0, 3.0, -1.0) + 0.1 * rng(2).normal(size=200)
    tree = grow(features, values, predict_by(features, values, degree), leaf_rows, rng())
    leaf = tree.leaves(features)
    # Every row is a donor of its own leaf, and of no other.
    lent = values - tree.predicted(features)
    for node in np.unique(leaf):
        donors = tree.donors[tree.first[node] :][: tree.size[node]]
        assert np.array_equal(donors, np.sort(lent[leaf == node]))
    assert tree.size[np.unique(leaf)].sum() == 200
    least = 200 if leaf_rows is None else leaf_rows
    assert tree.size[np.unique(leaf)].min() >= least
    # The least number asks for the first donor, the largest for the last.
    for uniform, place in ((0.0, 0), (1.0, -1)):
        drawn = tree.draw(features, np.full(200, uniform))
        ends = [np.sort(lent[leaf == node])[place] for node in leaf]
        assert drawn == pytest.approx(tree.predicted(features) + ends)


def test_rows_ask_their_own_tree_of_several():
    features, values = rng(1).normal(size=(200, 4)), rng(2).normal(size=200) + 3
    crossed, trees = None, []
    for k in range(3):  # grown on other rows, in which all differs but what is crossed
        own = features[k::2], values[k::2] + features[k::2, k] ** 2
        prediction = predict_by(*own, 2, crossed)
        crossed = prediction.crossed
        trees.append(grow(*own, prediction, 5, rng()))
    both = joined(trees)
    number, uniforms = np.arange(200) % 3, rng(4).random(200)
    drawn = both.draw(features, uniforms, number)
    for k, tree in enumerate(trees):
        rows = number == k
        assert np.array_equal(drawn[rows], tree.draw(features[rows], uniforms[rows]))
        assert np.array_equal(both.leaves(features, k), tree.leaves(features) + both.root[k])


def test_the_crps_of_leaves():
    none = np.zeros(1, dtype=int)
    tree = Trees(
        *(none, none, np.zeros(1), np.zeros((1, 2), dtype=int)),
        *(np.array([0]), np.array([3]), np.array([0.0, 1.0, 3.0]), np.zeros((1, 2))),
        *(np.zeros(0, dtype=int), np.array([[-np.inf, np.inf]])),
    )
    # E|X - y| = (2 + 1 + 1) / 3, E|X - X'| over pairs of different donors (1 + 3 + 2) / 3.
    assert tree.crps(np.zeros((1, 1)), np.array([2.0])) == pytest.approx(4 / 3 - 1)
    assert tree.crps(np.zeros((2, 1)), np.array([2.0, 0.0])) == pytest.approx(1 / 3 + 4 / 3 - 1)


def test_a_line_asks_for_a_linear_prediction_and_a_step_does_not():
    features = rng(1).normal(size=(400, 3))
    noise = 0.3 * rng(2).normal(size=400)
    choice, _ = choose(features, features.sum(axis=1) + noise, 1.0, rng())
    assert choice == (1, None)
    choice, _ = choose(features, np.round(2 * np.abs(features[:, 0])) % 3, 1.0, rng())
    assert choice == (0, 5)


def test_a_surface_of_second_degree():
    x = rng(1).normal(size=(500, 3))
    values = x[:, 0] ** 2 - 2 * x[:, 0] * x[:, 1] + 0.1 * rng(2).normal(size=500)
    level = (x[:, 2:] > 0).astype(float)
    features = np.column_stack([level, x])
    assert going_with(features, values).tolist() == [1, 2, 3]  # not the level
    tree = grow(features, values, predict_by(features, values, 2), None, rng())
    assert tree.donors.std() == pytest.approx(0.1, abs=0.02)
    choice, _ = choose(features, values, 1.0, rng())
    assert choice[0] == 2
    # Far away it stays in the range of what there was.
    assert tree.predicted(np.array([[0.0, 50.0, -50.0, 0.0]])) == values.max()


def test_features_that_are_crossed_are_those_that_go_with_it(monkeypatch):
    monkeypatch.setattr(leaf_donors, "MOST_CROSSED", 2)
    x = rng(1).normal(size=(400, 4))
    assert going_with(x, x[:, 3] ** 2 + x[:, 1] + 0.1 * x[:, 0]).tolist() == [1, 3]
    monkeypatch.setattr(leaf_donors, "MOST_CROSSED", 1)
    assert going_with(x, x[:, 3] ** 2 + 0.5 * x[:, 1]).tolist() == [3]


def test_a_linear_prediction_has_to_be_clearly_better(monkeypatch):
    features = rng(1).normal(size=(400, 3))
    values = features.sum(axis=1) + 0.3 * rng(2).normal(size=400)
    errors = []
    for degree, leaf_rows in (CHOICES[0], CHOICES[LINEAR]):
        prediction = predict_by(features[::2], values[::2], degree)
        tree = grow(features[::2], values[::2], prediction, leaf_rows, rng())
        errors.append(tree.crps(features[1::2], values[1::2]))
    ratio = errors[1] / errors[0]
    assert ratio < LARGEST_ERROR
    for largest, expected in ((ratio + 0.1, True), (ratio - 0.1, False)):
        monkeypatch.setattr(leaf_donors, "LARGEST_ERROR", largest)
        choice, _ = choose(features, values, 1.0, rng())
        assert (choice[0] > 0) == expected


def test_the_crps_of_a_normal_prediction():
    drawn, errors = 2.0 * rng().normal(size=(200_000, 2)), np.array([0.5, -3.0])
    expected = np.abs(errors - drawn[:, :1]).mean(axis=0) - np.abs(np.diff(drawn)).mean() / 2
    assert gaussian_crps(errors[:1], 2.0) == pytest.approx(expected[0], abs=0.01)
    assert gaussian_crps(errors, 2.0) == pytest.approx(expected.sum(), abs=0.02)


def test_a_linear_column_is_left_to_the_model_as_far_as_its_networks_are_not_believed():
    features = rng(1).normal(size=(400, 3))
    values = features.sum(axis=1) + rng(2).normal(size=400)
    shares = [choose(features, values, belief, rng())[1] for belief in (0.0, 0.1, BELIEVED, 1.0)]
    assert shares[0] == 0
    assert 0 < shares[1] < SHARE
    assert shares[2] == shares[3] == SHARE
    # A step is none that a normal prediction could follow.
    assert choose(features, np.sign(features[:, 0]), 0.0, rng())[1] == SHARE


def test_the_model_alone_draws_linear_columns():
    z = rng().normal(size=(300, 3))
    table = np.column_stack([z[:, 0], z[:, 0] + z[:, 1], z[:, 0] - z[:, 1] + 0.5 * z[:, 2]])
    known = np.ones(table.shape, bool)
    donors = LeafDonors(table, known, [0, 1, 2], rng(), belief=np.array([0.0, 1.0, 0.0]))
    assert donors.shares == pytest.approx([0, SHARE, 0])
    uniforms = rng(4).random((300, donors.n_uniforms))
    drawn = donors.draw(table + 9, np.zeros(table.shape, bool), np.zeros(300, int), uniforms)
    assert np.array_equal(drawn[:, [0, 2]], table[:, [0, 2]] + 9)
    assert (drawn[:, 1] != table[:, 1] + 9).mean() == pytest.approx(SHARE, abs=0.08)


def test_networks_that_are_half_believed_leave_some_draws_to_leaves():
    z = rng().normal(size=(600, 2))
    table = np.column_stack([z[:, 0], z[:, 0] + 0.5 * z[:, 1]])
    known = np.ones(table.shape, bool)
    donors = LeafDonors(table, known, [0, 1], rng(), belief=np.array([0.0, 0.2]))
    assert donors.shares[1] == pytest.approx(SHARE * 0.4)
    uniforms = rng(4).random((600, donors.n_uniforms))
    drawn = donors.draw(table + 9, np.zeros(table.shape, bool), np.zeros(600, int), uniforms)
    assert (drawn[:, 1] != table[:, 1] + 9).mean() == pytest.approx(SHARE * 0.4, abs=0.06)


def fitted(table, gaps):
    """Donors of a table whose gaps the model fills with noise."""
    known = ~gaps
    codes = np.where(known, table, rng(7).normal(size=table.shape))
    return LeafDonors(codes, known, [0, 1], rng(), belief=np.ones(2))


def asked(donors, table, n_draws=1, seed=3):
    known = np.column_stack([np.ones(len(table), bool), np.zeros(len(table), bool)])
    uniforms = rng(seed).random((len(table), donors.n_uniforms))
    codes = np.where(known, table, 100.0)
    numbers = np.arange(len(table)) % n_draws
    return donors.draw(codes, known, numbers, uniforms), uniforms


def test_both_branches_are_drawn_and_nothing_between():
    table = crossed()
    gaps = np.column_stack([np.zeros(600, bool), rng().random(600) < 0.3])
    drawn, _ = asked(fitted(table, gaps), crossed(seed=5), n_draws=20)
    assert np.array_equal(drawn[:, 0], crossed(seed=5)[:, 0])  # what is given stays
    ours = drawn[drawn[:, 1] != 100, 1]
    # A share of the cells stays as the model has drawn them.
    assert len(ours) / 600 == pytest.approx(SHARE, abs=0.06)
    assert np.abs(ours).min() > 0.9
    assert (ours > 0).mean() == pytest.approx(0.5, abs=0.1)


def test_draws_depend_on_their_row_alone():
    table = crossed()
    donors = fitted(table, rng().random(table.shape) < 0.2)
    assert len(donors.trees[1]["root"]) == donors.n_sets == N_SETS
    drawn, uniforms = asked(donors, table, n_draws=3)
    few = [5, 80, 3]
    known = np.column_stack([np.ones(3, bool), np.zeros(3, bool)])
    codes = np.where(known, table[few], 100.0)
    alone = donors.draw(codes, known, np.array(few) % 3, uniforms[few])
    assert np.array_equal(alone, drawn[few])
    # Another draw asks other trees, but for those that come round again.
    again = donors.draw(codes, known, np.array(few) % 3 + N_SETS, uniforms[few])
    assert np.array_equal(again, alone)
    others = asked(donors, table)[0]
    assert not np.array_equal(others, drawn)


def test_columns_of_few_or_equal_values_have_no_tree(monkeypatch):
    table = np.column_stack([np.ones(50), rng().normal(size=50), rng(1).normal(size=50)])
    known = np.ones(table.shape, bool)
    known[19:, 1] = False
    donors = LeafDonors(table, known, [0, 1, 2], rng(), belief=np.ones(3))
    assert [trees is None for trees in donors.trees] == [True, True, False]


def test_codes_that_trees_read(monkeypatch):
    codes = rng().normal(size=(200, 6))
    codes[:, 4] += 2 * codes[:, 1]
    codes[:, 0] -= codes[:, 1]
    assert np.array_equal(strongest(codes, 1), [0, 2, 3, 4, 5])
    monkeypatch.setattr(leaf_donors, "MOST_FEATURES", 2)
    assert np.array_equal(strongest(codes, 1), [0, 4])
    donors = LeafDonors(codes, np.ones(codes.shape, bool), [1], rng(), belief=np.ones(1))
    assert np.array_equal(donors.features[0], [0, 4])
    # What is not read changes nothing.
    known, uniforms = np.arange(6)[None] != np.ones((9, 1)), rng(2).random((9, donors.n_uniforms))
    other = codes[:9].copy()
    other[:, [2, 3, 5]] = 7.0
    drawn = [donors.draw(part, known, np.zeros(9, int), uniforms) for part in (codes[:9], other)]
    assert np.array_equal(drawn[0][:, 1], drawn[1][:, 1])


def test_rows_that_trees_are_grown_on(monkeypatch):
    monkeypatch.setattr(leaf_donors, "MOST_ROWS", 30)
    assert np.array_equal(chosen_rows(20, None, rng()), np.arange(20))
    assert len(np.unique(chosen_rows(50, None, rng()))) == 30
    assert np.array_equal(
        chosen_rows(20, np.r_[np.zeros(5), np.full(15, 2.0)], rng()), range(5, 20)
    )
    heavy = chosen_rows(40, np.r_[np.zeros(10), np.ones(20), np.full(10, 20.0)], rng())
    assert len(heavy) == 30
    assert heavy.min() >= 10
    assert (heavy >= 30).mean() > 0.7


# --- In an imputer.


def holed(n_rows=400):
    table = crossed(n_rows)
    table[rng(4).random(table.shape) < 0.25] = np.nan
    return table


def test_an_imputer_draws_from_leaves():
    X = holed()
    imputer = MissDiffImputer(max_iter=60, random_state=0).fit(X)
    assert isinstance(imputer._leaf_donors, LeafDonors)
    draws = np.stack(imputer.multiple_impute(X, 4))
    cells = np.isnan(X[:, 1]) & ~np.isnan(X[:, 0])
    drawn = draws[:, cells, 1]
    occurs = np.isin(drawn.round(9), X[:, 1].round(9))
    is_linear = np.abs(imputer._leaf_donors.trees[1]["slopes"]).max() > 0
    assert is_linear or occurs.mean() > 0.5
    without = MissDiffImputer(max_iter=60, donors=False, random_state=0).fit(X)
    other = np.stack(without.multiple_impute(X, 4))[:, cells, 1]
    # A network of 60 steps leaves draws between the branches.
    assert (np.abs(drawn) < 0.9).mean() < 0.6 * (np.abs(other) < 0.9).mean()
    # Best guesses do not know of it.
    assert np.array_equal(without.denoiser_.W.numpy(), imputer.denoiser_.W.numpy())


def test_who_has_no_leaves():
    X = holed(120)
    params = {"max_iter": 3, "random_state": 0}
    for imputer in (
        MissDiffImputer(**params, donors=False),
        MissDiffImputer(**params, scaling="quantile"),
        MissDiffImputer(max_iter=0, random_state=0),
        MissDiffImputer(PaperMethod(), n_steps=5, **params),
        MissDiffSampler(**params),
    ):
        assert imputer.fit(X)._leaf_donors is None, imputer
    assert MissDiffImputer(**params).fit(X).to_sampler()._leaf_donors is None
    text = np.array([["a", "b"], ["c", "d"]] * 60, dtype=object)
    assert MissDiffImputer(**params).fit(text)._leaf_donors is None


def test_weights_reach_the_leaves():
    X = holed(200)
    weight = np.r_[np.zeros(100), np.ones(100)]
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(X, sample_weight=weight)
    for trees, x in zip(imputer._leaf_donors.trees, X[100:].T, strict=True):
        assert len(trees["donors"]) == N_SETS * np.isfinite(x).sum()


def test_saved_leaves_draw_the_same(tmp_path):
    X = holed(120)
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(X)
    imputer.save(tmp_path / "model.npz")
    loaded = MissDiffImputer.load(tmp_path / "model.npz")
    assert isinstance(loaded._leaf_donors, LeafDonors)
    for ours, theirs in zip(
        imputer.multiple_impute(X, 2), loaded.multiple_impute(X, 2), strict=True
    ):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("proper", ["bootstrap", "refit"])
def test_replicates_grow_trees_of_their_own(monkeypatch, proper):
    X = holed(120)
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(X)
    grown, inner = [], MissDiffImputer._grown_leaf_donors

    def spy(self, codes, weight, **options):
        grown.append((inner(self, codes, weight, **options), weight))
        return grown[-1][0]

    monkeypatch.setattr(MissDiffImputer, "_grown_leaf_donors", spy)
    imputer.multiple_impute(X, 2, proper=proper)
    assert len(grown) == 2
    for leaves, weight in grown:
        assert leaves.n_sets == len(leaves.trees[0]["root"]) == 1
        assert leaves.choices == imputer._leaf_donors.choices
        assert weight.sum() == pytest.approx(120)
    donors = [leaves.trees[0]["donors"] for leaves, _ in grown]
    assert not np.array_equal(np.unique(donors[0]), np.unique(donors[1]))
    # Without leaves there are none to be grown.
    grown.clear()
    MissDiffImputer(max_iter=3, donors=False, random_state=0).fit(X).multiple_impute(
        X, 2, proper=proper
    )
    assert grown == []


def test_only_rows_that_trees_are_grown_on_are_completed(monkeypatch):
    for module in (_imputer, leaf_donors):
        monkeypatch.setattr(module, "MOST_ROWS", 50)
    X = rng().normal(size=(120, 3))
    X[::4, 1] = np.nan
    grown, inner = [], MissDiffImputer._grown_leaf_donors

    def spy(self, codes, weight, **options):
        grown.append((codes, weight))
        return inner(self, codes, weight, **options)

    monkeypatch.setattr(MissDiffImputer, "_grown_leaf_donors", spy)
    few = MissDiffImputer(max_iter=3, random_state=0)
    few.fit(X[:50])
    few.fit(X)
    few.fit(X, sample_weight=np.repeat([0.0, 1.0, 2.0], 40))
    for codes, weight in grown:
        assert codes.shape == (50, 3)
        assert codes.dtype == np.float64
        assert weight is None
    # Rows of weight 0 are none of them.
    values = few.encoder_.decode(grown[-1][0])[0]
    assert np.isclose(values[:, None], X[40:, 0]).any(axis=1).all()


@pytest.mark.parametrize("n_columns", [5, 40])
def test_trees_that_take_too_long_are_not_grown(monkeypatch, n_columns):
    """One column tells how long all of them take: with a second each there is time for five."""
    clock, grown = [time.monotonic()], []

    class Slow:
        def __init__(self, completed, known, numeric, *args, **options):
            grown.append(len(numeric))
            clock[0] += len(numeric)

    monkeypatch.setattr(_imputer, "LeafDonors", Slow)
    monkeypatch.setattr(_imputer, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    X = np.random.default_rng(0).normal(size=(40, n_columns))
    X[::3, 0] = np.nan
    imputer = MissDiffImputer(max_iter=1, max_time=20, random_state=0).fit(X)
    assert grown == ([1, 5] if n_columns == 5 else [1])
    assert isinstance(imputer._leaf_donors, Slow) == (n_columns == 5)
    grown.clear()
    MissDiffImputer(max_iter=1, random_state=0).fit(X)
    assert grown == [n_columns]
