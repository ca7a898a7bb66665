"""The rules by which moments of several analyses are combined, one formula a function.

m analyses, k parameters: `estimates` (m, k), their variances within `ubar` (k,) and between `b`.
"""

import numpy as np

# mice's floor of lambda, below which Barnard-Rubin's degrees of freedom would divide by zero.
SMALLEST_LAMBDA = 1e-4


def barnard_rubin(m, lambda_, dfcom):
    """Degrees of freedom of a pooled estimate [1]_.

    Parameters
    ----------
    m : int
        Number of analyses.
    lambda_ : ndarray of shape (k,)
        Share of the total variance that is due to the missing cells.
    dfcom : float
        Degrees of freedom if nothing were missing.

    Returns
    -------
    df : ndarray of shape (k,)

    References
    ----------
    .. [1] J. Barnard, D. B. Rubin, "Small-sample degrees of freedom with multiple imputation",
       Biometrika 86, 1999, equations 1 to 3.
    """
    lambda_ = np.maximum(lambda_, SMALLEST_LAMBDA)
    df_old = (m - 1) / lambda_**2
    if np.isinf(dfcom):
        return df_old
    df_observed = (dfcom + 1) / (dfcom + 3) * dfcom * (1 - lambda_)
    return df_old * df_observed / (df_old + df_observed)


def rubin(m, ubar, b, dfcom):
    """Rubin's rules: t, df, riv, lambda and fmi [1]_.

    References
    ----------
    .. [1] D. B. Rubin, "Multiple Imputation for Nonresponse in Surveys", 1987, section 3.1.
    """
    riv = (1 + 1 / m) * b / ubar
    t = ubar + (1 + 1 / m) * b
    lambda_ = (1 + 1 / m) * b / t
    df = barnard_rubin(m, lambda_, dfcom)
    fmi = (riv + 2 / (df + 3)) / (riv + 1)
    return t, df, riv, lambda_, fmi


def reiter(m, ubar, b):
    """Reiter's rules for synthetic tables: t, df and riv [1]_; there is no missing information.

    References
    ----------
    .. [1] J. P. Reiter, "Inference for partially synthetic, public use microdata sets", Survey
       Methodology 29, 2003, section 2.
    """
    riv = (1 + 1 / m) * b / ubar  # as mice reports it
    t = ubar + b / m
    with np.errstate(divide="ignore"):  # equal estimates: the normal distribution
        df = (m - 1) * (1 + ubar / (b / m)) ** 2
    return t, df, riv


def d1_df(k, m, riv, dfcom):
    """Denominator degrees of freedom of D1.

    Reiter's approximation [1]_, which for an infinite `dfcom` is that of Li et al. [2]_. It is
    for k (m - 1) > 4, and where it has no positive value its limit, 4, is taken. With fewer
    analyses, those of Li et al. and `dfcom` at most.

    References
    ----------
    .. [1] J. P. Reiter, "Small-sample degrees of freedom for multi-component significance tests
       with multiple imputation for missing data", Biometrika 94, 2007, section 2.
    .. [2] K. H. Li, T. E. Raghunathan, D. B. Rubin, "Large-sample significance levels from
       multiply imputed data using moment-based statistics and an F reference distribution",
       JASA 86, 1991, equations 1.17 to 1.19.
    """
    t = k * (m - 1)
    if t < 4 or np.isinf(dfcom):
        return min(li_df(k, m, riv), dfcom)
    if t == 4:
        return 4.0
    a = riv * t / (t - 2)
    full = (dfcom + 1) / (dfcom + 3) * dfcom
    two, four = full - 2 * (1 + a), full - 4 * (1 + a)
    if four <= 0:
        return 4.0
    inverse = 1 / four + (
        a**2 * two / ((1 + a) ** 2 * four)
        + 8 * a**2 * two / ((1 + a) * four**2)
        + 4 * a**2 / ((1 + a) * four)
        + 4 * a**2 / (four * two)
        + 16 * a**2 * two / four**3
        + 8 * a**2 / four**2
    ) / (t - 4)
    return 4 + 1 / inverse


def li_df(k, m, riv):
    """Denominator degrees of freedom of D1 for large tables, and of D3.

    Li, Raghunathan and Rubin (1991), see `d1_df`; Meng and Rubin (1992), see `lrt`.
    """
    t = k * (m - 1)
    if riv <= 0:
        return np.inf
    if t > 4:
        return 4 + (t - 4) * (1 + (1 - 2 / t) / riv) ** 2
    return t * (1 + 1 / k) * (1 + 1 / riv) ** 2 / 2


def d2(statistics, k):
    """D2: F statistic, its denominator degrees of freedom and riv, from chi-squared statistics.

    References
    ----------
    .. [1] K. H. Li, X.-L. Meng, T. E. Raghunathan, D. B. Rubin, "Significance levels from
       repeated p-values with multiply-imputed data", Statistica Sinica 1, 1991, section 2.
    """
    m = len(statistics)
    riv = (1 + 1 / m) * np.sqrt(statistics).var(ddof=1)
    statistic = (statistics.mean() / k - (m + 1) / (m - 1) * riv) / (1 + riv)
    df = np.inf if riv == 0 else k ** (-3 / m) * (m - 1) * (1 + 1 / riv) ** 2
    return statistic, df, riv
