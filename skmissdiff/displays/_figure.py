"""Figures and their panels: what all displays need of matplotlib, imported when it is used."""

import contextlib
import warnings

import numpy as np

# Blue and vermilion differ for everybody; what is imputed has the colour of a gap elsewhere, too.
OBSERVED, IMPUTED, TRUTH = "#3d6b8c", "#c8553d", "#22303c"
PALE, GRID = "#c3d0da", "#e3e8ec"
# Of single columns among others, told apart by hue and by lightness (Okabe and Ito).
HUES = ("#0072b2", "#e69f00", "#009e73")
SMALL, SMALLEST = 9, 7


def import_matplotlib():
    """Import what draws a figure without a window, or say how to get it."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError(
            'figures take matplotlib, which is not installed: pip install "skmissdiff[plot]"'
        ) from None
    return Figure


def new_axes(size):
    """An axes that fills a new figure of pyplot, so that ``plt.show()`` shows it.

    Parameters
    ----------
    size : (float, float)
        Width and height in inches.
    """
    import_matplotlib()
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=size, layout="constrained")
    spread_out(figure)
    return figure.add_subplot()


def own_axes(size):
    """An axes that fills a new figure of which pyplot knows nothing, for a file."""
    figure = import_matplotlib()(figsize=size, layout="constrained")
    spread_out(figure)
    return figure.add_subplot()


def fills_figure(ax):
    """Whether an axes, or none, has its figure for itself, so that there is room around it."""
    if ax is None:
        return True
    figure = getattr(ax, "figure", None)
    if figure is None or figure.axes != [ax]:
        return False
    return type(figure.get_layout_engine()).__name__ == "ConstrainedLayoutEngine"


def spread_out(figure):
    """Leave room between the numbers below one panel and the next."""
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.08)


def split_axes(ax, n_panels, n_across):
    """Divide the place of an axes into panels, as scikit-learn's partial dependence plots do.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or array-like of matplotlib.axes.Axes
        One to divide, or a panel each.
    n_panels : int
    n_across : int
        Panels in a row.

    Returns
    -------
    panels : ndarray of matplotlib.axes.Axes, shape (n_panels,)
    ax : matplotlib.axes.Axes or None
        What was divided.
    """
    import_matplotlib()
    from matplotlib.axes import Axes
    from matplotlib.gridspec import GridSpecFromSubplotSpec

    if not isinstance(ax, Axes):
        panels = np.asarray(ax, dtype=object).ravel()
        if len(panels) != n_panels:
            raise ValueError(f"ax has {len(panels)} axes, but there are {n_panels} panels to draw.")
        return panels, None
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax cannot be divided into panels. Make it by plt.subplots() or figure.add_subplot()."
        )
    n_down = -(-n_panels // n_across)
    grid = GridSpecFromSubplotSpec(n_down, n_across, subplot_spec=place)
    ax.set_axis_off()
    figure = ax.figure
    panels = [figure.add_subplot(grid[k // n_across, k % n_across]) for k in range(n_panels)]
    return np.array(panels, dtype=object), ax


class Panels:
    """A display of several panels, `size` inches large where it makes its own figure."""

    def _open(self, ax, n_panels, n_across):
        """Make the panels in an axes, each in one that is given, or all in a new figure."""
        place = new_axes(self.size) if ax is None else ax
        self.axes_, self.ax_ = split_axes(place, n_panels, n_across)
        self.figure_ = self.axes_[0].figure


def tidy(ax):
    """Small labels, a faint grid and no frame where nothing is read off."""
    ax.tick_params(labelsize=SMALLEST)
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_offset_text().set_fontsize(SMALLEST)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)


def add_legend(ax, figure_is_new, **options):
    """Name the colours: above the panels of an own figure, else in the first panel."""
    if figure_is_new:
        handles, labels = ax.get_legend_handles_labels()
        place = {"loc": "outside upper right", "ncols": len(labels)}
        ax.figure.legend(handles, labels, **place, fontsize=SMALL, frameon=False)
    else:
        ax.legend(fontsize=SMALLEST, frameon=False, **options)


@contextlib.contextmanager
def any_name():
    """No warning for names in scripts that the font of the figures does not have."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def short(text, width):
    """A name in one line of so many characters at most."""
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"
