"""scikit-learn's checks: all that `check_estimator` yields, and those that it does not."""

import pytest
from sklearn.base import clone
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmissdiff import MissDiffImputer, MissDiffSampler, PaperMethod

pytestmark = pytest.mark.slow

# The checks fit a hundred times and more: a few gradient steps do for what they look at.
ESTIMATORS = [
    MissDiffImputer(max_iter=5),
    MissDiffImputer(max_iter=5, sample_posterior=True),
    MissDiffImputer(max_iter=5, aggregate="mode", n_draws=3),
    MissDiffImputer(method="missdiff", max_iter=5, n_steps=5, n_draws=2),
    MissDiffSampler(max_iter=5),
    MissDiffSampler(PaperMethod("cosine"), max_iter=5, n_steps=5),
]
IMPUTERS = ESTIMATORS[:4]

FURTHER_CHECKS = [
    checks.check_param_validation,
    checks.check_dataframe_column_names_consistency,
    checks.check_inplace_ensure_writeable,
]
FURTHER_TRANSFORMER_CHECKS = [
    checks.check_set_output_transform,
    checks.check_set_output_transform_pandas,
    checks.check_set_output_transform_polars,
    checks.check_global_output_transform_pandas,
    checks.check_global_set_output_transform_polars,
    checks.check_transformer_get_feature_names_out,
    checks.check_transformer_get_feature_names_out_pandas,
    checks.check_get_feature_names_out_error,
]


# Some tables of the checks have a row or two.
@pytest.mark.filterwarnings("ignore:.* too few to train a network")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", FURTHER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_further_check(estimator, check):
    check(type(estimator).__name__, clone(estimator))


# The checks mix frames and arrays, of which scikit-learn rightly warns.
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")
@pytest.mark.parametrize("check", FURTHER_TRANSFORMER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("estimator", IMPUTERS, ids=repr)
def test_further_transformer_check(estimator, check):
    check(type(estimator).__name__, clone(estimator))
