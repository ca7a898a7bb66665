"""The updates of training: AdamW, Muon for square matrices, a running average of weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .denoiser import Denoiser


class Muon:
    """Momentum steps made orthogonal by Newton-Schulz iterations, for (K, n, n) weights.

    Jordan et al. 2024. The coefficients are theirs; singular values end near 1.
    """

    def __init__(self, parameters: Sequence[Tensor], momentum: float = 0.95, n_iter: int = 3):
        self.parameters = parameters
        self.momentum, self.n_iter = momentum, n_iter
        self.averages = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, learning_rate: float, weight_decay: float, dtype: torch.dtype) -> None:
        pairs = zip(self.parameters, self.averages, strict=True)
        moved = [(p, average, p.grad) for p, average in pairs if p.grad is not None]
        if not moved:
            return
        parameters, averages, gradients = (list(part) for part in zip(*moved, strict=True))
        torch._foreach_lerp_(averages, gradients, 1 - self.momentum)
        updates = torch._foreach_lerp(gradients, averages, self.momentum)
        # All matrices at once: they are small, and a product of few has little to do.
        directions = orthogonalised(
            torch.cat([update.to(dtype) for update in updates]), self.n_iter
        )
        directions = directions.to(parameters[0].dtype).split([len(p) for p in parameters])
        torch._foreach_mul_(parameters, 1 - learning_rate * weight_decay)
        torch._foreach_sub_(parameters, directions, alpha=learning_rate)


def orthogonalised(matrices: Tensor, n_iter: int = 3) -> Tensor:
    """Nearest orthogonal matrices, roughly, of square (K, n, n)."""
    X = matrices / (matrices.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(n_iter):
        A = X @ X.mT  # X <- 3.4445 X + (-4.7750 A + 2.0315 A^2) X
        X = torch.baddbmm(X, torch.baddbmm(A, A, A, beta=-4.7750, alpha=2.0315), X, beta=3.4445)
    return X


@dataclass(frozen=True)
class OptimiserSettings:
    """Rates of the updates; those of learning are multiplied by a factor per step."""

    learning_rate: float
    muon_learning_rate: float | None = None  # None: AdamW for every parameter
    weight_decay: float = 0.01
    ema_decay: float = 0.98
    bfloat16: bool = False
    muon_iterations: int = 3


class Optimiser:
    """AdamW, with Muon for the square matrices if asked for, and a running average."""

    def __init__(self, denoiser: Denoiser, settings: OptimiserSettings):
        self.settings = settings
        self.parameters = list(denoiser.parameters())
        square = []
        if settings.muon_learning_rate is not None:
            square = [p for p in denoiser.blocks.parameters() if p.shape[1] == p.shape[2]]
        chosen = {id(p) for p in square}
        self.muon = Muon(square, n_iter=settings.muon_iterations)
        self.adamw = torch.optim.AdamW(
            [p for p in self.parameters if id(p) not in chosen],
            lr=settings.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.average = [p.detach().clone() for p in self.parameters]

    def step(self, n_steps: int, factor: float) -> None:
        """Update number ``n_steps``, at ``factor`` times the learning rates."""
        settings = self.settings
        for group in self.adamw.param_groups:
            group["lr"] = factor * settings.learning_rate
        self.adamw.step()
        if self.muon.parameters and settings.muon_learning_rate is not None:
            dtype = torch.bfloat16 if settings.bfloat16 else torch.float32
            self.muon.step(factor * settings.muon_learning_rate, settings.weight_decay, dtype)
        for parameter in self.parameters:
            parameter.grad = None
        # A young average forgets its random start sooner.
        decay = min(settings.ema_decay, (n_steps + 1) / (n_steps + 10))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their running average."""
        for parameter, average in zip(self.parameters, self.average, strict=True):
            kept = parameter.clone()
            parameter.copy_(average)
            average.copy_(kept)
