"""Fitted estimators as files: what they are made of, and what is left out of them."""

from numbers import Integral

import numpy as np
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

from skmissdiff._diffusion.inference import from_arrays, to_arrays
from skmissdiff._draws.chain import Chain
from skmissdiff._draws.columns import Choice, LevelDraws, NumberDraws
from skmissdiff._draws.consequence import Consequence
from skmissdiff._draws.forest import Forest
from skmissdiff._draws.gaps import MaskModel
from skmissdiff._draws.predictions import Prediction
from skmissdiff._draws.trees import Trees
from skmissdiff._encoding.encoder import TableEncoder
from skmissdiff._encoding.scaling import NumericScaler
from skmissdiff._encoding.spikes import Spike
from skmissdiff._forests import Forests
from skmissdiff._methods import PaperMethod
from skmissdiff._persistence import read_model, write_model
from skmissdiff._relations.blocks import Combinations, FittedBlock, OneHot
from skmissdiff._relations.computed import Computed, FittedComputed
from skmissdiff._relations.encoder import RelatedEncoder
from skmissdiff._relations.order import FittedOrder, Order
from skmissdiff._relations.sums import FittedSum, FixedSum
from skmissdiff._support.layout import CodeLayout
from skmissdiff._table.clock import Clock
from skmissdiff._table.frames import is_nan_like
from skmissdiff._table.schema import ColumnSchema, Element, Kind, TableSchema
from skmissdiff._table.ticks import Ticks

# What a saved model may be made of.
SAVED_CLASSES = (
    Chain,
    Choice,
    Clock,
    CodeLayout,
    ColumnSchema,
    Combinations,
    Computed,
    Consequence,
    Element,
    FittedBlock,
    FittedComputed,
    FittedOrder,
    FittedSum,
    FixedSum,
    Forest,
    Forests,
    Kind,
    LevelDraws,
    MaskModel,
    MinMaxScaler,
    NumberDraws,
    NumericScaler,
    OneHot,
    Order,
    PaperMethod,
    Prediction,
    QuantileTransformer,
    RelatedEncoder,
    Spike,
    StandardScaler,
    TableEncoder,
    TableSchema,
    Ticks,
    Trees,
)
SAVED_PARTS = {"class", "params", "fitted", "denoiser", "config", "weights"}


def write_estimator(estimator, path):
    """Write a fitted estimator to a file."""
    params = estimator.get_params(deep=False)
    # Neither a cache nor the state of a generator outlives its session.
    params["memory"] = None
    if not isinstance(params["random_state"], Integral):
        params["random_state"] = None
    if is_nan_like(params["missing_values"]):
        params["missing_values"] = np.nan
    for name in ("categorical_features", "snap"):
        if not isinstance(params[name], str | bool | None):
            params[name] = np.asarray(params[name]).tolist()
    if estimator.relations is not None:
        params["relations"] = [relation._as_saved() for relation in estimator.relations]
    fitted = {name: value for name, value in vars(estimator).items() if name not in params}
    denoiser = fitted.pop("denoiser_")
    state = {
        "class": type(estimator).__name__,
        "params": params,
        "fitted": fitted,
        "denoiser": type(denoiser).__name__,
        "config": denoiser.config,
        "weights": to_arrays(denoiser),
    }
    write_model(path, state, SAVED_CLASSES)


def read_state(path):
    """What `write_estimator` wrote, as a dict of its parts.

    Raises
    ------
    ValueError
        If the file does not hold an estimator.
    """
    state = read_model(path, SAVED_CLASSES)
    if not isinstance(state, dict) or set(state) != SAVED_PARTS:
        raise ValueError(f"{path} is damaged: it does not hold the parts of an estimator.")
    return state


def estimator_of(cls, state, path):
    """An estimator of a class, as it was when it was written to the file of that state."""
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
