"""On a graphics card the same comes out as on the CPU, but for rounding."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmissdiff import MissDiffImputer, MissDiffSampler
from skmissdiff._diffusion import recipe

GPU = "cuda"
METHODS = ["masked", "missdiff"]
# Sums in another order; draws are ten evaluations after one another, each as far off.
CLOSE = {"rtol": 2e-3, "atol": 2e-3}
STEPS_CLOSE = {"rtol": 0.02, "atol": 0.02}

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


@pytest.fixture(autouse=True)
def single_precision(monkeypatch):
    """The CPU trains in float32, too, as a graphics card does."""
    monkeypatch.setattr(recipe, "has_fast_bfloat16", lambda: False)


def table(n_rows=300):
    """Numbers, one of them with a spike, and categories."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=n_rows)
    frame = pd.DataFrame(
        {
            "x": z + 0.3 * rng.normal(size=n_rows),
            "y": z**2 + 0.3 * rng.normal(size=n_rows),
            "spiked": np.where(z > 0, z, 0.0),
            "size": np.array(["low", "mid", "high"])[np.digitize(z, [-0.5, 0.5])],
            "city": rng.choice(["Rome", "Oslo"], n_rows),
        }
    )
    return frame.mask(rng.random(frame.shape) < 0.2)


def build(estimator=MissDiffImputer, method="masked", **params):
    return estimator(method, **{"max_iter": 30, "n_steps": 5, "random_state": 0, **params})


def assert_close(one, other, **within):
    """Numbers alike, and categories but for a few whose draw was a close call."""
    for name in one:
        if one[name].dtype.kind == "f":
            near = np.isclose(one[name], other[name], **within)
        else:
            near = (one[name] == other[name]).to_numpy()
        assert near.mean() > 0.99, name


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (MissDiffImputer, {}),
        (MissDiffImputer, {"donors": True}),
        (MissDiffSampler, {"n_refreshes": 2}),
    ],
)
def test_training(estimator, params):
    fits = [build(estimator, device=d, **params).fit(table()) for d in (GPU, "cpu")]
    on_gpu, on_cpu = fits
    assert {p.device.type for p in on_gpu.denoiser_.parameters()} == {"cpu"}
    assert_allclose(on_gpu.loss_curve_, on_cpu.loss_curve_, **STEPS_CLOSE)
    assert_allclose(on_gpu.validation_loss_curve_, on_cpu.validation_loss_curve_, **STEPS_CLOSE)
    assert on_gpu.n_iter_ == on_cpu.n_iter_


def test_training_of_the_paper():
    curves = [build(method="missdiff", device=d).fit(table()).loss_curve_ for d in (GPU, "cpu")]
    assert_allclose(*curves, **STEPS_CLOSE)


@pytest.mark.parametrize("method", METHODS)
def test_best_guesses_and_draws(method):
    X = table()
    imputer = build(method=method, max_iter=60, device=GPU, random_state=1).fit(X)
    on_gpu = [imputer.transform(X), *imputer.multiple_impute(X, 2)]
    on_cpu = imputer.set_params(device="cpu")
    for found, expected in zip(
        on_gpu, [on_cpu.transform(X), *on_cpu.multiple_impute(X, 2)], strict=True
    ):
        assert_close(found, expected, **CLOSE)


@pytest.mark.parametrize("method", METHODS)
def test_generation(method):
    sampler = build(MissDiffSampler, method, device=GPU).fit(table())
    on_gpu = sampler.sample(300, random_state=3)
    scores = None if method == "missdiff" else sampler.score_samples(table())
    sampler.set_params(device="cpu")
    assert_close(on_gpu, sampler.sample(300, random_state=3), **CLOSE)
    if scores is not None:
        assert_allclose(scores, sampler.score_samples(table()), **STEPS_CLOSE)


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_on_a_gpu_completes_on_the_cpu(method, tmp_path):
    X = table()
    imputer = build(method=method, device=GPU).fit(X)
    imputer.save(tmp_path / "model.npz")
    loaded = MissDiffImputer.load(tmp_path / "model.npz").set_params(device="cpu")
    on_cpu = imputer.set_params(device="cpu").transform(X)
    for name in on_cpu:
        assert_array_equal(loaded.transform(X)[name], on_cpu[name])


@pytest.mark.parametrize("draw", [None, 0])
def test_batches(draw):
    """What streams through a model on a card is what a table in memory gets there."""
    X = table()
    imputer = build(device=GPU).fit(X)
    whole = imputer.transform(X) if draw is None else imputer.multiple_impute(X, 1)[0]
    parts = list(imputer.transform_batches([X[:120], X[120:]], draw=draw))
    completed = pd.concat(parts)
    if draw is None:
        assert_close(completed, whole, rtol=0, atol=0)
    else:
        assert_close(completed, next(imputer.transform_batches([X], draw=0)), rtol=0, atol=0)
