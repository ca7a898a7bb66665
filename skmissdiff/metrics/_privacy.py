"""Whether generated rows give training rows away."""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_random_state

from skmissdiff._support.sklearn_private import validate_params
from skmissdiff.metrics._inputs import (
    distance_codes,
    distance_encoder,
    level_numbers,
    read_alike,
    subsample,
    with_missing_of,
)
from skmissdiff.metrics._options import MAX_ROWS, RANDOM_STATE, ROWS

# Distances of codes are of the order of 1; equal ones may come out this far apart.
_ROUNDING = 1e-6


@validate_params(
    {
        "X_train": "no_validation",
        "X_synthetic": "no_validation",
        "X_holdout": "no_validation",
        "categorical_features": ROWS["categorical_features"],
        **MAX_ROWS,
        **RANDOM_STATE,
    },
    prefer_skip_nested_validation=True,
)
def distance_to_closest_record(
    X_train,
    X_synthetic,
    X_holdout=None,
    *,
    categorical_features="from_dtype",
    max_rows=10_000,
    random_state=None,
):
    """How near generated rows are to training rows, beside rows that were not trained on.

    A model that has learnt the distribution and not the rows is as near to one as to the
    other. These figures find plain memorising; they do not prove that no one can be
    identified.

    Numbers are compared in standard deviations of the training table, two different levels
    of a column are 1 apart, and a missing cell is put in the middle of its column. Where the
    training table has missing cells, generated and holdout rows without any are given
    theirs, row by row at random, or they would be further away for that alone.

    Parameters
    ----------
    X_train : array-like or frame of shape (n_rows, n_columns)
        The table that the generator was trained on.
    X_synthetic : array-like or frame of shape (n_synthetic, n_columns)
        Generated rows.
    X_holdout : array-like or frame of shape (n_holdout, n_columns), optional
        Rows of the same kind as the training table that it was not trained on.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        As in `marginal_score`.
    max_rows : int or None, default=10_000
        Rows that are drawn of each table where there are more. Of the training table no more
        are compared than there are in the holdout. Duplicates are looked for in all rows.
    random_state : int, RandomState instance or None, default=None
        Draws these rows.

    Returns
    -------
    dict of str to float
        Those that need a holdout are NaN without one.

        share_nearer_to_train
            Of the generated rows, the share whose nearest training row is nearer than
            their nearest holdout row; equal distances count half. From 0 to 1: 0.5
            without memorising, 1 if every row is a copy of a training row.
        share_nearer_than_holdout
            How often a generated row is nearer to its nearest training row than a holdout
            row is to its own; equal distances count half. From 0 to 1: 0.5 for rows as good
            as real ones, above it for rows that crowd around training rows or where there are
            many of them, below it for rows away from them.
        distance, distance_holdout
            Median distance to the nearest training row, of generated and of holdout rows.
            From 0; the first should not be much below the second.
        distance_low, distance_low_holdout
            The same at the 5 % quantile.
        ratio, ratio_holdout
            Median ratio of the distance to the nearest training row and that to the second
            nearest. From 0 to 1; near 0, a row is close to one certain training row. It
            should not be much below that of the holdout.
        duplicates, duplicates_holdout
            Share of rows that equal a training row in every column; one with missing cells
            equals none without. From 0 to 1. In tables of few distinct rows, real rows
            are duplicates as well.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.metrics import distance_to_closest_record
    >>> train, holdout, fresh = np.random.default_rng(0).normal(size=(3, 400, 3))
    >>> figures = distance_to_closest_record(train, fresh, holdout)
    >>> round(figures["share_nearer_to_train"], 1), figures["duplicates"]
    (0.5, 0.0)
    >>> figures = distance_to_closest_record(train, train[:100], holdout)
    >>> figures["share_nearer_to_train"], figures["duplicates"]
    (1.0, 1.0)
    """
    rng = check_random_state(random_state)
    named = {"X_train": X_train, "X_synthetic": X_synthetic}
    if X_holdout is not None:
        named["X_holdout"] = X_holdout
    train, *others = tables = read_alike(categorical_features, **named)
    if train.n_rows < 2:
        raise ValueError("X_train has 1 row. A second nearest row takes 2 at least.")
    repeated = _duplicates(tables)
    most = max_rows
    if X_holdout is not None:
        n_holdout = others[1].n_rows
        if n_holdout < 2:
            raise ValueError("X_holdout has 1 row. A second nearest row takes 2 at least.")
        most = n_holdout if most is None else min(most, n_holdout)
    encoder = distance_encoder(train)
    train = subsample(train, most, rng)
    synthetic, *holdout = (subsample(table, max_rows, rng) for table in others)
    to_train = NearestNeighbors(n_neighbors=2).fit(distance_codes(encoder, train))
    # Complete rows are away from incomplete ones for that alone.
    alike = distance_codes(encoder, with_missing_of(synthetic, train, rng))
    distances = to_train.kneighbors(alike)[0]
    figures = {"share_nearer_to_train": np.nan, "share_nearer_than_holdout": np.nan}
    figures |= _distances(distances, repeated[0], "")
    if X_holdout is None:
        return figures | {name + "_holdout": np.nan for name in _FIGURES}
    holdout = distance_codes(encoder, with_missing_of(holdout[0], train, rng))
    holdout_distances = to_train.kneighbors(holdout)[0]
    # As many holdout rows as training rows: more of them would be nearer for that alone.
    same_number = holdout[rng.permutation(len(holdout))[: train.n_rows]]
    to_holdout = NearestNeighbors(n_neighbors=1).fit(same_number)
    # All cells of the rows count here: what they lack is away from either table alike.
    complete = distance_codes(encoder, synthetic)
    near, away = (model.kneighbors(complete)[0][:, 0] for model in (to_train, to_holdout))
    figures["share_nearer_to_train"] = float(np.mean(_nearer(near, away)))
    figures["share_nearer_than_holdout"] = _share_below(distances[:, 0], holdout_distances[:, 0])
    return figures | _distances(holdout_distances, repeated[1], "_holdout")


