"""What goes into pooling, what is refused, and that intervals cover."""

import sys

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmissdiff.inference import lrt, pool, pool_chi2, pool_estimates, wald

COVARIANCE = np.array([[1.0, 0.2], [0.2, 2.0]])


class Result:
    """The least that a fit needs."""

    def __init__(self, params, **attributes):
        self.params = params
        self.cov = COVARIANCE
        self.__dict__.update(attributes)


def test_plain_pairs_and_objects_agree():
    estimates = [[1.0, 2.0], [1.5, 1.0], [0.5, 2.5]]
    expected = pool_estimates(estimates, [COVARIANCE] * 3).to_dict()
    for fits in (
        [(np.array(one), COVARIANCE) for one in estimates],
        [({"a": one[0], "b": one[1]}, COVARIANCE) for one in estimates],
        [Result(one) for one in estimates],
    ):
        for name, column in pool(fits).to_dict().items():
            np.testing.assert_array_equal(column, expected[name], err_msg=name)


def test_parameters_are_matched_by_name():
    swapped = COVARIANCE[::-1, ::-1]
    pooled = pool([({"a": 1.0, "b": 2.0}, COVARIANCE), ({"b": 4.0, "a": 3.0}, swapped)])
    assert pooled.names == ("a", "b")
    np.testing.assert_array_equal(pooled.estimate, [2.0, 3.0])
    np.testing.assert_array_equal(pooled.ubar, [1.0, 2.0])


def test_degrees_of_freedom_of_the_fits():
    ones = [1.0, 2.0]
    assert pool([Result(ones), Result(ones)]).dfcom == np.inf
    assert pool([Result(ones, nobs=30), Result(ones, nobs=30)]).dfcom == 28
    fits = [Result(ones, df_resid=20, nobs=30), Result(ones, df_resid=20, nobs=30)]
    assert pool(fits).dfcom == 20
    assert pool(fits, dfcom=10).dfcom == 10


def test_equal_estimates_lose_nothing():
    pooled = pool_estimates([[1.0], [1.0], [1.0]], [[4.0]] * 3, dfcom=np.inf)
    assert pooled.b[0] == pooled.riv[0] == pooled.lambda_[0] == 0
    assert pooled.t[0] == 4
    assert pooled.std_error[0] == 2
    synthetic = pool_estimates([[1.0], [1.0]], [[4.0]] * 2, rule="reiter2003")
    assert synthetic.df[0] == np.inf
    assert np.isfinite(synthetic.confidence_interval()).all()
    assert wald(pool_estimates([[1.0, 1]] * 3, [COVARIANCE] * 3)).df2 == np.inf


@pytest.mark.parametrize("rule", ["rubin1987", "reiter2003"])
def test_covariance_has_the_total_variances(rule):
    rng = np.random.default_rng(0)
    pooled = pool_estimates(rng.normal(size=(4, 2)), [COVARIANCE] * 4, rule=rule)
    np.testing.assert_allclose(np.diagonal(pooled.covariance), pooled.t)


