"""Parameters that are changed after `fit`, which has used them already."""

import datetime as dt

import narwhals.stable.v2 as nw
import numpy as np


def plain(value):
    """A parameter in a form that can be compared and saved: of JSON's types.

    Parameters
    ----------
    value : object
        Arrays become lists, frames lists of their rows, what is no number ``["NaN"]``, functions
        their names and what they compute, and a generator of random numbers, which changes
        while it is used, becomes None as an unknown seed is.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | bool | int | None):
        return value
    if isinstance(value, float):
        return ["NaN"] if np.isnan(value) else value
    if isinstance(value, np.random.RandomState | np.random.Generator):
        return None
    if hasattr(value, "get_params"):  # relations
        return [type(value).__name__, plain(value.get_params(deep=False))]
    if nw.dependencies.is_into_dataframe(value):
        value = nw.from_native(value, eager_only=True).rows()
    if hasattr(value, "__len__"):
        return [plain(item) for item in value]
    if isinstance(value, dt.timedelta):
        return ["timedelta", value // dt.timedelta(microseconds=1)]
    if isinstance(value, dt.datetime):
        return ["datetime", value.isoformat(timespec="microseconds")]
    if callable(value):
        return ["function", *_in_words(value)]
    text = str(value)  # a date, a decimal, or the null of pandas
    return ["NaN"] if text == "<NA>" else [type(value).__name__, text]


def _in_words(function):
    """A function in words that are the same in another process, as its address is not."""
    code = getattr(function, "__code__", None)
    words = [getattr(function, "__module__", None), getattr(function, "__qualname__", None)]
    if code is None:
        return words
    constants = [repr(constant) for constant in code.co_consts if not hasattr(constant, "co_code")]
    return [*words, code.co_code.hex(), *code.co_names, *constants]


def parameters(estimator):
    """All parameters of an estimator by name, in the form of `plain`."""
    return {name: plain(value) for name, value in estimator.get_params(deep=False).items()}


def check_unchanged(estimator, before, now):
    """Raise if a parameter has another value than the one that was fitted with.

    Parameters
    ----------
    estimator : estimator instance
    before, now : dict
        By name, in the form of `plain`; names that are in both are compared.

    Raises
    ------
    ValueError
    """
    for name, value in now.items():
        if name in before and value != before[name]:
            raise ValueError(
                f"{name} was {before[name]!r} when this {type(estimator).__name__} was fitted "
                f"and is {value!r} now, but the fit depends on it: fit again or set it back."
            )
