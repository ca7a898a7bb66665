"""Held-out cells: how far every column may believe the networks, and training rows beside them.

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
from .denoiser import MIN_PROBABILITY, PreconditionedDenoiser, Shrinkage, category_logits
from .factor_analysis import FactorModel
from .kernel import KernelRegression, KernelSums
from .recipe import (
    AGREEMENT_ROWS,
    ALPHA_GRID,
    BANDWIDTHS,
    LEAST_ERROR,
    MAX_ASKED_CODES,
    MAX_ASKED_ROWS,
    MAX_CHECKED_CODES,
    MAX_HELD_MASKINGS,
    MAX_MASKINGS,
    MIN_DONOR_GAIN,
    MIN_DRAW_IMPROVEMENT,
    MIN_GAIN_ERRORS,
    MIN_IMPROVEMENT,
    TRUSTS,
)

KERNEL_ROWS = 512  # bounds the memory of the weights


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


# --- Whether training rows have a say beside them.


class Said(NamedTuple):
    """Held-out rows and what the network says that they are held out from."""

    x_0: Tensor  # all (n_rows, n_codes)
    known: Tensor
    hidden: Tensor
    own: Tensor  # (n_rows,), their numbers in the training table
    mean: Tensor
    median: Tensor
    excess: Tensor  # squared error that averaging the networks takes away


@torch.no_grad()
def choose_donors(
    denoiser: PreconditionedDenoiser, rows: Rows, checks: Checks
) -> KernelRegression | None:
    """The training rows as donors, None if they bring nothing.

    One bandwidth for all numbers, and a trust for every column, of least held-out error.
    """
    n_rows, layout = len(rows.x), denoiser.layout
    donors = KernelRegression(n_rows, layout).to(denoiser.mu.device)
    donors.x.copy_(rows.x)
    donors.mask.copy_(rows.mask)
    if rows.weight is not None:
        donors.log_weight.copy_(rows.weight.log())
    said = say(denoiser, checks)
    cells = hidden_cells(said, layout)
    every_trust = torch.tensor(TRUSTS, dtype=torch.float64, device=said.x_0.device)[:, None]
    least_error = math.inf
    for bandwidth in BANDWIDTHS:
        donors.bandwidth.fill_(bandwidth)
        sums = sums_of_held_out(donors, said)
        errors = mean_errors(said, sums, every_trust, cells)
        trust, error = least(cells.summed(errors))
        if error < least_error:
            least_error, best = error, (bandwidth, trust, sums, errors[0])
    bandwidth, trust, sums, alone = best
    gain = alone - mean_errors(said, sums, trust[cells.column], cells)
    if not is_beyond_chance(gain, said.own[cells.row], n_rows):
        return None
    donors.bandwidth.fill_(bandwidth)
    donors.trust.copy_(of_codes(trust, layout))
    donors.trust_median.copy_(donors.trust)  # of categories
    numbers = cells.of_numbers()
    curves = numbers.summed(median_errors(said, sums, every_trust, numbers))
    donors.trust_median[donors.numeric_codes], _ = least(curves)
    return donors


def say(denoiser: PreconditionedDenoiser, checks: Checks) -> Said:
    """Ask every network for rows that it has not seen."""
    batch = checks.absent
    size = max(1, min(MAX_ASKED_ROWS, MAX_ASKED_CODES // batch.g.shape[-1]) // denoiser.n_networks)
    agreed = agreement(denoiser, batch)
    part = Batch(*(values[:, :size] for values in batch))
    F, F_median = denoiser.correction(part.features)
    mean, median = denoiser.corrected(
        part.g, part.s, F, F_median, denoiser.alpha_mean, denoiser.alpha_median
    )
    excess = (denoiser.alpha_mean * part.s * F).square() * (1 - agreed)
    parts = (part.x_0, ~part.unknown, part.hidden, checks.rows[:, :size], mean, median, excess)
    return Said(*(values.flatten(0, 1) for values in parts))


def sums_of_held_out(donors: KernelRegression, said: Said) -> KernelSums:
    """What donors say to rows that are donors themselves."""
    chunks = zip(
        *(part.split(KERNEL_ROWS) for part in (said.x_0, said.known, said.own)), strict=True
    )
    weights, cells = zip(*(donors.sums(*chunk) for chunk in chunks), strict=True)
    return KernelSums(torch.cat(weights), torch.cat(cells))


class HiddenCells(NamedTuple):
    """Hidden cells of held-out rows, all (n_cells,): what is judged is a small part of the rows."""

    row: Tensor
    code: Tensor  # of a category the true one
    column: Tensor  # numbers first
    n_numeric: int  # columns
    n_columns: int

    def of_numbers(self) -> "HiddenCells":
        """Those of the numeric columns."""
        kept = self.column < self.n_numeric
        row, code, column = (part[kept] for part in (self.row, self.code, self.column))
        return HiddenCells(row, code, column, self.n_numeric, self.n_numeric)

    def summed(self, errors: Tensor) -> Tensor:
        """Sums over the cells of each column, (..., n_columns) of (..., n_cells)."""
        sums = errors.new_zeros(*errors.shape[:-1], self.n_columns)
        return sums.index_add_(-1, self.column, errors)

    def pick(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """What the cells have of (n_rows, n_codes)."""
        return tuple(part[self.row, self.code] for part in parts)


def hidden_cells(said: Said, layout: CodeLayout) -> HiddenCells:
    """Where numbers and categories were hidden."""
    device = said.x_0.device
    codes = torch.from_numpy(layout.numeric_codes).to(device)
    column = torch.zeros(layout.n_codes, dtype=torch.long, device=device)
    column[codes] = torch.arange(len(codes), device=device)
    counts = torch.zeros(layout.n_codes, dtype=torch.bool, device=device)
    counts[codes] = True
    for place, categories in enumerate(layout.categorical_slices):
        column[categories] = len(codes) + place
    row, code = (said.hidden & (counts | (said.x_0 > 0))).nonzero().T
    n_columns = len(codes) + len(layout.categorical_slices)
    return HiddenCells(row, code, column[code], len(codes), n_columns)


def mean_errors(said: Said, sums: KernelSums, trust: Tensor | float, cells: HiddenCells) -> Tensor:
    """Squared errors of hidden numbers and surprise of hidden categories, (..., n_cells).

    In units of the sum over the rows of what single networks say alone; the errors are those of
    averaged networks. ``trust`` is that of the cells, or one for all in each of several lines.
    """
    x_0, mean, excess, *told = cells.pick(said.x_0, said.mean, said.excess, *sums)
    here = KernelSums(*told)
    is_number = cells.column < cells.n_numeric

    def of(guess: Tensor, excess: Tensor | float) -> Tensor:
        surprise = -guess.clamp_min(MIN_PROBABILITY).log()
        return torch.where(is_number, (x_0 - guess).square() - excess, surprise)

    error = of(here.joined(mean, trust), excess / (1 + trust * here.weight).square())
    return relative(error, of(mean, 0.0), cells)


def median_errors(
    said: Said, sums: KernelSums, trust: Tensor | float, numbers: HiddenCells
) -> Tensor:
    """Absolute errors of hidden numbers, in units of the sum of those of networks alone."""
    x_0, median, *told = numbers.pick(said.x_0, said.median, *sums)
    joint = KernelSums(*told).joined(median, trust)
    return relative((x_0 - joint).abs(), (x_0 - median).abs(), numbers)


def relative(error: Tensor, alone: Tensor, cells: HiddenCells) -> Tensor:
    """Errors in units of the sum over a column's cells of those without donors."""
    return error / cells.summed(alone).clamp_min(1e-9)[cells.column]


