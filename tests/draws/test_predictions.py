"""Predictions by least squares."""

from dataclasses import replace

import numpy as np
import pytest
from small_rows import rng

from skmissdiff._draws import predictions
from skmissdiff._draws.predictions import going_with, joined, linear, predict_by, ridge


def surface(n_rows=500):
    """y = x_0^2 - 2 x_0 x_1, with a level before them."""
    x = rng(1).normal(size=(n_rows, 3))
    values = x[:, 0] ** 2 - 2 * x[:, 0] * x[:, 1] + 0.1 * rng(2).normal(size=n_rows)
    return np.column_stack([(x[:, 2:] > 0).astype(float), x]), values


def test_a_linear_prediction():
    features = rng().normal(size=(400, 3))
    values = features @ [1.0, -2.0, 0.0] + 5
    slopes = ridge(features, values)
    assert slopes == pytest.approx([1, -2, 0, 5], abs=0.02)
    assert linear(features, slopes) == pytest.approx(values, abs=0.05)


def test_a_surface_of_second_degree():
    features, values = surface()
    assert going_with(features, values).tolist() == [1, 2, 3]  # not the level
    prediction = predict_by(features, values, 2)
    assert prediction.error(features, values) == pytest.approx(0.1, abs=0.02)
    assert predict_by(features, values, 1).error(features, values) > 1
    # Far away it stays in the range of what there was.
    assert prediction.of(np.array([[0.0, 50.0, -50.0, 0.0]])) == values.max()


def test_features_that_are_crossed_are_those_that_go_with_it(monkeypatch):
    monkeypatch.setattr(predictions, "MOST_CROSSED", 2)
    x = rng(1).normal(size=(400, 4))
    assert going_with(x, x[:, 3] ** 2 + x[:, 1] + 0.1 * x[:, 0]).tolist() == [1, 3]
    monkeypatch.setattr(predictions, "MOST_CROSSED", 1)
    assert going_with(x, x[:, 3] ** 2 + 0.5 * x[:, 1]).tolist() == [3]


def test_a_prediction_as_a_parabola_of_one_feature():
    features, values = surface()
    prediction = predict_by(features, values, 2)
    a, b, c = prediction.parabola(features, 1)
    x = features[:, 1]
    unclipped = replace(prediction, reach=np.array([-np.inf, np.inf])).of(features)
    assert a + b * x + c * x**2 == pytest.approx(unclipped)
    assert c == pytest.approx(np.ones(500), abs=0.05)
    assert b == pytest.approx(-2 * features[:, 2], abs=0.2)


def test_a_row_is_predicted_the_same_beside_others_and_alone():
    codes, read = rng().normal(size=(200, 9)), np.arange(1, 9)
    prediction = predict_by(codes[:, read], codes[:, 1] ** 2, 2)
    features = codes[:, read]  # column by column in memory
    alone = [prediction.of(features[row : row + 1])[0] for row in range(200)]
    assert prediction.of(features).tolist() == alone


def test_rows_look_at_the_prediction_of_their_set():
    features, values = surface()
    one = predict_by(features, values, 2)
    other = predict_by(features[:50], values[:50] + 1, 2, one.crossed)
    number = np.arange(500) % 2
    both = joined([one, other]).at(number).of(features)
    expected = np.where(number == 0, one.of(features), other.of(features))
    assert np.array_equal(both, expected)
