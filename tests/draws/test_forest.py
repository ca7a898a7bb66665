"""Forests beside networks: what trees say, which have not seen a row, what is not worth it."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.tree import DecisionTreeRegressor

from skmissdiff._draws import forest as forest_module
from skmissdiff._draws.forest import (
    FEWEST_ROWS,
    FEWEST_TREE_ROWS,
    MOST_TREE_ROWS,
    N_TREES,
    Forest,
    Grown,
    error_of_unseen,
    grow_column,
    grow_tree,
    joined,
    n_tried,
    rows_of_trees,
)


def table(n_rows=300, seed=0):
    """Four codes: three features, and a step of the first one."""
    rng = np.random.default_rng(seed)
    codes = rng.normal(size=(n_rows, 4))
    codes[:, 3] = np.where(codes[:, 0] > 0.3, 2.0, -1.0)
    return codes


def grown(codes, own=(3,), column=None, known=None, weight=None, hopeless=np.inf, most_rows=4000):
    known = np.ones(codes.shape, dtype=bool) if known is None else known
    rng = np.random.default_rng(1)
    own = np.array(own)
    column = own if column is None else np.array(column)
    return grow_column(codes, known, own, column, weight, hopeless, most_rows, rng)


def stump(threshold, low, high, feature=0):
    """A tree of two leaves of a column of one code."""
    return Forest(
        codes=np.array([1]),
        features=np.array([0]),
        root=np.array([0]),
        feature=np.array([feature, 0, 0]),
        threshold=np.array([threshold, 0.0, 0.0]),
        below=np.array([[1, 2], [1, 1], [2, 2]]),
        value=np.array([[np.nan], [low], [high]]),
        prediction=None,
    )


def test_trees_say_the_mean_of_a_leaf_and_a_forest_theirs():
    both = joined([stump(0.0, 1.0, 2.0), stump(5.0, 10.0, 30.0)])
    codes = np.array([[-1.0, np.nan], [3.0, np.nan], [7.0, np.nan]])
    assert_array_equal(both.by_tree(codes[:, :1])[..., 0], [[1, 2, 2], [10, 10, 30]])
    assert_array_equal(both.mean(codes)[:, 0], [5.5, 6, 16])


def test_a_tree_is_that_of_scikit_learn(monkeypatch):
    monkeypatch.setattr(forest_module, "SHARE_OF_FEATURES", 1.0)
    codes = table()
    values = codes[:, :1] ** 2 + codes[:, 1:2]
    tree = grow_tree(codes[:, :3], values, 0, None, np.random.default_rng(0))
    whole = DecisionTreeRegressor(min_samples_leaf=3, min_impurity_decrease=1e-4 * values.var())
    features = codes[:, :3].astype(np.float32)
    whole.fit(features, values[:, 0])
    own = replace(tree, codes=np.array([3]), features=np.arange(3))
    assert_allclose(own.mean(codes)[:, 0], whole.predict(features), rtol=1e-10)


def test_a_column_of_categories_has_the_shares_of_its_leaves():
    codes = np.column_stack([table()[:, :3], np.zeros((300, 2))])
    codes[:, 3] = codes[:, 0] > 0
    codes[:, 4] = 1 - codes[:, 3]
    found = grown(codes, own=(3, 4)).forest
    said = found.mean(codes)
    assert_allclose(said.sum(axis=1), 1.0)
    assert np.mean(said.argmax(axis=1) == codes[:, 3:].argmax(axis=1)) > 0.98


def test_steps_are_split_and_parabolas_predicted():
    codes = table()
    step = grown(codes).forest
    assert step.prediction is None
    assert np.abs(step.mean(codes)[:, 0] - codes[:, 3]).mean() < 0.1
    codes[:, 3] = codes[:, 0] ** 2 - codes[:, 1]
    curve = grown(codes).forest
    assert curve.prediction is not None
    assert np.abs(curve.mean(codes)[:, 0] - codes[:, 3]).mean() < 0.1


def test_its_features_are_all_others():
    found = grown(table()).forest
    assert_array_equal(found.codes, [3])
    assert_array_equal(found.features, [0, 1, 2])
    assert len(found.root) == N_TREES


def test_a_row_does_not_depend_on_those_beside_it():
    codes = table()
    codes[:, 3] += codes[:, 1] ** 2
    found = grown(codes).forest
    alone = np.concatenate([found.mean(codes[[row]]) for row in range(40)])
    assert_array_equal(alone, found.mean(codes[:40]))


def test_no_code_of_its_own_column_is_read():
    codes = np.column_stack([table(), table()[:, 3]])
    found = grown(codes, column=(3, 4)).forest
    assert_array_equal(found.codes, [3])
    assert_array_equal(found.features, [0, 1, 2])


def test_only_trees_that_have_not_seen_a_row_are_asked():
    three = joined([stump(0.0, value, value) for value in (1.0, 2.0, 6.0)])
    in_bag = np.array([[True, True, False], [False, True, False], [False, True, False]])
    found = Grown(three, in_bag)
    mean, excess, heard = found.unseen(np.zeros((3, 1)), np.array([0, 1, -1]))
    # Two of three trees, none, and all for a row that is no training row.
    assert_array_equal(heard, [True, False, True])
    assert_allclose(mean[heard, 0], [4.0, 3.0])
    variance = ((2 - 4) ** 2 + (6 - 4) ** 2) / 1
    assert_allclose(excess[heard, 0], [variance * (1 / 2 - 1 / 3), 0.0], atol=1e-12)


def test_errors_are_of_rows_that_some_tree_has_not_seen():
    codes = np.array([[0.0, 1.0], [0.0, 5.0]])
    found = Grown(stump(0.0, 3.0, 9.0), np.array([[False, True, False]]))
    assert error_of_unseen(found, codes, np.arange(2)) == (3 - 1) ** 2
    found = Grown(stump(0.0, 3.0, 9.0), np.array([[True, True, False]]))
    assert error_of_unseen(found, codes, np.arange(2)) == np.inf


def test_no_rows_are_told_nothing():
    assert stump(0.0, 1.0, 2.0).mean(np.zeros((0, 2))).shape == (0, 1)


def test_trees_know_by_heart_what_they_have_seen_alone():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(400, 4))  # nothing goes with anything
    found = grown(codes)
    rows = np.arange(400)
    assert 0.9 < error_of_unseen(found, codes, rows) < 1.3
    assert ((found.forest.mean(codes)[:, 0] - codes[:, 3]) ** 2).mean() < 0.6


def test_trees_take_samples_of_rows_by_weight():
    codes = table()
    weight = np.r_[np.zeros(100), np.ones(200)]
    found = grown(codes, weight=weight, most_rows=50)
    assert not found.in_bag[:, :100].any()
    assert found.in_bag[:, 100:300].sum(axis=1).max() <= 50
    assert found.in_bag[:, 100:300].any(axis=1).all()
    assert not found.in_bag[:, -1].any()  # of any other row


def test_rows_that_do_not_know_a_column_are_not_learnt_from():
    codes, known = table(), np.ones((300, 4), dtype=bool)
    known[:150, 3] = False
    codes[:150, 3] = 1e6
    found = grown(codes, known=known)
    assert not found.in_bag[:, :150].any()
    assert found.forest.mean(codes).max() < 3


def test_what_is_hopeless_or_cannot_be_learnt_has_no_forest():
    codes = table()
    assert grown(codes, hopeless=1e-6) is None
    assert grown(codes[: FEWEST_ROWS - 1]) is None
    codes[:, 3] = 7.0
    assert grown(codes) is None
    assert grown(table()[:, 3:], own=(0,)) is None  # nothing to predict it by


def test_the_rows_of_a_tree_are_bounded_by_the_work():
    assert rows_of_trees(1_000_000, [1] * 5) == MOST_TREE_ROWS
    assert FEWEST_TREE_ROWS <= rows_of_trees(1_000_000, [1] * 300) < MOST_TREE_ROWS
    assert rows_of_trees(1_000_000, [1] * 10_000) == 0
    few = rows_of_trees(300, [1] * 1000)  # as many as the table has
    assert 300 <= few < FEWEST_TREE_ROWS


@pytest.mark.parametrize(("n_features", "n"), [(1, 1), (4, 2), (15, 8), (90, 10)])
def test_a_split_looks_at_half_of_the_features(n_features, n):
    assert n_tried(n_features) == n
