"""What was imputed in each column, beside what was observed there."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.ndimage import gaussian_filter1d

from skmissdiff._encoding.categories import count_categories
from skmissdiff._support.numbers import standard_deviation
from skmissdiff._support.sklearn_private import Interval, StrOptions, validate_params
from skmissdiff.displays._column_axis import column_axis
from skmissdiff.displays._figure import (
    IMPUTED,
    OBSERVED,
    SMALL,
    SMALLEST,
    Panels,
    add_legend,
    any_name,
    fills_figure,
    short,
    tidy,
)
from skmissdiff.displays._imputed_tables import chosen_columns, imputations_of, read_imputations

MOST_PANELS = 24
PANELS_IN_A_ROW = 4
_MOST_BARS = 8
_FEW_VALUES = 10
# Fewer imputed cells than these say nothing one imputation at a time.
_FEWEST_FOR_A_LINE = 20
_N_BINS = 512
_KIND = {"kind": [StrOptions({"density", "ecdf"})]}
_CHOICE = {"columns": ["array-like", None], **_KIND}


@dataclass(frozen=True)
class ColumnCells:
    """The cells of one column.

    Attributes
    ----------
    name : str
    schema : ColumnSchema
    observed : ndarray of shape (n_observed,)
        Numbers, those of dates and times on the clock of `schema`, or categories.
    imputed : ndarray of shape (n_imputations, n_missing)
    share_imputed : float
        The share of the rows in which a cell was imputed.
    """

    name: str
    schema: object
    observed: np.ndarray
    imputed: np.ndarray
    share_imputed: float


class ImputedDistributionDisplay(Panels):
    """Imputed values of each column, beside the observed ones.

    It is recommended to use `from_estimator` or `from_imputations` to make it.

    The two may rightly differ: where old people lack an income more often than young ones, imputed
    incomes are those of old people. Look for what cannot be: values that no row can have, a
    category that is never imputed, a peak where there is none. Best guesses (`transform`) are
    drawn together in the middle; compare draws (`multiple_impute`).

    Parameters
    ----------
    cells : list of ColumnCells
        The columns to draw.
    n_others : int, default=0
        Columns with missing cells that are not drawn.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_columns,)
        The panels, after `plot`.
    ax_ : matplotlib.axes.Axes or None
        The axes that was divided into them, None where one was given for each.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    skmissdiff.missingness.plot_missing_pattern : Where cells are missing.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmissdiff import MissDiffImputer
    >>> from skmissdiff.displays import ImputedDistributionDisplay
    >>> X = load_iris(as_frame=True).data
    >>> X.iloc[::4, 0] = float("nan")
    >>> imputer = MissDiffImputer(max_iter=100, random_state=0).fit(X)
    >>> display = ImputedDistributionDisplay.from_estimator(imputer, X)
    >>> display.axes_[0].get_title(loc="left")
    'sepal length (cm)'
    >>> display.cells[0].imputed.shape
    (5, 38)
    """

    def __init__(self, *, cells, n_others=0):
        self.cells = cells
        self.n_others = n_others

    @classmethod
    @validate_params(
        {
            **_CHOICE,
            "n_imputations": [Interval(Integral, 1, None, closed="left")],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def from_estimator(
        cls,
        estimator,
        X,
        *,
        columns=None,
        n_imputations=5,
        random_state=None,
        kind="density",
        ax=None,
    ):
        """Impute a table and draw what was imputed.

        Parameters
        ----------
        estimator : fitted imputer
            One with `multiple_impute`, or another one with `transform`, whose only completed
            table is drawn.
        X : array-like or frame of shape (n_rows, n_columns)
            The table, with missing cells.
        columns : array-like of str or int, default=None
            The columns to draw, by name or index. None takes those with missing cells, at most
            24 with most of them.
        n_imputations : int, default=5
            Number of draws.
        random_state : int, RandomState instance or None, default=None
            Of the draws; None takes the seed of the fit.
        kind : {"density", "ecdf"}, default="density"
            How numbers are drawn, see `plot`.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, see `plot`.

        Returns
        -------
        display : ImputedDistributionDisplay
        """
        tables = imputations_of(estimator, X, n_imputations, random_state)
        return cls(**columns_of(tables, columns)).plot(ax, kind=kind)

    @classmethod
    @validate_params(_CHOICE, prefer_skip_nested_validation=True)
    def from_imputations(
        cls,
        X,
        imputations,
        *,
        columns=None,
        categorical_features="from_dtype",
        missing_values=np.nan,
        kind="density",
        ax=None,
    ):
        """Draw what was imputed in tables that are completed already, by whatever imputer.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table, with missing cells.
        imputations : one, or a list, of array-like or frame of shape (n_rows, n_columns)
            The completed tables.
        columns : array-like of str or int, default=None
            The columns to draw, by name or index. None takes those with missing cells, at most
            24 with most of them.
        categorical_features : "from_dtype", None or array-like, default="from_dtype"
            The categorical columns: those of category, string or boolean dtype, or the listed
            ones, by index, by name or as a boolean mask.
        missing_values : number, str, None or np.nan, default=np.nan
            What stands for a missing cell in `X`.
        kind : {"density", "ecdf"}, default="density"
            How numbers are drawn, see `plot`.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, see `plot`.

        Returns
        -------
        display : ImputedDistributionDisplay
        """
        tables = read_imputations(
            X,
            imputations,
            categorical_features=categorical_features,
            missing_values=missing_values,
        )
        return cls(**columns_of(tables, columns)).plot(ax, kind=kind)

    @validate_params(_KIND, prefer_skip_nested_validation=True)
    def plot(self, ax=None, *, kind="density"):
        """Draw a panel for each column.

        Numbers of few values and categories are bars: their shares among observed and among
        imputed cells, with a line from the least to the largest share in a single imputation.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            One that is divided into panels, or one for each column. None makes a figure of
            fitting size.
        kind : {"density", "ecdf"}, default="density"
            How other numbers are drawn: as smoothed densities, reflected at the ends of the
            range, or as the shares of values up to each value, which smooth nothing. There is a
            line for each imputation, one of all together where fewer than 20 cells were
            missing.

        Returns
        -------
        display : ImputedDistributionDisplay
            Itself.
        """
        is_new = fills_figure(ax)
        self._open(ax, len(self.cells), min(PANELS_IN_A_ROW, len(self.cells)))
        with any_name():
            for panel, cells in zip(self.axes_, self.cells, strict=True):
                _draw(panel, cells, kind)
        add_legend(self.axes_[0], is_new)
        if self.n_others and is_new:
            words = f"{self.n_others} more columns have fewer missing cells"
            self.figure_.supxlabel(words, fontsize=SMALLEST)
        return self

    @property
    def size(self):
        """Width and height of a fitting figure, in inches."""
        n_across = min(PANELS_IN_A_ROW, len(self.cells))
        return max(4.4, 2.75 * n_across), 0.5 + 1.9 * -(-len(self.cells) // n_across)


def columns_of(tables, wanted=None, whole=None):
    """The columns to draw, as arguments of the display.

    Parameters
    ----------
    tables : ImputedTables
        Whose imputations are drawn.
    wanted : sequence of str or int, optional
        None takes those with most imputed cells.
    whole : ImputedTables, optional
        What `tables` are some rows of, for the observed cells and the columns to choose from.
    """
    whole = tables if whole is None else whole
    n_filled = dict(zip(whole.names, whole.filled.sum(axis=0), strict=True))
    drawn = tables.filled.any(axis=0)
    allowed = [j for j, name in enumerate(tables.names) if drawn[j] and n_filled.get(name)]
    if not allowed:
        raise ValueError("No cell of X was imputed: there is nothing to draw.")
    chosen, n_others = chosen_columns(tables.names, wanted, allowed), 0
    if wanted is None and len(chosen) > MOST_PANELS:
        order = sorted(chosen, key=lambda j: -n_filled[tables.names[j]])
        chosen, n_others = sorted(order[:MOST_PANELS]), len(chosen) - MOST_PANELS
    cells = []
    for j in chosen:
        name = tables.names[j]
        observed, share = whole.observed(whole.names.index(name)), n_filled[name] / whole.n_rows
        schema = tables.table.schema.columns[j]
        cells.append(ColumnCells(name, schema, observed, tables.draws(j), float(share)))
    return {"cells": cells, "n_others": n_others}


def _draw(ax, cells, kind):
    """One column: categories and few numbers as bars, others as lines."""
    if cells.schema.is_categorical:
        _draw_categories(ax, cells)
    elif len(np.unique(np.append(cells.observed, cells.imputed))) <= _FEW_VALUES:
        _draw_few_numbers(ax, cells)
    elif kind == "ecdf":
        _draw_ecdf(ax, cells)
    else:
        _draw_density(ax, cells)
    tidy(ax)
    ax.set_title(short(cells.name, 24), loc="left", fontsize=SMALL, parse_math=False)
    share = f"{cells.share_imputed:.0%}" if cells.share_imputed >= 0.01 else "<1%"
    ax.set_title(f"{share} imputed", loc="right", fontsize=SMALLEST, color="#5c636a")


def _lines(cells):
    """The imputed numbers that each line is made of, and the legend of the lines."""
    imputed = cells.imputed
    if len(imputed) > 1 and imputed.shape[1] < _FEWEST_FOR_A_LINE:
        return imputed.reshape(1, -1), "imputed"
    return imputed, "imputed" if len(imputed) == 1 else f"imputed, {len(imputed)} times"


def _width(n_lines):
    return {
        "color": IMPUTED,
        "lw": 1.6 if n_lines == 1 else 0.9,
        "alpha": 1 if n_lines < 3 else 0.7,
    }


def _draw_density(ax, cells):
    place = column_axis(ax.xaxis, cells.schema)
    lines, label = _lines(cells)
    both = np.append(cells.observed, cells.imputed)
    edges = np.linspace(both.min(), both.max(), _N_BINS + 1)
    at = place((edges[:-1] + edges[1:]) / 2)
    ax.fill_between(at, _density(cells.observed, edges), color=OBSERVED, alpha=0.35, lw=0)
    ax.plot(at, _density(cells.observed, edges), color=OBSERVED, lw=1.2, label="observed")
    for k, values in enumerate(lines):
        height = _density(values, edges)
        ax.plot(at, height, **_width(len(lines)), label=label if k == 0 else None)
    ax.set_yticks([])
    ax.set_ylim(bottom=0)
    ax.margins(x=0.02)


def _density(values, edges):
    """A histogram smoothed by a Gaussian kernel with Silverman's width, reflected at the ends.

    The width is the smaller one of those by the standard deviation and by the quartiles, eq. 3.31
    of B. W. Silverman, Density Estimation for Statistics and Data Analysis, 1986; section 2.10
    has the reflection.
    """
    counts, _ = np.histogram(values, edges)
    step = edges[1] - edges[0]
    quartiles = np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.34
    spread = min(standard_deviation(values), quartiles or np.inf)
    width = max(0.9 * spread * len(values) ** -0.2 / step, 1.0)
    return gaussian_filter1d(counts / (len(values) * step), width, mode="reflect")


def _draw_ecdf(ax, cells):
    place = column_axis(ax.xaxis, cells.schema)
    lines, label = _lines(cells)
    ax.ecdf(place(cells.observed), color=OBSERVED, lw=2.2, label="observed")
    for k, values in enumerate(lines):
        ax.ecdf(place(values), **_width(len(lines)), label=label if k == 0 else None)
    ax.set_yticks([0, 0.5, 1])
    ax.margins(x=0.02)


def _draw_few_numbers(ax, cells):
    """Bars at the numbers."""
    place = column_axis(ax.xaxis, cells.schema)
    values = np.unique(np.append(cells.observed, cells.imputed))
    width = float(np.diff(place(values)).min()) * 0.4 if len(values) > 1 else 0.4
    shares = [(cells.observed == v).mean() for v in values]
    drawn = np.array([(cells.imputed == v).mean(axis=1) for v in values])
    _draw_bars(ax.bar, place(values), width, shares, drawn, "yerr")
    ax.set_yticks([])
    if cells.schema.clock is None and (values == np.round(values)).all() and np.ptp(values) < 12:
        ax.set_xticks(values, [f"{v:g}" for v in values])


def _draw_categories(ax, cells):
    """Horizontal bars of the most frequent categories, the others together."""
    both = np.append(cells.observed, cells.imputed.ravel())
    found, counts = count_categories(cells.schema, both)
    n_own = len(found) if len(found) <= _MOST_BARS else _MOST_BARS - 1
    shown = np.sort(np.argsort(-counts, kind="stable")[:n_own])
    names = [short(found[k], 16) for k in shown]
    shares = [np.mean(cells.observed == found[k]) for k in shown]
    drawn = [(cells.imputed == found[k]).mean(axis=1) for k in shown]
    if n_own < len(found):
        names.append(f"{len(found) - n_own} others")
        shares.append(1 - sum(shares))
        drawn.append(1 - sum(drawn))
    places = np.arange(len(names))
    _draw_bars(ax.barh, places, 0.4, shares, np.array(drawn), "xerr")
    ax.set_yticks(places, names, parse_math=False)
    ax.invert_yaxis()
    ax.set_xlim(left=0)
    ax.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")


def _draw_bars(bars, places, width, shares, drawn, error):
    """Shares of values side by side, `drawn` of shape (n_values, n_imputations)."""
    means = drawn.mean(axis=1)
    bars(places - width / 2, shares, width, color=OBSERVED, alpha=0.6, label="observed")
    spread = {}
    if drawn.shape[1] > 1:
        ends = np.abs([means - drawn.min(axis=1), drawn.max(axis=1) - means])
        spread = {error: ends, "error_kw": {"lw": 1, "ecolor": "#22303c"}}
    label = "imputed" if drawn.shape[1] == 1 else f"imputed, {drawn.shape[1]} times"
    bars(places + width / 2, means, width, color=IMPUTED, label=label, **spread)
