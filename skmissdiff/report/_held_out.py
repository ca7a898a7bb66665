"""How good imputed cells are, by cells that are hidden from a training of its own."""

import numpy as np
from sklearn.base import clone

from skmissdiff._encoding.categories import count_categories
from skmissdiff.displays import ImputationCalibrationDisplay
from skmissdiff.displays._calibration import hide_cells, positions_of
from skmissdiff.displays._imputed_tables import read_imputations, reading_of
from skmissdiff.displays._row_imputations import take_rows


def judge_held_out(imputer, X, fraction, refit, n_draws, max_rows, seed):
    """Hide cells, impute them, and compare.

    Parameters
    ----------
    imputer : MissDiffImputer
        Fitted; of which a clone is trained if `refit`.
    X : array-like or frame of shape (n_rows, n_columns)
    fraction : float
        Share of the observed cells that are hidden.
    refit : bool
    n_draws : int
    max_rows : int or None
        Rows that are drawn; best guesses are made of all.
    seed : int

    Returns
    -------
    figures : dict of str to dict of str to float
        See `ImputationReport.held_out_`.
    calibration : ImputationCalibrationDisplay
    """
    hiding, ranking = np.random.default_rng(seed).spawn(2)
    spoiled, hidden = hide_cells(X, fraction, hiding, **reading_of(imputer))
    if refit:
        imputer = clone(imputer).fit(spoiled)
    reading = reading_of(imputer)
    best = read_imputations(X, imputer.transform(spoiled), **reading)
    rows = np.flatnonzero(hidden.any(axis=1))
    if max_rows is not None and len(rows) > max_rows:
        rows = np.sort(hiding.choice(rows, max_rows, replace=False))
    draws = imputer.multiple_impute(
        take_rows(spoiled, rows), n_imputations=n_draws, random_state=seed
    )
    found = positions_of(
        take_rows(X, rows), draws, hidden[rows], reading, ranking, best.whole.schema
    )
    calibration = ImputationCalibrationDisplay(**found)
    coverage = {level: calibration.coverage(level) for level in (0.5, 0.9)}
    figures = {}
    for j, name in enumerate(best.names):
        cells = hidden[:, best.places[j]] & ~best.imputed[0].missing[:, j]
        if not cells.any():
            continue
        known = best.table.columns[j][~hidden[:, best.places[j]] & ~best.table.missing[:, j]]
        column = best.table.schema.columns[j]
        truth, guess = best.table.columns[j][cells], best.imputed[0].columns[j][cells]
        figures[name] = {
            "n_cells": int(cells.sum()),
            "error": _error(column, truth, guess),
            "constant_error": _error(column, truth, _constant(column, known)),
            "coverage_50": coverage[0.5].get(name, np.nan),
            "coverage_90": coverage[0.9].get(name, np.nan),
        }
    return figures, calibration


def _error(column, truth, guess):
    """Root mean square error in natural units, or the share of wrong categories."""
    if column.is_categorical:
        return float(np.mean(truth != guess))
    # Not the square of what may be near the largest number that there is.
    error = np.abs(guess - truth)
    largest = error.max() or 1.0
    return float(largest * np.sqrt(np.mean((error / largest) ** 2)) * column.step_size)


def _constant(column, known):
    """What a fill by the mean or by the most frequent category would be."""
    if not column.is_categorical:
        return known.mean()
    found, counts = count_categories(column, known)
    return found[counts.argmax()]
