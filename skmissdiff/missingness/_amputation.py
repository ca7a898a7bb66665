"""Which cells go missing: the mechanisms, and how no row or column is left empty.

Everything here is about bool arrays of shape (n_rows, n_columns). `eligible` marks the cells that
may be hidden: observed, and not in a column that keeps its cells. All rates are shares of them.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from skmissdiff._encoding.categories import count_categories
from skmissdiff._support.numbers import standard_deviation


class CannotHide(ValueError):
    """The rate asked for leaves a row or a column without any observed cell."""

    def __init__(self, missing_rate, way_out="Lower missing_rate"):
        super().__init__(
            f"missing_rate={missing_rate} cannot be reached without leaving a row or a column "
            f"empty. {way_out}, or pass allow_empty=True."
        )


# ---------------------------------------------------------------- probabilities of single cells


def standard_scores(table, columns, rng):
    """Return the columns as numbers of mean 0 and sd 1 over observed cells, 0 where missing.

    Levels of categorical columns get standard normal scores first.

    Returns
    -------
    ndarray of shape (n_rows, len(columns))
    """
    scores = np.zeros((table.n_rows, len(columns)))
    for place, j in enumerate(columns):
        observed = ~table.missing[:, j]
        values = table.columns[j]
        if table.schema.columns[j].is_categorical:
            levels, _ = count_categories(table.schema.columns[j], values)
            score_of = dict(zip(levels, rng.standard_normal(len(levels)), strict=True))
            values = np.array([score_of.get(value, np.nan) for value in values])
        scores[observed, place] = _standardised(values[observed])
    return scores


def _standardised(values):
    spread = standard_deviation(values) if len(values) else 0.0
    # A constant column has a spread of rounding errors.
    if spread <= 1e-12 * np.abs(values).max(initial=0.0):
        return np.zeros_like(values)
    values = values / spread
    return values - values.mean()


def logistic(score, rate, strength):
    """Return probabilities expit(a + strength * score) whose mean is the rate.

    Parameters
    ----------
    score : ndarray of shape (n_cells,)
        Standardised here.
    rate : float
    strength : float
    """
    if len(score) == 0 or rate in (0.0, 1.0):
        return np.full(len(score), rate)
    linear = strength * _standardised(score)
    middle = logit(rate)
    # At these ends every probability is below, and above, the rate.
    low, high = middle - linear.max() - 1, middle - linear.min() + 1
    return expit(linear + brentq(lambda a: expit(a + linear).mean() - rate, low, high))


def logistic_on_columns(scores, eligible, rate, strength, rng):
    """Return hiding probabilities from random linear combinations, one for each column.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_given)
        What the probabilities may depend on.
    """
    probability = np.zeros(eligible.shape)
    for j in np.flatnonzero(eligible.any(axis=0)):
        cells = eligible[:, j]
        combined = scores @ rng.standard_normal(scores.shape[1])
        probability[cells, j] = logistic(combined[cells], rate, strength)
    return probability


def logistic_on_self(scores, eligible, rate, strength):
    """Return hiding probabilities that depend on the cell's own value.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_columns)
    """
    probability = np.zeros(eligible.shape)
    for j, cells in enumerate(eligible.T):
        probability[cells, j] = logistic(scores[cells, j], rate, strength)
    return probability


def beyond_quantile(scores, eligible, rate, tail, tail_fraction, rng):
    """Return equal hiding probabilities for the cells in the tails of their columns, 0 elsewhere.

    Ties are broken at random, so that the tail is of the size asked for.
    """
    probability = np.zeros(eligible.shape)
    for j, cells in enumerate(eligible.T):
        rows = np.flatnonzero(cells)
        rows = rng.permutation(rows)
        order = rows[scores[rows, j].argsort(kind="stable")]
        n_tail = round(tail_fraction * len(rows))
        n_low = {"lower": n_tail, "upper": 0, "both": n_tail // 2}[tail]
        chosen = np.r_[order[:n_low], order[len(rows) - (n_tail - n_low) :]]
        if n_tail:
            probability[chosen, j] = min(1.0, rate * len(rows) / n_tail)
    return probability


# ---------------------------------------------------------------- whole patterns


def same_share_per_row(eligible, rate, rng):
    """Hide the same share of each row: a whole number of cells, rounded at random."""
    n_cells = eligible.sum(axis=1)
    n_hidden = np.floor(rate * n_cells + rng.random_sample(len(n_cells)))
    keys = np.where(eligible, rng.random_sample(eligible.shape), np.inf)
    ranks = keys.argsort(axis=1).argsort(axis=1)
    return eligible & (ranks < n_hidden[:, None])


def blocks(eligible, observed, rate, groups, height, allow_empty, rng):
    """Hide rectangles: runs of `height` rows in a group of columns.

    Parameters
    ----------
    groups : list of ndarray of int
        Disjoint sets of columns.

    Raises
    ------
    CannotHide
        If too few rectangles can go without leaving a row or a column empty.
    """
    run_of_row = (np.arange(len(eligible)) + rng.randint(height)) // height
    run_of_row -= run_of_row[0]
    n_cells = np.stack([eligible[:, group].sum(axis=1) for group in groups], axis=1)
    turns = rng.random_sample((run_of_row[-1] + 1, len(groups)))
    luck = rng.random_sample()
    # Left out, so that no column is emptied; most often none.
    barred = np.zeros(turns.shape, dtype=bool)
    while True:
        left = None if allow_empty else observed.sum(axis=1)
        may_go = _in_turn(n_cells, run_of_row, turns, barred, left)
        gone = _first_until(rate * eligible.sum(), n_cells, run_of_row, turns, may_go, luck)
        if gone is None:
            raise CannotHide(rate, "Lower missing_rate, take smaller blocks")
        hidden = np.zeros_like(eligible)
        for place, group in enumerate(groups):
            hidden[:, group] = eligible[:, group] & gone[run_of_row, place][:, None]
        emptied = np.flatnonzero(observed.any(axis=0) & ~(observed & ~hidden).any(axis=0))
        if allow_empty or not len(emptied):
            return hidden
        for j in emptied:
            place = next(place for place, group in enumerate(groups) if j in group)
            barred[run_of_row[rng.choice(np.flatnonzero(hidden[:, j]))], place] = True


def _in_turn(n_cells, run_of_row, turns, barred, left):
    """Which rectangles can go, if all before them that can do: those that empty no row.

    Parameters
    ----------
    n_cells : ndarray of shape (n_rows, n_groups)
        Cells that may be hidden.
    turns, barred : ndarray of shape (n_runs, n_groups)
        The order of the rectangles, and those that must stay.
    left : ndarray of shape (n_rows,) or None
        Observed cells of each row, None where rows may be emptied.
    """
    may_go = ~barred
    if left is None:
        return may_go
    rows, runs = np.arange(len(left)), np.arange(len(turns))
    starts = np.searchsorted(run_of_row, runs)
    for groups in turns.argsort(axis=1).T:  # the next group of each run of rows
        n_new = n_cells[rows, groups[run_of_row]]
        empties = np.logical_or.reduceat((n_new > 0) & (n_new == left), starts)
        may_go[runs, groups] &= ~empties
        left = left - n_new * may_go[runs, groups][run_of_row]
    return may_go


def _first_until(target, n_cells, run_of_row, turns, may_go, luck):
    """The rectangles that go until the target is reached, None if it is not.

    The last goes with the probability that makes the number right on average.
    """
    sizes = np.add.reduceat(n_cells, np.searchsorted(run_of_row, np.arange(len(turns))))
    sizes = np.where(may_go, sizes, 0).ravel()
    order = turns.ravel().argsort()
    reached = sizes[order].cumsum()
    if reached[-1] < target * (1 - 1e-9):
        return None
    last = min(np.searchsorted(reached, target * (1 - 1e-9)), len(order) - 1)
    before = reached[last] - sizes[order[last]]
    n_gone = last + (luck * sizes[order[last]] < target - before)
    gone = np.zeros(len(order), dtype=bool)
    gone[order[:n_gone]] = True
    return gone.reshape(turns.shape) & may_go


def column_runs(columns, width, rng):
    """Return the columns in groups of `width` neighbours, the first and last may be smaller."""
    cuts = np.arange(width - rng.randint(width), len(columns), width)
    return [group for group in np.split(columns, cuts) if len(group)]


def drop_out(eligible, observed, rate, allow_empty, rng):
    """Hide all of a row's eligible cells from a random column on.

    A row drops out at each column with the same probability (hazard), which `rate` determines.

    Raises
    ------
    CannotHide
        If even dropping out at the first occasion does not hide enough.
    """
    order = np.flatnonzero(eligible.any(axis=0))
    cells = eligible[:, order]
    n_cells = np.count_nonzero(cells)
    if n_cells == 0:
        return np.zeros_like(eligible)
    first = np.zeros(len(cells), dtype=int)
    if not allow_empty:
        # The first value of a row that has no other stays: it cannot leave before.
        bare = cells.any(axis=1) & ~(observed & ~eligible).any(axis=1)
        first[bare] = cells[bare].argmax(axis=1) + 1
    occasions = np.maximum(np.arange(1, len(order) + 1) - first[:, None], 0)
    n_at = np.bincount(occasions[cells], minlength=len(order) + 1)

    def excess(hazard):
        return n_at @ (1 - (1 - hazard) ** np.arange(len(n_at))) - rate * n_cells

    if excess(1.0) < -1e-9 * n_cells:
        raise CannotHide(rate)
    hazard = brentq(excess, 0.0, 1.0) if excess(1.0) > 0 else 1.0
    leaves = (rng.random_sample(cells.shape) < hazard) & (occasions > 0)
    gone = np.logical_or.accumulate(leaves, axis=1)
    hidden = np.zeros_like(eligible)
    hidden[:, order] = gone & cells
    if not allow_empty:
        for j in order[::-1]:
            seen = observed[:, j]
            if seen.any() and not (seen & ~hidden[:, j]).any():
                hidden[rng.choice(np.flatnonzero(seen)), : j + 1] = False
    return hidden


# ---------------------------------------------------------------- no row or column left empty


def refill_empty(hidden, eligible, observed, probability, missing_rate, rng):
    """Give one cell back to each row and column that was emptied, and hide others instead.

    Which cell comes back, and which goes instead, follows `probability`; the other cell is of
    the same column where that is possible, so that the rates stay as they are.

    Raises
    ------
    CannotHide
        If there are too few others, by more than the sampling error of the rate.
    """
    hidden = hidden.copy()
    given_back = np.zeros(hidden.shape[1], dtype=int)
    with np.errstate(divide="ignore"):
        odds = np.log(np.clip(1 - probability, 1e-12, 1)) - np.log(probability)
    rows = np.flatnonzero(observed.any(axis=1) & ~(observed & ~hidden).any(axis=1))
    keys = odds[rows] + rng.gumbel(size=(len(rows), hidden.shape[1]))
    back = np.where(hidden[rows], keys, -np.inf).argmax(axis=1)
    hidden[rows, back] = False
    np.add.at(given_back, back, 1)
    for j in np.flatnonzero(observed.any(axis=0) & ~(observed & ~hidden).any(axis=0)):
        keys = odds[:, j] + rng.gumbel(size=len(hidden))
        hidden[np.where(hidden[:, j], keys, -np.inf).argmax(), j] = False
        given_back[j] += 1
    n_short = 0
    for j in np.flatnonzero(given_back):
        n_short += given_back[j] - _hide_others(
            hidden, observed, probability, j, given_back[j], rng
        )
    for j in rng.permutation(hidden.shape[1]):
        n_short -= _hide_others(hidden, observed, probability, j, n_short, rng) if n_short else 0
    wanted = missing_rate * np.count_nonzero(eligible)
    tolerance = 1 + 3 * np.sqrt((probability * (1 - probability)).sum())
    if n_short and wanted - np.count_nonzero(hidden) > tolerance:
        raise CannotHide(missing_rate)
    return hidden


def _hide_others(hidden, observed, probability, j, n_wanted, rng):
    """Hide up to `n_wanted` cells of column `j` in rows with cells to spare; return how many."""
    left = observed & ~hidden
    spare = left[:, j] & (left.sum(axis=1) > 1) & (probability[:, j] > 0)
    n = min(n_wanted, np.count_nonzero(spare), np.count_nonzero(left[:, j]) - 1)
    if n <= 0:
        return 0
    weights = np.where(spare, probability[:, j], 0.0)
    hidden[rng.choice(len(hidden), size=n, replace=False, p=weights / weights.sum()), j] = True
    return n
