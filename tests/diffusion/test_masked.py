"""How generation is kept from copying rows."""

import torch

from skmissdiff._diffusion.batches import Batch
from skmissdiff._diffusion.masked import dropout


def test_units_are_dropped_in_rows_without_noise():
    noised = torch.tensor([[False], [True]]).repeat(50, 1)[None]
    blank = torch.zeros(1, 100, 2)
    batch = Batch(blank, blank, blank, blank.bool(), noised, blank.bool(), blank)
    drop = dropout(batch, 0.4, torch.Generator().manual_seed(0))
    active = torch.ones(1, 100, 64)
    dropped = drop(active)
    assert torch.equal(dropped[:, 1::2], active[:, 1::2])
    without_noise = dropped[:, ::2]
    assert set(without_noise.unique().tolist()) == {0.0, (1 / torch.tensor(0.6)).item()}
    assert abs((without_noise == 0).float().mean() - 0.4) < 0.03
