"""The studies of `inference`: distributions whose estimands are known, and their analyses."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

CORRELATION, QUANTILE = 0.5, 0.9
LEVELS = ("a", "b", "c")
EFFECTS = np.array([0.0, 0.5, 1.0])
# What `proper` is, and whether training rows lend numbers to draws.
OURS = {
    "none": ("none", True),
    "bootstrap": ("bootstrap", True),
    "refit": ("refit", True),
    "none-alone": ("none", False),
    "bootstrap-alone": ("bootstrap", False),
}


@dataclass(frozen=True)
class Gaussian:
    """Four columns of correlation 0.5; the last is complete, 30 % of the others are missing."""

    mar: bool
    n_rows: int = 300
    methods = (*OURS, "iterative", "chain", "mice-norm", "mice-cart")
    names = ("mean of y", "mean of x1", "x1", "x2", "x3", "correlation", "quantile")
    header = ("bias / se, largest", "coverage implied, mean (least)", "covered, mean (least)")
    truth = np.array(
        [0, 0, 0.25, 0.25, 0.25, np.arctanh(CORRELATION), stats.norm.ppf(QUANTILE)], float
    )

    @property
    def dfcom(self):
        return self.n_rows - 4

    def make(self, rng):
        """The complete table and the one with gaps."""
        covariance = np.full((4, 4), CORRELATION) + (1 - CORRELATION) * np.eye(4)
        X = rng.multivariate_normal(np.zeros(4), covariance, self.n_rows)
        chance = np.full((self.n_rows, 3), 0.3)
        if self.mar:
            chance = expit(-1.1 + 1.5 * X[:, 3:] * [1, -1, 1])
        complete = pd.DataFrame(X, columns=["y", "x1", "x2", "x3"])
        holed = X.copy()
        holed[:, :3][rng.random(chance.shape) < chance] = np.nan
        return complete, pd.DataFrame(holed, columns=complete.columns)

    def analyse(self, table):
        """Estimates and their variances."""
        X = table.to_numpy()
        n, y = len(X), X[:, 0]
        coef, variance = least_squares(np.column_stack([np.ones(n), X[:, 1:]]), y)
        z = np.arctanh(np.corrcoef(X[:, 0], X[:, 1])[0, 1])
        quantile = np.quantile(y, QUANTILE)
        density = stats.gaussian_kde(y)(quantile)[0]
        means = X[:, :2].mean(axis=0)
        of_quantile = QUANTILE * (1 - QUANTILE) / n / density**2
        estimates = [*means, *coef[1:], z, quantile]
        return np.array(estimates), np.array(
            [*X[:, :2].var(axis=0, ddof=1) / n, *variance[1:], 1 / (n - 3), of_quantile]
        )

    def cells(self, found):
        """A row of the page's table."""
        half = found.width / 2 / 1.97
        return [
            f"{(found.bias / half).abs().max():.2f}",
            f"{found.implied.mean():.1f} ({found.implied.min():.1f})",
            f"{found.covered.mean():.1f} ({found.covered.min():.1f})",
        ]


@dataclass(frozen=True)
class Curved:
    """y = x1^2 + x1 x2 + x3 / 2 + group effect + noise; x2 is complete, the others MAR by it."""

    n_rows: int = 300
    methods = (*OURS, "iterative", "mice-cart", "mice-rf")
    names = ("x1^2", "x1 x2", "x3", "b", "c", "mean a", "mean b", "mean c")
    header = tuple(f"{name}: bias %, covered" for name in ("x1^2", "x1 x2", "x3")) + (
        "groups, worst",
        "means by group, worst",
    )

    @property
    def dfcom(self):
        return self.n_rows - 8

    @property
    def truth(self):
        return np.array([1, 1, 0.5, *EFFECTS[1:], *group_means()])

    def make(self, rng):
        """The complete table and the one with gaps."""
        complete = curved_table(self.n_rows, rng)
        holed = complete.copy()
        x2 = complete["x2"].to_numpy()
        for sign, name in zip([1, -1, 1, -1], ["x1", "x3", "group", "y"], strict=True):
            gap = rng.random(self.n_rows) < expit(-1.3 + 1.2 * sign * x2)
            holed[name] = holed[name].mask(gap)
        return complete, holed

    def analyse(self, table):
        """Estimates and their variances."""
        x1, x2, x3, y = (table[name].to_numpy() for name in ("x1", "x2", "x3", "y"))
        group = pd.Categorical(table["group"], categories=LEVELS).codes
        dummies = [group == code for code in (1, 2)]
        design = np.column_stack([np.ones(len(y)), x1**2, x1 * x2, x3, *dummies, x1, x2])
        coef, variance = least_squares(design, y)
        means = [y[group == code].mean() for code in range(3)]
        of_means = [y[group == code].var(ddof=1) / (group == code).sum() for code in range(3)]
        return np.array([*coef[1:6], *means]), np.array([*variance[1:6], *of_means])

    def cells(self, found):
        """A row of the page's table."""
        shares = 100 * found.bias_share
        cells = [f"{shares[name]:.0f}, {found.covered[name]:.0f}" for name in self.names[:3]]
        for names in (["b", "c"], ["mean a", "mean b", "mean c"]):
            worst = shares[names].abs().idxmax()
            cells.append(f"{shares[worst]:.0f}, {found.covered[names].min():.0f}")
        return cells


def curved_table(n_rows, rng):
    x1, x2, z, w, noise = rng.normal(size=(5, n_rows))
    x1 = 0.4 * x2 + np.sqrt(1 - 0.16) * x1
    x3 = np.exp(0.7 * (0.5 * x2 + np.sqrt(0.75) * z))
    place = (x1 + x2) / np.sqrt(2.8) / np.sqrt(2) + w / np.sqrt(2)
    group = np.digitize(place, stats.norm.ppf([1 / 3, 2 / 3]))
    y = x1**2 + x1 * x2 + x3 / 2 + EFFECTS[group] + noise
    return pd.DataFrame(
        {
            "x1": x1,
            "x2": x2,
            "x3": x3,
            "group": pd.Categorical.from_codes(group, categories=list(LEVELS)),
            "y": y,
        }
    )


_MEANS = []


def group_means():
    """E[y | group], from a large table."""
    if not _MEANS:
        table = curved_table(2_000_000, np.random.default_rng(0))
        _MEANS.extend(table.groupby("group", observed=True)["y"].mean())
    return _MEANS


def least_squares(design, y):
    """Coefficients and their variances."""
    inverse = np.linalg.inv(design.T @ design)
    coef = inverse @ design.T @ y
    scale = ((y - design @ coef) ** 2).sum() / (len(y) - design.shape[1])
    return coef, scale * np.diag(inverse)


CASES = {
    "gaussian-mcar": Gaussian(mar=False),
    "gaussian-mar": Gaussian(mar=True),
    "curved-mar": Curved(),
    "curved-mar-1500": Curved(n_rows=1500),
    "curved-mar-5000": Curved(n_rows=5000),
}
