"""Log-likelihoods of fitted models, at their own and at other parameters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from skmissdiff.inference._fits import INTERCEPTS, parameters_of
from skmissdiff.inference._refusals import refuse_penalty

# Relative difference of the maximum as the fit tells it and as its model computes it.
AGREEMENT = 1e-6


class Likelihood(NamedTuple):
    """The log-likelihood of the model of one fit."""

    parameters: np.ndarray  # (n_parameters,), where it is largest
    maximum: float
    at: Callable  # of an array of parameters
    shift: np.ndarray | None  # what a larger intercept adds to the parameters; None without one


def maximum_of(fit, number):
    """The maximised log-likelihood that a fit tells."""
    refuse_penalty(fit, number)
    if getattr(fit, "method", None) == "REML":
        raise ValueError(
            f"fit {number} was fitted by REML, whose likelihoods are not comparable between "
            "models: fit with reml=False."
        )
    try:
        maximum = getattr(fit, "llf", None)
    except (AttributeError, NotImplementedError, TypeError):
        maximum = None
    if maximum is None or not np.isfinite(float(maximum)):
        raise TypeError(
            f"fit {number} ({type(fit).__name__}) has no log-likelihood `llf`. Use wald, which "
            "needs none, or pool_chi2 for statistics."
        )
    return float(maximum)


def likelihood_of(fit, number):
    """The log-likelihood of a fit's model, which must be able to compute it anywhere."""
    maximum = maximum_of(fit, number)
    at = _function(fit)
    if at is None:
        raise TypeError(
            f"fit {number} ({type(fit).__name__}) cannot compute its likelihood at other "
            "parameters than its own: it has no `model.loglike`. Use method='D2', or wald."
        )
    _, parameters = parameters_of(fit)
    own = at(parameters)
    if not abs(own - maximum) <= AGREEMENT * max(1.0, abs(maximum)):
        raise ValueError(
            f"fit {number} tells the log-likelihood {maximum:g}, but its model computes "
            f"{own:g} at the same parameters, so that it cannot be trusted at others. Use "
            "method='D2', or wald."
        )
    return Likelihood(parameters, maximum, at, _intercept(fit, parameters))


def with_best_intercept(likelihood, parameters):
    """The log-likelihood at parameters of which the intercept is estimated anew."""
    if likelihood.shift is None:
        return likelihood.at(parameters)

    def loss(shift):
        value = likelihood.at(parameters + shift * likelihood.shift)
        return -value if np.isfinite(value) else np.inf

    # Far off, a logistic model may overflow on the way to its likelihood, which is no harm.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found = minimize_scalar(loss, bracket=(0.0, 0.1), options={"xtol": 1e-11})
    return -found.fun


def without_slopes(likelihood):
    """The log-likelihood of the model of an intercept alone, the rest being zero."""
    return with_best_intercept(likelihood, np.zeros_like(likelihood.parameters))


def _function(fit):
    model = getattr(fit, "model", None)
    function = getattr(model, "loglike", None) or getattr(fit, "loglike", None)
    if not callable(function):
        return None
    if type(getattr(model, "family", None)).__name__ == "Gaussian":
        # statsmodels' GLM takes its variance of residuals, not the maximum-likelihood one of
        # `llf` and of OLS.
        share = fit.df_resid / fit.nobs

        def concentrated(parameters):
            scale = model.estimate_scale(model.predict(parameters)) * share
            return float(model.loglike(parameters, scale=scale))

        return concentrated
    return lambda parameters: float(function(parameters))


def _intercept(fit, parameters):
    """The direction in which all linear predictors rise by one, None where there is none."""
    design = getattr(getattr(fit, "model", None), "exog", None)
    if design is not None:
        design = np.asarray(design, dtype=float)
        if design.ndim != 2 or design.shape[1] > len(parameters):
            return None
        ones = np.ones(len(design))
        shift, *_ = np.linalg.lstsq(design, ones, rcond=None)
        if not np.allclose(design @ shift, ones):
            return None
        # Dispersion and the like follow the coefficients.
        return np.concatenate([shift, np.zeros(len(parameters) - design.shape[1])])
    names, _ = parameters_of(fit)
    places = [place for place, name in enumerate(names or ()) if name in INTERCEPTS]
    if not places:
        return None
    shift = np.zeros(len(parameters))
    shift[places[0]] = 1.0
    return shift
