"""Diff-mean: a plain diffusion model on rows whose holes were filled beforehand."""

from sklearn.base import BaseEstimator

from docs.benchmarks.baselines.common import mean_mode
from skmissdiff import MissDiffSampler


class DiffMean(BaseEstimator):
    """Vanilla diffusion on mean-imputed rows, the first baseline of the MissDiff paper [1]_.

    Where no cell is missing, MissDiff *is* a plain denoising diffusion model [2]_. So this is
    ``MissDiffSampler(method="missdiff")`` on the filled table, with the same network, codes,
    betas and training as the method it is compared with: the filling is the only difference.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=0
        Seed of the training and of the rows.
    max_time : float or None, default=None
        Seconds of training.
    max_iter : int or None, default=None
        Number of gradient steps, those of "missdiff" by default.

    Attributes
    ----------
    sampler_ : MissDiffSampler
        The fitted diffusion model.

    References
    ----------
    .. [1] Y. Ouyang, L. Xie, C. Li, G. Cheng, "MissDiff: Training Diffusion Models on
       Tabular Data with Missing Values", arXiv:2307.00467, 2023.
    .. [2] J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", NeurIPS 2020.
    """

    def __init__(self, random_state=0, max_time=None, *, max_iter=None):
        self.random_state = random_state
        self.max_time = max_time
        self.max_iter = max_iter

    def fit(self, X, y=None):
        """Fill the holes of a frame, then train on it."""
        self.sampler_ = MissDiffSampler(
            "missdiff",
            scaling="standard",
            keep_empty_features=True,
            max_iter=self.max_iter,
            max_time=self.max_time,
            random_state=self.random_state,
        ).fit(mean_mode(X))
        return self

    def sample(self, n_samples=1):
        """A frame of ``n_samples`` generated rows."""
        return self.sampler_.sample(n_samples)
