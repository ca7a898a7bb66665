"""Denoisers: networks that look at noised codes and say what was there.

Every code carries its own noise level ``sigma``: 0 is given and clean, infinity
is absent, in between is noised, ``x = x_0 + sigma * noise``. The value of an
absent code is never read.

A denoiser holds K networks of one shape, trained side by side: every layer is
one batched matrix product. Each network gets rows of its own in training; their
corrections are averaged in use.

Shapes: ``x``, ``sigma``, ``w`` (n_rows, n_codes); with a leading K inside the
networks; hidden (K, n_rows, hidden_size).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .codes import numeric_codes
from .donors import Donors
from .preconditioning import WHOLE_WIDTH, FactorModel, gaussian_posterior

MIN_PROBABILITY = 1e-4
EMBEDDING_SIZE = 8
TIME_FEATURES = 64

# Activations (K, n_rows, hidden_size) to those with some units left out.
Dropout = Callable[[Tensor], Tensor]


class Inputs(NamedTuple):
    """What the networks read, all (..., n_rows, n_codes)."""

    scaled: Tensor  # c_in x, 0 where absent
    w: Tensor  # 1 clean, 0 absent
    g: Tensor  # Gaussian posterior mean
    s: Tensor  # and standard deviation


class Estimate(NamedTuple):
    """What a denoiser says about x_0: E or median of numbers, probabilities of levels."""

    mean: Tensor  # (n_rows, n_codes)
    median: Tensor  # (n_rows, n_codes)
    g: Tensor  # (n_rows, n_codes), mean of the factor analysis, in double precision
    variance: Tensor  # and its variance


def uniform(*shape: int, bound: float, generator: torch.Generator) -> nn.Parameter:
    """A start that comes from ``generator``, not from the global one."""
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound, generator=generator))


class BatchedLinear(nn.Module):
    """K linear layers side by side: (K, n_rows, n_in) to (K, n_rows, n_out)."""

    def __init__(
        self,
        n_networks: int,
        n_in: int,
        n_out: int,
        generator: torch.Generator,
        scale: float = 1.0,
    ):
        super().__init__()
        bound = scale / math.sqrt(n_in)
        self.weight = uniform(n_networks, n_in, n_out, bound=bound, generator=generator)
        self.bias = nn.Parameter(torch.zeros(n_networks, 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        n_out = self.weight.shape[2]
        weight: Tensor = self.weight
        bias: Tensor = self.bias
        if n_out % WHOLE_WIDTH:
            # At odd widths a row is rounded by its place in the batch.
            padding = (0, -n_out % WHOLE_WIDTH)
            weight, bias = nn.functional.pad(weight, padding), nn.functional.pad(bias, padding)
        if len(weight) == 1:  # a batch of one has no fast kernel
            return torch.addmm(bias[0], x[0], weight[0])[None][..., :n_out]
        return torch.baddbmm(bias, x, weight)[..., :n_out]


class ResidualBlock(nn.Module):
    def __init__(self, n_networks: int, size: int, generator: torch.Generator):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(n_networks, 1, size))
        self.expand = BatchedLinear(n_networks, size, size, generator)
        self.project = BatchedLinear(n_networks, size, size, generator)

    def forward(self, hidden: Tensor, dropout: Dropout | None = None) -> Tensor:
        normed = nn.functional.layer_norm(hidden, hidden.shape[-1:]) * self.gain
        active = nn.functional.silu(self.expand(normed))
        return hidden + self.project(active if dropout is None else dropout(active))


class PeriodicEmbedding(nn.Module):
    """Learnt sines of each numeric code (Gorishniy et al. 2022), silent where absent."""

    def __init__(
        self,
        n_networks: int,
        n_codes: int,
        n_frequencies: int,
        scale: float,
        generator: torch.Generator,
    ):
        super().__init__()
        self.frequency = nn.Parameter(
            scale * torch.randn(n_networks, 1, n_codes, n_frequencies, generator=generator)
        )
        self.weight = uniform(
            n_networks * n_codes,
            2 * n_frequencies,
            EMBEDDING_SIZE,
            bound=1 / math.sqrt(2 * n_frequencies),
            generator=generator,
        )

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        n_networks, n_rows, n_codes = x.shape
        angle = 2 * math.pi * x[..., None] * self.frequency
        waves = torch.cat([angle.sin(), angle.cos()], dim=-1).transpose(1, 2)
        features = torch.bmm(waves.reshape(len(self.weight), n_rows, -1), self.weight).relu()
        features = features.view(n_networks, n_codes, n_rows, -1).transpose(1, 2)
        return (features * w[..., None]).flatten(2)


class Denoiser(nn.Module):
    """What training needs to know of a network."""

    n_networks: int
    blocks: nn.ModuleList
    config: dict  # what it was built with, for saved models
    donors: Donors | None  # training rows that have a say in one-pass means


class PreconditionedDenoiser(Denoiser):
    """E[x_0 | x] as a factor-analysis posterior plus a learnt correction.

    D = g + alpha s F for numeric codes; softmax(log g + alpha F) for the levels
    of a categorical column; g + alpha s F' is the median of a numeric code. The
    last layer starts at zero, so that the untrained denoiser is the
    linear-Gaussian imputer; alpha (n_codes,) says how far the networks are believed where
    a code is absent, alpha_noised where it is noised.

    Parameters
    ----------
    n_codes, rank : int
        Size of the factor analysis, which `set_factors` brings.
    categorical_slices : tuple of slices, one per categorical column
    """

    mu: Tensor
    W: Tensor
    psi: Tensor
    alpha: Tensor
    alpha_noised: Tensor
    numeric_codes: Tensor

    def __init__(
        self,
        n_codes: int,
        rank: int,
        categorical_slices: tuple[slice, ...],
        *,
        n_networks: int = 1,
        hidden_size: int = 192,
        n_layers: int = 2,
        n_frequencies: int = 16,
        frequency_scale: float = 2.0,
        n_donors: int = 0,
        generator: torch.Generator,
    ):
        super().__init__()
        self.config = {
            "n_codes": n_codes,
            "rank": rank,
            "categorical_slices": categorical_slices,
            "n_networks": n_networks,
            "hidden_size": hidden_size,
            "n_layers": n_layers,
            "n_frequencies": n_frequencies,
            "frequency_scale": frequency_scale,
            "n_donors": n_donors,
        }
        self.register_buffer("mu", torch.zeros(n_codes, dtype=torch.float64))
        self.register_buffer("W", torch.zeros(n_codes, rank, dtype=torch.float64))
        self.register_buffer("psi", torch.ones(n_codes, dtype=torch.float64))
        self.register_buffer("alpha", torch.ones(n_codes))
        self.register_buffer("alpha_noised", torch.ones(n_codes))
        self.register_buffer("numeric_codes", numeric_codes(n_codes, categorical_slices))
        self.categorical_slices = categorical_slices
        self.n_networks = n_networks
        n_numeric = len(self.numeric_codes)
        self.periodic = PeriodicEmbedding(
            n_networks, n_numeric, n_frequencies, frequency_scale, generator
        )
        n_in = 4 * n_codes + EMBEDDING_SIZE * n_numeric
        self.first = BatchedLinear(n_networks, n_in, hidden_size, generator)
        self.blocks = nn.ModuleList(
            ResidualBlock(n_networks, hidden_size, generator) for _ in range(n_layers)
        )
        self.last = BatchedLinear(n_networks, hidden_size, n_codes + n_numeric, generator, 0.0)
        self.donors = Donors(n_donors, n_codes, categorical_slices) if n_donors else None

    @property
    def factors(self) -> FactorModel:
        return FactorModel(self.mu, self.W, self.psi)

    def set_factors(self, factors: FactorModel) -> None:
        """Start from a fitted factor analysis."""
        self.mu.copy_(factors.mu)
        self.W.copy_(factors.W)
        self.psi.copy_(factors.psi)

    def believe(self, alpha: Tensor, alpha_noised: Tensor) -> None:
        """Set how far the networks are believed, code by code."""
        self.alpha.copy_(alpha)
        self.alpha_noised.copy_(alpha_noised)

    def ask(self, donors: Donors | None) -> None:
        """Let training rows have a say in one-pass means, or no longer (None)."""
        self.donors = donors
        self.config["n_donors"] = len(donors.x) if donors else 0

    def correction(self, inputs: Inputs, dropout: Dropout | None = None) -> tuple[Tensor, Tensor]:
        """F of every network for means and logits, and F' for the medians of numeric codes.

        Inputs (K, n_rows, n_codes); F (K, n_rows, n_codes), F' (K, n_rows, n_numeric).
        """
        codes = self.numeric_codes
        parts = list(inputs)
        if len(codes):
            parts.append(self.periodic(inputs.scaled[..., codes], inputs.w[..., codes]))
        hidden = self.first(torch.cat(parts, dim=-1))
        for block in self.blocks:
            hidden = block(hidden, dropout)
        F = self.last(hidden)
        return F[..., : len(self.mu)], F[..., len(self.mu) :]

    def mean_correction(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """F and F' averaged over the networks, for inputs (n_rows, n_codes)."""
        shared = Inputs(*(part.expand(self.n_networks, *part.shape) for part in inputs))
        F, F_median = self.correction(shared)
        return F.mean(0), F_median.mean(0)

    def estimate(self, x: Tensor, sigma: Tensor) -> Estimate:
        """Means and medians of x_0, and how uncertain the factor analysis is."""
        gaussian, variance = gaussian_posterior(self.factors, x.double(), sigma.double())
        inputs = network_inputs(x, sigma, gaussian, variance)
        F, F_median = self.mean_correction(inputs)
        alpha = torch.where(sigma.isinf(), self.alpha, self.alpha_noised)
        mean, median = self.corrected(inputs, F, F_median, alpha)
        return Estimate(mean, median, gaussian, variance)

    def corrected(
        self, inputs: Inputs, F: Tensor, F_median: Tensor, alpha: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Means and medians (..., n_codes) of the factor analysis with a correction."""
        codes, g, step = self.numeric_codes, inputs.g, alpha * inputs.s
        mean = g + step * F
        logits = level_logits(g, alpha * F)
        for levels in self.categorical_slices:
            mean[..., levels] = logits[..., levels].softmax(dim=-1)
        median = mean.clone()
        median[..., codes] = g[..., codes] + step[..., codes] * F_median
        return mean, median

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """E[x_0 | x]."""
        return self.estimate(x, sigma).mean


def level_logits(g: Tensor, F: Tensor) -> Tensor:
    """The sum log g + F: how the factor analysis and the networks speak of levels together."""
    return g.clamp_min(MIN_PROBABILITY).log() + F


def network_inputs(x: Tensor, sigma: Tensor, g: Tensor, variance: Tensor) -> Inputs:
    """Scale the codes, w = c_in = 1 / sqrt(1 + sigma^2); an absent value is not read."""
    w = torch.rsqrt(1 + sigma.square()).float()
    scaled = torch.where(w > 0, w * x.float(), 0.0)
    return Inputs(scaled, w, g.float(), variance.clamp_min(1e-12).sqrt().float())


class NoisePredictor(Denoiser):
    """The paper's network: e from x_t (n_rows, n_codes) and t (n_rows,), without the mask."""

    n_networks = 1

    def __init__(
        self,
        n_codes: int,
        n_steps: int,
        hidden_size: int,
        n_layers: int,
        generator: torch.Generator,
    ):
        super().__init__()
        self.config = {
            "n_codes": n_codes,
            "n_steps": n_steps,
            "hidden_size": hidden_size,
            "n_layers": n_layers,
        }
        self.n_steps = n_steps
        self.donors = None
        self.first = BatchedLinear(1, n_codes + TIME_FEATURES, hidden_size, generator)
        self.blocks = nn.ModuleList(
            ResidualBlock(1, hidden_size, generator) for _ in range(n_layers)
        )
        self.last = BatchedLinear(1, hidden_size, n_codes, generator, 0.0)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The predicted noise, shape (n_rows, n_codes)."""
        hidden = self.first(torch.cat([x_t, time_features(t / self.n_steps)], dim=1)[None])
        for block in self.blocks:
            hidden = block(hidden)
        return self.last(hidden)[0]


def time_features(time: Tensor) -> Tensor:
    """Sines and cosines of a time in (0, 1], shape (n_rows, TIME_FEATURES)."""
    octaves = torch.linspace(0, 7, TIME_FEATURES // 2, device=time.device)
    angle = time[:, None] * math.pi * 2**octaves
    return torch.cat([angle.sin(), angle.cos()], dim=1)
