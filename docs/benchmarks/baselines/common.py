"""What the baselines share: filled tables, training within a budget, seeds, generated tables."""

import math
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from sklearn.utils import check_random_state

from skmissdiff._table.rebuild import build_table


def mean_mode(X):
    """Fill a frame: the mean of numbers (rounded in integer columns), the most frequent level."""
    fills = {}
    for column in X:
        observed = X[column].dropna()
        if len(observed) == len(X) or observed.empty:
            continue
        if pd.api.types.is_bool_dtype(X[column]) or not pd.api.types.is_numeric_dtype(X[column]):
            fills[column] = observed.mode().iloc[0]
        elif pd.api.types.is_integer_dtype(X[column]):
            fills[column] = round(observed.mean())
        else:
            fills[column] = observed.mean()
    return X.fillna(fills)


def integer_seed(random_state):
    """A seed drawn once, so that repeated calls of a fitted object agree."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


@contextmanager
def seeded(seed):
    """torch's own generator from a seed inside the block, and as it was after it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def train(network, loss, *, max_iter, max_time, learning_rate, decay):
    """Minimise ``loss(share_done)`` by Adam; return the number of steps.

    ``share_done`` runs from 0 to 1, by steps or by seconds, whichever is further, and
    ``decay(share_done)`` scales the learning rate: a training that is short of time is a
    shorter one, not one that was cut off.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    network.train()
    start, step = time.monotonic(), 0
    while True:
        elapsed = 0.0 if max_time is None else (time.monotonic() - start) / max_time
        share_done = max(step / max_iter, elapsed)
        if share_done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * decay(share_done)
        optimiser.zero_grad()
        loss(share_done).backward()
        optimiser.step()
        step += 1
    network.eval()
    return step


def sinusoids(positions, size):
    """Sines and cosines of positions at ``size`` / 2 frequencies from 1 to 1e-4."""
    frequencies = torch.exp(-math.log(1e4) * torch.linspace(0, 1, size // 2))
    angles = positions[..., None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def generated_table(encoder, codes, seed):
    """A frame of generated rows; levels that share a code are drawn as often as they were seen."""
    uniforms = np.random.default_rng(seed).random((len(codes), encoder.layout_.n_columns))
    columns = encoder.decode(codes, uniforms)
    return build_table(encoder.schema_, columns, encoder.kept_columns_)
