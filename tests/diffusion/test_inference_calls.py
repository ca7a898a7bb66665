"""Rows through a denoiser, a fixed number at a time, and a denoiser through arrays."""

import numpy as np
import pytest
import torch
from small_models import LAYOUT, N_CODES, saying, seeded, some_denoiser

from skmissdiff._diffusion import inference
from skmissdiff._diffusion.inference import (
    CALL_ROWS,
    Model,
    from_arrays,
    in_calls,
    model_input,
    padded,
    resolve_device,
    to_arrays,
    train_denoiser,
)
from skmissdiff._diffusion.masked import MaskedMethod
from skmissdiff._diffusion.paper import NoisePredictor, PaperMethod
from skmissdiff._diffusion.recipe import Options


def some_codes(n_rows=5):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(n_rows, N_CODES))
    codes[:, 1:4], codes[:, 5:] = np.eye(3)[np.arange(n_rows) % 3], np.eye(2)[np.arange(n_rows) % 2]
    codes[0, 0] = codes[1, 4] = np.nan
    codes[2, 1:4] = np.nan
    return codes


def test_missing_codes_are_zero_and_masked():
    x, mask = model_input(np.array([[1.5, np.nan], [np.nan, -2.0]]))
    assert x.tolist() == [[1.5, 0], [0, -2]]
    assert mask.tolist() == [[True, False], [False, True]]
    assert x.dtype == np.float32


def test_calls_have_a_fixed_number_of_rows():
    out = padded(np.array([[1.0, 2.0]]), "cpu")
    assert out.shape == (CALL_ROWS, 2)
    assert out[0].tolist() == [1, 2]
    assert (out[1:] == 0).all()
    assert padded(np.array([[True]]), "cpu").dtype == torch.bool


def test_devices(monkeypatch):
    assert resolve_device("cpu") == "cpu"
    for there, expected in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(inference.torch.cuda, "is_available", lambda there=there: there)
        assert resolve_device("auto") == expected
    with pytest.raises(ValueError, match=r"'nowhere' cannot be used here.*'auto' or 'cpu'"):
        resolve_device("nowhere")


def test_on_the_cpu_nothing_is_copied():
    denoiser = some_denoiser()
    assert Model(MaskedMethod(), denoiser, "cpu").denoiser is denoiser
    elsewhere = Model(MaskedMethod(), denoiser, "meta").denoiser
    assert elsewhere.mu.device.type == "meta"
    assert denoiser.mu.device.type == "cpu"


@pytest.mark.parametrize(
    ("n_rows", "n_draws"), [(0, 3), (3, 1), (CALL_ROWS, 1), (1300, 1), (700, 5), (3, 400), (3, 600)]
)
def test_calls_cover_every_draw_of_every_row(n_rows, n_draws):
    calls = list(in_calls(n_rows, n_draws))
    assert all(0 < len(rows) <= CALL_ROWS for rows, _ in calls)
    pairs = [pair for call in calls for pair in zip(*map(np.ndarray.tolist, call), strict=True)]
    assert pairs == [(row, number) for row in range(n_rows) for number in range(n_draws)]
    if n_draws <= CALL_ROWS:  # those of a row are together, and calls are as full as that allows
        assert all(number[0] == 0 and number[-1] == n_draws - 1 for _, number in calls)
        assert all(len(rows) > CALL_ROWS - n_draws for rows, _ in calls[:-1])


@pytest.mark.parametrize("median", [False, True])
def test_one_pass_gives_means_or_medians(median):
    denoiser = saying(torch.ones(2, N_CODES), torch.full((2, 2), 3.0))
    codes = some_codes()
    out = Model(MaskedMethod(), denoiser, "cpu").estimate(codes, median=median)
    x, mask = (torch.from_numpy(part) for part in model_input(codes))
    estimate = denoiser.estimate(x, torch.where(mask, 0.0, torch.inf))
    expected = estimate.median if median else estimate.mean
    np.testing.assert_allclose(out, expected, atol=1e-5)
    assert not np.allclose(estimate.median, estimate.mean)


@pytest.mark.parametrize("method", [MaskedMethod(3), PaperMethod(3)])
def test_draws_and_new_rows_have_as_many_rows_as_asked(method):
    denoiser = some_denoiser()
    width = N_CODES + 2
    if isinstance(method, PaperMethod):
        denoiser, width = NoisePredictor(N_CODES, 3, 16, 1, seeded()), N_CODES
    denoiser.requires_grad_(False)
    rng = np.random.default_rng(1)
    codes, model = some_codes(), Model(method, denoiser, "cpu")
    draw = model.draw(codes, lambda: rng.normal(size=(5, width)))
    assert draw.shape == codes.shape
    known = ~np.isnan(codes)
    np.testing.assert_allclose(draw[known], codes[known], rtol=1e-6)
    assert np.isfinite(draw).all()
    rows = model.generate(4, lambda: rng.normal(size=(4, width)))
    assert rows.shape == (4, N_CODES)
    assert np.isfinite(rows).all()
    assert not np.allclose(rows[0], rows[1])
    scores = model.log_density(codes, lambda: rng.normal(size=(5, width)))
    assert scores.shape == (5,)
    assert np.isfinite(scores).all()
    assert model.n_noise(N_CODES) == width


def test_weights_go_through_arrays():
    denoiser = saying(torch.ones(2, N_CODES), torch.ones(2, 2))
    again = from_arrays("PreconditionedDenoiser", denoiser.config, to_arrays(denoiser))
    x, sigma = torch.zeros(4, N_CODES), torch.full((4, N_CODES), torch.inf)
    assert torch.equal(again(x, sigma), denoiser(x, sigma))
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert not again.training
    paper = NoisePredictor(N_CODES, 5, 16, 2, seeded())
    again = from_arrays("NoisePredictor", paper.config, to_arrays(paper.requires_grad_(False)))
    assert torch.equal(again(x, torch.ones(4)), paper(x, torch.ones(4)))


@pytest.mark.parametrize("method", [MaskedMethod(), PaperMethod(3)])
def test_training_comes_back_ready_for_use(method):
    codes = some_codes(30).astype(np.float32)
    before = codes.copy()

    def trained(seed):
        return train_denoiser(codes, LAYOUT, method, Options(max_iter=2), seed, "cpu", "1", 0.0)

    denoiser, history = trained(0)
    assert history.n_iter == 2
    assert not denoiser.training
    assert not any(parameter.requires_grad for parameter in denoiser.parameters())
    weights = [to_arrays(m)["first.weight"] for m in (denoiser, trained(0)[0], trained(1)[0])]
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    np.testing.assert_array_equal(codes, before)  # though they are not copied


def test_codes_are_as_they_were_after_a_training_that_fails():
    codes = some_codes(30).astype(np.float32)
    before = codes.copy()
    assert np.isnan(before).any()

    def stop(*_):
        assert not np.isnan(codes).any()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_denoiser(
            codes, LAYOUT, MaskedMethod(), Options(max_iter=2), 0, "cpu", "1", 0.0, callback=stop
        )
    np.testing.assert_array_equal(codes, before)
