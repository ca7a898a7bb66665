"""Draws of missing codes given the others: reverse diffusion with exact conditioning.

Categories come first, one column after another. Then the missing numbers start where the Gaussian
model puts them at sigma_max, all other codes stay clean, and they follow the probability flow

    dx / dsigma = (x - D(x, sigma)) / sigma,   D = g + s F.                    (1)

The network is asked for F once per step, but neither at sigma_max, where noise leaves nothing to be
read and F of absent numbers serves, nor at the least level. F is extrapolated linearly in log sigma
from this evaluation and the last. The Gaussian part g, s is cheap, so it is followed in N_SUBSTEPS
substeps: a Gaussian is integrated nearly without error, and the steps only meet how the data depart
from one.

Within a substep, where x_0 | known ~ N(m, C) number by number, D = m + C / (C + sigma^2) (x - m),
and (1) has the solution

    x(sigma') = m + sqrt((C + sigma'^2) / (C + sigma^2)) (x - m),              (2)

with C from s^2 = C sigma^2 / (C + sigma^2) and m = D - C / sigma^2 (x - D),
extrapolated to the middle of the substep (as in DPM-Solver++(2M), Lu et al. 2022).

Shapes: ``x``, ``given``, ``absent`` (n_rows, n_codes), the latter two (1, n_codes) where they are
the same in every row, as in generation; ``sigmas`` (n_evaluations + 2,), falling to 0. Numbers are
followed as y = x - mu, (n_rows, n_numbers), and D, g and m alike.
"""

import math
from collections.abc import Callable
from functools import partial
from itertools import islice, pairwise

import torch
from torch import Tensor

from skmissdiff._support.layout import CodeLayout

from .batches import not_applicable
from .conditional import Conditional, Correction
from .denoiser import PreconditionedDenoiser
from .evidence import Evidence, Level
from .patterns import given_in
from .schedule import sigma_steps

# Of the Gaussian part within one step of the network. On seven tables of other trades, draws with 6
# evaluations end .004 to .018 standard deviations from where 160 lead the same noise (.011 in the
# geometric mean), with 5 .014, with 8 .008; a fourth substep takes a quarter of it away, two make
# it half as much again.
N_SUBSTEPS = 3
CHUNK_ROWS = 4096  # bounds the memory of `complete_rows`
# Levels between which the flow is followed: above, the start is exact enough, and below, what is
# left of the noise is invisible. With rho = 2 for 5, 6 evaluations leave .018, with 3 .013, with
# 1000, which is even in log sigma, .012; a least level of .05 for .03 leaves a sixth more.
SIGMA_MAX, SIGMA_MIN, RHO = 5.0, 0.03, 5.0


def draw_sigmas(n_evaluations: int) -> Tensor:
    """Noise levels of a draw that evaluates the network ``n_evaluations`` times.

    The first evaluation, of absent numbers, is at none of them.
    """
    return sigma_steps(n_evaluations + 1, SIGMA_MIN, SIGMA_MAX, RHO)


def gaussian_flow(
    evidence: Evidence,
    y: Tensor,
    g: Tensor,
    levels: list[Level],
    F: Callable[[float], Tensor],
    last: float,
) -> Tensor:
    """Follow (1) through ``levels`` to ``last``, F(sigma) known: eq. 2, second order in m.

    ``g`` is what the factor analysis says at the first of them.
    """
    m_last = None
    sigmas = [*(level.sigma for level in levels), last]
    for i, level in enumerate(levels):
        now, later, C = level.sigma, sigmas[i + 1], level.C
        g = evidence.mean(level, y) if i else g
        D = torch.addcmul(g, level.s, F(now))
        m = D - C / now**2 * (y - D)
        centre = m
        if m_last is not None:  # half a substep ahead in log sigma
            ahead = 0.5 * math.log(now / later) / math.log(sigmas[i - 1] / now)
            centre = m + ahead * (m - m_last)
        y = centre + ((C + later**2) / (C + now**2)).sqrt() * (y - centre)  # eq. 2
        m_last = m
    return y


def substeps(now: float, later: float) -> list[float]:
    """Levels on the way, evenly in log sigma, up to ``later``; the step to 0 is a single one."""
    if later == 0:
        return [now]
    return [now * (later / now) ** (j / N_SUBSTEPS) for j in range(N_SUBSTEPS)]


