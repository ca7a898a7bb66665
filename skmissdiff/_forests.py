"""Forests beside a fitted network: what they are grown on, and how far they are believed."""

import time
from dataclasses import dataclass

import numpy as np
from sklearn import config_context
from threadpoolctl import threadpool_limits

from skmissdiff._chains import filled
from skmissdiff._diffusion.donors import Said
from skmissdiff._draws.chain import MOST_LEVELS
from skmissdiff._draws.forest import HOPELESS, Forest, grow_column, rows_of_trees
from skmissdiff._support.layout import CodeLayout

MOST_ROWS, MOST_ROW_CODES = 10_000, 4_000_000  # of the training table, taken at random
# How far a forest is believed before any cell has judged it, and of how many cells that is worth:
# of few rows cells are few, and most of them masked several times. On 42 tables of other trades,
# four seeds each, root mean squares are 2.1 % lower with forests so, and shares of wrong categories
# 2.5; 1.5 and 1.8 with nothing believed before, .8 and .5 if gains have to be beyond chance.
PRIOR_SHARE, PRIOR_CELLS = 0.35, 200


@dataclass(frozen=True)
class Forests:
    """The forests that have a say in means and medians, and their shares."""

    layout: CodeLayout
    forests: list[Forest]
    shares: np.ndarray  # (n_forests,)
    shares_median: np.ndarray

    def steps(self, mean, part, known, median):
        """What forests add to what networks and donors say of rows.

        Parameters
        ----------
        mean : ndarray of shape (n_rows, n_codes)
            Their means; where a code is known that, which is read.
        part : ndarray of shape (n_rows, n_codes)
            That networks have in what is stepped from: beside a twin forests have no say, either.
        known : ndarray of bool, shape (n_rows, n_codes)
        median : bool
            Whether the steps are for medians.

        Returns
        -------
        steps : ndarray of shape (n_rows, n_codes)
            0 for what is known.
        """
        steps, read = np.zeros(mean.shape), without_idle(mean, self.layout)
        shares = self.shares_median if median else self.shares
        for forest, share in zip(self.forests, shares, strict=True):
            rows = np.flatnonzero(~known[:, forest.codes[0]])
            if share and len(rows):
                cells = np.ix_(rows, forest.codes)
                steps[cells] = share * part[cells] * (forest.mean(read[rows]) - mean[cells])
        return steps


def without_idle(codes, layout):
    """Numbers that do not apply hold nothing, whatever was drawn for them."""
    return np.where(layout.idle(codes), 0.0, codes)


def grown_forests(codes, layout, model, said, seed, weight, deadline):
    """The forests of a table, None if no column is better for one.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_codes)
        Training rows, NaN where there is a gap.
    layout : CodeLayout
    model : Model
        The networks.
    said : Said
        What they and donors say to rows that they have not seen.
    seed : int
    weight : ndarray of shape (n_rows,) or None
        How often each row counts.
    deadline : float
        The `time.monotonic` after which no further one is grown.

    Returns
    -------
    forests : Forests or None
    """
    columns = columns_of(layout)
    most_rows = rows_of_trees(len(codes), [len(own) for own, _ in columns])
    # Where networks have nothing to add to what is linear, trees hardly have: on five such tables
    # errors were .2 % lower with forests, for two to four times the seconds.
    is_linear = not model.denoiser.alpha_mean.any()
    if not most_rows or is_linear or time.monotonic() > deadline:
        return None
    rng = np.random.default_rng([seed, len(codes)])
    most = min(MOST_ROWS, MOST_ROW_CODES // layout.n_codes)
    rows = np.sort(rng.permutation(len(codes))[:most])
    known, weight = ~np.isnan(codes[rows]), None if weight is None else weight[rows]
    completed = without_idle(filled(codes[rows], model, seed).astype(np.float64), layout)
    place = np.full(len(codes), -1)  # of rows that no tree has seen
    place[rows] = np.arange(len(rows))
    held = Said(*(values.numpy() for values in said))
    read = without_idle(np.where(held.known, held.x_0, held.mean).astype(np.float64), layout)
    kept = []
    with config_context(skip_parameter_validation=True), threadpool_limits(1):
        for own, column in columns:
            asked = np.flatnonzero(held.hidden[:, own[0]])
            if time.monotonic() > deadline or not len(asked):
                continue
            cells = held_cells(held, asked, own)
            left = (cells.x_0 - cells.mean) ** 2 - cells.excess
            hopeless = HOPELESS * left.sum(axis=1).mean()
            found = grow_column(completed, known, own, column, weight, hopeless, most_rows, rng)
            if found is None:
                continue
            features = read[np.ix_(asked, found.forest.features)]
            told, excess, heard = found.unseen(features, place[cells.own])
            if not heard.any():
                continue
            cells = Said(*(values[heard] for values in cells))
            shares = shares_of(cells, told[heard], excess[heard])
            if shares[0] > 0:
                kept.append((found.forest, *shares))
    if not kept:
        return None
    forests, *shares = zip(*kept, strict=True)
    return Forests(layout, list(forests), *map(np.array, shares))


def held_cells(held, rows, own):
    """Some rows, and the codes of a column."""
    return Said(
        *(values[rows] if values.ndim == 1 else values[np.ix_(rows, own)] for values in held)
    )


def shares_of(held, told, excess):
    """The shares of a forest in means and in medians.

    Parameters
    ----------
    held : Said
        Of the cells of its column that it is asked for, arrays (n_cells, n_own_codes).
    told, excess : ndarray of shape (n_cells, n_own_codes)
        What it says, and the squared error that is not its own in use.
    """
    step = told - held.mean
    share = share_of(held.x_0 - held.mean, held.part * step, held.excess, held.part**2 * excess)
    return share, share_of_median(held.x_0 - held.median, held.part_median * step, share)


def share_of(left, step, excess, excess_told, prior=PRIOR_SHARE):
    """How far a column's mean goes towards what a forest says.

    The share s of least squared error, sum (left - s step)^2 - (1 - s)^2 excess - s^2 excess_told,
    all arrays (n_cells, n_own_codes), as if further cells had been best at the ``prior`` one.
    """
    power = (step**2).sum()
    usual = PRIOR_CELLS * power / len(step)
    cross = (left * step).sum() - excess.sum()
    power = power - excess.sum() - excess_told.sum()
    return float(np.clip((cross + prior * usual) / max(power + usual, 1e-12), 0, 1))


def share_of_median(left, step, share):
    """How much of that share medians take: none, half or all, by absolute errors."""
    shares = share * np.array([1.0, 0.5, 0.0])
    return float(min(shares, key=lambda s: np.abs(left - s * step).sum()))


def columns_of(layout):
    """The codes of each number and of each category, and all codes of its column.

    But for categories of very many values, whose trees would take the time of all others.
    """
    numbers = [np.array([code]) for code in layout.numeric_codes]
    categories = [np.arange(s.start, s.stop) for s in layout.categorical_slices]
    told = numbers + [codes for codes in categories if len(codes) <= MOST_LEVELS]
    of_code = layout.column_of_code
    return [(own, np.flatnonzero(of_code == of_code[own[0]])) for own in told]
