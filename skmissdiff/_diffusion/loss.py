"""What the default method learns from: masked denoising at a noise level per code."""

import torch
from torch import Tensor, nn

MEAN_LOG_SIGMA, STD_LOG_SIGMA = -0.5, 1.5


def draw_noise_levels(
    mask: Tensor, column_of_code: Tensor, generator: torch.Generator
) -> Tensor:
    """Training noise levels (n_rows, n_codes): infinity where nothing was observed.

    A row is, at random, (a) noised in all its observed codes, (b) clean in some
    columns and noised in the others, (c) clean in some and absent in the others.
    """
    n_rows = len(mask)
    n_columns = int(column_of_code.max()) + 1
    kind = torch.rand(n_rows, 1, generator=generator)
    log_sigma = MEAN_LOG_SIGMA + STD_LOG_SIGMA * torch.randn(n_rows, 1, generator=generator)
    level = torch.where(kind < 0.6, torch.inf, log_sigma.exp())
    share_hidden = torch.rand(n_rows, 1, generator=generator)
    hidden = torch.rand(n_rows, n_columns, generator=generator) < share_hidden
    hidden = hidden | (kind > 0.85)
    sigma = torch.where(hidden, level, 0.0)[:, column_of_code.cpu()].to(mask.device)
    return torch.where(mask, sigma, torch.inf)


def masked_denoising_loss(
    denoiser: nn.Module,
    x_0: Tensor,
    mask: Tensor,
    sigma: Tensor,
    noise: Tensor,
) -> Tensor:
    """Squared error in units of s for numeric codes, cross-entropy for levels."""
    target = mask & (sigma > 0)
    x = x_0 + torch.where(sigma.isfinite(), sigma, 0.0) * noise
    return denoiser.loss(x, sigma, x_0, target)
