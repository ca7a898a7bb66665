"""Results of statsmodels are pooled as they are, and equal R's mice as well."""

import numpy as np
import pandas as pd
import pytest
from references import CASES, DESIGNS, REFERENCE, assert_test_equals, completed_tables
from test_equal_to_mice import assert_pooled_equals, pooled_reference

from skmissdiff.inference import lrt, pool, wald

smf = pytest.importorskip("statsmodels.formula.api", reason="statsmodels is optional")
sm = pytest.importorskip("statsmodels.api", reason="statsmodels is optional")

FORMULAS = {case: f"{response} ~ " for case, (response, _, _) in DESIGNS.items()}


def fit(kind, formula, table):
    if kind == "linear":
        return smf.ols(formula, table).fit()
    return smf.logit(formula, table).fit(method="newton", tol=1e-10, maxiter=100, disp=0)


def fits_of(case):
    response, *designs = DESIGNS[case]
    tables = completed_tables(case[0])
    formulas = [f"{response} ~ {' + '.join(columns)}" for columns in designs]
    return [[fit(case[1], formula, table) for table in tables] for formula in formulas]


def in_order_of_mice(pooled, case):
    """Formulas put categories first in Python, and call them otherwise."""
    names = [name.replace("[T.", "").replace("]", "") for name in pooled.names]
    names[names.index("Intercept")] = "(Intercept)"
    order = [names.index(row["term"]) for row in REFERENCE[case[0]][case[1]]["pool"]]
    return {name: column[order] for name, column in pooled.to_dict().items()}


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_equal_to_mice(case):
    larger, smaller = fits_of(case)
    expected = REFERENCE[case[0]][case[1]]["tests"]
    assert_pooled_equals(in_order_of_mice(pool(larger), case), pooled_reference(*case))
    assert_test_equals(wald(larger, smaller), expected["D1"])
    assert_test_equals(wald(larger), expected["D1_all"])
    assert_test_equals(wald(larger, smaller, method="D2"), expected["D2_wald"])
    assert_test_equals(lrt(larger, smaller), expected["D3"])
    assert_test_equals(lrt(larger), expected["D3_all"])
    assert_test_equals(lrt(larger, smaller, method="D2"), expected["D2_likelihood"])


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(0)
    made = []
    for _ in range(4):
        frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["x", "y"])
        frame["yes"] = (frame.x + rng.normal(size=60) > 0).astype(int)
        frame["group"] = np.arange(60) % 3
        made.append(frame)
    return made


def test_normal_glm_has_the_likelihood_of_least_squares(tables):
    pairs = [
        [
            [model("y ~ x", table).fit() for table in tables],
            [model("y ~ 1", table).fit() for table in tables],
        ]
        for model in (smf.glm, smf.ols)
    ]
    by_glm, by_ols = (lrt(*pair) for pair in pairs)
    assert by_glm.statistic == pytest.approx(by_ols.statistic, rel=1e-9)
    assert by_glm.riv == pytest.approx(by_ols.riv, rel=1e-9)


def test_arrays_have_the_names_of_the_model(tables):
    fits = [
        sm.OLS(table.y.to_numpy(), sm.add_constant(table.x.to_numpy())).fit() for table in tables
    ]
    pooled = pool(fits)
    assert pooled.names == ("const", "x1")
    assert pooled.dfcom == 58
    assert wald(fits).tested == ("x1",)


def test_several_equations(tables):
    fits = [smf.mnlogit("group ~ x", table).fit(disp=0) for table in tables]
    pooled = pool(fits)
    assert pooled.names == ("0:Intercept", "0:x", "1:Intercept", "1:x")
    mean = np.mean([fit.params.to_numpy() for fit in fits], axis=0)
    np.testing.assert_allclose(pooled.estimate, mean.ravel(order="F"))
    within = np.mean([fit.bse.to_numpy() ** 2 for fit in fits], axis=0)
    np.testing.assert_allclose(pooled.ubar, within.ravel(order="F"))


@pytest.mark.parametrize(
    "fit",
    [
        lambda table: smf.logit("yes ~ x", table).fit_regularized(alpha=1.0, disp=0),
        lambda table: smf.ols("y ~ x", table).fit_regularized(alpha=0.1),
        lambda table: smf.ols("y ~ x", table).fit_regularized(alpha=0.1, L1_wt=0),
    ],
    ids=["l1", "elastic_net", "ridge"],
)
def test_penalised_fits_are_refused(tables, fit):
    fits = [fit(table) for table in tables]
    for function in (pool, wald, lrt):
        with pytest.raises(ValueError, match=r"penalised \(fitted by fit_regularized\)"):
            function(fits)


@pytest.mark.filterwarnings("ignore")  # groups that do not differ: no matter here
def test_reml_is_refused(tables):
    full, null = (
        [smf.mixedlm(formula, table, groups="group").fit() for table in tables]
        for formula in ("y ~ x", "y ~ 1")
    )
    with pytest.raises(ValueError, match="reml=False"):
        lrt(full, null)


def test_fits_of_other_tables_are_refused(tables):
    full = [smf.ols("y ~ x", table).fit() for table in tables]
    null = [smf.ols("y ~ 1", table).fit() for table in tables]
    with pytest.raises(ValueError, match="different responses"):
        lrt(full, null[::-1])
    with pytest.raises(ValueError, match="Were the two exchanged"):
        lrt(null, full)
    with pytest.raises(ValueError, match="were rows with gaps left out"):
        pool([full[0], smf.ols("y ~ x", tables[1].iloc[:50]).fit()])
    with pytest.raises(ValueError, match="do not have the same parameters"):
        pool([full[0], smf.ols("y ~ group", tables[1]).fit()])
