"""Draws of missing codes given the others: reverse diffusion with exact conditioning.

Given codes stay clean (sigma 0) at every step. Missing codes start where the
Gaussian model puts them at sigma_max, and then follow the probability flow

    dx / dsigma = (x - D(x, sigma)) / sigma,   D = g + s F.                    (1)

The network is asked once per step, for F = (D - g) / s, which is extrapolated
linearly in log sigma from this step and the last. The Gaussian part g, s is
cheap, so it is followed in N_SUBSTEPS substeps: a Gaussian is integrated nearly
without error, and the steps only meet how the data depart from one. Within a
substep, where x_0 | given ~ N(m, C) code by code, D = m + C / (C + sigma^2) (x - m),
and (1) has the solution

    x(sigma') = m + sqrt((C + sigma'^2) / (C + sigma^2)) (x - m),              (2)

with C from s^2 = C sigma^2 / (C + sigma^2) and m = D - C / sigma^2 (x - D),
extrapolated to the middle of the substep (as in DPM-Solver++(2M), Lu et al. 2022).

Shapes: ``x``, ``given``, ``absent`` (n_rows, n_codes); ``sigmas`` (n_steps + 1,), falling
to 0. A denoiser gives E[x_0 | x] (n_rows, n_codes), and g and s^2 beside it. Where the same codes
are given in every row, as in generation, ``given`` and ``absent`` are one row (1, n_codes), and so
is s^2: what does not depend on values is then worked out once; else once for each pattern of what
is given, which the draws of a row have in common.
"""

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .batches import not_applicable
from .denoiser import PreconditionedDenoiser
from .factor_analysis import (
    latent_precision,
    noise_precision,
    row_product,
)
from .posterior import Posterior
from .schedule import sigma_steps

# (x, sigma of patterns, pattern of each row) -> D, g and s^2
Denoise = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor, Tensor]]

# Of the Gaussian part within one step of the network. On three tables, draws with 10 evaluations
# end .002 to .02 standard deviations from where 160 lead the same noise, with 20 a third of that,
# with 8 half as much again; a fourth substep takes a tenth of it away.
N_SUBSTEPS = 3
CHUNK_ROWS = 4096  # bounds the memory of `complete_rows`
# Levels between which the flow is followed: above, the start is exact enough, and below,
# what is left of the noise is invisible.
SIGMA_MAX, SIGMA_MIN, RHO = 5.0, 0.05, 2.0


def draw_sigmas(n_evaluations: int) -> Tensor:
    """Noise levels of a draw that evaluates the network ``n_evaluations`` times, at least 2."""
    return sigma_steps(max(1, n_evaluations - 1), SIGMA_MIN, SIGMA_MAX, RHO)


class Given(NamedTuple):
    """Which codes of rows are given, and which absent: (n_patterns, n_codes) each.

    ``rows`` (n_rows,) is the pattern of each row, None where all have the only one.
    """

    given: Tensor
    absent: Tensor
    rows: Tensor | None = None

    def levels(self, sigma: float) -> Tensor:
        """Noise level per code: 0 given, inf absent, ``sigma`` drawn."""
        level = torch.where(self.given, 0.0, sigma).double()
        return torch.where(self.absent, math.inf, level)

    def of_rows(self, values: Tensor) -> Tensor:
        """What rows have of what patterns have."""
        return values if self.rows is None else values.index_select(0, self.rows)


def given_in(given: Tensor, absent: Tensor | None = None) -> Given:
    """The patterns of rows, each of them once."""
    absent = torch.zeros_like(given) if absent is None else absent
    if len(given) == 1 and len(absent) == 1:
        return Given(given, absent)
    given, absent = torch.broadcast_tensors(given, absent)
    both, rows = torch.cat([given, absent], dim=1).unique(dim=0, return_inverse=True)
    given, absent = both.tensor_split(2, dim=1)
    return Given(given, absent, rows)


def gaussian_start(posterior: Posterior, unknown: Tensor, sigma: float, noise: Tensor) -> Tensor:
    """A draw of x_0 + sigma e - E[x_0 | x] from the Gaussian model, with its full covariance.

    (1 - k) W L^-T e + sqrt(psi (1 - k) + sigma^2) e', with LL' the precision of z | x.
    ``noise`` (n_rows, r + n_codes); ``unknown`` are the noise levels of x.
    """
    _, W, psi = posterior.model
    rank = W.shape[1]
    cholesky = torch.linalg.cholesky(latent_precision(*posterior.information(unknown)))
    k = psi * noise_precision(psi, unknown)
    latent = torch.linalg.solve_triangular(cholesky.mT, noise[:, :rank, None], upper=True)[:, :, 0]
    own = (psi * (1 - k) + sigma**2).sqrt()
    return (1 - k) * row_product(latent, W.T) + own * noise[:, rank:]


