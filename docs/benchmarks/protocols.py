"""How a table is spoiled, split and judged."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from docs.benchmarks.measures import hide


@dataclass(frozen=True)
class Task:
    """What an imputer gets, and what it is judged by.

    ``train`` and ``test`` have holes; ``hidden`` (bool, shape of ``test``) marks the cells
    of ``test`` whose ``truth`` is known, ``train_hidden`` and ``train_truth`` those of
    ``train``; ``unit`` is the scale of each numeric column.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    truth: pd.DataFrame
    hidden: np.ndarray
    train_truth: pd.DataFrame
    train_hidden: np.ndarray
    unit: pd.Series


def hide_completely_at_random(frame, rate, rng):
    """A share ``rate`` of the observed cells of each column, shape of ``frame``."""
    observed = frame.notna().to_numpy()
    hidden = np.zeros(observed.shape, dtype=bool)
    for j in range(observed.shape[1]):
        cells = np.flatnonzero(observed[:, j])
        hidden[rng.choice(cells, int(rate * len(cells)), replace=False), j] = True
    return hidden


def split(frame, hidden, train_share, rng, unit):
    """A task of shuffled training and test rows; ``unit(training numbers)`` is their scale."""
    order = rng.permutation(len(frame))
    n_train = int(train_share * len(frame))
    spoiled = frame.mask(hidden)
    train, test = order[:n_train], order[n_train:]
    spoiled_train = spoiled.iloc[train].reset_index(drop=True)
    return Task(
        spoiled_train,
        spoiled.iloc[test].reset_index(drop=True),
        frame.iloc[test].reset_index(drop=True),
        hidden[test],
        frame.iloc[train].reset_index(drop=True),
        hidden[train],
        unit(spoiled_train.select_dtypes("number")),
    )


# Tables that are scaled by (x + 1) / (max + 1), as in the public code for breast: on this
# scale mean imputation reproduces the figure published for wine, too. The others are scaled by
# (x - min + 1) / (max - min + 1), as in the public code for census.
SCALED_BY_MAXIMUM = ("breast", "wine", "concrete", "libras")


def protocol_t(frame, seed, name, mechanism="MCAR"):
    """The paper's table: MCAR 20 %, 80/20, extremes of the observed training cells."""
    rng = np.random.default_rng(seed)
    hidden = hide_completely_at_random(frame, 0.2, rng)
    if name in SCALED_BY_MAXIMUM:
        return split(frame, hidden, 0.8, rng, lambda numbers: numbers.max() + 1)
    return split(frame, hidden, 0.8, rng, lambda numbers: numbers.max() - numbers.min() + 1)


def protocol_t_complete(frame, seed, name, mechanism="MCAR"):
    """The same with training rows that keep their cells, as in the authors' code."""
    task = protocol_t(frame, seed, name)
    return replace(task, train=task.train_truth)


def protocol_d(frame, seed, name, mechanism="MCAR"):
    """DiffPuter's: 30 %, 70/30, standardised by the observed training cells.

    MCAR hides the same share of each column; MAR is logistic on 30 % of the columns, which
    stay observed; MNAR is logistic on all columns.
    """
    rng = np.random.default_rng(seed)
    if mechanism == "MCAR":
        hidden = hide_completely_at_random(frame, 0.3, rng)
    else:
        hidden = hide(frame, {"MAR": "mar", "MNAR": "mnar_logistic"}[mechanism], 0.3, seed)
    return split(frame, hidden, 0.7, rng, lambda numbers: numbers.std(ddof=0))


def protocol_s(frame, seed, name, mechanism="MCAR"):
    """Small mixed tables: MCAR 20 % of what is observed, 75/25, standardised likewise.

    Columns that no training row observes are left out.
    """
    rng = np.random.default_rng(seed)
    hidden = hide_completely_at_random(frame, 0.2, rng)
    return seen(split(frame, hidden, 0.75, rng, lambda numbers: numbers.std(ddof=0)))


def seen(task):
    """The columns of a task with anything to learn from."""
    kept = task.train.notna().any().to_numpy()
    return Task(
        train=task.train.loc[:, kept],
        test=task.test.loc[:, kept],
        truth=task.truth.loc[:, kept],
        hidden=task.hidden[:, kept],
        train_truth=task.train_truth.loc[:, kept],
        train_hidden=task.train_hidden[:, kept],
        unit=task.unit[task.unit > 0],
    )
