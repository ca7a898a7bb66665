"""Factor analysis on incomplete rows: the denoiser before any training.

Model of a row: ``x = mu + W z + e`` with ``z ~ N(0, I_r)`` and
``e ~ N(0, diag(psi))``. Every code has a noise level of its own, so one formula
serves given (sigma 0), noised (finite) and absent (infinite) codes.

Shapes: ``x``, ``sigma``, ``mask`` (n_rows, n_codes); ``W`` (n_codes, r);
``mu``, ``psi`` (n_codes,).
"""

import math
import time
from typing import NamedTuple

import torch
from torch import Tensor

from .patterns import Patterns, patterns_of
from .recipe import MAX_RANK_ROWS, MIN_AXIS, MIN_PSI, MIN_RANK_GAIN, RANKS, RIDGE

CHUNK_NUMBERS = 2**17  # of the matrices of some rows, which then stay in the cache
# Matrix products whose result has this many columns, or a multiple, treat all rows alike; at
# other widths the last bits of a row can depend on its place in the batch.
WHOLE_WIDTH = 16
SWEEP_RANK = 16  # above it, or a single matrix, LAPACK inverts faster than the sweep


class FactorModel(NamedTuple):
    """Parameters of a factor analysis: mean, loadings and specific variances."""

    mu: Tensor  # (n_codes,)
    W: Tensor  # (n_codes, r)
    psi: Tensor  # (n_codes,)


class LatentPosterior(NamedTuple):
    """``z | x``: mean (n_rows, r) and Cholesky factor of its precision (n_rows, r, r)."""

    mean: Tensor
    cholesky: Tensor


def row_product(rows: Tensor, matrix: Tensor) -> Tensor:
    """``rows @ matrix`` with every row rounded alike, wherever it stands."""
    n_out = matrix.shape[1]
    return (rows @ torch.nn.functional.pad(matrix, (0, -n_out % WHOLE_WIDTH)))[..., :n_out]


def noise_precision(psi: Tensor, sigma: Tensor) -> Tensor:
    """A = 1 / (psi + sigma^2): how much each code tells about z; 0 for absent codes."""
    return 1 / (psi + sigma.square())


def outer_products(W: Tensor) -> Tensor:
    """Of the loadings of each code with themselves, shape (n_codes, r * r)."""
    return (W[:, :, None] * W[:, None, :]).flatten(1)


def latent_precision(outer: Tensor, precision: Tensor) -> Tensor:
    """M = I + W'AW of each row, (n_rows, r, r), from the outer products of the loadings."""
    rank = math.isqrt(outer.shape[1])
    M = row_product(precision, outer).reshape(-1, rank, rank)
    M.diagonal(dim1=1, dim2=2).add_(1)
    return M


def latent_posterior(model: FactorModel, x: Tensor, precision: Tensor) -> LatentPosterior:
    """The latent z | x ~ N(M^-1 W'A(x - mu), M^-1) with M = I + W'AW."""
    cholesky = torch.linalg.cholesky(latent_precision(outer_products(model.W), precision))
    projected = row_product(precision * (x - model.mu), model.W)
    return LatentPosterior(torch.cholesky_solve(projected[:, :, None], cholesky)[:, :, 0], cholesky)


def sweep(A: Tensor) -> Tensor:
    """Inverses of symmetric positive definite (r, r, n_rows) by Gauss-Jordan, in their place.

    The rows lie on the last axis, so that each of the r pivots is one pass of
    vector arithmetic; below r = 16 LAPACK spends its time in calls instead.
    """
    for k in range(len(A)):
        pivot = A[k, k].reciprocal()
        row = A[k] * pivot
        column = A[:, k].clone()
        A.addcmul_(column[:, None], row, value=-1)
        A[k] = row
        A[:, k] = -column * pivot
        A[k, k] = pivot
    return A


def sweep_inverse(M: Tensor) -> Tensor:
    """Inverses of symmetric positive definite (n_rows, r, r)."""
    # A clone: at rank 1 M lies like this already, and would be overwritten.
    return sweep(M.permute(1, 2, 0).clone(memory_format=torch.contiguous_format)).permute(2, 0, 1)


def posterior_covariance(M: Tensor) -> Tensor:
    """M^-1, shape (n_rows, r, r)."""
    if M.shape[1] <= SWEEP_RANK and len(M) > 1:
        return sweep_inverse(M)
    return torch.cholesky_inverse(torch.linalg.cholesky(M))


