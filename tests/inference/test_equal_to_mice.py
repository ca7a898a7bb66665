"""Pooled estimates and joint tests are those of R's mice, on three tables, to 1e-8."""

import numpy as np
import pytest
from models import fit_model
from references import (
    CASES,
    COLUMNS,
    DESIGNS,
    REFERENCE,
    assert_test_equals,
    completed_tables,
    dummies,
    pooled_reference,
    reference_estimates,
)

from skmissdiff.inference import lrt, pool, pool_estimates, wald


def assert_pooled_equals(columns, expected):
    for name in COLUMNS.values():
        np.testing.assert_allclose(columns[name], expected[name], rtol=1e-8, err_msg=name)


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def fits(case):
    """Our own fits of the larger and the smaller model to mice's completed tables."""
    response, larger, smaller = DESIGNS[case]
    tables = completed_tables(case[0])
    return [
        [fit_model(case[1], dummies(table, columns), table[response]) for table in tables]
        for columns in (larger, smaller)
    ]


def dfcom_of(case):
    return REFERENCE[case[0]][case[1]]["pool"][0]["dfcom"]


def test_pool_estimates(case):
    names, estimates, covariances = reference_estimates(*case)
    pooled = pool_estimates(estimates, covariances, names=names, dfcom=dfcom_of(case))
    assert_pooled_equals(pooled.to_dict(), pooled_reference(*case))
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    pooled = pool_estimates(estimates, variances, dfcom=dfcom_of(case))
    assert_pooled_equals(pooled.to_dict(), pooled_reference(*case))


def test_large_tables(case):
    _, estimates, covariances = reference_estimates(*case)
    pooled = pool_estimates(estimates, covariances)
    assert_pooled_equals(pooled.to_dict(), pooled_reference(*case, "pool_large"))


def test_synthetic_tables(case):
    _, estimates, covariances = reference_estimates(*case)
    pooled = pool_estimates(estimates, covariances, rule="reiter2003", dfcom=dfcom_of(case))
    assert_pooled_equals(pooled.to_dict(), pooled_reference(*case, "pool_synthetic"))


def test_pool_of_fits(case, fits):
    assert_pooled_equals(pool(fits[0]).to_dict(), pooled_reference(*case))


def joint_tests(case):
    return REFERENCE[case[0]][case[1]]["tests"]


def places_of(case):
    """The parameters that the larger model has alone."""
    names, _, _ = reference_estimates(*case)
    return [names.index(name) for name in names if name not in smaller_terms(case)]


def smaller_terms(case):
    return REFERENCE[case[0]][case[1]]["smaller_terms"]


def test_d1(case, fits):
    assert_test_equals(wald(fits[0], parameters=places_of(case)), joint_tests(case)["D1"])
    large = wald(fits[0], parameters=places_of(case), dfcom=np.inf)
    assert_test_equals(large, joint_tests(case)["D1_large"])
    all_slopes = wald(fits[0], parameters=range(1, len(fits[0][0].params)))
    assert_test_equals(all_slopes, joint_tests(case)["D1_all"])


def test_d2(case, fits):
    by_estimates = wald(fits[0], parameters=places_of(case), method="D2")
    assert_test_equals(by_estimates, joint_tests(case)["D2_wald"])
    assert_test_equals(lrt(*fits, method="D2"), joint_tests(case)["D2_likelihood"])


def test_d3(case, fits):
    assert_test_equals(lrt(*fits), joint_tests(case)["D3"])
    assert_test_equals(lrt(fits[0]), joint_tests(case)["D3_all"])


def test_smaller_model_by_names(case):
    names, estimates, covariances = reference_estimates(*case)
    pooled = pool_estimates(estimates, covariances, names=names, dfcom=dfcom_of(case))
    # The numbers of the smaller fits do not matter to a Wald test: only their names.
    smaller = [(dict.fromkeys(smaller_terms(case), 1.0), np.eye(len(smaller_terms(case))))] * 2
    test = wald(pooled, smaller)
    assert_test_equals(test, joint_tests(case)["D1"])
    assert test.tested == tuple(name for name in names if name not in smaller_terms(case))
    assert_test_equals(wald(pooled), joint_tests(case)["D1_all"])
