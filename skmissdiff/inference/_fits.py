"""What pooling needs of a fitted model: names, parameters, covariance, degrees of freedom."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from skmissdiff.inference._refusals import refuse_penalty, without_covariance

# Where fitted models keep their covariance: statsmodels, linearmodels, lifelines.
COVARIANCES = ("cov_params", "cov", "variance_matrix_")

# What statsmodels (with and without formulas) and R call the intercept.
INTERCEPTS = ("Intercept", "const", "(Intercept)")


class Fit(NamedTuple):
    """One analysis."""

    names: tuple  # of str, or None where the parameters have no names
    estimate: np.ndarray  # (n_parameters,)
    covariance: np.ndarray  # (n_parameters, n_parameters)
    df_resid: float  # of the analysis of a complete table; inf where it is not told
    n_obs: float  # nan where it is not told


class Stack(NamedTuple):
    """Analyses of the same model, one for each completed table."""

    names: tuple
    estimates: np.ndarray  # (n_imputations, n_parameters)
    covariances: np.ndarray  # (n_imputations, n_parameters, n_parameters)
    dfcom: float


def read_fits(fits):
    """The analyses in a stack, with their parameters in the order of the first.

    Parameters
    ----------
    fits : list
        Fitted models or pairs (parameters, covariance), see `pool`.

    Returns
    -------
    stack : Stack
    """
    fits = list_of_fits(fits)
    read = [_read(fit, number) for number, fit in enumerate(fits)]
    first = read[0]
    for number, fit in enumerate(read):
        if fit.names is None and len(fit.estimate) != len(first.estimate):
            raise ValueError(
                f"fit {number} has {len(fit.estimate)} parameters, fit 0 has "
                f"{len(first.estimate)}. All must be fits of the same model."
            )
        if first.names is not None and set(fit.names or first.names) != set(first.names):
            differing = sorted(set(fit.names) ^ set(first.names), key=str)
            raise ValueError(
                f"fit {number} and fit 0 do not have the same parameters; {differing} are in one "
                "alone. A category that is rare may be missing in a completed table: declare "
                "the categories of its column."
            )
        if fit.n_obs != first.n_obs and not math.isnan(fit.n_obs + first.n_obs):
            raise ValueError(
                f"fit {number} has {fit.n_obs:g} rows, fit 0 has {first.n_obs:g}. Completed "
                "tables have the same rows: were rows with gaps left out?"
            )
    names = first.names or tuple(f"x{place}" for place in range(len(first.estimate)))
    orders = [[(fit.names or names).index(name) for name in names] for fit in read]
    return Stack(
        names,
        np.stack([fit.estimate[order] for fit, order in zip(read, orders, strict=True)]),
        np.stack(
            [fit.covariance[np.ix_(order, order)] for fit, order in zip(read, orders, strict=True)]
        ),
        min(fit.df_resid for fit in read),
    )


def list_of_fits(fits, what="fits"):
    """`fits` as a list of two at least."""
    if isinstance(fits, str | bytes | Mapping) or not hasattr(fits, "__iter__"):
        raise TypeError(
            f"{what} must be a list with one fit for each completed table, got "
            f"{type(fits).__name__}."
        )
    fits = list(fits)
    if len(fits) < 2:
        raise ValueError(
            f"{what} must hold two or more, got {len(fits)}: one completed table does not tell "
            "how much completed tables differ."
        )
    return fits


def parameters_of(fit):
    """Names (None where there are none) and values of a fit's parameters.

    Returns
    -------
    names : tuple of str, or None
    values : ndarray of shape (n_parameters,)
    """
    values = fit[0] if isinstance(fit, tuple) else getattr(fit, "params", None)
    if values is None:
        values = getattr(fit, "params_", None)
    if isinstance(values, Mapping):
        return tuple(map(str, values)), np.asarray(list(values.values()), dtype=float)
    array = np.asarray(values, dtype=float)
    if array.ndim == 2:  # an equation in each column, as statsmodels' MNLogit has them
        return _equation_names(values, array), array.ravel(order="F")
    if hasattr(values, "index") and not isinstance(values, list | tuple):  # a Series of pandas
        return tuple(map(str, values.index)), array
    return _model_names(fit, array.size), np.atleast_1d(array)


def _equation_names(values, array):
    rows = list(getattr(values, "index", [f"x{row}" for row in range(array.shape[0])]))
    equations = list(getattr(values, "columns", range(array.shape[1])))
    return tuple(f"{equation}:{row}" for equation in equations for row in rows)


def _model_names(fit, n_parameters):
    model = getattr(fit, "model", None)
    for holder, attribute in ((model, "exog_names"), (getattr(model, "data", None), "param_names")):
        names = getattr(holder, attribute, None)
        if names is not None and len(names) == n_parameters:
            return tuple(map(str, names))
    return None


def _read(fit, number):
    if isinstance(fit, tuple):
        if len(fit) != 2:
            raise ValueError(
                f"fit {number} is a tuple of {len(fit)}; a pair (parameters, covariance) is meant."
            )
        covariance = fit[1]
    else:
        refuse_penalty(fit, number)
        covariance = _covariance_of(fit)
        if covariance is None or not any(hasattr(fit, name) for name in ("params", "params_")):
            raise without_covariance(fit, number)
    names, estimate = parameters_of(fit)
    covariance = _matrix(covariance, estimate, names, number)
    if names is not None and len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"fit {number} has several parameters named {repeated}.")
    n_obs = _number(fit, "nobs", math.nan)
    df_resid = _number(fit, "df_resid", n_obs - len(estimate))
    return Fit(names, estimate, covariance, math.inf if math.isnan(df_resid) else df_resid, n_obs)


def _covariance_of(fit):
    for name in COVARIANCES:
        try:
            found = getattr(fit, name, None)
            found = found() if callable(found) else found
        except (ValueError, NotImplementedError):  # statsmodels: "need covariance of parameters"
            found = None
        if found is not None:
            return found
    return None


def _matrix(covariance, estimate, names, number):
    """The covariance as an array, if it is one."""
    matrix = np.asarray(covariance, dtype=float)
    size = len(estimate)
    if matrix.ndim < 2 and matrix.size == size == 1:
        matrix = matrix.reshape(1, 1)
    if matrix.shape != (size, size):
        raise ValueError(
            f"The covariance of fit {number} has shape {matrix.shape}, but there are {size} "
            f"parameters: expected {(size, size)}."
        )
    labels = names or tuple(f"x{place}" for place in range(size))
    check_moments(estimate, matrix, labels, number)
    return matrix


def check_moments(estimate, covariance, names, number):
    """Raise for estimates that are no numbers and for what is no covariance matrix."""
    variances = np.diagonal(covariance)
    for place, name in enumerate(names):
        if not np.isfinite(estimate[place]):
            raise ValueError(f"Parameter {name!r} is {estimate[place]} in fit {number}.")
        if not variances[place] > 0 or not np.isfinite(covariance[place]).all():
            raise ValueError(
                f"Parameter {name!r} has variance {variances[place]:g} in fit {number}. It must "
                "be estimated, with a positive and finite variance: leave out columns that are "
                "constant, linear combinations of others or separate the classes."
            )
    scale = np.sqrt(np.outer(variances, variances))
    if not np.allclose(covariance / scale, covariance.T / scale, rtol=0, atol=1e-6):
        raise ValueError(f"The covariance of fit {number} is not symmetric.")


def _number(fit, attribute, default):
    value = getattr(fit, attribute, None)
    try:
        return default if value is None else float(value)
    except (TypeError, ValueError):
        return default
