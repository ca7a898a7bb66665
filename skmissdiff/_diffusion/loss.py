"""The masked denoising loss: squared and absolute errors of numbers, surprise of categories."""

from torch import Tensor

from .batches import Batch
from .denoiser import PreconditionedDenoiser, category_logits


def number_loss(target: Tensor, F: Tensor, F_median: Tensor) -> Tensor:
    """Squared error of the mean plus absolute error of the median, both in units of s."""
    return (target - F).square() + (target - F_median).abs()


def category_loss(x_0: Tensor, logits: Tensor) -> Tensor:
    """Twice the cross-entropy, to be on the scale of a squared error; one-hot x_0."""
    return -2 * (x_0 * logits.log_softmax(dim=-1)).sum(-1)


def masked_loss(
    F: Tensor, F_median: Tensor, batch: Batch, denoiser: PreconditionedDenoiser
) -> Tensor:
    """Loss per hidden cell, the squared errors weighted by 1 / s^2.

    Only cells that were observed count: Algorithm 1 of MissDiff (arXiv 2307.00467).
    """
    codes = denoiser.numeric_codes
    target = ((batch.x_0 - batch.g) / batch.s)[..., codes]
    counted = batch.hidden[..., codes]
    total = (counted * number_loss(target, F[..., codes], F_median)).sum()
    n_cells = counted.sum()
    for categories in denoiser.layout.categorical_slices:
        logits = category_logits(batch.g[..., categories], F[..., categories])
        counted = batch.hidden[..., categories.start]
        total = total + (counted * category_loss(batch.x_0[..., categories], logits)).sum()
        n_cells = n_cells + counted.sum()
    return total / n_cells.clamp_min(1)
