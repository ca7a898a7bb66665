"""Fit the default method: factor analysis, then networks that must earn their place.

Small tables get several networks trained side by side. Each leaves out a tenth of
the rows of its own; the errors on all held-out rows together choose the weights
and how far every column believes the networks (``alpha``), so that the fit never
trusts a network where it does not improve on the factor analysis.

Under MAR, rows as they came are a biased sample of complete rows. Conditionals can
still be learnt from them, the joint distribution cannot: for generation the missing
cells are drawn from the model again and again while it is trained (stochastic EM).
"""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from .codes import Layout, layout_of
from .denoiser import Dropout, Inputs, PreconditionedDenoiser
from .donor_validation import choose_donors
from .loss import (
    Batch,
    Mixture,
    Rows,
    masked_loss,
    rows_of,
    stacked,
    training_batch,
)
from .preconditioning import FactorModel, choose_rank, fit_factor_analysis
from .sampling import code_groups, complete_rows
from .training import Callback, History, TrainingSettings, fit_loop
from .validation import Checks, Validation, earned, leave_out, validate, validation_checks

MAX_POOL_CODES = 20_000_000  # pooled maskings of a small table: 6 arrays of this size at most
MAX_COPIES = 64
CHUNK_ROWS = 8192  # rows masked in one call
SMALL_TABLE = 2000
FEW_ROWS_PER_CODE = 100  # with fewer, a network can learn rows by heart
MAX_WAVES = 512  # frequencies of all columns together
REFRESH_EVALUATIONS = 10  # of the network per drawn row and group of columns
MAX_GROUPS = 8  # of columns that are drawn in turn
WARM_SHARE = 0.35  # of the training, before missing cells are drawn for the first time
MAX_KNOWN_ROWS = 4096  # on which a network that was not judged has to gain something
TRIAL_ROWS = 256  # by which the seconds of a refresh are foretold
MAX_REFRESH_SHARE = 0.25  # of the seconds that are left


@dataclass(frozen=True)
class MaskedSettings:
    """What shapes one fit besides the loop; `MaskedMethod` chooses it by the table."""

    batch_size: int
    n_networks: int
    hidden_size: int
    n_layers: int
    n_frequencies: int
    max_rank: int
    em_max_iter: int
    em_tol: float
    validation_fraction: float  # of the rows, per network; 0: no selection, no shrinkage
    n_refreshes: int = 0  # of the drawn missing cells
    donors: bool = False  # whether training rows may have a say in means, if some are held out
    dropout: float = 0.0  # share of the hidden units that rows without noise lack
    frequency_scale: float = 2.0
    ridge: float = 2.0
    min_psi: float = 1e-4

    @property
    def mixture(self) -> Mixture:
        """One-pass means need most of the rows; draws of whole rows need some more."""
        return Mixture(mean_share=0.5, begun_share=0.4) if self.n_refreshes else Mixture()


def has_fast_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 in hardware."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


