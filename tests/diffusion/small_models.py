"""Small denoisers and batches whose answers can be worked out by hand."""

import torch

from skmissdiff._diffusion.batches import Batch, Rows
from skmissdiff._diffusion.denoiser import PreconditionedDenoiser
from skmissdiff._diffusion.factor_analysis import FactorModel
from skmissdiff._diffusion.shrinkage import validation_checks
from skmissdiff._support.layout import CodeLayout

# A number, three categories, a column never observed, a number, two categories.
LAYOUT = CodeLayout((1, 3, 0, 1, 2), (False, True, False, False, True))
N_CODES = 7
NUMBERS = [0, 4]
CATEGORIES = [slice(1, 4), slice(5, 7)]
COLUMN = torch.tensor([0, 1, 1, 1, 2, 3, 3])  # of each code, among those that have one


CALL = 64  # rows in a call


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def model_of(n_codes, rank):
    """A factor analysis of any size, in which all codes are noisy."""
    generator = seeded(3)
    mu, psi = torch.rand(2, n_codes, generator=generator, dtype=torch.float64)
    W = torch.randn(n_codes, rank, generator=generator, dtype=torch.float64)
    return FactorModel(mu, W, psi + 0.1)


def some_factors(n_codes=N_CODES, rank=2, seed=1):
    """Of any old numbers and probabilities."""
    W = torch.randn(n_codes, rank, generator=seeded(seed), dtype=torch.float64) / 3
    mu = torch.linspace(0.1, 0.7, n_codes, dtype=torch.float64)
    return FactorModel(mu, W, torch.linspace(0.3, 0.9, n_codes, dtype=torch.float64))


def some_denoiser(layout=LAYOUT, n_networks=3, seed=0, **sizes):
    """With a factor analysis, bins and one hidden layer; the networks say nothing yet."""
    sizes = {"hidden_size": 16, "n_layers": 1, "n_bins": 2, **sizes}
    denoiser = PreconditionedDenoiser(
        layout, 2, n_networks=n_networks, generator=seeded(seed), **sizes
    )
    denoiser.set_factors(some_factors(layout.n_codes))
    n_bins = sizes["n_bins"]
    denoiser.edges.copy_(torch.linspace(-1, 1, n_bins + 1).expand(len(denoiser.edges), -1))
    return denoiser.requires_grad_(False)


def saying(F, F_median, layout=LAYOUT, **sizes):
    """A denoiser whose networks say F (K, n_codes) and F' (K, n_numeric) about every row."""
    denoiser = some_denoiser(layout, len(F), **sizes)
    denoiser.last.bias.copy_(torch.cat([F, F_median], dim=1)[:, None])
    return denoiser


def some_rows(n_rows, seed=2, missing=0.3):
    """Whole rows, and which of their cells are observed."""
    generator = seeded(seed)
    x = torch.randn(n_rows, N_CODES, generator=generator)
    for categories in CATEGORIES:
        width = categories.stop - categories.start
        chosen = torch.randint(width, (n_rows,), generator=generator)
        x[:, categories] = torch.eye(width)[chosen]
    mask = (torch.rand(n_rows, 4, generator=generator) >= missing)[:, COLUMN]
    return x, mask


def some_batch(x_0, hidden, g, s, features=None):
    """Of rows in one pass: what is hidden is all that is unknown."""
    blank = torch.zeros(*x_0.shape[:-1], 1)
    return Batch(blank if features is None else features, g, s, hidden, blank.bool(), hidden, x_0)


def checks_of(n_rows=40, n_held=5, n_networks=3, layout=LAYOUT, rows=None, of_rows=False):
    """Maskings of held-out rows, the rows, and which of them are held out from each network."""
    if rows is None:
        x, mask = some_rows(n_rows)
        rows = Rows(torch.where(mask, x, 0.0), mask)
    held = [torch.arange(k * n_held, (k + 1) * n_held) for k in range(n_networks)]
    denoiser = some_denoiser(layout, n_networks)
    factors = some_factors(layout.n_codes)
    checks = validation_checks(denoiser, factors, rows, held, seeded(4), of_rows=of_rows)
    return checks, rows, held
