"""The baselines written from papers learn what is known of a toy, and respect their budget."""

import time

import numpy as np
import pandas as pd
import pytest
import torch

from docs.benchmarks.baselines import CSDI, DiffMean, STaSy
from docs.benchmarks.baselines.common import mean_mode
from docs.benchmarks.baselines.stasy import pace, record_weights
from docs.benchmarks.baselines.sub_vp import SubVP
from docs.benchmarks.baselines.tokens import Tokens
from skmissdiff import TableEncoder

pytestmark = pytest.mark.slow

RHO = 0.9
SMALL_CSDI = {"channels": 32, "n_layers": 2, "n_heads": 4, "n_steps": 50, "batch_size": 128}
SMALL_STASY = {
    "hidden_sizes": (64, 64),
    "batch_size": 256,
    "max_iter": 2000,
    "learning_rate": 5e-3,
    "rtol": 1e-3,
}


def correlated(n_rows, seed):
    """Two normal numbers of correlation .9, and a level that is the sign of the first."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal(n_rows)
    b = RHO * a + np.sqrt(1 - RHO**2) * rng.standard_normal(n_rows)
    return pd.DataFrame({"a": a, "b": 10 + 3 * b, "sign": np.where(a > 0, "plus", "minus")})


def two_clusters(n_rows, seed):
    """30 % around (-2, 0), 70 % around (2, 0), correlated within, and levels of known rates."""
    rng = np.random.default_rng(seed)
    left = rng.random(n_rows) < 0.3
    a = np.where(left, -2, 2) + 0.5 * rng.standard_normal(n_rows)
    b = 0.5 * a + 0.5 * rng.standard_normal(n_rows)
    level = np.where(left, "x", rng.choice(["y", "z"], n_rows, p=[0.75, 0.25]))
    return pd.DataFrame({"a": a, "b": b, "level": level})


@pytest.fixture(scope="module")
def csdi():
    X = correlated(2000, seed=0)
    X = X.mask(np.random.default_rng(1).random(X.shape) < 0.2)
    return CSDI(random_state=0, max_iter=1300, learning_rate=3e-3, **SMALL_CSDI).fit(X)


def test_csdi_draws_follow_a_known_conditional(csdi):
    truth = correlated(1000, seed=2)
    X = truth.assign(b=np.nan)
    draw = csdi.set_params(n_draws=1).transform(X)
    b = (draw["b"] - 10) / 3
    slope, intercept = np.polyfit(X["a"], b, 1)
    assert slope == pytest.approx(RHO, abs=0.1)
    assert intercept == pytest.approx(0, abs=0.1)
    spread = np.std(b - slope * X["a"] - intercept)
    assert spread == pytest.approx(np.sqrt(1 - RHO**2), rel=0.25)
    pd.testing.assert_frame_equal(draw[["a", "sign"]], truth[["a", "sign"]])


def test_csdi_median_of_draws_is_nearer_than_one_draw(csdi):
    truth = correlated(200, seed=3)
    X = truth.assign(b=np.nan)
    errors = [
        np.std(csdi.set_params(n_draws=n_draws).transform(X)["b"] - truth["b"])
        for n_draws in (1, 10)
    ]
    # The error of one draw has twice the variance of that of the median of many.
    assert errors[1] < 0.9 * errors[0]


def test_csdi_imputes_a_level_that_depends_on_a_number(csdi):
    truth = correlated(300, seed=4)
    X = truth.assign(sign=pd.Series([None] * 300, dtype=truth["sign"].dtype))
    completed = csdi.set_params(n_draws=5).transform(X)
    # The most frequent level would be right in half of the rows.
    assert np.mean(completed["sign"] == truth["sign"]) > 0.85


def test_csdi_generates_from_the_joint_distribution(csdi):
    rows = csdi.sample(1000)
    truth = correlated(20000, seed=5)
    assert rows["b"].mean() == pytest.approx(10, abs=0.5)
    assert rows["a"].corr(rows["b"]) == pytest.approx(RHO, abs=0.07)
    assert np.mean(rows["sign"] == "plus") == pytest.approx(0.5, abs=0.1)
    assert np.mean((rows["a"] > 0) == (rows["sign"] == "plus")) > 0.9
    assert list(rows.dtypes) == list(truth.dtypes)


def assert_like(rows, truth):
    for column in ("a", "b"):
        sd = truth[column].std()
        assert rows[column].mean() == pytest.approx(truth[column].mean(), abs=0.15 * sd)
        assert rows[column].std() == pytest.approx(sd, rel=0.15)
    assert rows["a"].corr(rows["b"]) == pytest.approx(truth["a"].corr(truth["b"]), abs=0.1)
    # Two clusters with next to nothing between them.
    assert np.mean(rows["a"] < 0) == pytest.approx(np.mean(truth["a"] < 0), abs=0.08)
    assert np.mean(rows["a"].abs() < 0.5) < 0.1
    rates = rows["level"].value_counts(normalize=True)
    for level, rate in truth["level"].value_counts(normalize=True).items():
        assert rates[level] == pytest.approx(rate, abs=0.08)
    assert np.mean((rows["a"] < 0) == (rows["level"] == "x")) > 0.93


def test_stasy_generates_two_clusters():
    X = two_clusters(2000, seed=0)
    assert_like(STaSy(random_state=0, **SMALL_STASY).fit(X).sample(1000), X)


def test_diff_mean_generates_two_clusters():
    X = two_clusters(2000, seed=0)
    assert_like(DiffMean(random_state=0, max_iter=500).fit(X).sample(1000), X)


def test_diff_mean_shows_the_spike_of_the_filled_cells():
    X = two_clusters(1000, seed=0)
    X["a"] = X["a"].mask(np.random.default_rng(0).random(len(X)) < 0.5)
    rows = DiffMean(random_state=0, max_iter=200).fit(X).sample(500)
    # Half of the rows lie at the mean, between the clusters, where no observed cell is.
    assert np.mean((rows["a"] - X["a"].mean()).abs() < 0.5) > 0.3


@pytest.mark.parametrize("method", [CSDI, STaSy, DiffMean])
def test_a_short_budget_still_gives_whole_tables(method):
    X = two_clusters(200, seed=0).mask(np.random.default_rng(0).random((200, 3)) < 0.2)
    X["empty"] = np.nan
    state = torch.random.get_rng_state()
    start = time.monotonic()
    fitted = method(random_state=0, max_time=0.3).fit(X)
    assert time.monotonic() - start < 10
    rows = fitted.sample(20)
    assert list(rows) == list(X)
    assert rows.notna().all(axis=None)
    pd.testing.assert_frame_equal(rows, fitted.sample(20))
    if method is CSDI:
        pd.testing.assert_frame_equal(fitted.transform(rows), rows)
        completed = fitted.transform(X[:30])
        assert completed.notna().all(axis=None)
        assert completed.where(X[:30].notna()).equals(X[:30])
        assert 1 <= fitted.n_draws_ < 100
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("categories", ["bits", "one-hot"])
def test_tokens_give_codes_back(categories):
    X = pd.DataFrame({"n": [1.0, 2.0, np.nan, 5.0, 3.0], "c": ["p", "q", "r", "s", None]})
    X["d"] = ["only"] * 5
    encoder = TableEncoder().fit(X)
    tokens = Tokens(encoder.layout_, categories)
    x, mask = tokens.from_codes(encoder.transform(X))
    assert mask.numpy().tolist() == X.notna().to_numpy().tolist()
    assert tokens.n_tokens == {"bits": 1 + 2 + 1, "one-hot": 1 + 4 + 1}[categories]
    codes = encoder.transform(X)
    noisy = tokens.to_codes(x.numpy() + 0.3)
    np.testing.assert_allclose(noisy[:4, 1:], codes[:4, 1:])
    np.testing.assert_allclose(noisy[:2, 0], codes[:2, 0] + 0.3, rtol=1e-6)


def test_bits_of_no_level_become_the_nearest():
    X = pd.DataFrame({"c": ["p", "q", "r"]})
    tokens = Tokens(TableEncoder().fit(X).layout_, "bits")
    # Both digits set is the number 3, but the levels are 0, 1 and 2; the second digit is surer.
    assert tokens.to_codes(np.array([[0.2, 1.0]])).argmax() == 2


def test_the_flow_carries_normal_rows_along_their_known_distributions():
    # Where x_0 has variance 1, the best noise prediction is std x / variance, and the variance
    # of x_t is exp(-B) + (1 - exp(-B))^2: the flow must scale x by the root of its change.
    times = np.linspace(1, 1e-3, 2001)
    x = torch.ones(1)
    variance = {}
    for t, step in zip(times, np.diff(times), strict=False):
        A = np.exp(-SubVP.integral(t))
        variance[t] = A + (1 - A) ** 2
        x = x + step * SubVP.flow(x, t, (1 - A) * x / variance[t])
    A = np.exp(-SubVP.integral(1e-3))
    end = A + (1 - A) ** 2
    assert x.item() == pytest.approx(np.sqrt(end / variance[1.0]), abs=0.01)
    assert min(variance.values()) < 0.8


def test_easy_records_count_in_full_and_hard_ones_not_at_all():
    losses = torch.arange(101.0)
    weights = record_weights(losses, 0.2, 0.8)
    assert weights[:21].eq(1).all()
    assert weights[80:].eq(0).all()
    assert weights[50].item() == pytest.approx(0.5)
    assert record_weights(losses, 1.0, 1.0).eq(1).all()
    assert record_weights(torch.ones(5), 0.2, 0.8).eq(1).all()
    assert pace(0.2, 0) == 0.2
    assert pace(0.2, 1) == pytest.approx(1)


def test_mean_mode():
    X = pd.DataFrame(
        {
            "x": [1.0, np.nan, 3.0],
            "whole": pd.array([1, 2, None], dtype="Int64"),
            "level": ["b", "b", None],
            "flag": pd.array([True, None, True], dtype="boolean"),
            "full": [1, 2, 3],
            "empty": [np.nan] * 3,
        }
    )
    filled = mean_mode(X)
    assert filled["x"].tolist() == [1.0, 2.0, 3.0]
    assert filled["whole"].tolist() == [1, 2, 2]
    assert filled["level"].tolist() == ["b", "b", "b"]
    assert filled["flag"].tolist() == [True, True, True]
    assert filled["empty"].isna().all()
    assert filled.dtypes.equals(X.dtypes)
