"""Imputation: point estimates, posterior draws and multiple imputation."""

import copy
from numbers import Integral

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skmissdiff._base import BaseMissDiff
from skmissdiff._diffusion.inference import CALL_ROWS
from skmissdiff._draws.aggregate import aggregate_draws
from skmissdiff._draws.noise import RowKeys, row_contents
from skmissdiff._encoding.cell_errors import relative_error
from skmissdiff._support.progress import Progress
from skmissdiff._support.sklearn_private import Interval, StrOptions, check_feature_names_in
from skmissdiff._table.rebuild import (
    append_columns,
    configured_output,
    fill_table,
    to_array,
    to_container,
)

# `score` hides these cells: always the same ones, so that scores can be compared.
# The seed is an unusual one: cells that a user hid by a common seed would all be the same.
SCORE_SEED = 0x73636F7265
SCORE_FRACTION = 0.2


class MissDiffImputer(TransformerMixin, BaseMissDiff):
    """Fill missing cells with a diffusion model trained on the observed ones.

    The model learns the joint distribution of the rows by denoising score matching on
    observed cells alone [1]_, and then gives for each missing cell either the best estimate
    or draws that are as uncertain as the cell is.

    Parameters
    ----------
    method : {"masked", "missdiff"}, default="masked"
        "masked" gives every code a noise level of its own: observed cells are clean,
        missing ones absent, and the network corrects a factor analysis. "missdiff" is
        the paper as printed [1]_: zeros for missing codes, noise prediction, imputation by
        replacement.
    sample_posterior : bool, default=False
        Whether `transform` gives one draw from the distribution of the missing cells
        instead of a point estimate. Averages of imputed tables are right only with draws.
    aggregate : {"mean", "median", "mode"}, default="mean"
        Point estimate of a number: the mean is best for squared errors, the median for
        absolute ones, the mode is the most typical value. Mean and median of "masked" take
        one network pass; otherwise they are taken over `n_draws` draws. Levels are the most
        probable ones in each case.
    n_draws : int, default=20
        Draws per row for a point estimate that needs draws.
    donors : bool, default=True
        Whether training rows that agree with a row have a say in its means and medians:
        "masked" asks them in tables of fewer than 2,000 rows, as far as that improves the
        rows that `early_stopping` holds out, unless `scaling` is "quantile". It helps where
        rows come back, exactly or nearly. The fitted imputer then holds the training rows,
        also when it is pickled or saved; False keeps them out.
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
        is "standard", as means of ranks are no means.
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
    n_refreshes : int, default=0
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
        tables of fewer than 2,000 rows or, without `n_refreshes`, 100 per code.
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
    add_indicator : bool, default=False
        Whether columns that say which cells were missing are appended, for the columns
        with missing cells in `fit`.
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
    MissDiffSampler : Generate complete rows from the same fit.

    Notes
    -----
    The draws come from one fitted model: they carry the uncertainty of the cells given the
    model, not that of the model itself. For a small table, fit one imputer to each of
    several bootstrap samples if the latter matters.

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
    >>> from skmissdiff import MissDiffImputer
    >>> X = load_iris(as_frame=True).data
    >>> X.iloc[::4, 0] = np.nan
    >>> imputer = MissDiffImputer(max_iter=100, random_state=0).fit(X)
    >>> completed = imputer.transform(X)
    >>> int(completed.isna().sum().sum())
    0
    >>> draws = imputer.multiple_impute(X, n_imputations=3)
    >>> len(draws)
    3
    """

    _parameter_constraints: dict = {
        **BaseMissDiff._parameter_constraints,
        "sample_posterior": ["boolean"],
        "aggregate": [StrOptions({"mean", "median", "mode"})],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "donors": ["boolean"],
        "add_indicator": ["boolean"],
    }

    def __init__(
        self,
        method="masked",
        *,
        sample_posterior=False,
        aggregate="mean",
        n_draws=20,
        donors=True,
        n_steps=None,
        beta_schedule="quadratic",
        reverse_variance="large",
        n_resample=1,
        categorical_features="from_dtype",
        scaling="auto",
        max_categories=100,
        bounds=None,
        snap=False,
        hidden_size=None,
        n_layers=2,
        n_networks=None,
        n_refreshes=0,
        max_iter=None,
        max_time=None,
        batch_size=None,
        learning_rate_init=None,
        early_stopping="auto",
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        missing_values=np.nan,
        keep_empty_features=False,
        add_indicator=False,
        memory=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            method,
            n_steps=n_steps,
            beta_schedule=beta_schedule,
            reverse_variance=reverse_variance,
            n_resample=n_resample,
            categorical_features=categorical_features,
            scaling=scaling,
            max_categories=max_categories,
            bounds=bounds,
            snap=snap,
            hidden_size=hidden_size,
            n_layers=n_layers,
            n_networks=n_networks,
            n_refreshes=n_refreshes,
            max_iter=max_iter,
            max_time=max_time,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            missing_values=missing_values,
            keep_empty_features=keep_empty_features,
            memory=memory,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.sample_posterior = sample_posterior
        self.aggregate = aggregate
        self.n_draws = n_draws
        self.donors = donors
        self.add_indicator = add_indicator

    def transform(self, X):
        """Fill the missing cells of a table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The table to complete, with the columns seen in `fit`.

        Returns
        -------
        X_completed : ndarray or dataframe of shape (n_samples, n_features_out)
            A table of the kind that came in, or an array if `fit` saw one. Observed cells
            are untouched; columns never observed in `fit` are dropped unless
            ``keep_empty_features``.
        """
        table = self._read(X)
        values = self._values(table)
        return to_container(
            self._completed(table, values), configured_output(self), self.get_feature_names_out()
        )

    def multiple_impute(self, X, n_imputations=5, random_state=None):
        """Completed tables that differ by how uncertain each missing cell is.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The table to complete, with the columns seen in `fit`.
        n_imputations : int, default=5
            Number of tables.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit, so that repeated calls agree. The first
            table is then what `transform` gives with ``sample_posterior=True``.

        Returns
        -------
        tables : list of ndarray or dataframe, each of shape (n_samples, n_features_out)
        """
        check_scalar(n_imputations, "n_imputations", Integral, min_val=1)
        table = self._read(X)
        draws = self._drawn_values(table, n_imputations, self._seed_of(random_state))
        return [self._completed(table, values) for values in draws]

    def score(self, X, y=None):
        """How well hidden observed cells are imputed; higher is better, 0 is perfect.

        A fifth of the observed cells, always the same ones, is hidden and imputed.
        A numeric column counts with its root mean squared error in units of its
        standard deviation in `fit`, a categorical one with its error rate in units of
        the error rate of always naming the most frequent level. So a constant fill
        scores about -1 whatever the kinds of the columns. Score other rows than the imputer
        was fitted to: those it knows, and as `donors` even by heart.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            A table with the columns seen in `fit`.
        y : None
            Ignored.

        Returns
        -------
        score : float
            Minus the mean error over the columns.

        Raises
        ------
        ValueError
            If no cell could be hidden.
        """
        table = self._read(X)
        rng = np.random.default_rng(SCORE_SEED)
        chance = np.where(table.missing, 1.0, rng.random(table.missing.shape))
        hidden = chance < max(SCORE_FRACTION, np.nextafter(chance.min(), 1.0))  # one at least
        hidden &= ~table.missing
        spoiled = table.hide(hidden)
        unit = self.encoder_.constant_errors_
        return -relative_error(table, self._values(spoiled), hidden, unit)

    def to_sampler(self):
        """The same fit as a sampler of complete rows, without training again.

        Returns
        -------
        sampler : MissDiffSampler
            It has the networks alone, and holds no training row.
        """
        sampler = self._shared_with("MissDiffSampler")
        if self.denoiser_.donors is not None:
            sampler.denoiser_ = copy.deepcopy(self.denoiser_)
            sampler.denoiser_.set_donors(None)
        return sampler

    def get_feature_names_out(self, input_features=None):
        """Names of the columns of the completed table.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of the input, checked against those seen in `fit`.

        Returns
        -------
        feature_names_out : ndarray of str
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        kept = names[self.encoder_.kept_columns_]
        if not self.add_indicator:
            return kept
        return np.concatenate([kept, indicator_names(names[self._has_missing])])

    def _asks_donors(self):
        # By ranks, equal values are spread over the ranks they hold: twins are no twins.
        return self.donors and self._scaling() != "quantile"

    def _training_settings(self):
        return {**super()._training_settings(), "donors": self.donors}

    def _check_names(self, names):
        if not self.add_indicator or names is None:
            return
        clash = set(map(str, names)) & set(indicator_names(names))
        if clash:
            raise ValueError(
                f"add_indicator=True would add columns named {sorted(clash)}, which X has already. "
                "Rename those columns or use add_indicator=False."
            )

    def _completed(self, table, values):
        completed = fill_table(table, values, self.encoder_.kept_columns_)
        if self.encoder_.schema_.library == "array":
            # Fitted without names: a frame's own ones would not be those that
            # `get_feature_names_out` tells.
            completed = to_array(completed)
        if not self.add_indicator:
            return completed
        names = check_feature_names_in(self, None)[self._has_missing]
        return append_columns(
            completed, indicator_names(names), table.missing[:, self._has_missing]
        )

    def _values(self, table):
        """Per column a draw or the point estimates, read where a cell is missing."""
        if self.sample_posterior:
            return self._drawn_values(table, 1, self._seed)[0]
        return self._point_values(table)

    def _point_values(self, table):
        """Per column the point estimates, read where a cell is missing."""
        decode = self.encoder_.decode
        if self.aggregate != "mode" and self._method().has_one_pass:
            median = self.aggregate == "median"
            (values,) = self._over_chunks(
                table,
                lambda part, codes: [decode(self._one_pass(codes, median), how=self.aggregate)],
                1,
            )
            return values
        keys = RowKeys(self._seed)
        slices = self.encoder_.layout_.categorical_slices

        def estimate(part, codes):
            contents = row_contents(self.encoder_.known_cells(part))
            draws, _ = self._draws_of(codes, contents, keys, self.n_draws)
            return [decode(aggregate_draws(draws, slices, self.aggregate), how=self.aggregate)]

        return self._over_chunks(table, estimate, self.n_draws)[0]

    def _drawn_values(self, table, n_draws, seed):
        """For every draw, per column its values, read where a cell is missing."""
        keys = RowKeys(seed)

        def estimate(part, codes):
            contents = row_contents(self.encoder_.known_cells(part))
            draws, uniforms = self._draws_of(codes, contents, keys, n_draws)
            return [
                self.encoder_.decode(draws[:, draw], uniforms[:, draw]) for draw in range(n_draws)
            ]

        return self._over_chunks(table, estimate, n_draws)

    def _over_chunks(self, table, estimate, n_draws):
        """Completed columns, as many versions of them as ``estimate(part, codes)`` gives.

        A bounded number of rows at a time, so that memory does not grow with the
        table. Complete rows are left out, their values are arbitrary.
        """
        incomplete = np.flatnonzero(table.missing[:, self.encoder_.kept_columns_].any(axis=1))
        chunk = max(1, CALL_ROWS // n_draws)
        progress = Progress("Imputing", max(1, len(incomplete)), self.verbose)
        pieces = []
        # The loop runs once also when nothing is missing: no rows give empty columns.
        for first, last in progress.over(0, max(1, len(incomplete)), chunk):
            part = table.take(incomplete[first:last])
            pieces.append(estimate(part, self.encoder_.encode(part)))
        progress.close()
        return [
            [self._spread(parts, incomplete, table.n_rows) for parts in zip(*version, strict=True)]
            for version in zip(*pieces, strict=True)
        ]

    @staticmethod
    def _spread(parts, rows, n_rows):
        """The pieces of a column, put at ``rows``."""
        values = np.concatenate(parts)
        column = np.empty(n_rows, dtype=values.dtype)
        column[rows] = values
        return column


def indicator_names(names):
    return np.array([f"missingindicator_{name}" for name in names], dtype=object)
