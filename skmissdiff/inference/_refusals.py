"""Which fitted models cannot be pooled, and why.

Rubin's rules add up variances of sampling. A penalised estimate is biased by design, and what its
covariance would be said to be does not tell how far it is from the truth.
"""

import math
from numbers import Real

WAY_OUT = (
    "Fit a model without a penalty that has a covariance (statsmodels' OLS, Logit, GLM, ...), or "
    "give pairs (parameters, covariance)."
)
# Parameters of scikit-learn's estimators by which they shrink, and the value that leaves it.
SHRINKING = {"C": math.inf, "alpha": 0.0, "penalizer": 0.0}
# Bayesian ones find the strength of their prior themselves.
PRIORS = {"alpha_1", "lambda_1"}


def refuse_penalty(fit, number):
    """Raise for a model that was fitted with a penalty.

    Parameters
    ----------
    fit : object
        A fitted model.
    number : int
        Its place among the fits, for the message.
    """
    reason = _penalty_of_results(fit) or _penalty_of_estimator(fit)
    if reason is not None:
        raise ValueError(
            f"fit {number} ({type(fit).__name__}) cannot be pooled: it is penalised ({reason}), "
            "so that its estimates are biased towards zero and its variances do not say how far "
            f"they are from the truth. {WAY_OUT}"
        )


def without_covariance(fit, number):
    """The error for a model that has parameters but no covariance, or not even those."""
    has = "a covariance of its parameters" if _has_parameters(fit) else "parameters and covariance"
    return TypeError(
        f"fit {number} ({type(fit).__name__}) cannot be pooled: it does not hold {has}, and "
        f"without variances within the tables there is nothing to add to those between. {WAY_OUT}"
    )


def _has_parameters(fit):
    return any(hasattr(fit, name) for name in ("params", "params_", "coef_"))


def _penalty_of_results(fit):
    """statsmodels: results of `fit_regularized`, and models with a penalty of their own."""
    inner = getattr(fit, "_results", fit)  # statsmodels wraps results that have names
    for cls in type(inner).__mro__:
        if cls.__name__.startswith(("Regularized", "L1")):
            return "fitted by fit_regularized"
    weight = getattr(getattr(fit, "model", None), "pen_weight", None)
    if isinstance(weight, Real) and weight > 0:
        return f"its model has pen_weight={weight:g}"
    return None


def _penalty_of_estimator(fit):
    """scikit-learn's estimators, and those of lifelines, which name their penalty `penalizer`."""
    parameters = fit.get_params(deep=True) if hasattr(fit, "get_params") else {}
    if hasattr(fit, "penalizer"):
        parameters = {**parameters, "penalizer": fit.penalizer}
    for full_name, value in parameters.items():
        name = full_name.rpartition("__")[2]
        if name in SHRINKING and isinstance(value, Real) and value != SHRINKING[name]:
            return f"{full_name}={value}"
        if name in PRIORS:
            return f"its prior has {full_name}={value}"
    return None
