"""Ranks of values in a column whose quantiles are known, their normal codes and densities."""

import numpy as np
from scipy.stats import norm

_LEAST_RANK = 1e-7  # keeps the codes of the extremes within about 5.2
_SAME_RANK = 1e-9  # of the distance of two quantiles: what rounding does to a rank
_LEAST_WINDOW, _WINDOW_POINTS = 0.01, 5  # of ranks, to either side of a slope
_LEAST_TIE = 0.05  # share of a column that makes a value count with its probability
_FARTHEST = 1e300  # in scales of a tail, keeps its log finite


def known_quantiles(values, ranks):
    """The values of a column at ``ranks``, NaN where a rank lies between two values.

    ``values`` are the observed ones. They come back as the floats they are, which numbers that
    went through a change of units do not.
    """
    ordered = np.sort(values)
    place = ranks * (len(ordered) - 1)
    nearest = np.rint(place)
    between = np.abs(place - nearest) > _SAME_RANK
    first = np.where(between, np.floor(place), nearest).astype(int)
    last = np.where(between, np.ceil(place), nearest).astype(int)
    return np.where(ordered[first] == ordered[last], ordered[first], np.nan)


def weighted_quantiles(values, weight, ranks):
    """The values of a weighted column at ``ranks``, and the same, NaN between two values.

    Whole weights give what `np.quantile` gives for repeated rows; others, see `spread_quantiles`.
    """
    order = np.argsort(values, kind="stable")
    quantiles = repeated_quantiles if is_whole(weight) else spread_quantiles
    return quantiles(values[order], weight[order], ranks)


def is_whole(weight):
    """Whether the weights can be those of repeated rows."""
    return bool((weight == np.rint(weight)).all())


def repeated_quantiles(ordered, weight, ranks):
    """As `weighted_quantiles`, of sorted values that are repeated, without repeating them."""
    upto = weight.cumsum()

    def at(place):
        return ordered[np.searchsorted(upto, np.minimum(place, upto[-1] - 1), side="right")]

    place = ranks * 100 / 100 * (upto[-1] - 1)  # to the last digit as `np.nanpercentile` does
    below, above = at(np.floor(place)), at(np.floor(place) + 1)
    share, step = place - np.floor(place), above - below
    quantiles = np.where(share < 0.5, below + step * share, above - step * (1 - share))
    place = ranks * (upto[-1] - 1)
    nearest = np.rint(place)
    between = np.abs(place - nearest) > _SAME_RANK
    first = at(np.where(between, np.floor(place), nearest))
    last = at(np.where(between, np.ceil(place), nearest))
    return quantiles, np.where(first == last, first, np.nan)


def spread_quantiles(ordered, weight, ranks):
    """As `weighted_quantiles`, of sorted values each of which has half of its weight on a side.

    A weight above the others is no tie: only equal values fill a stretch of ranks.
    """
    distinct, first, n_equal = np.unique(ordered, return_index=True, return_counts=True)
    share = np.add.reduceat(weight, first)
    end, half = share.cumsum(), share / n_equal / 2
    places = np.column_stack([end - share + half, end - half]).ravel()
    places, both = places - places[0], distinct.repeat(2)
    place = ranks * places[-1]
    error = _SAME_RANK * places[-1]
    below = both[np.searchsorted(places, place + error, side="right") - 1]
    above = both[np.searchsorted(places, place - error).clip(max=len(places) - 1)]
    known = np.where(below == above, below, np.nan)
    return np.where(np.isnan(known), np.interp(place, places, both), known), known


