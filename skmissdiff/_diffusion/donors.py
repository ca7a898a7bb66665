"""Which training rows lend cells, and how far they are believed: held-out cells choose.

Held-out rows are few, and what is chosen by them is luck in part: bandwidths that are level on
them differ on the rows to come. The choice is therefore made many times, each time with other
weights of the held-out rows (the Bayesian bootstrap, Rubin 1981), and what the choices say is
averaged (bagging, Breiman 1996). On 30 tables errors are .2 % lower with donors than without, for
.1 % with a single choice, and none is more than 1.5 % higher, for 5 %.

Shapes: errors of candidates (n_rows, n_bandwidths, 1 + n_trusts, n_columns), with "no donors" as
the first trust; choices are counted in (n_bandwidths, 1 + n_trusts, n_columns).
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .batches import Batch, Rows
from .denoiser import MIN_PROBABILITY, PreconditionedDenoiser
from .kernel import KernelRegression, KernelSums
from .recipe import (
    DONOR_CHOICES,
    MAX_ASKED_CODES,
    MAX_ASKED_ROWS,
    MAX_HELD_MASKINGS,
    MIN_DONOR_CHOICES,
    MIN_DONOR_GAIN,
    MIN_GAIN_ERRORS,
)
from .shrinkage import Checks, agreement

KERNEL_ROWS = 512  # bounds the memory of the weights


class Said(NamedTuple):
    """Held-out rows and what the network says that they are held out from, or donors beside it."""

    x_0: Tensor  # all (n_rows, n_codes)
    known: Tensor
    hidden: Tensor
    own: Tensor  # (n_rows,), their numbers in the training table
    mean: Tensor
    median: Tensor
    excess: Tensor  # squared error that averaging the networks takes away
    part: Tensor  # that networks have in the means; donors have the rest
    part_median: Tensor


class RowErrors(NamedTuple):
    """Errors of hidden cells of held-out rows, masked many times each, summed over the maskings.

    In units of what a column has in all rows without donors: columns count alike.
    """

    alone: Tensor  # (n_rows, n_columns), of single networks without donors
    of_candidates: Tensor

    def curves(self, weights: Tensor) -> Tensor:
        """Errors relative to those without donors, for each (n_choices, n_rows) of weights."""
        alone = (weights @ self.alone).clamp_min(1e-9)[:, None, None]
        errors = torch.tensordot(weights, self.of_candidates, dims=1)
        return 1 + (errors - errors[:, :, :1]) / alone


@torch.no_grad()
def choose_donors(
    denoiser: PreconditionedDenoiser, rows: Rows, checks: Checks, generator: torch.Generator
) -> KernelRegression | None:
    """The training rows as donors, None if they bring nothing.

    A choice takes one bandwidth for all numbers, and a trust for every column, of least held-out
    error; or no donors at all, if the gain is within chance.
    """
    layout = denoiser.layout
    donors = KernelRegression(len(rows.x), layout).to(denoiser.mu.device)
    donors.x.copy_(rows.x)
    donors.mask.copy_(rows.mask)
    if rows.weight is not None:
        donors.log_weight.copy_(rows.weight.log())
    of_means, of_medians = errors_of_donors(donors, say(denoiser, checks))
    weights = torch.empty(DONOR_CHOICES, len(of_means.alone)).exponential_(generator=generator)
    weights = weights.to(of_means.alone)
    choices, choices_of_medians = choose(weights, of_means, of_medians)
    # Rows that choices hardly ever ask need not be kept.
    if (choices[:, 1:].sum((0, 1)) < MIN_DONOR_CHOICES * DONOR_CHOICES).all():
        return None
    donors.share.copy_(of_codes(choices[:, 1:] / DONOR_CHOICES, layout))
    donors.share_median.copy_(donors.share)  # of categories
    donors.share_median[..., donors.numeric_codes] = (
        choices_of_medians[:, 1:].to(donors.share) / DONOR_CHOICES
    )
    return donors


def choose(weights: Tensor, of_means: RowErrors, of_medians: RowErrors) -> tuple[Tensor, Tensor]:
    """How often each candidate is chosen, for means and for medians of numbers."""
    best, error = least(of_means.curves(weights))
    bandwidths = error.argmin(1)
    best_of_medians, _ = least(of_medians.curves(weights))
    counts, counts_of_medians = (
        torch.zeros_like(errors.of_candidates[0]) for errors in (of_means, of_medians)
    )
    for choice, (weight, bandwidth) in enumerate(zip(weights, bandwidths, strict=True)):
        trusts = best[choice, bandwidth]
        gain = gain_of(of_means.of_candidates[:, bandwidth], trusts)
        beyond_chance = is_beyond_chance(gain, weight)
        count(counts[bandwidth], trusts * beyond_chance)
        count(counts_of_medians[bandwidth], best_of_medians[choice, bandwidth] * beyond_chance)
    return counts, counts_of_medians


def gain_of(errors: Tensor, trusts: Tensor) -> Tensor:
    """What a trust of each column takes from the errors of each row, (n_rows,)."""
    chosen = errors.gather(1, trusts.expand(len(errors), 1, -1))[:, 0]
    return (errors[:, 0] - chosen).sum(1)


def count(counts: Tensor, trusts: Tensor) -> None:
    """Count one more choice of (n_columns,) trusts."""
    counts.scatter_add_(0, trusts[None], torch.ones_like(counts[:1]))


def least(curves: Tensor) -> tuple[Tensor, Tensor]:
    """The trust of least error of each column, (..., n_columns), and the mean error, (...).

    Cells are few: a column's curve is halfway between its own and that of all.
    """
    shared = (curves + curves.mean(-1, keepdim=True)) / 2
    error, best = shared.min(-2)
    own = curves.gather(-2, best.unsqueeze(-2)).squeeze(-2)
    gains = (error < 1 - MIN_DONOR_GAIN) & (own < 1)
    return best * gains, torch.where(gains, error, 1.0).mean(-1)


def is_beyond_chance(gain: Tensor, weight: Tensor) -> bool:
    """Whether the (n_rows,) gains of held-out rows are more than luck."""
    standard_error = (weight * gain.square()).sum().sqrt()
    return bool((weight * gain).sum() > MIN_GAIN_ERRORS * standard_error)


# --- What networks and donors say together, by which others are judged.


@torch.no_grad()
def held_out(denoiser: PreconditionedDenoiser, checks: Checks) -> Said:
    """What networks and donors together say to held-out rows, on the CPU."""
    donors = denoiser.donors
    # Without weights of donors, which take most of the time, more rows can be asked.
    said = say(denoiser, checks, MAX_ASKED_ROWS if donors else MAX_HELD_MASKINGS)
    if donors is not None:
        parts = [with_donors(donors, piece) for piece in pieces(said)]
        said = Said(*map(torch.cat, zip(*parts, strict=True)))
    return Said(*(values.cpu() for values in said))


def with_donors(donors: KernelRegression, said: Said) -> Said:
    """What donors make of it; rows that are donors themselves do not count."""
    cells = {"x": said.x_0, "known": said.known, "own": said.own}
    mean, part = donors.join(said.mean, median=False, **cells)
    median, part_median = donors.join(said.median, median=True, **cells)
    return said._replace(
        mean=mean,
        median=median,
        excess=said.excess * part.square(),
        part=part,
        part_median=part_median,
    )


# --- What donors say to rows that are held out.


def errors_of_donors(donors: KernelRegression, said: Said) -> tuple[RowErrors, RowErrors]:
    """Errors of all candidates: of means in all columns, and of medians of numbers."""
    cells = hidden_cells(said, donors.layout)
    numbers = cells.of_numbers()
    trusts = torch.cat([donors.trusts.new_zeros(1), donors.trusts])[:, None]
    means, medians = [], []
    for bandwidth in donors.bandwidths:
        sums = sums_of_held_out(donors, said, bandwidth)
        means.append(cells.by_row(mean_errors(said, sums, trusts, cells)))
        medians.append(numbers.by_row(median_errors(said, sums, trusts, numbers)))
    alone = cells.by_row(errors_alone(said, cells)[None])
    return relative(alone, means), relative(medians[0][:, :1], medians)


def relative(alone: Tensor, of_bandwidths: list[Tensor]) -> RowErrors:
    """Errors of all candidates in units of those without donors, (n_rows, 1, n_columns)."""
    unit = alone.sum(0).clamp_min(1e-9)
    return RowErrors(alone[:, 0] / unit, torch.stack(of_bandwidths, dim=1) / unit)


def say(denoiser: PreconditionedDenoiser, checks: Checks, most_rows: int = MAX_ASKED_ROWS) -> Said:
    """Ask every network for rows that it has not seen."""
    batch = checks.absent
    size = max(1, min(most_rows, MAX_ASKED_CODES // batch.g.shape[-1]) // denoiser.n_networks)
    agreed = agreement(denoiser, batch)
    part = Batch(*(values[:, :size] for values in batch))
    F, F_median = denoiser.correction(part.features)
    mean, median = denoiser.corrected(
        part.g, part.s, F, F_median, denoiser.alpha_mean, denoiser.alpha_median
    )
    excess = (denoiser.alpha_mean * part.s * F).square() * (1 - agreed)
    whole, own = torch.ones_like(mean), checks.rows[:, :size]
    parts = (part.x_0, ~part.unknown, part.hidden, own, mean, median, excess, whole, whole)
    return Said(*(values.flatten(0, 1) for values in parts))


def pieces(said: Said) -> Iterator[Said]:
    """Some of the rows at a time: the memory of the weights is bounded."""
    return map(Said._make, zip(*(part.split(KERNEL_ROWS) for part in said), strict=True))


def sums_of_held_out(donors: KernelRegression, said: Said, bandwidth: Tensor) -> KernelSums:
    """What donors say to rows that are donors themselves."""
    weights, cells = zip(
        *(donors.sums(part.x_0, part.known, bandwidth, part.own) for part in pieces(said)),
        strict=True,
    )
    return KernelSums(torch.cat(weights), torch.cat(cells))


class HiddenCells(NamedTuple):
    """Hidden cells of held-out rows, all (n_cells,): what is judged is a small part of the rows."""

    masking: Tensor  # the row of `Said`
    row: Tensor  # that is masked there, counted from 0
    code: Tensor  # of a category the true one
    column: Tensor  # numbers first
    n_rows: int
    n_numeric: int  # columns
    n_columns: int

    def of_numbers(self) -> "HiddenCells":
        """Those of the numeric columns."""
        kept = self.column < self.n_numeric
        masking, row, code, column = (part[kept] for part in self[:4])
        return HiddenCells(masking, row, code, column, self.n_rows, self.n_numeric, self.n_numeric)

    def of(self, values: Tensor) -> Tensor:
        """What the cells have of (n_maskings, n_codes)."""
        return values[self.masking, self.code]

    def by_row(self, errors: Tensor) -> Tensor:
        """Sums over the maskings of a row, (n_rows, n_lines, n_columns) of (n_lines, n_cells)."""
        sums = errors.new_zeros(len(errors), self.n_rows * self.n_columns, dtype=torch.float64)
        sums.index_add_(1, self.row * self.n_columns + self.column, errors.double())
        return sums.view(len(errors), self.n_rows, self.n_columns).transpose(0, 1)


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
    masking, code = (said.hidden & (counts | (said.x_0 > 0))).nonzero().T
    held, row = said.own.unique(return_inverse=True)
    n_columns = len(codes) + len(layout.categorical_slices)
    return HiddenCells(masking, row[masking], code, column[code], len(held), len(codes), n_columns)


def mean_errors(said: Said, sums: KernelSums, trust: Tensor | float, cells: HiddenCells) -> Tensor:
    """Squared errors of hidden numbers and surprise of hidden categories, (..., n_cells).

    Those of averaged networks. ``trust`` is one for all cells in each of several lines.
    """
    here = KernelSums(*(cells.of(part) for part in sums))
    excess = cells.of(said.excess) / (1 + trust * here.weight).square()
    guess = here.joined(cells.of(said.mean), trust)
    return _mean_errors(said, guess, excess, cells)


def errors_alone(said: Said, cells: HiddenCells) -> Tensor:
    """Those of single networks without donors, (n_cells,)."""
    return _mean_errors(said, cells.of(said.mean), 0.0, cells)


def _mean_errors(said: Said, guess: Tensor, excess: Tensor | float, cells: HiddenCells) -> Tensor:
    squared = (cells.of(said.x_0) - guess).square() - excess
    surprise = -guess.clamp_min(MIN_PROBABILITY).log()
    return torch.where(cells.column < cells.n_numeric, squared, surprise)


def median_errors(
    said: Said, sums: KernelSums, trust: Tensor | float, numbers: HiddenCells
) -> Tensor:
    """Absolute errors of hidden numbers, (..., n_cells)."""
    here = KernelSums(*(numbers.of(part) for part in sums))
    return (numbers.of(said.x_0) - here.joined(numbers.of(said.median), trust)).abs()


def of_codes(shares: Tensor, layout: CodeLayout) -> Tensor:
    """What each code has of what each column has, numbers first: (..., n_codes)."""
    codes = layout.numeric_codes
    spread = shares.new_zeros(*shares.shape[:-1], layout.n_codes)
    spread[..., codes] = shares[..., : len(codes)]
    for place, categories in enumerate(layout.categorical_slices, start=len(codes)):
        spread[..., categories] = shares[..., place : place + 1]
    return spread
