"""Pooled estimates."""

import math
from numbers import Real

import numpy as np

from skmissdiff._support.sklearn_private import StrOptions, validate_params
from skmissdiff.inference._fits import check_moments, list_of_fits, read_fits
from skmissdiff.inference._results import PooledEstimates
from skmissdiff.inference._rules import reiter, rubin

RULES = {"rubin1987", "reiter2003"}


@validate_params(
    {"dfcom": [Real, None], "rule": [StrOptions(RULES)]}, prefer_skip_nested_validation=True
)
def pool(fits, *, dfcom=None, rule="rubin1987"):
    """Pool fits of one model to several completed tables.

    Parameters
    ----------
    fits : list
        A fit for each completed table, two at least:

        - results of statsmodels, or anything else with `params` (or `params_`) and a covariance
          in `cov_params()`, `cov` or `variance_matrix_`;
        - pairs (parameters, covariance), with an array, a dict or a Series of parameters.

        Parameters are matched by their names, where they have some.
    dfcom : float or None, default=None
        Degrees of freedom of the analysis if nothing were missing. None takes `df_resid` of the
        fits or, where they have none, their `nobs` less the number of parameters, or else
        infinity, as for large tables.
    rule : {"rubin1987", "reiter2003"}, default="rubin1987"
        "rubin1987" is for completed tables [1]_, with Barnard and Rubin's degrees of freedom
        [2]_. "reiter2003" is for tables of which cells are synthetic though nothing is missing
        [3]_: whole tables of `MissDiffSampler.sample`, as large as the training table, or
        columns drawn anew.

    Returns
    -------
    pooled : PooledEstimates
        Estimates, standard errors, intervals and how much the missing cells cost.

    Raises
    ------
    TypeError
        For models that hold no covariance.
    ValueError
        For models with a penalty, whose variances do not tell how far the estimates are from
        the truth, and for fits of different models or rows.

    See Also
    --------
    pool_estimates : The same from arrays.
    wald : Test several parameters at once.

    Notes
    -----
    The rules hold where draws are as uncertain as the missing cells are, and the analysis asks
    for nothing that the imputation has left out [4]_. Quantities are pooled on the scale where
    they are about normal: log odds rather than odds, Fisher's z rather than correlations.

    References
    ----------
    .. [1] D. B. Rubin, "Multiple Imputation for Nonresponse in Surveys", 1987, section 3.1.
    .. [2] J. Barnard, D. B. Rubin, "Small-sample degrees of freedom with multiple imputation",
       Biometrika 86, 1999.
    .. [3] J. P. Reiter, "Inference for partially synthetic, public use microdata sets", Survey
       Methodology 29, 2003.
    .. [4] S. van Buuren, "Flexible Imputation of Missing Data", 2nd ed., 2018, chapters 2 and 5.

    Examples
    --------
    A line through each of five completed tables:

    >>> import numpy as np
    >>> from skmissdiff.inference import pool
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=50)
    >>> y = 1 + 2 * x + rng.normal(size=50)
    >>> def completed():
    ...     return np.where(np.arange(50) < 15, 1 + 2 * x + rng.normal(size=50), y)
    >>> fits = [np.polyfit(x, completed(), deg=1, cov=True) for _ in range(5)]
    >>> pool(fits, dfcom=48)
    5 tables pooled by the rules of Rubin (1987), dfcom 48
    <BLANKLINE>
        estimate  std_error  statistic    df  p_value   2.5 %  97.5 %   fmi
    x0     1.854     0.1792      10.34  30.3  <0.0001   1.488    2.22  0.22
    x1     1.059       0.16       6.62  35.9  <0.0001  0.7341   1.383  0.16
    """
    stack = read_fits(fits)
    return _pooled(stack.names, stack.estimates, stack.covariances, dfcom, rule, stack.dfcom)


