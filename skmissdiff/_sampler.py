"""Generation of complete rows."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skmissdiff._base import BaseMissDiff
from skmissdiff._diffusion.inference import CALL_ROWS, generate_rows, resolve_device
from skmissdiff._progress import Progress
from skmissdiff._rebuild import build_table
from skmissdiff._row_noise import RowKeys, RowNoise


class MissDiffSampler(BaseMissDiff):
    """Generate complete rows with a diffusion model trained on incomplete ones.

    The model learns the joint distribution of the rows by denoising score matching on
    observed cells alone [1]_; no row has to be complete.

    Parameters
    ----------
    method : {"masked", "missdiff"}, default="masked"
        "masked" gives every code a noise level of its own: observed cells are clean,
        missing ones absent, and the network corrects a factor analysis. "missdiff" is
        the paper as printed [1]_: zeros for missing codes, noise prediction, imputation by
        replacement.
    n_steps : int or None, default=None
        Number of diffusion steps of a draw. None is 20 for "masked", where it may be
        changed after `fit`, and 100 for "missdiff", where training depends on it.
    beta_schedule : {"linear", "quadratic", "cosine"}, default="quadratic"
        Shape of the betas of "missdiff". Linear and quadratic run from 1e-4 to 0.5.
    reverse_variance : {"large", "small"}, default="large"
        Variance of a reverse step of "missdiff": beta_t, or beta_t scaled by
        (1 - A_(t-1)) / (1 - A_t).
    n_resample : int, default=1
        Repeats of every step of "missdiff" (RePaint [2]_). Replacement alone ties missing
        cells too loosely to the observed ones; 10 repairs most of it at 10 times the cost.
    categorical_features : "from_dtype" or array-like, default="from_dtype"
        Which columns hold levels rather than numbers: by dtype (category, string and
        boolean columns), or indices, names or a boolean mask.
    scaling : {"standard", "quantile", "minmax"}, default="quantile"
        How numbers become codes; from the observed cells of the training table only.
        "quantile" maps ranks to those of a normal distribution, so that skewed columns,
        heavy tails and values that fill half of a column come back as they were.
        "masked" expects codes of about unit variance, as the first two give them.
    max_categories : int or None, default=100
        Levels kept apart in a categorical column; rarer ones share one code and come
        back as real levels at their rate.
    bounds : None, "observed", (low, high) or dict, default=None
        Range of imputed and generated numbers: none, the observed one of each column, one
        for all, or one per column by name or index.
    snap : bool or array-like, default=False
        Whether numbers are moved to the nearest value observed in `fit`: for all columns,
        or for those named.
    hidden_size : int or None, default=None
        Width of the network. None chooses by the size of the table.
    n_layers : int, default=2
        Number of residual blocks.
    n_networks : int or None, default=None
        Networks of "masked" that are trained side by side and averaged. None is several
        for tables of fewer than 2,000 rows and one for larger ones.
    n_refreshes : int, default=4
        How often the missing cells of the training rows are drawn anew while "masked" is
        trained (stochastic EM). Imputation does not need it. Generation does, where cells
        are missing at random rather than completely at random; training takes three times as long.
    max_iter : int or None, default=None
        Number of gradient steps, each on one mini-batch. None chooses by the size of the
        table; 0 leaves "masked" at its start, a factor analysis.
    max_time : float or None, default=None
        Seconds of training. The learning rate falls to zero by this time, if `max_iter`
        is not reached before.
    batch_size : int or None, default=None
        Rows of a mini-batch. None chooses by the size of the table.
    learning_rate_init : float or None, default=None
        Largest learning rate; it rises for a moment, then falls to zero along a cosine.
        None is 0.004 for "masked" and 0.001 for "missdiff".
    early_stopping : bool or "auto", default="auto"
        Whether "masked" holds out rows, stops when their hidden cells are no longer
        predicted better, keeps the weights that predicted them best, and shrinks each
        column towards the factor analysis as far as they ask for. "auto" does so for
        tables of fewer than 2,000 rows.
    validation_fraction : float, default=0.1
        Share of rows held out, for each network.
    n_iter_no_change : int, default=5
        Number of evaluations, of ten in all, without an improvement by `tol` after which
        to stop.
    tol : float, default=1e-4
        Improvement of the held-out error that counts; the factor analysis has error 1.
    missing_values : number, str, None or np.nan, default=np.nan
        What stands for a missing cell. Null cells of a frame are missing in any case.
    keep_empty_features : bool, default=False
        Whether columns without any observed cell in `fit` are kept, filled with a constant
        as in `sklearn.impute.SimpleImputer`, or dropped.
    memory : None, str or object with the joblib.Memory interface, default=None
        Cache of the training, so that a search over parameters that do not change it, such
        as `n_steps` of "masked", trains once. It needs an int as `random_state`.
    device : str, default="auto"
        Where to compute: "auto" takes a GPU if there is one, "cpu" or the name of another
        torch device. The fitted network itself stays on the CPU.
    random_state : int, RandomState instance or None, default=None
        Seed of the training and of the draws. Draws of a row depend on it and on the row
        alone, not on the rows beside it.
    verbose : int, default=0
        1 shows progress on standard error.

    Attributes
    ----------
    denoiser_ : torch.nn.Module
        The trained network, on the CPU.
    encoder_ : TableEncoder
        Between tables and codes.
    categories_ : list
        Levels of each categorical column, None for numeric ones.
    loss_curve_ : list of float
        Training loss after each gradient step.
    validation_loss_curve_ : list of float
        Error of hidden cells in held-out rows at each evaluation, relative to that of the
        factor analysis; empty if none are held out.
    n_iter_ : int
        Number of gradient steps.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, where all are strings.

    See Also
    --------
    MissDiffImputer : Fill missing cells with the same fit.

    References
    ----------
    .. [1] Y. Ouyang, L. Xie, C. Li, G. Cheng, "MissDiff: Training Diffusion Models on
       Tabular Data with Missing Values", arXiv:2307.00467, 2023.
    .. [2] A. Lugmayr et al., "RePaint: Inpainting using Denoising Diffusion Probabilistic
       Models", CVPR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skmissdiff import MissDiffSampler
    >>> X = load_iris(as_frame=True).data
    >>> X.iloc[::4, 0] = np.nan
    >>> sampler = MissDiffSampler(max_iter=100, random_state=0).fit(X)
    >>> rows = sampler.sample(5)
    >>> rows.shape, int(rows.isna().sum().sum())
    ((5, 4), 0)
    """

    def sample(self, n_samples=1, random_state=None):
        """Complete synthetic rows like those of the training table.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit: the same rows at every call. Rows are numbered,
            so the first rows of a longer sample are the rows of a shorter one; pass
            another seed for other rows.

        Returns
        -------
        X : ndarray or dataframe of shape (n_samples, n_features_out)
            A table of the kind, names and dtypes seen in `fit`.
        """
        self._check_ready()
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        seed = self._seed_of(random_state)
        progress = Progress("Sampling", n_samples, self.verbose)
        pieces = []
        for start in range(0, n_samples, CALL_ROWS):
            stop = min(start + CALL_ROWS, n_samples)
            pieces.append(self._generate(start, stop, seed))
            progress(stop)
        progress.close()
        columns = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
        encoder = self.encoder_
        return build_table(encoder.schema_, columns, encoder.kept_columns_)

    def _generate(self, start, stop, seed):
        """The columns of rows ``start`` to ``stop`` of the endless sample of a seed."""
        method = self._method()
        n_noise = method.n_noise(self.denoiser_, self.encoder_.layout_.n_codes)
        noise = RowNoise(RowKeys(seed).of_indices(start, stop), n_noise)
        codes = generate_rows(
            method,
            self.denoiser_,
            stop - start,
            noise.normal,
            resolve_device(self.device),
        )
        return self.encoder_.decode(codes, noise.uniform(self.encoder_.layout_.n_columns))

    def to_imputer(self):
        """The same fit as an imputer, without training again.

        Returns
        -------
        imputer : MissDiffImputer
        """
        from skmissdiff._imputer import MissDiffImputer

        return self._shared_with(MissDiffImputer)
