"""CSDI_T: conditional diffusion with a transformer over the columns of a row."""

import time

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from torch import nn

from docs.benchmarks.baselines.common import (
    generated_table,
    integer_seed,
    seeded,
    sinusoids,
    train,
)
from docs.benchmarks.baselines.tokens import Tokens
from skmissdiff import TableEncoder

BETA_START, BETA_END = 1e-4, 0.5
ROWS_PER_CALL = 256  # attention of more does not fit the cache


class ResidualLayer(nn.Module):
    """Attention over the tokens, then a gate that knows which of them are given."""

    def __init__(self, channels, n_heads, n_embedding):
        super().__init__()
        self.step = nn.Linear(channels, channels)
        self.attention = nn.TransformerEncoderLayer(
            channels, n_heads, dim_feedforward=channels, activation="gelu", batch_first=True
        )
        self.middle = nn.Linear(channels, 2 * channels)
        self.feature = nn.Linear(n_embedding, 2 * channels)
        self.given = nn.Linear(1, 2 * channels, bias=False)
        self.last = nn.Linear(channels, 2 * channels)

    def forward(self, h, features, given, step):
        side = self.feature(features) + self.given(given)
        mixed = self.middle(self.attention(h + self.step(step)[:, None])) + side
        gate, value = mixed.chunk(2, dim=-1)
        residual, skip = self.last(gate.sigmoid() * value.tanh()).chunk(2, dim=-1)
        return (h + residual) / 2**0.5, skip


class NoiseNetwork(nn.Module):
    """Predicted noise of the target tokens, shape (n_rows, n_tokens)."""

    def __init__(self, n_tokens, channels, n_layers, n_heads, n_embedding=16):
        super().__init__()
        self.features = nn.Parameter(torch.randn(n_tokens, n_embedding))
        self.first = nn.Linear(2, channels)
        self.step = nn.Sequential(
            nn.Linear(128, channels), nn.SiLU(), nn.Linear(channels, channels), nn.SiLU()
        )
        self.layers = nn.ModuleList(
            ResidualLayer(channels, n_heads, n_embedding) for _ in range(n_layers)
        )
        self.last = nn.Sequential(nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, 1))
        nn.init.zeros_(self.last[2].weight)

    def forward(self, x_t, x_given, given, t):
        h = self.first(torch.stack([x_given, x_t], dim=-1)).relu()
        step, total = self.step(sinusoids(t.float(), 128)), 0.0
        for layer in self.layers:
            h, skip = layer(h, self.features, given.float()[..., None], step)
            total = total + skip
        return self.last(total / len(self.layers) ** 0.5)[..., 0]


