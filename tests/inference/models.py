"""Linear and logistic regression in a few lines, with all that pooling asks of a fit."""

import numpy as np
from scipy.special import expit


class Linear:
    """Least squares."""

    def __init__(self, design, response):
        self.design, self.response = design, response
        self.nobs, self.df_resid = len(design), len(design) - design.shape[1]
        self.params = np.linalg.lstsq(design, response, rcond=None)[0]
        self.llf = self.loglike(self.params)

    def cov_params(self):
        residual = self.response - self.design @ self.params
        inverse = np.linalg.inv(self.design.T @ self.design)
        return inverse * (residual @ residual) / self.df_resid

    def loglike(self, params):
        residual = self.response - self.design @ params
        variance = np.mean(residual**2)
        return -0.5 * self.nobs * (np.log(2 * np.pi * variance) + 1)


class Logistic:
    """Newton's method for the log odds."""

    def __init__(self, design, response):
        self.design, self.response = design, response
        self.nobs, self.df_resid = len(design), len(design) - design.shape[1]
        # Standardised columns keep Newton's method on its way.
        self.params = np.zeros(design.shape[1])
        for _ in range(50):
            gradient = design.T @ (response - expit(design @ self.params))
            self.params = self.params + self.cov_params() @ gradient
        self.llf = self.loglike(self.params)

    def cov_params(self):
        chance = expit(self.design @ self.params)
        return np.linalg.inv((self.design * (chance * (1 - chance))[:, None]).T @ self.design)

    def loglike(self, params):
        signs = 2 * self.response - 1
        return -np.logaddexp(0, -signs * (self.design @ params)).sum()


class WithExog:
    """The place where statsmodels keeps the design, by which the intercept is found."""

    def __init__(self, fit):
        self.exog, self.endog, self.loglike = fit.design, fit.response, fit.loglike


def fit_model(kind, design, response):
    fit = {"linear": Linear, "logistic": Logistic}[kind](design, np.asarray(response, dtype=float))
    fit.model = WithExog(fit)
    return fit
