"""The updates of training: AdamW, Muon for square matrices, a running average of weights."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from .denoiser import Denoiser
from .recipe import MUON_ITERATIONS


class AdamW:
    """Steps by the running mean of gradients over the root of that of their squares.

    Loshchilov and Hutter 2019, algorithm 2, for weights in one vector.
    """

    def __init__(self, values: Tensor, betas: tuple[float, float] = (0.9, 0.99)):
        self.values, self.betas = values, betas
        self.mean, self.square = torch.zeros_like(values), torch.zeros_like(values)
        self.n_steps = 0

    def step(self, gradient: Tensor, learning_rate: float, weight_decay: float) -> None:
        self.n_steps += 1
        # Sums of the weights in the two averages: they start at zero.
        first, second = (1 - beta**self.n_steps for beta in self.betas)
        self.mean.lerp_(gradient, 1 - self.betas[0])
        self.square.mul_(self.betas[1]).addcmul_(gradient, gradient, value=1 - self.betas[1])
        root = self.square.sqrt().div_(math.sqrt(second)).add_(1e-8)
        self.values.mul_(1 - learning_rate * weight_decay)
        self.values.addcdiv_(self.mean, root, value=-learning_rate / first)


class Muon:
    """Momentum steps made orthogonal by Newton-Schulz iterations, for (n_matrices, n, n) weights.

    Jordan et al. 2024. The coefficients are theirs; after a few iterations singular values end
    near 1.
    """

    def __init__(self, values: Tensor, momentum: float = 0.95):
        self.values, self.momentum = values, momentum
        self.average = torch.zeros_like(values)

    def step(
        self, gradient: Tensor, learning_rate: float, weight_decay: float, dtype: torch.dtype
    ) -> None:
        self.average.lerp_(gradient, 1 - self.momentum)
        update = gradient.lerp(self.average, self.momentum)
        direction = orthogonalised(update.to(dtype)).to(update.dtype)
        self.values.mul_(1 - learning_rate * weight_decay)
        self.values.sub_(direction, alpha=learning_rate)


def orthogonalised(matrices: Tensor, n_iter: int = MUON_ITERATIONS) -> Tensor:
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


class Optimiser:
    """AdamW, with Muon for the square matrices if asked for, and a running average.

    All weights lie in one vector, ``values``, the square matrices last, and the parameters are
    views of it until `keep`: an update is a few operations, not a few for each parameter.
    """

    def __init__(self, denoiser: Denoiser, settings: OptimiserSettings):
        self.settings = settings
        parameters = list(denoiser.parameters())
        square = []
        if settings.muon_learning_rate is not None:
            square = [p for p in denoiser.blocks.parameters() if p.shape[1] == p.shape[2]]
        chosen = {id(p) for p in square}
        self.parameters = [p for p in parameters if id(p) not in chosen] + square
        self.sizes = [p.numel() for p in self.parameters]
        self.values = torch.cat([p.detach().flatten() for p in self.parameters])
        for parameter, part in zip(self.parameters, self.values.split(self.sizes), strict=True):
            parameter.data = part.view_as(parameter)
        self.average = self.values.clone()
        n_others = sum(self.sizes[: len(parameters) - len(square)])
        self.n_of_each = [n_others, len(self.values) - n_others]
        others, matrices = self.values.split(self.n_of_each)
        self.adamw = AdamW(others)
        self.muon = None
        if square:
            matrices = matrices.view(-1, *square[0].shape[1:])
            self.muon = Muon(matrices)

    @torch.no_grad()
    def step(self, n_steps: int, factor: float) -> None:
        """Update number ``n_steps``, at ``factor`` times the learning rates."""
        settings = self.settings
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        own, of_matrices = torch.cat([g.flatten() for g in gradients]).split(self.n_of_each)
        for parameter in self.parameters:
            parameter.grad = None
        self.adamw.step(own, factor * settings.learning_rate, settings.weight_decay)
        if self.muon is not None and settings.muon_learning_rate is not None:
            dtype = torch.bfloat16 if settings.bfloat16 else torch.float32
            rate = factor * settings.muon_learning_rate
            of_matrices = of_matrices.view_as(self.muon.values)
            self.muon.step(of_matrices, rate, settings.weight_decay, dtype)
        # A young average forgets its random start sooner.
        decay = min(settings.ema_decay, (n_steps + 1) / (n_steps + 10))
        self.average.lerp_(self.values, 1 - decay)

    def swap(self) -> None:
        """Exchange the weights and their running average."""
        kept = self.values.clone()
        self.values.copy_(self.average)
        self.average.copy_(kept)

    def keep(self, values: Tensor) -> None:
        """End with these weights: each parameter has memory of its own again."""
        for parameter, part in zip(self.parameters, values.split(self.sizes), strict=True):
            parameter.data = part.view_as(parameter).clone()
