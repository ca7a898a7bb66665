"""Missing cells that are drawn anew, one column after another."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from small_rows import rng

from skmissdiff import MissDiffImputer, MissDiffSampler, PaperMethod
from skmissdiff._draws import chain as chains
from skmissdiff._draws import columns
from skmissdiff._draws.chain import N_SETS, Chain, chosen_rows, learn_in_turn, strongest
from skmissdiff._draws.choices import SHARE
from skmissdiff._draws.columns import Choice, LevelDraws, Rows


def crossed(n_rows=600, seed=1):
    """Two branches, y = x and y = -x, that nobody can tell apart by x."""
    x = rng(seed).uniform(1, 2, n_rows)
    return np.column_stack([x, x * rng(seed + 1).choice([-1, 1], n_rows)])


def test_the_model_alone_draws_linear_columns():
    z = rng().normal(size=(300, 3))
    table = np.column_stack([z[:, 0], z[:, 0] + z[:, 1], z[:, 0] - z[:, 1] + 0.5 * z[:, 2]])
    known = np.ones(table.shape, bool)
    donors = Chain(table, known, [0, 1, 2], [], rng(), belief=np.array([0.0, 1.0, 0.0]))
    assert donors.shares == pytest.approx([0, SHARE, 0])
    uniforms = rng(4).random((300, donors.n_uniforms))
    drawn = donors.draw(table + 9, np.zeros(table.shape, bool), np.zeros(300, int), uniforms)
    assert np.array_equal(drawn[:, [0, 2]], table[:, [0, 2]] + 9)
    assert (drawn[:, 1] != table[:, 1] + 9).mean() == pytest.approx(SHARE, abs=0.08)


def test_nothing_is_learnt_or_chosen_again_where_no_column_is_drawn(monkeypatch):
    calls = []
    monkeypatch.setattr(
        chains, "choose", lambda rows, numbers, *rest: calls.append(1) or [None] * 3
    )
    monkeypatch.setattr(chains, "learn_in_turn", None)
    codes = rng().normal(size=(100, 3))
    known = np.ones(codes.shape, bool)
    chain = Chain(codes, known, np.arange(3), [], rng(), belief=np.zeros(3))
    assert calls == [1]
    assert chain.columns == [None] * 3
    assert_array_equal(chain.shares, 0)


def test_networks_that_are_half_believed_leave_some_draws_to_leaves():
    z = rng().normal(size=(600, 2))
    table = np.column_stack([z[:, 0], z[:, 0] + 0.5 * z[:, 1]])
    known = np.ones(table.shape, bool)
    none, some = (
        Chain(table, known, [0, 1], [], rng(), belief=np.array([0.0, belief]))
        for belief in (0.0, 0.2)
    )
    assert some.shares[1] == pytest.approx(none.shares[1] + 0.4 * (SHARE - none.shares[1]))
    uniforms = rng(4).random((600, some.n_uniforms))
    drawn = some.draw(table + 9, np.zeros(table.shape, bool), np.zeros(600, int), uniforms)
    assert (drawn[:, 1] != table[:, 1] + 9).mean() == pytest.approx(some.shares[1], abs=0.06)


def fitted(table, gaps):
    """Donors of a table whose gaps the model fills with noise."""
    known = ~gaps
    codes = np.where(known, table, rng(7).normal(size=table.shape))
    return Chain(codes, known, [0, 1], [], rng(), belief=np.ones(2))


def asked(donors, table, n_draws=1, seed=3):
    known = np.column_stack([np.ones(len(table), bool), np.zeros(len(table), bool)])
    uniforms = rng(seed).random((len(table), donors.n_uniforms))
    codes = np.where(known, table, 100.0)
    numbers = np.arange(len(table)) % n_draws
    return donors.draw(codes, known, numbers, uniforms), uniforms


def test_both_branches_are_drawn_and_nothing_between():
    table = crossed()
    gaps = np.column_stack([np.zeros(600, bool), rng().random(600) < 0.3])
    chain = fitted(table, gaps)
    drawn, _ = asked(chain, crossed(seed=5), n_draws=20)
    assert np.array_equal(drawn[:, 0], crossed(seed=5)[:, 0])  # what is given stays
    ours = drawn[drawn[:, 1] != 100, 1]
    # A share of the cells stays as the model has drawn them.
    assert len(ours) / 600 == pytest.approx(chain.shares[1], abs=0.06)
    assert np.abs(ours).min() > 0.9
    assert (ours > 0).mean() == pytest.approx(0.5, abs=0.1)


def test_draws_depend_on_their_row_alone():
    table = crossed()
    donors = fitted(table, rng().random(table.shape) < 0.2)
    assert len(donors.columns[1].trees.root) == donors.n_sets == N_SETS
    drawn, uniforms = asked(donors, table, n_draws=3)
    few = [5, 80, 3]
    known = np.column_stack([np.ones(3, bool), np.zeros(3, bool)])
    codes = np.where(known, table[few], 100.0)
    alone = donors.draw(codes, known, np.array(few) % 3, uniforms[few])
    assert np.array_equal(alone, drawn[few])
    # Another draw asks other trees, but for those that come round again.
    again = donors.draw(codes, known, np.array(few) % 3 + N_SETS, uniforms[few])
    assert np.array_equal(again, alone)
    others = asked(donors, table)[0]
    assert not np.array_equal(others, drawn)


def test_columns_of_few_or_equal_values_have_no_tree(monkeypatch):
    table = np.column_stack([np.ones(50), rng().normal(size=50), rng(1).normal(size=50)])
    known = np.ones(table.shape, bool)
    known[19:, 1] = False
    donors = Chain(table, known, [0, 1, 2], [], rng(), belief=np.ones(3))
    assert [column is None for column in donors.columns] == [True, True, False]


def test_codes_that_trees_read(monkeypatch):
    codes = rng().normal(size=(200, 6))
    codes[:, 4] += 2 * codes[:, 1]
    codes[:, 0] -= codes[:, 1]
    assert np.array_equal(strongest(codes, [1]), [0, 2, 3, 4, 5])
    monkeypatch.setattr(chains, "MOST_FEATURES", 2)
    assert np.array_equal(strongest(codes, [1]), [0, 4])
    donors = Chain(codes, np.ones(codes.shape, bool), [1], [], rng(), belief=np.ones(1))
    assert np.array_equal(donors.columns[0].features, [0, 4])
    # What is not read changes nothing.
    known, uniforms = np.arange(6)[None] != np.ones((9, 1)), rng(2).random((9, donors.n_uniforms))
    other = codes[:9].copy()
    other[:, [2, 3, 5]] = 7.0
    drawn = [donors.draw(part, known, np.zeros(9, int), uniforms) for part in (codes[:9], other)]
    assert np.array_equal(drawn[0][:, 1], drawn[1][:, 1])


def test_rows_that_trees_are_grown_on(monkeypatch):
    monkeypatch.setattr(chains, "MOST_ROWS", 30)
    assert np.array_equal(chosen_rows(20, 2, None, rng()), np.arange(20))
    assert len(np.unique(chosen_rows(50, 2, None, rng()))) == 30
    assert np.array_equal(
        chosen_rows(20, 2, np.r_[np.zeros(5), np.full(15, 2.0)], rng()), range(5, 20)
    )
    heavy = chosen_rows(40, 2, np.r_[np.zeros(10), np.ones(20), np.full(10, 20.0)], rng())
    assert len(heavy) == 30
    assert heavy.min() >= 10
    assert (heavy >= 30).mean() > 0.7


def curved(n_rows=600, seed=1):
    """x, z, y = x^2 + x z + twice the group + noise, and the levels of the group."""
    x, z, noise = rng(seed).normal(size=(3, n_rows))
    group = rng(seed + 1).integers(2, size=n_rows)
    return np.column_stack([x, z, x**2 + x * z + 2 * group + 0.3 * noise, np.eye(2)[group]])


def test_a_relation_that_the_first_draws_do_not_have_is_found():
    table = curved()
    known = rng(4).random((600, 4)) > 0.3
    known = np.column_stack([known, known[:, 3]])
    mixed = table[rng(5).permutation(600)]  # what fills the gaps goes with nothing
    codes = np.where(known, table, mixed)
    chain = Chain(codes, known, [0, 1, 2], [slice(3, 5)], rng(), belief=np.ones(4))
    of_x, of_z, of_y, of_group = chain.choices
    assert of_x.through == of_z.through == of_group.through == 2
    assert of_y.degree == 2
    assert isinstance(chain.columns[3], LevelDraws)
    new, given = curved(seed=8), np.zeros((600, 5), bool)
    given[:, 1:3] = True  # x and the group are drawn together, so that they meet y
    begun = np.column_stack([mixed[:, 0], new[:, 1:3], mixed[:, 3:]])
    uniforms = rng(6).random((600, chain.n_uniforms))
    drawn = chain.draw(begun, given, np.arange(600) % N_SETS, uniforms)
    assert np.array_equal(drawn[:, 1:3], new[:, 1:3])
    assert (drawn[:, 3:].sum(axis=1) == 1).all()

    def missed(codes):
        x, z, y, _, group = codes.T
        return np.quantile(np.abs(y - x**2 - x * z - 2 * group), 0.75)

    assert missed(drawn) < 1
    assert missed(begun) > 2


# --- In an imputer.


def holed(n_rows=400):
    table = crossed(n_rows)
    table[rng(4).random(table.shape) < 0.25] = np.nan
    return table


def test_an_imputer_draws_from_leaves():
    X = holed()
    imputer = MissDiffImputer(max_iter=60, random_state=0).fit(X)
    assert imputer._chain is None  # until a draw asks for it
    best = imputer.transform(X)
    assert imputer._chain is None
    draws = np.stack(imputer.multiple_impute(X, 4))
    assert isinstance(imputer._chain, Chain)
    assert np.array_equal(imputer.transform(X), best)
    cells = np.isnan(X[:, 1]) & ~np.isnan(X[:, 0])
    drawn = draws[:, cells, 1]
    without = MissDiffImputer(max_iter=60, donors=False, random_state=0).fit(X)
    other = np.stack(without.multiple_impute(X, 4))[:, cells, 1]
    # A network of 60 steps leaves draws between the branches.
    assert (np.abs(drawn) < 0.9).mean() < 0.6 * (np.abs(other) < 0.9).mean()
    # Best guesses do not know of it.
    assert np.array_equal(without.denoiser_.W.numpy(), imputer.denoiser_.W.numpy())


def test_the_chain_is_the_same_whoever_asks_first():
    X = holed(120)
    first, second = (MissDiffImputer(max_iter=3, random_state=0).fit(X) for _ in range(2))
    first.multiple_impute(X[:20], 1)
    for ours, theirs in zip(first.multiple_impute(X, 2), second.multiple_impute(X, 2), strict=True):
        assert np.array_equal(ours, theirs)


def test_a_category_is_drawn_by_the_chain():
    table = curved(400)
    frame = pd.DataFrame(table[:, :3], columns=["x", "z", "y"])
    frame["group"] = pd.Categorical.from_codes(table[:, 4].astype(int), ["a", "b"])
    gone = rng(6).random((400, 4)) < 0.25
    X = frame.mask(gone)
    imputer = MissDiffImputer(max_iter=20, random_state=0).fit(X)
    draws = imputer.multiple_impute(X, 5)
    assert imputer._chain.choices[3].through == 2
    only = gone[:, 3] & ~gone[:, :3].any(axis=1)
    right = np.mean([(t["group"] == frame["group"])[only].mean() for t in draws])
    without = MissDiffImputer(max_iter=20, donors=False, random_state=0).fit(X)
    other = without.multiple_impute(X, 5)
    assert right > 0.85
    assert right > np.mean([(t["group"] == frame["group"])[only].mean() for t in other]) + 0.1


def test_regressions_that_do_not_converge_say_nothing(monkeypatch, recwarn):
    monkeypatch.setattr(columns, "LOGISTIC_STEPS", 1)
    table = curved()
    Chain(table, np.ones(table.shape, bool), [0, 1, 2], [slice(3, 5)], rng(), belief=np.zeros(4))
    assert not recwarn.list


def test_columns_whose_consequence_nobody_observes_are_left_to_the_model():
    table = curved()
    known = np.ones(table.shape, bool)
    arguments = [0, 1, 2], [slice(3, 5)]
    chain = Chain(table, known, *arguments, rng(), belief=np.ones(4))
    known[5:, 2] = False
    again = Chain(table, known, *arguments, rng(), belief=np.ones(4), choices=chain.choices)
    through_y = [choice.through == 2 for choice in chain.choices]
    assert through_y == [True, True, False, True]
    assert [column is None for column in again.columns] == [True, True, True, True]


def test_numbers_that_do_not_apply_are_neither_learnt_from_nor_filled():
    x, z = rng().normal(size=(2, 200))
    codes, known = np.column_stack([x, x + 0.1 * z, z]), np.ones((200, 3), bool)
    idle = np.zeros((200, 3), bool)
    idle[:90, 1], codes[:90, 1], known[:100, 1] = True, 0.0, False
    rows = Rows(codes.copy(), known, idle)
    numbers = [(j, np.setdiff1d(range(3), j)) for j in range(3)]
    plain = [Choice(0, 5, share=1.0)] * 3
    learn_in_turn(rows, numbers, numbers, plain, np.zeros((200, 3)), rng(1))
    assert (rows.codes[:90] == codes[:90]).all()
    assert (rows.codes[90:100, 1] != codes[90:100, 1]).all()
    assert not np.isin(0.0, rows.codes[90:, 1])


def test_beside_a_spike_there_is_no_number_to_be_drawn(monkeypatch):
    amount = np.where(rng().random(400) < 0.5, rng(1).gamma(2, size=400), 0.0)
    X = np.column_stack([amount, (amount > 0) + amount + 0.1 * rng(2).normal(size=400)])
    X[::4, 1] = np.nan
    imputer = MissDiffImputer(max_iter=5, random_state=0).fit(X)
    assert imputer.encoder_.layout_.spiked == (True, False)
    seen, learn = [], chains.learn_in_turn
    monkeypatch.setattr(
        chains, "learn_in_turn", lambda rows, *args: seen.append(rows) or learn(rows, *args)
    )
    imputer.multiple_impute(X[:1], 1)
    assert seen
    for rows in seen:
        assert (rows.idle[:, 2] == (amount == 0)).all()
        assert (rows.codes[amount == 0, 2] == 0).all()


def test_copies_of_heavy_rows_do_not_foretell_each_other():
    common = rng().normal(size=(400, 1))
    X = common + 0.7 * rng(1).normal(size=(400, 3))
    X[rng(2).random(X.shape) < 0.25] = np.nan
    weight = 1 + 1e-6 * rng(3).random(400)
    params = {"max_iter": 5, "random_state": 0}
    plain = MissDiffImputer(**params).fit(X)
    weighed = MissDiffImputer(**params).fit(X, sample_weight=weight)
    for imputer in (plain, weighed):
        imputer.multiple_impute(X, 1)
        # A line, not leaves in which a copy lies beside the other.
        assert all(choice.degree >= 1 for choice in imputer._chain.choices)
    assert plain._chain_distinct is None
    assert 200 < len(weighed._chain_distinct) < 300
    codes = weighed._chain_codes[weighed._chain_distinct]
    assert len(np.unique(codes, axis=0)) == len(codes)


def test_replicates_know_what_columns_are_drawn_through():
    """Though more levels than a prediction reads go with the consequence more."""
    n_levels = chains.MOST_FEATURES + 5
    source = rng(1)
    level = source.integers(0, n_levels, 300)
    x = source.normal(size=300)
    z = x**2 + 0.1 * source.normal(size=300)
    codes = np.column_stack([x, z, np.eye(n_levels)[level]])
    known = np.ones(codes.shape, bool)
    known[::4, 0] = False
    arguments = [0, 1], [slice(2, 2 + n_levels)], rng()
    chain = Chain(codes, known, *arguments, belief=np.ones(3), n_sets=1)
    assert chain.choices[0].through == 1
    without = codes.copy()
    without[:, 1] = level % 2  # x has no part in it any more
    assert 0 not in strongest(without[known[:, 1]], [1])
    again = Chain(without, known, *arguments, belief=np.ones(3), choices=chain.choices)
    assert 0 in again.columns[0].consequence.features


def test_who_has_no_chain():
    X = holed(120)
    params = {"max_iter": 3, "random_state": 0}
    for imputer in (
        MissDiffImputer(**params, donors=False),
        MissDiffImputer(**params, scaling="quantile"),
        MissDiffImputer(max_iter=0, random_state=0),
        MissDiffImputer(PaperMethod(), n_steps=5, **params),
    ):
        imputer.fit(X).multiple_impute(X[:20], 1)
        assert imputer._chain is imputer._chain_codes is None, imputer
    assert MissDiffSampler(**params).fit(X)._chain_codes is None
    sampler = MissDiffImputer(**params).fit(X).to_sampler()
    assert sampler._chain is sampler._chain_codes is None
    text = np.array([["a", "b"], ["c", "d"]] * 60, dtype=object)
    assert MissDiffImputer(**params).fit(text)._chain_codes is None


def test_weights_reach_the_chain():
    X = holed(200)
    weight = np.r_[np.zeros(100), np.ones(100)]
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(X, sample_weight=weight)
    assert len(imputer._chain_codes) == 100
    values = imputer.encoder_.decode(imputer._chain_codes)[0]
    assert np.isclose(values[:, None], X[100:, 0]).any(axis=1)[~np.isnan(X[100:, 0])].all()


@pytest.mark.parametrize("is_grown", [True, False])
def test_a_saved_chain_draws_the_same(tmp_path, is_grown):
    X = holed(120)
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(X)
    if is_grown:
        imputer.multiple_impute(X, 1)
    imputer.save(tmp_path / "model.npz")
    loaded = MissDiffImputer.load(tmp_path / "model.npz")
    assert (loaded._chain is not None) == is_grown
    for ours, theirs in zip(
        imputer.multiple_impute(X, 2), loaded.multiple_impute(X, 2), strict=True
    ):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("proper", ["bootstrap", "refit"])
def test_replicates_grow_chains_of_their_own(monkeypatch, proper):
    X = holed(120)
    imputer = MissDiffImputer(max_iter=3, random_state=0).fit(X)
    imputer.multiple_impute(X[:5], 1)
    grown, inner = [], MissDiffImputer._grown_chain

    def spy(self, codes, **options):
        grown.append((inner(self, codes, **options), codes))
        return grown[-1][0]

    monkeypatch.setattr(MissDiffImputer, "_grown_chain", spy)
    imputer.multiple_impute(X, 2, proper=proper)
    assert len(grown) == 2
    for chain, codes in grown:
        assert chain.n_sets == 1
        assert chain.choices == imputer._chain.choices
        assert codes.shape == (120, 2)  # as many rows, some of them more than once
        assert len(np.unique(codes[:, 0])) < 100
    assert not np.array_equal(*(np.nan_to_num(codes) for _, codes in grown))
    # Without a chain there is none to be grown.
    grown.clear()
    MissDiffImputer(max_iter=3, donors=False, random_state=0).fit(X).multiple_impute(
        X, 2, proper=proper
    )
    assert grown == []


def test_rows_beyond_what_a_chain_takes_are_not_kept(monkeypatch):
    monkeypatch.setattr(chains, "MOST_ROWS", 50)
    X = rng().normal(size=(120, 3))
    X[::4, 1] = np.nan
    few = MissDiffImputer(max_iter=3, random_state=0).fit(X)
    assert few._chain_codes.shape == (50, 3)
    assert few._chain_codes.dtype == np.float64
    few.fit(X, sample_weight=np.repeat([0.0, 1.0, 2.0], 40))
    assert few._chain_codes.shape == (50, 3)
    # Rows of weight 0 are none of them.
    values = few.encoder_.decode(few._chain_codes)[0]
    assert np.isclose(values[:, None], X[40:, 0]).any(axis=1).all()
    monkeypatch.setattr(chains, "MOST_ROW_CODES", 60)
    assert few.fit(X)._chain_codes.shape == (20, 3)
