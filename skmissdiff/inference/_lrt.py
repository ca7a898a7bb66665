"""Likelihood ratio tests of several parameters at once."""

import numpy as np

from skmissdiff._support.sklearn_private import StrOptions, validate_params
from skmissdiff.inference._chi2 import pool_chi2
from skmissdiff.inference._fits import list_of_fits, parameters_of
from skmissdiff.inference._likelihood import (
    likelihood_of,
    maximum_of,
    with_best_intercept,
    without_slopes,
)
from skmissdiff.inference._results import JointTest
from skmissdiff.inference._rules import li_df

# A smaller model whose likelihood is larger by more is not within the other.
ROUNDING = 1e-6


@validate_params(
    {"method": [StrOptions({"D3", "D2"})], "refit_intercept": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def lrt(fits, null_fits=None, *, method="D3", refit_intercept=True):
    """Test several parameters at once, by the likelihoods of two nested models.

    Parameters
    ----------
    fits : list
        A fit for each completed table, with its log-likelihood `llf` and, for "D3", the
        log-likelihood function `model.loglike` (or `loglike`) of the parameters. Results of
        statsmodels have both. A residual variance is to be at its maximum: of normal errors
        both functions give the likelihood with the best variance, as statsmodels' do.
    null_fits : list or None, default=None
        Fits of the smaller model to the same tables, in their order. None, for "D3" alone, is
        the model of an intercept.
    method : {"D3", "D2"}, default="D3"
        "D3" compares likelihoods at each table's own and at the pooled parameters [1]_. "D2"
        combines the likelihood ratio statistics of the single tables [2]_ and is rougher.
    refit_intercept : bool, default=True
        Whether the intercept is estimated anew when the other parameters are the pooled ones,
        as in the D3 of R's mice 3.15. False is [1]_ to the letter: all parameters are the pooled
        ones. The difference is small.

    Returns
    -------
    test : JointTest
        F statistic, degrees of freedom and p value.

    Raises
    ------
    TypeError
        For fits without a likelihood.
    ValueError
        For models that are not nested, are penalised, or were fitted to other rows.

    See Also
    --------
    wald : Needs no likelihoods.
    pool_chi2 : From the statistics alone.

    Notes
    -----
    With few tables the estimated `riv` of "D3" can come out below zero, where it is set to zero.

    References
    ----------
    .. [1] X.-L. Meng, D. B. Rubin, "Performing likelihood ratio tests with multiply-imputed data
       sets", Biometrika 79, 1992.
    .. [2] K. H. Li, X.-L. Meng, T. E. Raghunathan, D. B. Rubin, "Significance levels from
       repeated p-values with multiply-imputed data", Statistica Sinica 1, 1991.

    Examples
    --------
    A model of one's own needs little. Here is a normal mean that is zero under the hypothesis:

    >>> import numpy as np
    >>> from skmissdiff.inference import lrt
    >>> class Normal:
    ...     def __init__(self, values, mean):
    ...         self.values, self.params, self.nobs = values, np.array(mean), len(values)
    ...         self.llf = self.loglike(self.params)
    ...
    ...     def loglike(self, params):
    ...         centre = params[0] if len(params) else 0.0
    ...         return -0.5 * len(self.values) * np.log(np.mean((self.values - centre) ** 2))
    >>> rng = np.random.default_rng(0)
    >>> tables = [np.r_[np.linspace(-1, 2, 30), rng.normal(0.5, size=10)] for _ in range(5)]
    >>> fits = [Normal(values, [values.mean()]) for values in tables]
    >>> lrt(fits, [Normal(values, []) for values in tables])
    D3, 5 tables: F = 6.713 on 1 and 21.84 degrees of freedom, p = 0.0167, riv = 0.748
    """
    fits = list_of_fits(fits)
    m = len(fits)
    if null_fits is not None:
        null_fits = list_of_fits(null_fits, "null_fits")
        _check_same_tables(fits, null_fits)
    elif method == "D2":
        raise ValueError("method='D2' needs null_fits, whose likelihoods it compares.")
    if method == "D2":
        k = _n_constraints(len(parameters_of(fits[0])[1]), len(parameters_of(null_fits[0])[1]))
        maxima = [
            np.array([maximum_of(fit, number) for number, fit in enumerate(models)])
            for models in (fits, null_fits)
        ]
        return pool_chi2(_ratio(*maxima), k)
    full, full_pooled = _both(fits, refit_intercept)
    if null_fits is None:
        likelihoods = [likelihood_of(fit, number) for number, fit in enumerate(fits)]
        if any(one.shift is None for one in likelihoods):
            raise ValueError(
                "The fits have no intercept that could be told, so that null_fits must be given."
            )
        null = null_pooled = np.array([without_slopes(one) for one in likelihoods])
        k = len(likelihoods[0].parameters) - 1
    else:
        null, null_pooled = _both(null_fits, refit_intercept)
        k = _n_constraints(len(parameters_of(fits[0])[1]), len(parameters_of(null_fits[0])[1]))
    own = _ratio(full, null).mean()
    pooled = 2 * (full_pooled - null_pooled).mean()
    riv = max(0.0, (m + 1) / (k * (m - 1)) * (own - pooled))
    statistic = pooled / (k * (1 + riv))
    return JointTest("D3", m, float(statistic), k, float(li_df(k, m, riv)), float(riv))


def _both(fits, refit_intercept):
    """Log-likelihoods of all fits at their own and at the pooled parameters, each (m,)."""
    likelihoods = [likelihood_of(fit, number) for number, fit in enumerate(fits)]
    orders = {
        (parameters_of(fit)[0], len(one.parameters))
        for fit, one in zip(fits, likelihoods, strict=True)
    }
    if len(orders) > 1:
        raise ValueError("The fits do not have the same parameters in the same order.")
    pooled = np.mean([one.parameters for one in likelihoods], axis=0)
    evaluate = with_best_intercept if refit_intercept else lambda one, point: one.at(point)
    return (
        np.array([one.maximum for one in likelihoods]),
        np.array([evaluate(one, pooled) for one in likelihoods]),
    )


def _n_constraints(n_parameters, n_null):
    if n_null >= n_parameters:
        raise ValueError(
            f"null_fits have {n_null} parameters and fits {n_parameters}: null_fits must be of a "
            "smaller model. Were the two exchanged?"
        )
    return n_parameters - n_null


def _ratio(full, null):
    """Likelihood ratio statistics of the single tables."""
    ratio = 2 * (full - null)
    worst = int(np.argmin(ratio))
    if ratio[worst] < -ROUNDING * max(1.0, abs(full[worst])):
        raise ValueError(
            f"In table {worst} the smaller model has the larger likelihood: it is not within the "
            "other, or was fitted to another table."
        )
    return np.maximum(ratio, 0.0)


def _check_same_tables(fits, null_fits):
    if len(fits) != len(null_fits):
        raise ValueError(
            f"There are {len(fits)} fits and {len(null_fits)} null_fits; there must be one of "
            "each for each completed table."
        )
    for number, pair in enumerate(zip(fits, null_fits, strict=True)):
        responses = [getattr(getattr(fit, "model", None), "endog", None) for fit in pair]
        rows = [getattr(fit, "nobs", None) for fit in pair]
        differ = None not in rows and rows[0] != rows[1]
        if all(response is not None for response in responses):
            differ = differ or not np.array_equal(*responses)
        if differ:
            raise ValueError(
                f"fit {number} and null_fit {number} have different responses: both must be "
                "fitted to the same completed table, in the same order."
            )
