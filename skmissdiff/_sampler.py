"""Generation of complete rows."""

import copy
import time
from numbers import Integral

import numpy as np
from sklearn.utils import check_scalar

from skmissdiff._base import BaseMissDiff, as_it_was_on_failure, estimate_rows, new_seed
from skmissdiff._diffusion.inference import in_calls
from skmissdiff._draws.gaps import MAX_ROWS, MaskModel
from skmissdiff._draws.noise import RowKeys, row_contents
from skmissdiff._methods import paper_method
from skmissdiff._stream.arrow import record_batches
from skmissdiff._support.progress import Progress
from skmissdiff._support.sklearn_private import Interval, check_feature_names_in
from skmissdiff._table.given import blank_table, pandas_index, read_given
from skmissdiff._table.rebuild import build_table, gap_value

# The same noise for every model, so that scores of models can be compared.
SCORE_SEED = 0x6C6F6770


class MissDiffSampler(BaseMissDiff):
    """Generate complete rows with a diffusion model trained on incomplete ones.

    The model learns the joint distribution of the rows by denoising score matching on
    observed cells alone [1]_; no row has to be complete.

    Parameters
    ----------
    method : {"masked", "missdiff"} or PaperMethod, default="masked"
        "masked" gives every code a noise level of its own: observed cells are clean,
        missing ones absent, and the network corrects a factor analysis. "missdiff" is
        the paper as printed [1]_: zeros for missing codes, noise prediction, imputation by
        replacement; a `PaperMethod` is the same with other choices.
    n_steps : int or None, default=None
        Number of diffusion steps of a draw. None is 6 for "masked", where it may be
        changed after `fit`, and 100 for "missdiff", where training depends on it.
    categorical_features : "from_dtype", None or array-like, default="from_dtype"
        Which columns hold categories rather than numbers: by dtype (category, string and
        boolean columns), none, or indices, names or a boolean mask.
    scaling : {"standard", "quantile", "minmax"}, default="quantile"
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
    n_refreshes : int, default=1
        How often the missing cells of the training rows are drawn while "masked" is trained
        (stochastic EM). Generation needs it where cells are missing at random rather than
        completely at random; more than once is seldom better.
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

    _parameter_constraints: dict = {
        **BaseMissDiff._parameter_constraints,
        "n_refreshes": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        method="masked",
        *,
        n_steps=None,
        categorical_features="from_dtype",
        scaling="quantile",
        max_categories=100,
        bounds="observed",
        snap=False,
        relations=None,
        n_refreshes=1,
        max_iter=None,
        max_time=None,
        early_stopping=True,
        missing_values=np.nan,
        keep_empty_features=False,
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
        self.n_refreshes = n_refreshes

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
        self : MissDiffSampler
            The fitted sampler.

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
            encoder = processes.first(lambda: self._fit_encoder(table))
            table, codes = self._encode(table, encoder, seed, processes)
            denoiser, history = self._train(
                codes,
                encoder.layout_,
                seed,
                table.weight,
                n_refreshes=self.n_refreshes,
                donors=False,  # what generates rows holds none
                started=started,
                processes=processes,
            )
            self._keep_fit(table, encoder, seed, denoiser, history)
            self._mask_model = processes.first(lambda: self._fit_mask_model(table, codes, seed))
        return self

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
        (table,) = self._batches(n_samples, None, given, keep_missing, random_state)
        return table

    def sample_batches(
        self,
        n_samples=None,
        batch_size=10_000,
        *,
        given=None,
        keep_missing=False,
        random_state=None,
        start=0,
        as_arrow=False,
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
        start : int, default=0
            The number of the first row. Rows are numbered, so parts of one sample can be made on
            several machines: rows 0 to 999 here, ``start=1000`` there.
        as_arrow : bool, default=False
            Whether Arrow record batches come out, whatever was seen in `fit`.

        Returns
        -------
        batches : iterator of (ndarray or dataframe), or pyarrow.RecordBatchReader
            Below each other they are the table that `sample` gives, whatever the batch size.
            The reader, of ``as_arrow``, is an iterable of record batches that has their
            ``schema``.

        Raises
        ------
        TypeError, ValueError
            As in `sample`, before the first table is asked for.
        """
        check_scalar(batch_size, "batch_size", Integral, min_val=1)
        check_scalar(start, "start", Integral, min_val=0)
        fitted = copy.copy(self)  # of now, whatever becomes of this one meanwhile
        tables = fitted._batches(n_samples, batch_size, given, keep_missing, random_state, start)
        if not as_arrow:
            return tables
        # Its types are those of a row without gaps.
        (row,) = fitted._batches(1, None, None, False, random_state)
        return record_batches(tables, row, fitted._get_names(), fitted.missing_values)

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
        encoder = self.encoder_
        if paper_method(self.method) is not None and encoder.layout_.categorical_slices:
            schema = encoder.schema_
            label = schema.label(schema.is_categorical.index(True))
            raise ValueError(
                f"method='missdiff' has no likelihood of levels, and {label} is categorical. Use "
                "method='masked' or numeric columns only."
            )
        table = self._read(X)
        model = self._model()
        contents = row_contents(encoder.known_cells(table))
        scores = np.empty(table.n_rows)
        for rows, _ in in_calls(table.n_rows):
            keys = RowKeys(SCORE_SEED).of_rows([contents[row] for row in rows])
            noise = self._noise(model, keys)
            # Values that occur often are spread over their ranks: a bound on their probability.
            uniforms = noise.uniform(encoder.layout_.n_columns)
            codes, log_volume = encoder.encode_for_density(table.take(rows), uniforms)
            if encoder.scaler_ is not None:
                codes[:, encoder.layout_.numeric_codes[encoder.scaler_.is_constant_]] = np.nan
            scores[rows] = log_volume + model.log_density(codes, noise.normal)
        return scores

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

    def _fit_mask_model(self, table, codes, seed):
        """Learn which cells are missing in rows of which kind, for ``keep_missing``."""
        rows = np.random.default_rng(seed).permutation(len(codes))[:MAX_ROWS]
        completed = codes[rows]
        gaps = np.isnan(completed).any(axis=1)
        # Expected values, not draws: what a gap depends on is what was seen beside it.
        if self._diffusion_method().has_one_pass:
            completed[gaps] = estimate_rows(self._model(), completed[gaps], median=False)
        else:
            completed = np.where(np.isnan(completed), np.nanmean(codes, axis=0), completed)
        layout = self.encoder_.layout_
        numbers = completed[:, layout.spiked_numbers]  # in draws 0 where none applies
        completed[:, layout.spiked_numbers] = np.where(
            completed[:, layout.spike_codes] > 0.5, 0.0, numbers
        )
        return MaskModel(table.missing, rows, completed, self.encoder_.layout_, table.weight)

    def _get_names(self):
        """Names of the generated columns, those of scikit-learn where there are none."""
        names = check_feature_names_in(self, None)
        return [str(name) for name in names[self.encoder_.kept_columns_]]

    def _batches(self, n_samples, batch_size, given, keep_missing, random_state, first=0):
        """An iterator of tables, of a single one if ``batch_size`` is None.

        What is wrong is said at once, not when the first table is asked for.
        """
        self._check_ready()
        if n_samples is not None:
            check_scalar(n_samples, "n_samples", Integral, min_val=1)
        if keep_missing and self._mask_model is None:
            raise ValueError(
                "keep_missing=True takes a model of which cells are missing, and this sampler "
                "comes from an imputer, which learns none. Fit a MissDiffSampler."
            )
        seed, table = self._seed_of(random_state), None
        if given is not None and not (isinstance(given, dict) and not given):
            table, is_constant = read_given(
                given, self.encoder_.schema_, self.categories_, self.missing_values
            )
            self._check_given(table)
            if n_samples is None and not is_constant:
                n_samples = table.n_rows
        n_samples = n_samples or 1
        if table is not None and table.n_rows not in (1, n_samples):
            raise ValueError(
                f"given has {table.n_rows} rows, but n_samples={n_samples}. Leave n_samples out, "
                "or give one value for all rows."
            )
        index = pandas_index(given, n_samples)
        size = batch_size or n_samples
        return self._tables(n_samples, size, table, index, seed, keep_missing, first)

    def _tables(self, n_samples, batch_size, given, index, seed, keep_missing, number):
        """Tables of ``batch_size`` rows: draw, decode, leave cells out, build.

        ``number`` is that of the first row in the whole sample.
        """
        model, encoder = self._model(), self.encoder_
        progress = Progress("Sampling", n_samples, self.verbose)
        for start in range(0, n_samples, batch_size):
            stop = min(start + batch_size, n_samples)
            pieces = []
            for rows, _ in in_calls(stop - start):
                first, last = start + rows[0], start + rows[-1] + 1
                noise = self._noise(model, RowKeys(seed).of_indices(number + first, number + last))
                part = None if given is None else rows_given(given, first, last)
                pieces.append(self._columns(model, len(rows), noise, part, keep_missing))
                progress(last)
            columns = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
            table = build_table(encoder.schema_, columns, encoder.kept_columns_)
            if encoder.schema_.library == "pandas":
                own = table.index + (number + start)
                table.index = own if index is None else index[start:stop]
            yield table
        progress.close()

    def _columns(self, model, n_rows, noise, given, keep_missing):
        """The columns of at most ``CALL_ROWS`` rows, ``given`` a table of as many or None."""
        encoder = self.encoder_
        n_columns = encoder.layout_.n_columns
        if given is None:
            codes = model.generate(n_rows, noise.normal)
            given = blank_table(encoder.schema_, n_rows)
        else:
            codes = encoder.encode(given)
            codes = self._settle(codes, given, np.arange(n_rows), model, noise)
            codes = model.draw(codes, noise.normal)
        # The first half of a row's numbers is the same whether the second is used or not.
        uniforms = noise.uniform(2 * n_columns)
        columns = self._fill(codes, given, np.arange(n_rows), uniforms[:, :n_columns])
        observed = ~given.missing
        for column, known, cells in zip(columns, given.columns, observed.T, strict=True):
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
            Without `donors`: a sampler holds no training rows. A clone of it trains as
            imputers do, without refreshes.
        """
        return self._shared_with("MissDiffImputer", donors=False)


def rows_given(table, start, stop):
    """Rows of what is given, which is one row for all or as many as there are."""
    rows = np.arange(start, stop)
    return table.take(np.zeros_like(rows) if table.n_rows == 1 else rows)


def with_gaps(column, missing, value):
    """A column with ``value`` where it is missing."""
    column = column.astype(object) if isinstance(value, str) else column.copy()
    column[missing] = value
    return column