@validate_params(
    {"dfcom": [Real, None], "rule": [StrOptions(RULES)], "names": ["array-like", None]},
    prefer_skip_nested_validation=True,
)
def pool_estimates(estimates, covariances, *, dfcom=None, names=None, rule="rubin1987"):
    """Pool estimates from several completed tables.

    Parameters
    ----------
    estimates : array-like of shape (m, n_parameters) or (m,)
        The estimates from each of the `m` tables.
    covariances : array-like of shape (m, n_parameters, n_parameters), (m, n_parameters) or (m,)
        Their covariances; or their variances, squared standard errors, alone.
    dfcom : float or None, default=None
        Degrees of freedom of the analysis if nothing were missing. None is infinity, as for
        large tables.
    names : array-like of str or None, default=None
        Names of the parameters. None numbers them.
    rule : {"rubin1987", "reiter2003"}, default="rubin1987"
        For completed or for synthetic tables, see `pool`.

    Returns
    -------
    pooled : PooledEstimates
        Estimates, standard errors, intervals and how much the missing cells cost.

    Raises
    ------
    ValueError
        For shapes that do not fit each other, and for variances that are not positive.

    See Also
    --------
    pool : The same from fitted models.

    References
    ----------
    .. [1] D. B. Rubin, "Multiple Imputation for Nonresponse in Surveys", 1987, section 3.1.
    .. [2] J. Barnard, D. B. Rubin, "Small-sample degrees of freedom with multiple imputation",
       Biometrika 86, 1999.

    Examples
    --------
    The mean of a column in five completed tables of 25 rows, and its squared standard error:

    >>> from skmissdiff.inference import pool_estimates
    >>> means = [195.1, 188.4, 201.3, 192.0, 190.9]
    >>> variances = [72.0, 68.5, 80.2, 71.3, 66.0]
    >>> pooled = pool_estimates(means, variances, dfcom=24, names=["chl"])
    >>> pooled
    5 tables pooled by the rules of Rubin (1987), dfcom 24
    <BLANKLINE>
         estimate  std_error  statistic    df  p_value  2.5 %  97.5 %   fmi
    chl     193.5      10.06      19.25  11.8  <0.0001  171.6   215.5  0.39
    >>> pooled.lambda_.round(2)
    array([0.29])
    """
    estimates = np.asarray(estimates, dtype=float)
    covariances = np.asarray(covariances, dtype=float)
    if estimates.ndim == 1:
        estimates = estimates[:, None]
        covariances = covariances.reshape(len(covariances), -1) if covariances.size else covariances
    if estimates.ndim != 2 or estimates.shape[1] == 0:
        raise ValueError(
            f"estimates must have shape (m, n_parameters) or (m,), got {estimates.shape}."
        )
    list_of_fits(estimates, "estimates")
    m, k = estimates.shape
    if covariances.shape == (m, k, k):
        matrices = covariances
    elif covariances.shape == (m, k):
        matrices = covariances[:, :, None] * np.eye(k)
    else:
        raise ValueError(
            f"covariances must have shape {(m, k, k)}, or {(m, k)} for variances alone, to go "
            f"with estimates of shape {estimates.shape}; got {covariances.shape}."
        )
    names = tuple(f"x{place}" for place in range(k)) if names is None else tuple(map(str, names))
    if len(names) != k or len(set(names)) != k:
        raise ValueError(f"names must be {k} different names, got {list(names)}.")
    for number in range(m):
        check_moments(estimates[number], matrices[number], names, number)
    full = matrices if covariances.ndim == 3 or k == 1 else None
    variances = np.diagonal(matrices, axis1=1, axis2=2)
    return _pooled(names, estimates, full, dfcom, rule, math.inf, variances)


def _pooled(names, estimates, covariances, dfcom, rule, default_dfcom, variances=None):
    dfcom = default_dfcom if dfcom is None else float(dfcom)
    if not dfcom > 0:
        raise ValueError(
            f"dfcom must be positive, got {dfcom:g}: the tables have too few rows for "
            f"{len(names)} parameters."
        )
    if variances is None:
        variances = np.diagonal(covariances, axis1=1, axis2=2)
    m = len(estimates)
    ubar, b = variances.mean(axis=0), estimates.var(axis=0, ddof=1)
    if rule == "rubin1987":
        t, df, riv, lambda_, fmi = rubin(m, ubar, b, dfcom)
    else:
        t, df, riv = reiter(m, ubar, b)
        lambda_ = fmi = np.full(len(names), np.nan)
    return PooledEstimates(
        names=names,
        m=m,
        rule=rule,
        dfcom=dfcom,
        estimate=estimates.mean(axis=0),
        ubar=ubar,
        b=b,
        t=t,
        df=df,
        riv=riv,
        lambda_=lambda_,
        fmi=fmi,
        estimates=estimates,
        covariances=covariances,
    )
