"""How columns are drawn, by rows held out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_rows import rng, whole, with_gaps

from skmissdiff._draws import choices
from skmissdiff._draws.choices import (
    BELIEVED,
    CHOICES,
    FULL_SHARE,
    LINEAR,
    SHARE,
    choose,
    choose_levels,
    choose_number,
    consequences_of,
    folds,
    gaussian_crps,
    judge,
    may_be_learnt,
)
from skmissdiff._draws.trees import grow


def all_others(codes):
    """The code of each number, and all other codes, by which it is predicted."""
    return [(k, np.delete(np.arange(codes.shape[1]), k)) for k in range(codes.shape[1])]


def alone(features, values, belief=1.0):
    """How a number is drawn by others from which nothing follows."""
    codes = np.column_stack([values, features])
    numbers = all_others(codes)
    judged = [judge(whole(codes), *numbers[0], belief, rng()), *[None] * features.shape[1]]
    return choose_number(whole(codes), 0, numbers, judged, belief, rng())


def test_a_line_asks_for_a_linear_prediction_and_a_step_does_not():
    features = rng(1).normal(size=(400, 3))
    noise = 0.3 * rng(2).normal(size=400)
    choice = alone(features, features.sum(axis=1) + noise)
    assert (choice.degree, choice.leaf_rows, choice.share) == (1, None, SHARE)
    choice = alone(features, np.round(2 * np.abs(features[:, 0])) % 3)
    assert (choice.degree, choice.leaf_rows) == (0, 5)
    choice = alone(features, features[:, 0] * features[:, 1] + noise)
    assert (choice.degree, choice.share) == (2, FULL_SHARE)


def test_a_prediction_has_to_be_better_and_more_so_where_values_recur(monkeypatch):
    features = rng(1).normal(size=(400, 3))
    values = features.sum(axis=1) + 0.3 * rng(2).normal(size=400)
    found = judge(whole(np.column_stack([values, features])), 0, np.arange(1, 4), 1.0, rng())
    assert found.recurring == 0
    ratio = found.errors[LINEAR] / found.errors[0]
    for largest, expected in ((ratio + 0.1, True), (ratio - 0.1, False)):
        monkeypatch.setattr(choices, "LARGEST_ERRORS", (largest, 0.0))
        assert (alone(features, values).degree > 0) == expected
    rounded = values.round(1)
    found = judge(whole(np.column_stack([rounded, features])), 0, np.arange(1, 4), 1.0, rng())
    assert found.recurring == 1
    for largest, expected in ((ratio + 0.1, True), (ratio - 0.1, False)):
        monkeypatch.setattr(choices, "LARGEST_ERRORS", (9.0, largest))
        assert (alone(features, rounded).degree > 0) == expected


def test_the_crps_of_a_normal_prediction():
    drawn, errors = 2.0 * rng().normal(size=(200_000, 2)), np.array([0.5, -3.0])
    expected = np.abs(errors - drawn[:, :1]).mean(axis=0) - np.abs(np.diff(drawn)).mean() / 2
    assert gaussian_crps(errors[:1], 2.0) == pytest.approx(expected[0], abs=0.01)
    assert gaussian_crps(errors, 2.0) == pytest.approx(expected.sum(), abs=0.02)


def test_errors_are_those_of_rows_held_out():
    # Noise: a Gaussian has a CRPS of .564, and a tree that knew its rows would have less.
    codes = rng().normal(size=(900, 3))
    errors, of_gaussian, _ = judge(whole(codes), 0, np.array([1, 2]), 1.0, rng())
    assert of_gaussian / 900 == pytest.approx(0.564, abs=0.03)
    assert errors[LINEAR] / 900 == pytest.approx(0.564, abs=0.03)
    assert errors[0] / 900 > 0.6


def test_a_linear_column_is_left_to_the_model_as_far_as_its_networks_are_not_believed():
    features = rng(1).normal(size=(400, 3))
    values = features.sum(axis=1) + rng(2).normal(size=400)
    shares = [alone(features, values, belief).share for belief in (0.0, 0.1, BELIEVED, 1.0)]
    assert shares[0] == 0
    assert 0 < shares[1] < SHARE
    assert shares[2] == shares[3] == SHARE
    # A step is none that a normal prediction could follow.
    assert alone(features, np.sign(features[:, 0]), 0.0).share == SHARE
    # Nor are counts of which half are zero, though nothing predicts them.
    counts = np.where(rng(3).random(400) < 0.5, 0.0, rng(4).poisson(6, 400) + 1)
    assert alone(features, counts, 0.0).share == SHARE


def test_no_tree_is_grown_for_a_column_that_the_model_draws_alone(monkeypatch):
    asked = []

    def counting(read, values, prediction, leaf_rows, generator):
        asked.append(leaf_rows)
        return grow(read, values, prediction, leaf_rows, generator)

    monkeypatch.setattr(choices, "grow", counting)
    features = rng(1).normal(size=(400, 3))
    values = features.sum(axis=1) + rng(2).normal(size=400)
    table = whole(np.column_stack([values, features]))
    found = judge(table, 0, np.arange(1, 4), 0.0, rng())
    # Small leaves once a fold, to tell that it is linear, and the two without a split.
    assert asked == [5] * 3 + [None] * 6
    assert np.isinf(found.errors).sum() == len(choices.CHOICES) - 3
    believed = judge(table, 0, np.arange(1, 4), 1.0, rng())
    assert np.isfinite(believed.errors).all()
    assert_allclose(believed.of_gaussian, found.of_gaussian)


def squared(n_rows=700):
    """x, w that goes with nothing, z, and y = x^2 + x z + noise."""
    x, w, z, noise = rng(1).normal(size=(4, n_rows))
    return np.column_stack([x, w, z, x**2 + x * z + 0.3 * noise])


def test_a_number_asks_what_follows_from_it():
    codes = squared()
    numbers = all_others(codes)
    judged = [judge(whole(codes), *number, 1.0, rng()) for number in numbers]
    assert judged[3].is_predicted
    assert judged[3].degree == 2
    found = [consequences_of(whole(codes), np.array([k]), numbers, judged, rng()) for k in (0, 1)]
    assert found[0][0] == 3
    assert found[1] == []
    choice = choose_number(whole(codes), 0, numbers, judged, 1.0, rng())
    assert (choice.through, choice.through_degree, choice.share) == (3, 2, FULL_SHARE)
    assert choose_number(whole(codes), 1, numbers, judged, 1.0, rng()).through is None


def grouped(shift, n_rows=600):
    """x, y = x^2 + shift of the group, and the levels of a group."""
    x, noise = rng(1).normal(size=(2, n_rows))
    group = rng(2).integers(2, size=n_rows)
    return np.column_stack([x, x**2 + shift * group + 0.3 * noise, np.eye(2)[group]])


@pytest.mark.parametrize("shift", [0.8, 0.0])
def test_a_category_asks_what_follows_from_it(shift):
    rows, levels = whole(grouped(shift)), slice(2, 4)
    numbers, read = [(0, np.array([1, 2, 3])), (1, np.array([0, 2, 3]))], np.array([0, 1])
    judged = [judge(rows, *number, 1.0, rng()) for number in numbers]
    choice = choose_levels(rows, levels, read, numbers, judged, 1.0, rng())
    assert (choice.through == 1) == (shift > 0)
    assert choice.share == (FULL_SHARE if shift else 0.0)  # else networks are believed
    unbelieved = choose_levels(rows, levels, read, numbers, judged, 0.0, rng())
    assert unbelieved.share == FULL_SHARE


def test_all_columns(monkeypatch):
    codes = np.column_stack([grouped(0.8), np.ones(600)])
    known = np.ones(codes.shape, bool)
    numbers = [(0, np.array([1, 2, 3])), (1, np.array([0, 2, 3])), (4, np.array([0, 1]))]
    categories = [(slice(2, 4), np.array([0, 1]))]
    found = choose(with_gaps(codes, known), numbers, categories, np.ones(4), rng())
    assert [choice is None for choice in found] == [False, False, True, False]
    assert found[3].through == 1
    few = known.copy()
    few[choices.FEWEST_ROWS - 1 :, 2:4] = False
    assert choose(with_gaps(codes, few), numbers, categories, np.ones(4), rng())[3] is None


def test_folds_share_out_the_rows_that_observe_a_column():
    codes, known = rng().normal(size=(400, 2)), np.ones((400, 2), bool)
    known[20:, 0] = False
    for fitted, held in folds(with_gaps(codes, known), 0, rng(1)):
        assert len(held) in (6, 7)
        assert len(fitted.codes) == 400 - len(held)
        assert not np.isin(held[:, 0], fitted.codes[:, 0]).any()


def test_a_category_may_be_learnt_whatever_its_first_level_is():
    levels = np.repeat(np.eye(3)[[1, 2]], 20, axis=0)  # the first one does not occur
    assert may_be_learnt(whole(levels), slice(0, 3))
    assert not may_be_learnt(whole(levels[:20]), slice(0, 3))
    assert not may_be_learnt(whole(levels[::3]), slice(0, 3))  # 14 rows


def test_choices_begin_with_leaves_of_values():
    assert CHOICES[0] == (0, 5)
