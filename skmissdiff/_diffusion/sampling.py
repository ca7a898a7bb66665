"""Draws of the default method: reverse diffusion over the missing codes only."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .schedule import sigma_steps

SIGMA_MIN, SIGMA_MAX = 0.01, 20.0


def absent_level(mask: Tensor) -> Tensor:
    """Noise levels of observed codes (0) and missing ones (infinity)."""
    return torch.where(mask, 0.0, torch.inf)


def sample_given(
    denoiser: nn.Module, x: Tensor, mask: Tensor, noise: Callable[[], Tensor], n_steps: int
) -> Tensor:
    """Euler steps of the probability-flow ODE from D(infinity) down, given clean codes."""
    mean = denoiser(x, absent_level(mask))
    levels = sigma_steps(n_steps, SIGMA_MIN, SIGMA_MAX).tolist()
    state = torch.where(mask, x, mean + levels[0] * noise())
    for level, lower in zip(levels[:-1], levels[1:], strict=True):
        denoised = denoiser(state, torch.where(mask, 0.0, level))
        slope = (state - denoised) / level
        state = torch.where(mask, x, state + (lower - level) * slope)
    return state