def gaussian_draw(posterior: Posterior, x: Tensor, patterns: Given, noise: Tensor) -> Tensor:
    """A draw of all codes that are not given, exact if the rows are Gaussian."""
    W = posterior.model.W
    unknown = torch.where(patterns.given, 0.0, math.inf).to(W)
    mean, _ = posterior(x.to(W), unknown, patterns.rows)
    return mean + gaussian_start(posterior, patterns.of_rows(unknown), 0.0, noise.to(W))


def gaussian_flow(
    posterior: Posterior,
    x: Tensor,
    patterns: Given,
    correction: Callable[[float], Tensor],
    sigmas: list[float],
    first: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Follow (1) through ``sigmas`` with F(sigma) known: eq. 2, second order in m.

    ``first`` are g and s^2 at the first of them, if they are known.
    """
    drawn = patterns.of_rows(~(patterns.given | patterns.absent))
    m_last = None
    for i, (now, later) in enumerate(pairwise(sigmas)):
        if first is None or i:
            g, v = posterior(x, patterns.levels(now), patterns.rows)
        else:
            g, v = first
        D = g + v.clamp_min(0).sqrt() * correction(now)
        C = v * now**2 / (now**2 - v).clamp_min(1e-12)
        m = D - C / now**2 * (x - D)
        centre = m
        if m_last is not None:  # half a substep ahead in log sigma
            ahead = 0.5 * math.log(now / later) / math.log(sigmas[i - 1] / now)
            centre = m + ahead * (m - m_last)
        x_next = centre + ((C + later**2) / (C + now**2)).sqrt() * (x - centre)  # eq. 2
        x, m_last = torch.where(drawn, x_next, x), m
    return x


def substeps(now: float, later: float) -> list[float]:
    """Levels on the way, evenly in log sigma; the last step, to 0, is a single one."""
    if later == 0:
        return [now, 0.0]
    return [now * (later / now) ** (j / N_SUBSTEPS) for j in range(N_SUBSTEPS + 1)]


def sample(
    denoise: Denoise,
    posterior: Posterior,
    x: Tensor,
    patterns: Given,
    noise: Tensor,
    sigmas: Tensor,
) -> Tensor:
    """Draw every code that is neither given nor absent, with len(sigmas) evaluations.

    ``noise`` (n_rows, r + n_codes) is standard normal. Absent codes are left out of the
    draw and come back as 0. One-hot codes come back close to a vertex: take the argmax; if
    the posterior knows of columns they have to be given or absent.
    """
    given, drawn = (
        patterns.of_rows(codes) for codes in (patterns.given, ~(patterns.given | patterns.absent))
    )
    steps, W = sigmas.tolist(), posterior.model.W
    x = torch.where(given, x, 0.0).to(W)
    unknown = patterns.levels(math.inf)
    start = gaussian_start(posterior, patterns.of_rows(unknown), steps[0], noise.to(W))
    x = torch.where(drawn, denoise(x, unknown, patterns.rows)[0] + start, x)
    F_last = None
    for i, (now, later) in enumerate(pairwise(steps)):
        D, g, v = denoise(x, patterns.levels(now), patterns.rows)
        F = (D - g) / v.clamp_min(1e-12).sqrt()
        slope = torch.zeros_like(F)
        if F_last is not None and later > 0:
            slope = (F - F_last) / math.log(now / steps[i - 1])
        correction = partial(extrapolated, F, slope, now)
        x = gaussian_flow(posterior, x, patterns, correction, substeps(now, later), (g, v))
        F_last = F
    return x


def extrapolated(F: Tensor, slope: Tensor, now: float, sigma: float) -> Tensor:
    """F at ``sigma``, on a line in log sigma through F at ``now``."""
    return F + slope * math.log(sigma / now)


def draw_category(probabilities: Tensor, noise: Tensor) -> Tensor:
    """One-hot draws of a categorical column: the largest of log p plus Gumbel noise.

    ``probabilities`` (n_rows, n_categories); ``noise``, of the same shape, is standard normal.
    """
    gumbel = -(-torch.special.log_ndtr(noise.double())).log()
    category = (probabilities.double().log() + gumbel).argmax(dim=1)
    return torch.nn.functional.one_hot(category, probabilities.shape[1]).to(probabilities)


def draw(
    denoiser: PreconditionedDenoiser,
    x: Tensor,
    given: Tensor,
    noise: Tensor,
    sigmas: Tensor,
    absent: Tensor | None = None,
) -> Tensor:
    """Rows whose codes that are neither given nor absent are drawn, together.

    First one categorical column after another by its probabilities given what is known by
    then, p(c_1) p(c_2 | c_1) ...; then all numbers at once by `sample`.
    """
    patterns, posterior = given_in(given, absent), denoiser.posterior
    own_noise = noise[:, denoiser.W.shape[1] :]
    for categories in denoiser.layout.categorical_slices:
        known = patterns.given[:, categories.start]
        wanted = ~(known | patterns.absent[:, categories.start])
        if wanted.any():
            level = torch.where(patterns.given, 0.0, math.inf)
            estimate = denoiser.estimate(x, level, patterns.rows, posterior)
            drawn = draw_category(estimate.mean[:, categories], own_noise[:, categories])
            rows = patterns.of_rows(wanted[:, None])
            x, given = x.clone(), patterns.given.clone()
            x[:, categories] = torch.where(rows, drawn, x[:, categories])
            given[:, categories] |= wanted[:, None]
            patterns = patterns._replace(given=given)
    if len(denoiser.layout.spike_codes):
        idle = not_applicable(x, denoiser.layout)
        given, absent = (patterns.of_rows(codes) for codes in (patterns.given, patterns.absent))
        patterns = given_in(given, absent | idle)
    given, absent = (patterns.of_rows(codes) for codes in (patterns.given, patterns.absent))
    if (given | absent).all():
        return x

    if denoiser.is_linear:
        drawn = gaussian_draw(posterior, x, patterns, noise)
        return torch.where(given | absent, x, drawn.to(x))

    def denoise(x: Tensor, sigma: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        estimate = denoiser.estimate(x.float(), sigma, rows, posterior)
        return estimate.mean.double(), estimate.g, estimate.variance

    drawn = sample(denoise, posterior, x, patterns, noise, sigmas)
    return torch.where(given, x, drawn.to(x).masked_fill(absent, 0.0))


def code_groups(mask: Tensor, layout: CodeLayout, max_groups: int) -> list[Tensor]:
    """Codes of the columns with missing cells, fewest missing first, in at most some groups.

    Each group is a mask of the codes, shape (n_codes,).
    """
    n_missing = (~mask).sum(0)
    column_of_code = torch.from_numpy(layout.column_of_code)
    codes = torch.from_numpy(layout.first_codes)
    codes = codes[n_missing[codes].argsort(stable=True)]
    codes = codes[n_missing[codes] > 0]
    parts = codes.chunk(max(1, min(max_groups, len(codes))))
    return [torch.isin(column_of_code, column_of_code[part]) for part in parts]


def draw_in_turn(
    denoiser: PreconditionedDenoiser,
    x: Tensor,
    given: Tensor,
    noise: Callable[[int], Tensor],
    sigmas: Tensor,
    groups: list[Tensor],
) -> Tensor:
    """Draw the missing codes one group after another, the later groups still absent.

    x_j | x_obs, then x_k | x_obs, x_j, and so on: under MAR each factor can be learnt
    without bias from rows that observe its target, whatever else they miss.
    """
    x, given = x.clone(), given.clone()
    for group in groups:
        idle = not_applicable(x, denoiser.layout)
        rows = (group & ~given & ~idle).any(1).nonzero()[:, 0]
        known, target = given[rows], group & ~given[rows]
        x[rows] = draw(denoiser, x[rows], known, noise(len(rows)), sigmas, absent=~(known | target))
        given[rows] = (known | target) & ~not_applicable(x[rows], denoiser.layout)
    return x


@torch.no_grad()
def complete_rows(
    denoiser: PreconditionedDenoiser,
    x: Tensor,
    mask: Tensor,
    groups: list[Tensor],
    n_evaluations: int,
    generator: torch.Generator,
) -> Tensor:
    """One draw of every missing code of a table, a bounded number of rows at a time."""
    completed = x.clone()
    device = denoiser.mu.device
    groups = [group.to(device) for group in groups]
    n_noise = denoiser.W.shape[0] + denoiser.W.shape[1]
    sigmas = draw_sigmas(n_evaluations)
    missing = ~mask & ~not_applicable(x, denoiser.layout)
    for rows in missing.any(1).nonzero()[:, 0].split(CHUNK_ROWS):

        def noise(n_rows: int) -> Tensor:
            return torch.randn(n_rows, n_noise, generator=generator).to(device)

        part, given = x[rows].to(device), mask[rows].to(device)
        drawn = draw_in_turn(denoiser, part, given, noise, sigmas, groups)
        completed[rows] = drawn.to(x.device)
    return completed
