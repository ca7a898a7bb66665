"""The paper's method as a parameter of the estimators."""

from numbers import Integral

from sklearn.base import BaseEstimator

from skmissdiff._support.sklearn_private import Interval, StrOptions


class PaperMethod(BaseEstimator):
    """MissDiff as printed [1]_, with the choices that it alone has.

    Pass it as `method` to an estimator; ``method="missdiff"`` is the one with the defaults.
    Zeros stand for missing codes, a network predicts the noise, and cells are imputed by
    replacement. Parameters of it are searched over as ``method__n_resample``.

    Parameters
    ----------
    beta_schedule : {"linear", "quadratic", "cosine"}, default="quadratic"
        Shape of the betas. Linear and quadratic run from 1e-4 to 0.5. Training depends on it.
    reverse_variance : {"large", "small"}, default="large"
        Variance of a reverse step: beta_t, or beta_t scaled by (1 - A_(t-1)) / (1 - A_t).
    n_resample : int, default=1
        Repeats of every step (RePaint [2]_), where cells are drawn beside observed ones.
        Replacement alone ties missing cells too loosely to the observed ones; 10 repairs most
        of it at 10 times the cost.

    See Also
    --------
    MissDiffImputer : Fill missing cells.
    MissDiffSampler : Generate complete rows.

    References
    ----------
    .. [1] Y. Ouyang, L. Xie, C. Li, G. Cheng, "MissDiff: Training Diffusion Models on
       Tabular Data with Missing Values", arXiv:2307.00467, 2023.
    .. [2] A. Lugmayr et al., "RePaint: Inpainting using Denoising Diffusion Probabilistic
       Models", CVPR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skmissdiff import MissDiffImputer, PaperMethod
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> X[::4, 0] = np.nan
    >>> imputer = MissDiffImputer(PaperMethod(n_resample=5), max_iter=50, random_state=0)
    >>> int(np.isnan(imputer.fit_transform(X)).sum())
    0
    """

    _parameter_constraints: dict = {
        "beta_schedule": [StrOptions({"linear", "quadratic", "cosine"})],
        "reverse_variance": [StrOptions({"large", "small"})],
        "n_resample": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, beta_schedule="quadratic", reverse_variance="large", n_resample=1):
        self.beta_schedule = beta_schedule
        self.reverse_variance = reverse_variance
        self.n_resample = n_resample


def paper_method(method):
    """The `PaperMethod` that ``method`` is or names, None for the default method."""
    return PaperMethod() if method == "missdiff" else None if method == "masked" else method
