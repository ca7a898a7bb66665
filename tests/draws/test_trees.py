"""Trees whose leaves lend what training rows have."""

import numpy as np
import pytest
from small_rows import rng

from skmissdiff._draws.choices import CHOICES
from skmissdiff._draws.predictions import Prediction, predict_by
from skmissdiff._draws.trees import Trees, grow, joined


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
        *(np.array([0]), np.array([3]), np.array([0.0, 1.0, 3.0])),
        Prediction(np.zeros((1, 2)), np.zeros(0, dtype=int), np.array([[-np.inf, np.inf]])),
    )
    # E|X - y| = (2 + 1 + 1) / 3, E|X - X'| over pairs of different donors (1 + 3 + 2) / 3.
    assert tree.crps(np.zeros((1, 1)), np.array([2.0])) == pytest.approx(4 / 3 - 1)
    assert tree.crps(np.zeros((2, 1)), np.array([2.0, 0.0])) == pytest.approx(1 / 3 + 4 / 3 - 1)


@pytest.mark.parametrize("leaf_rows", [7, None])
def test_candidates_are_all_donors_of_a_leaf_alike(leaf_rows):
    features = rng(1).normal(size=(200, 2))
    values = features[:, 0] + rng(2).normal(size=200)
    tree = grow(features, values, predict_by(features, values, 1), leaf_rows, rng())
    candidates = tree.candidates(features, 50, rng(3).random(200))
    assert (np.diff(candidates, axis=1) >= 0).all()
    many = tree.candidates(np.repeat(features[:1], 4000, axis=0), 50, rng(4).random(4000))
    leaf = tree.leaves(features[:1])[0]
    donors = tree.predicted(features[:1])[0] + tree.donors[tree.first[leaf] :][: tree.size[leaf]]
    found, counts = np.unique(many.round(9), return_counts=True)
    assert found == pytest.approx(np.sort(donors), abs=1e-8)
    assert counts / counts.sum() == pytest.approx(np.full(len(donors), 1 / len(donors)), rel=0.1)
