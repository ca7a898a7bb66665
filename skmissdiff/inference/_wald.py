"""Wald tests of several parameters at once."""

from numbers import Real

import numpy as np

from skmissdiff._support.sklearn_private import StrOptions, validate_params
from skmissdiff.inference._fits import INTERCEPTS, read_fits
from skmissdiff.inference._pool import RULES, pool
from skmissdiff.inference._results import JointTest, PooledEstimates
from skmissdiff.inference._rules import d1_df, d2, li_df


@validate_params(
    {
        "parameters": ["array-like", None],
        "constraints": ["array-like", None],
        "method": [StrOptions({"D1", "D2"})],
        "dfcom": [Real, None],
        "rule": [StrOptions(RULES)],
    },
    prefer_skip_nested_validation=True,
)
def wald(
    fits,
    null_fits=None,
    *,
    parameters=None,
    constraints=None,
    value=0.0,
    method="D1",
    dfcom=None,
    rule="rubin1987",
):
    """Test several parameters at once, from estimates and their covariances.

    What is tested is told by one of `null_fits`, `parameters` and `constraints`; without any, it
    is that all parameters but the intercept are zero.

    Parameters
    ----------
    fits : list or PooledEstimates
        A fit for each completed table, as in `pool`, or what `pool` or, from full covariances,
        `pool_estimates` gave. The latter bring their own `dfcom` and `rule`.
    null_fits : list or None, default=None
        Fits of a smaller model. Parameters that these lack, by their names, are tested.
    parameters : array-like of str or int, or None, default=None
        Names or indices of the parameters to test.
    constraints : array-like of shape (n_constraints, n_parameters) or None, default=None
        Each row is a linear combination of the parameters.
    value : float or array-like of shape (n_constraints,), default=0.0
        What the parameters or combinations are under the hypothesis.
    method : {"D1", "D2"}, default="D1"
        "D1" takes the pooled estimates with their covariance within, enlarged by what the
        missing cells cost on average [1]_. "D2" combines the Wald statistics of the single
        tables [2]_, which is rougher: it knows of a table only its statistic.
    dfcom : float or None, default=None
        Degrees of freedom of the analysis if nothing were missing, as in `pool`. "D1" corrects
        its degrees of freedom by it [3]_.
    rule : {"rubin1987", "reiter2003"}, default="rubin1987"
        For completed or, with "D1" alone, for synthetic tables [4]_, see `pool`.

    Returns
    -------
    test : JointTest
        F statistic, degrees of freedom and p value.

    Raises
    ------
    ValueError
        For parameters that are not there, and for constraints that depend on each other.
    TypeError
        For fits without a covariance.

    See Also
    --------
    lrt : Compare likelihoods.

    Notes
    -----
    The degrees of freedom of "D1" are for n_constraints * (m - 1) > 4, that is, for five tables
    or more of a single constraint. With fewer they are those of [1]_, at most `dfcom`, where
    mice extrapolates.

    References
    ----------
    .. [1] K. H. Li, T. E. Raghunathan, D. B. Rubin, "Large-sample significance levels from
       multiply imputed data using moment-based statistics and an F reference distribution",
       JASA 86, 1991.
    .. [2] K. H. Li, X.-L. Meng, T. E. Raghunathan, D. B. Rubin, "Significance levels from
       repeated p-values with multiply-imputed data", Statistica Sinica 1, 1991.
    .. [3] J. P. Reiter, "Small-sample degrees of freedom for multi-component significance tests
       with multiple imputation for missing data", Biometrika 94, 2007.
    .. [4] J. P. Reiter, "Significance tests for multi-component estimands from multiply imputed,
       synthetic microdata", Journal of Statistical Planning and Inference 131, 2005.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff.inference import pool_estimates, wald
    >>> estimates = [[1.1, 0.4], [0.9, 0.6], [1.2, 0.5], [1.0, 0.7]]
    >>> covariances = [[[0.09, 0.01], [0.01, 0.08]]] * 4
    >>> pooled = pool_estimates(estimates, covariances, names=["age", "bmi"], dfcom=40)
    >>> wald(pooled)
    D1 of age, bmi, 4 tables: F = 5.774 on 2 and 14.03 degrees of freedom, p = 0.0148, riv = 0.267
    >>> wald(pooled, constraints=[[1, -1]]).p_value > 0.2
    True
    """
    pooled = fits if isinstance(fits, PooledEstimates) else pool(fits, dfcom=dfcom, rule=rule)
    if pooled is fits and (dfcom is not None or rule not in ("rubin1987", fits.rule)):
        raise ValueError("fits are pooled already: give dfcom and rule to pool.")
    if pooled.covariances is None:
        raise ValueError(
            "A joint test needs the covariances of the estimates, and only their variances were "
            "pooled: give pool_estimates matrices."
        )
    matrix, tested = _hypothesis(pooled.names, null_fits, parameters, constraints)
    k, m = len(matrix), pooled.m
    try:
        value = np.broadcast_to(np.asarray(value, dtype=float), (k,))
    except ValueError as error:
        raise ValueError(
            f"value must be one number or {k}, as many as are tested, got {value!r}."
        ) from error
    differences = pooled.estimates @ matrix.T - value  # (m, k)
    within = matrix @ pooled.covariances @ matrix.T  # (m, k, k)
    if method == "D2":
        if pooled.rule != "rubin1987":
            raise ValueError("method='D2' is for completed tables; use 'D1' with 'reiter2003'.")
        solved = np.linalg.solve(within, differences[:, :, None])[:, :, 0]
        statistic, df2, riv = d2((differences * solved).sum(axis=1), k)
        return JointTest("D2", m, float(statistic), k, float(df2), float(riv), tested)
    share = 1 + 1 / m if pooled.rule == "rubin1987" else 1 / m
    ubar = within.mean(axis=0)
    between = np.atleast_2d(np.cov(differences, rowvar=False))
    riv = share * np.trace(np.linalg.solve(ubar, between)) / k
    mean = differences.mean(axis=0)
    statistic = mean @ np.linalg.solve(ubar, mean) / (k * (1 + riv))
    df2 = d1_df(k, m, riv, pooled.dfcom) if pooled.rule == "rubin1987" else li_df(k, m, riv)
    return JointTest("D1", m, float(statistic), k, float(df2), float(riv), tested)


