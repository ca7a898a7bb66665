"""Chi-squared statistics, combined."""

from numbers import Real

import numpy as np

from skmissdiff._support.sklearn_private import Interval, validate_params
from skmissdiff.inference._fits import list_of_fits
from skmissdiff.inference._results import JointTest
from skmissdiff.inference._rules import d2


@validate_params(
    {"statistics": ["array-like"], "df": [Interval(Real, 0, None, closed="neither")]},
    prefer_skip_nested_validation=True,
)
def pool_chi2(statistics, df):
    """Combine chi-squared statistics of several completed tables (D2).

    For tests of which only the statistic is there. Where estimates with their covariances or
    likelihoods are, `wald` and `lrt` say more.

    Parameters
    ----------
    statistics : array-like of shape (m,)
        The statistic of each completed table, 0 or more.
    df : float
        Their degrees of freedom.

    Returns
    -------
    test : JointTest
        F statistic, degrees of freedom and p value. The F statistic is below zero where the
        statistics differ much and none is large.

    Raises
    ------
    ValueError
        For statistics below zero.

    See Also
    --------
    wald : With ``method="D2"``, from fits.
    lrt : With ``method="D2"``, from likelihoods.

    References
    ----------
    .. [1] K. H. Li, X.-L. Meng, T. E. Raghunathan, D. B. Rubin, "Significance levels from
       repeated p-values with multiply-imputed data", Statistica Sinica 1, 1991.

    Examples
    --------
    >>> from skmissdiff.inference import pool_chi2
    >>> pool_chi2([5.2, 7.9, 6.1, 4.4, 8.3], df=2)
    D2, 5 tables: F = 2.63 on 2 and 184.8 degrees of freedom, p = 0.0748, riv = 0.136
    """
    statistics = np.asarray(list_of_fits(statistics, "statistics"), dtype=float)
    for number, value in enumerate(np.atleast_1d(statistics)):
        if not np.all(np.isfinite(value)) or not np.all(value >= 0) or np.ndim(value):
            raise ValueError(
                f"statistics must be numbers of at least 0, got {value} at place {number}."
            )
    statistic, df2, riv = d2(statistics, df)
    return JointTest("D2", len(statistics), float(statistic), df, float(df2), float(riv))
