"""Held-out cells: how far every column may believe the networks, and which weights to keep."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .codes import Layout
from .denoiser import Inputs, PreconditionedDenoiser, level_logits
from .loss import Batch, corrupt, hide_cells, random_sigma, stacked
from .preconditioning import FactorModel

ALPHA_GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
MAX_HELD_ROWS, MAX_MASKINGS = 8192, 24  # for one network
# Numeric columns, or categorical ones, that gain less than this on average keep the factor
# analysis: held-out cells are few, and their noise picks the best of ten checkpoints.
MIN_IMPROVEMENT = 0.02
# A code of a table without held-out rows that gains less than this on the rows that the
# networks know keeps the factor analysis: they have nothing but noise to add.
MIN_KNOWN_GAIN = 0.01


class Validation(NamedTuple):
    """Held-out error relative to the factor analysis, and the alphas that reach it."""

    error: float
    alpha: Tensor  # (n_codes,)
    alpha_noised: Tensor  # (n_codes,)


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


class Checks(NamedTuple):
    """Held-out rows: some cells absent as for means, all numbers noised as for draws."""

    rows: Tensor  # (K, n_rows), their numbers in the training table
    absent: Batch
    noised: Batch | None  # None without numbers


def validation_checks(
    model: FactorModel,
    x: Tensor,
    mask: Tensor,
    layout: Layout,
    held_rows: list[Tensor],
    generator: torch.Generator,
) -> Checks:
    """Many maskings of the held-out rows of each network: a criterion without noise.

    A masking hides one cell of a row. Under MCAR the others are then missing as often as beside
    a cell that is missing by nature: networks are believed as far as they deserve it there.
    """
    numbers_of_rows, absent, noised = [], [], []
    for rows in held_rows:
        rows = rows[:MAX_HELD_ROWS]
        rows = rows.repeat(max(1, min(MAX_MASKINGS, MAX_HELD_ROWS // len(rows))))
        numbers_of_rows.append(rows)
        hidden = hide_cells(mask[rows], layout.cell, torch.zeros(len(rows), 1), generator)
        row_sigma = torch.full((len(rows),), math.inf)
        absent.append(corrupt(model, x[rows], mask[rows], hidden, row_sigma, generator))
        row_sigma = random_sigma(len(rows), generator)
        numbers = mask[rows] & layout.is_numeric
        noised.append(corrupt(model, x[rows], mask[rows], numbers, row_sigma, generator))
    some_numbers = bool(layout.is_numeric.any())
    return Checks(
        torch.stack(numbers_of_rows),
        stacked(absent, torch.stack),
        stacked(noised, torch.stack) if some_numbers else None,
    )


def agreement(denoiser: PreconditionedDenoiser, batch: Batch, n_rows: int = 512) -> Tensor:
    """E[F_k mean(F)] / E[F_k^2] over hidden cells: 1 if networks agree, 1/K if they do not.

    The error of the averaged networks is predicted from those of single ones: the rows of
    network k are held out from it alone. The others agree too well on rows they know, so they
    are compared with network k only.
    """
    K = denoiser.n_networks
    size = max(1, n_rows // K)
    inputs = Inputs(*(part[:, :size].flatten(0, 1).expand(K, -1, -1) for part in batch.inputs))
    F, _ = denoiser.correction(inputs)
    F = (F * inputs.s * (inputs.w < 1)).unflatten(1, (K, -1))
    own = F.diagonal(dim1=0, dim2=1).movedim(-1, 0)
    shared = (own * F.mean(0)).sum((0, 1)) / own.square().sum((0, 1)).clamp_min(1e-12)
    return shared.clamp(1 / K, 1)


class Judged(NamedTuple):
    """A batch, what the networks say about it, and how far they agree."""

    batch: Batch
    F: Tensor  # (K, n_rows, n_codes)
    agreed: Tensor  # (n_codes,)


def judged(denoiser: PreconditionedDenoiser, batch: Batch) -> Judged:
    """Ask the networks."""
    F, _ = denoiser.correction(batch.inputs)
    return Judged(batch, F, agreement(denoiser, batch))


def judge_numbers(said: Judged, codes: Tensor, unit: Tensor | float = 1.0) -> tuple[Tensor, Tensor]:
    """Alpha and relative error of each numeric code, in closed form.

    The error of alpha is base - 2 alpha cross + alpha^2 power. Cells are few: a code's alpha is
    halfway between its own and a common one.
    """
    (inputs, hidden, x_0), F, agreed = said
    residual = ((x_0 - inputs.g) / unit * hidden)[..., codes]
    step = (inputs.s / unit * F * hidden)[..., codes]
    cross = (residual * step).sum((0, 1))
    power = step.square().sum((0, 1)) * agreed[codes]
    base = residual.square().sum((0, 1)).clamp_min(1e-9)
    common = ((cross / base).sum() / (power / base).sum().clamp_min(1e-9)).clamp(0, 1)
    alpha = ((cross / power.clamp_min(1e-12) + common) / 2).clamp(0, 1)
    return alpha, (base - 2 * alpha * cross + alpha.square() * power) / base


def judge_levels(said: Judged, categorical_slices: tuple[slice, ...]) -> tuple[list[float], Tensor]:
    """Alpha of the logits of each categorical column, from a grid, and its relative surprise."""
    alphas, surprises = [], []
    for levels in categorical_slices:
        losses = level_losses(said.batch, said.F, levels, ALPHA_GRID)
        best = int(losses.argmin())
        # As in closed form above: the averaged networks deserve 1 / agreement more.
        alphas.append(min(1.0, ALPHA_GRID[best] / said.agreed[levels].mean().item()))
        unseen = losses[0] <= 0
        surprises.append(torch.where(unseen, 1.0, losses[best] / losses[0].clamp_min(1e-9)))
    return alphas, torch.stack(surprises)


@torch.no_grad()
def validate(
    denoiser: PreconditionedDenoiser, checks: Checks, *, judge_draws: bool = False
) -> Validation:
    """Least held-out error over alpha, relative to alpha = 0 and averaged over columns.

    That of means, or (``judge_draws``) the mean of it and that of draws.
    """
    absent = judged(denoiser, checks.absent)
    alpha = torch.ones_like(denoiser.alpha)
    alpha_noised = torch.ones_like(denoiser.alpha)
    codes = denoiser.numeric_codes
    errors = []
    if checks.noised is not None:
        alpha[codes], error = judge_numbers(absent, codes)
        if error.mean() > 1 - MIN_IMPROVEMENT:
            alpha[codes], error = torch.zeros_like(error), torch.ones_like(error)
        errors.append(error)
        # In units of s, as in training: draws are made at the small noise levels.
        noised = judged(denoiser, checks.noised)
        alpha_noised[codes], draw_error = judge_numbers(noised, codes, checks.noised.inputs.s)
    if denoiser.categorical_slices:
        alphas, error = judge_levels(absent, denoiser.categorical_slices)
        if error.mean() > 1 - MIN_IMPROVEMENT:
            alphas, error = [0.0] * len(alphas), torch.ones_like(error)
        for levels, own in zip(denoiser.categorical_slices, alphas, strict=True):
            alpha[levels] = own
        errors.append(error)
    value = torch.cat(errors).mean().item()
    if judge_draws and checks.noised is not None:
        value = (value + draw_error.mean().item()) / 2
    return Validation(value, alpha, alpha_noised)


@torch.no_grad()
def earned(denoiser: PreconditionedDenoiser, checks: Checks) -> tuple[Tensor, Tensor]:
    """Alphas of codes absent and noised: 1 where the networks gain on rows they know, else 0."""
    alpha = torch.ones_like(denoiser.alpha)
    alpha_noised = torch.ones_like(denoiser.alpha)
    codes = denoiser.numeric_codes
    F, F_median = denoiser.correction(checks.absent.inputs)
    if checks.noised is not None:
        s = checks.absent.inputs.s
        # A skewed column that nothing predicts has a median besides its mean.
        mean = relative_errors(checks.absent, F[..., codes], codes, s, power=2)
        median = relative_errors(checks.absent, F_median, codes, s, power=1)
        alpha[codes] = gains(torch.minimum(mean, median))
        F_noised, _ = denoiser.correction(checks.noised.inputs)
        # In units of s, as in training.
        one = torch.ones_like(checks.noised.inputs.s)
        noised = relative_errors(checks.noised, F_noised[..., codes], codes, one, power=2)
        # What helps means helps draws, where it is a small part of errors in units of s.
        alpha_noised[codes] = torch.maximum(alpha[codes], gains(noised))
    for levels in denoiser.categorical_slices:
        losses = level_losses(checks.absent, F, levels, (0.0, 1.0))
        alpha[levels] = gains(losses[1] / losses[0].clamp_min(1e-9))
    return alpha, alpha_noised


def gains(relative_error: Tensor) -> Tensor:
    """1 where the error relative to the factor analysis is small enough, else 0."""
    return (relative_error < 1 - MIN_KNOWN_GAIN).float()


def relative_errors(batch: Batch, F: Tensor, codes: Tensor, unit: Tensor, power: int) -> Tensor:
    """Errors with alpha = 1 relative to those with alpha = 0, of F (K, n_rows, n_numeric).

    ``unit`` is what s counts in an error: s itself, or 1 for errors in units of s.
    """
    inputs, hidden, x_0 = batch
    residual = ((x_0 - inputs.g) / inputs.s * unit * hidden)[..., codes]
    left = residual - F * (unit * hidden)[..., codes]
    base = residual.abs().pow(power).sum((0, 1))
    return left.abs().pow(power).sum((0, 1)) / base.clamp_min(1e-9)


def level_losses(batch: Batch, F: Tensor, levels: slice, alphas: Sequence[float]) -> Tensor:
    """Summed surprise of hidden cells of a categorical column, for each alpha."""
    inputs, hidden, x_0 = batch
    g, step, seen = inputs.g[..., levels], F[..., levels], hidden[..., levels.start]
    return torch.stack(
        [
            -(x_0[..., levels] * level_logits(g, a * step).log_softmax(-1))[seen].sum()
            for a in alphas
        ]
    )
