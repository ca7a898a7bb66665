"""The default method: factor analysis, then networks that must earn their place.

Several networks are trained side by side. Each leaves out some rows of its own; the errors on
all held-out rows together choose the weights and how far every column believes the networks,
so that the fit never trusts a network where it does not improve on the factor analysis.

Rows are codes ``x`` (n_rows, n_codes), float32, zero where ``mask`` is False.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .batches import Rows, RowSource, not_applicable
from .denoiser import PreconditionedDenoiser
from .donors import choose_donors, held_out
from .factor_analysis import FactorModel, choose_rank, fit_factor_analysis
from .kernel import Joint
from .likelihood import score_rows
from .loss import Lesson, lesson, masked_loss
from .memory import keep_freed_memory
from .networks import Dropout, bin_edges
from .optimiser import OptimiserSettings
from .processes import ALONE, Processes
from .recipe import FACTOR_SHARE, MAX_DONOR_ROWS, Options, Recipe, factor_rows, recipe_for
from .sampling import draw, draw_sigmas
from .shrinkage import Checks, Validation, judge, leave_out, nothing, validation_checks
from .stochastic_em import StochasticEM
from .threads import few_threads
from .training import Callback, Clock, History, fit_loop

Noise = Callable[[], Tensor]
P = ParamSpec("P")
T = TypeVar("T")


class Guess(NamedTuple):
    """Best guesses of rows, all (n_rows, n_codes), tensors or arrays."""

    value: Any  # that was asked for, mean or median
    mean: Any
    part: Any  # that networks have in the value; donors have the rest


@dataclass(frozen=True)
class MaskedMethod:
    """The default: a noise level per code, started from factor analysis."""

    n_steps: int = 6

    has_one_pass = True

    def training_key(self) -> "MaskedMethod":
        """What training depends on: noise levels are continuous, steps are for draws."""
        return MaskedMethod()

    def train(
        self,
        x: Tensor,
        mask: Tensor,
        layout: CodeLayout,
        options: Options,
        generator: torch.Generator,
        device: str,
        callback: Callback | None = None,
        started: float | None = None,
        weight: Tensor | None = None,
        processes: Processes = ALONE,
    ) -> tuple[PreconditionedDenoiser, History]:
        """Fit factor analysis and networks; every code must be observed at least once.

        Rows count as often as their ``weight`` (n_rows,), of mean 1, says. Of several processes
        each has a share of the rows, and all get the same networks.
        """
        n_numeric = len(layout.numeric_codes)
        n_columns = n_numeric + len(layout.categorical_slices)
        recipe = processes.first(
            lambda: recipe_for(len(x), layout.n_codes, n_columns, n_numeric, options, device)
        )
        rows = Rows(x, mask, weight=weight)
        return fit_masked(
            rows, layout, recipe, generator, device, callback, started, processes=processes
        )

    def estimate(
        self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, median: bool
    ) -> Tensor:
        """Means or medians given the observed codes, in one evaluation."""
        found = denoiser.estimate(x, torch.where(mask, 0.0, torch.inf))
        return joint(denoiser, found.median if median else found.mean, x, mask, median).value

    def guess(
        self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, median: bool
    ) -> Guess:
        """Means, or medians and means, in one evaluation, and what part networks have in them."""
        found = denoiser.estimate(x, torch.where(mask, 0.0, torch.inf))
        mean, part = joint(denoiser, found.mean, x, mask, median=False)
        if not median:
            return Guess(mean, mean, part)
        value, part = joint(denoiser, found.median, x, mask, median=True)
        return Guess(value, mean, part)

    def n_noise(self, denoiser: PreconditionedDenoiser, n_codes: int) -> int:
        """Numbers per row that one call of ``noise`` gives."""
        return n_codes + denoiser.W.shape[1]

    def draw(
        self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, noise: Noise
    ) -> Tensor:
        """Rows whose missing codes are drawn given the observed ones."""
        return draw(denoiser, x, mask, noise(), draw_sigmas(self.n_steps))

    def generate(self, denoiser: PreconditionedDenoiser, noise: Noise) -> Tensor:
        """New rows: nothing is given."""
        start = noise()
        blank = start.new_zeros(len(start), len(denoiser.mu))
        return draw(denoiser, blank, blank[:1].bool(), start, draw_sigmas(self.n_steps))

    def log_density(
        self, denoiser: PreconditionedDenoiser, x: Tensor, mask: Tensor, noise: Noise
    ) -> Tensor:
        """A bound on the log density of the observed codes."""
        return score_rows(denoiser, x, mask, noise)


def joint(
    denoiser: PreconditionedDenoiser, value: Tensor, x: Tensor, mask: Tensor, median: bool
) -> Joint:
    """Means or medians of the networks, and the donors' part in them, if there are donors."""
    if denoiser.donors is None:
        return Joint(value, torch.ones_like(value))
    return denoiser.donors.join(value, x, mask, median)