def test_rubin_covers():
    """A normal mean of which 40 % are missing, drawn from the posterior."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(600):
        seen = rng.normal(size=18)
        estimates, variances = [], []
        for _ in range(10):
            variance = seen.var(ddof=1) * 17 / rng.chisquare(17)
            mean = seen.mean() + np.sqrt(variance / 18) * rng.normal()
            drawn = np.r_[seen, mean + np.sqrt(variance) * rng.normal(size=12)]
            estimates.append(drawn.mean())
            variances.append(drawn.var(ddof=1) / 30)
        low, high = pool_estimates(estimates, variances, dfcom=29).confidence_interval()[0]
        inside += low < 0 < high
    assert 0.93 < inside / 600 < 0.975


def test_reiter_covers_where_rubin_is_too_wide():
    """Whole tables drawn from the model fitted to the real one, as a sampler draws them."""
    rng = np.random.default_rng(1)
    inside = {"reiter2003": 0, "rubin1987": 0}
    for _ in range(600):
        real = rng.normal(size=100)
        tables = real.mean() + real.std(ddof=1) * rng.normal(size=(3, 100))
        for rule in inside:
            pooled = pool_estimates(
                tables.mean(axis=1), tables.var(axis=1, ddof=1) / 100, rule=rule
            )
            low, high = pooled.confidence_interval()[0]
            inside[rule] += low < 0 < high
    assert 0.93 < inside["reiter2003"] / 600 < 0.97
    assert inside["rubin1987"] / 600 > 0.97


@pytest.mark.parametrize("rule", ["rubin1987", "reiter2003"])
def test_wald_keeps_its_level(rule):
    rng = np.random.default_rng(2)
    rejected = 0
    for _ in range(800):
        centre = rng.normal(size=3)
        share = 1.0 if rule == "reiter2003" else 0.5
        spread = np.sqrt(share) * rng.normal(size=(10, 3))
        if rule == "rubin1987":  # the centre is less certain by what is missing
            centre = centre * np.sqrt(1.5)
        pooled = pool_estimates(centre + spread, [np.eye(3)] * 10, rule=rule)
        rejected += wald(pooled).p_value < 0.05
    assert 0.03 < rejected / 800 < 0.075


def test_a_single_constraint_is_the_t_test():
    rng = np.random.default_rng(3)
    pooled = pool_estimates(rng.normal(1, 1, size=(20, 2)), [COVARIANCE] * 20)
    test = wald(pooled, parameters=["x1"])
    assert test.statistic == pytest.approx(pooled.statistic[1] ** 2)
    assert test.riv == pytest.approx(pooled.riv[1])
    shifted = wald(pooled, parameters=[1], value=pooled.estimate[1])
    assert shifted.statistic == pytest.approx(0, abs=1e-12)


def test_wald_does_not_depend_on_how_the_hypothesis_is_written():
    rng = np.random.default_rng(4)
    pooled = pool_estimates(rng.normal(1, 1, size=(5, 2)), [COVARIANCE] * 5, dfcom=30)
    turned = wald(pooled, constraints=[[1, 1], [1, -1]])
    direct = wald(pooled)
    for name in ("statistic", "df2", "riv", "p_value"):
        assert getattr(turned, name) == pytest.approx(getattr(direct, name))
    assert turned.tested == ("1 x0 +1 x1", "1 x0 -1 x1")


def test_degrees_of_freedom_stay_positive_in_hard_cases():
    estimates = np.array([[9.0, -5], [-4, 3], [1, 8], [-7, 2], [5, -9], [0, 6]])
    for m in range(2, 7):
        for dfcom in (1, 3, 10, 20, np.inf):
            pooled = pool_estimates(estimates[:m], [COVARIANCE] * m, dfcom=dfcom)
            for parameters in ([0], [0, 1]):
                test = wald(pooled, parameters=parameters)
                assert 0 < test.df2 <= max(dfcom, 4)
                assert 0 <= test.p_value <= 1


def test_to_frame_and_repr():
    pooled = pool_estimates([[1.0, 2], [2, 3]], [COVARIANCE] * 2, names=["age", "bmi"], dfcom=9)
    frame = pooled.to_frame(0.9)
    assert frame.index.tolist() == ["age", "bmi"]
    np.testing.assert_array_equal(frame[["conf_low", "conf_high"]], pooled.confidence_interval(0.9))
    lines = repr(pooled).splitlines()
    assert lines[0] == "2 tables pooled by the rules of Rubin (1987), dfcom 9"
    assert [line.split()[0] for line in lines[3:]] == ["age", "bmi"]
    synthetic = pool_estimates([1.0, 2.0], [1.0, 1.0], rule="reiter2003")
    assert "Reiter (2003)" in repr(synthetic)
    assert "fmi" not in repr(synthetic)
    with pytest.raises(ValueError, match="between 0 and 1"):
        pooled.confidence_interval(95)


def test_to_frame_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_dict gives the same columns"):
        pool_estimates([1.0, 2.0], [1.0, 1.0]).to_frame()


X = np.random.default_rng(5).normal(size=(40, 2))
Y = X @ [1.0, 2.0] + 0.1
PENALISED = [
    (Ridge(), "alpha=1.0"),
    (LogisticRegression(), "C=1.0"),
    (make_pipeline(StandardScaler(), LogisticRegression()), "logisticregression__C=1.0"),
    (BayesianRidge(), "its prior has alpha_1"),
]


@pytest.mark.parametrize(("estimator", "reason"), PENALISED, ids=lambda part: str(part)[:12])
def test_estimators_with_a_penalty_are_refused(estimator, reason):
    classes = isinstance(estimator, LogisticRegression) or hasattr(estimator, "steps")
    fitted = estimator.fit(X, Y > 0 if classes else Y)
    with pytest.raises(ValueError, match="penalised") as caught:
        pool([fitted, fitted])
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["penalizer", "pen_weight"])
def test_other_penalties_are_refused(name):
    class Model:
        pen_weight = 2.0

    extra = {"model": Model()} if name == "pen_weight" else {"penalizer": 0.1}
    with pytest.raises(ValueError, match=name):
        pool([Result([1.0, 2.0], **extra)] * 2)


@pytest.mark.parametrize(
    ("fitted", "has"),
    [
        (LinearRegression().fit(X, Y), "a covariance of its parameters"),
        (LogisticRegression(C=np.inf).fit(X, Y > 0), "a covariance of its parameters"),
        (RandomForestRegressor(2).fit(X, Y), "parameters and covariance"),
        (Result([1.0, 2.0], cov=None), "a covariance of its parameters"),
    ],
    ids=["linear", "logistic", "forest", "result"],
)
def test_fits_without_a_covariance_are_refused(fitted, has):
    with pytest.raises(TypeError, match=f"does not hold {has}"):
        pool([fitted, fitted])


REFUSED = [
    (lambda: pool([(np.ones(2), COVARIANCE)]), "one completed table does not tell"),
    (lambda: pool([(np.ones(2), np.eye(3))] * 2), r"shape \(3, 3\), but there are 2"),
    (lambda: pool([(np.ones(2), COVARIANCE, 1)] * 2), "a pair"),
    (lambda: pool([(np.array([1, np.nan]), COVARIANCE)] * 2), "'x1' is nan in fit 0"),
    (lambda: pool([(np.ones(2), np.diag([1.0, 0.0]))] * 2), "'x1' has variance 0 in fit 0"),
    (lambda: pool([(np.ones(2), [[1, 0.5], [0, 1]])] * 2), "not symmetric"),
    (lambda: pool([({"a": 1.0}, [[1.0]]), ({"b": 1.0}, [[1.0]])]), r"\['a', 'b'\] are in one"),
    (lambda: pool([(np.ones(1), [[1.0]]), (np.ones(2), COVARIANCE)]), "has 2 parameters"),
    (lambda: pool([(np.ones(2), COVARIANCE)] * 2, dfcom=0), "dfcom must be positive"),
    (lambda: pool_estimates([1.0, 2.0], [[1.0], [1.0], [1.0]]), "covariances must have shape"),
    (lambda: pool_estimates(np.ones((2, 2, 2)), np.ones(2)), "estimates must have shape"),
    (lambda: pool_estimates([1.0, 2.0], [1.0, 1.0], names=["a", "b"]), "1 different names"),
    (lambda: wald(pool_estimates(np.ones((2, 2)), np.ones((2, 2)))), "only their variances"),
    (lambda: wald([(np.ones(2), COVARIANCE)] * 2, parameters=["z"]), "no parameter 'z'"),
    (lambda: wald([(np.ones(2), COVARIANCE)] * 2, parameters=[]), "Nothing to test"),
    (lambda: wald([(np.ones(2), COVARIANCE)] * 2, constraints=[[1, 0, 0]]), "2 columns"),
    (lambda: wald([(np.ones(2), COVARIANCE)] * 2, constraints=[[1, 1], [2, 2]]), "follow from"),
    (lambda: wald([(np.ones(2), COVARIANCE)] * 2, value=[1, 2, 3]), "one number or 2"),
    (lambda: pool_chi2([1.0, -2.0], df=1), "got -2.0 at place 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED, ids=[words[:25] for _, words in REFUSED])
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_no_list():
    with pytest.raises(TypeError, match="must be a list with one fit"):
        pool({"a": 1})


def test_likelihood_that_does_not_agree_with_itself():
    class Fit(Result):
        llf = -5.0

        def loglike(self, params):
            return -7.0

    with pytest.raises(ValueError, match="cannot be trusted at others"):
        lrt([Fit([1.0, 2.0])] * 2, [Fit([1.0])] * 2)
    with pytest.raises(TypeError, match="has no log-likelihood"):
        lrt([Result([1.0])] * 2, [Result([])] * 2)