class RowSource:
    """Batches of K x batch_size rows, masked ahead in large chunks.

    A small table is masked often enough once and for all; a large one is masked
    chunk by chunk, so that memory stays bounded.
    """

    def __init__(
        self,
        model: FactorModel,
        rows: Rows,
        layout: Layout,
        kept_rows: list[Tensor],
        settings: MaskedSettings,
        generator: torch.Generator,
    ):
        self.model, self.rows = model, rows
        self.layout, self.kept_rows = layout, kept_rows
        self.settings, self.generator = settings, generator
        self.refill()

    def refill(self, completed: Tensor | None = None) -> None:
        """Forget what was masked ahead; from now on use these draws of the missing cells."""
        self.rows = self.rows._replace(completed=completed)
        self.queue: list[Batch] = []
        self.pool: Batch | None = None
        n_rows, n_codes = self.rows.x.shape
        self.n_copies = min(MAX_COPIES, MAX_POOL_CODES // (n_rows * n_codes))
        if n_rows < SMALL_TABLE and self.n_copies >= MAX_COPIES // 4:
            self.pool = self.masked(torch.arange(n_rows).repeat(self.n_copies))

    def masked(self, index: Tensor) -> Batch:
        """Mask rows in bounded chunks."""
        return stacked(
            [
                training_batch(
                    self.model,
                    self.rows_at(chunk),
                    self.layout,
                    self.settings.mixture,
                    self.generator,
                )
                for chunk in index.split(CHUNK_ROWS)
            ]
        )

    def rows_at(self, index: Tensor) -> Rows:
        """Some rows of the table."""
        x, mask, completed = self.rows
        return Rows(x[index], mask[index], None if completed is None else completed[index])

    def choice(self, n_rows: int) -> Tensor:
        """Training rows of each network, drawn with replacement, shape (K, n_rows)."""
        return torch.stack(
            [
                kept[torch.randint(len(kept), (n_rows,), generator=self.generator)]
                for kept in self.kept_rows
            ]
        )

    def next_batch(self) -> Batch:
        """Inputs and targets of shape (K, batch_size, n_codes)."""
        size = self.settings.batch_size
        if self.pool is not None:
            rows = self.choice(size)
            copy = torch.randint(self.n_copies, rows.shape, generator=self.generator)
            return rows_of(self.pool, rows + len(self.rows.x) * copy)
        if not self.queue:
            n_batches = max(1, CHUNK_ROWS // (size * len(self.kept_rows)))
            rows = self.choice(n_batches * size)
            chunk = self.masked(rows.flatten())
            index = torch.arange(rows.numel()).view(len(rows), n_batches, size)
            self.queue = [rows_of(chunk, index[:, i]) for i in range(n_batches)]
        return self.queue.pop()


class StochasticEM:
    """Draws the missing cells of the training rows anew, a few times after a warm start."""

    def __init__(self, source: RowSource, n_refreshes: int, generator: torch.Generator):
        self.source, self.generator = source, generator
        step = (1 - WARM_SHARE) / max(1, n_refreshes)
        self.due = [WARM_SHARE + i * step for i in range(n_refreshes)]

    def is_due(self, share_done: float) -> bool:
        """Whether the time of one has come, and training goes on after it."""
        return bool(self.due) and self.due[0] <= share_done < 1

    def __call__(
        self, denoiser: PreconditionedDenoiser, share_done: float, seconds_left: float
    ) -> bool:
        """Draw, unless that would take much of the time that is left."""
        self.due = [share for share in self.due if share > share_done]
        x, mask, _ = self.source.rows
        if math.isfinite(seconds_left):
            few = (~mask).any(1).nonzero()[:TRIAL_ROWS, 0]
            start = time.monotonic()
            self.completed(denoiser, x[few], mask[few])
            expected = (time.monotonic() - start) * len(x) / len(few)
            if expected > MAX_REFRESH_SHARE * seconds_left:
                return False
        self.source.refill(self.completed(denoiser, x, mask))
        return True

    def completed(self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor) -> Tensor:
        """The rows with their missing cells drawn."""
        groups = code_groups(self.source.rows.mask, self.source.layout.cell, MAX_GROUPS)
        return complete_rows(denoiser, x, mask, groups, REFRESH_EVALUATIONS, self.generator)


def fit_masked(
    x: Tensor,
    mask: Tensor,
    categorical_slices: tuple[slice, ...],
    settings: MaskedSettings,
    loop: TrainingSettings,
    generator: torch.Generator,
    device: str = "cpu",
    callback: Callback | None = None,
) -> tuple[PreconditionedDenoiser, History]:
    """Fit factor analysis and networks to the observed codes.

    ``x`` and ``mask`` (n_rows, n_codes), on the CPU; every code must be observed at
    least once.
    """
    n_rows, n_codes = x.shape
    denoiser = start_from_factors(x, mask, categorical_slices, settings, generator)
    if loop.max_iter == 0:
        return denoiser, History()
    fast = FactorModel(*(value.float() for value in denoiser.factors))
    layout = layout_of(n_codes, categorical_slices)
    fraction = min(settings.validation_fraction, 1 / settings.n_networks)
    kept, held = leave_out(n_rows, settings.n_networks, fraction, generator)

    def checks_of(rows: list[Tensor]) -> Checks:
        found = validation_checks(fast, x, mask, layout, rows, generator)
        return Checks(
            found.rows.to(device),
            to_device(found.absent, device),
            None if found.noised is None else to_device(found.noised, device),
        )

    judged = fraction > 0
    if judged and not (len(held[0]) and all(mask[rows].any() for rows in held)):
        # Too few rows to judge a network: stay with the factor analysis.
        nothing = torch.zeros(n_codes)
        denoiser.believe(nothing, nothing)
        return denoiser, History()
    check = checks_of(held) if judged else None
    source = RowSource(fast, Rows(x, mask), layout, kept, settings, generator)
    denoiser.to(device)
    n_refreshes = 0 if mask.all() else settings.n_refreshes
    kind = torch.device(device).type

    def loss(denoiser: PreconditionedDenoiser, batch: Batch) -> Tensor:
        drop = dropout(batch.inputs, settings.dropout, generator) if settings.dropout else None
        with torch.autocast(kind, torch.bfloat16, enabled=loop.optimiser.bfloat16):
            F, F_median = denoiser.correction(batch.inputs, drop)
        return masked_loss(F.float(), F_median.float(), batch, denoiser)

    def judge(denoiser: PreconditionedDenoiser) -> Validation:
        assert check is not None
        found = validate(denoiser, check, judge_draws=n_refreshes > 0)
        denoiser.believe(found.alpha, found.alpha_noised)  # for the draws of a refresh
        return found

    history, best = fit_loop(
        denoiser,
        lambda: to_device(source.next_batch(), device),
        loss,
        loop,
        validate=judge if check else None,
        callback=callback,
        refresh=StochasticEM(source, n_refreshes, generator),
    )
    if best is not None:
        assert check is not None
        denoiser.believe(best.alpha, best.alpha_noised)
        if settings.donors and n_rows < SMALL_TABLE:
            denoiser.ask(choose_donors(denoiser, x.to(device), mask.to(device), check))
    elif not judged:
        known = torch.randperm(n_rows, generator=generator)[:MAX_KNOWN_ROWS]
        denoiser.believe(*earned(denoiser, checks_of([known] * settings.n_networks)))
    return denoiser, history


def dropout(inputs: Inputs, rate: float, generator: torch.Generator) -> Dropout:
    """Leave hidden units out at random, in rows without noise.

    There the networks name levels, and can learn by heart which rows there are; where numbers
    are noised the noise keeps them from it, and draws need them exact.
    """
    spared = ((inputs.w > 0) & (inputs.w < 1)).any(-1, keepdim=True)

    def drop(active: Tensor) -> Tensor:
        keep = torch.empty(active.shape).bernoulli_(1 - rate, generator=generator)
        return active * torch.where(spared, 1.0, keep.to(active.device) / (1 - rate))

    return drop


def start_from_factors(
    x: Tensor,
    mask: Tensor,
    categorical_slices: tuple[slice, ...],
    settings: MaskedSettings,
    generator: torch.Generator,
) -> PreconditionedDenoiser:
    """The denoiser before any training: the linear-Gaussian imputer."""
    codes = x.double()
    prior = {"ridge": settings.ridge, "min_psi": settings.min_psi}
    rank = choose_rank(codes, mask, max_rank=settings.max_rank, generator=generator, **prior)
    factors, _ = fit_factor_analysis(
        codes, mask, rank, max_iter=settings.em_max_iter, tol=settings.em_tol, **prior
    )
    denoiser = PreconditionedDenoiser(
        x.shape[1],
        rank,
        categorical_slices,
        n_networks=settings.n_networks,
        hidden_size=settings.hidden_size,
        n_layers=settings.n_layers,
        n_frequencies=settings.n_frequencies,
        frequency_scale=settings.frequency_scale,
        generator=generator,
    )
    denoiser.set_factors(factors)
    return denoiser


def to_device(batch: Batch, device: str) -> Batch:
    """The batch where the networks are."""
    inputs = type(batch.inputs)(*(part.to(device) for part in batch.inputs))
    return Batch(inputs, batch.hidden.to(device), batch.x_0.to(device))
