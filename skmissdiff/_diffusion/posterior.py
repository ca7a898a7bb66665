"""The posterior of the factor analysis: what it says of a row whose codes are noised or absent.

Shapes: ``x`` (n_rows, n_codes); ``sigma`` likewise, or (1, n_codes) where all rows have the same
levels.
"""

import math

import torch
from torch import Tensor

from .columns import Columns, pick
from .factor_analysis import (
    SWEEP_RANK,
    FactorModel,
    latent_precision,
    noise_precision,
    outer_products,
    posterior_covariance,
    row_product,
    sweep,
)

# Of the matrices that are inverted at once: they stay in the cache. Where rows are on the last axis
# more of them are better, since operations on few rows take as long.
CHUNK_NUMBERS, FAST_CHUNK_NUMBERS = 2**18, 2**19


class Posterior:
    """That of one model; what does not depend on rows is computed once.

    With ``columns`` the categories of one count as one: they are known or absent together. Their
    variance, which nobody asks for, is 0 then.
    """

    def __init__(self, model: FactorModel, columns: Columns | None = None):
        self.model, self.columns = model, columns
        self.numbers = slice(None) if columns is None else columns.numbers
        self.asked = pick(model.W.T, self.numbers).T.contiguous()
        self.outer = outer = outer_products(model.W)
        if columns is not None:
            of_categories = pick((outer / model.psi[:, None]).T, columns.categories).T
            numbers = pick(outer.T, columns.numbers).T
            self.outer = torch.cat([numbers, columns.grouped(of_categories)])

    def information(self, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Of each row, what M = I + W'AW is made of, for `latent_precision`: W W' of codes, A."""
        told = noise_precision(self.model.psi, sigma)
        if self.columns is not None:
            known = (pick(sigma, self.columns.first_categories) == 0).to(told)
            told = torch.cat([pick(told, self.columns.numbers), known], dim=1)
        return self.outer, told

    def __call__(self, x: Tensor, sigma: Tensor, *, alike: bool = True) -> tuple[Tensor, Tensor]:
        """Mean g and variance s^2 of x_0 given x = x_0 + sigma e, code by code.

        ``x`` may hold any finite value where sigma is infinite: it is not read. With the same
        levels for all rows the variance has one row, too. Rows are rounded alike
        wherever they stand, unless that does not matter (``alike=False``), as in training.

        No (n_rows, r, n_codes) array is made, and of M few rows at a time.
        """
        mu, W, psi = self.model
        outer, told = self.information(sigma)
        precision = noise_precision(psi, sigma)
        k = psi * precision  # share of the specific part that is believed
        projected = row_product(precision * (x - mu), W)
        asked = self.asked
        if alike or len(told) == 1:
            z, spread = latent_moments(outer, told, projected, asked)
        elif len(asked) <= W.shape[1]:
            z, spread = eliminated_moments(outer, told, projected, asked)
        else:
            z, spread = fast_moments(outer, told, projected, asked)
        common = mu + row_product(z, W.T)
        left = 1 - pick(k, self.numbers)
        variance = torch.zeros_like(k)
        variance[:, self.numbers] = pick(psi, self.numbers) * left + left.square() * spread
        return common + k * (x - common), variance


def gaussian_posterior(
    model: FactorModel,
    x: Tensor,
    sigma: Tensor,
    columns: Columns | None = None,
    *,
    alike: bool = True,
) -> tuple[Tensor, Tensor]:
    """The posterior of rows that are asked for once, see `Posterior`."""
    return Posterior(model, columns)(x, sigma, alike=alike)


def chunk_rows(told: Tensor, outer: Tensor, n_numbers: int = CHUNK_NUMBERS) -> int:
    """Rows that are inverted at once."""
    if told.device.type != "cpu":
        return len(told)
    return max(1, n_numbers // outer.shape[1])


def latent_moments(
    outer: Tensor, told: Tensor, projected: Tensor, W: Tensor
) -> tuple[Tensor, Tensor]:
    """E[z | x] of each row, (n_rows, r), and w'M^-1 w for each row of ``W``, (n_rows, len(W)).

    M comes from ``outer`` and ``told``, see `Posterior.information`; E[z | x] = M^-1 ``projected``.
    """
    asked = outer_products(W).T
    if len(told) == 1:
        covariance = posterior_covariance(latent_precision(outer, told))
        return row_product(projected, covariance[0]), row_product(covariance.flatten(1), asked)
    size = chunk_rows(told, outer)
    z, spread = [], []
    for part, p in zip(told.split(size), projected[:, :, None].split(size), strict=True):
        M = latent_precision(outer, part)
        if M.shape[1] <= SWEEP_RANK or len(W) > M.shape[1]:
            covariance = posterior_covariance(M)
            z.append(torch.bmm(covariance, p)[:, :, 0])
            spread.append(row_product(covariance.flatten(1), asked))
            continue
        # Of few codes: L^-1 w for each, and no inverse.
        cholesky = torch.linalg.cholesky(M)
        sides = torch.cat([p, W.T.expand(len(M), *W.T.shape)], dim=2)
        halves = torch.linalg.solve_triangular(cholesky, sides, upper=False)
        whole = torch.linalg.solve_triangular(cholesky.mT, halves[:, :, :1], upper=True)
        z.append(whole[:, :, 0])
        spread.append(halves[:, :, 1:].square().sum(1))
    return torch.cat(z), torch.cat(spread)


def rows_last(outer: Tensor, told: Tensor) -> Tensor:
    """M of each row, (r, r, n_rows), as in `latent_precision`."""
    rank = math.isqrt(outer.shape[1])
    M = (outer.T @ told.T.contiguous()).unflatten(0, (rank, rank))
    M.diagonal(dim1=0, dim2=1).add_(1)
    return M


def fast_moments(
    outer: Tensor, told: Tensor, projected: Tensor, W: Tensor
) -> tuple[Tensor, Tensor]:
    """Likewise, with the rows on the last axis all along: nothing is transposed."""
    asked, size = outer_products(W), chunk_rows(told, outer, FAST_CHUNK_NUMBERS)
    z, spread = [], []
    for part, p in zip(told.split(size), projected.split(size), strict=True):
        covariance = sweep(rows_last(outer, part))
        z.append((covariance * p.T.contiguous()).sum(1))
        spread.append(asked @ covariance.flatten(0, 1))
    return torch.cat(z, dim=1).T, torch.cat(spread, dim=1).T


def eliminated_moments(
    outer: Tensor, told: Tensor, projected: Tensor, W: Tensor
) -> tuple[Tensor, Tensor]:
    """Likewise for few codes, by elimination: a third of the work of an inverse."""
    size = chunk_rows(told, outer, FAST_CHUNK_NUMBERS)
    z, spread = [], []
    for part, p in zip(told.split(size), projected.split(size), strict=True):
        M = rows_last(outer, part)
        sides = W.T[:, :, None].expand(*W.T.shape, len(p))
        sides = torch.cat([p.T[:, None], sides], dim=1)
        inverse = eliminate(M, sides)
        spread.append((sides[:, 1:].square() * inverse[:, None]).sum(0))
        solved = sides[:, 0]
        for k in reversed(range(len(M))):
            solved[k] *= inverse[k]
            solved[:k].addcmul_(M[:k, k], solved[k], value=-1)
        z.append(solved)
    return torch.cat(z, dim=1).T, torch.cat(spread, dim=1).T


def eliminate(M: Tensor, sides: Tensor) -> Tensor:
    """Gauss's elimination in symmetric positive definite (r, r, n_rows), in their place.

    With M = L D L', L of a unit diagonal, the upper triangle becomes D L', and ``sides``
    (r, n_sides, n_rows) become L^-1 times what they were. Returns D^-1, shape (r, n_rows).
    """
    for k in range(len(M) - 1):
        row = M[k, k + 1 :]
        share = row * M[k, k].reciprocal()
        M[k + 1 :, k + 1 :].addcmul_(share[:, None], row, value=-1)
        sides[k + 1 :].addcmul_(share[:, None], sides[k], value=-1)
    return M.diagonal(dim1=0, dim2=1).T.reciprocal()
