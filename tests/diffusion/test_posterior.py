"""The posterior of rows, whatever stands beside them."""

import pytest
import torch
from small_models import CALL, model_of, seeded

from skmissdiff._diffusion import posterior
from skmissdiff._diffusion.columns import Columns
from skmissdiff._diffusion.posterior import eliminate, gaussian_posterior


def levels(n_rows, n_codes, sigma=0.7):
    kind = torch.randint(3, (n_rows, n_codes), generator=seeded(n_rows))
    return torch.tensor([0.0, sigma, torch.inf]).double()[kind]


@pytest.mark.parametrize(("n_codes", "rank"), [(9, 4), (15, 14), (40, 20)])
def test_in_training_rows_are_rounded_as_it_is_fast(n_codes, rank):
    model, sigma = model_of(n_codes, rank), levels(CALL, n_codes)
    x = torch.randn(CALL, n_codes, generator=seeded(1), dtype=torch.float64)
    fast = gaussian_posterior(model, x, sigma, alike=False)
    torch.testing.assert_close(fast, gaussian_posterior(model, x, sigma))


def some_columns(n_numbers, widths):
    """Numbers first, then categorical columns of these widths."""
    firsts = n_numbers + torch.tensor([0, *widths]).cumsum(0)
    return Columns(
        slice(0, n_numbers),
        slice(n_numbers, int(firsts[-1])),
        firsts[:-1],
        torch.arange(len(widths)).repeat_interleave(torch.tensor(widths)),
    )


@pytest.mark.parametrize("rank", [1, 5, 18])
@pytest.mark.parametrize("n_numbers", [0, 1, 4])
def test_few_numbers_are_asked_without_an_inverse(monkeypatch, n_numbers, rank):
    monkeypatch.setattr(posterior, "FAST_CHUNK_NUMBERS", 100 * rank**2)
    columns = some_columns(n_numbers, [2, 3, 2, 15])
    n_codes = n_numbers + 22
    model, sigma = model_of(n_codes, rank), levels(CALL, n_codes)
    of_column = sigma[:, columns.first_categories]
    of_column = torch.where(of_column == 0, 0.0, torch.inf)
    sigma[:, columns.categories] = of_column[:, columns.column_of_category]
    x = torch.randn(CALL, n_codes, generator=seeded(1), dtype=torch.float64)
    few = []
    eliminated = posterior.eliminated_moments
    monkeypatch.setattr(
        posterior, "eliminated_moments", lambda *parts: few.append(1) or eliminated(*parts)
    )
    fast = gaussian_posterior(model, x, sigma, columns, alike=False)
    torch.testing.assert_close(fast, gaussian_posterior(model, x, sigma, columns))
    assert len(few) == (n_numbers <= rank)


def test_elimination_leaves_the_factors_of_a_matrix():
    A = torch.randn(7, 5, 8, generator=seeded(3), dtype=torch.float64)
    M = A @ A.mT
    sides = torch.randn(7, 5, 2, generator=seeded(4), dtype=torch.float64)
    worked, told = (part.permute(1, 2, 0).clone() for part in (M, sides))
    inverse = eliminate(worked, told)
    cholesky = torch.linalg.cholesky(M)
    root = cholesky.diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(inverse.T, root**-2)
    upper = torch.triu(worked.permute(2, 0, 1))
    torch.testing.assert_close(upper, root[:, :, None] * cholesky.mT)
    expected = torch.linalg.solve_triangular(cholesky, sides, upper=False) * root[:, :, None]
    torch.testing.assert_close(told.permute(2, 0, 1), expected)


@pytest.mark.parametrize(("n_codes", "rank"), [(3, 1), (15, 6), (40, 20)])
def test_a_row_is_rounded_alike_at_another_place(n_codes, rank):
    model, sigma = model_of(n_codes, rank), levels(CALL, n_codes)
    x = torch.randn(CALL, n_codes, generator=seeded(1), dtype=torch.float64)
    order = torch.randperm(CALL, generator=seeded(2))
    first, second = (
        gaussian_posterior(model, x, sigma),
        gaussian_posterior(model, x[order], sigma[order]),
    )
    for part, moved in zip(first, second, strict=True):
        assert torch.equal(part[order], moved)
