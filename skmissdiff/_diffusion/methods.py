"""The two methods behind one interface: train, one-pass mean, draw.

Rows are codes ``x`` (n_rows, n_codes), float32, zero where ``mask`` is False.
``noise()`` gives the next standard normal array of that shape.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from . import paper
from .denoiser import NoisePredictor, PreconditionedDenoiser
from .loss import draw_noise_levels, masked_denoising_loss
from .preconditioning import default_rank, fit_factor_analysis
from .sampling import absent_level, sample_given
from .schedule import DiscreteSchedule, discrete_schedule
from .training import Callback, History, TrainingSettings, fit_loop


@dataclass(frozen=True)
class PaperMethod:
    """MissDiff as printed: T discrete steps, zeros for missing codes, replacement."""

    n_steps: int = 100
    beta_schedule: str = "quadratic"
    variance: str = "large"
    n_resample: int = 1
    hidden_size: int = 256
    n_layers: int = 3

    has_mean = False

    @property
    def schedule(self) -> DiscreteSchedule:
        return discrete_schedule(self.n_steps, self.beta_schedule)

    def training_key(self) -> "PaperMethod":
        """What training depends on: replacement and variance are choices of the draw."""
        return PaperMethod(
            self.n_steps,
            self.beta_schedule,
            hidden_size=self.hidden_size,
            n_layers=self.n_layers,
        )

    def train(
        self,
        x: Tensor,
        mask: Tensor,
        categorical_slices: tuple[slice, ...],
        settings: TrainingSettings,
        generator: torch.Generator,
        callback: Callback | None = None,
    ) -> tuple[nn.Module, History]:
        schedule = self.schedule
        denoiser = NoisePredictor(
            x.shape[1], self.n_steps, self.hidden_size, self.n_layers, generator
        ).to(x.device)

        def loss(
            denoiser: nn.Module, x: Tensor, mask: Tensor, generator: torch.Generator
        ) -> Tensor:
            t = torch.randint(1, self.n_steps + 1, (len(x),), generator=generator)
            noise = torch.randn(x.shape, generator=generator)
            return paper.masked_noise_loss(
                denoiser, schedule, x, mask, t.to(x.device), noise.to(x.device)
            )

        return fit_loop(denoiser, loss, x, mask, settings, generator, callback)

    def draw(self, denoiser: nn.Module, x: Tensor, mask: Tensor, noise: paper.Noise) -> Tensor:
        """Rows completed by Algorithm 2."""
        return paper.impute_by_replacement(
            denoiser,
            self.schedule,
            x,
            mask,
            noise,
            n_resample=self.n_resample,
            variance=self.variance,
        )

    def generate(self, denoiser: nn.Module, noise: paper.Noise) -> Tensor:
        """New rows by Algorithm 3."""
        return paper.generate(denoiser, self.schedule, noise, variance=self.variance)


@dataclass(frozen=True)
class MaskedMethod:
    """The default: a noise level per code, started from factor analysis."""

    n_steps: int = 20
    hidden_size: int = 256
    n_layers: int = 3

    has_mean = True

    def training_key(self) -> "MaskedMethod":
        """What training depends on: the noise levels are continuous, steps are for draws."""
        return MaskedMethod(hidden_size=self.hidden_size, n_layers=self.n_layers)

    def train(
        self,
        x: Tensor,
        mask: Tensor,
        categorical_slices: tuple[slice, ...],
        settings: TrainingSettings,
        generator: torch.Generator,
        callback: Callback | None = None,
    ) -> tuple[nn.Module, History]:
        n_rows, n_codes = x.shape
        factors, _ = fit_factor_analysis(
            x.double().cpu(), mask.cpu(), default_rank(n_rows, n_codes)
        )
        column_of_code, numeric_codes = code_columns(n_codes, categorical_slices)
        denoiser = PreconditionedDenoiser(
            factors,
            numeric_codes,
            categorical_slices,
            hidden_size=self.hidden_size,
            n_layers=self.n_layers,
            generator=generator,
        ).to(x.device)

        def loss(
            denoiser: nn.Module, x: Tensor, mask: Tensor, generator: torch.Generator
        ) -> Tensor:
            sigma = draw_noise_levels(mask, column_of_code, generator)
            noise = torch.randn(x.shape, generator=generator).to(x.device)
            return masked_denoising_loss(denoiser, x, mask, sigma, noise)

        return fit_loop(denoiser, loss, x, mask, settings, generator, callback)

    def mean(self, denoiser: nn.Module, x: Tensor, mask: Tensor) -> Tensor:
        """E[x_0 | observed codes] in one evaluation."""
        return denoiser(x, absent_level(mask))

    def draw(self, denoiser: nn.Module, x: Tensor, mask: Tensor, noise: paper.Noise) -> Tensor:
        """Rows whose missing codes are drawn given the observed ones."""
        return sample_given(denoiser, x, mask, noise, self.n_steps)

    def generate(self, denoiser: nn.Module, noise: paper.Noise) -> Tensor:
        """New rows: nothing is given."""
        start = noise()
        nothing = torch.zeros_like(start)
        return sample_given(denoiser, nothing, nothing.bool(), lambda: start, self.n_steps)


def code_columns(n_codes: int, categorical_slices: tuple[slice, ...]) -> tuple[Tensor, Tensor]:
    """Column of each code (n_codes,), and the numeric codes."""
    first = torch.arange(n_codes)
    for codes in categorical_slices:
        first[codes] = codes.start
    numeric = torch.ones(n_codes, dtype=torch.bool)
    for codes in categorical_slices:
        numeric[codes] = False
    return first.unique(return_inverse=True)[1], numeric.nonzero()[:, 0]
