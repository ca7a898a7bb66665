"""What the lines of the speed table count."""

import torch

from docs.benchmarks import speed_more
from skmissdiff._diffusion.denoiser import PreconditionedDenoiser
from skmissdiff._diffusion.recipe import MUON_ITERATIONS
from skmissdiff._support.layout import CodeLayout


def test_products_of_a_step_are_counted():
    layout = CodeLayout((1, 1, 1), (False, False, False))
    denoiser = PreconditionedDenoiser(
        layout, 1, n_networks=2, hidden_size=8, n_layers=1, n_bins=2, generator=torch.Generator()
    )
    n_in, n_out = denoiser.first.weight.shape[1], 3 + 3
    layers = 2 * (n_in * 8 + 2 * 8 * 8 + 8 * n_out)
    # Forward and twice backward, a product and a sum each; three products per iteration.
    expected = 6 * 10 * layers + MUON_ITERATIONS * 3 * 2 * (2 * 2 * 8**3)
    assert speed_more.products_of_step(denoiser, 10) == expected


def test_the_peak_is_a_rate(monkeypatch):
    monkeypatch.setattr(speed_more, "PEAK_SIZE", 256)
    assert 1e8 < speed_more.peak_rate(torch.float32, 3) < 1e13
