"""Whether draws are as uncertain as they should be, by cells that were hidden on purpose."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from skmissdiff._encoding.categories import count_categories
from skmissdiff._support.sklearn_private import Interval, validate_params
from skmissdiff._table.columns import is_nan_like
from skmissdiff._table.frames import read_table
from skmissdiff._table.rebuild import blank_cells
from skmissdiff.displays._figure import (
    GRID,
    HUES,
    IMPUTED,
    OBSERVED,
    SMALL,
    SMALLEST,
    Panels,
    any_name,
    short,
    tidy,
)
from skmissdiff.displays._imputed_tables import read_imputations, reading_of
from skmissdiff.metrics._inputs import read_mask

_BINS = 20
_CELLS_A_BIN = 40  # fewer on average make the histogram a matter of chance
_FEWEST_NAMED = 30  # cells of a column that is named for being off
_TWO_SIDES = 1.96  # standard errors


class ImputationCalibrationDisplay(Panels):
    """Rank histogram and coverage of cells that were hidden on purpose.

    It is recommended to use `from_estimator` or `from_imputations` to make it.

    Where draws come from the distribution that the true values come from, the rank of a true
    value among its draws is uniform [1]_, and intervals that hold a share of the draws hold the
    same share of the true values. A hump in the histogram, and coverage above the diagonal, mean
    that draws vary too much; a trough, and coverage below, too little; a slope, that they are too
    high or too low. The band of the histogram is where a bar lies with probability 0.95 by chance
    alone, were all cells independent.

    Ranks of values that are equal to draws are drawn at random among them, so that counts, values
    that repeat and categories, in their order, are ranked as fairly as other numbers [2]_.

    Parameters
    ----------
    positions : list of ndarray of shape (n_cells,)
        For each column the ranks of the true values among their draws, from 0 to 1, see
        `from_imputations`.
    names : list of str
        Of the columns.
    is_numeric : list of bool
        Whether each column holds numbers, which have intervals.
    n_draws : int
        Number of draws.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, shape (2,)
        Histogram and coverage, after `plot`.
    ax_ : matplotlib.axes.Axes or None
        The axes that was divided into them, None where one was given for each.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    skmissdiff.metrics.interval_coverage : Coverage of one interval as a figure.
    skmissdiff.metrics.imputation_crps : Place and spread of draws in one figure.

    References
    ----------
    .. [1] T. M. Hamill, "Interpretation of rank histograms for verifying ensemble forecasts",
       Monthly Weather Review 129, 2001.
    .. [2] C. Czado, T. Gneiting, L. Held, "Predictive model assessment for count data",
       Biometrics 65, 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.displays import ImputationCalibrationDisplay
    >>> rng = np.random.default_rng(0)
    >>> X_true = rng.normal(size=(500, 1))
    >>> draws = rng.normal(size=(20, 500, 1))  # of the same distribution, knowing nothing else
    >>> hidden = np.full((500, 1), True)
    >>> display = ImputationCalibrationDisplay.from_imputations(
    ...     X_true, list(draws), hidden, random_state=0
    ... )
    >>> bool(0.45 < display.coverage(0.5)["x0"] < 0.55)
    True
    """

    def __init__(self, *, positions, names, is_numeric, n_draws):
        self.positions = positions
        self.names = names
        self.is_numeric = is_numeric
        self.n_draws = n_draws

    @classmethod
    @validate_params(
        {
            "hidden_fraction": [Interval(Real, 0, 1, closed="neither")],
            "n_draws": [Interval(Integral, 2, None, closed="left")],
            "refit": ["boolean"],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        hidden_fraction=0.2,
        n_draws=50,
        refit=True,
        random_state=None,
        ax=None,
    ):
        """Hide observed cells, draw them, and compare.

        Parameters
        ----------
        estimator : MissDiffImputer
            Or another imputer with `multiple_impute`.
        X : array-like or frame of shape (n_rows, n_columns)
            A table, with or without missing cells.
        hidden_fraction : float, default=0.2
            Share of the observed cells that are hidden, completely at random.
        n_draws : int, default=50
            Number of draws.
        refit : bool, default=True
            Whether to train a clone of the estimator without the hidden cells. False takes the
            fitted one as it is, which is fair only for rows that it was not fitted to.
        random_state : int, RandomState instance or None, default=None
            Hides the cells, seeds the draws and breaks ties. Pass an int for repeatable results.
        ax : matplotlib.axes.Axes or array-like of two, default=None
            Where to draw, see `plot`.

        Returns
        -------
        display : ImputationCalibrationDisplay
        """
        rng = check_random_state(random_state)
        seeds = rng.randint(2**31 - 1, size=3).tolist()
        hiding, ranking = (np.random.default_rng(seed) for seed in seeds[:2])
        spoiled, hidden = hide_cells(X, hidden_fraction, hiding, **reading_of(estimator))
        if refit:
            estimator = clone(estimator).fit(spoiled)
        draws = estimator.multiple_impute(spoiled, n_imputations=n_draws, random_state=seeds[2])
        found = positions_of(X, draws, hidden, reading_of(estimator), ranking)
        return cls(**found).plot(ax)

    @classmethod
    @validate_params({"random_state": ["random_state"]}, prefer_skip_nested_validation=True)
    def from_imputations(
        cls,
        X_true,
        imputations,
        missing_mask,
        *,
        categorical_features="from_dtype",
        missing_values=np.nan,
        random_state=None,
        ax=None,
    ):
        """Compare draws of hidden cells with the truth.

        The position of a true value y among m draws x is ``(#{x < y} + U (#{x = y} + 1)) /
        (m + 1)`` with U uniform from 0 to 1.

        Parameters
        ----------
        X_true : array-like or frame of shape (n_rows, n_columns)
            The true table. Cells that are missing in it are not judged.
        imputations : list of array-like or frame of shape (n_rows, n_columns)
            At least two draws, as ``MissDiffImputer.multiple_impute`` gives them.
        missing_mask : array-like or frame of bool, shape (n_rows, n_columns)
            True for the cells that were hidden and are judged.
        categorical_features : "from_dtype", None or array-like, default="from_dtype"
            The categorical columns: those of category, string or boolean dtype, or the listed
            ones, by index, by name or as a boolean mask.
        missing_values : number, str, None or np.nan, default=np.nan
            What stands for a missing cell in `X_true`.
        random_state : int, RandomState instance or None, default=None
            Breaks ties.
        ax : matplotlib.axes.Axes or array-like of two, default=None
            Where to draw, see `plot`.

        Returns
        -------
        display : ImputationCalibrationDisplay
        """
        rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
        reading = {"categorical_features": categorical_features, "missing_values": missing_values}
        found = positions_of(X_true, imputations, missing_mask, reading, rng)
        return cls(**found).plot(ax)

    def coverage(self, level):
        """Share of the true numbers in the central interval of their draws.

        Parameters
        ----------
        level : float
            Probability of the interval.

        Returns
        -------
        shares : dict of str to float
            By the names of the numeric columns.
        """
        return {
            name: float(np.mean(np.abs(2 * part - 1) <= level))
            for name, part, numeric in zip(self.names, self.positions, self.is_numeric, strict=True)
            if numeric
        }

    @property
    def size(self):
        """Width and height of a fitting figure, in inches."""
        return 8.6, 3.6

    def plot(self, ax=None):
        """Draw the rank histogram of all cells and the coverage of the numbers.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of two, default=None
            One that is divided into two panels, or both. None makes a figure.

        Returns
        -------
        display : ImputationCalibrationDisplay
            Itself.
        """
        self._open(ax, 2, 2)
        with any_name():
            self._draw_ranks(self.axes_[0])
            self._draw_coverage(self.axes_[1])
        return self

    def _draw_ranks(self, ax):
        positions = np.concatenate(self.positions)
        n_bins = int(np.clip(len(positions) // _CELLS_A_BIN, 4, _BINS))
        counts, edges = np.histogram(positions, n_bins, (0.0, 1.0))
        density = counts * n_bins / len(positions)
        chance = _TWO_SIDES * np.sqrt((n_bins - 1) / len(positions))
        ax.axhspan(1 - chance, 1 + chance, color=OBSERVED, alpha=0.18, lw=0, label="by chance")
        ax.bar(edges[:-1], density, 1 / n_bins, align="edge", color=IMPUTED, ec="white", lw=0.6)
        ax.axhline(1, color=OBSERVED, lw=1.2, ls="--", label="calibrated")
        ax.set(xlim=(0, 1), ylim=(0, max(1.6, 1.25 * density.max())))
        ax.set_xticks([0, 0.5, 1], ["lowest", "middle", "highest"])
        ax.set_yticks([0, 1])
        ax.set_title("Rank of the truth among the draws", loc="left", fontsize=SMALL)
        words = f"{len(positions):,} hidden cells, {self.n_draws} draws"
        ax.set_xlabel(words, fontsize=SMALL)
        ax.legend(fontsize=SMALLEST, frameon=False, loc="upper right", ncols=2)
        tidy(ax)

    def _draw_coverage(self, ax):
        levels = np.linspace(0, 1, 101)
        parts = [
            (name, np.sort(np.abs(2 * part - 1)))
            for name, part, numeric in zip(self.names, self.positions, self.is_numeric, strict=True)
            if numeric
        ]
        ax.plot([0, 1], [0, 1], color=OBSERVED, lw=1.2, ls="--")
        ax.set_title("Coverage of central intervals", loc="left", fontsize=SMALL)
        tidy(ax)
        if not parts:
            ax.text(0.5, 0.5, "no number was hidden", ha="center", va="bottom", fontsize=SMALL)
            return
        curves = {name: _shares_up_to(part, levels) for name, part in parts}
        counts = {name: len(part) for name, part in parts}
        off = _furthest(curves, counts, levels)
        for name, curve in curves.items():
            if name in off:
                colour = HUES[off.index(name)]
                ax.plot(levels, curve, color=colour, lw=1.1, label=short(name, 22))
            else:
                ax.plot(levels, curve, color="#9aa3ad", lw=0.6)
        every = _shares_up_to(np.sort(np.concatenate([part for _, part in parts])), levels)
        ax.plot(levels, every, color=IMPUTED, lw=2.2, label="all numbers")
        ax.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
        ax.set_xlabel("share of the draws in the interval", fontsize=SMALL)
        ax.set_ylabel("share of the true values", fontsize=SMALL)
        ax.grid(color=GRID)
        faint = {"fontsize": SMALLEST, "color": "#5c636a", "style": "italic"}
        ax.text(0.03, 0.97, "draws too wide", va="top", **faint)
        ax.text(0.97, 0.03, "too narrow", ha="right", **faint)
        ax.legend(fontsize=SMALLEST, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
        for text in ax.get_legend().get_texts():
            text.set_parse_math(False)


def hide_cells(X, fraction, rng, *, categorical_features, missing_values=np.nan, **_):
    """Return a table with observed cells hidden completely at random, and where.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_columns)
    fraction : float
        Share of the observed cells of each column, of which two stay.
    rng : numpy.random.Generator
    categorical_features, missing_values
        See `read_imputations`.

    Returns
    -------
    spoiled : ndarray or frame
    hidden : ndarray of bool, shape (n_rows, n_columns)
    """
    table = read_table(X, categorical_features=categorical_features, missing_values=missing_values)
    hidden = np.zeros(table.missing.shape, dtype=bool)
    for j, gaps in enumerate(table.missing.T):
        known = np.flatnonzero(~gaps)
        n_hidden = min(round(fraction * len(known)), len(known) - 2)
        if n_hidden > 0:
            hidden[rng.choice(known, n_hidden, replace=False), j] = True
    if not hidden.any():
        raise ValueError(
            f"X has too few observed cells to hide a share of {fraction:g} of a column of them."
        )
    spoiled = blank_cells(table.native, hidden)
    if isinstance(spoiled, np.ndarray) and not is_nan_like(missing_values):
        spoiled[hidden] = missing_values  # in arrays nothing else is missing then
    return spoiled, hidden


def positions_of(X_true, draws, hidden, reading, rng, schema=None):
    """Positions of true values among their draws, by column, as arguments of the display."""
    tables = read_imputations(X_true, draws, schema=schema, **reading)
    if len(tables.imputed) < 2:
        raise ValueError("Ranks take at least 2 draws, got 1. Use multiple_impute.")
    truth = tables.table
    cells = read_mask(hidden, tables.whole)[:, list(tables.places)] & ~truth.missing
    cells &= ~np.any([table.missing for table in tables.imputed], axis=0)
    chosen = np.flatnonzero(cells.any(axis=0))
    if len(chosen) == 0:
        raise ValueError("No hidden cell was imputed: there is nothing to compare.")
    positions = []
    for j in chosen:
        y = truth.columns[j][cells[:, j]]
        x = np.stack([table.columns[j][cells[:, j]] for table in tables.imputed])
        if truth.schema.columns[j].is_categorical:
            y, x = _numbered(truth.schema.columns[j], y, x)
        positions.append(_ranked(y, x, rng))
    return {
        "positions": positions,
        "names": [tables.names[j] for j in chosen],
        "is_numeric": [not truth.schema.columns[j].is_categorical for j in chosen],
        "n_draws": len(tables.imputed),
    }


def _numbered(column, truth, drawn):
    """Categories as their places in the order of the column."""
    found, _ = count_categories(column, np.append(truth, drawn))
    at = {category: k for k, category in enumerate(found)}
    numbers = [np.array([at[value] for value in part.ravel()]) for part in (truth, drawn)]
    return numbers[0], numbers[1].reshape(drawn.shape)


def _ranked(truth, drawn, rng):
    """The place of each true value among its draws, from 0 to 1, at random among equal ones."""
    below, equal = (drawn < truth).sum(axis=0), (drawn == truth).sum(axis=0)
    return (below + rng.random(len(truth)) * (equal + 1)) / (len(drawn) + 1)


def _shares_up_to(values, levels):
    """The share of sorted values up to each level."""
    return np.searchsorted(values, levels, side="right") / len(values)


def _furthest(curves, counts, levels):
    """Names of the columns that are furthest from the diagonal, beyond chance."""
    distances = {
        name: np.abs(curve - levels).max() * np.sqrt(counts[name])
        for name, curve in curves.items()
        if counts[name] >= _FEWEST_NAMED
    }
    # The 5 % point of Kolmogorov's statistic.
    beyond = [name for name in distances if distances[name] > 1.36]
    return sorted(beyond, key=lambda name: -np.abs(curves[name] - levels).max())[: len(HUES)]
