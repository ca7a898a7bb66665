"""Masked denoising losses: hide observed cells, ask the network for them.

Shapes: ``x``, ``mask``, ``hidden``, ``sigma`` (n_rows, n_codes); cells are the
columns of the table before encoding, ``cell_of_code`` (n_codes,) names them.

Numbers have all noise levels. Levels have two, known and absent: they are drawn one
column at a time, by their probabilities given what is known.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .codes import Layout
from .denoiser import Inputs, PreconditionedDenoiser, level_logits, network_inputs
from .preconditioning import FactorModel, gaussian_posterior

LOG_SIGMA_MEAN, LOG_SIGMA_SD = -0.5, 1.5


class Mixture(NamedTuple):
    """What training rows look like; every row draws its kind at random.

    mean_share : one-pass rows, whose hidden cells are absent; of the others half are noised
        in all numbers (generation) and half in some (conditioning), at one sigma per row.
    max_hidden : the hidden fraction of a one-pass row is uniform on (0, max_hidden).
    begun_share : one-pass rows that know no number and only the first of their categorical
        columns, as rows do while they are generated.
    completed_share : conditioning rows that come with their missing cells drawn, once there
        are draws. Generation rows and begun ones all do: those that happen to be whole are a
        biased sample. The other one-pass rows never do: means are learnt from what was seen.
    """

    mean_share: float = 0.75
    max_hidden: float = 0.6
    begun_share: float = 0.0
    completed_share: float = 0.6


class Batch(NamedTuple):
    """One training batch, all (..., n_rows, n_codes)."""

    inputs: Inputs
    hidden: Tensor  # observed codes to be estimated
    x_0: Tensor


def rows_of(batch: Batch, index: Tensor) -> Batch:
    """Rows of a batch; an index of shape (K, n_rows) gives a batch of K networks."""
    inputs = Inputs(*(part[index] for part in batch.inputs))
    return Batch(inputs, batch.hidden[index], batch.x_0[index])


def stacked(batches: list[Batch], join=torch.cat) -> Batch:
    """Join batches row by row (``torch.cat``) or network by network (``torch.stack``)."""
    inputs = Inputs(*(join(parts) for parts in zip(*(b.inputs for b in batches), strict=True)))
    return Batch(inputs, join([b.hidden for b in batches]), join([b.x_0 for b in batches]))


def hide_cells(
    mask: Tensor, cell_of_code: Tensor, fraction: Tensor, generator: torch.Generator
) -> Tensor:
    """Hide each observed cell with probability ``fraction`` (n_rows, 1), at least one per row."""
    n_cells = int(cell_of_code.max()) + 1
    draw = torch.rand(len(mask), n_cells, generator=generator)[:, cell_of_code]
    draw = draw.masked_fill(~mask, 2.0)
    return (draw <= torch.maximum(fraction, draw.amin(1, keepdim=True))) & mask


def hide_the_rest(mask: Tensor, layout: Layout, generator: torch.Generator) -> Tensor:
    """Hide every number, and the categorical columns from a random one on."""
    n_columns = int(layout.level_column.max())
    n_known = torch.randint(n_columns + 1, (len(mask), 1), generator=generator)
    return mask & (layout.is_numeric | (layout.level_column > n_known))


def corrupt(
    model: FactorModel,
    x: Tensor,
    mask: Tensor,
    hidden: Tensor,
    row_sigma: Tensor,
    generator: torch.Generator,
) -> Batch:
    """Give hidden codes the noise level of their row, missing ones infinity, the rest zero."""
    sigma = torch.where(hidden, row_sigma[:, None], 0.0).masked_fill(~mask, math.inf)
    finite = sigma.isfinite()
    noise = torch.randn(x.shape, generator=generator)
    noised = torch.where(finite, x + torch.where(finite, sigma, 0.0) * noise, 0.0)
    dtype = model.mu.dtype
    g, variance = gaussian_posterior(model, noised.to(dtype), sigma.to(dtype))
    return Batch(network_inputs(noised, sigma, g, variance), hidden, x)


def random_sigma(n_rows: int, generator: torch.Generator) -> Tensor:
    """Noise levels of training rows, shape (n_rows,)."""
    return (LOG_SIGMA_MEAN + LOG_SIGMA_SD * torch.randn(n_rows, generator=generator)).exp()


class Rows(NamedTuple):
    """Training rows, all (n_rows, n_codes)."""

    x: Tensor
    mask: Tensor  # True where observed
    completed: Tensor | None = None  # x with its missing codes drawn


def training_batch(
    model: FactorModel,
    rows: Rows,
    layout: Layout,
    mixture: Mixture,
    generator: torch.Generator,
) -> Batch:
    """Draw a kind, a noise level and hidden cells for each row."""
    x, mask, completed = rows
    n_rows, is_numeric = len(x), layout.is_numeric
    chance = torch.rand(3, n_rows, generator=generator)
    one_pass = chance[0] < mixture.mean_share
    one_pass |= ~(mask & is_numeric).any(1)
    begun = one_pass & (chance[1] < mixture.begun_share)
    generation = ~one_pass & (chance[1] < 0.5)
    if completed is not None:
        use = begun | generation | (~one_pass & (chance[2] < mixture.completed_share))
        x = torch.where(use[:, None], completed, x)
        mask = mask | use[:, None]
    fraction = torch.rand(n_rows, 1, generator=generator)
    fraction = torch.where(one_pass, mixture.max_hidden, 1.0)[:, None] * fraction
    fraction = fraction.masked_fill(generation[:, None], 1.0)
    hidden = hide_cells(mask, layout.cell, fraction, generator)
    if mixture.begun_share:
        rest = hide_the_rest(mask, layout, generator)
        hidden = torch.where((begun & rest.any(1))[:, None], rest, hidden)
    # Levels are known or absent: only numbers are noised.
    hidden &= is_numeric | one_pass[:, None]
    row_sigma = random_sigma(n_rows, generator).masked_fill(one_pass, math.inf)
    return corrupt(model, x, mask, hidden, row_sigma, generator)


def masked_loss(
    F: Tensor,
    F_median: Tensor,
    batch: Batch,
    denoiser: PreconditionedDenoiser,
) -> Tensor:
    """Loss per hidden cell, the squared errors weighted by 1 / s^2.

    Numeric cells: squared error of the mean plus absolute error of the median,
    both in units of s. Categorical cells: twice the cross-entropy, to be on the
    scale of a squared error.
    """
    inputs, hidden, x_0 = batch
    numeric_codes = denoiser.numeric_codes
    target = ((x_0 - inputs.g) / inputs.s)[..., numeric_codes]
    counted = hidden[..., numeric_codes]
    error = (target - F[..., numeric_codes]).square() + (target - F_median).abs()
    total = (counted * error).sum()
    n_cells = counted.sum()
    for levels in denoiser.categorical_slices:
        logits = level_logits(inputs.g[..., levels], F[..., levels])
        surprise = -(x_0[..., levels] * logits.log_softmax(dim=-1)).sum(-1)
        counted = hidden[..., levels.start]
        total = total + 2 * (counted * surprise).sum()
        n_cells = n_cells + counted.sum()
    return total / n_cells.clamp_min(1)
