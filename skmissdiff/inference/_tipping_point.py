"""How far from missing at random a conclusion holds."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skmissdiff._support.sklearn_private import Interval, StrOptions, validate_params
from skmissdiff.inference._pool import pool

_ESTIMATE, _PALE, _LINE, _TURN = "#3d6b8c", "#c3d0da", "#22303c", "#c8553d"
_WORDS = {1: "above", -1: "below", 0: "not told from"}


@dataclass(frozen=True, eq=False, repr=False)
class TippingPoint:
    """A pooled estimate for several shifts of what is drawn, and where its conclusion turns.

    `tipping_point` makes it.

    Parameters
    ----------
    column : str or int
        The column whose imputed values are shifted.
    parameter : str
        Name of the parameter.
    null : float
        What the parameter is compared with.
    confidence_level : float
        Of the intervals.
    deltas : ndarray of shape (n_deltas,)
        The shifts, rising; 0 is among them.
    pooled : tuple of PooledEstimates
        What the analyses give for each of them.
    turns : ndarray of shape (n_turns,)
        The shifts nearest to 0, one on either side at most, at which an end of the interval
        passes `null`: between two of `deltas`, on a line. Empty if the conclusion is the same
        for all of `deltas`.

    See Also
    --------
    tipping_point : Find it.

    Examples
    --------
    See `tipping_point`.
    """

    column: object
    parameter: str
    null: float
    confidence_level: float
    deltas: np.ndarray
    pooled: tuple
    turns: np.ndarray

    @property
    def estimate(self):
        """The estimate for each shift, shape (n_deltas,)."""
        return np.array([fit.estimate[fit.names.index(self.parameter)] for fit in self.pooled])

    @property
    def interval(self):
        """Its confidence interval, shape (n_deltas, 2)."""
        level = self.confidence_level
        place = self.pooled[0].names.index(self.parameter)
        return np.array([fit.confidence_interval(level)[place] for fit in self.pooled])

    def to_dict(self):
        """What is found for each shift.

        Returns
        -------
        columns : dict of str to ndarray
            "delta", "estimate", "conf_low" and "conf_high".
        """
        low, high = self.interval.T
        columns = {"delta": self.deltas, "estimate": self.estimate}
        return columns | {"conf_low": low, "conf_high": high}

    def plot(self, ax=None):
        """Draw the estimate and its interval against the shift.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or None, default=None
            Where to draw, a new figure if None.

        Returns
        -------
        ax : matplotlib.axes.Axes
            With the drawing.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = _new_axes() if ax is None else ax
        low, high = self.interval.T
        ax.fill_between(self.deltas, low, high, color=_PALE, linewidth=0)
        ax.plot(self.deltas, self.estimate, color=_ESTIMATE, marker="o", markersize=3)
        ax.axhline(self.null, color=_LINE, linewidth=0.8)
        ax.axvline(0, color=_LINE, linewidth=0.8, linestyle=":")
        for turn in self.turns:
            ax.axvline(turn, color=_TURN, linewidth=1.2)
            ax.annotate(
                f"{turn:.3g}",
                (turn, 1),
                xycoords=("data", "axes fraction"),
                xytext=(3, -2),
                textcoords="offset points",
                va="top",
                color=_TURN,
                fontsize=9,
            )
        ax.set_xlabel(f"shift of imputed {self.column}; 0 is missing at random", fontsize=9)
        ax.set_ylabel(self.parameter, fontsize=9)
        ax.margins(x=0)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
        return ax

    def __repr__(self):
        low, high = self.interval.T
        rows = [["delta", "estimate", "low", "high"]]
        for cells in zip(self.deltas, self.estimate, low, high, strict=True):
            rows.append([f"{cell:.4g}" for cell in cells])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows
        ]
        start = conclusion(low, high, self.null)[np.flatnonzero(self.deltas == 0)[0]]
        turns = " and ".join(f"{turn:.3g}" for turn in self.turns)
        outcome = f"turns at a shift of {turns}" if turns else "holds for all of these shifts"
        return (
            f"{self.parameter} is {_WORDS[start]} {self.null:g} if cells of {self.column} are "
            f"missing at random; that {outcome}.\n\n" + "\n".join(lines)
        )


