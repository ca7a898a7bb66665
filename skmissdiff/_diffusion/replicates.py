"""Replicates of a fit: what the model would have been, had other rows been seen.

A draw of missing cells is proper (Rubin 1987, section 4.2) if the model that it comes from is a
draw, too. Each replicate weighs the rows by the Bayesian bootstrap (Rubin 1981, The Annals of
Statistics 9) and is fitted to the weighted rows: an approximate draw from the posterior of the
model. Weights, not copies: a copy of a row could be held out while the network learns its twin.

Shapes: ``x``, ``mask`` (n_rows, n_codes); ``weights`` (M, n_rows), of mean 1; the parameters of M
factor analyses have a leading M.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .batches import Rows
from .denoiser import PreconditionedDenoiser
from .factor_analysis import FactorModel, posterior_covariance
from .masked import fit_factors, fit_masked
from .recipe import (
    CHECKPOINTS,
    MIN_PSI,
    REPLICATE_CHANGE,
    REPLICATE_MAX_ITER,
    REPLICATE_RIDGE,
    Options,
    Recipe,
    factor_rows,
    recipe_for,
)
from .training import Clock

CHUNK_DOUBLES = 4_000_000  # bounds the memory of an E step


def bootstrap_weights(
    n_rows: int, generator: torch.Generator, weight: Tensor | None = None
) -> Tensor:
    """Weights of the Bayesian bootstrap, Dirichlet(1, ..., 1) times ``n_rows``.

    Rows that count differently have theirs times as much: the weighted likelihood bootstrap
    (Newton and Raftery 1994, Journal of the Royal Statistical Society B 56).
    """
    gaps = -torch.rand(n_rows, dtype=torch.float64, generator=generator).neg().log1p()
    if weight is not None:
        gaps = gaps * weight
    return gaps * n_rows / gaps.sum()


def replicates(
    fitted: PreconditionedDenoiser,
    rows: Rows,
    options: Options,
    curve: Sequence[float],
    seeds: Sequence[int],
    device: str,
) -> Iterator[PreconditionedDenoiser]:
    """Cheap replicates of a fit, one for each seed.

    The factor analysis is solved again, from that of the fit. One network is trained as long as
    the fit found worth while by its validation ``curve``, on all rows, and is believed as far as
    the networks of the fit. Where these brought nothing, the factor analysis is all there is.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    weights = torch.stack([bootstrap_weights(len(rows.x), g, rows.weight) for g in generators])
    few = slice(factor_rows(fitted.layout.n_codes))  # of rows in an order that means nothing
    models = refit_factors(fitted.factors, rows.x[few], rows.mask[few], weights[:, few])
    recipe = short_recipe(recipe_of(rows, fitted.layout, options, device), curve)
    is_linear = recipe.max_iter == 0 or not (fitted.alpha_mean.any() or fitted.alpha_noised.any())
    for number, generator in enumerate(generators):
        factors = FactorModel(*(part[number] for part in models))
        if is_linear:
            yield linear_denoiser(fitted.layout, factors)
            continue
        weighted = rows._replace(weight=weights[number])
        denoiser, _ = fit_masked(
            weighted, fitted.layout, recipe, generator, device, factors=factors
        )
        for name, buffer in denoiser.named_buffers():
            if name.startswith("alpha"):
                buffer.copy_(dict(fitted.named_buffers())[name])
        yield denoiser.to("cpu").eval().requires_grad_(False)


def refits(
    rows: Rows, layout: CodeLayout, options: Options, seeds: Sequence[int], device: str
) -> Iterator[PreconditionedDenoiser]:
    """Whole fits to weighted rows, one for each seed, with a rank and judges of their own."""
    recipe = replace(recipe_of(rows, layout, options, device), donors=False)
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        weights = bootstrap_weights(len(rows.x), generator, rows.weight)
        weighted = rows._replace(weight=weights)
        some = weighted.at(torch.arange(min(len(rows.x), factor_rows(layout.n_codes))))
        start = fit_factors(some, recipe, generator, Clock(1))
        models = refit_factors(start, some.x, some.mask, weights[None, : len(some.x)])
        factors = FactorModel(*(part[0] for part in models))
        denoiser, _ = fit_masked(weighted, layout, recipe, generator, device, factors=factors)
        yield denoiser.to("cpu").eval().requires_grad_(False)


