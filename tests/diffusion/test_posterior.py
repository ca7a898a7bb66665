"""Patterns that rows have in common, against rows that have one each."""

import pytest
import torch
from small_models import seeded

from skmissdiff._diffusion.factor_analysis import FactorModel
from skmissdiff._diffusion.posterior import BLOCK, gaussian_posterior

CALL = 64


def model_of(n_codes, rank):
    generator = seeded(3)
    mu, psi = torch.rand(2, n_codes, generator=generator, dtype=torch.float64)
    W = torch.randn(n_codes, rank, generator=generator, dtype=torch.float64)
    return FactorModel(mu, W, psi + 0.1)


def patterns(n_patterns, n_codes, sigma=0.7):
    kind = torch.randint(3, (n_patterns, n_codes), generator=seeded(n_patterns))
    return torch.tensor([0.0, sigma, torch.inf]).double()[kind]


@pytest.mark.parametrize("n_patterns", [1, 5, BLOCK, BLOCK + 1])
def test_rows_of_a_pattern_have_what_each_would_have_alone(n_patterns):
    model, sigma = model_of(9, 4), patterns(n_patterns, 9)
    x = torch.randn(CALL, 9, generator=seeded(1), dtype=torch.float64)
    rows = torch.randint(n_patterns, (CALL,), generator=seeded(2))
    found = gaussian_posterior(model, x, sigma, rows=rows)
    expected = gaussian_posterior(model, x, sigma[rows])
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gaussian_posterior(model, x, sigma[rows], alike=False), expected)


@pytest.mark.parametrize(("n_codes", "rank"), [(3, 1), (15, 6), (15, 14), (40, 20)])
def test_a_row_is_rounded_alike_beside_other_patterns(n_codes, rank):
    model, sigma = model_of(n_codes, rank), patterns(5 * BLOCK, n_codes)
    x = torch.randn(CALL, n_codes, generator=seeded(1), dtype=torch.float64)
    of_all = torch.randint(len(sigma), (CALL,), generator=seeded(2))
    everyone = gaussian_posterior(model, x, sigma, rows=of_all)
    for few in (torch.arange(7), torch.arange(30, 64)):
        mine, rows = of_all[few].unique(return_inverse=True)
        # The rest of the call is filled up with rows of the first pattern.
        rows = torch.cat([rows, rows.new_zeros(CALL - len(few))])
        filled = torch.cat([x[few], x.new_zeros(CALL - len(few), n_codes)])
        found = gaussian_posterior(model, filled, sigma[mine], rows=rows)
        for part, whole in zip(found, everyone, strict=True):
            assert torch.equal(part[: len(few)], whole[few])


@pytest.mark.parametrize(("n_codes", "rank"), [(3, 1), (15, 6), (40, 20)])
def test_a_row_is_rounded_alike_at_another_place(n_codes, rank):
    model, sigma = model_of(n_codes, rank), patterns(CALL, n_codes)
    x = torch.randn(CALL, n_codes, generator=seeded(1), dtype=torch.float64)
    order = torch.randperm(CALL, generator=seeded(2))
    first, second = (
        gaussian_posterior(model, x, sigma),
        gaussian_posterior(model, x[order], sigma[order]),
    )
    for part, moved in zip(first, second, strict=True):
        assert torch.equal(part[order], moved)
