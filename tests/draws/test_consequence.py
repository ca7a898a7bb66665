"""What follows from a candidate."""

import numpy as np
import pytest
from small_rows import rng, whole

from skmissdiff._draws.consequence import consequence_of, joined, part_in


def square(n_rows=800, seed=1):
    """x, z, y = x^2 + x z + noise, and the levels of a group that moves y."""
    x, z, noise = rng(seed).normal(size=(3, n_rows))
    group = np.eye(3)[rng(seed + 1).integers(3, size=n_rows)]
    y = x**2 + x * z + group @ [0.0, 1.0, -2.0] + 0.3 * noise
    codes = np.column_stack([x, z, y, group])
    return whole(codes)


FEATURES = np.array([0, 1, 3, 4, 5])  # of y


def test_the_density_of_candidates_for_a_number():
    rows = square()
    found = consequence_of(rows, 2, FEATURES, 2)
    assert found.sd == pytest.approx([0.3], abs=0.03)
    new, number = square(seed=8).codes[:50], np.zeros(50, dtype=int)
    candidates = rng(4).normal(size=(50, 7))
    density = found.of_numbers(new, 0, candidates, number)
    for row, levels in enumerate(new[:, 3:]):
        expected = candidates[row] ** 2 + candidates[row] * new[row, 1] + levels @ [0, 1, -2]
        left = (new[row, 2] - expected) / 0.3
        is_near = np.abs(left) < 3
        assert density[row][is_near] == pytest.approx(-0.5 * left[is_near] ** 2, abs=1.5)


def test_the_density_of_levels():
    rows = square()
    found = consequence_of(rows, 2, FEATURES, 2)
    new, number = square(seed=8).codes[:50], np.zeros(50, dtype=int)
    before = new.copy()
    density = found.of_levels(new, slice(3, 6), number)
    assert np.array_equal(new, before)
    for level in range(3):
        changed = new.copy()
        changed[:, 3:] = np.eye(3)[level]
        # As if the number z were asked with its own value.
        own = found.of_numbers(changed, 1, changed[:, 1:2], number)[:, 0]
        assert density[:, level] == pytest.approx(own)


def test_a_prediction_is_not_followed_beyond_what_there_was():
    rows = square()
    found = consequence_of(rows, 2, FEATURES, 2)
    far = found.of_numbers(rows.codes[:1], 0, np.array([[50.0, 500.0]]), np.zeros(1, dtype=int))
    assert far[0, 0] == far[0, 1]


def test_each_row_asks_its_own_set():
    sets = [square(seed=seed) for seed in (1, 5)]
    one = consequence_of(sets[0], 2, FEATURES, 2)
    other = consequence_of(sets[1], 2, FEATURES, 2, one.prediction.crossed)
    both, number = joined([one, other]), np.arange(40) % 2
    codes, candidates = sets[0].codes[:40], rng(3).normal(size=(40, 5))
    found = both.of_numbers(codes, 0, candidates, number)
    zero = np.zeros(40, dtype=int)
    for k, single in enumerate((one, other)):
        rows = number == k
        alone = single.of_numbers(codes, 0, candidates, zero)
        assert np.array_equal(found[rows], alone[rows])
        alone = single.of_levels(codes, slice(3, 6), zero)
        assert np.array_equal(both.of_levels(codes, slice(3, 6), number)[rows], alone[rows])
    assert joined([None, None]) is None


def test_how_much_a_column_has_a_part_in_a_number():
    rows = square()
    parts = [part_in(rows, 2, FEATURES, 2, codes, rng()) for codes in ([0], [1], [3, 4, 5])]
    # Squared differences of pairs of rows over two variances: 7.8, 2 and 3 for .18.
    assert parts == pytest.approx([43, 11, 17], rel=0.35)
    assert part_in(rows, 0, np.array([1, 3, 4, 5]), 1, [3, 4, 5], rng()) < 0.02
