"""How the training of an estimator went."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmissdiff.displays._figure import (
    GRID,
    IMPUTED,
    OBSERVED,
    PALE,
    SMALL,
    SMALLEST,
    Panels,
    tidy,
)

# The running mean of the loss goes over this share of the training.
_SMOOTHED_OVER = 0.05


class TrainingDisplay(Panels):
    """The loss of a training, and the error of held-out cells meanwhile.

    It is recommended to use `from_estimator` to make it.

    The loss of a batch depends on the cells that were hidden in it, so it scatters; the line is
    its running mean. The error of held-out cells is relative to that of the model's linear start,
    a factor analysis: where it stays at 1, the networks add nothing, which is a finding about the
    table and not a fault.

    Parameters
    ----------
    loss_curve : array-like of float
        Loss of each step.
    validation_loss_curve : array-like of float, default=()
        Error of the held-out cells at each evaluation, where there were any.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes, shape (1,) or (2,)
        The loss, and the held-out cells if there were any, after `plot`.
    ax_ : matplotlib.axes.Axes or None
        The axes that was divided into them, None where one was given for each.
    figure_ : matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmissdiff import MissDiffImputer
    >>> from skmissdiff.displays import TrainingDisplay
    >>> X = load_iris(as_frame=True).data
    >>> X.iloc[::4, 0] = float("nan")
    >>> imputer = MissDiffImputer(max_iter=100, random_state=0).fit(X)
    >>> display = TrainingDisplay.from_estimator(imputer)
    >>> len(display.loss_curve) == imputer.n_iter_
    True
    >>> display.axes_[0].get_xlabel()
    'step'
    """

    def __init__(self, *, loss_curve, validation_loss_curve=()):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : MissDiffImputer or MissDiffSampler
            A fitted one.
        ax : matplotlib.axes.Axes or array-like of them, default=None
            Where to draw, see `plot`.

        Returns
        -------
        display : TrainingDisplay
        """
        check_is_fitted(estimator)
        display = cls(
            loss_curve=estimator.loss_curve_,
            validation_loss_curve=estimator.validation_loss_curve_,
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or array-like of them, default=None
            One that is divided into panels, or one for each curve. None makes a figure.

        Returns
        -------
        display : TrainingDisplay
            Itself.
        """
        n_panels = 1 + (len(self.validation_loss_curve) > 0)
        self._open(ax, n_panels, n_panels)
        _draw_loss(self.axes_[0], np.asarray(self.loss_curve, dtype=float))
        if n_panels == 2:
            errors = np.asarray(self.validation_loss_curve, dtype=float)
            _draw_held_out(self.axes_[1], errors)
        return self

    @property
    def size(self):
        """Width and height of a fitting figure, in inches."""
        return 4.4 * (1 + (len(self.validation_loss_curve) > 0)), 3.0


def _draw_loss(ax, losses):
    steps = np.arange(1, len(losses) + 1)
    ax.plot(steps, losses, color=PALE, lw=0.7, label="of each batch")
    window = max(1, round(_SMOOTHED_OVER * len(losses)))
    if len(losses):
        mean = np.convolve(losses, np.full(window, 1 / window), mode="valid")
        ax.plot(steps[window - 1 :], mean, color=OBSERVED, lw=1.6, label="running mean")
        # A few batches of the start or of outlying cells are not to flatten all the rest.
        low, high = np.quantile(losses, [0.002, 0.995])
        room = 0.08 * (high - low) or 0.1
        ax.set_ylim(low - room, max(high, mean.max()) + room)
        ax.legend(fontsize=SMALLEST, frameon=False, loc="upper right")
    else:
        ax.text(0.5, 0.5, "no step was made", transform=ax.transAxes, ha="center", fontsize=SMALL)
    ax.set_title("Training loss", loc="left", fontsize=SMALL)
    ax.set_xlabel("step", fontsize=SMALL)
    ax.grid(color=GRID)
    tidy(ax)


def _draw_held_out(ax, errors):
    from matplotlib.ticker import MaxNLocator

    evaluations = np.arange(1, len(errors) + 1)
    ax.axhline(1, color=OBSERVED, lw=1.2, ls="--", label="linear start")
    ax.plot(evaluations, errors, color=IMPUTED, lw=1.6, marker="o", ms=3.5, label="networks")
    best = int(errors.argmin())
    ax.plot(
        evaluations[best], errors[best], "o", ms=9, mfc="none", mec=IMPUTED, label="least error"
    )
    ax.set_title("Error of held-out cells, relative to the start", loc="left", fontsize=SMALL)
    ax.set_xlabel("evaluation", fontsize=SMALL)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(color=GRID)
    ax.legend(fontsize=SMALLEST, frameon=False)
    tidy(ax)
