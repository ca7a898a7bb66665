"""What values the parameters of the metrics may have."""

from numbers import Integral

from skmissdiff._support.sklearn_private import Interval, StrOptions

CELLS = {
    "X_true": "no_validation",
    "X_imputed": "no_validation",
    "missing_mask": "no_validation",
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
}
DRAWS = {name: constraint for name, constraint in CELLS.items() if name != "X_imputed"} | {
    "draws": "no_validation"
}
ROWS = {
    "X_real": "no_validation",
    "X_synthetic": "no_validation",
    "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
}
AVERAGE = {"average": [StrOptions({"columns", "cells"}), None]}
SCALE = {"scale": [StrOptions({"sd", "range"}), dict, "array-like", None]}
MAX_ROWS = {"max_rows": [Interval(Integral, 2, None, closed="left"), None]}
RANDOM_STATE = {"random_state": ["random_state"]}