class CSDI(TransformerMixin, BaseEstimator):
    """Conditional score-based diffusion for tables, CSDI_T [1]_, after CSDI [2]_.

    In training, a random number of a row's observed cells become targets: they are noised, the
    other observed ones are given, and the network predicts the noise of the targets. To
    impute, the missing cells are the targets: numbers are the median of ``n_draws`` draws,
    levels the most frequent one. To generate, all cells are targets.

    Numbers are standardised by their observed cells. The axis of time, which CSDI has and a
    table does not, is left out. Levels are analog bits by default or one-hot codes, two of the
    three codings of [1]_; where a column has more than 100 levels, the rarest share one.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=0
        Seed of the training and of the draws.
    max_time : float or None, default=None
        Seconds of training, and seconds after which `transform` makes do with the draws it
        has, but for at least one.
    n_steps : int, default=100
        Steps of the diffusion; betas run quadratically from 1e-4 to 0.5.
    n_draws : int, default=100
        Draws behind an imputed cell.
    categories : {"bits", "one-hot"}, default="bits"
        What categorical columns become.
    channels, n_layers, n_heads : int, default=64, 4, 8
        Size of the network, the paper's.
    max_iter : int, default=10000
        Largest number of gradient steps.
    batch_size : int, default=64
        Rows of a mini-batch.
    learning_rate : float, default=1e-3
        Of Adam; a tenth after 75 % and a hundredth after 90 % of the training.

    Attributes
    ----------
    n_iter_ : int
        Gradient steps done.
    n_draws_ : int
        Draws of the last call of `transform`.

    References
    ----------
    .. [1] S. Zheng, N. Charoenphakdee, "Diffusion models for missing value imputation in
       tabular data", NeurIPS 2022 workshop, arXiv:2210.17128.
    .. [2] Y. Tashiro, J. Song, Y. Song, S. Ermon, "CSDI: Conditional Score-based Diffusion
       Models for Probabilistic Time Series Imputation", NeurIPS 2021.
    """

    def __init__(
        self,
        random_state=0,
        max_time=None,
        *,
        n_steps=100,
        n_draws=100,
        categories="bits",
        channels=64,
        n_layers=4,
        n_heads=8,
        max_iter=10000,
        batch_size=64,
        learning_rate=1e-3,
    ):
        self.random_state = random_state
        self.max_time = max_time
        self.n_steps = n_steps
        self.n_draws = n_draws
        self.categories = categories
        self.channels = channels
        self.n_layers = n_layers
        self.n_heads = n_heads
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def fit(self, X, y=None):
        """Train on the observed cells of a frame."""
        self.encoder_ = TableEncoder(keep_empty_features=True).fit(X)
        self.tokens_ = Tokens(self.encoder_.layout_, self.categories)
        x, mask = self.tokens_.from_codes(self.encoder_.transform(X))
        betas = torch.linspace(BETA_START**0.5, BETA_END**0.5, self.n_steps) ** 2
        self._betas, self._alphas_cumprod = betas, (1 - betas).cumprod(0)
        self._seed = integer_seed(self.random_state)
        with seeded(self._seed):
            self.network_ = NoiseNetwork(
                self.tokens_.n_tokens, self.channels, self.n_layers, self.n_heads
            )

            def loss(share_done):
                rows = torch.randint(len(x), (self.batch_size,))
                return self._loss(x[rows], mask[rows])

            self.n_iter_ = train(
                self.network_,
                loss,
                max_iter=self.max_iter,
                max_time=self.max_time,
                learning_rate=self.learning_rate,
                decay=lambda share: 1.0 if share < 0.75 else 0.1 if share < 0.9 else 0.01,
            )
        return self

    def _loss(self, x_0, mask):
        """Mean squared error of the noise of 1 to all observed cells of each row."""
        n_targets = (torch.rand(len(mask)) * mask.sum(dim=1)).floor() + 1
        # Observed cells in random order, the unobserved ones behind them.
        order = torch.rand(mask.shape).masked_fill(~mask, torch.inf).argsort(dim=1).argsort(dim=1)
        targets = (order < n_targets[:, None]) & mask
        columns = torch.as_tensor(self.tokens_.column_of_token)
        target, given = targets[:, columns], (mask & ~targets)[:, columns]
        t = torch.randint(self.n_steps, (len(x_0),))
        A = self._alphas_cumprod[t][:, None]
        noise = torch.randn_like(x_0)
        x_t = A.sqrt() * x_0 + (1 - A).sqrt() * noise
        predicted = self.network_(x_t * target, x_0 * given, given, t)
        return ((predicted - noise) * target).square().sum() / target.sum().clamp_min(1)

    def transform(self, X):
        """Fill the missing cells of a frame."""
        codes = self.encoder_.transform(X)
        rows = np.flatnonzero(np.isnan(codes).any(axis=1))
        if not len(rows):
            return X.copy()
        with seeded(self._seed + 1):
            codes[rows] = self._medians(*self.tokens_.from_codes(codes[rows]))
        return X.where(X.notna(), self.encoder_.inverse_transform(codes).set_axis(X.index))

    def sample(self, n_samples=1):
        """A frame of ``n_samples`` generated rows."""
        nothing = torch.zeros(n_samples, self.tokens_.n_tokens)
        mask = torch.zeros(n_samples, self.tokens_.layout.n_columns, dtype=torch.bool)
        with seeded(self._seed + 2):
            codes = self.tokens_.to_codes(self._draw(nothing, mask))
        return generated_table(self.encoder_, codes, self._seed)

    def _medians(self, x_0, mask):
        """Codes of rows: medians of numbers, votes for levels."""
        layout, start = self.tokens_.layout, time.monotonic()
        votes, numbers = np.zeros((len(x_0), layout.n_codes)), []
        for _ in range(self.n_draws):
            codes = self.tokens_.to_codes(self._draw(x_0, mask))
            votes += codes
            numbers.append(codes[:, layout.numeric_codes])
            if self.max_time is not None and time.monotonic() - start > self.max_time:
                break
        self.n_draws_ = len(numbers)
        votes[:, layout.numeric_codes] = np.median(numbers, axis=0)
        return votes

    def _draw(self, x_0, mask):
        """Tokens of one draw, shape of ``x_0``."""
        parts = zip(x_0.split(ROWS_PER_CALL), mask.split(ROWS_PER_CALL), strict=True)
        return np.concatenate([self._reverse(*part).numpy() for part in parts])

    @torch.no_grad()
    def _reverse(self, x_0, mask):
        given = mask[:, torch.as_tensor(self.tokens_.column_of_token)]
        x = torch.randn_like(x_0)
        for t in reversed(range(self.n_steps)):
            beta, A = self._betas[t], self._alphas_cumprod[t]
            step = torch.full((len(x_0),), t)
            predicted = self.network_(x * ~given, x_0 * given, given, step)
            x = (x - beta / (1 - A).sqrt() * predicted) / (1 - beta).sqrt()
            if t > 0:
                variance = beta * (1 - self._alphas_cumprod[t - 1]) / (1 - A)
                x = x + variance.sqrt() * torch.randn_like(x)
        return torch.where(given, x_0, x)