def with_few_threads(
    fit: Callable[Concatenate[Rows, CodeLayout, Recipe, P], T],
) -> Callable[Concatenate[Rows, CodeLayout, Recipe, P], T]:
    """A fit with as many threads as its steps feed."""

    @wraps(fit)
    def fitted(
        rows: Rows, layout: CodeLayout, recipe: Recipe, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        n_rows = recipe.n_networks * recipe.batch_size
        with few_threads(n_rows, recipe.hidden_size, layout.n_codes):
            return fit(rows, layout, recipe, *args, **kwargs)

    return fitted


@with_few_threads
def fit_masked(
    rows: Rows,
    layout: CodeLayout,
    recipe: Recipe,
    generator: torch.Generator,
    device: str = "cpu",
    callback: Callback | None = None,
    started: float | None = None,
    factors: FactorModel | None = None,
    processes: Processes = ALONE,
) -> tuple[PreconditionedDenoiser, History]:
    """Factor analysis, held-out rows, training, shrinkage: in this order.

    ``factors`` is a factor analysis to start from, fitted already. Of several processes the
    first one does all but the training, with its share of the rows.
    """
    keep_freed_memory()
    clock = Clock(recipe.max_iter, recipe.max_time, started)
    denoiser = processes.first(
        lambda: start_from_factors(rows, layout, recipe, generator, clock, factors)
    )
    if recipe.max_iter == 0:
        return denoiser, History()
    judged = recipe.held_share > 0 and processes.rank == 0
    held_share = recipe.held_share if judged else 0.0
    empty = ~rows.mask.any(1)
    kept, held = leave_out(len(rows.x), recipe.n_networks, held_share, generator, empty)
    few = judged and not (len(held[0]) and all(rows.mask[own].any() for own in held))
    if processes.decide(few or clock.seconds_left() <= 0):
        # Too few rows to judge a network, or no time for one: stay with the factor analysis.
        denoiser.set_shrinkage(nothing(denoiser.alpha_mean))
        return processes.first(lambda: (denoiser, History(too_late=not few)))
    denoiser.to(device)
    factors = FactorModel(*(value.float() for value in denoiser.factors))
    dtype = torch.bfloat16 if recipe.bfloat16 else torch.float32
    checks = None
    if judged:
        checks = validation_checks(
            denoiser, factors, rows, held, generator, of_rows=recipe.for_generation
        ).to(dtype)
    source = RowSource(
        denoiser,
        factors,
        rows,
        kept,
        recipe.batch_size,
        recipe.n_uses,
        recipe.mixture,
        generator,
        dtype,
        prepare=lambda batch: lesson(batch, denoiser),
    )
    is_whole = bool((rows.mask | not_applicable(rows.x, layout)).all())
    n_refreshes = 0 if processes.decide(is_whole) else recipe.n_refreshes
    history, best = fit_loop(
        denoiser,
        source.next_batch,
        loss_of(recipe, generator),
        clock,
        OptimiserSettings(
            recipe.learning_rate,
            recipe.muon_learning_rate,
            recipe.weight_decay,
            recipe.ema_decay,
            recipe.bfloat16,
        ),
        judge=judge_by(checks, recipe) if checks is not None else None,
        patience=recipe.patience,
        n_held=sum(len(own) for own in held),
        callback=callback,
        refresh=StochasticEM(source, n_refreshes, generator, processes),
        processes=processes,
    )
    if best is not None and checks is not None:
        if not recipe.for_generation:  # else these weights were asked about all rows
            best = judge(denoiser, checks, for_draws=False)
        denoiser.set_shrinkage(best.shrinkage)
        # Of several processes none has all rows.
        if recipe.donors and processes.n == 1 and clock.seconds_left() > 0:
            if len(rows.x) <= MAX_DONOR_ROWS:
                denoiser.set_donors(choose_donors(denoiser, rows, checks, generator))
            history.said = held_out(denoiser, checks)
    return processes.first(lambda: (denoiser.to("cpu"), history))


def loss_of(
    recipe: Recipe, generator: torch.Generator
) -> Callable[[PreconditionedDenoiser, Lesson], Tensor]:
    """The loss of a step."""

    def loss(denoiser: PreconditionedDenoiser, asked: Lesson) -> Tensor:
        drop = dropout(asked.noised, recipe.dropout, generator) if recipe.dropout else None
        return masked_loss(denoiser.output(asked.features, drop), asked, denoiser)

    return loss


def judge_by(checks: Checks, recipe: Recipe) -> Callable[[PreconditionedDenoiser], Validation]:
    """What judges the weights of a checkpoint, and lets them be believed as far as is right."""
    # Means do not ask about noised rows until the end.
    asked = checks if recipe.for_generation else checks._replace(noised=None)

    def shrunk(denoiser: PreconditionedDenoiser) -> Validation:
        found = judge(denoiser, asked, for_draws=recipe.for_generation)
        denoiser.set_shrinkage(found.shrinkage)  # for the draws of a refresh
        return found

    return shrunk


def start_from_factors(
    rows: Rows,
    layout: CodeLayout,
    recipe: Recipe,
    generator: torch.Generator,
    clock: Clock,
    factors: FactorModel | None = None,
) -> PreconditionedDenoiser:
    """The denoiser before any training: the linear-Gaussian imputer."""
    chosen = torch.randperm(len(rows.x), generator=generator)[: factor_rows(layout.n_codes)]
    seen = rows.mask[chosen].any(0)
    # A code that only the other rows observe needs all of them.
    some = rows if not seen.all() or len(chosen) == len(rows.x) else rows.at(chosen)
    if factors is None:
        factors = fit_factors(some, recipe, generator, clock)
    denoiser = PreconditionedDenoiser(
        layout,
        factors.W.shape[1],
        n_networks=recipe.n_networks,
        hidden_size=recipe.hidden_size,
        n_layers=recipe.n_layers,
        n_bins=recipe.n_bins,
        generator=generator,
    )
    denoiser.set_factors(factors)
    numbers = torch.from_numpy(layout.numeric_codes)
    denoiser.edges.copy_(bin_edges(some.x[:, numbers], some.mask[:, numbers], recipe.n_bins))
    return denoiser


def fit_factors(
    rows: Rows, recipe: Recipe, generator: torch.Generator, clock: Clock
) -> FactorModel:
    """The factor analysis of the rank that held-out rows ask for."""
    codes = rows.x.double()
    deadline = time.monotonic() + FACTOR_SHARE * clock.seconds_left()
    weight = rows.weight
    rank = choose_rank(codes, rows.mask, generator=generator, deadline=deadline, weight=weight)
    factors, _ = fit_factor_analysis(
        codes,
        rows.mask,
        rank,
        max_iter=recipe.em_max_iter,
        tol=recipe.em_tol,
        deadline=deadline,
        weight=weight,
    )
    return factors


def dropout(spared: Tensor, rate: float, generator: torch.Generator) -> Dropout:
    """Leave hidden units out at random, but in rows that are ``spared``: those with noise.

    In the others the networks name categories, and can learn by heart which rows there are; where
    numbers are noised the noise keeps them from it, and draws need them exact.
    """

    def drop(active: Tensor) -> Tensor:
        keep = torch.empty(active.shape).bernoulli_(1 - rate, generator=generator).to(active)
        return active * torch.where(spared, 1.0, keep / (1 - rate))

    return drop
