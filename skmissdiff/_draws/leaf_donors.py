"""Donors of drawn numbers: observed cells of training rows in the same leaf of a tree.

As in imputation by chained trees (Burgette and Reiter 2010) a regression tree predicts a number
from the other codes of a row, and the draw is what a training row in the same leaf has. Leaves
follow steps and several modes that a network smooths; how wide their values lie is seen, not
assumed; and a network is better where columns go together smoothly. So a share of the missing
numbers, taken at random, is drawn from leaves, given all other cells, the rest by the model.

Of each column the donors lend either their values, or what a prediction by least squares leaves of
them, linear or with squares and products of the numbers that go with it most; which, and how small
leaves are, is chosen by the CRPS of rows that the tree has not seen. Where
the networks are not believed and a Gaussian predicts these rows better than a leaf does, the column
is linear: the model draws it alone.
"""

from functools import cache
from itertools import islice
from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from sklearn import config_context
from sklearn.tree import DecisionTreeRegressor

# Of 0.5, 0.75 and 1, by the CRPS of tables of other trades: a mixture of both is better than
# either, and leaves deserve the larger part.
SHARE = 0.75
# The degree of the prediction of which donors lend what it leaves, 0 for none, and the fewest rows
# in a leaf; None: all rows are one leaf.
CHOICES = ((0, 5), (1, 5), (1, 25), (1, None), (2, 5), (2, 25), (2, None))
LINEAR = CHOICES.index((1, None))
MOST_CROSSED = 5  # features of which squares and products are taken
N_FOLDS = 2  # by which one of them is chosen
# The error of a Gaussian prediction in that of leaves from which leaves count in full, and below
# which they do not count: half of the rows make worse leaves than all of them.
GAUSSIAN_RANGE = (0.87, 0.97)
# From here on networks are believed so far that the draws are not Gaussian. By this and the range
# above, CRPS and energy distance of 20 tables of other trades stay within a tenth of a per cent,
# and the CRPS of correlated normals falls by 1 to 6 %.
BELIEVED = 0.5
# Predictions leave what rows can hold, and worse so the more cells of a row are drawn,
# which the errors of one cell given all others do not show: they have to be that much better.
# Of 1, 0.9 and 0.8 the last has the least CRPS on four of six tables of other trades, and on one
# there is no difference. Squares and products lower it by another per cent on eight others.
LARGEST_ERROR = 0.8
MOST_CHOICE_ROWS = 1500  # enough for that
LEAST_GAIN = 1e-4  # of the variance of a column, by which a split lowers the squared error
PENALTY = 1.0  # of the slopes of predictions, as if of so many rows of variance 1
N_SETS = 5  # of trees, each grown on training rows whose gaps are filled by other draws
N_ROUNDS = 2  # through the columns of a row that is drawn
MOST_ROWS = 5000  # of the training table, taken at random
FEWEST_ROWS = 20  # that observe a column
MOST_FEATURES = 40  # codes that go with a number most; the time of a tree grows with them


class Prediction(NamedTuple):
    """A prediction of a number from the other codes of a row, by least squares."""

    slopes: np.ndarray  # the intercept last
    crossed: np.ndarray  # the features whose squares and products it has, too
    reach: np.ndarray  # the least and the largest that it may be

    def of(self, features):
        """The prediction for each row, shape (n_rows,)."""
        values = linear(second_degree(features, self.crossed), self.slopes)
        return values.clip(self.reach[..., 0], self.reach[..., 1])


