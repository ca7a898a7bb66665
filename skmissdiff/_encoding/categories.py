"""The categories of a categorical column, each with a code of its own or sharing the last one.

Such a column is described by three arrays of shape (n_categories,): ``categories`` in their
order, ``counts`` of how often each was observed, and ``code_of_category``.
"""

import itertools

import numpy as np


def count_categories(column, values, counts=None, weight=None):
    """Return the observed categories in their order and how often each occurs.

    Parameters
    ----------
    column : ColumnSchema
        Whose category list gives the order, if it has one.
    values : ndarray of object, shape (n_rows,)
        None where missing.
    counts : dict, optional
        How often each occurs, where it is known already.
    weight : ndarray of shape (n_rows,), optional
        How often each row counts.
    """
    if counts is None:
        counts = {}
        times_of_rows = itertools.repeat(1) if weight is None else weight
        for value, times in zip(values, times_of_rows, strict=False):
            counts[value] = counts.get(value, 0) + times
        counts.pop(None, None)
    in_order = column.categories if column.categories is not None else _sorted(counts)
    found = [category for category in in_order if category in counts]
    categories = np.empty(len(found), dtype=object)
    categories[:] = found
    dtype = np.intp if weight is None else np.float64
    return categories, np.array([counts[category] for category in found], dtype=dtype)


def _sorted(categories):
    try:
        return sorted(categories)
    except TypeError:  # objects without an order keep that of their appearance
        return list(categories)


def is_among(categories, values):
    """Return which categories the values hold; NumPy compares each object with each."""
    held = set(values)
    return np.array([category in held for category in categories], dtype=bool)


def share_codes(counts, max_categories, is_seen=None):
    """Return the code of each category: its own, or the last one for the least frequent.

    Parameters
    ----------
    counts : ndarray of shape (n_categories,)
    max_categories : int or None
    is_seen : ndarray of bool, shape (n_categories,), optional
        Which categories the rows that are learnt from hold, at least one. The others share the
        last code, too, with the least frequent one that is there if no other does: a model
        learns nothing of a code that it never meets.
    """
    n_categories = len(counts)
    order = np.argsort(-counts, kind="stable")
    if is_seen is not None and not is_seen.all():
        n_seen = np.count_nonzero(is_seen)
        order = np.concatenate([order[is_seen[order]], order[~is_seen[order]]])
        most = n_seen if max_categories is None else min(n_seen, max_categories)
    elif max_categories is None or n_categories <= max_categories:
        return np.arange(n_categories)
    else:
        most = max_categories
    frequent = np.sort(order[: most - 1])
    codes = np.full(n_categories, most - 1)
    codes[frequent] = np.arange(most - 1)
    return codes


def shared_code(code_of_category):
    """Return the code that several categories share, None if none do."""
    last = code_of_category.max(initial=-1)
    return last if np.count_nonzero(code_of_category == last) > 1 else None


def encode_categories(values, categories, code_of_category, out):
    """Write the one-hot codes of `values` to `out`, NaN for categories that are not known."""
    lookup = dict(zip(categories, code_of_category.tolist(), strict=True))
    chosen = np.array([lookup.get(value, -1) for value in values], dtype=np.intp)
    out[:] = np.where(chosen < 0, np.nan, 0.0)[:, None]
    rows = np.flatnonzero(chosen >= 0)
    out[rows, chosen[rows]] = 1.0


def decode_categories(codes, categories, counts, code_of_category, uniforms=None):
    """Return the category of the largest code, None where a code is NaN.

    Parameters
    ----------
    codes : ndarray of shape (n_rows, n_codes)
    categories, counts, code_of_category : ndarray of shape (n_categories,)
    uniforms : ndarray of shape (n_rows,), optional
        Numbers from 0 to 1 that choose among the categories that share a code, as often as each
        was observed. Without them it is the most frequent one.
    """
    unknown = np.isnan(codes).any(axis=1)
    chosen = np.where(unknown, 0, codes.argmax(axis=1))
    # Written in the order of their counts, so that the most frequent one stays; of equals the
    # first.
    order = np.argsort(-counts, kind="stable")[::-1]
    category_of_code = np.empty(codes.shape[1], dtype=np.intp)
    category_of_code[code_of_category[order]] = order
    category = category_of_code[chosen]
    shared = shared_code(code_of_category)
    if shared is not None and uniforms is not None:
        members = np.flatnonzero(code_of_category == shared)
        shares = np.cumsum(counts[members]) / counts[members].sum()
        rows = np.flatnonzero(chosen == shared)
        drawn = np.searchsorted(shares, uniforms[rows], side="right")
        category[rows] = members[np.minimum(drawn, len(members) - 1)]
    values = categories[category]
    values[unknown] = None
    return values


def log_shares(counts, code_of_category):
    """Return the log of each category's share of what has its code, 0 if it has its own."""
    of_code = np.bincount(code_of_category, weights=counts)
    return np.log(counts / of_code[code_of_category])


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
