"""How single columns are drawn."""

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from small_rows import rng, whole

from skmissdiff._draws.columns import (
    Choice,
    drawn_place,
    joined,
    level_draws,
    number_draws,
    weighted_crps,
)


def test_places_are_drawn_by_their_weights():
    log_weights = np.log([[1.0, 3.0, 6.0]]) + 500
    places = drawn_place(np.repeat(log_weights, 5000, axis=0), (np.arange(5000) + 0.5) / 5000)
    assert np.bincount(places) == pytest.approx([500, 1500, 3000], abs=1)
    assert drawn_place(log_weights, np.ones(1)) == [2]


def test_the_crps_of_weighed_candidates():
    candidates, weights = np.array([[0.0, 1.0, 3.0]]), np.array([[0.5, 0.25, 0.25]])
    # E|X - 2| = 1.5; over pairs E|X - X'| = 2 (.125 + .375 + .125).
    found = weighted_crps(candidates, weights, np.array([2.0]))
    assert found == pytest.approx(1.5 - 0.625)


def branches(n_rows=900, seed=1):
    """x and y = x^2 + noise: two values of x for one of y."""
    x, noise = rng(seed).normal(size=(2, n_rows))
    return np.column_stack([x, x**2 + 0.2 * noise])


NUMBERS = [(0, np.array([1])), (1, np.array([0]))]
THROUGH_Y = Choice(1, None, 1, 2)


def test_a_number_is_drawn_from_both_branches_of_what_follows_from_it():
    draws = number_draws(whole(branches(9000)), *NUMBERS[0], THROUGH_Y, NUMBERS, rng())
    new = np.column_stack([np.full(4000, 9.0), np.full(4000, 2.25)])
    number, uniforms = np.zeros(4000, dtype=int), rng(5).random((4000, 2))
    drawn = draws.draw(new, uniforms, number)
    assert drawn.shape == (4000, 1)
    # p(x | y) ~ N(x; 0, 1) N(y; x^2, .2^2), in closed form.
    x = np.linspace(-3, 3, 2001)
    density = norm.pdf(x) * norm.pdf(2.25, x**2, 0.2)
    density /= density.sum()
    assert drawn.mean() == pytest.approx(0, abs=0.15)
    assert np.abs(drawn).mean() == pytest.approx((density * np.abs(x)).sum(), abs=0.03)
    assert np.abs(drawn).std() == pytest.approx(
        np.sqrt((density * x**2).sum() - (density * np.abs(x)).sum() ** 2), abs=0.03
    )
    plain = number_draws(whole(branches()), *NUMBERS[0], Choice(1, None), (), rng())
    held = branches(seed=7)
    assert draws.crps(held) < 0.85 * plain.crps(held)


def test_rows_depend_on_nothing_beside_them():
    draws = number_draws(whole(branches()), *NUMBERS[0], THROUGH_Y, NUMBERS, rng())
    rows, uniforms = branches(seed=3)[:60], rng(5).random((60, 2))
    number = np.zeros(60, dtype=int)
    drawn, few = draws.draw(rows, uniforms, number), [7, 50, 3]
    assert np.array_equal(draws.draw(rows[few], uniforms[few], number[few]), drawn[few])


def labelled(n_rows=700, seed=1):
    """x, y = x + shift of the group, and the levels of the group, which x makes more likely."""
    x, noise = rng(seed).normal(size=(2, n_rows))
    p = softmax(np.outer(x, [1.0, 0.0, -1.0]), axis=1)
    group = (p.cumsum(axis=1) < rng(seed + 1).random((n_rows, 1))).sum(axis=1)
    y = x + np.array([2.0, 0.0, 2.0])[group] + 0.5 * noise
    return np.column_stack([x, y, np.eye(3)[group]])


LEVELS, READ = slice(2, 5), np.array([0, 1])
LABELLED = [(0, np.array([1, 2, 3, 4])), (1, np.array([0, 2, 3, 4]))]


def test_a_category_by_logistic_regression():
    codes = labelled()
    draws = level_draws(whole(codes), LEVELS, READ, Choice(1, None), (), rng())
    model = LogisticRegression(C=1.0).fit(codes[:, :2], codes[:, 2:].argmax(axis=1))
    new, number = labelled(seed=5)[:40], np.zeros(40, dtype=int)
    expected = model.predict_proba(new[:, :2])
    assert softmax(draws.log_weights(new, number), axis=1) == pytest.approx(expected, abs=1e-6)
    uniforms = np.column_stack([(np.arange(4000) + 0.5) / 4000] * 2)
    drawn = draws.draw(np.repeat(new[:1], 4000, axis=0), uniforms, np.zeros(4000, dtype=int))
    assert drawn.mean(axis=0) == pytest.approx(expected[0], abs=1e-3)
    assert (drawn.sum(axis=1) == 1).all()


def test_two_levels_and_levels_that_do_not_occur():
    codes = labelled()
    codes = codes[codes[:, 3] == 0]  # the middle one is gone
    draws = level_draws(whole(codes), LEVELS, READ, Choice(1, None), (), rng())
    probability = softmax(draws.log_weights(codes, np.zeros(len(codes), int)), axis=1)
    assert (probability[:, 1] == 0).all()
    assert probability.mean(axis=0) == pytest.approx(codes[:, 2:].mean(axis=0), abs=0.01)
    one = codes[codes[:, 2] == 1]
    draws = level_draws(whole(one), LEVELS, READ, Choice(1, None), (), rng())
    uniforms = rng().random((len(one), 2))
    assert (draws.draw(one, uniforms, np.zeros(len(one), int)) == [1, 0, 0]).all()


def test_what_follows_from_a_category_tells_of_it():
    # y is not linear in the levels' order: that of the middle one lies below both others.
    codes, held = labelled(), labelled(seed=9)
    plain = level_draws(whole(codes), LEVELS, READ, Choice(1, None), (), rng())
    weighed = level_draws(whole(codes), LEVELS, READ, Choice(1, None, 1, 1), LABELLED, rng())
    assert weighed.log_score(held) > plain.log_score(held) - 5
    x, y = held[:40, 0], held[:40, 1]
    prior = softmax(np.outer(x, [1.0, 0.0, -1.0]), axis=1)
    density = norm.pdf(y[:, None], x[:, None] + np.array([2.0, 0.0, 2.0]), 0.5)
    expected = prior * density / (prior * density).sum(axis=1, keepdims=True)
    found = softmax(weighed.log_weights(held[:40], np.zeros(40, int)), axis=1)
    assert found == pytest.approx(expected, abs=0.12)


def test_each_row_asks_its_own_set():
    sets = [
        level_draws(whole(labelled(seed=s)), LEVELS, READ, Choice(1, None, 1, 1), LABELLED, rng())
        for s in (1, 4)
    ]
    codes, number = labelled(seed=6)[:30], np.arange(30) % 2
    found = joined(sets).log_weights(codes, number)
    for k, single in enumerate(sets):
        alone = single.log_weights(codes, np.zeros(30, int))
        assert np.array_equal(found[number == k], alone[number == k])
    first = number_draws(whole(branches()), *NUMBERS[0], THROUGH_Y, NUMBERS, rng())
    second = number_draws(whole(branches(seed=8)), *NUMBERS[0], THROUGH_Y, NUMBERS, rng(), first)
    rows, uniforms = branches(seed=3)[:30], rng(5).random((30, 2))
    both = joined([first, second]).draw(rows, uniforms, number)
    for k, single in enumerate((first, second)):
        alone = single.draw(rows, uniforms, np.zeros(30, int))
        assert np.array_equal(both[number == k], alone[number == k])
