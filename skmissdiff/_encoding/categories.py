"""The levels of a categorical column, each with a code of its own or sharing the last one.

A column of levels is described by three arrays of shape (n_levels,): ``levels`` in their order,
``counts`` of how often each was observed, and ``code_of_level``.
"""

import numpy as np


def count_levels(column, values):
    """Return the observed levels in their order and how often each occurs.

    Parameters
    ----------
    column : ColumnSchema
        Whose category list gives the order, if it has one.
    values : ndarray of object, shape (n_rows,)
        None where missing.
    """
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    counts.pop(None, None)
    in_order = column.categories if column.categories is not None else _sorted(counts)
    found = [level for level in in_order if level in counts]
    levels = np.empty(len(found), dtype=object)
    levels[:] = found
    return levels, np.array([counts[level] for level in found], dtype=np.intp)


def _sorted(levels):
    try:
        return sorted(levels)
    except TypeError:  # objects without an order keep that of their appearance
        return list(levels)


def share_codes(counts, max_categories):
    """Return the code of each level: its own, or the last one for the least frequent levels."""
    n_levels = len(counts)
    if max_categories is None or n_levels <= max_categories:
        return np.arange(n_levels)
    frequent = np.sort(np.argsort(-counts, kind="stable")[: max_categories - 1])
    codes = np.full(n_levels, max_categories - 1)
    codes[frequent] = np.arange(max_categories - 1)
    return codes


def shared_code(code_of_level):
    """Return the code that several levels share, None if none do."""
    last = code_of_level.max(initial=-1)
    return last if np.count_nonzero(code_of_level == last) > 1 else None


def encode_levels(values, levels, code_of_level, out):
    """Write the one-hot codes of `values` to `out`, NaN for levels that are not known."""
    lookup = dict(zip(levels, code_of_level.tolist(), strict=True))
    chosen = np.array([lookup.get(value, -1) for value in values], dtype=np.intp)
    out[:] = np.where(chosen < 0, np.nan, 0.0)[:, None]
    rows = np.flatnonzero(chosen >= 0)
    out[rows, chosen[rows]] = 1.0


def decode_levels(codes, levels, counts, code_of_level, uniforms=None):
    """Return the level of the largest code, None where a code is NaN.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_codes)
    levels, counts, code_of_level : ndarray of shape (n_levels,)
    uniforms : ndarray of shape (n_rows,), optional
        Numbers from 0 to 1 that choose among the levels that share a code, as often as each
        was observed. Without them it is the most frequent one.
    """
    unknown = np.isnan(codes).any(axis=1)
    chosen = np.where(unknown, 0, codes.argmax(axis=1))
    # Written in the order of their counts, so that the most frequent one stays; of equals the
    # first.
    order = np.argsort(-counts, kind="stable")[::-1]
    level_of_code = np.empty(codes.shape[1], dtype=np.intp)
    level_of_code[code_of_level[order]] = order
    level = level_of_code[chosen]
    shared = shared_code(code_of_level)
    if shared is not None and uniforms is not None:
        members = np.flatnonzero(code_of_level == shared)
        shares = np.cumsum(counts[members]) / counts[members].sum()
        rows = np.flatnonzero(chosen == shared)
        drawn = np.searchsorted(shares, uniforms[rows], side="right")
        level[rows] = members[np.minimum(drawn, len(members) - 1)]
    values = levels[level]
    values[unknown] = None
    return values


def log_shares(counts, code_of_level):
    """Return the log of each level's share of the occurrences of its code, 0 if it has its own."""
    of_code = np.bincount(code_of_level, weights=counts)
    return np.log(counts / of_code[code_of_level])


def distinct_names(names):
    """Return the names of codes, with a number behind those that have come before."""
    seen = set()
    out = []
    for name in names:
        candidate, number = name, 1
        while candidate in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate)
        out.append(candidate)
    return out
