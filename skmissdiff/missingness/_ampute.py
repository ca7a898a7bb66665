"""Hide cells of a table by a known mechanism."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skmissdiff._support.sklearn_private import Interval, StrOptions, validate_params
from skmissdiff._table.frames import column_index, read_table
from skmissdiff._table.rebuild import blank_cells
from skmissdiff.missingness import _amputation as amputation

_MECHANISMS = (
    *("mcar", "independent", "row", "column", "mar"),
    *("mnar_logistic", "mnar_self", "mnar_quantile", "block", "monotone"),
)


@validate_params(
    {
        "mechanism": [StrOptions(set(_MECHANISMS))],
        "missing_rate": [Interval(Real, 0, 1, closed="both")],
        "observed_columns": ["array-like", None],
        "observed_fraction": [Interval(Real, 0, 1, closed="neither")],
        "strength": [Interval(Real, None, None, closed="neither")],
        "tail": [StrOptions({"upper", "lower", "both"})],
        "tail_fraction": [Interval(Real, 0, 1, closed="right")],
        "block_shape": [tuple],
        "column_groups": [list, tuple, None],
        "allow_empty": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def ampute(
    X,
    mechanism="mcar",
    missing_rate=0.3,
    *,
    observed_columns=None,
    observed_fraction=0.3,
    strength=1.0,
    tail="upper",
    tail_fraction=0.5,
    block_shape=(10, 2),
    column_groups=None,
    categorical_features="from_dtype",
    allow_empty=False,
    random_state=None,
):
    """Hide cells of a table by a known mechanism.

    Parameters
    ----------
    X : array-like or frame of shape (n_rows, n_columns)
        May have missing cells. They stay missing, and enter the logistic mechanisms as the mean
        of their column. The table itself is not changed.
    mechanism : str, default="mcar"
        Missing completely at random, that is, whatever the values [1]_ (the authors' code of [2]_
        has "column", "row" and "independent" as they are here):

        - "independent", also called "mcar": each cell with probability `missing_rate`;
        - "column": the share `missing_rate` of each column, at random;
        - "row": the share `missing_rate` of each row, at random. The number of cells is whole,
          and of two neighbouring numbers each is taken as often as the rate requires;
        - "block": rectangles of `block_shape`, or runs of rows in `column_groups`;
        - "monotone": drop-out. The columns are visits in their order; a row leaves before each
          with the same probability, and all later cells are hidden.

        Missing at random, that is, depending on cells that stay observed:

        - "mar": the log-odds of hiding a cell are a random linear combination of the
          `observed_columns`, another one for each of the other columns [3]_.

        Missing not at random, that is, depending on what is hidden:

        - "mnar_logistic": as "mar", with combinations of all columns, that of the cell included;
        - "mnar_self": the log-odds rise with the cell's own value;
        - "mnar_quantile": cells in the tails of their columns, all with the same probability.

        In the logistic mechanisms, numbers are standardised by the observed cells of their column,
        levels replaced by random scores first, and the intercept of each column is solved for the
        rate.
    missing_rate : float, default=0.3
        The expected share of hidden cells, between 0 and 1, among the observed cells of the
        columns that may lose any. Cells missing before do not count.
    observed_columns : array-like of int, str or bool, optional
        Columns that keep all their cells, whatever the mechanism, by index, name or mask. By
        default all may lose cells, except that "mar" draws `observed_fraction` of the columns.
        With "monotone", without any, the first observed cell of each row stays.
    observed_fraction : float, default=0.3
        Share of the columns that "mar" leaves observed, rounded to at least one.
    strength : float, default=1.0
        Standard deviation over rows of the log-odds in the logistic mechanisms. 0 is MCAR. With
        "mnar_self", a positive one hides high values, a negative one low values.
    tail : {"upper", "lower", "both"}, default="upper"
        Which cells "mnar_quantile" may hide.
    tail_fraction : float, default=0.5
        Their share of a column, at least `missing_rate`. Ties are broken at random.
    block_shape : tuple of two int, default=(10, 2)
        Rows and columns of a block, each cut to one less than the table has. Blocks lie on a
        grid that starts at random, so that those at the edges may be smaller.
    column_groups : list of array-like, optional
        Columns that "block" hides together, by index or name; takes the place of the second
        number of `block_shape`. Columns in no group stay observed.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Columns of levels: by dtype, or as indices, names or a mask, as in `MissDiffImputer`.
    allow_empty : bool, default=False
        Whether a row or column may lose all its cells. If not, those that would get a cell
        back and another cell, where possible of the same column, is hidden instead.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same result in every call.

    Returns
    -------
    X_missing : ndarray or frame
        A table like `X` in which more cells are missing. Where a dtype has no missing value, an
        array of whole numbers becomes float64, and columns of a pandas frame become nullable
        ("Int64" from int64).
    missing_mask : ndarray of bool, shape (n_rows, n_columns)
        True for the cells hidden by this call.

    Raises
    ------
    ValueError
        If the rate cannot be reached without emptying a row or column, if no column may
        lose cells, or for parameters out of range.
    TypeError
        For columns that hold neither numbers nor levels.

    See Also
    --------
    missing_pattern : Count the gaps of a table.

    References
    ----------
    .. [1] D. B. Rubin, "Inference and missing data", Biometrika 63, 1976.
    .. [2] Y. Ouyang, L. Xie, C. Li, G. Cheng, "MissDiff: Training diffusion models on tabular data
           with missing values", arXiv 2307.00467, section 4.
    .. [3] B. Muzellec, J. Josse, C. Boyer, M. Cuturi, "Missing data imputation using optimal
           transport", ICML 2020, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.missingness import ampute
    >>> X = np.random.default_rng(0).normal(size=(1000, 4))
    >>> X_missing, missing_mask = ampute(X, "mar", 0.4, observed_columns=[0, 1], random_state=0)
    >>> missing_mask.mean(axis=0).round(1)
    array([0. , 0. , 0.4, 0.4])
    >>> bool((np.isnan(X_missing) == missing_mask).all())
    True
    """
    rng = check_random_state(random_state)
    table = read_table(X, categorical_features=categorical_features)
    names = [None] * table.n_columns if table.schema.names is None else list(table.schema.names)
    groups = None if mechanism != "block" else _groups(column_groups, names)
    kept = _kept_columns(mechanism, observed_columns, observed_fraction, groups, names, rng)
    observed = ~table.missing
    eligible = observed & ~kept
    rate = float(missing_rate)
    if mechanism == "monotone":
        hidden = amputation.drop_out(eligible, observed, rate, allow_empty, rng)
    elif mechanism == "block":
        height, width = _capped(block_shape, table.missing.shape, allow_empty)
        if groups is None:
            groups = amputation.column_runs(np.flatnonzero(~kept), width, rng)
        hidden = amputation.blocks(eligible, observed, rate, groups, height, allow_empty, rng)
    else:
        if mechanism == "mnar_quantile" and rate > tail_fraction:
            raise ValueError(
                f"missing_rate={missing_rate} is more than tail_fraction={tail_fraction}, the "
                "share of cells that may be hidden. Raise tail_fraction."
            )
        tails = (tail, tail_fraction)
        probability = _probability(mechanism, table, kept, eligible, rate, strength, tails, rng)
        if mechanism == "row":
            hidden = amputation.same_share_per_row(eligible, rate, rng)
        elif mechanism == "column":
            hidden = amputation.same_share_per_row(eligible.T, rate, rng).T
        else:
            hidden = rng.random_sample(eligible.shape) < probability
        if not allow_empty:
            hidden = amputation.refill_empty(hidden, eligible, observed, probability, rate, rng)
    return blank_cells(table.native, hidden), hidden


def _probability(mechanism, table, kept, eligible, rate, strength, tails, rng):
    """The probability that each cell is hidden, ndarray of shape (n_rows, n_columns)."""
    if not mechanism.startswith(("mar", "mnar")):
        return np.where(eligible, rate, 0.0)
    given = np.flatnonzero(kept) if mechanism == "mar" else np.arange(table.n_columns)
    scores = amputation.standard_scores(table, given, rng)
    if mechanism == "mnar_self":
        return amputation.logistic_on_self(scores, eligible, rate, strength)
    if mechanism == "mnar_quantile":
        return amputation.beyond_quantile(scores, eligible, rate, *tails, rng)
    return amputation.logistic_on_columns(scores, eligible, rate, strength, rng)


def _kept_columns(mechanism, observed_columns, observed_fraction, groups, names, rng):
    """The columns that keep all their cells, bool of shape (n_columns,)."""
    n_columns = len(names)
    if observed_columns is not None:
        kept = _selected(observed_columns, names, "observed_columns")
    else:
        kept = np.zeros(n_columns, dtype=bool)
        if mechanism == "mar":
            n_kept = min(max(1, round(observed_fraction * n_columns)), n_columns - 1)
            kept[rng.permutation(n_columns)[:n_kept]] = True
    if mechanism == "mar" and not kept.any():
        raise ValueError(
            "mechanism='mar' needs at least one observed column and one other, got "
            f"{n_columns} column(s) and observed_columns={observed_columns!r}."
        )
    if groups is not None:
        grouped = np.zeros(n_columns, dtype=bool)
        grouped[np.concatenate(groups)] = True
        kept |= ~grouped
    if kept.all():
        raise ValueError("No column may lose cells: all of them are among observed_columns.")
    return kept


def _selected(columns, names, parameter):
    """The columns that are listed by index or name, or marked in a mask, as a mask."""
    wanted = np.asarray(columns)
    if wanted.dtype.kind == "b":
        if wanted.shape != (len(names),):
            raise ValueError(
                f"{parameter} has {wanted.size} booleans, but X has {len(names)} columns."
            )
        return wanted
    selected = np.zeros(len(names), dtype=bool)
    for column in columns:
        selected[column_index(column, names, parameter)] = True
    return selected


def _groups(column_groups, names):
    """The groups as arrays of column indices, None if there are none."""
    if column_groups is None:
        return None
    masks = [_selected(group, names, "column_groups") for group in column_groups]
    times = np.sum(masks, axis=0) if masks else np.zeros(len(names))
    if (times > 1).any():
        j = int(np.argmax(times > 1))
        label = j if names[j] is None else repr(names[j])
        raise ValueError(f"column_groups names column {label} more than once.")
    if not masks or not all(mask.any() for mask in masks):
        raise ValueError("column_groups must hold at least one column in each group.")
    return [np.flatnonzero(mask) for mask in masks]


def _capped(block_shape, shape, allow_empty):
    """Rows and columns of a block that leaves room for others in the table."""
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) for n in block_shape)
    if len(block_shape) != 2 or not whole or min(block_shape) < 1:
        raise ValueError(
            f"block_shape must be two whole numbers of at least 1, got {block_shape!r}."
        )
    spare = 0 if allow_empty else 1
    return tuple(max(1, min(n, size - spare)) for n, size in zip(block_shape, shape, strict=True))
