"""The training loop that both methods share."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .optimiser import Optimiser, OptimiserSettings
from .validation import Validation

WARM_UP = 0.05  # share of the training in which the learning rate rises
DIVERGED = 1e6

# The next batch, whatever the loss makes of it.
NextBatch = Callable[[], Any]
# Losses of the networks in a batch, added up, and the mean loss to report.
Loss = Callable[[nn.Module, Any], Tensor]
# The held-out error of a denoiser, and how far to believe it.
Validate = Callable[[nn.Module], Validation]
# Called with the number of steps done and the last loss.
Callback = Callable[[int, float], None]


@dataclass(frozen=True)
class TrainingSettings:
    """What the loop may spend, and how it decides to stop."""

    max_iter: int
    max_time: float | None = None
    n_validations: int = 10
    n_iter_no_change: int = 5
    tol: float = 1e-4
    optimiser: OptimiserSettings = OptimiserSettings()


@dataclass
class History:
    """What happened in training."""

    loss_curve: list[float] = field(default_factory=list)
    validation_loss_curve: list[float] = field(default_factory=list)

    @property
    def n_iter(self) -> int:
        return len(self.loss_curve)


class Clock:
    """How much of the training is over, by steps or by time, whichever is further."""

    def __init__(self, settings: TrainingSettings):
        self.settings = settings
        self.start = time.monotonic()

    def share_done(self, n_steps: int) -> float:
        """From 0 at the start to 1 at the end."""
        by_steps = n_steps / self.settings.max_iter
        if self.settings.max_time is None:
            return by_steps
        return max(by_steps, (time.monotonic() - self.start) / self.settings.max_time)


def learning_rate_factor(share_done: float) -> float:
    """A short linear warm-up, then a cosine to zero."""
    warm_up = min(1.0, (share_done + 1e-3) / WARM_UP)
    return warm_up * 0.5 * (1 + math.cos(math.pi * min(share_done, 1.0)))


def train_step(
    denoiser: nn.Module, optimiser: Optimiser, loss: Loss, batch: Any, n_steps: int, factor: float
) -> float:
    """Loss of one batch before the update it makes."""
    value = loss(denoiser, batch)
    # Every network's own loss counts in full: they are trained side by side, not together.
    (denoiser.n_networks * value).backward()
    optimiser.step(n_steps, factor)
    return value.item()


def fit_loop(
    denoiser: nn.Module,
    next_batch: NextBatch,
    loss: Loss,
    settings: TrainingSettings,
    validate: Validate | None = None,
    callback: Callback | None = None,
    after_step: Callable[[nn.Module, float], None] | None = None,
) -> History:
    """Train in place; keep the averaged weights, those that did best if there is a ``validate``.

    ``after_step`` gets the denoiser and the share of the training that is over.
    """
    optimiser = Optimiser(denoiser, settings.optimiser)
    history, clock = History(), Clock(settings)
    best, n_stale = Validation(math.inf, torch.empty(0)), 0
    best_state: list[Tensor] = []
    every = max(1, settings.max_iter // settings.n_validations)
    for n_steps in range(settings.max_iter):
        factor = learning_rate_factor(clock.share_done(n_steps))
        value = train_step(denoiser, optimiser, loss, next_batch(), n_steps, factor)
        history.loss_curve.append(value)
        if callback is not None:
            callback(n_steps + 1, value)
        share_done = clock.share_done(n_steps + 1)
        if validate is not None and (share_done >= 1 or (n_steps + 1) % every == 0):
            optimiser.swap()
            found = validate(denoiser)
            history.validation_loss_curve.append(found.error)
            n_stale = 0 if found.error < best.error - settings.tol else n_stale + 1
            if found.error < best.error:
                best = found
                best_state = [p.detach().clone() for p in optimiser.parameters]
            optimiser.swap()
        if after_step is not None:
            after_step(denoiser, share_done)
        if share_done >= 1 or n_stale >= settings.n_iter_no_change:
            break
    keep_weights(denoiser, best_state or optimiser.average, best.alpha)
    return history


@torch.no_grad()
def keep_weights(denoiser: nn.Module, weights: list[Tensor], alpha: Tensor) -> None:
    """Give the denoiser its final weights, and its alpha if one was found."""
    for parameter, value in zip(denoiser.parameters(), weights, strict=True):
        parameter.copy_(value)
    if len(alpha):
        denoiser.alpha.copy_(alpha)