def of_codes(trust: Tensor, layout: CodeLayout) -> Tensor:
    """A trust for each code from one for each column, numbers first."""
    codes = layout.numeric_codes
    spread = trust.new_zeros(layout.n_codes)
    spread[codes] = trust[: len(codes)]
    for categories, value in zip(layout.categorical_slices, trust[len(codes) :], strict=True):
        spread[categories] = value
    return spread


def least(curves: Tensor) -> tuple[Tensor, float]:
    """The trust of least error of each column, and the mean error, from (n_trusts, n_columns).

    Cells are few: a column's curve is halfway between its own and that of all.
    """
    own = 1 + curves - curves[0]
    shared = (own + own.mean(1, keepdim=True)) / 2
    error, best = shared.min(0)
    gains = (error < 1 - MIN_DONOR_GAIN) & (own.gather(0, best[None])[0] < 1)
    trust = torch.tensor(TRUSTS, dtype=torch.float64, device=best.device)[best]
    return torch.where(gains, trust, 0.0), torch.where(gains, error, 1.0).mean().item()


def is_beyond_chance(gain: Tensor, own: Tensor, n_rows: int) -> bool:
    """Whether the gains of held-out rows, masked many times each, are more than luck."""
    of_row = gain.new_zeros(n_rows).index_add_(0, own, gain)
    return bool(of_row.sum() > MIN_GAIN_ERRORS * of_row.square().sum().sqrt())
