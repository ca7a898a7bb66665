"""MissDiff as printed (Ouyang, Xie, Li and Cheng 2023, arXiv 2307.00467), all of it.

``predict_noise(x_t, t)`` is the network: x_t (n_rows, n_codes), t (n_rows,) of
integers 1..T, result like x_t. It sees no mask. ``noise()`` gives the next
standard normal array (n_rows, n_codes); nothing here draws by itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from skmissdiff._support.layout import CodeLayout

from .batches import drawn_rows
from .denoiser import Denoiser
from .likelihood import trapezoid_weights
from .networks import BatchedLinear, ResidualBlock
from .optimiser import OptimiserSettings
from .processes import ALONE, Processes
from .recipe import Options
from .schedule import DiscreteSchedule, discrete_schedule, noise_level, reverse_std
from .training import Callback, Clock, History, fit_loop

PredictNoise = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[], Tensor]

TIME_FEATURES = 64
# The paper gives no settings of its network; these reach its figures on the tables of protocol T.
MAX_ITER, BATCH_SIZE, HIDDEN_SIZE, N_LAYERS = 2000, 256, 256, 2
LEARNING_RATE, EMA_DECAY = 1e-3, 0.995


def diffuse(schedule: DiscreteSchedule, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
    """x_t = sqrt(A_t) x_0 + sqrt(1 - A_t) e, eq. 2; t (n_rows,)."""
    A = schedule.alphas_cumprod.to(x_0)[t][:, None]
    return A.sqrt() * x_0 + (1 - A).sqrt() * noise


def masked_noise_loss(
    predict_noise: PredictNoise,
    schedule: DiscreteSchedule,
    x_0: Tensor,  # (n_rows, n_codes), anything finite where absent
    mask: Tensor,  # (n_rows, n_codes), True where observed
    t: Tensor,  # (n_rows,), uniform on 1..T
    noise: Tensor,  # (n_rows, n_codes)
) -> Tensor:
    """Algorithm 1: || (e - s(x_t, t)) * m ||^2 per observed code, absent codes held at zero."""
    x_t = diffuse(schedule, torch.where(mask, x_0, 0.0), t, noise)
    error = torch.where(mask, noise - predict_noise(x_t, t), 0.0)
    return error.square().sum() / mask.sum().clamp_min(1)


def reverse_step(
    predict_noise: PredictNoise,
    schedule: DiscreteSchedule,
    x: Tensor,
    t: int,
    std: float,
    noise: Noise,
) -> Tensor:
    """x_{t-1} = (x_t - b_t / sqrt(1 - A_t) s(x_t, t)) / sqrt(1 - b_t) + sigma_t e."""
    beta, A = schedule.betas[t].item(), schedule.alphas_cumprod[t].item()
    predicted = predict_noise(x, torch.full((len(x),), t, device=x.device))
    x = (x - beta / (1 - A) ** 0.5 * predicted) / (1 - beta) ** 0.5
    return x + std * noise() if std > 0 else x


def generate(
    predict_noise: PredictNoise,
    schedule: DiscreteSchedule,
    noise: Noise,
    *,
    variance: str = "large",
) -> Tensor:
    """Algorithm 3: new rows from N(0, I), t = T..1."""
    std = reverse_std(schedule, variance).tolist()
    x = noise()
    for t in range(schedule.n_steps, 0, -1):
        x = reverse_step(predict_noise, schedule, x, t, std[t], noise)
    return x


def impute_by_replacement(
    predict_noise: PredictNoise,
    schedule: DiscreteSchedule,
    x_0: Tensor,  # (n_rows, n_codes), anything finite where absent
    mask: Tensor,  # (n_rows, n_codes), True where observed
    noise: Noise,
    *,
    n_resample: int = 1,
    variance: str = "large",
) -> Tensor:
    """Algorithm 2: Algorithm 3 with the observed codes replaced by noised data at every step.

    The printed sqrt is missing from "(1 - A_{t-1}) e"; the authors' code has it, and so
    has this. ``n_resample`` > 1 goes back one step and repeats (RePaint, Lugmayr et al.
    2022, Algorithm 1): replacement alone leaves missing codes too little tied to the
    observed ones.
    """
    betas, alphas_cumprod = (values.tolist() for values in schedule)
    std = reverse_std(schedule, variance).tolist()
    x = noise()
    for t in range(schedule.n_steps, 0, -1):
        A_next = alphas_cumprod[t - 1]
        for repeat in range(n_resample):
            observed = A_next**0.5 * x_0 + (1 - A_next) ** 0.5 * noise()
            x = reverse_step(predict_noise, schedule, x, t, std[t], noise)
            x = torch.where(mask, observed, x)
            if t == 1 or repeat == n_resample - 1:
                break
            x = (1 - betas[t]) ** 0.5 * x + betas[t] ** 0.5 * noise()
    return torch.where(mask, x_0, x)


def score_rows_of_paper(
    predict_noise: PredictNoise, schedule: DiscreteSchedule, x: Tensor, mask: Tensor, noise: Noise
) -> Tensor:
    """(1) for numeric rows, at the discrete noise levels of the paper, relative to N(0, I).

    D = (x_t - sqrt(1 - A_t) s) / sqrt(A_t) has snr |x - D|^2 = |e - s|^2, and the posterior
    mean of N(0, I) says the noise is sqrt(1 - A_t) x_t. Missing codes are zeros to the
    network, as in training.
    """
    x = torch.where(mask, x, 0.0).double()
    total = -0.5 * (mask * (x.square() + math.log(2 * math.pi))).sum(1)
    weights = trapezoid_weights(noise_level(schedule)[1:].log()).tolist()
    for t, weight in enumerate(weights, 1):
        A = schedule.alphas_cumprod[t].item()
        e = noise().double()
        for signed in (e, -e):
            x_t = A**0.5 * x + (1 - A) ** 0.5 * signed
            predicted = predict_noise(x_t.float(), torch.full((len(x),), t, device=x.device))
            gain = (signed - (1 - A) ** 0.5 * x_t).square() - (signed - predicted).square()
            total += weight / 2 * (mask * gain).sum(1)
    return total


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

    def train(
        self,
        x: Tensor,
        mask: Tensor,
        layout: CodeLayout,
        options: Options,
        generator: torch.Generator,
        device: str,
        callback: Callback | None = None,
        started: float | None = None,
        weight: Tensor | None = None,
        processes: Processes = ALONE,
    ) -> tuple["NoisePredictor", History]:
        """Algorithm 1; rows are drawn as often as their ``weight`` says.

        Of several processes each has a share of the rows.
        """
        n_rows, n_codes = x.shape
        schedule = self.schedule
        denoiser = processes.first(
            lambda: NoisePredictor(n_codes, self.n_steps, HIDDEN_SIZE, N_LAYERS, generator)
        )
        every = torch.arange(n_rows)
        max_iter = MAX_ITER if options.max_iter is None else options.max_iter

        def next_batch() -> tuple[Tensor, ...]:
            rows = drawn_rows(every, weight, BATCH_SIZE, generator)
            t = torch.randint(1, self.n_steps + 1, (BATCH_SIZE,), generator=generator)
            noise = torch.randn(BATCH_SIZE, n_codes, generator=generator)
            return tuple(part.to(device) for part in (x[rows], mask[rows], t, noise))

        def loss(denoiser: NoisePredictor, batch: tuple[Tensor, ...]) -> Tensor:
            return masked_noise_loss(denoiser, schedule, *batch)

        history, _ = fit_loop(
            denoiser.to(device),
            next_batch,
            loss,
            Clock(max_iter, options.max_time, started),
            OptimiserSettings(LEARNING_RATE, ema_decay=EMA_DECAY),
            callback=callback,
            processes=processes,
        )
        return processes.first(lambda: (denoiser.to("cpu"), history))

    def n_noise(self, denoiser: Denoiser, n_codes: int) -> int:
        """Numbers per row that one call of ``noise`` gives."""
        return n_codes

    def draw(self, denoiser: "NoisePredictor", x: Tensor, mask: Tensor, noise: Noise) -> Tensor:
        """Rows completed by Algorithm 2."""
        return impute_by_replacement(
            denoiser,
            self.schedule,
            x,
            mask,
            noise,
            n_resample=self.n_resample,
            variance=self.variance,
        )

    def generate(self, denoiser: "NoisePredictor", noise: Noise) -> Tensor:
        """New rows by Algorithm 3."""
        return generate(denoiser, self.schedule, noise, variance=self.variance)

    def log_density(
        self, denoiser: "NoisePredictor", x: Tensor, mask: Tensor, noise: Noise
    ) -> Tensor:
        """A bound on the log density of the observed codes of rows of numbers."""
        return score_rows_of_paper(denoiser, self.schedule, x, mask, noise)
