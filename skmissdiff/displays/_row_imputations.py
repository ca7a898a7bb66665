"""What was imputed in single rows, and how sure that is."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from skmissdiff._encoding.categories import count_categories
from skmissdiff._support.sklearn_private import Interval, validate_params
from skmissdiff._table.frames import is_frame, library_of, read_table
from skmissdiff.displays._column_axis import column_axis
from skmissdiff.displays._figure import (
    GRID,
    IMPUTED,
    OBSERVED,
    SMALL,
    SMALLEST,
    TRUTH,
    Panels,
    add_legend,
    any_name,
    fills_figure,
    short,
    tidy,
)
from skmissdiff.displays._imputed_tables import (
    chosen_columns,
    imputations_of,
    read_imputations,
    reading_of,
)

_N_ROWS = 8
_PANELS_IN_A_ROW = 4
_MOST_CATEGORIES = 8
# An interval of 90 % takes 19 draws; fewer are drawn one by one.
_FEWEST_FOR_AN_INTERVAL = 19
_LARGEST_CIRCLE = 110.0  # square points, of a category in which all draws agree
_WIDTHS = (1.4, 4.0)  # points, of the outer and the inner interval
_CHOICE = {"rows": ["array-like", None], "columns": ["array-like", None], "levels": ["array-like"]}


@dataclass(frozen=True)
class ColumnOfRows:
    """The cells of one column in the chosen rows.

    Attributes
    ----------
    name : str
    schema : ColumnSchema
    known : ndarray of shape (n_known,)
        The observed values of the whole column, for comparison.
    values : ndarray of shape (n_rows,)
        What is observed in the chosen rows, NaN or None where nothing is.
    filled : ndarray of bool, shape (n_rows,)
        Where something was imputed.
    draws : ndarray of shape (n_imputations, n_rows)
    estimates : ndarray of shape (n_rows,)
        The point estimates.
    truth : ndarray of shape (n_rows,) or None
    """

    name: str
    schema: object
    known: np.ndarray
    values: np.ndarray
    filled: np.ndarray
    draws: np.ndarray
    estimates: np.ndarray
    truth: np.ndarray | None = None


class RowImputationsDisplay(Panels):
    """Imputations of single rows: intervals and point estimates of their missing cells.

    It is recommended to use `from_estimator` or `from_imputations` to make it.

    Each panel is a column, each line a row of the table. For a missing number there are a point
    estimate and central intervals of the draws, with the middle half of the observed column
    behind them: an interval as wide as that tells nothing. For a missing category the area of the
    circles is the share of the draws. Hollow squares are observed cells.

    Parameters
    ----------
    columns : list of ColumnOfRows
        The columns to draw.
    row_labels : list of str
        Names of the rows.
    levels : sequence of float, default=(0.9, 0.5)
        Probabilities of the intervals, from the outer to the inner.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_columns,)
        The panels, after `plot`.
    ax_ : matplotlib.axes.Axes or None
        The axes that was divided into them, None where one was given for each.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmissdiff import MissDiffImputer
    >>> from skmissdiff.displays import RowImputationsDisplay
    >>> X = load_iris(as_frame=True).data
    >>> X.iloc[::4, 0] = float("nan")
    >>> imputer = MissDiffImputer(max_iter=100, random_state=0).fit(X)
    >>> display = RowImputationsDisplay.from_estimator(imputer, X, rows=[0, 4, 100])
    >>> display.row_labels
    ['0', '4', '100']
    >>> low, high = display.columns[0].draws[:, 0].min(), display.columns[0].draws[:, 0].max()
    >>> bool(low < display.columns[0].estimates[0] < high)
    True
    """

    def __init__(self, *, columns, row_labels, levels=(0.9, 0.5)):
        self.columns = columns
        self.row_labels = row_labels
        self.levels = levels

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
        rows=None,
        *,
        X_true=None,
        columns=None,
        n_imputations=100,
        levels=(0.9, 0.5),
        random_state=None,
        ax=None,
    ):
        """Impute rows and draw what was imputed.

        Parameters
        ----------
        estimator : fitted MissDiffImputer
            Or another imputer with `multiple_impute` and `transform`.
        X : array-like or frame of shape (n_rows, n_columns)
            The table, with missing cells.
        rows : array-like of int, default=None
            The rows to draw, by place. None takes the first eight with missing cells.
        X_true : array-like or frame of shape (n_rows, n_columns), default=None
            The true table, where it is known: true values are marked.
        columns : array-like of str or int, default=None
            The columns to draw, by name or index. None takes those with missing cells in these
            rows.
        n_imputations : int, default=100
            Number of draws.
        levels : array-like of float, default=(0.9, 0.5)
            Probabilities of the intervals, from the outer to the inner.
        random_state : int, RandomState instance or None, default=None
            Of the draws; None takes the seed of the fit.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, see `plot`.

        Returns
        -------
        display : RowImputationsDisplay
        """
        found = rows_of(
            estimator, X, rows, columns, n_imputations, X_true=X_true, random_state=random_state
        )
        return cls(**found, levels=tuple(levels)).plot(ax)

    @classmethod
    @validate_params(_CHOICE, prefer_skip_nested_validation=True)
    def from_imputations(
        cls,
        X,
        imputations,
        rows=None,
        *,
        estimates=None,
        X_true=None,
        columns=None,
        levels=(0.9, 0.5),
        categorical_features="from_dtype",
        missing_values=np.nan,
        ax=None,
    ):
        """Draw rows of tables that are completed already, by whatever imputer.

        Parameters
        ----------
        X : array-like or frame of shape (n_rows, n_columns)
            The table, with missing cells.
        imputations : list of array-like or frame of shape (n_rows, n_columns)
            The completed tables. Intervals take 19 of them at least; fewer are drawn one by one.
        rows : array-like of int, default=None
            The rows to draw, by place. None takes the first eight with missing cells.
        estimates : array-like or frame of shape (n_rows, n_columns), default=None
            A table completed by point estimates. None takes the medians of the imputations, and
            their most frequent categories.
        X_true : array-like or frame of shape (n_rows, n_columns), default=None
            The true table, where it is known: true values are marked.
        columns : array-like of str or int, default=None
            The columns to draw, by name or index. None takes those with missing cells in these
            rows.
        levels : array-like of float, default=(0.9, 0.5)
            Probabilities of the intervals, from the outer to the inner.
        categorical_features : "from_dtype", None or array-like, default="from_dtype"
            The categorical columns: those of category, string or boolean dtype, or the listed
            ones, by index, by name or as a boolean mask.
        missing_values : number, str, None or np.nan, default=np.nan
            What stands for a missing cell in `X`.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, see `plot`.

        Returns
        -------
        display : RowImputationsDisplay
        """
        reading = {"categorical_features": categorical_features, "missing_values": missing_values}
        tables = read_imputations(X, imputations, **reading)
        rows = _chosen_rows(rows, tables.table.missing)
        if estimates is not None:
            estimates = read_imputations(X, estimates, **reading)
        found = _columns(tables, tables.whole, estimates, X_true, columns, rows)
        labels = _labels(X, rows)
        return cls(columns=found, row_labels=labels, levels=tuple(levels)).plot(ax)

    def plot(self, ax=None):
        """Draw a panel for each column, with a line for each row.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            One that is divided into panels, or one for each column. None makes a figure of
            fitting size.

        Returns
        -------
        display : RowImputationsDisplay
            Itself.
        """
        is_new = fills_figure(ax)
        n_across = min(_PANELS_IN_A_ROW, len(self.columns))
        self._open(ax, len(self.columns), n_across)
        with any_name():
            for k, (panel, column) in enumerate(zip(self.axes_, self.columns, strict=True)):
                self._draw(panel, column, with_labels=k % n_across == 0 or self.ax_ is None)
        self._name_marks(self.axes_[0], is_new)
        return self

    @property
    def size(self):
        """Width and height of a fitting figure, in inches."""
        n_across = min(_PANELS_IN_A_ROW, len(self.columns))
        n_down = -(-len(self.columns) // n_across)
        return max(7.4, 2.75 * n_across), 0.6 + n_down * (0.75 + 0.27 * len(self.row_labels))

    def _draw(self, ax, column, with_labels):
        tidy(ax)
        draw = _draw_categories if column.schema.is_categorical else _draw_numbers
        draw(ax, column, self.levels)
        lines = np.arange(len(self.row_labels))
        ax.set_ylim(len(lines) - 0.5, -0.5)
        labels = (
            [short(label, 18) for label in self.row_labels] if with_labels else [""] * len(lines)
        )
        ax.set_yticks(lines, labels, parse_math=False)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.hlines(lines, 0, 1, color=GRID, lw=0.6, zorder=0, transform=ax.get_yaxis_transform())
        ax.set_title(short(column.name, 28), loc="left", fontsize=SMALL, parse_math=False)

    def _name_marks(self, ax, is_new):
        """Legend entries of marks that need not be in the first panel."""
        marks = {"marker": "s", "ls": "", "ms": 4, "mfc": "none", "mec": OBSERVED}
        ax.plot([], [], label="observed", **marks)
        ax.plot([], [], "o", color=IMPUTED, ms=5, mec="white", label="estimate")
        n_draws = len(self.columns[0].draws)
        if n_draws >= _FEWEST_FOR_AN_INTERVAL:
            for level, width in zip(self.levels, _line_widths(self.levels), strict=True):
                label = f"{level:.0%} of {n_draws} draws"
                ax.plot([], [], color=IMPUTED, alpha=0.55, lw=width, label=label)
        else:
            ax.plot([], [], "o", ms=3, color=IMPUTED, alpha=0.4, mew=0, label="draws")
        if any(column.truth is not None for column in self.columns):
            ax.plot([], [], "d", color=TRUTH, ms=4, label="truth")
        add_legend(ax, is_new, loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2)


def rows_of(estimator, X, rows, columns, n_imputations, X_true=None, random_state=None):
    """Impute rows, and return what to draw of them as arguments of the display."""
    reading = reading_of(estimator)
    table = read_table(
        X,
        missing_values=reading["missing_values"],
        categorical_features=reading["categorical_features"],
    )
    rows = _chosen_rows(rows, table.missing)
    part = take_rows(X, rows)
    tables = imputations_of(estimator, part, n_imputations, random_state, table.schema)
    estimates = None
    if not getattr(estimator, "sample_posterior", False):
        completed = estimator.transform(part)
        estimates = read_imputations(part, completed, schema=table.schema, **reading)
    truth = None if X_true is None else take_rows(X_true, rows)
    found = _columns(tables, table, estimates, truth, columns, range(len(rows)))
    return {"columns": found, "row_labels": _labels(X, rows)}


def _line_widths(levels):
    outer, inner = _WIDTHS
    return np.linspace(outer, inner, len(levels)) if len(levels) > 1 else [inner]


def _chosen_rows(rows, missing):
    if rows is None:
        rows = np.flatnonzero(missing.any(axis=1))[:_N_ROWS]
        if len(rows) == 0:
            raise ValueError("No cell of X is missing: there is nothing to draw.")
        return rows
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or len(rows) == 0:
        raise ValueError(f"rows must be places of rows, whole numbers from 0, got {rows.tolist()}.")
    outside = rows[(rows >= len(missing)) | (rows < -len(missing))]
    if len(outside):
        raise ValueError(f"rows names row {outside[0]}, but X has {len(missing)} rows.")
    return rows % len(missing)


def take_rows(X, rows):
    """These rows of a table, of the same kind."""
    if not is_frame(X):
        return X[rows] if hasattr(X, "shape") else [X[row] for row in rows]
    library = library_of(X)
    if library == "pandas":
        return X.iloc[rows]
    return X.take(rows) if library == "pyarrow" else X[rows.tolist()]


def _labels(X, rows):
    """Names of rows: of the index of a pandas frame, else their places."""
    if is_frame(X) and library_of(X) == "pandas":
        return [str(label) for label in X.index[rows]]
    return [str(row) for row in rows]


def _columns(tables, whole, estimates, X_true, wanted, rows):
    """The columns to draw; `whole` is the table that the chosen rows are compared with."""
    rows = np.asarray(rows)
    filled = tables.filled[rows]
    chosen = chosen_columns(tables.names, wanted, np.flatnonzero(filled.any(axis=0)).tolist())
    if not chosen:
        raise ValueError("No cell is missing in these rows: there is nothing to draw.")
    truth = None
    if X_true is not None:
        # A true table has all columns of X, completed ones need not.
        truth = read_table(X_true, schema=whole.schema)
    found = []
    for j in chosen:
        schema = tables.table.schema.columns[j]
        k = tables.places[j]
        draws = np.stack([table.columns[j][rows] for table in tables.imputed])
        best = _middle(draws) if estimates is None else estimates.imputed[0].columns[j][rows]
        found.append(
            ColumnOfRows(
                tables.names[j],
                schema,
                whole.columns[k][~whole.missing[:, k]],
                tables.table.columns[j][rows],
                filled[:, j],
                draws,
                best,
                None if truth is None else truth.columns[k][rows],
            )
        )
    return found


def _middle(draws):
    """Medians of numbers, most frequent categories."""
    if draws.dtype != object:
        return np.median(draws, axis=0)
    best = np.empty(draws.shape[1], dtype=object)
    for i, drawn in enumerate(draws.T):
        values = drawn.tolist()
        best[i] = max(dict.fromkeys(values), key=values.count)
    return best


def _draw_numbers(ax, column, levels):
    place = column_axis(ax.xaxis, column.schema)
    if len(column.known):
        low, high = place(np.quantile(column.known, [0.25, 0.75]))
        ax.axvspan(low, high, color=OBSERVED, alpha=0.1, lw=0, zorder=0)
    lines = np.arange(len(column.filled))
    seen = ~column.filled & ~np.isnan(column.values)
    marks = {"facecolors": "none", "edgecolors": OBSERVED}
    ax.scatter(place(column.values[seen]), lines[seen], marker="s", s=18, **marks)
    gaps = np.flatnonzero(column.filled)
    drawn = column.draws[:, gaps]
    if len(drawn) >= _FEWEST_FOR_AN_INTERVAL:
        for level, width in zip(levels, _line_widths(levels), strict=True):
            ends = [(1 - level) / 2, (1 + level) / 2]
            low, high = place(np.quantile(drawn, ends, axis=0, method="weibull"))
            ax.hlines(gaps, low, high, color=IMPUTED, alpha=0.55, lw=width)
    else:
        for values in drawn:
            ax.scatter(place(values), gaps, s=12, color=IMPUTED, alpha=0.4, lw=0)
    best = place(column.estimates[gaps])
    ax.scatter(best, gaps, s=26, color=IMPUTED, edgecolors="white", lw=0.8, zorder=3)
    if column.truth is not None:
        known = gaps[~np.isnan(column.truth[gaps])]
        ax.scatter(place(column.truth[known]), known, marker="d", s=20, color=TRUTH, zorder=4)
    ax.margins(x=0.06)


def _draw_categories(ax, column, _):
    """Circles whose area is the share of the draws."""
    gaps = np.flatnonzero(column.filled)
    drawn = column.draws[:, gaps]
    every = np.concatenate([column.known, drawn.ravel()])
    found, counts = count_categories(column.schema, every)
    in_rows = {*drawn.ravel().tolist(), *column.values.tolist()}
    if len(found) > _MOST_CATEGORIES:
        # Those of these rows come before those that are frequent elsewhere.
        rank = [(category not in in_rows, -n) for category, n in zip(found, counts, strict=True)]
        keep = sorted(sorted(range(len(found)), key=rank.__getitem__)[:_MOST_CATEGORIES])
        found = found[keep]
    at = {category: k for k, category in enumerate(found)}
    for row, values in zip(gaps, drawn.T, strict=True):
        for category, k in at.items():
            share = np.mean([value == category for value in values])
            if share:
                ax.scatter(k, row, s=_LARGEST_CIRCLE * share, color=IMPUTED, alpha=0.55, lw=0)
        if column.estimates[row] in at:
            style = {"color": IMPUTED, "edgecolors": "white", "lw": 0.8, "zorder": 3}
            ax.scatter(at[column.estimates[row]], row, s=26, **style)
        if column.truth is not None and column.truth[row] in at:
            ax.scatter(at[column.truth[row]], row, marker="d", s=20, color=TRUTH, zorder=4)
    for row, value in enumerate(column.values):
        if value is not None and value in at:
            marks = {"facecolors": "none", "edgecolors": OBSERVED}
            ax.scatter(at[value], row, marker="s", s=18, **marks)
    long = max(len(str(category)) for category in found) > 5
    turn = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
    names = [short(category, 14) for category in found]
    ax.set_xticks(range(len(found)), names, parse_math=False, **turn)
    ax.set_xlim(-0.6, len(found) - 0.4)
    ax.tick_params(labelsize=SMALLEST)