def log_likelihood(
    model: FactorModel, x: Tensor, mask: Tensor, z: LatentPosterior | None = None
) -> Tensor:
    """Log density of the observed codes of each row, shape (n_rows,); ``z`` if it is known."""
    precision = mask / model.psi
    if z is None:
        z = latent_posterior(model, x, precision)
    residual = x - model.mu
    quadratic = (precision * residual.square()).sum(1) - (
        ((precision * residual) @ model.W) * z.mean
    ).sum(1)
    log_det = (
        2 * z.cholesky.diagonal(dim1=1, dim2=2).log().sum(1) + mask.to(x.dtype) @ model.psi.log()
    )
    return -0.5 * (quadratic + log_det + mask.sum(1) * math.log(2 * math.pi))


class Sums(NamedTuple):
    """What an EM update needs of the rows; the codes of a group are observed in the same ones."""

    gram: Tensor  # (n_groups, r + 1, r + 1), of E[(z,1)(z,1)']
    cross: Tensor  # (n_codes, r + 1), of x E[(z,1)']
    likelihood: float  # of all rows


def em_step(
    model: FactorModel,
    x: Tensor,
    mask: Tensor,
    ridge: float,
    min_psi: float,
    weight: Tensor | None = None,
    patterns: Patterns | None = None,
) -> tuple[FactorModel, float]:
    """One exact EM update; also the log likelihood per row of the model it started from.

    Given z, every code is a linear regression of its own on the rows that
    observe it, so the M step is one small system per code. A row counts as often as it weighs.
    ``x`` is 0 where the mask is False; ``patterns`` saves finding those of the mask.
    """
    patterns = patterns_of(mask) if patterns is None else patterns
    sums = expected_sums(model, x, patterns, weight)
    rank = model.W.shape[1]
    # The ridge is a prior W_jk ~ N(0, psi_j / ridge); the mean is left free.
    penalty = torch.full((rank + 1,), ridge, dtype=x.dtype)
    penalty[rank] = 0
    gram = (sums.gram + penalty.diag())[patterns.of_code]
    coef = torch.linalg.solve(gram, sums.cross)
    power = x.square().sum(0) if weight is None else weight @ x.square()
    count = sums.gram[patterns.of_code, rank, rank]
    psi = ((power - (coef * sums.cross).sum(1)) / count).clamp_min(min_psi)
    return FactorModel(coef[:, rank], coef[:, :rank], psi), sums.likelihood / len(x)


