"""Held-out cells: how near a donor has to be, and how far donors are trusted.

A column is a numeric code or the levels of a categorical column; errors are (n_rows, n_columns).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .denoiser import MIN_PROBABILITY, Inputs, PreconditionedDenoiser
from .donors import Donors, Offer
from .validation import Checks, agreement

BANDWIDTHS = (0.02, 0.05, 0.1, 0.2)
TRUSTS = (0.0, *(math.exp(power) for power in range(-10, 5, 2)))
MAX_ROWS, MAX_CODES = 4096, 400_000  # held out from all networks together
CHUNK_ROWS = 512  # bounds the memory of the weights
MIN_GAIN = 0.02  # a column that gains less does without donors
MIN_GAIN_ERRORS = 2.0  # standard errors that the gain of a table has to be above


class Answers(NamedTuple):
    """Held-out rows and what the network says that they are held out from."""

    x_0: Tensor  # all (n_rows, n_codes)
    known: Tensor
    hidden: Tensor
    own: Tensor  # (n_rows,), their numbers in the training table
    mean: Tensor
    median: Tensor
    excess: Tensor  # squared error that averaging the networks takes away


class Columns(NamedTuple):
    """Which codes are numbers, and which are the levels of a column."""

    codes: Tensor
    slices: tuple[slice, ...]

    def to_codes(self, trust: Tensor, n_codes: int) -> Tensor:
        """A trust for each code from one for each column."""
        n_numeric = len(self.codes)
        spread = trust.new_zeros(n_codes)
        spread[self.codes] = trust[:n_numeric]
        for levels, value in zip(self.slices, trust[n_numeric:], strict=True):
            spread[levels] = value
        return spread


@torch.no_grad()
def choose_donors(
    denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, checks: Checks
) -> Donors | None:
    """The training rows as donors, None if they bring nothing.

    One bandwidth for all numbers, and a trust for every column, of least held-out error.
    """
    n_rows, n_codes = x.shape
    columns = Columns(denoiser.numeric_codes, denoiser.categorical_slices)
    donors = Donors(n_rows, n_codes, columns.slices).to(x.device)
    donors.x.copy_(x)
    donors.mask.copy_(mask)
    rows = answers(denoiser, checks)
    least_error = math.inf
    for bandwidth in BANDWIDTHS:
        donors.bandwidth.fill_(bandwidth)
        offered = offer_to_held_out(donors, rows)
        curves = [mean_errors(rows, offered, t, columns).sum(0) for t in TRUSTS]
        trust, error = least(torch.stack(curves))
        if error < least_error:
            least_error, best = error, (bandwidth, columns.to_codes(trust, n_codes), offered)
    bandwidth, trust, offered = best
    gain = mean_errors(rows, offered, 0.0, columns) - mean_errors(rows, offered, trust, columns)
    if not is_beyond_chance(gain.sum(1), rows.own, n_rows):
        return None
    donors.bandwidth.fill_(bandwidth)
    donors.trust.copy_(trust)
    donors.trust_median.copy_(trust)  # of levels
    curves = [median_errors(rows, offered, t, columns).sum(0) for t in TRUSTS]
    donors.trust_median[columns.codes], _ = least(torch.stack(curves))
    return donors


def answers(denoiser: PreconditionedDenoiser, checks: Checks) -> Answers:
    """Ask every network for rows that it has not seen."""
    _, hidden, x_0 = checks.absent
    size = max(1, min(MAX_ROWS, MAX_CODES // x_0.shape[-1]) // denoiser.n_networks)
    inputs = Inputs(*(part[:, :size] for part in checks.absent.inputs))
    F, F_median = denoiser.correction(inputs)
    mean, median = denoiser.corrected(inputs, F, F_median, denoiser.alpha)
    step = denoiser.alpha * inputs.s * F
    excess = step.square() * (1 - agreement(denoiser, checks.absent))
    parts = (x_0[:, :size], inputs.w == 1, hidden[:, :size], checks.rows[:, :size])
    return Answers(*(part.flatten(0, 1) for part in (*parts, mean, median, excess)))


def offer_to_held_out(donors: Donors, rows: Answers) -> Offer:
    """What donors say to rows that are donors themselves."""
    chunks = zip(
        *(part.split(CHUNK_ROWS) for part in (rows.x_0, rows.known, rows.own)), strict=True
    )
    weights, cells = zip(*(donors.offer(*chunk) for chunk in chunks), strict=True)
    return Offer(torch.cat(weights), torch.cat(cells))


def mean_errors(rows: Answers, offer: Offer, trust: Tensor | float, columns: Columns) -> Tensor:
    """Squared errors of hidden numbers and surprise of hidden levels.

    In units of the sum over the rows of what single networks say alone; the errors are those of
    averaged networks.
    """
    codes, slices = columns
    joined = offer.joined(rows.mean, trust)
    alone = (rows.x_0 - rows.mean).square() * rows.hidden
    excess = rows.excess / (1 + trust * offer.weight).square()
    error = ((rows.x_0 - joined).square() - excess) * rows.hidden
    parts = [relative(error[:, codes], alone[:, codes])]
    for levels in slices:
        hidden = rows.hidden[:, levels.start]
        said = [(rows.x_0 * p)[:, levels].sum(1) for p in (joined, rows.mean)]
        surprise, alone_surprise = (-p.clamp_min(MIN_PROBABILITY).log() * hidden for p in said)
        parts.append(relative(surprise[:, None], alone_surprise[:, None]))
    return torch.cat(parts, dim=1)


def median_errors(rows: Answers, offer: Offer, trust: float, columns: Columns) -> Tensor:
    """Absolute errors of hidden numbers, in units of the sum of those of networks alone."""
    joined = offer.joined(rows.median, trust)
    error, alone = ((rows.x_0 - m).abs() * rows.hidden for m in (joined, rows.median))
    return relative(error[:, columns.codes], alone[:, columns.codes])


def relative(error: Tensor, alone: Tensor) -> Tensor:
    """Errors in units of the sum over rows of those without donors."""
    return error / alone.sum(0).clamp_min(1e-9)


def least(curves: Tensor) -> tuple[Tensor, float]:
    """The trust of least error of each column, and the mean error, from (n_trusts, n_columns).

    Cells are few: a column's curve is halfway between its own and that of all.
    """
    own = 1 + curves - curves[0]
    shared = (own + own.mean(1, keepdim=True)) / 2
    error, best = shared.min(0)
    gains = (error < 1 - MIN_GAIN) & (own.gather(0, best[None])[0] < 1)
    trust = torch.tensor(TRUSTS, dtype=torch.float64, device=best.device)[best]
    return torch.where(gains, trust, 0.0), torch.where(gains, error, 1.0).mean().item()


def is_beyond_chance(gain: Tensor, own: Tensor, n_rows: int) -> bool:
    """Whether the gains of held-out rows, masked many times each, are more than luck."""
    of_row = gain.new_zeros(n_rows).index_add_(0, own, gain)
    return bool(of_row.sum() > MIN_GAIN_ERRORS * of_row.square().sum().sqrt())
