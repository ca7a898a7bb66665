"""Held-out cells: how far every column may believe the networks, and which weights to keep."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .denoiser import Inputs, PreconditionedDenoiser, level_logits
from .loss import Batch, corrupt, hide_cells, stacked
from .preconditioning import FactorModel

ALPHA_GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
MAX_HELD_ROWS, MAX_MASKINGS = 8192, 8  # for one network
# Numeric columns, or categorical ones, that gain less than this on average keep the factor
# analysis: held-out cells are few, and their noise picks the best of ten checkpoints.
MIN_IMPROVEMENT = 0.02
PSEUDO_CELLS = 20  # weight of the common alpha in a column's own


class Validation(NamedTuple):
    """Held-out error relative to the factor analysis, and the alpha that reaches it."""

    error: float
    alpha: Tensor  # (n_codes,)


def leave_out(
    n_rows: int, n_networks: int, fraction: float, generator: torch.Generator
) -> tuple[list[Tensor], list[Tensor]]:
    """Rows each network trains on, and the rows of its own that it does not see."""
    order = torch.randperm(n_rows, generator=generator)
    size = int(fraction * n_rows)
    held = [order[k * size : (k + 1) * size] for k in range(n_networks)]
    kept = []
    for rows in held:
        keep = torch.ones(n_rows, dtype=torch.bool)
        keep[rows] = False
        kept.append(keep.nonzero()[:, 0])
    return kept, held


def validation_batch(
    model: FactorModel,
    x: Tensor,
    mask: Tensor,
    cell_of_code: Tensor,
    held_rows: list[Tensor],
    generator: torch.Generator,
    *,
    fraction: float = 0.3,
) -> Batch:
    """Many one-pass maskings of the held-out rows of each network: a criterion without noise."""
    batches = []
    for rows in held_rows:
        rows = rows[:MAX_HELD_ROWS]
        rows = rows.repeat(max(1, min(MAX_MASKINGS, MAX_HELD_ROWS // len(rows))))
        share = torch.full((len(rows), 1), fraction)
        hidden = hide_cells(mask[rows], cell_of_code, share, generator)
        absent = torch.full((len(rows),), math.inf)
        batches.append(corrupt(model, x[rows], mask[rows], hidden, absent, generator))
    return stacked(batches, torch.stack)


def agreement(denoiser: PreconditionedDenoiser, batch: Batch, n_rows: int = 512) -> Tensor:
    """|mean F|^2 / mean |F|^2 over absent cells: 1 if the networks agree, 1/K if they do not.

    The error of the averaged networks is predicted from those of single ones:
    held-out rows are held out from one network only.
    """
    K = denoiser.n_networks
    size = max(1, n_rows // K)
    inputs = Inputs(*(part[:, :size].flatten(0, 1).expand(K, -1, -1) for part in batch.inputs))
    F, _ = denoiser.correction(inputs)
    F = F * inputs.s * (inputs.w == 0)
    return F.mean(0).square().sum(0) / F.square().mean(0).sum(0).clamp_min(1e-12)


@torch.no_grad()
def validate(denoiser: PreconditionedDenoiser, batch: Batch) -> Validation:
    """Least held-out error over alpha, in closed form for numeric codes.

    A numeric code's error of alpha is base - 2 alpha cross + alpha^2 power; its
    alpha is pooled towards a common one. A column's alpha for logits comes from
    a grid. Errors are relative to alpha = 0, averaged over columns.
    """
    inputs, hidden, x_0 = batch
    F, _ = denoiser.correction(inputs)
    alpha = torch.ones(F.shape[-1], device=F.device)
    codes = denoiser.numeric_codes
    agreed = agreement(denoiser, batch)
    errors = []
    if len(codes):
        residual = ((x_0 - inputs.g) * hidden)[..., codes]
        step = (inputs.s * F * hidden)[..., codes]
        cross = (residual * step).sum((0, 1))
        power = step.square().sum((0, 1)) * agreed[codes]
        base = residual.square().sum((0, 1)).clamp_min(1e-9)
        common = ((cross / base).sum() / (power / base).sum().clamp_min(1e-9)).clamp(0, 1)
        prior = PSEUDO_CELLS * power / hidden[..., codes].sum((0, 1)).clamp_min(1)
        own = ((cross + prior * common) / (power + prior).clamp_min(1e-12)).clamp(0, 1)
        error = (base - 2 * own * cross + own.square() * power) / base
        if error.mean() > 1 - MIN_IMPROVEMENT:
            own, error = torch.zeros_like(own), torch.ones_like(error)
        alpha[codes] = own
        errors.append(error)
    surprises = []
    for levels in denoiser.categorical_slices:
        g, step = inputs.g[..., levels], F[..., levels]
        seen = hidden[..., levels.start]
        losses = torch.stack(
            [
                -(x_0[..., levels] * level_logits(g, a * step).log_softmax(-1))[seen].sum()
                for a in ALPHA_GRID
            ]
        )
        best = int(losses.argmin())
        # As in closed form above: the averaged networks deserve 1 / agreement more.
        # Networks that say nothing (a single level) agree on nothing: at least 1 / K then.
        agreement_of_levels = max(agreed[levels].mean().item(), 1 / denoiser.n_networks)
        alpha[levels] = min(1.0, ALPHA_GRID[best] / agreement_of_levels)
        unseen = losses[0] <= 0
        surprises.append(torch.where(unseen, 1.0, losses[best] / losses[0].clamp_min(1e-9)))
    if surprises:
        error = torch.stack(surprises)
        if error.mean() > 1 - MIN_IMPROVEMENT:
            error = torch.ones_like(error)
            for levels in denoiser.categorical_slices:
                alpha[levels] = 0
        errors.append(error)
    return Validation(torch.cat(errors).mean().item(), alpha)
