"""Means of missing cells by random forests, given all other cells of a row (Breiman 2001).

What networks smooth, trees split: steps, corners, twins. Each tree is grown on a bootstrap sample
of the training rows that observe a column, whose gaps are filled by one draw of the networks; at
the rows to come gaps hold the networks' means. Trees of a number split its values, or what a
prediction of second degree leaves of them, whichever predicts better the rows that a tree has not
seen. Held-out rows tell how far a forest is believed (`skmissdiff._forests`).
"""

from dataclasses import dataclass, replace

import numpy as np

from . import predictions
from .chain import MOST_FEATURES, strongest
from .predictions import Prediction, going_with, predict_by
from .trees import LEAST_GAIN, descended, joined_nodes, split

N_TREES = 12
N_PILOT_TREES = 4  # of each degree, by which one is chosen
DEGREES = (0, 2)  # of the prediction whose rest trees split; 0 for none
LEAF_ROWS = 3
# Features that a split looks at: a share of them, and at most so many.
SHARE_OF_FEATURES, MOST_TRIED = 0.5, 10
# Rows of a tree: a large table has forests of samples, and a wide one, whose trees have to split
# hundreds of codes, none if they would know little of it.
MOST_TREE_ROWS, FEWEST_TREE_ROWS, MOST_WORK = 4000, 1000, 50_000_000
FEWEST_ROWS = 20  # that observe a column
# Squared errors of the pilot trees in those of networks, from which a forest has nothing to add.
HOPELESS = 2.5


@dataclass(frozen=True)
class Forest:
    """The trees of a column as arrays over the nodes of all."""

    codes: np.ndarray  # of the column
    features: np.ndarray  # the codes that trees read
    root: np.ndarray  # (n_trees,)
    feature: np.ndarray
    threshold: np.ndarray
    below: np.ndarray  # (n_nodes, 2), the nodes up to the threshold and above it; a leaf itself
    value: np.ndarray  # (n_nodes, n_own_codes)
    prediction: Prediction | None  # that values are added to, one for each tree

    def by_tree(self, features):
        """What each tree says to rows (n_rows, n_features): (n_trees, n_rows, n_own_codes)."""
        n_trees, n_rows = len(self.root), len(features)
        start, of_rows = np.repeat(self.root, n_rows), np.tile(features, (n_trees, 1))
        leaf = descended(start, of_rows, self.feature, self.threshold, self.below)
        said = self.value[leaf].astype(np.float64).reshape(n_trees, n_rows, self.value.shape[1])
        if self.prediction is not None:
            said += self.prediction.by_tree(features)[..., None]
        return said

    def mean(self, codes):
        """What all say together to rows (n_rows, n_codes): (n_rows, n_own_codes)."""
        said = self.by_tree(codes[:, self.features])
        total = said[0].copy()
        for one in said[1:]:  # one after the other: a row must not depend on those beside it
            total += one
        return total / len(said)


def joined(forests):
    """Some trees and further ones, as one forest, in half of the memory: models hold them."""
    first, nodes = forests[0], joined_nodes(forests)
    of_trees = [one.prediction for one in forests]
    return Forest(
        first.codes,
        first.features,
        root=nodes["root"],
        feature=nodes["feature"].astype(np.int32),
        threshold=nodes["threshold"],
        below=nodes["below"].astype(np.int32),
        value=np.concatenate([one.value for one in forests]).astype(np.float32),
        prediction=None if of_trees[0] is None else predictions.joined(of_trees),
    )


def n_tried(n_features):
    """How many features a split looks at."""
    return max(1, min(round(SHARE_OF_FEATURES * n_features), MOST_TRIED))


def grow_tree(features, values, degree, crossed, rng):
    """One tree as a forest without names of codes.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    values : ndarray of shape (n_rows, n_own_codes)
    degree : {0, 2}
    crossed : ndarray of int or None
        The features that the prediction crosses; None at degree 0.
    rng : numpy.random.Generator
    """
    prediction = None
    if degree:
        found = predict_by(features, values[:, 0], degree, crossed)
        values = values - found.of(features)[:, None]
        prediction = predictions.joined([found])
    leaf_rows, least_gain = min(LEAF_ROWS, len(values)), LEAST_GAIN * values.var(axis=0).mean()
    asked = values if values.shape[1] > 1 else values[:, 0]
    feature, threshold, below, leaf = split(
        features, asked, leaf_rows, least_gain, rng, n_tried(features.shape[1])
    )
    size = np.maximum(np.bincount(leaf, minlength=len(feature)), 1)
    value = np.column_stack([np.bincount(leaf, own, len(feature)) / size for own in values.T])
    none, root = np.zeros(0, dtype=np.intp), np.zeros(1, dtype=np.intp)
    return Forest(none, none, root, feature, threshold, below, value, prediction)