def sample(
    evidence: Evidence, y: Tensor, correction: Correction, start: Tensor, sigmas: Tensor
) -> Tensor:
    """Draw every number that is neither given nor absent, with len(sigmas) - 2 evaluations.

    ``start`` is a draw of x - E[x_0 | known] at the first level, see `Evidence.spread`.
    """
    steps = sigmas.tolist()
    absent = evidence.at(math.inf)
    g = evidence.mean(absent, y)
    F = correction(y, g, absent).double()
    y = torch.where(evidence.drawn, torch.addcmul(g, absent.s, F) + start, y)
    flows = [substeps(now, later) for now, later in pairwise(steps)]
    levels = evidence.levels([sigma for sigmas in flows for sigma in sigmas])
    for i, (now, later) in enumerate(pairwise(steps)):
        own = list(islice(levels, len(flows[i])))
        g, slope = evidence.mean(own[0], y), torch.zeros_like(F)
        if i and later:
            F_last, F = F, correction(y, g, own[0]).double()
            slope = (F - F_last) / math.log(now / steps[i - 1])
        on_line = partial(extrapolated, F, slope, now)
        y = gaussian_flow(evidence, y, g, own, on_line, later)
    return y


def extrapolated(F: Tensor, slope: Tensor, now: float, sigma: float) -> Tensor:
    """F at ``sigma``, on a line in log sigma through F at ``now``."""
    return F + slope * math.log(sigma / now)


def draw_category(logits: Tensor, noise: Tensor) -> Tensor:
    """The category of each row, (n_rows,): the largest of log p plus Gumbel noise.

    ``logits`` (n_rows, n_categories), log p up to a constant of each row; ``noise``, of the same
    shape, is standard normal.
    """
    gumbel = -(-torch.special.log_ndtr(noise.double())).log()
    return (logits.double() + gumbel).argmax(dim=1)


def draw_categories(asked: Conditional, x: Tensor, layout: CodeLayout, noise: Tensor) -> Tensor:
    """One categorical column after another by its probabilities given what is known by then.

    p(c_1) p(c_2 | c_1) ...; ``noise`` (n_rows, n_codes). The rows come back with what is drawn.
    """
    for categories in layout.categorical_slices:
        wanted = asked.patterns.drawn[:, categories.start]
        if wanted.any():
            chosen = draw_category(asked.logits(categories), noise[:, categories])
            drawn = torch.nn.functional.one_hot(chosen, categories.stop - categories.start).to(x)
            rows = asked.patterns.of_rows(wanted[:, None])
            x = x.clone()
            x[:, categories] = torch.where(rows, drawn, x[:, categories])
            asked.learn(categories, chosen, wanted)
    return x


def draw_numbers(
    denoiser: PreconditionedDenoiser,
    asked: Conditional,
    x: Tensor,
    noise: Tensor,
    sigmas: Tensor,
) -> Tensor:
    """All numbers at once: along (1), or by their Gaussian if the networks have no say in them.

    ``noise`` (n_rows, r + n_numbers); result (n_rows, n_numbers).
    """
    evidence = asked.evidence
    y = x[:, denoiser.numeric_codes].to(evidence.mu) - evidence.mu
    if denoiser.is_linear:
        absent = evidence.at(math.inf)
        return evidence.mu + evidence.mean(absent, y) + evidence.spread(noise, 0.0)
    start = evidence.spread(noise, sigmas[0].item())
    return evidence.mu + sample(evidence, y, asked.numbers(), start, sigmas)


def draw(
    denoiser: PreconditionedDenoiser,
    x: Tensor,
    given: Tensor,
    noise: Tensor,
    sigmas: Tensor,
    absent: Tensor | None = None,
) -> Tensor:
    """Rows whose codes that are neither given nor absent are drawn, together.

    First categories, then numbers. ``noise`` (n_rows, r + n_codes) is standard normal. Absent
    codes are left out of the draw and come back as 0, absent categories as they are.
    """
    layout, numbers = denoiser.layout, denoiser.numeric_codes
    latent_noise, own_noise = noise.tensor_split([denoiser.W.shape[1]], dim=1)
    asked = Conditional(denoiser, x, given_in(given, absent))
    x = draw_categories(asked, x, layout, own_noise)
    if len(layout.spike_codes):
        asked.leave_out(not_applicable(x, layout))
    patterns = asked.patterns
    drawn, absent = (codes[:, numbers] for codes in (patterns.drawn, patterns.absent))
    if drawn.any():
        noise = torch.cat([latent_noise, own_noise[:, numbers]], dim=1).double()
        found = draw_numbers(denoiser, asked, x, noise, sigmas).to(x)
        drawn, absent = patterns.of_rows(drawn), patterns.of_rows(absent)
        x = x.clone()
        x[:, numbers] = torch.where(drawn, found, x[:, numbers]).masked_fill(absent, 0.0)
    return x


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
