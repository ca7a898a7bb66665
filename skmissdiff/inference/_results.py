"""What pooling gives: estimates, and tests of several parameters at once."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

# mice's floor of the degrees of freedom in p values.
SMALLEST_DF = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class PooledEstimates:
    """Estimates pooled over several completed tables, in the words of R's mice.

    `pool` and `pool_estimates` make them. Arrays have one entry for each parameter.

    Parameters
    ----------
    names : tuple of str
        Names of the parameters; mice's `term`.
    m : int
        Number of completed tables.
    rule : {"rubin1987", "reiter2003"}
        The rule.
    dfcom : float
        Degrees of freedom of the analysis if nothing were missing.
    estimate : ndarray of shape (n_parameters,)
        Means of the estimates.
    ubar : ndarray of shape (n_parameters,)
        Variance within: means of the squared standard errors.
    b : ndarray of shape (n_parameters,)
        Variance between the estimates.
    t : ndarray of shape (n_parameters,)
        Total variance.
    df : ndarray of shape (n_parameters,)
        Degrees of freedom.
    riv : ndarray of shape (n_parameters,)
        Relative increase of the variance due to the missing cells.
    lambda_ : ndarray of shape (n_parameters,)
        Share of the total variance that is due to the missing cells; mice's `lambda`. NaN under
        "reiter2003".
    fmi : ndarray of shape (n_parameters,)
        Fraction of missing information. NaN under "reiter2003".
    estimates : ndarray of shape (m, n_parameters)
        The estimates that were pooled.
    covariances : ndarray of shape (m, n_parameters, n_parameters) or None
        Their covariances, None if only variances were given.

    See Also
    --------
    pool : Pool fitted models.
    pool_estimates : Pool estimates and their covariances.

    Examples
    --------
    >>> from skmissdiff.inference import pool_estimates
    >>> pooled = pool_estimates([[4.0], [5.0], [6.0]], [[1.0], [1.1], [0.9]], names=["mean"])
    >>> pooled.estimate, pooled.ubar, pooled.b
    (array([5.]), array([1.]), array([1.]))
    >>> pooled.confidence_interval(0.9).round(2)
    array([[2.04, 7.96]])
    """

    names: tuple
    m: int
    rule: str
    dfcom: float
    estimate: np.ndarray
    ubar: np.ndarray
    b: np.ndarray
    t: np.ndarray
    df: np.ndarray
    riv: np.ndarray
    lambda_: np.ndarray
    fmi: np.ndarray
    estimates: np.ndarray
    covariances: np.ndarray | None

    @property
    def std_error(self):
        """Standard errors, the roots of `t`."""
        return np.sqrt(self.t)

    @property
    def statistic(self):
        """Estimates in standard errors."""
        return self.estimate / self.std_error

    @property
    def p_value(self):
        """Two-sided p values of the hypotheses that a parameter is zero."""
        return 2 * stats.t.sf(np.abs(self.statistic), np.maximum(self.df, SMALLEST_DF))

    @property
    def covariance(self):
        """Total covariance of the estimates, or None if only variances were pooled."""
        if self.covariances is None:
            return None
        share = 1 + 1 / self.m if self.rule == "rubin1987" else 1 / self.m
        between = np.atleast_2d(np.cov(self.estimates, rowvar=False))
        return self.covariances.mean(axis=0) + share * between

    def confidence_interval(self, confidence_level=0.95):
        """Intervals of the t distribution with `df` degrees of freedom.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Between 0 and 1.

        Returns
        -------
        interval : ndarray of shape (n_parameters, 2)
            Lower and upper ends.
        """
        if not 0 < confidence_level < 1:
            raise ValueError(f"confidence_level must be between 0 and 1, got {confidence_level!r}.")
        half = stats.t.ppf((1 + confidence_level) / 2, self.df) * self.std_error
        return np.column_stack([self.estimate - half, self.estimate + half])

    def to_dict(self, confidence_level=0.95):
        """The columns of the table that `to_frame` gives.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Of the interval.

        Returns
        -------
        columns : dict of str to ndarray
            Named as in mice, but with underscores.
        """
        low, high = self.confidence_interval(confidence_level).T
        return {
            "estimate": self.estimate,
            "std_error": self.std_error,
            "statistic": self.statistic,
            "df": self.df,
            "p_value": self.p_value,
            "conf_low": low,
            "conf_high": high,
            "riv": self.riv,
            "lambda": self.lambda_,
            "fmi": self.fmi,
            "ubar": self.ubar,
            "b": self.b,
            "t": self.t,
        }

    def to_frame(self, confidence_level=0.95):
        """A pandas frame with a row for each parameter.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Of the interval.

        Returns
        -------
        frame : pandas.DataFrame
            With the names as its index.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas; to_dict gives the same columns without."
            ) from error
        index = pd.Index(self.names, name="term")
        return pd.DataFrame(self.to_dict(confidence_level), index=index)

    def __repr__(self):
        columns = self.to_dict()
        shown = ["estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high"]
        shown += ["fmi"] if self.rule == "rubin1987" else []
        heads = {"conf_low": "2.5 %", "conf_high": "97.5 %"}
        cells = [["", *(heads.get(name, name) for name in shown)]]
        for place, label in enumerate(self.names):
            numbers = (_text(name, columns[name][place]) for name in shown)
            cells.append([label, *numbers])
        complete = "" if np.isinf(self.dfcom) else f", dfcom {self.dfcom:g}"
        source = {"rubin1987": "Rubin (1987)", "reiter2003": "Reiter (2003)"}[self.rule]
        return f"{self.m} tables pooled by the rules of {source}{complete}\n\n" + _aligned(cells)