@dataclass(frozen=True)
class Grown:
    """A forest, and what judges it."""

    forest: Forest
    # (n_trees, n_rows + 1), which training rows a tree has seen; the last one is any other.
    in_bag: np.ndarray

    def unseen(self, features, rows):
        """What trees say to rows that they have not seen.

        Parameters
        ----------
        features : ndarray of shape (n_cells, n_features)
            What trees read of completed rows.
        rows : ndarray of int, shape (n_cells,)
            Their numbers among the training rows, -1 for any other.

        Returns
        -------
        mean : ndarray of shape (n_cells, n_own_codes)
        excess : ndarray of shape (n_cells, n_own_codes)
            The squared error that averaging all trees, and not these alone, will take away.
        heard : ndarray of bool, shape (n_cells,)
            False where all trees have seen the row, and nothing is said.
        """
        said, asked = self.forest.by_tree(features), ~self.in_bag[:, rows]
        n = asked.sum(axis=0)[:, None]
        count = np.maximum(n, 1)
        mean = (said * asked[..., None]).sum(axis=0) / count
        left = (said - mean) * asked[..., None]
        variance = (left**2).sum(axis=0) / np.maximum(count - 1, 1)
        return mean, variance * (1 / count - 1 / len(said)), n[:, 0] > 0


def rows_of_trees(n_rows, widths):
    """How many rows each tree takes, 0 if forests would take too long for what they know then.

    Parameters
    ----------
    n_rows : int
        Training rows.
    widths : sequence of int
        Number of codes of each column.
    """
    work = N_TREES * n_tried(min(sum(widths), MOST_FEATURES)) * sum(widths)  # for each row
    most = min(MOST_TREE_ROWS, MOST_WORK // max(work, 1))
    return most if most >= min(n_rows, FEWEST_TREE_ROWS) else 0


def grow_column(codes, known, own, column, weight, hopeless, most_rows, rng):
    """The forest of a column.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_codes)
        Training rows, their gaps filled by a draw.
    known : ndarray of bool, shape (n_rows, n_codes)
    own : ndarray of int
        The codes that are told: a number, or the categories of a column.
    column : ndarray of int
        All codes of the column, of which none is read: a spiked one has both.
    weight : ndarray of shape (n_rows,) or None
        How often each row counts.
    hopeless : float
        Squared error from which the pilot trees are given up.
    most_rows : int
        That a tree takes.
    rng : numpy.random.Generator

    Returns
    -------
    grown : Grown or None
    """
    seen = np.flatnonzero(known[:, own[0]])
    if len(seen) < FEWEST_ROWS or not np.ptp(codes[np.ix_(seen, own)], axis=0).any():
        return None
    features = strongest(codes[seen], column)
    if not len(features):
        return None
    read, values = codes[np.ix_(seen, features)], codes[np.ix_(seen, own)]
    share = None if weight is None else weight[seen] / weight[seen].sum()
    crossed = going_with(read, values[:, 0]) if len(own) == 1 else None

    def tree(degree):
        rows = rng.choice(len(seen), min(len(seen), most_rows), p=share)
        in_bag = np.zeros(len(codes) + 1, dtype=bool)
        in_bag[seen[rows]] = True
        grown = grow_tree(read[rows], values[rows], degree, crossed, rng)
        return replace(grown, codes=own, features=features), in_bag

    best, least = None, hopeless
    for degree in DEGREES if len(own) == 1 else DEGREES[:1]:
        trees = [tree(degree) for _ in range(N_PILOT_TREES)]
        error = error_of_unseen(grown_of(trees), codes, seen)
        if error < least:
            best, least = (degree, trees), error
    if best is None:
        return None
    degree, trees = best
    return grown_of(trees + [tree(degree) for _ in range(N_TREES - N_PILOT_TREES)])


def grown_of(trees):
    """Several trees and what they have seen, as one."""
    forests, in_bag = zip(*trees, strict=True)
    return Grown(joined(forests), np.array(in_bag))


def error_of_unseen(grown, codes, rows):
    """Mean squared error for training rows, summed over the codes of the column."""
    features, values = (
        codes[np.ix_(rows, part)] for part in (grown.forest.features, grown.forest.codes)
    )
    mean, excess, heard = grown.unseen(features, rows)
    errors = ((mean - values) ** 2 - excess).sum(axis=1)[heard]
    return float(errors.mean()) if len(errors) else np.inf
