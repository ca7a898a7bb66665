"""Noise schedules: the discrete one of the paper, and noise levels sigma.

The discrete schedule is indexed by the paper's t = 0..T: entry 0 is "no noise
yet", so that ``betas[t]`` and ``alphas_cumprod[t]`` are the paper's b_t and A_t.
The two views of one process: x_t = sqrt(A_t) (x_0 + sigma_t e) with
sigma_t = sqrt((1 - A_t) / A_t).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

BETA_SHAPES = ("linear", "quadratic", "cosine")
MAX_BETA = 0.999


class DiscreteSchedule(NamedTuple):
    """b_t and A_t = prod_{s <= t} (1 - b_s) for t = 0..T; b_0 = 0 and A_0 = 1."""

    betas: Tensor  # (n_steps + 1,)
    alphas_cumprod: Tensor  # (n_steps + 1,)

    @property
    def n_steps(self) -> int:
        return len(self.betas) - 1


def cosine_betas(n_steps: int, offset: float = 0.008) -> Tensor:
    """Nichol and Dhariwal 2021, eq. 17: A_t = f(t)/f(0), f = cos^2((t/T + s)/(1 + s) pi/2)."""
    time = torch.linspace(0, 1, n_steps + 1, dtype=torch.float64)
    A = (((time + offset) / (1 + offset)) * math.pi / 2).cos().square()
    return (1 - A[1:] / A[:-1]).clamp_max(MAX_BETA)


def discrete_schedule(
    n_steps: int, shape: str = "quadratic", beta_start: float = 1e-4, beta_end: float = 0.5
) -> DiscreteSchedule:
    """The schedule b_1..b_T; the cosine shape does not read its two ends."""
    if shape == "linear":
        betas = torch.linspace(beta_start, beta_end, n_steps, dtype=torch.float64)
    elif shape == "quadratic":
        root = torch.linspace(beta_start**0.5, beta_end**0.5, n_steps, dtype=torch.float64)
        betas = root.square()
    elif shape == "cosine":
        betas = cosine_betas(n_steps)
    else:
        raise ValueError(f"shape must be one of {BETA_SHAPES}, got {shape!r}")
    betas = torch.cat([betas.new_zeros(1), betas])
    return DiscreteSchedule(betas, (1 - betas).cumprod(0))


def reverse_std(schedule: DiscreteSchedule, variance: str = "large") -> Tensor:
    """sigma_t of the reverse step (Ho et al. 2020, section 3.2), shape (n_steps + 1,).

    ``"large"``: sigma_t^2 = b_t. ``"small"``: sigma_t^2 = b_t (1 - A_{t-1}) / (1 - A_t).
    The entries at t = 0 and t = 1 are zero: the last step adds no noise.
    """
    betas, A = schedule
    std = betas.sqrt()
    if variance == "small":
        std[1:] = (betas[1:] * (1 - A[:-1]) / (1 - A[1:])).sqrt()
    elif variance != "large":
        raise ValueError(f"variance must be 'large' or 'small', got {variance!r}")
    std[:2] = 0
    return std


def noise_level(schedule: DiscreteSchedule) -> Tensor:
    """sigma_t = sqrt((1 - A_t) / A_t): the noise beside an unscaled x_0, t = 0..T."""
    return ((1 - schedule.alphas_cumprod) / schedule.alphas_cumprod).sqrt()


def sigma_steps(n_steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> Tensor:
    """Falling noise levels (Karras et al. 2022, eq. 5), from sigma_max to sigma_min, then 0.

    Shape (n_steps + 1,).
    """
    ramp = torch.linspace(0, 1, n_steps, dtype=torch.float64)
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return torch.cat([(top + ramp * (bottom - top)) ** rho, ramp.new_zeros(1)])