@dataclass(frozen=True, eq=False, repr=False)
class JointTest:
    """A test of several parameters at once, pooled over several completed tables.

    `wald`, `lrt` and `pool_chi2` make it.

    Parameters
    ----------
    method : {"D1", "D2", "D3"}
        How the analyses were combined.
    m : int
        Number of completed tables.
    statistic : float
        To be compared with the F distribution.
    df1 : float
        Degrees of freedom of the hypothesis.
    df2 : float
        Degrees of freedom of the denominator.
    riv : float
        Relative increase of the variance due to the missing cells, averaged over the parameters.
    tested : tuple of str, default=()
        What is zero under the hypothesis, empty where it is not told.

    See Also
    --------
    wald : Compare estimates with their covariance.
    lrt : Compare likelihoods.
    pool_chi2 : Combine chi-squared statistics.

    Examples
    --------
    >>> from skmissdiff.inference import pool_chi2
    >>> test = pool_chi2([8.1, 9.4, 7.7], df=2)
    >>> test.method, round(test.p_value, 3)
    ('D2', 0.018)
    """

    method: str
    m: int
    statistic: float
    df1: float
    df2: float
    riv: float
    tested: tuple = ()

    @property
    def p_value(self):
        """Probability of a statistic as large or larger, if the hypothesis is true."""
        return float(stats.f.sf(self.statistic, self.df1, max(self.df2, SMALLEST_DF)))

    def __repr__(self):
        of = f" of {', '.join(self.tested)}" if self.tested else ""
        return (
            f"{self.method}{of}, {self.m} tables: F = {self.statistic:.4g} on {self.df1:g} and "
            f"{self.df2:.4g} degrees of freedom, p = {_text('p_value', self.p_value)}, "
            f"riv = {self.riv:.3g}"
        )


def _text(column, value):
    if column == "p_value":
        return "<0.0001" if value < 1e-4 else f"{value:.4f}"
    if column == "df":
        return f"{value:.1f}"
    if column in ("fmi", "statistic"):
        return f"{value:.2f}"
    return f"{value:.4g}"


def _aligned(cells):
    """Rows of text with the first column to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in cells
    )