def known_values(codes, known, ranks):
    """Values whose ranks the codes have, NaN where a code is between different values.

    ``codes`` has shape (n_rows,), ``known`` is what `known_quantiles` returns. The code of an
    extreme stands for the extreme.
    """
    rank = norm.cdf(codes)
    # Twice, since codes in single precision are off by more than one in ten million.
    rank = np.where(rank <= 2 * _LEAST_RANK, 0.0, np.where(rank >= 1 - 2 * _LEAST_RANK, 1.0, rank))
    place = np.where(np.isnan(rank), 0.0, rank) * (len(ranks) - 1)
    nearest = np.rint(place)
    at_one = np.abs(place - nearest) <= _SAME_RANK
    below = known[np.where(at_one, nearest, np.floor(place)).astype(int)]
    above = known[np.where(at_one, nearest, np.ceil(place)).astype(int)]
    return np.where((below == above) & ~np.isnan(rank), below, np.nan)


def normal_code(x, quantiles, ranks, uniforms):
    """Quantiles of the standard normal at the ranks of ``x``, at ``uniforms`` between ties.

    ``x`` and ``uniforms`` have shape (n_rows,), ``quantiles`` and ``ranks`` one entry per
    quantile that is known.
    """
    lowest, highest = ranks_of(x, quantiles, ranks)
    rank = lowest + uniforms * (highest - lowest)
    return norm.ppf(rank.clip(_LEAST_RANK, 1 - _LEAST_RANK))


def ranks_of(x, quantiles, ranks):
    """First and last rank that each value fills, equal unless it occurs often."""
    highest = np.interp(x, quantiles, ranks)
    lowest = -np.interp(-x, -quantiles[::-1], -ranks[::-1])
    return np.minimum(lowest, highest), np.maximum(lowest, highest)


def largest_density_code(n_observed):
    """The code of the largest of ``n_observed`` values, where densities are asked for.

    It has half a value's share above it, which is what the tails of `log_density` hold. The
    codes of `normal_code`, 5.2 at the extremes, claim that far less lies beyond.
    """
    return norm.ppf(1 - 0.5 / n_observed)


def log_density(x, quantiles, ranks, n_observed):
    """Log of the density of a column at ``x``, or of the probability of a value.

    A value that fills at least a twentieth of the column counts with its share. What is left
    is a density. Between the extremes it is the slope of the ranks over a window, as in a
    nearest-neighbour estimate, with the ranks of those shares taken out. Beyond each extreme
    is an exponential tail with half a value's share, as wide as the last window.

    ``quantiles`` are of ``n_observed`` values, in the units of ``x``, and vary.
    """
    knots, first = np.unique(quantiles, return_index=True)
    lowest, highest = ranks[first], ranks[np.append(first[1:], len(ranks)) - 1]
    tie = np.where(highest - lowest >= _LEAST_TIE, highest - lowest, 0.0)
    # A value with a smaller share, as a whole number has, is in the middle of its ranks.
    mass = np.where(tie > 0, lowest + tie, (lowest + highest) / 2) - np.cumsum(tie)
    # Half a value's share is left for each tail.
    mass = mass * (1 - 1 / n_observed) + 0.5 / n_observed
    total = 1 - tie.sum() * (1 - 1 / n_observed)

    width = max(_LEAST_WINDOW, _WINDOW_POINTS / n_observed)
    own = np.interp(x, knots, mass)
    low, high = (own - width).clip(mass[0], mass[-1]), (own + width).clip(mass[0], mass[-1])
    density = np.log(high - low) - np.log(
        np.interp(high, mass, knots) - np.interp(low, mass, knots)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        for distance, beyond, inner in [
            (knots[0] - x, mass[0], np.interp(mass[0] + width, mass, knots) - knots[0]),
            (x - knots[-1], total - mass[-1], knots[-1] - np.interp(mass[-1] - width, mass, knots)),
        ]:
            tail = np.log(beyond / inner) - np.minimum(distance / inner, _FARTHEST)
            density = np.where(distance > 0, tail, density)
    lowest, highest = ranks_of(x, quantiles, ranks)
    share = highest - lowest
    is_tie = share >= _LEAST_TIE
    return np.where(is_tie, np.log(np.where(is_tie, share, 1.0)), density), is_tie