class Trees(NamedTuple):
    """Regression trees as arrays over the nodes of all, and what training rows lend in them.

    Methods take the tree of each row, ``number`` (n_rows,), 0 where there is but one.
    """

    root: np.ndarray  # the first node of each tree
    feature: np.ndarray
    threshold: np.ndarray
    below: np.ndarray  # (n_nodes, 2), the nodes up to the threshold and above it; a leaf itself
    first: np.ndarray  # of the donors in a leaf
    size: np.ndarray  # how many they are
    donors: np.ndarray
    # Those of the predictions that donors are added to, a row for each tree.
    slopes: np.ndarray
    crossed: np.ndarray  # of all trees
    reach: np.ndarray

    def predicted(self, features, number=0):
        """The predictions that donors are added to, shape (n_rows,)."""
        return Prediction(self.slopes[number], self.crossed, self.reach[number]).of(features)

    def leaves(self, features, number=0):
        """The node that each row comes to, shape (n_rows,)."""
        n_rows, n_features = features.shape
        values = features.astype(np.float32).ravel()  # as they were split
        place = np.arange(n_rows) * n_features
        node, last = np.broadcast_to(self.root[number], n_rows), None
        below = self.below.ravel()
        while last is None or (node != last).any():
            last = node
            above = values.take(place + self.feature.take(node)) > self.threshold.take(node)
            node = below.take(2 * node + above)
        return node

    def draw(self, features, uniforms, number=0):
        """One donor for each row by a number from 0 to 1, and the value it makes."""
        leaf = self.leaves(features, number)
        place = np.minimum((uniforms * self.size[leaf]).astype(int), self.size[leaf] - 1)
        return self.predicted(features, number) + self.donors[self.first[leaf] + place]

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


def joined(trees):
    """Several trees, whose predictions cross the same features, as one."""
    n_nodes = np.cumsum([0, *(len(tree.feature) for tree in trees)])
    n_donors = np.cumsum([0, *(len(tree.donors) for tree in trees)])
    return Trees(
        root=np.concatenate([t.root + n for t, n in zip(trees, n_nodes, strict=False)]),
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        below=np.concatenate([t.below + n for t, n in zip(trees, n_nodes, strict=False)]),
        first=np.concatenate([t.first + n for t, n in zip(trees, n_donors, strict=False)]),
        size=np.concatenate([tree.size for tree in trees]),
        donors=np.concatenate([tree.donors for tree in trees]),
        slopes=np.concatenate([tree.slopes for tree in trees]),
        crossed=trees[0].crossed,
        reach=np.concatenate([tree.reach for tree in trees]),
    )


def linear(features, slopes):
    """A prediction, summed row by row: a row must not depend on those beside it.

    ``slopes`` (n_features + 1,), or of each row (n_rows, n_features + 1).
    """
    return (features * slopes[..., :-1]).sum(axis=1) + slopes[..., -1]


def ridge(features, values):
    """The slopes of a prediction by least squares, the intercept last."""
    A = np.column_stack([features, np.ones(len(features))])
    penalty = np.full(A.shape[1], PENALTY)
    penalty[-1] = 0.0
    return np.linalg.solve(A.T @ A + np.diag(penalty), A.T @ values)


def second_degree(features, crossed):
    """Features, and the squares and products of some of them, row by row in memory."""
    if not len(crossed):
        return np.ascontiguousarray(features)
    first, second = (crossed[side] for side in pairs_of(len(crossed)))
    return np.concatenate([features, features[:, first] * features[:, second]], axis=1)


@cache
def pairs_of(n):
    """Each pair of n things once, and each with itself: the first and the second of them."""
    return np.triu_indices(n)


def going_with(features, values):
    """The features whose squares and products a prediction has: those that go with it most.

    Themselves or their squares: y = x^2 is not correlated with x. Levels are none of them.
    """
    centred = features - features.mean(axis=0)
    squares = centred**2 - (centred**2).mean(axis=0)
    together = [
        np.abs((values - values.mean()) @ part) / np.maximum(np.linalg.norm(part, axis=0), 1e-12)
        for part in (centred, squares)
    ]
    order = np.argsort(-np.maximum(*together), kind="stable")
    numbers = (k for k in order if len(np.unique(features[:, k])) > 2)
    return np.sort(np.array(list(islice(numbers, MOST_CROSSED)), dtype=int))


