"""The posterior of rows, whatever stands beside them."""

import pytest
import torch
from small_models import CALL, model_of, seeded

from skmissdiff._diffusion.posterior import gaussian_posterior


def levels(n_rows, n_codes, sigma=0.7):
    kind = torch.randint(3, (n_rows, n_codes), generator=seeded(n_rows))
    return torch.tensor([0.0, sigma, torch.inf]).double()[kind]


@pytest.mark.parametrize(("n_codes", "rank"), [(9, 4), (15, 14), (40, 20)])
def test_in_training_rows_are_rounded_as_it_is_fast(n_codes, rank):
    model, sigma = model_of(n_codes, rank), levels(CALL, n_codes)
    x = torch.randn(CALL, n_codes, generator=seeded(1), dtype=torch.float64)
    fast = gaussian_posterior(model, x, sigma, alike=False)
    torch.testing.assert_close(fast, gaussian_posterior(model, x, sigma))


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
