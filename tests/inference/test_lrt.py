"""D3: its level, and the intercept that it estimates anew."""

import numpy as np
import pytest
from models import fit_model

from skmissdiff.inference import lrt, wald


def completed(rng, effect):
    """Fits of two models to ten tables of which 30 % of the responses are drawn properly."""
    x = rng.normal(size=(60, 2))
    y = x[:, 0] + effect * x[:, 1] + rng.normal(size=60)
    design = np.column_stack([np.ones(60), x])
    seen = np.arange(60) < 42
    fit = fit_model("linear", design[seen], y[seen])
    full, null = [], []
    for _ in range(10):
        variance = (y[seen] - design[seen] @ fit.params).var() * 42 / rng.chisquare(39)
        root = np.linalg.cholesky(np.linalg.inv(design[seen].T @ design[seen]) * variance)
        draw = design @ (fit.params + root @ rng.normal(size=3)) + np.sqrt(variance) * rng.normal(
            size=60
        )
        table = np.where(seen, y, draw)
        full.append(fit_model("linear", design, table))
        null.append(fit_model("linear", design[:, :2], table))
    return full, null


def test_level_and_power():
    rng = np.random.default_rng(0)
    p_values = [lrt(*completed(rng, 0.0)).p_value for _ in range(200)]
    assert 0.015 < np.mean(np.array(p_values) < 0.05) < 0.09
    assert lrt(*completed(rng, 1.0)).p_value < 1e-3


def test_agrees_with_wald_where_the_hypothesis_is_nearly_true():
    full, null = completed(np.random.default_rng(1), 0.2)
    by_likelihood, by_estimates = lrt(full, null), wald(full, parameters=[2])
    assert by_likelihood.p_value == pytest.approx(by_estimates.p_value, abs=0.03)


def test_intercept_is_estimated_anew_or_not():
    full, null = completed(np.random.default_rng(2), 0.3)
    pooled = [np.mean([fit.params for fit in fits], axis=0) for fits in (full, null)]
    own = np.mean([2 * (one.llf - other.llf) for one, other in zip(full, null, strict=True)])
    at_pooled = np.mean(
        [
            2 * (one.loglike(pooled[0]) - other.loglike(pooled[1]))
            for one, other in zip(full, null, strict=True)
        ]
    )
    riv = 11 / 9 * (own - at_pooled)
    by_the_letter = lrt(full, null, refit_intercept=False)
    assert by_the_letter.riv == pytest.approx(riv)
    assert by_the_letter.statistic == pytest.approx(at_pooled / (1 + riv))
    refitted = lrt(full, null)
    assert refitted.riv != pytest.approx(riv, rel=1e-6)
    assert refitted.riv == pytest.approx(riv, rel=0.5)


class Quadratic:
    """A log-likelihood that is a parabola."""

    def __init__(self, params, maximum):
        self.params, self.llf = np.array(params), maximum

    def loglike(self, params):
        return self.llf - ((params - self.params) ** 2).sum()


def test_riv_is_not_negative():
    """Parameters differ between tables in the smaller model alone: an estimate below zero."""
    full = [Quadratic([1.0, 2.0], -10.0) for _ in range(3)]
    null = [Quadratic([place], -12.0) for place in (-1.0, 0.0, 1.0)]
    test = lrt(full, null, refit_intercept=False)
    assert test.riv == 0
    assert test.df2 == np.inf
    assert test.statistic == pytest.approx(4 + 2 * 2 / 3)


def test_equal_tables_cost_nothing():
    full, null = completed(np.random.default_rng(3), 0.3)
    test = lrt(full[:1] * 3, null[:1] * 3)
    assert test.riv == pytest.approx(0, abs=1e-9)
    assert test.statistic == pytest.approx(2 * (full[0].llf - null[0].llf), rel=1e-6)
