"""Predictions of a number from the other codes of a row, by least squares."""

from dataclasses import dataclass
from functools import cache

import numpy as np

MOST_CROSSED = 5  # features of which squares and products are taken
PENALTY = 1.0  # of the slopes of predictions, as if of so many rows of variance 1


@dataclass(frozen=True)
class Prediction:
    """One prediction, or those of several trees in which rows look each at one of their own."""

    slopes: np.ndarray  # (n_terms + 1,), the intercept last, or (n_trees, n_terms + 1)
    crossed: np.ndarray  # the features whose squares and products it has, too
    reach: np.ndarray  # (2,) or (n_trees, 2), the least and the largest that it may be

    def of(self, features):
        """The prediction for each row, shape (n_rows,)."""
        values = linear(second_degree(features, self.crossed), self.slopes)
        return values.clip(self.reach[..., 0], self.reach[..., 1])

    def by_tree(self, features):
        """What each of several predicts for each row, shape (n_trees, n_rows)."""
        terms = second_degree(features, self.crossed)
        each = zip(self.slopes, self.reach, strict=True)
        return np.array([linear(terms, slopes).clip(*reach) for slopes, reach in each])

    def at(self, number):
        """The one that each row looks at."""
        return Prediction(self.slopes[number], self.crossed, self.reach[number])

    def parabola(self, features, place):
        """As a function of one feature x, before it is clipped: a + b x + c x^2, (n_rows,) each."""
        features = features.copy()
        values = []
        for x in (0.0, 1.0, -1.0):
            features[:, place] = x
            values.append(linear(second_degree(features, self.crossed), self.slopes))
        at_0, at_1, below = values
        return at_0, (at_1 - below) / 2, (at_1 + below) / 2 - at_0

    def error(self, features, values):
        """The standard deviation of what it leaves of the values that it was fitted to."""
        left = values - self.of(features)
        return np.sqrt((left**2).sum() / max(len(left) - np.shape(self.slopes)[-1], 1))


def joined(predictions):
    """Several that cross the same features, each one or some joined already, as one."""
    slopes, reach = (
        np.concatenate([np.atleast_2d(getattr(one, name)) for one in predictions])
        for name in ("slopes", "reach")
    )
    return Prediction(slopes, predictions[0].crossed, reach)


def linear(features, slopes):
    """A prediction, summed row by row: a row must not depend on those beside it.

    ``slopes`` (n_features + 1,), or of each row (n_rows, n_features + 1).
    """
    return np.ascontiguousarray(features * slopes[..., :-1]).sum(axis=1) + slopes[..., -1]


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
    low, high = features.min(axis=0), features.max(axis=0)
    is_number = ((features != low) & (features != high)).any(axis=0)
    return np.sort(order[is_number[order]][:MOST_CROSSED])


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
