"""The two methods behind one interface: train, one-pass estimates, draws.

Rows are codes ``x`` (n_rows, n_codes), float32, zero where ``mask`` is False.
``noise()`` gives the next standard normal array (n_rows, n_noise).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from . import paper
from .denoiser import Denoiser, NoisePredictor, PreconditionedDenoiser
from .likelihood import score_rows, score_rows_of_paper
from .masked import (
    FEW_ROWS_PER_CODE,
    MAX_WAVES,
    SMALL_TABLE,
    MaskedSettings,
    fit_masked,
    has_fast_bfloat16,
)
from .optimiser import OptimiserSettings
from .sampling import draw, draw_levels
from .schedule import DiscreteSchedule, discrete_schedule
from .training import Callback, History, TrainingSettings, fit_loop

Noise = Callable[[], Tensor]

LARGE_BATCH = 2048
MAX_EPOCHS = 500  # for generation; more of them copy rows
# Keeps generation from copying rows of levels; means are judged by held-out rows where rows
# are few.
DROPOUT = 0.4


@dataclass(frozen=True)
class Budget:
    """What the user may set of a training; None leaves it to the method."""

    max_iter: int | None = None
    max_time: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    hidden_size: int | None = None
    n_layers: int = 2
    n_networks: int | None = None
    n_refreshes: int = 0
    donors: bool = False
    validation_fraction: float | None = None
    n_iter_no_change: int = 5
    tol: float = 1e-4


def _unless_set(chosen, default):
    return default if chosen is None else chosen


@dataclass(frozen=True)
class PaperMethod:
    """MissDiff as printed: T discrete steps, zeros for missing codes, replacement."""

    n_steps: int = 100
    beta_schedule: str = "quadratic"
    variance: str = "large"
    n_resample: int = 1

    has_one_pass = False

    @property
    def schedule(self) -> DiscreteSchedule:
        return discrete_schedule(self.n_steps, self.beta_schedule)

    def training_key(self) -> "PaperMethod":
        """What training depends on: variance and resampling are choices of the draw."""
        return replace(self, variance="large", n_resample=1)

    def max_iter(self, budget: Budget, n_rows: int, n_columns: int) -> int:
        """Steps of the training, whatever the table."""
        return _unless_set(budget.max_iter, 2000)

    def train(
        self,
        x: Tensor,
        mask: Tensor,
        categorical_slices: tuple[slice, ...],
        budget: Budget,
        generator: torch.Generator,
        device: str,
        callback: Callback | None = None,
    ) -> tuple[Denoiser, History]:
        """Algorithm 1."""
        n_rows, n_codes = x.shape
        schedule = self.schedule
        hidden_size = _unless_set(budget.hidden_size, 256)
        denoiser = NoisePredictor(n_codes, self.n_steps, hidden_size, budget.n_layers, generator)
        batch_size = _unless_set(budget.batch_size, 256)
        loop = TrainingSettings(
            max_iter=self.max_iter(budget, n_rows, n_codes),
            max_time=budget.max_time,
            optimiser=OptimiserSettings(_unless_set(budget.learning_rate, 1e-3), ema_decay=0.995),
        )

        def next_batch() -> tuple[Tensor, ...]:
            rows = torch.randint(n_rows, (batch_size,), generator=generator)
            t = torch.randint(1, self.n_steps + 1, (batch_size,), generator=generator)
            noise = torch.randn(batch_size, n_codes, generator=generator)
            return tuple(part.to(device) for part in (x[rows], mask[rows], t, noise))

        def loss(denoiser: NoisePredictor, batch: tuple[Tensor, ...]) -> Tensor:
            return paper.masked_noise_loss(denoiser, schedule, *batch)

        history, _ = fit_loop(denoiser.to(device), next_batch, loss, loop, callback=callback)
        return denoiser, history

    def n_noise(self, denoiser: Denoiser, n_codes: int) -> int:
        """Numbers per row that one call of ``noise`` gives."""
        return n_codes

    def draw(self, denoiser: NoisePredictor, x: Tensor, mask: Tensor, noise: Noise) -> Tensor:
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

    def generate(self, denoiser: NoisePredictor, noise: Noise) -> Tensor:
        """New rows by Algorithm 3."""
        return paper.generate(denoiser, self.schedule, noise, variance=self.variance)

    def log_density(
        self, denoiser: NoisePredictor, x: Tensor, mask: Tensor, noise: Noise
    ) -> Tensor:
        """A bound on the log density of the observed codes of rows of numbers."""
        return score_rows_of_paper(denoiser, self.schedule, x, mask, noise)


@dataclass(frozen=True)
class MaskedMethod:
    """The default: a noise level per code, started from factor analysis."""

    n_steps: int = 20

    has_one_pass = True

    def training_key(self) -> "MaskedMethod":
        """What training depends on: noise levels are continuous, steps are for draws."""
        return MaskedMethod()

    def max_iter(self, budget: Budget, n_rows: int, n_columns: int) -> int:
        """Steps for a large table grow with its columns, as one model per column would cost.

        A table of two or three columns gets more of the cheap ones it has: its draws have
        nothing but the shape of the distribution to be judged by.
        """
        large = max(min(max(50 * n_columns, 400), 1000), 4000 // max(n_columns, 2))
        automatic = 400 if n_rows < SMALL_TABLE else large
        if budget.n_refreshes:  # draws of whole rows have more to learn than means
            automatic = min(3 * automatic, 3000)
            if n_rows >= SMALL_TABLE:  # and there is no more in few rows than this
                batch_size = _unless_set(budget.batch_size, LARGE_BATCH)
                automatic = min(automatic, max(1, MAX_EPOCHS * n_rows // batch_size))
        return _unless_set(budget.max_iter, automatic)

    def train(
        self,
        x: Tensor,
        mask: Tensor,
        categorical_slices: tuple[slice, ...],
        budget: Budget,
        generator: torch.Generator,
        device: str,
        callback: Callback | None = None,
    ) -> tuple[Denoiser, History]:
        """Factor analysis, then networks: small tables get several, large ones a wider one."""
        n_rows, n_codes = x.shape
        n_levels = sum(codes.stop - codes.start for codes in categorical_slices)
        n_numeric, n_columns = n_codes - n_levels, n_codes - n_levels + len(categorical_slices)
        small = n_rows < SMALL_TABLE
        # Wide tables are learnt by heart, which costs means; generation gains from more training.
        few = n_rows < FEW_ROWS_PER_CODE * n_codes
        judged = small or (few and not budget.n_refreshes)
        n_networks = _unless_set(budget.n_networks, (4 if n_codes <= 64 else 2) if small else 1)
        wide = 128 if small else 192 if n_columns <= 12 else 256
        settings = MaskedSettings(
            batch_size=_unless_set(
                budget.batch_size, min(512, 2 * n_rows) if small else LARGE_BATCH
            ),
            n_networks=n_networks,
            hidden_size=_unless_set(budget.hidden_size, wide),
            n_layers=budget.n_layers,
            n_frequencies=max(2, min(16, MAX_WAVES // max(n_numeric, 1))),
            max_rank=48 if small else 16,
            em_max_iter=200 if small else 50,
            # An early end is a prior that small tables like, and generated rows.
            em_tol=1e-4 if small or budget.n_refreshes else 1e-6,
            validation_fraction=_unless_set(budget.validation_fraction, 0.1 if judged else 0.0),
            n_refreshes=budget.n_refreshes,
            donors=budget.donors,
            dropout=DROPOUT if budget.n_refreshes and n_levels else 0.0,
        )
        loop = TrainingSettings(
            max_iter=self.max_iter(budget, n_rows, n_columns),
            max_time=budget.max_time,
            n_iter_no_change=budget.n_iter_no_change,
            tol=budget.tol,
            optimiser=OptimiserSettings(
                learning_rate=_unless_set(budget.learning_rate, 4e-3),
                muon_learning_rate=0.03,
                ema_decay=0.98 if small else 0.99,
                bfloat16=device == "cpu" and has_fast_bfloat16(),
            ),
        )
        return fit_masked(x, mask, categorical_slices, settings, loop, generator, device, callback)

    def estimate(
        self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, median: bool
    ) -> Tensor:
        """Means or medians given the observed codes, in one evaluation."""
        estimate = denoiser.estimate(x, torch.where(mask, 0.0, torch.inf))
        value = estimate.median if median else estimate.mean
        donors = denoiser.donors
        return value if donors is None else donors.join(value, x, mask, median)

    def n_noise(self, denoiser: PreconditionedDenoiser, n_codes: int) -> int:
        """Numbers per row that one call of ``noise`` gives."""
        return n_codes + denoiser.W.shape[1]

    def draw(
        self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, noise: Noise
    ) -> Tensor:
        """Rows whose missing codes are drawn given the observed ones."""
        return draw(denoiser, x, mask, noise(), draw_levels(self.n_steps))

    def generate(self, denoiser: PreconditionedDenoiser, noise: Noise) -> Tensor:
        """New rows: nothing is given."""
        start = noise()
        nothing = start.new_zeros(len(start), len(denoiser.mu))
        return draw(denoiser, nothing, nothing.bool(), start, draw_levels(self.n_steps))

    def log_density(
        self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, noise: Noise
    ) -> Tensor:
        """A bound on the log density of the observed codes."""
        return score_rows(denoiser, x, mask, noise)
