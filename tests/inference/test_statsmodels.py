"""Results of statsmodels are pooled as they are, and equal R's mice as well."""

import warnings

import numpy as np
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
