"""Values that a column holds very often, as zeros of counts and amounts: spikes.

A number that is 0 in half of the rows is two questions: whether it is 0, and if not, how much.
So such a column gets three codes: "the value", "another one", and the other number, which does
not apply beside the value. The first two are drawn as categories are.
"""

from dataclasses import dataclass

import numpy as np

LEAST_SHARE = 0.2  # of the observed cells that hold the value
FEWEST_OTHERS = 30  # cells that hold another one
# Different ones of these. On a scale of few steps, as marks from 1 to 10, the value is one step of
# them, and with 5 here errors are larger: by 2 % on scikit-learn's digits, by 1 % on statsmodels'
# fair (two seeds each), where many columns have a dozen values.
FEWEST_VALUES = 20
CERTAIN = 0.95  # probability of the value from which on it is the mean, too
# Quantiles of the others, from the side of the value, that a median of both kinds may be.
QUANTILES = np.linspace(0, 0.5, 11)


@dataclass(frozen=True)
class Spike:
    """A value of its own in a numeric column.

    Attributes
    ----------
    value : float
        The one that occurs very often.
    low, high : float
        Range of the other numbers.
    ways : tuple of float
        How far the others' `QUANTILES` are from the value, where their median is 1 away.
    """

    value: float
    low: float
    high: float
    ways: tuple[float, ...] = tuple((-np.log2(1 - QUANTILES)).tolist())  # of an exponential

    def encode(self, values, out):
        """Write the codes of "the value" and "another one", NaN where there is none."""
        is_value = values == self.value
        out[:, 0], out[:, 1] = is_value, ~is_value
        out[np.isnan(values)] = np.nan

    def others(self, values):
        """The numbers that are not the value, NaN elsewhere."""
        return np.where(values == self.value, np.nan, values)

    def decode(self, codes, others, how):
        """Return numbers of both kinds.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, 2)
            Shares of the value and of others, 1 and 0 in draws; NaN where unknown.
        others : ndarray of shape (n_rows,)
            The number if it is another one: its mean, its median, or a draw.
        how : {"mean", "median", "mode"}
            What to make of both.
        """
        share = codes[:, 0] / codes.sum(axis=1)
        others = np.clip(others, self.low, self.high)
        if how == "mean":
            mixed = share * self.value + (1 - share) * others
            return np.where(share > CERTAIN, self.value, mixed)
        if how == "median":
            # Half of all is this share of the others, from the side of the value: between it and
            # their median, as far as in the table. With half a share of the value it is its own.
            least = np.maximum(0.5 - share, 0) / np.maximum(1 - share, 0.5)
            way = np.interp(least, QUANTILES, self.ways)
            others = self.value + way * (others - self.value)
        return np.where(share >= 0.5, self.value, others + 0 * share)


def find_spike(values, weight, bounds):
    """Return the spike of a numeric column, None if it has none.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        The observed ones.
    weight : ndarray of shape (n_values,) or None
        How often each counts.
    bounds : (float, float)
        Range of the numbers that may come out.
    """
    distinct, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    if weight is not None:
        counts = np.bincount(place, weights=weight)
    top = counts.argmax() if len(counts) else 0
    if len(distinct) <= FEWEST_VALUES or counts[top] < LEAST_SHARE * counts.sum():
        return None
    value, (low, high) = distinct[top], bounds
    others = np.delete(distinct, top)
    if (values != value).sum() < FEWEST_OTHERS or not low <= value <= high:
        return None
    # Where the value is the end of the range, others begin beside it: 0.3 is not to become 0.
    low = others.min() if value == low else low
    high = others.max() if value == high else high
    if low > high:
        return None
    ways = _ways(values[values != value], value)
    return Spike(float(value), float(low), float(high), *([ways] if ways else []))


def _ways(others, value):
    """How far quantiles are from the value, relative to the median; None if it is among them."""
    low, high = np.quantile(others, [0.05, 0.95])
    if low <= value <= high:
        return None
    away = np.quantile(np.abs(others - value), QUANTILES)
    return tuple((away / away[-1]).tolist())
