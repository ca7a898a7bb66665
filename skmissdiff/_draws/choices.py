"""How each column of a chain is drawn, chosen by rows that it was not fitted to."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from .columns import Choice, level_draws, number_draws
from .consequence import part_in
from .predictions import predict_by
from .trees import grow

# Of 0.5, 0.75 and 1, by the CRPS of tables of other trades: a mixture of both is better than
# either, and leaves deserve the larger part.
SHARE = 0.75
# Where leaves know a relation that networks smooth, which a quarter of other draws would dilute.
FULL_SHARE = 1.0
# The degree of the prediction of which donors lend what it leaves, 0 for none, and the fewest rows
# in a leaf; None: all rows are one leaf.
CHOICES = ((0, 5), (1, 5), (1, 25), (1, None), (2, 5), (2, 25), (2, None))
LINEAR, SURFACE = CHOICES.index((1, None)), CHOICES.index((2, None))
CANDIDATE_CHOICES = ((0, 25), (1, None))  # likewise, of candidates that a consequence weighs
N_FOLDS = 3  # by which one of them is chosen
MOST_CHOICE_ROWS = 1500  # enough for that
# The error of a Gaussian prediction in that of leaves from which leaves count in full, and below
# which they do not count: half of the rows make worse leaves than all of them.
GAUSSIAN_RANGE = (0.87, 0.97)
# Likewise in the error of a line whose donors lend what it leaves: below, that looks normal, and
# above it does not. Normal values have 1.00 to 1.01, log-normal ones 1.03, counts of which half are
# zero 1.05 to 1.07 (100 to 1,000 rows, eight seeds).
NORMAL_RANGE = (1.02, 1.04)
# From here on networks are believed so far that the draws are not Gaussian. By this and the range
# above, CRPS and energy distance of 20 tables of other trades stay within a tenth of a per cent,
# and the CRPS of correlated normals falls by 1 to 6 %.
BELIEVED = 0.5
# Predictions leave what rows can hold, where that is few values, and worse so the more cells of a
# row are drawn, which the errors of one cell given all others do not show: they have to be that
# much better where values recur, and need not be where all are different.
LARGEST_ERRORS = (0.95, 0.8)
# Likewise of candidates that a consequence weighs, in the error of the best of all others.
LARGEST_WEIGHED_ERRORS = (0.98, 0.83)
RECURRING = 0.25  # share of rows whose value another row has, from which values recur
LEAST_PART = 0.01  # of a column in a consequence, in variances of what the prediction leaves
MOST_CONSEQUENCES = 3  # that are tried
LEAST_NATS = 1.0  # by which a consequence has to help a category
FEWEST_ROWS = 20  # that observe a column


class Judged(NamedTuple):
    """CRPS of a number in held-out rows: of each of `CHOICES`, and of a normal prediction."""

    errors: np.ndarray
    of_gaussian: float
    recurring: float  # from 0 to 1, how far its values recur

    @property
    def degree(self):
        """Of its best prediction."""
        return 1 if self.errors[LINEAR] <= self.errors[SURFACE] else 2

    @property
    def beats_leaves(self):
        """From 0 to 1, how far a normal prediction does."""
        return falling(self.of_gaussian / max(self.errors[0], 1e-12), *GAUSSIAN_RANGE)

    @property
    def leaves_normal(self):
        """From 0 to 1, how far what it leaves looks normal."""
        return falling(self.of_gaussian / max(self.errors[LINEAR], 1e-12), *NORMAL_RANGE)

    @property
    def is_linear(self):
        """From 0 to 1, how far a line and a normal rest are all there is to it."""
        return self.beats_leaves * self.leaves_normal

    @property
    def is_predicted(self):
        """Whether a prediction beats leaves: it has something to tell of what it is made from."""
        return min(self.errors[LINEAR], self.errors[SURFACE]) < self.errors[0]


def falling(value, low, high):
    """1 up to ``low``, 0 from ``high`` on."""
    return float(np.clip((high - value) / (high - low), 0, 1))


def gaussian_crps(errors, sd):
    """CRPS of normal predictions, summed (Gneiting and Raftery 2007, section 4.2)."""
    z = errors / sd
    return (sd * (z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi))).sum()


def folds(rows, code, rng):
    """Pairs of rows to fit and rows that are held out, which observe the code."""
    seen = np.flatnonzero(rows.known[:, code])
    part = np.full(len(rows.codes), N_FOLDS)  # a row that does not observe it is in none
    part[seen] = rng.permutation(len(seen)) % N_FOLDS
    for k in range(N_FOLDS):
        yield rows.only(part != k), rows.codes[part == k]


def judge(rows, code, features, belief, rng):
    """The errors of all choices of a number without a consequence, by rows held out.

    Of a linear column, which the model draws alone if networks are not believed, those of the first
    choices alone: trees take most of the time.
    """
    _, values = rows.seen(code, features)
    recurring = min(1.0, (1 - len(np.unique(values)) / len(values)) / RECURRING)
    errors, of_gaussian = np.full(len(CHOICES), np.inf), 0.0
    parts = []
    for fitted, held in folds(rows, code, rng):
        own, new = fitted.seen(code, features), (held[:, features], held[:, code])
        parts.append((own, new, {degree: predict_by(*own, degree) for degree, _ in CHOICES}))

    def judge_choice(place):
        degree, leaf_rows = CHOICES[place]
        errors[place] = sum(
            grow(*own, predictions[degree], leaf_rows, rng).crps(*new)
            for own, new, predictions in parts
        )

    for place in (0, LINEAR, SURFACE):
        judge_choice(place)
    for own, new, predictions in parts:
        line = predictions[1]
        sd = max(line.error(*own), 1e-9)
        of_gaussian += gaussian_crps(new[1] - line.of(new[0]), sd)
    if share_of_leaves(Judged(errors, of_gaussian, recurring), belief) > 0:
        for place in np.flatnonzero(np.isinf(errors)):
            judge_choice(place)
    return Judged(errors, of_gaussian, recurring)


def share_of_leaves(found, belief):
    """Of the share that a column has by leaves, what is left where it is linear, 0 to 1."""
    return 1 - found.is_linear * max(0.0, 1 - belief / BELIEVED)


def consequences_of(rows, codes, numbers, judged, rng):
    """The places of numbers that a column has most part in, such as are well predicted.

    Parameters
    ----------
    rows : Rows
    codes : ndarray of int
        Those of the column.
    numbers : sequence of (int, ndarray)
        The code of each number, and the codes that predict it.
    judged : sequence of (Judged or None)
    rng : numpy.random.Generator
    """
    parts = {}
    for place, ((code, features), found) in enumerate(zip(numbers, judged, strict=True)):
        if found is None or code in codes or not np.isin(codes, features).any():
            continue
        if found.is_predicted:
            parts[place] = part_in(rows, code, features, found.degree, codes, rng)
    best = sorted(parts, key=parts.get, reverse=True)[:MOST_CONSEQUENCES]
    return [place for place in best if parts[place] > LEAST_PART]


def choose_number(rows, place, numbers, judged, belief, rng):
    """How a number is drawn.

    From the values of leaves, which is the first of `CHOICES`, unless something else is clearly
    better.

    Parameters
    ----------
    rows : Rows
    place : int
    numbers, judged : sequence
        As in `consequences_of`.
    belief : float
        From 0 to 1, how far networks are believed in the column.
    rng : numpy.random.Generator

    Returns
    -------
    choice : Choice
    """
    code, features = numbers[place]
    found = judged[place]
    errors, left = found.errors, share_of_leaves(found, belief)
    if left == 0:
        return Choice(1, None)
    largest, largest_weighed = (
        different + (recurring - different) * found.recurring
        for different, recurring in (LARGEST_ERRORS, LARGEST_WEIGHED_ERRORS)
    )
    best = errors.argmin()
    degree, leaf_rows = CHOICES[best if errors[best] < largest * errors[0] else 0]
    choice, least = Choice(degree, leaf_rows), largest_weighed * errors[best]
    for through in consequences_of(rows, np.array([code]), numbers, judged, rng):
        for degree, leaf_rows in CANDIDATE_CHOICES:
            other = Choice(degree, leaf_rows, through, judged[through].degree)
            error = sum(
                number_draws(fitted, code, features, other, numbers, rng).crps(held)
                for fitted, held in folds(rows, code, rng)
            )
            if error < least:
                choice, least = other, error
    knows_more = choice.through is not None or choice.degree == 2
    return replace(choice, share=left * (FULL_SHARE if knows_more else SHARE))


def choose_levels(rows, levels, features, numbers, judged, belief, rng):
    """How a category is drawn: beside the model as far as its networks are not believed.

    And always where it helps to ask what follows from it.
    """
    codes = np.arange(levels.start, levels.stop)
    plain = Choice(1, None, share=FULL_SHARE * max(0.0, 1 - belief / BELIEVED))
    parts = list(folds(rows, levels.start, rng))
    scores = {plain: LEAST_NATS}
    for through in consequences_of(rows, codes, numbers, judged, rng):
        choice = Choice(1, None, through, judged[through].degree, FULL_SHARE)
        scores[choice] = 0.0
    if len(scores) == 1:
        return plain
    for choice in scores:
        for fitted, held in parts:
            draws = level_draws(fitted, levels, features, choice, numbers, rng)
            scores[choice] += draws.log_score(held)
    return max(scores, key=scores.get)


def choose(rows, numbers, categories, belief, rng):
    """How each column is drawn, None where the model draws it alone.

    Parameters
    ----------
    rows : Rows
    numbers : sequence of (int, ndarray)
        The code of each number, and the codes that predict it.
    categories : sequence of (slice, ndarray)
        Likewise the codes of each category.
    belief : sequence of float
        Of each column, from 0 to 1, how far networks are believed.
    rng : numpy.random.Generator

    Returns
    -------
    choices : list of (Choice or None)
        First of the numbers, then of the categories.
    """
    rows = rows.only(np.sort(rng.permutation(len(rows.codes))[:MOST_CHOICE_ROWS]))
    judged = [
        judge(rows, code, features, trust, rng) if may_be_learnt(rows, code) else None
        for (code, features), trust in zip(numbers, belief, strict=False)
    ]
    of_numbers = [
        None if found is None else choose_number(rows, place, numbers, judged, belief[place], rng)
        for place, found in enumerate(judged)
    ]
    of_categories = [
        choose_levels(rows, levels, features, numbers, judged, trust, rng)
        if may_be_learnt(rows, levels.start)
        else None
        for (levels, features), trust in zip(categories, belief[len(numbers) :], strict=True)
    ]
    return of_numbers + of_categories


def may_be_learnt(rows, code):
    """Whether enough rows observe a column, and it is not the same in all of them."""
    codes = np.r_[code]
    values = rows.codes[np.ix_(rows.known[:, codes[0]], codes)]
    return len(values) >= FEWEST_ROWS and bool(np.ptp(values, axis=0).any())
