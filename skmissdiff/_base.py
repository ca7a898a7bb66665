"""What the imputer and the sampler share: parameters, the stations of a fit, saved models."""

import contextlib
from dataclasses import replace
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, check_memory

import skmissdiff
from skmissdiff._diffusion import paper as diffusion_paper
from skmissdiff._diffusion.inference import (
    Model,
    in_calls,
    resolve_device,
    train_denoiser,
)
from skmissdiff._diffusion.masked import MaskedMethod
from skmissdiff._diffusion.processes import ALONE, running_processes
from skmissdiff._diffusion.processes import (
    launched_processes as launched_processes,  # the command's
)
from skmissdiff._diffusion.recipe import Options, has_fast_bfloat16
from skmissdiff._draws.noise import RowNoise
from skmissdiff._effects import check_effects
from skmissdiff._encoding.encoder import TableEncoder
from skmissdiff._methods import PaperMethod, paper_method
from skmissdiff._relations.encoder import RelatedEncoder
from skmissdiff._saved import estimator_of, read_state, write_estimator
from skmissdiff._stream.scan import FEWEST_SAMPLE_ROWS, read_stream, share_of
from skmissdiff._stream.source import is_stream
from skmissdiff._support.caller import warn
from skmissdiff._support.progress import Progress
from skmissdiff._support.sklearn_private import HasMethods, Interval, StrOptions
from skmissdiff._support.unchanged import check_unchanged, plain
from skmissdiff._support.weights import as_shares
from skmissdiff._table.frames import is_nan_like, validate_table, weighed_rows
from skmissdiff._table.rebuild import asks_for_arrays
from skmissdiff._table.together import warn_never_together

MAX_SEED = np.iinfo(np.int32).max
# Of the rows of a stream that are trained on: bounds their memory, some 500 MB with the copy that
# training makes.
MOST_CODES = 60_000_000
ENCODED_ROWS = 8192  # at once

# Parameters that count when the fitted estimator is used. A fit depends on all others, and on
# of `method` and `n_steps` on what `_fit_settings` says.
USED_LATER = {
    *("method", "n_steps", "sample_posterior", "aggregate", "n_draws", "add_indicator"),
    *("memory", "device", "verbose"),
}