def _hypothesis(names, null_fits, parameters, constraints):
    """Rows of linear combinations, and what they are called."""
    given = [part for part in (null_fits, parameters, constraints) if part is not None]
    if len(given) > 1:
        raise ValueError("Give one of null_fits, parameters and constraints, not several.")
    if constraints is not None:
        matrix = np.atleast_2d(np.asarray(constraints, dtype=float))
        if matrix.ndim != 2 or matrix.shape[1] != len(names):
            raise ValueError(
                f"constraints must have {len(names)} columns, one for each of {list(names)}, got "
                f"shape {matrix.shape}."
            )
        if np.linalg.matrix_rank(matrix) < len(matrix):
            raise ValueError("constraints must not follow from each other: leave rows out.")
        return matrix, tuple(_combination(row, names) for row in matrix)
    if parameters is not None:
        places = [_place(parameter, names) for parameter in parameters]
    elif null_fits is not None:
        kept = set(read_fits(null_fits).names)
        if unknown := sorted(kept - set(names)):
            raise ValueError(f"null_fits have the parameters {unknown}, which fits have not.")
        places = [place for place, name in enumerate(names) if name not in kept]
    else:
        places = [place for place, name in enumerate(names) if name not in INTERCEPTS]
    if not places or len(set(places)) < len(places):
        raise ValueError(
            f"Nothing to test, or a parameter twice: the parameters are {list(names)}."
        )
    return np.eye(len(names))[places], tuple(names[place] for place in places)


def _place(parameter, names):
    if parameter in names:
        return names.index(parameter)
    whole = isinstance(parameter, int | np.integer) and not isinstance(parameter, bool)
    if whole and -len(names) <= parameter < len(names):
        return int(parameter) % len(names)
    raise ValueError(f"There is no parameter {parameter!r}; there are {list(names)}.")


def _combination(row, names):
    terms = [f"{weight:+g} {name}" for weight, name in zip(row, names, strict=True) if weight]
    return " ".join(terms).removeprefix("+")
