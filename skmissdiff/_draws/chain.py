"""Draws of missing cells anew, one column after another, given all other cells of the row.

As in imputation by chained trees (Burgette and Reiter 2010) a regression tree predicts a number
from the other codes of a row, and the draw is what a training row in the same leaf has. Leaves
follow steps and several modes that a network smooths; how wide their values lie is seen, not
assumed; and a network is better where columns go together smoothly. So a share of the missing
numbers, taken at random, is drawn from leaves, given all other cells, the rest by the model.

Of each column the donors lend either their values, or what a prediction by least squares leaves of
them, linear or with squares and products of the numbers that go with it most; which, and how small
leaves are, is chosen by the CRPS of rows that the tree has not seen. Where
the networks are not believed and a Gaussian predicts these rows better than a leaf does, the column
is linear: the model draws it alone. Where another number follows from the column, that may weigh
the donors (`consequence`); and a category, too, is drawn here if that helps it, else by the model.
"""

import warnings

import numpy as np
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from .choices import choose, may_be_learnt
from .columns import Rows, joined, level_draws, number_draws

# Of trees, each grown on training rows whose gaps are filled by other draws. Ten have .6 % less
# CRPS than five on 16 tables of other trades; twenty 1.1 % for a quarter more time and memory.
N_SETS = 10
# Rounds through the columns before the first of them, since the networks filled the gaps; after
# them it is chosen anew how columns are drawn.
BURN_IN = 2
N_ROUNDS = 2  # through the columns of a row that is drawn
N_UNIFORMS = 2  # of a column in each round
MOST_ROWS, MOST_ROW_CODES = 5000, 2_000_000  # of the training table, taken at random
MOST_FEATURES = 40  # codes that go with a column most; the time of a tree grows with them
MOST_LEVELS = 50  # of a category that is drawn here


def strongest(codes, own):
    """The codes by which a column is predicted: all others, or those that go with it most."""
    others = np.setdiff1d(np.arange(codes.shape[1]), own)
    if len(others) <= MOST_FEATURES or not len(codes):
        return others[:MOST_FEATURES]
    centred = codes - codes.mean(axis=0)
    spread = np.maximum(np.linalg.norm(centred, axis=0), 1e-12)
    together = np.abs(centred[:, own].T @ centred).max(axis=0)[others] / spread[others]
    return np.sort(others[np.argsort(-together, kind="stable")[:MOST_FEATURES]])


