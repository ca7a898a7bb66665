"""The layers: K networks of one shape side by side, every layer one batched matrix product.

Shapes: hidden (K, n_rows, hidden_size); a layer computes in the precision of what comes in.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .factor_analysis import WHOLE_WIDTH
from .recipe import MIN_BIN_WIDTH

# Activations (K, n_rows, hidden_size) to those with some units left out.
Dropout = Callable[[Tensor], Tensor]


def uniform(*shape: int, bound: float, generator: torch.Generator) -> nn.Parameter:
    """A start that comes from ``generator``, not from the global one."""
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound, generator=generator))


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Of each network x W + b: (K, n_rows, n_in), (K, n_in, n_out), (K, 1 or n_rows, n_out)."""
    n_out = weight.shape[2]
    if n_out % WHOLE_WIDTH and not torch.is_grad_enabled():
        # At odd widths a row is rounded by its place in the batch, which training may do.
        padding = (0, -n_out % WHOLE_WIDTH)
        return affine(x, pad(weight, padding), pad(bias, padding))[..., :n_out]
    if len(weight) == 1:  # a batch of one has no fast kernel
        alone = (part.squeeze(0) for part in (bias, x, weight))
        return torch.addmm(*alone).unsqueeze(0)
    return torch.baddbmm(bias, x, weight)


class BatchedLinear(nn.Module):
    """K linear layers side by side: (K, n_rows, n_in) to (K, n_rows, n_out)."""

    def __init__(
        self,
        n_networks: int,
        n_in: int,
        n_out: int,
        generator: torch.Generator,
        scale: float = 1.0,
    ):
        super().__init__()
        bound = scale / math.sqrt(n_in)
        self.weight = uniform(n_networks, n_in, n_out, bound=bound, generator=generator)
        self.bias = nn.Parameter(torch.zeros(n_networks, 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        return affine(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class ResidualBlock(nn.Module):
    """h + W2 silu(W1 norm(h)), after He et al. 2016 with the normalisation first."""

    def __init__(self, n_networks: int, size: int, generator: torch.Generator):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(n_networks, 1, size))
        self.expand = BatchedLinear(n_networks, size, size, generator)
        self.project = BatchedLinear(n_networks, size, size, generator)

    def forward(self, hidden: Tensor, dropout: Dropout | None = None) -> Tensor:
        normed = nn.functional.layer_norm(hidden, hidden.shape[-1:])
        # The gain of the normalisation is that of the matrix behind it, which has fewer numbers.
        weight = (self.gain.mT * self.expand.weight).to(hidden.dtype)
        active = nn.functional.silu(affine(normed, weight, self.expand.bias.to(hidden.dtype)))
        return hidden + self.project(active if dropout is None else dropout(active))


def bin_edges(x: Tensor, mask: Tensor, n_bins: int) -> Tensor:
    """Quantiles of the observed values of each column, shape (n_columns, n_bins + 1)."""
    share = torch.linspace(0, 1, n_bins + 1, dtype=torch.float64)
    edges = [
        torch.quantile(x[seen, j].double(), share) if seen.any() else share.new_zeros(n_bins + 1)
        for j, seen in enumerate(mask.T)
    ]
    return torch.stack(edges).float() if edges else torch.zeros(0, n_bins + 1)


def piecewise_linear(x: Tensor, edges: Tensor) -> Tensor:
    """How far x is through each bin, from 0 to 1 (Gorishniy et al. 2022, eq. 1).

    ``x`` (..., n_columns), ``edges`` (n_columns, n_bins + 1); result (..., n_columns * n_bins).
    A bin between equal edges, as of a value that fills much of a column, is a step.
    """
    low, width = edges[:, :-1], edges.diff(dim=1).clamp_min(MIN_BIN_WIDTH)
    return (x[..., None] - low).div_(width).clamp_(0, 1).flatten(-2)
