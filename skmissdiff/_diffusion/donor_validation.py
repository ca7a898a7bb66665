"""Held-out cells: how near a donor has to be, and how far donors are trusted."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .denoiser import Inputs, PreconditionedDenoiser, level_logits
from .donors import Donors, Offer
from .validation import Checks, agreement

BANDWIDTHS = (0.02, 0.05, 0.1, 0.2)
TRUSTS = (0.0, *(math.exp(power) for power in range(-10, 5, 2)))
MAX_ROWS = 4096  # held out from all networks together
CHUNK_ROWS = 512  # bounds the memory of the weights
MIN_GAIN = 0.02  # a code for which they gain less does without donors
MIN_PROBABILITY = 1e-4  # of a level, in its surprise


class Answers(NamedTuple):
    """Held-out rows and what the network says that they are held out from."""

    x_0: Tensor  # all (n_rows, n_codes)
    known: Tensor
    hidden: Tensor
    own: Tensor  # (n_rows,), their numbers in the training table
    mean: Tensor
    excess: Tensor  # squared error that averaging the networks takes away


@torch.no_grad()
def choose_donors(
    denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, checks: Checks
) -> Donors | None:
    """The training rows as donors, None if they bring nothing.

    One bandwidth for all numbers, and a trust for every code, of least held-out error.
    """
    slices, codes = denoiser.categorical_slices, denoiser.numeric_codes
    donors = Donors(len(x), x.shape[1], slices).to(x.device)
    donors.x.copy_(x)
    donors.mask.copy_(mask)
    rows = answers(denoiser, checks)
    found = []
    for bandwidth in BANDWIDTHS:
        donors.bandwidth.fill_(bandwidth)
        offer = offer_to_held_out(donors, rows)
        trust = torch.zeros_like(donors.trust)
        trust[codes], errors = least([number_errors(rows, offer, t)[codes] for t in TRUSTS])
        if slices:
            trusts, surprises = least([level_errors(rows, offer, t, slices) for t in TRUSTS])
            for levels, value in zip(slices, trusts, strict=True):
                trust[levels] = value
            errors = torch.cat([errors, surprises])
        found.append((errors.mean().item(), bandwidth, trust))
    _, bandwidth, trust = min(found, key=lambda choice: choice[0])
    donors.bandwidth.fill_(bandwidth)
    donors.trust.copy_(trust)
    return donors if trust.any() else None


def answers(denoiser: PreconditionedDenoiser, checks: Checks) -> Answers:
    """Ask every network for rows that it has not seen."""
    size = MAX_ROWS // denoiser.n_networks
    inputs = Inputs(*(part[:, :size] for part in checks.absent.inputs))
    F, _ = denoiser.correction(inputs)
    step = denoiser.alpha * inputs.s * F
    mean = inputs.g + step
    logits = level_logits(inputs.g, denoiser.alpha * F)
    for levels in denoiser.categorical_slices:
        mean[..., levels] = logits[..., levels].softmax(-1)
    excess = step.square() * (1 - agreement(denoiser, checks.absent))
    _, hidden, x_0 = checks.absent
    parts = (x_0[:, :size], inputs.w == 1, hidden[:, :size], checks.rows[:, :size], mean, excess)
    return Answers(*(part.flatten(0, 1) for part in parts))


def offer_to_held_out(donors: Donors, rows: Answers) -> Offer:
    """What donors say to rows that are donors themselves."""
    chunks = zip(
        *(part.split(CHUNK_ROWS) for part in (rows.x_0, rows.known, rows.own)), strict=True
    )
    weights, cells = zip(*(donors.offer(*chunk) for chunk in chunks), strict=True)
    return Offer(torch.cat(weights), torch.cat(cells))


def number_errors(rows: Answers, offer: Offer, trust: float) -> Tensor:
    """Squared errors of hidden cells in units of those of single networks, for each code."""
    alone = (rows.hidden * (rows.x_0 - rows.mean).square()).sum(0).clamp_min(1e-9)
    error = (rows.x_0 - offer.joined(rows.mean, trust)).square()
    excess = rows.excess / (1 + trust * offer.weight).square()
    return (rows.hidden * (error - excess)).sum(0) / alone


def level_errors(rows: Answers, offer: Offer, trust: float, slices: tuple[slice, ...]) -> Tensor:
    """Surprise of hidden cells in units of that of networks, for each categorical column."""

    def surprise(probability: Tensor) -> Tensor:
        said = rows.x_0 * probability
        columns = [-said[:, c].sum(1).clamp_min(MIN_PROBABILITY).log() for c in slices]
        hidden = [rows.hidden[:, c.start] for c in slices]
        return (torch.stack(columns) * torch.stack(hidden)).sum(1).clamp_min(1e-9)

    return surprise(offer.joined(rows.mean, trust)) / surprise(rows.mean)


def least(errors: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The trust of least error for each column, and that error where none is 1.

    Cells are few: a column's errors are halfway between its own and those of all.
    """
    curves = 1 + torch.stack(errors) - errors[0]
    error, best = ((curves + curves.mean(1, keepdim=True)) / 2).min(0)
    gains = error < 1 - MIN_GAIN
    trust = torch.tensor(TRUSTS, dtype=torch.float64, device=best.device)[best]
    return torch.where(gains, trust, 0.0), torch.where(gains, error, 1.0)
