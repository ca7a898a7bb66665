"""Draw the pattern of the missing cells of a table."""

from numbers import Integral

import numpy as np

from skmissdiff._support.sklearn_private import Interval, validate_params
from skmissdiff.missingness._pattern import MissingPattern, missing_pattern

_BAR_LENGTH = 1.0  # inches
_MISSING, _OBSERVED, _TEXT = "#c8553d", "#e9edf0", "#444444"


@validate_params(
    {
        "max_patterns": [Interval(Integral, 1, None, closed="left")],
        "sort_columns": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def plot_missing_pattern(X, *, ax=None, max_patterns=20, sort_columns=False):
    """Draw which columns are missing together, and how often.

    Each line is a pattern of missing columns, the most frequent on top, with a bar for the number
    of rows that have it. Bars above the columns show the share of missing cells.

    Parameters
    ----------
    X : array-like, frame or MissingPattern
        A table of shape (n_rows, n_columns), or what `missing_pattern` made of one.
    ax : matplotlib.axes.Axes, optional
        Where to draw. By default a figure that fits the numbers of columns and patterns is made.
        The bars take room to the right of these axes and above.
    max_patterns : int, default=20
        Rarer patterns are not drawn; the label on the left says how many there are.
    sort_columns : bool, default=False
        Whether to put the columns with the most missing cells first, rather than keep their order.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the patterns.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Warns
    -----
    UserWarning
        If `X` is a table with columns that are never observed together.

    See Also
    --------
    missing_pattern : The numbers behind the picture.

    Examples
    --------
    >>> from skmissdiff.missingness import plot_missing_pattern
    >>> nan = float("nan")
    >>> ax = plot_missing_pattern([[1.0, 2.0], [nan, 3.0], [nan, 4.0]])
    >>> ax.get_ylabel()
    '2 patterns'
    """
    plt = _import_pyplot()
    from mpl_toolkits.axes_grid1 import make_axes_locatable

    pattern = X if isinstance(X, MissingPattern) else missing_pattern(X)
    order = np.arange(len(pattern.columns))
    if sort_columns:
        order = np.argsort(-pattern.missing_counts, kind="stable")
    n_drawn = min(max_patterns, len(pattern.patterns))
    if ax is None:
        size = (2.8 + 0.27 * len(order), 2.8 + 0.2 * n_drawn)
        ax = plt.figure(figsize=size, layout="constrained").add_subplot()
    _draw_tiles(ax, pattern.patterns[:n_drawn, order])
    ax.set_xticks(range(len(order)), [str(pattern.columns[j]) for j in order], rotation=90)
    ax.set_ylabel(_told(pattern, n_drawn))
    divider = make_axes_locatable(ax)
    _draw_counts(divider, ax, pattern, n_drawn)
    _draw_rates(divider, ax, pattern.missing_rates[order])
    return ax


def _told(pattern, n_drawn):
    """How many patterns are drawn, and how many rows have one of them."""
    n_patterns = len(pattern.patterns)
    if n_drawn == n_patterns:
        return f"{n_patterns} patterns" if n_patterns > 1 else "1 pattern"
    n_rows = pattern.pattern_counts[:n_drawn].sum()
    return f"{n_drawn} of {n_patterns} patterns ({n_rows:,} of {pattern.n_rows:,} rows)"


def _import_pyplot():
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "plot_missing_pattern needs matplotlib. Install it with pip install 'skmissdiff[plot]'."
        ) from error
    return plt


def _draw_tiles(ax, patterns):
    """One tile per pattern and column, with white lines between them."""
    n_drawn, n_columns = patterns.shape
    from matplotlib.colors import ListedColormap

    edges = np.arange(n_columns + 1) - 0.5, np.arange(n_drawn + 1) - 0.5
    colours = ListedColormap([_OBSERVED, _MISSING])
    ax.pcolormesh(*edges, patterns, cmap=colours, vmin=0, vmax=1, edgecolor="white", linewidth=1.5)
    ax.set_ylim(n_drawn - 0.5, -0.5)
    ax.set_yticks([])
    ax.tick_params(axis="x", length=0, labelcolor=_TEXT)
    ax.spines[:].set_visible(False)


def _draw_counts(divider, ax, pattern, n_drawn):
    """Bars to the right: how many rows have each pattern."""
    counts = pattern.pattern_counts[:n_drawn]
    side = divider.append_axes("right", size=_BAR_LENGTH, pad=0.08, sharey=ax)
    complete = ~pattern.patterns[:n_drawn].any(axis=1)
    colours = np.where(complete, "#7d8b96", _MISSING)
    bars = side.barh(range(n_drawn), counts, color=colours, height=0.75)
    side.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=8, color=_TEXT)
    side.set_xlim(0, counts.max() * 1.35)
    _strip(side)
    side.set_title("rows", fontsize="medium", loc="left")


def _draw_rates(divider, ax, rates):
    """Bars above: the share of missing cells of each column."""
    top = divider.append_axes("top", size=_BAR_LENGTH, pad=0.08, sharex=ax)
    bars = top.bar(range(len(rates)), 100 * rates, color=_MISSING, width=0.75)
    labels = ["" if rate == 0 else "<1" if rate < 0.01 else f"{100 * rate:.0f}" for rate in rates]
    top.bar_label(bars, labels, padding=2, fontsize=8, color=_TEXT)
    top.set_ylim(0, max(100 * rates.max() * 1.25, 1))
    top.set_ylabel("% missing")
    _strip(top)


def _strip(ax):
    ax.tick_params(length=0, labelbottom=False, labelleft=False)
    ax.spines[:].set_visible(False)
