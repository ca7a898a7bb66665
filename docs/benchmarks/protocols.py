"""How a table is spoiled, split and judged."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Task:
    """What an imputer gets, and what it is judged by.

    ``train`` and ``test`` have holes; ``hidden`` (bool, shape of ``test``) marks the cells
    of ``test`` whose ``truth`` is known; ``unit`` is the scale of each numeric column.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    truth: pd.DataFrame
    hidden: np.ndarray
    unit: pd.Series


def hide_completely_at_random(frame, rate, rng):
    """A share ``rate`` of the observed cells of each column, shape of ``frame``."""
    observed = frame.notna().to_numpy()
    hidden = np.zeros(observed.shape, dtype=bool)
    for j in range(observed.shape[1]):
        cells = np.flatnonzero(observed[:, j])
        hidden[rng.choice(cells, int(rate * len(cells)), replace=False), j] = True
    return hidden


def split(frame, hidden, train_share, rng):
    """Shuffled training and test rows: (train, test, truth of test, hidden in test)."""
    order = rng.permutation(len(frame))
    n_train = int(train_share * len(frame))
    spoiled = frame.mask(hidden)
    train, test = order[:n_train], order[n_train:]
    return (
        spoiled.iloc[train].reset_index(drop=True),
        spoiled.iloc[test].reset_index(drop=True),
        frame.iloc[test].reset_index(drop=True),
        hidden[test],
    )


# Tables that are scaled by (x + 1) / (max + 1), as in the public code for breast: on this
# scale mean imputation reproduces the figure published for wine, too. The others are scaled by
# (x - min + 1) / (max - min + 1), as in the public code for census.
SCALED_BY_MAXIMUM = ("breast", "wine", "concrete", "libras")


def protocol_t(frame, seed, name):
    """The paper's table: MCAR 20 %, 80/20, extremes of the observed training cells."""
    rng = np.random.default_rng(seed)
    hidden = hide_completely_at_random(frame, 0.2, rng)
    train, test, truth, hidden = split(frame, hidden, 0.8, rng)
    numbers = train.select_dtypes("number")
    low = -1.0 if name in SCALED_BY_MAXIMUM else numbers.min() - 1
    return Task(train, test, truth, hidden, numbers.max() - low)


def protocol_d(frame, seed, name):
    """DiffPuter's: MCAR 30 %, 70/30, standardised by the observed training cells."""
    rng = np.random.default_rng(seed)
    hidden = hide_completely_at_random(frame, 0.3, rng)
    train, test, truth, hidden = split(frame, hidden, 0.7, rng)
    return Task(train, test, truth, hidden, train.select_dtypes("number").std(ddof=0))


def errors(task, completed, pooled):
    """RMSE and MAE of numeric cells, error rate of categorical ones.

    Over all cells together (``pooled``), or per column and then averaged.
    """
    numeric = list(task.unit.index)
    squared, absolute, wrong = [], [], []
    for j, column in enumerate(task.truth):
        cells = task.hidden[:, j]
        if not cells.any():
            continue
        truth, guess = task.truth[column][cells], completed[column][cells]
        if column in numeric:
            error = ((guess - truth) / task.unit[column]).to_numpy(dtype=float)
            squared.append(error**2)
            absolute.append(np.abs(error))
        else:
            wrong.append((guess.astype(str) != truth.astype(str)).to_numpy(dtype=float))
    if pooled:
        squared, absolute, wrong = (
            [np.concatenate(p)] if p else [] for p in (squared, absolute, wrong)
        )
    return {
        "rmse": _mean([np.sqrt(part.mean()) for part in squared]),
        "mae": _mean([part.mean() for part in absolute]),
        "error_rate": _mean([part.mean() for part in wrong]),
    }


def _mean(values):
    return float(np.mean(values)) if values else float("nan")
