"""The training loop that both methods share."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from .denoiser import Denoiser
from .optimiser import Optimiser, OptimiserSettings
from .validation import Validation

WARM_UP = 0.05  # share of the training in which the learning rate rises

# The next batch, whatever the loss makes of it.
NextBatch = Callable[[], Any]
# (denoiser, batch) -> mean loss of the networks.
Loss = Callable[[Any, Any], Tensor]
# The held-out error of a denoiser, and how far to believe it.
Validate = Callable[[Any], Validation]
# Called with the number of steps done and the last loss.
Callback = Callable[[int, float], None]


class Refresh(Protocol):
    """Makes the training rows anew, a few times."""

    def is_due(self, share_done: float) -> bool:
        """Whether it is time, by the share of the training that is over."""
        ...

    def __call__(self, denoiser: Any, share_done: float, seconds_left: float) -> bool:
        """Make the rows with the denoiser of now, or leave them (False) if time is too short."""
        ...


@dataclass(frozen=True)
class TrainingSettings:
    """What the loop may spend, and how it decides to stop."""

    max_iter: int
    max_time: float | None = None
    n_validations: int = 10
    n_iter_no_change: int = 5
    tol: float = 1e-4
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)


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

    def seconds_left(self) -> float:
        """Until `max_time`."""
        if self.settings.max_time is None:
            return math.inf
        return self.start + self.settings.max_time - time.monotonic()


def learning_rate_factor(share_done: float) -> float:
    """A short linear warm-up, then a cosine to zero."""
    warm_up = min(1.0, (share_done + 1e-3) / WARM_UP)
    return warm_up * 0.5 * (1 + math.cos(math.pi * min(share_done, 1.0)))


def train_step(
    denoiser: Denoiser, optimiser: Optimiser, loss: Loss, batch: Any, n_steps: int, factor: float
) -> float:
    """Loss of one batch before the update it makes."""
    value = loss(denoiser, batch)
    if not value.isfinite():
        raise ValueError(
            f"Training diverged: the loss is {value.item()} after {n_steps} steps. Lower "
            "learning_rate_init, or look for columns of extreme values."
        )
    # Every network's own loss counts in full: they are trained side by side, not together.
    (denoiser.n_networks * value).backward()
    optimiser.step(n_steps, factor)
    return value.item()


def fit_loop(
    denoiser: Denoiser,
    next_batch: NextBatch,
    loss: Loss,
    settings: TrainingSettings,
    validate: Validate | None = None,
    callback: Callback | None = None,
    refresh: Refresh | None = None,
) -> tuple[History, Validation | None]:
    """Train in place, keep the averaged weights: the last, or the best by ``validate``.

    What was best before a refresh of the training rows is forgotten: it has not seen them.
    """
    optimiser = Optimiser(denoiser, settings.optimiser)
    history, clock = History(), Clock(settings)
    best: Validation | None = None
    n_stale = 0
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
            least = math.inf if best is None else best.error
            n_stale = 0 if found.error < least - settings.tol else n_stale + 1
            if found.error < least:
                best = found
                best_state = [p.detach().clone() for p in optimiser.parameters]
            optimiser.swap()
        if refresh is not None and refresh.is_due(share_done):
            optimiser.swap()  # the average is the better model to draw from
            if refresh(denoiser, share_done, clock.seconds_left()):
                best, best_state, n_stale = None, [], 0
            optimiser.swap()
            share_done = clock.share_done(n_steps + 1)
        if share_done >= 1 or n_stale >= settings.n_iter_no_change:
            break
    kept_weights = best_state or optimiser.average
    if not all(weight.isfinite().all() for weight in kept_weights):
        raise ValueError("Training diverged in its last step. Lower learning_rate_init.")
    with torch.no_grad():
        for parameter, kept in zip(optimiser.parameters, kept_weights, strict=True):
            parameter.copy_(kept)
    return history, best
