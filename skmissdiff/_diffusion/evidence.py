"""The factor analysis of rows that are being drawn, of which more and more is known.

What is known of a row speaks of its latent z in sums over codes, to which more can be added:

    z | known ~ N(M^-1 b, M^-1),   M = I + sum w w' / psi,   b = sum w (x - mu) / psi.     (1)

Known codes stay known for the rest of a draw; only numbers move, at noise levels that they have in
common. At one of them, with A = 1 / (psi + sigma^2) of the numbers that are drawn,

    z | x ~ N(S (b + W'A y), S),   S = (M + W'AW)^-1,   y = x - mu.                        (2)

M and S depend on which codes are known, and not on their values: they are worked out once for each
pattern, which the draws of a row have in common; in generation for all rows.

Shapes: ``y`` and all that is said of numbers (n_rows, n_numbers), or of patterns (n_patterns,
n_numbers); ``M`` (n_patterns, r, r); ``b`` (n_rows, r); all in double precision.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from .columns import pick
from .factor_analysis import FactorModel, noise_precision, outer_products, row_product
from .patterns import Given
from .posterior import CHUNK_NUMBERS, Posterior

# Patterns in one product, filled up if need be: how many there are in a call must not change how
# one of them is rounded.
BLOCK = 32
# Of the variance without noise, that the noise leaves: s^2 / sigma^2 < 1 but for rounding.
LEAST_SHARE = 1e-12


def pattern_product(patterns: Tensor, matrix: Tensor) -> Tensor:
    """``patterns @ matrix`` with every pattern rounded alike, beside however many others."""
    blocks = pad(patterns, (0, 0, 0, -len(patterns) % BLOCK)).split(BLOCK)
    return torch.cat([row_product(block, matrix) for block in blocks])[: len(patterns)]


class Level(NamedTuple):
    """What the factor analysis says of numbers at one noise level, inf for absent ones."""

    sigma: float
    S: Tensor  # (n_patterns, r, r), covariance of z | x
    A: Tensor  # precision of the noised numbers about z, 0 of all others
    k: Tensor  # share of a number's own part that is believed: 1 known, 0 absent
    s: Tensor  # standard deviation of x_0 | x, 0 where known
    C: Tensor  # variance without the noise: s^2 = C sigma^2 / (C + sigma^2)


class Evidence:
    """What is known of rows, as (1) has it.

    Parameters
    ----------
    posterior : Posterior
        Of the factor analysis.
    x : Tensor (n_rows, n_codes)
        Rows; codes that are not given are not read.
    patterns : Given
        Which codes are given.
    """

    def __init__(self, posterior: Posterior, x: Tensor, patterns: Given):
        self.model = mu, W, psi = posterior.model
        self.patterns, self.codes = patterns, posterior.numbers
        self.mu, self.psi = (pick(part, self.codes) for part in (mu, psi))
        self.W = pick(W.T, self.codes).T.contiguous()
        self.outer = outer_products(self.W)
        outer, told = posterior.information(torch.where(patterns.given, 0.0, math.inf).to(W))
        self.M = pattern_product(told, outer).unflatten(1, (W.shape[1], -1))
        self.M.diagonal(dim1=1, dim2=2).add_(1)
        y = torch.where(patterns.of_rows(patterns.given), x.to(W) - mu, 0.0)
        self.b = row_product(y / psi, W)

    def learn(self, categories: slice, chosen: Tensor, wanted: Tensor) -> None:
        """Know the category of a column, ``chosen`` (n_rows,), in patterns that ``wanted`` it."""
        mu, W, psi = (part[categories] for part in self.model)
        told = W / psi[:, None]
        self.M = self.M + wanted[:, None, None] * (told.T @ W)
        lent = (told - mu @ told).index_select(0, chosen)
        self.b = self.b + self.patterns.of_rows(wanted[:, None]) * lent
        self.patterns = self.patterns.with_given(categories, wanted)

    def narrow(self, codes: Tensor) -> None:
        """Keep of z what ``codes`` load on, all that are unknown: no more dimensions than codes.

        Q'z is normal as z is, and for W = W Q Q' with orthonormal Q no other part of z counts. What
        `spread` draws has to be drawn before: it takes noise of all dimensions.
        """
        rank = self.W.shape[1]
        if len(codes) >= rank:
            return
        mu, W, psi = self.model
        Q = torch.linalg.qr(W[codes].T).Q
        Q_of_each = Q.expand(len(self.M), *Q.shape)
        S = torch.cholesky_inverse(torch.linalg.cholesky(self.M))
        kept = torch.bmm(Q_of_each.mT, torch.bmm(S, Q_of_each))
        self.M = torch.cholesky_inverse(torch.linalg.cholesky(kept))
        self.b = self.by_pattern(torch.bmm(self.M, torch.bmm(Q_of_each.mT, S)), self.b)
        self.model, self.W = FactorModel(mu, W @ Q, psi), self.W @ Q
        self.outer = outer_products(self.W)

    def leave_out(self, idle: Tensor) -> None:
        """Take codes for absent where ``idle`` (n_rows, n_codes)."""
        self.patterns, old = self.patterns.with_absent(idle)
        self.M = self.M.index_select(0, old)

    def at(self, sigma: float) -> Level:
        """What is said of numbers where those that are drawn have this noise level."""
        return next(self.levels([sigma]))

    def levels(self, sigmas: list[float]) -> Iterator[Level]:
        """What is said at each of several levels; some are worked out at once."""
        of_level = max(self.M.numel(), len(self.M) * len(self.psi))
        size = max(1, CHUNK_NUMBERS // of_level)
        for start in range(0, len(sigmas), size):
            yield from self._levels(sigmas[start : start + size])

    def _levels(self, sigmas: list[float]) -> Iterator[Level]:
        noise = self.psi.new_tensor(sigmas)[:, None, None]  # (n_levels, 1, 1)
        known, drawn = (
            pick(codes, self.codes) for codes in (self.patterns.given, self.patterns.drawn)
        )
        A = drawn * noise_precision(self.psi, noise)  # (n_levels, n_patterns, n_numbers)
        told = pattern_product(A.flatten(0, 1), self.outer)
        M = told.view(len(sigmas), *self.M.shape) + self.M
        S = torch.cholesky_inverse(torch.linalg.cholesky(M)).contiguous()
        spread = pattern_product(S.flatten(2).flatten(0, 1), self.outer.T).view_as(A)
        k = torch.where(known, 1.0, self.psi * A)
        variance = (self.psi * (1 - k) + (1 - k).square() * spread).clamp_min(0)
        C = variance / (1 - variance / noise.square()).clamp_min(LEAST_SHARE)
        parts = torch.stack([A, k, variance.sqrt(), C], dim=2)
        for i, sigma in enumerate(sigmas):
            of_rows = self.patterns.of_rows(parts[i])
            yield Level(sigma, S[i], *of_rows.unbind(1))

    def latent(self, level: Level, y: Tensor | None = None) -> Tensor:
        """E[z | x] of (2), shape (n_rows, r); without ``y`` that of known codes alone."""
        told = self.b if y is None else self.b + row_product(level.A * y, self.W)
        return self.by_pattern(level.S, told)

    def mean(self, level: Level, y: Tensor) -> Tensor:
        """The posterior mean of y: what codes have in common, and of the rest what is believed."""
        common = row_product(self.latent(level, y), self.W.T)
        return common.lerp(y, level.k)

    @property
    def drawn(self) -> Tensor:
        """Which numbers of rows are drawn."""
        return self.patterns.of_rows(pick(self.patterns.drawn, self.codes))

    def spread(self, noise: Tensor, sigma: float) -> Tensor:
        """A draw of x_0 + sigma e - E[x_0 | known] of unknown numbers, with its full covariance.

        W L^-T e + sqrt(psi + sigma^2) e', with LL' = M; ``noise`` (n_rows, r + n_numbers).
        """
        noise, own_noise = noise.tensor_split([self.W.shape[1]], dim=1)
        cholesky = torch.linalg.cholesky(self.M)
        one = torch.eye(cholesky.shape[1]).to(cholesky)
        root = torch.linalg.solve_triangular(cholesky.mT, one, upper=True)
        latent = self.by_pattern(root, noise)
        return row_product(latent, self.W.T) + (self.psi + sigma**2).sqrt() * own_noise

    def by_pattern(self, matrices: Tensor, vectors: Tensor) -> Tensor:
        """The matrix of each row's pattern times the vector of the row."""
        rows = self.patterns.rows
        if rows is None:
            return row_product(vectors, matrices[0].T)
        # Whole matrices are copied, which costs little beside the products.
        return torch.bmm(matrices.index_select(0, rows), vectors[:, :, None])[:, :, 0]