class BaseMissDiff(BaseEstimator):
    """Diffusion model of a table with missing cells."""

    _parameter_constraints: dict = {
        "method": [StrOptions({"masked", "missdiff"}), PaperMethod],
        "n_steps": [Interval(Integral, 1, None, closed="left"), None],
        **{
            name: constraint
            for name, constraint in TableEncoder._parameter_constraints.items()
            if name not in ("functional_dependencies", "spikes")
        },
        "relations": [list, tuple, None],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean"],
        "memory": [str, HasMethods(["cache"]), None],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        method="masked",
        *,
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
        memory=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.method = method
        self.n_steps = n_steps
        self.categorical_features = categorical_features
        self.scaling = scaling
        self.max_categories = max_categories
        self.bounds = bounds
        self.snap = snap
        self.relations = relations
        self.max_iter = max_iter
        self.max_time = max_time
        self.early_stopping = early_stopping
        self.missing_values = missing_values
        self.keep_empty_features = keep_empty_features
        self.memory = memory
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # The stations of a fit, in their order.

    def _processes(self, X):
        """Those that fit together: of `torch.distributed`, if `X` comes batch by batch.

        Tables in memory are fitted by each process alone: they may be different ones.
        """
        return running_processes() if is_stream(X) else ALONE

    def _check_parameters(self):
        """Raise if parameters are wrong, or do nothing beside the others."""
        self._validate_params()
        if isinstance(self.method, PaperMethod):
            self.method._validate_params()
        check_effects(self)
        resolve_device(self.device)

    def _read_training_table(self, X, sample_weight, seed, processes):
        """Read the table that is learnt from, or a sample of the rows that come batch by batch."""
        if is_stream(X):
            if sample_weight is not None:
                raise TypeError(
                    "sample_weight has one weight for each row, and X is read batch by batch, of "
                    "which nobody knows how many rows there will be. Leave it out, or pass a "
                    "table that is in memory."
                )
            return self._read_training_stream(X, seed, processes)
        X, weight = weighed_rows(X, sample_weight)
        table = validate_table(
            self,
            X,
            reset=True,
            missing_values=self.missing_values,
            categorical_features=self.categorical_features,
            as_array=asks_for_arrays(self),
        )
        self._refuse_empty(table)
        warn_never_together(table)
        return replace(table, weight=weight)

    def _read_training_stream(self, X, seed, processes):
        """Read a stream once: what its columns are, and a sample of its rows.

        Of several processes each reads a share, and all get the whole of what was found.
        """
        if asks_for_arrays(self):
            raise TypeError(
                "set_output(transform='default') asks for arrays, and a table that comes batch by "
                "batch is read as one of Arrow. Ask for 'pandas' or 'polars', or leave it out."
            )
        table = read_stream(self, X, seed, processes)
        self._refuse_empty(table)
        return table

    def _refuse_empty(self, table):
        """Raise if no cell of a table is observed."""
        if not any(column.n_observed for column in table.schema.columns):
            raise ValueError(
                "X has no observed cell: there is nothing to learn from. Check "
                f"missing_values={self.missing_values!r} and how the table was read."
            )

    def _fit_encoder(self, table):
        """Learn how the table is encoded, and name the columns that are left out."""
        encoder = TableEncoder(
            categorical_features=self.categorical_features,
            scaling=self.scaling,
            max_categories=self.max_categories,
            missing_values=self.missing_values,
            bounds=self.bounds,
            snap=self.snap,
            # Where ranks are kept exact, so are numbers that a category tells.
            functional_dependencies=self.scaling == "quantile",
            spikes=self.scaling == "standard" and paper_method(self.method) is None,
            keep_empty_features=self.keep_empty_features,
        )
        if self.relations:
            encoder = RelatedEncoder(encoder, self.relations)
        encoder.fit_table(table)
        _warn_empty(table.schema, encoder.kept_columns_)
        return encoder

    def _encode(self, table, encoder, seed, processes):
        """The rows to train on, and their codes, of equal numbers spread over their ranks.

        Of several processes each has a share of the rows.
        """
        if table.exact is not None:
            most = max(FEWEST_SAMPLE_ROWS, MOST_CODES // max(encoder.layout_.n_codes, 1))
            rows = share_of(table, most, seed, processes)
            if len(rows) < table.n_rows:
                table = table.take(rows)
        rng = np.random.default_rng([seed, processes.rank] if processes.rank else seed)
        # Part by part and in single precision, in which networks compute: most of the memory.
        codes = np.empty((table.n_rows, encoder.layout_.n_codes), dtype=np.float32)
        for start in range(0, table.n_rows, ENCODED_ROWS):
            rows = slice(start, start + ENCODED_ROWS)
            part = table.take(rows)
            spread = (part.n_rows, encoder.layout_.n_columns)
            codes[rows] = encoder.encode(part, rng.random(spread))
        return table, codes

    def _train(self, codes, layout, seed, weight, *, n_refreshes, donors, started, processes=ALONE):
        """Train a network on codes.

        Parameters
        ----------
        codes : ndarray of float32, shape (n_rows, n_codes)
        layout : CodeLayout
        seed : int
        weight : ndarray of shape (n_rows,) or None
            How often each row counts.
        n_refreshes : int
            How often missing cells are drawn anew meanwhile.
        donors : bool
            Whether training rows may have a say in means.
        started : float
            The `time.monotonic` at which the fit began.
        processes : Processes
            Those that train the network together.

        Returns
        -------
        denoiser : torch.nn.Module
        history : History
        """
        options = self._options(n_refreshes=n_refreshes, donors=donors)
        method = self._diffusion_method().training_key()
        progress = Progress("Training", 1, 0 if processes.rank else self.verbose)
        # joblib hashes the other arguments: what does not change training is not among them.
        ignored = ["started", "callback", "processes"]
        # What several processes find depends on all their rows, and none has them.
        memory = check_memory(self.memory if processes.n == 1 else None)
        train = memory.cache(train_denoiser, ignore=ignored)
        try:
            denoiser, history = train(
                codes,
                layout,
                method,
                options,
                seed,
                resolve_device(self.device),
                f"{skmissdiff.__version__}, bfloat16: {has_fast_bfloat16()}",
                started=started,
                callback=progress.of_training,
                weight=as_shares(weight),
                processes=processes,
            )
        finally:
            progress.close()
        if history.n_iter == 0 and self.max_iter != 0 and processes.rank == 0:
            _warn_untrained(len(codes), self.max_time, history.too_late)
        return denoiser, history

    def _options(self, *, n_refreshes, donors):
        """What the user has set of a training."""
        return Options(
            max_iter=self.max_iter,
            max_time=self.max_time,
            n_refreshes=n_refreshes,
            donors=donors,
            early_stopping=self.early_stopping,
        )

    def _keep_fit(self, table, encoder, seed, denoiser, history):
        """Set what a fit has found."""
        self.encoder_ = encoder
        self.categories_ = encoder.categories_
        self.denoiser_ = denoiser
        self.loss_curve_ = history.loss_curve
        self.validation_loss_curve_ = history.validation_loss_curve
        self.n_iter_ = history.n_iter
        self._seed = seed
        self._mask_model = None  # not that of an earlier fit
        self._chain = self._chain_codes = self._chain_distinct = self._forests = None  # likewise
        self._has_missing = table.gaps
        self._has_weights = as_shares(table.weight) is not None
        # Of both estimators, since one is made from the other.
        self._fitted_with = {"n_refreshes": 0, "donors": False, **self._fit_settings()}

    # The stations of a use.

    def _check_ready(self):
        """Raise unless fitted, with parameters of now that suit the fit."""
        check_is_fitted(self)
        self._check_parameters()
        check_unchanged(self, self._fitted_with, self._fit_settings())

    def _read(self, X):
        """A table to be completed, checked against the one that was fitted."""
        self._refuse_stream(X)
        table = validate_table(
            self,
            X,
            reset=False,
            missing_values=self.missing_values,
            schema=self.encoder_.schema_,
            as_array=asks_for_arrays(self),
        )
        self.encoder_.warn_unseen(table)
        return table

    def _refuse_stream(self, X):
        """Raise if a table comes batch by batch, where it has to be in memory."""
        if is_stream(X):
            completes = hasattr(self, "transform_batches")
            raise TypeError(
                f"X comes batch by batch, as a {type(X).__name__}, and has to be in memory here. "
                f"{'Use fit and transform_batches, or read' if completes else 'Read'} it into a "
                "frame or an array."
            )

    def _model(self):
        """The network where it is to compute, for one use."""
        return Model(self._diffusion_method(), self.denoiser_, resolve_device(self.device))

    def _noise(self, model, keys):
        """The noise of rows, by their keys."""
        return RowNoise(keys, model.n_noise(self.encoder_.layout_.n_codes))

    def _settle(self, codes, table, rows, model, noise):
        """Codes with what is drawn first: categories of which known cells rule some out."""
        encoder = self.encoder_
        if not isinstance(encoder, RelatedEncoder) or encoder.n_blocks == 0:
            return codes
        if not model.method.has_one_pass:
            return codes  # no probabilities: what is drawn is moved to what can be
        first = 2 * encoder.layout_.n_columns  # behind those of decoding and of gaps
        uniforms = noise.uniform(first + encoder.n_blocks)[:, first:]
        estimate = partial(model.estimate, median=False)
        return encoder.settle(codes, table.take(rows), estimate, uniforms)

    def _fill(self, codes, table, rows, uniforms=None, how="mode"):
        """Per column what goes into the missing cells of rows, by estimates or draws of codes."""
        if isinstance(self.encoder_, RelatedEncoder):
            return self.encoder_.complete(codes, table.take(rows), uniforms, how)
        return self.encoder_.decode(codes, uniforms, how)

    def _check_given(self, table):
        """Raise if cells that rows are to have break a relation."""
        if isinstance(self.encoder_, RelatedEncoder):
            self.encoder_.check_given(table)

    def _warn_broken(self, table, filled, columns):
        """Warn of rows in which no values of the cells that are filled keep the relations."""
        if isinstance(self.encoder_, RelatedEncoder):
            self.encoder_.warn_broken(table, filled, columns)

    def _diffusion_method(self):
        """The method with its settings of now: `n_steps` may be changed after `fit`."""
        steps = {} if self.n_steps is None else {"n_steps": self.n_steps}
        chosen = paper_method(self.method)
        if chosen is None:
            return MaskedMethod(**steps)
        return diffusion_paper.PaperMethod(
            beta_schedule=chosen.beta_schedule,
            variance=chosen.reverse_variance,
            n_resample=chosen.n_resample,
            **steps,
        )

    def _fit_settings(self):
        """The parameters that a fit depends on, by name."""
        names = [name for name in self._get_param_names() if name not in USED_LATER]
        settings = {name: plain(getattr(self, name)) for name in names}
        settings["method"] = "masked" if paper_method(self.method) is None else "missdiff"
        if settings["method"] == "missdiff":
            trained = self._diffusion_method()
            settings["n_steps"] = trained.n_steps
            settings["method__beta_schedule"] = trained.beta_schedule
        return settings

    def save(self, path):
        """Write the fitted estimator to a file of weights and JSON, without pickle.

        Parameters
        ----------
        path : path-like
            The file, usually with the ending ``.npz``; an existing one is replaced in one
            move.

        Raises
        ------
        TypeError
            If a level of a categorical column is not a string, a number or a boolean.
        """
        check_is_fitted(self)
        write_estimator(self, path)

    @classmethod
    def load(cls, path):
        """Read what `save` wrote.

        Parameters
        ----------
        path : path-like
            The file.

        Returns
        -------
        estimator : object
            The fitted estimator: equal inputs give equal results.

        Raises
        ------
        ValueError
            If the file is damaged, of another program or of another estimator.
        """
        return estimator_of(cls, read_state(path), path)

    def _seed_of(self, random_state):
        """The fitted seed, or one from ``random_state``."""
        return self._seed if random_state is None else new_seed(random_state)

    def _shared_with(self, name, **own):
        """The same fit in the other estimator, of that public name, without training.

        Parameters
        ----------
        name : str
        **own : object
            Parameters of the other one that make it what was fitted.
        """
        check_is_fitted(self)
        shared = {name: getattr(self, name) for name in BaseMissDiff._get_param_names()}
        other = getattr(skmissdiff, name)(**shared, **own)
        mine = set(self._get_param_names())
        vars(other).update({name: value for name, value in vars(self).items() if name not in mine})
        other._fitted_with = {**self._fitted_with, **own}
        return other

    def __sklearn_is_fitted__(self):
        return hasattr(self, "denoiser_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_nan_like(self.missing_values)
        return tags


def new_seed(random_state):
    """A seed of draws, from what a user gives."""
    return int(check_random_state(random_state).randint(MAX_SEED))


@contextlib.contextmanager
def as_it_was_on_failure(estimator):
    """Undo what was set if something goes wrong, also on Ctrl-C: never half fitted."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def estimate_rows(model, codes, *, median):
    """Means or medians of any number of rows given their observed codes, (n_rows, n_codes)."""
    parts = [model.estimate(codes[rows], median=median) for rows, _ in in_calls(len(codes))]
    return np.concatenate(parts) if parts else codes


def _warn_empty(schema, kept):
    """Name the columns that are dropped, for lack of any observed value."""
    empty = [
        index if schema.names is None else schema.names[index]
        for index in np.flatnonzero(~kept).tolist()
    ]
    if empty:
        warn(
            f"Skipping features without any observed values: {empty}. At "
            "least one observed value is needed to learn from; keep_empty_features=True keeps "
            "them, filled with a constant."
        )


def _warn_untrained(n_rows, max_time, too_late):
    """Say why no network was trained."""
    if too_late:
        reason = f"max_time={max_time} was over before a network could be trained"
    else:
        reason = f"{n_rows} rows are too few to train a network and to tell whether it helps"
    warn(
        f"{reason}: the factor analysis alone is used, which knows linear relations only. "
        "max_iter=0 asks for it without this warning."
    )
