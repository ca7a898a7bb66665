"""Generation of complete rows."""

import copy
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skmissdiff._base import BaseMissDiff, in_calls
from skmissdiff._diffusion.inference import (
    CALL_ROWS,
    generate_rows,
    log_density,
    resolve_device,
)
from skmissdiff._draws.gaps import MAX_ROWS, MaskModel
from skmissdiff._draws.noise import RowKeys, row_contents
from skmissdiff._support.progress import Progress
from skmissdiff._table.given import pandas_index, read_given
from skmissdiff._table.rebuild import build_table, gap_value

# The same noise for every model, so that scores of models can be compared.
SCORE_SEED = 0x6C6F6770


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
    scaling : {"auto", "standard", "quantile", "minmax"}, default="auto"
        How numbers become codes; from the observed cells of the training table only. "auto"
        is "quantile" for "masked" and "standard" for "missdiff".
        "quantile" maps ranks to those of a normal distribution, so that skewed columns,
        heavy tails and values that fill half of a column come back as they were. "auto" of
        "masked" also draws a number of few values that a categorical column tells, such as
        the years beside the name of a degree, as one of these values; another one that is
        given there conditions as the nearest of them.
        "masked" expects codes of about unit variance, as the first two give them.
    max_categories : int or None, default=100
        Levels kept apart in a categorical column; rarer ones share one code and come
        back as real levels at their rate.
    bounds : None, "observed", (low, high) or dict, default="observed"
        Range of generated numbers: the observed one of each column, none, one for all, or
        one per column by name or index.
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

    def _scaling(self):
        if self.scaling == "auto" and self.method == "masked":
            return "quantile"
        return super()._scaling()

    def _draws_determined(self):
        return self.scaling == "auto" and self.method == "masked"

    def sample(self, n_samples=None, *, given=None, keep_missing=False, random_state=None):
        """Complete synthetic rows like those of the training table.

        Parameters
        ----------
        n_samples : int or None, default=None
            Number of rows. None is one row, or as many as `given` has.
        given : dict, dataframe, array-like or None, default=None
            What is known of the rows: a dict of a value, or of one value per row, by column
            name or index; or partial rows, in a frame of any of the columns or in an array of
            all. Cells without a value are drawn given the others, exactly, as in imputation;
            given cells come back as they are, also outside `bounds`. One partial row serves
            for all of `n_samples`.
        keep_missing : bool, default=False
            Whether rows get missing cells where rows like them have some in the training
            table. Given cells stay.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit: the same rows at every call. Rows are numbered,
            so the first rows of a longer sample are the rows of a shorter one; pass
            another seed for other rows.

        Returns
        -------
        X : ndarray or dataframe of shape (n_samples, n_features_out)
            A table of the kind, names and dtypes seen in `fit`; in pandas with the index of
            the partial rows `given`.

        Raises
        ------
        TypeError, ValueError
            If `given` names an unknown column, holds a value that the column cannot have or
            a level that was not seen in `fit`, or has another number of rows.
        """
        n_samples, draw = self._prepare(n_samples, given, keep_missing, random_state)
        (table,) = self._tables(draw, n_samples, n_samples, pandas_index(given, n_samples))
        return table

    def sample_batches(
        self,
        n_samples=None,
        batch_size=10_000,
        *,
        given=None,
        keep_missing=False,
        random_state=None,
    ):
        """The rows of `sample` one table after another, in bounded memory.

        Parameters
        ----------
        n_samples : int or None, default=None
            Number of rows in all. None is one row, or as many as `given` has.
        batch_size : int, default=10_000
            Number of rows of a table; the last one may have fewer.
        given : dict, dataframe, array-like or None, default=None
            What is known of the rows, as in `sample`.
        keep_missing : bool, default=False
            Whether rows get missing cells, as in `sample`.
        random_state : int, RandomState instance or None, default=None
            The seed, as in `sample`.

        Returns
        -------
        batches : iterator of (ndarray or dataframe)
            Below each other they are the table that `sample` gives, whatever the batch size.

        Raises
        ------
        TypeError, ValueError
            As in `sample`, before the first table is asked for.
        """
        check_scalar(batch_size, "batch_size", Integral, min_val=1)
        fitted = copy.copy(self)  # of now, whatever becomes of this one meanwhile
        n_samples, draw = fitted._prepare(n_samples, given, keep_missing, random_state)
        return fitted._tables(draw, n_samples, batch_size, pandas_index(given, n_samples))

    def score_samples(self, X):
        """How likely each row is: a bound on the log density of its observed cells.

        For levels it is the log probability given the levels before. For numbers, given
        the levels, it is the log density of the factor analysis plus what the network adds,
        an integral of squared errors over the noise levels [1]_ [2]_. Only observed cells
        count, as in Theorem 2 of MissDiff. Under scaling "quantile" the slope of the ranks is
        an estimate, so that it bounds up to the error of that.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            A table with the columns seen in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            In nats, for numbers in the units of their columns: whole numbers count as if
            rounded from a density. Under scaling "quantile" values that occur often count
            with their probability instead. Equal rows have equal scores, a row without any
            observed cell has 0. Levels not seen in `fit` count as missing, and columns that
            were constant in `fit` do not count.

        Raises
        ------
        ValueError
            If method is "missdiff" and there are categorical columns.

        References
        ----------
        .. [1] D. P. Kingma, T. Salimans, B. Poole, J. Ho, "Variational Diffusion Models",
           NeurIPS 2021.
        .. [2] X. Kong, R. Brekelmans, G. Ver Steeg, "Information-Theoretic Diffusion",
           ICLR 2023.
        """
        self._check_ready()
        if self.method == "missdiff" and self.encoder_.layout_.categorical_slices:
            schema = self.encoder_.schema_
            label = schema.label(schema.is_categorical.index(True))
            raise ValueError(
                f"method='missdiff' has no likelihood of levels, and {label} is categorical. Use "
                "method='masked' or numeric columns only."
            )
        table = self._read(X)
        encoder, device = self.encoder_, resolve_device(self.device)
        keys = RowKeys(SCORE_SEED).of_contents(row_contents(encoder.known_cells(table)))
        # Values that occur often are spread over their ranks: a bound on their probability.
        uniforms = self._noise(keys).uniform(encoder.layout_.n_columns)
        codes, scores = encoder.encode_for_density(table, uniforms)
        if encoder.scaler_ is not None:
            codes[:, encoder.layout_.numeric_codes[encoder.scaler_.is_constant_]] = np.nan
        parts = zip(in_calls(codes), in_calls(keys), strict=True)
        return scores + np.concatenate(
            [
                log_density(self._method(), self.denoiser_, part, self._noise(k).normal, device)
                for part, k in parts
            ]
        )

    def score(self, X, y=None):
        """Mean of `score_samples`: higher is better, for models of the same columns.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            A table with the columns seen in `fit`.
        y : None
            Ignored.

        Returns
        -------
        score : float
            A bound on the mean log density of the observed cells of a row, in nats.
        """
        return float(np.mean(self.score_samples(X)))

    def _learn_more(self, table, codes):
        """Which cells are missing in rows of which kind, for ``keep_missing``."""
        rows = np.random.default_rng(self._seed).permutation(len(codes))[:MAX_ROWS]
        completed = codes[rows]
        gaps = np.isnan(completed).any(axis=1)
        # Expected values, not draws: what a gap depends on is what was seen beside it.
        if self._method().has_one_pass:
            completed[gaps] = self._one_pass(completed[gaps], median=False)
        else:
            completed = np.where(np.isnan(completed), np.nanmean(codes, axis=0), completed)
        self._mask_model = MaskModel(table.missing, rows, completed, self.encoder_.layout_)

    def _prepare(self, n_samples, given, keep_missing, random_state):
        """The number of rows, and a function of a range of them that draws their columns."""
        self._check_ready()
        if n_samples is not None:
            check_scalar(n_samples, "n_samples", Integral, min_val=1)
        if keep_missing and self._mask_model is None:
            raise ValueError(
                "keep_missing=True takes a model of which cells are missing, and this sampler "
                "comes from an imputer, which learns none. Fit a MissDiffSampler."
            )
        seed = self._seed_of(random_state)
        is_given = given is not None and not (isinstance(given, dict) and not given)
        if not is_given:
            return n_samples or 1, partial(self._draw_columns, seed, None, keep_missing)
        table, is_constant = read_given(
            given, self.encoder_.schema_, self.categories_, self.missing_values
        )
        if n_samples is None:
            n_samples = 1 if is_constant else table.n_rows
        if table.n_rows not in (1, n_samples):
            raise ValueError(
                f"given has {table.n_rows} rows, but n_samples={n_samples}. Leave n_samples out, "
                "or give one value for all rows."
            )
        return n_samples, partial(self._draw_columns, seed, table, keep_missing)

    def _tables(self, draw, n_samples, batch_size, index):
        """Tables of ``batch_size`` rows, each drawn in calls of the network."""
        encoder = self.encoder_
        progress = Progress("Sampling", n_samples, self.verbose)
        for start in range(0, n_samples, batch_size):
            stop = min(start + batch_size, n_samples)
            pieces = [draw(*ends) for ends in progress.over(start, stop, CALL_ROWS)]
            columns = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
            table = build_table(encoder.schema_, columns, encoder.kept_columns_)
            if encoder.schema_.library == "pandas":
                table.index = table.index + start if index is None else index[start:stop]
            yield table
        progress.close()

    def _draw_columns(self, seed, given, keep_missing, start, stop):
        """The columns of rows ``start`` to ``stop``, at most ``CALL_ROWS``."""
        encoder = self.encoder_
        n_rows, n_columns = stop - start, encoder.layout_.n_columns
        noise = self._noise(RowKeys(seed).of_indices(start, stop))
        observed = np.zeros((n_rows, n_columns), dtype=bool)
        if given is None:
            device = resolve_device(self.device)
            codes = generate_rows(self._method(), self.denoiser_, n_rows, noise.normal, device)
        else:
            one = given.n_rows == 1
            part = given.take(np.zeros(n_rows, dtype=int) if one else np.arange(start, stop))
            observed = ~part.missing
            codes = self._draw_of(encoder.encode(part), noise)
        # The first half of a row's numbers is the same whether the second is used or not.
        uniforms = noise.uniform(2 * n_columns)
        columns = encoder.decode(codes, uniforms[:, :n_columns])
        if given is not None:
            for column, known, cells in zip(columns, part.columns, observed.T, strict=True):
                column[cells] = known[cells]
        if keep_missing:
            missing = self._mask_model.draw(codes, uniforms[:, n_columns:], observed)
            columns = [
                with_gaps(column, cells, gap_value(schema, self.missing_values))
                for column, cells, schema in zip(
                    columns, missing.T, encoder.schema_.columns, strict=True
                )
            ]
        return columns

    def to_imputer(self):
        """The same fit as an imputer, without training again.

        Returns
        -------
        imputer : MissDiffImputer
            Without `donors`: a sampler holds no training rows.
        """
        return self._shared_with("MissDiffImputer").set_params(donors=False)


def with_gaps(column, missing, value):
    """A column with ``value`` where it is missing."""
    column = column.astype(object) if isinstance(value, str) else column.copy()
    column[missing] = value
    return column
