"""Imputation: point estimates, posterior draws and multiple imputation."""

import copy
import time
from dataclasses import replace
from numbers import Integral

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.impute import MissingIndicator
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from skmissdiff._base import BaseMissDiff, as_it_was_on_failure, new_seed
from skmissdiff._chains import codes_of_chain, grown_chain
from skmissdiff._diffusion.inference import CALL_ROWS, Model, in_calls, resolve_device
from skmissdiff._draws.aggregate import aggregate_draws
from skmissdiff._draws.noise import RowKeys, ranks_among_equals, row_contents
from skmissdiff._encoding.cell_errors import relative_error
from skmissdiff._forests import grown_forests
from skmissdiff._multiple import check_proper, drawing_imputers, read_delta, shifted_draws
from skmissdiff._support.progress import Progress
from skmissdiff._support.sklearn_private import Interval, StrOptions, check_feature_names_in
from skmissdiff._support.weights import as_shares, check_weights
from skmissdiff._table.chosen_cells import ChosenCells
from skmissdiff._table.gap_rows import GapRows
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
    method : {"masked", "missdiff"} or PaperMethod, default="masked"
        "masked" gives every code a noise level of its own: observed cells are clean,
        missing ones absent, and the network corrects a factor analysis. "missdiff" is
        the paper as printed [1]_: zeros for missing codes, noise prediction, imputation by
        replacement; a `PaperMethod` is the same with other choices.
    sample_posterior : bool, default=False
        Whether `transform` gives one draw from the distribution of the missing cells
        instead of a point estimate. Averages of imputed tables are right only with draws.
    aggregate : {"mean", "median", "mode"}, default="mean"
        Point estimate of a number: the mean is best for squared errors, the median for
        absolute ones, the mode is the most typical value. Mean and median of "masked" take
        one network pass; otherwise they are taken over `n_draws` draws. Of categories it is
        the most probable one in each case.
    n_draws : int, default=20
        Draws per row for a point estimate that needs draws, at most 512.
    donors : bool, default=True
        Whether training rows have a say in means and medians of "masked" beside the networks, as
        far as the rows that `early_stopping` holds out allow, unless `scaling` is "quantile": those
        that agree with a row, in tables of up to 4,000 rows, which helps where rows come back,
        exactly or nearly; and through forests of trees, which split where networks smooth. Draws
        take three numbers out of four, or all of a column, from training rows in the same leaf of
        a tree. The fitted imputer then holds training rows, also when it is pickled or saved; False
        keeps them out.
    n_steps : int or None, default=None
        Number of diffusion steps of a draw. None is 6 for "masked", where it may be
        changed after `fit`, and 100 for "missdiff", where training depends on it.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns hold categories rather than numbers: by dtype (category, string and
        boolean columns), none, or indices, names or a boolean mask.
    scaling : {"standard", "quantile", "minmax"}, default="standard"
        How numbers become codes, from the observed cells of the training table only.
        "standard" gives them mean 0 and variance 1, which keeps means means and allows
        values beyond the observed ones. "quantile" maps ranks to those of a normal
        distribution, so that skewed columns, heavy tails and values that fill half of a
        column come back as they were. It also takes a number of few values that a
        categorical column tells, such as the years beside the name of a degree, as one of
        these values; another one that is given there conditions as the nearest of them.
        "minmax", the range as 0 to 1, is for "missdiff" alone.
    max_categories : int or None, default=100
        Categories of a column that are kept apart; rarer ones share one code and come back
        as real ones at their rate. None means no limit.
    bounds : None, "observed", (low, high) or dict, default="observed"
        Range of the numbers that come out: any, that of the observed values of each
        column, a pair in which None means no bound, or one of these per column by name or
        index.
    snap : bool, "whole" or array-like, default=False
        Whether the numbers that come out are the nearest ones observed in `fit`: in every
        numeric column, or in those named. "whole": the nearest whole ones, in columns that held
        nothing else, whatever their dtype.
    relations : list of relations or None, default=None
        What holds in every row: `Order`, `FixedSum`, `OneHot`, `Combinations`, `Computed`. No row
        that comes out breaks one, unless its observed or given cells do; these are never
        changed. They count more than `bounds` and `snap`.
    max_iter : int or None, default=None
        Number of gradient steps, each on one mini-batch. None chooses by the size of the
        table; 0 leaves "masked" at its start, a factor analysis.
    max_time : float or None, default=None
        Seconds of `fit`. The learning rate falls to zero by this time, if `max_iter` is not
        reached before.
    early_stopping : bool, default=True
        Whether "masked" holds out a tenth of the rows, at most 600 for each network, stops when
        their hidden cells are no longer predicted better, keeps the weights that predicted them
        best, and shrinks each column towards the factor analysis as far as they ask for.
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
        as `n_steps` of "masked", trains once. It needs an int as `random_state` and no
        `max_time`.
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
        Categories of each categorical column, None for numeric ones.
    loss_curve_ : list of float
        Training loss after each gradient step.
    validation_loss_curve_ : list of float
        Error of hidden cells in held-out rows at each evaluation, relative to that of the
        factor analysis; empty if none are held out.
    n_iter_ : int
        Number of gradient steps.
    indicator_ : MissingIndicator or None
        Which columns had missing cells in `fit`, None without `add_indicator`. It was fitted
        to zeros with NaN where a cell was missing, whatever the table held.
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
    model, not that of the model itself. Where the latter matters, as it does when something is
    estimated from a small table, ask `multiple_impute` for ``proper="bootstrap"``.

    References
    ----------
    .. [1] Y. Ouyang, L. Xie, C. Li, G. Cheng, "MissDiff: Training Diffusion Models on
       Tabular Data with Missing Values", arXiv:2307.00467, 2023.

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
        "n_draws": [Interval(Integral, 1, CALL_ROWS, closed="both")],
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
        categorical_features="from_dtype",
        scaling="standard",
        max_categories=100,
        bounds="observed",
        snap=False,
        relations=None,
        max_iter=None,
        max_time=None,
        early_stopping=True,
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
            categorical_features=categorical_features,
            scaling=scaling,
            max_categories=max_categories,
            bounds=bounds,
            snap=snap,
            relations=relations,
            max_iter=max_iter,
            max_time=max_time,
            early_stopping=early_stopping,
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

    def fit(self, X, y=None, sample_weight=None):
        """Learn the distribution of the rows from their observed cells.

        Parameters
        ----------
        X : array-like, dataframe or stream of shape (n_samples, n_features)
            The table, with missing cells. One that is larger than memory comes batch by batch,
            as a `pyarrow.dataset.Dataset`, an iterable of Arrow record batches or a function
            that opens one: it is read once, and learnt from a sample of its rows, with the
            extremes and categories of all of them.
        y : None
            Ignored, present for the conventions of scikit-learn.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How often each row counts, as the weights of a survey do. Only their ratios matter; a
            row of weight 0 is as if it were not there.

        Returns
        -------
        self : MissDiffImputer
            The fitted imputer.

        Raises
        ------
        TypeError, ValueError
            Before any training, if the table cannot be used; the message names the column.
        """
        started = time.monotonic()
        self._check_parameters()
        with as_it_was_on_failure(self):
            processes = self._processes(X)
            seed = processes.first(lambda: new_seed(self.random_state))
            table = self._read_training_table(X, sample_weight, seed, processes)
            self._check_indicator_names(table.schema.names)
            encoder = processes.first(lambda: self._fit_encoder(table))
            table, codes = self._encode(table, encoder, seed, processes)
            denoiser, history = self._train(
                codes,
                encoder.layout_,
                seed,
                table.weight,
                n_refreshes=0,
                donors=self._has_donors(),
                started=started,
                processes=processes,
            )
            self._keep_fit(table, encoder, seed, denoiser, history)
            if history.said is not None:
                weight = as_shares(table.weight)
                self._forests = self._grown_forests(codes, history.said, weight, started)
            # Of several processes none has all rows.
            if self._has_donors() and self.n_iter_ > 0 and processes.n == 1:
                self._chain_codes, self._chain_distinct = codes_of_chain(table, encoder, seed)
        return self

    def transform(self, X, *, impute_columns=None, where=None):
        """Fill the missing cells of a table.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The table to complete, with the columns seen in `fit`.
        impute_columns : array-like or None, default=None
            Names, indices or a boolean mask of the columns whose cells are filled; None for all.
            Missing cells of the others stay as they are.
        where : array-like or dataframe of bool, dict or None, default=None
            Which missing cells may be filled, as a table of True and False like X, or by column
            in a dict. A column of the dict has a bool per row, or a rule: a pair such as
            ``("pregnant", "yes")`` of another column and the value, or a list of values, that it
            has in the completed row; or a function of the completed table that gives a bool per
            row. A cell that does not fulfil its rule stays missing, and fulfils no other rule.

        Returns
        -------
        X_completed : ndarray or dataframe of shape (n_samples, n_features_out)
            A table of the kind that came in, or an array if `fit` saw one. Observed cells
            are untouched; columns never observed in `fit` are dropped unless
            ``keep_empty_features``.
        """
        self._check_ready()
        table = self._read(X)
        cells = self._chosen(table, impute_columns, where)
        completed = self._write(table, cells, self._values(table, cells.asked))
        return to_container(completed, configured_output(self), self.get_feature_names_out())

    def fit_transform(self, X, y=None, sample_weight=None, *, impute_columns=None, where=None):
        """Learn from a table and fill its missing cells.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The table, with missing cells.
        y : None
            Ignored, present for the conventions of scikit-learn.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How often each row counts, as in `fit`.
        impute_columns : array-like or None, default=None
            Which columns are filled, as in `transform`; all of them are learnt from.
        where : array-like or dataframe of bool, dict or None, default=None
            Which cells are filled, as in `transform`.

        Returns
        -------
        X_completed : ndarray or dataframe of shape (n_samples, n_features_out)
            What ``fit(X).transform(X)`` gives.
        """
        self._refuse_stream(X)  # before it is learnt from
        fitted = self.fit(X, sample_weight=sample_weight)
        return fitted.transform(X, impute_columns=impute_columns, where=where)

    def multiple_impute(
        self,
        X,
        n_imputations=5,
        random_state=None,
        *,
        proper="none",
        sample_weight=None,
        delta=None,
        impute_columns=None,
        where=None,
    ):
        """Completed tables that differ by how uncertain each missing cell is.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The table to complete, with the columns seen in `fit`.
        n_imputations : int, default=5
            Number of tables.
        random_state : int, RandomState instance or None, default=None
            None takes the seed of the fit, so that repeated calls agree. The first
            table is then what `transform` gives with ``sample_posterior=True``, unless
            `proper` asks for other models.
        proper : {"none", "bootstrap", "refit"}, default="none"
            Whether the tables differ also by how uncertain the model is, as they have to where
            something is estimated from them. "none" draws all of them from the fitted model.
            "bootstrap" gives each a model of its own, fitted to the rows of `X` with random
            weights (Bayesian bootstrap [2]_): the factor analysis anew, and, where the networks
            of the fit brought something, one network, trained and believed as far as was right
            for those. "refit" repeats the whole fit to weighted rows, for each table. Pass the
            table that was fitted: its rows are what the models are learnt from, in any order.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            How often each row of `X` counts in the models that `proper` asks for, which is to
            be said again if `fit` had weights. The random weights are times as large.
        delta : dict or None, default=None
            Shifts of what is drawn, by column: ``{"bmi": -2}`` says that missing values of bmi
            are 2 lower than those that are observed beside equal cells. In the units of the
            column, durations for dates. The other missing cells of a row are then drawn given
            the shifted ones. These keep to no `bounds`, `snap` or `relations`. It tells how much
            of a conclusion rests on cells being missing at random; see
            `skmissdiff.inference.tipping_point`.
        impute_columns : array-like or None, default=None
            Which columns are filled, as in `transform`.
        where : array-like or dataframe of bool, dict or None, default=None
            Which cells are filled, as in `transform`. A rule looks at each table for itself.

        Returns
        -------
        tables : list of ndarray or dataframe, each of shape (n_samples, n_features_out)

        Raises
        ------
        ValueError
            If `proper` asks for models of a table in which a column is never observed, or of
            the paper's method, or without the weights that `fit` had; if weights are given for
            no model; if `delta` names a column that is not there or holds no numbers.

        References
        ----------
        .. [2] D. B. Rubin, "The Bayesian Bootstrap", The Annals of Statistics 9, 1981.
        """
        self._check_ready()
        check_scalar(n_imputations, "n_imputations", Integral, min_val=1)
        (tables,) = self._completed(
            X, n_imputations, random_state, proper, [delta], sample_weight, impute_columns, where
        )
        return tables

    def _completed(
        self,
        X,
        n_imputations,
        random_state,
        proper,
        deltas,
        sample_weight=None,
        impute_columns=None,
        where=None,
    ):
        """Completed tables for each of several shifts, by the same models."""
        check_proper(self, proper, sample_weight is not None)
        weight = check_weights(sample_weight, X)
        shifts = [read_delta(delta, self.encoder_.schema_) for delta in deltas]
        table, seed = self._read(X), self._seed_of(random_state)
        cells = self._chosen(table, impute_columns, where)
        if proper == "none" and shifts == [{}]:
            draws = self._draws(table, cells.asked, range(n_imputations), seed)
            yield [self._write(table, cells, values) for values in draws]
            return
        twins = drawing_imputers(self, table, n_imputations, seed, proper, weight)
        for shift in shifts:
            draws = (shifted_draws(twin, table, cells, own, shift) for twin, own in twins)
            yield [self._write(table, cells, values) for values in draws]

    def transform_batches(
        self,
        batches,
        *,
        key=None,
        partition=None,
        draw=None,
        random_state=None,
        impute_columns=None,
        where=None,
    ):
        """Fill the missing cells of a table that comes batch by batch, in bounded memory.

        Parameters
        ----------
        batches : pyarrow.dataset.Dataset, iterable or callable
            The table: a dataset of files, anything that yields Arrow record batches, such as a
            ``RecordBatchReader``, a function that opens such, or an iterable of pandas or polars
            frames. It has the columns seen in `fit`, in any order. Others are left as they are.
        key : str, list of str or None, default=None
            Column, or columns, whose values tell rows apart that are equal in all else, so
            that draws of them differ. A row's draw is then the same in whatever batch, file or
            partition it comes. None tells rows apart by their numbers in `batches`.
        partition : int, str or None, default=None
            Without a `key`, what tells this part from other parts of the same table,
            such as the number of a partition or the name of a file: without it, the first rows
            of two parts would have the same draws if they are equal.
        draw : int or None, default=None
            The number of a draw, from 0: as the completed tables of `multiple_impute`, one at a
            time, by the fitted model alone (``proper="none"``). None gives point estimates, or
            draw 0 with ``sample_posterior=True``.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws. None takes the seed of the fit, so that repeated calls agree.
        impute_columns : list of str or None, default=None
            Which columns are filled, as in `transform`.
        where : dict or None, default=None
            Rules which cells are filled, as in `transform`.

        Returns
        -------
        completed : pyarrow.RecordBatchReader or iterator of frames
            For Arrow a reader, an iterable of record batches that has their ``schema``, which
            is that of the input, in batches of about a million cells, whatever batches came in.
            A column of nulls gets the type that it had in `fit`. For pandas or polars one frame
            for each that came in, of the same rows. Columns never observed in `fit` are left as
            they are unless ``keep_empty_features``.

        Raises
        ------
        TypeError, ValueError
            If a column is lacking, holds something else than in `fit`, or is a `key` that
            does not tell rows apart.

        Examples
        --------
        >>> import numpy as np
        >>> import pyarrow as pa
        >>> from skmissdiff import MissDiffImputer
        >>> a = np.random.default_rng(0).normal(size=300)
        >>> table = pa.table({"row": range(300), "a": a, "b": pa.array(2 * a, mask=a > 1)})
        >>> imputer = MissDiffImputer(max_iter=0, random_state=0).fit(table.select(["a", "b"]))
        >>> reader = imputer.transform_batches(table.to_batches(max_chunksize=7))
        >>> reader.schema.names, reader.read_all()["b"].null_count
        (['row', 'a', 'b'], 0)
        >>> draw = imputer.transform_batches(table.to_batches(), key="row", draw=0).read_all()
        """
        chosen = {"impute_columns": impute_columns, "where": where}
        seed = self._seed_for(random_state)
        return self._completion(key, partition, draw, seed, chosen).start(batches)

    def for_partitions(
        self,
        *,
        key=None,
        draw=None,
        random_state=None,
        impute_columns=None,
        where=None,
        path=None,
    ):
        """A function that completes the partitions of Dask, Ray, Spark and their like.

        Parameters
        ----------
        key : str, list of str or None, default=None
            Columns that tell equal rows apart, as in `transform_batches`: draws then do not
            depend on the partitions. Without it the number of a partition is taken, which Dask
            and Spark tell; others have to name a key for draws.
        draw : int or None, default=None
            The number of a draw, as in `transform_batches`.
        random_state : int, RandomState instance or None, default=None
            Seed of the draws.
        impute_columns : list of str or None, default=None
            Which columns are filled, as in `transform`.
        where : dict or None, default=None
            Rules which cells are filled, as in `transform`.
        path : path-like or None, default=None
            A file in a place that all workers can read, which each worker process reads once:
            this model's, or none yet, and then it is saved there now. Without it the model
            travels with the function.

        Returns
        -------
        function : PartitionFunction
            Picklable. It takes a frame and returns it completed, or an iterable of frames and
            yields them completed. Where it runs torch uses one thread, since engines run as many
            workers as there are cores.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from skmissdiff import MissDiffImputer
        >>> a = np.random.default_rng(0).normal(size=300)
        >>> table = pd.DataFrame({"row": range(300), "a": a, "b": np.where(a > 1, np.nan, 2 * a)})
        >>> imputer = MissDiffImputer(max_iter=0, random_state=0).fit(table[["a", "b"]])
        >>> complete = imputer.for_partitions(key="row", draw=0)
        >>> parts = [complete(table[:100]), complete(table[100:])]
        >>> bool(pd.concat(parts).equals(complete(table)))
        True
        """
        from skmissdiff._partitions import PartitionFunction

        chosen = {"impute_columns": impute_columns, "where": where}
        options = {"key": key, "draw": draw, "seed": self._seed_for(random_state), "chosen": chosen}
        self._completion(partition=None, **options)  # what is wrong is said here, not by a worker
        return PartitionFunction(self, options, path)

    def _completion(self, key, partition, draw, seed, chosen):
        from skmissdiff._batchwise import Completion

        self._check_ready()
        if draw is not None:
            check_scalar(draw, "draw", Integral, min_val=0)
        return Completion(self, key, partition, draw, seed, chosen)

    def _seed_for(self, random_state):
        check_is_fitted(self)
        return self._seed_of(random_state)

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
        self._check_ready()
        table = self._read(X)
        rng = np.random.default_rng(SCORE_SEED)
        chance = np.where(table.missing, 1.0, rng.random(table.missing.shape))
        hidden = chance < max(SCORE_FRACTION, np.nextafter(chance.min(), 1.0))  # one at least
        hidden &= ~table.missing
        values = self._values(table.hide(hidden), hidden)
        return -relative_error(table, values, hidden, self.encoder_.constant_errors_)

    def to_sampler(self):
        """The same fit as a sampler of complete rows, without training again.

        Returns
        -------
        sampler : MissDiffSampler
            It has the networks alone, and holds no training row. Its parameters are those
            that the imputer was fitted with, so that a clone of it trains the same model.
        """
        n_refreshes = getattr(self, "_fitted_with", {}).get("n_refreshes")
        sampler = self._shared_with("MissDiffSampler", n_refreshes=n_refreshes)
        if self.denoiser_.donors is not None:
            sampler.denoiser_ = copy.deepcopy(self.denoiser_)
            sampler.denoiser_.set_donors(None)
        sampler._chain = sampler._chain_codes = sampler._chain_distinct = sampler._forests = None
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

    @property
    def indicator_(self):
        """The `MissingIndicator` of the columns with missing cells in `fit`, or None."""
        check_is_fitted(self)
        if not self.add_indicator:
            return None
        # Markers and text are read already: what it looks at is where cells were missing.
        gaps = np.where(self._has_missing, np.nan, 0.0)[None]
        indicator = MissingIndicator(error_on_new=False).set_output(transform="default")
        return indicator.fit(gaps)

    def _check_indicator_names(self, names):
        """Raise if columns of the indicator would have names that are there already."""
        if not self.add_indicator or names is None:
            return
        clash = set(map(str, names)) & set(indicator_names(names))
        if clash:
            raise ValueError(
                f"add_indicator=True would add columns named {sorted(clash)}, which X has already. "
                "Rename those columns or use add_indicator=False."
            )

    def _chosen(self, table, impute_columns, where):
        """The missing cells that are to be filled."""
        encoder = self.encoder_
        return ChosenCells(table, encoder.kept_columns_, encoder.categories_, impute_columns, where)

    def _values(self, table, asked):
        """Per column what goes into its missing cells: a draw, or point estimates."""
        if self.sample_posterior:
            return self._draws(table, asked, range(1), self._seed)[0]
        if self.aggregate == "mode" or not self._diffusion_method().has_one_pass:
            return self._estimates_from_draws(table, asked)
        return self._estimates(table, asked)

    # Each goes through the rows that are asked for, as many at a time as a call of the network
    # takes, so that memory does not grow with the table: encode, ask the network, decode.

    def _estimates(self, table, asked):
        """Per column the point estimates, in one pass of the network."""
        gaps, encoder = GapRows(table, asked), self.encoder_
        model, progress = self._model(), Progress("Imputing", gaps.n_rows, self.verbose)
        pieces = []
        for rows, _ in in_calls(gaps.n_rows):
            codes = gaps.codes(encoder, rows)
            estimate = self._estimated(model, codes)
            pieces.append(self._fill(estimate, gaps.table, rows, how=self.aggregate))
            progress(rows[-1] + 1)
        progress.close()
        return gaps.filled(pieces)

    def _estimated(self, model, codes):
        """Codes with means or medians in their gaps: of the networks, and the steps of forests."""
        median = self.aggregate == "median"
        if self._forests is None:
            return model.estimate(codes, median=median)
        guess, known = model.guess(codes, median=median), ~np.isnan(codes)
        # Beside donors a guess of what is known is theirs, not the cell itself.
        mean = np.where(known, codes, guess.mean)
        return guess.value + self._forests.steps(mean, guess.part, known, median)

    def _estimates_from_draws(self, table, asked):
        """Per column the point estimates, from draws that equal rows have in common."""
        gaps, encoder = GapRows(table, asked), self.encoder_
        model, progress = self._model(), Progress("Imputing", gaps.n_rows, self.verbose)
        contents = row_contents(encoder.known_cells(gaps.table))
        layout, n_draws = encoder.layout_, self.n_draws
        pieces = []
        for rows, numbers in in_calls(gaps.n_rows, n_draws):
            codes = gaps.codes(encoder, rows)
            keys = RowKeys(self._seed).of_rows([contents[row] for row in rows], draws=numbers)
            drawn, _ = self._drawn(model, codes, keys, numbers, gaps.table, rows)
            drawn = drawn.reshape(-1, n_draws, drawn.shape[1])
            estimate = aggregate_draws(drawn, layout, self.aggregate)
            pieces.append(self._fill(estimate, gaps.table, rows[::n_draws], how=self.aggregate))
            progress(rows[-1] + 1)
        progress.close()
        return gaps.filled(pieces)

    def _asked_chain(self):
        """The chain that draws ask, grown when it is asked for the first time, None for none."""
        if self._chain is None and self._chain_codes is not None:
            self._chain = self._grown_chain(self._chain_codes, distinct=self._chain_distinct)
        return self._chain

    def _grown_chain(self, codes, **options):
        """A chain grown on rows whose gaps the networks fill with a draw."""
        model, layout = self._trained_model(), self.encoder_.layout_
        return grown_chain(codes, model, layout, self._seed, **options)

    def _grown_forests(self, codes, said, weight, started):
        """The forests that have a say in means, None for none."""
        model, layout = self._trained_model(), self.encoder_.layout_
        deadline = np.inf if self.max_time is None else started + self.max_time
        return grown_forests(codes, layout, model, said, self._seed, weight, deadline)

    def _trained_model(self):
        """The network of the fit: trees do not depend on the steps of draws, set later."""
        method = self._diffusion_method().training_key()
        return Model(method, self.denoiser_, resolve_device(self.device))

    def _has_donors(self):
        """Whether training rows may have a say."""
        # By ranks, equal values are spread over the ranks they hold: twins are no twins.
        masked = self._diffusion_method().has_one_pass
        return masked and self.donors and self.scaling != "quantile"

    def _drawn(self, model, codes, keys, numbers, table, rows):
        """One draw of each row, and numbers from 0 to 1 of every column for `_fill`."""
        noise, n_columns = self._noise(model, keys), self.encoder_.layout_.n_columns
        codes = self._settle(codes, table, rows, model, noise)
        drawn = model.draw(codes, noise.normal)
        chain = self._asked_chain()
        if chain is None:
            return drawn, noise.uniform(n_columns)
        # Behind the numbers that `_settle` takes.
        first = 2 * n_columns + getattr(self.encoder_, "n_blocks", 0)
        uniforms = noise.uniform(first + chain.n_uniforms)
        # A number that does not apply beside a drawn or observed value is none to lend.
        known = ~np.isnan(codes) | self.encoder_.layout_.idle(drawn)
        drawn = chain.draw(drawn, known, numbers, uniforms[:, first:])
        return drawn, uniforms[:, :n_columns]

    def _draws(self, table, asked, numbers, seed, labels=None, like=None):
        """For every draw of a range of numbers, per column what goes into its missing cells.

        Equal rows are told apart by their ranks in the table, or by labels of all its rows. They
        have the noise of the rows of ``like``, if cells have been filled since.
        """
        gaps, encoder = GapRows(table, asked), self.encoder_
        model, progress = self._model(), Progress("Imputing", gaps.n_rows, self.verbose)
        contents, ranks = self._identities(table if like is None else like, gaps.rows, labels)
        pieces, n_draws = [], len(numbers)
        for rows, places in in_calls(gaps.n_rows, n_draws):
            codes = gaps.codes(encoder, rows)
            draws = numbers[0] + places
            keys = RowKeys(seed).of_rows([contents[row] for row in rows], ranks[rows], draws)
            drawn, uniforms = self._drawn(model, codes, keys, draws, gaps.table, rows)
            pieces.append(self._fill(drawn, gaps.table, rows, uniforms))
            progress(rows[-1] + 1)
        progress.close()
        return [gaps.filled(pieces, draw, n_draws) for draw in range(n_draws)]

    def _identities(self, table, rows, labels):
        """Contents of rows, and their ranks among their equals: draws of equal rows differ.

        Ranks count all incomplete rows, so that draws are the same however many are asked for.
        """
        if labels is not None:
            contents = row_contents(self.encoder_.known_cells(table.take(rows)))
            return labels.added_to(contents, rows), np.zeros(len(rows), dtype=np.intp)
        incomplete = np.flatnonzero(table.missing[:, self.encoder_.kept_columns_].any(axis=1))
        contents = row_contents(self.encoder_.known_cells(table.take(incomplete)))
        places = np.searchsorted(incomplete, rows)
        return [contents[place] for place in places], ranks_among_equals(contents)[places]

    def _write(self, table, cells, values):
        """The table with cells filled, and where it had gaps if that is asked for."""
        kept = self.encoder_.kept_columns_

        def complete(fill):
            return fill_table(replace(table, missing=fill), values, kept)

        fill = cells.decide(values, complete)
        self._warn_broken(table, fill, values)
        completed = complete(fill)
        if self.encoder_.schema_.library == "array":
            # Fitted without names: a frame's own ones would not be those that
            # `get_feature_names_out` tells.
            completed = to_array(completed)
        self._check_indicator_names(table.schema.names)
        return self._with_indicator(completed, table.missing)

    def _with_indicator(self, completed, missing):
        """The table and, if that is asked for, where the columns of `indicator_` had gaps."""
        if not self.add_indicator:
            return completed
        names = check_feature_names_in(self, None)[self._has_missing]
        return append_columns(completed, indicator_names(names), missing[:, self._has_missing])


def indicator_names(names):
    return np.array([f"missingindicator_{name}" for name in names], dtype=object)
