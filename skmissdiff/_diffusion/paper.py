"""MissDiff as printed (Ouyang, Xie, Li and Cheng 2023, arXiv 2307.00467).

``predict_noise(x_t, t)`` is the network: x_t (n_rows, n_codes), t (n_rows,) of
integers 1..T, result like x_t. It sees no mask. ``noise()`` gives the next
standard normal array (n_rows, n_codes); nothing here draws by itself.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .schedule import DiscreteSchedule, reverse_std

PredictNoise = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[], Tensor]


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
