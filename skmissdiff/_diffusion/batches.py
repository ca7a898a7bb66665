"""Training batches: observed cells hidden from the networks, absent or noised.

Numbers have all noise levels. Categories have two, known and absent: they are drawn one
column at a time, by their probabilities given what is known.

Shapes: ``x``, ``mask``, ``hidden``, ``sigma`` (n_rows, n_codes).
"""

import math
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .denoiser import PreconditionedDenoiser, network_inputs
from .factor_analysis import FactorModel
from .posterior import gaussian_posterior
from .recipe import CHUNK_BYTES, LOG_SIGMA_MEAN, LOG_SIGMA_SD, Mixture


class Batch(NamedTuple):
    """Rows as the networks meet them, all (..., n_rows, n_codes) but for the first."""

    features: Tensor  # (..., n_rows, n_in), what the first layer reads
    g: Tensor  # Gaussian posterior mean
    s: Tensor  # and standard deviation
    unknown: Tensor  # codes that are absent or noised
    noised: Tensor  # (..., n_rows, 1), rows with noise
    hidden: Tensor  # observed codes to be estimated
    x_0: Tensor


class Rows(NamedTuple):
    """Training rows, all (n_rows, n_codes)."""

    x: Tensor
    mask: Tensor  # True where observed
    completed: Tensor | None = None  # x with its missing codes drawn
    weight: Tensor | None = None  # (n_rows,), how often each row counts; None: all alike

    def at(self, index: Tensor) -> "Rows":
        """Some of them."""
        # Whole rows are copied, which indexing with brackets does number by number.
        completed, weight = (
            None if part is None else part.index_select(0, index)
            for part in (self.completed, self.weight)
        )
        x, mask = (part.index_select(0, index) for part in (self.x, self.mask))
        return Rows(x, mask, completed, weight)


def drawn_rows(
    kept: Tensor, weight: Tensor | None, n_rows: int, generator: torch.Generator
) -> Tensor:
    """Some of the kept rows, drawn with replacement as often as they weigh.

    Drawn, not weighted in the loss: a step then learns from as many rows, whatever the weights.
    """
    if weight is None:
        return kept[torch.randint(len(kept), (n_rows,), generator=generator)]
    upto = weight[kept].double().cumsum(0)
    chance = torch.rand(n_rows, dtype=torch.float64, generator=generator) * upto[-1]
    return kept[torch.searchsorted(upto, chance, right=True).clamp_max(len(kept) - 1)]


def spread_rows(held: Tensor, weight: Tensor | None, n_times: int) -> Tensor:
    """Rows ``n_times`` each on average, as often as they weigh: a systematic sample."""
    if weight is None:
        return held.repeat(n_times)
    upto = weight[held].double().cumsum(0)
    n_rows = n_times * len(held)
    places = (torch.arange(n_rows, dtype=torch.float64) + 0.5) / n_rows * upto[-1]
    return held[torch.searchsorted(upto, places, right=True).clamp_max(len(held) - 1)]


def not_applicable(x: Tensor, layout: CodeLayout) -> Tensor:
    """Numbers of spiked columns in rows that hold "the value": there is no other one."""
    found = torch.zeros(x.shape, dtype=torch.bool, device=x.device)
    if len(layout.spike_codes):
        found[..., layout.spiked_numbers] = x[..., layout.spike_codes] > 0.5
    return found


def map_batch(batch, function):
    """Apply a function to every part of a batch."""
    return type(batch)(*(function(part) for part in batch))


def joined(batches, join=torch.cat):
    """Join batches row by row (``torch.cat``) or network by network (``torch.stack``)."""
    return type(batches[0])(*(join(parts) for parts in zip(*batches, strict=True)))


def hide_cells(
    mask: Tensor, layout: CodeLayout, fraction: Tensor, generator: torch.Generator
) -> Tensor:
    """Hide each observed cell with probability ``fraction`` (n_rows, 1), at least one per row."""
    column = torch.from_numpy(layout.column_of_code)
    draw = torch.rand(len(mask), layout.n_columns, generator=generator)[:, column]
    draw = draw.masked_fill(~mask, 2.0)
    return (draw <= torch.maximum(fraction, draw.amin(1, keepdim=True))) & mask


def hide_the_rest(mask: Tensor, layout: CodeLayout, generator: torch.Generator) -> Tensor:
    """Hide every number, and the categorical columns from a random one on."""
    number = torch.zeros(layout.n_codes, dtype=torch.long)  # of the categorical column
    for place, codes in enumerate(layout.categorical_slices):
        number[codes] = place + 1
    n_columns = len(layout.categorical_slices)
    n_known = torch.randint(n_columns + 1, (len(mask), 1), generator=generator)
    return mask & ((number == 0) | (number > n_known))


def corrupt(
    denoiser: PreconditionedDenoiser,
    factors: FactorModel,
    rows: Rows,
    hidden: Tensor,
    row_sigma: Tensor,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    *,
    of_categories: bool = False,
) -> Batch:
    """Give hidden codes the noise level of their row, missing ones infinity, the rest zero.

    The batch is where the denoiser and the factors are; features are in ``dtype``. ``s`` is told
    of numbers, and ``of_categories`` if that is asked for.
    """
    x, mask = rows.x, rows.mask
    device = factors.mu.device
    sigma = torch.where(hidden, row_sigma[:, None], 0.0).masked_fill(~mask, math.inf)
    finite = sigma.isfinite()
    noise = torch.randn(x.shape, generator=generator)
    noised = torch.where(finite, x + torch.where(finite, sigma, 0.0) * noise, 0.0)
    noised, sigma, hidden, x = (part.to(device) for part in (noised, sigma, hidden, x))
    levels = noised.to(factors.mu.dtype), sigma.to(factors.mu.dtype)
    columns = None if of_categories else denoiser.columns
    g, variance = gaussian_posterior(factors, *levels, columns, alike=False)
    inputs = network_inputs(noised, sigma, g, variance)
    features = denoiser.features(inputs, dtype)
    noised_rows = ((inputs.w > 0) & (inputs.w < 1)).any(-1, keepdim=True)
    return Batch(features, inputs.g, inputs.s, inputs.w < 1, noised_rows, hidden, x)


