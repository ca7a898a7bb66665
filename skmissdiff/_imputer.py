"""Imputation: point estimates, posterior draws and multiple imputation."""

from numbers import Integral

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skmissdiff._aggregate import aggregate_draws
from skmissdiff._base import BaseMissDiff
from skmissdiff._diffusion.inference import CALL_ROWS
from skmissdiff._progress import Progress
from skmissdiff._rebuild import append_columns, fill_table
from skmissdiff._row_noise import RowKeys

# `score` hides these cells: always the same ones, so that scores can be compared.
SCORE_SEED = 0
SCORE_FRACTION = 0.2


class MissDiffImputer(TransformerMixin, BaseMissDiff):
    """Fill missing cells with a diffusion model trained on the observed ones."""

    _parameter_constraints: dict = {
        **BaseMissDiff._parameter_constraints,
        "sample_posterior": ["boolean"],
        "aggregate": [StrOptions({"mean", "median", "mode"})],
        "n_draws": [Interval(Integral, 1, None, closed="left")],
        "add_indicator": ["boolean"],
    }

    def __init__(
        self,
        method="masked",
        *,
        sample_posterior=False,
        aggregate="mean",
        n_draws=20,
        n_steps=None,
        beta_schedule="quadratic",
        reverse_variance="large",
        n_resample=1,
        categorical_features="from_dtype",
        scaling="standard",
        max_categories=100,
        bounds=None,
        snap=False,
        hidden_size=256,
        n_layers=3,
        max_iter=2000,
        max_time=None,
        batch_size=512,
        learning_rate_init=1e-3,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=10,
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
            A table of the kind that came in. Observed cells are untouched; columns
            never observed in `fit` are dropped unless ``keep_empty_features``.
        """
        table = self._read(X)
        if self.sample_posterior:
            (values,) = self._drawn_values(table, 1, self._seed)
        else:
            values = self._point_values(table)
        return self._completed(table, values)

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
        table = self._read(X)
        draws = self._drawn_values(table, n_imputations, self._seed_of(random_state))
        return [self._completed(table, values) for values in draws]

    def score(self, X, y=None):
        """How well hidden observed cells are imputed; higher is better, 0 is perfect.

        A fifth of the observed cells, always the same ones, is hidden and imputed.
        A numeric column counts with its root mean squared error in units of its
        standard deviation in `fit`, a categorical one with its error rate in units of
        the error rate of always naming the most frequent level. So a constant fill
        scores about -1 whatever the kinds of the columns.

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
        hidden = (rng.random(table.missing.shape) < SCORE_FRACTION) & ~table.missing
        spoiled = table.hide(hidden)
        if self.sample_posterior:
            (values,) = self._drawn_values(spoiled, 1, self._seed)
        else:
            values = self._point_values(spoiled)
        return -self.encoder_.relative_error(table, values, hidden)

    def to_sampler(self):
        """The same fit as a sampler of complete rows, without training again.

        Returns
        -------
        sampler : MissDiffSampler
        """
        from skmissdiff._sampler import MissDiffSampler

        return self._shared_with(MissDiffSampler)

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
        names = _check_feature_names_in(self, input_features)
        kept = names[self.encoder_.kept_columns_]
        if not self.add_indicator:
            return kept
        return np.concatenate([kept, indicator_names(names[self._has_missing])])

    def _completed(self, table, values):
        completed = fill_table(table, values, self.encoder_.kept_columns_)
        if not self.add_indicator:
            return completed
        names = _check_feature_names_in(self, None)[self._has_missing]
        return append_columns(
            completed, indicator_names(names), table.missing[:, self._has_missing]
        )

    def _point_values(self, table):
        """Per column the point estimates, read where a cell is missing."""
        decode = self.encoder_.decode
        if self.aggregate == "mean" and self._method().has_mean:
            return self._over_chunks(table, lambda codes: [decode(self._mean_of(codes))], 1)[0]
        keys = RowKeys(self._seed)
        slices = self.encoder_.layout_.categorical_slices

        def estimate(codes):
            draws, _ = self._draws_of(codes, keys, self.n_draws)
            return [decode(aggregate_draws(draws, slices, self.aggregate))]

        return self._over_chunks(table, estimate, self.n_draws)[0]

    def _drawn_values(self, table, n_draws, seed):
        """For every draw, per column its values, read where a cell is missing."""
        keys = RowKeys(seed)

        def estimate(codes):
            draws, uniforms = self._draws_of(codes, keys, n_draws)
            return [
                self.encoder_.decode(draws[:, draw], uniforms[:, draw]) for draw in range(n_draws)
            ]

        return self._over_chunks(table, estimate, n_draws)

    def _over_chunks(self, table, estimate, n_draws):
        """Completed columns, as many versions of them as ``estimate(codes)`` gives.

        A bounded number of rows at a time, so that memory does not grow with the
        table. Complete rows are left out, their values are arbitrary.
        """
        self.encoder_.warn_unseen(table)
        incomplete = np.flatnonzero(table.missing[:, self.encoder_.kept_columns_].any(axis=1))
        chunk = max(1, CALL_ROWS // n_draws)
        progress = Progress("Imputing", max(1, len(incomplete)), self.verbose)
        pieces = []
        # The loop runs once also when nothing is missing: no rows give empty columns.
        for start in range(0, max(1, len(incomplete)), chunk):
            rows = incomplete[start : start + chunk]
            pieces.append(estimate(self.encoder_.encode(table.take(rows))))
            progress(start + len(rows))
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
