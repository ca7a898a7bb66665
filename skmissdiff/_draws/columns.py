"""How single columns of a chain are drawn, given all other codes of a row."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax
from sklearn.linear_model import LogisticRegression

from . import consequence as _consequence
from . import trees as _trees
from .consequence import Consequence, consequence_of
from .predictions import linear, predict_by
from .trees import Trees, grow

N_CANDIDATES = 200  # that a consequence weighs
PRECISION = 1.0  # of the prior of the slopes of levels
LOGISTIC_STEPS = 100


class Rows(NamedTuple):
    """Training rows whose gaps are filled by draws."""

    codes: np.ndarray  # (n_rows, n_codes)
    known: np.ndarray  # False where there was a gap
    idle: np.ndarray  # True where a number does not apply: neither known nor to be drawn

    def seen(self, code, features):
        """Some features of the rows that observe a code, and its values there."""
        rows = self.known[:, code]
        return self.codes[np.ix_(rows, features)], self.codes[rows, code]

    def only(self, rows):
        """Some of the rows."""
        return Rows(*(part[rows] for part in self))

    def gaps(self, code):
        """Which rows have to be told a value, shape (n_rows,)."""
        return ~(self.known[:, code] | self.idle[:, code])


@dataclass(frozen=True)
class Choice:
    """How a column is drawn."""

    degree: int  # of the prediction of which donors lend what it leaves, 0 for none
    leaf_rows: int | None  # fewest in a leaf; None: all rows are one leaf
    through: int | None = None  # the number that weighs candidates, by its place
    through_degree: int = 0
    share: float = 0.0  # of the draws; the model makes the others


def drawn_place(log_weights, uniforms):
    """One place of each row, by a number from 0 to 1."""
    weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True)).cumsum(axis=1)
    place = (weights < uniforms[:, None] * weights[:, -1:]).sum(axis=1)
    return np.minimum(place, weights.shape[1] - 1)


@dataclass(frozen=True)
class NumberDraws:
    """A number from the leaves of trees, one tree for each set."""

    code: int
    features: np.ndarray  # the codes that trees read
    trees: Trees
    consequence: Consequence | None

    @property
    def codes(self):
        return [self.code]

    def draw(self, codes, uniforms, number):
        """Values of rows (n_rows, 1) by two numbers from 0 to 1 each; ``number`` is their set."""
        features, (first, second) = codes[:, self.features], uniforms.T
        if self.consequence is None:
            return self.trees.draw(features, first, number)[:, None]
        candidates = self.trees.candidates(features, N_CANDIDATES, second, number)
        weights = self.consequence.of_numbers(codes, self.code, candidates, number)
        place = drawn_place(weights, first)
        return np.take_along_axis(candidates, place[:, None], axis=1)

    def crps(self, codes):
        """Summed over rows that have been held out of one set."""
        features, values = codes[:, self.features], codes[:, self.code]
        if self.consequence is None:
            return self.trees.crps(features, values)
        half, number = np.full(len(codes), 0.5), np.zeros(len(codes), dtype=int)
        candidates = self.trees.candidates(features, N_CANDIDATES, half)
        weights = self.consequence.of_numbers(codes, self.code, candidates, number)
        return weighted_crps(candidates, np.exp(log_softmax(weights, axis=1)), values)


def weighted_crps(candidates, weights, values):
    """E|X - y| - E|X - X'| / 2, summed, for ascending candidates (n_rows, n_candidates)."""
    distances = (weights * np.abs(candidates - values[:, None])).sum()
    below = weights.cumsum(axis=1)
    return distances - (weights * candidates * (2 * below - weights - 1)).sum()


@dataclass(frozen=True)
class LevelDraws:
    """A category by logistic regression, one for each set."""

    levels: slice  # its codes
    features: np.ndarray
    slopes: np.ndarray  # (n_sets, n_levels, n_features + 1), -inf for a level that does not occur
    consequence: Consequence | None

    @property
    def codes(self):
        return np.arange(self.levels.start, self.levels.stop)

    def log_weights(self, codes, number):
        """Log probabilities but for a constant, shape (n_rows, n_levels)."""
        features, slopes = codes[:, self.features], np.moveaxis(self.slopes, 1, 0)
        logits = np.column_stack([linear(features, of_level[number]) for of_level in slopes])
        if self.consequence is None:
            return logits
        return log_softmax(logits, axis=1) + self.consequence.of_levels(codes, self.levels, number)

    def draw(self, codes, uniforms, number):
        """One-hot codes of rows (n_rows, n_levels)."""
        place = drawn_place(self.log_weights(codes, number), uniforms[:, 0])
        return np.eye(self.slopes.shape[1])[place]

    def log_score(self, codes):
        """Summed log probability of the levels of rows that have been held out of one set."""
        number = np.zeros(len(codes), dtype=int)
        scores = log_softmax(self.log_weights(codes, number), axis=1)
        return scores[codes[:, self.levels] > 0.5].sum()


def _through(rows, choice, consequences, like):
    """The consequence that a choice names, None for none."""
    if choice.through is None:
        return None
    code, features = consequences[choice.through]
    crossed = None if like is None else like.consequence.prediction.crossed
    return consequence_of(rows, code, features, choice.through_degree, crossed)


def number_draws(rows, code, features, choice, consequences, rng, like=None):
    """How a number is drawn, learnt from training rows.

    Parameters
    ----------
    rows : Rows
    code : int
    features : ndarray of int
    choice : Choice
    consequences : sequence of (int, ndarray)
        The code of each number, and the codes that predict it.
    rng : numpy.random.Generator
    like : NumberDraws, optional
        That of another set: the same features are crossed.
    """
    consequence = _through(rows, choice, consequences, like)
    if consequence is not None:
        features = features[features != consequence.code]
    read, values = rows.seen(code, features)
    crossed = None if like is None else like.trees.prediction.crossed
    prediction = predict_by(read, values, choice.degree, crossed)
    tree = grow(read, values, prediction, choice.leaf_rows, rng)
    return NumberDraws(code, features, tree, consequence)


def level_draws(rows, levels, features, choice, consequences, rng, like=None):
    """How a category is drawn, learnt from training rows, as `number_draws` does."""
    consequence = _through(rows, choice, consequences, like)
    if consequence is not None:
        features = features[features != consequence.code]
    seen = rows.known[:, levels.start]
    level = rows.codes[seen, levels].argmax(axis=1)
    slopes = np.zeros((levels.stop - levels.start, len(features) + 1))
    slopes[:, -1] = -np.inf
    found = np.unique(level)
    slopes[found, -1] = 0.0
    if len(found) > 1:
        fitted = LogisticRegression(C=1 / PRECISION, max_iter=LOGISTIC_STEPS).fit(
            rows.codes[np.ix_(seen, features)], level
        )
        of_found = np.column_stack([fitted.coef_, fitted.intercept_])
        slopes[found[-len(of_found) :]] = of_found  # of two levels it has the second alone
    return LevelDraws(levels, features, slopes[None], consequence)


def joined(sets):
    """How a column is drawn in each of several sets, as one."""
    first = sets[0]
    consequence = _consequence.joined([one.consequence for one in sets])
    if isinstance(first, NumberDraws):
        trees = _trees.joined([one.trees for one in sets])
        return NumberDraws(first.code, first.features, trees, consequence)
    slopes = np.concatenate([one.slopes for one in sets])
    return LevelDraws(first.levels, first.features, slopes, consequence)