def predict_by(features, values, degree, crossed=None):
    """The prediction of a degree, 1 or 2; 0 for that of nothing, which is always 0.

    ``crossed`` are the features that one of degree 2 crosses, where they are chosen already.
    """
    reach = np.array([-np.inf, np.inf])
    if degree == 2:  # a parabola soon leaves what there is
        crossed = going_with(features, values) if crossed is None else crossed
        reach = np.array([values.min(), values.max()])
    else:
        crossed = np.zeros(0, dtype=int)
    terms = second_degree(features, crossed)
    slopes = ridge(terms, values) if degree else np.zeros(terms.shape[1] + 1)
    return Prediction(slopes, crossed, reach)


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
    if leaf_rows is None:
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
        slopes=prediction.slopes[None],
        crossed=prediction.crossed,
        reach=prediction.reach[None],
    )


def split(features, values, leaf_rows, least_gain, rng):
    """The nodes of a regression tree as arrays, and the leaf of each row."""
    # In the precision that it splits them in: checks take longer than small trees.
    features = np.ascontiguousarray(features, dtype=np.float32)
    grown = DecisionTreeRegressor(
        min_samples_leaf=leaf_rows,
        min_impurity_decrease=least_gain,
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


def gaussian_crps(errors, sd):
    """CRPS of normal predictions, summed (Gneiting and Raftery 2007, section 4.2)."""
    z = errors / sd
    return (sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))).sum()


def choose(features, values, belief, rng):
    """What donors lend, and to which share of the draws, by rows that a tree has not seen.

    Their values, which is the first of `CHOICES`, unless the best one is clearly better.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features)
    values : ndarray of shape (n_rows,)
    belief : float
        From 0 to 1, how far networks are believed in the column.
    rng : numpy.random.Generator

    Returns
    -------
    choice : tuple
        One of `CHOICES`.
    share : float
        From 0 to `SHARE`.
    """
    order = rng.permutation(len(values))[:MOST_CHOICE_ROWS]
    fold = np.arange(len(order)) % N_FOLDS
    features, values = features[order], values[order]
    errors, of_gaussian = np.zeros(len(CHOICES)), 0.0
    for k in range(N_FOLDS):
        kept, held = fold != k, fold == k
        own = features[kept], values[kept]
        predictions = {degree: predict_by(*own, degree) for degree, _ in CHOICES}
        for place, (degree, leaf_rows) in enumerate(CHOICES):
            tree = grow(*own, predictions[degree], leaf_rows, rng)
            errors[place] += tree.crps(features[held], values[held])
            if place == LINEAR:
                free = max(len(tree.donors) - tree.slopes.shape[1], 1)
                sd = np.sqrt((tree.donors**2).sum() / free)
                left = values[held] - tree.predicted(features[held])
                of_gaussian += gaussian_crps(left, max(sd, 1e-9))
    best = errors.argmin()
    choice = CHOICES[best if errors[best] < LARGEST_ERROR * errors[0] else 0]
    low, high = GAUSSIAN_RANGE
    is_worse = np.clip((high - of_gaussian / max(errors[0], 1e-12)) / (high - low), 0, 1)
    return choice, SHARE * (1 - is_worse * max(0.0, 1 - belief / BELIEVED))


def strongest(codes, code):
    """The codes by which one is predicted: all others, or those that go with it most."""
    others = np.delete(np.arange(codes.shape[1]), code)
    if len(others) <= MOST_FEATURES or not len(codes):
        return others[:MOST_FEATURES]
    centred = codes - codes.mean(axis=0)
    spread = np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    together = np.abs(centred[:, code] @ centred)[others] / spread[others]
    return np.sort(others[np.argsort(-together, kind="stable")[:MOST_FEATURES]])


def chosen_rows(n_rows, weight, rng):
    """The rows that trees are grown on: all of them, or as many as are allowed."""
    rows = np.arange(n_rows)
    if weight is not None:
        rows = rows[weight > 0]
        if np.ptp(weight[rows]) > 0:  # a tree counts rows: the heavier ones come more often
            share = weight[rows] / weight[rows].sum()
            return np.sort(rng.choice(rows, min(len(rows), MOST_ROWS), p=share))
    return np.sort(rng.permutation(rows)[:MOST_ROWS])


