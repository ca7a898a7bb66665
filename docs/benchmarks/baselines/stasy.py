"""STaSy: a score-based generator of complete rows, trained from easy to hard ones."""

import math

import numpy as np
import torch
from scipy.integrate import solve_ivp
from sklearn.base import BaseEstimator
from torch import nn

from docs.benchmarks.baselines.common import (
    generated_table,
    integer_seed,
    mean_mode,
    seeded,
    sinusoids,
    train,
)
from docs.benchmarks.baselines.sub_vp import SubVP
from skmissdiff import TableEncoder

EARLIEST = 1e-3  # where the reverse process ends, as the score has no limit at 0
N_FREQUENCIES = 16
N_STAGES = 10  # how often records are weighed anew, in the first half of the training
N_TIMES = 5  # times behind the loss of a record


class ConcatSquash(nn.Module):
    """A linear layer gated and shifted by the time, beside its own input."""

    def __init__(self, n_in, n_out, n_time):
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.gate = nn.Linear(n_time, n_out)
        self.shift = nn.Linear(n_time, n_out, bias=False)

    def forward(self, h, time):
        squashed = self.linear(h) * self.gate(time).sigmoid() + self.shift(time)
        return torch.cat([nn.functional.elu(squashed), h], dim=1)


class ScoreNetwork(nn.Module):
    """Predicted noise, shape (n_rows, n_codes); every layer hands its input on.

    At t = 1 the noise is x itself and at t = 0 next to nothing of it, so the layers predict
    what is left of it after ``std`` x: errors at the start of the flow are what moves rows out
    of range.
    """

    def __init__(self, n_codes, hidden_sizes):
        super().__init__()
        self.layers = nn.ModuleList()
        width = n_codes
        for size in hidden_sizes:
            self.layers.append(ConcatSquash(width, size, 2 * N_FREQUENCIES))
            width += size
        self.last = nn.Linear(width, n_codes)

    def forward(self, x, t):
        time = sinusoids(SubVP.log_noise(t), 2 * N_FREQUENCIES)
        h = x
        for layer in self.layers:
            h = layer(h, time)
        return SubVP.std(t)[:, None] * x + self.last(h)


def record_weights(losses, alpha, beta):
    """Closed form of the weights that self-paced learning gives to records.

    1 up to the ``alpha`` quantile of the losses, 0 from the ``beta`` quantile on, linear
    between them.
    """
    if alpha >= 1:
        return torch.ones_like(losses)
    low, high = np.quantile(losses.numpy(), [alpha, beta])
    between = ((high - losses) / max(high - low, 1e-12)).clamp(0, 1)
    return torch.where(losses <= low, 1.0, between)  # also where all losses are equal


def pace(start, share):
    """Quantile that rises from ``start`` to 1 as ``share`` runs from 0 to 1, fast at first."""
    return min(1.0, start + math.log1p(share * math.expm1(1 - start)))