def chosen_rows(n_rows, n_codes, weight, rng):
    """The rows that trees are grown on: all of them, or as many as are allowed."""
    rows, most = np.arange(n_rows), min(MOST_ROWS, MOST_ROW_CODES // n_codes)
    if weight is not None:
        rows = rows[weight > 0]
        if np.ptp(weight[rows]) > 0:  # a tree counts rows: the heavier ones come more often
            share = weight[rows] / weight[rows].sum()
            return np.sort(rng.choice(rows, min(len(rows), most), p=share))
    return np.sort(rng.permutation(rows)[:most])


def learn_in_turn(rows, numbers, columns, choices, uniforms, rng, like=None):
    """How columns are drawn, None where the model draws them alone; gaps are drawn on the way.

    Parameters
    ----------
    rows : Rows
        Their gaps are filled anew.
    numbers, columns : sequence of (int or slice, ndarray)
        The code of each number, and the codes by which it is predicted; likewise of all columns.
    choices : sequence of (Choice or None)
    uniforms : ndarray of shape (n_rows, n_columns)
        The gaps of a column that it draws are those below its share.
    rng : numpy.random.Generator
    like : sequence, optional
        What an earlier round has returned: predictions cross the same features.
    """
    like, learnt = like or [None] * len(columns), []
    for place, ((code, features), choice) in enumerate(zip(columns, choices, strict=True)):
        if choice is None or choice.share == 0 or not may_be_drawn(rows, code, choice, numbers):
            learnt.append(None)
            continue
        learn = level_draws if isinstance(code, slice) else number_draws
        draws = learn(rows, code, features, choice, numbers, rng, like[place])
        own = np.flatnonzero(rows.gaps(draws.codes[0]) & (uniforms[:, place] < choice.share))
        if len(own):
            number = np.zeros(len(own), dtype=int)
            drawn = draws.draw(rows.codes[own], rng.random((len(own), N_UNIFORMS)), number)
            rows.codes[np.ix_(own, draws.codes)] = drawn
        learnt.append(draws)
    return learnt


def with_all_causes(numbers, columns, choices):
    """The codes that predict each number, with those of all columns that are drawn through it.

    In another sample of rows these may not be among the ones that go with it most.
    """
    numbers = list(numbers)
    for (code, _), choice in zip(columns, choices, strict=True):
        if choice is not None and choice.through is not None:
            number, features = numbers[choice.through]
            numbers[choice.through] = number, np.union1d(features, np.r_[code])
    return numbers


def may_be_drawn(rows, code, choice, numbers):
    """Whether rows observe what a choice asks for: those of a replicate are other ones."""
    asked = [code] if choice.through is None else [code, numbers[choice.through][0]]
    return all(may_be_learnt(rows, one) for one in asked)


class Chain:
    """Trees of the numbers of a table and regressions of its categories, and draws by them.

    It holds values of training rows.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_codes)
        Training rows, with gaps filled by a draw of the model.
    known : ndarray of bool, shape (n_rows, n_codes)
        False where there was a gap.
    numeric : ndarray of int, shape (n_numbers,)
        The codes of numbers.
    categories : sequence of slice
        The codes of each category.
    rng : numpy.random.Generator
    belief : ndarray of shape (n_numbers + n_categories,)
        From 0 to 1, how far networks are believed in each of them.
    choices : list of (Choice or None), optional
        How each column is drawn, where that is chosen already.
    idle : ndarray of bool, shape (n_rows, n_codes), optional
        True where a number does not apply, and is neither learnt from nor filled.
    distinct : ndarray of int, optional
        Rows of which none is a copy of another one, where rows of large weight come several times:
        copies of a row would foretell each other.
    n_sets : int, default=N_SETS
    """

    def __init__(
        self,
        codes,
        known,
        numeric,
        categories,
        rng,
        *,
        belief,
        choices=None,
        idle=None,
        distinct=None,
        n_sets=N_SETS,
    ):
        self.choices, self.n_sets = choices, n_sets
        numbers = [(int(code), strongest(codes[known[:, code]], [code])) for code in numeric]
        of_categories = [
            (levels, strongest(codes[known[:, levels.start]], np.r_[levels]))
            for levels in categories
        ]
        if choices is not None:
            numbers = with_all_causes(numbers, [*numbers, *of_categories], choices)
        idle = np.zeros(known.shape, dtype=bool) if idle is None else idle
        rows = Rows(codes.copy(), known, idle)
        # Products and steps are small: threads would wait for one another. A regression of levels
        # that are all but certain needs no last digit.
        with (
            config_context(skip_parameter_validation=True),
            threadpool_limits(1),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.columns = self._learnt(rows, numbers, of_categories, belief, rng, distinct)

    def _learnt(self, rows, numbers, categories, belief, rng, distinct):
        """How each column is drawn in all sets, None where the model draws it alone."""
        all_columns, is_open = [*numbers, *categories], self.choices is None
        uniforms = rng.random((len(rows.codes), len(all_columns)))

        def one_round(like=None):
            return learn_in_turn(rows, numbers, all_columns, self.choices, uniforms, rng, like)

        def chosen():
            asked = rows if distinct is None else rows.only(distinct)
            return choose(asked, numbers, categories, belief, rng)

        if is_open:
            self.choices = chosen()
        if not any(choice is not None and choice.share > 0 for choice in self.choices):
            return [None] * len(all_columns)
        for _ in range(BURN_IN):
            one_round()
        if is_open:
            self.choices = chosen()
        sets = [one_round()]
        sets += [one_round(sets[0]) for _ in range(self.n_sets - 1)]
        return [None if column[0] is None else joined(column) for column in zip(*sets, strict=True)]

    @property
    def shares(self):
        """Of the draws of each column, those that are made here; shape (n_columns,)."""
        return np.array(
            [
                0.0 if column is None else choice.share
                for column, choice in zip(self.columns, self.choices, strict=True)
            ]
        )

    @property
    def n_uniforms(self):
        """Numbers from 0 to 1 that a draw takes for each row."""
        return (1 + N_UNIFORMS * N_ROUNDS) * len(self.columns)

    def draw(self, codes, known, numbers, uniforms):
        """Draw cells anew.

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
        codes, shares = codes.astype(np.float64), self.shares
        n_columns = len(self.columns)
        is_asked = uniforms[:, :n_columns] < shares
        rounds = uniforms[:, n_columns:].reshape(len(codes), N_ROUNDS, n_columns, N_UNIFORMS)
        number = numbers % self.n_sets
        for uniform in np.moveaxis(rounds, 1, 0):
            for place, column in enumerate(self.columns):
                if column is None:
                    continue
                rows = np.flatnonzero(is_asked[:, place] & ~known[:, column.codes[0]])
                if len(rows):
                    drawn = column.draw(codes[rows], uniform[rows, place], number[rows])
                    codes[np.ix_(rows, column.codes)] = drawn
        return codes