@validate_params(
    {
        "imputer": [object],
        "analyse": [callable],
        "column": [str, Integral],
        "deltas": ["array-like"],
        "parameter": [str, Integral],
        "null": [Real],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "n_imputations": [Interval(Integral, 2, None, closed="left")],
        "proper": [StrOptions({"none", "bootstrap", "refit"})],
        "sample_weight": ["array-like", None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def tipping_point(
    imputer,
    X,
    analyse,
    column,
    deltas,
    *,
    parameter,
    null=0.0,
    confidence_level=0.95,
    n_imputations=20,
    proper="bootstrap",
    sample_weight=None,
    random_state=None,
):
    """Find the shift of imputed values at which a conclusion turns.

    Values that are missing may differ from those that were observed beside equal cells, and no
    table tells by how much. So ask how much it would take [1]_: the table is completed with the
    missing values of a column shifted, again and again, and the pooled analysis says when its
    conclusion is another one. Whether so large a shift is plausible is for those to say who know
    the subject.

    Parameters
    ----------
    imputer : MissDiffImputer
        Fitted to `X`.
    X : array-like or dataframe of shape (n_samples, n_features)
        The table, with missing cells.
    analyse : callable
        Takes a completed table and gives a fit, as `pool` takes it.
    column : str or int
        The column, by name or index. It holds numbers.
    deltas : array-like of shape (n_deltas,)
        Shifts, in the units of the column. 0 is added to them.
    parameter : str or int
        Of the analysis, by name or place.
    null : float, default=0.0
        The conclusion is whether the parameter is above it, below it, or not told from it: by
        which side of the interval it is on.
    confidence_level : float, default=0.95
        Of the interval.
    n_imputations : int, default=20
        Completed tables for each shift. The same models and the same noise serve for all shifts,
        so that differences between them are due to the shift.
    proper : {"none", "bootstrap", "refit"}, default="bootstrap"
        As in `MissDiffImputer.multiple_impute`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        As there.
    random_state : int, RandomState instance or None, default=None
        As there.

    Returns
    -------
    found : TippingPoint
        Estimates by shift, the shifts where the conclusion turns, and `plot`.

    Raises
    ------
    TypeError
        If the imputer cannot shift what it draws, or the column holds no numbers.
    ValueError
        If there is no such column or parameter.

    See Also
    --------
    pool : What is done for each shift.

    References
    ----------
    .. [1] S. van Buuren, "Flexible Imputation of Missing Data", 2nd ed., 2018, section 3.8;
       R. J. A. Little, "Pattern-Mixture Models for Multivariate Incomplete Data", Journal of
       the American Statistical Association 88, 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff import MissDiffImputer
    >>> from skmissdiff.inference import tipping_point
    >>> rng = np.random.default_rng(0)
    >>> X = rng.multivariate_normal([0, 1], [[1, 0.5], [0.5, 1]], 100)
    >>> X[X[:, 0] > 0.5, 1] = np.nan
    >>> imputer = MissDiffImputer(max_iter=0, random_state=0).fit(X)
    >>> def mean(table):
    ...     return table[:, [1]].mean(axis=0), table[:, [1]].var(axis=0)[None] / 100
    >>> found = tipping_point(imputer, X, mean, 1, [-4, -3, -2, -1, 0, 1], parameter=0)
    >>> found.deltas
    array([-4., -3., -2., -1.,  0.,  1.])
    >>> bool(found.interval[4, 0] > 0), len(found.turns)
    (True, 1)
    """
    check_is_fitted(imputer)
    if not hasattr(imputer, "_completed"):
        raise TypeError(
            f"tipping_point needs a MissDiffImputer, got {type(imputer).__name__}: it shifts what "
            "is drawn for missing cells, and lets the other missing cells of the row know."
        )
    deltas = np.unique(np.append(np.asarray(deltas, dtype=np.float64), 0.0))
    if not np.isfinite(deltas).all():
        raise ValueError(f"deltas must be finite numbers, got {deltas[~np.isfinite(deltas)][0]}.")
    shifts = [{column: float(delta)} for delta in deltas]
    imputer._check_ready()
    completed = imputer._completed(X, n_imputations, random_state, proper, shifts, sample_weight)
    pooled = tuple(pool([analyse(table) for table in tables]) for tables in completed)
    place = _place_of(parameter, pooled[0].names)
    intervals = np.array([fit.confidence_interval(confidence_level)[place] for fit in pooled])
    turns = find_turns(deltas, intervals, null)
    name = pooled[0].names[place]
    return TippingPoint(column, name, null, confidence_level, deltas, pooled, turns)


def _new_axes():
    """An axes of its own figure."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError(
            'figures take matplotlib, which is not installed: pip install "skmissdiff[plot]"'
        ) from None
    return plt.figure(figsize=(5.0, 3.2), layout="constrained").add_subplot()


def _place_of(parameter, names):
    """The place of a parameter."""
    if isinstance(parameter, str):
        if parameter in names:
            return names.index(parameter)
        raise ValueError(f"parameter={parameter!r} is none of those of the analysis, {names}.")
    if not 0 <= parameter < len(names):
        raise ValueError(f"parameter={parameter}, but the analysis has {len(names)} parameters.")
    return parameter


def conclusion(low, high, null):
    """1 if an interval is above the null, -1 if below, 0 if it holds it; arrays likewise."""
    return (low > null).astype(int) - (high < null).astype(int)


def find_turns(deltas, intervals, null):
    """Where, going away from 0, the conclusion is first another one.

    Parameters
    ----------
    deltas : ndarray of shape (n_deltas,)
        Rising, with 0 among them.
    intervals : ndarray of shape (n_deltas, 2)
    null : float

    Returns
    -------
    turns : ndarray of shape (0,), (1,) or (2,)
    """
    side = conclusion(intervals[:, 0], intervals[:, 1], null)
    start = int(np.flatnonzero(deltas == 0)[0])
    turns = []
    for way in (range(start - 1, -1, -1), range(start + 1, len(deltas))):
        last = start
        for place in way:
            if side[place] != side[start]:
                end = 0 if (side[start] or side[place]) == 1 else 1
                before, after = intervals[last, end] - null, intervals[place, end] - null
                share = before / (before - after)
                turns.append(deltas[last] + share * (deltas[place] - deltas[last]))
                break
            last = place
    return np.sort(turns)
