"""The masked denoising loss: squared and absolute errors of numbers, surprise of categories.

Its gradients are written out: autograd would take as long as for a layer of the networks.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .batches import Batch
from .columns import Codes, pick
from .denoiser import PreconditionedDenoiser, category_logits, exponentials


class Lesson(NamedTuple):
    """Rows as the networks meet them, and what the loss asks of them: all (..., n_rows, n)."""

    features: Tensor  # what the first layer reads
    noised: Tensor  # (..., n_rows, 1), rows with noise
    target: Tensor  # what F should be, of each number
    counts: Tensor  # 1 where a number was hidden
    prior: Tensor  # log g of each category
    chosen: Tensor  # x_0 of each category, 0 where it was not hidden
    seen: Tensor  # 1 where a cell of a categorical column was hidden


def lesson(batch: Batch, denoiser: PreconditionedDenoiser) -> Lesson:
    """What does not depend on the networks, for all times that rows serve."""
    numbers, categories = denoiser.numbers, denoiser.categories
    of_numbers = (pick(part, numbers) for part in (batch.x_0, batch.g, batch.s, batch.hidden))
    x_0, g, s, counts = of_numbers
    named, prior = (pick(part, categories) for part in (batch.x_0 * batch.hidden, batch.g))
    return Lesson(
        batch.features,
        batch.noised,
        (x_0 - g) / s,
        counts.float(),
        category_logits(prior, torch.zeros(())),
        named,
        pick(batch.hidden, denoiser.first_categories).float(),
    )


def number_loss(target: Tensor, F: Tensor, F_median: Tensor) -> Tensor:
    """Squared error of the mean plus absolute error of the median, both in units of s."""
    return (target - F).square() + (target - F_median).abs()


def category_loss(x_0: Tensor, seen: Tensor, logits: Tensor, sums: Tensor) -> Tensor:
    """Twice the summed cross-entropy, to be on the scale of a squared error.

    One-hot ``x_0``, zero where it does not count, and ``logits`` (..., n_codes) of categorical
    codes; ``seen`` (..., n_columns), 1 for cells that count; ``sums`` are the `log_sums`.
    """
    return 2 * ((seen * sums).sum() - (x_0 * logits).sum())


class MaskedLoss(torch.autograd.Function):
    """`masked_loss`, and its gradient by hand."""

    @staticmethod
    def forward(
        ctx: Any, output: Tensor, asked: Lesson, denoiser: PreconditionedDenoiser
    ) -> Tensor:
        numbers, members = denoiser.numbers, denoiser.members
        F, F_median = denoiser.parts(output)
        gradient = torch.zeros_like(output)
        own, of_medians = denoiser.parts(gradient)
        F_number = pick(F, numbers)
        total = (asked.counts * number_loss(asked.target, F_number, F_median)).sum()
        put(own, numbers, 2 * asked.counts * (F_number - asked.target))
        of_medians.copy_(asked.counts * (F_median - asked.target).sign())
        if len(members):
            logits = asked.prior + pick(F, denoiser.categories)
            weights, largest = exponentials(logits)
            sums = weights @ members
            total = total + category_loss(asked.chosen, asked.seen, logits, sums.log() + largest)
            shares = weights.mul_((asked.seen / sums) @ members.T)  # 0 where nothing was hidden
            put(own, denoiser.categories, shares.sub_(asked.chosen).mul_(2))
        n_cells = (asked.counts.sum() + asked.seen.sum()).clamp_min(1)
        ctx.gradient = gradient.div_(n_cells)
        return total / n_cells

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0] * ctx.gradient, None, None


def put(into: Tensor, codes: Codes, values: Tensor) -> None:
    """Set some codes of the last axis."""
    if isinstance(codes, slice):
        into[..., codes] = values
    else:
        into.index_copy_(-1, codes.to(into.device), values)


def masked_loss(output: Tensor, asked: Lesson, denoiser: PreconditionedDenoiser) -> Tensor:
    """Loss per hidden cell, the squared errors weighted by 1 / s^2.

    ``output`` is what the networks say, F and F' side by side. Only cells that were observed
    count: Algorithm 1 of MissDiff (arXiv 2307.00467).
    """
    return MaskedLoss.apply(output, asked, denoiser)