class STaSy(BaseEstimator):
    """Score-based tabular data synthesis [1]_ on mean-imputed rows ("STaSy-mean").

    Numbers are scaled by their extremes and levels are one-hot, both to -1 to 1. A network of
    concat-squash layers learns the score of the sub-VP equation [2]_ by denoising. Records
    count by their loss at first, easy ones in full and hard ones not at all; by the middle of
    the training all count. Rows are made by the probability flow, which
    `scipy.integrate.solve_ivp` follows with RK45.

    Simpler than the paper: one set of sizes for all tables instead of a search over them,
    weights of records that are renewed ten times, and no fine-tuning by log-probability after
    the training. Unlike it, the network is told the noise level rather than the time, and
    predicts what x itself does not say of the noise, so that short trainings suffice. Where a
    column has more than 100 levels, the rarest share one code.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=0
        Seed of the training and of the rows.
    max_time : float or None, default=None
        Seconds of training.
    max_iter : int, default=6000
        Largest number of gradient steps.
    batch_size : int, default=512
        Rows of a mini-batch.
    hidden_sizes : tuple of int, default=(256, 256, 256)
        Widths of the layers.
    learning_rate : float, default=2e-3
        Largest learning rate; it falls to zero along a cosine.
    alpha, beta : float, default=0.25, 0.9
        Quantiles of the losses at the start: below the first a record counts in full, above
        the second not at all.
    rtol : float, default=1e-4
        Tolerance of the solver, relative and absolute.

    Attributes
    ----------
    n_iter_ : int
        Gradient steps done.

    References
    ----------
    .. [1] J. Kim, C. Lee, N. Park, "STaSy: Score-based Tabular data Synthesis", ICLR 2023,
       arXiv:2210.04018.
    .. [2] Y. Song et al., "Score-Based Generative Modeling through Stochastic Differential
       Equations", ICLR 2021.
    """

    def __init__(
        self,
        random_state=0,
        max_time=None,
        *,
        max_iter=6000,
        batch_size=512,
        hidden_sizes=(256, 256, 256),
        learning_rate=2e-3,
        alpha=0.25,
        beta=0.9,
        rtol=1e-4,
    ):
        self.random_state = random_state
        self.max_time = max_time
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.hidden_sizes = hidden_sizes
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.beta = beta
        self.rtol = rtol

    def fit(self, X, y=None):
        """Fill the holes of a frame, then train on it."""
        filled = mean_mode(X)
        self.encoder_ = TableEncoder(scaling="minmax", keep_empty_features=True).fit(filled)
        x = torch.as_tensor(2 * self.encoder_.transform(filled) - 1, dtype=torch.float32)
        self._seed = integer_seed(self.random_state)
        with seeded(self._seed):
            self.network_ = ScoreNetwork(x.shape[1], self.hidden_sizes)

            weights, stage = torch.ones(len(x)), 0

            def loss(share_done):
                nonlocal weights, stage
                # The first batches count in full, as a new network finds nothing easy or hard.
                if int(2 * N_STAGES * share_done) > stage and stage < N_STAGES:
                    stage += 1
                    weights = self._paced(x, stage / N_STAGES)
                rows = torch.randint(len(x), (self.batch_size,))
                # One time in each of as many equal parts as there are rows: less noise.
                t = (torch.arange(self.batch_size) + torch.rand(self.batch_size)) / self.batch_size
                losses = weights[rows] * self._losses(x[rows], t)
                return losses.sum() / weights[rows].sum().clamp_min(1)

            self.n_iter_ = train(
                self.network_,
                loss,
                max_iter=self.max_iter,
                max_time=self.max_time,
                learning_rate=self.learning_rate,
                decay=lambda share_done: 0.5 * (1 + math.cos(math.pi * share_done)),
            )
        return self

    @torch.no_grad()
    def _paced(self, x, share):
        """Weights of all records by their mean losses at the same few times, shape (n_rows,)."""
        losses = torch.zeros(len(x))
        for i in range(N_TIMES):
            t = torch.full((len(x),), (i + 0.5) / N_TIMES)
            parts = zip(x.split(8192), t.split(8192), strict=True)
            losses += torch.cat([self._losses(*part) for part in parts])
        return record_weights(losses, pace(self.alpha, share), pace(self.beta, share))

    def _losses(self, x_0, t):
        """Mean squared error of the predicted noise of each record, shape (n_rows,)."""
        t = EARLIEST + (1 - EARLIEST) * t
        noise = torch.randn_like(x_0)
        predicted = self.network_(SubVP.perturb(x_0, t[:, None], noise), t)
        return (predicted - noise).square().mean(dim=1)

    def sample(self, n_samples=1, chunk=1000):
        """A frame of ``n_samples`` generated rows, ``chunk`` of them in one call of the solver."""
        n_codes = self.network_.last.out_features
        rng = np.random.default_rng(self._seed)
        x_1 = rng.standard_normal((n_samples, n_codes))
        parts = [self._solve(x_1[i : i + chunk]) for i in range(0, n_samples, chunk)]
        codes = (np.concatenate(parts) + 1) / 2
        return generated_table(self.encoder_, codes, self._seed)

    def _solve(self, x_1):
        """From noise at t = 1 to rows at the earliest time, shape (n_rows, n_codes)."""

        @torch.no_grad()
        def derivative(t, flat):
            x = torch.as_tensor(flat.reshape(x_1.shape), dtype=torch.float32)
            predicted = self.network_(x, torch.full((len(x),), t))
            return SubVP.flow(x, t, predicted).numpy().ravel()

        solution = solve_ivp(
            derivative,
            (1.0, EARLIEST),
            x_1.ravel(),
            method="RK45",
            t_eval=[EARLIEST],
            rtol=self.rtol,
            atol=self.rtol,
        )
        if not solution.success:
            raise RuntimeError(f"The probability flow was not solved: {solution.message}")
        return solution.y[:, -1].reshape(x_1.shape)
