"""Denoisers: networks that look at noised codes and say what was there.

Every code carries its own noise level ``sigma``: 0 is given and clean, infinity
is absent, in between is noised, ``x = x_0 + sigma * noise``. The value of an
absent code is never read.

A denoiser holds K networks of one shape, trained side by side. Each network gets rows of its
own in training; their corrections are averaged in use.

Shapes: ``x``, ``sigma``, ``w`` (n_rows, n_codes); with a leading K inside the
networks.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from skmissdiff._support.layout import CodeLayout

from .columns import Columns, block, pick
from .factor_analysis import FactorModel, row_product
from .kernel import KernelRegression
from .networks import BatchedLinear, Dropout, ResidualBlock, piecewise_linear
from .posterior import Posterior

MIN_PROBABILITY = 1e-4
MIN_VARIANCE = 1e-12
# Of logits below the largest one of their row: float32 has no smaller exponentials to sum.
LEAST_EXPONENT = -80.0


class Inputs(NamedTuple):
    """What the networks are told, all (..., n_rows, n_codes)."""

    scaled: Tensor  # c_in x, 0 where absent
    w: Tensor  # 1 clean, 0 absent
    g: Tensor  # Gaussian posterior mean
    s: Tensor  # and standard deviation


class Estimate(NamedTuple):
    """What a denoiser says about x_0: E or median of numbers, probabilities of categories."""

    mean: Tensor  # (n_rows, n_codes)
    median: Tensor  # (n_rows, n_codes)
    g: Tensor  # (n_rows, n_codes), mean of the factor analysis, in double precision
    variance: Tensor  # and its variance, 0 for categories


class Places(NamedTuple):
    """Where the parts of `features` are among the inputs of the first layer."""

    scaled: Tensor  # (n_codes,)
    w: Tensor  # (n_levels,), of the codes that tell the noise levels of all
    g: Tensor  # (n_codes,)
    s: Tensor  # (n_numeric,)
    bins: Tensor  # (n_numeric * n_bins,)


class Shrinkage(NamedTuple):
    """How far the networks are believed, each (n_codes,), from 0 (factor analysis) to 1."""

    mean: Tensor  # where a code is absent
    median: Tensor  # likewise, for the medians of numbers
    noised: Tensor  # where it is noised


class Denoiser(nn.Module):
    """What training needs to know of a network."""

    n_networks: int
    blocks: nn.ModuleList
    config: dict  # what it was built with, for saved models
    donors: KernelRegression | None  # training rows that have a say in one-pass means


class PreconditionedDenoiser(Denoiser):
    """E[x_0 | x] as a factor-analysis posterior plus a learnt correction.

    D = g + alpha s F for numeric codes; softmax(log g + alpha F) for the categories
    of a column; g + alpha' s F' is the median of a numeric code. The
    last layer starts at zero, so that the untrained denoiser is the
    linear-Gaussian imputer; alpha and alpha' are the `Shrinkage`.

    Parameters
    ----------
    layout : CodeLayout
    rank : int
        Of the factor analysis, which `set_factors` brings.
    """

    mu: Tensor
    W: Tensor
    psi: Tensor
    edges: Tensor
    alpha_mean: Tensor
    alpha_median: Tensor
    alpha_noised: Tensor
    numeric_codes: Tensor
    first_codes: Tensor
    members: Tensor
    column_of_category: Tensor

    def __init__(
        self,
        layout: CodeLayout,
        rank: int,
        *,
        n_networks: int = 1,
        hidden_size: int = 128,
        n_layers: int = 2,
        n_bins: int = 16,
        n_donors: int = 0,
        generator: torch.Generator,
    ):
        super().__init__()
        self.config = {
            "layout": layout,
            "rank": rank,
            "n_networks": n_networks,
            "hidden_size": hidden_size,
            "n_layers": n_layers,
            "n_bins": n_bins,
            "n_donors": n_donors,
        }
        n_codes = layout.n_codes
        self.layout = layout
        self.n_networks = n_networks
        self.register_buffer("numeric_codes", torch.from_numpy(layout.numeric_codes))
        self.register_buffer("first_codes", torch.from_numpy(layout.level_codes))
        self.numbers, self.categories = (
            block(codes) for codes in (layout.numeric_codes, layout.categorical_codes)
        )
        # Codes of one column share their noise level, and one tells it, but for spiked ones.
        self.first_of_column = block(layout.level_codes)
        self.first_categories = block(layout.first_categories)
        own = np.cumsum(np.isin(layout.categorical_codes, layout.first_categories)) - 1
        self.register_buffer("column_of_category", torch.from_numpy(own), persistent=False)
        members = layout.column_of_code[layout.categorical_codes, None]
        members = members == layout.column_of_code[layout.first_categories]
        self.register_buffer("members", torch.from_numpy(members).float(), persistent=False)
        n_numeric = len(self.numeric_codes)
        self.register_buffer("mu", torch.zeros(n_codes, dtype=torch.float64))
        self.register_buffer("W", torch.zeros(n_codes, rank, dtype=torch.float64))
        self.register_buffer("psi", torch.ones(n_codes, dtype=torch.float64))
        self.register_buffer("edges", torch.zeros(n_numeric, n_bins + 1))
        for name in ("alpha_mean", "alpha_median", "alpha_noised"):
            self.register_buffer(name, torch.ones(n_codes))
        n_in = 2 * n_codes + len(self.first_codes) + (1 + n_bins) * n_numeric
        self.first = BatchedLinear(n_networks, n_in, hidden_size, generator)
        self.blocks = nn.ModuleList(
            ResidualBlock(n_networks, hidden_size, generator) for _ in range(n_layers)
        )
        self.last = BatchedLinear(n_networks, hidden_size, n_codes + n_numeric, generator, 0.0)
        self.donors = KernelRegression(n_donors, layout) if n_donors else None

    @property
    def factors(self) -> FactorModel:
        return FactorModel(self.mu, self.W, self.psi)

    @property
    def columns(self) -> Columns:
        """Which codes share a noise level."""
        return Columns(
            self.numbers, self.categories, self.first_categories, self.column_of_category
        )

    def set_factors(self, factors: FactorModel) -> None:
        """Start from a fitted factor analysis."""
        self.mu.copy_(factors.mu)
        self.W.copy_(factors.W)
        self.psi.copy_(factors.psi)

    def set_shrinkage(self, shrinkage: Shrinkage) -> None:
        """Set how far the networks are believed, code by code."""
        self.alpha_mean.copy_(shrinkage.mean)
        self.alpha_median.copy_(shrinkage.median)
        self.alpha_noised.copy_(shrinkage.noised)

    @property
    def is_linear(self) -> bool:
        """Whether the networks have no say in numbers, which are Gaussian then."""
        codes = self.numeric_codes
        return not (self.alpha_mean[codes].any() or self.alpha_noised[codes].any())

    def set_donors(self, donors: KernelRegression | None) -> None:
        """Let training rows have a say in one-pass means, or no longer (None)."""
        self.donors = donors
        self.config["n_donors"] = len(donors.x) if donors else 0

    def features(self, inputs: Inputs, dtype: torch.dtype = torch.float32) -> Tensor:
        """What the first layer reads, (..., n_rows, n_in): nothing of it is learnt.

        Numbers are also told by the bins they are in: a network is smooth, a column need not be.
        """
        scaled, w, g, s = inputs
        numbers = self.numbers
        bins = piecewise_linear(pick(scaled, numbers), self.edges)
        bins.unflatten(-1, (-1, self.edges.shape[1] - 1)).mul_(pick(w, numbers)[..., None])
        parts = [scaled, pick(w, self.first_of_column), g, pick(s, numbers), bins]
        return torch.cat([part.to(dtype) for part in parts], dim=-1)

    @property
    def places(self) -> Places:
        """Of what `features` joins."""
        n_codes, n_numeric = len(self.mu), len(self.numeric_codes)
        n_bins = self.edges.shape[1] - 1
        sizes = [n_codes, len(self.first_codes), n_codes, n_numeric, n_numeric * n_bins]
        return Places(*torch.arange(sum(sizes), device=self.mu.device).split(sizes))

    def output(self, features: Tensor, dropout: Dropout | None = None) -> Tensor:
        """What every network says of features (K, n_rows, n_in): F and F' side by side."""
        hidden = self.first(features)
        for layer in self.blocks:
            hidden = layer(hidden, dropout)
        return self.last(hidden).float()

    def parts(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """F for means and logits (..., n_codes), and F' for medians of numbers (..., n_numeric)."""
        n_codes = len(self.mu)
        return output[..., :n_codes], output[..., n_codes:]

    def correction(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The two `parts` of what every network says."""
        return self.parts(self.output(features))

    def mean_correction(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """F and F' averaged over the networks, for inputs (n_rows, n_codes)."""
        features = self.features(inputs)
        F, F_median = self.correction(features.expand(self.n_networks, *features.shape))
        return F.mean(0), F_median.mean(0)

    @property
    def posterior(self) -> Posterior:
        """What the factor analysis says of rows."""
        return Posterior(self.factors, self.columns)

    def estimate(self, x: Tensor, sigma: Tensor) -> Estimate:
        """Means and medians of x_0, and how uncertain the factor analysis is.

        ``sigma`` may be one row (1, n_codes) for all, and then so is the variance.
        """
        gaussian, variance = self.posterior(x.double(), sigma.double())
        inputs = network_inputs(x, sigma, gaussian, variance)
        F, F_median = self.mean_correction(inputs)
        absent = sigma.isinf()
        alpha = torch.where(absent, self.alpha_mean, self.alpha_noised)
        alpha_median = torch.where(absent, self.alpha_median, self.alpha_noised)
        mean, median = self.corrected(inputs.g, inputs.s, F, F_median, alpha, alpha_median)
        return Estimate(mean, median, gaussian, variance)

    def corrected(
        self, g: Tensor, s: Tensor, F: Tensor, F_median: Tensor, alpha: Tensor, alpha_median: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Means and medians (..., n_codes) of the factor analysis with a correction."""
        codes = self.numeric_codes
        mean = g + alpha * s * F
        if self.layout.categorical_slices:
            parts = (pick(part, self.categories) for part in (g, alpha * F))
            mean[..., self.categories] = shares(category_logits(*parts), self.members)
        median = mean.clone()
        median[..., codes] = g[..., codes] + (alpha_median * s)[..., codes] * F_median
        return mean, median

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[x_0 | x]."""
        return self.estimate(x, sigma).mean


def category_logits(g: Tensor, F: Tensor) -> Tensor:
    """The sum log g + F: how the factor analysis and the networks speak of categories together."""
    return g.clamp_min(MIN_PROBABILITY).log() + F


def log_sums(logits: Tensor, members: Tensor) -> Tensor:
    """Log of the summed exponentials over the categories of each column, (..., n_columns).

    ``logits`` (..., n_codes) of categorical codes; ``members`` (n_codes, n_columns), 1 where a
    code is of a column: one product does all columns.
    """
    weights, largest = exponentials(logits)
    return row_product(weights, members).log() + largest


def exponentials(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Of logits less the largest one of their row, and that one (..., 1)."""
    largest = logits.detach().amax(-1, keepdim=True)
    return (logits - largest).clamp_min(LEAST_EXPONENT).exp(), largest


def shares(logits: Tensor, members: Tensor) -> Tensor:
    """Probabilities of the categories of each column, (..., n_codes)."""
    return (logits - row_product(log_sums(logits, members), members.T)).exp()


def network_inputs(x: Tensor, sigma: Tensor, g: Tensor, variance: Tensor) -> Inputs:
    """Scale the codes, w = c_in = 1 / sqrt(1 + sigma^2); an absent value is not read."""
    w = torch.rsqrt(1 + sigma.square()).float()
    scaled = torch.where(w > 0, w * x.float(), 0.0)
    s = variance.clamp_min(MIN_VARIANCE).sqrt().float()
    return Inputs(scaled, w.expand_as(scaled), g.float(), s.expand_as(scaled))
