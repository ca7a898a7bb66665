"""Rows that count differently: `sample_weight` in `fit`."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks as checks

from skmissdiff import MissDiffImputer, MissDiffSampler, NumericScaler, Order, TableEncoder
from skmissdiff._diffusion.batches import drawn_rows, spread_rows
from skmissdiff._diffusion.factor_analysis import fit_factor_analysis
from skmissdiff._diffusion.kernel import KernelRegression
from skmissdiff._draws.gaps import MaskModel
from skmissdiff._encoding.ranks import weighted_quantiles
from skmissdiff._support.layout import CodeLayout
from skmissdiff.inference import tipping_point


def survey(n=300):
    """The old were asked six times as often as they should be."""
    rng = np.random.default_rng(0)
    old = rng.random(n) < 0.6
    x = rng.normal(np.where(old, 2.0, -1.0), 1.0)
    table = pd.DataFrame(
        {
            "x": x,
            "y": 2 * x + rng.normal(size=n),
            "c": np.where(rng.random(n) < 1 / (1 + np.exp(-2 * x)), "a", "b"),
        }
    )
    weight = np.where(old, 1.0, 6.0)
    truth = {
        "x": np.average(x, weights=weight),
        "y": np.average(table["y"], weights=weight),
        "c": np.average(table["c"] == "a", weights=weight),
    }
    for name in ("y", "c"):
        table.loc[rng.random(n) < 0.2, name] = None
    return table, weight, truth


def figures(rows):
    return {"x": rows["x"].mean(), "y": rows["y"].mean(), "c": (rows["c"] == "a").mean()}


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
@pytest.mark.parametrize("max_iter", [0, 60])
def test_generated_rows_are_those_of_the_weighted_table(scaling, max_iter):
    table, weight, truth = survey()
    sampler = MissDiffSampler(scaling=scaling, max_iter=max_iter, n_refreshes=0, random_state=0)
    found = figures(sampler.fit(table, sample_weight=weight).sample(2000))
    plain = figures(sampler.fit(table).sample(2000))
    tolerance = {"x": 0.25, "y": 0.5, "c": 0.08}
    for name, value in truth.items():
        assert abs(found[name] - value) < tolerance[name]
        assert abs(plain[name] - value) > 2 * tolerance[name]


def test_the_paper_s_method_draws_rows_as_they_weigh():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(-2, 0.3, (60, 1)), rng.normal(2, 0.3, (60, 1))])
    weight = np.repeat([9.0, 1.0], 60)
    sampler = MissDiffSampler("missdiff", max_iter=150, scaling="minmax", random_state=0)
    assert (sampler.fit(X, sample_weight=weight).sample(500) < 0).mean() > 0.75


def test_only_ratios_matter_and_zero_is_not_there():
    table, weight, _ = survey(80)
    weight[::5] = 0
    weight[1] = 2.5
    table.loc[0, "x"] = 1e6  # of weight 0
    imputer = MissDiffImputer(max_iter=20, random_state=0)
    one = imputer.fit(table, sample_weight=weight).transform(table)
    other = imputer.fit(table[weight > 0], sample_weight=7 * weight[weight > 0]).transform(table)
    assert_allclose(one[["x", "y"]], other[["x", "y"]], rtol=1e-4, atol=1e-4)
    rows = weight > 0
    same = imputer.fit(table, sample_weight=4.0 * rows).transform(table)
    pd.testing.assert_frame_equal(same, imputer.fit(table[rows]).transform(table))
    assert imputer.encoder_.schema_.columns[0].maximum < 100


@pytest.mark.parametrize("factor", [0.5, 3, 1 / 3])
def test_only_ratios_matter_to_ranks(factor):
    table, weight, _ = survey(80)
    rows = weight > 0
    imputer = MissDiffImputer(max_iter=0, scaling="quantile", random_state=0)
    for own in (np.rint(weight), np.full(len(table), 1.0), weight + 0.123):
        one = imputer.fit(table[rows], sample_weight=own[rows]).transform(table)
        other = imputer.fit(table[rows], sample_weight=factor * own[rows]).transform(table)
        assert_allclose(one[["x", "y"]], other[["x", "y"]], rtol=1e-9, atol=1e-9)
    plain = imputer.fit(table).transform(table)
    alike = imputer.fit(table, sample_weight=np.full(len(table), 2.0)).transform(table)
    pd.testing.assert_frame_equal(alike, plain, rtol=0, atol=0)


def test_frames_of_polars_lose_rows_of_weight_zero_too():
    table, weight, _ = survey(40)
    weight[::2] = 0
    imputer = MissDiffImputer(max_iter=3, random_state=0)
    imputer.fit(pl.from_pandas(table), sample_weight=pl.Series(weight))
    assert imputer.encoder_.schema_.columns[0].n_observed == 20


@pytest.mark.parametrize("strategy", ["standard", "quantile", "minmax"])
def test_whole_weights_are_repeated_rows_to_the_scaler(strategy):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)).round(1)
    X[::4, 0] = np.nan
    weight = rng.integers(0, 5, 60)
    weighted = NumericScaler(strategy).fit(X, sample_weight=weight)
    repeated = NumericScaler(strategy).fit(X.repeat(weight, axis=0))
    X = X[weight > 0]
    assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-12)
    uniforms = np.full(X.shape, 0.5)
    slopes = weighted.log_slope(X, uniforms), repeated.log_slope(X, uniforms)
    assert_allclose(*slopes, atol=1e-12)
    assert_allclose(weighted.inverse_transform(weighted.transform(X)), X, atol=1e-12)


def test_quantiles_without_weights_are_those_of_numpy():
    values = np.random.default_rng(0).normal(size=40).round(1)
    ranks = np.linspace(0, 1, 13)
    for weight in (np.ones(40), np.full(40, 0.3)):
        quantiles, _ = weighted_quantiles(values, weight, ranks)
        assert_allclose(quantiles, np.quantile(values, ranks), atol=1e-12)


def test_a_weight_that_is_no_whole_number_makes_no_tie():
    quantiles, known = weighted_quantiles(
        np.array([3.0, 1.0, 2.0]), np.array([0.5, 4.5, 1.0]), np.array([0.0, 0.5, 1.0])
    )
    assert_allclose(quantiles, [1, 1 + 1.75 / 2.75, 3])
    assert_array_equal(known, [1, np.nan, 3])


def test_categories_are_counted_by_weight():
    X = np.array([["a"], ["b"], ["b"], ["c"]], dtype=object)
    encoder = TableEncoder(max_categories=2).fit(X, sample_weight=[5, 1, 1, 1])
    assert encoder.infrequent_categories_[0].tolist() == ["b", "c"]
    assert_allclose(encoder.constant_errors_, [3 / 8])


def test_factor_analysis_of_weights_is_that_of_repeated_rows():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 4, generator=generator, dtype=torch.float64)
    x[:, 1] += x[:, 0]
    mask = torch.rand(40, 4, generator=generator) < 0.8
    times = torch.randint(1, 4, (40,), generator=generator)
    twice = x.repeat_interleave(times, 0), mask.repeat_interleave(times, 0)
    kwargs = {"max_iter": 5, "tol": 0.0}
    repeated, curve = fit_factor_analysis(*twice, 2, **kwargs)
    weighted, _ = fit_factor_analysis(x, mask, 2, weight=times.double(), **kwargs)
    assert curve[-1] > curve[0]
    for one, other in zip(weighted, repeated, strict=True):
        torch.testing.assert_close(one.abs(), other.abs())


def test_rows_are_drawn_as_often_as_they_weigh():
    generator = torch.Generator().manual_seed(0)
    kept, weight = torch.tensor([1, 3, 4]), torch.tensor([9.0, 1.0, 9.0, 3.0, 0.5])
    counts = drawn_rows(kept, weight, 9000, generator).bincount(minlength=5)
    assert_allclose(counts, [0, 2000, 0, 6000, 1000], atol=150)
    assert spread_rows(kept, weight, 3).bincount(minlength=5).tolist() == [0, 2, 0, 6, 1]
    assert spread_rows(kept, None, 2).tolist() == [1, 3, 4, 1, 3, 4]


def test_a_donor_speaks_as_loud_as_it_weighs():
    donors = KernelRegression(2, CodeLayout((1, 1), (False, False)))
    donors.x.copy_(torch.tensor([[0.0, 1.0], [0.0, 4.0]]))
    donors.mask.fill_(True)
    donors.log_weight.copy_(torch.tensor([2.0, 1.0]).log())
    donors.trusts.fill_(1e9)
    donors.share[0, 0] = 1.0
    x, known = torch.zeros(1, 2), torch.tensor([[True, False]])
    assert_allclose(donors.join(x, x, known, median=False).value[0, 1], 2.0, atol=1e-4)


def test_gaps_have_their_weighted_rate():
    missing = np.zeros((40, 1), dtype=bool)
    missing[:10] = True
    weight = np.where(missing[:, 0], 3.0, 1.0)
    model = MaskModel(missing, np.arange(40), np.zeros((40, 1)), CodeLayout((1,), (False,)), weight)
    uniforms = np.linspace(0, 1, 1000)[:, None]
    drawn = model.draw(np.zeros((1000, 1)), uniforms, np.zeros((1000, 1), dtype=bool))
    assert_allclose(drawn.mean(), 0.5, atol=0.01)


def test_pipelines_route_weights():
    table, weight, _ = survey(60)
    with sklearn.config_context(enable_metadata_routing=True):
        imputer = MissDiffImputer(max_iter=3, random_state=0).set_fit_request(sample_weight=True)
        pipe = make_pipeline(imputer, FunctionTransformer())
        done = pipe.fit_transform(table, sample_weight=weight)
    own = MissDiffImputer(max_iter=3, random_state=0)
    expected = own.fit(table, sample_weight=weight).transform(table)
    pd.testing.assert_frame_equal(done, expected)
    pd.testing.assert_frame_equal(done, own.fit_transform(table, sample_weight=weight))
    assert not done.equals(own.fit(table).transform(table))


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (np.ones(7), "sample_weight.shape == "),
        (-np.ones(60), "Negative values"),
        (np.full(60, np.nan), "contains NaN"),
        (np.zeros(60), "at least one non-zero"),
    ],
)
@pytest.mark.parametrize("kind", [MissDiffImputer, MissDiffSampler])
def test_wrong_weights_are_refused(kind, weight, words):
    with pytest.raises(ValueError, match=words):
        kind(max_iter=3).fit(survey(60)[0], sample_weight=weight)


def test_rows_weigh_where_relations_are_known():
    rng = np.random.default_rng(0)
    a = rng.normal(size=100)
    table = pd.DataFrame({"a": a, "b": a + rng.exponential(size=100)})
    weight = np.where(a > 0, 9.0, 1.0)
    sampler = MissDiffSampler(max_iter=20, random_state=0, relations=[Order(["a", "b"])])
    drawn = sampler.fit(table, sample_weight=weight).sample(500)
    assert abs(drawn["a"].mean() - np.average(a, weights=weight)) < 0.15
    assert np.average(a, weights=weight) - a.mean() > 0.3


def test_a_stream_has_no_weights():
    table = pa.table({"a": [1.0, 2.0, 3.0]})
    with pytest.raises(TypeError, match="sample_weight has one weight for each row"):
        MissDiffImputer().fit(iter(table.to_batches()), sample_weight=[1, 2, 3])


@pytest.mark.filterwarnings("ignore:.* too few to train a network")
@pytest.mark.parametrize(
    "estimator",
    [MissDiffImputer(max_iter=3), MissDiffSampler(max_iter=3), NumericScaler(), TableEncoder()],
    ids=lambda estimator: type(estimator).__name__,
)
def test_checks_of_scikit_learn(estimator):
    name = type(estimator).__name__
    for check in (
        checks.check_sample_weights_pandas_series,
        checks.check_sample_weights_list,
        checks.check_sample_weights_shape,
        checks.check_sample_weights_not_overwritten,
        checks.check_sample_weight_equivalence_on_dense_data,
    ):
        check(name, estimator)


@pytest.mark.parametrize("proper", ["bootstrap", "refit"])
def test_models_of_proper_imputation_are_those_of_the_weighted_table(proper):
    # Where weights say which of two lines a row is on, gaps lie on the heavier one.
    rng = np.random.default_rng(0)
    sign = np.repeat([1.0, -1.0], 100)
    x = rng.normal(size=200)
    X = np.column_stack([x, 3 * sign * x + 0.1 * rng.normal(size=200)])
    X[::4, 1] = np.nan
    missing, weight = np.isnan(X[:, 1]), np.where(sign > 0, 1.0, 0.02)
    fitted = MissDiffImputer(max_iter=0, random_state=0).fit(X, sample_weight=weight)
    options = {"n_imputations": 4, "proper": proper}

    def slope(weight):
        tables = fitted.multiple_impute(X, sample_weight=weight, **options)
        return np.mean([np.polyfit(x[missing], table[missing, 1], 1)[0] for table in tables])

    assert slope(weight) > 2
    assert slope(weight[::-1]) < -2
    # Only their ratios matter, and a row of weight 0 has no say.
    assert slope(7 * weight) == pytest.approx(slope(weight), abs=1e-6)
    assert slope(np.where(sign > 0, 1.0, 0.0)) > 2.7
    heavy = sign > 0
    tables = fitted.multiple_impute(X, sample_weight=heavy.astype(float), **options)
    alone = fitted.multiple_impute(X[heavy], sample_weight=np.ones(100), **options)
    for one, other in zip(tables, alone, strict=True):
        assert_array_equal(one[heavy], other)


def test_weights_of_proper_imputation_are_said_again():
    X = np.random.default_rng(0).normal(size=(40, 2))
    X[::3, 1] = np.nan
    weight = np.arange(1.0, 41.0)
    fitted = MissDiffImputer(max_iter=0, random_state=0).fit(X, sample_weight=weight)
    with pytest.raises(ValueError, match=r"fit had a sample_weight\. Pass it here, too"):
        fitted.multiple_impute(X, 2, proper="bootstrap")
    with pytest.raises(ValueError, match="the weights of fit hold"):
        fitted.multiple_impute(X, 2, sample_weight=weight)
    with pytest.raises(ValueError, match="shape"):
        fitted.multiple_impute(X, 2, proper="bootstrap", sample_weight=weight[1:])

    def mean(table):
        return table[:, [1]].mean(axis=0), table[:, [1]].var(axis=0)[None] / 40

    found = [
        tipping_point(fitted, X, mean, 1, [1], parameter=0, sample_weight=own, random_state=0)
        for own in (weight, weight[::-1])
    ]
    assert found[0].interval[0, 0] != found[1].interval[0, 0]
