"""What a method chooses by the size of the table, and how generation is kept from copying."""

import torch

from skmissdiff._diffusion.denoiser import Inputs
from skmissdiff._diffusion.masked import dropout
from skmissdiff._diffusion.methods import LARGE_BATCH, MAX_EPOCHS, Budget, MaskedMethod


def test_few_rows_are_not_seen_too_often():
    steps = MaskedMethod().max_iter(Budget(n_refreshes=4), 3000, 15)
    assert steps * LARGE_BATCH <= MAX_EPOCHS * 3000
    assert MaskedMethod().max_iter(Budget(n_refreshes=4), 100_000, 15) == 2250
    smaller = Budget(n_refreshes=4, batch_size=512)
    assert MaskedMethod().max_iter(smaller, 3000, 15) == 2250
    assert MaskedMethod().max_iter(Budget(n_refreshes=4, max_iter=3000), 3000, 15) == 3000


def test_units_are_dropped_in_rows_without_noise():
    w = torch.tensor([[1.0, 0.0], [1.0, 0.5]]).repeat(50, 1)[None]
    drop = dropout(Inputs(w, w, w, w), 0.4, torch.Generator().manual_seed(0))
    active = torch.ones(1, 100, 64)
    dropped = drop(active)
    assert torch.equal(dropped[:, 1::2], active[:, 1::2])
    without_noise = dropped[:, ::2]
    assert set(without_noise.unique().tolist()) == {0.0, (1 / torch.tensor(0.6)).item()}
    assert abs((without_noise == 0).float().mean() - 0.4) < 0.03
