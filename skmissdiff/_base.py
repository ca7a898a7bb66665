"""What the imputer and the sampler share: parameters, fit, draws, saved models."""

import warnings
from dataclasses import asdict
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, check_memory

import skmissdiff
from skmissdiff._diffusion.inference import (
    CALL_ROWS,
    complete_by_draw,
    complete_in_one_pass,
    from_arrays,
    resolve_device,
    to_arrays,
    train_denoiser,
)
from skmissdiff._diffusion.masked import MaskedMethod
from skmissdiff._diffusion.paper import PaperMethod
from skmissdiff._diffusion.recipe import Options
from skmissdiff._draws.gaps import MaskModel
from skmissdiff._draws.noise import RowNoise
from skmissdiff._encoding.encoder import TableEncoder
from skmissdiff._encoding.scaling import NumericScaler
from skmissdiff._persistence import read_model, write_model
from skmissdiff._support.layout import CodeLayout
from skmissdiff._support.progress import Progress
from skmissdiff._support.sklearn_private import (
    HasMethods,
    Interval,
    MissingValues,
    StrOptions,
    fit_context,
)
from skmissdiff._table.clock import Clock
from skmissdiff._table.frames import is_nan_like, validate_table
from skmissdiff._table.schema import ColumnSchema, Element, Kind, TableSchema
from skmissdiff._table.ticks import Ticks

# What a saved model may be made of.
SAVED_CLASSES = (
    Clock,
    CodeLayout,
    ColumnSchema,
    Element,
    Kind,
    MaskModel,
    MinMaxScaler,
    NumericScaler,
    QuantileTransformer,
    StandardScaler,
    TableEncoder,
    TableSchema,
    Ticks,
)
SAVED_PARTS = {"class", "params", "fitted", "denoiser", "config", "weights"}
MAX_SEED = np.iinfo(np.int32).max