_FIGURES = ("distance", "distance_low", "ratio", "duplicates")


def _distances(distances, duplicates, suffix):
    """What is said of the distances to the nearest two training rows, shape (n_rows, 2)."""
    nearest, second = distances.T
    # Two training rows at the same place are no single one that could be given away.
    ratio = np.ones(len(nearest))
    np.divide(nearest, second, out=ratio, where=second > _ROUNDING)
    values = (np.median(nearest), np.quantile(nearest, 0.05), np.median(ratio), duplicates)
    return {name + suffix: float(value) for name, value in zip(_FIGURES, values, strict=True)}


def _nearer(first, second):
    """1 where the first distance is smaller, 0.5 where they are equal, else 0."""
    return np.where(np.abs(first - second) <= _ROUNDING, 0.5, first < second)


def _share_below(first, second):
    """How often a value of `first` is below one of `second`, equal ones counted half."""
    first, second = (np.round(values / _ROUNDING) for values in (first, second))
    ordered = np.sort(second)
    above = len(second) - np.searchsorted(ordered, first, side="right")
    equal = len(second) - above - np.searchsorted(ordered, first, side="left")
    return float(np.mean((above + equal / 2) / len(second)))


def _duplicates(tables):
    """The share of the rows of each table that are rows of the first, without the first."""
    ends = np.cumsum([table.n_rows for table in tables])[:-1]
    identical = np.zeros(sum(table.n_rows for table in tables), dtype=np.intp)
    for parts in zip(*(table.columns for table in tables), strict=True):
        if any(part.dtype == object for part in parts):
            values = np.concatenate(level_numbers(*parts)[0])
        else:
            values = np.unique(np.concatenate(parts), return_inverse=True)[1]  # NaN equals NaN
        # Rows with one number are equal in all columns so far.
        key = identical * (values.max() + 2) + values + 1
        identical = np.unique(key, return_inverse=True)[1]
    first, *others = np.split(identical, ends)
    return [float(np.isin(part, first).mean()) for part in others]
