"""Distances to training rows, against closed forms."""

import numpy as np
import pandas as pd
import pytest

from skmissdiff.metrics import distance_to_closest_record


@pytest.fixture(scope="module")
def tables():
    """Training rows, fresh rows and a holdout of one distribution."""
    return np.random.default_rng(0).normal(size=(3, 1500, 4))


def test_fresh_rows_are_as_near_to_the_holdout(tables):
    train, fresh, holdout = tables
    figures = distance_to_closest_record(train, fresh, holdout, random_state=0)
    # Four standard errors of a share of 1,500 rows.
    assert figures["share_nearer_to_train"] == pytest.approx(0.5, abs=0.052)
    assert figures["share_nearer_than_holdout"] == pytest.approx(0.5, abs=0.052)
    for name in ("distance", "distance_low", "ratio"):
        assert figures[name] == pytest.approx(figures[f"{name}_holdout"], rel=0.1)
    assert figures["duplicates"] == figures["duplicates_holdout"] == 0.0


def test_memorised_rows_are_found(tables):
    train, fresh, holdout = tables
    half = np.concatenate([train[:700], fresh[:700]])
    figures = distance_to_closest_record(train, half, holdout, random_state=0)
    assert figures["share_nearer_to_train"] == pytest.approx(0.75, abs=0.05)
    assert figures["share_nearer_than_holdout"] == pytest.approx(0.75, abs=0.05)
    assert figures["duplicates"] == 0.5
    noisy = train + 0.01 * fresh
    figures = distance_to_closest_record(train, noisy, holdout, random_state=0)
    assert figures["share_nearer_to_train"] > 0.99
    assert figures["ratio"] < 0.2 < figures["ratio_holdout"]
    assert figures["distance"] < 0.1 * figures["distance_holdout"]
    assert figures["duplicates"] == 0.0


def test_rows_away_from_all_are_not_nearer_than_the_holdout(tables):
    train, fresh, holdout = tables
    figures = distance_to_closest_record(train, 3 * fresh, holdout, random_state=0)
    assert figures["share_nearer_than_holdout"] < 0.2
    assert figures["share_nearer_to_train"] == pytest.approx(0.5, abs=0.052)


def test_complete_rows_are_not_further_away_for_that(tables):
    train, fresh, holdout = tables
    hidden = np.random.default_rng(1).random((2, *train.shape)) < 0.4
    train, gappy = (np.where(h, np.nan, t) for h, t in zip(hidden, (train, holdout), strict=True))
    for held_out in (gappy, holdout):
        figures = distance_to_closest_record(train, fresh, held_out, random_state=0)
        assert figures["share_nearer_to_train"] == pytest.approx(0.5, abs=0.052)
        assert figures["share_nearer_than_holdout"] == pytest.approx(0.5, abs=0.052)
        assert figures["distance"] == pytest.approx(figures["distance_holdout"], rel=0.1)


def test_rows_that_fill_the_gaps_of_training_rows_are_found(tables):
    train, fresh, holdout = tables
    hidden = np.random.default_rng(1).random((2, *train.shape)) < 0.2
    incomplete = np.where(hidden[0], np.nan, train)
    filled = np.where(hidden[0], fresh, train)
    held_out = np.where(hidden[1], np.nan, holdout)
    figures = distance_to_closest_record(incomplete, filled, held_out, random_state=0)
    assert figures["share_nearer_to_train"] > 0.65


def test_sizes_are_made_equal(tables):
    train, fresh, holdout = tables
    for parts in ((train, fresh, holdout[:200]), (train[:200], fresh, holdout)):
        figures = distance_to_closest_record(*parts, random_state=0)
        # 200 rows on either side leave more to chance.
        assert figures["share_nearer_to_train"] == pytest.approx(0.5, abs=0.13)


def test_distances_by_hand():
    train = np.array([[0.0], [1.0], [3.0]])
    sd = train.std()
    figures = distance_to_closest_record(train, [[0.25], [3.0]], [[0.5], [9.0]])
    nearest = np.array([0.25, 0.0]) / sd
    # With a holdout of two rows, two training rows are drawn; without one all count.
    figures = distance_to_closest_record(train, [[0.25], [3.0]])
    assert figures["distance"] == pytest.approx(np.median(nearest))
    assert figures["distance_low"] == pytest.approx(np.quantile(nearest, 0.05))
    assert figures["ratio"] == pytest.approx(np.median([0.25 / 0.75, 0.0]))
    assert figures["duplicates"] == 0.5
    assert np.isnan([v for k, v in figures.items() if k.endswith("holdout")]).all()
    assert np.isnan(figures["share_nearer_to_train"])


def test_equal_distances_count_half():
    rows = [["a"], ["b"]] * 10
    figures = distance_to_closest_record(rows, rows, rows)
    assert figures["share_nearer_to_train"] == 0.5
    assert figures["share_nearer_than_holdout"] == 0.5
    assert figures["duplicates"] == figures["duplicates_holdout"] == 1.0
    assert figures["ratio"] == 1.0


def test_duplicates_are_equal_in_every_cell():
    train = pd.DataFrame({"a": [1.0, 2.0, np.nan], "b": ["x", "y", "x"]})
    rows = pd.DataFrame({"a": [1.0, 1.0, 2.0, np.nan], "b": ["x", "y", "y", "x"]})
    assert distance_to_closest_record(train, rows)["duplicates"] == 0.75
    complete = rows.fillna({"a": 3.0})
    assert distance_to_closest_record(train, complete)["duplicates"] == 0.5


def test_duplicates_are_looked_for_in_all_rows(tables):
    train, _, holdout = tables
    figures = distance_to_closest_record(train, train[-300:], holdout, max_rows=50, random_state=0)
    assert figures["duplicates"] == 1.0


def test_figures_repeat(tables):
    train, fresh, holdout = tables
    first, again, other = (
        distance_to_closest_record(train, fresh, holdout, max_rows=100, random_state=seed)
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="X_train has 1 row"):
        distance_to_closest_record([[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="X_holdout has 1 row"):
        distance_to_closest_record([[1.0], [2.0]], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="X_holdout has 2 columns"):
        distance_to_closest_record([[1.0], [2.0]], [[1.0]], [[1.0, 1.0], [2.0, 2.0]])