def random_sigma(n_rows: int, generator: torch.Generator) -> Tensor:
    """Noise levels of training rows, shape (n_rows,)."""
    return (LOG_SIGMA_MEAN + LOG_SIGMA_SD * torch.randn(n_rows, generator=generator)).exp()


def training_batch(
    denoiser: PreconditionedDenoiser,
    factors: FactorModel,
    rows: Rows,
    mixture: Mixture,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> Batch:
    """Draw a kind, a noise level and hidden cells for each row."""
    x, mask, completed, _ = rows
    layout = denoiser.layout
    is_numeric = torch.from_numpy(layout.is_numeric)
    n_rows = len(x)
    chance = torch.rand(3, n_rows, generator=generator)
    one_pass = chance[0] < mixture.mean_share
    # A row whose numbers do not apply has its share of both kinds: else more rows that hold the
    # value than others would teach how often it occurs.
    one_pass |= ~((mask | not_applicable(x, layout)) & is_numeric).any(1)
    begun = one_pass & (chance[1] < mixture.begun_share)
    generation = ~one_pass & (chance[1] < 0.5)
    if completed is not None:
        use = begun | generation | (~one_pass & (chance[2] < mixture.completed_share))
        x = torch.where(use[:, None], completed, x)
        mask = (mask | use[:, None]) & ~not_applicable(x, layout)
    fraction = torch.rand(n_rows, 1, generator=generator)
    fraction = torch.where(one_pass, mixture.max_hidden, 1.0)[:, None] * fraction
    fraction = fraction.masked_fill(generation[:, None], 1.0)
    hidden = hide_cells(mask, layout, fraction, generator)
    if mixture.begun_share:
        rest = hide_the_rest(mask, layout, generator)
        hidden = torch.where((begun & rest.any(1))[:, None], rest, hidden)
    # Categories are known or absent: only numbers are noised.
    hidden &= is_numeric | one_pass[:, None]
    row_sigma = random_sigma(n_rows, generator).masked_fill(one_pass, math.inf)
    return corrupt(denoiser, factors, Rows(x, mask), hidden, row_sigma, generator, dtype)


class RowSource:
    """Batches of K x batch_size rows, masked ahead in chunks of bounded memory.

    Each network has chunks of the rows that it may see. A chunk serves ``n_uses`` times, in
    another order: masking a row costs about as much as training on it. ``prepare`` makes of a
    batch what the loss reads.
    """

    def __init__(
        self,
        denoiser: PreconditionedDenoiser,
        factors: FactorModel,
        rows: Rows,
        kept_rows: list[Tensor],
        batch_size: int,
        n_uses: int,
        mixture: Mixture,
        generator: torch.Generator,
        dtype: torch.dtype,
        prepare: Callable[[Batch], Any],
    ):
        self.prepare = prepare
        self.denoiser, self.factors, self.dtype = denoiser, factors, dtype
        self.rows, self.kept_rows = rows, kept_rows
        self.batch_size, self.n_uses = batch_size, n_uses
        self.mixture, self.generator = mixture, generator
        n_in = denoiser.first.weight.shape[1]
        row_bytes = dtype.itemsize * n_in + 18 * rows.x.shape[1]
        most = CHUNK_BYTES // (row_bytes * len(kept_rows) * batch_size)
        self.n_batches = int(min(max(most, 1), 8))
        self.queue: deque[Tensor] = deque()  # of the chunk, the rows of a batch each

    def complete(self, completed: Tensor) -> None:
        """From now on use these draws of the missing cells."""
        self.rows = self.rows._replace(completed=completed)
        self.queue.clear()

    def next_batch(self) -> Any:
        """Inputs and targets of shape (K, batch_size, ...), as they are prepared."""
        if not self.queue:
            self.refill()
        rows = self.queue.popleft()
        return map_batch(self.chunk, lambda part: part.index_select(1, rows))

    def refill(self) -> None:
        """Mask a chunk of rows for each network, drawn with replacement, and cut it up."""
        n_rows = self.n_batches * self.batch_size
        masked = [self.prepare(self.masked(kept, n_rows)) for kept in self.kept_rows]
        self.chunk = joined(masked, torch.stack)
        orders = [torch.arange(n_rows)]
        orders += [torch.randperm(n_rows, generator=self.generator) for _ in range(1, self.n_uses)]
        for order in orders:
            self.queue.extend(order.to(self.chunk[0].device).split(self.batch_size))

    def masked(self, kept: Tensor, n_rows: int) -> Batch:
        """Some of the kept rows, masked."""
        index = drawn_rows(kept, self.rows.weight, n_rows, self.generator)
        return training_batch(
            self.denoiser,
            self.factors,
            self.rows.at(index),
            self.mixture,
            self.generator,
            self.dtype,
        )
