"""Values that a column holds very often come back as exactly these, at their rate."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmissdiff import MissDiffImputer, MissDiffSampler, TableEncoder
from skmissdiff._diffusion.batches import not_applicable
from skmissdiff._draws.aggregate import aggregate_draws
from skmissdiff._encoding.spikes import Spike, find_spike
from skmissdiff._support.layout import CodeLayout

LAYOUT = CodeLayout((1, 3, 2), (False, False, True), (False, True, False))


def insured(n=400, seed=0):
    """Who claims, and how much: 0 for most, surely where there is no policy."""
    rng = np.random.default_rng(seed)
    policy = np.where(rng.random(n) < 0.7, "yes", "no")
    risk = rng.normal(size=n)
    claims = (policy == "yes") & (rng.random(n) < 1 / (1 + np.exp(-2 * risk)))
    amount = np.where(claims, np.exp(5 + 0.5 * risk + 0.5 * rng.normal(size=n)).round(2), 0.0)
    return pd.DataFrame({"policy": policy, "risk": risk, "amount": amount})


def holed(seed=100):
    complete = insured()
    table = complete.copy()
    rng = np.random.default_rng(seed)
    for name in table:
        table.loc[rng.random(len(table)) < 0.25, name] = None
    return complete, table


@pytest.fixture(scope="module")
def fitted():
    _, table = holed()
    return MissDiffImputer(random_state=0, max_iter=200).fit(table)


def hidden(table):
    return table["amount"].isna().to_numpy()


def test_draws_hold_the_value_at_its_rate(fitted):
    complete, table = holed()
    gaps = hidden(table)
    drawn = np.array([t["amount"][gaps] for t in fitted.multiple_impute(table, 10)])
    truth = complete["amount"][gaps]
    assert abs((drawn == 0).mean() - (truth == 0).mean()) < 0.06
    # By the risk, as in the table, and never a little above 0 or below.
    high = (table["risk"] > 0.5)[gaps].to_numpy() & (table["policy"] == "yes")[gaps].to_numpy()
    assert abs((drawn[:, high] == 0).mean() - (truth[high] == 0).mean()) < 0.15
    least = table["amount"][table["amount"] > 0].min()
    assert drawn[drawn != 0].min() >= least


def test_best_guesses_are_exact_where_a_column_tells():
    _, table = holed()
    known = hidden(table) & (table["policy"] == "no").to_numpy()
    assert known.sum() > 10
    # Trained to the end, whatever the few rows that could judge it say.
    trained = {"random_state": 0, "max_iter": 150, "early_stopping": False}
    done = MissDiffImputer(**trained).fit(table).transform(table)
    assert (done.loc[known, "amount"] == 0).mean() > 0.9
    for how in ("median", "mode"):
        imputer = MissDiffImputer(**trained, aggregate=how).fit(table)
        done = imputer.transform(table)["amount"]
        assert (done[known] == 0).all()
        other = hidden(table) & (table["policy"] == "yes") & (table["risk"] > 1.5)
        assert (done[other] > 0).any()


def test_means_are_means_of_both_kinds(fitted):
    _, table = holed()
    gaps = hidden(table)
    mean = fitted.transform(table)["amount"][gaps]
    draws = np.mean([t["amount"][gaps] for t in fitted.multiple_impute(table, 40)], axis=0)
    assert np.corrcoef(mean, draws)[0, 1] > 0.9
    assert abs(mean.mean() - draws.mean()) < 0.15 * draws.mean()


def test_rows_do_not_depend_on_their_neighbours(fitted):
    table = holed()[1].dropna(subset="risk")  # no row is like another
    for how in (fitted.transform, lambda t: fitted.multiple_impute(t, 1)[0]):
        whole = how(table)
        pd.testing.assert_frame_equal(how(table.iloc[50:60]), whole.iloc[50:60])


def test_a_sampler_of_the_same_fit(fitted):
    sampler = fitted.to_sampler()
    rows = sampler.sample(1000)
    assert abs((rows["amount"] == 0).mean() - (insured()["amount"] == 0).mean()) < 0.08
    none = sampler.sample(300, given={"amount": 0.0})
    some = sampler.sample(300, given={"amount": 200.0})
    assert (none["amount"] == 0).all()
    assert (some["policy"] == "yes").mean() > 0.9
    assert none["risk"].mean() < some["risk"].mean() - 0.3
    scores = sampler.score_samples(
        pd.DataFrame({"policy": ["no", "no"], "risk": [0, 0.0], "amount": [0, 150.0]})
    )
    assert scores[0] > scores[1] + 3


def test_rows_are_learnt_with_their_gaps_drawn():
    _, table = holed()
    sampler = MissDiffSampler(scaling="standard", n_refreshes=2, max_iter=150, random_state=0)
    sampler.fit(table)
    rows = sampler.sample(1000)
    assert abs((rows["amount"] == 0).mean() - (insured()["amount"] == 0).mean()) < 0.08
    assert (rows["amount"][rows["policy"] == "no"] == 0).mean() > 0.9
    assert 0.1 < sampler.sample(500, keep_missing=True)["amount"].isna().mean() < 0.4


def test_saved_and_loaded(fitted, tmp_path):
    _, table = holed()
    fitted.save(tmp_path / "model.npz")
    again = MissDiffImputer.load(tmp_path / "model.npz")
    pd.testing.assert_frame_equal(again.transform(table), fitted.transform(table))


def test_whole_numbers_and_dates():
    rng = np.random.default_rng(0)
    count = pd.array(np.where(rng.random(200) < 0.5, 0, rng.poisson(6, 200) + 1), dtype="Int64")
    never = pd.Timestamp("2999-12-31")
    until = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 200), "D"))
    until[rng.random(200) < 0.4] = never
    table = pd.DataFrame({"count": count, "until": until, "x": rng.normal(size=200)})
    table.loc[::4, "count"] = pd.NA
    table.loc[1::4, "until"] = pd.NaT
    draws = MissDiffImputer(random_state=0).fit(table).multiple_impute(table, 5)
    drawn = draws[0]
    assert drawn.dtypes.equals(table.dtypes)
    rate = np.mean([(draw["count"][::4] == 0).mean() for draw in draws])
    assert abs(rate - (table["count"] == 0).mean()) < 0.1
    dates = drawn["until"][1::4]
    assert 0.2 < (dates == never).mean() < 0.6
    assert dates[dates != never].max() < pd.Timestamp("2025-01-01")


def test_codes_of_a_spiked_column():
    values = np.r_[np.zeros(40), np.arange(1, 41), np.nan]
    X = pd.DataFrame({"a": values, "b": 1.0})
    encoder = TableEncoder(spikes=True).fit(X)
    assert encoder.get_feature_names_out().tolist() == ["a_0", "a_other", "a", "b"]
    codes = encoder.transform(X)
    assert_array_equal(codes[0, :2], [1, 0])
    assert_array_equal(codes[-2, :2], [0, 1])
    assert np.isnan(codes[:40, 2]).all()
    assert np.isnan(codes[-1, :3]).all()
    assert_allclose(np.nanmean(codes[:, 2]), 0, atol=1e-12)
    assert_allclose(encoder.inverse_transform(codes), X, atol=1e-12)
    assert TableEncoder().fit(X).layout_.n_codes == 2
    assert TableEncoder(spikes=True, scaling="quantile").fit(X).layout_.n_codes == 2


def test_layout_of_a_spiked_column():
    assert LAYOUT.is_numeric.tolist() == [True, False, False, True, False, False]
    assert LAYOUT.categorical_slices == (slice(1, 3), slice(4, 6))
    assert LAYOUT.column_of_code.tolist() == [0, 1, 1, 1, 2, 2]
    assert LAYOUT.level_codes.tolist() == [0, 1, 3, 4]
    x = torch.tensor([[0.0, 1, 0, 0, 1, 0], [0, 0, 1, 2, 1, 0], [0, 0, 0, 0, 0, 0]])
    assert not_applicable(x, LAYOUT)[:, 3].tolist() == [True, False, False]
    assert int(not_applicable(x, LAYOUT).sum()) == 1


def test_what_a_spike_is():
    others = np.arange(1.0, 101)
    bounds = (-np.inf, np.inf)
    spike = find_spike(np.r_[np.zeros(50), others], None, bounds)
    assert (spike.value, spike.low, spike.high) == (0, -np.inf, np.inf)
    spike = find_spike(np.r_[np.zeros(50), others], None, (0, 100))
    assert (spike.value, spike.low, spike.high) == (0, 1, 100)
    assert_allclose(spike.ways, np.linspace(1 / 50.5, 1, 11))
    spike = find_spike(np.r_[np.full(50, 100.0), others[:-1]], None, (1, 100))
    assert (spike.value, spike.low, spike.high) == (100, 1, 99)
    assert_allclose(spike.ways, np.linspace(1 / 50, 1, 11))
    assert find_spike(np.r_[np.full(50, 40.0), others], None, bounds).ways == Spike(0, 0, 0).ways
    assert find_spike(np.r_[np.zeros(20), others], None, bounds) is None  # too rare
    assert find_spike(np.r_[np.zeros(50), others], None, (1, 100)) is None  # not wanted
    assert find_spike(np.r_[np.zeros(50), np.ones(50)], None, bounds) is None  # yes and no
    assert find_spike(np.r_[np.zeros(50), others[:20]], None, bounds) is None  # too few others
    weight = np.r_[np.full(20, 5.0), np.ones(100)]
    assert find_spike(np.r_[np.zeros(20), others], weight, bounds) is not None
    assert find_spike(np.empty(0), None, bounds) is None


def test_both_kinds_become_one_number():
    spike = Spike(0.0, 1.0, 50.0)
    shares = np.array([0.0, 0.25, 0.5, 0.97, np.nan])
    codes = np.column_stack([shares, 1 - shares])
    others = np.array([10.0, 10.0, 10.0, 10.0, 10.0])
    assert_allclose(spike.decode(codes, others, "mean"), [10, 7.5, 5, 0, np.nan])
    assert_allclose(spike.decode(codes, others, "mode"), [10, 10, 0, 0, np.nan])
    # Of 0 with a quarter and an exponential beside it: the third that half of all is above.
    median = -np.log(0.5 / 0.75) / np.log(2) * 10
    assert_allclose(spike.decode(codes, others, "median"), [10, median, 0, 0, np.nan], atol=0.02)
    # Others far from the value, and close to each other, hardly move.
    far = find_spike(np.r_[np.zeros(30), np.linspace(9, 11, 70)], None, (0, 50))
    assert far.decode(codes[1:2], others[:1], "median")[0] > 9.5
    assert_allclose(spike.decode(codes[:1], np.array([-3.0]), "mode"), [1])


def test_numbers_that_do_not_apply_are_not_averaged():
    draws = np.zeros((1, 4, 6))
    draws[0, :, 1] = [1, 0, 0, 1]
    draws[0, :, 2] = [0, 1, 1, 0]
    draws[0, :, 3] = [-99, 2, 4, 99]
    estimate = aggregate_draws(draws, LAYOUT, "mean")
    assert_allclose(estimate[0, 1:4], [0.5, 0.5, 3])


@pytest.mark.parametrize("how", ["mean", "median"])
def test_best_guesses_are_whole_if_asked(how):
    rng = np.random.default_rng(0)
    z = rng.normal(size=100)
    table = pd.DataFrame({"n": np.rint(3 * z) + 0.0, "half": np.rint(3 * z) / 2, "z": z})
    table.loc[::3, ["n", "half"]] = np.nan
    settings = {"max_iter": 20, "aggregate": how, "random_state": 0}
    done = MissDiffImputer(snap="whole", **settings).fit_transform(table)
    plain = MissDiffImputer(**settings).fit_transform(table)
    assert (done["n"] % 1 == 0).all()
    assert (plain["n"] % 1 != 0).any()
    assert_array_equal(done["n"], np.rint(plain["n"]))
    pd.testing.assert_series_equal(done["half"], plain["half"])


def test_marks_on_a_scale_have_no_spike():
    marks = np.random.default_rng(0).integers(1, 11, size=500).astype(float)
    marks[:250] = 1.0
    assert find_spike(marks, None, (1.0, 10.0)) is None
    amounts = np.where(marks > 1, marks + np.random.default_rng(1).random(500), 0.0)
    assert find_spike(amounts, None, (0.0, 11.0)).value == 0.0
