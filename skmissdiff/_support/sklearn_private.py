"""Names that scikit-learn keeps private: what has to be looked at when a new release is out."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    MissingValues,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in

__all__ = [
    "HasMethods",
    "Interval",
    "MissingValues",
    "StrOptions",
    "check_feature_names_in",
    "fit_context",
    "validate_params",
]
