"""What follows from a candidate: another number of the row that is predicted from it.

By Bayes' rule, with x_k a number that a column x_j has a part in,

    p(x_j | all others) ~ p(x_j | all others but x_k) p(x_k | x_j, all others).        (1)

A tree, or a line, that has to find x_j from x_k = x_j^2 + x_j x_l has to bend back what
the second factor says in a few slopes. So candidates come from the first factor, and are
weighed by the second (as in substantive model compatible imputation, Bartlett et al. 2015).
"""

from dataclasses import dataclass

import numpy as np

from . import predictions
from .predictions import Prediction, linear, predict_by, second_degree

LEAST_SD = 1e-3  # of what a prediction leaves, in standard deviations of the number


@dataclass(frozen=True)
class Consequence:
    """The second factor of (1), a normal density around a prediction; one for each set.

    Methods take whole rows of codes, and the set of each row.
    """

    code: int  # x_k
    features: np.ndarray  # the codes that predict it
    prediction: Prediction
    sd: np.ndarray  # (n_sets,), of what the prediction leaves

    def _log_density(self, codes, predicted, prediction, number):
        low, high = (prediction.reach[..., side, None] for side in (0, 1))
        left = codes[:, self.code, None] - predicted.clip(low, high)
        return -0.5 * (left / self.sd[number, None]) ** 2

    def of_numbers(self, codes, code, candidates, number):
        """Log density for candidates of the number x_j, shape (n_rows, n_candidates)."""
        prediction, place = self.prediction.at(number), np.flatnonzero(self.features == code)[0]
        a, b, c = prediction.parabola(codes[:, self.features], place)
        predicted = a[:, None] + b[:, None] * candidates + c[:, None] * candidates**2
        return self._log_density(codes, predicted, prediction, number)

    def of_levels(self, codes, levels, number):
        """Log density for each level of the category x_j, shape (n_rows, n_levels)."""
        prediction, features = self.prediction.at(number), codes[:, self.features]
        inside = (self.features >= levels.start) & (self.features < levels.stop)
        features[:, inside] = 0.0  # levels are never crossed: each adds its slope
        without = linear(second_degree(features, prediction.crossed), prediction.slopes)
        of_level = np.zeros((*self.sd[number].shape, levels.stop - levels.start))
        slopes = prediction.slopes[..., : len(self.features)]
        of_level[..., self.features[inside] - levels.start] = slopes[..., inside]
        return self._log_density(codes, without[:, None] + of_level, prediction, number)


def consequence_of(rows, code, features, degree, crossed=None):
    """The prediction of x_k from training rows, and how far it misses.

    Parameters
    ----------
    rows : Rows
    code : int
    features : ndarray of int
    degree : {1, 2}
    crossed : ndarray of int, optional
        The features that one of degree 2 crosses, where they are chosen already.

    Returns
    -------
    consequence : Consequence
        Of one set.
    """
    read, values = rows.seen(code, features)
    prediction = predict_by(read, values, degree, crossed)
    sd = max(prediction.error(read, values), LEAST_SD)
    return Consequence(code, features, predictions.joined([prediction]), np.array([sd]))


def joined(consequences):
    """That of several sets as one, None where there is none."""
    first = consequences[0]
    if first is None:
        return None
    prediction = predictions.joined([one.prediction for one in consequences])
    sd = np.concatenate([one.sd for one in consequences])
    return Consequence(first.code, first.features, prediction, sd)


def part_in(rows, code, features, degree, codes, rng):
    """How much a column has a part in x_k: the squared miss of rows that have it from another row.

    In variances of what the prediction leaves. ``codes`` are those of the column.
    """
    read, values = rows.seen(code, features)
    prediction = predict_by(read, values, degree)
    other = read.copy()
    inside = np.isin(features, codes)
    other[:, inside] = read[rng.permutation(len(read))][:, inside]
    sd = max(prediction.error(read, values), LEAST_SD)
    return np.mean((prediction.of(read) - prediction.of(other)) ** 2) / (2 * sd**2)
