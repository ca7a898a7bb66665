"""Regression trees whose leaves lend what training rows have."""

from dataclasses import dataclass

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from . import predictions
from .predictions import Prediction

LEAST_GAIN = 1e-4  # of the variance of a column, by which a split lowers the squared error


@dataclass(frozen=True)
class Trees:
    """Trees as arrays over the nodes of all, and what training rows lend in them.

    Methods take the tree of each row, ``number`` (n_rows,), 0 where there is but one.
    """

    root: np.ndarray  # the first node of each tree
    feature: np.ndarray
    threshold: np.ndarray
    below: np.ndarray  # (n_nodes, 2), the nodes up to the threshold and above it; a leaf itself
    first: np.ndarray  # of the donors in a leaf
    size: np.ndarray  # how many they are
    donors: np.ndarray  # ascending in each leaf
    prediction: Prediction  # that donors are added to, one for each tree

    def predicted(self, features, number=0):
        """The predictions that donors are added to, shape (n_rows,)."""
        return self.prediction.at(number).of(features)

    def leaves(self, features, number=0):
        """The node that each row comes to, shape (n_rows,)."""
        start = np.broadcast_to(self.root[number], len(features))
        return descended(start, features, self.feature, self.threshold, self.below)

    def draw(self, features, uniforms, number=0):
        """One donor for each row by a number from 0 to 1, and the value it makes."""
        leaf = self.leaves(features, number)
        place = np.minimum((uniforms * self.size[leaf]).astype(int), self.size[leaf] - 1)
        return self.predicted(features, number) + self.donors[self.first[leaf] + place]

    def candidates(self, features, n_candidates, uniforms, number=0):
        """What donors in the leaf of a row make, ascending, shape (n_rows, n_candidates).

        Taken at even distances from a random start, so that all of a leaf weigh alike.
        """
        leaf = self.leaves(features, number)
        share = (np.arange(n_candidates) + uniforms[:, None]) / n_candidates
        place = np.minimum((share * self.size[leaf, None]).astype(int), self.size[leaf, None] - 1)
        donors = self.donors[self.first[leaf, None] + place]
        return self.predicted(features, number)[:, None] + donors

    def crps(self, features, values):
        """Summed CRPS of all donors in the leaf of each row, those of a leaf weighing alike."""
        leaf, left = self.leaves(features), values - self.predicted(features)
        first, n = self.first[leaf], self.size[leaf]
        # All leaves in one search, each in a span of its own.
        span = 2 * max(np.abs(self.donors).max(), np.abs(left).max()) + 1
        of_donor = np.repeat(np.arange(len(self.size)), self.size)
        place = np.searchsorted(self.donors + span * of_donor, left + span * leaf)
        upto = np.concatenate([[0.0], self.donors.cumsum()])
        lower, upper = upto[place] - upto[first], upto[first + n] - upto[place]
        n_lower = place - first
        distances = ((2 * n_lower - n) * left + upper - lower) / n
        rank = 2 * (np.arange(len(self.donors)) - self.first[of_donor]) + 1
        weighted = (rank - self.size[of_donor]) * self.donors
        spread = np.bincount(of_donor, weighted, len(self.size))[leaf] / (n * np.maximum(n - 1, 1))
        return (distances - spread).sum()


def descended(node, features, feature, threshold, below):
    """The leaf that each row comes to from its ``node``, shape (n_rows,)."""
    n_rows, n_features = features.shape
    if not n_features:
        return node
    values = features.astype(np.float32).ravel()  # as they were split
    place, below, last = np.arange(n_rows) * n_features, below.ravel(), None
    while last is None or (node != last).any():
        last = node
        above = values.take(place + feature.take(node)) > threshold.take(node)
        node = below.take(2 * node + above)
    return node


def joined_nodes(trees):
    """The nodes of several trees, by the names that they have there, one after the other."""
    n_nodes = np.cumsum([0, *(len(tree.feature) for tree in trees)])
    places = list(zip(trees, n_nodes, strict=False))
    return {
        "root": np.concatenate([tree.root + n for tree, n in places]),
        "feature": np.concatenate([tree.feature for tree in trees]),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "below": np.concatenate([tree.below + n for tree, n in places]),
    }


def joined(trees):
    """Several trees, whose predictions cross the same features, as one."""
    n_donors = np.cumsum([0, *(len(tree.donors) for tree in trees)])
    return Trees(
        **joined_nodes(trees),
        first=np.concatenate([t.first + n for t, n in zip(trees, n_donors, strict=False)]),
        size=np.concatenate([tree.size for tree in trees]),
        donors=np.concatenate([tree.donors for tree in trees]),
        prediction=predictions.joined([tree.prediction for tree in trees]),
    )


def grow(features, values, prediction, leaf_rows, rng):
    """Grow a tree.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    values : ndarray of shape (n_rows,)
    prediction : Prediction
        Donors lend what it leaves of their values.
    leaf_rows : int or None
        Fewest rows in a leaf, None for a tree without a split.
    rng : numpy.random.Generator

    Returns
    -------
    tree : Trees
        Of one tree.
    """
    lent = values - prediction.of(features)
    if leaf_rows is None or not features.shape[1]:
        feature, leaf = np.zeros(1, dtype=np.intp), np.zeros(len(values), dtype=np.intp)
        threshold, below = np.zeros(1), np.zeros((1, 2), dtype=np.intp)
    else:
        leaf_rows, least_gain = min(leaf_rows, len(values)), LEAST_GAIN * values.var()
        feature, threshold, below, leaf = split(features, lent, leaf_rows, least_gain, rng)
    size = np.bincount(leaf, minlength=len(feature))
    return Trees(
        root=np.zeros(1, dtype=np.intp),
        feature=feature,
        threshold=threshold,
        below=below,
        first=np.cumsum(size) - size,
        size=size,
        donors=lent[np.lexsort((lent, leaf))],
        prediction=predictions.joined([prediction]),
    )


def split(features, values, leaf_rows, least_gain, rng, max_features=None):
    """The nodes of a regression tree as arrays, and the leaf of each row.

    A split looks at all features, or at ``max_features`` of them, taken at random.
    """
    # In the precision that it splits them in: checks take longer than small trees.
    features = np.ascontiguousarray(features, dtype=np.float32)
    grown = DecisionTreeRegressor(
        min_samples_leaf=leaf_rows,
        min_impurity_decrease=least_gain,
        max_features=max_features,
        random_state=int(rng.integers(2**31 - 1)),
    ).fit(features, values, check_input=False)
    nodes, leaf = grown.tree_, grown.apply(features, check_input=False)
    is_leaf = nodes.children_left < 0
    below = np.column_stack([nodes.children_left, nodes.children_right])
    return (
        np.where(is_leaf, 0, nodes.feature),
        nodes.threshold.copy(),
        np.where(is_leaf[:, None], np.arange(nodes.node_count)[:, None], below),
        leaf,
    )