def expected_sums(model: FactorModel, x: Tensor, patterns: Patterns, weight: Tensor | None) -> Sums:
    """The E step: M is inverted once for each pattern."""
    mu, W, psi = model
    n_codes, rank = W.shape
    gram = x.new_zeros(patterns.seen.shape[1], (rank + 1) ** 2)
    cross = x.new_zeros(n_codes, rank + 1)
    outer = patterns.grouped(outer_products(W) / psi[:, None])
    log_psi = patterns.grouped(psi.log() + math.log(2 * math.pi))
    total = 0.0
    for rows, which, of_row in patterns.chunks(max(1, CHUNK_NUMBERS // (rank + 1) ** 2)):
        seen, x_rows = patterns.seen[which].to(x.dtype), x[rows]
        cholesky = torch.linalg.cholesky(latent_precision(outer, seen))
        covariance = torch.cholesky_inverse(cholesky)
        centred = x_rows - mu * of_rows(seen.index_select(1, patterns.of_code), of_row)
        projected = (centred / psi) @ W
        z = torch.bmm(of_rows(covariance, of_row), projected[:, :, None])[:, :, 0]
        quadratic = (centred.square() / psi).sum(1) - (projected * z).sum(1)
        log_det = 2 * cholesky.diagonal(dim1=1, dim2=2).log().sum(1) + seen @ log_psi
        likelihood = -0.5 * (quadratic + of_rows(log_det, of_row))
        z = torch.cat([z, z.new_ones(len(z), 1)], dim=1)
        weighted, count = z, z[:, rank]
        if weight is not None:
            count = weight[rows].to(x.dtype)
            weighted, likelihood = count[:, None] * z, count * likelihood
        second = summed(weighted[:, :, None] * z[:, None, :], of_row, len(seen))
        count = summed(count, of_row, len(seen))
        second[:, :rank, :rank] += count[:, None, None] * covariance
        gram += seen.T @ second.flatten(1)
        cross += x_rows.T @ weighted
        total += likelihood.sum().item()
    return Sums(gram.view(-1, rank + 1, rank + 1), cross, total)


def of_rows(values: Tensor, of_row: Tensor) -> Tensor:
    """What each row has of what its pattern has; patterns are in the order of their rows."""
    return values if len(values) == len(of_row) else values.index_select(0, of_row)


def summed(values: Tensor, of_row: Tensor, n_patterns: int) -> Tensor:
    """Sums over the rows of each pattern."""
    if len(values) == n_patterns:
        return values
    return values.new_zeros(n_patterns, *values.shape[1:]).index_add_(0, of_row, values)


def counts(mask: Tensor, dtype: torch.dtype, weight: Tensor | None) -> Tensor:
    """How often each code of each row counts, 0 where it is absent."""
    seen = mask.to(dtype)
    return seen if weight is None else weight.to(dtype)[:, None] * seen


class Moments(NamedTuple):
    """Mean, variance and principal axes of the codes, absent ones at their mean."""

    mu: Tensor  # (n_codes,)
    variance: Tensor  # (n_codes,)
    values: Tensor  # (n_codes,), falling
    vectors: Tensor  # (n_codes, n_codes)


def moments(x: Tensor, mask: Tensor, weight: Tensor | None = None) -> Moments:
    """Of the observed codes; the axes are those of the covariance."""
    weights = counts(mask, x.dtype, weight)
    count = weights.sum(0)
    mu = (weights * x).sum(0) / count
    centred = weights.sqrt() * (x - mu)
    # Dividing by the counts of observed pairs would lose positive semi-definiteness.
    covariance = centred.T @ centred / (count[:, None] * count[None, :]).sqrt()
    values, vectors = torch.linalg.eigh(covariance)
    return Moments(
        mu, centred.square().sum(0) / count, values.flip(0).clamp_min(0), vectors.flip(1)
    )


def initial_model(start: Moments, rank: int, min_psi: float) -> FactorModel:
    """The first principal axes; half of their variance is left to the specific part.

    EM moves it where it belongs.
    """
    W = start.vectors[:, :rank] * (0.5 * start.values[:rank]).sqrt()
    return FactorModel(start.mu, W, (start.variance - W.square().sum(1)).clamp_min(min_psi))


def fit_factor_analysis(
    x: Tensor,
    mask: Tensor,
    rank: int,
    *,
    ridge: float = RIDGE,
    min_psi: float = MIN_PSI,
    max_iter: int = 200,
    tol: float = 1e-4,
    deadline: float = math.inf,
    start: Moments | None = None,
    weight: Tensor | None = None,
) -> tuple[FactorModel, list[float]]:
    """Fit a factor analysis to the observed codes by EM, and its likelihood curve.

    Every code must be observed at least once; absent codes may hold anything
    finite. Stops when the log likelihood per row and code grows by less than ``tol``, or
    when `time.monotonic` is beyond the ``deadline``. ``start`` saves computing the `moments`. A
    row counts as often as its ``weight`` (n_rows,) of mean 1 says.
    """
    x = torch.where(mask, x, 0.0)
    model = initial_model(moments(x, mask, weight) if start is None else start, rank, min_psi)
    patterns = patterns_of(mask)
    curve: list[float] = []
    for _ in range(max_iter):
        model, value = em_step(model, x, mask, ridge, min_psi, weight, patterns)
        curve.append(value)
        if len(curve) > 1 and curve[-1] - curve[-2] < tol * x.shape[1]:
            break
        if time.monotonic() > deadline:
            break
    return model, curve


def choose_rank(
    x: Tensor,
    mask: Tensor,
    *,
    generator: torch.Generator,
    deadline: float = math.inf,
    weight: Tensor | None = None,
) -> int:
    """Rank with the best log likelihood of held-out rows; stops where more rank stops paying."""
    seen = mask.any(1)  # rows without an observed code have nothing to say
    x, mask = x[seen], mask[seen]
    weight = x.new_ones(len(x)) if weight is None else weight[seen]
    chosen = torch.randperm(len(x), generator=generator)[:MAX_RANK_ROWS]
    x, mask, weight = torch.where(mask, x, 0.0)[chosen], mask[chosen], weight[chosen]
    n_held = max(1, len(x) // 4)
    held, kept = slice(n_held), slice(n_held, None)
    # A code that only held-out rows observe cannot be fitted here.
    if not mask[kept].any(0).all() or time.monotonic() > deadline:
        return 1
    start = moments(x[kept], mask[kept], weight[kept])
    n_held_cells = (weight[held, None] * mask[held]).sum().item()
    # The categories of a column add up to 1. More latents than dimensions would start at loadings
    # of 0, and keep them.
    n_dimensions = int((start.values > MIN_AXIS * start.values[0]).sum())
    largest = max(1, min(RANKS[-1], x.shape[1] - 1, n_dimensions, (len(x) - n_held) // 4))
    best_rank, best_value = 1, -math.inf
    for rank in sorted({min(rank, largest) for rank in RANKS}):
        model, _ = fit_factor_analysis(
            x[kept],
            mask[kept],
            rank,
            max_iter=30,
            tol=1e-3,
            deadline=deadline,
            start=start,
            weight=weight[kept],
        )
        likelihood = log_likelihood(model, x[held], mask[held])
        value = (weight[held] * likelihood).sum().item() / n_held_cells
        if value < best_value + MIN_RANK_GAIN or time.monotonic() > deadline:
            break
        best_rank, best_value = rank, value
    return best_rank
