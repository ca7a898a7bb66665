"""The training loop that both methods share."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

# (denoiser, x, mask, generator) -> mean loss of the rows
Loss = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Tensor]
# (number of steps done, last loss)
Callback = Callable[[int, float], None]


@dataclass(frozen=True)
class TrainingSettings:
    """What the loop may spend, in gradient steps, and how it decides to stop."""

    max_iter: int = 2000
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    ema_decay: float = 0.995
    validation_fraction: float = 0.1  # 0 for none
    evaluate_every: int = 50
    n_iter_no_change: int = 10
    tol: float = 1e-4
    max_time: float | None = None


@dataclass
class History:
    loss_curve: list[float] = field(default_factory=list)
    validation_loss_curve: list[float] = field(default_factory=list)

    @property
    def n_iter(self) -> int:
        return len(self.loss_curve)


def split_rows(n_rows: int, fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Indices of the rows to learn from and of the rows held out."""
    n_held_out = int(fraction * n_rows)
    order = torch.randperm(n_rows, generator=generator)
    return order[n_held_out:], order[:n_held_out]


def batches(rows: Tensor, batch_size: int, generator: torch.Generator):
    """Row indices for ever: every epoch a new order, no batch but the only one small."""
    while True:
        order = rows[torch.randperm(len(rows), generator=generator)]
        full = len(order) - len(order) % batch_size
        yield from order[:full].split(batch_size) if full else [order]


def cosine_decay(step: int, max_iter: int) -> float:
    """Factor of the learning rate: from 1 at the first step to 0 after the last."""
    return 0.5 * (1 + math.cos(math.pi * step / max_iter))


def train_step(
    denoiser: nn.Module,
    loss: Loss,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    mask: Tensor,
    generator: torch.Generator,
) -> float:
    optimizer.zero_grad(set_to_none=True)
    value = loss(denoiser, x, mask, generator)
    value.backward()
    nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
    optimizer.step()
    return value.item()


@torch.no_grad()
def evaluate(denoiser: nn.Module, loss: Loss, x: Tensor, mask: Tensor, seed: int) -> float:
    """Loss on held-out rows with the same noise every time."""
    return loss(denoiser, x, mask, torch.Generator().manual_seed(seed)).item()


def fit_loop(
    denoiser: nn.Module,
    loss: Loss,
    x: Tensor,
    mask: Tensor,
    settings: TrainingSettings,
    generator: torch.Generator,
    callback: Callback | None = None,
) -> tuple[nn.Module, History]:
    """Train ``denoiser`` in place; returns the averaged weights that did best, and the curves."""
    rows, held_out = split_rows(len(x), settings.validation_fraction, generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    optimizer = torch.optim.AdamW(
        denoiser.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    averaged = copy.deepcopy(denoiser)
    history = History()
    best, best_value, n_stale = copy.deepcopy(denoiser.state_dict()), math.inf, 0
    if len(held_out):
        best_value = evaluate(denoiser, loss, x[held_out], mask[held_out], seed)
    deadline = math.inf if settings.max_time is None else time.monotonic() + settings.max_time
    source = batches(rows, settings.batch_size, generator)
    for step in range(settings.max_iter):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * cosine_decay(step, settings.max_iter)
        batch = next(source)
        value = train_step(denoiser, loss, optimizer, x[batch], mask[batch], generator)
        history.loss_curve.append(value)
        decay = min(settings.ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, new in zip(averaged.parameters(), denoiser.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        if callback is not None:
            callback(step + 1, value)
        out_of_time = time.monotonic() > deadline
        last = step + 1 == settings.max_iter or out_of_time
        if len(held_out) and (last or (step + 1) % settings.evaluate_every == 0):
            score = evaluate(averaged, loss, x[held_out], mask[held_out], seed)
            history.validation_loss_curve.append(score)
            n_stale = 0 if score < best_value - settings.tol else n_stale + 1
            if score < best_value:
                best, best_value = copy.deepcopy(averaged.state_dict()), score
        if out_of_time or n_stale >= settings.n_iter_no_change:
            break
    if len(held_out):
        averaged.load_state_dict(best)
    return averaged, history
