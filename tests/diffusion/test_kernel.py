"""Training rows that lend their cells to rows like them."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from skmissdiff import MissDiffImputer, MissDiffSampler
from skmissdiff._diffusion.kernel import CATEGORY_BANDWIDTH, KernelRegression
from skmissdiff._support.layout import CodeLayout

LAYOUT = CodeLayout((1, 1, 3), (False, False, True))
CATEGORIES = slice(2, 5)
BANDWIDTH = torch.tensor(0.7, dtype=torch.float64)


def some_donors(n_donors=7):
    """Two numbers and a column of three categories, some of them missing."""
    generator = torch.Generator().manual_seed(0)
    donors = KernelRegression(n_donors, LAYOUT)
    x, mask = some_rows(n_donors, generator)
    donors.x.copy_(x)
    donors.mask.copy_(mask)
    return donors, *some_rows(4, generator)


def some_rows(n_rows, generator):
    numbers = torch.randn(n_rows, 2, generator=generator)
    categories = torch.eye(3)[torch.randint(3, (n_rows,), generator=generator)]
    known = torch.rand(n_rows, 3, generator=generator) < 0.7
    mask = known[:, [0, 1, 2, 2, 2]]
    return torch.cat([numbers, categories], 1) * mask, mask


def weight_of(donors, t, x, known, own=None):
    """The formula of the module, cell by cell; donor ``own`` is the row itself."""
    weight = 1 / len(donors.x)
    counted = donors.mask.clone()
    if own is not None:
        counted[own] = False
    for c in range(2):
        if known[c] and donors.mask[t, c]:
            others = donors.x[counted[:, c], c]
            near = ((others - x[c]).abs() <= BANDWIDTH).sum().item()
            distance = (x[c] - donors.x[t, c]).item() / BANDWIDTH.item()
            weight *= math.exp(-(distance**2) / 2) * (len(others) + 1) / (near + 1)
    if known[2] and donors.mask[t, 2]:
        category = x[CATEGORIES].argmax().item()
        seen = counted[:, 2].sum().item()
        share = (donors.x[counted[:, 2], 2 + category].sum().item() + 1) / (seen + 3)
        same = bool(donors.x[t, 2 + category])
        weight *= (1 if same else math.exp(-1 / CATEGORY_BANDWIDTH**2)) / share
    return weight


def test_sums_are_those_of_the_formula():
    donors, x, known = some_donors()
    sums = donors.sums(x, known, BANDWIDTH)
    for i in range(len(x)):
        weights = [weight_of(donors, t, x[i], known[i]) for t in range(len(donors.x))]
        weights = torch.tensor(weights, dtype=torch.float64)
        torch.testing.assert_close(sums.weight[i], weights @ donors.mask.double())
        torch.testing.assert_close(sums.cells[i], weights @ (donors.mask * donors.x).double())


def test_a_row_says_nothing_to_itself():
    donors, _, _ = some_donors()
    own = torch.arange(len(donors.x))
    sums = donors.sums(donors.x, donors.mask, BANDWIDTH, own)
    for t in own:
        weights = [weight_of(donors, k, donors.x[t], donors.mask[t], t) for k in own]
        weights[t] = 0
        expected = torch.tensor(weights, dtype=torch.float64) @ donors.mask.double()
        torch.testing.assert_close(sums.weight[t], expected)


def of_candidate(donors, bandwidth, trust, mean, x, known):
    """The mean of the formula with one candidate."""
    sums = donors.sums(x, known, donors.bandwidths[bandwidth])
    return (mean / donors.trusts[trust] + sums.cells) / (1 / donors.trusts[trust] + sums.weight)


def test_networks_count_as_a_donor_of_weight_one_over_trust():
    donors, x, known = some_donors()
    mean = torch.full(x.shape, 0.3)
    donors.share[1, 6] = 1.0
    assert torch.equal(
        donors.join(mean, x, known, median=True).value, mean
    )  # not trusted with these
    expected = of_candidate(donors, 1, 6, mean, x, known)
    torch.testing.assert_close(donors.join(mean, x, known, median=False).value, expected.float())


def test_candidates_have_a_say_by_their_shares():
    donors, x, known = some_donors()
    mean = torch.full(x.shape, 0.3)
    donors.share[1, 6] = torch.tensor([0.5, 0.0, 0.2, 0.2, 0.2])
    donors.share[3, 2] = torch.tensor([0.1, 0.7, 0.2, 0.2, 0.2])
    first, second = (of_candidate(donors, *place, mean, x, known) for place in ((1, 6), (3, 2)))
    shares = donors.share[1, 6], donors.share[3, 2]
    expected = shares[0] * first + shares[1] * second + (1 - shares[0] - shares[1]) * mean
    torch.testing.assert_close(donors.join(mean, x, known, median=False).value, expected.float())


def test_many_codes_that_agree_do_not_overflow():
    layout = CodeLayout((1,) * 400, (False,) * 400)
    donors = KernelRegression(500, layout)
    donors.x.copy_(torch.randn(500, 400, generator=torch.Generator().manual_seed(0)))
    donors.mask.fill_(True)
    known = torch.ones(3, 400, dtype=torch.bool)
    known[:, 0] = False
    found = donors.sums(donors.x[:3], known, torch.tensor(0.02).double())
    assert found.weight.isfinite().all()
    mean = found.joined(torch.zeros(3, 400), 1e-4)
    torch.testing.assert_close(mean[:, 0], donors.x[:3, 0])


def test_medians_have_shares_of_their_own():
    donors, x, known = some_donors()
    mean = torch.full(x.shape, 0.3)
    donors.share_median[2, 4] = 1.0
    expected = of_candidate(donors, 2, 4, mean, x, known)
    torch.testing.assert_close(donors.join(mean, x, known, median=True).value, expected.float())
    assert donors.join(mean, x, known, median=False).value.dtype == torch.float32


@pytest.fixture(scope="module")
def repeats():
    """Rows that come twice and tell nothing else: pure noise but for their twins."""
    rng = np.random.default_rng(0)
    half = pd.DataFrame(rng.normal(size=(150, 4)).round(3), columns=list("abcd"))
    half["category"] = rng.choice(["x", "y", "z"], size=150)
    truth = pd.concat([half, half], ignore_index=True)
    truth = truth.iloc[rng.permutation(len(truth))].reset_index(drop=True)
    hidden = rng.random(truth.shape) < 0.15
    return truth, truth.mask(hidden), hidden


def errors_of_numbers(completed, truth, hidden):
    names = list("abcd")
    return (completed[names] - truth[names]).abs().to_numpy()[hidden[:, :4]]


def fitted(table, max_iter=40, **params):
    return MissDiffImputer(max_iter=max_iter, random_state=0, **params).fit(table)


@pytest.fixture(scope="module")
def imputer(repeats):
    return fitted(repeats[1])


def test_what_a_twin_has_is_found(repeats, imputer):
    truth, table, hidden = repeats

    def errors(imputer):
        completed = imputer.transform(table)
        numbers = errors_of_numbers(completed, truth, hidden)
        wrong = (completed["category"] != truth["category"])[hidden[:, 4]]
        return np.median(numbers), wrong.mean()

    # 15 % of the twins miss the cell, too.
    number, category = errors(imputer)
    assert number < 0.05
    assert category < 0.3
    number, category = errors(fitted(table, donors=False))
    assert number > 0.4
    assert category > 0.5


def test_a_row_is_completed_alike_wherever_it_stands(repeats, imputer):
    table = repeats[1]
    alone = pd.concat([imputer.transform(table.iloc[[i]]) for i in range(20)])
    pd.testing.assert_frame_equal(alone, imputer.transform(table).iloc[:20])


def test_a_median_asks_them_too(repeats):
    truth, table, hidden = repeats
    completed = fitted(table, aggregate="median").transform(table)
    assert np.median(errors_of_numbers(completed, truth, hidden)) < 0.05


def test_saved_imputers_hold_them(repeats, imputer, tmp_path):
    table = repeats[1]
    imputer.save(tmp_path / "imputer.npz")
    loaded = MissDiffImputer.load(tmp_path / "imputer.npz")
    assert loaded.denoiser_.donors is not None
    pd.testing.assert_frame_equal(loaded.transform(table), imputer.transform(table))


def test_samplers_hold_no_training_row(repeats, imputer):
    sampler = imputer.to_sampler()
    assert sampler.denoiser_.donors is None
    assert not any("donors" in name for name in sampler.denoiser_.state_dict())
    assert imputer.denoiser_.donors is not None  # the imputer keeps its own
    assert len(sampler.sample(5)) == 5
    assert MissDiffSampler(max_iter=20).fit(repeats[1]).denoiser_.donors is None


def test_what_was_fitted_with_them_asks_them(repeats, imputer):
    other = fitted(repeats[1], max_iter=5).set_params(donors=False)
    with pytest.raises(ValueError, match="donors was True when"):
        other.transform(repeats[1])
    assert not imputer.to_sampler().to_imputer().donors


@pytest.mark.parametrize("n_rows", [10, 30, 60, 300])
def test_rows_without_twins_are_not_asked(n_rows):
    asked = 0
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(n_rows, 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=(n_rows, 4))
        X[rng.random(X.shape) < 0.15] = np.nan
        asked += fitted(X, max_iter=5).denoiser_.donors is not None
    assert asked <= 1


def test_categories_alone_have_donors(repeats):
    rng = np.random.default_rng(0)
    half = pd.DataFrame(rng.choice(list("uvwxyz"), size=(150, 6)), columns=list("abcdef"))
    truth = pd.concat([half, half], ignore_index=True)
    hidden = rng.random(truth.shape) < 0.15
    completed = fitted(truth.mask(hidden)).transform(truth.mask(hidden))
    assert (completed != truth).to_numpy()[hidden].mean() < 0.4  # 0.8 without donors
