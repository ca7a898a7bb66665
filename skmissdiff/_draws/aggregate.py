"""Point estimates from draws.

Draws are codes of shape (n_rows, n_draws, n_codes). Categories are counted, numbers are
averaged or picked.
"""

import numpy as np


def as_categories(draws, categorical_slices):
    """The draws with every category decided: 1 for the largest code of a column, 0 for others."""
    draws = draws.copy()
    for codes in categorical_slices:
        block = draws[:, :, codes]
        chosen = block.argmax(axis=2)[:, :, None]
        block[:] = 0
        np.put_along_axis(block, chosen, 1, axis=2)
    return draws


def half_sample_mode(values):
    """Where draws (n_rows, n_draws, n_codes) are densest (Robertson and Cryer 1974).

    Again and again the half of the draws that lies closest together is kept.
    """
    values = np.sort(values, axis=1)
    while values.shape[1] > 2:
        n_kept = (values.shape[1] + 1) // 2
        n_windows = values.shape[1] - n_kept + 1
        widths = values[:, n_kept - 1 :] - values[:, :n_windows]
        kept = widths.argmin(axis=1)[:, None] + np.arange(n_kept)[:, None]
        values = np.take_along_axis(values, kept, axis=1)
    return values.mean(axis=1)


def _fill_idle(numbers, idle):
    """Put the median of a row's numbers where one does not apply; (n_rows, n_draws)."""
    rows = np.flatnonzero(idle.any(axis=1) & ~idle.all(axis=1))
    for row in rows:
        numbers[row, idle[row]] = np.median(numbers[row, ~idle[row]])


def aggregate_draws(draws, layout, how):
    """One estimate per row, shape (n_rows, n_codes); categories come as their share of the draws.

    Parameters
    ----------
    draws : ndarray of shape (n_rows, n_draws, n_codes)
    layout : CodeLayout
    how : {"mean", "median", "mode"}
        For numbers; the most frequent category is the largest share in each case.
    """
    categorical_slices = layout.categorical_slices
    draws = as_categories(draws, categorical_slices)
    for spike, number in zip(layout.spike_codes, layout.spiked_numbers, strict=True):
        _fill_idle(draws[:, :, number], draws[:, :, spike] == 1)
    estimate = draws.mean(axis=1)
    if how == "mean":
        return estimate
    shares = [estimate[:, codes].copy() for codes in categorical_slices]
    estimate = np.median(draws, axis=1) if how == "median" else half_sample_mode(draws)
    for codes, share in zip(categorical_slices, shares, strict=True):
        estimate[:, codes] = share
    return estimate
