"""Denoisers: networks that look at noised codes and say what was there.

Every code carries its own noise level ``sigma``: 0 is given and clean, infinity
is absent, in between is noised, ``x = x_0 + sigma * noise``. The value of an
absent code is never read.

Shapes: ``x``, ``sigma``, ``w`` (n_rows, n_codes); hidden (n_rows, hidden_size).
"""

import math

import torch
from torch import Tensor, nn

from .preconditioning import FactorModel, gaussian_posterior

MIN_PROBABILITY = 1e-4
MIN_STD = 1e-3  # keeps the weight 1/s^2 of a code that is nearly known finite
TIME_FEATURES = 64


def linear(n_in: int, n_out: int, generator: torch.Generator, scale: float = 1.0) -> nn.Linear:
    """A linear layer whose start comes from ``generator``, not from the global one."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = scale / math.sqrt(n_in)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def time_features(time: Tensor) -> Tensor:
    """Sines and cosines of a time in (0, 1], shape (n_rows, TIME_FEATURES)."""
    octaves = torch.linspace(0, 7, TIME_FEATURES // 2, device=time.device)
    angle = time[:, None] * math.pi * 2**octaves
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class ResidualBlock(nn.Module):
    def __init__(self, size: int, generator: torch.Generator):
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.expand = linear(size, size, generator)
        self.project = linear(size, size, generator)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.project(nn.functional.silu(self.expand(self.norm(hidden))))


class PeriodicEmbedding(nn.Module):
    """Learnt sines of each numeric code (Gorishniy et al. 2022), silent where absent."""

    def __init__(self, n_codes: int, n_frequencies: int, size: int, generator: torch.Generator):
        super().__init__()
        self.frequency = nn.Parameter(
            0.3 * torch.randn(n_codes, n_frequencies, generator=generator)
        )
        bound = 1 / math.sqrt(2 * n_frequencies)
        self.weight = nn.Parameter(
            torch.empty(n_codes, 2 * n_frequencies, size).uniform_(
                -bound, bound, generator=generator
            )
        )

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        angle = 2 * math.pi * x[:, :, None] * self.frequency
        waves = torch.cat([angle.sin(), angle.cos()], dim=2)
        features = torch.einsum("nci,cio->nco", waves, self.weight).relu()
        return (features * w[:, :, None]).flatten(1)


class PreconditionedDenoiser(nn.Module):
    """E[x_0 | x] as a factor-analysis posterior plus a learnt correction.

    D = g + s F for numeric codes; softmax(log g + F) for the levels of a
    categorical column. The last layer of F starts at zero, so that the untrained
    denoiser is the linear-Gaussian imputer.
    """

    def __init__(
        self,
        factors: FactorModel,
        numeric_codes: Tensor,
        categorical_slices: list[slice],
        *,
        hidden_size: int = 256,
        n_layers: int = 3,
        n_frequencies: int = 8,
        generator: torch.Generator,
    ):
        super().__init__()
        for name, value in factors._asdict().items():
            self.register_buffer(name, value.double())
        self.register_buffer("numeric_codes", numeric_codes)
        self.categorical_slices = categorical_slices
        n_codes, n_numeric = len(factors.mu), len(numeric_codes)
        self.periodic = PeriodicEmbedding(n_numeric, n_frequencies, 8, generator)
        self.first = linear(4 * n_codes + 8 * n_numeric, hidden_size, generator)
        self.blocks = nn.ModuleList(ResidualBlock(hidden_size, generator) for _ in range(n_layers))
        self.last = linear(hidden_size, n_codes, generator, scale=0.0)

    @property
    def factors(self) -> FactorModel:
        return FactorModel(self.mu, self.W, self.psi)

    def precondition(self, x: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Gaussian posterior mean g and standard deviation s, in the network's precision."""
        g, variance = gaussian_posterior(self.factors, x.double(), sigma.double())
        return g.float(), variance.clamp_min(0).sqrt().float()

    def correction(self, x: Tensor, sigma: Tensor, g: Tensor, s: Tensor) -> Tensor:
        """F(c_in x, w, g, s), with c_in = w = 1 / sqrt(1 + sigma^2)."""
        w = torch.rsqrt(1 + sigma.square())
        codes = self.numeric_codes
        scaled = w * x
        waves = self.periodic(scaled[:, codes], w[:, codes])
        hidden = self.first(torch.cat([scaled, w, g, s, waves], dim=1))
        for block in self.blocks:
            hidden = block(hidden)
        return self.last(hidden)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Estimate of x_0: means of numeric codes, probabilities of levels."""
        g, s = self.precondition(x, sigma)
        F = self.correction(x, sigma, g, s)
        estimate = g + s * F
        logits = g.clamp_min(MIN_PROBABILITY).log() + F
        for codes in self.categorical_slices:
            estimate[:, codes] = logits[:, codes].softmax(dim=1)
        return estimate

    def loss(self, x: Tensor, sigma: Tensor, x_0: Tensor, target: Tensor) -> Tensor:
        """Mean over target cells: ((x_0 - g) / s - F)^2, or cross-entropy for levels."""
        g, s = self.precondition(x, sigma)
        F = self.correction(x, sigma, g, s)
        codes = self.numeric_codes
        counted = target[:, codes]
        error = (x_0 - g)[:, codes] / s[:, codes].clamp_min(MIN_STD) - F[:, codes]
        total = torch.where(counted, error.square(), 0.0).sum()
        n_cells = counted.sum()
        logits = g.clamp_min(MIN_PROBABILITY).log() + F
        for codes in self.categorical_slices:
            counted = target[:, codes.start]
            log_likelihood = (x_0[:, codes] * logits[:, codes].log_softmax(dim=1)).sum(1)
            total = total - torch.where(counted, log_likelihood, 0.0).sum()
            n_cells = n_cells + counted.sum()
        return total / n_cells.clamp_min(1)


class NoisePredictor(nn.Module):
    """The paper's network: e from x_t and t, without the mask."""

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
        self.first = linear(n_codes + TIME_FEATURES, hidden_size, generator)
        self.blocks = nn.ModuleList(ResidualBlock(hidden_size, generator) for _ in range(n_layers))
        self.last = linear(hidden_size, n_codes, generator, scale=0.0)

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        hidden = self.first(torch.cat([x_t, time_features(t / self.n_steps)], dim=1))
        for block in self.blocks:
            hidden = block(hidden)
        return self.last(hidden)