class LeafDonors:
    """Trees of the numbers of a table, and draws from their leaves.

    It holds values of training rows.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_codes)
        Training rows, with gaps filled by a draw of the model.
    known : ndarray of bool, shape (n_rows, n_codes)
        False where there was a gap.
    numeric : ndarray of int, shape (n_numbers,)
        The codes of numbers.
    rng : numpy.random.Generator
    belief : ndarray of shape (n_numbers,)
        From 0 to 1, how far networks are believed in each number.
    choices : list of (tuple or None), optional
        What donors of each number lend, and the share of its draws that they make, where that is
        chosen already.
    n_sets : int, default=N_SETS
    """

    def __init__(self, codes, known, numeric, rng, *, belief, choices=None, n_sets=N_SETS):
        self.numeric, self.belief = numeric, belief
        self.choices = [None] * len(numeric) if choices is None else list(choices)
        self.n_sets = n_sets
        with config_context(skip_parameter_validation=True):
            self.trees = self._grown(codes.copy(), known, rng)

    def _grown(self, codes, known, rng):
        """Per number the arrays of its trees, one per set; None where the model draws alone."""
        uniforms = rng.random((len(codes), len(self.numeric)))
        self.features = [strongest(codes[known[:, j]], j) for j in self.numeric]
        grown = [[] for _ in self.numeric]
        for _ in range(self.n_sets):
            for place, code in enumerate(self.numeric):
                seen, features = known[:, code], codes[:, self.features[place]]
                values = codes[seen, code]
                if len(values) < FEWEST_ROWS or np.ptp(values) == 0:
                    continue
                if self.choices[place] is None:
                    belief = self.belief[place]
                    self.choices[place] = choose(features[seen], values, belief, rng)
                choice, share = self.choices[place]
                if share == 0:
                    continue
                degree, leaf_rows = choice
                crossed = grown[place][0].crossed if grown[place] else None
                prediction = predict_by(features[seen], values, degree, crossed)
                tree = grow(features[seen], values, prediction, leaf_rows, rng)
                rows = ~seen & (uniforms[:, place] < share)
                codes[rows, code] = tree.draw(features[rows], rng.random(rows.sum()))
                grown[place].append(tree)
        return [joined(trees)._asdict() if trees else None for trees in grown]

    @property
    def shares(self):
        """Of the draws of each number, those that leaves make; shape (n_numbers,)."""
        return np.array([0.0 if choice is None else choice[1] for choice in self.choices])

    @property
    def n_uniforms(self):
        """Numbers from 0 to 1 that a draw takes for each row."""
        return (1 + N_ROUNDS) * len(self.numeric)

    def draw(self, codes, known, numbers, uniforms):
        """Draw numbers anew.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_codes)
            Rows whose gaps are filled by a draw of the model.
        known : ndarray of bool, shape (n_rows, n_codes)
            What is given, and stays.
        numbers : ndarray of int, shape (n_rows,)
            Number of the draw of each row: draws of one number ask the same trees.
        uniforms : ndarray of shape (n_rows, n_uniforms)
            Numbers from 0 to 1.

        Returns
        -------
        codes : ndarray of shape (n_rows, n_codes)
        """
        codes = codes.astype(np.float64)
        uniforms = np.split(uniforms, 1 + N_ROUNDS, axis=1)
        asked = ~known[:, self.numeric] & (uniforms[0] < self.shares)
        number = numbers % self.n_sets
        all_trees = [None if trees is None else Trees(**trees) for trees in self.trees]
        for uniform in uniforms[1:]:
            for place, trees in enumerate(all_trees):
                rows = np.flatnonzero(asked[:, place])
                if trees is not None and len(rows):
                    features = codes[np.ix_(rows, self.features[place])]
                    drawn = trees.draw(features, uniform[rows, place], number[rows])
                    codes[rows, self.numeric[place]] = drawn
        return codes