class BaseMissDiff(BaseEstimator):
    """Diffusion model of a table with missing cells."""

    _parameter_constraints: dict = {
        "method": [StrOptions({"masked", "missdiff"})],
        "n_steps": [Interval(Integral, 1, None, closed="left"), None],
        "beta_schedule": [StrOptions({"linear", "quadratic", "cosine"})],
        "reverse_variance": [StrOptions({"large", "small"})],
        "n_resample": [Interval(Integral, 1, None, closed="left")],
        "categorical_features": ["array-like", StrOptions({"from_dtype"})],
        "scaling": [StrOptions({"auto", "standard", "quantile", "minmax"})],
        "max_categories": [Interval(Integral, 2, None, closed="left"), None],
        "bounds": [dict, tuple, StrOptions({"observed"}), None],
        "snap": ["boolean", "array-like"],
        "hidden_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_layers": [Interval(Integral, 0, None, closed="left")],
        "n_networks": [Interval(Integral, 1, None, closed="left"), None],
        "n_refreshes": [Interval(Integral, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left"), None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), None],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "missing_values": [MissingValues()],
        "keep_empty_features": ["boolean"],
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
        beta_schedule="quadratic",
        reverse_variance="large",
        n_resample=1,
        categorical_features="from_dtype",
        scaling="auto",
        max_categories=100,
        bounds="observed",
        snap=False,
        hidden_size=None,
        n_layers=2,
        n_networks=None,
        n_refreshes=4,
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
        memory=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.method = method
        self.n_steps = n_steps
        self.beta_schedule = beta_schedule
        self.reverse_variance = reverse_variance
        self.n_resample = n_resample
        self.categorical_features = categorical_features
        self.scaling = scaling
        self.max_categories = max_categories
        self.bounds = bounds
        self.snap = snap
        self.hidden_size = hidden_size
        self.n_layers = n_layers
        self.n_networks = n_networks
        self.n_refreshes = n_refreshes
        self.max_iter = max_iter
        self.max_time = max_time
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.missing_values = missing_values
        self.keep_empty_features = keep_empty_features
        self.memory = memory
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn the distribution of the rows from their observed cells.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            The table, with missing cells.
        y : None
            Ignored, present for the conventions of scikit-learn.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        TypeError, ValueError
            Before any training, if the table cannot be used; the message names the column.
        """
        before = dict(vars(self))
        try:
            self._fit(X)
        except BaseException:
            # Also after Ctrl-C: the estimator is as it was, never half fitted.
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _fit(self, X):
        table = validate_table(
            self,
            X,
            reset=True,
            missing_values=self.missing_values,
            categorical_features=self.categorical_features,
        )
        if table.missing.all():
            raise ValueError(
                "X has no observed cell: there is nothing to learn from. Check "
                f"missing_values={self.missing_values!r} and how the table was read."
            )
        self._check_names(table.schema.names)
        device = resolve_device(self.device)
        encoder = TableEncoder(
            categorical_features=self.categorical_features,
            scaling=self._scaling(),
            max_categories=self.max_categories,
            missing_values=self.missing_values,
            bounds=self.bounds,
            snap=self.snap,
            determined=self._draws_determined(),
            keep_empty_features=self.keep_empty_features,
        ).fit_table(table)
        warn_empty(table.schema, encoder.kept_columns_)
        self._seed = int(check_random_state(self.random_state).randint(MAX_SEED))
        uniforms = np.random.default_rng(self._seed).random(table.missing.shape)
        codes = encoder.encode(table, uniforms)
        denoiser, history = self._train(codes, encoder.layout_, device)
        self.encoder_ = encoder
        self.categories_ = encoder.categories_
        self.denoiser_ = denoiser
        self.loss_curve_ = history.loss_curve
        self.validation_loss_curve_ = history.validation_loss_curve
        self.n_iter_ = history.n_iter
        self._has_missing = table.missing.any(axis=0)
        self._trained_with = self._training_settings()
        self._mask_model = None  # not that of an earlier fit
        self._learn_more(table, codes)

    def _learn_more(self, table, codes):
        """What an estimator learns besides the model of the rows, once that is trained."""

    def _check_names(self, names):
        """Raise before training if names of the output would clash."""

    def _train(self, codes, layout, device):
        options = Options(
            max_iter=self.max_iter,
            max_time=self.max_time,
            n_refreshes=self.n_refreshes,
            donors=self._asks_donors(),
            validation_fraction=self._validation_fraction(),
        )
        method = self._method().training_key()
        progress = Progress("Training", 1, self.verbose)
        # joblib hashes the other arguments: what does not change training is not among them.
        train = check_memory(self.memory).cache(train_denoiser, ignore=["callback", "started"])
        try:
            return train(
                codes,
                layout,
                method,
                options,
                self._seed,
                device,
                callback=progress.of_training,
            )
        finally:
            progress.close()

    def _scaling(self):
        return "standard" if self.scaling == "auto" else self.scaling

    def _draws_determined(self):
        """Whether numbers that a level tells are drawn as levels."""
        return False

    def _asks_donors(self):
        """Whether training rows may have a say in means: never in what generates rows."""
        return False

    def _validation_fraction(self):
        return self.validation_fraction if self.early_stopping else 0.0

    def _method(self):
        """The method with its settings of now: `n_steps` may be changed after `fit`."""
        steps = {} if self.n_steps is None else {"n_steps": self.n_steps}
        if self.method == "masked":
            return MaskedMethod(**steps)
        return PaperMethod(
            beta_schedule=self.beta_schedule,
            variance=self.reverse_variance,
            n_resample=self.n_resample,
            **steps,
        )

    def _training_settings(self):
        """The parameters of the method that training depends on, by name."""
        return {"method": self.method, **asdict(self._method().training_key())}

    def _check_ready(self):
        """Raise unless fitted, with parameters of now that suit the fit."""
        check_is_fitted(self)
        self._validate_params()
        now = self._training_settings()
        for name, value in self._trained_with.items():
            if now.get(name) != value:
                raise ValueError(
                    f"{name} was {value!r} when this {type(self).__name__} was fitted and is "
                    f"{now.get(name)!r} now, but training depends on it: fit again or set it "
                    "back."
                )

    def _read(self, X):
        """A table to be completed, checked against the one that was fitted."""
        self._check_ready()
        table = validate_table(
            self,
            X,
            reset=False,
            missing_values=self.missing_values,
            schema=self.encoder_.schema_,
        )
        self.encoder_.warn_unseen(table)
        return table

    def _one_pass(self, codes, median):
        """Means or medians given the observed codes, shape (n_rows, n_codes)."""
        device = resolve_device(self.device)
        return np.concatenate(
            [
                complete_in_one_pass(self._method(), self.denoiser_, part, median, device)
                for part in in_calls(codes)
            ]
        )

    def _draws_of(self, codes, contents, keys, n_draws):
        """Draws of rows given their observed codes, by the noise of each row and draw.

        Parameters
        ----------
        codes : ndarray of shape (n_rows, n_codes)
            NaN where missing.
        contents : list of bytes
            What tells the rows apart.
        keys : RowKeys
        n_draws : int

        Returns
        -------
        draws : ndarray of shape (n_rows, n_draws, n_codes)
        uniforms : ndarray of shape (n_rows, n_draws, n_columns)
            For what is left to be drawn by the encoder.
        """
        layout = self.encoder_.layout_
        draws, uniforms = [], []
        streams = keys.of_rows(contents, n_draws)
        repeated = np.repeat(codes, n_draws, axis=0)
        for part, part_keys in zip(in_calls(repeated), in_calls(streams), strict=True):
            noise = self._noise(part_keys)
            draws.append(self._draw_of(part, noise))
            uniforms.append(noise.uniform(layout.n_columns))
        return (
            np.concatenate(draws).reshape(len(codes), n_draws, layout.n_codes),
            np.concatenate(uniforms).reshape(len(codes), n_draws, layout.n_columns),
        )

    def _noise(self, keys):
        """The noise of rows that are drawn, by their keys."""
        n_codes = self.encoder_.layout_.n_codes
        return RowNoise(keys, self._method().n_noise(self.denoiser_, n_codes))

    def _draw_of(self, codes, noise):
        """One draw of each of at most ``CALL_ROWS`` rows given its observed codes."""
        device = resolve_device(self.device)
        return complete_by_draw(self._method(), self.denoiser_, codes, noise.normal, device)

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
        params = self.get_params(deep=False)
        # Neither a cache nor the state of a generator outlives its session.
        params["memory"] = None
        if not isinstance(params["random_state"], Integral):
            params["random_state"] = None
        if is_nan_like(params["missing_values"]):
            params["missing_values"] = np.nan
        for name in ("categorical_features", "snap"):
            if not isinstance(params[name], str | bool | None):
                params[name] = np.asarray(params[name]).tolist()
        fitted = {name: value for name, value in vars(self).items() if name not in params}
        denoiser = fitted.pop("denoiser_")
        state = {
            "class": type(self).__name__,
            "params": params,
            "fitted": fitted,
            "denoiser": type(denoiser).__name__,
            "config": denoiser.config,
            "weights": to_arrays(denoiser),
        }
        write_model(path, state, SAVED_CLASSES)

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
        state = read_model(path, SAVED_CLASSES)
        if not isinstance(state, dict) or set(state) != SAVED_PARTS:
            raise ValueError(f"{path} is damaged: it does not hold the parts of an estimator.")
        if state["class"] != cls.__name__:
            raise ValueError(
                f"{path} holds a {state['class']}, not a {cls.__name__}. Load it as what it is, "
                "then use to_sampler() or to_imputer()."
            )
        try:
            estimator = cls(**state["params"])
            vars(estimator).update(state["fitted"])
            estimator.denoiser_ = from_arrays(state["denoiser"], state["config"], state["weights"])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
        return estimator

    def _seed_of(self, random_state):
        """The fitted seed, or one from ``random_state``."""
        if random_state is None:
            return self._seed
        return int(check_random_state(random_state).randint(MAX_SEED))

    def _shared_with(self, name):
        """The same fit in the other estimator, of that public name, without training."""
        check_is_fitted(self)
        other_class = getattr(skmissdiff, name)
        shared = BaseMissDiff._get_param_names()
        other = other_class(**{name: getattr(self, name) for name in shared})
        own = set(self._get_param_names())
        vars(other).update({name: value for name, value in vars(self).items() if name not in own})
        theirs = other._training_settings()
        other._trained_with = {k: v for k, v in self._trained_with.items() if k in theirs}
        return other

    def __sklearn_is_fitted__(self):
        return hasattr(self, "denoiser_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = is_nan_like(self.missing_values)
        return tags


def warn_empty(schema, kept):
    """Name the columns that are dropped, for lack of any observed value."""
    empty = [
        index if schema.names is None else schema.names[index]
        for index in np.flatnonzero(~kept).tolist()
    ]
    if empty:
        warnings.warn(
            f"Skipping features without any observed values: {empty}. At "
            "least one observed value is needed to learn from; keep_empty_features=True keeps "
            "them, filled with a constant.",
            UserWarning,
            stacklevel=5,
        )


def in_calls(rows):
    """Pieces of at most ``CALL_ROWS`` rows; one piece, if an empty one, of no rows."""
    return [rows[start : start + CALL_ROWS] for start in range(0, max(1, len(rows)), CALL_ROWS)]
