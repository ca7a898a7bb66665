"""The masked denoising loss: squared and absolute errors of numbers, surprise of categories."""

from torch import Tensor

from .batches import Batch
from .columns import pick
from .denoiser import PreconditionedDenoiser, category_logits, log_sums


def number_loss(target: Tensor, F: Tensor, F_median: Tensor) -> Tensor:
    """Squared error of the mean plus absolute error of the median, both in units of s."""
    return (target - F).square() + (target - F_median).abs()


def category_loss(x_0: Tensor, seen: Tensor, logits: Tensor, members: Tensor) -> Tensor:
    """Twice the summed cross-entropy, to be on the scale of a squared error.

    One-hot ``x_0``, zero where it does not count, and ``logits`` (..., n_codes) of categorical
    codes; ``seen`` (..., n_columns), which cells count; ``members`` as in `log_sums`.
    """
    return 2 * ((seen * log_sums(logits, members)).sum() - (x_0 * logits).sum())


def masked_loss(
    F: Tensor, F_median: Tensor, batch: Batch, denoiser: PreconditionedDenoiser
) -> Tensor:
    """Loss per hidden cell, the squared errors weighted by 1 / s^2.

    Only cells that were observed count: Algorithm 1 of MissDiff (arXiv 2307.00467).
    """
    counted = (batch.x_0, batch.g, batch.s, batch.hidden, F)
    x_0, g, s, hidden, F_number = (pick(part, denoiser.numbers) for part in counted)
    total = (hidden * number_loss((x_0 - g) / s, F_number, F_median)).sum()
    n_cells = hidden.sum()
    if denoiser.layout.categorical_slices:
        x_0, g, _, hidden, F_category = (pick(part, denoiser.categories) for part in counted)
        seen = pick(batch.hidden, denoiser.first_categories)
        logits = category_logits(g, F_category)
        total = total + category_loss(x_0 * hidden, seen, logits, denoiser.members)
        n_cells = n_cells + seen.sum()
    return total / n_cells.clamp_min(1)
