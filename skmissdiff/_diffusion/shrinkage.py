"""Held-out cells: how far every column may believe the networks.

A column is a numeric code or the categories of a categorical column. Errors are relative to
those of the factor analysis, so that an error of 1 is a training that has brought nothing.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .batches import Batch, Rows, corrupt, hide_cells, joined, random_sigma, spread_rows
from .denoiser import PreconditionedDenoiser, Shrinkage, category_logits
from .factor_analysis import FactorModel
from .recipe import (
    AGREEMENT_ROWS,
    ALPHA_GRID,
    LEAST_ERROR,
    MAX_CHECKED_CODES,
    MAX_HELD_MASKINGS,
    MAX_MASKINGS,
    MIN_DRAW_IMPROVEMENT,
    MIN_IMPROVEMENT,
)


class Validation(NamedTuple):
    """Held-out error relative to the factor analysis, and the shrinkage that reaches it."""

    error: float
    shrinkage: Shrinkage


class Checks(NamedTuple):
    """Held-out rows: one cell absent as for means, numbers noised as for draws."""

    rows: Tensor  # (K, n_rows), their numbers in the training table
    absent: Batch
    noised: Batch | None  # None without numbers

    def to(self, dtype: torch.dtype) -> "Checks":
        """With features in the precision in which the networks are to compute."""

        def cast(batch: Batch) -> Batch:
            return batch._replace(features=batch.features.to(dtype))

        return Checks(self.rows, cast(self.absent), self.noised and cast(self.noised))


def leave_out(
    n_rows: int,
    n_networks: int,
    fraction: float,
    generator: torch.Generator,
    empty: Tensor | None = None,
) -> tuple[list[Tensor], list[Tensor]]:
    """Rows each network trains on, and the rows of its own that it does not see.

    Rows that are ``empty`` (n_rows,) can judge nobody, and are the last to be held out.
    """
    order = torch.randperm(n_rows, generator=generator)
    if empty is not None:
        order = order[empty[order].byte().argsort(stable=True)]
    size = int(fraction * n_rows)
    held = [order[k * size : (k + 1) * size] for k in range(n_networks)]
    kept = []
    for rows in held:
        keep = torch.ones(n_rows, dtype=torch.bool)
        keep[rows] = False
        kept.append(keep.nonzero()[:, 0])
    return kept, held


def validation_checks(
    denoiser: PreconditionedDenoiser,
    factors: FactorModel,
    rows: Rows,
    held_rows: list[Tensor],
    generator: torch.Generator,
    *,
    of_rows: bool = False,
) -> Checks:
    """Many maskings of the held-out rows of each network: a criterion without noise.

    A masking hides one cell of a row. Under MCAR the others are then missing as often as beside
    a cell that is missing by nature: networks are believed as far as they deserve it there.
    Likewise for draws: of missing cells they have clean ones beside them, and some of a row's
    numbers are noised; of whole rows (``of_rows``) all are.
    """
    layout = denoiser.layout
    is_numeric = torch.from_numpy(layout.is_numeric)
    most = min(MAX_HELD_MASKINGS, MAX_CHECKED_CODES // layout.n_codes) // len(held_rows)
    most = max(1, most)
    places, absent, noised = [], [], []
    for held in held_rows:
        held = held[:most]
        held = spread_rows(held, rows.weight, max(1, min(MAX_MASKINGS, most // len(held))))
        places.append(held)
        part = rows.at(held)
        hidden = hide_cells(part.mask, layout, torch.zeros(len(held), 1), generator)
        row_sigma = torch.full((len(held),), math.inf)
        absent.append(
            corrupt(denoiser, factors, part, hidden, row_sigma, generator, of_categories=True)
        )
        row_sigma = random_sigma(len(held), generator)
        numbers = part.mask & is_numeric
        if not of_rows:
            numbers = hide_cells(
                numbers, layout, torch.rand(len(held), 1, generator=generator), generator
            )
        noised.append(
            corrupt(denoiser, factors, part, numbers, row_sigma, generator, of_categories=True)
        )
    return Checks(
        torch.stack(places).to(factors.mu.device),
        joined(absent, torch.stack),
        joined(noised, torch.stack) if is_numeric.any() else None,
    )


# --- How far the networks are believed.


class Answer(NamedTuple):
    """A batch, what the networks say about it, and how far they agree."""

    batch: Batch
    F: Tensor  # (K, n_rows, n_codes)
    F_median: Tensor  # (K, n_rows, n_numeric)
    agreed: Tensor  # (n_codes,)


def ask(denoiser: PreconditionedDenoiser, batch: Batch) -> Answer:
    """What the networks say about rows that they have not seen."""
    F, F_median = denoiser.correction(batch.features)
    return Answer(batch, F, F_median, agreement(denoiser, batch))


def agreement(
    denoiser: PreconditionedDenoiser, batch: Batch, n_rows: int = AGREEMENT_ROWS
) -> Tensor:
    """E[F_k mean(F)] / E[F_k^2] over unknown cells: 1 if networks agree, 1/K if they do not.

    The error of the averaged networks is predicted from those of single ones: the rows of
    network k are held out from it alone. The others agree too well on rows they know, so they
    are compared with network k only.
    """
    K = denoiser.n_networks
    if K == 1:
        return torch.ones_like(denoiser.alpha_mean)
    size = max(1, n_rows // K)
    features = batch.features[:, :size].flatten(0, 1)
    F, _ = denoiser.correction(features.expand(K, *features.shape))
    steps = (batch.s * batch.unknown)[:, :size].flatten(0, 1)
    F = (F * steps).unflatten(1, (K, -1))
    own = F.diagonal(dim1=0, dim2=1).movedim(-1, 0)
    shared = (own * F.mean(0)).sum((0, 1)) / own.square().sum((0, 1)).clamp_min(1e-12)
    return shared.clamp(1 / K, 1)


def shrink_means(answer: Answer, codes: Tensor, unit: Tensor | float) -> tuple[Tensor, Tensor]:
    """Alpha of each numeric code, in closed form, and relative squared errors of those that vary.

    The error of alpha is base - 2 alpha cross + alpha^2 power. Cells are few: a code's alpha is
    halfway between its own and a common one. Codes that the factor analysis knows to the last
    digit, as of constant columns, have alpha 0 and no error: nothing is left to be told of them.
    """
    batch, F, _, agreed = answer
    residual = ((batch.x_0 - batch.g) / unit * batch.hidden)[..., codes]
    step = (batch.s / unit * F * batch.hidden)[..., codes]
    cross = (residual * step).sum((0, 1))
    power = step.square().sum((0, 1)) * agreed[codes]
    base = residual.square().sum((0, 1))
    varies = base > LEAST_ERROR * batch.hidden[..., codes].sum((0, 1))
    share, left = (cross / base)[varies], (power / base)[varies]
    common = (share.sum() / left.sum().clamp_min(1e-9)).clamp(0, 1)
    alpha = ((cross / power.clamp_min(1e-12) + common) / 2).clamp(0, 1) * varies
    return alpha, 1 - 2 * alpha[varies] * share + alpha[varies].square() * left


def shrink_medians(answer: Answer, codes: Tensor) -> Tensor:
    """Alpha of the median of each numeric code, from a grid, by absolute errors."""
    batch, _, F_median, _ = answer
    residual = ((batch.x_0 - batch.g) * batch.hidden)[..., codes]
    step = (batch.s * batch.hidden)[..., codes] * F_median
    errors = torch.stack([(residual - a * step).abs().sum((0, 1)) for a in ALPHA_GRID])
    varies = errors[0] > LEAST_ERROR**0.5 * batch.hidden[..., codes].sum((0, 1))
    curves = errors / errors[0].clamp_min(1e-9)
    common = curves[:, varies].mean(1, keepdim=True) if varies.any() else curves
    best = ((curves + common) / 2).argmin(0)
    return torch.tensor(ALPHA_GRID, device=errors.device)[best] * varies


def shrink_categories(answer: Answer, layout: CodeLayout) -> tuple[list[float], Tensor]:
    """Alpha of the logits of each categorical column, from a grid, and relative surprises.

    Columns of which nothing was hidden, or that surprise nobody, have no error.
    """
    alphas, surprises = [], []
    for categories in layout.categorical_slices:
        losses = category_losses(answer.batch, answer.F, categories, ALPHA_GRID)
        best = int(losses.argmin())
        # As in closed form above: the averaged networks deserve 1 / agreement more.
        alphas.append(min(1.0, ALPHA_GRID[best] / answer.agreed[categories].mean().item()))
        if losses[0] > 0:
            surprises.append(losses[best] / losses[0])
    return alphas, torch.stack(surprises) if surprises else answer.F.new_ones(0)


def category_losses(batch: Batch, F: Tensor, categories: slice, alphas: Sequence[float]) -> Tensor:
    """Summed surprise of hidden cells of a categorical column, for each alpha."""
    rows = batch.hidden[..., categories.start].flatten().nonzero()[:, 0]
    x_0, g, step = (
        part[..., categories].flatten(0, -2).index_select(0, rows)
        for part in (batch.x_0, batch.g, F)
    )
    share = torch.tensor(alphas, device=step.device)[:, None, None]
    return -(x_0 * category_logits(g, share * step).log_softmax(-1)).sum((1, 2))


def nothing(like: Tensor) -> Shrinkage:
    """The factor analysis alone."""
    return Shrinkage(*(torch.zeros_like(like) for _ in range(3)))


def mean_error(error: Tensor) -> float:
    """Of the columns that have one; 1, that of the factor analysis, without any."""
    return error.mean().item() if len(error) else 1.0


def gains(error: Tensor, least: float) -> bool:
    """Whether columns gain as much as that on average."""
    return mean_error(error) <= 1 - least


@torch.no_grad()
def judge(
    denoiser: PreconditionedDenoiser, checks: Checks, *, for_draws: bool = False
) -> Validation:
    """Least held-out error over alpha, relative to alpha = 0 and averaged over columns.

    That of means, or (``for_draws``) the mean of it and that of draws. Without noised rows networks
    are believed in full where draws ask them.

    Where draws of whole rows are wanted, whoever gains at all is believed in full: what a part of
    a correction draws is nearer to the Gaussian, and held-out rows with gaps tell less of a cell
    than a row does that is generated. On 24 tables such rows are told from real ones less often.
    """
    least, least_of_draws = (0.0, 0.0) if for_draws else (MIN_IMPROVEMENT, MIN_DRAW_IMPROVEMENT)
    absent = ask(denoiser, checks.absent)
    alphas = Shrinkage(*(torch.ones_like(denoiser.alpha_mean) for _ in range(3)))
    codes = denoiser.numeric_codes
    errors = []
    if len(codes):
        alpha, error = shrink_means(absent, codes, 1.0)
        if not gains(error, least):
            alpha, error = torch.zeros_like(alpha), torch.ones_like(error)
        alphas.mean[codes] = alpha
        alphas.median[codes] = shrink_medians(absent, codes)
        errors.append(error)
    if checks.noised is not None:
        # In units of s, as in training: draws are made at the small noise levels.
        noised = ask(denoiser, checks.noised)
        alpha, draw_error = shrink_means(noised, codes, checks.noised.s)
        if not gains(draw_error, least_of_draws):
            alpha, draw_error = torch.zeros_like(alpha), torch.ones_like(draw_error)
        alphas.noised[codes] = alpha
    if denoiser.layout.categorical_slices:
        own, error = shrink_categories(absent, denoiser.layout)
        if not gains(error, least):
            own, error = [0.0] * len(own), torch.ones_like(error)
        for categories, value in zip(denoiser.layout.categorical_slices, own, strict=True):
            alphas.mean[categories] = value
        errors.append(error)
    total = mean_error(torch.cat(errors))
    if for_draws and checks.noised is not None:
        total = (total + mean_error(draw_error)) / 2
    if for_draws:
        alphas = Shrinkage(*((alpha > 0).to(alpha) for alpha in alphas))
    return Validation(total, alphas)
