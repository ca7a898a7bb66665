"""The training loop that both methods share."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from .denoiser import Denoiser
from .optimiser import Optimiser, OptimiserSettings
from .processes import ALONE, Processes
from .recipe import CHECKPOINTS, COOL_DOWN, FALL, FEWEST_LOOKS, MIN_CHANGE, WARM_UP

# The next batch, whatever the loss makes of it.
NextBatch = Callable[[], Any]
# (denoiser, batch) -> mean loss of the networks.
Loss = Callable[[Any, Any], Tensor]
# Called with the number of steps done, that of all steps and the last loss.
Callback = Callable[[int, int, float], None]


class Judged(Protocol):
    """What a judgement of a denoiser has to tell: 1 is no better than before any training."""

    @property
    def error(self) -> float: ...


Judge = Callable[[Any], Judged]


class Refresh(Protocol):
    """Makes the training rows anew, a few times."""

    @property
    def is_pending(self) -> bool:
        """Whether one is still to come."""
        ...

    def is_due(self, share_done: float) -> bool:
        """Whether it is time, by the share of the training that is over."""
        ...

    def __call__(self, denoiser: Any, share_done: float, seconds_left: float) -> bool:
        """Make the rows with the denoiser of now, or leave them (False) if time is too short."""
        ...


@dataclass
class History:
    """What happened in training."""

    loss_curve: list[float] = field(default_factory=list)
    validation_loss_curve: list[float] = field(default_factory=list)
    too_late: bool = False  # no time was left for a single step
    said: Any = None  # of held-out rows, by which others are believed beside the networks

    @property
    def n_iter(self) -> int:
        return len(self.loss_curve)


class Clock:
    """How much of the training is over, by steps or by time, whichever is further.

    ``started`` is the `time.monotonic` from which ``max_time`` counts, that of the whole fit.
    """

    def __init__(self, max_iter: int, max_time: float | None = None, started: float | None = None):
        self.max_iter, self.max_time = max_iter, max_time
        self.started = time.monotonic() if started is None else started
        self.loop_started = time.monotonic()

    def start_loop(self) -> None:
        """From now on steps are made: the time that is left is theirs."""
        self.loop_started = time.monotonic()

    def share_done(self, n_steps: int) -> float:
        """From 0 at the start of the loop to 1 at its end."""
        by_steps = n_steps / self.max_iter if self.max_iter else 1.0
        if self.max_time is None:
            return by_steps
        whole = self.started + self.max_time - self.loop_started
        if whole <= 0:
            return 1.0
        return max(by_steps, (time.monotonic() - self.loop_started) / whole)

    def seconds_left(self) -> float:
        """Until ``max_time`` is over."""
        if self.max_time is None:
            return math.inf
        return self.started + self.max_time - time.monotonic()


def learning_rate_factor(share_done: float) -> float:
    """A short linear warm-up, a plateau, then a straight fall to zero."""
    return min(1.0, (share_done + 1e-3) / WARM_UP, max(1 - share_done, 0.0) / FALL)


def train_step(
    denoiser: Denoiser,
    optimiser: Optimiser,
    loss: Loss,
    batch: Any,
    n_steps: int,
    factor: float,
    processes: Processes = ALONE,
) -> float:
    """Loss of one batch, or of one in each process, before the update it makes."""
    value = loss(denoiser, batch)
    # Every network's own loss counts in full: they are trained side by side, not together.
    (denoiser.n_networks * value).backward()
    mean = processes.average(value, denoiser.parameters())
    if not math.isfinite(mean):
        raise ValueError(
            f"Training diverged: the loss is {mean} after {n_steps} steps. Look for "
            "columns of extreme values, or lower max_iter."
        )
    optimiser.step(n_steps, factor)
    return mean


class Checkpoints:
    """Keeps the best weights by held-out cells, and says when more training is in vain.

    Of weights that are as good, the later ones are kept: held-out cells are noisy, and weights
    come to rest.
    """

    def __init__(self, judge: Judge | None, optimiser: Optimiser, patience: int, n_held: int):
        self.judge, self.optimiser, self.patience = judge, optimiser, patience
        self.min_change = MIN_CHANGE / math.sqrt(max(n_held, 1))
        self.due = list(CHECKPOINTS) if judge else []
        self.forget()

    def forget(self) -> None:
        """What was best before the training rows were made anew has not seen them."""
        self.best: Any = None
        self.weights: Tensor | None = None
        self.n_stale = 0
        self.n_looks = 0
        self.least = 1.0  # the factor analysis

    def look(self, denoiser: Denoiser, share_done: float, history: History) -> None:
        """Judge the averaged weights if it is time."""
        if not self.due or share_done < self.due[0]:
            return
        assert self.judge is not None
        self.due = [share for share in self.due if share > share_done]
        self.optimiser.swap()
        found = self.judge(denoiser)
        history.validation_loss_curve.append(found.error)
        self.n_stale = 0 if found.error < self.least - self.min_change else self.n_stale + 1
        if self.best is None or found.error < self.least + self.min_change:
            self.best = found
            self.weights = self.optimiser.values.clone()
        self.least = min(self.least, found.error)
        self.n_looks += 1
        self.optimiser.swap()

    @property
    def in_vain(self) -> bool:
        never = self.least >= 1 and self.n_looks >= FEWEST_LOOKS
        return never or self.n_stale >= self.patience


class CoolDown:
    """The last steps of a training that has nothing to gain: the learning rate falls to zero."""

    def __init__(self):
        self.first: int | None = None
        self.last = 0

    def begin(self, n_steps: int) -> None:
        """After this step, unless it has begun."""
        if self.first is None:
            self.first = n_steps
            self.last = n_steps + max(1, round(COOL_DOWN * n_steps))

    def factor(self, n_steps: int) -> float:
        """Of the learning rate, from 1 to 0."""
        if self.first is None:
            return 1.0
        return (self.last - n_steps) / (self.last - self.first)

    def is_over(self, n_steps: int) -> bool:
        """Whether this was the last step."""
        return self.first is not None and n_steps >= self.last - 1


def fit_loop(
    denoiser: Denoiser,
    next_batch: NextBatch,
    loss: Loss,
    clock: Clock,
    settings: OptimiserSettings,
    judge: Judge | None = None,
    patience: int = 3,
    n_held: int = 0,
    callback: Callback | None = None,
    refresh: Refresh | None = None,
    processes: Processes = ALONE,
) -> tuple[History, Any]:
    """Train in place, keep the averaged weights: the last, or the best by ``judge``.

    ``n_held`` rows are what ``judge`` looks at. Returns what happened, and the judgement of the
    weights that were kept, None without one. Of several processes the first one judges and looks
    at the clock; its weights are those that count.
    """
    optimiser = Optimiser(denoiser, settings)
    history, checkpoints = History(), Checkpoints(judge, optimiser, patience, n_held)
    clock.start_loop()
    end = CoolDown()
    share_done = processes.decide(clock.share_done(0))
    for n_steps in range(clock.max_iter):
        factor = end.factor(n_steps) * learning_rate_factor(share_done)
        value = train_step(denoiser, optimiser, loss, next_batch(), n_steps, factor, processes)
        history.loss_curve.append(value)
        if callback is not None:
            callback(n_steps + 1, clock.max_iter, value)
        share_done = processes.decide(clock.share_done(n_steps + 1))
        share_done = 1.0 if end.is_over(n_steps) else share_done
        checkpoints.look(denoiser, share_done, history)
        # Rows that are still to be made anew have more to teach.
        waits = refresh is not None and refresh.is_pending
        if processes.decide(checkpoints.in_vain and not waits):
            end.begin(n_steps)
        if refresh is not None and refresh.is_due(share_done):
            optimiser.swap()  # the average is the better model to draw from
            if refresh(denoiser, share_done, processes.decide(clock.seconds_left())):
                checkpoints.forget()
            optimiser.swap()
            share_done = processes.decide(clock.share_done(n_steps + 1))
        if share_done >= 1:
            break
    kept = optimiser.average if checkpoints.weights is None else checkpoints.weights
    if not kept.isfinite().all():
        raise ValueError("Training diverged in its last step. Lower max_iter.")
    optimiser.keep(kept)
    return history, checkpoints.best
