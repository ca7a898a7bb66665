"""How likely rows are: a bound on the log density of their observed codes, in nats.

The error of a denoiser over all signal-to-noise ratios snr = 1 / sigma^2 is a log density
(Guo, Shamai and Verdu 2005; Kingma et al. 2021; Kong et al. 2023): for any denoiser D,

    log p(x) >= const - 1/2 int E |x - D(x + sigma e)|^2 d snr,

with equality if D is the posterior mean. The Gaussian model has a posterior mean g and a
density p_G in closed form. Subtracting its own equation leaves what the network adds,

    log p(x) >= log p_G(x) + 1/2 int E[ |x - g|^2 - |x - D|^2 ] d snr,                (1)

an integral over a bump instead of one that diverges. All of it may be given other codes,
which stay clean. D may be any denoiser: beyond the
noise levels that the networks have seen in training it is g, and adds nothing. Codes that
are not observed are absent, as Theorem 2 of MissDiff (arXiv 2307.00467) leaves them out.

Shapes: ``x``, ``mask`` (n_rows, n_codes); results (n_rows,), in double precision.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .denoiser import PreconditionedDenoiser
from .factor_analysis import log_likelihood

Noise = Callable[[], Tensor]

# Levels of (1) and their number: the integrand is smooth in log sigma. Below the least level
# the networks have little to gain, and their errors count with 1 / sigma^2.
SIGMA_LOW, SIGMA_HIGH, N_LEVELS = 0.05, 20.0, 24
MIN_PROBABILITY = 1e-30  # of a category, where float32 has no smaller one


def trapezoid_weights(log_sigma: Tensor) -> Tensor:
    """Weights of falling or rising levels, of any spacing, in an integral over log sigma."""
    gaps = log_sigma.diff().abs() / 2
    zero = gaps.new_zeros(1)
    return torch.cat([gaps, zero]) + torch.cat([zero, gaps])


def gain_of_numbers(
    denoiser: PreconditionedDenoiser, x: Tensor, scored: Tensor, given: Tensor, noise: Noise
) -> Tensor:
    """The integral in (1) for the codes ``scored``, the codes ``given`` clean, others absent.

    With d snr = 2 snr |d log sigma| and delta = D - g the integrand over log sigma is
    snr (2 (x - g) delta - delta^2); e and -e are both used, which cancels what is odd in e.
    """
    log_sigma = torch.linspace(
        math.log(SIGMA_LOW), math.log(SIGMA_HIGH), N_LEVELS, dtype=torch.float64
    )
    level = torch.where(given, 0.0, torch.inf).double()
    total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for sigma, weight in zip(log_sigma.exp().tolist(), trapezoid_weights(log_sigma), strict=True):
        step = sigma * noise()[:, : x.shape[1]]
        for sign in (1, -1):
            noised = torch.where(scored, x + sign * step, x)
            estimate = denoiser.estimate(noised, torch.where(scored, sigma, level))
            delta = estimate.mean.double() - estimate.g
            gain = 2 * (x - estimate.g) * delta - delta.square()
            total += weight.item() / 2 * (gain * scored).sum(1) / sigma**2
    return total


def score_rows(denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, noise: Noise) -> Tensor:
    """Sum of log P(category | categories before), plus (1) for the numbers given the categories.

    In this order the networks meet what they were trained on: numbers at one noise level
    beside clean categories. The other order, numbers beside absent categories, scored lower.
    """
    model, codes = denoiser.factors, x.double()
    total = torch.zeros_like(codes[:, 0])
    given = torch.zeros_like(mask)
    for categories in denoiser.layout.categorical_slices:
        seen = mask[:, categories.start]
        probabilities = denoiser.estimate(x, torch.where(given, 0.0, torch.inf)).mean[:, categories]
        chosen = (probabilities * x[:, categories]).sum(1).double()
        total = total + torch.where(seen, chosen.clamp_min(MIN_PROBABILITY).log(), 0.0)
        given = given.clone()
        given[:, categories] = mask[:, categories]
    numbers = mask & ~given
    if not numbers.any():
        return total
    both, before = (log_likelihood(model, codes, known.double()) for known in (mask, given))
    return total + both - before + gain_of_numbers(denoiser, x, numbers, given, noise)