def recipe_of(rows: Rows, layout: CodeLayout, options: Options, device: str) -> Recipe:
    """The training of the table, however long it takes."""
    n_numeric = len(layout.numeric_codes)
    n_columns = n_numeric + len(layout.categorical_slices)
    options = replace(options, max_time=None)
    return recipe_for(len(rows.x), layout.n_codes, n_columns, n_numeric, options, device)


def short_recipe(recipe: Recipe, curve: Sequence[float]) -> Recipe:
    """One network, trained up to the checkpoint that was the best of a fit."""
    share = CHECKPOINTS[min(range(len(curve)), key=curve.__getitem__)] if len(curve) else 1.0
    return replace(
        recipe,
        n_networks=1,
        held_share=0.0,
        max_iter=math.ceil(share * recipe.max_iter),
        donors=False,
    )


def linear_denoiser(layout: CodeLayout, factors: FactorModel) -> PreconditionedDenoiser:
    """A factor analysis with the smallest network there is, which adds nothing."""
    denoiser = PreconditionedDenoiser(
        layout,
        factors.W.shape[1],
        hidden_size=1,
        n_layers=0,
        n_bins=1,
        generator=torch.Generator(),
    )
    denoiser.set_factors(factors)
    for name, buffer in denoiser.named_buffers():
        if name.startswith("alpha"):
            buffer.zero_()
    return denoiser.eval().requires_grad_(False)


@torch.no_grad()
def refit_factors(start: FactorModel, x: Tensor, mask: Tensor, weights: Tensor) -> FactorModel:
    """Factor analyses of weighted rows, all at once, by EM from a common start.

    EM is not ended early here: what it would still learn is what the rows leave uncertain.
    """
    x = torch.where(mask, x, 0.0).double()
    models = FactorModel(*(part.double().expand(len(weights), *part.shape) for part in start))
    for _ in range(REPLICATE_MAX_ITER):
        last, models = models, weighted_em_step(models, x, mask, weights)
        change = max((new - old).abs().max() for new, old in zip(models, last, strict=True))
        if change < REPLICATE_CHANGE:
            break
    return models


def weighted_em_step(
    models: FactorModel,
    x: Tensor,
    mask: Tensor,
    weights: Tensor,
    ridge: float = REPLICATE_RIDGE,
    n_fitted: int | None = None,
) -> FactorModel:
    """One EM update of each model, as in `em_step`, a row counting as often as it weighs.

    Specific variances are residual ones: of the degrees of freedom of a code those are lost that
    its mean and loadings take, or ``n_fitted``. Few rows would be fitted too closely without.
    """
    mu, W, psi = models
    M, n_codes, rank = W.shape
    gram = x.new_zeros(M, n_codes, (rank + 1) ** 2)
    cross = x.new_zeros(M, n_codes, rank + 1)
    outer = (W[:, :, :, None] * W[:, :, None, :]).flatten(2)  # (M, n_codes, r * r)
    size = max(1, CHUNK_DOUBLES // (M * ((rank + 1) ** 2 + n_codes)))
    for rows in torch.arange(len(x)).split(size):
        seen = mask[rows].double()
        precision = seen / psi[:, None]  # (M, n_rows, n_codes)
        information = (precision @ outer).unflatten(2, (rank, rank))
        information.diagonal(dim1=2, dim2=3).add_(1)
        covariance = posterior_covariance(information.flatten(0, 1)).reshape_as(information)
        projected = (precision * (x[rows] - mu[:, None])) @ W
        z = (covariance @ projected[..., None])[..., 0]
        z = torch.cat([z, z.new_ones(*z.shape[:2], 1)], dim=2)
        second = z[..., :, None] * z[..., None, :]  # E[(z,1)(z,1)']
        second[..., :rank, :rank] += covariance
        weight = weights[:, rows, None]
        gram += seen.T @ (weight * second.flatten(2))
        cross += (seen * x[rows]).T @ (weight * z)
    power = weights @ (mask * x.square())
    count = weights @ mask.double()
    penalty = x.new_full((rank + 1,), ridge)
    penalty[rank] = 0
    coef = torch.linalg.solve(gram.unflatten(2, (rank + 1, rank + 1)) + penalty.diag(), cross)
    freedom = torch.maximum(count - (rank + 1 if n_fitted is None else n_fitted), count / 2)
    psi = ((power - (coef * cross).sum(2)) / freedom).clamp_min(MIN_PSI)
    return FactorModel(coef[..., rank], coef[..., :rank], psi)
